"""Trades from the journal: plans, stop moves, ends, fills of others, funding, and the orders the manager replayed.

The same records give the same trades and positions, whether they are read once or were written one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.risk.position_math import sign
from core.trading.journal_records import Entry
from core.trading.order import ZERO
from core.trading.order_record import OrderRecord
from core.trading.plan import FundingPaid, OutsideFill, StopMoved, TradeEnded, TradePlan
from core.trading.position_book import PositionBook
from core.trading.trade import Trade
from core.trading.working import opposite


def recovered(
    entries: Iterable[Entry], orders: Mapping[str, OrderRecord], book: PositionBook, now: float
) -> dict[str, Trade]:
    """Every trade by its id, in the order they were begun. `book` gets their positions."""
    trades: dict[str, Trade] = {}
    outside: list[OutsideFill] = []
    funding: list[FundingPaid] = []
    for record in (entry.record for entry in entries):
        if isinstance(record, TradePlan):
            trades[record.trade_id] = Trade(record, now)
        elif isinstance(record, StopMoved) and record.trade_id in trades:
            trade = trades[record.trade_id]
            trade.stop, trade.stop_why = record.stop, record.why if record.why != "REVERTED" else "STOP"
        elif isinstance(record, TradeEnded) and record.trade_id in trades:
            trades[record.trade_id].ended = record
        elif isinstance(record, OutsideFill):
            outside.append(record)
        elif isinstance(record, FundingPaid):
            funding.append(record)
    for order in orders.values():
        take_in(trades, order, book, now)
    for fill in outside:
        if book.of(fill.trade_id) is not None:
            book.outside(fill.trade_id, fill.fill)
    for paid in funding:
        if book.of(paid.trade_id) is not None:
            book.fund(paid.trade_id, paid.amount)
    for trade in trades.values():
        _settle(trade, book)
    return trades


def take_in(trades: dict[str, Trade], order: OrderRecord, book: PositionBook, now: float) -> Trade | None:
    """The trade an order belongs to, holding it as it stands now. None: it belongs to none and has filled nothing.

    An order without a plan that fills is a position all the same: it gets a plan without a stop, and is naked.
    """
    trade_id = order.intent.parent or order.client_id
    trade = trades.get(trade_id)
    if trade is None:
        if order.filled == ZERO:
            return None
        trade = trades[trade_id] = Trade(_no_plan(trade_id, order), now)
    trade.orders[order.client_id] = order
    trade.position = book.apply(order)
    return trade


def _no_plan(trade_id: str, order: OrderRecord) -> TradePlan:
    spec = order.intent.spec
    side = opposite(spec.side) if order.intent.parent else spec.side
    return TradePlan(
        at_ms=order.intent.at_ms, trade_id=trade_id, symbol=spec.symbol, side=side, quantity=spec.quantity, entry=spec.price,
        stop=ZERO, by="no plan",
    )  # fmt: skip


def _settle(trade: Trade, book: PositionBook) -> None:
    """What was known before the end of the program and is not written down is taken at its least."""
    if trade.ended is not None:
        book.write_off(trade.trade_id, trade.ended.dust)
    trade.position = book.of(trade.trade_id)
    if trade.position is not None:
        way = sign(trade.side)
        trade.best = max(trade.entry_price * way, trade.stop * way) * way
    trade.counted.update(
        record.client_id for record in trade.orders.values() if record.state in ("REJECTED", "FAILED_CONFIRMED")
    )
    trade.number = len(trade.orders)
