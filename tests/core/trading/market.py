"""Instruments, engines and orders of small numbers for the matching tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.trading.fees import Fees
from core.trading.matching import Latency, MatchingEngine
from core.trading.order import OrderSpec
from core.venue import Instrument

SYMBOL = "BTCUSDT"
T0 = 1_795_264_496_000
SPOT_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


def d(value: object) -> Decimal:
    return Decimal(str(value))


def instrument(venue: str = "binance_us", category: str = "spot", **rules: Any) -> Instrument:
    usual: dict[str, Any] = {
        "venue": venue, "category": category, "symbol": SYMBOL, "base": "BTC", "quote": "USDT", "status": "TRADING",
        "trading": True, "tick_size": d("0.1"), "lot_size": d("0.001"), "quote_precision": d("0.0001"),
        "order_types": SPOT_TYPES if venue == "binance_us" else ("Limit", "Market"), "oco_allowed": True,
        "max_leverage": d(100), "settle": "" if category == "spot" else "USDT",
    }  # fmt: skip
    return Instrument(**(usual | rules))


def engine(
    venue: str = "binance_us", category: str = "spot", *, fees: Fees | None = None, latency: Latency | None = None,
    seed: int = 0, accounts: tuple[str, ...] = ("A", "B"), keep_closed: int = 10_000, **rules: Any,
) -> Any:  # fmt: skip
    """An engine with rich accounts and an empty book."""
    made = MatchingEngine(
        {SYMBOL: instrument(venue, category, **rules)}, fees or Fees(maker=d("0.001"), taker=d("0.002")), latency, seed,
        keep_closed=keep_closed,
    )  # fmt: skip
    for account in accounts:
        made.open_account(account, {"USDT": d(100_000), "BTC": d(10)} if category == "spot" else {"USDT": d(100_000)})
    return made


def quoted(made: Any, now_ms: int = T0) -> Any:
    """Bids 99 x 2, 98 x 3; asks 101 x 2, 102 x 3; last trade 100."""
    book(made, [(99, 2), (98, 3)], [(101, 2), (102, 3)], now_ms)
    made.on_trade(SYMBOL, d(100), d(1), "BUY", now_ms)
    return made


def book(made: Any, bids: list[Any], asks: list[Any], now_ms: int = T0, snapshot: bool = True) -> Any:
    levels = [[(d(price), d(size)) for price, size in side] for side in (bids, asks)]
    return made.on_book(SYMBOL, *levels, now_ms, snapshot=snapshot)


def trade(made: Any, price: Any, size: Any, taker: Any, now_ms: int = T0) -> Any:
    return made.on_trade(SYMBOL, d(price), d(size), taker, now_ms)


def order(client_id: str, side: Any, quantity: Any = 0, price: Any = 0, kind: Any = "", **more: Any) -> OrderSpec:
    for name in ("stop_price", "quote_quantity", "take_profit", "stop_loss"):
        if name in more:
            more[name] = d(more[name])
    return OrderSpec(
        client_id=client_id, symbol=SYMBOL, side=side, type=kind or ("LIMIT" if price else "MARKET"), quantity=d(quantity),
        price=d(price), **more,
    )  # fmt: skip


def send(made: Any, *args: Any, account: str = "A", now_ms: int = T0, **more: Any) -> Any:
    """Submit `order(...)` for an account."""
    return made.submit(account, order(*args, **more), now_ms)


def brief(reports: list[Any]) -> list[tuple[str, str]]:
    """(client id, status) of each report."""
    return [(report.spec.client_id, report.status) for report in reports]


def free(made: Any, asset: str, account: str = "A") -> Any:
    return made.balances(account)[asset].free


def locked(made: Any, asset: str, account: str = "A") -> Any:
    return made.balances(account)[asset].locked
