"""Dropped, refused, half-open and slow connections, and a server that says goodbye: shown, bridged by REST, overcome."""

from __future__ import annotations

import asyncio

import pytest

import providers.link
from core.messages import AccountOpened, BookStatus, LinkStatus, Quote
from providers.sandbox.server import SandboxExchange
from tests.faults.conftest import OTHERS, VICTIM, Start

LIVELY = (VICTIM, *OTHERS)


async def test_refused_sockets_are_shown_while_rest_keeps_prices_and_candles_going(start: Start) -> None:
    async with start(relay=True) as desk:
        relay = desk.exchange.relay
        assert relay is not None
        since = desk.mark()
        relay.set_mode("refuse")
        await relay.drop()
        await desk.until(lambda: desk.words(VICTIM).startswith("link down, retry"), "the screen says so, and the retry")
        assert all(desk.facts(symbol).stale for symbol in LIVELY)
        await desk.until(lambda: desk.hold_reason(VICTIM) == "no connection to the venue", "states are on hold")
        assert all(s.retry_in_s > 0 for s in desk.of(LinkStatus, since=since) if s.state == "down")
        polled = desk.mark()
        await desk.until(
            lambda: all(len({q.received_ms for q in desk.of(Quote, s, polled)}) > 2 for s in LIVELY), "prices by REST"
        )
        await desk.until_minutes(1)
        assert {s.state for s in desk.of(BookStatus, VICTIM, since)} == {"stale"}
        relay.set_mode("pass")
        await desk.proven()
        assert not desk.store.troubled_links()
        assert desk.stats.reconnects >= 1
        desk.faults.drop_sockets()  # and a plain drop, which is back at once
        await desk.until(lambda: desk.stats.reconnects >= 2, "another reconnect")
        await desk.proven()


async def test_a_venue_that_refuses_everything_for_two_minutes_leaves_true_candles(start: Start) -> None:
    async with start() as desk:
        desk.faults.refuse(120.0)
        desk.faults.drop_sockets()
        await desk.until(lambda: "link down" in desk.words(VICTIM), "the screen says so")
        await desk.until(lambda: desk.hold_reason(VICTIM), "states are on hold")
        await desk.proven(allowed=60)
        causes = [s.reason for s in desk.of(LinkStatus) if s.state == "down"]
        assert any("cannot connect" in cause for cause in causes), causes


async def test_a_venue_that_refuses_at_the_start_is_waited_for(start: Start) -> None:
    def refuse(exchange: SandboxExchange) -> None:
        exchange.faults.refuse(60.0)

    async with start(wait=False, before=refuse) as desk:
        await desk.until(lambda: desk.store.engine and "trying again in" in desk.store.engine.text, "said in words")
        assert desk.store.engine is not None
        assert desk.store.engine.phase == "starting"
        assert desk.provider.host in desk.store.engine.text
        await desk.until(lambda: desk.store.engine and desk.store.engine.phase == "running", "running")
        await desk.proven()


async def test_a_half_open_socket_is_given_up_and_replaced(start: Start) -> None:
    async with start(relay=True, silence_s=60.0, connect_timeout_s=1.0) as desk:
        since = desk.mark()
        desk.faults.half_open()
        await desk.until(
            lambda: [s for s in desk.of(LinkStatus, since=since) if "no frame" in s.reason], "the silence is noticed"
        )
        assert desk.facts(VICTIM).stale
        desk.faults.relay_normal()
        await desk.proven()


async def test_a_line_that_only_trickles_is_shown_and_overcome(start: Start) -> None:
    async with start(relay=True, connect_timeout_s=1.0) as desk:
        await desk.until_minutes(1)  # the channels' habits are known
        desk.faults.slow_reads(100)
        await desk.until(lambda: all(desk.facts(symbol).stale for symbol in LIVELY), "every line is stale")
        await desk.until(lambda: all(desk.hold_reason(symbol) for symbol in LIVELY), "states are on hold")
        desk.faults.relay_normal()
        await desk.proven()


async def test_a_shutdown_notice_costs_no_candle(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers.link, "OVERLAP_S", 60.0)  # subscribing alone takes seconds of this fast clock
    async with start() as desk:
        since = desk.mark()
        desk.faults.shutdown_notice()
        if desk.venue == "binance_us":
            await desk.until(
                lambda: [s for s in desk.of(LinkStatus, since=since) if s.reason.startswith("rotated")], "a new socket"
            )
            desk.untouched(VICTIM, *OTHERS, since=since)
            assert desk.stats.reconnects == 0
        else:  # Bybit says nothing and closes the socket
            await desk.until(lambda: desk.stats.reconnects >= 1, "a new socket")
        await desk.proven()


async def test_stopping_in_the_middle_of_a_fault_ends_every_task(start: Start) -> None:
    async with start(relay=True) as desk:
        assert desk.exchange.relay is not None
        desk.exchange.relay.set_mode("refuse")
        await desk.exchange.relay.drop()
        await desk.until(lambda: "link down" in desk.words(VICTIM), "down")
        assert desk.task is not None
        desk.task.cancel()
        await asyncio.wait([desk.task], timeout=20)
        assert desk.task.cancelled()
        assert desk.store.engine is not None
        assert desk.store.engine.phase == "stopped"


async def test_a_new_account_learns_the_venues_clock_at_once(
    start: Start, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as desk:
        asked: list[str] = []
        measure = desk.provider.sync_clock

        async def counted() -> float:
            asked.append(where)
            return await measure()

        monkeypatch.setattr(desk.provider, "sync_clock", counted)
        venue, category = where.split("-")
        opened = AccountOpened(
            venue=venue, category=category, mode="LIVE", account="a", host="h", host_kind="SANDBOX", at_ms=desk.clock.now_ms()
        )  # fmt: skip
        desk.bus.publish(opened)
        for _ in range(3):  # turns of the loop: the regular measurement does not fall into them
            await asyncio.sleep(0)
        assert asked
