"""At which closed bars Stage 1 would stand in ALERT with a side, for one set of thresholds after another.

What does not depend on thresholds is worked out once per window; a set of thresholds then costs one comparison a
trigger. The answer is that of the live triggers (`core.screening.triggers`) and of the live decision
(`core.screening.stage1`), bar by bar; what looks at other markets, the budget of alerts and the prefilters, is left out.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.calibration.kernels import Kernels
from core.screening.classes import AssetClass
from core.screening.columns import TriggerColumns
from core.screening.stage1 import Rules
from core.screening.thresholds import Thresholds
from core.screening.triggers import REGISTRY, Reading, Trigger, reasons_for

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.intp]
Sides = NDArray[np.int8]
Ranks = NDArray[np.unsignedinteger[Any]]

MOST_FAMILIES = 8


class Alerts(NamedTuple):
    """Bars at whose close an ALERT with a side is told, rising, and the side: 1 BUY, −1 SELL."""

    places: Places
    sides: Sides

    def within(self, start: int, stop: int) -> Alerts:
        """Those of the bars [start, stop)."""
        first, last = np.searchsorted(self.places, (start, stop)).tolist()
        return Alerts(self.places[first:last], self.sides[first:last])


class Comparison(NamedTuple):
    """How a trigger fires as one comparison: `measure` of the columns, above `bound` of the thresholds.

    `sign` −1 turns both round: it fires below. `at`: fires at the bound as well. `side`: of the reading, or fixed.
    """

    code: str
    measure: Callable[[TriggerColumns, Reading], Floats]
    bound: Callable[[Thresholds], float]
    at: bool = True
    sign: float = 1.0
    side: int | None = None


def _value(_columns: TriggerColumns, reading: Reading) -> Floats:
    return reading.value


def _past_floor(_columns: TriggerColumns, reading: Reading) -> Floats:
    """The value where it reaches what is asked for whatever the thresholds are: read at the laxest of them."""
    return np.where(reading.fires, reading.value, np.nan)


LAXEST = Thresholds(
    low_gate=0.0, high_gate=0.0, vol_z_threshold=-np.inf, rsi_oversold=np.inf, rsi_overbought=-np.inf,
    vwap_multiple=0.0, breakout_atr=0.0,
)  # fmt: skip
"""Thresholds at which a trigger is held back by its fixed conditions only."""

COMPARISONS: tuple[Comparison, ...] = (
    Comparison("VOLUME_SPIKE", _past_floor, lambda of: of.vol_z_threshold),
    Comparison("RSI_STATIC", _value, lambda of: of.rsi_oversold, at=False, sign=-1.0, side=1),
    Comparison("RSI_STATIC", _value, lambda of: of.rsi_overbought, at=False, side=-1),
    Comparison("VWAP_DEVIATION", _past_floor, lambda of: of.vwap_multiple),
    Comparison("BREAKOUT_UP", _past_floor, lambda of: of.breakout_atr),
    Comparison("BREAKOUT_DOWN", _past_floor, lambda of: of.breakout_atr),
    Comparison("VOL_SPIKE", _value, lambda of: 100.0 * of.high_gate, at=False),
)
"""A trigger that compares with a threshold belongs here; one that is not listed is read anew for every set: right, but slow."""
FIXED = frozenset({"RSI_DYNAMIC", "RSI_DIVERGENCE", "DEPEG"})
"""Triggers that do not look at thresholds."""
_COMPARED = frozenset(comparison.code for comparison in COMPARISONS)
QUIET = REGISTRY["QUIET"]


class _Ranked:
    """One measure by rank: `ranks > place` is the comparison of the values, exact, on two bytes a bar instead of eight.

    Rank 0 never fires; `levels[r - 1]` is the value of rank r.
    """

    def __init__(self, values: Floats, speaks: Bools) -> None:
        known = speaks & ~np.isnan(values)
        levels, places = np.unique(values[known], return_inverse=True)
        self.levels: list[float] = levels.tolist()
        self.ranks: Ranks = np.zeros(len(values), np.uint16 if len(values) < 2**16 else np.uint32)
        self.ranks[known] = places + 1

    def place(self, bound: float, at: bool) -> int:
        """The values at `bound` (when `at`) or above it have a rank above this."""
        return (bisect_left if at else bisect_right)(self.levels, bound)


class _Slot(NamedTuple):
    """A comparison as it stands for this window."""

    ranked: _Ranked
    of: Comparison
    family: int
    sides: Sides


class _Candidates(NamedTuple):
    """Places with families enough, which families as bits; what fires (slots, places looked at), and the fixed sides."""

    places: Places
    bits: NDArray[np.uint8]
    fires: Bools
    fixed_sides: Sides


class EntryTable:
    """Everything of a window that stays the same over all sets of thresholds.

    `asset_class` and `rules` decide as they do live: which triggers speak, how many families make an ALERT, the
    cooldown. Alerts of a part of the window begin without a cooldown.
    """

    def __init__(
        self, columns: TriggerColumns, asset_class: AssetClass, rules: Rules, kernels: Kernels | None = None
    ) -> None:
        self.columns, self.kernels = columns, kernels
        self.needed = asset_class.min_families or rules.min_reasons_for_alert
        self.cooldown_ms = 1000.0 * rules.cooldown_s
        reasons = [entry for entry in reasons_for(asset_class.only) if entry.role == "reason"]
        stops = [entry for entry in reasons_for(asset_class.only) if entry.role == "suppress"]
        self.families = tuple(dict.fromkeys(entry.family for entry in reasons))
        if len(self.families) > MOST_FAMILIES:
            raise ValueError(f"{len(self.families)} families of triggers: {MOST_FAMILIES} at most fit into a byte")
        self.speaks = _speaks(columns, asset_class, reasons)
        readings = {entry.code: entry.read(columns, LAXEST) for entry in reasons}
        self.others = tuple(entry for entry in reasons if entry.code not in _COMPARED | FIXED)
        self.other_stops = tuple(entry for entry in stops if entry is not QUIET)
        self.slots = self._compared(readings)
        self.quiet = _Ranked(QUIET.read(columns, LAXEST).value, self.speaks) if QUIET in stops else None
        self.fixed_bits, self.fixed_sides = np.zeros(len(columns), np.uint8), np.zeros(len(columns), np.int8)
        for entry in reasons:
            if entry.code in FIXED:
                self._add(readings[entry.code], entry, self.fixed_bits, self.fixed_sides)
        self._pack()
        self.at: Places = np.arange(len(columns))
        self.open_ms = columns.open_ms
        self.laxest: Thresholds | None = None

    def _compared(self, readings: dict[str, Reading]) -> tuple[_Slot, ...]:
        found = []
        for comparison in COMPARISONS:
            reading = readings.get(comparison.code)
            if reading is None:
                continue
            measure = comparison.sign * comparison.measure(self.columns, reading)
            if comparison.side is None:
                sides = np.nan_to_num(reading.side).astype(np.int8)
            else:
                sides = np.full(len(measure), comparison.side, np.int8)
            family = self.families.index(REGISTRY[comparison.code].family)
            found.append(_Slot(_Ranked(measure, self.speaks), comparison, family, sides))
        return tuple(found)

    def _add(self, reading: Reading, entry: Trigger, bits: NDArray[np.uint8], sides: Sides) -> None:
        fires = reading.fires & self.speaks
        bits[fires] |= np.uint8(1 << self.families.index(entry.family))
        sides[fires] += reading.side[fires].astype(np.int8)

    def _pack(self) -> None:
        """The slots as arrays (slots, bars)."""
        count = len(self.columns)
        shape = (len(self.slots), count)
        # Where nothing suppresses, any bar will do as one that is loud: its rank is above the place -1.
        silent = _Ranked(np.zeros(count), np.zeros(count, np.bool_))
        self.loud = (self.quiet or silent).ranks
        self.rows = np.array([slot.ranked.ranks for slot in self.slots], self.loud.dtype).reshape(shape)
        self.row_sides = np.array([slot.sides for slot in self.slots], np.int8).reshape(shape)
        self.row_bits = np.array([1 << slot.family for slot in self.slots], np.uint8)

    def narrowed(self, laxest: Thresholds) -> EntryTable:
        """The same for thresholds that are nowhere laxer than these: only bars with families enough for these are kept.

        A bar that does not alert at the laxest thresholds alerts at no stricter ones. With triggers that are read anew
        for every set nothing can be left out, and the table itself is returned.
        """
        if self.others or self.other_stops:
            return self
        found = copy(self)
        kept = self._candidates(*self._bounds(laxest), 0, len(self.at), laxest).places
        found.laxest, found.at, found.open_ms = laxest, self.at[kept], self.open_ms[kept]
        found.rows, found.row_sides = self.rows[:, kept].copy(), self.row_sides[:, kept].copy()
        found.fixed_bits, found.fixed_sides = self.fixed_bits[kept], self.fixed_sides[kept]
        found.loud = self.loud[kept]
        return found

    def covers(self, thresholds: Thresholds) -> bool:
        """Whether these thresholds are nowhere laxer than those the table was narrowed to."""
        if self.laxest is None:
            return True
        (bounds, quiet), (least, least_quiet) = self._bounds(thresholds), self._bounds(self.laxest)
        return bool((bounds >= least).all()) and quiet >= least_quiet

    def alerts(self, thresholds: Thresholds, start: int = 0, stop: int | None = None) -> Alerts:
        """Alerts with a side of the bars [start, stop) of the window; places count from the window's first bar."""
        first, last = 0, len(self.at)
        if self.laxest is not None:
            first, last = self.at.searchsorted((start, len(self.columns) if stop is None else stop)).tolist()
        elif start or stop is not None:
            first, last = start, last if stop is None else min(stop, last)
        bounds, quiet = self._bounds(thresholds)
        if self.kernels is not None and not self.others and not self.other_stops:
            told, sums = self.kernels.alerts(
                self.rows, bounds, self.row_bits, self.row_sides, self.fixed_bits, self.fixed_sides, self.loud, quiet,
                self.needed, self.open_ms, self.cooldown_ms, first, last,
            )  # fmt: skip
        else:
            near = self._candidates(bounds, quiet, first, last, thresholds)
            kept = cooled(near.bits, self.open_ms[near.places], self.cooldown_ms)
            told = near.places[kept]
            spoken = near.fires.take(told - first, axis=1).view(np.int8)
            spoken *= self.row_sides.take(told, axis=1)
            sums = np.add.reduce(spoken, axis=0, dtype=np.int8) + near.fixed_sides[told]
        sided = sums != 0
        return Alerts(self.at[told[sided]], np.sign(sums[sided]))

    def _bounds(self, thresholds: Thresholds) -> tuple[Ranks, int]:
        """The rank that each slot must be above to fire, and the one below which a bar is quiet."""
        places = [slot.ranked.place(slot.of.sign * slot.of.bound(thresholds), slot.of.at) for slot in self.slots]
        quiet = self.quiet.place(100.0 * thresholds.low_gate, at=True) if self.quiet is not None else -1
        return np.array(places, self.rows.dtype), quiet

    def _candidates(self, bounds: Ranks, quiet: int, first: int, last: int, thresholds: Thresholds) -> _Candidates:
        """Bars with families enough, before any cooldown."""
        fixed_bits, fixed_sides = self.fixed_bits, self.fixed_sides
        if self.others:
            fixed_bits, fixed_sides = fixed_bits.copy(), fixed_sides.copy()
            for entry in self.others:
                self._add(entry.read(self.columns, thresholds), entry, fixed_bits, fixed_sides)
        fires = self.rows[:, first:last] > bounds[:, None]
        bits = np.bitwise_or.reduce(fires.view(np.uint8) * self.row_bits[:, None], axis=0)
        bits |= fixed_bits[first:last]
        left = bits
        for _ in range(self.needed - 1):
            left = left & (left - np.uint8(1))  # one family less
        enough = left != 0
        if self.quiet is not None:
            enough &= self.loud[first:last] > quiet
        for entry in self.other_stops:
            enough &= ~entry.read(self.columns, thresholds).fires[first:last]
        near = np.flatnonzero(enough)
        return _Candidates(near + first, bits[near], fires, fixed_sides)


def _speaks(columns: TriggerColumns, asset_class: AssetClass, reasons: list[Trigger]) -> Bools:
    """Bars that bear a judgement, as `stage1` has it."""
    if asset_class.only:
        known = [~np.isnan(entry.read(columns, LAXEST).value) for entry in reasons]
        return np.logical_and.reduce(known) if known else np.zeros(len(columns), np.bool_)
    return (columns.usable > 0.0) & ~np.isnan(columns.rsi_low)


def cooled(bits: NDArray[np.uint8], open_ms: Floats, cooldown_ms: float) -> Places:
    """Which candidates are told: not within the cooldown of the last one told, unless a new family joins."""
    told = []
    new, until_ms = 255, -np.inf  # families that would be new
    for place, (now, at_ms) in enumerate(zip(bits.tolist(), open_ms.tolist(), strict=True)):
        if at_ms >= until_ms:
            new = 255
        elif not now & new:
            continue
        new &= ~now
        until_ms = at_ms + cooldown_ms
        told.append(place)
    return np.array(told, np.intp)
