"""The detector contract: one function and one registration, stepped bar by bar, live and over history alike.

A detector sees a `Scene` (one closed bar, its indicator row and the bars before it) and its own small memory, and votes or
stays silent. Warm-up, missing values and markets that barely trade are handled here, so no detector can forget them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from core.market.indicators import COLUMNS
from core.messages import Regime, Side, State
from core.settings import Detectors

if TYPE_CHECKING:
    from core.signals.higher import HigherReading
    from core.signals.smc.engine import SmartMoney
    from core.signals.smc.event import SmcEvent

Family = Literal["TREND", "MEANREV", "MOMENTUM", "VOLUME", "LEVEL", "STRUCTURE", "PATTERN", "FLOW"]
Group = Literal["CLASSIC", "SMC", "FLOW", "MODEL"]
Memory = dict[str, Any]
"""What one detector remembers of one symbol between bars."""

LOOKBACK = 64
"""Bars of memory a detector needs unless it says otherwise."""

KEPT_BARS = 320
"""Bars a scene keeps for look-backs; the longest any detector may ask for is less."""
_SPARE_BARS = 64
"""The columns are cut once in so many bars."""
TRADED_WINDOW = 14
TRADED_LEAST = 12
"""At least 80 % of the last 14 bars must have volume before an oscillator may vote (methods sheet 1.3)."""

_WINDOW_BITS = (1 << TRADED_WINDOW) - 1
_ATR = COLUMNS.index("atr14")


class Vote(NamedTuple):
    """A detector's opinion: `score` in (0, 1] is the strength of `side`.

    `occurred_at` is the open time of the bar it speaks of where that is an older one (a pivot, a broken swing).
    """

    side: Side
    score: float
    reason: str
    occurred_at: int = 0


class Warming(NamedTuple):
    """A detector's word that something it reads beside this series is not known well enough yet; `reason` says what."""

    reason: str


class Scene:
    """What detectors may look at: everything up to and including one closed bar, nothing after it.

    The columns hold at least the newest bars up to `KEPT_BARS`, oldest first; index -1 is the bar in question. `row` is its
    indicator row (`core.market.indicators.COLUMNS`), `previous` the one before. `bars` counts the bars seen since start.
    `smc` is the smart-money engine standing at this bar, `events` what it said at its close. `higher` are the longer
    timeframes as of their last close at or before this bar's close, shortest first, those without one included.
    """

    __slots__ = (
        "_filler_bits",
        "_traded_bits",
        "bars",
        "closes",
        "events",
        "higher",
        "highs",
        "lows",
        "opens",
        "previous",
        "regime",
        "row",
        "settings",
        "smc",
        "synthetic",
        "tick_size",
        "times",
        "traded",
        "volumes",
    )

    def __init__(self, settings: Detectors, smc: SmartMoney, tick_size: float = 0.0) -> None:
        self.settings = settings
        self.smc = smc
        self.events: tuple[SmcEvent, ...] = ()
        self.higher: tuple[HigherReading, ...] = ()
        self.tick_size = tick_size
        self.bars = 0
        self.times = array("q")
        self.opens, self.highs, self.lows, self.closes, self.volumes = (array("d") for _ in range(5))
        self.synthetic = array("b")
        self.row: Sequence[float] = ()
        self.previous: Sequence[float] = ()
        self.regime: Regime = "undefined"
        self.traded = False
        self._traded_bits = self._filler_bits = 0  # one bit for each of the last bars, the newest lowest

    @property
    def close(self) -> float:
        return self.closes[-1]

    @property
    def atr(self) -> float:
        """ATR14 in price units."""
        return self.row[_ATR]

    def push(self, open_ms: int, bar: Sequence[float], synthetic: bool, row: Sequence[float], regime: Regime) -> None:
        """Move on to the next closed bar: open, high, low, close, volume; its row; its regime."""
        self.bars += 1
        if len(self.closes) >= KEPT_BARS + _SPARE_BARS:
            for column in (self.times, self.opens, self.highs, self.lows, self.closes, self.volumes, self.synthetic):
                del column[:_SPARE_BARS]
        self.times.append(open_ms)
        self.opens.append(bar[0])
        self.highs.append(bar[1])
        self.lows.append(bar[2])
        self.closes.append(bar[3])
        self.volumes.append(bar[4])
        self.synthetic.append(synthetic)
        self.previous, self.row, self.regime = self.row, row, regime
        self._traded_bits = (self._traded_bits << 1 | (bar[4] > 0.0)) & _WINDOW_BITS
        self._filler_bits = (self._filler_bits << 1 | synthetic) & _WINDOW_BITS
        self.traded = (
            not self._filler_bits and self._traded_bits.bit_count() >= TRADED_LEAST and self.bars >= TRADED_WINDOW
        )


