"""A running sandbox exchange and small clients for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import websockets

from core.clock import LiveClock
from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.tiny_market import TinyMarket

START_MS = 1_700_000_000_000
WAIT_S = 10.0


@pytest.fixture
def clock() -> LiveClock:
    """Ten market seconds a second, a few seconds before a full minute."""
    return LiveClock(rate=10.0, start_ms=START_MS // 60_000 * 60_000 - 10_000)


@pytest.fixture
async def binance(clock: LiveClock) -> AsyncIterator[SandboxExchange]:
    """Binance.US with three symbols."""
    exchange = SandboxExchange(TinyMarket(clock.now_ms()), clock, venue="binance_us")
    async with exchange:
        yield exchange


@pytest.fixture
async def rest(binance: SandboxExchange) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the Binance.US exchange."""
    async with httpx.AsyncClient(base_url=binance.rest_url) as client:
        yield client


class Follower:
    """A WebSocket client that keeps every message."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.messages: list[Any] = []

    async def send(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def next(self) -> Any:
        """The next message, decoded."""
        message = json.loads(await asyncio.wait_for(self.socket.recv(), WAIT_S))
        self.messages.append(message)
        return message

    async def until(self, wanted: Callable[[Any], bool]) -> Any:
        """Read on to the first message that is wanted."""
        async with asyncio.timeout(WAIT_S):
            while not wanted(message := await self.next()):
                pass
        return message

    async def raw(self) -> str | bytes:
        """The next frame as it came."""
        return await asyncio.wait_for(self.socket.recv(), WAIT_S)

    async def closed(self) -> websockets.ConnectionClosed:
        """Read on until the connection ends."""
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    await self.socket.recv()
                except websockets.ConnectionClosed as end:
                    return end


@contextlib.asynccontextmanager
async def follow(url: str) -> AsyncIterator[Follower]:
    """Connect without compression, as the program's own link does."""
    async with websockets.connect(url, compression=None, max_size=2**24, max_queue=None) as socket:
        yield Follower(socket)


@pytest.fixture
async def bybit(clock: LiveClock) -> AsyncIterator[SandboxExchange]:
    """Bybit with three spot symbols and three perpetuals."""
    markets = {
        "spot": TinyMarket(clock.now_ms()),
        "linear": TinyMarket(clock.now_ms(), perpetual=True, seed=8, statuses={"SOLUSDT": "halted"}),
    }
    async with SandboxExchange(markets, clock, venue="bybit") as exchange:
        yield exchange


@pytest.fixture
async def v5(bybit: SandboxExchange) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the Bybit exchange."""
    async with httpx.AsyncClient(base_url=bybit.rest_url + "/v5/market/") as client:
        yield client
