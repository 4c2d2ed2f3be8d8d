"""The same recording played twice through provider, market and signals publishes the same bytes, states included."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as parquet
import pytest

import core.signals.desk
from core.bus import Bus
from core.clock import SimClock
from core.history import Span
from core.market.desk import MarketDesk
from core.messages import Message, Universe
from core.settings import History, Market, Settings
from core.settings_live import LiveSettings
from core.signals.desk import SignalDesk
from providers.recorded import RecordedMarket

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="the shared folder of recorded market data is not here"),
]
SYMBOLS = ("ADAUSDT", "BTCUSDT", "ETHUSDT")


class NoStore:
    """A candle store without a disk: its threads would make the order of work depend on the machine."""

    async def read(self, *_: Any, **__: Any) -> Any:
        return np.empty((0, 9))

    async def write(self, *_: Any) -> None:
        return

    async def write_many(self, *_: Any) -> None:
        return

    async def drop(self, *_: Any) -> None:
        return

    async def span(self, *_: Any) -> Span:
        return Span(0, 0, 0)


async def played(path: Path, folder: Path, **market: Any) -> tuple[str, Counter[str]]:
    """Digest of every published message as JSON, in order, and how many there were of each class."""
    clock = SimClock(0)
    bus = Bus(clock)
    digest, counts = hashlib.sha256(), Counter[str]()

    def note(message: Message) -> None:
        counts[type(message).__name__] += 1
        digest.update(msgspec.json.encode(message))

    bus.subscribe(Message, note)
    options = {"venue": "recorded", "recorded_path": str(path), "decision_timeframe": "1m", **market}
    settings = Settings(
        market=msgspec.convert(options, Market), history=History(bars=300, daily_bars=2, parallel_requests=1)
    )
    provider = RecordedMarket(bus, clock, settings)
    symbols = tuple(item.symbol for item in await provider.instruments())
    clock.set_ms(provider.venue_now_ms())
    desk = MarketDesk(bus, clock, settings, provider, NoStore())  # type: ignore[arg-type]
    signals = SignalDesk(bus, clock, LiveSettings(bus, clock, settings, folder / "overrides.toml"), desk)
    at_ms = provider.venue_now_ms()
    tasks = [asyncio.create_task(desk.run()), asyncio.create_task(signals.run())]
    try:
        provider.set_symbols(symbols, settings.market.timeframes)
        bus.publish(
            Universe(
                venue=provider.venue, category=provider.category, symbols=symbols, added=symbols, removed=(),
                reason="start", at_ms=at_ms,
            )
        )  # fmt: skip
        await desk.load(symbols)
        for _ in provider.steps():
            await clock.advance(0.0)  # whoever waits for a time that has come works now
        await clock.advance(5.0)
    finally:
        for task in tasks:
            assert not task.done(), "a part of the engine ended"
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return digest.hexdigest(), counts


@pytest.fixture(autouse=True)
def whole_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals pause after a slice of real time to let others run; whatever they say, they say it in one turn here."""
    monkeypatch.setattr(core.signals.desk, "SLICE_S", math.inf)


@pytest.fixture(scope="module")
def candle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same day of real minutes of a few symbols."""
    folder = tmp_path_factory.mktemp("candles")
    files = {symbol: DATA / "ohlcv" / "binance_usdm_2025" / f"{symbol}_1m.parquet" for symbol in SYMBOLS}
    tables = {symbol: parquet.read_table(file) for symbol, file in files.items()}
    start_ms = max(int(table["ts_ms"][0].as_py()) for table in tables.values())
    for symbol, table in tables.items():
        first = int(np.searchsorted(table["ts_ms"].to_numpy(), start_ms))
        parquet.write_table(table.slice(first, 1440), folder / f"{symbol}_1m.parquet")
    return folder


async def test_a_candle_folder_played_twice_says_the_same_bytes(candle_folder: Path, tmp_path: Path) -> None:
    options = {"category": "linear", "timeframes": ("1m", "5m")}
    digest, counts = await played(candle_folder, tmp_path, **options)
    assert (digest, counts) == await played(candle_folder, tmp_path, **options)
    assert counts["Confluence"] > 500
    assert counts["Reading"] > 5 * 500
    assert counts["StateChange"] > 10
    assert counts["Metrics"] > 500
    assert counts["Bar"] > 1000
    assert not counts["Fault"]


async def test_a_raw_stream_played_twice_says_the_same_bytes(tmp_path: Path) -> None:
    path = DATA / "raw" / "binance_spot" / "btcusdt_20240808.gz"
    digest, counts = await played(path, tmp_path, category="spot", timeframes=("1m", "5m"))
    assert (digest, counts) == await played(path, tmp_path, category="spot", timeframes=("1m", "5m"))
    assert counts["Quote"] > 100
    assert counts["TradeBatch"] > 100
    assert counts["Bar"] > 5
    assert not counts["Fault"]
