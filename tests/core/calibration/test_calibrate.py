"""The calibration of one asset: what it answers, what it may look at, its time, and that it never breaks on data."""

from __future__ import annotations

import math
import pickle
from functools import cache

import numpy as np
import pytest
from msgspec.structs import asdict, replace

from core.calibration import calibrate as module
from core.calibration.calibrate import calibrate, fold_sizes
from core.calibration.job import CalibrationJob, Step
from core.calibration.objective import LEAST_TRADES
from core.calibration.report import NO_FEASIBLE
from core.calibration.space import SEARCHED
from core.calibration.walk import HORIZON
from core.clock import SimClock
from core.messages import CalibrationReport
from core.screening.stage1 import Rules
from core.screening.thresholds import SPANS
from core.settings_screening import Calibration
from tests.core.calibration.planted import BARS, START_MS, job, market
from tests.core.screening.bars import flat

QUICK = Calibration(trials=12, random_trials=6, time_limit_s=3600.0)


@cache
def asked() -> CalibrationJob:
    return replace(job(market(3), settings=QUICK), symbol="AAA", venue="v", category="c", task_id=9)


@cache
def answered() -> CalibrationReport:
    return calibrate(asked(), clock=SimClock(START_MS))


class Ticking(SimClock):
    """A clock on which every look takes a second."""

    looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return float(self.looks)


def same(one: CalibrationReport, other: CalibrationReport) -> bool:
    """NaN equals NaN."""
    return repr(replace(one, seconds=0.0, at_ms=0)) == repr(replace(other, seconds=0.0, at_ms=0))


def test_the_report_says_what_was_asked_and_what_was_found() -> None:
    found = answered()
    assert (found.symbol, found.venue, found.category, found.task_id) == ("AAA", "v", "c", 9)
    assert (found.timeframe, found.asset_class, found.objective) == ("1m", "perpetual", "expectancy")
    assert (found.bars, found.folds, found.trials, found.seed) == (BARS, 4, 48, QUICK.seed)
    assert found.until_ms - found.from_ms == BARS * 60_000
    assert not found.partial
    assert set(found.parameters) == set(found.previous) == set(SEARCHED)
    assert found.previous == {name: getattr(asked().current, name) for name in SEARCHED}
    assert all(SPANS[name].least <= value <= SPANS[name].most for name, value in found.parameters.items())
    assert found.parameters["low_gate"] < found.parameters["high_gate"]
    assert found.in_sample is not None
    assert found.in_sample.trades >= LEAST_TRADES
    assert found.at_ms == START_MS
    assert math.isfinite(found.dsr)
    assert math.isfinite(found.pbo)
    assert found.cost_r > 0.0


def test_the_fold_table_adds_up_to_the_joined_tests() -> None:
    found = answered()
    out = found.out_of_sample
    assert out is not None
    assert sum(row.trades for row in found.fold_table) == out.trades
    total = sum(row.trades * row.expectancy_r for row in found.fold_table if row.trades)
    assert total / out.trades == pytest.approx(out.expectancy_r)
    assert [row.test_until_ms for row in found.fold_table[:-1]] == [row.test_from_ms for row in found.fold_table[1:]]
    assert found.fold_table[-1].test_until_ms == found.until_ms
    assert all(row.trials == 12 for row in found.fold_table)


def test_few_trades_are_shrunk_toward_the_class_and_it_says_so() -> None:
    found = answered()
    assert found.out_of_sample is not None
    count = found.out_of_sample.trades
    assert count < 100
    assert found.shrunk_lambda == pytest.approx(count / (count + 100.0))
    last = found.fold_table[-1].parameters
    for name in SEARCHED:
        expected = found.shrunk_lambda * last[name] + (1.0 - found.shrunk_lambda) * getattr(asked().default, name)
        assert found.parameters[name] == pytest.approx(expected)


def test_an_edge_is_accepted_and_every_check_is_told() -> None:
    found = calibrate(job(market(3)))
    assert found.verdict == "accept"
    assert {check.code for check in found.checks} == {"TRADES", "LOWER_BOUND", "BETTER", "DSR", "PBO"}
    assert all(check.passed for check in found.checks)
    assert sum(found.importance.values()) == pytest.approx(1.0)


def test_the_same_job_gives_the_same_report_with_and_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    assert same(calibrate(pickle.loads(pickle.dumps(asked()))), answered())
    monkeypatch.setattr(module, "compiled", lambda: None)
    assert same(calibrate(asked()), answered())


def test_the_parameters_of_a_fold_do_not_depend_on_what_comes_after_its_embargo() -> None:
    sizes = fold_sizes(QUICK)
    first_test = BARS - 4 * sizes.test
    block = asked().bars.copy()
    block[first_test:, 1:5] *= 1.0 + 0.2 * np.sin(np.arange(BARS - first_test) / 50.0)[:, None]
    changed = calibrate(replace(asked(), bars=block))
    assert changed.fold_table[0].parameters == answered().fold_table[0].parameters
    assert changed.fold_table[1].parameters != answered().fold_table[1].parameters
    assert sizes.embargo >= HORIZON  # nothing entered in training still runs when the test begins


