"""A recommendation over recorded files is made of what the live desk would have gathered at that close."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import core.screening.scan_advice
from core.bus import Bus
from core.clock import SimClock
from core.market.resample import resample
from core.messages import Analysis, Listing, Screening, Universe
from core.scan import scan_all
from core.screening.analysis import analyse
from core.screening.analysis_inputs import AnalysisInputs
from core.screening.gathering import Gatherer
from core.settings import Market, Settings
from core.settings_live import LiveSettings
from core.venue import TIMEFRAME_MS, CandleBlock
from tests.builders import metrics
from tests.core.screening.stage2_room import Views
from tests.core.signals.markets import FakeMarket, window_of
from tests.realdata.bars import FOLDER, Live, candles

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"recorded market data is not at {FOLDER.resolve()}"),
]
SETTINGS = Settings(market=Market(venue="bybit", category="linear", decision_timeframe="1m"))
TIMEFRAMES = ("1m", "5m", "15m", "1d")
OWN, REFERENCE = "SUIUSDT", "BTCUSDT"
BARS, OPENED = 5600, 4700
MINUTE_MS = 60_000
ELSEWHERE = {"in_force", "sample", "preferred_hours", "asset_class", "score_map", "regime"}
"""What the store and the metrics bring live; each has its own tests."""


def stretch(symbol: str, start_ms: float) -> CandleBlock:
    block = candles(symbol, "1m")
    return block[block[:, 0] >= start_ms][:BARS]


def scanned(
    blocks: dict[str, CandleBlock], monkeypatch: pytest.MonkeyPatch
) -> tuple[list[AnalysisInputs], list[dict[str, Any]]]:
    """What every analysis of the scan was given, and what was said."""
    given: list[AnalysisInputs] = []

    def listen(inputs: AnalysisInputs) -> Analysis:
        given.append(inputs)
        return analyse(inputs)

    monkeypatch.setattr(core.screening.scan_advice, "analyse", listen)
    events = list(scan_all(list(blocks.items()), "1m", SETTINGS, ("alert", "recommendation")))
    return given, events


class Desk:
    """A live gatherer whose windows hold what had closed at a moment."""

    def __init__(self, blocks: dict[str, CandleBlock], folder: Path, tick: str) -> None:
        self.blocks = blocks
        self.clock = SimClock(0)
        self.bus = Bus(self.clock)
        self.market, views = FakeMarket(TIMEFRAMES), Views()
        live = LiveSettings(self.bus, self.clock, SETTINGS, folder / "overrides.toml")
        self.gatherer = Gatherer(self.bus, self.clock, live, self.market, views, views, views)
        self.bus.publish(
            Universe(
                venue="bybit",
                category="linear",
                symbols=tuple(blocks),
                added=tuple(blocks),
                removed=(),
                reason="",
                at_ms=0,
            )
        )
        for symbol in blocks:
            self.bus.publish(
                Listing(
                    venue="bybit", category="linear", symbol=symbol, base=symbol.removesuffix("USDT"), quote="USDT",
                    tick_size=tick, lot_size="1", status="Trading", trading=True, at_ms=0,
                )
            )  # fmt: skip

    def at(self, known_ms: int, live: Live, cause: str, alert: Screening | None) -> AnalysisInputs:
        self.clock.set_ms(known_ms)
        for symbol, block in self.blocks.items():
            closed = block[block[:, 0] + MINUTE_MS <= known_ms]
            for name in TIMEFRAMES:
                length_ms = TIMEFRAME_MS[name]
                bars = closed if name == "1m" else resample(closed, length_ms)
                self.market.windows[symbol, name] = window_of(bars[bars[:, 0] + length_ms <= known_ms], 20_000)
        told = live.signals.confluence(SETTINGS, "")
        self.bus.publish(msgspec.structs.replace(told, symbol=OWN, decides=True))
        for reading in live.signals.newest_readings():
            self.bus.publish(msgspec.structs.replace(reading, symbol=OWN))
        self.bus.publish(metrics(OWN, 1.0, timeframe="1m"))
        if alert is not None:
            self.bus.publish(alert)
        known = self.gatherer.of(OWN)
        assert known is not None
        known.screening = known.alert = alert
        return self.gatherer.inputs("bybit", "linear", OWN, cause)  # type: ignore[arg-type]


def test_an_analysis_of_a_file_is_given_what_the_live_desk_gathers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_ms = max(candles(symbol, "1m")[0, 0] for symbol in (OWN, REFERENCE))
    blocks = {symbol: stretch(symbol, start_ms) for symbol in (OWN, REFERENCE)}
    given, events = scanned(blocks, monkeypatch)
    alerts = {event["t_known"]: event for event in events if event["kind"] == "alert" and event["symbol"] == OWN}
    wanted = {inputs.now_ms: inputs for inputs in given if inputs.symbol == OWN}
    live = Live(blocks[OWN], "1m", OPENED)
    tick = {str(inputs.tick) for inputs in wanted.values()}
    assert len(tick) == 1
    desk = Desk(blocks, tmp_path, tick.pop())
    compared = 0
    while live.count < len(blocks[OWN]):
        known_ms = live.move() + MINUTE_MS
        if known_ms not in wanted:
            continue
        theirs, event = wanted[known_ms], alerts.get(known_ms)
        told = None
        if event is not None:
            parts = {name: event[name] for name in ("trigger_reasons", "stats", "hints", "strength")}
            told = Screening(
                venue="bybit", category="linear", symbol=OWN, signal="ALERT", asset_class="", occurred_at=known_ms - MINUTE_MS,
                known_at=known_ms, **parts,
            )  # fmt: skip
        mine = desk.at(known_ms, live, theirs.cause, told)
        differ = [
            name for name in AnalysisInputs.__struct_fields__ if name not in ELSEWHERE and not same(mine, theirs, name)
        ]
        if event is None:
            differ = [
                name for name in differ if name not in ("trigger_reasons", "volume_z")
            ]  # of a Stage 1 that is not here
        assert differ == [], (known_ms, theirs.cause)
        compared += 1
    assert compared > 20


def same(mine: AnalysisInputs, theirs: AnalysisInputs, name: str) -> bool:
    one, other = getattr(mine, name), getattr(theirs, name)
    if isinstance(one, np.ndarray):
        return one.shape == other.shape and np.array_equal(one[:, :6], other[:, :6])
    if name == "daily":
        return all(np.array_equal(a, b) for a, b in zip(held(one, mine), held(other, theirs), strict=True))
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def held(daily: object, inputs: AnalysisInputs) -> list[np.ndarray]:
    """The daily levels that hold at the moment of the analysis."""
    ends_ms, levels = daily.ends_ms, daily.levels  # type: ignore[attr-defined]
    place = int(np.searchsorted(ends_ms, inputs.now_ms, side="right"))
    return [levels[place - 1]] if place else []
