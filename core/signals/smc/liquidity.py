"""Where stop orders rest: equal highs and lows, the last day's and week's extremes; and the sweeps that take them.

Stop orders cluster just beyond obvious levels (Osler, 2003). Grouping swings to the earliest anchor that price has not
gone past is that of smartmoneyconcepts 0.0.27, with a range in ATR in place of a share of the whole file's range.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from core.signals.smc.bars import Bars
from core.signals.smc.event import NO_LEVELS, Levels, Pool, PoolSource, SmcEvent, Swing, SwingSide

WICK_ATR = 0.1
"""A sweep reaches at least so far beyond the level."""
RUN_ATR = 0.25
"""A close farther beyond than this is a run, not a sweep."""
NEVER = 1 << 60


class _Holder:
    """What holds a pool. `tried` are the extreme (outward) and open time of a bar that closed beyond it, but not far."""

    __slots__ = ("pool", "tried")

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.tried: tuple[float, int] | None = None


class _Anchor(_Holder):
    """A swing others may join. `passed` is the bar that went beyond its range, which ends the joining."""

    __slots__ = ("far", "members", "near", "passed", "swing", "total")

    def __init__(self, swing: Swing, tolerance: float) -> None:
        super().__init__()
        outward = 1.0 if swing.side == "high" else -1.0
        self.swing = swing
        self.near = swing.price - outward * tolerance
        self.far = swing.price + outward * tolerance
        self.passed = NEVER
        self.members = 1
        self.total = swing.price

    def fits(self, price: float) -> bool:
        return self.near <= price <= self.far or self.far <= price <= self.near

    def watch(self, bars: Bars, index: int) -> None:
        """Whether a bar went beyond the range."""
        high = self.swing.side == "high"
        if self.passed == NEVER and (bars.highs[index] >= self.far if high else bars.lows[index] <= self.far):
            self.passed = bars.place + 1 + index


class _Period(_Holder):
    """The extreme of the last day or week. It counts again once price has been off it for the pools' whole memory."""

    __slots__ = ("level", "source", "start_ms", "tapped")

    def __init__(self, source: PoolSource) -> None:
        super().__init__()
        self.source: PoolSource = source
        self.level = math.nan
        self.start_ms = 0
        self.tapped = -NEVER


class _Side:
    """Anchors and periods of highs, or of lows. `alarm` is the price from which on a bar needs a look."""

    __slots__ = ("alarm", "anchors", "outward", "periods", "side", "tail")

    def __init__(self, side: SwingSide) -> None:
        self.side: SwingSide = side
        self.outward = 1.0 if side == "high" else -1.0
        self.anchors: list[_Anchor] = []
        self.tail: _Anchor | None = None  # the newest swing, which may still be replaced
        self.periods = (_Period("day"), _Period("week"))
        self.alarm = self.outward * math.inf

    def standing(self) -> list[_Anchor]:
        return self.anchors if self.tail is None else [*self.anchors, self.tail]

    def set_alarm(self) -> None:
        """Find the nearest price at which anything can happen."""
        prices = [period.level for period in self.periods if period.level == period.level]
        for anchor in self.standing():
            if anchor.passed == NEVER and anchor.far == anchor.far:
                prices.append(anchor.far)
            if anchor.pool is not None and not anchor.pool.swept_ms:
                prices.append(-self.outward * math.inf if anchor.tried else anchor.pool.level)
        if any(period.tried for period in self.periods):
            prices.append(-self.outward * math.inf)
        if self.side == "high":
            self.alarm = min(prices, default=math.inf)
        else:
            self.alarm = max(prices, default=-math.inf)


class _Now(NamedTuple):
    """The newest bar as one side sees it: `extreme` and `close` grow outward."""

    extreme: float
    close: float
    open_ms: int
    known_ms: int
    atr: float


