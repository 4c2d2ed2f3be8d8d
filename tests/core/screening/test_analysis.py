"""The whole chain of Stage 2: from inputs to a message, whatever the inputs hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import core.screening.analysis as module
from core.learning.probability import PlattMap, ScoreMap
from core.messages import Action, TriggerReason
from core.screening.analysis import analyse, stages
from core.screening.analysis_inputs import AnalysisInputs
from core.screening.language import TONGUES
from core.screening.liquidity import NOT_KNOWN, Liquidity
from core.screening.thresholds import Thresholds, changed, from_class
from core.settings_screening import Screening
from tests.core.screening.analysis_inputs import BOOK, EVIDENCE, sound

WAITING = sound(1)
"""A market whose geometry is good: what is lacking is probability."""
SURE = {"probability_up": 0.93}
FRESH = changed(from_class(Thresholds(high_gate=0.05)), "calibrated", 1, 0, tp_mult=3.0)

CASES = {
    "SYSTEM_FAILURE": replace(WAITING, screening=Screening(), evidence=None),
    "INVALID_DATA": replace(WAITING, price=math.nan),
    "AVOID_HIGH_RISK": replace(WAITING, in_force=from_class(Thresholds(high_gate=0.0004))),
    "AVOID": replace(WAITING, probability_up=0.4),
    "BUY": replace(WAITING, **SURE, in_force=FRESH),
    "SELL": replace(
        WAITING,
        probability_up=0.07,
        shorts=True,
        in_force=FRESH,
        evidence={name: -value for name, value in EVIDENCE.items()},
        screening=Screening(min_ratio=0.3, min_cluster=3),
    ),
    "WAIT_FOR_CONFIRMATION": replace(WAITING, screening=Screening(min_confidence=0.75)),
}


@pytest.mark.parametrize("action", get_args(Action))
def test_every_recommendation_is_reached_and_says_what_would_change_it(action: Action) -> None:
    found = analyse(CASES[action])
    assert found.recommendation == action
    assert found.changes
    assert all(change.text for change in found.changes)
    assert found.reasons
    assert found.narrative_parts[3]
    assert found.narrative.endswith(found.narrative_parts[3])
    assert found.stage2_status == ("error" if action == "SYSTEM_FAILURE" else "completed")
    assert found.validation_passed == (action in ("BUY", "SELL"))


@pytest.mark.parametrize("action", get_args(Action))
def test_narratives_of_real_analyses_in_every_language(action: Action) -> None:
    inputs = CASES[action]
    told = [analyse(replace(inputs, screening=replace(inputs.screening, language=tongue))) for tongue in TONGUES]
    assert [analysis.language for analysis in told] == list(TONGUES)
    assert len({analysis.narrative for analysis in told}) == len(TONGUES)
    for analysis in told:
        assert inputs.symbol in analysis.narrative or action in ("SYSTEM_FAILURE", "INVALID_DATA")
        assert "{" not in analysis.narrative
        assert "nan" not in analysis.narrative_parts[2]
        if analysis.hints:
            assert analysis.language == "en" or analysis.hints != told[0].hints


def test_the_golden_chain() -> None:
    found = analyse(CASES["BUY"])
    context, metrics, risk, params = (
        found.market_context,
        found.confidence_metrics,
        found.risk_parameters,
        found.calibration_params,
    )
    assert context is not None
    assert metrics is not None
    assert risk is not None
    assert params is not None
    assert (metrics.raw_probability, metrics.calibrated_probability) == (0.93, 0.93)
    assert metrics.probability == 0.93
    assert metrics.penalties == ()
    assert metrics.factors_confirmed >= 4
    assert sum(metrics.weights.values()) == pytest.approx(1.0)
    assert metrics.missing == ()
    assert metrics.factors["orderbook"] == 0.5
    assert risk.sl_level < risk.optimal_entry[0] < risk.optimal_entry[1] < risk.tp_targets[0]
    assert risk.risk_reward_ratio >= 2.0
    assert found.p_trade > found.break_even == pytest.approx(risk.break_even)
    assert (params.source, params.is_default, params.tp_mult) == ("calibrated", False, 3.0)
    assert found.expires_ms - found.timestamp == 900_000
    assert found.quality_metrics is not None
    assert (found.quality_metrics.readings, found.quality_metrics.warming) == (20, 1)
    assert found.quality_metrics.bars == 600
    assert context.volatility in ("LOW", "NORMAL")


def test_the_same_inputs_give_the_same_analysis_in_one_go_or_in_pieces() -> None:
    steps = stages(WAITING)
    pieces = sum(1 for _ in steps)
    assert pieces >= 3
    with pytest.raises(StopIteration) as done:
        run_out(stages(WAITING))
    assert msgspec.json.encode(done.value.value) == msgspec.json.encode(analyse(WAITING))


def run_out(steps: Iterator[None]) -> None:
    while True:
        next(steps)


def test_past_outcomes_correct_the_probability_and_say_how_many_they_were() -> None:
    few = ScoreMap(curve=PlattMap(0.5, 0.0), n_eff=40.0)
    many = ScoreMap(curve=PlattMap(0.5, 0.0), n_eff=400.0)
    plain, blended, fitted = (
        analyse(replace(WAITING, probability_up=0.8, score_map=found)) for found in (None, few, many)
    )
    numbers = []
    for analysis in (plain, blended, fitted):
        assert analysis.confidence_metrics is not None
        assert analysis.confidence_metrics.raw_probability == 0.8
        numbers.append(analysis.confidence_metrics)
    curve = 1.0 / (1.0 + 0.25**0.5)
    assert numbers[0].calibrated_probability == 0.8
    assert numbers[1].calibrated_probability == pytest.approx((40.0 * curve + 100.0 * 0.8) / 140.0)
    assert numbers[2].calibrated_probability == pytest.approx(curve)
    assert [found.calibrated for found in numbers] == [False, False, True]
    assert [found.outcomes for found in numbers] == [0.0, 40.0, 400.0]
    assert "probability uncalibrated: 40 outcomes so far" in blended.hints
    assert not any("uncalibrated" in hint for hint in fitted.hints)


def test_the_order_book_without_quotes_is_missing_and_costs_one_tick() -> None:
    found, with_book = analyse(replace(WAITING, liquidity=NOT_KNOWN)), analyse(WAITING)
    assert found.confidence_metrics is not None
    assert found.confidence_metrics.missing == ("orderbook",)
    assert "order book not known: spread of one tick assumed" in found.hints
    assert found.risk_parameters is not None
    assert with_book.risk_parameters is not None
    assert 0.0 < found.risk_parameters.cost_r < with_book.risk_parameters.cost_r


def test_anomalies_from_triggers_evidence_and_the_book() -> None:
    broken = TriggerReason(
        code="BREAKOUT_UP", family="LEVEL", value=0.4, threshold=0.1, distance=-0.3, side=1, strength=0.8, words=""
    )
    thin = replace(BOOK, spread=0.002)
    inputs = replace(
        WAITING,
        trigger_reasons=(broken,),
        volume_z=3.4,
        evidence=EVIDENCE | {"smc_choch": 0.6},
        liquidity=thin,
        in_force=from_class(Thresholds(high_gate=0.0004)),
    )
    found = analyse(inputs).anomaly_detection
    assert found is not None
    assert [part.kind for part in found.anomalies][:3] == ["VOLATILITY", "BREAKOUT_WITH_VOLUME", "TREND_REVERSAL"]
    assert found.anomalies[-1].kind == "LIQUIDITY_THIN"
    faded = analyse(replace(inputs, evidence=EVIDENCE | {"smc_choch": 0.1})).anomaly_detection
    assert faded is not None
    assert "TREND_REVERSAL" not in [part.kind for part in faded.anomalies]
    calm = analyse(WAITING).anomaly_detection
    assert calm is not None
    assert not any(part.kind in ("VOLATILITY", "BREAKOUT_WITH_VOLUME") for part in calm.anomalies)


def test_the_reference_itself_is_held_against_nothing() -> None:
    found = analyse(replace(WAITING, reference=None, reference_symbol="", reference_name=""))
    assert not any("correlation" in hint for hint in found.hints)
    lost = analyse(replace(WAITING, reference=np.empty((0, 9))))
    assert "correlation with BTC unknown" in lost.hints
    assert lost.market_context is not None
    assert lost.market_context.hints == ("correlation with BTC unknown",)


def test_unsound_inputs_are_never_validated() -> None:
    buy = CASES["BUY"]
    filled = analyse(replace(buy, synthetic_bars=2))
    assert (filled.recommendation, filled.validation_passed) == ("BUY", False)
    assert "bars are missing or filled in" in filled.hints
    halted = analyse(replace(buy, trouble="not trading (HALT)"))
    assert halted.recommendation == "INVALID_DATA"
    assert "not trading (HALT)" in halted.narrative
    short = analyse(replace(buy, frame=buy.frame[-10:]))
    assert short.recommendation == "INVALID_DATA"
    assert short.reasons == ("ATR not known: 10 bars of 15m, or one of them is not a number",)
    no_rules = analyse(replace(buy, tick=None))
    assert no_rules.recommendation == "INVALID_DATA"
    assert "tick_size" in no_rules.reasons[0]


def test_an_error_inside_is_a_system_failure_with_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("boom")

    for step in ("market_context", "anomalies", "composite", "risk_parameters", "market_hints", "message"):
        with monkeypatch.context() as patch:
            patch.setattr(module, step, broken)
            found = analyse(WAITING)
        assert (found.recommendation, found.stage2_status) == ("SYSTEM_FAILURE", "error")
        assert found.error == "ZeroDivisionError: boom"
        assert "boom" in found.narrative
        assert found.changes[0].code == "ERROR"


FLOATS = st.floats() | st.sampled_from([0.0, -1.0, 1e-320, 1e308, math.inf, -math.inf, math.nan])


SCALARS = ("price", "probability_up", "volume_z", "fee")
BLOCKS = ("frame", "minutes", "own", "decision", "reference")
OTHERS = ("tp_mult", "high_gate", "evidence", "liquidity", "tick")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([1, 3]), st.sets(st.sampled_from((*SCALARS, *BLOCKS, *OTHERS)), max_size=4), st.data())
def test_whatever_the_numbers_an_analysis_comes_out(seed: int, broken: set[str], data: st.DataObject) -> None:
    inputs = replace(sound_once(seed), shorts=data.draw(st.booleans()))
    for name in sorted(broken):
        inputs = replace(inputs, **spoilt(inputs, name, data))
    found = analyse(inputs)
    assert found.recommendation in get_args(Action)
    assert found.narrative
    assert found.reasons
    if found.recommendation in ("BUY", "SELL"):
        risk = found.risk_parameters
        assert risk is not None
        assert math.isfinite(risk.risk_reward_ratio)
        assert all(price > 0 for price in (*risk.optimal_entry, *risk.tp_targets, risk.sl_level))
    if not 0.0 <= inputs.probability_up <= 1.0:
        assert found.recommendation in ("INVALID_DATA", "SYSTEM_FAILURE")


def spoilt(inputs: AnalysisInputs, name: str, data: st.DataObject) -> dict[str, object]:
    """One field of the inputs with any number in it."""
    if name in SCALARS:
        return {name: data.draw(FLOATS)}
    if name in BLOCKS:
        block = getattr(inputs, name).copy()
        rows = data.draw(st.sampled_from([slice(0, 0), slice(-1, None), slice(-20, None), slice(None)]))
        block[rows, data.draw(st.integers(1, 8))] = data.draw(FLOATS)
        return {name: block[data.draw(st.sampled_from([0, -30, -1])) :]}
    if name == "evidence":
        return {name: {detector: data.draw(FLOATS) for detector in EVIDENCE}}
    if name == "liquidity":
        return {name: Liquidity(**{field: data.draw(FLOATS) for field in Liquidity.__struct_fields__})}
    if name == "tick":
        return {name: data.draw(st.sampled_from([None, *map(Decimal, ("NaN", "0", "1E+9", "1E-30", "Infinity"))]))}
    values = replace(inputs.in_force.values, **{name: data.draw(FLOATS)})
    return {"in_force": replace(inputs.in_force, values=values)}


@cache
def sound_once(seed: int) -> AnalysisInputs:
    return sound(seed)
