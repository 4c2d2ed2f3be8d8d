"""What a chart shows: the newest closed bars, and over them what was known by the close of the last one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from core.market.candles import CandleWindow
from core.messages import Chart, ChartBar, ChartLevel, ChartMark, ChartZone
from core.signals.higher import DAY_MS, WEEK_MS
from core.signals.series import SymbolSignals, Turn
from core.signals.smc.event import Levels, Pool, SmcEvent, SwingSide, Zone

BARS = 400
MARKS = 120
ZONES = 60
LEVELS = 30

_HIGHER = {"high": ("HH", "LH"), "low": ("HL", "LL")}
"""What a swing above and below the previous one of its side is called."""


def chart_bars(window: CandleWindow, last_ms: int | None = None) -> tuple[ChartBar, ...]:
    """The newest `BARS` closed bars, up to the one that opened at `last_ms`."""
    end = len(window) if last_ms is None else int(np.searchsorted(window.open_ms, last_ms, side="right"))
    start = max(0, end - BARS)
    columns = [window.column(index)[start:end].tolist() for index in range(6)]
    flags = window.synthetic[start:end].tolist()
    return tuple(
        ChartBar(int(open_ms), first, high, low, close, volume, flag)
        for open_ms, first, high, low, close, volume, flag in zip(*columns, flags, strict=True)
    )


def chart_marks(history: Iterable[SmcEvent], turns: Iterable[Turn], from_ms: int) -> tuple[ChartMark, ...]:
    """Swings, breaks of structure, sweeps and changes of state that reach `from_ms` or later, in order of knowledge.

    A swing that a more extreme one took the place of is not drawn.
    """
    events = list(history)
    marks = _swings(events)
    marks += [_break(event) for event in events if event.kind in ("bos", "choch")]
    marks += [_sweep(event) for event in events if event.kind == "sweep"]
    marks += [
        ChartMark(
            kind="state",
            side=turn.state,
            t_event=turn.open_ms,
            t_known=turn.known_at,
            level=turn.price,
            label=turn.state,
        )
        for turn in turns
    ]
    shown = [mark for mark in marks if max(mark.t_event, mark.until_ms) >= from_ms]
    shown.sort(key=lambda mark: (mark.t_known, mark.t_event))
    return tuple(shown[-MARKS:])


def _swings(events: Sequence[SmcEvent]) -> list[ChartMark]:
    """Each against the one of its side before it that stood: `HH`, `LH`, `HL`, `LL`; the first only `H` or `L`."""
    swings = [event for event in events if event.kind == "swing"]
    replaced = {(event.side, event.replaces) for event in swings if event.replaces}
    before: dict[str, float] = {}
    marks = []
    for event in swings:
        if (event.side, event.t_event) in replaced:
            continue
        above, below = _HIGHER[event.side]
        known = before.get(event.side)
        label = event.side[0].upper() if known is None else above if event.level > known else below
        before[event.side] = event.level
        marks.append(
            ChartMark(
                kind="swing",
                side=event.side,
                t_event=event.t_event,
                t_known=event.t_known,
                level=event.level,
                label=label,
            )
        )
    return marks


def _break(event: SmcEvent) -> ChartMark:
    return ChartMark(
        kind="bos" if event.kind == "bos" else "choch",
        side=event.side,
        t_event=event.t_event,
        t_known=event.t_known,
        level=event.level,
        label="BOS" if event.kind == "bos" else "CHoCH",
        until_ms=event.broken_at,
    )


def _sweep(event: SmcEvent) -> ChartMark:
    return ChartMark(
        kind="sweep", side=event.side, t_event=event.t_event, t_known=event.t_known, level=event.level, label="sweep"
    )


def chart_zones(zones: Iterable[Zone], from_ms: int) -> tuple[ChartZone, ...]:
    """Open gaps and order blocks, and those that ended at `from_ms` or later, in order of knowledge."""
    shown = [
        ChartZone(
            kind=zone.kind,
            side=zone.side,
            top=zone.top,
            bottom=zone.bottom,
            t_event=zone.t_event,
            t_known=zone.t_known,
            until_ms=zone.until_ms,
            state=zone.state,
        )
        for zone in zones
        if not 0 < zone.until_ms < from_ms
    ]
    shown.sort(key=lambda zone: (zone.t_known, zone.t_event))
    return tuple(shown[-ZONES:])


def chart_levels(pools: Iterable[Pool], levels: Levels) -> tuple[ChartLevel, ...]:
    """Open pools of equal highs and lows, newest last, after the extremes of the day and the week before.

    A day's or week's extreme that the structure already saw swept is left out.
    """
    known = list(pools)
    equal = [
        ChartLevel(
            kind="liquidity",
            side=pool.side,
            price=pool.level,
            label=f"equal {pool.side}s ×{pool.members}",
            t_event=pool.t_event,
            t_known=pool.t_known,
            members=pool.members,
        )
        for pool in known
        if pool.source == "equal" and not pool.swept_ms
    ]
    equal.sort(key=lambda level: (level.t_known, level.t_event))
    swept: set[tuple[str, SwingSide, float]] = {(pool.source, pool.side, pool.level) for pool in known if pool.swept_ms}
    extremes = _extremes(levels, swept)
    return (*extremes, *equal[-(LEVELS - len(extremes)) :])


def _extremes(levels: Levels, swept: set[tuple[str, SwingSide, float]]) -> list[ChartLevel]:
    found = []
    for kind, span_ms, open_ms, high, low in (
        ("day", DAY_MS, levels.day_ms, levels.day_high, levels.day_low),
        ("week", WEEK_MS, levels.week_ms, levels.week_high, levels.week_low),
    ):
        for side, price in (("high", high), ("low", low)):
            if price == price and (kind, side, price) not in swept:
                found.append(
                    ChartLevel(
                        kind="day" if kind == "day" else "week",
                        side="high" if side == "high" else "low",
                        price=price,
                        label=f"prev {kind} {side}",
                        t_event=open_ms,
                        t_known=open_ms + span_ms,
                    )
                )
    return found


def build_chart(signals: SymbolSignals, window: CandleWindow) -> Chart:
    """The chart of one series as of the newest bar its detectors spoke on; bare candles while there is none."""
    drive, last_ms = signals.drive, signals.last_open_ms
    bars = chart_bars(window, last_ms if drive is not None else None)
    known_at = bars[-1].open_ms + signals.interval_ms if bars else 0
    marks: tuple[ChartMark, ...] = ()
    zones: tuple[ChartZone, ...] = ()
    levels: tuple[ChartLevel, ...] = ()
    if drive is not None and bars:
        engine, from_ms = drive.scene.smc, bars[0].open_ms
        marks = chart_marks(engine.history, signals.turns, from_ms)
        zones = chart_zones(engine.zones, from_ms)
        levels = chart_levels(engine.pools, signals.frames.levels(known_at))
    return Chart(
        venue=signals.venue,
        category=signals.category,
        symbol=signals.symbol,
        timeframe=signals.timeframe,
        bars=bars,
        marks=marks,
        zones=zones,
        levels=levels,
        known_at=known_at,
    )
