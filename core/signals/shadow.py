"""The shadow check: what was told of a closed bar, computed a second time from stored bars, must come out the same.

A fresh series reads the bars from disk where they are there, else from the window, and never anything the live one carries.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

import numpy as np

from core.bus import Bus, worth_reporting
from core.clock import Clock, iso_utc
from core.history import StoreError
from core.market.indicators import IndicatorSet
from core.messages import Fault
from core.settings import Settings
from core.signals.drive import Drive, Judged
from core.signals.followed import Followed
from core.signals.gate import WARMUP as GATE_BARS
from core.signals.higher import WARMUP_BARS
from core.signals.reading import REGISTRY, Verdict
from core.signals.series import CHUNK_BARS
from core.venue import CandleBlock

log = logging.getLogger("tradetui.signals")

TOLERANCE = 1e-6
"""Scores and probabilities this near are the same: how far detectors may depend on where history began."""

Stored = Callable[[str, str, int, int], Awaitable[CandleBlock]]
"""Reads the stored bars of symbol and timeframe with from <= open time < until; may raise `StoreError`."""


class Told(NamedTuple):
    """What a series said of its newest bar, and all that this rested on."""

    entry: Followed
    judged: Judged
    settings: Settings
    tick_size: float
    last_ms: int
    block: CandleBlock
    synthetic: list[bool]


class ShadowCheck:
    """Takes the series in rotation, one at a time; counts what it compared and what came out otherwise."""

    def __init__(self, bus: Bus, clock: Clock, stored: Stored | None) -> None:
        self.checked = 0
        """Readings and pooled probabilities computed a second time."""
        self.differences = 0
        self.failures = 0
        """Checks that could not be carried out."""
        self.store_failures = 0
        """How often the disk did not answer, so that only the window's copy was read."""
        self._bus = bus
        self._clock = clock
        self._stored = stored
        self._turn = 0

    def next(self, entries: list[Followed], settings: Settings) -> Told | None:
        """The next series whose newest bar can be checked, as it stands now; None when there is none."""
        for _ in entries:
            self._turn = (self._turn + 1) % len(entries)
            told = _told(entries[self._turn], settings)
            if told is not None:
                return told
        return None

    async def stored(self, told: Told) -> None:
        """Put the disk's bars in place of the window's copy, where the disk has them."""
        if self._stored is None:
            return
        signals, block = told.entry.signals, told.block
        try:
            disk = await self._stored(signals.symbol, signals.timeframe, int(block[0, 0]), told.last_ms + 1)
        except StoreError:
            # Fallback: the window's own copy is checked; the store itself reports its damage.
            self.store_failures += 1
            return
        places = np.searchsorted(block[:, 0], disk[:, 0])
        found = places < len(block)
        found[found] = block[places[found], 0] == disk[found, 0]
        block[places[found], 1:6] = disk[found, 1:6]

    def steps(self, told: Told) -> Iterator[None]:
        """Compute it again, in pieces, and compare."""
        entry, block, settings = told.entry, told.block, told.settings
        signals = entry.signals
        frames = entry.read_frames()
        for _ in entry.load_frames(frames, int(block[0, 0]), 2 * WARMUP_BARS):
            yield
        indicators, rows = IndicatorSet.open(block)
        yield
        drive = Drive(indicators, settings, signals.interval_ms, told.tick_size, frames)
        bars, times = block[:, 1:6].tolist(), [int(open_ms) for open_ms in block[:, 0].tolist()]
        last = len(times) - 1
        first = drive.scene.bars = max(0, last - remembered_bars())
        for start in range(first, last, CHUNK_BARS):
            chunk = rows[start : min(last, start + CHUNK_BARS)].tolist()
            for place, row in enumerate(chunk, start):
                drive.pass_by(times[place], bars[place], told.synthetic[place], row, settings, last - place)
            yield
        again = drive.step(times[last], bars[last], told.synthetic[last], rows[last].tolist(), settings)
        if not entry.gone and entry.stands():
            self._compare(told, again)

    def _compare(self, told: Told, again: Judged) -> None:
        self.checked += 1 + len(told.judged.verdicts)
        for (entry, said), (_, found) in zip(told.judged.verdicts, again.verdicts, strict=True):
            if said.side != found.side or abs(said.score - found.score) > TOLERANCE:
                self._differs(told, entry.name, _shown(said), _shown(found))
        said_p, found_p = told.judged.pooled.probability, again.pooled.probability
        if not abs(said_p - found_p) <= TOLERANCE:
            self._differs(told, "probability", f"{said_p:.9f}", f"{found_p:.9f}")

    def failed(self, told: Told, error: Exception) -> None:
        """A check that could not be carried out."""
        self.failures += 1
        symbol = told.entry.signals.symbol
        log.error("shadow check of %s failed", symbol, exc_info=error)
        if worth_reporting(self.failures):
            text = f"shadow check of {symbol} failed: {type(error).__name__}: {error}; its readings stand unchecked"
            self._say(text, symbol, self.failures)

    def _differs(self, told: Told, what: str, said: str, found: str) -> None:
        self.differences += 1
        signals = told.entry.signals
        text = (
            f"shadow check of {signals.symbol} {signals.timeframe}, bar {iso_utc(told.last_ms)}, {what}: told {said},"
            f" stored bars say {found}; report it with the log, the reading may depend on more than the bars"
        )
        log.error("%s", text)
        if worth_reporting(self.differences):
            self._say(text, signals.symbol, self.differences)

    def _say(self, text: str, symbol: str, count: int) -> None:
        self._bus.publish(Fault(source="signals", message=text, count=count, symbol=symbol, at_ms=self._clock.now_ms()))


def remembered_bars() -> int:
    """The longest memory beside the indicators' own, which are computed over all bars: a detector's or the gate's.

    Structure forgets sooner.
    """
    return max(GATE_BARS, *(entry.lookback for entry in REGISTRY.values()))


def _told(entry: Followed, settings: Settings) -> Told | None:
    """What this series told last; None while it cannot be held against its windows."""
    signals, window = entry.signals, entry.window
    judged, drive = signals.judged, signals.drive
    if judged is None or drive is None or window is None or signals.judged_by is None:
        return None
    rules = signals.judged_by
    if (rules.detectors, rules.confluence) != (settings.detectors, settings.confluence) or not entry.stands():
        return None
    times = window.open_ms
    first, end = np.searchsorted(times, (drive.first_ms, signals.last_open_ms + 1))
    if end <= first or times[end - 1] != signals.last_open_ms:
        return None
    synthetic = window.synthetic[first:end].tolist()
    # A filler that the venue vouched for later was one when it was told.
    lived = [bool(flag) for flag in drive.scene.synthetic[-len(synthetic) :]]
    synthetic[-len(lived) :] = lived
    return Told(entry, judged, rules, drive.scene.tick_size, signals.last_open_ms, window.block()[first:end], synthetic)


def _shown(verdict: Verdict) -> str:
    return f"{verdict.side} {verdict.score:.9f}"
