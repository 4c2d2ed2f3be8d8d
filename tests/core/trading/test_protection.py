"""Which orders should rest: every leg passes the filters, together they are the position cut to the lot, and changes lead there."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.trading.broker import Features
from core.trading.conventions import conventions_of
from core.trading.filters import AccountFacts, MarketFacts, check
from core.trading.order import ZERO, OrderSpec
from core.trading.plan import Target, TradePlan
from core.trading.protection import (
    REST,
    Add,
    Amend,
    Leg,
    Replace,
    Resting,
    Swap,
    Terms,
    changes,
    program_targets,
    stop_prices,
    takes,
    wanted,
)
from core.trading.trade import Trade, draft_spec
from core.trading.venue_features import BINANCE_US_SPOT, BYBIT_LINEAR, BYBIT_SPOT
from core.trading.working import floor_step
from tests.core.trading.market import SYMBOL, d, instrument

TARGETS = (Target(d(105), d("0.5")), Target(d(110), d("0.3")))
FEATURES = {"pairs": BINANCE_US_SPOT, "alone": BYBIT_SPOT, "split": BYBIT_LINEAR}


def terms(features: Features = BINANCE_US_SPOT, quantity: Any = 1, **more: Any) -> Terms:
    venue = "bybit" if features.amend else "binance_us"
    rules = {"min_notional": d(10), "max_algo_orders": 5, "min_qty": d("0.001")} | more.pop("rules", {})
    fields: dict[str, Any] = {
        "side": "BUY", "stop": d(95), "targets": TARGETS, "entered": d(quantity), "quantity": d(quantity),
        "taken": (ZERO,) * len(more.get("targets", TARGETS)), "features": features, "stop_limit_bp": d(50),
        "rules": instrument(venue, "linear" if features.perpetual else "spot", **rules),
    }  # fmt: skip
    return Terms(**(fields | more))


def told(legs: Any) -> list[str]:
    return [
        f"{leg.key} {leg.quantity.normalize():f} {leg.stop.normalize():f} {leg.target.normalize():f}" for leg in legs
    ]


def test_pairs_have_a_leg_per_target_and_one_for_the_rest() -> None:
    assert told(wanted(terms())) == ["0 0.5 95 105", "1 0.3 95 110", "-1 0.2 95 0"]


def test_alone_is_one_stop_for_everything_and_the_program_keeps_the_targets() -> None:
    assert told(wanted(terms(BYBIT_SPOT))) == ["-1 1 95 0"]
    assert told(program_targets(terms(BYBIT_SPOT))) == ["0 0.5 95 105", "1 0.3 95 110"]


def test_split_is_one_stop_for_the_whole_and_targets_beside_it() -> None:
    assert told(wanted(terms(BYBIT_LINEAR))) == ["-1 1 95 0", "0 0.5 0 105", "1 0.3 0 110"]


def test_a_leg_too_small_goes_on_to_the_next_and_the_rest_back_to_the_last() -> None:
    assert told(wanted(terms(quantity="0.3"))) == ["0 0.15 95 105", "-1 0.15 95 0"]  # .09 at 94.5 is below 10
    assert told(wanted(terms(quantity="0.211"))) == ["1 0.211 95 110"]
    assert told(wanted(terms(quantity="0.11"))) == ["-1 0.11 95 0"]
    assert wanted(terms(quantity="0.1")) == ()


def test_what_a_target_has_taken_is_not_placed_again() -> None:
    left = terms(quantity="0.5", entered=d(1), taken=(d("0.5"), ZERO))
    assert told(wanted(left)) == ["1 0.3 95 110", "-1 0.2 95 0"]


def test_the_trigger_is_rounded_towards_acting_earlier_and_its_limit_lies_behind() -> None:
    rules = terms().rules
    assert stop_prices("BUY", d("95.01"), rules, BINANCE_US_SPOT, d(50)) == (d("95.1"), d("94.6"))
    assert stop_prices("SELL", d("95.09"), rules, BINANCE_US_SPOT, d(50)) == (d("95.0"), d("95.5"))
    assert stop_prices("BUY", d(95), rules, BINANCE_US_SPOT, d("0.001")) == (d(95), d("94.9"))
    assert stop_prices("BUY", d(95), rules, BYBIT_LINEAR, d(50)) == (d(95), ZERO)


def test_more_is_covered_by_one_more_leg_where_the_filters_take_it() -> None:
    resting = [Resting(leg=leg, client_ids=("a",)) for leg in wanted(terms(quantity="0.4"))]
    grown = changes(terms(quantity=1), resting)
    assert [type(step) for step in grown] == [Add, Add, Add] or all(
        isinstance(step, Add | Swap | Replace) for step in grown
    )
    assert _walk(terms(quantity=1), resting)[1] == []


def test_a_stop_alone_is_replaced_or_amended_where_the_venue_can() -> None:
    moved = terms(quantity="0.11", stop=d(96))
    (leg,) = wanted(terms(quantity="0.11"))
    assert [type(step) for step in changes(moved, [Resting(leg=leg, client_ids=("a",))])] == [Replace]
    (leg,) = wanted(terms(BYBIT_SPOT))
    assert [type(s) for s in changes(terms(BYBIT_SPOT, stop=d(96)), [Resting(leg=leg, client_ids=("a",))])] == [Amend]


def test_what_is_fixed_is_left_alone_and_counts() -> None:
    leg = Leg(key=0, quantity=d("0.5"), stop=d(95), stop_limit=d("94.5"), target=d(105))
    steps = changes(terms(), [Resting(leg=leg, client_ids=("a",), fixed=True)])
    assert told(step.leg for step in steps if isinstance(step, Add)) == ["1 0.3 95 110", "-1 0.2 95 0"]


def test_what_is_left_of_a_target_is_left_to_rest_even_where_the_filters_would_take_it_no_more() -> None:
    left = terms(quantity="0.55", entered=d(1), taken=(d("0.45"), ZERO))
    rest = [leg for leg in wanted(terms()) if leg.key != 0]
    first = Leg(key=0, quantity=d("0.05"), stop=d(95), stop_limit=wanted(terms())[0].stop_limit, target=d(105))
    resting = [Resting(leg=leg, client_ids=(str(leg.key),)) for leg in (first, *rest)]
    assert changes(left, resting) == ()
    moved = replace(left, stop=d(96))
    assert changes(moved, resting) != ()


def test_pairs_that_stand_stay_where_the_venue_takes_no_new_ones() -> None:
    resting = [Resting(leg=leg, client_ids=(str(leg.key),)) for leg in wanted(terms())]
    assert changes(terms(alone=True), resting) == ()
    grown = changes(terms(quantity="1.5", alone=True), resting)
    assert [type(step) for step in grown] == [Replace]
    (moved,) = changes(terms(alone=True, stop=d(96)), resting)
    assert isinstance(moved, Swap)
    assert len(moved.old) == 3


def test_nothing_is_held_and_everything_is_taken_away() -> None:
    resting = [Resting(leg=leg, client_ids=(str(leg.key),)) for leg in wanted(terms())]
    assert all(isinstance(step, Swap) and not step.new for step in changes(terms(quantity=0), resting))


# --- properties ------------------------------------------------------------------------------------------------------

_names = count()


def _applied(step: Any, resting: list[Resting]) -> list[list[Resting]]:
    """What rests after each part of a step."""
    made = lambda leg: Resting(leg=leg, client_ids=(f"n{next(_names)}",))  # noqa: E731
    if isinstance(step, Add):
        return [[*resting, made(step.leg)]]
    old = step.old if isinstance(step, Swap) else (step.old,)
    left = [one for one in resting if one not in old]
    new = step.new if isinstance(step, Swap) else (step.new,)
    return [left, [*left, *map(made, new)]] if isinstance(step, Swap) else [[*left, *map(made, new)]]


def _walk(now: Terms, resting: list[Resting]) -> tuple[list[Resting], list[str]]:
    """Carry out one step after the other until nothing is due; what was wrong on the way."""
    wrong: list[str] = []
    whole = floor_step(max(ZERO, now.quantity), now.rules.lot_size)
    for _ in range(40):
        steps = changes(now, resting)
        if not steps:
            return resting, wrong
        before = _stopped(resting)
        for after in _applied(steps[0], resting):
            resting = after
            if now.style != "SPLIT" and _stopped(resting) > max(whole, before):
                wrong.append(f"{_stopped(resting)} on sale of {whole}")
    return resting, [*wrong, "it never ends"]


def _stopped(resting: list[Resting]) -> Decimal:
    return sum((one.leg.quantity for one in resting if one.leg.stop), ZERO)


def _refusals(now: Terms, resting: list[Resting]) -> list[str]:
    """What the venue's own filters say of every order that rests."""
    plan = TradePlan(
        at_ms=1, trade_id="e", symbol=SYMBOL, side=now.side, quantity=now.entered, entry=d(100), stop=now.stop
    )
    trade, found = Trade(plan, 0.0), []
    for one in resting:
        specs: list[OrderSpec] = []
        if one.leg.stop:
            specs.append(
                draft_spec(trade, one.leg, "a", now.features, stop=True, list_id="l" if one.leg.target else "")
            )
        if one.leg.target:
            specs.append(draft_spec(trade, one.leg, "b", now.features, stop=False, list_id="l" if one.leg.stop else ""))
        for spec in specs:
            why = _refusal(spec, now)
            if why is not None:
                found.append(f"{why}: {spec}")
    return found


