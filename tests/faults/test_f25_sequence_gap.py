"""F25: a break in the sequence of one symbol's book invalidates that book alone, and vetoes its signals until it is back."""

from __future__ import annotations

import pytest

from core.bus import Subscription
from core.messages import BookStatus, Confluence, LinkStatus, TradeBatch
from tests.faults.conftest import OTHERS, VENUES, VICTIM, Desk, Start


def hold_back_the_resync(desk: Desk) -> Subscription:
    """From the moment the gap is noticed neither snapshots nor diffs of this book arrive."""

    def freeze(status: BookStatus) -> None:
        if status.symbol == VICTIM and status.state == "syncing":
            desk.faults.rest_error(503, -1, "/api/v3/depth")
            desk.faults.freeze(VICTIM, "depth")

    return desk.bus.subscribe(BookStatus, freeze, name="test")


def vetoed(desk: Desk, since: int) -> list[Confluence]:
    return [c for c in desk.of(Confluence, VICTIM, since) if c.hold_reason]


@pytest.mark.parametrize("where", [*VENUES, pytest.param("bybit-spot", marks=pytest.mark.slow)], indirect=True)
async def test_f25_a_gap_resyncs_one_book_and_vetoes_its_signals_meanwhile(start: Start) -> None:
    async with start() as desk:
        since = desk.mark()
        holding = hold_back_the_resync(desk)
        desk.faults.gap(VICTIM)
        await desk.until(lambda: desk.hold_reason(VICTIM).startswith("order book"), "the veto")
        assert "gap" in desk.hold_reason(VICTIM)
        assert desk.words(VICTIM) == desk.hold_reason(VICTIM), "the line says why"
        await desk.until(lambda: len({c.occurred_at for c in vetoed(desk, since)}) > 1, "a bar closes under the veto")
        assert {c.state for c in vetoed(desk, since)} == {"HOLD"}
        desk.untouched(since=since)
        desk.bus.unsubscribe(holding)
        desk.faults.clear()
        await desk.until_fresh()
        assert {s.symbol for s in desk.of(BookStatus, since=since)} == {VICTIM}
        assert not [s for s in desk.of(LinkStatus, since=since) if s.state != "up"]
        await desk.proven()
        desk.untouched(since=since)
        assert desk.stats.sequence_gaps >= 1
        assert desk.stats.resyncs >= 1


async def test_f25_skipped_doubled_and_swapped_messages_end_in_true_candles(start: Start) -> None:
    async with start() as desk:
        since = desk.mark()
        for channel in ("kline", "trade", "quote", "depth"):
            desk.faults.duplicate(VICTIM, channel, 10)
        await desk.until(lambda: desk.faults.counts["duplicate"] >= 20, "doubled messages")
        assert not desk.of(BookStatus, VICTIM, since), "repeats break no book"
        for channel in ("kline", "trade", "quote", "depth"):
            desk.faults.reorder(VICTIM, channel, 2)
            desk.faults.skip(VICTIM, channel, 2)
        await desk.until(lambda: desk.faults.counts["reorder"] >= 4 and desk.faults.counts["skip"] >= 4, "disorder")
        await desk.until(lambda: desk.of(BookStatus, VICTIM, since), "the book's break is noticed")
        desk.faults.clear()
        await desk.proven()
        desk.untouched(*OTHERS, since=since)
        ids = [trade.trade_id for batch in desk.of(TradeBatch, VICTIM) for trade in batch.trades]
        assert len(ids) == len(set(ids)), "no trade counts twice"
