"""Short builders of candles for tests."""

from __future__ import annotations

import numpy as np

MINUTE = 60_000
START = 1_760_000_040_000 // MINUTE * MINUTE


def candle(index, price=100.0, volume=5.0, *, interval=MINUTE, start=START, trades=3.0, taker=2.0):
    """One row of nine values; the price moves half a unit up within the bar."""
    return [
        start + index * interval,
        price,
        price + 1.0,
        price - 1.0,
        price + 0.5,
        volume,
        volume * price,
        trades,
        taker,
    ]


def candles(first, count, **more):
    """A block of `count` candles from bar number `first`, each with its own price."""
    return np.array([candle(i, 100.0 + (i % 7), **more) for i in range(first, first + count)]).reshape(-1, 9)


def walk(count, seed=1, start=START, interval=MINUTE):
    """A random walk with volume, as a candle block."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.002, count)))
    open_ = np.concatenate([[100.0], close[:-1]])
    spread = np.abs(rng.normal(0, 0.1, (2, count)))
    block = np.empty((count, 9))
    block[:, 0] = start + np.arange(count) * interval
    block[:, 1], block[:, 4] = open_, close
    block[:, 2] = np.maximum(open_, close) + spread[0]
    block[:, 3] = np.minimum(open_, close) - spread[1]
    block[:, 5] = rng.lognormal(2, 0.5, count)
    block[:, 6] = block[:, 5] * close
    block[:, 7] = 10
    block[:, 8] = block[:, 5] / 2
    return block
