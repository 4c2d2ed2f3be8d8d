"""What is told of a trade: the truth about its stop, its position, and how it ended. Nothing here decides."""

from __future__ import annotations

import math
from decimal import Decimal

from msgspec import Struct

from core.messages import PositionStatus, StopTruth, TradeClosed
from core.risk.position_math import sign
from core.risk.verdict import written
from core.risk.view import Held
from core.settings_trading import Trading
from core.trading.broker import Features
from core.trading.order import ZERO, Fill
from core.trading.order_record import OrderRecord
from core.trading.position_book import sellable
from core.trading.protection import Terms
from core.trading.trade import Trade, tag_of

AHEAD_S = 1.0
"""A stop seen later than now by more than this was seen by a clock that has been set back since."""
MET = "the price has met it and it has not filled"


class Moment(Struct, frozen=True, kw_only=True):
    """Now by both clocks, with the settings and features in force. `venue` and `category` name every message."""

    venue: str
    category: str
    now: float
    now_ms: int
    trading: Trading
    features: Features


def stop_truth(trade: Trade, terms: Terms | None, at: Moment) -> StopTruth:
    """What protects the position, by the venue's word. A stop that was met and still stands has a deadline and a policy too."""
    if trade.ended is not None or trade.size == ZERO:
        return StopTruth(state="NONE", text="nothing is held")
    if terms is None:
        return StopTruth(
            state="UNVERIFIED", text=f"{trade.plan.symbol} is not listed any more: its rules are not known"
        )
    stops = sorted(trade.stops, key=lambda stop: trade.behind(stop.spec.stop_price, trade.worth))
    lot, covered = terms.rules.lot_size, trade.covered
    uncovered = trade.uncovered(lot)
    if not stops and not sellable(trade.size, trade.worth, terms.rules):
        text = f"{written(trade.size)} is too little for a stop or a sale; it waits for the entry to fill on"
        return StopTruth(state="NONE", text=text)
    if uncovered > ZERO and trade.closing is None:
        return _with_stop(trade, stops, at, _bare(trade, covered, uncovered, at))
    if uncovered > ZERO or not stops:  # the second: all of it is in a sale that is on its way
        text = "being closed at the market" + (f" ({trade.closing.why})" if trade.closing is not None else "")
        return _with_stop(trade, stops, at, StopTruth(state="NAKED", quantity=covered, policy="closing", text=text))
    verified_ms = min(_seen_ms(trade, stop, at.now_ms) for stop in stops)
    age_s = (at.now_ms - verified_ms) / 1000
    fresh = -AHEAD_S <= age_s <= at.trading.stop_age_s
    text = f"not seen at the venue for {age_s:.0f} s, limit {at.trading.stop_age_s:.0f} s"
    if age_s < -AHEAD_S:
        text = f"seen at the venue {-age_s:.0f} s ahead of this machine's clock, which was set back: it is looked for again"
    text = "" if fresh else text
    policy, deadline_ms = "", 0
    if trade.crossed_at is not None:
        policy, deadline_ms = "close", at.now_ms + round((trade.crossed_at + at.trading.escalate_s - at.now) * 1000)
        text = "; ".join(part for part in (MET, text) if part)
    state = StopTruth(
        state="VERIFIED" if fresh else "UNVERIFIED", quantity=covered, covered=True, verified_ms=verified_ms,
        deadline_ms=deadline_ms, policy=policy, text=text,
    )  # fmt: skip
    return _with_stop(trade, stops, at, state)


