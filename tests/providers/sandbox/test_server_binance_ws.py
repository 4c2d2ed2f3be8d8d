"""The sandbox's Binance.US streams: addresses, control frames, candles, and a book that can be rebuilt."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from core.clock import LiveClock
from providers.sandbox.binance_us import BinanceUsServer
from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.conftest import follow
from tests.providers.sandbox.tiny_market import TinyMarket

DAY_MS = 86_400_000


@pytest.mark.parametrize("path", ["/ws/btcusdt@trade", "/ws/btcusdt@trade/ethusdt@trade"])
async def test_raw_addresses_send_bare_events(binance, path):
    async with follow(binance.stream_url + path) as client:
        message = await client.next()
    assert message["e"] == "trade"


@pytest.mark.parametrize("query", ["btcusdt@trade/ethusdt@bookTicker", "btcusdt%40trade/ethusdt%40bookTicker"])
async def test_the_combined_address_wraps_every_event_with_its_stream(binance, query):
    async with follow(f"{binance.stream_url}/stream?streams={query}") as client:
        trade = await client.until(lambda m: m["stream"] == "btcusdt@trade")
        quote = await client.until(lambda m: m["stream"] == "ethusdt@bookTicker")
    assert trade["data"]["s"] == "BTCUSDT"
    assert set(quote["data"]) == {"u", "s", "b", "B", "a", "A"}


async def test_any_path_under_ws_opens_a_session_that_can_subscribe(binance):
    async with follow(binance.stream_url + "/ws/any-session-name") as client:
        await client.send({"method": "SUBSCRIBE", "params": ["solusdt@aggTrade"], "id": 7})
        await client.until(lambda m: m == {"result": None, "id": 7})
        event = await client.until(lambda m: m.get("e") == "aggTrade")
    assert event["s"] == "SOLUSDT"
    assert event["f"] == event["l"] == event["a"]


@pytest.mark.parametrize("request_id", [1, 312_000_000_000, "text-id"])
async def test_request_ids_come_back_in_their_own_json_type(binance, request_id):
    async with follow(binance.stream_url + "/ws") as client:
        await client.send({"method": "LIST_SUBSCRIPTIONS", "id": request_id})
        assert await client.next() == {"result": [], "id": request_id}


@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        ('{"method":"SUBSCRIBE"', 3),
        ('{"params":["a@trade"],"id":1}', 2),
        ('{"method":"BUY","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":["a@trade"],"id":-1}', 2),
        ('{"method":"SUBSCRIBE","params":["a@trade"],"id":1.5}', 2),
        ('{"method":"SUBSCRIBE","params":[1],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[],"id":1}', 2),
        ('{"method":"SET_PROPERTY","params":["colour",true],"id":1}', 0),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1),
        ("[]", 2),
    ],
)
async def test_wrong_requests_get_the_error_object(binance, request_text, code):
    async with follow(binance.stream_url + "/ws") as client:
        await client.send(request_text)
        answer = await client.next()
    assert answer["code"] == code
    assert answer["msg"]


async def test_subscriptions_can_be_listed_changed_and_wrapped_while_running(binance):
    async with follow(binance.stream_url + "/ws/btcusdt@bookTicker") as client:
        await client.send({"method": "SET_PROPERTY", "params": ["combined", True], "id": 1})
        await client.until(lambda m: m.get("stream") == "btcusdt@bookTicker")
        await client.send({"method": "GET_PROPERTY", "params": ["combined"], "id": 2})
        assert await client.until(lambda m: m.get("id") == 2) == {"result": True, "id": 2}
        await client.send({"method": "UNSUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 3})
        await client.send({"method": "SUBSCRIBE", "params": ["ethusdt@miniTicker", "nope@trade"], "id": 4})
        await client.send({"method": "LIST_SUBSCRIPTIONS", "id": 5})
        listed = await client.until(lambda m: m.get("id") == 5)
        assert listed["result"] == ["ethusdt@miniTicker", "nope@trade"]
        ticker = await client.next()
    assert ticker["data"]["e"] == "24hrMiniTicker"


async def test_more_than_five_messages_a_second_end_the_connection():
    clock = LiveClock()
    async with (
        SandboxExchange(TinyMarket(clock.now_ms()), clock, venue="binance_us") as exchange,
        follow(exchange.stream_url + "/ws") as client,
    ):
        for number in range(6):
            await client.send({"method": "LIST_SUBSCRIPTIONS", "id": number})
        end = await client.closed()
    assert end.rcvd is not None
    assert end.rcvd.code == 1008


async def test_a_connection_ends_after_24_hours(binance):
    assert isinstance(binance.venue, BinanceUsServer)
    async with follow(binance.stream_url + "/ws") as client:
        await client.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        await client.next()
        binance.venue.streams.retire(binance.clock.now_ms() + DAY_MS + 1000)
        await client.closed()
    assert binance.counts["lifetime_ended"] == 1


class LocalBook:
    """A book kept by the venue's own recipe: a REST snapshot, then every event that continues it."""

    def __init__(self, snapshot: Any) -> None:
        self.sides: dict[str, dict[str, str]] = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
        self.last_id: int = snapshot["lastUpdateId"]
        self.applied = 0

    def take(self, event: Any) -> None:
        if event["u"] <= self.last_id:
            return  # the snapshot has it
        assert event["U"] == self.last_id + 1 or (not self.applied and event["U"] <= self.last_id + 1)
        for side, levels in self.sides.items():
            for price, size in event[side]:
                levels[price] = size
                if float(size) == 0:
                    del levels[price]
        self.last_id = event["u"]
        self.applied += 1


