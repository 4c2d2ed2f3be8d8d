"""Each anomaly appears exactly when its definition says."""

from __future__ import annotations

import math

import pytest

from core.screening.anomalies import AnomalyFacts, anomalies
from core.screening.correlation import RelativeStrength


def strength(z):
    return RelativeStrength(beta=1.0, residual=0.01 * (1 if z > 0 else -1), z=z, observations=288)


def only(**facts):
    found = anomalies(AnomalyFacts(**facts))
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("facts", "kind", "side"),
    [
        ({"volatility": "HIGH", "natr_percentile": 0.93}, "VOLATILITY", None),
        ({"volatility": "HIGH"}, "VOLATILITY", None),
        ({"gate": "too quiet: ATR 0.02 %"}, "VOLATILITY", None),
        ({"breakout": "BUY", "volume_z": 2.0}, "BREAKOUT_WITH_VOLUME", "BUY"),
        ({"breakout": "SELL", "volume_z": 5.0}, "BREAKOUT_WITH_VOLUME", "SELL"),
        ({"choch": "SELL"}, "TREND_REVERSAL", "SELL"),
        ({"divergence": "BUY", "at_level": True}, "TREND_REVERSAL", "BUY"),
        ({"choch": "SELL", "divergence": "BUY", "at_level": True}, "TREND_REVERSAL", "SELL"),
        ({"strength": strength(2.01)}, "RELATIVE_STRENGTH", "BUY"),
        ({"strength": strength(-2.01)}, "RELATIVE_STRENGTH", "SELL"),
        ({"spread": 3.01, "spread_median": 1.0}, "LIQUIDITY_THIN", None),
        ({"depth": 0.29, "depth_median": 1.0}, "LIQUIDITY_THIN", None),
    ],
)
def test_an_anomaly_and_its_side(facts, kind, side):
    found = only(**facts)
    assert found is not None
    assert (found.kind, found.side) == (kind, side)
    assert found.reason
    assert "nan" not in found.reason


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"volatility": "NORMAL"},
        {"volatility": "LOW"},
        {"breakout": "BUY", "volume_z": 1.99},
        {"breakout": "BUY"},
        {"volume_z": 9.0},
        {"divergence": "BUY"},
        {"at_level": True},
        {"strength": strength(2.0)},
        {"strength": strength(math.nan)},
        {"spread": 3.0, "spread_median": 1.0},
        {"spread": 3.0},
        {"spread": 3.0, "spread_median": 0.0},
        {"depth": 0.3, "depth_median": 1.0},
        {"depth": math.nan, "depth_median": 1.0},
    ],
)
def test_no_anomaly(facts):
    assert only(**facts) is None


def test_all_at_once_in_order():
    found = anomalies(
        AnomalyFacts(
            volatility="HIGH",
            breakout="BUY",
            volume_z=4.0,
            choch="BUY",
            strength=strength(3.0),
            spread=9.0,
            spread_median=1.0,
        )
    )
    assert [anomaly.kind for anomaly in found] == [
        "VOLATILITY",
        "BREAKOUT_WITH_VOLUME",
        "TREND_REVERSAL",
        "RELATIVE_STRENGTH",
        "LIQUIDITY_THIN",
    ]
    assert found[1].reason == "level broken upward on volume 4.0 σ above normal"
