"""Reduces-only with signed quantities: whatever fills, and in whatever order, no exit opens, adds or flips."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import Side
from core.risk.position_math import Pending, reducible, sign, why_not_reducing
from core.trading.order import OrderSpec
from tests.core.risk.views import ask, entry, held, order, pending

D = Decimal
ZERO = D(0)
MINE = "BTCUSDT"


def waiting(quantity: str, **fields: Any) -> Pending:
    return pending(**({"symbol": MINE, "side": "SELL", "quantity": D(quantity)} | fields))


def sell(quantity: str = "1", **fields: Any) -> OrderSpec:
    return order(**({"side": "SELL", "quantity": D(quantity)} | fields))


def room(position: str, *others: Pending, spec: OrderSpec | None = None, **how: Any) -> Decimal:
    return reducible(spec or sell(), D(position), others, **({"venue_reduces": False} | how))


def test_the_free_part_is_the_position_less_what_already_waits_to_take_from_it() -> None:
    assert room("10") == D(10)
    assert room("10", waiting("3"), waiting("4", client_id="p-2")) == D(3)
    assert room("10", waiting("11")) == ZERO
    assert room("10", waiting("3", side="BUY")) == D(10)
    assert room("10", waiting("3", symbol="ETHUSDT")) == D(10)
    assert room("10", waiting("3", client_id="t-1")) == D(10)
    assert room("10", waiting("3", client_id="old"), replaces="old") == D(10)


def test_an_order_on_the_positions_side_or_without_position_takes_nothing() -> None:
    assert room("0") == ZERO
    assert room("-1") == ZERO
    assert room("1", spec=sell(side="BUY")) == ZERO
    assert room("-10", spec=sell(side="BUY")) == D(10)
    assert room("-10", waiting("4", side="BUY"), spec=sell(side="BUY")) == D(6)


def test_legs_of_one_list_count_once_with_the_larger() -> None:
    legs = (
        waiting("3", list_id="a"),
        waiting("5", client_id="p-2", list_id="a"),
        waiting("1", client_id="p-3", list_id="a"),
    )
    assert room("10", *legs) == D(5)
    assert room("10", *legs, waiting("2", client_id="p-4", list_id="b")) == D(3)
    assert room("10", *legs, spec=sell(list_id="a")) == D(10)
    assert room("10", *legs, spec=sell(list_id="b")) == D(5)


def test_orders_the_venue_holds_to_reduce_only_do_not_take_from_each_other() -> None:
    stop = waiting("10", venue_reduces=True)
    assert room("10", stop, venue_reduces=True) == D(10)
    assert room("10", stop) == ZERO
    assert room("10", waiting("10"), venue_reduces=True) == ZERO


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (sell("2"), ""),
        (sell("2.001"), "SELL 2.001 is more than the 2 that position 3 has free of pending orders"),
        (sell("0", quote_quantity=D(5)), "is sized in money"),
        (sell("0", quote_quantity=D(-5)), "is sized in money"),
        (sell(take_profit=D(1)), "carries an attached"),
        (sell(stop_loss=D(1)), "carries an attached"),
        (sell("0"), "give one above 0"),
        (sell("-1"), "give one above 0"),
    ],
)
def test_why_an_order_does_more_than_reduce(spec: OrderSpec, words: str) -> None:
    found = why_not_reducing(spec, D(3), (waiting("1"),), venue_reduces=False)
    assert words in found
    assert bool(found) == bool(words)


def test_a_quantity_that_is_no_number_does_not_reduce() -> None:
    found = ask(entry(act="EXIT", order=sell("NaN"), account__positions=(held(),)))
    assert "REDUCES_ONLY" in {deny.code for deny in found.denials}


SIDES: st.SearchStrategy[Side] = st.sampled_from(["BUY", "SELL"])
LOTS = st.integers(0, 12).map(D)


@st.composite
def books(draw: st.DrawFn) -> tuple[Decimal, list[Pending]]:
    """A position and pending orders, each of which was let through itself: what they can take is no more than it."""
    position = D(draw(st.integers(-20, 20)))
    accepted: list[Pending] = []
    for number in range(draw(st.integers(0, 5))):
        venue_reduces = draw(st.booleans())
        one = waiting(
            str(draw(LOTS)), client_id=f"o{number}", side=draw(SIDES), venue_reduces=venue_reduces,
            list_id=draw(st.sampled_from(["", "", "a", "b"])),
        )  # fmt: skip
        spec = sell(str(one.quantity), side=one.side, client_id=one.client_id, list_id=one.list_id)
        adds = position * sign(one.side) > ZERO
        if adds or not why_not_reducing(spec, position, accepted, venue_reduces=venue_reduces):
            accepted.append(one)
    return position, accepted


@given(book=books(), side=SIDES, lots=st.integers(1, 25), venue_reduces=st.booleans(), order_of_fills=st.randoms())
def test_reducing_never_opens_or_flips_whatever_the_order_and_pending_orders(
    book: tuple[Decimal, list[Pending]], side: Side, lots: int, venue_reduces: bool, order_of_fills: Any
) -> None:
    """Every order the state REDUCING lets through is filled among the pending ones in any order, in any part."""
    position, others = book
    spec = order(side=side, quantity=D(lots), reduce_only=venue_reduces)
    positions = (held(quantity=str(position)),) if position else ()
    for act in ("ENTRY", "EXIT", "PROTECT", "FLATTEN"):
        view = entry(
            act=act, order=spec, session__state="REDUCING", account__positions=positions, account__pending=tuple(others)
        )
        blocked = {"TRADING_STATE", "REDUCES_ONLY"} & {deny.code for deny in ask(view).denials}
        if blocked:
            continue
        assert position * sign(side) < ZERO
        _fill_all(position, spec, [one for one in others if one.side == side], venue_reduces, order_of_fills)


def _fill_all(position: Decimal, spec: OrderSpec, others: list[Pending], venue_reduces: bool, chance: Any) -> None:
    start, left = position, {one.client_id: one.quantity for one in others} | {spec.client_id: spec.quantity}
    lists: dict[str, str] = {}
    takers = [(one.client_id, one.list_id, one.venue_reduces) for one in others] + [(spec.client_id, "", venue_reduces)]
    for _ in range(12):
        name, group, held_back = chance.choice(takers)
        if group and lists.setdefault(group, name) != name:
            continue  # the other leg filled first, the venue cancelled this one
        part = min(left[name], D(chance.randint(0, 12)))
        part = min(part, abs(position)) if held_back else part
        left[name] -= part
        position += sign(spec.side) * part
        assert abs(position) <= abs(start)
        assert position * start >= ZERO
