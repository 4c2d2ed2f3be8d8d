"""Every branch of the recommendation, and that each says what would change it."""

from __future__ import annotations

import math
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import Action
from core.screening.recommend import Case, RecommendationRules, recommend
from core.screening.risk_parameters import InvalidData
from tests.core.screening.stage2 import VOLATILE, confident, trade

RULES = RecommendationRules()
SHORTS = RecommendationRules(shorts=True)
BROKEN = InvalidData("atr", math.nan, "atr is nan; it must be a number above 0")


def case(confidence=None, risk=None, **more):
    values = {"confidence": confidence or confident(), "risk": risk or trade(), "p_trade": 0.5}
    return Case(**(values | more))


SELL = {"confidence": confident(side="SELL"), "risk": trade(side="SELL")}

TABLE = [
    # name, case, rules, action, codes of what would change it
    ("error first", case(error="boom", risk=BROKEN), RULES, "SYSTEM_FAILURE", ["ERROR"]),
    ("error, nothing else", Case(confidence=None, risk=None, error="boom"), RULES, "SYSTEM_FAILURE", ["ERROR"]),
    ("no geometry", case(risk=BROKEN, anomalies=(VOLATILE,)), RULES, "INVALID_DATA", ["DATA"]),
    ("bad input", case(invalid=(BROKEN,)), RULES, "INVALID_DATA", ["DATA"]),
    ("no probability", case(confident(math.nan)), RULES, "INVALID_DATA", ["DATA"]),
    ("probability over one", case(confident(1.2)), RULES, "INVALID_DATA", ["DATA"]),
    ("no ratio", case(risk=trade(math.nan)), RULES, "INVALID_DATA", ["DATA"]),
    ("p_trade over one", case(p_trade=1.5), RULES, "INVALID_DATA", ["DATA"]),
    ("sides differ", case(risk=trade(side="SELL")), RULES, "INVALID_DATA", ["DATA"]),
    ("nothing", Case(confidence=None, risk=None), RULES, "INVALID_DATA", ["DATA", "DATA"]),
    ("volatile", case(confident(0.79), anomalies=(VOLATILE,)), RULES, "AVOID_HIGH_RISK", ["VOLATILITY", "PROBABILITY"]),
    ("volatile before ratio", case(confident(0.6), trade(1.0), anomalies=(VOLATILE,)), RULES, "AVOID_HIGH_RISK",
     ["VOLATILITY", "PROBABILITY"]),
    ("volatile, sure enough", case(confident(0.80), anomalies=(VOLATILE,)), RULES, "BUY",
     ["STOP", "PROBABILITY", "FACTORS", "P_TRADE"]),
    ("low ratio", case(risk=trade(1.99)), RULES, "AVOID", ["RATIO"]),
    ("fees", case(risk=trade(-0.2, fees_exceed_move=True)), RULES, "AVOID", ["FEES", "RATIO"]),
    ("unlikely", case(confident(0.49)), RULES, "AVOID", ["PROBABILITY"]),
    ("both", case(confident(0.49), trade(1.0)), RULES, "AVOID", ["RATIO", "PROBABILITY"]),
    ("shorts off", case(**SELL), RULES, "AVOID", ["SHORTS"]),
    ("buy at the edges", case(confident(0.75), trade(2.0)), RULES, "BUY", ["STOP", "PROBABILITY", "FACTORS", "P_TRADE"]),
    ("sell", case(**SELL), SHORTS, "SELL", ["STOP", "PROBABILITY", "FACTORS", "P_TRADE"]),
    ("not sure", case(confident(0.74)), RULES, "WAIT_FOR_CONFIRMATION", ["PROBABILITY"]),
    ("even", case(confident(0.50)), RULES, "WAIT_FOR_CONFIRMATION", ["PROBABILITY"]),
    ("few factors", case(confident(confirming=3)), RULES, "WAIT_FOR_CONFIRMATION", ["FACTORS"]),
    ("does not pay", case(p_trade=1.1 / 3.5), RULES, "WAIT_FOR_CONFIRMATION", ["P_TRADE"]),
    ("p_trade unknown", case(p_trade=math.nan), RULES, "WAIT_FOR_CONFIRMATION", ["P_TRADE"]),
    ("all lacking", case(confident(0.6, confirming=0), p_trade=0.1), RULES, "WAIT_FOR_CONFIRMATION",
     ["PROBABILITY", "FACTORS", "P_TRADE"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given_", "rules", "action", "codes"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_first_rule_that_matches_decides(given_, rules, action, codes):
    found = recommend(given_, rules)
    assert found.action == action
    assert [change.code for change in found.changes] == codes
    assert found.reasons
    assert all(change.text for change in found.changes)


def test_the_table_reaches_every_recommendation():
    assert {row[3] for row in TABLE} == set(get_args(Action))


def test_invalid_data_names_the_field():
    found = recommend(case(invalid=(BROKEN,)), RULES)
    assert found.reasons == ("atr is nan; it must be a number above 0",)
    assert found.changes[0].text == "a usable atr"


def test_words_tell_where_it_is_and_where_it_would_have_to_be():
    found = recommend(case(confident(0.68, confirming=2)), RULES)
    assert found.reasons == ("needs P(BUY) ≥ .75 (now .68)", "needs 4 confirming factors (2 more)")
    assert (found.changes[0].value, found.changes[0].limit) == (0.68, 0.75)
    for confirming, words in ((1, "1 factor confirms it"), (2, "2 factors confirm it")):
        alone = recommend(case(confident(0.8, confirming=confirming)), RecommendationRules(min_cluster=1))
        assert words in alone.reasons
    fees = recommend(case(risk=trade(-0.2, fees_exceed_move=True)), RULES)
    assert fees.reasons[0] == "fees exceed the move: a round trip costs 0.10 of the risk"


def test_what_is_lacking_when_met_makes_it_a_buy():
    waiting = case(confident(0.6, confirming=1), p_trade=0.2)
    met = {change.code: change.limit for change in recommend(waiting, RULES).changes}
    fixed = case(confident(met["PROBABILITY"], confirming=int(met["FACTORS"])), p_trade=met["P_TRADE"] + 1e-9)
    assert recommend(fixed, RULES).action == "BUY"


@given(
    st.floats(), st.floats(), st.floats(), st.integers(0, 6), st.sampled_from(["BUY", "SELL"]), st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_any_numbers_end_in_one_explained_recommendation(
    probability, ratio, p_trade, confirming, side, volatile, shorts
):
    rules = msgspec.structs.replace(RULES, shorts=shorts)
    found = recommend(
        case(
            confident(probability, side, confirming),
            trade(ratio, side),
            p_trade=p_trade,
            anomalies=(VOLATILE,) if volatile else (),
        ),
        rules,
    )
    assert found.reasons
    assert found.changes
    if found.action in ("BUY", "SELL"):
        assert found.action == side
        assert side == "BUY" or shorts
        assert probability >= (0.8 if volatile else 0.75)
        assert ratio >= 2.0
        assert confirming >= 4
        assert p_trade > found.break_even
    if math.isnan(probability) or math.isnan(ratio):
        assert found.action == "INVALID_DATA"


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 5), st.integers(0, 6))
def test_sell_mirrors_buy_where_shorts_are_allowed(probability, p_trade, ratio, confirming):
    buy, sell = (
        recommend(case(confident(probability, side, confirming), trade(ratio, side), p_trade=p_trade), SHORTS)
        for side in ("BUY", "SELL")
    )
    assert sell.action == {"BUY": "SELL"}.get(buy.action, buy.action)
    assert [change.code for change in sell.changes] == [change.code for change in buy.changes]
