"""The verdict: what is not known passes nothing, and every reason is told."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calibration.verdict import Bounds, Evidence, accept, shrunk_lambda

GOOD = Evidence(trades=150, lower_bound_r=0.08, current_lower_bound_r=0.02, dsr=0.95, pbo=0.1)


def failed(evidence: Evidence) -> list[str]:
    return [check.code for check in accept(evidence).checks if not check.passed]


def test_what_passes_every_check_is_taken_unshrunk():
    answer = accept(GOOD)
    assert answer.accepted
    assert (answer.shrunk_lambda, answer.reasons, answer.reason) == (1.0, (), "all checks passed")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"trades": 29}, "TRADES", "29 out-of-sample trades, 30 needed"),
        ({"lower_bound_r": 0.0, "current_lower_bound_r": -1.0}, "LOWER_BOUND", "must be above 0"),
        ({"current_lower_bound_r": 0.08}, "BETTER", "+0.080 R of the thresholds in force"),
        ({"dsr": 0.8999}, "DSR", "must be 0.90 or more"),
        ({"pbo": 0.2001}, "PBO", "must be 0.20 or less"),
    ],
)
def test_each_check_alone_keeps_what_is_in_force(change, code, words):
    evidence = msgspec.structs.replace(GOOD, **change)
    answer = accept(evidence)
    assert not answer.accepted
    assert failed(evidence) == [code]
    assert len(answer.reasons) == 1
    assert words in answer.reason


@pytest.mark.parametrize("field", ["lower_bound_r", "current_lower_bound_r", "dsr", "pbo"])
def test_what_is_not_known_passes_nothing(field):
    assert not accept(msgspec.structs.replace(GOOD, **{field: math.nan})).accepted


def test_bounds_themselves_are_good_enough():
    assert accept(msgspec.structs.replace(GOOD, dsr=0.90, pbo=0.20, trades=100)).accepted


def test_every_reason_is_told():
    worst = Evidence(trades=0, lower_bound_r=math.nan, current_lower_bound_r=0.1, dsr=math.nan, pbo=math.nan)
    assert failed(worst) == ["TRADES", "LOWER_BOUND", "BETTER", "DSR", "PBO"]
    assert accept(worst).reason.count(";") == 4


def test_thresholds_in_force_that_never_traded_can_be_replaced():
    assert accept(msgspec.structs.replace(GOOD, current_lower_bound_r=None)).accepted


def test_few_trades_are_taken_shrunk_and_it_is_said():
    answer = accept(msgspec.structs.replace(GOOD, trades=50))
    assert answer.accepted
    assert answer.shrunk_lambda == pytest.approx(1.0 / 3.0)
    assert "shrunk toward the class default (weight 0.33)" in answer.reason


@given(trades=st.integers(0, 300))
def test_the_weight_of_new_values_rises_with_trades(trades):
    assert 0.0 <= shrunk_lambda(trades) < shrunk_lambda(trades + 1) or shrunk_lambda(trades) == 1.0
    assert (shrunk_lambda(trades) == 1.0) == (trades >= Bounds().trades)