class Liquidity:
    """The pools of one series. `memory` bars after its first swing a pool is forgotten.

    `equal_atr` is the range within which swings are equal, in ATR when the anchor is confirmed; `equal_range`, if above 0,
    is a constant one in price instead, and then a sweep does not end the joining (the reference's own rule).
    """

    __slots__ = (
        "_constant",
        "_equal_atr",
        "_forget_at",
        "_highs",
        "_levels",
        "_lows",
        "_memory",
        "_restore_at",
        "pools",
    )

    def __init__(self, equal_atr: float, memory: int, equal_range: float = 0.0) -> None:
        self._equal_atr = equal_atr
        self._constant = equal_range
        self._memory = memory
        self._highs = _Side("high")
        self._lows = _Side("low")
        self._levels = NO_LEVELS
        self._forget_at = NEVER
        self._restore_at = NEVER
        self.pools: list[Pool] = []

    def step(self, bars: Bars, known_ms: int, atr: float, levels: Levels) -> list[SmcEvent]:
        """The sweeps the newest bar made of pools known before it. Levels of a new day or week are taken."""
        if levels.day_ms != self._levels.day_ms or levels.week_ms != self._levels.week_ms:
            self._take(levels, bars.place)
        if bars.place >= self._forget_at:
            self._forget(bars.place)
        if bars.place >= self._restore_at:
            self._restore(bars, known_ms)
        found: list[SmcEvent] = []
        if bars.highs[-1] >= self._highs.alarm:
            self._probe(self._highs, bars, known_ms, atr, found)
        if bars.lows[-1] <= self._lows.alarm:
            self._probe(self._lows, bars, known_ms, atr, found)
        return found

    def confirm(self, swing: Swing, final: bool, bars: Bars, known_ms: int, atr: float) -> SmcEvent | None:
        """A new swing; with `final` the one before it can no longer be replaced. The pool this makes known, if any."""
        side, other = (self._highs, self._lows) if swing.side == "high" else (self._lows, self._highs)
        event = None
        if final and other.tail is not None:
            event = self._join(other, other.tail, bars.place, known_ms)
            other.tail = None
            other.set_alarm()
        side.tail = _Anchor(swing, self._constant or self._equal_atr * atr)
        for index in range(swing.place - bars.place, 0):
            side.tail.watch(bars, index)
        side.set_alarm()
        return event

    def _join(self, side: _Side, newest: _Anchor, place: int, known_ms: int) -> SmcEvent | None:
        """A final swing joins the earliest anchor it fits, or becomes one."""
        at, price = newest.swing.place, newest.swing.price
        side.anchors = [each for each in side.anchors if each.passed > at and place - each.swing.place <= self._memory]
        for anchor in side.anchors:
            if anchor.fits(price):
                break
        else:
            side.anchors.append(newest)
            return None
        anchor.members += 1
        anchor.total += price
        level = anchor.total / anchor.members
        if anchor.pool is not None:
            anchor.pool.level, anchor.pool.members = level, anchor.members
            return None
        first = anchor.swing
        anchor.pool = pool = Pool(
            side.side, level, members=2, place=first.place, t_event=first.t_event, t_known=known_ms
        )
        if anchor.passed != NEVER:
            pool.swept_ms = known_ms
        self.pools.append(pool)
        self._forget_at = min(self._forget_at, first.place + self._memory + 1)
        return SmcEvent("liquidity", side.side, first.t_event, known_ms, level, members=2)

    def _probe(self, side: _Side, bars: Bars, known_ms: int, atr: float, found: list[SmcEvent]) -> None:
        extreme = bars.highs[-1] if side.side == "high" else bars.lows[-1]
        now = _Now(side.outward * extreme, side.outward * bars.closes[-1], bars.times[-1], known_ms, atr)
        for anchor in side.standing():
            anchor.watch(bars, -1)
            if self._try(side, anchor, now, found) and not self._constant:
                anchor.passed = min(anchor.passed, bars.place)
        for period in side.periods:
            if self._try(side, period, now, found):
                period.tapped = bars.place
                self._restore_at = min(self._restore_at, bars.place + self._memory + 1)
            elif now.extreme > side.outward * period.level:
                period.tapped = bars.place
        side.set_alarm()

    def _try(self, side: _Side, holder: _Holder, now: _Now, found: list[SmcEvent]) -> bool:
        """One bar against an open pool: nothing, a second look on the next bar, a run or a sweep. True when it is gone."""
        pool, tried = holder.pool, holder.tried
        if pool is None or pool.swept_ms:
            return False
        extreme, swept_at = now.extreme, now.open_ms
        if tried is not None:
            extreme, swept_at = max(extreme, tried[0]), tried[1]
        wick = extreme - side.outward * pool.level
        if tried is None and not wick > 0.0:
            return False
        holder.tried = None
        beyond = now.close - side.outward * pool.level
        if beyond >= 0.0:
            if tried is None and not beyond > RUN_ATR * now.atr:
                holder.tried = (extreme, swept_at)
                return False
        elif wick >= WICK_ATR * now.atr:
            against = "SELL" if side.side == "high" else "BUY"
            found.append(
                SmcEvent(
                    "sweep", against, swept_at, now.known_ms, pool.level,
                    members=pool.members, size=wick / now.atr, source=pool.source,
                )
            )  # fmt: skip
        else:
            return False
        pool.swept_ms = now.known_ms
        return True

    def _take(self, levels: Levels, place: int) -> None:
        """A new day or week: its predecessor's extremes take the place of the older ones."""
        self._levels, self._restore_at = levels, place
        for side, day, week in (
            (self._highs, levels.day_high, levels.week_high),
            (self._lows, levels.day_low, levels.week_low),
        ):
            for period, level, start_ms in zip(side.periods, (day, week), (levels.day_ms, levels.week_ms), strict=True):
                if start_ms != period.start_ms:
                    if period.pool is not None:
                        self.pools.remove(period.pool)
                    period.level, period.start_ms, period.tapped = level, start_ms, -NEVER
                    period.pool = period.tried = None

    def _restore(self, bars: Bars, known_ms: int) -> None:
        """Make a pool of each day's or week's extreme that price has been off for the whole memory."""
        self._restore_at = NEVER
        for side in (self._highs, self._lows):
            for period in side.periods:
                if math.isnan(period.level) or (period.pool is not None and not period.pool.swept_ms):
                    continue
                if bars.place - period.tapped <= self._memory:
                    self._restore_at = min(self._restore_at, period.tapped + self._memory + 1)
                    continue
                if period.pool is not None:
                    self.pools.remove(period.pool)
                period.pool = Pool(
                    side.side, period.level, members=0, place=bars.place, t_event=period.start_ms, t_known=known_ms,
                    source=period.source,
                )  # fmt: skip
                self.pools.append(period.pool)
            side.set_alarm()

    def _forget(self, place: int) -> None:
        """Drop pools whose first swing is too long ago; those of the last day and week stay, swept or not."""
        live = {id(period.pool) for side in (self._highs, self._lows) for period in side.periods}
        self.pools = [pool for pool in self.pools if id(pool) in live or place - pool.place <= self._memory]
        for side in (self._highs, self._lows):
            side.anchors = [each for each in side.anchors if place - each.swing.place <= self._memory]
            side.set_alarm()
        ends = [pool.place for pool in self.pools if id(pool) not in live]
        self._forget_at = min(ends, default=NEVER - self._memory) + self._memory + 1
