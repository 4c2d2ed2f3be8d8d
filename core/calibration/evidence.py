"""What speaks against a calibration: all trials that were tried, run over the same bars, against the one that was chosen.

Results are summed by the hour and marked bar by bar, 0 without a position. The deflated Sharpe ratio is that of the joined
test stretches, deflated by every trial of every fold on those same bars: parameters picked with a look at the tests are
the best of many there, and fail. The probability of overfitting is over all bars that were searched or tested on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.calibration.guards import Deflated, deflate, distinct, overfitting_probability
from core.calibration.history import History
from core.calibration.walk import Trades
from core.screening.thresholds import Thresholds

Floats = NDArray[np.float64]

PERIOD = 60
"""Bars in one observation."""


class Evaluated:
    """Every set of thresholds that was tried, over the bars from `first` on: R by period (periods, trials)."""

    def __init__(self, history: History, tried: Sequence[Thresholds], first: int, tested: int) -> None:
        """`tested`: where the first test begins. Periods are laid so that one begins there."""
        self.history = history
        self.first = tested - (tested - first) // PERIOD * PERIOD
        self.edges = np.arange(self.first, history.count, PERIOD)
        self.tested = int(np.searchsorted(self.edges, tested))
        self.returns = np.column_stack([self.by_period(history.trades(one, first, history.count)) for one in tried])

    def by_period(self, trades: Trades) -> Floats:
        """R by period (periods,)."""
        found: Floats = np.add.reduceat(self.history.marked(trades), self.edges)
        return found

    def deflated(self, chosen: Trades) -> Deflated:
        """The chosen trades on the test stretches, against all trials there."""
        everything = np.column_stack([self.returns, self.by_period(chosen)])[self.tested :]
        return deflate(everything, everything.shape[1] - 1)

    def overfitting(self) -> float:
        """Probability of overfitting of the strategies among the trials; of the trials where they are all one strategy."""
        strategies = distinct(self.returns)
        return overfitting_probability(strategies if strategies.shape[1] > 1 else self.returns)
