"""Positions, orders and differences as one list of lines, each line knowing what it stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.messages import Discrepancy, OrderStatus, PositionStatus, TradeClosed
from tui.desk import Desk
from tui.format import age, money, signed
from tui.trading_store import needs_resolving
from tui.widgets.line_panel import Line
from tui.widgets.listing import Listing
from tui.widgets.table_lines import Cells, Column, table_lines
from tui.widgets.trading_words import (
    PURPOSE_WORDS,
    counted,
    kind_word,
    price_of,
    price_text,
    side_word,
    size_of,
    state_run,
    stop_runs,
    targets_word,
    verified_run,
    why,
)

LISTED = 25
"""Ended orders and trades shown: a flush has ten milliseconds, and the event log has the rest."""
Kind = Literal["position", "order", "discrepancy", "trade"]

POSITION_COLUMNS = (
    Column("symbol", "SYMBOL", 100, 8),
    Column("side", "SIDE", 90, 5),
    Column("quantity", "QTY", 80, 7, right=True),
    Column("entry", "ENTRY", 40, 8, right=True),
    Column("now", "NOW", 60, 8, right=True),
    Column("r", "R", 55, 6, right=True),
    Column("result", "P&L", 70, 8, right=True),
    Column("stop", "STOP AT VENUE", 95, 30, rest=True),
    Column("verified", "VERIFIED", 75, 8),
    Column("targets", "TARGETS", 30, 7),
    Column("liquidation", "LIQ", 65, 8, right=True, optional=True),
    Column("age", "OPEN", 10, 4, right=True),
)
ORDER_COLUMNS = (
    Column("symbol", "SYMBOL", 100, 8),
    Column("side", "SIDE", 90, 4),
    Column("kind", "KIND", 60, 6),
    Column("quantity", "QTY", 80, 7, right=True),
    Column("filled", "FILLED", 70, 7, right=True, optional=True),
    Column("price", "PRICE", 75, 8, right=True),
    Column("trigger", "TRIGGER", 45, 8, right=True, optional=True),
    Column("state", "STATE", 99, 10),
    Column("age", "AGE", 65, 4, right=True),
    Column("purpose", "PURPOSE", 50, 8),
    Column("why", "WHY", 85, 12, rest=True),
    Column("client_id", "OUR ID", 20, 8),
    Column("order_id", "ITS ID", 15, 6),
)
DISCREPANCY_COLUMNS = (
    Column("symbol", "SYMBOL", 100, 8),
    Column("kind", "WHAT", 90, 8),
    Column("ours", "OURS", 60, 6),
    Column("venues", "VENUE'S", 65, 6),
    Column("text", "WORDS", 95, 20, rest=True),
    Column("since", "SINCE", 50, 5, right=True),
)
TRADE_COLUMNS = (
    Column("symbol", "SYMBOL", 100, 8),
    Column("side", "SIDE", 90, 5),
    Column("quantity", "QTY", 60, 7, right=True),
    Column("entry", "ENTRY", 50, 8, right=True),
    Column("exit", "EXIT", 55, 8, right=True),
    Column("r", "R", 80, 6, right=True),
    Column("result", "P&L", 95, 8, right=True),
    Column("why", "WHY", 85, 12, rest=True),
    Column("age", "AGE", 70, 4, right=True),
)


@dataclass(frozen=True, slots=True)
class Item:
    """What a line stands for: a position or a trade that is over by trade id, an order or a discrepancy by its key."""

    kind: Kind
    key: str
    symbol: str


def listed(desk: Desk, width: int) -> Listing[Item]:
    """Everything, in the order in which it matters."""
    trading = desk.store.trading
    made: Listing[Item] = Listing()
    _away(desk, made)
    _positions(desk, made, width)
    need = [order for order in trading.unknown() if not order.foreign]
    working = [order for order in trading.working() if not needs_resolving(order)]
    groups = [
        (
            "ORDERS",
            f"{len(working)} working",
            counted(len(need), "NEEDS YOU", "NEED YOU") if need else "",
            [*need, *working],
        ),
        ("NOT OURS", "shown, never touched", "", trading.foreign()),
        ("ENDED", "newest first", "", [order for order in trading.ended() if not needs_resolving(order)][:LISTED]),
    ]
    _discrepancies(desk, made, width)
    _orders(desk, made, width, groups)
    _trades(desk, made, width)
    return made


def _title(made: Listing[Item], name: str, words: str, danger: str = "") -> None:
    made.head(
        [(f" {name}", "bright"), (f"  {words}" if words else "", "dim"), (f"  {danger}" if danger else "", "danger")]
    )


def _away(desk: Desk, made: Listing[Item]) -> None:
    """What happened while the program did not run, until Esc takes it away."""
    away = desk.store.trading.away
    if not away:
        return
    _title(made, "WHILE YOU WERE AWAY", "Esc puts this away")
    looks = {"error": "danger", "warning": "warn", "info": "text"}
    made.lines.extend([(f"   {alarm.text}", looks[alarm.severity])] for alarm in away)


def _fitted(desk: Desk, columns: tuple[Column, ...], rows: list[Cells], width: int) -> list[Line]:
    return table_lines(columns, rows, width, missing=desk.glyphs.missing, ellipsis=desk.glyphs.ellipsis)


def _put(made: Listing[Item], items: Sequence[Item], lines: Sequence[Line]) -> None:
    for item, line in zip(items, lines, strict=True):
        made.add(item, line)


def _positions(desk: Desk, made: Listing[Item], width: int) -> None:
    trading = desk.store.trading
    positions = sorted(
        trading.positions.values(), key=lambda one: (one.stop.state != "NAKED", -one.opened_ms, one.symbol)
    )
    naked = trading.naked()
    _title(made, "POSITIONS", f"{len(positions)} open", f"{len(naked)} NAKED" if naked else "")
    if not positions:
        made.lines.append([("   no position of ours", "dim")])
        return
    now_ms = desk.clock.now_ms()
    lines = _fitted(desk, POSITION_COLUMNS, [_position_cells(desk, one, now_ms) for one in positions], width)
    made.lines.append(lines[0])
    _put(made, [Item("position", one.trade_id, one.symbol) for one in positions], lines[1:])


def _position_cells(desk: Desk, position: PositionStatus, now_ms: int) -> Cells:
    glyphs = desk.glyphs
    gain = position.result
    look = "text" if not math.isfinite(gain) or gain == 0 else "price_up" if gain > 0 else "price_down"
    urgent = {"none": "text", "near": "warn", "urgent": "danger"}[position.liquidation_alert]
    frozen = " FROZEN" if position.frozen else ""
    return {
        "symbol": [(position.symbol, "bright"), (frozen, "warn")],
        "side": [(side_word(position), "text")],
        "quantity": [(size_of(desk, position.symbol, position.quantity), "text")],
        "entry": [(price_text(desk, position.symbol, float(position.entry_price)), "text")],
        "now": [(price_text(desk, position.symbol, position.price), "bright")],
        "r": [(signed(position.r_multiple, 2, glyphs=glyphs), look)],
        "result": [(money(gain, 2, signed=True, glyphs=glyphs), look)],
        "stop": stop_runs(desk, position, now_ms),
        "verified": [verified_run(desk, position, now_ms)],
        "targets": [(targets_word(position, glyphs), "text" if position.targets_at_venue else "warn")],
        "liquidation": [(price_of(desk, position.symbol, position.liquidation), urgent)],
        "age": [(age((now_ms - position.opened_ms) / 1000, glyphs=glyphs), "dim")],
    }


def _orders(desk: Desk, made: Listing[Item], width: int, groups: list[tuple[str, str, str, list[OrderStatus]]]) -> None:
    """One table in groups: the same columns all the way down, named once."""
    now_ms = desk.clock.now_ms()
    orders = [order for *_, found in groups for order in found]
    header, *lines = _fitted(desk, ORDER_COLUMNS, [_order_cells(desk, one, now_ms) for one in orders], width)
    for name, words, danger, found in groups:
        if not found and name != "ORDERS":
            continue
        _title(made, name, words, danger)
        if not found:
            made.lines.append([("   no order of ours is working", "dim")])
            continue
        if header:
            made.lines.append(header)
            header = []
        _put(made, [Item("order", one.client_id or one.order_id, one.symbol) for one in found], lines[: len(found)])
        lines = lines[len(found) :]


def _order_cells(desk: Desk, order: OrderStatus, now_ms: int) -> Cells:
    glyphs = desk.glyphs
    market = order.kind == "MARKET"
    return {
        "symbol": [(order.symbol, "bright")],
        "side": [(order.side.lower(), "text")],
        "kind": [(kind_word(order), "text")],
        "quantity": [(size_of(desk, order.symbol, order.quantity), "text")],
        "filled": [
            (
                size_of(desk, order.symbol, order.filled) if order.filled else glyphs.missing,
                "accent" if order.filled else "dim",
            )
        ],
        "price": [("market" if market else price_of(desk, order.symbol, order.price), "text")],
        "trigger": [(price_of(desk, order.symbol, order.stop_price), "text")],
        "state": [state_run(order)],
        "age": [(age((now_ms - order.changed_ms) / 1000, glyphs=glyphs), "dim")],
        "purpose": [("not ours" if order.foreign else PURPOSE_WORDS[order.purpose], "dim")],
        "why": [(why(order), "danger" if needs_resolving(order) else "text")],
        "client_id": [(order.client_id, "dim")],
        "order_id": [(order.order_id, "dim")],
    }


def _trades(desk: Desk, made: Listing[Item], width: int) -> None:
    """Trades that are over, as far as this session knows them."""
    closed = list(reversed(desk.store.trading.closed))[:LISTED]
    if not closed:
        return
    _title(made, "TRADES", f"{len(desk.store.trading.closed)} over, newest first")
    now_ms = desk.clock.now_ms()
    header, *lines = _fitted(desk, TRADE_COLUMNS, [_trade_cells(desk, one, now_ms) for one in closed], width)
    made.lines.append(header)
    _put(made, [Item("trade", one.trade_id, one.symbol) for one in closed], lines)


def _trade_cells(desk: Desk, trade: TradeClosed, now_ms: int) -> Cells:
    glyphs, symbol = desk.glyphs, trade.symbol
    look = "price_up" if trade.result > 0 else "price_down" if trade.result < 0 else "text"
    return {
        "symbol": [(symbol, "bright")],
        "side": [("long" if trade.side == "BUY" else "short", "text")],
        "quantity": [(size_of(desk, trade.symbol, trade.quantity), "text")],
        "entry": [(price_text(desk, symbol, float(trade.entry_price)), "text")],
        "exit": [(price_text(desk, symbol, float(trade.exit_price)), "text")],
        "r": [(signed(trade.r_multiple, 2, glyphs=glyphs), look)],
        "result": [(money(float(trade.result), 2, signed=True, glyphs=glyphs), look)],
        "why": [(trade.why.lower().replace("_", " "), "text")],
        "age": [(age((now_ms - trade.closed_ms) / 1000, glyphs=glyphs), "dim")],
    }


def _discrepancies(desk: Desk, made: Listing[Item], width: int) -> None:
    found = sorted(desk.store.trading.discrepancies.values(), key=lambda one: (one.first_ms, one.key))
    if not found:
        return
    _title(made, "DISCREPANCIES", "the venue and our journal disagree", str(len(found)))
    now_ms = desk.clock.now_ms()
    lines = _fitted(desk, DISCREPANCY_COLUMNS, [_discrepancy_cells(desk, one, now_ms) for one in found], width)
    made.lines.append(lines[0])
    _put(made, [Item("discrepancy", one.key, one.symbol) for one in found], lines[1:])


def _discrepancy_cells(desk: Desk, one: Discrepancy, now_ms: int) -> Cells:
    return {
        "symbol": [(one.symbol or desk.glyphs.missing, "bright")],
        "kind": [(one.kind.lower().replace("_", " "), "danger")],
        "ours": [(one.ours or desk.glyphs.missing, "text")],
        "venues": [(one.venues or desk.glyphs.missing, "text")],
        "text": [(one.text, "text")],
        "since": [(age((now_ms - one.first_ms) / 1000, glyphs=desk.glyphs), "dim")],
    }
