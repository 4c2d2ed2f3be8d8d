"""The scales of a chart: which price is on which row, round prices for the axis, and a vertical scale that stays calm.

A scale is kept while every price shown fits and uses most of it, so that a tick moves one candle and not the picture.
Everything is counted in half rows, two steps a cell, from the bottom.
"""

from __future__ import annotations

import math
from typing import NamedTuple

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Round steps within one power of ten."""
FINE_STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
USED_LEAST = 0.55
"""A kept scale must still be filled by this share of its height; otherwise the picture is flatter than it need be."""
FLAT_SHARE = 0.002
"""Height of the scale around one single price, as a share of it."""
ROWS_PER_TICK = 3


class PriceScale(NamedTuple):
    """Prices from the bottom edge to the top edge of `rows` rows."""

    low: float
    high: float
    rows: int

    def half(self, price: float) -> int:
        """The half row a price is in, 0 at the bottom; beyond the edges less than 0 or at least `2 * rows`."""
        place = (price - self.low) / (self.high - self.low) * (2 * self.rows)
        half = math.floor(min(1e6, max(-1e6, place)))
        return half if price >= self.high else min(half, 2 * self.rows - 1)  # rounding must not lift it over the edge

    def row(self, price: float) -> int:
        """The row of a price, 0 at the top; may lie outside."""
        return self.rows - 1 - self.half(price) // 2

    def shows(self, price: float) -> bool:
        """Whether the price is between the edges. NaN is not."""
        return self.low <= price < self.high


def round_step(least: float, steps: tuple[float, ...] = STEPS) -> float:
    """The smallest of `steps` times a power of ten that is not below `least` > 0."""
    power = 10.0 ** math.floor(math.log10(least))
    return next((step * power for step in steps if step * power >= least * (1 - 1e-9)), 10.0 * power)


def fit_prices(low: float, high: float, rows: int, spare_rows: int, before: PriceScale | None) -> PriceScale | None:
    """A scale for prices from `low` to `high` with `spare_rows` free above and below; `before` is kept when it serves.

    None for prices no scale can hold: not finite, or a span beyond the range of floats.
    """
    span = high - low
    if rows < 1 or not math.isfinite(low) or not math.isfinite(high) or not math.isfinite(span * 4.0):
        return None
    if before is not None and before.rows == rows and before.low <= low and high < before.high:
        # Half the spare rows may be used up before the picture moves.
        slack = (before.high - before.low) / rows * spare_rows * 0.5
        fits = low - before.low >= slack and before.high - high > slack
        if fits and span >= (before.high - before.low) * USED_LEAST * max(1, rows - 2 * spare_rows) / rows:
            return before
    least = max(abs(high) * 1e-9, 1e-300)
    if span < least:
        half = max(abs(high) * FLAT_SHARE, least) / 2.0
        low, high = low - half, high + half
        span = high - low
    body = max(1, rows - 2 * spare_rows)
    pad = span / body * spare_rows
    grain = round_step(span / body / 2.0)
    bottom, top = math.floor((low - pad) / grain) * grain, math.ceil((high + pad) / grain) * grain
    if top <= high:
        top += grain
    return PriceScale(bottom, top, rows) if math.isfinite(top - bottom) and top > bottom else None


def price_ticks(scale: PriceScale, decimals: int) -> list[tuple[int, float]]:
    """Round prices for the axis as (row, price), top first, at least `ROWS_PER_TICK` rows apart.

    No step is finer than the instrument's own tick, so every label is exact at `decimals`.
    """
    least = (scale.high - scale.low) / scale.rows * ROWS_PER_TICK
    unit = 10.0**-decimals
    step = round_step(max(least, unit))
    if abs(step / unit - round(step / unit)) > 1e-6:  # 2.5 ticks
        step = round_step(step * 1.5)
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    if not 0 <= last - first <= 4 * scale.rows:  # a span below the precision of floats at this price
        return []
    ticks = [(scale.row(i * step), i * step) for i in range(last, first - 1, -1)]
    return [(row, price) for row, price in ticks if 0 <= row < scale.rows]


def fit_volume(most: float, before: float) -> float:
    """The volume of a full-height bar: round, kept while the largest volume shown needs half to all of it."""
    if not most > 1e-300 or not math.isfinite(most):
        return 0.0
    return before if before / 2.0 <= most <= before else round_step(most, FINE_STEPS)