def _bare(trade: Trade, covered: Decimal, uncovered: Decimal, at: Moment) -> StopTruth:
    """A position, or a part of it, without a stop. The exposure has been judged this turn already."""
    exposure, trading = trade.exposure, at.trading
    since = exposure.since if exposure.since is not None else at.now
    naked = exposure.given_up or at.now - since > trading.stop_within_s
    ends = exposure.deadline(trading.stop_within_s, trading.naked_alarm_s) if naked else since + trading.stop_within_s
    deadline_ms = at.now_ms + round((ends - at.now) * 1000)
    if trade.frozen:
        text = f"{trade.plan.symbol} does not trade: no stop can be placed for {uncovered:f}"
        return StopTruth(state="NAKED", quantity=covered, policy="waits", text=text)
    if not naked:
        text = f"a stop for {uncovered:f} is on its way"
        return StopTruth(state="PLACING", quantity=covered, deadline_ms=deadline_ms, text=text)
    why = "stop gone at the venue" if exposure.gone else "stop refused" if exposure.given_up else "no stop stands"
    if trading.naked_policy == "close":
        policy, then = "close", "closed at the market when the time is up; move the stop to place another one"
    else:
        policy, then = (
            "hold",
            f"held by the settings; the program alone closes at {trade.stop:f}; move the stop or close it",
        )
    text = f"{why} for {uncovered:f}: {then}"
    return StopTruth(state="NAKED", quantity=covered, deadline_ms=deadline_ms, policy=policy, text=text)


def _with_stop(trade: Trade, stops: list[OrderRecord], at: Moment, truth: StopTruth) -> StopTruth:
    """The truth with the nearest stop's name, price and distance."""
    trigger = "MARK" if at.features.perpetual and at.features.mark_trigger else "LAST"
    stop = stops[0] if stops else None
    price = stop.spec.stop_price if stop is not None else ZERO
    market = trade.mark if trigger == "MARK" else trade.price
    return StopTruth(
        state=truth.state, price=price, quantity=truth.quantity, covered=truth.covered,
        distance=float(trade.behind(price, market) / market * 100) if price and market else math.nan,
        trigger_by=trigger, client_id=stop.client_id if stop is not None else "",
        order_id=stop.order_ids[-1] if stop is not None and stop.order_ids else "",
        verified_ms=truth.verified_ms, deadline_ms=truth.deadline_ms, policy=truth.policy, text=truth.text,
    )  # fmt: skip


def _seen_ms(trade: Trade, stop: OrderRecord, now_ms: int) -> int:
    """When the venue showed it last; of two times one that is not ahead of the clock."""
    times = (stop.seen_ms, trade.seen.get(stop.client_id, 0))
    return max((at_ms for at_ms in times if 0 < at_ms <= now_ms + AHEAD_S * 1000), default=max(times))


def position_status(trade: Trade, terms: Terms | None, at: Moment) -> PositionStatus:
    """The position as the screens show it."""
    position, price = trade.position, trade.price or trade.mark
    reached = trade.reached(terms) if terms is not None else (False,) * len(trade.plan.targets)
    result = position.result(price) if position is not None and price else None
    risked = trade.risked
    if trade.ended is not None:
        result = trade.ended.result
    return PositionStatus(
        venue=at.venue, category=at.category, symbol=trade.plan.symbol, trade_id=trade.trade_id, side=trade.side,
        quantity=ZERO if trade.ended is not None else trade.size, entry_price=trade.entry_price,
        price=float(price) if price else math.nan,
        unrealised=float(position.unrealised(price)) if position is not None and price else math.nan,
        result=float(result) if result is not None else math.nan,
        r_multiple=float(result / risked) if result is not None and risked else math.nan,
        stop=stop_truth(trade, terms, at),
        targets=tuple(
            (target.price, float(target.share), done) for target, done in zip(trade.plan.targets, reached, strict=True)
        ),
        targets_at_venue=terms is not None and terms.style != "ALONE",
        liquidation=trade.liquidation, liquidation_alert=trade.liquidation_alert, frozen=trade.frozen,
        closed=trade.ended is not None, dust=trade.ended.dust if trade.ended is not None else ZERO, note=trade.note,
        planned_stop=trade.plan.stop,
        opened_ms=position.opened_ms if position is not None else trade.plan.at_ms, at_ms=at.now_ms,
    )  # fmt: skip


