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

    def block(self, key: int, bars: int) -> tuple[Floats, Floats, Floats]:
        """Normals, uniforms in [0, 1) and positive size weights, each (SLOTS, bars), the same for the same key."""
        need = bars * SLOTS
        offset = (key * 0x9E3779B1 % 0xFFFFFFFB) % (TABLE - need)
        end = offset + need
        shape = (SLOTS, bars)
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
    """(SLOTS, n) each: price, lots, trades and taker side of every slot; unused slots have 0 lots and 0 trades."""

    prices: Ints
    lots: Ints
    counts: Ints
    buys: Flags

    def cut(self, first: int, last: int) -> MinuteSlots:
        """A copy of the bars from `first` up to `last`."""
        part = slice(first, last)
        return MinuteSlots(
            prices=self.prices[:, part].copy(),
            lots=self.lots[:, part].copy(),
            counts=self.counts[:, part].copy(),
            buys=self.buys[:, part].copy(),
        )


_STEP = np.arange(SLOTS)[:, None]


def fill_slots(bars: MinuteShapes, noise: tuple[Floats, Floats, Floats]) -> MinuteSlots:
    """Prices, lots and sides of the slots of each bar; highs, lows, opens, closes and volumes are hit exactly."""
    normal, uniform, weight = noise
    used = np.minimum(bars.trades, SLOTS)
    prices = _slot_prices(bars, used, normal, uniform)
    each, rest = np.divmod(bars.trades, np.maximum(used, 1))
    in_use = used > _STEP
    counts = (each + (rest > _STEP)) * in_use
    cumulative = np.cumsum(weight * in_use, axis=0)
    edges = np.floor(cumulative * ((bars.volumes - bars.trades) / np.maximum(cumulative[-1], 1e-300))).astype(np.int64)
    # The last edge is the volume itself: rounding of the quotient above may miss it by one.
    edges[-1] = bars.volumes - bars.trades
    np.minimum(edges, edges[-1], out=edges)
    lots = counts.copy()
    lots[0] += edges[0]
    lots[1:] += edges[1:] - edges[:-1]
    # What was left over may have landed in an unused slot; it belongs to the first.
    stray = lots * ~in_use
    lots -= stray
    lots[0] += stray.sum(axis=0)
    # The taker follows the price, but one time in eight the other side was the impatient one.
    change = np.zeros_like(prices)
    np.subtract(prices[1:], prices[:-1], out=change[1:])
    buys = np.where(change == 0, uniform < 0.53, (change > 0) ^ (uniform < 0.125))
    return MinuteSlots(prices=prices, lots=lots, counts=counts, buys=buys)


def _slot_prices(bars: MinuteShapes, used: Ints, normal: Floats, uniform: Floats) -> Ints:
    """Open, first extreme, second extreme, close at chosen slots; a noisy line between them, inside the bar."""
    inner = np.maximum(used - 2, 1)
    first = 1 + (uniform[0] * inner).astype(np.int64)
    shift = 1 + (uniform[1] * np.maximum(inner - 1, 1)).astype(np.int64)
    second = 1 + (first - 1 + shift) % inner
    first, second = np.minimum(first, second), np.maximum(first, second)
    high_first = uniform[2] < np.where(bars.closes > bars.opens, 0.3, 0.7)
    at_first = np.where(high_first, bars.highs, bars.lows)
    at_second = np.where(high_first, bars.lows, bars.highs)
    three = used == 3
    single = np.where(bars.highs > np.maximum(bars.opens, bars.closes), bars.highs, bars.lows)
    at_first, at_second = np.where(three, single, at_first), np.where(three, single, at_second)
    few = used < 3
    at_first, at_second = np.where(few, bars.opens, at_first), np.where(few, bars.opens, at_second)
    first, second = np.where(few, 0, np.where(three, 1, first)), np.where(few, 0, np.where(three, 1, second))
    last = np.maximum(used - 1, 0)

    to_first = (at_first - bars.opens) / np.maximum(first, 1)
    to_second = (at_second - at_first) / np.maximum(second - first, 1)
    to_last = (bars.closes - at_second) / np.maximum(last - second, 1)
    line = np.where(
        first >= _STEP,
        bars.opens + to_first * _STEP,
        np.where(
            second >= _STEP,
            (at_first - to_second * first) + to_second * _STEP,
            (at_second - to_last * second) + to_last * _STEP,
        ),
    )
    line += normal * ((bars.highs - bars.lows) * 0.12)
    rounded = np.rint(line).astype(np.int64)
    np.maximum(rounded, bars.lows, out=rounded)
    np.minimum(rounded, bars.highs, out=rounded)
    bar = np.arange(len(used))
    rounded[second, bar] = at_second
    rounded[first, bar] = at_first
    rounded[0] = bars.opens
    rounded[last, bar] = bars.closes
    return rounded


def slot_columns(slots: MinuteSlots) -> tuple[Ints, Ints, Ints]:
    """quote_ticklots, taker_buy_lots and taker_buy_ticklots of each bar."""
    value = slots.prices * slots.lots
    return (
        value.sum(axis=0),
        (slots.lots * slots.buys).sum(axis=0),
        (value * slots.buys).sum(axis=0),
    )


class MinuteTrades(msgspec.Struct, frozen=True):
    """One minute's trades in order, arrays of length n."""

    prices: Ints
    lots: Ints
    buys: Flags


def split_minute(slots: MinuteSlots, at: int, weights: Floats) -> MinuteTrades:
    """The trades of bar `at`: each slot's lots split by `weights` (positive, one per trade), one lot at least each."""
    counts = slots.counts[:, at]
    total = int(counts.sum())
    slot = np.repeat(np.arange(SLOTS), counts)
    ends = np.cumsum(counts)
    sums = np.concatenate(([0.0], np.cumsum(weights[:total])))
    base, top = sums[ends - counts], sums[ends]
    share = (sums[1:] - base[slot]) / (top - base)[slot]
    edges = np.floor(share * (slots.lots[:, at] - counts)[slot]).astype(np.int64)
    before = np.zeros_like(edges)
    before[1:] = edges[:-1]
    before[(ends - counts)[counts > 0]] = 0
    return MinuteTrades(prices=slots.prices[slot, at], lots=1 + edges - before, buys=slots.buys[slot, at])
