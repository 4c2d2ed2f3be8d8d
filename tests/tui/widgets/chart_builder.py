"""A small market with structure for pictures of charts, from literals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.messages import Bar, Chart, ChartBar, ChartLevel, ChartMark, ChartZone
from tests.builders import CATEGORY, VENUE

MINUTE_MS = 60_000
FIRST_MS = 1_795_260_600_000  # 2026-11-21 11:30 UTC
CLOSES = (
    100.0, 100.6, 101.3, 101.1, 102.2, 103.0, 102.4, 101.5, 101.9, 101.0, 100.4, 101.2, 102.0, 103.4, 104.6, 104.2,
    105.0, 106.1, 105.4, 104.9, 105.3, 104.4, 103.6, 104.1,
)  # fmt: skip


def at(place: int) -> int:
    """Open time of a bar, counted from the first; negative before it."""
    return FIRST_MS + place * MINUTE_MS


def bars(closes: Sequence[float] = CLOSES) -> tuple[ChartBar, ...]:
    """Each bar opens at the close before it; wicks of 0.4 above and 0.3 below."""
    found = []
    before = closes[0] - 0.5
    for place, close in enumerate(closes):
        high, low = max(before, close) + 0.4, min(before, close) - 0.3
        found.append(ChartBar(at(place), before, high, low, close, 10.0 + 7.0 * (place % 5), False))
        before = close
    return tuple(found)


def history(count: int = 80) -> tuple[ChartBar, ...]:
    """Quiet bars before the first of `bars`."""
    return tuple(ChartBar(at(place), 99.6, 99.9, 99.2, 99.5, 4.0, False) for place in range(-count, 0))


def chart(shown: Sequence[ChartBar] | None = None, **parts: Any) -> Chart:
    """A chart of these bars, bare unless marks, zones or levels are given."""
    shown = bars() if shown is None else tuple(shown)
    known_at = shown[-1].open_ms + MINUTE_MS if shown else 0
    return Chart(
        venue=VENUE, category=CATEGORY, symbol="SOLUSDT", timeframe="1m", bars=tuple(shown),
        marks=parts.get("marks", ()), zones=parts.get("zones", ()), levels=parts.get("levels", ()), known_at=known_at,
    )  # fmt: skip


def forming(close: float, place: int = len(CLOSES), volume: float = 5.0) -> Bar:
    """The bar in the making after the last closed one."""
    return Bar(
        venue=VENUE, category=CATEGORY, symbol="SOLUSDT", timeframe="1m", open_ms=at(place), open=104.1,
        high=max(104.1, close), low=min(104.1, close), close=close, volume=volume, quote_volume=0.0, trades=1,
        taker_buy_volume=0.0, closed=False, known_at=at(place) + 1_000,
    )  # fmt: skip


def swing(place: int, side: str, label: str) -> ChartMark:
    """A pivot, known three bars later."""
    bar = bars()[place]
    return ChartMark(
        kind="swing", side=side, t_event=at(place), t_known=at(place + 4), level=bar.high if side == "high" else bar.low,
        label=label,
    )  # fmt: skip


def change(place: int, side: str) -> ChartMark:
    """A change of state at the close of a bar."""
    return ChartMark(
        kind="state", side=side, t_event=at(place), t_known=at(place + 1), level=bars()[place].close, label=side
    )


BOS = ChartMark(
    kind="bos", side="BUY", t_event=at(5), t_known=at(15), level=bars()[5].high, label="BOS", until_ms=at(14)
)
SWEEP = ChartMark(kind="sweep", side="BUY", t_event=at(10), t_known=at(11), level=bars()[10].low, label="sweep")
GAP = ChartZone(
    kind="fvg", side="BUY", top=103.0, bottom=102.4, t_event=at(13), t_known=at(15), until_ms=0, state="open"
)
BLOCK = ChartZone(
    kind="order_block", side="SELL", top=106.5, bottom=105.9, t_event=at(17), t_known=at(22), until_ms=0, state="open"
)
DAY_HIGH = ChartLevel(kind="day", side="high", price=105.2, label="prev day high", t_event=at(-1000), t_known=at(-500))
EQUAL_LOWS = ChartLevel(
    kind="liquidity", side="low", price=100.1, label="equal lows ×2", t_event=at(0), t_known=at(14), members=2
)

OLD_LOWS = ChartLevel(
    kind="liquidity", side="low", price=90.0, label="equal lows ×10", t_event=at(-90), t_known=at(-60), members=10
)


def full_chart() -> Chart:
    """Everything at once."""
    marks = (
        swing(5, "high", "HH"), swing(10, "low", "HL"), swing(17, "high", "HH"), BOS, SWEEP, change(13, "BUY"),
        change(20, "HOLD"), change(22, "SELL"),
    )  # fmt: skip
    return chart(marks=marks, zones=(GAP, BLOCK), levels=(DAY_HIGH, EQUAL_LOWS))
