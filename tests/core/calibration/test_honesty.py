"""What is accepted: an edge that is there, nothing that is luck, and nothing that was chosen with a look at the tests.

`python -m tests.core.calibration.honesty` prints the same runs seed by seed, and more of them.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.calibration.calibrate import calibrate
from core.calibration.history import History
from core.calibration.job import CalibrationJob
from core.calibration.report import FoldSearch, judged
from core.calibration.statistics import lower_bound
from core.messages import CalibrationReport
from core.screening.thresholds import Thresholds
from core.venue import CandleBlock
from tests.core.calibration.planted import calibrated_planted, calibrated_shuffled, job, market, shuffled

GUARDS = {"LOWER_BOUND", "BETTER", "DSR", "PBO"}


def accepted(reports: list[CalibrationReport]) -> int:
    return sum(found.verdict == "accept" for found in reports)


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("free", [False, True], ids=["with costs", "without costs"])
def test_of_twenty_markets_without_an_edge_one_at_most_is_accepted(free: bool) -> None:
    reports = [calibrated_shuffled(seed, free=free) for seed in range(20)]
    assert accepted(reports) <= 1
    for found in reports:  # it is the guards that said no: nothing was missing
        assert found.verdict in ("keep", "accept")
        assert found.bars_missing == 0
        assert found.out_of_sample is not None
        assert found.out_of_sample.trades >= 30
        assert math.isfinite(found.dsr)
        assert math.isfinite(found.pbo)
        failed = {check.code for check in found.checks if not check.passed}
        assert failed & GUARDS or found.verdict == "accept"


def test_of_ten_markets_with_an_edge_nine_at_least_are_accepted() -> None:
    reports = [calibrated_planted(seed) for seed in range(10)]
    assert accepted(reports) >= 9
    for found in reports:
        assert found.out_of_sample is not None
        assert found.out_of_sample.expectancy_r > 0.0


def searched(asked: CalibrationJob, patch: pytest.MonkeyPatch) -> tuple[CandleBlock, History, list[FoldSearch]]:
    """A calibration stopped before the answer: its bars, and every fold with its trials."""
    kept: list[tuple[CandleBlock, History, list[FoldSearch]]] = []

    def keep(of: CalibrationJob, bars: CandleBlock, history: History, done: list[FoldSearch]) -> CalibrationReport:
        kept.append((bars, history, done))
        return judged(of, bars, history, done)

    patch.setattr("core.calibration.calibrate.judged", keep)
    calibrate(asked)
    return kept[0]


def best_seen(history: History, done: list[FoldSearch], start: int, stop: int, least: int) -> Thresholds:
    """The trial of all folds with the best lower bound on these bars, of those with so many trades."""
    everything = [one for part in done for one in part.thresholds]
    found = [history.trades(one, start, stop).results for one in everything]
    values = [lower_bound(results) if len(results) >= least else -math.inf for results in found]
    return everything[int(np.argmax(values))]


def test_parameters_chosen_with_a_look_at_the_tests_are_rejected_by_the_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    tempting = 0
    for seed in range(8):
        asked = job(shuffled(market(seed), seed), free=True, shorts=True)
        bars, history, done = searched(asked, monkeypatch)
        last = done[-1].fold
        all_seen = best_seen(history, done, done[0].fold.test_start, last.test_stop, 30)
        last_seen = best_seen(history, done, last.test_start, last.test_stop, 8)
        for peeked in (
            [part._replace(chosen=all_seen) for part in done],
            [*done[:-1], done[-1]._replace(chosen=last_seen)],
        ):
            found = judged(asked, bars, history, peeked)
            assert found.verdict == "keep"
            failed = {check.code for check in found.checks if not check.passed}
            assert failed & {"DSR", "PBO"}
            tempting += not failed & {"TRADES", "LOWER_BOUND", "BETTER"}
    assert tempting >= 8  # but for the two guards these would have been taken
