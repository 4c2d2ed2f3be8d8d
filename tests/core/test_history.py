"""The candle store keeps what it was given, knows its gaps, stays bounded and survives a damaged file."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from core.history import CandleStore, SeriesKey, Span, StoreError
from tests.core.market.builders import MINUTE, START, candle, candles, walk

KEY = SeriesKey("binance_us", "spot", "BTCUSDT", "1m")


@pytest.fixture
async def store(tmp_path):
    opened = await CandleStore.open(tmp_path / "deep" / "candles.sqlite")
    yield opened
    await opened.close()


async def test_what_is_written_comes_back_bit_for_bit(store):
    block = walk(3000)
    block[:, 7:] = np.nan  # a venue without trade counts
    await store.write(KEY, block[1000:])
    await store.write(KEY, block[:1200])
    np.testing.assert_array_equal(await store.read(KEY), block)
    assert await store.span(KEY) == Span(3000, int(block[0, 0]), int(block[-1, 0]))


async def test_ranges_and_limits_are_those_of_the_provider_contract(store):
    block = candles(0, 100)
    await store.write(KEY, block)
    start, end = START + 10 * MINUTE, START + 50 * MINUTE
    np.testing.assert_array_equal(await store.read(KEY, start_ms=start, end_ms=end), block[10:50])
    np.testing.assert_array_equal(await store.read(KEY, end_ms=end, limit=5), block[45:50])
    np.testing.assert_array_equal(await store.read(KEY, start_ms=start), block[10:])
    assert (await store.read(KEY, start_ms=START + 500 * MINUTE)).shape == (0, 9)


async def test_series_are_kept_apart(store):
    others = [KEY._replace(symbol="ETHUSDT"), KEY._replace(timeframe="5m"), KEY._replace(venue="binance_us-sandbox")]
    for number, key in enumerate([KEY, *others]):
        await store.write(key, candles(number, 1 + number))
    for number, key in enumerate([KEY, *others]):
        np.testing.assert_array_equal(await store.read(key), candles(number, 1 + number))


async def test_a_corrected_bar_replaces_the_old_one(store):
    await store.write(KEY, candles(0, 3))
    await store.write(KEY, np.array([candle(1, 777.0)]))
    assert (await store.read(KEY))[:, 1].tolist() == [100.0, 777.0, 102.0]


async def test_a_second_opening_continues_where_the_first_ended(tmp_path):
    path = tmp_path / "candles.sqlite"
    first = await CandleStore.open(path)
    await first.write(KEY, candles(0, 10))
    await first.close()
    second = await CandleStore.open(path)
    await second.write(KEY, candles(10, 5))
    np.testing.assert_array_equal(await second.read(KEY), candles(0, 15))
    assert second.recovered == ""
    await second.close()


async def test_gaps_are_known_and_confirmed_absences_are_not_asked_for_again(store):
    for first, count in ((0, 10), (20, 10), (40, 5)):
        await store.write(KEY, candles(first, count))
    at = lambda index: START + index * MINUTE  # noqa: E731
    assert await store.gaps(KEY) == [(at(10), at(20)), (at(30), at(40))]
    await store.mark_absent(KEY, at(10), at(20))
    await store.mark_absent(KEY, at(33), at(35))
    assert await store.gaps(KEY) == [(at(30), at(33)), (at(35), at(40))]
    await store.mark_absent(KEY, at(33), at(40))
    assert await store.gaps(KEY) == [(at(30), at(33))]
    await store.write(KEY, candles(30, 3))
    assert await store.gaps(KEY) == []


async def test_a_series_keeps_only_the_newest_bars(store):
    await store.write(KEY, candles(0, 300), keep=100)
    assert await store.span(KEY) == Span(100, START + 200 * MINUTE, START + 299 * MINUTE)
    await store.write(KEY, candles(0, 10), keep=100)
    assert (await store.span(KEY)).first_ms == START + 200 * MINUTE


async def test_a_held_series_keeps_what_was_fetched_on_purpose(store):
    await store.hold(KEY, 250)
    await store.write(KEY, candles(0, 300), keep=100)
    assert (await store.span(KEY)).bars == 250


async def test_missing_stretches_of_a_wished_range(store):
    at = lambda index: START + index * MINUTE  # noqa: E731
    assert await store.gaps(KEY, at(0), at(50)) == [(at(0), at(50))]
    await store.write(KEY, candles(10, 10))
    await store.write(KEY, candles(30, 5))
    assert await store.gaps(KEY, at(0), at(50)) == [(at(0), at(10)), (at(20), at(30)), (at(35), at(50))]
    assert await store.gaps(KEY, at(12), at(32)) == [(at(20), at(30))]
    await store.mark_absent(KEY, at(0), at(10))
    assert await store.gaps(KEY, at(5), at(35)) == [(at(20), at(30))]


async def test_a_dropped_series_is_forgotten_alone(store):
    other = KEY._replace(symbol="ETHUSDT")
    await store.write_many([(KEY, candles(0, 5), 0), (other, candles(0, 5), 0)])
    await store.drop(KEY)
    assert (await store.span(KEY)).bars == 0
    assert (await store.span(other)).bars == 5


async def test_the_file_stays_inside_its_bound_and_the_oldest_bars_go(tmp_path):
    store = await CandleStore.open(tmp_path / "candles.sqlite", max_mb=1.0)
    for part in range(10):
        await store.write(KEY, walk(4000, seed=part, start=START + part * 4000 * MINUTE))
        await store.write(KEY._replace(timeframe="1h"), candles(part, 1))
        assert await store.size_mb() <= 1.0
    span = await store.span(KEY)
    assert span.last_ms == START + 39_999 * MINUTE
    assert span.first_ms > START
    assert await store.gaps(KEY) == []
    assert (await store.span(KEY._replace(timeframe="1h"))).bars == 10
    assert store.evicted > 0
    await store.close()


@pytest.mark.parametrize("damage", ["header", "inside"])
async def test_a_damaged_file_is_moved_aside_not_deleted_and_named(tmp_path, damage):
    path = tmp_path / "candles.sqlite"
    store = await CandleStore.open(path)
    await store.write(KEY, walk(5000))
    await store.close()
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:100] = b"x" * 100
    else:
        content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    path.write_bytes(bytes(content))

    again = await CandleStore.open(path)
    assert len(await again.read(KEY)) in (0, 5000)
    await again.write(KEY, candles(0, 5))
    np.testing.assert_array_equal(await again.read(KEY), candles(0, 5))
    assert str(path) in again.recovered
    assert "candles.sqlite.damaged-1" in again.recovered
    assert (tmp_path / "candles.sqlite.damaged-1").stat().st_size >= 4096
    await again.close()


async def test_a_file_of_a_newer_program_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "candles.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="schema 99"):
        await CandleStore.open(path)
    assert path.exists()


async def test_a_folder_that_cannot_be_made_is_a_typed_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="check"):
        await CandleStore.open(tmp_path / "file" / "candles.sqlite")


async def test_after_closing_every_call_says_so(tmp_path):
    store = await CandleStore.open(tmp_path / "candles.sqlite")
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.read(KEY)
