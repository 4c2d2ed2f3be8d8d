"""Bybit over real sockets to the sandbox exchange: what is streamed agrees with REST, on spot and linear."""

import math

import httpx
import pytest

from core.messages import BookStatus, Fault, Kline, Ladder, LinkStatus, MarkPrice, ProviderStats, Quote, TradeBatch
from core.venue import Rejected
from providers.sandbox.server import SandboxExchange
from tests.providers.bybit.conftest import START_MS, SYMBOLS, Desk
from tests.providers.sandbox.tiny_market import TinyMarket

MINUTE_MS = 60_000


async def test_five_symbols_stream_quotes_trades_candles_and_books(desk: Desk):
    desk.market.set_focus("ETHUSDT")
    async with desk.run():
        await desk.until_live()
        await desk.until(lambda: {k.symbol for k in desk.of(Kline) if k.closed and k.timeframe == "1m"} == set(SYMBOLS))
        await desk.until(lambda: {k.symbol for k in desk.of(Kline) if k.timeframe == "5m"} == set(SYMBOLS))
        await desk.until(lambda: desk.of(Ladder) and desk.of(ProviderStats)[-1].frames > 100)
    for symbol in SYMBOLS:
        assert desk.of(TradeBatch, symbol)
        quotes = desk.of(Quote, symbol)
        assert quotes
        assert all(q.bid < q.ask and q.event_ms >= START_MS for q in quotes)
    ids = [t.trade_id for b in desk.of(TradeBatch, "BTCUSDT") for t in b.trades]
    assert len(ids) == len(set(ids))
    ladder = desk.of(Ladder)[-1]
    assert (ladder.symbol, len(ladder.bids), len(ladder.asks)) == ("ETHUSDT", 20, 20)
    assert list(ladder.bids) == sorted(ladder.bids, reverse=True)
    stats = desk.of(ProviderStats)[-1]
    assert (stats.rejected, stats.sequence_gaps, stats.reconnects) == (0, 0, 0)
    assert desk.market.host_kind == "SANDBOX"


async def test_closed_candles_equal_rest_and_carry_the_takers_once_seen_whole(desk: Desk):
    async with desk.run(("BTCUSDT",)):
        closed = lambda: [k for k in desk.of(Kline, "BTCUSDT") if k.closed and k.timeframe == "1m"]  # noqa: E731
        await desk.until(lambda: [k for k in closed() if k.trades >= 0], 20)
        block = await desk.market.candles("BTCUSDT", "1m", limit=5)
    rest = {int(row[0]): row for row in block.tolist()}
    for candle in closed():
        row = rest[candle.open_ms]
        assert [candle.open, candle.high, candle.low, candle.close, candle.volume, candle.quote_volume] == row[1:7]
    first, second = closed()[0], closed()[-1]
    assert (first.trades, math.isnan(first.taker_buy_volume)) == (-1, True), "we joined in its middle"
    assert second.trades > 0
    assert 0 <= second.taker_buy_volume <= second.volume


@pytest.mark.parametrize("category", ["spot", "linear"])
async def test_the_book_equals_the_venues_when_the_market_pauses(clock, category):
    paused_ms = clock.now_ms() + 30_000
    market = TinyMarket(clock.now_ms(), symbols=SYMBOLS, perpetual=category == "linear", end_ms=paused_ms)
    async with SandboxExchange({category: market}, clock, venue="bybit") as exchange:
        desk = Desk(exchange, clock, category)
        async with desk.run(timeframes=("1m",)), httpx.AsyncClient(base_url=exchange.rest_url) as rest:
            await desk.until_live()
            await desk.until(lambda: clock.now_ms() > paused_ms + 3_000)
            for symbol in SYMBOLS:
                query = f"category={category}&symbol={symbol}&limit=50"
                answer = (await rest.get(f"/v5/market/orderbook?{query}")).json()["result"]
                ladder = desk.market.ladder(symbol, 50)
                assert ladder is not None
                bids, asks = ladder.bids, ladder.asks
                assert list(bids) == [(float(price), float(size)) for price, size in answer["b"]]
                assert list(asks) == [(float(price), float(size)) for price, size in answer["a"]]
                quote = desk.of(Quote, symbol)[-1]
                assert ((quote.bid, quote.bid_size), (quote.ask, quote.ask_size)) == (bids[0], asks[0])
    assert {m.state for m in desk.of(BookStatus)} == {"syncing", "live"}


