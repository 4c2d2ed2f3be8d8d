"""The sandbox plays the recorded market data: books and candles equal the derived answers."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from core.clock import SimClock
from providers.sandbox.model import SandboxDepth, SandboxTrade
from providers.sandbox.playback import PlaybackMarket

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
MINUTE = 60_000
START = 1_795_243_200_000 + 59_000

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="the recorded market data is not beside this checkout"),
]


def played(path: str, minutes: int, **options) -> PlaybackMarket:
    market = PlaybackMarket(DATA / path, SimClock(START), loop=False, **options)
    list(market.events(START // MINUTE * MINUTE - 1))
    list(market.events(START // MINUTE * MINUTE + minutes * MINUTE))
    return market


@pytest.mark.parametrize(
    ("path", "symbol", "answers"),
    [
        ("raw/binance_spot/btcusdt_20240808.gz", "BTCUSDT", "binance_spot/btcusdt_20240808"),
        ("raw/binance_spot", "ETHUSDT", "binance_spot/ethusdt_20240808"),
        ("raw/binance_usdm", "BTCUSDT", "binance_usdm/btcusdt_20240808"),
    ],
)
def test_bars_of_a_played_stream_equal_the_derived_candles(path, symbol, answers):
    market = played(path, 8)
    listing = next(listing for listing in market.listings() if listing.symbol == symbol)
    tick, lot = float(listing.tick_size), float(listing.lot_size)
    bars = market.bars(symbol, MINUTE, 0, START + 20 * MINUTE)
    with (DATA / "expected" / f"{answers}.kline_1m_from_trades.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert len(expected) > 4
    for bar, row in zip(bars.tolist(), expected, strict=False):
        assert [v * tick for v in bar[1:5]] == pytest.approx([float(row[k]) for k in ("open", "high", "low", "close")])
        assert bar[5] * lot == pytest.approx(float(row["volume"]))
        assert bar[6] * lot * tick == pytest.approx(float(row["turnover_p_times_q"]))
        assert bar[7] == int(row["trades"])
        assert bar[8] * lot == pytest.approx(float(row["taker_buy_volume"]))


@pytest.mark.parametrize(
    ("path", "answers"),
    [
        ("raw/binance_spot/btcusdt_20240808.gz", "binance_spot/btcusdt_20240808"),
        ("raw/binance_usdm/btcusdt_20240808.gz", "binance_usdm/btcusdt_20240808"),
        ("raw/binance_coinm/btcusd_perp_20240808.gz", "binance_coinm/btcusd_perp_20240808"),
    ],
)
def test_the_played_book_equals_the_derived_books(path, answers):
    market = PlaybackMarket(DATA / path, SimClock(START), loop=False)
    (listing,) = market.listings()
    symbol, tick, lot = listing.symbol, float(listing.tick_size), float(listing.lot_size)
    list(market.events(START // MINUTE * MINUTE - 5 * MINUTE))
    book = market.book(symbol)
    sides = (dict(book.bids), dict(book.asks))
    with gzip.open(DATA / "expected" / f"{answers}.book.csv.gz", "rt") as file:
        rows = {int(row["u"]): row for row in csv.DictReader(file)}
    compared = 0
    for event in market.events(START + 10 * MINUTE):
        if type(event) is not SandboxDepth:
            continue
        for side, changes in zip(sides, (event.bids, event.asks), strict=True):
            for price, size in changes:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        row = rows.get(event.last_id)
        if row is not None:
            compared += 1
            bid, ask = max(sides[0]), min(sides[1])
            assert [bid * tick, ask * tick] == pytest.approx([float(row["bid_px"]), float(row["ask_px"])])
            assert [sides[0][bid] * lot, sides[1][ask] * lot] == pytest.approx(
                [float(row["bid_qty"]), float(row["ask_qty"])]
            )
    assert compared > 20


def test_recorded_candles_are_played_unchanged_and_realised_by_trades():
    pyarrow = pytest.importorskip("pyarrow.parquet")
    folder = "ohlcv/binance_usdm_2025"
    market = PlaybackMarket(DATA / folder, SimClock(START), loop=False)
    table = pyarrow.read_table(DATA / folder / "BTCUSDT_1m.parquet")
    bars = market.bars("BTCUSDT", MINUTE, 0, START)
    listing = next(listing for listing in market.listings() if listing.symbol == "BTCUSDT")
    count = len(bars) - 1
    for column, name in enumerate(("open", "high", "low", "close"), start=1):
        assert np.allclose(bars[:count, column] * float(listing.tick_size), table[name].to_numpy()[:count])
    assert np.allclose(bars[:count, 5] * float(listing.lot_size), table["volume"].to_numpy()[:count])
    list(market.events(START))
    trades = [e for e in market.events(START + 3 * MINUTE) if type(e) is SandboxTrade and e.symbol == "BTCUSDT"]
    minute = START // MINUTE * MINUTE + MINUTE
    (bar,) = market.bars("BTCUSDT", MINUTE, minute, minute + MINUTE).tolist()
    inside = [t for t in trades if minute <= t.at_ms < minute + MINUTE]
    assert sum(t.price_ticks * t.size_lots for t in inside) == bar[6]
    assert (inside[0].price_ticks, inside[-1].price_ticks, len(inside)) == (bar[1], bar[4], bar[7])
