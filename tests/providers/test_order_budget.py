"""Counts of signed requests: windows aligned and sliding, the reserve, the venue's own word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SimClock
from providers.order_budget import AlignedLimit, EndpointBudget, SlidingLimit

START_MS = 1_700_000_040_000
TEN_S = "X-MBX-ORDER-COUNT-10S"


def aligned(clock: SimClock, limit: int = 8, window_s: float = 10.0) -> AlignedLimit:
    return AlignedLimit("orders", "orders", limit, window_s, TEN_S, clock.now_ms)


def test_an_aligned_window_ends_with_the_venues_clock() -> None:
    clock = SimClock(START_MS + 7_000)
    limit = aligned(clock)
    limit.take(8)
    assert limit.room_in_s(1, safety=True) == pytest.approx(3.1)
    assert limit.room_in_s(0, safety=False) == 0
    clock.set_ms(START_MS + 10_000)
    assert limit.room_in_s(1, safety=True) == 0
    assert limit.used == 0


def test_a_cost_above_the_whole_limit_passes_in_a_fresh_window_alone() -> None:
    clock = SimClock(START_MS)
    limit = aligned(clock)
    assert limit.room_in_s(80, safety=False) == 0
    limit.take(1)
    assert limit.room_in_s(80, safety=False) > 0


def test_an_older_count_does_not_take_back_what_was_counted() -> None:
    clock = SimClock(START_MS)
    limit = aligned(clock)
    limit.observe({TEN_S: "5"})
    limit.observe({TEN_S: "3"})
    limit.observe({TEN_S: "five"})
    limit.observe({TEN_S: "-9"})
    limit.observe({})
    assert limit.used == 5


def test_yesterdays_count_does_not_stand_for_the_whole_of_today() -> None:
    clock = SimClock(START_MS)
    limit = aligned(clock, limit=1000, window_s=86_400)
    limit.observe({TEN_S: "990"})
    assert limit.room_in_s(1, safety=False) > 0
    limit.observe({TEN_S: "2"})
    assert limit.used == 2


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=80))
def test_a_sliding_window_is_never_exceeded_and_the_reserve_is_kept(steps: list[tuple[bool, int]]) -> None:
    clock = SimClock(START_MS)
    limit = SlidingLimit("endpoint", 10, 1.0, clock)
    taken: list[tuple[float, bool]] = []
    for safety, wait_ms in steps:
        clock.set_ms(clock.now_ms() + wait_ms)
        now = clock.monotonic()
        wait_s = limit.room_in_s(1, safety)
        recent = sum(1 for at, _ in taken if at > now - 1.0)
        assert (wait_s == 0) == (recent < (10 if safety else 7))
        if wait_s == 0:
            limit.take(1)
            taken.append((now, safety))
        else:
            clock.set_ms(int(clock.now_ms() + wait_s * 1000 + 1))
            assert limit.room_in_s(1, safety) == 0


def bybit(clock: SimClock) -> EndpointBudget:
    return EndpointBudget(clock, SlidingLimit("address", 600, 5.0, clock), lambda path: 10, clock.now_ms)


def test_one_endpoint_used_up_leaves_the_others_alone() -> None:
    clock = SimClock(START_MS)
    budget = bybit(clock)
    for _ in range(10):
        assert budget.room_in_s("/v5/order/create", 1, 1, safety=True) == 0
    assert 0 < budget.room_in_s("/v5/order/create", 1, 1, safety=True) <= 1
    assert budget.room_in_s("/v5/order/cancel", 1, 0, safety=True) == 0
    assert budget.used == 1.0
    assert 0 < budget.reset_in_s() <= 1


def test_an_endpoint_said_to_be_used_up_rests_until_the_stamp() -> None:
    clock = SimClock(START_MS)
    budget = bybit(clock)
    path = "/v5/order/create"
    told = {"X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": str(START_MS + 700)}
    budget.observe(path, told)
    assert budget.room_in_s(path, 1, 1, safety=True) == pytest.approx(0.7)
    clock.set_ms(START_MS + 701)
    assert budget.room_in_s(path, 1, 1, safety=True) == 0
    budget.observe(path, {**told, "X-Bapi-Limit-Reset-Timestamp": "4000000000000"})
    assert budget.room_in_s(path, 1, 1, safety=True) <= 1


def test_reads_still_pass_where_market_data_has_taken_its_share() -> None:
    clock = SimClock(START_MS)
    weight = AlignedLimit("weight", "weight", 100, 60.0, "X-MBX-USED-WEIGHT-1M", clock.now_ms)
    weight.take(80)
    assert weight.room_in_s(5, safety=False) == 0
    assert weight.room_in_s(6, safety=False) > 0
    assert weight.room_in_s(20, safety=True) == 0
    assert weight.room_in_s(21, safety=True) > 0
