"""Where stop orders rest: equal highs and lows, the last day's and week's extremes; and the sweeps that take them.

Stop orders cluster just beyond obvious levels (Osler, 2003). Grouping swings to the earliest anchor that price has not
gone past is that of smartmoneyconcepts 0.0.27, with a range in ATR in place of a share of the whole file's range.
"""

from __future__ import annotations

import math

from core.signals.smc.bars import Bars
from core.signals.smc.event import NO_LEVELS, Levels, Pool, PoolSource, SmcEvent, Swing, SwingSide

WICK_ATR = 0.1
"""A sweep reaches at least so far beyond the level."""
RUN_ATR = 0.25
"""A close farther beyond than this is a run, not a sweep."""
NEVER = 1 << 60
DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS


class _Anchor:
    """A swing others may join. `passed` is the bar that went beyond its range, which ends the joining."""

    __slots__ = ("far", "members", "near", "passed", "pool", "swing", "total")

    def __init__(self, swing: Swing, tolerance: float) -> None:
        outward = 1.0 if swing.side == "high" else -1.0
        self.swing = swing
        self.near = swing.price - outward * tolerance
        self.far = swing.price + outward * tolerance
        self.passed = NEVER
        self.members = 1
        self.total = swing.price
        self.pool: Pool | None = None


class _Side:
    """Pools and anchors of highs, or of lows. `alarm` is the price from which on a bar needs a look."""

    __slots__ = ("alarm", "anchors", "periods", "side", "tail", "tried")

    def __init__(self, side: SwingSide) -> None:
        self.side: SwingSide = side
        self.anchors: list[_Anchor] = []
        self.tail: _Anchor | None = None  # the newest swing, which may still be replaced
        self.periods: list[_Period] = [_Period("day"), _Period("week")]
        self.tried: list[tuple[Pool, float, int]] = []  # closed beyond, not far: pool, wick, open time
        self.alarm = math.inf if side == "high" else -math.inf


