"""Requests: the most urgent first, one per symbol, none older than its deadline."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.screening.requests import URGENCY, Request, Requests


def request(symbol: str, cause: str = "state", asked_s: float = 0.0, strength: float = 0.0) -> Request:
    return Request(venue="v", category="spot", symbol=symbol, cause=cause, asked_s=asked_s, strength=strength)  # type: ignore[arg-type]


ASKED = st.builds(
    request,
    st.sampled_from("ABCD"),
    st.sampled_from(URGENCY),
    st.floats(0, 10),
    st.floats(0, 5),
)


def test_a_stronger_alert_replaces_a_weaker_one_and_an_equal_one_does_not() -> None:
    waiting = Requests()
    assert waiting.put(request("A", "alert", 1.0, strength=1.0))
    assert not waiting.put(request("A", "alert", 2.0, strength=1.0))
    assert waiting.put(request("A", "alert", 3.0, strength=2.0))
    assert not waiting.put(request("A", "calibration", 4.0))
    taken = waiting.take()
    assert taken is not None
    assert (taken.asked_s, taken.strength) == (3.0, 2.0)
    assert waiting.take() is None


def test_late_ones_leave_oldest_first() -> None:
    waiting = Requests()
    for symbol, asked_s in (("A", 2.0), ("B", 1.0), ("C", 5.0)):
        waiting.put(request(symbol, asked_s=asked_s))
    assert [late.symbol for late in waiting.late(8.0, 5.0)] == ["B", "A"]
    assert len(waiting) == 1
    assert waiting.late(10.0, 5.0) == []
    waiting.forget("C")
    waiting.forget("C")
    assert waiting.take() is None


@given(st.lists(ASKED, max_size=30))
def test_whatever_is_asked_each_symbol_comes_once_in_order_of_urgency(asked: list[Request]) -> None:
    waiting = Requests()
    for entry in asked:
        waiting.put(entry)
    taken = []
    while (entry_ := waiting.take()) is not None:
        taken.append(entry_)
    assert {entry.symbol for entry in taken} == {entry.symbol for entry in asked}
    assert len(taken) == len({entry.symbol for entry in taken})
    assert taken == sorted(taken, key=lambda entry: entry.rank)
    for entry in taken:
        same = [other for other in asked if other.symbol == entry.symbol]
        assert entry.rank[:2] == min(other.rank[:2] for other in same)
