"""Everything known of one line of the Orders screen: evidence, gates, fills, targets."""

from __future__ import annotations

from core.messages import (
    Discrepancy,
    EvidenceLine,
    GateReport,
    OrderAlarm,
    OrderStatus,
    PositionStatus,
    TradeClosed,
)
from tui.desk import Desk
from tui.format import clock_text, money, signed
from tui.trading_store import needs_resolving
from tui.widgets.line_panel import Line, fold
from tui.widgets.orders_list import Item
from tui.widgets.trading_words import (
    amount,
    kind_word,
    price_of,
    price_text,
    side_word,
    size_of,
    state_run,
    stop_runs,
    verified_run,
    why,
)

ALARMS_SHOWN = 3


def detail_lines(desk: Desk, item: Item | None, width: int) -> list[Line]:
    """Lines of at most `width` cells; what has gone meanwhile says so."""
    trading = desk.store.trading
    lines: list[Line] = []
    if item is None:
        return [[(" nothing is chosen", "dim")]]
    if item.kind == "position" and (position := trading.positions.get(item.key)) is not None:
        lines = _position(desk, position)
    elif item.kind == "order" and (order := trading.orders.get(item.key)) is not None:
        lines = _order(desk, order)
    elif item.kind == "discrepancy" and (difference := trading.discrepancies.get(item.key)) is not None:
        lines = _discrepancy(desk, difference)
    elif item.kind == "trade" and (over := [one for one in trading.closed if one.trade_id == item.key]):
        lines = _trade(desk, over[-1])
    else:
        return [[(f" {item.key} is not open any more", "dim")]]
    return [piece for line in lines for piece in (fold(line, width, 4) if line else [line])]


def _position(desk: Desk, position: PositionStatus) -> list[Line]:
    glyphs, now_ms = desk.glyphs, desk.clock.now_ms()
    stop = position.stop
    verified, look = verified_run(desk, position, now_ms)
    lines: list[Line] = [
        [
            (f" {position.symbol} ", "bright"),
            (f"{side_word(position)} {size_of(desk, position.symbol, position.quantity)}", "text"),
            (f" from {price_text(desk, position.symbol, float(position.entry_price))}", "text"),
            (f", open since {clock_text(position.opened_ms)}", "dim"),
        ],
        [
            (" result ", "dim"),
            (money(position.result, 2, signed=True, glyphs=glyphs), "text"),
            (" net of fees so far, ", "dim"),
            (money(position.unrealised, 2, signed=True, glyphs=glyphs), "text"),
            (" of it not realised", "dim"),
        ],
        [(" stop ", "dim"), *stop_runs(desk, position, now_ms), (f"  verified {verified}", look)],
    ]
    if stop.text:
        lines.append([(f" {stop.text}", "danger" if stop.state == "NAKED" else "warn")])
    for number, (price, share, reached) in enumerate(position.targets, start=1):
        mark = glyphs.yes if reached else " "
        lines.append(
            [
                (f" target {number} ", "dim"),
                (f"{price_of(desk, position.symbol, price)} {share * 100:.0f} % {mark}", "text"),
            ]
        )
    if position.targets and not position.targets_at_venue:
        lines.append([(" the program keeps the targets: they are not taken while it is away", "warn")])
    if position.liquidation:
        near = {"none": "dim", "near": "warn", "urgent": "danger"}[position.liquidation_alert]
        lines.append([(f" liquidation at {price_of(desk, position.symbol, position.liquidation)}", near)])
    if position.frozen:
        lines.append([(" the symbol does not trade: nothing can be closed until it does", "warn")])
    if position.dust:
        lines.append([(f" {size_of(desk, position.symbol, position.dust)} is too little to sell", "dim")])
    if position.note:
        lines.append([(f" {position.note}", "text")])
    return [*lines, *_alarms(desk.store.trading.alarms_of(position.symbol))]


