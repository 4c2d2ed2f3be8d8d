"""The causal smart-money engine of one series: one step per closed bar, events that are never taken back."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Literal, NamedTuple

from core.settings import Detectors
from core.signals.smc.bars import Bars
from core.signals.smc.blocks import SEARCH_BARS, Block, Displacements, Extremes
from core.signals.smc.event import NO_LEVELS, Levels, Pool, SmcEvent, Swing, Zone
from core.signals.smc.gaps import find_gap
from core.signals.smc.liquidity import Liquidity
from core.signals.smc.structure import Break, FourSwings, LastSwings
from core.signals.smc.swings import SwingTracker
from core.signals.smc.zones import ZoneBook

HOUR_MS = 3_600_000
KEPT_EVENTS = 112
ZONE_BARS = 432
"""A zone's score has halved itself below what counts after so many bars at the longest (half-life 100 bars)."""
POOL_BARS = 300
PATTERN_BARS = 150
"""Nine of ten patterns of the reference are broken within 37 bars of their swing, one of a hundred after 1,000."""


class SmcRules(NamedTuple):
    """How the engine looks: mode `trend` (to trade with) or `smc` (the reference definitions, no size filters).

    Zones are forgotten after `zone_bars`, pools after `pool_bars`. A four-swing pattern broken more than `pattern_bars`
    after its swing is an event, but no news to vote on. `equal_range`, if above 0, is the range of equal highs and lows in
    price, in place of `equal_atr` ATR.
    """

    mode: Literal["trend", "smc"]
    swing_length: int
    fvg_min_atr: float
    equal_atr: float
    displacement_atr: float
    zone_bars: int = ZONE_BARS
    pool_bars: int = POOL_BARS
    pattern_bars: int = PATTERN_BARS
    equal_range: float = 0.0


def rules_of(settings: Detectors, interval_ms: int) -> SmcRules:
    """The rules the settings ask for on this timeframe."""
    length = settings.swing_length or (3 if interval_ms >= HOUR_MS else 5)
    return SmcRules(settings.smc_mode, length, settings.fvg_min_atr, settings.equal_atr, settings.displacement_atr)


