"""A bus, a clock and a real store file for the tests of what is kept; built again on the same file it is a restart."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from core.bus import Bus
from core.clock import SimClock
from core.messages import Listing, Message, Universe
from core.settings import Settings
from core.settings_live import LiveSettings
from core.store import Store, StoreError

T = TypeVar("T")
T0 = 1_790_000_040_000
"""A full minute in September 2026."""
VENUE, CATEGORY = "binance_us", "spot"
DAY_MS = 86_400_000


class TiredStore(Store):
    """A store whose disk refuses while `tired`."""

    tired = False

    async def run(self, act: Callable[[sqlite3.Connection], T]) -> T:
        if self.tired:
            raise StoreError(f"{self.path}: disk full; free space")
        return await super().run(act)


class Room:
    """Everything a part that keeps things is built from. `await Room.open(folder)`; `await close()`."""

    def __init__(self, store: TiredStore, folder: Path, at_ms: int, settings: Settings | None) -> None:
        self.store = store
        self.clock = SimClock(at_ms)
        self.bus = Bus(self.clock)
        self.live = LiveSettings(self.bus, self.clock, settings or Settings(), folder / "overrides.toml")
        self.heard: list[Message] = []
        self.bus.subscribe(Message, self.heard.append)
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, folder: Path, at_ms: int = T0, settings: Settings | None = None) -> Room:
        store = await TiredStore.open(folder / "tradetui.sqlite")
        assert isinstance(store, TiredStore)
        # One thread for all work off the loop: whoever waits for it waits for everything asked of it before.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        return cls(store, folder, at_ms, settings)

    def start(self, run: Callable[[], Coroutine[None, None, None]]) -> None:
        self._tasks.append(asyncio.ensure_future(run()))

    async def settle(self) -> None:
        """Let everything that can go on go on, the disk's thread included."""
        for _ in range(4):
            await asyncio.get_running_loop().run_in_executor(None, int)
            await Store.run(self.store, lambda db: None)
            for _ in range(10):
                await asyncio.sleep(0)

    async def advance(self, seconds: float, step_s: float = 0.0) -> None:
        """Move time, in steps where parts must work with the disk in between."""
        left = seconds
        while left > 0.0:
            await self.clock.advance(min(step_s or seconds, left))
            await self.settle()
            left -= step_s or seconds

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.store.close()

    def of(self, kind: type[T]) -> list[T]:
        """What was published of one class, oldest first."""
        return [message for message in self.heard if type(message) is kind]


def universe(*symbols: str) -> Universe:
    return Universe(venue=VENUE, category=CATEGORY, symbols=symbols, added=symbols, removed=(), reason="", at_ms=T0)


def listing(symbol: str, base: str, quote: str = "USDT") -> Listing:
    return Listing(
        venue=VENUE, category=CATEGORY, symbol=symbol, base=base, quote=quote, tick_size="0.01", lot_size="0.001",
        status="TRADING", trading=True, at_ms=T0,
    )  # fmt: skip
