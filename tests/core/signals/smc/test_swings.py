"""Swings: the online list is the thinned list of pivots, alternates, and every pivot is known its length later."""

from hypothesis import given
from hypothesis import strategies as st

from core.signals.smc.engine import SmcRules
from core.signals.smc.event import SmcEvent
from tests.core.signals.smc.tape import MINUTE_MS, TREND, Candle, Run, candles, path

Pivot = tuple[str, int, float]


def thinned(bars: list[Candle], length: int) -> list[Pivot]:
    """The definition, all at once: pivots of the whole list, then of each run of one side the first most extreme."""
    kept: list[Pivot] = []
    for place in range(2 * length - 1, len(bars) - length):
        window = bars[place - length + 1 : place + length + 1]
        high, low = bars[place][1], bars[place][2]
        if high == max(bar[1] for bar in window):
            pivot = ("high", place, high)
        elif low == min(bar[2] for bar in window):
            pivot = ("low", place, low)
        else:
            continue
        if kept and kept[-1][0] == pivot[0]:
            sign = 1.0 if pivot[0] == "high" else -1.0
            if sign * pivot[2] > sign * kept[-1][2]:
                kept[-1] = pivot
        else:
            kept.append(pivot)
    return kept


def told(events: list[SmcEvent]) -> list[Pivot]:
    """What a reader of the events holds to be the swings."""
    kept: list[SmcEvent] = []
    for event in events:
        if event.replaces:
            gone = kept.pop()
            assert (gone.t_event, gone.side) == (event.replaces, event.side)
        kept.append(event)
    return [(event.side, event.t_event // MINUTE_MS, event.level) for event in kept]


@given(bars=candles, length=st.integers(1, 6))
def test_the_events_make_up_the_thinned_list(bars: list[Candle], length: int) -> None:
    run = Run(SmcRules("trend", length, 0.1, 0.15, 1.5), first=1)  # no bar opens at 0, which means no replacement
    run.feed(bars)
    swings = run.of("swing")
    shifted = [(side, place + 1, price) for side, place, price in thinned(bars, length)]
    assert told(swings) == shifted
    assert all(event.t_known == event.t_event + (length + 1) * MINUTE_MS for event in swings)
    newest = [(swing.side, swing.t_event // MINUTE_MS, swing.price) for swing in run.engine.swings]
    assert newest == shifted[len(shifted) - len(newest) :]
    assert len({swing.side for swing in run.engine.swings[-2:]}) == len(run.engine.swings[-2:])


def test_of_equal_highs_the_first_stays() -> None:
    run = Run()
    run.feed(path(100, 110, 104, 110, 104, 110, 100, bars=6))
    assert [(event.side, event.level) for event in run.of("swing")] == [
        ("high", 110.0), ("low", 104.0), ("high", 110.0), ("low", 104.0), ("high", 110.0),
    ]  # fmt: skip
    flat = Run()
    flat.feed([(100.0, 101.0, 99.0, 100.0)] * 40)
    assert [(event.side, event.t_event) for event in flat.of("swing")] == [("high", 3 * MINUTE_MS)]


def test_only_a_bounded_number_is_kept() -> None:
    run = Run(TREND)
    run.feed(path(*[100, 110] * 200))
    assert len(run.of("swing")) > 300
    assert 4 <= len(run.engine.swings) < 70