def _refusal(spec: OrderSpec, now: Terms) -> str | None:
    return check(spec, now.rules, conventions_of(now.rules), MarketFacts(), AccountFacts())


def _times(low: float, high: float, step: str) -> st.SearchStrategy[Decimal]:
    unit = Decimal(step)
    return st.integers(round(low / float(unit)), round(high / float(unit))).map(lambda n: n * unit)


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Terms, list[Terms]]:
    features = FEATURES[draw(st.sampled_from(sorted(FEATURES)))]
    side: Any = draw(st.sampled_from(["BUY", "SELL"])) if features.perpetual else "BUY"
    way = 1 if side == "BUY" else -1
    shares = draw(st.sampled_from([(), ("1",), ("0.5", "0.3"), ("0.4", "0.3", "0.2"), ("0.25",) * 4]))
    targets = tuple(Target(d(100) + way * (5 + 5 * n), d(share)) for n, share in enumerate(shares))
    stop = d(100) - way * draw(_times(0.5, 20, "0.01"))
    rules = {
        "min_notional": draw(st.sampled_from([d(0), d(5), d(10), d(50)])), "max_algo_orders": draw(st.sampled_from([0, 1, 3, 5])),
        "min_qty": draw(st.sampled_from([d("0.001"), d("0.01")])),
    }  # fmt: skip
    first = terms(features, draw(_times(0, 3, "0.0005")), side=side, stop=stop, targets=targets, rules=rules)
    later: list[Terms] = []
    now = first
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["grow", "stop", "sell", "alone"]))
        if kind == "grow":
            more = draw(_times(0, 1, "0.0005"))
            now = replace(now, entered=now.entered + more, quantity=now.quantity + more)
        elif kind == "stop":
            now = replace(now, stop=now.stop + way * draw(_times(0, 1, "0.01")))
        elif kind == "alone":
            now = replace(now, alone=True)
        later.append(
            replace(now, quantity=max(ZERO, now.quantity - draw(_times(0, 1, "0.001")))) if kind == "sell" else now
        )
    return first, later