class SmartMoney:
    """Swings, structure, gaps, blocks and pools of one series.

    `history` holds the newest events; `latest` the newest one by `bos`, `choch`, `sweep` and `displacement` (the newest
    gap that a move of `displacement_atr` left); `zones` and `pools` what is open or closed not long ago, oldest first;
    `tested` the open zones price has come back to; `swings` the confirmed swings, alternating high and low; `trend` is +1,
    -1 or 0 (not known yet).
    """

    __slots__ = (
        "_bars",
        "_blocks",
        "_book",
        "_extremes",
        "_four",
        "_last",
        "_liquidity",
        "_tracker",
        "history",
        "interval_ms",
        "latest",
        "rules",
        "trend",
    )

    def __init__(self, rules: SmcRules, interval_ms: int) -> None:
        self.rules = rules
        self.interval_ms = interval_ms
        self.history: deque[SmcEvent] = deque(maxlen=KEPT_EVENTS)
        self.latest: dict[str, SmcEvent] = {}
        self.trend = 0
        self._bars = Bars(max(2 * rules.swing_length, SEARCH_BARS) + 8)
        self._tracker = SwingTracker(rules.swing_length)
        self._last = LastSwings()
        reference = rules.mode == "smc"
        self._four = FourSwings() if reference else None
        self._extremes = Extremes() if reference else None
        self._blocks = Displacements()
        self._book = ZoneBook(rules.zone_bars)
        self._liquidity = Liquidity(rules.equal_atr, rules.pool_bars, rules.equal_range)

    @property
    def bars(self) -> int:
        """Bars seen."""
        return self._bars.place + 1

    @property
    def zones(self) -> list[Zone]:
        return self._book.zones

    @property
    def tested(self) -> list[Zone]:
        return self._book.tested

    @property
    def pools(self) -> list[Pool]:
        return self._liquidity.pools

    @property
    def swings(self) -> list[Swing]:
        return self._tracker.swings

    def step(self, open_ms: int, bar: Sequence[float], atr: float, levels: Levels = NO_LEVELS) -> tuple[SmcEvent, ...]:
        """The next closed bar (open, high, low, close, volume); what became known at its close, in a fixed order.

        `atr` is ATR14 as of this bar, NaN while it is not defined; `levels` the day and week before. A bar that is no
        number is passed over.
        """
        first, high, low, close = bar[0], bar[1], bar[2], bar[3]
        if not -1e300 < low <= high < 1e300 or first != first or close != close:
            return ()
        bars, rules, known_ms = self._bars, self.rules, open_ms + self.interval_ms
        bars.push(open_ms, first, high, low, close)
        if not atr > 0.0:
            atr = math.nan
        self._book.step(bars.place, high, low, close, known_ms)
        found: list[SmcEvent] = []
        swept = self._liquidity.step(bars, known_ms, atr, levels)
        if self._four is not None:
            for each in self._four.step(bars):
                self._tell(each, known_ms, atr, found, late=bars.place - each.swing.place > rules.pattern_bars)
        pooled = self._swing(known_ms, atr, found)
        broken = self._last.step(bars)
        if broken is not None and self._four is None:
            self._tell(broken, known_ms, atr, found)
        gap = find_gap(bars, known_ms, atr, 0.0 if self._four else rules.fvg_min_atr * atr)
        if gap is not None:
            found.append(gap)
            self._zone("fvg", gap, close, atr)
            if gap.push >= rules.displacement_atr:
                self.latest["displacement"] = gap
        block = self._block(broken, atr)
        if block is not None:
            found.append(self._order_block(block, known_ms, close, atr))
        if pooled is not None:
            found.append(pooled)
        if swept:
            found += swept
            self.latest["sweep"] = max(swept, key=_weight)
        if not found:
            return ()
        self.history.extend(found)
        return tuple(found)

    def _swing(self, known_ms: int, atr: float, found: list[SmcEvent]) -> SmcEvent | None:
        """Move the swings on; the pool that becomes known with it, if any."""
        bars = self._bars
        change, gone = self._tracker.step(bars, known_ms)
        if not change:
            return None
        swing = self._tracker.swings[-1]
        replaces = gone.t_event if gone is not None else 0
        found.append(SmcEvent("swing", swing.side, swing.t_event, known_ms, swing.price, replaces=replaces))
        self._last.confirm(swing)
        if self._extremes is not None:
            self._extremes.confirm(swing, bars)
        if self._four is not None:
            known = self._four.confirm(change, swing, bars)
            if known is not None:
                self._tell(known, known_ms, atr, found)
        return self._liquidity.confirm(swing, change == "append", bars, known_ms, atr)

    def _tell(self, known: Break, known_ms: int, atr: float, found: list[SmcEvent], late: bool = False) -> None:
        """`late` ones do not move what detectors see: it must not depend on where the history began."""
        assert known.label
        event = SmcEvent(
            known.label, known.side, known.swing.t_event, known_ms, known.swing.price,
            broken_at=known.broken_ms, size=known.body / atr, push=known.beyond / atr,
        )  # fmt: skip
        found.append(event)
        if not late:
            self.trend = 1 if known.side == "BUY" else -1
            self.latest[known.label] = event

    def _block(self, broken: Break | None, atr: float) -> Block | None:
        if self._extremes is not None:
            return self._extremes.step(self._bars, broken)
        return self._blocks.step(self._bars, broken, self.rules.displacement_atr * atr)

    def _order_block(self, block: Block, known_ms: int, close: float, atr: float) -> SmcEvent:
        near = block.top if block.side == "BUY" else block.bottom
        event = SmcEvent(
            "order_block", block.side, block.t_event, known_ms, near, block.top, block.bottom,
            size=self._bars.move(block.side) / atr,
        )  # fmt: skip
        self._zone("order_block", event, close, atr)
        return event

    def _zone(self, kind: Literal["fvg", "order_block"], event: SmcEvent, close: float, atr: float) -> None:
        side: Literal["BUY", "SELL"] = "BUY" if event.side == "BUY" else "SELL"
        zone = Zone(
            kind, side, event.top, event.bottom, place=self._bars.place, t_event=event.t_event, t_known=event.t_known,
            size=event.size,
        )  # fmt: skip
        self._book.add(zone, close, atr)


def _weight(sweep: SmcEvent) -> float:
    return sweep.size * (min(3, sweep.members) or 3)
