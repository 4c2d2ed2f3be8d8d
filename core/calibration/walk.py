"""What would have become of the alerts: trades walked bar by bar along the path the price took, one at a time.

A trade enters at the open after the alert, with a target and a stop in ATR14 of bars fifteen times as long, known when
the alert was told (methods sheet 4.2: at one-minute ATR no trade can pay for its costs). A bar that holds both barriers
counts as stopped; a bar that opens beyond the stop is left at its open. After `HORIZON` bars the trade ends at the
close (López de Prado, 2018, chapter 3: triple barrier). Results are in R after fees, half the spread and slippage.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from core.calibration.entries import Alerts, Places, Sides
from core.calibration.kernels import Kernels
from core.calibration.statistics import RISK_SHARE
from core.market.indicators import load_talib
from core.market.resample import resample
from core.screening.costs import Costs
from core.venue import CandleBlock

Floats = NDArray[np.float64]

HORIZON = 240
"""Bars a trade may last: four hours of one-minute bars, sixteen bars of the timeframe its ATR comes from."""
LONGER = 15
"""The ATR is that of bars so many times as long: 15m for one-minute bars."""
ATR_BARS = 14
WARMUP = LONGER * 100
"""Bars before the first alert that counts: after a hundred longer bars less than 1 % of the ATR is its beginning."""

_OPEN_MS, _OPEN, _HIGH, _LOW, _CLOSE = range(5)


class Prices(Struct, frozen=True, kw_only=True):
    """The path of a window, arrays (n,). `atr`: of the longer bars, as of the last one closed when this bar closes."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    atr: Floats

    def part(self, start: int, stop: int) -> Prices:
        """The bars [start, stop), without copying."""
        names = self.__struct_fields__
        return Prices(**{name: getattr(self, name)[start:stop] for name in names})


class Trades(Struct, frozen=True, kw_only=True):
    """Trades in the order of time, arrays (k,): the alert's bar, the first and the last bar of the trade, its side.

    `entry` and `exit` are the prices paid and got, with half the spread and slippage; fees are in `results` and `costs`,
    which are in R. `risk` is the way from the entry to the stop in the quote currency.
    """

    places: Places
    entered: Places
    exited: Places
    sides: Sides
    entry: Floats
    exit: Floats
    risk: Floats
    results: Floats
    costs: Floats

    def __len__(self) -> int:
        return len(self.places)

    def of(self, start: int, stop: int) -> Trades:
        """Those whose alert is in the bars [start, stop)."""
        first, last = np.searchsorted(self.places, (start, stop)).tolist()
        return Trades(**{name: getattr(self, name)[first:last] for name in self.__struct_fields__})


def joined(parts: Sequence[Trades]) -> Trades:
    """Trades of several stretches, handed over in the order of time, as one."""
    empty = {"places": np.intp, "entered": np.intp, "exited": np.intp, "sides": np.int8}
    return Trades(
        **{
            name: np.concatenate([np.empty(0, empty.get(name, np.float64)), *[getattr(part, name) for part in parts]])
            for name in Trades.__struct_fields__
        }
    )


def longer_atr(bars: CandleBlock, interval_ms: int) -> Floats:
    """ATR14 of the bars fifteen times as long, for each bar (n,) the one known at its close; NaN before the first."""
    longer_ms = LONGER * interval_ms
    longer = resample(bars, longer_ms)
    found = np.full(len(bars), np.nan)
    if len(longer) <= ATR_BARS:
        return found
    high, low, close = (np.ascontiguousarray(longer[:, place]) for place in (_HIGH, _LOW, _CLOSE))
    atr = load_talib().ATR(high, low, close, ATR_BARS)
    place = np.searchsorted(longer[:, _OPEN_MS] + longer_ms, bars[:, _OPEN_MS] + interval_ms, side="right") - 1
    known = place >= 0
    found[known] = atr[place[known]]
    return found


def prices_of(bars: CandleBlock, interval_ms: int) -> Prices:
    """The path of a block of closed bars (n, 9), oldest first."""
    opens, high, low, close = (np.ascontiguousarray(bars[:, place]) for place in (_OPEN, _HIGH, _LOW, _CLOSE))
    return Prices(open=opens, high=high, low=low, close=close, atr=longer_atr(bars, interval_ms))


