"""Indicators of one series, carried bar by bar on TA-Lib stream handles.

A handle is opened once on history and then updated in constant time; its values are bit-equal to the batch functions
(TA-Lib 0.8.1 or newer). Adding an indicator is one entry in `TABLE`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from math import isfinite, log
from operator import itemgetter
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.market.candles import CandleWindow
from core.venue import CandleBlock

Input = Literal["open", "high", "low", "close", "volume", "typical", "return"]
"""`typical` is (high + low + close) / 3, `return` ln(close / close before), 0 on the first bar."""
Floats = NDArray[np.float64]

_INPUTS: tuple[Input, ...] = ("open", "high", "low", "close", "volume", "typical", "return")


class Indicator(NamedTuple):
    """One TA-Lib function. `outputs` names its outputs in order; an empty name is an output we do not keep.

    `warmup` is the number of bars after which the value no longer depends on where the history began, to 1e-6
    (methods sheet 1.3, measured).
    """

    function: str
    inputs: tuple[Input, ...]
    parameters: Mapping[str, float]
    outputs: tuple[str, ...]
    warmup: int


_HLC: tuple[Input, ...] = ("high", "low", "close")
_OHLC: tuple[Input, ...] = ("open", "high", "low", "close")
_HLCV: tuple[Input, ...] = ("high", "low", "close", "volume")

TABLE: tuple[Indicator, ...] = (
    Indicator("EMA", ("close",), {"timeperiod": 9}, ("ema9",), 55),
    Indicator("EMA", ("close",), {"timeperiod": 20}, ("ema20",), 125),
    Indicator("EMA", ("close",), {"timeperiod": 21}, ("ema21",), 135),
    Indicator("EMA", ("close",), {"timeperiod": 50}, ("ema50",), 295),
    Indicator("EMA", ("close",), {"timeperiod": 200}, ("ema200",), 1400),
    Indicator("ADX", _HLC, {"timeperiod": 14}, ("adx14",), 280),
    Indicator("PLUS_DI", _HLC, {"timeperiod": 14}, ("plus_di14",), 240),
    Indicator("MINUS_DI", _HLC, {"timeperiod": 14}, ("minus_di14",), 240),
    Indicator("MACD", ("close",), {"fastperiod": 12, "slowperiod": 26, "signalperiod": 9}, ("", "", "macd_hist"), 200),
    Indicator("RSI", ("close",), {"timeperiod": 14}, ("rsi14",), 250),
    Indicator("SMA", ("close",), {"timeperiod": 20}, ("sma20",), 20),
    Indicator("STDDEV", ("close",), {"timeperiod": 20, "nbdev": 1.0}, ("std20",), 20),  # population: divides by n
    Indicator("ATR", _HLC, {"timeperiod": 14}, ("atr14",), 195),
    Indicator("MAX", ("high",), {"timeperiod": 20}, ("max20",), 20),  # includes the current bar
    Indicator("MIN", ("low",), {"timeperiod": 20}, ("min20",), 20),
    Indicator("SUPERTREND", _HLC, {"timeperiod": 10, "multiplier": 3.0}, ("", "supertrend"), 135),  # the side: +1, -1
    Indicator("STOCH", _HLC, {"fastk_period": 14, "slowk_period": 3, "slowd_period": 3}, ("stoch_k", "stoch_d"), 20),
    Indicator("CCI", _HLC, {"timeperiod": 20}, ("cci20",), 20),
    Indicator("WILLR", _HLC, {"timeperiod": 14}, ("willr14",), 14),
    Indicator("MFI", _HLCV, {"timeperiod": 14}, ("mfi14",), 15),
    Indicator("CMF", _HLCV, {"timeperiod": 20}, ("cmf20",), 20),
    # EMA20 of the typical price and 1.5 ATR10
    Indicator("KC", _HLC, {"timeperiod": 20, "atrperiod": 10, "nbdev": 1.5}, ("kc_upper", "", "kc_lower"), 120),
    Indicator("VWMA", ("typical", "volume"), {"timeperiod": 30}, ("vwap30",), 30),
    Indicator("STDDEV", ("return",), {"timeperiod": 60, "nbdev": 1.0}, ("return_std60",), 61),
    Indicator("STDDEV", ("return",), {"timeperiod": 240, "nbdev": 1.0}, ("return_std240",), 241),
    # 100 and -100 are whole patterns, 0 none
    Indicator("CDLMORNINGSTAR", _OHLC, {}, ("cdl_morning_star",), 15),
    Indicator("CDLEVENINGSTAR", _OHLC, {}, ("cdl_evening_star",), 15),
    Indicator("CDLPIERCING", _OHLC, {}, ("cdl_piercing",), 15),
    Indicator("CDLDARKCLOUDCOVER", _OHLC, {}, ("cdl_dark_cloud",), 15),
    Indicator("CDLSHOOTINGSTAR", _OHLC, {}, ("cdl_shooting_star",), 15),
    Indicator("CDLINVERTEDHAMMER", _OHLC, {}, ("cdl_inverted_hammer",), 15),
    Indicator("CDLHAMMER", _OHLC, {}, ("cdl_hammer",), 15),
    Indicator("CDLHANGINGMAN", _OHLC, {}, ("cdl_hanging_man",), 15),
    Indicator("CDL3INSIDE", _OHLC, {}, ("cdl_inside3",), 15),
    Indicator("CDL3OUTSIDE", _OHLC, {}, ("cdl_outside3",), 15),
    Indicator("CDLENGULFING", _OHLC, {}, ("cdl_engulfing",), 15),
    Indicator("CDLHARAMI", _OHLC, {}, ("cdl_harami",), 15),
)


def columns_of(table: Iterable[Indicator]) -> tuple[str, ...]:
    """Names of the kept outputs, in the order of a row."""
    return tuple(name for indicator in table for name in indicator.outputs if name)


COLUMNS: tuple[str, ...] = columns_of(TABLE)
WARMUP: dict[str, int] = {name: entry.warmup for entry in TABLE for name in entry.outputs if name}
"""Bars of history after which a column may be trusted."""

_lookbacks: dict[tuple[object, ...], int] = {}
_LONG_ENOUGH = 2000
_CLOSE = _INPUTS.index("close")

_import_lock = threading.Lock()


def load_talib() -> Any:
    """Import TA-Lib without letting it pull in pandas (240 ms and 76 MB that we do not use), and return the module.

    Call it from a worker thread at start. Where pandas is already imported there is nothing to save. A later
    `import pandas` works as usual.
    """
    with _import_lock:
        blocked = [name for name in ("pandas", "polars") if name not in sys.modules and "talib" not in sys.modules]
        for name in blocked:
            sys.modules[name] = None  # type: ignore[assignment]
        try:
            import talib
            import talib.stream
        finally:
            for name in blocked:
                if sys.modules.get(name, 0) is None:
                    del sys.modules[name]
    return talib


class _Slot:
    """One indicator of one set: its handle (None until there is enough history) and where its values go."""

    __slots__ = ("group", "handle", "indicator", "inputs", "places", "single")

    def __init__(self, indicator: Indicator, first: int) -> None:
        self.indicator = indicator
        self.handle: Any = None
        self.group = 0  # which of the set's argument tuples the function takes
        self.inputs = tuple(_INPUTS.index(name) for name in indicator.inputs)
        self.places: list[tuple[int, int]] = []  # (output of the function, column of the row)
        for output, name in enumerate(indicator.outputs):
            if name:
                self.places.append((output, first + len(self.places)))
        self.single = self.places[0][1] if len(indicator.outputs) == 1 else -1


class _Calls(NamedTuple):
    """The update methods of all functions that take the same arguments, each with the columns of its values."""

    pick: Callable[[tuple[float, ...]], tuple[float, ...]]
    singles: list[tuple[Callable[..., float], int]]
    several: list[tuple[Callable[..., tuple[float, ...]], list[tuple[int, int]]]]


class IndicatorSet:
    """Every indicator of `table` on one series. Not shared between threads."""

    __slots__ = ("_arguments", "_calls", "_close", "_history", "_slots", "_talib", "columns", "refused")

    def __init__(self, table: tuple[Indicator, ...]) -> None:
        self.columns = columns_of(table)
        self.refused = 0
        """Bars that were not finite and therefore not fed."""
        self._talib = load_talib()
        self._slots: list[_Slot] = []
        self._close = 0.0
        self._history: list[Floats] | None = None  # the input columns, only while some handle is not open yet
        first = 0
        for indicator in table:
            slot = _Slot(indicator, first)
            first += len(slot.places)
            self._slots.append(slot)
        groups = list(dict.fromkeys(slot.inputs for slot in self._slots))
        for slot in self._slots:
            slot.group = groups.index(slot.inputs)
        self._arguments = [_picker(inputs) for inputs in groups]
        self._calls: list[_Calls] | None = None  # the open handles in the order and form `update` needs them

    @classmethod
    def open(
        cls, bars: CandleWindow | CandleBlock, table: tuple[Indicator, ...] = TABLE
    ) -> tuple[IndicatorSet, Floats]:
        """A set standing at the last bar, and the rows of all bars: float64 (n, k), NaN while a value is not defined.

        `bars` is a window or a candle block without non-finite prices. Too little history is no error.
        """
        made = cls(table)
        inputs = _inputs(bars)
        rows = np.full((len(inputs[0]), len(made.columns)), np.nan)
        for slot in made._slots:
            made._open_slot(slot, inputs, rows)
        if len(inputs[0]):
            made._close = float(inputs[_CLOSE][-1])
        if any(slot.handle is None for slot in made._slots):
            made._history = inputs
        return made, rows

    def update(self, open_: float, high: float, low: float, close: float, volume: float) -> Floats:
        """Feed one closed bar and return its row, shape (k,). A bar that is not finite changes nothing: a NaN row."""
        bar: tuple[float, ...] = (open_, high, low, close, volume)
        if not _finite(bar):
            self.refused += 1
            return np.full(len(self.columns), np.nan)
        bar = self._derived(bar)
        self._close = close
        if self._history is not None:
            row = np.full(len(self.columns), np.nan)
            self._grow(bar, row)
            return row
        if self._calls is None:
            self._calls = self._arrange()
        found = [0.0] * len(self.columns)  # a list takes a value four times as fast as an array
        for pick, singles, several in self._calls:
            arguments = pick(bar)
            for update, column in singles:
                found[column] = update(*arguments)
            for update_several, places in several:
                values = update_several(*arguments)
                for output, column in places:
                    found[column] = values[output]
        return np.array(found)

    def peek(self, open_: float, high: float, low: float, close: float, volume: float) -> Floats:
        """The row `update` would return for this forming bar; commits nothing."""
        bar: tuple[float, ...] = (open_, high, low, close, volume)
        row = np.full(len(self.columns), np.nan)
        if not _finite(bar):
            return row
        bar = self._derived(bar)
        arguments = [pick(bar) for pick in self._arguments]
        for slot in self._slots:
            if slot.handle is not None:
                _store(slot, slot.handle.peek(*arguments[slot.group]), row)
        return row

    def copy(self) -> IndicatorSet:
        """An independent set at the same bar."""
        twin = IndicatorSet(tuple(slot.indicator for slot in self._slots))
        for mine, other in zip(self._slots, twin._slots, strict=True):
            other.handle = mine.handle.copy() if mine.handle is not None else None
        twin._close = self._close
        twin._history = list(self._history) if self._history is not None else None
        return twin

    def _derived(self, bar: tuple[float, ...]) -> tuple[float, ...]:
        """The bar with the inputs that follow from it."""
        return (*bar, (bar[1] + bar[2] + bar[3]) / 3.0, _log_ratio(bar[3], self._close))

    def _arrange(self) -> list[_Calls]:
        """What `update` calls, by the arguments taken: functions of one value, then functions of several."""
        calls: list[_Calls] = [_Calls(pick, [], []) for pick in self._arguments]
        for slot in self._slots:
            if slot.single >= 0:
                calls[slot.group].singles.append((slot.handle.update, slot.single))
            else:
                calls[slot.group].several.append((slot.handle.update, slot.places))
        return calls

    def _open_slot(self, slot: _Slot, inputs: list[Floats], rows: Floats) -> None:
        """Open one handle on all history and fill its columns; leaves it closed when the history is too short."""
        if len(inputs[0]) <= _lookback(slot.indicator):
            return
        stream = getattr(self._talib.stream, slot.indicator.function)
        slot.handle, filled = stream.open_and_fill(*[inputs[i] for i in slot.inputs], **slot.indicator.parameters)
        outputs = (filled,) if slot.single >= 0 else filled
        first = slot.handle.out_range.begidx  # whole numbers (candles, sides) are 0 before it, not missing
        for output, column in slot.places:
            rows[first:, column] = outputs[output][first:]

    def _grow(self, bar: tuple[float, ...], row: Floats) -> None:
        """Update while some handles still wait for history: those are tried again on the longer one."""
        assert self._history is not None
        self._history = [np.append(column, value) for column, value in zip(self._history, bar, strict=True)]
        rows = np.full((len(self._history[0]), len(self.columns)), np.nan)
        waiting = False
        for slot in self._slots:
            if slot.handle is not None:
                _store(slot, slot.handle.update(*[bar[i] for i in slot.inputs]), row)
                continue
            self._open_slot(slot, self._history, rows)
            waiting = waiting or slot.handle is None
            for _, column in slot.places:
                row[column] = rows[-1, column]
        if not waiting:
            self._history = None


def oscillators_may_vote(window: CandleWindow, atr14: float, tick_size: float = 0.0) -> bool:
    """Whether oscillators say anything on the newest bars (methods sheet 1.3, edge cases).

    A halted or barely traded market makes RSI and its kin return 0, which looks oversold. So: ATR14 above two ticks
    (`tick_size` 0: unknown, above zero), volume in at least 80 % of the last 14 bars, none of them synthetic.
    """
    if len(window) < 14 or not atr14 > 2.0 * tick_size:
        return False
    return not window.synthetic[-14:].any() and int((window.volume[-14:] > 0.0).sum()) >= 12


def _lookback(indicator: Indicator) -> int:
    """Bars before the first value. Asked of TA-Lib once, on a made-up history that is long enough.

    On too short a one 0.8.2 mostly declines, but now and then fails with "bad parameter": so it is never tried.
    """
    key = (indicator.function, *sorted(indicator.parameters.items()))
    known = _lookbacks.get(key)
    if known is None:
        made_up = np.linspace(1.0, 2.0, _LONG_ENOUGH)
        stream = getattr(load_talib().stream, indicator.function)
        handle, _ = stream.open_and_fill(*[made_up] * len(indicator.inputs), **indicator.parameters)
        known = _lookbacks[key] = int(handle.out_range.begidx)
    return known


def _inputs(bars: CandleWindow | CandleBlock) -> list[Floats]:
    if isinstance(bars, CandleWindow):
        found = [bars.open.copy(), bars.high.copy(), bars.low.copy(), bars.close.copy(), bars.volume.copy()]
    else:
        found = [np.ascontiguousarray(bars[:, i]) for i in range(1, 6)]
    closes: list[float] = found[_CLOSE].tolist()
    # Bar by bar with the logarithm `update` takes: the vectorised one may differ in the last bit.
    returns = [0.0, *map(_log_ratio, closes[1:], closes)][: len(closes)]
    return [*found, (found[1] + found[2] + found[3]) / 3.0, np.array(returns)]


def _log_ratio(close: float, before: float) -> float:
    return log(close / before) if close > 0.0 and before > 0.0 else 0.0


def _picker(inputs: tuple[int, ...]) -> Callable[[tuple[float, ...]], tuple[float, ...]]:
    """Takes a function's arguments out of a bar."""
    if len(inputs) == 1:
        place = inputs[0]
        return lambda bar: (bar[place],)
    return itemgetter(*inputs)


def _finite(bar: tuple[float, ...]) -> bool:
    return isfinite(sum(bar))


def _store(slot: _Slot, values: Any, row: Floats) -> None:
    if slot.single >= 0:
        row[slot.single] = values
    else:
        for output, column in slot.places:
            row[column] = values[output]
