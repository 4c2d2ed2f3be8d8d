"""F28: crossed books, spikes, NaN, infinities, negatives, 1e308, words and broken frames stop at the decoder, counted."""

from __future__ import annotations

import math
from functools import partial

from core.messages import Bar, BookStatus, Confluence, Kline, Metrics, Quote, Trade, TradeBatch
from providers.sandbox.garbage import GARBAGE, REPLACING
from tests.faults.conftest import OTHERS, VICTIM, Desk, Start

CHANNELS = ("kline", "trade", "quote", "depth")


def struck(desk: Desk, times: int) -> bool:
    return desk.faults.counts["garbage"] >= times


def rejects(desk: Desk, times: int) -> bool:
    return desk.stats.rejected >= times


def prices(desk: Desk, since: int) -> list[float]:
    """Every price of the victim that passed the decoders, candles and indicators."""
    found: list[float] = []
    for message in desk.seen[since:]:
        if getattr(message, "symbol", "") != VICTIM:
            continue
        if isinstance(message, Bar | Kline):
            found += [message.open, message.high, message.low, message.close]
        elif isinstance(message, Quote):
            found += [message.bid, message.ask]
        elif isinstance(message, TradeBatch):
            found += [trade.price for trade in message.trades]
        elif isinstance(message, Confluence):
            found.append(message.price)
        elif isinstance(message, Metrics):
            found.append(message.close)
    return found


def nothing_absurd(desk: Desk, since: int, usual: float) -> None:
    """Prices within a factor of two of the usual one, sizes positive and finite, probabilities between 0 and 1."""
    assert all(usual / 2 < price < usual * 2 for price in prices(desk, since))
    trades: list[Trade] = [t for batch in desk.of(TradeBatch, VICTIM, since) for t in batch.trades]
    assert all(0.0 < trade.size < 1e9 for trade in trades)
    for quote in desk.of(Quote, VICTIM, since):
        assert quote.bid < quote.ask
        assert 0.0 < quote.bid_size < 1e9
        assert 0.0 < quote.ask_size < 1e9
    for bar in desk.of(Bar, VICTIM, since):
        assert 0.0 <= bar.volume < 1e12
    for confluence in desk.of(Confluence, VICTIM, since):
        assert 0.0 < confluence.probability < 1.0
        assert math.isfinite(confluence.logit)


async def test_f28_garbage_spikes_and_crossed_books_are_counted_and_reach_no_bar_and_no_state(start: Start) -> None:
    async with start(max_frame_bytes=1_000_000) as desk:
        since = desk.mark()
        usual = desk.store.row(VICTIM).price
        for kind in GARBAGE:
            rejected, sent = desk.stats.rejected, desk.faults.counts["garbage"]
            for channel in CHANNELS:
                desk.faults.garbage(kind, VICTIM, channel, 1)
            await desk.until(partial(struck, desk, sent + 2), f"{kind} sent")
            if kind not in REPLACING:
                await desk.until(partial(rejects, desk, rejected + 1), f"{kind} counted")
        desk.faults.clear()
        rejected = desk.stats.rejected
        desk.faults.spike(VICTIM, 10.0, 3.0)
        await desk.until(lambda: desk.stats.rejected > rejected, "the spike is counted")
        desk.faults.clear()
        desk.faults.cross_book(VICTIM, 60.0)
        await desk.until(
            lambda: [s for s in desk.of(BookStatus, VICTIM, since) if "crossed" in s.reason],
            "the crossed book is noticed",
        )
        await desk.until(lambda: not desk.faults.market.crossed_until, "the cross is over")
        await desk.proven()
        nothing_absurd(desk, since, usual)
        desk.untouched(*OTHERS, since=since)
