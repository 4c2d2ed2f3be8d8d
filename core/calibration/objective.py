"""What a search is for: one number of each block of the training bars, their median, and what makes a trial infeasible.

Trades of a training stretch are judged in blocks of time; the median over them asks for steadiness (methods sheet 5).
Too few trades are a constraint, not a penalty: such a trial is never chosen, however good its few trades look.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.calibration.statistics import (
    closed_equity,
    lower_bound,
    max_drawdown,
    shrunk_profit_factor,
    wilson,
)

Floats = NDArray[np.float64]

BLOCKS = 4
"""Blocks of equal length in a training stretch."""
LEAST_TRADES = 30
LEAST_PER_BLOCK = 8
WORST = -10.0
"""Stands for a block with too few trades to say; below anything a block can be worth."""
DRAWDOWN_FLOOR = 0.02
"""Added to a drawdown before dividing by it: less than 2 % is luck."""


class Outcome(NamedTuple):
    """How a trial stands after some blocks. `violation` above 0: infeasible, by so many trades."""

    value: float
    drawdown: float
    trades: int
    violation: float


def outcome(objective: str, blocks: Sequence[Floats], whole: bool) -> Outcome:
    """The trades so far, results in R by block; `whole`: there are no more blocks."""
    values = [block_value(objective, results) for results in blocks]
    together = np.concatenate(blocks)
    short = sum(max(0, LEAST_PER_BLOCK - len(results)) for results in blocks)
    return Outcome(
        value=median([WORST if math.isnan(value) else value for value in values]),
        drawdown=max_drawdown(closed_equity(together)),
        trades=len(together),
        violation=float(max(short, LEAST_TRADES - len(together) if whole else 0)),
    )


def block_value(objective: str, results_r: Floats) -> float:
    """One block of trades by the objective settings name; more is better, NaN under two trades.

    `multi` searches the lower bound here, and the drawdown beside it. Raises KeyError on another name.
    """
    return _VALUES[objective](results_r) if len(results_r) > 1 else math.nan


def median(values: Sequence[float]) -> float:
    """Median of a few numbers."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2.0


def balance(value: float, drawdown: float) -> float:
    """Lower bound against drawdown, for one choice out of many good ones: LCB / (DD + 2 %)."""
    scale = drawdown + DRAWDOWN_FLOOR
    return value / scale if value > 0.0 else value * scale


def _win_rate(results_r: Floats) -> float:
    """Lower bound of the win rate above what these very gains and losses need to break even.

    The rate alone is won by a near target and a far stop.
    """
    wins = results_r[results_r > 0.0]
    losses = results_r[results_r <= 0.0]
    low, _ = wilson(len(wins), len(results_r))
    if not len(wins) or not len(losses):
        return low if len(wins) else -1.0
    gain, loss = float(wins.mean()), float(-losses.mean())
    return low - loss / (gain + loss)


def _recovery(results_r: Floats) -> float:
    """What the block made for the drawdown it took."""
    path = closed_equity(results_r)
    return balance(float(path[-1]) - 1.0, max_drawdown(path))


_VALUES: dict[str, Callable[[Floats], float]] = {
    "expectancy": lower_bound,
    "profit_factor": shrunk_profit_factor,
    "win_rate": _win_rate,
    "drawdown": _recovery,
    "multi": lower_bound,
}
