"""One running exchange and the words in which its venue says the same things: for tests that hold on both venues."""

from __future__ import annotations

from typing import Any

import httpx

from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.conftest import Follower, follow

VENUES = ("binance_us", "bybit")
CHANNELS: dict[str, dict[str, str]] = {
    "binance_us": {
        "trade": "btcusdt@trade",
        "depth": "btcusdt@depth@100ms",
        "kline": "btcusdt@kline_1m",
        "quote": "btcusdt@bookTicker",
    },
    "bybit": {
        "trade": "publicTrade.BTCUSDT",
        "depth": "orderbook.50.BTCUSDT",
        "kline": "kline.1.BTCUSDT",
        "quote": "orderbook.1.BTCUSDT",
    },
}
OTHER = {"binance_us": "ethusdt@bookTicker", "bybit": "orderbook.1.ETHUSDT"}


class Bench:
    """One exchange and what differs between the venues' words."""

    def __init__(self, exchange: SandboxExchange) -> None:
        self.exchange = exchange
        self.venue = exchange.venue_name
        self.faults = exchange.faults

    def topic(self, channel: str) -> str:
        return CHANNELS[self.venue][channel]

    def follow(self, port: int = 0) -> Any:
        base = f"ws://127.0.0.1:{port or self.exchange.port}"
        return follow(base + ("/stream" if self.venue == "binance_us" else "/v5/public/spot"))

    async def subscribe(self, client: Follower, *topics: str) -> None:
        if self.venue == "binance_us":
            await client.send({"method": "SUBSCRIBE", "params": list(topics), "id": 1})
        else:
            await client.send({"op": "subscribe", "args": list(topics)})
        await client.until(lambda m: "id" in m or "success" in m)

    async def barrier(self, client: Follower) -> None:
        """Read everything sent so far: the answer to a request comes after it."""
        wanted = {"id": 99} if self.venue == "binance_us" else {"ret_msg": "pong"}
        await client.send({"method": "LIST_SUBSCRIPTIONS", "id": 99} if self.venue == "binance_us" else {"op": "ping"})
        await client.until(lambda m: wanted.items() <= m.items())

    def of(self, topic: str, message: Any) -> bool:
        return topic in (message.get("stream"), message.get("topic"))

    async def data(self, client: Follower, topic: str) -> Any:
        message = await client.until(lambda m: self.of(topic, m))
        return message["data"]

    def ids(self, data: Any) -> tuple[int, int]:
        """First and last sequence number of a book message."""
        return (data["U"], data["u"]) if self.venue == "binance_us" else (data["u"], data["u"])

    def candle(self, data: Any) -> dict[str, Any]:
        if self.venue == "binance_us":
            k = data["k"]
            return {
                "start": k["t"],
                "close": k["c"],
                "high": k["h"],
                "volume": k["v"],
                "closed": k["x"],
                "at": data["E"],
            }
        k = data[0]
        return {
            "start": k["start"],
            "close": k["close"],
            "high": k["high"],
            "volume": k["volume"],
            "closed": k["confirm"],
            "at": k["timestamp"],
        }

    def path(self) -> str:
        return "/api/v3/time" if self.venue == "binance_us" else "/v5/market/time"

    async def rest_candle(self, rest: httpx.AsyncClient, start: int) -> Any:
        """open, high, low, close, volume of a closed minute."""
        if self.venue == "binance_us":
            answer = await rest.get(
                "/api/v3/klines", params={"symbol": "BTCUSDT", "interval": "1m", "startTime": start, "limit": 1}
            )
            return answer.json()[0][1:6]
        answer = await rest.get(
            "/v5/market/kline",
            params={"category": "spot", "symbol": "BTCUSDT", "interval": "1", "start": start, "limit": 1},
        )
        return answer.json()["result"]["list"][0][1:6]
