"""Price paths of the seeded market: minute bars as a pure function of (seed, symbol, UTC day).

Daily log prices are mean-reverting walks from a fixed epoch: a common factor and an own part per symbol, so any date has
an anchor. Inside a day a bridge joins two anchors, minute by minute, with common and own volatility spells, momentum
episodes that may reverse, and jumps. A whole day is always computed at once, which keeps results bit-equal however they
are asked for. No claim of realism beyond what detectors need to have something to do.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict

import msgspec
import numpy as np
from numpy.typing import NDArray

from providers.sandbox.market_slots import Floats, Ints, MinuteShapes, MinuteSlots, NoiseTable, fill_slots, slot_columns
from providers.sandbox.market_symbols import HISTORY_START_MS, SymbolSpec

MINUTE_MS = 60_000
DAY_MS = 86_400_000
DAY_MINUTES = 1440
EPOCH_DAY = HISTORY_START_MS // DAY_MS
"""Days since 1970 at which anchors begin."""
DAYS = 9_131
"""... and end 25 years later."""
REVERSION = 0.985
"""Daily persistence of the log price around its level; spreads prices over about six daily deviations."""
CELL_MINUTES = 480
"""Length of a volatility cell; neighbours blend into each other."""
CALM, NORMAL, WILD = 0.55, 1.0, 2.1

_COMMON, _OWN, _DAY_COMMON, _DAY_OWN, _COUNTS = range(1, 6)


class CommonDay(msgspec.Struct, frozen=True):
    """One day of the market factor: minute returns in daily deviations (sum is the day's move) and relative volatility."""

    returns: Floats
    volatility: Floats


class DayBars(msgspec.Struct, frozen=True):
    """One UTC day: `rows` (1440, 11) in `BAR_COLUMNS` order and the slots behind them."""

    rows: Ints
    slots: MinuteSlots


def _walk(shocks: Floats) -> Floats:
    """Mean-reverting walk from 0, one longer than the shocks."""
    return np.fromiter(
        itertools.accumulate(shocks.tolist(), lambda level, shock: REVERSION * level + shock, initial=0.0),
        dtype=np.float64,
        count=len(shocks) + 1,
    )


def _day_index(day: int) -> int:
    index = day - EPOCH_DAY
    if not 0 <= index < DAYS:
        raise ValueError(f"the sandbox market has no day {day}; set its clock between 2020-01-01 and 2044-12-30")
    return index


def _episodes(rng: np.random.Generator, length: int, strength: float) -> Floats:
    """Momentum spells of `length` minutes: some push one way, some turn round half-way; in minute deviations."""
    count = DAY_MINUTES // length
    kind = rng.random(count)
    size = rng.standard_normal(count) * strength * (kind < 0.55)
    u = (np.arange(length) + 0.5) / length
    push, turn = np.sin(np.pi * u), np.sin(2.0 * np.pi * u)
    shape = np.where((kind < 0.3)[:, None], push, turn)
    spells = (size[:, None] * shape).ravel()
    return np.concatenate((spells, np.zeros(DAY_MINUTES - spells.size)))


def _bridge(steps: Floats, target: float, weights: Floats) -> Floats:
    """`steps` with their sum corrected to `target`, the correction spread like the variance."""
    variance = weights * weights
    bridged: Floats = steps + (target - steps.sum()) * (variance / variance.sum())
    return bridged


class CommonFactor:
    """The part all symbols share: daily walk, volatility cells, minute returns."""

    def __init__(self, seed: int, cached_days: int = 200, calmest: float = CALM) -> None:
        """`calmest`: relative volatility that no cell stays below."""
        self._seed = seed
        rng = np.random.default_rng([seed, _COMMON])
        per_day = DAY_MINUTES // CELL_MINUTES
        draw = rng.standard_normal((DAYS + 2) * per_day)
        cells = np.where(draw < -0.5, CALM, np.where(draw < 1.0, NORMAL, WILD))
        self._cells = np.log(np.maximum(cells, calmest))
        self.day_volatility: Floats = np.exp(self._cells[: DAYS * per_day].reshape(DAYS, per_day)).mean(axis=1)
        """Mean relative volatility of each day from the epoch."""
        self.levels: Floats = _walk(rng.standard_normal(DAYS) * self.day_volatility)
        self._days: OrderedDict[int, CommonDay] = OrderedDict()
        self._cached = cached_days

    def day(self, day: int) -> CommonDay:
        """The market factor's minutes of a UTC day (days since 1970). Raises `ValueError` outside the calendar."""
        known = self._days.get(day)
        if known is not None:
            self._days.move_to_end(day)
            return known
        made = self._make(day)
        self._days[day] = made
        if len(self._days) > self._cached:
            self._days.popitem(last=False)
        return made

    def _make(self, day: int) -> CommonDay:
        index = _day_index(day)
        rng = np.random.default_rng([self._seed, _DAY_COMMON, day])
        per_day = DAY_MINUTES // CELL_MINUTES
        minute = np.arange(DAY_MINUTES)
        position = (minute + CELL_MINUTES / 2) / CELL_MINUTES
        first = index * per_day
        lattice = self._cells[max(first - 1, 0) : first + per_day + 1]
        if first == 0:
            lattice = np.concatenate((lattice[:1], lattice))
        spells = np.interp(position, np.arange(per_day + 2), lattice)
        flicker = np.interp(minute, np.linspace(0, DAY_MINUTES, 97), rng.standard_normal(97) * 0.25)
        # Busiest around 14:00 UTC, quietest around 05:00: Europe and the Americas overlap.
        clock = 1.0 + 0.28 * np.cos((minute - 870) * (2 * np.pi / DAY_MINUTES))
        volatility = np.exp(spells + flicker) * clock
        steps = rng.standard_normal(DAY_MINUTES) + _episodes(rng, 45, 0.45)
        if rng.random() < 0.35:
            steps[int(rng.integers(DAY_MINUTES))] += rng.choice((-1.0, 1.0)) * rng.uniform(6.0, 12.0)
        steps *= volatility / DAY_MINUTES**0.5
        target = float(self.levels[index + 1] - self.levels[index])
        return CommonDay(returns=_bridge(steps, target, volatility), volatility=volatility)


class SymbolPath:
    """Days of one symbol. `trades_per_day` is its mean trade count; ids count from the epoch or from the listing.

    `steady` keeps the trade rate the same all day, for measurements.
    """

    def __init__(
        self,
        seed: int,
        spec: SymbolSpec,
        common: CommonFactor,
        noise: NoiseTable,
        trades_per_day: float,
        *,
        steady: bool = False,
    ) -> None:
        self._steady = steady
        self._seed = seed
        self._spec = spec
        self._common = common
        self._noise = noise
        share = spec.market_share
        own = np.random.default_rng([seed, _OWN, spec.path_key]).standard_normal(DAYS) * common.day_volatility
        self._own = _walk(own)
        self._mix = (spec.daily_vol * share, spec.daily_vol * (1.0 - share * share) ** 0.5)
        levels = self._mix[0] * common.levels + self._mix[1] * self._own
        self._anchors: Floats = np.log(spec.base_ticks) + levels
        self._anchor_ticks = np.maximum(1, np.rint(np.exp(self._anchors))).astype(np.int64)
        rng = np.random.default_rng([seed, _COUNTS, spec.key])
        busy = common.day_volatility**0.7 * np.exp(rng.standard_normal(DAYS) * 0.2 - 0.02) / 1.06
        if steady:
            busy = np.ones(DAYS)
        self._day_trades = np.maximum(1, np.rint(busy * trades_per_day)).astype(np.int64)
        self._ids_before = np.concatenate(([0], np.cumsum(self._day_trades)))
        self._listed_at_id = 0
        if spec.listed_ms > HISTORY_START_MS:
            day, left = divmod(spec.listed_ms, DAY_MS)
            self._listed_at_id = int(self.day(day).rows[left // MINUTE_MS, 10]) - 1

    def day(self, day: int) -> DayBars:
        """All 1440 bars of a UTC day (days since 1970) with their slots."""
        index = _day_index(day)
        market = self._common.day(day)
        rng = np.random.default_rng([self._seed, _DAY_OWN, self._spec.path_key, day])
        latent, activity = self._latent(index, market, rng)
        trades = self._trades(index, day, market, activity)
        bars = self._shape(index, day, market, latent, trades, activity)
        slots = fill_slots(bars, self._noise.block(self._spec.key * 7919 + day, DAY_MINUTES))
        value, buy_lots, buy_value = slot_columns(slots)
        rows = np.empty((DAY_MINUTES, 11), dtype=np.int64)
        rows[:, 0] = day * DAY_MS + np.arange(DAY_MINUTES) * MINUTE_MS
        rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4] = bars.opens, bars.highs, bars.lows, bars.closes
        rows[:, 5], rows[:, 6], rows[:, 7] = bars.volumes, value, trades
        rows[:, 8], rows[:, 9] = buy_lots, buy_value
        rows[:, 10] = int(self._ids_before[index]) - self._listed_at_id + 1
        rows[1:, 10] += np.cumsum(trades[:-1])
        return DayBars(rows=rows, slots=slots)

    def _latent(self, index: int, market: CommonDay, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Log price at each minute's end, and how large each minute's move is against a usual minute."""
        volatility = market.volatility * np.interp(
            np.arange(DAY_MINUTES), np.linspace(0, DAY_MINUTES, 49), np.exp(rng.standard_normal(49) * 0.2)
        )
        steps = rng.standard_normal(DAY_MINUTES) + _episodes(rng, 60, 0.4)
        jumps = rng.random(3)
        if jumps[0] < 0.4:
            steps[int(jumps[1] * DAY_MINUTES)] += (5.0 + 9.0 * jumps[2]) * (1 if jumps[0] < 0.2 else -1)
        steps *= volatility / DAY_MINUTES**0.5
        own = _bridge(steps, float(self._own[index + 1] - self._own[index]), volatility)
        moves = self._mix[0] * market.returns + self._mix[1] * own
        latent = float(self._anchors[index]) + np.cumsum(moves)
        latent[-1] = self._anchors[index + 1]
        return latent, np.abs(moves) * (DAY_MINUTES**0.5 / self._spec.daily_vol)

    def _trades(self, index: int, day: int, market: CommonDay, activity: Floats) -> Ints:
        """Trades of each minute: the day's total spread by volatility, |move| and chance; the last minute has one."""
        rng = np.random.default_rng([self._seed, _COUNTS, self._spec.key, day])
        weight = 0.35 + rng.standard_exponential(DAY_MINUTES) * (0.1 if self._steady else 1.0)
        if not self._steady:
            weight *= market.volatility**0.6 * (0.45 + activity)
        cumulative = np.cumsum(weight)
        total = int(self._day_trades[index]) - 1
        edges = np.floor(cumulative / cumulative[-1] * total).astype(np.int64)
        trades: Ints = np.diff(edges, prepend=0)
        trades[-1] += 1
        return trades

    def _shape(
        self, index: int, day: int, market: CommonDay, latent: Floats, trades: Ints, activity: Floats
    ) -> MinuteShapes:
        """Open, high, low, close and volume in ticks and lots; the anchors of the day are its first open, last close."""
        rng = np.random.default_rng([self._seed, _DAY_OWN, self._spec.key, day])
        traded = trades > 0
        closes = np.maximum(1, np.rint(np.exp(latent)).astype(np.int64))
        closes[-1] = self._anchor_ticks[index + 1]
        start = int(self._anchor_ticks[index])
        last_traded = np.maximum.accumulate(np.where(traded, np.arange(DAY_MINUTES), -1))
        closes = np.where(last_traded >= 0, closes[last_traded], start)
        opens = np.empty_like(closes)
        opens[0], opens[1:] = start, closes[:-1]
        off = rng.random(DAY_MINUTES)
        opens = np.where(traded, np.maximum(1, opens + (off < 0.2) - (off > 0.8)), opens)
        opens = np.where(trades == 1, closes, opens)
        reach = np.abs(rng.standard_normal((2, DAY_MINUTES))) * (0.55 * self._spec.daily_vol / DAY_MINUTES**0.5)
        extra = np.floor(reach * market.volatility * closes + 0.35).astype(np.int64)
        # With three trades only one can be an extreme; whichever side chance picks.
        up = (trades > 3) | ((trades == 3) & (off < 0.5))
        down = (trades > 3) | ((trades == 3) & (off >= 0.5))
        top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
        highs = top + extra[0] * up
        lows = np.maximum(1, bottom - extra[1] * down)
        size = self._spec.trade_lots * np.exp(rng.standard_normal(DAY_MINUTES) * 0.35) * (0.6 + 0.4 * activity)
        volumes = np.maximum(trades, np.rint(trades * size).astype(np.int64)) * traded
        return MinuteShapes(opens=opens, highs=highs, lows=lows, closes=closes, volumes=volumes, trades=trades)


def aggregate(rows: NDArray[np.int64], interval_ms: int) -> NDArray[np.int64]:
    """Bars of `interval_ms` (epoch-aligned) from consecutive shorter bars: first, max, min, last, sums."""
    if not len(rows):
        return rows
    opens = rows[:, 0] - rows[:, 0] % interval_ms
    starts = np.flatnonzero(np.concatenate(([True], opens[1:] != opens[:-1])))
    ends = np.append(starts[1:], len(rows)) - 1
    out = np.empty((len(starts), rows.shape[1]), dtype=np.int64)
    out[:, 0] = opens[starts]
    out[:, 1] = rows[starts, 1]
    out[:, 2] = np.maximum.reduceat(rows[:, 2], starts)
    out[:, 3] = np.minimum.reduceat(rows[:, 3], starts)
    out[:, 4] = rows[ends, 4]
    out[:, 5:10] = np.add.reduceat(rows[:, 5:10], starts, axis=0)
    out[:, 10] = rows[starts, 10]
    return out
