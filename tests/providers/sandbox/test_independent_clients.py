"""The sandbox is judged by clients that were written for the real venues: python-binance and pybit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pybit.unified_trading
import pytest
from binance import AsyncClient, BinanceSocketManager
from binance.ws.depthcache import DepthCacheManager
from binance.ws.reconnecting_websocket import ReconnectingWebsocket

from core.clock import LiveClock
from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.conftest import START_MS, WAIT_S
from tests.providers.sandbox.tiny_market import TinyMarket

MINUTE_MS = 60_000


def clock_before_a_minute() -> LiveClock:
    """Twenty times real speed, 15 market seconds before a minute ends."""
    return LiveClock(rate=20.0, start_ms=START_MS // MINUTE_MS * MINUTE_MS - 15_000)


@pytest.fixture
async def us_client(binance: SandboxExchange):
    client = AsyncClient(tld="us")
    client.API_URL = binance.rest_url + "/api"
    yield client
    await client.close_connection()


def socket_manager(client: AsyncClient, exchange: SandboxExchange) -> BinanceSocketManager:
    manager = BinanceSocketManager(client)
    manager.STREAM_URL = exchange.stream_url + "/"
    return manager


async def receive(socket: Any, wanted: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(WAIT_S):
        while True:
            message = await socket.recv()
            assert message.get("e") != "error", message
            if wanted(message):
                return message


async def test_python_binance_loads_instruments_and_pages_klines(binance, us_client):
    info = await us_client.get_symbol_info("BTCUSDT")
    assert info["baseAsset"] == "BTC"
    assert (await us_client.get_server_time())["serverTime"] > START_MS - MINUTE_MS
    end = binance.clock.now_ms() // MINUTE_MS * MINUTE_MS
    start = end - 3_000 * MINUTE_MS
    klines = await us_client.get_historical_klines("BTCUSDT", "1m", start, end - 1)
    assert [row[0] for row in klines] == list(range(start, end, MINUTE_MS))
    tickers = await us_client.get_ticker()
    assert {row["symbol"] for row in tickers} == {"BTCUSDT", "ETHUSDT", "SOLUSDT"}


async def test_python_binance_follows_klines_to_the_close_that_rest_confirms(binance, us_client):
    manager = socket_manager(us_client, binance)
    async with manager.kline_socket("BTCUSDT", "1m") as socket:
        closed = await receive(socket, lambda message: message["k"]["x"])
    candle = closed["k"]
    (row,) = await us_client.get_klines(symbol="BTCUSDT", interval="1m", startTime=candle["t"], endTime=candle["t"])
    assert row[:9] == [candle[key] for key in ("t", "o", "h", "l", "c", "v", "T", "q", "n")]
    assert row[9:11] == [candle["V"], candle["Q"]]


async def test_python_binance_follows_trades_without_a_gap(binance, us_client):
    manager = socket_manager(us_client, binance)
    async with manager.multiplex_socket(["btcusdt@trade", "ethusdt@aggTrade"]) as socket:
        ids: list[int] = []
        while len(ids) < 10:
            message = await receive(socket, lambda m: m["stream"] == "btcusdt@trade")
            ids.append(message["data"]["t"])
    assert ids == list(range(ids[0], ids[0] + 10))
    known = {row["id"] for row in await us_client.get_recent_trades(symbol="BTCUSDT", limit=1000)}
    assert set(ids) <= known


async def test_the_book_python_binance_keeps_ends_equal_to_rest(monkeypatch):
    monkeypatch.setattr(ReconnectingWebsocket, "TIMEOUT", 1)  # it leaves only between two reads
    clock = clock_before_a_minute()
    market = TinyMarket(clock.now_ms())
    async with SandboxExchange(market, clock, venue="binance_us") as exchange:
        client = AsyncClient(tld="us")
        client.API_URL = exchange.rest_url + "/api"
        try:
            await watch_depth(client, exchange, market)
        finally:
            await client.close_connection()


async def watch_depth(client: AsyncClient, exchange: SandboxExchange, market: TinyMarket) -> None:
    manager = socket_manager(client, exchange)
    async with DepthCacheManager(client, "ETHUSDT", bm=manager, ws_interval=100, limit=1000) as cache:
        for _ in range(20):
            seen = await asyncio.wait_for(cache.recv(), WAIT_S)
        market.pause()
        rest = await client.get_order_book(symbol="ETHUSDT", limit=1000)
        while cache._last_update_id < rest["lastUpdateId"]:
            seen = await asyncio.wait_for(cache.recv(), WAIT_S)
    assert cache._last_update_id == rest["lastUpdateId"]
    assert [[float(a), float(b)] for a, b in rest["bids"]] == seen.get_bids()
    assert [[float(a), float(b)] for a, b in rest["asks"]] == seen.get_asks()


# --- Bybit: pybit blocks, so it runs in threads ---------------------------------------------------------------------


class PybitSocket:
    """pybit's WebSocket pointed at the sandbox; messages are collected in its own thread."""

    def __init__(self, exchange: SandboxExchange, category: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pybit.unified_trading, "PUBLIC_WSS", exchange.stream_url + "/{CHANNEL_TYPE}")
        self.messages: list[Any] = []
        self._came = threading.Condition()
        self._subscribing = threading.Lock()
        self.socket = pybit.unified_trading.WebSocket(category, testnet=False, restart_on_error=False)
        self._handle = self.socket.callback
        self.socket.callback = self._take

    def subscribe(self, ask: Callable[[], None]) -> None:
        """Ask for topics. pybit sends before it knows who takes the answer: a quick first frame would end its socket."""
        with self._subscribing:
            ask()

    def _take(self, message: Any) -> None:
        with self._subscribing:
            self._handle(message)

    def collect(self, message: Any) -> None:
        with self._came:
            self.messages.append(message)
            self._came.notify_all()

    def wait(self, wanted: Callable[[Any], bool], count: int = 1) -> list[Any]:
        def found() -> list[Any]:
            return [message for message in self.messages if wanted(message)]

        with self._came:
            assert self._came.wait_for(lambda: len(found()) >= count, WAIT_S), self.messages[-3:]
            return found()


