"""`tradetui fetch`: everything asked for, nothing twice, errors in words."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from core.clock import LiveClock
from core.fetch import FetchError, fetch
from core.history import CandleStore, series_key
from core.venue import Fatal, Instrument, Rejected, Retryable
from tests.core.market.fake_venue import FakeVenue, true_block

NOW = 1_760_000_420_000


def instrument(symbol):
    return Instrument(
        venue="fake", category="spot", symbol=symbol, base=symbol[:3], quote="USDT", status="TRADING", trading=True,
        tick_size=Decimal("0.01"), lot_size=Decimal("0.1"),
    )  # fmt: skip


@pytest.fixture
async def store(tmp_path):
    opened = await CandleStore.open(tmp_path / "candles.sqlite")
    yield opened
    await opened.close()


@pytest.fixture
def clock():
    return LiveClock(rate=5000, start_ms=NOW)


@pytest.fixture
def venue(clock):
    made = FakeVenue(clock)
    made.frozen_ms = NOW
    made.listed = [instrument("BTCUSDT"), instrument("ETHUSDT")]
    return made


async def collect(*args):
    return [progress async for progress in fetch(*args)]


async def test_brings_every_bar_and_shows_progress(venue, store, clock):
    seen = await collect(venue, store, clock, ["BTCUSDT", "ETHUSDT"], "5m", 10)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        steps = [p for p in seen if p.symbol == symbol]
        assert [p.stored for p in steps] == [1000, 2000, 2880, 2880]
        assert steps[-1].finished
        assert not steps[-1].failed
        assert steps[-1].wanted == 2880
        block = await store.read(series_key(venue, symbol, "5m"))
        np.testing.assert_array_equal(block, true_block(symbol, "5m", int(block[0, 0]), int(block[-1, 0]) + 1))
        assert len(block) == 2880


async def test_resumes_where_it_was_interrupted(venue, store, clock):
    async for progress in fetch(venue, store, clock, ["BTCUSDT"], "5m", 10):
        if progress.stored >= 2000:
            break
    venue.asked.clear()
    await collect(venue, store, clock, ["BTCUSDT"], "5m", 10)
    assert sum(call[4] for call in venue.asked) == 1000  # one more page
    venue.asked.clear()
    again = await collect(venue, store, clock, ["BTCUSDT"], "5m", 10)
    assert venue.asked == []
    assert again[-1].finished


async def test_what_the_venue_lacks_is_counted_not_asked_for_ever(venue, store, clock):
    venue.begins_ms = NOW - 86_400_000
    seen = await collect(venue, store, clock, ["BTCUSDT"], "5m", 2)
    assert seen[-1].finished
    assert seen[-1].absent > 200
    assert seen[-1].stored + seen[-1].absent == seen[-1].wanted


async def test_the_running_program_does_not_trim_what_was_fetched(venue, store, clock):
    await collect(venue, store, clock, ["BTCUSDT"], "5m", 10)
    key = series_key(venue, "BTCUSDT", "5m")
    await store.write(key, true_block("BTCUSDT", "5m", NOW - 300_000, NOW), keep=500)
    assert (await store.span(key)).bars > 2800


async def test_passing_trouble_is_waited_out_and_shown(venue, store, clock):
    venue.failures["BTCUSDT"] = [Retryable("503 from the venue")] * 2
    seen = await collect(venue, store, clock, ["BTCUSDT"], "1h", 5)
    assert "503 from the venue; trying again in 2 s" in seen[0].note
    assert seen[-1].finished
    assert not seen[-1].failed


async def test_lasting_trouble_fails_that_symbol_and_the_next_begins(venue, store, clock):
    venue.failures["BTCUSDT"] = [Retryable("503")] * 9
    seen = await collect(venue, store, clock, ["BTCUSDT", "ETHUSDT"], "1h", 5)
    ends = {p.symbol: p.failed for p in seen if p.finished}
    assert ends == {"BTCUSDT": True, "ETHUSDT": False}
    venue.failures["ETHUSDT"] = [Rejected("refused", 1)]
    assert (await collect(venue, store, clock, ["ETHUSDT"], "1h", 9))[-1].failed


async def test_a_blocked_region_is_not_hidden(venue, store, clock):
    venue.failures["BTCUSDT"] = [Fatal("this address is blocked")]
    with pytest.raises(Fatal, match="blocked"):
        await collect(venue, store, clock, ["BTCUSDT"], "1h", 5)


@pytest.mark.parametrize(
    ("symbols", "timeframe", "days", "words"),
    [
        (["BTCUSDX"], "1h", 5, "BTCUSDX.*did you mean BTCUSDT"),
        (["BTCUSDT"], "7m", 5, "'7m' is not one of 1m, 3m"),
        (["BTCUSDT"], "1h", 0, "days 0 must be above 0"),
        (["BTCUSDT"], "1h", float("nan"), "days nan must be"),
        ([], "1h", 5, "at least one symbol"),
    ],
)
async def test_wrong_requests_name_the_remedy(venue, store, clock, symbols, timeframe, days, words):
    with pytest.raises(FetchError, match=words):
        await collect(venue, store, clock, symbols, timeframe, days)
    assert venue.asked == []
