"""The whole provider over real sockets: streams, books, reconnecting, freshness, garbage, bans."""

from __future__ import annotations

import asyncio

import httpx
import msgspec
import pytest

from core.messages import (
    BookStatus,
    ChannelStatus,
    Fault,
    Kline,
    Ladder,
    LinkStatus,
    ProviderStats,
    Quote,
    RestBan,
    TradeBatch,
    VenueClock,
)
from core.venue import Banned, Rejected
from tests.providers.binance_us.conftest import Rig, Start


async def rest_top(rig: Rig, symbol: str) -> tuple[int, list[list[str]], list[list[str]]]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{rig.exchange.rest_url}/api/v3/depth", params={"symbol": symbol, "limit": 20})
    body = answer.json()
    return body["lastUpdateId"], body["bids"], body["asks"]


async def same_as_rest(rig: Rig, symbol: str) -> bool:
    """Whether the local book equals the venue's at the same update id; retried, for the market moves on."""
    for _ in range(60):
        last_id, bids, asks = await rest_top(rig, symbol)
        book = rig.market._feeds[symbol].book
        async with asyncio.timeout(5):
            while book.last_id < last_id and book.state == "live":
                await asyncio.sleep(0.002)
        if book.last_id == last_id:
            ours = book.book.ladder(20)
            theirs = tuple(tuple((float(p), float(s)) for p, s in side) for side in (bids, asks))
            return ours == theirs
    raise AssertionError(f"the book of {symbol} never stood at the id of a snapshot")


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


async def test_dropped_sockets_come_back_with_fresh_books(start: Start) -> None:
    async with start(watch=3) as rig:
        symbols = list(rig.market._feeds)
        rig.exchange.faults.drop_sockets()
        await rig.until(lambda: rig.market._shards[0].link.reconnects == 1, "a reconnect")
        assert {s.symbol for s in rig.of(BookStatus) if s.state == "stale"} == set(symbols)
        await rig.until(lambda: len(rig.live_books()) == 3, "live books")
        rig.seen.clear()
        await rig.until(lambda: all(rig.of(Quote, s) for s in symbols), "fresh quotes")
        assert await same_as_rest(rig, symbols[0])


async def test_while_the_socket_is_down_rest_keeps_quotes_and_candles_coming(start: Start) -> None:
    async with start(watch=3, poll_s=2.0) as rig:
        symbols = list(rig.market._feeds)
        rig.exchange.faults.drop_sockets()
        rig.exchange.faults.rest_error(503, count=1, path="/api/v3/ticker/bookTicker")
        real = rig.market._stream_url
        for shard in rig.market._shards:
            shard.link._url = "ws://127.0.0.1:1/stream"
        await rig.until(lambda: rig.market._down, "the link is down")
        rig.seen.clear()
        await rig.until(lambda: all(rig.of(Quote, s) for s in symbols), "polled quotes")
        await rig.until(lambda: all(rig.of(Kline, s) for s in symbols), "polled candles")
        for shard in rig.market._shards:
            shard.link._url = real
        await rig.until(lambda: len(rig.live_books()) == 3, "recovery")
        rounds = rig.market._poller.rounds
        await rig.clock.sleep(6)
        assert rig.market._poller.rounds <= rounds + 1


async def test_a_gap_resyncs_only_its_own_book(start: Start) -> None:
    async with start(watch=3) as rig:
        broken, *others = rig.market._feeds
        rig.seen.clear()
        rig.exchange.faults.gap(broken)
        await rig.until(lambda: [s.state for s in rig.of(BookStatus, broken)][-1:] == ["live"], "resync")
        assert [s.state for s in rig.of(BookStatus, broken)] == ["syncing", "live"]
        assert "gap" in rig.of(BookStatus, broken)[0].reason
        assert not [s for other in others for s in rig.of(BookStatus, other)]
        assert rig.market.books.gaps == 1
        assert await same_as_rest(rig, broken)


async def test_reordered_and_doubled_depth_messages_end_in_the_right_book(start: Start) -> None:
    async with start(watch=2) as rig:
        symbol = next(iter(rig.market._feeds))
        rig.exchange.faults.duplicate(symbol, "depth", 3)
        rig.exchange.faults.reorder(symbol, "depth", 1)
        await rig.until(lambda: rig.market.books.gaps >= 1, "the swap is noticed")
        await rig.until(lambda: symbol in rig.live_books(), "resync")
        assert await same_as_rest(rig, symbol)


async def test_a_frozen_channel_on_a_live_socket_is_noticed_and_recovers(start: Start) -> None:
    async with start(watch=2, stale_floor_s=4.0, stale_factor=3.0, rate=20) as rig:
        symbol = next(iter(rig.market._feeds))
        track = rig.market._feeds[symbol].quote_track
        await rig.until(lambda: track.gaps >= 5, "its habit is known")
        rig.exchange.faults.freeze(symbol, "quote")
        await rig.until(lambda: [s for s in rig.of(ChannelStatus, symbol) if s.channel == "quote"], "noticed")
        assert not rig.of(ChannelStatus, symbol)[-1].fresh
        rig.seen.clear()
        await rig.until(lambda: rig.of(Quote, symbol), "book or REST speak for the quote channel")
        assert rig.market._shards[0].link.connects == 1
        rig.exchange.faults.unfreeze(symbol, "quote")
        await rig.until(lambda: [s for s in rig.of(ChannelStatus, symbol) if s.fresh], "fresh again")


