"""A Stage 2 desk on a bus with simulated time, in a market of seeded walks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from core.bus import Bus
from core.clock import SimClock
from core.market.candles import CandleWindow
from core.market.volatility import NO_SAMPLE, NatrSample
from core.messages import (
    Analysis,
    CalibrationReport,
    Fault,
    Listing,
    Screening,
    StateChange,
    TriggerReason,
    TriggerStats,
    Universe,
    Verdict,
)
from core.screening.classes import CLASSES
from core.screening.pipeline import Stage2Desk
from core.screening.thresholds import Thresholds, from_class
from core.settings import Market, Settings
from core.settings_live import LiveSettings
from core.settings_screening import Screening as ScreeningSettings
from tests.builders import confluence, metrics
from tests.core.screening.analysis_inputs import market
from tests.core.signals.markets import CATEGORY, VENUE, FakeMarket

TIMEFRAMES = ("1m", "5m", "15m", "1d")
BLOCKS = dict(zip(TIMEFRAMES, market(1), strict=True))
NOW_MS = int(BLOCKS["1m"][-1, 0]) + 60_000
STATS = TriggerStats(**dict.fromkeys(TriggerStats.__struct_fields__, math.nan))
SPIKE = TriggerReason(
    code="VOLUME_SPIKE", family="VOLUME", value=4.0, threshold=3.0, distance=-1.0, side=1, strength=0.5, words="volume"
)


class Views:
    """Thresholds, samples and maps as the other parts serve them; a symbol in `broken` raises."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.asked: list[str] = []
        self.heard: Callable[[], None] = lambda: None
        self.set = from_class(Thresholds(high_gate=0.05))

    def in_force(self, symbol: str):
        self.asked.append(symbol)
        self.heard()
        if symbol in self.broken:
            raise ValueError("store is gone")
        return self.set

    def asset_class(self, _symbol: str):
        return CLASSES[-1]

    def sample(self, _symbol: str, _timeframe: str) -> NatrSample:
        return NO_SAMPLE

    def preferred_hours(self, _symbol: str, _count: int) -> tuple[int, ...]:
        return ()

    def score_map(self, _asset_class: str, _timeframe: str) -> None:
        return None


class Room:
    def __init__(self, folder: Path, *symbols: str, **screening: Any) -> None:
        self.clock = SimClock(NOW_MS)
        self.bus = Bus(self.clock)
        self.market = FakeMarket(TIMEFRAMES)
        self.views = Views()
        self.said: list[Analysis] = []
        self.faults: list[Fault] = []
        settings = Settings(market=Market(venue="binance_us"), screening=ScreeningSettings(**screening))
        self.live = LiveSettings(self.bus, self.clock, settings, folder / "overrides.toml")
        self.desk = Stage2Desk(self.bus, self.clock, self.live, self.market, self.views, self.views, self.views)
        self.bus.subscribe(Analysis, self.said.append)
        self.bus.subscribe(Fault, self.faults.append)
        self.task: asyncio.Task[None] | None = None
        self.watch(*symbols)

    def watch(self, *symbols: str) -> None:
        removed = tuple({symbol for symbol, _ in self.market.windows} - set(symbols))
        for symbol in symbols:
            for timeframe in TIMEFRAMES:
                self.market.windows[symbol, timeframe] = window = CandleWindow(2000)
                window.extend(BLOCKS[timeframe][-1500:])
        self.bus.publish(
            Universe(
                venue=VENUE, category=CATEGORY, symbols=symbols, added=symbols, removed=removed, reason="", at_ms=NOW_MS
            )
        )
        for symbol in symbols:
            self.bus.publish(
                Listing(
                    venue=VENUE, category=CATEGORY, symbol=symbol, base=symbol.removesuffix("USDT"), quote="USDT",
                    tick_size="0.01", lot_size="0.001", status="TRADING", trading=True, at_ms=NOW_MS,
                )
            )  # fmt: skip
            self.bus.publish(confluence(symbol, "HOLD", 0.6, 100.0, timeframe="5m"))
            self.bus.publish(metrics(symbol, 100.0, timeframe="5m"))

    def start(self) -> None:
        self.task = asyncio.create_task(self.desk.run())

    async def settle(self) -> None:
        """Let the desk work until nothing is left to do."""
        for _ in range(400):
            await asyncio.sleep(0)

    async def close(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])

    def done(self, status: str = "completed") -> list[str]:
        return [analysis.symbol for analysis in self.said if analysis.stage2_status == status]

    def result(self, symbol: str) -> Analysis:
        return [a for a in self.said if a.symbol == symbol and a.stage2_status in ("completed", "error")][-1]

    def alert(self, symbol: str, strength: float = 1.0, **changes: object) -> None:
        now_ms = self.clock.now_ms()
        said = Screening(
            venue=VENUE, category=CATEGORY, symbol=symbol, signal="ALERT", trigger_reasons=(SPIKE,), stats=STATS,
            hints=(), strength=strength, asset_class="spot", alerted_ms=now_ms, occurred_at=now_ms - 60_000,
            known_at=now_ms,
        )  # fmt: skip
        self.bus.publish(replace(said, **changes))

    def change(self, symbol: str, replayed: bool = False) -> None:
        self.bus.publish(
            StateChange(
                venue=VENUE, category=CATEGORY, symbol=symbol, timeframe="5m", before="HOLD", after="BUY", price=100.0,
                probability=0.63, reasons=(), replayed=replayed, occurred_at=NOW_MS - 300_000, known_at=NOW_MS,
            )
        )  # fmt: skip

    def report(self, symbol: str, verdict: Verdict = "accept", task_id: int = 1) -> None:
        self.bus.publish(
            CalibrationReport(
                venue=VENUE, category=CATEGORY, symbol=symbol, timeframe="1m", verdict=verdict, reason="", parameters={},
                previous={}, in_sample=None, out_of_sample=None, current=None, dsr=0.95, pbo=0.1, folds=4, trials=60,
                seed=7, seconds=1.0, task_id=task_id, at_ms=self.clock.now_ms(),
            )
        )  # fmt: skip