def _order(desk: Desk, order: OrderStatus) -> list[Line]:
    glyphs = desk.glyphs
    state, look = state_run(order)
    price = f" at {price_of(desk, order.symbol, order.price)}" if order.price else ""
    trigger = f" when {price_of(desk, order.symbol, order.stop_price)} trades" if order.stop_price else ""
    words = [
        order.time_in_force,
        *(["post only"] if order.post_only else []),
        *(["reduce only"] if order.reduce_only else []),
    ]
    done = f"{size_of(desk, order.symbol, order.filled)} filled" if order.filled else "nothing filled"
    filled = f" {done} of {size_of(desk, order.symbol, order.quantity)}"
    average = f" at {price_of(desk, order.symbol, order.average_price)} on average" if order.average_price else ""
    fees = ", ".join(f"{amount(fee, glyphs)} {asset}" for asset, fee in order.fees)
    lines: list[Line] = [
        [
            (f" {order.symbol} ", "bright"),
            (
                f"{order.side.lower()} {kind_word(order)} {size_of(desk, order.symbol, order.quantity)}{price}{trigger}",
                "text",
            ),
            (f"  {', '.join(words)}", "dim"),
        ],
        [(f" {state} ", look), (filled + average, "text"), (f"  fees {fees}" if fees else "", "dim")],
        [
            (f" our id {order.client_id or glyphs.missing}, the venue's {order.order_id or glyphs.missing}", "dim"),
            (f"; made {clock_text(order.created_ms)}, changed {clock_text(order.changed_ms)}", "dim"),
        ],
    ]
    if order.foreign:
        lines.append([(" this program did not send it: it is shown and never touched", "warn")])
    if said := why(order):
        lines.append([(f" {said}", "danger" if needs_resolving(order) else "text")])
    if order.alarms:
        lines.append([(f" alarms: {', '.join(order.alarms)}", "warn")])
    lines += _alarms(desk.store.trading.alarms_of(order.symbol, order.client_id))
    lines += evidence_lines(order.evidence)
    report = desk.store.trading.gates.get(order.client_id)
    if report is not None:
        lines += gate_lines(desk, report)
    for fill in desk.store.trading.executions_of(order.client_id):
        maker = "maker" if fill.maker else "taker"
        what = f"{size_of(desk, fill.symbol, fill.quantity)} at {price_of(desk, fill.symbol, fill.price)}"
        told = f" {clock_text(fill.at_ms)} filled {what}, {maker}"
        lines.append([(told, "text"), (f"  fee {amount(fill.fee, glyphs)} {fill.fee_asset}", "dim")])
    return [[run for run in line if run[0]] for line in lines]


def evidence_lines(evidence: tuple[EvidenceLine, ...]) -> list[Line]:
    """What is known of it, oldest first, each with the channel it came by."""
    if not evidence:
        return []
    lines: list[Line] = [[(" EVIDENCE", "bright")]]
    for one in evidence:
        told = (f" {clock_text(one.at_ms)}  ", "dim"), (f"{one.channel.lower().replace('_', ' '):<12} ", "accent")
        lines.append([*told, (one.text, "text")])
    return lines


def gate_lines(desk: Desk, report: GateReport) -> list[Line]:
    """Those that said no with their words, then those that let it pass."""
    yes, no = desk.glyphs.yes, desk.glyphs.no
    denied = [answer for answer in report.answers if not answer.allowed]
    passed = [answer.label for answer in report.answers if answer.allowed]
    said = f" GATES  {len(passed)} of {len(report.answers)} let it pass"
    lines: list[Line] = [[(said, "bright"), (f"  {clock_text(report.at_ms)}", "dim")]]
    lines += [[(f" {no} {answer.label}  ", "danger"), (answer.words, "text")] for answer in denied]
    if passed:
        lines.append([(" " + "  ".join(f"{yes} {label}" for label in passed), "dim")])
    return lines


def _alarms(alarms: list[OrderAlarm]) -> list[Line]:
    """The newest few, oldest first."""
    looks = {"error": "danger", "warning": "warn", "info": "dim"}
    return [
        [(f" {clock_text(alarm.at_ms)} ", "dim"), (alarm.text, looks[alarm.severity])]
        for alarm in alarms[-ALARMS_SHOWN:]
    ]


def _trade(desk: Desk, trade: TradeClosed) -> list[Line]:
    glyphs = desk.glyphs
    side = "long" if trade.side == "BUY" else "short"
    result = money(float(trade.result), 2, signed=True, glyphs=glyphs)
    look = "price_up" if trade.result > 0 else "price_down" if trade.result < 0 else "text"
    lines: list[Line] = [
        [
            (f" {trade.symbol} ", "bright"),
            (f"{side} {size_of(desk, trade.symbol, trade.quantity)}", "text"),
            (f" from {price_text(desk, trade.symbol, float(trade.entry_price))}", "text"),
            (f" to {price_text(desk, trade.symbol, float(trade.exit_price))}", "text"),
        ],
        [
            (" result ", "dim"),
            (result, look),
            (f", {signed(trade.r_multiple, 2, glyphs=glyphs)} R of {amount(trade.risked, glyphs)} risked", "text"),
            (f"; fees {amount(trade.fees, glyphs)}, slippage {amount(trade.slippage, glyphs)}", "dim"),
        ],
        [
            (f" ended: {trade.why.lower().replace('_', ' ')}", "text"),
            (f"; open from {clock_text(trade.opened_ms)} to {clock_text(trade.closed_ms)}", "dim"),
        ],
    ]
    if trade.reasons:
        lines.append([(" because of ", "dim"), ("; ".join(trade.reasons), "text")])
    return lines


def _discrepancy(desk: Desk, one: Discrepancy) -> list[Line]:
    keys = desk.keymap
    adopt, again = keys.label("orders.adopt"), keys.label("orders.reconcile")
    return [
        [(f" {one.kind.lower().replace('_', ' ')} ", "danger"), (one.symbol, "bright")],
        [(f" {one.text}", "text")],
        [(" ours     ", "dim"), (one.ours or desk.glyphs.missing, "text")],
        [(" venue's  ", "dim"), (one.venues or desk.glyphs.missing, "text")],
        [(f" since {clock_text(one.first_ms)}, seen again {clock_text(one.at_ms)}", "dim")],
        [(f" {again} compares again, {adopt} accepts the venue's side. Nothing is opened until it is settled.", "dim")],
    ]