async def test_a_book_rebuilt_from_diffs_equals_rest_and_the_best_quotes(clock):
    market = TinyMarket(clock.now_ms())
    async with (
        SandboxExchange(market, clock, venue="binance_us") as exchange,
        httpx.AsyncClient(base_url=exchange.rest_url) as rest,
        follow(exchange.stream_url + "/ws/ethusdt@depth@100ms") as client,
    ):
        first = await client.next()
        snapshot = (await rest.get("/api/v3/depth?symbol=ETHUSDT&limit=5000")).json()
        assert snapshot["lastUpdateId"] >= first["U"] - 1
        book = LocalBook(snapshot)
        book.take(first)
        while book.applied < 20:
            book.take(await client.next())
        market.pause()
        final = (await rest.get("/api/v3/depth?symbol=ETHUSDT&limit=5000")).json()
        best: Any = (await rest.get("/api/v3/ticker/bookTicker?symbol=ETHUSDT")).json()
        while book.last_id < final["lastUpdateId"]:
            book.take(await client.next())
    assert book.last_id == final["lastUpdateId"]
    assert book.sides == {"b": dict(final["bids"]), "a": dict(final["asks"])}
    assert [best["bidPrice"], best["bidQty"]] == final["bids"][0]
    assert [best["askPrice"], best["askQty"]] == final["asks"][0]


async def test_quotes_carry_the_update_id_of_the_diff_they_follow_from(binance):
    async with follow(binance.stream_url + "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker") as client:
        ids: dict[str, set[int]] = {"depth": set(), "quote": set()}
        for _ in range(60):
            message = await client.next()
            kind = "quote" if message["stream"].endswith("bookTicker") else "depth"
            ids[kind].add(message["data"]["u"])
    assert len(ids["depth"] & ids["quote"]) >= 5


async def test_candles_update_while_trading_and_close_once_as_rest_has_them(clock):
    market = TinyMarket(clock.now_ms(), quiet=("SOLUSDT",))
    streams = "/".join(f"{s}@kline_{i}" for s in ("btcusdt", "ethusdt", "solusdt") for i in ("1m", "5m"))
    async with (
        SandboxExchange(market, clock, venue="binance_us") as exchange,
        httpx.AsyncClient(base_url=exchange.rest_url) as rest,
        follow(f"{exchange.stream_url}/stream?streams={streams}") as client,
    ):
        minute = clock.now_ms() // 60_000 * 60_000 + 60_000

        def updates() -> list[Any]:
            bars = [m["data"]["k"] for m in client.messages]
            return [bar for bar in bars if not bar["x"] and (bar["s"], bar["i"], bar["t"]) == ("BTCUSDT", "1m", minute)]

        await client.until(lambda m: len(updates()) > 2)
        forming = updates()
        assert [bar["n"] for bar in forming] == sorted(bar["n"] for bar in forming)
        await client.until(lambda m: len({b["data"]["k"]["s"] for b in client.messages if b["data"]["k"]["x"]}) == 2)
        closed = [m["data"]["k"] for m in client.messages if m["data"]["k"]["x"]]
        assert not [bar for bar in closed if bar["s"] == "SOLUSDT"]
        for bar in closed:
            query = {"symbol": bar["s"], "interval": bar["i"], "startTime": bar["t"], "endTime": bar["t"]}
            (row,) = (await rest.get("/api/v3/klines", params=query)).json()
            assert row[:11] == [bar[key] for key in ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q")]


async def test_a_client_that_does_not_read_is_cut_off(binance):
    binance.hub.write_buffer_limit = 500_000
    reader, writer = await asyncio.open_connection("127.0.0.1", binance.port, limit=1024)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    writer.write(
        b"GET /ws/btcusdt@bookTicker HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key.encode() + b"\r\n\r\n"
    )
    await reader.readline()
    binance.faults.garbage("huge", "BTCUSDT", "quote", count=-1)
    async with asyncio.timeout(10):
        while not binance.counts["slow_readers_cut"]:
            await asyncio.sleep(0.01)
    writer.transport.abort()
    assert binance.counts["slow_readers_cut"] == 1


async def test_stopping_with_open_clients_leaves_no_task_and_no_socket(clock):
    before = asyncio.all_tasks()
    exchange = SandboxExchange(TinyMarket(clock.now_ms()), clock, venue="binance_us")
    await exchange.start()
    await exchange.start_relay()
    async with follow(exchange.stream_url + "/ws/btcusdt@trade") as client:
        await client.next()
        await exchange.stop()
        await client.closed()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == set()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", exchange.port)