class _Period:
    """The extreme of the last day or week. It counts again once price has been off it for the pools' whole memory."""

    __slots__ = ("level", "pool", "source", "start_ms", "tapped")

    def __init__(self, source: PoolSource) -> None:
        self.source: PoolSource = source
        self.level = math.nan
        self.start_ms = 0
        self.pool: Pool | None = None
        self.tapped = -NEVER


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

    def step(self, bars: Bars, known_ms: int, atr: float, levels: Levels) -> list[SmcEvent] | None:
        """What the newest bar did to the pools known before it: sweeps, or None. Levels of a new day or week are taken."""
        if levels.day_ms != self._levels.day_ms or levels.week_ms != self._levels.week_ms:
            self._take(levels, bars.place)
        if bars.place >= self._forget_at:
            self._forget(bars.place)
        if bars.place >= self._restore_at:
            self._restore(bars, known_ms)
        found: list[SmcEvent] | None = None
        side = self._highs
        if bars.highs[-1] >= side.alarm or side.tried:
            found = self._probe(side, 1.0, bars, known_ms, atr)
        side = self._lows
        if bars.lows[-1] <= side.alarm or side.tried:
            more = self._probe(side, -1.0, bars, known_ms, atr)
            found = [*(found or ()), *(more or ())]
        return found

    def confirm(self, swing: Swing, final: bool, bars: Bars, known_ms: int, atr: float) -> SmcEvent | None:
        """A new swing; with `final` the one before it can no longer be replaced. The pool this makes known, if any."""
        event = None
        if final:
            before = self._lows if swing.side == "high" else self._highs
            if before.tail is not None:
                event = self._join(before, before.tail, bars.place, known_ms)
                before.tail = None
                self._set_alarm(before)
        side = self._highs if swing.side == "high" else self._lows
        side.tail = anchor = _Anchor(swing, self._constant or self._equal_atr * atr)
        for place in range(swing.place + 1, bars.place + 1):
            if _past(anchor, bars, place - bars.place - 1):
                anchor.passed = place
                break
        self._set_alarm(side)
        return event

    def _join(self, side: _Side, newest: _Anchor, place: int, known_ms: int) -> SmcEvent | None:
        """A final swing joins the earliest anchor it fits, or becomes one."""
        at, price = newest.swing.place, newest.swing.price
        side.anchors = [each for each in side.anchors if each.passed > at and place - each.swing.place <= self._memory]
        for anchor in side.anchors:
            low, high = sorted((anchor.near, anchor.far))
            if low <= price <= high:
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

    def _probe(self, side: _Side, outward: float, bars: Bars, known_ms: int, atr: float) -> list[SmcEvent] | None:
        extreme = bars.highs[-1] if outward > 0.0 else bars.lows[-1]
        found: list[SmcEvent] = []
        tried, side.tried = side.tried, []
        waiting = {id(pool): (wick, open_ms) for pool, wick, open_ms in tried}
        for anchor in side.anchors if side.tail is None else (*side.anchors, side.tail):
            if anchor.passed == NEVER and _past(anchor, bars, -1):
                anchor.passed = bars.place
            pool = anchor.pool
            if pool is not None and not pool.swept_ms:
                self._try(side, pool, outward, waiting.get(id(pool)), bars, known_ms, atr, found)
                if pool.swept_ms and not self._constant:
                    anchor.passed = min(anchor.passed, bars.place)
        for period in side.periods:
            if period.pool is not None:
                pool = period.pool
                self._try(side, pool, outward, waiting.get(id(pool)), bars, known_ms, atr, found)
                if pool.swept_ms:
                    period.pool, period.tapped = None, bars.place
                    self._restore_at = min(self._restore_at, bars.place + self._memory + 1)
            elif (extreme - period.level) * outward > 0.0:
                period.tapped = bars.place
        self._set_alarm(side)
        return found or None

    def _try(
        self,
        side: _Side,
        pool: Pool,
        outward: float,
        before: tuple[float, int] | None,
        bars: Bars,
        known_ms: int,
        atr: float,
        found: list[SmcEvent],
    ) -> None:
        """One bar against one open pool: nothing, a second look on the next bar, a run, or a sweep."""
        extreme = bars.highs[-1] if outward > 0.0 else bars.lows[-1]
        wick = (extreme - pool.level) * outward
        if before is None and not wick > 0.0:
            return
        swept_at = bars.times[-1]
        if before is not None:
            wick, swept_at = max(wick, before[0]), before[1]
        beyond = (bars.closes[-1] - pool.level) * outward
        if beyond < 0.0:
            if wick >= WICK_ATR * atr:
                pool.swept_ms = known_ms
                found.append(
                    SmcEvent(
                        "sweep", "SELL" if outward > 0.0 else "BUY", swept_at, known_ms, pool.level,
                        members=pool.members, size=wick / atr, source=pool.source,
                    )
                )  # fmt: skip
        elif before is not None or beyond > RUN_ATR * atr:
            pool.swept_ms = known_ms
        else:
            side.tried.append((pool, wick, swept_at))

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
                    period.level, period.start_ms, period.pool, period.tapped = level, start_ms, None, -NEVER

    def _restore(self, bars: Bars, known_ms: int) -> None:
        """Make a pool of each day's or week's extreme that price has been off for the whole memory."""
        self._restore_at = NEVER
        for side in (self._highs, self._lows):
            for period in side.periods:
                if period.pool is not None or math.isnan(period.level):
                    continue
                if bars.place - period.tapped <= self._memory:
                    self._restore_at = min(self._restore_at, period.tapped + self._memory + 1)
                    continue
                period.pool = Pool(
                    side.side, period.level, members=0, place=bars.place, t_event=period.start_ms, t_known=known_ms,
                    source=period.source,
                )  # fmt: skip
                self.pools.append(period.pool)
            self._set_alarm(side)

    def _forget(self, place: int) -> None:
        """Drop pools whose first swing, or whose end as a day's or week's extreme, is too long ago."""
        live = {id(period.pool) for side in (self._highs, self._lows) for period in side.periods}
        self.pools = [pool for pool in self.pools if id(pool) in live or place - pool.place <= self._memory]
        kept = {id(pool) for pool in self.pools}
        for side in (self._highs, self._lows):
            side.anchors = [each for each in side.anchors if place - each.swing.place <= self._memory]
            side.tried = [each for each in side.tried if id(each[0]) in kept]
            self._set_alarm(side)
        ends = [pool.place for pool in self.pools if id(pool) not in live]
        self._forget_at = min(ends, default=NEVER - self._memory) + self._memory + 1

    def _set_alarm(self, side: _Side) -> None:
        """The nearest price at which anything of this side can happen."""
        prices = [period.level for period in side.periods if period.start_ms and period.level == period.level]
        for anchor in side.anchors if side.tail is None else (*side.anchors, side.tail):
            if anchor.passed == NEVER and anchor.far == anchor.far:
                prices.append(anchor.far)
            if anchor.pool is not None and not anchor.pool.swept_ms:
                prices.append(anchor.pool.level)
        if side.side == "high":
            side.alarm = min(prices, default=math.inf)
        else:
            side.alarm = max(prices, default=-math.inf)


def _past(anchor: _Anchor, bars: Bars, index: int) -> bool:
    return bars.highs[index] >= anchor.far if anchor.swing.side == "high" else bars.lows[index] <= anchor.far