@pytest.fixture(params=["spot", "linear"])
def category(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def bybit_both():
    """Both categories."""
    clock = clock_before_a_minute()
    markets = {
        "spot": TinyMarket(clock.now_ms()),
        "linear": TinyMarket(clock.now_ms(), perpetual=True, seed=8),
    }
    async with SandboxExchange(markets, clock, venue="bybit") as exchange:
        yield exchange


@pytest.fixture
def session(bybit_both: SandboxExchange) -> Iterator[Any]:
    http = pybit.unified_trading.HTTP()
    http.endpoint = bybit_both.rest_url
    yield http
    http.client.close()


async def test_pybit_loads_instruments_and_pages_klines(bybit_both, session, category):
    answer = await asyncio.to_thread(session.get_instruments_info, category=category)
    rows = answer["result"]["list"]
    assert [row["symbol"] for row in rows] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    assert ("basePrecision" in rows[0]["lotSizeFilter"]) == (category == "spot")
    oldest = bybit_both.clock.now_ms()
    opens: list[int] = []
    for _ in range(4):
        page = await asyncio.to_thread(
            session.get_kline, category=category, symbol="BTCUSDT", interval="1", end=oldest - 1, limit=1000
        )
        got = [int(row[0]) for row in page["result"]["list"]]
        assert got == sorted(got, reverse=True)
        opens += got
        oldest = got[-1]
    assert opens == list(range(opens[0], opens[0] - 4_000 * MINUTE_MS, -MINUTE_MS))


async def test_pybit_follows_klines_trades_and_tickers(bybit_both, session, category, monkeypatch):
    def run() -> None:
        client = PybitSocket(bybit_both, category, monkeypatch)
        try:
            take = client.collect
            client.subscribe(lambda: client.socket.kline_stream(interval=1, symbol="BTCUSDT", callback=take))
            client.subscribe(lambda: client.socket.trade_stream(symbol=["BTCUSDT", "ETHUSDT"], callback=take))
            client.subscribe(lambda: client.socket.ticker_stream(symbol="BTCUSDT", callback=take))
            (closed, *_) = client.wait(lambda m: m["topic"] == "kline.1.BTCUSDT" and m["data"][0]["confirm"])
            trades = client.wait(lambda m: m["topic"] == "publicTrade.ETHUSDT", 3)
            client.wait(lambda m: m["topic"] == "tickers.BTCUSDT" and "lastPrice" in m["data"], 2)
        finally:
            client.socket.exit()
        candle = closed["data"][0]
        page = session.get_kline(category=category, symbol="BTCUSDT", interval="1", start=candle["start"], limit=1)
        row = page["result"]["list"][0]
        keys = ("start", "open", "high", "low", "close", "volume", "turnover")
        assert row == [str(candle[key]) for key in keys]
        assert all(trade["S"] in ("Buy", "Sell") for message in trades for trade in message["data"])

    await asyncio.to_thread(run)


@pytest.mark.parametrize("depth", [50, 1000])
async def test_the_book_pybit_keeps_ends_equal_to_rest(category, depth, monkeypatch):
    clock = clock_before_a_minute()
    market = TinyMarket(clock.now_ms(), perpetual=category == "linear", seed=8)
    async with SandboxExchange({category: market}, clock, venue="bybit") as exchange:
        client = await asyncio.to_thread(PybitSocket, exchange, category, monkeypatch)
        try:
            follow = partial(client.socket.orderbook_stream, depth=depth, symbol="BTCUSDT", callback=client.collect)
            await asyncio.to_thread(client.subscribe, follow)
            await asyncio.to_thread(client.wait, lambda m: True, 20)  # pybit hands out its merged book each time
            market.pause()
            final = market.book("BTCUSDT").last_id
            await asyncio.to_thread(client.wait, lambda m: m["data"]["seq"] == final)
        finally:
            await asyncio.to_thread(client.socket.exit)
        book = client.socket.data[f"orderbook.{depth}.BTCUSDT"]
        async with httpx.AsyncClient(base_url=exchange.rest_url) as http:
            query = f"category={category}&symbol=BTCUSDT&limit={depth}"
            rest = (await http.get(f"/v5/market/orderbook?{query}")).json()["result"]
    assert rest["seq"] == final
    assert sorted(book["b"], key=lambda level: -float(level[0])) == rest["b"]
    assert sorted(book["a"], key=lambda level: float(level[0])) == rest["a"]
