"""What a chart shows of hand-made structure, and that nothing on it was unknown at its last bar."""

from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.candles import CandleWindow
from core.messages import ChartLevel, ChartMark, ChartZone
from core.settings import Settings
from core.signals.chart import (
    BARS,
    LEVELS,
    MARKS,
    ZONES,
    build_chart,
    chart_bars,
    chart_levels,
    chart_marks,
    chart_zones,
)
from core.signals.higher import DAY_MS, HigherFrames
from core.signals.series import SymbolSignals, Turn
from core.signals.smc.event import NO_LEVELS, Levels, Pool, SmcEvent, Zone
from tests.core.signals.markets import CATEGORY, START_MS, VENUE, bar_of, coarser, walk, window_of

BAR_MS = 300_000


def swing(side: str, at: int, level: float, replaces: int = 0) -> SmcEvent:
    return SmcEvent("swing", side, at, at + 6, level, replaces=replaces)


def labels(marks: tuple[ChartMark, ...]) -> list[tuple[int, str]]:
    return [(mark.t_event, mark.label) for mark in marks]


def test_swings_are_named_against_the_one_of_their_side_before() -> None:
    history = [
        swing("high", 10, 100.0), swing("low", 20, 90.0), swing("high", 30, 105.0), swing("low", 40, 95.0),
        swing("high", 50, 103.0), swing("low", 60, 80.0),
    ]  # fmt: skip
    marks = chart_marks(history, (), 0)
    assert labels(marks) == [(10, "H"), (20, "L"), (30, "HH"), (40, "HL"), (50, "LH"), (60, "LL")]
    assert [(mark.kind, mark.t_known, mark.level) for mark in marks[:2]] == [("swing", 16, 100.0), ("swing", 26, 90.0)]


def test_a_swing_that_was_replaced_is_not_drawn_and_not_compared_with() -> None:
    history = [
        swing("high", 10, 100.0),
        swing("high", 20, 120.0),
        swing("high", 30, 130.0, 20),
        swing("high", 50, 125.0),
    ]
    assert labels(chart_marks(history, (), 0)) == [(10, "H"), (30, "HH"), (50, "LH")]


def test_a_break_reaches_from_the_broken_swing_to_the_bar_that_broke_it() -> None:
    history = [
        SmcEvent("bos", "BUY", 30, 76, 105.0, broken_at=75),
        SmcEvent("choch", "SELL", 40, 96, 95.0, broken_at=95),
        SmcEvent("sweep", "SELL", 90, 91, 107.0),
        SmcEvent("fvg", "BUY", 91, 93, 100.0, 101.0, 99.0),
        SmcEvent("order_block", "BUY", 91, 94, 100.0, 101.0, 99.0),
        SmcEvent("liquidity", "high", 91, 95, 100.0),
    ]
    bos, sweep, choch = chart_marks(history, (), 0)
    assert (bos.kind, bos.side, bos.label, bos.t_event, bos.until_ms, bos.t_known) == ("bos", "BUY", "BOS", 30, 75, 76)
    assert (choch.kind, choch.side, choch.label, choch.until_ms) == ("choch", "SELL", "CHoCH", 95)
    assert (sweep.kind, sweep.side, sweep.t_event, sweep.level) == ("sweep", "SELL", 90, 107.0)
    assert len(chart_marks(history, (), 76)) == 2, "what ended before the first bar shown is left out"


def test_changes_of_state_are_marks_among_the_others_in_order_of_knowledge() -> None:
    turns = [Turn(40, 45, "BUY", 101.5), Turn(70, 75, "HOLD", 99.0)]
    marks = chart_marks([swing("high", 44, 100.0)], turns, 0)
    assert [(mark.kind, mark.side, mark.t_event, mark.level) for mark in marks] == [
        ("state", "BUY", 40, 101.5), ("swing", "high", 44, 100.0), ("state", "HOLD", 70, 99.0),
    ]  # fmt: skip


def zone(t_known: int, until_ms: int = 0) -> Zone:
    made = Zone("fvg", "BUY", 101.0, 99.0, place=1, t_event=t_known - 2, t_known=t_known, size=1.0)
    made.until_ms, made.state = until_ms, "filled" if until_ms else "open"
    return made


def test_open_zones_and_those_that_ended_among_the_bars_shown() -> None:
    shown = chart_zones([zone(10), zone(11, 40), zone(12, 60), zone(70)], from_ms=50)
    assert [(z.t_known, z.until_ms, z.state) for z in shown] == [(10, 0, "open"), (12, 60, "filled"), (70, 0, "open")]
    assert (shown[0].kind, shown[0].side, shown[0].top, shown[0].bottom, shown[0].t_event) == (
        "fvg", "BUY", 101.0, 99.0, 8,
    )  # fmt: skip


def pool(side: str, level: float, t_known: int, members: int = 2, source: str = "equal", swept_ms: int = 0) -> Pool:
    made = Pool(side, level, members=members, place=1, t_event=t_known - 9, t_known=t_known, source=source)  # type: ignore[arg-type]
    made.swept_ms = swept_ms
    return made


