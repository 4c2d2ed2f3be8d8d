"""The two loops of a trial compiled by numba, where the extra `fast` is installed; results equal the numpy forms bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Sides = NDArray[np.int8]


class Kernels(NamedTuple):
    """Compiled loops; their arguments are those of `alert_loop` and `walk_loop`."""

    alerts: Callable[..., tuple[Places, Sides]]
    walk: Callable[..., tuple[Places, Places, Places, Floats]]


@cache
def compiled() -> Kernels | None:
    """The compiled loops; None without numba. The first call in a process takes up to two seconds."""
    try:
        import numba
    except ImportError:
        return None
    try:
        made = _made(numba.njit(cache=True, nogil=True))
    except RuntimeError:  # nowhere to keep what was compiled: it is compiled anew in every process
        made = _made(numba.njit(nogil=True))
    return made


def _made(compile_: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Kernels:
    return Kernels(compile_(alert_loop), compile_(walk_loop))


def alert_loop(
    rows: NDArray[np.unsignedinteger[Any]],
    bounds: NDArray[np.unsignedinteger[Any]],
    row_bits: NDArray[np.uint8],
    row_sides: Sides,
    fixed_bits: NDArray[np.uint8],
    fixed_sides: Sides,
    loud: NDArray[np.unsignedinteger[Any]],
    quiet: int,
    needed: int,
    open_ms: Floats,
    cooldown_ms: float,
    first: int,
    last: int,
) -> tuple[Places, Sides]:
    """Places told as ALERT and the sums of their sides: `EntryTable.alerts` over the places [first, last) of its arrays."""
    bits = fixed_bits[first:last].copy()
    for row in range(len(bounds)):
        bound, bit = bounds[row], row_bits[row]
        ranks = rows[row][first:last]
        for place in range(len(bits)):
            bits[place] |= bit if ranks[place] > bound else np.uint8(0)
    told = np.empty(len(bits), np.intp)
    sums = np.empty(len(bits), np.int8)
    count = 0
    memory = np.uint8(0)
    until_ms = -np.inf
    for near in range(len(bits)):
        now = bits[near]
        left = now
        for _ in range(needed - 1):
            left &= left - np.uint8(1)
        if left == 0:
            continue
        place = first + near
        if loud[place] <= quiet:
            continue
        cooling = open_ms[place] < until_ms
        if cooling and now | memory == memory:
            continue
        memory = memory | now if cooling else now
        until_ms = open_ms[place] + cooldown_ms
        side = fixed_sides[place]
        for row in range(len(bounds)):
            if rows[row, place] > bounds[row]:
                side += row_sides[row, place]
        told[count], sums[count] = place, side
        count += 1
    return told[:count], sums[:count]


def walk_loop(
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
    """Which alerts become trades, where each begins and ends, and the price it leaves at: see `core.calibration.walk`."""
    most = len(places)
    taken, entered, exited = np.empty(most, np.intp), np.empty(most, np.intp), np.empty(most, np.intp)
    left_at = np.empty(most)
    trades = 0
    for alert in range(most):
        place, side = places[alert], sides[alert]
        first = place + 1
        if place < free or first + horizon > len(opens) or not atr[place] > 0.0:
            continue
        entry = opens[first] * (1.0 + side * near)
        target, stop = entry + side * target_atr * atr[place], entry - side * stop_atr * atr[place]
        last = first + horizon - 1
        price = close[last]
        for bar in range(first, first + horizon):
            stopped = low[bar] <= stop if side > 0 else high[bar] >= stop
            reached = high[bar] >= target if side > 0 else low[bar] <= target
            if stopped:
                price = min(stop, opens[bar]) if side > 0 else max(stop, opens[bar])
            elif reached:
                price = target
            if stopped or reached:
                last = bar
                break
        taken[trades], entered[trades], exited[trades], left_at[trades] = place, first, last, price
        trades += 1
        free = last
    return taken[:trades], entered[:trades], exited[:trades], left_at[:trades]
