"""What a candle file knows of its market at a moment: only what had closed, and the same however long the file is."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from core.market.resample import resample
from core.market.volatility import NO_SAMPLE, NatrSample
from core.screening.file_market import Pair, class_of, pair_of, reference_of
from core.screening.levels import DAY_MS
from core.screening.scan_history import FileHistory
from core.settings import Market, Settings
from core.settings_screening import AssetClassSettings, Calibration
from tests.core.screening.bars import MINUTE_MS, flat, minutes

BARS = 4 * 1440
ROWS = minutes(5, BARS)[:, :6]


def priced(*prices: float):
    """Flat one-minute bars at these prices."""
    rows = flat(len(prices))[:, :6]
    rows[:, 1:5] = np.array(prices)[:, None]
    return rows


def test_bars_of_every_timeframe_are_those_that_are_over() -> None:
    history = FileHistory(ROWS, "1m", ("5m", "15m"))
    now_ms = int(ROWS[1000, 0]) + MINUTE_MS
    for name, length in (("1m", 60_000), ("5m", 300_000), ("15m", 900_000), ("1h", 3_600_000), ("1d", DAY_MS)):
        found = history.bars(name, now_ms)
        assert (found[:, 0] + length <= now_ms).all()
        whole = resample(history.rows, length)
        assert len(found) == int((whole[:, 0] + length <= now_ms).sum())
        assert np.array_equal(history.bars(name, now_ms, 7), found[-7:], equal_nan=True)


def test_a_file_of_longer_bars_has_no_shorter_ones() -> None:
    history = FileHistory(minutes(5, 300)[:, :6] * [15, 1, 1, 1, 1, 1], "15m", ("5m", "15m"))
    assert len(history.bars("5m", math.inf)) == 0
    assert len(history.bars("15m", math.inf)) == 300


@pytest.mark.parametrize(
    ("prices", "steps"),
    [
        ((100.0, 100.5, 100.25, 100.5), ("100", "0.5", "0.25", "0.25")),
        ((0.00001234, 0.00001236, 0.00001237), ("0.00001234", "0.00000002", "0.00000001")),
        ((108_000.0, 108_000.1, 107_999.9), ("108000", "0.1", "0.1")),
    ],
)
def test_the_price_step_is_what_the_prices_up_to_a_bar_show(prices: tuple[float, ...], steps: tuple[str, ...]) -> None:
    history = FileHistory(priced(*prices), "1m", ())
    assert [history.tick(place) for place in range(len(prices))] == [Decimal(step) for step in steps]
    assert history.tick_changes(0, len(prices)) == [
        place for place in range(1, len(prices)) if steps[place] != steps[place - 1]
    ]


def test_habits_of_a_day_are_those_of_the_days_before_it() -> None:
    day_ms = (int(ROWS[0, 0]) // DAY_MS + 2) * DAY_MS
    cut = ROWS[ROWS[:, 0] < day_ms]
    later = ROWS.copy()
    later[len(cut) :, 1:5] *= 3.0
    expected = FileHistory(cut, "1m", ()).habits(day_ms, ("1m", "1h"))
    assert FileHistory(later, "1m", ()).habits(day_ms, ("1m", "1h")) == expected
    assert expected.sample("1m").days > 1.0
    assert expected.sample("15m").quantiles == ()
    assert FileHistory(ROWS, "1m", ()).habits(int(ROWS[0, 0]), ("1m",)).sample("1m").quantiles == ()


def test_circumstances_are_those_of_the_day_up_to_the_close() -> None:
    history = FileHistory(ROWS, "1m", ())
    place = 3000
    day = ROWS[place - 1439 : place + 1]
    found = history.circumstances(place, NO_SAMPLE, (3,))
    assert (found.high, found.low, found.bars, found.preferred_hours) == (day[:, 2].max(), day[:, 3].min(), 3001, (3,))
    assert found.change == pytest.approx(day[-1, 4] / day[0, 1] - 1.0)
    assert found.quote_volume == pytest.approx(float((day[:, 5] * day[:, 1:5].mean(axis=1)).sum()))
    assert found.natr_1h > 0.0
    assert FileHistory(ROWS[: place + 1], "1m", ()).circumstances(place, NO_SAMPLE, (3,)) == found
    early = history.circumstances(100, NO_SAMPLE, ())
    assert early.quote_volume > 0.0, "the volume of what there is"
    assert all(math.isnan(value) for value in (early.change, early.high, early.low, early.natr_1h))
    usual = NatrSample((0.001, 0.002, 0.004), 7.0)
    assert history.circumstances(100, usual, ()).natr_1h == 0.002
    assert history.circumstances(place, usual, (3,)) == found


def test_bars_that_are_not_there_are_counted() -> None:
    rows = np.delete(ROWS, [500, 501, 505], axis=0)
    history = FileHistory(rows, "1m", ())
    closes = [int(rows[place, 0]) + MINUTE_MS for place in (499, 500, 503, 508, 520)]
    assert [history.missing("1m", known_ms, 10) for known_ms in closes] == [0, 2, 3, 1, 0]
    assert history.missing("1m", int(rows[3, 0]) + MINUTE_MS, 10) == 0, "before its first bar nothing is missing"
    assert history.missing("15m", closes[-1], 50) == 0, "they are all in longer bars"
    holed = FileHistory(np.delete(ROWS, slice(600, 700), axis=0), "1m", ("15m",))
    assert holed.missing("15m", int(ROWS[900, 0]), 50) == len(
        {int(open_ms) // 900_000 for open_ms in ROWS[600:700, 0]}
        - {int(open_ms) // 900_000 for open_ms in (*ROWS[:600, 0], *ROWS[700:, 0])}
    )


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("eth-usd", "ETH", "USD"),
        ("SOL/USDC", "SOL", "USDC"),
        ("BTC-USDT-PERP", "BTC", "USDT"),
        ("1000PEPEUSDT", "1000PEPE", "USDT"),
        ("WINFUT", "WINFUT", ""),
        ("USDT", "USDT", ""),
    ],
)
def test_a_symbol_is_its_base_and_quote(symbol: str, base: str, quote: str) -> None:
    assert pair_of(symbol) == Pair(base, quote)


def test_the_class_follows_the_market_and_the_settings() -> None:
    spot, linear = Settings(), Settings(market=Market(venue="bybit", category="linear"))
    assert [class_of(symbol, spot).name for symbol in ("BTCUSDT", "DOGEUSDT", "USDCUSDT")] == ["spot", "meme", "stable"]
    assert class_of("DOGEUSDT", linear).name == "perpetual"
    own = msgspec.structs.replace(
        spot, calibration=Calibration(classes=(AssetClassSettings(name="meme", pattern="^BTC/", vol_z_threshold=2.2),))
    )
    assert class_of("BTCUSDT", own).defaults.vol_z_threshold == 2.2


def test_the_reference_is_the_one_settings_name_or_the_btc_pair() -> None:
    assert reference_of(["ETHUSDT", "BTCUSD", "BTCUSDT"], Market()) == 2
    assert reference_of(["ETHUSDT", "BTCUSD"], Market()) == 1
    assert reference_of(["ETHUSDT"], Market()) is None
    assert reference_of(["ETHUSDT", "BTCUSDT"], Market(reference_symbol="ETHUSDT")) == 0
    assert reference_of(["ETHUSDT", "BTCUSDT"], Market(reference_symbol="SOLUSDT")) is None
