"""What became of a call, from stored one-minute candles: which barrier was met first, when, and how far it went each way.

Triple barrier of the methods sheet 7.1 (López de Prado, 2018): entry at the next open, barriers at e^(± 1.5 sigma sqrt(12))
around it, time up after twelve bars. Where one bar met both, the one against the call counts. Nothing here looks past the
bars it is given; None means that they do not tell yet.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from core.messages import Side
from core.screening.calls import MINUTE_MS, Call, Trade
from core.screening.confidence import BARRIER_SPAN, barrier_distance
from core.venue import CandleBlock

BARRIER_HISTORY = 300
"""Bars of the decision timeframe behind sigma."""
COST_MULTIPLE = 3.0
"""Barriers nearer than so many round trips teach nothing: no trade could live between them."""


class Direction(Struct, frozen=True, kw_only=True):
    """Which symmetric barrier was met first, at the close of which bar. Excursions in barrier distances, None without a side.

    `rose`: the upper one was first, or neither and the last close was above the entry. `teaches`: the barriers were far
    enough for a score map to learn from it.
    """

    first: Literal["up", "down", "neither"]
    rose: bool
    at_ms: int
    after_s: float
    barrier: float
    teaches: bool
    adverse_r: float | None = None
    favourable_r: float | None = None


class TradeEnd(Struct, frozen=True, kw_only=True):
    """What became of the trade. Excursions in units of its risk, from the fill on; `missed`: it was never filled."""

    first: Literal["target", "stop", "neither", "missed"]
    at_ms: int
    after_s: float
    adverse_r: float | None = None
    favourable_r: float | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """All that is known of one call; `unknown` says why a part of it never will be."""

    direction: Direction | None = None
    trade: TradeEnd | None = None
    unknown: str = ""

    @property
    def known(self) -> bool:
        """Whether anything came out of it."""
        return self.direction is not None or self.trade is not None


def unbroken(minutes: CandleBlock, starts_ms: int) -> CandleBlock:
    """The one-minute bars from `starts_ms` to the first that is missing or senseless, (n, 9)."""
    bars = minutes[np.searchsorted(minutes[:, 0], starts_ms) :]
    prices = bars[:, 1:5]
    sound = (bars[:, 0] == starts_ms + MINUTE_MS * np.arange(len(bars))) & ((prices > 0.0) & np.isfinite(prices)).all(1)
    return bars if sound.all() else bars[: int(np.argmin(sound))]


def barrier_of(decision: CandleBlock, interval_ms: int, at_ms: int) -> float:
    """Distance of the barriers in log price, by decision bars closed at `at_ms`; NaN while the newest of them is missing."""
    closed = decision[decision[:, 0] + interval_ms <= at_ms][-BARRIER_HISTORY - 1 :]
    newest_ms = at_ms // interval_ms * interval_ms - interval_ms
    if len(closed) <= BARRIER_SPAN or closed[-1, 0] != newest_ms:
        return math.nan
    return math.log1p(barrier_distance(closed) / float(closed[-1, 4]))


def direction_of(call: Call, minutes: CandleBlock, barrier: float, round_trip: float) -> Direction | None:
    """Which barrier came first. `minutes` begin at `call.starts_ms`; `barrier` in log price, `round_trip` a fraction."""
    bars = minutes[: (call.ends_ms - call.starts_ms) // MINUTE_MS]
    if not len(bars) or not barrier > 0.0:
        return None
    entry = float(bars[0, 1])
    up, down = bars[:, 2] >= entry * math.exp(barrier), bars[:, 3] <= entry * math.exp(-barrier)
    first_up, first_down = _first(up), _first(down)
    last = min(first_up, first_down)
    first: Literal["up", "down", "neither"] = "neither"
    if last < len(bars):
        rose = first_up < first_down if first_up != first_down else _leaning(call) == "SELL"
        first = "up" if rose else "down"
    elif int(bars[-1, 0]) + MINUTE_MS < call.ends_ms:
        return None
    else:
        last, rose = len(bars) - 1, float(bars[-1, 4]) > entry
    end_ms = int(bars[last, 0]) + MINUTE_MS
    adverse = favourable = None
    if call.side is not None:
        sign = 1.0 if call.side == "BUY" else -1.0
        against = first != "neither" and rose != (call.side == "BUY")
        worst, best = _extremes(bars[: last + 1], call.side, entry, against=against)
        adverse = max(0.0, sign * math.log(entry / worst)) / barrier
        favourable = max(0.0, sign * math.log(best / entry)) / barrier
    return Direction(
        first=first,
        rose=rose,
        at_ms=end_ms,
        after_s=(end_ms - call.starts_ms) / 1000.0,
        barrier=barrier,
        teaches=math.expm1(barrier) >= COST_MULTIPLE * round_trip,
        adverse_r=adverse,
        favourable_r=favourable,
    )


def trade_of(trade: Trade, starts_ms: int, minutes: CandleBlock) -> TradeEnd | None:
    """Whether target or stop came first. `minutes` begin at `starts_ms`.

    Filled in the first bar that touches the entry; its target counts in that bar only if it opened at the entry or
    better. Where a bar met both, the stop counts.
    """
    bars = minutes[: (trade.ends_ms - starts_ms) // MINUTE_MS]
    if not len(bars):
        return None
    sign = 1.0 if trade.side == "BUY" else -1.0
    near, far = (bars[:, 3], bars[:, 2]) if trade.side == "BUY" else (bars[:, 2], bars[:, 3])
    filled, reached = _first(sign * near <= sign * trade.entry), sign * far >= sign * trade.target
    over = int(bars[-1, 0]) + MINUTE_MS >= trade.ends_ms
    gone = _first(reached)
    if gone < filled or filled == len(bars):
        if gone == len(bars) and not over:
            return None
        missed = min(gone, len(bars) - 1)
        return TradeEnd(first="missed", at_ms=_close_of(bars, missed), after_s=_after(bars, missed, starts_ms))
    if sign * float(bars[filled, 1]) > sign * trade.entry:
        reached[filled] = False
    reached[:filled] = False
    stopped = sign * near <= sign * trade.stop
    stopped[:filled] = False
    target, stop = _first(reached), _first(stopped)
    last = min(target, stop)
    first: Literal["target", "stop", "neither"] = "stop" if stop <= target else "target"
    if last == len(bars):
        if not over:
            return None
        first, last = "neither", len(bars) - 1
    worst, best = _extremes(bars[filled : last + 1], trade.side, trade.entry, against=first == "stop")
    risk = abs(trade.entry - trade.stop)
    return TradeEnd(
        first=first,
        at_ms=_close_of(bars, last),
        after_s=_after(bars, last, starts_ms),
        adverse_r=max(0.0, sign * (trade.entry - worst)) / risk,
        favourable_r=max(0.0, sign * (best - trade.entry)) / risk,
    )


def _leaning(call: Call) -> Side:
    """The side a call without a side leans to."""
    return call.side or ("BUY" if (call.score or 0.0) >= 0.5 else "SELL")


def _extremes(bars: CandleBlock, side: Side, entry: float, *, against: bool) -> tuple[float, float]:
    """The worst and the best price of these bars; of a last bar that went `against` the call only the worst counts."""
    kept = bars[:-1] if against else bars
    low, high = float(bars[:, 3].min()), float(bars[:, 2].max())
    if side == "BUY":
        return low, float(kept[:, 2].max()) if len(kept) else entry
    return high, float(kept[:, 3].min()) if len(kept) else entry


def _first(hits: NDArray[np.bool_]) -> int:
    """Place of the first True, or how many there are."""
    return int(np.argmax(hits)) if hits.any() else len(hits)


def _close_of(bars: CandleBlock, place: int) -> int:
    return int(bars[place, 0]) + MINUTE_MS


def _after(bars: CandleBlock, place: int, starts_ms: int) -> float:
    return (_close_of(bars, place) - starts_ms) / 1000.0
