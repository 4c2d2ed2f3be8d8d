"""F27: half-built, late and revised candles end as the venue's own, each correction counted and told."""

from __future__ import annotations

import pytest

from core.messages import Bar
from tests.faults.conftest import MINUTE_MS, OTHERS, VENUES, VICTIM, Desk, Start


def newest_open_ms(desk: Desk) -> int:
    assert desk.market is not None
    window = desk.market.window(VICTIM, "1m")
    assert window is not None
    return window.last_open_ms


def corrections(desk: Desk) -> int:
    assert desk.store.market_stats is not None
    return desk.store.market_stats.corrections


@pytest.mark.parametrize("where", [*VENUES, "bybit-spot"], indirect=True)
async def test_f27_half_built_late_and_revised_candles_equal_rest_in_the_end(start: Start) -> None:
    async with start() as desk:
        since = desk.mark()
        before = corrections(desk)
        # Half-built: candle updates stop before the end of a minute, trades go on, nobody says it closed.
        await desk.until(lambda: desk.clock.now_ms() % MINUTE_MS < 30_000, "the first half of a minute")
        half = desk.clock.now_ms() // MINUTE_MS * MINUTE_MS
        desk.faults.freeze(VICTIM, "kline")
        await desk.until(lambda: newest_open_ms(desk) >= half, "closed by the clock")
        if desk.venue == "bybit":  # Binance's silent candles are polled, so that the bar may be whole at once
            await desk.until(lambda: [b for b in told(desk, since, half) if b.revision], "the correction by REST")
        desk.faults.clear()
        # Late: the closing frame comes 15 s after the end.
        desk.faults.late_close(VICTIM, 15.0, 4)
        await desk.until(lambda: desk.faults.counts["late_close"] >= 1, "a late close")
        desk.faults.clear()
        # Revised: the venue changes a candle it has already closed.
        await desk.until_fresh()
        revised = desk.faults.revise_candle(VICTIM, newest_open_ms(desk) - MINUTE_MS)
        await desk.until(lambda: [b for b in told(desk, since, revised) if b.revision], "the correction")
        await desk.until(lambda: corrections(desk) > before, "it is counted")
        await desk.proven()
        for open_ms in (half, revised):
            versions = [bar.revision for bar in told(desk, since, open_ms)]
            assert versions == sorted(set(versions)), "each version once, in order"
        desk.untouched(*OTHERS, since=since)


def told(desk: Desk, since: int, open_ms: int) -> list[Bar]:
    """Closed versions of one minute."""
    return [b for b in desk.of(Bar, VICTIM, since) if b.closed and b.timeframe == "1m" and b.open_ms == open_ms]
