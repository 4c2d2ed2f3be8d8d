"""Feed faults over real sockets (faults.md F25 to F29): each is noticed, contained and overcome."""

from __future__ import annotations

import pytest

from core.messages import BookStatus, ChannelStatus, Fault, Kline, LinkStatus, Quote, RestBan, TradeBatch
from core.venue import Banned
from providers.freshness import ENOUGH_GAPS
from providers.sandbox.garbage import GARBAGE, REPLACING
from tests.providers.binance_us.conftest import Start, same_as_rest


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
        await rig.until(lambda: track.gaps >= ENOUGH_GAPS, "its habit is known")
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


async def test_a_frozen_trade_channel_is_known_by_the_candles_that_count_more_trades(start: Start) -> None:
    async with start(watch=2, stale_floor_s=5.0, rate=20) as rig:
        symbol = next(iter(rig.market._feeds))
        await rig.until(lambda: rig.of(TradeBatch, symbol) and rig.of(Kline, symbol), "trades and candles")
        rig.exchange.faults.freeze(symbol, "trade")
        await rig.until(lambda: [s for s in rig.of(ChannelStatus, symbol) if s.channel == "trade"], "noticed")
        assert not [s for s in rig.of(ChannelStatus, symbol) if s.channel == "kline"]


async def test_garbage_is_counted_and_never_passed_on(start: Start) -> None:
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


async def test_a_frozen_depth_channel_makes_its_book_stale_until_it_speaks_again(start: Start) -> None:
    async with start(watch=2, stale_floor_s=4.0, stale_factor=3.0, rate=20) as rig:
        symbol, other = rig.market._feeds
        track = rig.market._feeds[symbol].depth_track
        await rig.until(lambda: track.gaps >= ENOUGH_GAPS, "its habit is known")
        rig.exchange.faults.freeze(symbol, "depth")
        await rig.until(lambda: rig.of(BookStatus, symbol)[-1].state == "stale", "the book is stale")
        assert other in rig.live_books()
        rig.exchange.faults.unfreeze(symbol, "depth")
        await rig.until(lambda: symbol in rig.live_books(), "live again")
        assert await same_as_rest(rig, symbol)


async def test_a_venue_that_drops_every_connection_is_met_with_patience(start: Start) -> None:
    async with start(watch=2, backoff_cap_s=8.0, rate=20) as rig:
        link = rig.market._shards[0].link
        before = link.connects
        for _ in range(20):
            rig.exchange.faults.drop_sockets()
            await rig.clock.sleep(2)
        assert 2 <= link.connects - before <= 12
        await rig.until(lambda: len(rig.live_books()) == 2, "recovery")
