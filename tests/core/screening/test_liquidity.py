"""The liquidity meter: few samples, medians only from enough of them, nothing of a silent or crossed book."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from core.messages import Quote
from core.screening.liquidity import ENOUGH, NOT_KNOWN, SAMPLE_MS, SAMPLES, STALE_MS, LiquidityMeter
from tests.builders import NOW_MS, quote

BOOK = quote("A", 99.9, 100.1)


def feed(meter: LiquidityMeter, message: Quote, at_ms: int) -> None:
    """As the desk does: most quotes are not handed over."""
    if at_ms >= meter.next_ms:
        meter.sample(replace(message, received_ms=at_ms))


def test_one_sample_in_so_many_seconds_and_medians_from_enough() -> None:
    meter = LiquidityMeter()
    now_ms = NOW_MS
    for step in range(SAMPLE_MS // 1000 * (ENOUGH - 1)):
        now_ms = NOW_MS + step * 1000
        feed(meter, BOOK, now_ms)
    found = meter.read(now_ms)
    assert found.spread == pytest.approx(0.002)
    assert found.depth == pytest.approx(200.0)
    assert math.isnan(found.spread_median)
    feed(meter, quote("A", 99.0, 101.0), now_ms + SAMPLE_MS)
    found = meter.read(now_ms + SAMPLE_MS)
    assert found.spread == pytest.approx(0.02)
    assert found.spread_median == pytest.approx(0.002)
    assert found.depth_median == pytest.approx(200.0)


def test_the_median_forgets_after_an_hour() -> None:
    meter = LiquidityMeter()
    for step in range(SAMPLES):
        feed(meter, BOOK, NOW_MS + step * SAMPLE_MS)
    for step in range(SAMPLES, 2 * SAMPLES):
        feed(meter, quote("A", 99.0, 101.0), NOW_MS + step * SAMPLE_MS)
    assert meter.read(NOW_MS + 2 * SAMPLES * SAMPLE_MS).spread_median == pytest.approx(0.02)


def test_the_imbalance_is_smoothed_and_starts_anew_after_silence() -> None:
    meter = LiquidityMeter()
    heavy = replace(BOOK, bid_size=3.0)
    feed(meter, heavy, NOW_MS)
    assert meter.read(NOW_MS).imbalance == pytest.approx(0.5)
    feed(meter, replace(BOOK, bid_size=1.0, ask_size=3.0), NOW_MS + SAMPLE_MS)
    assert meter.read(NOW_MS + SAMPLE_MS).imbalance == pytest.approx(0.5 - 0.2)
    late = NOW_MS + SAMPLE_MS + STALE_MS + 1
    feed(meter, heavy, late)
    assert meter.read(late).imbalance == pytest.approx(0.5)


def test_a_silent_book_is_not_known() -> None:
    meter = LiquidityMeter()
    assert meter.read(NOW_MS) == NOT_KNOWN
    feed(meter, BOOK, NOW_MS)
    assert meter.read(NOW_MS + STALE_MS) != NOT_KNOWN
    assert meter.read(NOW_MS + STALE_MS + 1) == NOT_KNOWN


@pytest.mark.parametrize(
    "changed",
    [{"bid": 100.2}, {"ask": math.nan}, {"bid": 0.0}, {"bid_size": 0.0, "ask_size": 0.0}, {"bid_size": math.inf}],
)
def test_a_crossed_or_empty_quote_is_no_sample(changed: dict[str, float]) -> None:
    meter = LiquidityMeter()
    feed(meter, replace(BOOK, **changed), NOW_MS)
    assert meter.read(NOW_MS) == NOT_KNOWN
    assert meter.next_ms == 0