@given(_cases())
@settings(max_examples=400, deadline=None)
def test_changes_lead_to_full_cover_in_few_steps_and_never_sell_more_than_is_held(
    case: tuple[Terms, list[Terms]],
) -> None:
    first, later = case
    resting: list[Resting] = []
    for now in (first, *later):
        resting, wrong = _walk(now, resting)
        whole = floor_step(now.quantity, now.rules.lot_size)
        assert wrong == []
        assert _stopped(resting) in ((whole,) if wanted(now) else (ZERO, whole))
        assert _refusals(now, resting) == []
        assert len([one for one in resting if one.leg.stop]) <= (now.rules.max_algo_orders or 99) or now.alone
        trigger, _ = stop_prices(now.side, now.stop, now.rules, now.features, now.stop_limit_bp)
        assert {one.leg.stop for one in resting if one.leg.stop} <= {trigger}
        if now.style == "SPLIT":
            assert sum((one.leg.quantity for one in resting if one.leg.target), ZERO) <= whole


@given(_cases())
@settings(max_examples=200, deadline=None)
def test_what_is_wanted_passes_the_filters_and_is_the_whole_position(case: tuple[Terms, list[Terms]]) -> None:
    for now in case[1]:
        legs = wanted(now)
        assert all(takes(leg, now) for leg in legs)
        stopped = sum((leg.quantity for leg in legs if leg.stop), ZERO)
        assert stopped in (ZERO, floor_step(now.quantity, now.rules.lot_size))
        alone = Leg(key=REST, quantity=floor_step(now.quantity, now.rules.lot_size), stop=now.stop)
        if not legs and alone.quantity:
            limit = stop_prices(now.side, now.stop, now.rules, now.features, now.stop_limit_bp)[1]
            assert not takes(replace(alone, stop_limit=limit), now)
