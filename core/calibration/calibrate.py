"""The calibration of one asset, from bars to verdict: pure, for a worker process.

Walk-forward (methods sheet 5): on the training bars of every fold the same search chooses parameters, which are scored on
the test bars after it; the joined tests are what is out of sample. What would be put in force are the parameters of the
last fold, whose test nothing has looked at before. Every trial of every fold is then held against the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from msgspec.structs import replace

from core.calibration import objective
from core.calibration.folds import Fold, FoldSizes, WalkForward, walk_forward
from core.calibration.history import BadHistory, History, sound_bars
from core.calibration.job import CalibrationJob, Step
from core.calibration.kernels import compiled
from core.calibration.report import FoldSearch, judged, plain_report
from core.calibration.search import search
from core.calibration.space import Point, Space
from core.calibration.walk import HORIZON, WARMUP
from core.clock import Clock, LiveClock
from core.messages import CalibrationReport
from core.screening import columns
from core.settings_screening import Calibration
from core.venue import CandleBlock

Tell = Callable[[Step], None]

SEARCH_SHARE = 0.9
"""Share of the time limit for the searches; the rest is for what comes after them."""
TELL_EVERY = 5
"""Trials between two words of progress."""
MOST_FOLDS = 24
"""Of a longer history only the newest folds: what a market did months ago no longer speaks for it."""


def fold_sizes(settings: Calibration) -> FoldSizes:
    """How history is cut; `bars_needed` of it is how many bars a calibration waits for."""
    return FoldSizes(
        train=settings.train_bars,
        test=settings.test_bars,
        horizon=HORIZON,
        warmup=max(WARMUP, columns.WARMUP),
        folds=settings.min_folds,
    )


def calibrate(job: CalibrationJob, tell: Tell | None = None, clock: Clock | None = None) -> CalibrationReport:
    """Search, test and judge; the answer says whether the thresholds found may replace those in force, and why.

    `tell` hears of progress. After `settings.time_limit_s` on `clock` the searches end with the best so far, and the
    report says `partial`. Bars that cannot be used give a report that `failed`, too few of them one that is `waiting`.
    """
    time = clock or LiveClock()
    begun_s = time.monotonic()
    try:
        bars = sound_bars(job.bars, "bars")
        report = _calibrated(job, bars, _Pace(job, tell, time, begun_s))
    except BadHistory as bad:
        report = plain_report(job, job.bars, "failed", str(bad))
    return replace(report, seconds=time.monotonic() - begun_s, at_ms=time.now_ms())


class _Pace:
    """Progress and time of one calibration. Every fold may use its share of the time; what one leaves the next has.

    Shares begin after the first trial, when what is slow only once (imports, columns) is done: it is no fold's own.
    """

    def __init__(self, job: CalibrationJob, tell: Tell | None, clock: Clock, begun_s: float) -> None:
        self.tell, self.clock, self.begun_s = tell, clock, begun_s
        self.trials, self.limit_s = job.settings.trials, SEARCH_SHARE * job.settings.time_limit_s
        self.fold, self.folds = 0, 1
        self._shares_from_s: float | None = None

    def out_of_time(self) -> bool:
        """Asked after each trial: the share of this fold is used up."""
        now_s = self.clock.monotonic()
        if self._shares_from_s is None:
            self._shares_from_s = now_s
        left_s = self.limit_s - (self._shares_from_s - self.begun_s)
        return now_s - self._shares_from_s >= left_s * (self.fold + 1) / self.folds

    def told(self, trial: int) -> None:
        if self.tell is None or (trial % TELL_EVERY and trial != self.trials):
            return
        share = SEARCH_SHARE * (self.fold + trial / self.trials) / self.folds
        spent_s = self.clock.monotonic() - self.begun_s
        left_s = spent_s * (1.0 - share) / share if spent_s > 0.0 else math.nan
        self.tell(Step(trial, self.trials, self.fold + 1, self.folds, share, left_s))


def _calibrated(job: CalibrationJob, bars: CandleBlock, pace: _Pace) -> CalibrationReport:
    cut = _folds(len(bars), fold_sizes(job.settings))
    if cut.waiting:
        reason = f"{cut.bars} of {cut.bars_needed} bars are stored: {cut.bars_missing} more are needed"
        return replace(plain_report(job, bars, "waiting", reason), bars_missing=cut.bars_missing)
    history = History(job, bars, compiled())
    pace.folds = len(cut.folds)
    done: list[FoldSearch] = []
    spaces = [Space(history.natr[fold.train_start : fold.train_stop], job.current) for fold in cut.folds]
    history.expect(spaces)
    for pace.fold, (fold, space) in enumerate(zip(cut.folds, spaces, strict=True)):
        done.append(_search_fold(job, history, fold, space, pace))
    return judged(job, bars, history, done)


def _folds(bars: int, sizes: FoldSizes) -> WalkForward:
    cut = walk_forward(bars, sizes)
    return WalkForward(folds=cut.folds[-MOST_FOLDS:], bars=cut.bars, bars_needed=cut.bars_needed)


def _search_fold(job: CalibrationJob, history: History, fold: Fold, space: Space, pace: _Pace) -> FoldSearch:
    """Choose on the training bars of one fold; nothing later than the embargo after them is touched."""
    settings = job.settings
    starts = [space.point(job.current)]
    if job.default != job.current:
        starts.append(space.point(job.default))
    found = search(
        _trial(history, fold, space, settings.objective),
        starts,
        trials=settings.trials,
        random_trials=min(settings.random_trials, settings.trials),
        seed=settings.seed + pace.fold,
        multi=settings.objective == "multi",
        out_of_time=pace.out_of_time,
        told=pace.told,
    )
    thresholds = tuple(space.thresholds(tried.point) for tried in found.tried)
    return FoldSearch(fold, found, thresholds, None if found.chosen is None else thresholds[found.chosen])


def _trial(history: History, fold: Fold, space: Space, aim: str) -> Callable[[Point], Iterator[objective.Outcome]]:
    blocks = objective.BLOCKS
    edges = np.linspace(fold.train_start, fold.train_stop, blocks + 1).astype(int).tolist()

    def run(point: Point) -> Iterator[objective.Outcome]:
        thresholds = space.thresholds(point)
        alerts = history.alerts(thresholds, fold.train_start, fold.train_stop)
        results = []
        free = 0
        for block in range(blocks):
            trades = history.walked(alerts.within(edges[block], edges[block + 1]), thresholds, free)
            free = int(trades.exited[-1]) if len(trades) else free
            results.append(trades.results)
            yield objective.outcome(aim, results, block == blocks - 1)

    return run
