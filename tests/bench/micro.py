"""Parts alone: bus, book, indicators, each against a named peer in the same run."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import numpy as np
from sortedcontainers import SortedDict

from core.bus import Bus
from core.clock import SimClock
from core.market.book import OrderBook
from core.market.indicators import Indicator, IndicatorSet, Input, load_talib
from core.messages import Quote
from tests.bench.timing import Figure, compare

EVENTS = 100_000


def bus_fan_out() -> Figure:
    """One message to ten subscribers through the bus, against a bare loop over the same callbacks."""

    class Counter:
        __slots__ = ("seen",)

        def __init__(self) -> None:
            self.seen = 0

        def take(self, message: Quote) -> None:
            self.seen += 1

    counters = [Counter() for _ in range(10)]
    bus = Bus(SimClock(0))
    for counter in counters:
        bus.subscribe(Quote, counter.take)
    callbacks: tuple[Callable[[Quote], None], ...] = tuple(counter.take for counter in counters)
    quote = Quote(
        venue="v", category="spot", symbol="S", bid=1.0, bid_size=1.0, ask=2.0, ask_size=1.0, event_ms=0, received_ms=0
    )

    def through_bus() -> None:
        publish = bus.publish
        for _ in range(EVENTS):
            publish(quote)

    def bare() -> None:
        for _ in range(EVENTS):
            for callback in callbacks:
                callback(quote)

    ours, peer = compare(through_bus, bare)
    return Figure(
        name="bus fan-out to 10, with counters / bare loop", value=ours / peer, unit="x", target=2.0, better="less",
        detail=f"{ours / EVENTS * 1e6:.2f} us against {peer / EVENTS * 1e6:.2f} us an event",
    )  # fmt: skip


Diff = tuple[list[tuple[float, float]], list[tuple[float, float]]]


def synthetic_diffs(messages: int = 4000, levels: int = 23, seed: int = 1) -> tuple[Diff, list[Diff]]:
    """A snapshot of 1000 levels a side and diffs that mostly touch levels near the top, as recorded streams do."""
    rng = random.Random(seed)
    mid = 100_000
    bids = [((mid - i) / 100, rng.random() + 0.1) for i in range(1, 1001)]
    asks = [((mid + i) / 100, rng.random() + 0.1) for i in range(1, 1001)]
    diffs: list[Diff] = []
    for _ in range(messages):
        mid += rng.choice((-1, 0, 0, 0, 1))
        changes: Diff = ([], [])
        for side, sign in ((changes[0], -1), (changes[1], 1)):
            side.append(((mid - sign * 1) / 100, 0.0))  # nothing rests beyond the new mid
            for _ in range(levels - 1):
                distance = int(rng.expovariate(1 / 40)) + 1
                side.append(((mid + sign * distance) / 100, 0.0 if rng.random() < 0.35 else rng.random() + 0.1))
        diffs.append(changes)
    return (bids, asks), diffs


def book_best(snapshot: Diff | None = None, diffs: list[Diff] | None = None, source: str = "synthetic diffs") -> Figure:
    """Apply every diff and read best bid and ask after each, against two SortedDicts."""
    if snapshot is None or diffs is None:
        snapshot, diffs = synthetic_diffs()

    def ours() -> float:
        book = OrderBook()
        book.replace(*snapshot)
        total = 0.0
        for bids, asks in diffs:
            book.apply(bids, asks)
            bid, ask = book.best_bid(), book.best_ask()
            if bid and ask:
                total += bid[0] + ask[0]
        return total

    def peer() -> float:
        bid_side, ask_side = SortedDict(snapshot[0]), SortedDict(snapshot[1])
        total = 0.0
        for bids, asks in diffs:
            for side, changes in ((bid_side, bids), (ask_side, asks)):
                for price, size in changes:
                    if size:
                        side[price] = size
                    else:
                        side.pop(price, None)
            if bid_side and ask_side:
                total += bid_side.peekitem(-1)[0] + ask_side.peekitem(0)[0]
        return total

    if ours() != peer():
        raise AssertionError("the two books disagree: the comparison means nothing")
    mine, theirs = compare(ours, peer, repeats=7)
    levels = sum(len(bids) + len(asks) for bids, asks in diffs)
    return Figure(
        name="book best bid/ask / SortedDict", value=theirs / mine, unit="x", target=4.0, better="more", must=False,
        detail=f"{mine / levels * 1e6:.3f} us against {theirs / levels * 1e6:.3f} us a level; {len(diffs)} diffs of the {source}",
    )  # fmt: skip


FORTY_FIVE: tuple[tuple[str, str, Mapping[str, float], int], ...] = (
    *(("SMA", "c", {"timeperiod": n}, 1) for n in (20, 50, 200)),
    *(("EMA", "c", {"timeperiod": n}, 1) for n in (9, 21, 55, 200)),
    *((name, "c", {"timeperiod": 20}, 1) for name in ("WMA", "DEMA", "TEMA", "KAMA")),
    ("T3", "c", {"timeperiod": 10}, 1),
    ("MAMA", "c", {}, 2),
    ("SAR", "hl", {}, 1),
    ("BBANDS", "c", {"timeperiod": 20}, 3),
    ("MIDPRICE", "hl", {"timeperiod": 14}, 1),
    *(("RSI", "c", {"timeperiod": n}, 1) for n in (14, 7)),
    ("MACD", "c", {}, 3),
    ("STOCH", "hlc", {}, 2),
    ("STOCHRSI", "c", {}, 2),
    ("STOCHF", "hlc", {}, 2),
    *((name, "hlc", {"timeperiod": 14}, 1) for name in ("ADX", "ADXR", "PLUS_DI", "MINUS_DI", "DX")),
    ("AROON", "hl", {"timeperiod": 14}, 2),
    ("AROONOSC", "hl", {"timeperiod": 14}, 1),
    ("CCI", "hlc", {"timeperiod": 20}, 1),
    ("MFI", "hlcv", {"timeperiod": 14}, 1),
    *((name, "c", {"timeperiod": 10}, 1) for name in ("MOM", "ROC")),
    ("TRIX", "c", {"timeperiod": 15}, 1),
    ("ULTOSC", "hlc", {}, 1),
    ("WILLR", "hlc", {"timeperiod": 14}, 1),
    *((name, "c", {}, 1) for name in ("PPO", "APO")),
    ("BOP", "ohlc", {}, 1),
    ("CMO", "c", {"timeperiod": 14}, 1),
    *((name, "hlc", {"timeperiod": 14}, 1) for name in ("ATR", "NATR")),
    ("OBV", "cv", {}, 1),
    ("ADOSC", "hlcv", {}, 1),
    ("LINEARREG_SLOPE", "c", {"timeperiod": 14}, 1),
)
"""45 common indicators: TA-Lib function, inputs by initial, parameters, number of outputs."""

INITIALS: dict[str, Input] = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}


def forty_five() -> tuple[Indicator, ...]:
    """The 45 as a table for `IndicatorSet`."""
    return tuple(
        Indicator(
            function,
            tuple(INITIALS[initial] for initial in inputs),
            parameters,
            tuple(f"{function}_{place}_{output}" for output in range(outputs)),
            0,
        )
        for place, (function, inputs, parameters, outputs) in enumerate(FORTY_FIVE)
    )


def indicators_incremental() -> Figure:
    """45 handles fed bar by bar, against computing them all again over the last 1000 bars; values must be bit-equal."""
    talib = load_talib()
    table = forty_five()
    rng = np.random.default_rng(3)
    count = 1200
    close = 100.0 * np.exp(np.cumsum(rng.standard_normal(count) * 1e-3))
    spread = np.abs(rng.standard_normal(count)) * 0.05 + 0.01
    block = np.zeros((count, 9))
    block[:, 0] = np.arange(count) * 60_000.0
    block[:, 1], block[:, 4] = np.concatenate(([100.0], close[:-1])), close
    block[:, 2], block[:, 3] = np.maximum(block[:, 1], close) + spread, np.minimum(block[:, 1], close) - spread
    block[:, 5] = rng.random(count) * 10
    columns = {
        "open": block[:, 1],
        "high": block[:, 2],
        "low": block[:, 3],
        "close": block[:, 4],
        "volume": block[:, 5],
    }
    arrays = {name: np.ascontiguousarray(column) for name, column in columns.items()}
    start = 1000

    def batch(last: int, first: int = 0) -> list[float]:
        row: list[float] = []
        for entry in table:
            values = getattr(talib, entry.function)(
                *[arrays[name][first:last] for name in entry.inputs], **entry.parameters
            )
            outputs = values if isinstance(values, tuple) else (values,)
            row += [float(output[-1]) for output, name in zip(outputs, entry.outputs, strict=True) if name]
        return row

    def incremental() -> None:
        made, _ = IndicatorSet.open(block[:start], table)
        for i in range(start, count):
            made.update(*block[i, 1:6])

    def opening() -> None:
        IndicatorSet.open(block[:start], table)

    def full() -> None:
        for i in range(start, count):
            batch(i + 1, i + 1 - start)

    made, _ = IndicatorSet.open(block[:start], table)
    for i in range(start, count):
        row = made.update(*block[i, 1:6])
        if row.tolist() != batch(i + 1):
            raise AssertionError(f"bar {i}: incremental values differ from the batch functions")
    ours, peer = compare(incremental, full, repeats=7)
    once, _ = compare(opening, opening, repeats=7)
    bars = count - start
    mine = (ours - once) / bars
    return Figure(
        name="45 indicators incremental / full recompute", value=peer / bars / mine, unit="x", target=15.0, better="more",
        detail=f"{mine * 1e6:.1f} us against {peer / bars * 1e6:.0f} us a bar, bit-equal",
    )  # fmt: skip
