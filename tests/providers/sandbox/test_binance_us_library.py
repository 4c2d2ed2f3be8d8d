"""The Binance.US order path is judged by a client written for the real venue: python-binance places, queries and follows."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException
from binance.ws.reconnecting_websocket import ReconnectingWebsocket

from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.conftest import WAIT_S
from tests.providers.sandbox.us_client import KEY, SECRET, TICK, exchange_with_account


@pytest.fixture
async def exchange():
    async with exchange_with_account(rate=1.0) as running:
        yield running


@pytest.fixture
async def us(exchange: SandboxExchange, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ReconnectingWebsocket, "TIMEOUT", 1)  # it leaves only between two reads
    client = AsyncClient(KEY, SECRET, tld="us")
    client.API_URL = exchange.rest_url + "/api"
    client.timestamp_offset = exchange.clock.now_ms() - int(time.time() * 1000)
    client.ws_api._url = exchange.stream_url + "/ws-api/v3"
    yield client
    await client.close_connection()


def price(exchange: SandboxExchange, ticks_from_bid: int) -> str:
    exchange.pull()
    return str((exchange.feeds["spot"].book("BTCUSDT").bids[0][0] + ticks_from_bid) * TICK)


async def test_it_places_queries_and_cancels(exchange, us):
    await us.create_test_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1")
    order = await us.order_limit_buy(symbol="BTCUSDT", quantity="0.1", price=price(exchange, -500))
    assert order["status"] == "NEW"
    found = await us.get_order(symbol="BTCUSDT", origClientOrderId=order["clientOrderId"])
    assert found["orderId"] == order["orderId"]
    assert [row["orderId"] for row in await us.get_open_orders(symbol="BTCUSDT")] == [order["orderId"]]
    gone = await us.cancel_order(symbol="BTCUSDT", orderId=order["orderId"])
    assert gone["status"] == "CANCELED"
    with pytest.raises(BinanceAPIException) as refusal:
        await us.cancel_order(symbol="BTCUSDT", orderId=order["orderId"])
    assert refusal.value.code == -2011
    bought = await us.order_market_buy(symbol="BTCUSDT", quantity="0.05")
    trades = await us.get_my_trades(symbol="BTCUSDT", orderId=bought["orderId"])
    assert [trade["id"] for trade in trades] == [fill["tradeId"] for fill in bought["fills"]]
    assert len(await us.get_all_orders(symbol="BTCUSDT")) == 2
    assert float((await us.get_asset_balance("BTC"))["free"]) > 1.0
    assert (await us.get_current_order_count())[1]["count"] == 2


async def test_it_places_an_oco_and_cancels_it_by_a_leg(exchange, us):
    made = await us.create_oco_order(
        symbol="BTCUSDT", side="SELL", quantity="0.1", aboveType="LIMIT_MAKER", abovePrice=price(exchange, 2000),
        belowType="STOP_LOSS_LIMIT", belowStopPrice=price(exchange, -2000), belowPrice=price(exchange, -3000),
        belowTimeInForce="GTC",
    )  # fmt: skip
    assert [row["orderListId"] for row in await us.get_open_oco_orders()] == [made["orderListId"]]
    await us.cancel_order(symbol="BTCUSDT", orderId=made["orders"][0]["orderId"])
    assert await us.get_open_oco_orders() == []


async def test_it_follows_its_fills_on_a_signed_subscription(exchange, us):
    async with BinanceSocketManager(us).user_socket() as socket:

        async def until(**wanted: Any) -> Any:
            async with asyncio.timeout(WAIT_S):
                while True:
                    message = await socket.recv()
                    assert message.get("e") != "error", message
                    if wanted.items() <= message.items():
                        return message

        order = await us.order_limit_buy(symbol="BTCUSDT", quantity="0.1", price=price(exchange, -500))
        assert (await until(x="NEW"))["i"] == order["orderId"]
        exchange.faults.fill(order["clientOrderId"])
        filled = await until(x="TRADE")
        assert (filled["X"], filled["c"]) == ("FILLED", order["clientOrderId"])
        await until(e="outboundAccountPosition")


async def test_its_listen_key_calls_work_too(exchange, us):
    key = await us.stream_get_listen_key()
    await us.stream_keepalive(key)
    await us.stream_close(key)
    with pytest.raises(BinanceAPIException) as refusal:
        await us.stream_keepalive(key)
    assert refusal.value.code == -1125