def test_open_pools_and_the_extremes_of_the_day_and_week_before() -> None:
    levels = Levels(110.0, 90.0, START_MS, 120.0, 80.0, START_MS - 6 * DAY_MS)
    pools = [
        pool("high", 105.0, 50, members=3), pool("low", 95.0, 40), pool("low", 96.0, 60, swept_ms=70),
        pool("high", 110.0, 61, source="day", swept_ms=80), pool("low", 80.0, 62, source="week"),
        pool("high", 130.0, 63, source="day"),
    ]  # fmt: skip
    shown = chart_levels(pools, levels)
    assert [(level.kind, level.label, level.price, level.members) for level in shown] == [
        ("day", "prev day low", 90.0, 1),
        ("week", "prev week high", 120.0, 1),
        ("week", "prev week low", 80.0, 1),
        ("liquidity", "equal lows ×2", 95.0, 2),
        ("liquidity", "equal highs ×3", 105.0, 3),
    ]
    assert (shown[0].t_event, shown[0].t_known) == (START_MS, START_MS + DAY_MS)
    assert (shown[1].t_event, shown[1].t_known) == (START_MS - 6 * DAY_MS, START_MS + DAY_MS)
    assert chart_levels([], NO_LEVELS) == ()


def test_only_the_newest_are_kept() -> None:
    marks = chart_marks([swing("high", at, 100.0 + at) for at in range(MARKS + 5)], (), 0)
    assert [mark.t_event for mark in marks] == list(range(5, MARKS + 5))
    assert chart_zones([zone(10 + n) for n in range(ZONES + 5)], 0)[0].t_known == 15
    shown = chart_levels([pool("high", 100.0 + n, n) for n in range(LEVELS + 5)], Levels(1.0, 2.0, 3, 4.0, 5.0, 6))
    assert len(shown) == LEVELS
    assert shown[-1].t_known == LEVELS + 4


def test_bars_are_the_newest_up_to_the_one_the_series_stands_at() -> None:
    block = walk(3, 500)
    window = CandleWindow(2000)
    window.extend(block[:-1])
    window.append(block[-1], synthetic=True)
    bars = chart_bars(window)
    assert len(bars) == BARS
    assert [bar.synthetic for bar in bars[-2:]] == [False, True]
    assert (bars[-1].open_ms, bars[-1].open, bars[-1].high, bars[-1].low, bars[-1].close, bars[-1].volume) == tuple(
        block[-1, :6].tolist()
    )
    until = chart_bars(window, int(block[-6, 0]))
    assert (len(until), until[-1].open_ms) == (BARS, block[-6, 0])
    assert len(chart_bars(window_of(block[:7]))) == 7


def test_before_its_detectors_spoke_a_series_shows_bare_candles() -> None:
    shown = build_chart(SymbolSignals(VENUE, CATEGORY, "A", "5m"), window_of(walk(3, 500)))
    assert len(shown.bars) == BARS
    assert (shown.marks, shown.zones, shown.levels) == ((), (), ())
    assert shown.known_at == START_MS + 500 * BAR_MS
    empty = build_chart(SymbolSignals(VENUE, CATEGORY, "A", "5m"), CandleWindow(2000))
    assert (empty.bars, empty.known_at) == ((), 0)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1000), steps=st.integers(1, 60))
def test_nothing_shown_was_unknown_at_the_last_bar(seed: int, steps: int) -> None:
    block = walk(seed, 900)
    window = window_of(block[: 900 - steps])
    signals = SymbolSignals(VENUE, CATEGORY, "A", "5m")
    signals.frames = HigherFrames(())
    signals.frames.load("1d", coarser(walk(seed, 9000), "1d"))
    list(signals.open(window, Settings()))
    for row in block[900 - steps :]:
        window.append(row)
        signals.step(bar_of(row), Settings(), "")
    shown = build_chart(signals, window)
    assert shown.known_at == START_MS + 900 * BAR_MS == shown.bars[-1].open_ms + BAR_MS
    assert len(shown.bars) == BARS
    assert {mark.kind for mark in shown.marks} >= {"swing"}
    drawn: list[ChartMark | ChartZone] = [*shown.marks, *shown.zones]
    known: list[ChartMark | ChartZone | ChartLevel] = [*drawn, *shown.levels]
    for fact in known:
        assert fact.t_event < fact.t_known <= shown.known_at
    for item in drawn:
        assert item.until_ms <= shown.known_at
        assert max(item.t_event, item.until_ms) >= shown.bars[0].open_ms or not item.until_ms


def test_bars_that_closed_after_the_series_last_spoke_are_not_shown_yet() -> None:
    block = walk(3, 900)
    window = window_of(block[:899])
    signals = SymbolSignals(VENUE, CATEGORY, "A", "5m")
    list(signals.open(window, Settings()))
    before = build_chart(signals, window)
    window.append(block[-1])
    assert build_chart(signals, window).bars == before.bars
    assert before.symbol == "A"
