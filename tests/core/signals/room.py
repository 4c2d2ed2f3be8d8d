"""A signal desk on a bus with a fake market, and everything it said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.bus import Bus
from core.clock import SimClock
from core.market.candles import CandleWindow
from core.messages import (
    Chart,
    Confluence,
    DetectorCatalogue,
    Fault,
    HistoryStatus,
    Message,
    Metrics,
    Reading,
    SignalStats,
    StateChange,
)
from core.settings import Market, Settings
from core.settings_live import LiveSettings
from core.signals.desk import SignalDesk
from core.signals.shadow import Stored
from core.venue import TIMEFRAME_MS
from tests.core.signals.markets import CATEGORY, START_MS, VENUE, FakeMarket, bar_of, coarser, walk

SPOKEN = (Reading, StateChange, Metrics, Confluence, Chart, SignalStats, DetectorCatalogue, Fault)
EARLIER_BARS = 300 * 12
"""Bars before the window of the decision timeframe, so that the longer ones are known well."""


class Room:
    """`timeframes` are those the market keeps; the decision is made on 5m bars."""

    def __init__(
        self, folder: Path, bars: int = 600, timeframes: tuple[str, ...] = ("5m",), stored: Stored | None = None
    ) -> None:
        self.bars = bars
        self.timeframes = timeframes
        self.clock = SimClock(START_MS + bars * TIMEFRAME_MS["5m"])
        self.bus = Bus(self.clock)
        self.market = FakeMarket(timeframes)
        self.blocks: dict[str, np.ndarray] = {}
        self.said: list[Message] = []
        for kind in SPOKEN:
            self.bus.subscribe(kind, self.said.append)
        settings = Settings(market=Market(venue="binance_us"))
        self.live = LiveSettings(self.bus, self.clock, settings, folder / "overrides.toml")
        self.desk = SignalDesk(self.bus, self.clock, self.live, self.market, stored=stored)
        self.task = asyncio.create_task(self.desk.run())

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    def of(self, kind: type, symbol: str = "", timeframe: str = "5m") -> list[Any]:
        return [
            m
            for m in self.said
            if type(m) is kind
            and (not symbol or m.symbol == symbol)  # type: ignore[attr-defined]
            and getattr(m, "timeframe", timeframe) == timeframe
        ]

    def load(self, symbol: str, seed: int, only: tuple[str, ...] = ()) -> None:
        """The history of a symbol in all timeframes (or `only` these) is in."""
        self.blocks[symbol] = walk(seed, self.bars + 50)
        for timeframe in only or self.timeframes:
            self.market.windows[symbol, timeframe] = self.history(symbol, timeframe, self.bars)
            self.ready(symbol, timeframe)

    def history(self, symbol: str, timeframe: str, bars: int) -> CandleWindow:
        """The window of a timeframe when so many bars of the decision's have closed."""
        block = self.blocks[symbol][:bars]
        if timeframe != "5m":
            earlier = walk(7, EARLIER_BARS)
            earlier[:, 0] -= EARLIER_BARS * TIMEFRAME_MS["5m"]
            block = coarser(np.concatenate([earlier, block]), timeframe)
        window = CandleWindow(2000)
        window.extend(block)
        return window

    def ready(self, symbol: str, timeframe: str = "5m") -> None:
        self.bus.publish(
            HistoryStatus(
                venue=VENUE, category=CATEGORY, symbol=symbol, timeframe=timeframe, bars=1, wanted=1, gaps=0, stored=0,
                ready=True, at_ms=0,
            )
        )  # fmt: skip

    def close_bar(self, symbol: str, number: int) -> int:
        """The next decision bar closes; returns when."""
        row = self.blocks[symbol][self.bars + number]
        self.market.windows[symbol, "5m"].append(row)
        self.clock.set_ms(int(row[0]) + TIMEFRAME_MS["5m"])
        self.bus.publish(bar_of(row, symbol))
        return int(row[0]) + TIMEFRAME_MS["5m"]

    def close_longer(self, symbol: str, number: int, timeframe: str) -> bool:
        """The longer bar that ends with that decision bar closes, if there is one."""
        whole = self.history(symbol, timeframe, self.bars + number + 1)
        window = self.market.windows[symbol, timeframe]
        if whole.last_open_ms <= window.last_open_ms:
            return False
        window.append(whole.row(-1))
        self.bus.publish(bar_of(whole.row(-1), symbol, timeframe))
        return True

    async def until(self, true: Callable[[], bool]) -> None:
        for _ in range(5000):
            if true():
                return
            await asyncio.sleep(0)
        raise AssertionError("never came true")

    async def settle(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0)
