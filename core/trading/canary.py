"""The canary: one trade of the smallest size the venue takes, to see every link of the chain hold with real orders.

Keys, clock, private stream, gates, entry, fill, protective stop proven at the venue, close. It goes through the same path as
every order; only its confirmation is the operator's word for the whole of it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from core.clock import Clock
from core.messages import OpenTrade
from core.trading.authority import authorise
from core.trading.desk import TradingDesk
from core.trading.opening import Unfit
from core.trading.states import DONE
from core.venue import Instrument

STOP_SHARE = Decimal("0.02")
TARGET_SHARE = Decimal("0.08")
CROSS_SHARE = Decimal("0.001")
"""The entry is a limit order this far through the best price: it fills at once, or not at all."""
ROOM = Decimal("1.3")
"""Times the venue's least notional: what is left after fees, at the stop, must still be sellable."""
SYNC_S = 20.0
FILL_S = 10.0
STOP_S = 10.0
CLOSE_S = 15.0
LOOK_S = 0.1


class CanaryFailed(Exception):
    """A link did not hold; the words say which, and what stands at the venue."""


async def fly(
    desk: TradingDesk,
    clock: Clock,
    rule: Instrument,
    bid: Decimal,
    ask: Decimal,
    tell: Callable[[str], None],
    *,
    keep: bool,
) -> None:
    """Buy the least, see the stop rest at the venue, sell again (unless `keep`). Raises `CanaryFailed`."""
    await _until(clock, lambda: desk.reconciler.settled_ms > 0, SYNC_S, "account and open orders could not be read")
    tell(f"account {desk.broker.account} at {desk.broker.host}: read and compared")
    wanted = _wish(rule, bid, ask)
    try:
        proposal = desk.propose(wanted, by="canary")
    except Unfit as error:
        raise CanaryFailed(f"nothing was sent: {error}") from error
    spec = proposal.draft.spec
    tell(f"sending BUY {spec.quantity:f} {spec.symbol} at {spec.price:f}, stop {proposal.plan.stop:f}")
    submission = await desk.send_entry(proposal, authorise(spec, clock.now_ms()))
    if not submission.sent:
        raise CanaryFailed(f"nothing was sent: {submission.words}")
    trade_id = spec.client_id
    await _until(
        clock,
        lambda: desk.manager.orders[trade_id].filled > 0 or desk.manager.orders[trade_id].state in DONE,
        FILL_S,
        f"order {trade_id} did not fill and stands as it is; look at it on the orders screen",
    )
    record = desk.manager.orders[trade_id]
    if not record.filled:
        raise CanaryFailed(f"the entry ended {record.state} without a fill: {record.refusal or 'no reason given'}")
    tell(f"filled {record.filled:f} at {record.average_price:f}")
    await _until(
        clock,
        lambda: desk.trades.truth(rule.symbol).state == "VERIFIED",
        STOP_S,
        f"the position of {record.filled:f} {rule.base} has no stop that the venue confirms; close it on its website",
    )
    truth = desk.trades.truth(rule.symbol)
    tell(f"stop {truth.price:f} for {truth.quantity:f} rests at the venue, order {truth.order_id}")
    if keep:
        tell("the position and its stop stay, as asked")
        return
    words = await desk.trades.close_position(rule.symbol, Decimal(0), "CANARY")
    if words:
        raise CanaryFailed(f"the position could not be closed: {words}; its stop rests at {truth.price:f}")
    await _until(
        clock,
        lambda: rule.symbol not in desk.book.open_symbols,
        CLOSE_S,
        f"the close did not fill; see {rule.symbol} on the venue's website",
    )
    tell("closed; every link holds")


def _wish(rule: Instrument, bid: Decimal, ask: Decimal) -> OpenTrade:
    tick, lot = rule.tick_size, rule.lot_size
    entry = (ask * (1 + CROSS_SHARE) / tick).to_integral_value(ROUND_CEILING) * tick
    stop = (bid * (1 - STOP_SHARE) / tick).to_integral_value(ROUND_FLOOR) * tick
    target = (ask * (1 + TARGET_SHARE) / tick).to_integral_value(ROUND_CEILING) * tick
    least = max(rule.min_notional * ROOM / stop, rule.min_qty)
    quantity = (least / lot).to_integral_value(ROUND_CEILING) * lot
    return OpenTrade(symbol=rule.symbol, side="BUY", quantity=quantity, entry=entry, stop=stop, targets=(target,))


async def _until(clock: Clock, holds: Callable[[], bool], within_s: float, words: str) -> None:
    until = clock.monotonic() + within_s
    while not holds():
        if clock.monotonic() >= until:
            raise CanaryFailed(f"{words} (waited {within_s:g} s)")
        await clock.sleep(LOOK_S)
