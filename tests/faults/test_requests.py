"""Requests that fail: 5xx, 429 with and without Retry-After, bans, and a venue whose clock is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import providers.ban
from core.messages import LinkStatus, Quote, RestBan, VenueClock
from providers.sandbox.server import SandboxExchange
from tests.faults.conftest import VICTIM, Desk, Start

BANNED_S = 90.0


async def down_to_polling(desk: Desk) -> None:
    """Refuse sockets, so that the engine lives on requests alone."""
    relay = desk.exchange.relay
    assert relay is not None
    relay.set_mode("refuse")
    await relay.drop()
    since = desk.mark()
    await desk.until(lambda: desk.of(Quote, VICTIM, since), "polling")


def relay_passes(desk: Desk) -> None:
    assert desk.exchange.relay is not None
    desk.exchange.relay.set_mode("pass")


async def test_server_errors_are_retried_until_they_end(start: Start) -> None:
    async with start(relay=True) as desk:
        await down_to_polling(desk)
        errors = desk.stats.rest_errors
        desk.faults.rest_error(503, -1)
        await desk.until(lambda: desk.stats.rest_errors > errors + 3, "errors are counted")
        await desk.until_minutes(1)
        relay_passes(desk)
        await desk.until(lambda: not desk.store.troubled_links(), "sockets are back while requests fail")
        desk.faults.clear()
        await desk.proven(allowed=60)


async def test_429_and_a_ban_stop_every_request_until_they_are_over(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for status in (429, 403):
        monkeypatch.setitem(providers.ban.DEFAULT_BAN_S, status, BANNED_S)
    async with start(relay=True) as desk:
        relay = desk.exchange.relay
        assert relay is not None
        for retry_after_s in (int(BANNED_S), None):
            await down_to_polling(desk)
            since = desk.mark()
            desk.faults.counts["http_429"] = 0
            desk.faults.too_many_requests(-1, retry_after_s)  # counts whatever is sent while it lasts
            await nothing_is_sent_while_banned(desk, since, lambda: desk.faults.counts["http_429"])
            desk.faults.clear()
            await over(desk)
        await down_to_polling(desk)
        since = desk.mark()
        desk.faults.ban(BANNED_S / 2)
        await nothing_is_sent_while_banned(desk, since, lambda: relay.accepted)
        assert desk.of(RestBan, since=since)[0].status == (418 if desk.venue == "binance_us" else 403)
        await over(desk)
        await desk.proven(allowed=60)


async def nothing_is_sent_while_banned(desk: Desk, since: int, arrived: Callable[[], int]) -> None:
    """From shortly after the ban was announced to shortly before its end nothing reaches the exchange."""
    await desk.until(lambda: bans(desk, since), "the ban is announced")
    relay_passes(desk)  # a connection would now succeed: the link must not try
    await desk.until(lambda: "venue refuses us" in desk.words(VICTIM), "the screen says so")
    assert desk.store.ban is not None
    assert desk.store.ban.reason.startswith("HTTP")
    first, until_ms = bans(desk, since)[0], bans(desk, since)[-1].until_ms
    await desk.until(lambda: desk.clock.now_ms() > first.at_ms + 30_000, "what was under way is answered")
    sent, requests = arrived(), desk.stats.rest_requests
    await desk.until(lambda: desk.clock.now_ms() > until_ms - 15_000, "most of the ban")
    if desk.clock.now_ms() < until_ms:  # on a machine that slept meanwhile there is nothing to see
        assert arrived() == sent
        assert desk.stats.rest_requests == requests
        assert desk.store.troubled_links()[0].state == "banned"


def bans(desk: Desk, since: int) -> list[RestBan]:
    """Announcements of a ban; `until_ms` 0 says that the one before is over."""
    return [ban for ban in desk.of(RestBan, since=since) if ban.until_ms]


async def over(desk: Desk) -> None:
    """The ban ends: the link connects again."""
    await desk.until(lambda: desk.of(LinkStatus)[-1].state == "up", "the link is up")
    await desk.until(
        lambda: desk.store.ban is None or desk.store.ban.until_ms <= desk.clock.now_ms(), "the ban is over"
    )


async def test_a_skewed_clock_is_measured_and_candles_stay_true(start: Start) -> None:
    def skew(exchange: SandboxExchange) -> None:
        exchange.faults.skew_clock(2_500)

    async with start(before=skew) as desk:
        # A round trip of a few milliseconds is most of a second on this clock: the measure is that uncertain.
        assert near(desk.of(VenueClock)[-1], 2_500)
        desk.faults.skew_clock(-2_500)  # a step while running
        await desk.provider.sync_clock()
        assert near(desk.of(VenueClock)[-1], -2_500)
        assert desk.store.venue_offset_ms() == desk.of(VenueClock)[-1].offset_ms
        await desk.proven()


def near(measured: VenueClock, offset_ms: int) -> bool:
    """Within half the round trip, which is the measure's own uncertainty."""
    return abs(measured.offset_ms - offset_ms) <= measured.round_trip_ms / 2 + 100
