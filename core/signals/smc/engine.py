"""The causal smart-money engine of one series: one step per closed bar, events that are never taken back."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal, NamedTuple

from core.settings import Detectors
from core.signals.smc.event import NO_LEVELS, Levels, Pool, SmcEvent, Swing, Zone

HOUR_MS = 3_600_000
KEPT_EVENTS = 400


class SmcRules(NamedTuple):
    """How the engine looks: mode `trend` (to trade with) or `smc` (the reference definitions, no size filters)."""

    mode: Literal["trend", "smc"]
    swing_length: int
    fvg_min_atr: float
    equal_atr: float
    displacement_atr: float


def rules_of(settings: Detectors, interval_ms: int) -> SmcRules:
    """The rules the settings ask for on this timeframe."""
    length = settings.swing_length or (3 if interval_ms >= HOUR_MS else 5)
    return SmcRules(settings.smc_mode, length, settings.fvg_min_atr, settings.equal_atr, settings.displacement_atr)


class SmartMoney:
    """Swings, structure, gaps, blocks and pools of one series.

    `history` holds the newest events; `zones` and `pools` what is open or closed not long ago, oldest first; `swings` the
    confirmed swings, alternating high and low; `trend` is +1, -1 or 0 (not known yet).
    """

    def __init__(self, rules: SmcRules, interval_ms: int) -> None:
        self.rules = rules
        self.interval_ms = interval_ms
        self.bars = 0
        self.history: deque[SmcEvent] = deque(maxlen=KEPT_EVENTS)
        self.zones: list[Zone] = []
        self.pools: list[Pool] = []
        self.swings: list[Swing] = []
        self.trend = 0

    def step(self, open_ms: int, bar: Sequence[float], atr: float, levels: Levels = NO_LEVELS) -> tuple[SmcEvent, ...]:
        """The next closed bar (open, high, low, close, volume); what became known at its close, in a fixed order.

        `atr` is ATR14 as of this bar, NaN while it is not defined; `levels` the day and week before.
        """
        self.bars += 1
        return ()
