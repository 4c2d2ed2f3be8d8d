"""What a list of closed trades says: profit factor, win rate with its interval, expectancy and its lower bound, drawdown.

Results are R-multiples after fees, spread and slippage (methods sheet 5). NaN means not known: too few trades to say.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PROFIT_FACTOR_CAP = 10.0
"""No profit factor is told above it: without losses the ratio has no bound."""
SHRINK_TRADES = 5.0
"""The shrunk profit factor adds this many average trades to both sides."""
WILSON_Z = 1.645
"""Standard errors of a two-sided 90 % interval."""
RISK_SHARE = 0.01
"""Share of the equity one R stands for in the equity path of trades."""


class TradeStatistics(Struct, frozen=True, kw_only=True):
    """One set of trades in numbers; expectancy, deviation and lower bound in R, rates and drawdown as fractions."""

    trades: int
    wins: int
    profit_factor: float
    shrunk_profit_factor: float
    win_rate: float
    win_rate_low: float
    win_rate_high: float
    expectancy_r: float
    deviation_r: float
    t_value: float
    lower_bound_r: float
    max_drawdown: float
    trades_per_day: float


def trade_statistics(
    results_r: Floats, days: float, *, equity: Floats | None = None, risk: float = RISK_SHARE
) -> TradeStatistics:
    """All numbers of the trades `results_r` (n,) that `days` of history gave.

    `equity`: the path marked bar by bar, for the drawdown; without it the drawdown is that of the closed trades at `risk`
    a trade, which leaves out what open trades went through.
    Raises ValueError on a result that is not a number or on a history of no length.
    """
    results = _checked(results_r)
    if not days > 0.0:
        raise ValueError(f"trades per day need a history longer than 0 days, got {days}")
    wins = int(np.count_nonzero(results > 0.0))
    low, high = wilson(wins, len(results))
    mean, deviation = expectancy(results), spread(results)
    error = deviation / math.sqrt(len(results)) if len(results) else math.nan
    return TradeStatistics(
        trades=len(results),
        wins=wins,
        profit_factor=profit_factor(results),
        shrunk_profit_factor=shrunk_profit_factor(results),
        win_rate=wins / len(results) if len(results) else math.nan,
        win_rate_low=low,
        win_rate_high=high,
        expectancy_r=mean,
        deviation_r=deviation,
        t_value=mean / error if error > 0.0 else math.nan,
        lower_bound_r=lower_bound(results),
        max_drawdown=max_drawdown(closed_equity(results, risk) if equity is None else equity),
        trades_per_day=len(results) / days,
    )


def profit_factor(results_r: Floats) -> float:
    """Sum of gains over sum of losses, at most 10; NaN when there is neither gain nor loss."""
    gains, losses = _sides(results_r)
    if losses == 0.0:
        return PROFIT_FACTOR_CAP if gains > 0.0 else math.nan
    return min(PROFIT_FACTOR_CAP, gains / losses)


def shrunk_profit_factor(results_r: Floats) -> float:
    """Profit factor with five average trades added to gains and to losses: few trades stay near 1; NaN without any."""
    gains, losses = _sides(results_r)
    if gains + losses == 0.0:
        return math.nan
    extra = SHRINK_TRADES * (gains + losses) / len(results_r)
    return (gains + extra) / (losses + extra)


def wilson(wins: int, trades: int, z: float = WILSON_Z) -> tuple[float, float]:
    """Two-sided interval of a share (Wilson, 1927), 90 % by default; (0, 1) without any trade: everything is possible.

    Raises ValueError when `wins` is not within 0..`trades`.
    """
    if not 0 <= wins <= trades:
        raise ValueError(f"a share needs wins within 0..trades, got {wins} of {trades}")
    if trades == 0:
        return 0.0, 1.0
    share, square = wins / trades, z * z
    middle = (share + square / (2.0 * trades)) / (1.0 + square / trades)
    half = z * math.sqrt(share * (1.0 - share) / trades + square / (4.0 * trades * trades)) / (1.0 + square / trades)
    # At 0 and at 1 the bound is the share itself; rounding must not put it past.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def expectancy(results_r: Floats) -> float:
    """Mean R; NaN without trades."""
    return float(results_r.mean()) if len(results_r) else math.nan


def spread(results_r: Floats) -> float:
    """Sample standard deviation of R; NaN under two trades."""
    return float(results_r.std(ddof=1)) if len(results_r) > 1 else math.nan


def lower_bound(results_r: Floats, errors: float = 1.0) -> float:
    """Expectancy less `errors` standard errors, E - s/sqrt(n): the default objective; NaN under two trades."""
    if len(results_r) < 2:
        return math.nan
    return expectancy(results_r) - errors * spread(results_r) / math.sqrt(len(results_r))


def closed_equity(results_r: Floats, risk: float = RISK_SHARE) -> Floats:
    """Equity (n + 1,) from 1.0 on when each R is worth `risk` of it, known only at the closes; 0.0 is ruin and stays."""
    factors = np.maximum(0.0, 1.0 + risk * np.asarray(results_r, dtype=np.float64))
    return np.concatenate([[1.0], np.cumprod(factors)])


def max_drawdown(equity: Floats) -> float:
    """Deepest fall from a peak as a fraction of it, max(1 - equity / peak); above 1 only when more than all was lost.

    Raises ValueError when the path is empty, holds NaN or does not start above zero.
    """
    if not len(equity) or not equity[0] > 0.0 or bool(np.isnan(equity).any()):
        raise ValueError("a drawdown needs an equity path without NaN that starts above 0")
    return float(np.max(1.0 - equity / np.maximum.accumulate(equity)))


def _sides(results_r: Floats) -> tuple[float, float]:
    """Sum of the gains and sum of the losses, both positive."""
    return float(results_r[results_r > 0.0].sum()), float(-results_r[results_r < 0.0].sum())


def _checked(results_r: Floats) -> Floats:
    results = np.asarray(results_r, dtype=np.float64)
    if not bool(np.isfinite(results).all()):
        raise ValueError("trade results must be numbers: leave trades that have not ended out")
    return results
