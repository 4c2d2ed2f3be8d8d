"""Bybit's wallet, positions, fees and key permissions as ours. A row that cannot be one raises one of `ROW_ERRORS`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from decimal import Decimal
from typing import Final, Literal

from msgspec.structs import replace

from core.trading.broker import VenueBalance, VenuePosition
from core.trading.order import ZERO
from providers.bybit.order_wire import (
    CoinRow,
    FeeRow,
    KeyResult,
    PositionRow,
    WalletRow,
    amount,
    coin_rows,
    signed,
)

MarginMode = Literal["isolated", "cross"]
MARGIN_MODES: Final[dict[str, MarginMode]] = {
    "ISOLATED_MARGIN": "isolated",
    "REGULAR_MARGIN": "cross",
    "PORTFOLIO_MARGIN": "cross",
}
"""Margin mode is the account's, not the position's; portfolio margin shares the account's money as cross does."""

WALLET: Final = "UNIFIED"


def balance_of(row: CoinRow) -> VenueBalance:
    """What may be used of a coin, and what orders and positions hold of it. A borrowed coin has less than nothing free."""
    owned = signed(row.walletBalance, "walletBalance")
    held = (
        amount(row.locked, "locked")
        + amount(row.totalOrderIM, "totalOrderIM")
        + amount(row.totalPositionIM, "totalPositionIM")
    )
    return VenueBalance(free=owned - held, locked=held)


def balances_of(row: WalletRow) -> dict[str, VenueBalance]:
    """Every coin of the row."""
    coins = [coin_rows.decode(raw) for raw in row.coin]
    return {coin.coin: balance_of(coin) for coin in coins}


class Positions:
    """Positions by symbol, from rows that may tell one side each; hedge mode's two sides are summed to one signed size.

    `margin_mode` is the account's: the newest holds for all.
    """

    def __init__(self, margin_mode: MarginMode | None = None) -> None:
        self.margin_mode = margin_mode
        self._sides: dict[str, dict[int, VenuePosition]] = {}

    def take(self, row: PositionRow) -> VenuePosition:
        """Note a row; returns the whole position of its symbol."""
        position = _side_of(row)
        sides = self._sides.setdefault(row.symbol, {})
        one_way = row.positionIdx == 0
        for index in [index for index in sides if (index == 0) != one_way]:
            del sides[index]  # the mode was changed
        sides[row.positionIdx] = position
        return self._whole(row.symbol)

    def all(self) -> tuple[VenuePosition, ...]:
        """Every position noted, flat ones too, in the order of their symbols."""
        return tuple(self._whole(symbol) for symbol in sorted(self._sides))

    def settings(self, but: Container[str]) -> tuple[VenuePosition, ...]:
        """Leverage and modes of the symbols noted, `but` of these not: as of flat positions."""
        return tuple(
            VenuePosition(
                symbol=whole.symbol,
                size=ZERO,
                leverage=whole.leverage,
                margin_mode=whole.margin_mode,
                position_mode=whole.position_mode,
            )
            for whole in self.all()
            if whole.symbol not in but
        )

    def _whole(self, symbol: str) -> VenuePosition:
        sides = self._sides[symbol].values()
        largest = max(sides, key=lambda side: abs(side.size))
        return replace(largest, size=sum((side.size for side in sides), ZERO), margin_mode=self.margin_mode)


def _side_of(row: PositionRow) -> VenuePosition:
    size = amount(row.size, "size")
    if size and row.side not in ("Buy", "Sell"):
        raise ValueError(f"position {row.symbol}: size {size} without a side")
    return VenuePosition(
        symbol=row.symbol,
        size=-size if row.side == "Sell" else size,
        entry_price=amount(row.avgPrice or row.entryPrice, "avgPrice"),
        mark_price=amount(row.markPrice, "markPrice"),
        liquidation_price=amount(row.liqPrice, "liqPrice"),
        leverage=amount(row.leverage, "leverage"),
        margin=amount(row.positionBalance or row.positionIM, "positionBalance"),
        position_mode="one-way" if row.positionIdx == 0 else "hedge",
    )


def may_trade(key: KeyResult, category: str) -> bool:
    """Whether the key may send orders of the category."""
    if key.readOnly:
        return False
    permissions = key.permissions
    if category == "spot":
        return "SpotTrade" in permissions.Spot
    return "Order" in permissions.ContractTrade or "DerivativesTrade" in permissions.Derivatives


def may_withdraw(key: KeyResult) -> bool:
    """Whether the key may take money out of the account: one that may is more than trading needs."""
    return "Withdraw" in key.permissions.Wallet


def usual_fees(rows: Iterable[FeeRow]) -> tuple[Decimal, Decimal] | None:
    """(maker, taker) that most symbols have: the account's level; single symbols have rates of their own. None: no rows."""
    pairs = Counter(
        (signed(row.makerFeeRate, "makerFeeRate"), amount(row.takerFeeRate, "takerFeeRate")) for row in rows
    )
    return max(pairs, key=lambda pair: (pairs[pair], pair)) if pairs else None
