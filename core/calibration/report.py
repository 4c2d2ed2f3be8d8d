"""What a calibration found, held against everything that was tried, as a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import asdict, replace

from core.calibration import verdict
from core.calibration.evidence import Evaluated
from core.calibration.figures import as_values, figures_of
from core.calibration.folds import Fold
from core.calibration.history import History
from core.calibration.importance import importance
from core.calibration.job import CalibrationJob
from core.calibration.objective import LEAST_PER_BLOCK, LEAST_TRADES
from core.calibration.search import Searched, Tried
from core.calibration.space import SEARCHED
from core.calibration.statistics import expectancy, profit_factor
from core.calibration.walk import Trades
from core.messages import CalibrationCheck, CalibrationFold, CalibrationReport, Verdict
from core.screening.thresholds import Thresholds
from core.settings_screening import Calibration
from core.venue import TIMEFRAME_MS, CandleBlock

NO_FEASIBLE = "no feasible trial"
"""How the reason of a failed calibration begins when no trial made trades enough."""


class FoldSearch(NamedTuple):
    """One fold with its trials: the thresholds of each, and those of the trial chosen; None without a feasible one."""

    fold: Fold
    found: Searched
    thresholds: tuple[Thresholds, ...]
    chosen: Thresholds | None


def plain_report(job: CalibrationJob, bars: CandleBlock, answer: Verdict, reason: str) -> CalibrationReport:
    """A report without results: what was asked, and why there is no more to say."""
    known = len(bars) > 0 and bars.ndim == 2
    return CalibrationReport(
        venue=job.venue,
        category=job.category,
        symbol=job.symbol,
        timeframe=job.timeframe,
        verdict=answer,
        reason=reason,
        parameters={},
        previous=as_values(job.current, SEARCHED),
        in_sample=None,
        out_of_sample=None,
        current=None,
        dsr=math.nan,
        pbo=math.nan,
        folds=0,
        trials=0,
        seed=job.settings.seed,
        seconds=0.0,
        objective=job.settings.objective,
        asset_class=job.asset_class,
        bars=len(bars),
        from_ms=int(bars[0, 0]) if known and math.isfinite(bars[0, 0]) else 0,
        until_ms=int(bars[-1, 0]) + TIMEFRAME_MS[job.timeframe] if known and math.isfinite(bars[-1, 0]) else 0,
        task_id=job.task_id,
    )


def judged(job: CalibrationJob, bars: CandleBlock, history: History, done: Sequence[FoldSearch]) -> CalibrationReport:
    """The report after the searches: the joined tests, the guards, the verdict."""
    tried = [one for part in done for one in part.found.tried]
    report = replace(
        plain_report(job, bars, "failed", ""),
        folds=len(done),
        trials=len(tried),
        trials_pruned=sum(one.pruned for one in tried),
        trials_failed=sum(not one.pruned and not one.feasible for one in tried),
        partial=any(part.found.partial for part in done),
        importance=importance([part.found.tried for part in done]),
    )
    last = done[-1]
    if last.chosen is None:
        return replace(report, reason=_infeasible(last.found.tried))
    report = _tested(report, job, history, done)
    trained = history.trades(last.chosen, last.fold.train_start, last.fold.train_stop)
    return replace(
        report,
        parameters=_shrunk(last.chosen, job.default, report.shrunk_lambda),
        in_sample=figures_of(history.statistics(trained, last.fold.train_stop - last.fold.train_start)),
    )


def _tested(
    report: CalibrationReport, job: CalibrationJob, history: History, done: Sequence[FoldSearch]
) -> CalibrationReport:
    """The report with what came out of sample, and with the answer."""
    tests = [(part.chosen, part.fold.test_start, part.fold.test_stop) for part in done]
    trades = history.joined(tests)
    current = history.joined([(job.current, start, stop) for _, start, stop in tests])
    tested = sum(stop - start for _, start, stop in tests)
    ours, theirs = history.statistics(trades, tested), history.statistics(current, tested)
    everything = [one for part in done for one in part.thresholds]
    evaluated = Evaluated(history, everything, done[0].fold.train_start, done[0].fold.test_start)
    deflated, pbo = evaluated.deflated(trades), evaluated.overfitting()
    answer = verdict.accept(
        verdict.Evidence(
            trades=len(trades),
            lower_bound_r=ours.lower_bound_r,
            current_lower_bound_r=None if math.isnan(theirs.lower_bound_r) else theirs.lower_bound_r,
            dsr=deflated.dsr,
            pbo=pbo,
        ),
        limits(job.settings),
    )
    return replace(
        report,
        verdict="accept" if answer.accepted else "keep",
        reason=answer.reason,
        out_of_sample=figures_of(ours),
        current=figures_of(theirs),
        dsr=deflated.dsr,
        pbo=pbo,
        effective_trials=float(deflated.effective_trials),
        min_track_record=deflated.min_track_record,
        cost_r=float(trades.costs.mean()) if len(trades) else math.nan,
        shrunk_lambda=answer.shrunk_lambda,
        fold_table=tuple(_fold_row(history, part, trades, current) for part in done),
        checks=tuple(CalibrationCheck(**asdict(check)) for check in answer.checks),
    )


def limits(settings: Calibration) -> verdict.Bounds:
    """What settings ask of a result before it is taken."""
    return verdict.Bounds(
        dsr=settings.min_dsr,
        pbo=settings.max_pbo,
        trades=settings.min_trades,
        shrink_trades=settings.shrink_trades,
    )


def _fold_row(history: History, part: FoldSearch, trades: Trades, current: Trades) -> CalibrationFold:
    start, stop = part.fold.test_start, part.fold.test_stop
    results = trades.of(start, stop).results
    return CalibrationFold(
        test_from_ms=int(history.open_ms[start]),
        test_until_ms=int(history.open_ms[stop - 1]) + history.interval_ms,
        trades=len(results),
        expectancy_r=expectancy(results),
        profit_factor=profit_factor(results),
        current_expectancy_r=expectancy(current.of(start, stop).results),
        trials=len(part.found.tried),
        parameters={} if part.chosen is None else as_values(part.chosen, SEARCHED),
    )


def _shrunk(found: Thresholds, default: Thresholds, weight: float) -> dict[str, float]:
    mine, theirs = as_values(found, SEARCHED), as_values(default, SEARCHED)
    return {name: weight * mine[name] + (1.0 - weight) * theirs[name] for name in SEARCHED}


def _infeasible(tried: Sequence[Tried]) -> str:
    most = max(one.outcome.trades for one in tried)
    return (
        f"{NO_FEASIBLE}: of {len(tried)} none made {LEAST_TRADES} trades on the newest training bars with "
        f"{LEAST_PER_BLOCK} in every quarter of them (the most was {most}): more training bars, or a livelier asset"
    )
