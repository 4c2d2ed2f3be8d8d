"""Breaks of structure in both modes."""

from hypothesis import given
from hypothesis import strategies as st

from core.signals.smc.event import SmcEvent
from core.signals.smc.structure import single
from tests.core.signals.smc.tape import MINUTE_MS, REFERENCE, Candle, Run, candles, path


def told(run: Run) -> list[tuple[str, str, float]]:
    return [(event.kind, event.side, event.level) for event in run.of("bos", "choch")]


def test_trend_a_break_with_the_trend_continues_it_and_one_against_it_changes_its_character() -> None:
    run = Run()
    run.feed(path(100, 110, 105, 115, 108, 120, 100))
    assert told(run) == [("bos", "BUY", 110.0), ("bos", "BUY", 115.0), ("choch", "SELL", 108.0)]
    assert run.engine.trend == -1
    run.feed(path(100, 104, 98, 96))
    assert told(run)[3:] == [("bos", "SELL", 100.0)]


def test_trend_a_break_is_known_at_the_close_of_its_bar_and_told_once() -> None:
    run = Run()
    run.feed(path(100, 110, 105, 109))
    assert told(run) == []
    known = run.feed([(109.0, 112.0, 109.0, 111.0), (111.0, 113.0, 111.0, 112.0)])
    breaks = [event for event in known if event.kind == "bos"]
    assert len(breaks) == 1
    assert breaks[0].broken_at == 15 * MINUTE_MS
    assert breaks[0].t_known == 16 * MINUTE_MS
    assert breaks[0].t_event == 4 * MINUTE_MS
    assert (breaks[0].size, breaks[0].push) == (2.0, 1.0)


def test_trend_a_wick_beyond_the_level_is_no_break() -> None:
    run = Run()
    run.feed(path(100, 110, 105, 109))
    run.feed([(109.0, 112.0, 109.0, 110.0)])
    assert told(run) == []


def test_reference_a_bos_needs_the_swing_after_the_break() -> None:
    run = Run(REFERENCE)
    run.feed(path(103, 104, 100, 110, 105, 115, 110, bars=6))
    (event,) = run.of("bos", "choch")
    assert (event.kind, event.side, event.level) == ("bos", "BUY", 110.0)
    confirmed = next(each for each in run.of("swing") if each.level == 115.0)
    assert event.broken_at < confirmed.t_event
    assert event.t_known == confirmed.t_known


def test_reference_a_choch_takes_both_swings_before() -> None:
    run = Run(REFERENCE)
    run.feed(path(103, 104, 100, 110, 95, 115, 110, bars=6))
    assert told(run) == [("choch", "SELL", 100.0), ("choch", "BUY", 110.0)]


def test_reference_a_pattern_whose_level_holds_stays_silent_until_it_is_broken() -> None:
    run = Run(REFERENCE)
    run.feed(path(103, 104, 100, 110, 105, 109, bars=6))
    run.feed([(109.0, 112.0, 108.0, 108.5)])  # a swing high beyond the level, but no close
    run.feed(path(108.5, 106, bars=4))
    assert told(run) == []
    run.feed([(106.0, 111.0, 106.0, 110.5)])
    (event,) = run.of("bos")
    assert event.t_known == event.broken_at + MINUTE_MS == run.place * MINUTE_MS


def test_reference_a_pattern_broken_long_after_is_told_but_is_no_news_to_vote_on() -> None:
    run = Run(REFERENCE)
    run.feed(path(103, 104, 100, 110, 105, 109, bars=6))
    run.feed([(109.0, 112.0, 108.0, 108.5)])
    run.feed(path(108.5, 106, bars=4))
    run.feed(path(*[106, 107] * 100, bars=1))
    votes, trend = dict(run.engine.latest), run.engine.trend
    run.feed([(106.0, 111.0, 106.0, 110.5)])
    (event,) = [each for each in run.of("bos") if each.level == 110.0]
    assert event.t_known == run.place * MINUTE_MS
    assert event.t_known - event.t_event > run.engine.rules.pattern_bars * MINUTE_MS
    assert (run.engine.latest, run.engine.trend) == (votes, trend)


def test_levels_are_rounded_as_the_reference_rounds_them() -> None:
    assert single(1.5) == 1.5
    assert single(0.97369) != 0.97369
    assert abs(single(0.97369) / 0.97369 - 1.0) < 1e-7


def patterns(run: Run, bars: list[Candle]) -> set[tuple[str, str, int, int, int]]:
    """Kind, side, pivot, breaking bar and bar of knowledge of every pattern, from the swings as they were told."""
    listed: list[SmcEvent] = []
    named: dict[tuple[str, int], tuple[str, float, int]] = {}
    for event in run.of("swing"):
        if event.replaces:
            listed.pop()
        listed.append(event)
        if len(listed) < 4:
            continue
        up = event.side == "high"
        l4, l3, l2, l1 = (each.level if up else -each.level for each in listed[-4:])
        kind = "bos" if l4 < l2 < l3 < l1 else "choch" if l2 < l4 < l3 < l1 else ""
        key = ("BUY" if up else "SELL", listed[-3].t_event // MINUTE_MS)
        if kind and key not in named:
            named[key] = (kind, single(listed[-3].level), event.t_known // MINUTE_MS - 1)
    found = set()
    for (side, pivot), (kind, level, confirmed) in named.items():
        for place in range(pivot + 2, len(bars)):
            if bars[place][3] > level if side == "BUY" else bars[place][3] < level:
                found.add((kind, side, pivot, place, max(place, confirmed)))
                break
    return found


@given(bars=candles, length=st.integers(1, 3))
def test_reference_every_pattern_is_told_when_it_is_both_complete_and_broken(bars: list[Candle], length: int) -> None:
    uneven = [(o * 0.0011, h * 0.0011, l * 0.0011, c * 0.0011) for o, h, l, c in bars]  # noqa: E741
    run = Run(REFERENCE._replace(swing_length=length))
    run.feed(uneven)
    told = [
        (event.kind, event.side, *(time // MINUTE_MS for time in (event.t_event, event.broken_at, event.t_known - 1)))
        for event in run.of("bos", "choch")
    ]
    assert sorted(told) == sorted(patterns(run, uneven))


@given(bars=candles)
def test_no_swing_is_broken_twice_and_none_before_it_is_known(bars: list[Candle]) -> None:
    for rules in (REFERENCE, REFERENCE._replace(mode="trend")):
        run = Run(rules)
        run.feed(bars)
        breaks = run.of("bos", "choch")
        assert len({(event.side, event.t_event) for event in breaks}) == len(breaks)
        swings = {(event.side, event.t_event): event for event in run.of("swing")}
        for event in breaks:
            swing = swings["high" if event.side == "BUY" else "low", event.t_event]
            assert event.level == swing.level
            assert event.t_known >= max(swing.t_known, event.broken_at + MINUTE_MS)
            place = event.broken_at // MINUTE_MS
            assert bars[place][3] > event.level if event.side == "BUY" else bars[place][3] < event.level
