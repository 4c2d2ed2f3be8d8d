"""F29: a venue that accepts and then drops every connection is met with growing, capped, jittered waits."""

from __future__ import annotations

import asyncio

import pytest

import providers.link
from core.messages import LinkStatus, LoopLag, Quote
from tests.faults.conftest import VICTIM, Desk, Start

CAP_S = 8.0
ACCEPTED_S = 2.0
DROPS = 8


async def drop_each_connection(desk: Desk, drops: int) -> None:
    """Let every connection live for two seconds of the market, so many times."""
    for _ in range(drops):
        while not desk.exchange.hub.connections:
            await asyncio.sleep(0.005)
        await desk.clock.sleep(ACCEPTED_S)
        desk.faults.drop_sockets()
        while desk.exchange.hub.connections:
            await asyncio.sleep(0.005)


def downs(desk: Desk, since: int) -> list[LinkStatus]:
    return [s for s in desk.of(LinkStatus, since=since) if s.state == "down"]


async def test_f29_a_reconnect_storm_is_waited_out_with_capped_backoff(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers.link, "PROVEN_AFTER_S", 60.0)  # connecting alone takes seconds of this fast clock
    async with start(backoff_cap_s=CAP_S) as desk:
        since = desk.mark()
        storm = asyncio.create_task(drop_each_connection(desk, DROPS))
        await desk.until(lambda: "link down" in desk.words(VICTIM), "the screen says so")
        assert desk.facts(VICTIM).stale
        await desk.until(storm.done, "the storm")
        storm.result()
        await desk.until(lambda: len(downs(desk, since)) >= DROPS, "every loss is told")
        waits = [s.retry_in_s for s in downs(desk, since)]
        assert max(waits) <= CAP_S
        assert max(waits[4:]) > CAP_S / 2, f"waits grow: {waits}"
        assert min(waits[4:]) >= CAP_S / 2, f"a connection that does not last resets nothing: {waits}"
        assert len(set(waits)) > len(waits) // 2, f"waits are jittered: {waits}"
        connecting = [s for s in desk.of(LinkStatus, since=since) if s.state == "connecting"]
        assert len(connecting) <= len(waits) + 1
        await desk.until(lambda: desk.of(LoopLag, since=since), "the loop is measured")
        assert desk.of(Quote, VICTIM, since), "prices go on"
        await desk.proven()
        assert not desk.store.troubled_links()
        assert desk.of(LinkStatus)[-1].state == "up"
