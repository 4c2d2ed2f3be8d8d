"""Pictures in README and guide are what the program shows; the market in full is judged by the real detectors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from textual.pilot import Pilot

from core.market.resample import resample
from core.market.tape import Flow
from core.market.volatility import NO_SAMPLE
from core.messages import Message
from core.settings import Settings
from core.signals.catalogue import catalogue
from core.signals.chart import build_chart
from core.signals.higher import HigherFrames
from core.signals.metrics import measure
from core.signals.series import SymbolSignals
from core.venue import TIMEFRAME_MS, CandleBlock
from tests import builders as make
from tests.core.signals.markets import window_of
from tests.snapshots import document, scenes, scenes_inbox, scenes_ticket, test_inbox_snapshots, test_ticket_snapshots
from tests.snapshots import scenes_confluence as scene
from tui.app import TradeApp

pytestmark = pytest.mark.snapshot

NORMAL = (120, 40)
SEED = 23
BARS, LOADED = 5_000, 1_500


def minutes(seed: int) -> CandleBlock:
    """A seeded market of minutes that ends at the scene's price, a moment before its clock; shape (BARS, 9)."""
    random = np.random.default_rng(seed)
    drift = 0.0004 * np.sin(np.arange(BARS * 10) / random.uniform(500, 2500)) / 10
    steps = drift + random.standard_t(5, size=BARS * 10) * 0.0009 / np.sqrt(10)
    path = np.cumsum(steps)
    path = scene.PRICE * np.exp(path - path[-1]).reshape(BARS, 10)
    path = np.round(path / scene.TICK) * scene.TICK
    close = path[:, -1]
    first = np.concatenate([path[:1, 0], close[:-1]])
    volume = np.round(random.lognormal(6, 0.6, BARS) * (1.0 + 900.0 * np.abs(close / first - 1.0)), 3)
    end_ms = make.NOW_MS // make.MINUTE_MS * make.MINUTE_MS
    opens = end_ms - (BARS - np.arange(BARS)) * float(make.MINUTE_MS)
    high, low = np.maximum(path.max(1), first), np.minimum(path.min(1), first)
    return np.column_stack([opens, first, high, low, close, volume, volume * close, np.full(BARS, 40.0), volume / 2])


def judged(seed: int = SEED) -> Iterator[Message]:
    """What the engine says of this market when the operator looks at it."""
    block = minutes(seed)
    frames = HigherFrames(("5m", "15m"))
    for timeframe in ("5m", "15m", "1d"):
        frames.load(timeframe, resample(block, TIMEFRAME_MS[timeframe]))
    signals = SymbolSignals(make.VENUE, make.CATEGORY, scene.SYMBOL, "1m")
    signals.frames, signals.tick_size = frames, scene.TICK
    window = window_of(block[-LOADED:])
    for _ in signals.open(window, Settings()):
        pass
    yield measure(make.VENUE, make.CATEGORY, signals, window, NO_SAMPLE, Flow(560.0, 440.0, 300))
    yield catalogue()
    yield build_chart(signals, window)
    yield from signals.newest_readings()
    yield signals.confluence(Settings(), "")


def test_the_confluence_screen():
    async def prepare(pilot: Pilot) -> None:
        running = pilot.app
        assert isinstance(running, TradeApp)
        await scenes.shows(scene.market())(pilot)
        running.screen.show_symbol(scene.SYMBOL)
        await pilot.press("enter")
        for message in (*judged(), scene.ladder(), scene.tape()):
            running.desk.bus.publish(message)
        await scenes.paint(pilot)
        await scenes.paint(pilot)

    asyncio.run(document.held("confluence", scenes.app(), NORMAL, prepare))


def test_the_order_ticket():
    """The first of three steps, over a whole market."""

    async def prepare(pilot: Pilot) -> None:
        await scenes.shows(scene.market())(pilot)
        await test_ticket_snapshots.looks(scenes_ticket.live())(pilot)

    asyncio.run(document.held("ticket", scenes.app(), NORMAL, prepare))


def test_the_inbox():
    looks = test_inbox_snapshots.looks("6", scenes_inbox.full())
    asyncio.run(document.held("inbox", scenes.app(), NORMAL, looks))
