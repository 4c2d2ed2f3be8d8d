"""How a one-minute bar becomes trades, by a rule cheap enough to run over months of bars.

A minute's trades print at no more than `SLOTS` prices, visited in order: the open, the two extremes, the close, and
points between. Each slot has one taker side, a number of trades and a number of lots. Turnover and taker-buy columns
are sums over slots, so history needs no single trade, and a streamed minute (`split_minute`) still adds up to its bar.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

SLOTS = 8
TABLE = 1 << 17

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class NoiseTable:
    """Random numbers drawn once; a slice at a hashed offset serves one day of one symbol at no cost."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 0x510D])
        self._normal = rng.standard_normal(TABLE)
        self._uniform = rng.random(TABLE)
        self._size = rng.standard_exponential(TABLE) + 0.05

    def block(self, key: int, rows: int) -> tuple[Floats, Floats, Floats]:
        """Normals, uniforms in [0, 1) and positive size weights, each (rows, SLOTS), the same for the same key."""
        need = rows * SLOTS
        offset = (key * 0x9E3779B1 % 0xFFFFFFFB) % (TABLE - need)
        end = offset + need
        shape = (rows, SLOTS)
        return (
            self._normal[offset:end].reshape(shape),
            self._uniform[offset:end].reshape(shape),
            self._size[offset:end].reshape(shape),
        )


class MinuteShapes(msgspec.Struct, frozen=True):
    """Arrays of length n: what a bar fixes. A bar with no trades has volume 0 and one price.

    With 1 trade all prices are equal, with 2 the extremes are the open and the close, with 3 only one extreme differs.
    """

    opens: Ints
    highs: Ints
    lows: Ints
    closes: Ints
    volumes: Ints
    trades: Ints


class MinuteSlots(msgspec.Struct, frozen=True):
    """(n, SLOTS) each: price, lots, trades and taker side of every slot; unused slots have 0 lots and 0 trades."""

    prices: Ints
    lots: Ints
    counts: Ints
    buys: Flags


def fill_slots(bars: MinuteShapes, noise: tuple[Floats, Floats, Floats]) -> MinuteSlots:
    """Prices, lots and sides of the slots of each bar; highs, lows, opens, closes and volumes are hit exactly."""
    normal, uniform, weight = noise
    used = np.minimum(bars.trades, SLOTS)
    step = np.arange(SLOTS)
    prices = _slot_prices(bars, used, normal, uniform)
    divisor = np.maximum(used, 1)
    each, rest = np.divmod(bars.trades, divisor)
    in_use = step < used[:, None]
    counts = (each[:, None] + (step < rest[:, None])) * in_use
    cumulative = np.cumsum(weight * in_use, axis=1)
    share = cumulative / np.maximum(cumulative[:, -1:], 1e-300)
    edges = np.floor(share * (bars.volumes - bars.trades)[:, None]).astype(np.int64)
    lots = counts.copy()
    lots[:, 0] += edges[:, 0]
    lots[:, 1:] += edges[:, 1:] - edges[:, :-1]
    # The taker follows the price, but one time in eight the other side was the impatient one.
    change = np.zeros_like(prices)
    np.subtract(prices[:, 1:], prices[:, :-1], out=change[:, 1:])
    against = uniform < 0.125
    buys = np.where(change == 0, uniform < 0.53, (change > 0) ^ against)
    return MinuteSlots(prices=prices, lots=lots, counts=counts, buys=buys)


def _slot_prices(bars: MinuteShapes, used: Ints, normal: Floats, uniform: Floats) -> Ints:
    """Open, first extreme, second extreme, close at chosen slots; a noisy line between them, inside the bar."""
    inner = np.maximum(used - 2, 1)
    first = 1 + (uniform[:, 0] * inner).astype(np.int64)
    shift = 1 + (uniform[:, 1] * np.maximum(inner - 1, 1)).astype(np.int64)
    second = 1 + (first - 1 + shift) % inner
    first, second = np.minimum(first, second), np.maximum(first, second)
    rising = bars.closes > bars.opens
    high_first = uniform[:, 2] < np.where(rising, 0.3, 0.7)
    at_first = np.where(high_first, bars.highs, bars.lows)
    at_second = np.where(high_first, bars.lows, bars.highs)
    three = used == 3
    single = np.where(bars.highs > np.maximum(bars.opens, bars.closes), bars.highs, bars.lows)
    at_first, at_second = np.where(three, single, at_first), np.where(three, single, at_second)
    few = used < 3
    at_first, at_second = np.where(few, bars.opens, at_first), np.where(few, bars.opens, at_second)
    first, second = np.where(few, 0, np.where(three, 1, first)), np.where(few, 0, np.where(three, 1, second))
    last = np.maximum(used - 1, 0)

    step = np.arange(SLOTS)
    opens, closes = bars.opens[:, None], bars.closes[:, None]
    one, two = first[:, None], second[:, None]
    f_price, s_price = at_first[:, None], at_second[:, None]
    to_first = opens + (f_price - opens) * (step / np.maximum(one, 1))
    to_second = f_price + (s_price - f_price) * ((step - one) / np.maximum(two - one, 1))
    to_last = s_price + (closes - s_price) * ((step - two) / np.maximum(last[:, None] - two, 1))
    line = np.where(step <= one, to_first, np.where(step <= two, to_second, to_last))
    line += normal * ((bars.highs - bars.lows) * 0.12)[:, None]
    rounded = np.rint(line).astype(np.int64)
    np.clip(rounded, bars.lows[:, None], bars.highs[:, None], out=rounded)
    rows = np.arange(len(used))
    rounded[rows, second] = at_second
    rounded[rows, first] = at_first
    rounded[:, 0] = bars.opens
    rounded[rows, last] = bars.closes
    return rounded


def slot_columns(slots: MinuteSlots) -> tuple[Ints, Ints, Ints]:
    """quote_ticklots, taker_buy_lots and taker_buy_ticklots of each bar."""
    value = slots.prices * slots.lots
    return (
        value.sum(axis=1),
        (slots.lots * slots.buys).sum(axis=1),
        (value * slots.buys).sum(axis=1),
    )


class MinuteTrades(msgspec.Struct, frozen=True):
    """One minute's trades in order, arrays of length n."""

    prices: Ints
    lots: Ints
    buys: Flags


def split_minute(slots: MinuteSlots, row: int, weights: Floats) -> MinuteTrades:
    """The trades of one bar: each slot's lots split by `weights` (positive, one per trade), one lot at least each."""
    counts = slots.counts[row]
    total = int(counts.sum())
    slot = np.repeat(np.arange(SLOTS), counts)
    ends = np.cumsum(counts)
    sums = np.concatenate(([0.0], np.cumsum(weights[:total])))
    base, top = sums[ends - counts], sums[ends]
    share = (sums[1:] - base[slot]) / (top - base)[slot]
    edges = np.floor(share * (slots.lots[row] - counts)[slot]).astype(np.int64)
    before = np.zeros_like(edges)
    before[1:] = edges[:-1]
    before[(ends - counts)[counts > 0]] = 0
    return MinuteTrades(prices=slots.prices[row][slot], lots=1 + edges - before, buys=slots.buys[row][slot])