async def test_a_frozen_candle_channel_is_known_by_the_trades_it_misses(start: Start) -> None:
    async with start(watch=2, stale_floor_s=5.0, poll_s=2.0, rate=20) as rig:
        symbol = next(iter(rig.market._feeds))
        await rig.until(lambda: rig.of(Kline, symbol), "candles")
        rig.exchange.faults.freeze(symbol, "kline")
        await rig.until(lambda: [s for s in rig.of(ChannelStatus, symbol) if s.channel == "kline"], "noticed")
        rig.seen.clear()
        await rig.until(lambda: rig.of(Kline, symbol), "REST brings the candles")


async def test_garbage_is_counted_and_never_passed_on(start: Start) -> None:
    from providers.sandbox.garbage import GARBAGE, REPLACING

    async with start(watch=3) as rig:
        symbol = next(iter(rig.market._feeds))
        rejected = rig.market.batcher.rejects
        for kind in GARBAGE:
            before, seen = rejected.total, len(rig.seen)
            rig.exchange.faults.garbage(kind, symbol, "trade")
            if kind in REPLACING or kind == "huge":
                continue
            await rig.until(lambda before=before: rejected.total > before, f"{kind} counted")
            assert not [m for m in rig.seen[seen:] if isinstance(m, Fault)]
        await rig.until(lambda: len(rig.live_books()) == 3, "books live")
        assert rig.market._shards[0].link.frame_errors == 0
        for batch in rig.of(TradeBatch):
            assert all(0 < t.price < 1e9 and 0 < t.size < 1e12 for t in batch.trades)


async def test_a_price_spike_and_a_crossed_book_do_not_reach_the_bus(start: Start) -> None:
    async with start(watch=2) as rig:
        symbol = next(iter(rig.market._feeds))
        await rig.until(lambda: rig.of(Quote, symbol) and rig.of(TradeBatch, symbol), "prices")
        usual = rig.of(Quote, symbol)[-1].bid
        rig.exchange.faults.spike(symbol, 10.0, 0.4)
        rig.exchange.faults.cross_book(symbol, 1.0)
        await rig.clock.sleep(5)
        prices = [t.price for b in rig.of(TradeBatch, symbol) for t in b.trades]
        prices += [q.bid for q in rig.of(Quote, symbol)] + [k.close for k in rig.of(Kline, symbol)]
        assert max(prices) < 3 * usual
        assert all(q.bid < q.ask for q in rig.of(Quote))


async def test_a_half_open_socket_is_replaced(start: Start) -> None:
    async with start(watch=2, relay=True, silence_s=4.0) as rig:
        rig.exchange.faults.half_open()
        await rig.until(lambda: "no frame" in "".join(s.reason for s in rig.of(LinkStatus)), "silence noticed")
        rig.exchange.faults.relay_normal()
        await rig.until(lambda: len(rig.live_books()) == 2, "recovery")


async def test_a_shutdown_notice_moves_to_a_new_socket_without_losing_the_books(start: Start) -> None:
    async with start(watch=3) as rig:
        link = rig.market._shards[0].link
        resyncs = rig.market.books.resyncs
        rig.exchange.faults.shutdown_notice()
        await rig.until(lambda: link.rotations == 1, "rotation")
        await rig.clock.sleep(3)
        assert link.reconnects == 0
        assert rig.market.books.resyncs == resyncs
        assert await same_as_rest(rig, next(iter(rig.market._feeds)))
        ids = [t.trade_id for b in rig.of(TradeBatch, next(iter(rig.market._feeds))) for t in b.trades]
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("status", [429, 418])
async def test_bans_stop_requests_and_connections_until_they_end(start: Start, status: int) -> None:
    async with start(watch=2) as rig:
        if status == 418:
            rig.exchange.faults.ban(20.0)
        else:
            rig.exchange.faults.too_many_requests(1, 20)
        with pytest.raises(Banned):
            await rig.market.tickers()
        requests = rig.market.rest.requests
        with pytest.raises(Banned):
            await rig.market.tickers()
        assert rig.market.rest.requests == requests
        assert rig.of(RestBan)[0].status == status
        rig.exchange.faults.drop_sockets()
        await rig.until(lambda: [s for s in rig.of(LinkStatus) if s.state == "banned"], "the link waits")
        await rig.until(lambda: len(rig.live_books()) == 2, "recovery after the ban")


async def test_server_errors_on_reads_are_overcome(start: Start) -> None:
    async with start() as rig:
        rig.exchange.faults.rest_error(503, count=2)
        assert len(await rig.market.instruments()) == 12


async def test_a_skewed_venue_clock_is_measured(start: Start) -> None:
    async with start() as rig:
        rig.exchange.faults.skew_clock(90_000)
        assert await rig.market.sync_clock() == pytest.approx(90_000, abs=2_000)
        assert rig.market.venue_now_ms() - rig.clock.now_ms() == pytest.approx(90_000, abs=2_000)


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
