"""Recorded markets: candles keep their bars, raw streams their messages, both on the clock's present."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from core.clock import SimClock
from providers.sandbox.model import SandboxDepth, SandboxMark, SandboxQuote, SandboxTrade
from providers.sandbox.playback import PlaybackMarket

MINUTE = 60_000
START = 1_795_243_200_000 + 17 * MINUTE + 23_456
RECORDED = 1_700_000_040_000
"""A whole minute."""


def write_candles(folder: Path, symbol: str = "ABCUSDT", rows: int = 300, gap: tuple[int, int] = (0, 0)) -> list[tuple]:
    """A wavy recording with one-cent ticks; `gap` minutes are left out. Returns its rows."""
    rng = np.random.default_rng(5)
    close = np.round(20 + np.cumsum(rng.standard_normal(rows)) * 0.03, 2)
    opened = np.concatenate(([20.0], close[:-1]))
    top = np.round(np.maximum(opened, close) + rng.integers(0, 4, rows) / 100, 2)
    low = np.round(np.minimum(opened, close) - rng.integers(0, 4, rows) / 100, 2)
    volume = np.round(rng.exponential(30, rows) + 1.0, 1)
    made = [
        (RECORDED + n * MINUTE, opened[n], top[n], low[n], close[n], volume[n])
        for n in range(rows)
        if not gap[0] <= n < gap[1]
    ]
    names = ("ts_ms", "open", "high", "low", "close", "volume")
    columns = {name: pa.array([row[at] for row in made]) for at, name in enumerate(names)}
    parquet.write_table(pa.table(columns), folder / f"{symbol}_1m.parquet")
    return made


def raw_lines() -> list[str]:
    """A tiny spot stream: stale diff, snapshot, straddling diff, tickers and trades over 90 seconds."""
    first = RECORDED + 10_000

    def line(at_ms: int, stream: str, data: dict) -> str:
        return f"{at_ms * 1_000_000} " + json.dumps({"stream": f"abcusdt@{stream}", "data": data})

    def depth(at_ms: int, low: int, high: int, bids: list, asks: list) -> str:
        body = {"e": "depthUpdate", "E": at_ms, "s": "ABCUSDT", "U": low, "u": high, "b": bids, "a": asks}
        return line(at_ms, "depth@100ms", body)

    def trade(at_ms: int, number: int, price: str, size: str, maker: bool) -> str:
        body = {"e": "trade", "E": at_ms, "s": "ABCUSDT", "t": number, "p": price, "q": size, "T": at_ms, "m": maker}
        return line(at_ms, "trade", body)

    def ticker(at_ms: int, update: int, bid: str, ask: str) -> str:
        return line(at_ms, "bookTicker", {"u": update, "s": "ABCUSDT", "b": bid, "B": "1.50", "a": ask, "A": "2.00"})

    snapshot = {"lastUpdateId": 105, "bids": [["10.01", "1.50"], ["10.00", "3.00"]], "asks": [["10.02", "2.00"]]}
    return [
        depth(first, 100, 104, [["9.00", "1.00"]], []),
        f"{first * 1_000_000} " + json.dumps(snapshot),
        depth(first + 100, 104, 107, [["10.01", "1.50"], ["9.99", "4.00"]], [["10.03", "1.00"]]),
        ticker(first + 100, 107, "10.01", "10.02"),
        trade(first + 150, 50, "10.02", "0.75", False),
        depth(first + 200, 108, 108, [["10.00", "0.00"]], []),
        trade(first + 61_000, 51, "10.01", "0.25", True),
        trade(first + 61_000, 52, "10.00", "0.50", True),
        depth(first + 90_000, 109, 110, [["10.01", "0"], ["9.98", "1"]], [["10.02", "0.10"]]),
    ]


def write_raw(folder: Path, lines: list[str] | None = None, name: str = "abcusdt_20240808.gz") -> Path:
    file = folder / name
    with gzip.open(file, "wt") as stream:
        stream.write("\n".join(lines or raw_lines()) + "\n")
    return file


def test_recorded_candles_come_back_as_bars_and_as_streamed_trades(tmp_path):
    rows = write_candles(tmp_path, gap=(40, 43))
    market = PlaybackMarket(tmp_path, SimClock(START), loop=False)
    (listing,) = market.listings()
    assert (listing.symbol, listing.base, listing.quote) == ("ABCUSDT", "ABC", "USDT")
    assert (str(listing.tick_size), str(listing.lot_size)) == ("0.01", "0.1")
    list(market.events(START))
    trades = [e for e in market.events(START + 3 * MINUTE) if type(e) is SandboxTrade]
    bars = market.bars("ABCUSDT", MINUTE, 0, START + 10 * MINUTE)
    shift = START // MINUTE * MINUTE - RECORDED - 150 * MINUTE
    by_open = {row[0] + shift: row for row in rows}
    assert len(bars) == 154
    for bar in bars[:-1].tolist():
        recorded = by_open.get(bar[0])
        if recorded is None:
            assert bar[5] == bar[7] == 0
            continue
        assert [value / 100 for value in bar[1:5]] == pytest.approx(recorded[1:5])
        assert bar[5] / 10 == pytest.approx(recorded[5])
    for bar in bars[-3:-1].tolist():
        inside = [t for t in trades if bar[0] <= t.at_ms < bar[0] + MINUTE]
        assert len(inside) == bar[7]
        assert sum(t.size_lots for t in inside) == bar[5]
        assert sum(t.price_ticks * t.size_lots for t in inside) == bar[6]
        assert [inside[0].price_ticks, inside[-1].price_ticks] == [bar[1], bar[4]]
        assert max(t.price_ticks for t in inside) == bar[2]
        assert min(t.price_ticks for t in inside) == bar[3]


def test_a_candle_recording_without_loop_ends(tmp_path):
    write_candles(tmp_path, rows=20)
    market = PlaybackMarket(tmp_path / "ABCUSDT_1m.parquet", SimClock(START), loop=False)
    list(market.events(START))
    assert list(market.events(START + 9 * MINUTE))
    list(market.events(START + 11 * MINUTE))
    assert list(market.events(START + 13 * MINUTE)) == []
    bars = market.bars("ABCUSDT", MINUTE, 0, START + 60 * MINUTE)
    assert len(bars) == 20
    assert bars[-1, 7] > 0


def test_a_looped_candle_recording_repeats_with_ids_running_on(tmp_path):
    write_candles(tmp_path, rows=50)
    market = PlaybackMarket(tmp_path, SimClock(START))
    bars = market.bars("ABCUSDT", MINUTE, START - 200 * MINUTE, START - MINUTE)
    assert np.array_equal(bars[:50, 1:6], bars[50:100, 1:6])
    assert np.array_equal(bars[1:, 10], bars[:-1, 10] + bars[:-1, 7])
    assert bars[0, 10] > 0


def test_candles_without_volume_or_with_absurd_volume_play(tmp_path):
    for symbol, volume in (("NONEUSD", None), ("HUGEUSD", 123_456_789.1234)):
        table = pa.table(
            {
                "ts_ms": [RECORDED + n * MINUTE for n in range(30)],
                **{name: [41_824.5] * 30 for name in ("open", "low", "close")},
                "high": [41_824.5 + n for n in range(30)],
                "volume": pa.array([volume] * 30, type=pa.float64()),
            }
        )
        parquet.write_table(table, tmp_path / f"{symbol}_1m.parquet")
    market = PlaybackMarket(tmp_path, SimClock(START))
    days = market.bars("HUGEUSD", 86_400_000, START - 3 * 86_400_000, START)
    assert (days[:, 6] > 0).all()
    assert (market.bars("NONEUSD", MINUTE, START - 20 * MINUTE, START - MINUTE)[:, 7] <= 3).all()
    list(market.events(START))
    assert list(market.events(START + 2 * MINUTE))


def test_a_raw_stream_keeps_its_messages_and_its_second_of_the_minute(tmp_path):
    clock = SimClock(START // MINUTE * MINUTE + 5_000)
    market = PlaybackMarket(write_raw(tmp_path), clock, loop=False)
    begin = START // MINUTE * MINUTE - MINUTE + 10_000
    assert list(market.events(begin)) == []
    snapshot = market.book("ABCUSDT")
    assert snapshot.bids == ((1001, 150), (1000, 300))
    events = list(market.events(begin + 100_000))
    assert [type(event) for event in events] == [
        SandboxDepth,
        SandboxQuote,
        SandboxTrade,
        SandboxDepth,
        SandboxTrade,
        SandboxTrade,
        SandboxDepth,
    ]
    assert [event.at_ms - begin for event in events] == [100, 100, 150, 200, 61_000, 61_000, 90_000]
    diffs = [event for event in events if type(event) is SandboxDepth]
    assert diffs[0].first_id == snapshot.last_id + 1
    assert [d.first_id for d in diffs[1:]] == [d.last_id + 1 for d in diffs[:-1]]
    assert [e.update_id for e in events if type(e) is SandboxQuote] == [diffs[0].last_id]
    book = market.book("ABCUSDT")
    assert book.bids == ((999, 400), (998, 100))
    assert book.asks == ((1002, 10), (1003, 100))
    assert market.recent_trades("ABCUSDT", 2) == [events[4], events[5]]
    assert list(market.events(begin + 900_000)) == []


def test_raw_bars_are_built_from_the_trades_played(tmp_path):
    market = PlaybackMarket(write_raw(tmp_path), SimClock(START // MINUTE * MINUTE + 5_000), loop=False)
    base = START // MINUTE * MINUTE - MINUTE
    list(market.events(base))
    assert market.bars("ABCUSDT", MINUTE, 0, base + MINUTE)[0].tolist() == [
        base,
        *(1002, 1002, 1002, 1002),
        *(75, 75_150, 1, 75, 75_150, 1),
    ]
    list(market.events(base + 70_999))
    rows = market.bars("ABCUSDT", MINUTE, 0, base + 9 * MINUTE)
    assert rows[-1].tolist() == [base + MINUTE, 1002, 1002, 1002, 1002, 0, 0, 0, 0, 0, 2]
    list(market.events(base + 71_000))
    rows = market.bars("ABCUSDT", MINUTE, 0, base + 9 * MINUTE)
    assert rows[-1].tolist() == [base + MINUTE, 1001, 1001, 1000, 1000, 75, 1001 * 25 + 50_000, 2, 0, 0, 2]
    assert market.bars("ABCUSDT", 5 * MINUTE, 0, base + 9 * MINUTE)[:, 7].sum() == 3


def test_a_looped_raw_stream_rejoins_its_first_book_without_a_gap(tmp_path):
    market = PlaybackMarket(write_raw(tmp_path), SimClock(START // MINUTE * MINUTE + 30_000), category="linear")
    list(market.events(START // MINUTE * MINUTE))
    snapshot = market.book("ABCUSDT")
    bids, asks, last = dict(snapshot.bids), dict(snapshot.asks), snapshot.last_id
    trades, marks = [], 0
    for event in market.events(START + 7 * MINUTE):
        if type(event) is SandboxDepth:
            assert event.first_id == last + 1
            last = event.last_id
            for side, changes in ((bids, event.bids), (asks, event.asks)):
                side.update(changes)
                for price in [price for price, size in side.items() if size == 0]:
                    del side[price]
            assert max(bids) < min(asks)
        elif type(event) is SandboxTrade:
            trades.append(event.trade_id)
        elif type(event) is SandboxMark:
            marks += 1
    book = market.book("ABCUSDT")
    assert (dict(book.bids), dict(book.asks), book.last_id) == (bids, asks, last)
    assert trades == list(range(trades[0], trades[0] + len(trades)))
    assert len(trades) > 9
    assert marks > 3
    bars = market.bars("ABCUSDT", MINUTE, 0, START + 8 * MINUTE)
    assert np.array_equal(bars[1:, 10], bars[:-1, 10] + bars[:-1, 7])


def test_speed_compresses_a_raw_stream(tmp_path):
    market = PlaybackMarket(write_raw(tmp_path), SimClock(START // MINUTE * MINUTE + 30_000), speed=10, loop=False)
    base = START // MINUTE * MINUTE
    list(market.events(base))
    assert [event.at_ms - base for event in market.events(base + 30_000)][-1] == 10_000


def test_what_cannot_be_played_is_refused_with_the_remedy(tmp_path):
    clock = SimClock(START)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        PlaybackMarket(tmp_path / "nowhere", clock)
    with pytest.raises(ValueError, match="SYMBOL_1m"):
        PlaybackMarket(tmp_path, clock)
    headless = [line for line in raw_lines() if "lastUpdateId" not in line]
    with pytest.raises(ValueError, match="snapshot"):
        PlaybackMarket(write_raw(tmp_path, headless, "xyzusdt_20240809.gz"), clock)
    write_candles(tmp_path)
    with pytest.raises(ValueError, match="faster clock"):
        PlaybackMarket(tmp_path / "ABCUSDT_1m.parquet", clock, speed=2)
    (tmp_path / "ABCUSDT_1m.parquet").rename(tmp_path / "ABCUSDT_5m.parquet")
    with pytest.raises(ValueError, match="one-minute"):
        PlaybackMarket(tmp_path / "ABCUSDT_5m.parquet", clock)
    with pytest.raises(ValueError, match="speed"):
        PlaybackMarket(tmp_path, clock, speed=0)
    with pytest.raises(ValueError, match="history"):
        PlaybackMarket(tmp_path, clock, history=1.0)
