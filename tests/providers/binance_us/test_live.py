"""The whole provider over real sockets: streams, books, live changes, requests."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from core.messages import (
    BookStatus,
    Fault,
    Kline,
    Ladder,
    LinkStatus,
    ProviderStats,
    Quote,
    Replay,
    TradeBatch,
    VenueClock,
)
from core.venue import Rejected
from tests.providers.binance_us.conftest import Start, same_as_rest


async def test_symbols_stream_quotes_trades_candles_and_a_book_equal_to_the_venues(start: Start) -> None:
    async with start(watch=5) as rig:
        symbols = list(rig.market._feeds)
        await rig.until(lambda: all(rig.of(Quote, s) for s in symbols), "quotes of all")
        await rig.until(lambda: all(rig.of(TradeBatch, s) for s in symbols), "trades of all")
        await rig.until(lambda: all({k.timeframe for k in rig.of(Kline, s)} == {"1m", "5m"} for s in symbols), "klines")
        await rig.until(lambda: any(k.closed for k in rig.of(Kline)), "a closed candle")
        for symbol in symbols:
            assert await same_as_rest(rig, symbol)
        assert {s.state for s in rig.of(BookStatus)} == {"syncing", "live"}
        assert rig.market.batcher.rejects.total == 0
        await rig.until(lambda: rig.of(ProviderStats) and rig.of(ProviderStats)[-1].frames > 50, "statistics")
        assert rig.of(VenueClock)
        assert not rig.of(Fault)
    assert rig.of(LinkStatus)[-1].state == "stopped"


async def test_closed_candles_from_the_stream_equal_the_venues_history(start: Start) -> None:
    async with start(watch=4, rate=20) as rig:
        await rig.until(lambda: len({k.symbol for k in rig.of(Kline) if k.closed}) >= 3, "closed candles")
        await rig.clock.sleep(5)
        for kline in [k for k in rig.of(Kline) if k.closed]:
            block = await rig.market.candles(
                kline.symbol, kline.timeframe, start_ms=kline.open_ms, end_ms=kline.open_ms + 1
            )
            ours = (kline.open, kline.high, kline.low, kline.close, kline.volume, kline.quote_volume, kline.trades)
            assert tuple(block[0, 1:8]) == pytest.approx(ours)
            assert block[0, 8] == pytest.approx(kline.taker_buy_volume)


async def test_symbols_change_without_a_reconnect(start: Start) -> None:
    async with start(watch=2) as rig:
        first, second = list(rig.market._feeds)
        third = (await rig.symbols(3))[2]
        rig.market.set_symbols([second, third], ("1m", "5m"))
        await rig.until(lambda: rig.of(Quote, third) and third in rig.live_books(), "the new symbol")
        shard = rig.market._shards[0]
        await rig.until(lambda: shard.confirmed == set(shard.wanted), "acknowledgements")
        rig.seen.clear()
        await rig.until(lambda: rig.of(Quote, second) and rig.of(Quote, third), "both symbols")
        assert not rig.of(Quote, first)
        assert shard.link.connects == 1
        passes, reconcile, began = [0], shard.reconcile, rig.clock.monotonic()

        async def counted() -> None:
            passes[0] += 1
            await reconcile()

        shard.reconcile = counted
        await rig.until(lambda: rig.clock.monotonic() > began + 10.0, "ten seconds")
        assert passes[0] <= 12, "a change must not keep it looking for another without rest"


async def test_a_screen_that_starts_late_is_told_the_state_of_links_and_books(start: Start) -> None:
    async with start(watch=2) as rig:
        rig.seen.clear()
        rig.bus.publish(Replay())
        assert [s.state for s in rig.of(LinkStatus)] == ["up"]
        assert {s.symbol: s.state for s in rig.of(BookStatus)} == dict.fromkeys(rig.market._feeds, "live")


async def test_streams_are_spread_over_several_sockets(start: Start) -> None:
    async with start(watch=5, streams_per_socket=10) as rig:
        assert len(rig.market._shards) == 3
        assert {s.link for s in rig.of(LinkStatus)} == {"market 1", "market 2", "market 3"}


async def test_the_focused_symbol_gets_a_ladder(start: Start) -> None:
    async with start(watch=2) as rig:
        symbol = next(iter(rig.market._feeds))
        rig.market.set_focus(symbol)
        await rig.until(lambda: rig.of(Ladder, symbol), "a ladder")
        ladder = rig.of(Ladder, symbol)[-1]
        assert len(ladder.bids) == 20
        assert ladder.bids[0][0] < ladder.asks[0][0]
        assert {m.symbol for m in rig.of(Ladder)} == {symbol}


async def test_the_ladder_of_any_symbol_can_be_read_while_its_book_is_live(start: Start) -> None:
    async with start(watch=2) as rig:
        one, other = rig.market._feeds
        await rig.until(lambda: rig.market.ladder(one, 1) and rig.market.ladder(other, 1), "live books")
        ladder = rig.market.ladder(other, 7)
        assert ladder is not None
        assert (ladder.symbol, len(ladder.bids), len(ladder.asks)) == (other, 7, 7)
        assert ladder.bids[0][0] < ladder.asks[0][0]
        rig.market.books.lose(rig.market._feeds[one], "cut")
        assert rig.market.ladder(one, 7) is None
        assert rig.market.ladder("NOSUCH", 7) is None


async def test_candles_page_both_ways_and_keep_to_their_bounds(start: Start) -> None:
    async with start() as rig:
        (symbol,) = await rig.symbols(1)
        newest = await rig.market.candles(symbol, "1m", limit=2500)
        assert newest.shape == (2500, 9)
        assert set((newest[1:, 0] - newest[:-1, 0]).tolist()) == {60_000.0}
        start_ms, end_ms = int(newest[100, 0]), int(newest[2300, 0])
        between = await rig.market.candles(symbol, "1m", start_ms=start_ms, end_ms=end_ms, limit=5000)
        assert (between == newest[100:2300]).all()
        tail = await rig.market.candles(symbol, "1m", start_ms=start_ms, end_ms=end_ms, limit=7, background=True)
        assert (tail == newest[2293:2300]).all()
        since = await rig.market.candles(symbol, "1m", start_ms=int(newest[-3, 0]))
        assert len(since) >= 3
        assert not len(await rig.market.candles(symbol, "1m", start_ms=end_ms, end_ms=end_ms))


async def test_an_unknown_symbol_or_timeframe_is_rejected(start: Start) -> None:
    async with start() as rig:
        with pytest.raises(Rejected) as caught:
            await rig.market.candles("NOSUCH", "1m")
        assert caught.value.code == -1121
        with pytest.raises(Rejected, match="timeframe"):
            await rig.market.candles("BTCUSD", "7m")


async def test_limits_and_host_come_from_the_venue(start: Start) -> None:
    async with start() as rig:
        await rig.market.instruments()
        async with httpx.AsyncClient() as client:
            info = msgspec.json.decode((await client.get(f"{rig.exchange.rest_url}/api/v3/exchangeInfo")).content)
        weight = next(r["limit"] for r in info["rateLimits"] if r["rateLimitType"] == "REQUEST_WEIGHT")
        assert rig.market.rest.budget.limit == weight
        assert rig.market.host_kind == "SANDBOX"
        assert rig.market.host == rig.exchange.rest_url.removeprefix("http://")