def trade_closed(trade: Trade, venue: str, category: str) -> TradeClosed | None:
    """How it went; None while it lives, or when nothing was ever filled."""
    plan, position, ended = trade.plan, trade.position, trade.ended
    if position is None or ended is None or position.entered == ZERO:
        return None
    return TradeClosed(
        venue=venue, category=category, symbol=plan.symbol, trade_id=trade.trade_id, side=trade.side,
        quantity=position.entered, entry_price=position.entry_price, exit_price=position.exit_price,
        result=ended.result, fees=ended.fees if ended.fees is not None else position.fees, slippage=slippage(trade),
        risked=trade.risked, r_multiple=ended.r_multiple, why=ended.why, reasons=plan.reasons,
        opened_ms=position.opened_ms, closed_ms=ended.at_ms, planned_entry=plan.entry, planned_stop=plan.stop,
        targets=tuple((target.price, float(target.share)) for target in plan.targets),
        probability=plan.probability or math.nan, by=plan.by, fills=sum(len(record.fills) for record in trade.orders.values()),
        other_fees=_apart(plan.symbol, position.other_fees), dust=ended.dust,
    )  # fmt: skip


def _apart(symbol: str, fees: tuple[tuple[str, Decimal], ...]) -> tuple[tuple[str, Decimal], ...]:
    """Those in neither asset of the symbol: where its rules are not known, they stand among the others, too."""
    return tuple((asset, fee) for asset, fee in fees if not symbol.startswith(asset) and not symbol.endswith(asset))


def slippage(trade: Trade) -> Decimal:
    """What worse prices than planned have cost, in quote: of the entry against its limit, of stops against their trigger, of
    targets against theirs. A market entry has no planned price and counts nothing; negative: better than planned.
    """
    way, total = sign(trade.side), ZERO
    for record in trade.orders.values():
        tag, _ = tag_of(record)
        planned = record.spec.stop_price or record.spec.price
        if tag == "take":
            planned = trade.plan.targets[int(tag_of(record)[1])].price
        if not planned:
            continue
        worse = -way if record.intent.spec.side != trade.side else way
        total += sum((worse * (fill.price - planned) * fill.quantity for fill in record.fills), ZERO)
    return total


def why_ended(trade: Trade) -> str:
    """By what the last of it was closed: STOP, BREAK_EVEN, TRAIL, TARGET, TIME_STOP, NAKED, OPERATOR and so on."""
    exits = [(fill.at_ms, record) for record in trade.orders.values() if record.intent.parent for fill in record.fills]
    if trade.position is None or trade.position.entered == ZERO:
        return "NOT_FILLED"
    if not exits:
        return "OUTSIDE" if trade.position.exited > ZERO else "DUST"
    tag, of = tag_of(max(exits, key=lambda exit_: exit_[0])[1])
    return {"stop": trade.stop_why, "target": "TARGET", "take": "TARGET"}.get(tag, of)


def held(trade: Trade) -> Held:
    """The position as the gates count it."""
    price = trade.worth
    way = sign(trade.side)
    loss = max(ZERO, way * (price - trade.stop)) if trade.stop else price
    return Held(
        symbol=trade.plan.symbol,
        quantity=way * trade.size,
        price=price,
        risk=(loss + trade.plan.round_trip_cost) * trade.size,
    )


def outside_words(trade: Trade, fill: Fill, why: str, before: Decimal) -> str:
    """Somebody else's fill changed the trade, of which `before` was held until then."""
    if fill.side == trade.side:
        what = "it is not ours; close it where it was opened"
    else:
        what = f"{written(before)} of ours became {written(trade.size)}"
    done = f"{fill.side} {written(fill.quantity)} at {written(fill.price)}"
    return f"{trade.plan.symbol}: {done} by an order that is none of ours ({why}): {what}"
