"""Polling while a socket is down."""

from __future__ import annotations

import pytest

from core.messages import Kline
from tests.providers.bybit.conftest import START_MS, Desk

MINUTE_MS = 60_000


@pytest.mark.parametrize("rate", [2.0])  # the minute goes on for 6 s of ours
async def test_a_bar_still_forming_at_the_venue_is_not_closed_by_our_own_clock(spot: Desk):
    spot.market.set_symbols(("BTCUSDT",), ("1m",))
    spot.market.offset_ms = 20_000.0  # too far ahead, as after a slow answer: the minute seems over
    await spot.market._poller.poll(("BTCUSDT",), ("1m",))
    spot.market._batcher.flush()
    await spot.market.close()
    open_ms = START_MS // MINUTE_MS * MINUTE_MS
    forming = [k for k in spot.of(Kline, "BTCUSDT") if k.open_ms == open_ms]
    assert forming
    assert not any(k.closed for k in forming)
    assert [k.open_ms for k in spot.of(Kline, "BTCUSDT") if k.closed] == [open_ms - 2 * MINUTE_MS, open_ms - MINUTE_MS]
