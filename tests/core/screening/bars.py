"""One-minute bars and trigger columns for the tests of Stage 1, built from literals and seeds."""

from __future__ import annotations

import math

import numpy as np

from core.screening.columns import COLUMNS, TriggerColumns
from core.venue import CandleBlock
from tests.core.signals.markets import walk

MINUTE_MS = 60_000
CALM = {
    "open_ms": 0.0, "close": 100.0, "usable": 1.0, "body": 0.0, "atr": 0.1, "natr": 0.001, "volume_mean": 10.0,
    "volume_std": 2.0, "volume_z_plain": 0.0, "volume_z": 0.0, "rsi": 50.0, "rsi_low": 30.0, "rsi_high": 70.0,
    "divergence_up": 0.0, "divergence_down": 0.0, "up_level": 101.0, "up_distance": -1.0, "down_level": 99.0,
    "down_distance": -1.0, "level_distance": 1.0, "vwap": 100.0, "vwap_deviation": 0.0, "vwap_sigma": 0.002,
    "depeg": 0.0,
}  # fmt: skip
"""A bar on which nothing fires under default thresholds."""
assert set(CALM) == set(COLUMNS)


def row(tick: float = 0.0, **values: float) -> TriggerColumns:
    """Columns of one bar: calm but for what is given."""
    assert set(values) <= set(COLUMNS)
    return TriggerColumns(tick=tick, **{name: np.array([value]) for name, value in (CALM | values).items()})


def unknown() -> TriggerColumns:
    """Columns of one bar of which nothing is known."""
    return row(**{name: math.nan for name in COLUMNS if name != "usable"}, usable=0.0)


def minutes(seed: int, bars: int, volatility: float = 0.001) -> CandleBlock:
    """A random walk of one-minute bars, (bars, 9)."""
    return walk(seed, bars, "1m", volatility)


def saw(seed: int, bars: int, price: float = 100.0) -> CandleBlock:
    """A market that steps a tenth of a percent up and down again: RSI near 50, no swing, only its volume differs."""
    block = minutes(seed, bars)
    close = price * (1.0 + 0.001 * (np.arange(bars) % 2))
    first = np.concatenate([close[:1], close[:-1]])
    block[:, 1], block[:, 2], block[:, 3], block[:, 4] = (
        first,
        np.maximum(first, close),
        np.minimum(first, close),
        close,
    )
    block[:, 5] = np.random.default_rng(seed).lognormal(3.0, 0.3, bars)
    block[:, 6], block[:, 8] = block[:, 5] * close, block[:, 5] / 2.0
    return block


def flat(bars: int, price: float = 100.0, volume: float = 5.0) -> CandleBlock:
    """A halted market: one price, one volume."""
    block = minutes(0, bars)
    block[:, 1:5] = price
    block[:, 5] = volume
    return block


def same(one: TriggerColumns, other: TriggerColumns, tolerance: float = 1e-9) -> dict[str, float]:
    """Names of the columns that differ, with the largest difference (NaN against a number: infinite)."""
    found = {}
    for name in COLUMNS:
        mine, theirs = getattr(one, name), getattr(other, name)
        scale = np.maximum(1.0, np.abs(theirs))
        off = np.where(np.isnan(mine) & np.isnan(theirs), 0.0, np.abs(mine - theirs) / scale)
        off = np.where(np.isnan(off), np.inf, off)
        if len(off) and off.max() > tolerance:
            found[name] = float(off.max())
    return found


def part(columns: TriggerColumns, start: int, end: int) -> TriggerColumns:
    """The bars from `start` until before `end`."""
    return TriggerColumns(tick=columns.tick, **{name: getattr(columns, name)[start:end] for name in COLUMNS})
