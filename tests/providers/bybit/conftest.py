"""A Bybit provider over real sockets to the sandbox exchange, spot or linear, with what it published."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import msgspec
import pytest

from core.bus import Bus
from core.clock import LiveClock
from core.messages import BookStatus, Message, SymbolMessage
from core.settings import Feed, Market, Network, Settings
from providers.bybit.market import BybitMarket
from providers.sandbox.server import SandboxExchange
from tests.patience import patient_connections  # noqa: F401 - a fixture of every test here
from tests.providers.sandbox.tiny_market import TinyMarket

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT")
TIMEFRAMES = ("1m", "5m")
START_MS = 1_700_000_100_000 - 12_000
"""12 s before a full minute that ends five minutes, too."""

M = TypeVar("M", bound=Message)


class Desk:
    """One provider with its bus; `run` it around a test's body."""

    def __init__(self, exchange: SandboxExchange, clock: LiveClock, category: str, **feed: Any) -> None:
        self.exchange = exchange
        self.clock = clock
        self.bus = Bus(clock)
        self.messages: list[Message] = []
        self.bus.subscribe(Message, self.messages.append)
        options = {
            "backoff_first_s": 0.5,
            "backoff_cap_s": 5.0,
            "poll_s": 2.0,
            "ping_s": 5.0,
            "silence_s": 60.0,
            **feed,
        }
        self.settings = Settings(
            market=msgspec.convert({"venue": "bybit", "category": category}, Market),
            feed=msgspec.convert(options, Feed),
            network=Network(bybit_rest=exchange.rest_url, bybit_stream=exchange.stream_url),
        )
        self.market = BybitMarket(self.bus, clock, self.settings)

    @contextlib.asynccontextmanager
    async def run(
        self, symbols: tuple[str, ...] = SYMBOLS, timeframes: tuple[str, ...] = TIMEFRAMES
    ) -> AsyncIterator[None]:
        """The streams of these symbols, running."""
        await self.market.sync_clock()
        self.market.set_symbols(symbols, timeframes)
        task = asyncio.create_task(self.market.run())
        try:
            yield
            if task.done():
                task.result()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self.market.close()

    def of(self, kind: type[M], symbol: str = "", since: int = 0) -> list[M]:
        """Messages of one class, of one symbol, from an index on."""
        found = [message for message in self.messages[since:] if isinstance(message, kind)]
        return [m for m in found if not symbol or (isinstance(m, SymbolMessage) and m.symbol == symbol)]

    async def until(self, done: Callable[[], Any], within_s: float = 30.0) -> None:
        """Wait for a condition, in real seconds; fails with the last messages."""
        try:
            async with asyncio.timeout(within_s):
                while not done():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not within {within_s} s; last messages: {self.messages[-8:]}") from None

    async def until_live(self, symbols: tuple[str, ...] = SYMBOLS, since: int = 0) -> None:
        """Wait until every book is live."""
        await self.until(
            lambda: {m.symbol for m in self.of(BookStatus, since=since) if m.state == "live"} >= set(symbols)
        )


@pytest.fixture
def rate() -> float:
    """Market seconds a second. The patience of provider and venue runs on the market's clock: where a pause of a busy
    machine would use it up, a test asks for fewer."""
    return 20.0


@pytest.fixture
def clock(rate: float) -> LiveClock:
    return LiveClock(rate=rate, start_ms=START_MS)


@pytest.fixture
async def exchange(clock: LiveClock) -> AsyncIterator[SandboxExchange]:
    """Bybit with five symbols in both categories."""
    markets = {
        "spot": TinyMarket(clock.now_ms(), symbols=SYMBOLS, seed=3),
        "linear": TinyMarket(clock.now_ms(), symbols=SYMBOLS, seed=4, perpetual=True),
    }
    async with SandboxExchange(markets, clock, venue="bybit") as running:
        yield running


@pytest.fixture
async def spot(exchange: SandboxExchange, clock: LiveClock) -> Desk:
    return Desk(exchange, clock, "spot")


@pytest.fixture
async def linear(exchange: SandboxExchange, clock: LiveClock) -> Desk:
    return Desk(exchange, clock, "linear")


@pytest.fixture(params=["spot", "linear"])
async def desk(request: pytest.FixtureRequest, clock: LiveClock) -> AsyncIterator[Desk]:
    """A desk of each category, on an exchange that has this category alone."""
    category = request.param
    market = TinyMarket(clock.now_ms(), symbols=SYMBOLS, seed=3, perpetual=category == "linear")
    async with SandboxExchange({category: market}, clock, venue="bybit") as running:
        yield Desk(running, clock, category)
