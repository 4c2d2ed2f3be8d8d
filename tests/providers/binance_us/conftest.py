"""The provider against the sandbox exchange, both on one fast clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import httpx
import pytest

from core.bus import Bus
from core.clock import LiveClock
from core.messages import Message
from core.settings import Feed, Network, Settings
from providers.binance_us.market import BinanceUsMarket
from providers.sandbox.seeded import SeededMarket
from providers.sandbox.server import SandboxExchange
from tests.patience import patient_connections  # noqa: F401 - a fixture of every test here

M = TypeVar("M", bound=Message)
RATE = 10.0
START_MS = 1_700_000_000_000 // 60_000 * 60_000 - 20_000


class Rig:
    """A running exchange, a provider on it, and everything it published."""

    def __init__(self, exchange: SandboxExchange, clock: LiveClock, settings: Settings) -> None:
        self.exchange = exchange
        self.clock = clock
        self.bus = Bus(clock)
        self.seen: list[Message] = []
        self.bus.subscribe(Message, self.seen.append)
        self.market = BinanceUsMarket(self.bus, clock, settings)

    def of(self, kind: type[M], symbol: str = "") -> list[M]:
        return [m for m in self.seen if isinstance(m, kind) and (not symbol or getattr(m, "symbol", "") == symbol)]

    async def until(self, condition: Callable[[], Any], what: str = "") -> None:
        """Wait for a condition, at most 30 real seconds."""
        try:
            async with asyncio.timeout(30):
                while not condition():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"did not happen: {what or condition}") from None

    async def symbols(self, count: int) -> list[str]:
        """The first trading symbols by volume."""
        trading = {i.symbol for i in await self.market.instruments() if i.trading}
        ranked = sorted(await self.market.tickers(), key=lambda t: -t.quote_volume)
        return [t.symbol for t in ranked if t.symbol in trading][:count]

    def live_books(self) -> set[str]:
        return {symbol for symbol, feed in self.market._feeds.items() if feed.book.state == "live"}


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


Start = Callable[..., Any]


@pytest.fixture
def start() -> Start:
    """An async context manager: `async with start() as rig`."""

    @asynccontextmanager
    async def run(*, relay: bool = False, watch: int = 0, rate: float = RATE, **feed: Any) -> AsyncIterator[Rig]:
        clock = LiveClock(rate=rate, start_ms=START_MS)
        exchange = SandboxExchange(SeededMarket(7, 12, clock), clock, venue="binance_us")
        async with exchange:
            stream_url = exchange.stream_url
            if relay:
                stream_url = f"ws://127.0.0.1:{(await exchange.start_relay()).port}"
            settings = Settings(
                feed=Feed(**{"backoff_first_s": 1.0, "backoff_cap_s": 4.0, **feed}),
                network=Network(binance_us_rest=exchange.rest_url, binance_us_stream=stream_url),
            )
            rig = Rig(exchange, clock, settings)
            task = asyncio.create_task(rig.market.run())
            try:
                if watch:
                    rig.market.set_symbols(await rig.symbols(watch), ("1m", "5m"))
                    await rig.until(lambda: len(rig.live_books()) == watch, "all books live")
                yield rig
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                await rig.market.close()

    return run
