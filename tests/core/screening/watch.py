"""A Stage 1 desk on a bus with a fake market, and everything it said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from core.bus import Bus
from core.clock import SimClock
from core.market.volatility import NO_SAMPLE, NatrSample
from core.messages import Bar, Fault, Listing, Screening, Ticker, Universe
from core.screening.classes import AssetClass, classify
from core.screening.stage1 import Judgement
from core.screening.stage1_desk import Stage1Desk
from core.screening.thresholds import InForce, changed, from_class
from core.settings import Market, Settings
from core.settings_live import LiveSettings
from core.venue import CandleBlock
from tests.core.screening.bars import MINUTE_MS, saw
from tests.core.signals.markets import CATEGORY, START_MS, VENUE, FakeMarket, bar_of, window_of

PERPETUAL = classify("ETH", "USDT", "linear").asset_class
STABLE = classify("USDC", "USDT", "spot").asset_class
OPEN_GATES = {"low_gate": 0.0, "high_gate": 0.5}
BARS = 1500
"""One-minute bars a market begins with."""


class Thresholds:
    """Class defaults, but never too quiet or too volatile, and what a test sets."""

    def __init__(self) -> None:
        self.classes: dict[str, AssetClass] = {}
        self.values: dict[str, dict[str, float]] = {}

    def in_force(self, symbol: str) -> InForce:
        default = from_class(self.asset_class(symbol).defaults)
        return changed(default, "operator", START_MS, 0, **(OPEN_GATES | self.values.get(symbol, {})))

    def asset_class(self, symbol: str) -> AssetClass:
        return self.classes.get(symbol, PERPETUAL)


class Samples:
    """An hourly ATR of 1 % for every market."""

    def __init__(self) -> None:
        self.hourly = NatrSample((0.01,) * 101, 7.0)
        self.hours: tuple[int, ...] = ()

    def sample(self, _symbol: str, timeframe: str) -> NatrSample:
        return self.hourly if timeframe == "1h" else NO_SAMPLE

    def preferred_hours(self, _symbol: str, count: int) -> tuple[int, ...]:
        return self.hours[:count]


def universe(*symbols: str) -> Universe:
    return Universe(
        venue=VENUE, category=CATEGORY, symbols=symbols, added=symbols, removed=(), reason="", at_ms=START_MS
    )


def ticker(symbol: str, quote_volume: float = 1e9) -> Ticker:
    return Ticker(
        venue=VENUE, category=CATEGORY, symbol=symbol, last=100.0, change=0.02, quote_volume=quote_volume,
        high=103.0, low=97.0, event_ms=START_MS,
    )  # fmt: skip


def listing(symbol: str, tick: str) -> Listing:
    return Listing(
        venue=VENUE, category=CATEGORY, symbol=symbol, base=symbol, quote="USDT", tick_size=tick, lot_size="1",
        status="TRADING", trading=True, at_ms=START_MS,
    )  # fmt: skip


class Watch:
    """The desk, its market and its clock. All markets stand at the close of bar `self.count - 1`."""

    def __init__(self, folder: Path, *symbols: str, bars: int = BARS, **settings: Any) -> None:
        self.count = bars
        self.clock = SimClock(START_MS + bars * MINUTE_MS)
        self.bus = Bus(self.clock)
        self.market = FakeMarket(("1m", "1h", "1d"))
        self.thresholds, self.samples = Thresholds(), Samples()
        made = Settings(market=Market(venue="binance_us"))
        made = msgspec.structs.replace(made, screening=msgspec.structs.replace(made.screening, **settings))
        self.live = LiveSettings(self.bus, self.clock, made, folder / "overrides.toml")
        self.desk = Stage1Desk(self.bus, self.clock, self.live, self.market, self.thresholds, self.samples)
        self.said: list[Screening] = []
        self.faults: list[Fault] = []
        self.bus.subscribe(Screening, self.said.append)
        self.bus.subscribe(Fault, self.faults.append)
        self.blocks: dict[str, CandleBlock] = {}
        for number, symbol in enumerate(symbols):
            self.add(symbol, saw(number, bars + 200))
        self.watch(*symbols)
        self.task: asyncio.Task[None] | None = None

    def watch(self, *symbols: str) -> None:
        """These markets are watched from now on."""
        self.bus.publish(universe(*symbols))

    def start(self) -> None:
        self.task = asyncio.create_task(self.desk.run())

    async def close(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])

    def add(self, symbol: str, block: CandleBlock) -> None:
        """A market with its history in, and its venue's 24 h figures."""
        self.blocks[symbol] = block
        self.market.windows[symbol, "1m"] = window_of(block[: self.count])
        self.bus.publish(ticker(symbol))

    def next_row(self, symbol: str, **changes: float) -> np.ndarray:
        """The bar that closes next, with other values: `volume` in multiples, `close` as a share of the price."""
        row: np.ndarray = self.blocks[symbol][self.count].copy()
        row[5:] *= changes.get("volume", 1.0)
        if "close" in changes:
            row[4] = row[1] * (1.0 + changes["close"])
            row[2], row[3] = max(row[1], row[4]), min(row[1], row[4])
        return row

    def shut(self, symbol: str, row: np.ndarray, *, known_s: float = 0.0, synthetic: bool = False) -> Bar:
        """This bar of the market closes now, known so many seconds late."""
        self.market.windows[symbol, "1m"].append(row, synthetic)
        bar = bar_of(row, symbol, "1m", synthetic=synthetic)
        bar = msgspec.structs.replace(bar, known_at=bar.known_at + round(known_s * 1000))
        self.clock.set_ms(bar.known_at)
        self.bus.publish(bar)
        return bar

    def judged(self, symbol: str, row: np.ndarray) -> Judgement:
        """What this bar would come to if it closed next; nothing is told, and the market stays as it is."""
        window = self.market.windows[symbol, "1m"]
        self.market.windows[symbol, "1m"] = window_of(np.concatenate([window.block(), row[None]]), window.capacity)
        found = self.desk.judge(bar_of(row, symbol, "1m"))
        self.market.windows[symbol, "1m"] = window
        assert found is not None
        return found

    async def minute(self, **rows: np.ndarray) -> list[Screening]:
        """A minute of the universe closes, calm but for the rows given; what was said of it."""
        before = len(self.said)
        for symbol in self.blocks:
            self.shut(symbol, rows.get(symbol, self.next_row(symbol)))
        self.count += 1
        await self.settle()
        return self.said[before:]

    async def until(self, true: Callable[[], bool]) -> None:
        for _ in range(5000):
            if true():
                return
            await asyncio.sleep(0)
        raise AssertionError("never came true")

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


def codes(screening: Screening | Judgement) -> list[str]:
    return [reason.code for reason in screening.trigger_reasons]


def of(said: list[Screening], symbol: str) -> Screening:
    (found,) = [message for message in said if message.symbol == symbol]
    return found
