"""What the smart-money engine says: events (facts, never taken back), and the zones and pools that live on."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from core.messages import Side

SmcKind = Literal["swing", "bos", "choch", "fvg", "order_block", "liquidity", "sweep"]
SwingSide = Literal["high", "low"]
PoolSource = Literal["equal", "day", "week"]
ZoneState = Literal["open", "touched", "half", "filled", "inverted", "broken"]
STATES: tuple[ZoneState, ...] = ("open", "touched", "half", "filled", "inverted", "broken")
"""A zone's states only move along this row. A gap ends `filled` or `inverted`, a block `broken`."""


class SmcEvent(NamedTuple):
    """Something the market did. Times are ms UTC: `t_event` the open of the bar it describes, `t_known` a close.

    `side` is BUY or SELL, for a swing or a liquidity pool `high` or `low`. `level` is the price that names it (a gap's
    middle, a block's near edge); `top` and `bottom` bound a zone. `broken_at` is the open of the breaking bar,
    `replaces` the pivot a more extreme one took the place of, `members` how many swings a pool has (0: a day's or week's
    extreme, see `source`), `size` the event's own measure in ATR (gap, displacement, wick, body of the breaking bar).
    `push` is how far price went with it, in ATR: beyond the broken level at the close, or over the three bars that left a
    gap.
    """

    kind: SmcKind
    side: str
    t_event: int
    t_known: int
    level: float
    top: float = math.nan
    bottom: float = math.nan
    broken_at: int = 0
    replaces: int = 0
    members: int = 0
    size: float = math.nan
    push: float = math.nan
    source: PoolSource = "equal"


class Levels(NamedTuple):
    """Highs and lows of the last completed day and week (UTC), NaN while unknown; `*_ms` are their open times."""

    day_high: float
    day_low: float
    day_ms: int
    week_high: float
    week_low: float
    week_ms: int


NO_LEVELS = Levels(math.nan, math.nan, 0, math.nan, math.nan, 0)


class Swing(NamedTuple):
    """A confirmed pivot. `place` counts bars from the first one the engine saw."""

    side: SwingSide
    price: float
    place: int
    t_event: int
    t_known: int


class Zone:
    """A gap or an order block and its life. `until_ms` is 0 while it is open."""

    __slots__ = (
        "bottom",
        "depth",
        "held_ms",
        "kind",
        "place",
        "side",
        "size",
        "state",
        "t_event",
        "t_known",
        "top",
        "touches",
        "until_ms",
    )

    def __init__(
        self,
        kind: Literal["fvg", "order_block"],
        side: Side,
        top: float,
        bottom: float,
        *,
        place: int,
        t_event: int,
        t_known: int,
        size: float,
    ) -> None:
        self.kind = kind
        self.side: Side = side
        self.top = top
        self.bottom = bottom
        self.place = place
        """Bar at which it became known, counted from the engine's first bar."""
        self.t_event = t_event
        self.t_known = t_known
        self.size = size
        self.state: ZoneState = "open"
        self.touches = 0
        """How often price came back into it from the side it is to hold; 1 is the first retest."""
        self.depth = 0.0
        """Deepest share of it that price has gone through, 0 to 1."""
        self.held_ms = 0
        """Close of the first bar that closed back beyond the near edge after a touch; 0 before."""
        self.until_ms = 0


class Pool:
    """Equal highs or lows, or a day's or week's extreme, where stop orders rest (Osler, 2003). Open until swept."""

    __slots__ = ("level", "members", "place", "side", "source", "swept_ms", "t_event", "t_known")

    def __init__(
        self,
        side: SwingSide,
        level: float,
        *,
        members: int,
        place: int,
        t_event: int,
        t_known: int,
        source: PoolSource = "equal",
    ) -> None:
        self.side: SwingSide = side
        self.level = level
        self.members = members
        self.place = place
        self.t_event = t_event
        self.t_known = t_known
        self.source: PoolSource = source
        self.swept_ms = 0
