"""A small client of Bybit's private side, and a market that stands still while orders are looked at."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from core.clock import LiveClock
from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.conftest import START_MS, Follower, follow
from tests.providers.sandbox.tiny_market import TinyMarket

KEY = "sandbox-key"
SECRET = "sandbox-secret"
SYMBOL = "BTCUSDT"
WINDOW_MS = "600000"
"""Wide, because tests run on clocks many times too fast."""


def sign(payload: str) -> str:
    return hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()


class BybitClient:
    """Signs as B4 of the wire notes says, with the exchange's own clock."""

    def __init__(self, exchange: SandboxExchange, http: httpx.AsyncClient, category: str) -> None:
        self.exchange = exchange
        self.http = http
        self.category = category

    @property
    def accounts(self):
        return self.exchange.accounts[self.category]

    @property
    def price(self) -> float:
        """The best ask."""
        feed = self.accounts.feed
        return float(feed.units[SYMBOL].price(feed.book(SYMBOL).asks[0][0]))

    def near(self, factor: float) -> str:
        """A price on the tick at `factor` of the best ask."""
        return f"{self.price * factor:.2f}"

    def headers(self, payload: str, *, at_ms: int | None = None, **changed: str) -> dict[str, str]:
        stamp = str(self.accounts.now_ms() if at_ms is None else at_ms)
        signed = {
            "X-BAPI-API-KEY": KEY,
            "X-BAPI-TIMESTAMP": stamp,
            "X-BAPI-RECV-WINDOW": WINDOW_MS,
            "X-BAPI-SIGN": sign(f"{stamp}{KEY}{WINDOW_MS}{payload}"),
        }
        return signed | changed

    async def post_raw(self, path: str, **body: Any) -> httpx.Response:
        payload = json.dumps({"category": self.category} | body)
        return await self.http.post(f"/v5/{path}", content=payload, headers=self.headers(payload))

    async def get_raw(self, path: str, **query: Any) -> httpx.Response:
        payload = "&".join(f"{name}={value}" for name, value in ({"category": self.category} | query).items())
        return await self.http.get(f"/v5/{path}?{payload}", headers=self.headers(payload))

    async def post(self, path: str, code: int = 0, **body: Any) -> Any:
        """The result of a request that must end with `code`."""
        answer = (await self.post_raw(path, **body)).raise_for_status().json()
        assert answer["retCode"] == code, answer
        assert set(answer) == {"retCode", "retMsg", "result", "retExtInfo", "time"}
        return answer["result"]

    async def get(self, path: str, code: int = 0, **query: Any) -> Any:
        """The result of a read that must end with `code`."""
        answer = (await self.get_raw(path, **query)).raise_for_status().json()
        assert answer["retCode"] == code, answer
        return answer["result"]

    async def create(self, code: int = 0, **body: Any) -> Any:
        """Place a limit buy of 0.1 far below the market, or what `body` says instead."""
        order = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": self.near(0.99)}
        return await self.post("order/create", code, **(order | body))

    async def market(self, side: str, qty: str, **body: Any) -> Any:
        """Trade at the market, in base."""
        unit: dict[str, Any] = {"marketUnit": "baseCoin"} if self.category == "spot" else {}
        return await self.create(side=side, orderType="Market", qty=qty, price="", **unit, **body)

    async def order(self, link_id: str) -> Any:
        """An order by our id, open or closed."""
        for path in ("order/realtime", "order/history"):
            found = (await self.get(path, orderLinkId=link_id))["list"]
            if found:
                return found[0]
        raise AssertionError(f"no order {link_id}")

    async def open_ids(self, **query: Any) -> list[str]:
        named = {"symbol": SYMBOL} | query
        return [row["orderLinkId"] for row in (await self.get("order/realtime", **named))["list"]]

    async def coin(self, coin: str) -> Any:
        answer = await self.get("account/wallet-balance", accountType="UNIFIED", coin=coin)
        return answer["list"][0]["coin"][0]

    @contextlib.asynccontextmanager
    async def private(self, *topics: str) -> AsyncIterator[Follower]:
        """A logged-in private socket that follows `topics`."""
        async with follow(f"ws://127.0.0.1:{self.exchange.port}/v5/private") as socket:
            expires = self.accounts.now_ms() + int(WINDOW_MS)
            await socket.send({"req_id": "a1", "op": "auth", "args": [KEY, expires, sign(f"GET/realtime{expires}")]})
            answer = await socket.next()
            assert answer["success"] is True, answer
            await socket.send({"req_id": "s1", "op": "subscribe", "args": list(topics)})
            assert (await socket.until(lambda m: m.get("op") == "subscribe"))["success"] is True
            yield socket


def rows(socket: Follower, topic: str) -> list[Any]:
    """Every row a socket has received of a topic."""
    return [row for message in socket.messages if message.get("topic") == topic for row in message["data"]]


@contextlib.asynccontextmanager
async def running_exchange(
    markets: dict[str, TinyMarket], clock: LiveClock, category: str, key: str = KEY
) -> AsyncIterator[BybitClient]:
    """An exchange with one account, and a client of one of its categories."""
    exchange = SandboxExchange(markets, clock, venue="bybit", api_key=key, api_secret=SECRET)
    async with exchange, httpx.AsyncClient(base_url=exchange.rest_url, verify=False) as http:
        yield BybitClient(exchange, http, category)


@contextlib.asynccontextmanager
async def quiet_exchange(
    category: str, *, start_ms: int = START_MS, rate: float = 10.0, paused: bool = True, key: str = KEY
) -> AsyncIterator[BybitClient]:
    """An exchange whose market stands still, unless told otherwise."""
    clock = LiveClock(rate=rate, start_ms=start_ms)
    market = TinyMarket(clock.now_ms(), perpetual=category == "linear", seed=8, history_minutes=10)
    if paused:
        market.pause()
    async with running_exchange({category: market}, clock, category, key) as client:
        yield client