async def test_history_is_paged_backwards_and_comes_oldest_first(desk: Desk):
    block = await desk.market.candles("ETHUSDT", "1m", limit=2500)
    opens = block[:, 0]
    assert block.shape == (2500, 9)
    assert (opens[1:] - opens[:-1] == MINUTE_MS).all()
    assert opens[-1] <= desk.market.venue_now_ms() < opens[-1] + 2 * MINUTE_MS
    assert math.isnan(block[0, 7])
    start = int(opens[10])
    part = await desk.market.candles("ETHUSDT", "1m", start_ms=start, end_ms=start + 1200 * MINUTE_MS, limit=5000)
    assert (part[:, :7] == block[10:1210, :7]).all()
    hours = await desk.market.candles("ETHUSDT", "1h", limit=10)
    assert (hours[:, 0] % 3_600_000 == 0).all()
    await desk.market.close()


async def test_unknown_symbols_and_timeframes_are_refused_by_name(spot: Desk):
    with pytest.raises(Rejected):
        await spot.market.candles("NOPEUSDT", "1m")
    with pytest.raises(Rejected, match="7m"):
        await spot.market.candles("BTCUSDT", "7m")
    await spot.market.close()


async def test_instruments_and_tickers_of_the_category(desk: Desk):
    rules = {i.symbol: i for i in await desk.market.instruments()}
    tickers = {t.symbol: t for t in await desk.market.tickers()}
    assert set(rules) == set(tickers) == set(SYMBOLS)
    assert all(i.category == desk.market.category and i.trading and i.tick_size > 0 for i in rules.values())
    assert all(t.low <= t.last <= t.high and t.quote_volume > 0 for t in tickers.values())
    await desk.market.close()


async def test_perpetuals_give_marks_that_merge_snapshot_and_deltas(linear: Desk):
    async with linear.run(("BTCUSDT",), ("1m",)):
        await linear.until(lambda: len({m.mark for m in linear.of(MarkPrice)}) > 3)
    for mark in linear.of(MarkPrice):
        assert mark.mark > mark.index > 0
        assert (mark.funding_rate, mark.open_interest > 0) == (0.0001, True)
        assert mark.next_funding_ms > mark.event_ms


async def test_symbols_and_timeframes_change_while_running(desk: Desk):
    async with desk.run(("BTCUSDT", "ETHUSDT"), ("1m",)):
        await desk.until_live(("BTCUSDT", "ETHUSDT"))
        desk.market.set_symbols(("ETHUSDT", "SOLUSDT"), ("1m",))
        await desk.until_live(("SOLUSDT",))
        mark = len(desk.messages)
        await desk.until(lambda: len(desk.of(Quote, "SOLUSDT", mark)) > 3)
        assert not desk.of(Quote, "BTCUSDT", mark)
        assert [m.state for m in desk.of(BookStatus, "ETHUSDT")] == ["syncing", "live"], "what stays is not disturbed"
        desk.market.set_symbols(("ETHUSDT",), ("1m", "5m"))
        await desk.until(lambda: [k for k in desk.of(Kline, "ETHUSDT") if k.timeframe == "5m"])
        await desk.until(lambda: len(desk.of(Quote, "ETHUSDT", mark)) > 3)
    assert len({m.link for m in desk.of(LinkStatus)}) == 1


async def test_more_topics_than_one_socket_takes_open_another(exchange, clock):
    desk = Desk(exchange, clock, "spot", streams_per_socket=10)
    async with desk.run():
        await desk.until_live()
    assert len({m.link for m in desk.of(LinkStatus) if m.state == "up"}) == 3


async def test_the_clock_offset_follows_the_venue(spot: Desk):
    spot.exchange.faults.skew_clock(5_000)
    offset_ms = await spot.market.sync_clock()
    assert abs(offset_ms - 5_000) < 1_000
    assert abs(spot.market.venue_now_ms() - spot.clock.now_ms() - 5_000) < 1_100
    await spot.market.close()


async def test_a_refused_topic_does_not_sink_the_others(spot: Desk):
    async with spot.run(("BTCUSDT", "NOPEUSDT"), ("1m",)):
        await spot.until_live(("BTCUSDT",))
        await spot.until(lambda: [f for f in spot.of(Fault) if f.symbol == "NOPEUSDT"])
        await spot.until(lambda: spot.of(Quote, "BTCUSDT"))