def test_too_few_bars_wait_for_history() -> None:
    found = calibrate(replace(asked(), bars=asked().bars[:5000]))
    assert found.verdict == "waiting"
    assert found.bars_missing == BARS - 5000
    assert f"{BARS - 5000} more" in found.reason
    assert found.parameters == {}
    assert calibrate(replace(asked(), bars=np.empty((0, 9)))).bars_missing == BARS


def test_a_market_without_trades_fails_for_want_of_a_feasible_trial() -> None:
    found = calibrate(replace(asked(), bars=flat(BARS)))
    assert found.verdict == "failed"
    assert found.reason.startswith(NO_FEASIBLE)
    assert found.trials_failed + found.trials_pruned == found.trials == 48


@pytest.mark.parametrize("spoilt", ["shape", "nan", "order", "crossed", "class", "days"])
def test_bars_that_cannot_be_used_fail_with_words(spoilt: str) -> None:
    block = asked().bars.copy()
    bad = replace(asked(), bars=block)
    if spoilt == "shape":
        bad = replace(bad, bars=block[:, :6])
    elif spoilt == "nan":
        block[100:1000, 4] = np.nan
    elif spoilt == "order":
        block[[5, 6]] = block[[6, 5]]
    elif spoilt == "crossed":
        block[:500, 2] = block[:500, 3] * 0.9
    elif spoilt == "class":
        bad = replace(bad, asset_class="tulips")
    else:
        bad = replace(bad, days=np.full((3, 9), np.nan))
    found = calibrate(bad)
    assert found.verdict == "failed"
    assert len(found.reason) > 20
    assert found.symbol == "AAA"


def test_a_few_bad_bars_are_left_out() -> None:
    block = asked().bars.copy()
    block[50] = np.nan
    found = calibrate(replace(asked(), bars=np.vstack([block[:1], block])[1:]))
    assert found.verdict == "waiting"
    assert found.bars_missing == 1


def test_time_ends_the_searches_with_the_best_so_far() -> None:
    limited = replace(asked(), settings=replace(QUICK, time_limit_s=30.0))
    found = calibrate(limited, clock=Ticking(START_MS))
    assert found.partial
    assert found.folds == 4
    assert 4 <= found.trials < 48
    assert found.verdict in ("keep", "accept", "failed")
    assert found.seconds > 0.0


class ColdStart(SimClock):
    """A clock on which everything up to the end of the first trial takes 20 seconds, and nothing takes time after it."""

    looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return 0.0 if self.looks == 1 else 20.0


def test_a_slow_start_costs_the_first_fold_no_trials() -> None:
    limited = replace(asked(), settings=replace(QUICK, time_limit_s=60.0))
    found = calibrate(limited, clock=ColdStart(START_MS))
    assert not found.partial
    assert [fold.trials for fold in found.fold_table] == [12, 12, 12, 12]


def test_progress_only_grows_and_says_how_long_is_left() -> None:
    heard: list[Step] = []
    calibrate(asked(), heard.append, Ticking(START_MS))
    shares = [step.share for step in heard]
    assert shares == sorted(shares)
    assert 0.0 < shares[0] < shares[-1] <= 1.0
    assert {step.fold for step in heard} == {1, 2, 3, 4}
    assert all(step.folds == 4 and 1 <= step.trial <= step.trials == 12 for step in heard)
    assert all(step.left_s > 0.0 for step in heard)


@pytest.mark.parametrize("objective", ["profit_factor", "win_rate", "drawdown", "multi"])
def test_every_objective_comes_to_an_answer(objective: str) -> None:
    found = calibrate(replace(asked(), settings=replace(QUICK, objective=objective)))
    assert found.objective == objective
    assert found.verdict in ("keep", "accept")
    assert asdict(found)["parameters"] != answered().parameters


def test_longs_only_unless_shorts_are_asked_for() -> None:
    both = calibrate(replace(asked(), shorts=True))
    assert both.current is not None
    assert answered().current is not None
    assert both.current.trades > answered().current.trades  # type: ignore[union-attr]


def test_alerts_are_counted_by_the_rules_in_force() -> None:
    rarer = calibrate(replace(asked(), rules=Rules(cooldown_s=7200.0)))
    assert rarer.current is not None
    assert answered().current is not None
    assert rarer.current.trades < answered().current.trades  # type: ignore[union-attr]
    assert calibrate(replace(asked(), rules=Rules(min_reasons_for_alert=4))).reason.startswith(NO_FEASIBLE)


def test_the_newest_folds_are_enough_of_a_long_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FOLDS", 3)
    found = calibrate(asked())
    assert found.folds == len(found.fold_table) == 3
    assert [row.test_from_ms for row in found.fold_table] == [row.test_from_ms for row in answered().fold_table[1:]]
