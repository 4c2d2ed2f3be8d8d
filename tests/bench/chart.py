"""The candle chart at its fullest: as many bars, marks, zones and levels as one message may carry."""

from __future__ import annotations

import random

import msgspec

from core.messages import Bar, Chart, ChartBar, ChartLevel, ChartMark, ChartZone
from tests.bench.timing import REPEATS, Figure, cpu_s
from tui.glyphs import UNICODE
from tui.widgets.chart_paint import ChartState, paint

WIDTH, HEIGHT = 100, 30
BARS, MARKS, ZONES, LEVELS = 400, 120, 60, 8
PAINTS = 20
MINUTE_MS = 60_000
FIRST_MS = 1_795_219_200_000


def full_chart(seed: int = 1) -> tuple[Chart, Bar]:
    """A random walk with marks, zones and levels all over it, most of them in view, and its forming bar."""
    rng = random.Random(seed)
    price, bars = 100.0, []
    for place in range(BARS):
        close = price + rng.gauss(0.0, 0.3)
        high, low = max(price, close) + rng.random() * 0.2, min(price, close) - rng.random() * 0.2
        bars.append(ChartBar(FIRST_MS + place * MINUTE_MS, price, high, low, close, 1.0 + rng.random() * 9.0, False))
        price = close
    recent = bars[-90:]
    marks, zones, levels = [], [], []
    for n in range(MARKS):
        bar = rng.choice(recent)
        known = bar.open_ms + MINUTE_MS
        if n % 3:
            marks.append(ChartMark(
                kind="swing", side="high", t_event=bar.open_ms, t_known=known, level=bar.high, label="HH",
            ))  # fmt: skip
        else:
            marks.append(ChartMark(
                kind="bos", side="BUY", t_event=bar.open_ms - 10 * MINUTE_MS, t_known=known, level=bar.high, label="BOS",
                until_ms=bar.open_ms,
            ))  # fmt: skip
    for _ in range(ZONES):
        bar = rng.choice(recent)
        zones.append(ChartZone(
            kind="fvg", side="SELL", top=bar.high, bottom=bar.low, t_event=bar.open_ms, t_known=bar.open_ms + MINUTE_MS,
            until_ms=0, state="open",
        ))  # fmt: skip
    for _ in range(LEVELS):
        bar = rng.choice(recent)
        levels.append(ChartLevel(
            kind="day", side="high", price=bar.high, label="prev day high", t_event=FIRST_MS, t_known=FIRST_MS,
        ))  # fmt: skip
    end_ms = FIRST_MS + BARS * MINUTE_MS
    chart = Chart(
        venue="v", category="spot", symbol="S", timeframe="1m", bars=tuple(bars), marks=tuple(marks),
        zones=tuple(zones), levels=tuple(levels), known_at=end_ms,
    )  # fmt: skip
    forming = Bar(
        venue="v", category="spot", symbol="S", timeframe="1m", open_ms=end_ms, open=price, high=price, low=price,
        close=price, volume=1.0, quote_volume=1.0, trades=1, taker_buy_volume=0.0, closed=False, known_at=end_ms,
    )  # fmt: skip
    return chart, forming


def chart_paint() -> list[Figure]:
    """CPU time of one whole picture, and how many of its lines an ordinary tick changes."""
    chart, bar = full_chart()
    state = ChartState(chart, bar, 2, MINUTE_MS)

    def paints() -> None:
        for _ in range(PAINTS):
            paint(state, WIDTH, HEIGHT, UNICODE)

    paints()
    whole_ms = min(cpu_s(paints) for _ in range(REPEATS)) / PAINTS * 1e3
    rng = random.Random(2)
    before, changed, ticks = paint(state, WIDTH, HEIGHT, UNICODE), 0, 200
    for _ in range(ticks):
        close = bar.close + rng.gauss(0.0, 0.02)
        bar = msgspec.structs.replace(bar, close=close, high=max(bar.high, close), low=min(bar.low, close))
        after = paint(ChartState(chart, bar, 2, MINUTE_MS, before=before.scales), WIDTH, HEIGHT, UNICODE)
        changed += sum(old != new for old, new in zip(before.lines, after.lines, strict=True))
        before = after
    size = f"{WIDTH}x{HEIGHT}, {BARS} bars, {MARKS} marks, {ZONES} zones"
    return [
        Figure(name="chart, whole paint", value=whole_ms, unit="ms", target=4.0, better="less", detail=size),
        Figure(name="chart, lines sent a tick", value=changed / ticks, unit="lines", target=3.0, better="less"),
    ]
