"""Gaps and blocks: where they come from and how they live; their states only move forward."""

import pytest
from hypothesis import given

from core.messages import Side
from core.signals.smc.engine import SmcRules
from core.signals.smc.event import STATES, Zone
from core.signals.smc.zones import CAP, ZoneBook
from tests.core.signals.smc.tape import MINUTE_MS, REFERENCE, TREND, Candle, Run, candles, path

GAP_UP: list[Candle] = [(100, 101, 99, 100), (101, 104, 101, 104), (104, 106, 103, 105)]
"""A bullish gap from 101 to 103 around the second bar."""


def gap(top: float = 103.0, bottom: float = 101.0, side: Side = "BUY", place: int = 0) -> Zone:
    return Zone("fvg", side, top, bottom, place=place, t_event=0, t_known=0, size=1.0)


def test_a_gap_is_known_one_bar_after_its_middle() -> None:
    run = Run()
    (event,) = run.feed(GAP_UP)
    assert (event.kind, event.side, event.top, event.bottom, event.level) == ("fvg", "BUY", 103, 101, 102)
    assert (event.t_event, event.t_known) == (MINUTE_MS, 3 * MINUTE_MS)
    assert event.size == 2.0
    (zone,) = run.engine.zones
    assert (zone.state, zone.touches, zone.until_ms) == ("open", 0, 0)


def test_a_gap_needs_its_size_in_trend_mode_and_the_bodys_colour_in_both() -> None:
    assert Run(TREND).feed(GAP_UP, atr=30.0) == []
    assert len(Run(TREND).feed(GAP_UP, atr=20.0)) == 1, "exactly the smallest"
    assert len(Run(REFERENCE).feed(GAP_UP, atr=30.0)) == 1
    assert Run(TREND).feed(GAP_UP, atr=float("nan")) == []
    falling: list[Candle] = [GAP_UP[0], (104, 104, 101, 101), GAP_UP[2]]
    assert Run(REFERENCE).feed(falling) == []


@pytest.mark.parametrize(
    ("low", "close", "state", "depth"),
    [
        (103.5, 104.0, "open", 0.0),
        (103.0, 104.0, "touched", 0.0),
        (102.5, 104.0, "touched", 0.25),
        (102.0, 102.5, "half", 0.5),
        (101.0, 101.5, "filled", 1.0),
        (100.0, 101.0, "filled", 1.0),
        (100.0, 100.5, "inverted", 1.0),
    ],
)
def test_one_bar_against_a_gap_and_its_mirror(low: float, close: float, state: str, depth: float) -> None:
    run = Run()
    run.feed(GAP_UP)
    run.feed([(105, 105, low, close)])
    zone = run.engine.zones[0]
    assert (zone.state, zone.depth) == (state, depth)
    assert (zone.until_ms > 0) == (state in ("filled", "inverted"))
    mirrored = Run()
    mirrored.feed([(200 - first, 200 - low, 200 - high, 200 - last) for first, high, low, last in GAP_UP])
    mirrored.feed([(95, 200 - low, 95, 200 - close)])
    assert (mirrored.engine.zones[0].side, mirrored.engine.zones[0].state) == ("SELL", state)


def test_a_gap_that_holds_is_tested_once_each_time_price_comes_back() -> None:
    run = Run()
    run.feed(GAP_UP)
    zone = run.engine.zones[0]
    run.feed([(105, 105, 102.8, 102.9), (102.9, 103.0, 102.8, 102.9)])
    assert (zone.touches, zone.held_ms) == (1, 0)
    assert run.engine.tested == [zone]
    run.feed([(102.9, 104.0, 102.9, 103.5)])
    assert (zone.touches, zone.held_ms) == (1, 6 * MINUTE_MS)
    run.feed([(103.5, 104.0, 103.4, 103.9), (103.9, 104.0, 102.9, 103.8)])
    assert (zone.touches, zone.held_ms) == (2, 6 * MINUTE_MS)


def test_a_filled_gap_turns_round_only_if_it_is_closed_through_before_price_leaves_it() -> None:
    for closes, state in (([101.5, 100.5], "inverted"), ([104.0, 100.5], "filled")):
        book, zone = ZoneBook(100), gap()
        book.add(zone, 105.0, 1.0)
        for place, close in enumerate(closes):
            book.step(place, 104.0, 100.0, close, (place + 1) * MINUTE_MS)
        assert zone.state == state
        assert zone.until_ms == MINUTE_MS
        assert book.tested == []


def test_a_block_ends_at_a_close_beyond_its_far_edge_only() -> None:
    book = ZoneBook(100)
    zone = Zone("order_block", "BUY", 103.0, 101.0, place=0, t_event=0, t_known=0, size=2.0)
    book.add(zone, 105.0, 1.0)
    book.step(1, 105.0, 100.0, 101.0, MINUTE_MS)
    assert (zone.state, zone.until_ms) == ("touched", 0)
    book.step(2, 105.0, 100.0, 100.9, 2 * MINUTE_MS)
    assert (zone.state, zone.until_ms) == ("broken", 2 * MINUTE_MS)