Step = Callable[[Memory, Scene], Vote | Warming | None]


class Detector(msgspec.Struct, frozen=True, kw_only=True):
    """One registered detector.

    `warmup`: bars after which its value no longer depends on where the history began, to 1e-6. `needs`: indicator columns
    without which it is silent. `oscillator`: silent as well while the market barely trades. `lookback`: bars before the
    newest that it must have stepped over for its memory to be whole. `about`: what it looks for, for people.
    """

    name: str
    family: Family
    group: Group
    warmup: int
    needs: tuple[int, ...]
    oscillator: bool
    lookback: int
    about: str
    step: Step


class Verdict(NamedTuple):
    """One detector on one bar; side HOLD has score 0."""

    side: State
    score: float
    reason: str
    warming: bool
    occurred_at: int = 0

    @property
    def evidence(self) -> float:
        """Signed score in [-1, 1], positive for BUY."""
        return self.score if self.side == "BUY" else -self.score


SILENT = Verdict("HOLD", 0.0, "", False)
NO_VALUE = Verdict("HOLD", 0.0, "no value on this bar", False)
NOT_TRADED = Verdict("HOLD", 0.0, "too little trading to judge", False)

REGISTRY: dict[str, Detector] = {}
"""Every detector by name, in order of registration."""


def detector(
    name: str,
    *,
    family: Family,
    warmup: int,
    needs: tuple[str, ...],
    group: Group = "CLASSIC",
    oscillator: bool = False,
    lookback: int = LOOKBACK,
) -> Callable[[Step], Step]:
    """Register a step function as a detector; its docstring is what the glossary says of it.

    Raises ValueError on a name used twice, an unknown indicator or a missing docstring.
    """
    if name in REGISTRY:
        raise ValueError(f"detector {name} is registered twice: give the second one another name")
    unknown = [column for column in needs if column not in COLUMNS]
    if unknown:
        raise ValueError(f"detector {name} needs unknown indicators {', '.join(unknown)}: add them to the table")

    def register(step: Step) -> Step:
        about = " ".join((step.__doc__ or "").split())
        if not about:
            raise ValueError(f"detector {name} has no docstring: say what it looks for")
        REGISTRY[name] = Detector(
            name=name,
            family=family,
            group=group,
            warmup=warmup,
            needs=tuple(COLUMNS.index(column) for column in needs),
            oscillator=oscillator,
            lookback=lookback,
            about=about,
            step=step,
        )
        return step

    return register


def judge(entry: Detector, memory: Memory, scene: Scene) -> Verdict:
    """What one detector says about the scene's bar; call it once per bar, in order.

    Never votes while warming up, on a synthetic bar, without its values, with an ATR of two ticks or less, or (as an
    oscillator) while fewer than 12 of the last 14 bars traded.
    """
    row = scene.row
    for column in entry.needs:
        if not -1e300 < row[column] < 1e300:
            return _warming(entry, scene) if scene.bars < entry.warmup else NO_VALUE
    vote = entry.step(memory, scene)
    if scene.bars < entry.warmup:
        return _warming(entry, scene)
    if vote is None:
        return SILENT
    if isinstance(vote, Warming):
        return Verdict("HOLD", 0.0, f"warming up ({vote.reason})", True)
    if not vote.score > 0.0:
        return SILENT
    if scene.synthetic[-1] or not scene.atr > 2.0 * scene.tick_size or (entry.oscillator and not scene.traded):
        return NOT_TRADED
    return Verdict(vote.side, min(1.0, vote.score), vote.reason, False, vote.occurred_at)


def _warming(entry: Detector, scene: Scene) -> Verdict:
    return Verdict("HOLD", 0.0, f"warming up ({scene.bars}/{entry.warmup} bars)", True)


def clip(value: float) -> float:
    """Into [0, 1]."""
    return 0.0 if value < 0.0 else min(value, 1.0)