def walk(
    prices: Prices,
    alerts: Alerts,
    tp_mult: float,
    sl_mult: float,
    costs: Costs,
    *,
    shorts: bool = False,
    free: int = 0,
    kernels: Kernels | None = None,
) -> Trades:
    """The trades these alerts make; their places count from the first bar of `prices`.

    An alert while a trade is open (until bar `free` at the beginning), without an ATR, or with less than a horizon of
    bars left makes none: trades that cannot have ended are left out whole, not only the slow ones.
    """
    places, sides = alerts
    if not shorts:
        places, sides = places[sides > 0], sides[sides > 0]
    loop = kernels.walk if kernels is not None else _walk
    taken, entered, exited, left_at = loop(
        places, sides, prices.open, prices.high, prices.low, prices.close, prices.atr,
        costs.half_spread + costs.slippage, tp_mult, sl_mult, HORIZON, free,
    )  # fmt: skip
    kept = sides[np.searchsorted(places, taken)]
    return _settled(prices, taken, entered, exited, kept, left_at, sl_mult, costs)


def _walk(
    places: Places,
    sides: Sides,
    opens: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    atr: Floats,
    near: float,
    target_atr: float,
    stop_atr: float,
    horizon: int,
    free: int,
) -> tuple[Places, Places, Places, Floats]:
    """`kernels.walk_loop` without a compiler: one look along the horizon for each trade."""
    taken: list[int] = []
    exited: list[int] = []
    left_at: list[float] = []
    latest = len(opens) - horizon - 1
    ranges = atr[places].tolist()
    for place, side, reach in zip(places.tolist(), sides.tolist(), ranges, strict=True):
        if place < free or place > latest or not reach > 0.0:
            continue
        first = place + 1
        entry = opens.item(first) * (1.0 + side * near)
        target, stop = entry + side * target_atr * reach, entry - side * stop_atr * reach
        span = slice(first, first + horizon)
        if side > 0:
            stopped, reached = low[span] <= stop, high[span] >= target
        else:
            stopped, reached = high[span] >= stop, low[span] <= target
        touched = stopped | reached
        bar = int(touched.argmax())
        free = first + bar
        if not touched.item(bar):
            free = first + horizon - 1
            price = close.item(free)
        elif stopped.item(bar):
            price = min(stop, opens.item(free)) if side > 0 else max(stop, opens.item(free))
        else:
            price = target
        taken.append(place)
        exited.append(free)
        left_at.append(price)
    begun = np.array(taken, np.intp)
    return begun, begun + 1, np.array(exited, np.intp), np.array(left_at)


def _settled(
    prices: Prices,
    places: Places,
    entered: Places,
    exited: Places,
    sides: Sides,
    left_at: Floats,
    sl_mult: float,
    costs: Costs,
) -> Trades:
    near, opened = costs.half_spread + costs.slippage, prices.open[entered]
    entry, left = opened * (1.0 + sides * near), left_at * (1.0 - sides * near)
    risk = sl_mult * prices.atr[places]
    paid = entry * (costs.fee_in + costs.funding) + left * costs.fee_out
    results = (sides * (left - entry) - paid) / risk
    return Trades(
        places=places, entered=entered, exited=exited, sides=sides, entry=entry, exit=left, risk=risk, results=results,
        costs=sides * (left_at - opened) / risk - results,
    )  # fmt: skip


def marked(prices: Prices, trades: Trades, costs: Costs) -> Floats:
    """What each bar (n,) of the path added in R, open trades at their close; 0 without a position. Sums to the results."""
    added = np.zeros(len(prices.close))
    if not len(trades):
        return added
    bars, worth, begins = _worth(prices, trades, costs)
    step = np.diff(worth, prepend=0.0)
    step[begins] = worth[begins]
    # A trade may be left on the bar on whose close the next one is told: it enters a bar later, so none is shared.
    added[bars] = step
    return added


def equity(prices: Prices, trades: Trades, costs: Costs, risk: float = RISK_SHARE) -> Floats:
    """Equity from 1.0 on at every bar with a position, each R worth `risk` of the equity its trade began with."""
    if not len(trades):
        return np.ones(1)
    _, worth, begins = _worth(prices, trades, costs)
    lengths = np.diff(begins, append=len(worth))
    before = np.cumprod(np.concatenate([[1.0], np.maximum(0.0, 1.0 + risk * trades.results)]))[:-1]
    return np.concatenate([[1.0], np.maximum(0.0, np.repeat(before, lengths) * (1.0 + risk * worth))])


def _worth(prices: Prices, trades: Trades, costs: Costs) -> tuple[Places, Floats, Places]:
    """All bars in a trade, what that trade is worth there in R, and where in them each trade begins."""
    lengths = trades.exited - trades.entered + 1
    ends = np.cumsum(lengths)
    begins = ends - lengths
    bars = np.arange(ends[-1]) + np.repeat(trades.entered - begins, lengths)
    paid = trades.entry * (1.0 * trades.sides + costs.fee_in + costs.funding) / trades.risk
    worth = np.repeat(trades.sides / trades.risk, lengths) * prices.close[bars] - np.repeat(paid, lengths)
    worth[ends - 1] = trades.results
    return bars, worth, begins
