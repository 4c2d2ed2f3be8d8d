"""One symbol's live stream: its minute's trades, book diffs, best quotes and marks, in time order.

A minute is planned as a whole (a pure function of seed, symbol and minute): when the book changes, where the touch is,
which changes carry a trade. The book itself is stepped event by event. A trade always follows, in the same
millisecond, the diff that put the touch at its price.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from providers.sandbox.market_slots import Flags, Ints, MinuteSlots, MinuteTrades, split_minute
from providers.sandbox.market_symbols import SymbolSpec
from providers.sandbox.model import (
    BookSnapshot,
    SandboxDepth,
    SandboxEvent,
    SandboxMark,
    SandboxQuote,
    SandboxTrade,
)
from providers.sandbox.orderbook import BookSide
from providers.sandbox.paths import MINUTE_MS

HOUR_MS = 3_600_000
FUNDING_MS = 8 * HOUR_MS
IDS_PER_MINUTE = 100_000
"""Book ids start at minute * this, far above what a minute uses, so that a restarted market's ids still rise."""
RECENT_TRADES = 1000
RECENT_MINUTES = 30
"""How far before the start of the stream recent trades are looked for."""
MARK_EVERY_MS = 1000
TOUCH_TRADES = 6.0
"""Typical size at the touch, in typical trades."""

HourBars = tuple[Ints, MinuteSlots]
"""Rows and slots of the 60 minutes of one hour."""


class StreamRates(msgspec.Struct, frozen=True, kw_only=True):
    """Events per second of one symbol, and level changes per diff."""

    depth_per_s: float
    quotes_per_s: float
    levels_per_diff: int


class MinutePlan(msgspec.Struct, frozen=True):
    """One minute's book steps as plain lists (fast to walk), and the minute's trades.

    Step j happens at `times[j]`, moves the touch, gives `noise` cells of each side new sizes (bids, then asks, in the
    flat `cells` and `sizes`), and carries the trades from `trade_from[j]` up to `trade_from[j + 1]`.
    """

    minute: int
    row: list[int]
    times: list[int]
    bids: list[int]
    asks: list[int]
    bid_lots: list[int]
    ask_lots: list[int]
    noise: int
    cells: list[int]
    sizes: list[int]
    quoted: list[bool]
    trade_from: list[int]
    prices: list[int]
    lots: list[int]
    buys: list[bool]


def _hold(values: NDArray[np.int64], kept: Flags) -> NDArray[np.int64]:
    """Each value where it is kept, the last kept one elsewhere."""
    held: NDArray[np.int64] = values[np.maximum.accumulate(np.where(kept, np.arange(len(kept)), 0))]
    return held


def plan_minute(
    spec: SymbolSpec,
    seed: int,
    minute: int,
    row: Ints,
    slots: MinuteSlots,
    at: int,
    start_ticks: int,
    rates: StreamRates,
) -> MinutePlan:
    """Lay out the minute `row` (a bar, see `BAR_COLUMNS`; its slots are `slots[at]`), opening at `start_ticks`."""
    rng = np.random.default_rng([seed, spec.key, minute])
    n = int(row[7])
    trades = split_minute(slots, at, rng.standard_exponential(n) + 0.05)
    steps = max(1, n, round(rates.depth_per_s * 60.0))
    times = ((np.arange(steps) + rng.random(steps)) * (MINUTE_MS / steps)).astype(np.int64)
    carries = np.sort(rng.choice(steps, n, replace=False)) if n else np.empty(0, dtype=np.int64)
    trade_from = np.zeros(steps + 1, dtype=np.int64)
    trade_from[carries + 1] = 1
    bids, asks = _touches(spec, rng, steps, carries, trades, start_ticks)
    bid_lots, ask_lots = _touch_sizes(spec, rng, steps, carries, trades)
    noise = max(1, round((rates.levels_per_diff - 4) / 2))
    cells = np.minimum(rng.standard_exponential((steps, 2 * noise)) * 18.0, 250.0).astype(np.int64) + 1
    shape = (0.4 + np.minimum(cells, 60) / 30.0) * rng.standard_exponential((steps, 2 * noise))
    sizes = (shape * (spec.trade_lots * 2.0)).astype(np.int64) + 1
    sizes[rng.random((steps, 2 * noise)) < 0.08] = 0
    quoted = rng.random(steps) < min(1.0, rates.quotes_per_s / rates.depth_per_s)
    return MinutePlan(
        minute=minute,
        row=row.tolist(),
        times=(times + minute * MINUTE_MS).tolist(),
        bids=bids.tolist(),
        asks=asks.tolist(),
        bid_lots=bid_lots.tolist(),
        ask_lots=ask_lots.tolist(),
        noise=noise,
        cells=cells.ravel().tolist(),
        sizes=sizes.ravel().tolist(),
        quoted=quoted.tolist(),
        trade_from=np.cumsum(trade_from).tolist(),
        prices=trades.prices.tolist(),
        lots=trades.lots.tolist(),
        buys=trades.buys.tolist(),
    )


