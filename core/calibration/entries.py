"""At which closed bars Stage 1 would stand in ALERT with a side, for one set of thresholds after another.

What does not depend on thresholds is worked out once per window; a set of thresholds then costs one comparison a
trigger. The answer is that of the live triggers (`core.screening.triggers`) and of the live decision
(`core.screening.stage1`), bar by bar; what looks at other markets, the budget of alerts and the prefilters, is left out.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
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


class EntryTable:
    """Everything of a window that stays the same over all sets of thresholds.

    `asset_class` and `rules` decide as they do live: which triggers speak, how many families make an ALERT, the
    cooldown. Alerts of a part of the window begin without a cooldown.
    """

    def __init__(
        self,
        columns: TriggerColumns,
        asset_class: AssetClass,
        rules: Rules,
        kernels: Kernels | None = None,
    ) -> None:
        self.columns, self.kernels = columns, kernels
        self.open_ms = columns.open_ms
        self.needed = asset_class.min_families or rules.min_reasons_for_alert
        self.cooldown_ms = 1000.0 * rules.cooldown_s
        reasons = [entry for entry in reasons_for(asset_class.only) if entry.role == "reason"]
        self.families = tuple(dict.fromkeys(entry.family for entry in reasons))
        if len(self.families) > MOST_FAMILIES:
            raise ValueError(f"{len(self.families)} families of triggers: {MOST_FAMILIES} at most fit into a byte")
        speaks = _speaks(columns, asset_class, reasons)
        readings = {entry.code: entry.read(columns, LAXEST) for entry in reasons}
        self.slots = self._compared(readings, speaks)
        stops = [entry for entry in reasons_for(asset_class.only) if entry.role == "suppress"]
        self.quiet = _Ranked(QUIET.read(columns, LAXEST).value, speaks) if QUIET in stops else None
        self.others = tuple(entry for entry in reasons if entry.code not in _COMPARED | FIXED)
        self.other_stops = tuple(entry for entry in stops if entry is not QUIET)
        self.speaks = speaks
        self._fixed(reasons, readings)
        self._pack()

    def __len__(self) -> int:
        return len(self.open_ms)

    def _compared(self, readings: dict[str, Reading], speaks: Bools) -> tuple[_Slot, ...]:
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
            found.append(_Slot(_Ranked(measure, speaks), comparison, family, sides))
        return tuple(found)

    def _fixed(self, reasons: list[Trigger], readings: dict[str, Reading]) -> None:
        """Which families fire whatever the thresholds are, as bits, and the sum of the sides of what fires."""
        self.fixed_bits = np.zeros(len(self), np.uint8)
        self.fixed_sides = np.zeros(len(self), np.int8)
        for entry in reasons:
            if entry.code in FIXED:
                self._add(entry, readings[entry.code], self.fixed_bits, self.fixed_sides)

    def _add(self, entry: Trigger, reading: Reading, bits: NDArray[np.uint8], sides: Sides) -> None:
        fires = reading.fires & self.speaks
        bits[fires] |= np.uint8(1 << self.families.index(entry.family))
        sides[fires] += reading.side[fires].astype(np.int8)

    def _pack(self) -> None:
        """The same as arrays: rows of ranks for the compiled form, and the fixed triggers by family for the other."""
        shape, none = (len(self.slots), len(self)), np.zeros(len(self), np.bool_)
        # Where nothing suppresses, any bar will do as one that is loud: its rank is above the place -1.
        self.loud = self.quiet.ranks if self.quiet is not None else _Ranked(np.zeros(len(self)), none).ranks
        self.rows = np.array([slot.ranked.ranks for slot in self.slots], self.loud.dtype).reshape(shape)
        self.row_sides = np.array([slot.sides for slot in self.slots], np.int8).reshape(shape)
        self.row_bits = np.array([1 << slot.family for slot in self.slots], np.uint8)
        self.fixed = self._by_bit(self.fixed_bits)

    def _by_bit(self, bits: NDArray[np.uint8]) -> dict[int, Bools]:
        """Where each family is among the bits, for those that are anywhere."""
        found = {family: (bits >> family & 1).astype(np.bool_) for family in range(len(self.families))}
        return {family: fires for family, fires in found.items() if fires.any()}

    def alerts(self, thresholds: Thresholds, start: int = 0, stop: int | None = None) -> Alerts:
        """Alerts with a side of the bars [start, stop) of the window; places count from the window's first bar."""
        span = slice(start, len(self) if stop is None else stop)
        places = np.array(
            [slot.ranked.place(slot.of.sign * slot.of.bound(thresholds), slot.of.at) for slot in self.slots], np.int64
        )
        quiet = self.quiet.place(100.0 * thresholds.low_gate, at=True) if self.quiet is not None else -1
        if self.kernels is not None and not self.others and not self.other_stops:
            found, sides = self._compiled(places, quiet, span)
        else:
            candidates, bits, sums = self._candidates(places, quiet, thresholds, span)
            told = _cooled(candidates, bits, self.open_ms[span], self.cooldown_ms)
            found, sides = candidates[told], np.sign(sums[told])
        sided = sides != 0
        return Alerts(found[sided] + span.start, sides[sided])

    def _candidates(
        self, places: NDArray[np.int64], quiet: int, thresholds: Thresholds, span: slice
    ) -> tuple[Places, NDArray[np.uint8], Sides]:
        """Bars with families enough, which families those are, and the sum of their sides; before any cooldown."""
        fixed, fixed_sides = self.fixed, self.fixed_sides
        if self.others:
            fixed_bits, fixed_sides = self.fixed_bits.copy(), self.fixed_sides.copy()
            for entry in self.others:
                self._add(entry, entry.read(self.columns, thresholds), fixed_bits, fixed_sides)
            fixed = self._by_bit(fixed_bits)
        fired = [row[span] > place for row, place in zip(self.rows, places.tolist(), strict=True)]
        by_family = self._by_family(fired, fixed, span)
        candidates = self._enough(by_family, quiet, span)
        for entry in self.other_stops:
            candidates = candidates[~entry.read(self.columns, thresholds).fires[span][candidates]]
        bits = np.zeros(len(candidates), np.uint8)
        for family, fires in by_family:
            bits |= fires[candidates].view(np.uint8) << np.uint8(family)
        sums = fixed_sides[span][candidates]
        for fires, sides in zip(fired, self.row_sides, strict=True):
            sums += fires[candidates].view(np.int8) * sides[span][candidates]
        return candidates, bits, sums

    def _by_family(self, fired: list[Bools], fixed: dict[int, Bools], span: slice) -> list[tuple[int, Bools]]:
        """Per family with anything to say: where one of its triggers fires."""
        found = {family: fires[span] for family, fires in fixed.items()}
        for slot, fires in zip(self.slots, fired, strict=True):
            found[slot.family] = fires if slot.family not in found else found[slot.family] | fires
        return list(found.items())

    def _enough(self, by_family: list[tuple[int, Bools]], quiet: int, span: slice) -> Places:
        count = np.zeros(span.stop - span.start, np.uint8)
        for _, fires in by_family:
            count += fires.view(np.uint8)
        enough = count >= self.needed
        if self.quiet is not None:
            enough &= self.loud[span] > quiet
        return np.flatnonzero(enough)

    def _compiled(self, places: NDArray[np.int64], quiet: int, span: slice) -> tuple[Places, Sides]:
        assert self.kernels is not None
        told, sums = self.kernels.alerts(
            self.rows[:, span], places, self.row_bits, self.row_sides[:, span], self.fixed_bits[span],
            self.fixed_sides[span], self.loud[span], quiet, self.needed, self.open_ms[span], self.cooldown_ms,
        )  # fmt: skip
        return told, np.sign(sums)


def _speaks(columns: TriggerColumns, asset_class: AssetClass, reasons: list[Trigger]) -> Bools:
    """Bars that bear a judgement, as `stage1` has it."""
    if asset_class.only:
        known = [~np.isnan(entry.read(columns, LAXEST).value) for entry in reasons]
        return np.logical_and.reduce(known) if known else np.zeros(len(columns), np.bool_)
    return (columns.usable > 0.0) & ~np.isnan(columns.rsi_low)


def _cooled(candidates: Places, bits: NDArray[np.uint8], open_ms: Floats, cooldown_ms: float) -> Places:
    """Which candidates are told: not within the cooldown of the last one told, unless a new family joins."""
    told = []
    memory, until_ms = 0, -np.inf
    for place, (now, at_ms) in enumerate(zip(bits.tolist(), open_ms[candidates].tolist(), strict=True)):
        cooling = at_ms < until_ms
        if cooling and now | memory == memory:
            continue
        memory = memory | now if cooling else now
        until_ms = at_ms + cooldown_ms
        told.append(place)
    return np.array(told, np.intp)