def test_the_same_zone_again_is_the_older_one() -> None:
    book, first = ZoneBook(100), gap()
    assert book.add(first, 105.0, 1.0)
    assert not book.add(gap(103.2, 101.2, place=1), 105.0, 1.0)
    assert book.add(gap(103.7, 101.7, place=2), 105.0, 1.0), "65 % is not the same"
    assert book.add(gap(side="SELL", place=3), 95.0, 1.0)
    assert book.add(Zone("order_block", "BUY", 103.0, 101.0, place=4, t_event=0, t_known=0, size=1.0), 105.0, 1.0)
    assert book.zones[0] is first


def test_a_new_zone_where_a_closed_one_was_is_its_own() -> None:
    book = ZoneBook(100)
    book.add(gap(), 105.0, 1.0)
    book.step(1, 105.0, 100.5, 101.5, MINUTE_MS)
    assert book.zones[0].state == "filled"
    assert book.add(gap(place=1), 105.0, 1.0)


def test_zones_are_bounded_by_age_then_by_end_then_by_distance() -> None:
    book = ZoneBook(10)
    book.add(gap(), 105.0, 1.0)
    book.step(10, 105.0, 104.0, 105.0, 1)
    assert len(book.zones) == 1
    book.step(11, 105.0, 104.0, 105.0, 1)
    assert book.zones == []
    book.step(12, 101.0, 100.0, 100.0, 1)  # a zone that is gone takes no part any more
    assert book.tested == []

    book = ZoneBook(10_000)
    for number in range(CAP):
        book.add(gap(10.0 * number + 2.0, 10.0 * number, place=number), 2000.0, 5.0)
    near = book.zones[-1]
    book.add(gap(3000.0, 2998.0, place=CAP), 2000.0, 5.0)
    assert len(book.zones) == CAP
    assert book.zones[0].bottom == 10.0, "the oldest far one goes"
    book.step(CAP + 1, 2000.0, near.bottom - 1.0, near.bottom - 1.0, 1)
    book.add(gap(4000.0, 3998.0, place=CAP + 1), 2000.0, 5.0)
    assert near not in book.zones, "a closed one goes first"


def test_a_block_is_the_last_bar_against_a_move_that_broke_structure() -> None:
    run = Run(SmcRules("trend", 2, 0.1, 0.15, 1.5))
    run.feed(path(100, 110, 105, 109))
    run.feed([(109, 109.2, 107, 108), (108, 109, 108, 109)])
    known = run.feed([(109, 111, 109, 110.5), (110.5, 112, 110.5, 112)])
    (block,) = [event for event in known if event.kind == "order_block"]
    assert (block.side, block.top, block.bottom, block.level) == ("BUY", 109.2, 107, 109.2)
    assert (block.t_event, block.t_known) == (15 * MINUTE_MS, 18 * MINUTE_MS)
    assert block.size == 1.5
    assert not [event for event in run.feed([(112, 115, 112, 115)]) if event.kind == "order_block"]


def test_reference_a_block_is_the_lowest_bar_since_the_broken_high() -> None:
    run = Run(REFERENCE)
    run.feed(path(100, 110, 105, 109))
    run.feed([(109, 109, 104.5, 108), (108, 109, 104.5, 108.5)])
    known = run.feed([(108.5, 111, 108.5, 110.5)])
    (block,) = [event for event in known if event.kind == "order_block"]
    assert (block.side, block.top, block.bottom) == ("BUY", 109, 104.5)
    assert (block.t_event, block.t_known) == (16 * MINUTE_MS, 18 * MINUTE_MS)


@given(bars=candles)
def test_states_only_move_forward_and_an_end_is_final(bars: list[Candle]) -> None:
    for rules in (TREND, REFERENCE):
        run = Run(rules)
        seen: dict[int, tuple[Zone, tuple[float, ...], int]] = {}
        for bar in bars:
            run.feed([bar])
            for zone in run.engine.zones:
                before = seen.get(id(zone))
                now = (STATES.index(zone.state), zone.touches, zone.depth, zone.held_ms > 0, zone.until_ms > 0)
                if before is not None:
                    old, until = before[1:]
                    assert all(new >= past for new, past in zip(now, old, strict=True))
                    assert until in (0, zone.until_ms)
                seen[id(zone)] = (zone, now, zone.until_ms)
            open_tested = [zone for zone in run.engine.zones if zone.touches and not zone.until_ms]
            assert sorted(map(id, run.engine.tested)) == sorted(map(id, open_tested))


@given(bars=candles)
def test_no_gap_is_told_twice_and_each_zone_has_its_event(bars: list[Candle]) -> None:
    run = Run(REFERENCE)
    run.feed(bars)
    gaps = run.of("fvg")
    assert len({event.t_event for event in gaps}) == len(gaps)
    told = {(event.kind, event.side, event.t_event, event.t_known) for event in run.of("fvg", "order_block")}
    assert {(zone.kind, zone.side, zone.t_event, zone.t_known) for zone in run.engine.zones} <= told
    for event in gaps:
        middle = event.t_event // MINUTE_MS
        assert (event.top, event.bottom) in (
            (bars[middle + 1][2], bars[middle - 1][1]),
            (bars[middle - 1][2], bars[middle + 1][1]),
        )
        assert event.top > event.bottom
