"""How long thresholds hold, and when an alert makes their renewal urgent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calibration.expiry import DAY_MS, alert_is_urgent, expiry_ms, jitter

T0 = 1_700_000_000_000


@given(st.text(max_size=20), st.integers(0, 2**42))
def test_thresholds_hold_fourteen_days_within_ten_percent(symbol: str, accepted_ms: int) -> None:
    days = (expiry_ms(symbol, accepted_ms) - accepted_ms) / DAY_MS
    assert 12.6 - 1e-6 <= days <= 15.4 + 1e-6


def test_the_jitter_of_a_symbol_is_the_same_on_every_machine() -> None:
    assert jitter("BTCUSDT") == pytest.approx(-0.263780843701801, rel=1e-12)
    assert jitter("ETHUSDT") == pytest.approx(0.41186199120132305, rel=1e-12)


def test_symbols_spread_over_the_whole_width() -> None:
    drawn = sorted(jitter(f"COIN{number}USDT") for number in range(500))
    assert drawn[0] < -0.95
    assert drawn[-1] > 0.95
    assert abs(sum(drawn) / len(drawn)) < 0.1


@pytest.mark.parametrize(
    ("is_default", "age_ms", "expires_in_ms", "urgent"),
    [
        (True, 0, None, True),
        (False, DAY_MS, 10 * DAY_MS, False),
        (False, DAY_MS + 1, 10 * DAY_MS, True),
        (False, 1000, 0, True),
        (False, 1000, 1, False),
        (False, 1000, None, False),
    ],
)
def test_an_alert_is_urgent_only_on_thresholds_default_expired_or_older_than_a_day(
    is_default: bool, age_ms: int, expires_in_ms: int | None, urgent: bool
) -> None:
    expires_ms = None if expires_in_ms is None else T0 + expires_in_ms
    assert alert_is_urgent(is_default=is_default, since_ms=T0 - age_ms, expires_ms=expires_ms, now_ms=T0) is urgent
