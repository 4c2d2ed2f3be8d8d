"""Micro-batching: newest wins, nothing is lost uncounted, nothing absurd passes."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bus import Bus
from core.clock import SimClock
from core.messages import Kline, MarkPrice, Message, ProviderStats, Quote, Trade, TradeBatch
from core.settings import Feed
from providers.batch import MAX_TRADES, Gauges, MicroBatcher

NOW = 1_700_000_000_000


class Rig:
    def __init__(self) -> None:
        self.clock = SimClock(NOW)
        self.bus = Bus(self.clock)
        self.seen: list[Message] = []
        self.bus.subscribe(Message, self.seen.append)
        self.batcher = MicroBatcher(self.bus, self.clock, "binance_us", "spot", Feed(), lambda: Gauges(frames=7))

    def of(self, kind: type[Message]) -> list[Message]:
        return [message for message in self.seen if type(message) is kind]

    def kline(self, open_ms: int, close: float, *, closed: bool = False, event_ms: int = NOW) -> bool:
        return self.batcher.kline("A", "1m", open_ms, 10, 12, 9, close, 5, 50, 3, 2.5, closed, event_ms)


def trade(number: int, price: float = 10.0, event_ms: int = NOW) -> Trade:
    return Trade(str(number), price, 1.0, "BUY", event_ms)


def test_quotes_are_coalesced_per_symbol_and_the_newest_wins() -> None:
    rig = Rig()
    for bid in (10.0, 10.1, 10.2):
        rig.batcher.quote("A", bid, 1, 10.5, 1)
    rig.batcher.quote("B", 20, 1, 21, 1, NOW - 50)
    rig.batcher.flush()
    quotes = [(q.symbol, q.bid, q.event_ms) for q in rig.seen if isinstance(q, Quote)]
    assert quotes == [("A", 10.2, NOW), ("B", 20, NOW - 50)]
    assert rig.batcher.coalesced == 2
    rig.batcher.flush()
    assert len(rig.seen) == 2


def test_trades_are_kept_in_order_and_bounded() -> None:
    rig = Rig()
    for number in range(MAX_TRADES + 3):
        rig.batcher.trade("A", trade(number))
    rig.batcher.flush()
    (batch,) = rig.of(TradeBatch)
    assert isinstance(batch, TradeBatch)
    assert [t.trade_id for t in batch.trades] == [str(n) for n in range(MAX_TRADES)]
    assert rig.batcher.dropped == 3


def test_a_closed_candle_goes_out_at_once_after_the_trades_that_made_it() -> None:
    rig = Rig()
    rig.kline(NOW - 60_000, 10)
    rig.batcher.trade("A", trade(1))
    rig.kline(NOW - 60_000, 11, closed=True)
    assert [type(message) for message in rig.seen] == [TradeBatch, Kline]
    rig.batcher.flush()
    assert len(rig.seen) == 2


def test_a_new_bar_publishes_the_last_form_of_the_one_before_it() -> None:
    rig = Rig()
    rig.kline(NOW - 60_000, 10)
    rig.kline(NOW - 60_000, 10.5)
    rig.kline(NOW, 11)
    rig.kline(NOW - 60_000, 9)
    rig.batcher.flush()
    assert [(k.open_ms, k.close) for k in rig.seen if isinstance(k, Kline)] == [(NOW - 60_000, 10.5), (NOW, 11)]
    assert rig.batcher.dropped == 1
    rig.kline(NOW - 60_000, 10.6, closed=True)
    assert len(rig.of(Kline)) == 3


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 0.0, 1e308])
def test_absurd_numbers_are_counted_and_never_published(bad: float) -> None:
    rig = Rig()
    assert not rig.batcher.quote("A", bad, 1, 10, 1)
    assert not rig.batcher.quote("A", 10, bad, 11, 1)
    assert not rig.batcher.trade("A", trade(1, bad))
    assert not rig.kline(NOW, bad)
    rig.batcher.flush()
    assert not rig.seen
    assert rig.batcher.rejects.total == 4


def test_crossed_quotes_jumps_and_impossible_times_are_refused() -> None:
    rig = Rig()
    assert not rig.batcher.quote("A", 11, 1, 10, 1)
    assert rig.batcher.trade("A", trade(1))
    assert not rig.batcher.trade("A", trade(2, 100.0))
    assert not rig.batcher.trade("A", trade(3, 10.0, -5))
    assert not rig.batcher.trade("A", trade(3, 10.0, 2**62))
    assert not rig.kline(NOW, 10, event_ms=0)
    rig.batcher.quote("A", 10, 1, 11, 1)
    rig.batcher.flush()
    rig.batcher.quote("A", 100, 1, 110, 1)
    rig.batcher.flush()
    assert [q.bid for q in rig.seen if isinstance(q, Quote)] == [10]
    assert set(rig.batcher.rejects.by_reason) == {
        "quote",
        "trade price jump",
        "trade time",
        "kline time",
        "quote price jump",
    }


def test_marks_are_checked_and_coalesced() -> None:
    rig = Rig()

    def mark(price: float, funding_rate: float = 1e-4) -> bool:
        return rig.batcher.mark(
            "A",
            mark=price,
            index=10.1,
            funding_rate=funding_rate,
            next_funding_ms=NOW,
            open_interest=5.0,
            event_ms=NOW,
        )

    assert mark(10.0)
    assert mark(10.2)
    assert not mark(10.3, float("nan"))
    rig.batcher.flush()
    assert [m.mark for m in rig.seen if isinstance(m, MarkPrice)] == [10.2]


def test_a_forgotten_symbol_leaves_nothing_behind() -> None:
    rig = Rig()
    rig.batcher.quote("A", 10, 1, 11, 1)
    rig.batcher.trade("A", trade(1))
    rig.kline(NOW, 10)
    rig.batcher.forget("A")
    rig.batcher.flush()
    assert not rig.seen


async def test_the_loop_publishes_quotes_often_candles_seldom_and_statistics_each_second() -> None:
    rig = Rig()
    task = asyncio.create_task(rig.batcher.run())
    for _ in range(16):
        rig.batcher.quote("A", 10, 1, 11, 1)
        rig.kline(NOW, 10)
        await rig.clock.advance(0.25)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert len(rig.of(Quote)) == 16
    assert 4 <= len(rig.of(Kline)) <= 5
    stats = rig.of(ProviderStats)
    assert 4 <= len(stats) <= 5
    newest = stats[-1]
    assert isinstance(newest, ProviderStats)
    assert newest.frames == 7


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.floats(allow_nan=True, allow_infinity=True), st.floats(), st.booleans()),
        max_size=30,
    )
)
def test_every_update_is_published_coalesced_rejected_or_dropped(updates: list[tuple[str, float, float, bool]]) -> None:
    rig = Rig()
    for symbol, first, second, is_quote in updates:
        if is_quote:
            rig.batcher.quote(symbol, first, 1.0, second, 1.0)
        else:
            rig.batcher.kline(symbol, "1m", NOW, first, first, first, first, second, second, 1, 0, False, NOW)
    rig.batcher.flush()
    batcher = rig.batcher
    assert batcher.messages == batcher.published + batcher.coalesced + batcher.rejects.total + batcher.dropped
    for message in rig.seen:
        if isinstance(message, Quote):
            assert 0 < message.bid < message.ask < 1e12
        elif isinstance(message, Kline):
            assert 0 < message.low <= message.high < 1e12