def _touches(
    spec: SymbolSpec, rng: np.random.Generator, steps: int, carries: Ints, trades: MinuteTrades, start_ticks: int
) -> tuple[Ints, Ints]:
    """Best bid and ask at every step: at a trade its price is the taken touch, between trades the touch drifts there."""
    kept = rng.random(steps) < 0.3
    kept[carries] = True
    kept[0] = True
    at = np.concatenate(([-1], carries))
    line = np.interp(np.arange(steps), at, np.concatenate(([start_ticks], trades.prices)))
    price = np.rint(line).astype(np.int64)
    side = np.zeros(steps, dtype=np.int64)
    side[0] = int(rng.random() < 0.5)
    side[carries] = trades.buys
    traded = np.zeros(steps, dtype=np.bool_)
    traded[carries] = True
    traded[0] = True
    side = _hold(side, traded)
    drawn = np.exp(rng.standard_normal(steps) * 0.4) * spec.spread_ticks
    spread = np.maximum(1, np.rint(drawn)).astype(np.int64)
    price, spread = _hold(price, kept), _hold(spread, kept)
    bids = np.maximum(1, np.where(side == 1, price - spread, price))
    return bids, np.maximum(np.where(side == 1, price, price + spread), bids + 1)


def _touch_sizes(
    spec: SymbolSpec, rng: np.random.Generator, steps: int, carries: Ints, trades: MinuteTrades
) -> tuple[Ints, Ints]:
    """Sizes at the touch: always more than the trade that takes from it, and less by it one step later."""
    sizes = (np.exp(rng.standard_normal((2, steps + 1)) * 0.8) * (spec.trade_lots * TOUCH_TRADES)).astype(np.int64) + 1
    for side, takers in ((0, ~trades.buys), (1, trades.buys)):
        hit, lots = carries[takers], trades.lots[takers]
        sizes[side, hit] = np.maximum(sizes[side, hit], lots + 1)
        left = sizes[side, hit] - lots
        busy = np.zeros(steps + 1, dtype=np.bool_)
        busy[hit] = True
        free = ~busy[hit + 1]
        sizes[side, hit[free] + 1] = left[free]
    return sizes[0, :steps], sizes[1, :steps]


