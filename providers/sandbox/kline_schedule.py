"""When kline frames go out: every couple of seconds while there are trades, and once more after the bar has ended.

Subscriptions are staggered by a hash of their name, so that the forming bars of 60 symbols do not burst; closing frames
do come together after each minute, as real venues send them (0.2 to 1 s after).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from providers.sandbox.calendar_bars import CALENDAR_MS, calendar_end_ms, calendar_start_ms
from providers.sandbox.feed import Feed
from providers.sandbox.sockets import Topic

CLOSE_DELAY_MS = (200, 1_000)
TRADES = 7

Emit = Callable[[Topic, NDArray[np.int64], int, bool], None]
"""Called with topic, bar row, close time (exclusive) and whether the bar is closed."""


class KlineState:
    """Where one followed kline stream stands; a new subscription after a pause gets a new one."""

    __slots__ = ("end_ms", "interval_ms", "open_ms", "seen_trades", "topic")

    def __init__(self, topic: Topic, interval_ms: int, now_ms: int) -> None:
        self.topic = topic
        self.interval_ms = interval_ms
        self.seen_trades = -1
        calendar = interval_ms in CALENDAR_MS
        self.open_ms = calendar_start_ms(interval_ms, now_ms) if calendar else now_ms // interval_ms * interval_ms
        self.end_ms = end_of_bar_ms(interval_ms, self.open_ms)

    @property
    def live(self) -> bool:
        """Whether anybody still follows."""
        return self.topic.state is self and bool(self.topic.subscribers)


def end_of_bar_ms(interval_ms: int, open_ms: int) -> int:
    """When the bar ends, exclusive."""
    return calendar_end_ms(interval_ms, open_ms) if interval_ms in CALENDAR_MS else open_ms + interval_ms


class KlineSchedule:
    """Decides which kline topics are due; `emit` encodes and sends. `quiet_closes`: close bars without trades too."""

    def __init__(self, feed: Feed, emit: Emit, *, update_ms: int, quiet_closes: bool) -> None:
        self._feed = feed
        self._emit = emit
        self._update_ms = update_ms
        self._quiet_closes = quiet_closes
        self._updates: list[tuple[int, int, KlineState]] = []
        self._closes: list[tuple[int, int, KlineState, int]] = []
        self._order = 0

    def follow(self, topic: Topic, interval_ms: int, now_ms: int) -> None:
        """Start sending a kline topic; its first update comes within one period."""
        if topic.state is not None:
            return
        state = topic.state = KlineState(topic, interval_ms, now_ms)
        self._push_update(state, now_ms + 1 + crc32(topic.name.encode()) % self._update_ms)
        self._push_close(state)

    def run(self, now_ms: int) -> None:
        """Send everything due by `now_ms`. Topics nobody follows any more fall out."""
        while self._closes and self._closes[0][0] <= now_ms:
            due_ms, _, state, open_ms = heapq.heappop(self._closes)
            if state.live:
                self._close(state, open_ms, due_ms)
            elif state.topic.state is state:
                state.topic.state = None
        while self._updates and self._updates[0][0] <= now_ms:
            due_ms, _, state = heapq.heappop(self._updates)
            if state.live:
                self._update(state, now_ms)
                self._push_update(state, max(due_ms + self._update_ms, now_ms + 1))
            elif state.topic.state is state:
                state.topic.state = None

    def _update(self, state: KlineState, now_ms: int) -> None:
        symbol = state.topic.symbol
        trades = self._feed.trade_counts[symbol]
        if trades == state.seen_trades or state.end_ms <= now_ms:
            return  # nothing new, or the closing frame goes first
        rows = self._feed.bars(symbol, state.interval_ms, state.open_ms, now_ms + 1)
        if len(rows) and rows[-1, TRADES] > 0:
            state.seen_trades = trades
            self._emit(state.topic, rows[-1], state.end_ms, False)

    def _close(self, state: KlineState, open_ms: int, due_ms: int) -> None:
        symbol = state.topic.symbol
        if state.open_ms == open_ms:
            state.open_ms = state.end_ms
            state.end_ms = end_of_bar_ms(state.interval_ms, state.open_ms)
            self._push_close(state)
            delay_ms = self._feed.faults.market.take_delay_ms(symbol)
            if delay_ms:
                self._order += 1
                heapq.heappush(self._closes, (due_ms + delay_ms, self._order, state, open_ms))
                return
        rows = self._feed.bars(symbol, state.interval_ms, open_ms, open_ms + 1)
        if len(rows) and (self._quiet_closes or rows[-1, TRADES] > 0):
            self._emit(state.topic, rows[-1], end_of_bar_ms(state.interval_ms, open_ms), True)

    def _push_update(self, state: KlineState, due_ms: int) -> None:
        self._order += 1
        heapq.heappush(self._updates, (due_ms, self._order, state))

    def _push_close(self, state: KlineState) -> None:
        first, last = CLOSE_DELAY_MS
        delay_ms = first + crc32(f"{state.topic.name}{state.open_ms}".encode()) % (last - first)
        self._order += 1
        heapq.heappush(self._closes, (state.end_ms + delay_ms, self._order, state, state.open_ms))
