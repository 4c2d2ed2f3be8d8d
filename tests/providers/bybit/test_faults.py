"""Feed faults F25 to F29 on Bybit, over real sockets: contained, noticed, repaired, other symbols unaffected."""

import asyncio

import pytest

from core.messages import BookStatus, ChannelStatus, Kline, LinkStatus, ProviderStats, Quote, RestBan, TradeBatch
from core.venue import Banned, Retryable
from providers.bybit.lane import Request
from providers.freshness import ENOUGH_GAPS
from providers.sandbox.garbage import GARBAGE
from tests.providers.bybit.conftest import SYMBOLS, Desk

OTHERS = tuple(symbol for symbol in SYMBOLS if symbol != "ETHUSDT")


@pytest.mark.parametrize("rate", [4.0])  # the patience for a snapshot is 5 s of the market, 1.25 s of ours
async def test_a_gap_resyncs_only_that_book(desk: Desk):
    async with desk.run(timeframes=("1m",)):
        await desk.until_live()
        since = len(desk.messages)
        desk.exchange.faults.gap("ETHUSDT")
        await desk.until_live(("ETHUSDT",), since)
        await desk.until(lambda: desk.of(ProviderStats, since=since)[-1:] and desk.of(ProviderStats)[-1].resyncs == 1)
    states = desk.of(BookStatus, since=since)
    assert {s.symbol for s in states} == {"ETHUSDT"}
    assert [s.state for s in states][:2] == ["syncing", "live"]
    assert states[0].reason.startswith("gap")
    assert desk.of(ProviderStats)[-1].sequence_gaps == 1
    assert not [s for s in desk.of(LinkStatus, since=since) if s.state == "down"]


async def test_swapped_messages_resync_and_doubled_ones_do_not_matter(desk: Desk):
    async with desk.run(("BTCUSDT", "ETHUSDT"), ("1m",)):
        await desk.until_live(("BTCUSDT", "ETHUSDT"))
        since = len(desk.messages)
        desk.exchange.faults.duplicate("BTCUSDT", "*", 20)
        desk.exchange.faults.reorder("ETHUSDT", "depth", 1)
        await desk.until_live(("ETHUSDT",), since)
        await desk.until(lambda: desk.exchange.faults.counts["duplicate"] >= 20)
    assert not desk.of(BookStatus, "BTCUSDT", since)
    ids = [t.trade_id for b in desk.of(TradeBatch, "BTCUSDT") for t in b.trades]
    assert len(ids) == len(set(ids))


async def test_dropped_sockets_come_back_and_books_and_candles_are_right_again(desk: Desk):
    async with desk.run(timeframes=("1m",)):
        await desk.until_live()
        for _ in range(2):
            since = len(desk.messages)
            desk.exchange.faults.drop_sockets()
            await desk.until(lambda: [s for s in desk.of(BookStatus, since=since) if s.state == "stale"])  # noqa: B023
            await desk.until_live(since=since)
        await desk.until(lambda: {k.symbol for k in desk.of(Kline, since=since) if k.closed} >= set(SYMBOLS))
        closed = [k for k in desk.of(Kline, since=since) if k.closed]
        for symbol in SYMBOLS:
            rows = {int(r[0]): r for r in (await desk.market.candles(symbol, "1m", limit=60)).tolist()}
            for k in closed:
                if k.symbol == symbol:
                    assert [k.open, k.high, k.low, k.close, k.volume] == rows[k.open_ms][1:6]
    assert desk.of(LinkStatus)[-2].reconnects == 2
    assert {s.symbol for s in desk.of(BookStatus, since=since) if s.state == "stale"} == set(SYMBOLS)


async def test_while_connections_are_refused_polling_keeps_prices_and_candles_coming(desk: Desk):
    async with desk.run(("BTCUSDT", "ETHUSDT"), ("1m",)):
        await desk.until_live(("BTCUSDT", "ETHUSDT"))
        since = len(desk.messages)
        link = desk.market._lanes[0].link  # REST and sockets share a port: only the socket may fail
        link._url = "ws://127.0.0.1:9/refused"
        desk.exchange.faults.drop_sockets()
        await desk.until(
            lambda: {k.symbol for k in desk.of(Kline, since=since) if k.closed} >= {"BTCUSDT", "ETHUSDT"}, 20
        )
        down = [m for m in desk.of(LinkStatus, since=since) if m.state == "down"]
        assert down
        assert all(m.retry_in_s <= 5.0 for m in down)
        polled = len(desk.of(Quote, "BTCUSDT", since))
        await desk.until(lambda: len(desk.of(Quote, "BTCUSDT", since)) > polled + 2)
        link._url = f"{desk.exchange.stream_url}/{desk.market.category}"
        await desk.until_live(("BTCUSDT", "ETHUSDT"), since)
    closed = [(k.symbol, k.open_ms) for k in desk.of(Kline, since=since) if k.closed]
    assert len(closed) == len(set(closed)), "no closed candle is published twice"