class SymbolStream:
    """Streamed state of one symbol: book, forming bar, recent trades, mark.

    `hour` gives the bars of an hour (hours since 1970); `stagger` in [0, 1) says when in a minute the next one is
    planned, so that many symbols do not plan at once.
    """

    def __init__(
        self,
        spec: SymbolSpec,
        seed: int,
        rates: StreamRates,
        hour: Callable[[int], HourBars],
        stagger: float,
        perpetual: bool,
    ) -> None:
        self.spec = spec
        self._seed = seed
        self._rates = rates
        self._hour = hour
        self._hours: dict[int, HourBars] = {}
        self._plan_after_ms = int(5_000 + 50_000 * stagger)
        self._perpetual = perpetual
        self._bids = BookSide(-1, spec.cell_ticks, spec.trade_lots * 2.0, spec.key)
        self._asks = BookSide(1, spec.cell_ticks, spec.trade_lots * 2.0, spec.key ^ 0x5A5A5A)
        self._last_id = 0
        self._step = 0
        self._streamed_ms = 0
        self._first_minute = 0
        self._recent: deque[SandboxTrade] = deque(maxlen=RECENT_TRADES)
        self._mark: SandboxMark | None = None
        self._mark_due_ms = 0
        self._last_price = 0
        self._plan: MinutePlan
        self._next: MinutePlan | None = None

    def start(self, at_ms: int) -> None:
        """Open the book at the start of the minute and run silently up to and including `at_ms`."""
        minute = at_ms // MINUTE_MS
        self._first_minute = minute
        self._recent.clear()
        self._next = None
        self._plan = self.plan(minute)
        self._last_price = self._opening(minute)
        self._last_id = minute * IDS_PER_MINUTE
        self._bids.open_at(self._plan.bids[0], self._plan.bid_lots[0])
        self._asks.open_at(self._plan.asks[0], self._plan.ask_lots[0])
        self._step = 0
        self._streamed_ms = minute * MINUTE_MS - 1
        self._mark_due_ms = minute * MINUTE_MS + self.spec.key % MARK_EVERY_MS
        if self._perpetual:
            self._mark = self._make_mark(minute * MINUTE_MS)
        self.advance(at_ms, [])

    def plan(self, minute: int) -> MinutePlan:
        """The plan of any minute; the same every time."""
        rows, slots = self._bars_of(minute // 60)
        at = minute % 60
        return plan_minute(self.spec, self._seed, minute, rows[at], slots, at, self._opening(minute), self._rates)

    def _opening(self, minute: int) -> int:
        """Price at which a minute begins: its bar's open (the previous close, or a tick off)."""
        return int(self._bars_of(minute // 60)[0][minute % 60, 1])

    def _bars_of(self, hour: int) -> HourBars:
        """Bars of an hour; the last two asked for are kept, so that planning ahead does not drop the present one."""
        known = self._hours.get(hour)
        if known is None:
            known = self._hours[hour] = self._hour(hour)
            if len(self._hours) > 2:
                del self._hours[next(iter(self._hours))]
        return known

    def advance(self, until_ms: int, out: list[SandboxEvent]) -> None:
        """Append every event after the streamed time up to and including `until_ms`."""
        if until_ms <= self._streamed_ms:
            return
        while True:
            plan = self._plan
            self._walk(plan, until_ms, out)
            end_ms = (plan.minute + 1) * MINUTE_MS
            if until_ms < end_ms:
                break
            if self._perpetual:
                self._marks_until(end_ms - 1, out)
            self._plan = self._next if self._next is not None else self.plan(plan.minute + 1)
            self._next = None
            self._step = 0
        if self._perpetual:
            self._marks_until(until_ms, out)
        if self._next is None and until_ms - self._plan.minute * MINUTE_MS >= self._plan_after_ms:
            self._next = self.plan(self._plan.minute + 1)
        self._streamed_ms = until_ms

    def _walk(self, plan: MinutePlan, until_ms: int, out: list[SandboxEvent]) -> None:
        """Play the steps of the current minute that are due."""
        times, step, total = plan.times, self._step, len(plan.times)
        while step < total and times[step] <= until_ms:
            at_ms = times[step]
            if self._perpetual and self._mark_due_ms <= at_ms:
                self._marks_until(at_ms, out)
            self._play(plan, step, at_ms, out)
            step += 1
        self._step = step

    def _play(self, plan: MinutePlan, step: int, at_ms: int, out: list[SandboxEvent]) -> None:
        """One step: the diff, its quote, its trades."""
        symbol = self.spec.symbol
        low = 2 * plan.noise * step
        half, high = low + plan.noise, low + 2 * plan.noise
        bid, bid_lots = plan.bids[step], plan.bid_lots[step]
        ask, ask_lots = plan.asks[step], plan.ask_lots[step]
        bids = self._bids.move(bid, bid_lots, plan.cells[low:half], plan.sizes[low:half])
        asks = self._asks.move(ask, ask_lots, plan.cells[half:high], plan.sizes[half:high])
        first_id = self._last_id + 1
        self._last_id = last_id = self._last_id + len(bids) + len(asks)
        out.append(SandboxDepth(symbol, first_id, last_id, bids, asks, at_ms))
        if plan.quoted[step]:
            out.append(SandboxQuote(symbol, last_id, bid, bid_lots, ask, ask_lots, at_ms))
        for number in range(plan.trade_from[step], plan.trade_from[step + 1]):
            trade = SandboxTrade(
                symbol, plan.row[10] + number, plan.prices[number], plan.lots[number], plan.buys[number], at_ms
            )
            self._last_price = trade.price_ticks
            self._recent.append(trade)
            out.append(trade)

    def _marks_until(self, until_ms: int, out: list[SandboxEvent]) -> None:
        while self._mark_due_ms <= until_ms:
            self._mark = self._make_mark(self._mark_due_ms)
            out.append(self._mark)
            self._mark_due_ms += MARK_EVERY_MS

    def _make_mark(self, at_ms: int) -> SandboxMark:
        """Mark a little off the index, funding a little off its usual 0.01 %, open interest breathing over days."""
        phase = self.spec.key % 6283 / 1000.0
        hours = at_ms / HOUR_MS
        premium = 3e-4 * math.sin(hours / 5.3 + phase) + 1e-4 * math.sin(hours * 7.1 + 2 * phase)
        middle = (self._bids.touch + self._asks.touch) / 2.0 if self._bids.touch else float(self._last_price)
        index = (middle + self._last_price) / 2.0
        interest = self.spec.trade_lots * 60_000.0 * self.spec.activity
        return SandboxMark(
            symbol=self.spec.symbol,
            mark_ticks=index * (1.0 + premium),
            index_ticks=index,
            funding_rate=round(1e-4 + 2.5e-4 * math.sin(at_ms // FUNDING_MS * 0.9 + phase), 8),
            next_funding_ms=(at_ms // FUNDING_MS + 1) * FUNDING_MS,
            open_interest_lots=int(interest * (1.0 + 0.2 * math.sin(hours / 31.0 + phase)))
            + int(interest * 0.002 * math.sin(hours * 40.0)),
            at_ms=at_ms,
        )

    def forming(self, minute: int) -> list[int]:
        """The bar of `minute` from the trades streamed so far (a minute not reached yet is flat)."""
        rows, _ = self._bars_of(minute // 60)
        full = rows[minute % 60].tolist()
        plan = self._plan
        count = plan.trade_from[self._step] if plan.minute == minute else 0
        if count == 0:
            before = int(self._bars_of((minute - 1) // 60)[0][(minute - 1) % 60, 4])
            return [full[0], before, before, before, before, 0, 0, 0, 0, 0, full[10]]
        prices, lots, buys = plan.prices[:count], plan.lots[:count], plan.buys[:count]
        bought = [(price, size) for price, size, buy in zip(prices, lots, buys, strict=True) if buy]
        return [
            full[0],
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
            sum(lots),
            sum(price * size for price, size in zip(prices, lots, strict=True)),
            count,
            sum(size for _, size in bought),
            sum(price * size for price, size in bought),
            full[10],
        ]

    def recent(self, limit: int) -> list[SandboxTrade]:
        """The newest streamed trades, oldest first; minutes from before the start are added while too few."""
        found = list(self._recent)[-limit:]
        if len(found) == limit or len(self._recent) == RECENT_TRADES:
            return found
        minute = self._first_minute
        oldest = max(minute - RECENT_MINUTES, -(-self.spec.listed_ms // MINUTE_MS))
        while len(found) < limit and minute > oldest:
            minute -= 1
            found = self._trades_of(self.plan(minute)) + found
        return found[-limit:]

    def _trades_of(self, plan: MinutePlan) -> list[SandboxTrade]:
        """All trades of a planned minute."""
        return [
            SandboxTrade(
                self.spec.symbol, plan.row[10] + number, plan.prices[number], plan.lots[number], plan.buys[number], at
            )
            for step, at in enumerate(plan.times)
            for number in range(plan.trade_from[step], plan.trade_from[step + 1])
        ]

    def book(self) -> BookSnapshot:
        """The whole book as streamed so far."""
        return BookSnapshot(
            self.spec.symbol, self._last_id, self._bids.ladder(), self._asks.ladder(), self._streamed_ms
        )

    def mark(self) -> SandboxMark | None:
        """The newest mark; None for spot."""
        return self._mark
