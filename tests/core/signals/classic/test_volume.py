"""Volume detectors speak exactly when their definitions say, on both sides."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.market.indicators import load_talib
from core.market.volume import robust_volume_z
from core.settings import Detectors
from tests.core.signals.classic.market import Case, Market, said
from tests.core.signals.markets import walk

# --- vol_spike ------------------------------------------------------------------------------------------------------

LOGS = np.linspace(2.0, 3.0, 51)[:50]  # median 2.49, median deviation 0.25
MIDDLE, SPREAD = float(np.median(LOGS)), 1.4826 * float(np.median(np.abs(LOGS - np.median(LOGS))))


def busy(*, mirror: bool = False, settings: Detectors | None = None) -> Market:
    """Fifty bars whose ln(1 + volume) is spread evenly."""
    market = Market("vol_spike", mirror=mirror, settings=settings)
    for value in np.random.default_rng(5).permutation(LOGS):
        market.bar(volume=math.expm1(value))
    return market


def volume_at(z: float) -> float:
    return math.expm1(MIDDLE + z * SPREAD)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(("z", "score"), [(2.99, 0.0), (3.6, 0.2), (4.5, 0.5), (6.5, 1.0)])
def test_a_spike_speaks_for_the_side_of_its_body(z: float, score: float, mirror: bool) -> None:
    found = busy(mirror=mirror).bar(101.0, open_=100.0, volume=volume_at(z))
    assert found.score == pytest.approx(score, rel=1e-9)
    if score:
        assert (found.side, found.reason) == ("SELL" if mirror else "BUY", f"volume {z:.1f}σ above normal")


@pytest.mark.parametrize(("body", "side"), [(0.2999, "HOLD"), (0.3001, "BUY"), (0.0, "HOLD"), (-0.3001, "SELL")])
def test_a_spike_without_a_body_has_no_side(body: float, side: str) -> None:
    found = busy().bar(100.0 + body, open_=100.0, high=100.5, low=99.5, volume=volume_at(5.0))
    assert found.side == side


def test_the_spikes_threshold_is_a_setting() -> None:
    assert busy(settings=Detectors(volume_z=3.7)).bar(101.0, open_=100.0, volume=volume_at(3.6)).side == "HOLD"


def test_the_z_is_the_markets_own() -> None:
    block = walk(8, 400)
    market, spoke = Market("vol_spike", calm=0, settings=Detectors(volume_z=1.0)), 0
    for place, (_, first, high, low, close, volume) in enumerate(block[:, :6].tolist()):
        found = market.bar(close, open_=first, high=high, low=low, volume=volume)
        z = robust_volume_z(block[: place + 1, 5])
        if found.side != "HOLD":
            spoke += 1
            assert found.score == pytest.approx(min(1.0, (z - 1.0) / 3.0), abs=1e-9)
        elif place > 60:
            assert not z > 1.0 or abs(close - first) < 0.3 * (high - low)
    assert spoke > 15


@pytest.mark.parametrize("volume", [0.0, 7.0])
def test_where_volume_never_varies_nothing_is_a_spike(volume: float) -> None:
    market = Market("vol_spike")
    for _ in range(50):
        market.bar(volume=volume)
    assert market.bar(101.0, open_=100.0, volume=1e9).side == "HOLD"


# --- obv_slope ------------------------------------------------------------------------------------------------------


def test_the_slope_is_the_regression_slope_of_on_balance_volume_ranked() -> None:
    talib = load_talib()
    block = walk(6, 1200)
    close, volume = np.round(block[:, 4], 1), block[:, 5].copy()
    assert (np.diff(close) == 0.0).sum() > 50, "a bar that closes where the last one did adds nothing"
    slopes = talib.LINEARREG_SLOPE(talib.OBV(close, volume), 20)[19:] / talib.SMA(volume, 20)[19:]
    market = Market("obv_slope", calm=0)
    sides = set()
    for place in range(1200):
        found = market.bar(float(close[place]), volume=float(volume[place]))
        if place < 1019:
            assert found.warming
            continue
        past, now = slopes[place - 1019 : place - 19], slopes[place - 19]
        rank = ((past < now).sum() + (past <= now).sum()) / 2000.0
        agrees = now * (rank - 0.5) > 0.0
        assert found.score == pytest.approx(abs(2.0 * rank - 1.0) if agrees else 0.0, abs=1e-9)
        if agrees:
            sides.add(found.side)
            rising = now > 0.0
            assert found.side == ("BUY" if rising else "SELL")
            assert found.reason == f"volume on {'rising' if rising else 'falling'} bars (OBV)"
    assert sides == {"BUY", "SELL"}


def test_a_dead_market_gives_no_slope_and_the_rank_goes_on_after_it() -> None:
    block = walk(6, 1200)
    market = Market("obv_slope", calm=0)
    for row in block:
        market.bar(float(row[4]), volume=float(row[5]))
    silent = [market.bar(volume=0.0).side for _ in range(40)]
    assert set(silent[2:]) == {"HOLD"}, "two of fourteen bars may lack volume"
    found = [market.bar(100.0 + bar, volume=5.0) for bar in range(30)]
    assert found[-1].side == "BUY"


# --- cmf ------------------------------------------------------------------------------------------------------------

CASES = [
    Case("cmf", [{"cmf20": 0.18}], 0.72, ("money flow +0.18", "money flow −0.18")),
    Case("cmf", [{"cmf20": 0.05}]),
    Case("cmf", [{"cmf20": 0.06}], 0.24, ("money flow +0.06", "money flow −0.06")),
    Case("cmf", [{"cmf20": 0.4}], 1.0, ("money flow +0.40", "money flow −0.40")),
]


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_money_flow(case: Case, mirror: bool) -> None:
    found = said(case, mirror=mirror)
    assert found.side == ("HOLD" if not case.score else "SELL" if mirror else "BUY")
    assert found.score == pytest.approx(case.score)
    assert found.reason == case.words[mirror]


def test_the_money_flow_threshold_is_a_setting() -> None:
    assert Market("cmf", settings=Detectors(cmf_min=0.2)).bar(cmf20=0.18).side == "HOLD"
