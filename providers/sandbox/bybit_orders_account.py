"""The account as Bybit tells it: wallet, margin mode, fee rates, the key's permissions.

A unified account has one wallet. Here every category keeps a purse of its own, and the wallet shows their sum. With
perpetuals the account is in isolated margin, where the venue leaves account-wide margin fields empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from core.trading.order import ZERO
from core.trading.positions_linear import Position
from providers.sandbox.bybit_orders_body import Reader
from providers.sandbox.bybit_orders_desk import OrderDesk
from providers.sandbox.bybit_orders_positions import MAINTENANCE
from providers.sandbox.bybit_orders_wire import number
from providers.sandbox.bybit_rest import RetError

DOLLARS = ("USDT", "USDC", "USD")
CENT = Decimal("0.00000001")


class Purse:
    """One coin over all categories. Amounts are in the coin."""

    def __init__(self) -> None:
        self.wallet = ZERO
        self.locked = ZERO
        self.order_margin = ZERO
        self.position_margin = ZERO
        self.maintenance = ZERO
        self.unrealised = ZERO
        self.realised = ZERO


def wallet(desks: Mapping[str, OrderDesk], coins: tuple[str, ...] = ()) -> dict[str, Any]:
    """One account of `account/wallet-balance` and of `wallet` frames: coins that are not 0, or those asked for."""
    purses = _purses(desks)
    names = coins or tuple(coin for coin, purse in purses.items() if purse.wallet or purse.locked)
    rows = {coin: _coin(coin, purses.get(coin, Purse()), _dollars(desks, coin)) for coin in names}
    equity = sum((_dollars(desks, coin) * (p.wallet + p.unrealised) for coin, p in purses.items()), ZERO)
    total = sum((_dollars(desks, coin) * p.wallet for coin, p in purses.items()), ZERO)
    locked = sum((_dollars(desks, coin) * p.locked for coin, p in purses.items()), ZERO)
    profit = sum((p.unrealised for p in purses.values()), ZERO)
    isolated = "linear" in desks

    def account_wide(value: Decimal) -> str:
        return "" if isolated else _money(value)

    return {
        "accountType": "UNIFIED",
        "accountLTV": "",
        "accountIMRate": account_wide(ZERO),
        "accountMMRate": account_wide(ZERO),
        "totalEquity": _money(equity),
        "totalWalletBalance": _money(total),
        "totalMarginBalance": account_wide(equity),
        "totalAvailableBalance": account_wide(total - locked),
        "totalPerpUPL": _money(profit),
        "totalInitialMargin": account_wide(ZERO),
        "totalMaintenanceMargin": account_wide(ZERO),
        "coin": list(rows.values()),
    }


def wallet_balance(desks: Mapping[str, OrderDesk], query: Mapping[str, Any]) -> dict[str, Any]:
    """`account/wallet-balance`."""
    read = Reader(query)
    read.choice("accountType", ("UNIFIED",))
    coins = tuple(filter(None, read.text("coin", "").split(",")))
    return {"list": [wallet(desks, coins)]}


def account_info(desks: Mapping[str, OrderDesk], query: Mapping[str, Any]) -> dict[str, Any]:
    """`account/info`."""
    return {
        "unifiedMarginStatus": 5,
        "marginMode": "ISOLATED_MARGIN" if "linear" in desks else "REGULAR_MARGIN",
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
        "dcpStatus": "OFF",
        "timeWindow": 0,
        "smpGroup": 0,
        "updatedTime": str(next(iter(desks.values())).accounts.now_ms()),
    }


def fee_rate(desks: Mapping[str, OrderDesk], query: Mapping[str, Any]) -> dict[str, Any]:
    """`account/fee-rate`: one symbol, or every symbol of the category."""
    read = Reader(query)
    desk = desks.get(read.text("category"))
    if desk is None:
        return {"category": read.text("category"), "list": []}
    wanted = read.text("symbol", "")
    if wanted and wanted not in desk.accounts.engine.rules:
        raise RetError(10001, "params error: symbol invalid")
    rates = {"takerFeeRate": number(desk.fees.taker), "makerFeeRate": number(desk.fees.maker)}
    symbols = [wanted] if wanted else list(desk.accounts.engine.rules)
    return {"category": desk.category, "list": [{"symbol": symbol, "baseCoin": "", **rates} for symbol in symbols]}


def key_information(desks: Mapping[str, OrderDesk], query: Mapping[str, Any]) -> dict[str, Any]:
    """`user/query-api`: a key that may trade spot and contracts and may not withdraw."""
    desk = next(iter(desks.values()))
    return {
        "id": "1",
        "note": "sandbox",
        "apiKey": desk.accounts.account,
        "readOnly": 0,
        "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"],
            "Spot": ["SpotTrade"],
            "Wallet": ["AccountTransfer"],
            "Options": [],
            "Derivatives": ["DerivativesTrade"],
            "Exchange": [],
            "Earn": [],
        },
        "ips": ["*"],
        "type": 1,
        "deadlineDay": 90,
        "expiredAt": "",
        "createdAt": "2026-01-01T00:00:00Z",
        "unified": 0,
        "uta": 1,
        "userID": 1,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_1",
        "kycRegion": "",
    }


def _purses(desks: Mapping[str, OrderDesk]) -> dict[str, Purse]:
    purses: dict[str, Purse] = {}
    for desk in desks.values():
        engine, account = desk.accounts.engine, desk.accounts.account
        views = engine.positions(account)
        for coin, balance in engine.balances(account).items():
            purse = purses.setdefault(coin, Purse())
            purse.wallet += balance.free + balance.locked
            if desk.spot:
                purse.locked += balance.locked
                continue
            held = [v for v in views if _settles(desk, v.symbol) == coin]
            margin = sum((view.margin for view in held), ZERO)
            purse.position_margin += margin
            purse.order_margin += balance.locked - margin
            purse.unrealised += sum((view.unrealised for view in held), ZERO)
            purse.maintenance += sum((abs(v.size) * v.entry_price * MAINTENANCE for v in held), ZERO)
            traded: dict[str, Position] = desk.rows.positions
            purse.realised += sum((desk.rows.realised(s) for s in traded if _settles(desk, s) == coin), ZERO)
    return purses


def _settles(desk: OrderDesk, symbol: str) -> str:
    rule = desk.accounts.engine.rules[symbol]
    return rule.settle or rule.quote


def _dollars(desks: Mapping[str, OrderDesk], coin: str) -> Decimal:
    """What a coin is worth by its last trade against USDT, 0 where it is not listed."""
    if coin in DOLLARS:
        return Decimal(1)
    return next((price for desk in desks.values() if (price := desk.market_price(f"{coin}USDT"))), ZERO)


def _coin(coin: str, purse: Purse, dollars: Decimal) -> dict[str, Any]:
    equity = purse.wallet + purse.unrealised
    return {
        "coin": coin,
        "equity": _money(equity),
        "usdValue": _money(equity * dollars),
        "walletBalance": number(purse.wallet),
        "availableToWithdraw": "",
        "availableToBorrow": "",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "totalOrderIM": number(purse.order_margin),
        "totalPositionIM": number(purse.position_margin),
        "totalPositionMM": _money(purse.maintenance),
        "unrealisedPnl": _money(purse.unrealised),
        "cumRealisedPnl": _money(purse.realised),
        "bonus": "0",
        "collateralSwitch": True,
        "marginCollateral": True,
        "locked": number(purse.locked),
        "spotHedgingQty": "0",
    }


def _money(value: Decimal) -> str:
    return number(value.quantize(CENT).normalize())