@pytest.mark.parametrize("channel", ["depth", "quote", "kline", "trade"])
async def test_a_frozen_channel_on_a_living_socket_is_noticed_and_its_end_too(exchange, clock, channel):
    desk = Desk(exchange, clock, "linear", stale_floor_s=20.0, stale_factor=4.0)  # 1 s of ours
    async with desk.run(("BTCUSDT", "ETHUSDT"), ("1m",)):
        await desk.until_live(("BTCUSDT", "ETHUSDT"))
        tracks = desk.market._freshness._tracks.values()
        frozen = [track for track in tracks if (track.symbol, track.channel) == ("ETHUSDT", channel)]
        await desk.until(lambda: all(track.gaps >= ENOUGH_GAPS for track in frozen))
        exchange.faults.freeze("ETHUSDT", channel)
        await desk.until(lambda: [c for c in desk.of(ChannelStatus, "ETHUSDT") if c.channel == channel and not c.fresh])
        exchange.faults.unfreeze("ETHUSDT", channel)
        await desk.until(lambda: [c for c in desk.of(ChannelStatus, "ETHUSDT") if c.channel == channel and c.fresh])
    assert not desk.of(ChannelStatus, "BTCUSDT")
    assert not [s for s in desk.of(LinkStatus) if s.state == "down"]


async def test_garbage_of_every_kind_is_counted_and_never_passed_on(desk: Desk):
    async with desk.run(timeframes=("1m",)):
        await desk.until_live()
        since = len(desk.messages)
        for kind in GARBAGE:
            desk.exchange.faults.garbage(kind, "ETHUSDT", "*", 4)
            await asyncio.sleep(0.03)
        await desk.until(lambda: desk.exchange.faults.counts["garbage"] >= 4 * len(GARBAGE))
        await desk.until(lambda: desk.of(ProviderStats)[-1].rejected > 10)
        mark = len(desk.messages)
        await desk.until(lambda: {q.symbol for q in desk.of(Quote, since=mark)} == set(SYMBOLS))
        await desk.until(lambda: desk.market.ladder("ETHUSDT", 1) is not None)
    for quote in desk.of(Quote, since=since):
        assert 100 < quote.bid < quote.ask < 10_000
        assert 0 < quote.bid_size < 1e6
    for batch in desk.of(TradeBatch, since=since):
        assert all(100 < t.price < 10_000 and 0 < t.size < 1e6 for t in batch.trades)
    for k in desk.of(Kline, since=since):
        assert 100 < k.low <= k.close <= k.high < 10_000
    assert not [s for s in desk.of(BookStatus, since=since) if s.symbol in OTHERS]


async def test_a_crossed_book_is_thrown_away_and_fetched_anew(desk: Desk):
    async with desk.run(("BTCUSDT", "ETHUSDT"), ("1m",)):
        await desk.until_live(("BTCUSDT", "ETHUSDT"))
        since = len(desk.messages)
        desk.exchange.faults.cross_book("ETHUSDT", 20.0)
        await desk.until(lambda: [s for s in desk.of(BookStatus, "ETHUSDT", since) if s.reason == "crossed book"])
        await desk.until_live(("ETHUSDT",), since)
        await desk.until(lambda: desk.of(BookStatus, "ETHUSDT")[-1].state == "live")
    assert all(q.bid < q.ask for q in desk.of(Quote, since=since))
    assert not desk.of(BookStatus, "BTCUSDT", since)


