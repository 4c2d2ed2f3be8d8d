"""Bars as columns of a chart: one bar a column, several bars in one, or one bar over several, and which of them show."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from core.messages import Bar, Chart, ChartBar

ZOOMS: tuple[tuple[int, int], ...] = ((1, 12), (1, 8), (1, 6), (1, 4), (1, 3), (1, 2), (1, 1), (2, 1), (3, 1))
"""(cells a column is wide, bars it holds), from far to near."""
ZOOM_PLAIN = ZOOMS.index((1, 1))


class Column(NamedTuple):
    """One candle as drawn. `first_ms` and `last_ms` are the open times of its first and last bar."""

    first_ms: int
    last_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    synthetic: bool
    forming: bool

    @property
    def is_priced(self) -> bool:
        """Whether it can be drawn: every price is a number."""
        return math.isfinite(self.open + self.high + self.low + self.close)


class Window(NamedTuple):
    """The columns that show, oldest first; the last one stands right. `known_ms` is when its newest closed bar ended.

    `follows`: the newest column there is stands right.
    """

    columns: tuple[Column, ...]
    firsts: tuple[int, ...]
    known_ms: int
    follows: bool

    def place(self, at_ms: int) -> int:
        """The column that holds this time; -1 before the first one."""
        return bisect_right(self.firsts, at_ms) - 1


def columns_of(bars: Sequence[ChartBar], forming: Bar | None, step_ms: int, held: int) -> list[Column]:
    """All columns, oldest first. Bars share a column by their place on the clock, so a new bar never regroups old ones.

    A forming bar older than the newest closed one is yesterday's news and left out.
    """
    columns = [
        Column(bar.open_ms, bar.open_ms, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.synthetic, False)
        for bar in bars
    ]
    if forming is not None and (not bars or forming.open_ms > bars[-1].open_ms):
        at_ms = forming.open_ms
        columns.append(
            Column(
                at_ms, at_ms, forming.open, forming.high, forming.low, forming.close, forming.volume,
                forming.synthetic, True,
            )
        )  # fmt: skip
    if held == 1:
        return columns
    joined: list[Column] = []
    span = held * step_ms
    for column in columns:
        if joined and joined[-1].first_ms // span == column.first_ms // span:
            joined[-1] = _join(joined[-1], column)
        else:
            joined.append(column)
    return joined


def _join(old: Column, new: Column) -> Column:
    if not new.is_priced:
        return old._replace(last_ms=new.last_ms)
    if not old.is_priced:
        return new._replace(first_ms=old.first_ms)
    return Column(
        old.first_ms, new.last_ms, old.open, max(old.high, new.high), min(old.low, new.low), new.close,
        old.volume + new.volume, old.synthetic and new.synthetic, new.forming,
    )  # fmt: skip


def window_of(columns: Sequence[Column], shown: int, anchor_ms: int, step_ms: int) -> Window:
    """The last `shown` columns up to the one that holds `anchor_ms`; 0 follows the newest."""
    end = len(columns)
    if anchor_ms and columns:
        end = max(1, bisect_right([column.first_ms for column in columns], anchor_ms))
        end = min(len(columns), max(end, min(shown, len(columns))))
    picked = tuple(columns[max(0, end - shown) : end])
    known_ms = 0
    if picked:
        newest = picked[-1]
        # The forming bar is known only as a price: what it will confirm is not.
        known_ms = newest.last_ms if newest.forming else newest.last_ms + step_ms
    return Window(picked, tuple(column.first_ms for column in picked), known_ms, end == len(columns))


def step_of(chart: Chart, timeframe_ms: int) -> int:
    """Length of a bar, ms: the timeframe's own, or for one we do not know the smallest distance of two bars."""
    if timeframe_ms:
        return timeframe_ms
    opens = [bar.open_ms for bar in chart.bars]
    return min((b - a for a, b in pairwise(opens) if b > a), default=60_000)


def moved_anchor(columns: Sequence[Column], anchor_ms: int, by: int, shown: int) -> int:
    """The anchor `by` columns later (negative: earlier); 0 when that reaches the newest. The oldest page is the end."""
    firsts = [column.first_ms for column in columns]
    place = bisect_left(firsts, anchor_ms) if anchor_ms else len(firsts) - 1
    place = max(min(shown, len(firsts)) - 1, place + by)
    return firsts[place] if 0 <= place < len(firsts) - 1 else 0
