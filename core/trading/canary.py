"""The canary: one trade of the smallest size the venue takes, to see every link of the chain hold with real orders.

Keys, clock, private stream, gates, entry, fill, protective stop proven at the venue, close. It goes through the same path as
every order; only its confirmation is the operator's word for the whole of it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from core.clock import Clock
from core.messages import OpenTrade
from core.risk.gates import judge
from core.risk.verdict import Deny, written
from core.risk.view import AuthorisationView
from core.trading.authority import authorise, order_hash
from core.trading.desk import TradingDesk
from core.trading.least_order import least_quantity
from core.trading.opening import Proposal, Unfit
from core.trading.states import DONE
from core.venue import Instrument

STOP_SHARE = Decimal("0.02")
TARGET_SHARE = Decimal("0.08")
CROSS_SHARE = Decimal("0.001")
"""The entry is a limit order this far through the best price: it fills at once, or not at all."""
PASSING = frozenset({"PRIVATE_STREAM", "CLOCK", "QUOTE_AGE", "BOOK", "SPREAD", "VOLATILITY"})
"""Gates that are shut while a program is young, or the market is wild."""
SYNC_S = 20.0
WARM_S = 180.0
"""So long what is not known yet is waited for: usual gaps, spreads, volatility."""
WARM_LOOK_S = 0.5
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
    prices: Callable[[], tuple[Decimal, Decimal]],
    tell: Callable[[str], None],
    *,
    keep: bool,
) -> None:
    """Buy the least, see the stop rest at the venue, sell again (unless `keep`). Raises `CanaryFailed`.

    `prices` tells best bid and ask of now.
    """
    await _until(clock, lambda: desk.reconciler.settled_ms > 0, SYNC_S, "account and open orders could not be read")
    tell(f"account {desk.broker.account} at {desk.broker.host}: read and compared")
    proposal = await _passing(desk, clock, rule, prices, tell)
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
    tell(f"filled {written(record.filled)} at {record.average_price:f}")
    await _until(
        clock,
        lambda: desk.trades.truth(rule.symbol).state == "VERIFIED",
        STOP_S,
        f"the position of {written(record.filled)} {rule.base} has no stop that the venue confirms; close it on its website",
    )
    truth = desk.trades.truth(rule.symbol)
    tell(f"stop {truth.price:f} for {truth.quantity:f} rests at the venue, order {truth.order_id}")
    desk.canary_flown(f"{spec.symbol}: filled {written(record.filled)}, stop {truth.price:f} seen at the venue")
    if keep:
        tell("the position and its stop stay, as asked")
        return
    words = await desk.trades.close_position(rule.symbol, Decimal(0), "CANARY")
    if words:
        raise CanaryFailed(f"the position could not be closed: {words}; its stop rests at {truth.price:f}")
    await _until(
        clock,
        lambda: rule.symbol not in desk.book.open_symbols and rule.symbol not in desk.trades.planned(),
        CLOSE_S,
        f"the close did not fill, or the stop still rests; see {rule.symbol} on the venue's website",
    )
    tell("closed; every link holds")


async def _passing(
    desk: TradingDesk,
    clock: Clock,
    rule: Instrument,
    prices: Callable[[], tuple[Decimal, Decimal]],
    tell: Callable[[str], None],
) -> Proposal:
    """A proposal that every gate lets pass. What will pass is waited for; anything else ends it at once."""
    until, told = clock.monotonic() + WARM_S, ""
    while True:
        try:
            proposal = desk.propose(_wish(rule, *prices()), by="canary")
        except Unfit as error:
            raise CanaryFailed(f"nothing was sent: {error}") from error
        denials = _denials(desk, clock, proposal)
        if not denials:
            return proposal
        lasting = [denial.words for denial in denials if not _passes(denial)]
        if lasting:
            raise CanaryFailed(f"nothing was sent: {'; '.join(lasting)}")
        words = "; ".join(denial.words for denial in denials)
        if clock.monotonic() >= until:
            raise CanaryFailed(f"nothing was sent: {words} (waited {WARM_S:g} s)")
        shut = ", ".join(denial.code for denial in denials)
        if shut != told:
            tell(f"waiting for gates: {shut}")
            told = shut
        await clock.sleep(WARM_LOOK_S)


def _denials(desk: TradingDesk, clock: Clock, proposal: Proposal) -> tuple[Deny, ...]:
    """What the gates would say of it now, were it confirmed."""
    name = order_hash(proposal.draft.spec)
    given = AuthorisationView(order_hash=name, authorised_hash=name, age_s=0.0, used=False)
    return judge(desk.risk.view(proposal.draft, given), clock.monotonic).denials


def _passes(denial: Deny) -> bool:
    """Whether waiting may open it: something is not known yet, or will pass."""
    return "missing" in denial.facts or "late_s" in denial.facts or denial.code in PASSING


def _wish(rule: Instrument, bid: Decimal, ask: Decimal) -> OpenTrade:
    tick = rule.tick_size
    entry = (ask * (1 + CROSS_SHARE) / tick).to_integral_value(ROUND_CEILING) * tick
    stop = (bid * (1 - STOP_SHARE) / tick).to_integral_value(ROUND_FLOOR) * tick
    target = (ask * (1 + TARGET_SHARE) / tick).to_integral_value(ROUND_CEILING) * tick
    return OpenTrade(
        symbol=rule.symbol,
        side="BUY",
        quantity=least_quantity(rule, stop),
        entry=entry,
        stop=stop,
        targets=(target,),
    )


async def _until(clock: Clock, holds: Callable[[], bool], within_s: float, words: str) -> None:
    until = clock.monotonic() + within_s
    while not holds():
        if clock.monotonic() >= until:
            raise CanaryFailed(f"{words} (waited {within_s:g} s)")
        await clock.sleep(LOOK_S)