async def test_a_half_open_socket_is_given_up_after_the_silence_limit(exchange, clock):
    relay = await exchange.start_relay()
    desk = Desk(exchange, clock, "spot", silence_s=12.0, ping_s=4.0)
    async with desk.run(("BTCUSDT",), ("1m",)):
        link = desk.market._lanes[0].link
        link._url = f"ws://127.0.0.1:{relay.port}/v5/public/spot"
        exchange.faults.drop_sockets()
        await desk.until(lambda: relay.accepted and link.is_up)
        since = len(desk.messages)
        exchange.faults.half_open(20.0)
        await desk.until(lambda: [s for s in desk.of(LinkStatus, since=since) if "no frame" in s.reason])
        await desk.until_live(("BTCUSDT",), since)


@pytest.mark.parametrize("rate", [4.0])  # the silence allowed is 10 s of the market, 2.5 s of ours
async def test_pings_keep_a_silent_socket(exchange, clock):
    desk = Desk(exchange, clock, "spot", silence_s=10.0, ping_s=2.0)
    async with desk.run(("BTCUSDT",), ("1m",)):
        await desk.until_live(("BTCUSDT",))
        exchange.faults.freeze()
        begun = clock.now_ms()
        await desk.until(lambda: clock.now_ms() > begun + 14_000)
    assert not [s for s in desk.of(LinkStatus) if s.state == "down"]


async def test_late_and_revised_closing_candles_arrive_and_equal_rest(desk: Desk):
    desk.exchange.faults.late_close("BTCUSDT", 5.0, 1)
    async with desk.run(("BTCUSDT",), ("1m",)):
        await desk.until(lambda: [k for k in desk.of(Kline) if k.closed])
        late = next(k for k in desk.of(Kline) if k.closed)
        assert late.received_ms - late.open_ms >= 64_000
        desk.exchange.faults.revise_candle("BTCUSDT", late.open_ms)
        await desk.until(lambda: len([k for k in desk.of(Kline) if k.closed and k.open_ms == late.open_ms]) == 2)
        revised = [k for k in desk.of(Kline) if k.closed and k.open_ms == late.open_ms][-1]
        (row,) = (
            await desk.market.candles("BTCUSDT", "1m", start_ms=late.open_ms, end_ms=late.open_ms + 1, limit=1)
        ).tolist()
    assert revised.close != late.close
    assert [revised.open, revised.high, revised.low, revised.close, revised.volume] == row[1:6]


async def test_an_unanswered_request_is_sent_again_topic_by_topic(spot: Desk):
    async with spot.run(("BTCUSDT",), ("1m",)):
        await spot.until_live(("BTCUSDT",))
        lane = spot.market._lanes[0]
        await spot.until(lambda: not lane._pending)  # data can come before the acknowledgement of its own request
        answered: list[str] = []
        lane._on_subscribed = answered.append
        lane._pending["lost"] = Request("subscribe", ("orderbook.1.BTCUSDT", "publicTrade.BTCUSDT"), -1e9)
        await spot.until(lambda: set(answered) >= {"orderbook.1.BTCUSDT", "publicTrade.BTCUSDT"})
    assert lane.unanswered >= 1


# --- requests --------------------------------------------------------------------------------------------------------


async def test_a_short_rate_limit_is_waited_out(spot: Desk):
    await spot.market.sync_clock()
    spot.exchange.faults.too_many_requests(1, retry_after_s=2)
    begun = spot.clock.now_ms()
    assert len(await spot.market.candles("BTCUSDT", "1m", limit=3)) == 3
    assert spot.clock.now_ms() - begun >= 1_000
    assert spot.of(RestBan)[0].until_ms > begun
    await spot.market.close()


async def test_a_403_stops_every_request_for_ten_minutes(spot: Desk):
    await spot.market.sync_clock()
    spot.exchange.faults.ban(30.0)
    with pytest.raises(Banned) as raised:
        await spot.market.candles("BTCUSDT", "1m", limit=3)
    assert raised.value.retry_in_s >= 590
    spot.exchange.faults.clear()
    sent = spot.market._rest.rest.requests
    for _ in range(3):
        with pytest.raises(Banned):
            await spot.market.tickers()
    assert spot.market._rest.rest.requests == sent, "nothing was sent while banned"
    await spot.market.close()


async def test_server_errors_are_retried_and_then_typed(spot: Desk):
    spot.exchange.faults.rest_error(503, 2)
    assert len(await spot.market.candles("BTCUSDT", "1m", limit=3)) == 3
    spot.exchange.faults.rest_error(500, -1)
    with pytest.raises(Retryable):
        await spot.market.instruments()
    await spot.market.close()
