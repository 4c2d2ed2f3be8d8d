"""A small signing client of the Binance.US sandbox, written from the venue's rules and not from our adapter."""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx

from core.clock import LiveClock
from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.conftest import START_MS, Follower, follow
from tests.providers.sandbox.tiny_market import TinyMarket

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
TICK = Decimal("0.01")


def sign(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def exchange_with_account(rate: float = 20.0, **more: Any) -> SandboxExchange:
    """Binance.US with three symbols and one account."""
    clock = LiveClock(rate=rate, start_ms=START_MS)
    market = TinyMarket(clock.now_ms(), **more)
    return SandboxExchange(market, clock, venue="binance_us", api_key=KEY, api_secret=SECRET)


class UsClient:
    """One account's requests. Answers are (status, body); `headers` are those of the last answer."""

    def __init__(self, exchange: SandboxExchange, http: httpx.AsyncClient) -> None:
        self.exchange = exchange
        self.http = http
        self.headers: httpx.Headers = httpx.Headers()
        self.ahead_ms = 0

    @property
    def market(self) -> Any:
        return self.exchange.feeds["spot"].market

    def price(self, ticks_from_bid: int = 0, symbol: str = "BTCUSDT") -> str:
        """The best bid, moved."""
        self.exchange.pull()
        return str((self.exchange.feeds["spot"].book(symbol).bids[0][0] + ticks_from_bid) * TICK)

    async def call(
        self, method: str, path: str, *, body: bool = False, key: str = KEY, signed: bool = True, **params: Any
    ) -> tuple[int, Any]:
        if signed:
            params.setdefault("timestamp", self.exchange.feeds["spot"].now_ms() + self.ahead_ms)
            params.setdefault("recvWindow", 60000)
        text = urlencode(params)
        if signed:
            text += "&signature=" + sign(text)
        url = self.exchange.rest_url + "/api/v3/" + path
        headers = {"X-MBX-APIKEY": key} if key else {}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            answer = await self.http.request(method, url, content=text, headers=headers)
        else:
            answer = await self.http.request(method, url + ("?" + text if text else ""), headers=headers)
        self.headers = answer.headers
        return answer.status_code, answer.json()

    async def ok(self, method: str, path: str, **params: Any) -> Any:
        status, content = await self.call(method, path, **params)
        assert status == 200, content
        return content

    async def place(self, **params: Any) -> Any:
        """A new BTCUSDT order; a GTC limit buy of 0.1 unless told otherwise."""
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.1", **params}
        if order["type"] not in ("MARKET", "LIMIT_MAKER"):
            order.setdefault("timeInForce", "GTC")
        return await self.ok("POST", "order", **order)

    async def free(self, asset: str) -> tuple[Decimal, Decimal]:
        """Free and locked."""
        content = await self.ok("GET", "account")
        row = next(row for row in content["balances"] if row["asset"] == asset)
        return Decimal(row["free"]), Decimal(row["locked"])

    async def listen_key(self) -> str:
        return str((await self.ok("POST", "userDataStream", signed=False))["listenKey"])

    async def user(self) -> Any:
        """A follower of the user stream."""
        return follow(f"{self.exchange.stream_url}/ws/{await self.listen_key()}")


async def event(stream: Follower, kind: str, **wanted: Any) -> Any:
    """The next event of a kind with these fields."""
    return await stream.until(lambda m: m.get("e") == kind and wanted.items() <= m.items())
