"""The bars of one calibration with everything about them that no parameter changes, worked out once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from core.calibration.entries import Alerts, EntryTable
from core.calibration.job import CalibrationJob
from core.calibration.kernels import Kernels
from core.calibration.space import Space
from core.calibration.statistics import TradeStatistics, trade_statistics
from core.calibration.walk import Floats, Trades, equity, joined, marked, prices_of, walk
from core.market.resample import resample
from core.screening.classes import CLASSES, AssetClass
from core.screening.columns import columns
from core.screening.levels import DAY_MS, daily_levels
from core.screening.thresholds import Thresholds
from core.venue import TIMEFRAME_MS, CandleBlock

COLUMNS = 9
POOR_SHARE = 0.01
"""More unusable bars than this share, and the history is not calibrated on."""


class BadHistory(ValueError):
    """The bars cannot be calibrated on; the text says which, and what to do."""


def sound_bars(bars: CandleBlock, what: str) -> CandleBlock:
    """The bars that can be used: finite, prices above zero and in order, times rising. A few bad ones are left out.

    Raises BadHistory when the block has another shape, its times do not rise, or more than 1 % of it is unusable.
    """
    if bars.ndim != 2 or bars.shape[1] != COLUMNS:
        raise BadHistory(f"{what}: shape {bars.shape} instead of (bars, {COLUMNS}): hand over a candle block")
    opens, low, high = bars[:, 1], bars[:, 3], bars[:, 2]
    with np.errstate(invalid="ignore"):
        good = np.isfinite(bars[:, :6]).all(axis=1) & (low > 0.0) & (bars[:, 5] >= 0.0)
        good &= (low <= np.minimum(opens, bars[:, 4])) & (high >= np.maximum(opens, bars[:, 4]))
    bad = len(bars) - int(good.sum())
    if bad > POOR_SHARE * len(bars):
        first = int(np.argmin(good))
        raise BadHistory(
            f"{what}: {bad} of {len(bars)} bars are unusable, the first at {bars[first, 0]:.0f} ms: repair the history"
        )
    kept = bars[good]
    if len(kept) > 1 and not bool((np.diff(kept[:, 0]) > 0.0).all()):
        raise BadHistory(f"{what}: the times do not rise: sort the bars and drop doubled ones")
    return kept


def class_of(name: str) -> AssetClass:
    """The asset class of this name. Raises BadHistory for one that does not exist."""
    for entry in CLASSES:
        if entry.name == name:
            return entry
    raise BadHistory(f"asset class {name}: no such class; there are {', '.join(entry.name for entry in CLASSES)}")


class History:
    """One asset's bars, ready for trials."""

    def __init__(self, job: CalibrationJob, bars: CandleBlock, kernels: Kernels | None) -> None:
        self.costs, self.shorts, self.kernels = job.costs, job.shorts, kernels
        self.interval_ms = TIMEFRAME_MS[job.timeframe]
        self.count = len(bars)
        self.open_ms = bars[:, 0]
        days = sound_bars(job.days, "daily bars") if len(job.days) else resample(bars, DAY_MS)
        found = columns(bars, daily_levels(days), tick=job.tick)
        self.natr = found.natr
        self.table = self.narrow = EntryTable(found, class_of(job.asset_class), job.rules, kernels)
        self.prices = prices_of(bars, self.interval_ms)

    def alerts(self, thresholds: Thresholds, start: int, stop: int) -> Alerts:
        """Alerts of the bars [start, stop)."""
        table = self.narrow if self.narrow.covers(thresholds) else self.table
        return table.alerts(thresholds, start, stop)

    def expect(self, spaces: Sequence[Space]) -> None:
        """From here on mostly points of these spaces are asked for: bars that none of them can alert on are left out."""
        laxest = [space.laxest for space in spaces]
        low, high = min(one.low_gate for one in laxest), min(one.high_gate for one in laxest)
        self.narrow = self.table.narrowed(replace(laxest[0], low_gate=low, high_gate=high))

    def walked(self, alerts: Alerts, thresholds: Thresholds, free: int = 0) -> Trades:
        """What becomes of the alerts; they may run on for a horizon after the last of them."""
        return walk(
            self.prices, alerts, thresholds.tp_mult, thresholds.sl_mult, self.costs, shorts=self.shorts, free=free,
            kernels=self.kernels,
        )  # fmt: skip

    def trades(self, thresholds: Thresholds, start: int, stop: int, free: int = 0) -> Trades:
        """Trades told of in the bars [start, stop)."""
        return self.walked(self.alerts(thresholds, start, stop), thresholds, free)

    def joined(self, parts: list[tuple[Thresholds | None, int, int]]) -> Trades:
        """Trades over stretches one after the other, each with its own thresholds; None: without any trade.

        A trade of one stretch may run into the next, where no other begins until it has ended.
        """
        found: list[Trades] = []
        free = 0
        for thresholds, start, stop in parts:
            if thresholds is not None:
                found.append(self.trades(thresholds, start, stop, free))
                free = int(found[-1].exited[-1]) if len(found[-1]) else free
        return joined(found)

    def marked(self, trades: Trades) -> Floats:
        """R added on every bar (n,)."""
        return marked(self.prices, trades, self.costs)

    def statistics(self, trades: Trades, bars: int) -> TradeStatistics:
        """The numbers of trades that `bars` bars gave; the drawdown is marked bar by bar."""
        days = bars * self.interval_ms / DAY_MS
        return trade_statistics(trades.results, days, equity=equity(self.prices, trades, self.costs))
