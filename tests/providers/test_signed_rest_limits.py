"""Limits and bans of signed requests: entries stop, what protects has a reserve, and a restart forgets nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from core.bus import Bus
from core.clock import LiveClock
from core.credentials import Credentials
from core.messages import RestBan
from core.settings import Network
from core.trading.broker import NotSent
from core.venue import Banned, Rejected, Retryable
from providers.ban import Ban
from providers.binance_us.limits import first_budget, learn
from providers.binance_us.signing import Signer, judge
from providers.binance_us.wire import decode_time
from providers.order_budget import AlignedBudget
from providers.signed_rest import SignedRest
from providers.venue_time import VenueTime
from tests.providers.signed_venue import Answer, Reply, SignedVenue, ordered, signed_venue

ORDER = "/api/v3/order"
OK = Reply(200, b'{"ok":1}')
START_MS = 1_700_000_040_000
Desks = Callable[..., "AbstractAsyncContextManager[Desk]"]


class Desk:
    """A venue, and clients that can be made anew as after a restart."""

    def __init__(self, venue: SignedVenue, folder: Path, clock: LiveClock) -> None:
        self.venue = venue
        self.folder = folder
        self.clock = clock
        self.bus = Bus(clock)
        self.bans: list[RestBan] = []
        self.bus.subscribe(RestBan, self.bans.append)
        self.clients: list[SignedRest] = []

    def client(self) -> tuple[SignedRest, AlignedBudget]:
        time = VenueTime(self.clock, self.bus, "binance_us")
        budget = first_budget(time.now_ms)
        rest = SignedRest(
            self.venue.url,
            venue="binance_us",
            category="spot",
            environment="live",
            clock=self.clock,
            bus=self.bus,
            network=Network(rest_timeout_s=2),
            budget=budget,
            sign=Signer(Credentials("k", "s")),
            judge=judge,
            time_path="/api/v3/time",
            server_time=lambda body: decode_time(body).serverTime,
            answer_s=2.0,
            time=time,
            folder=self.folder,
        )
        self.clients.append(rest)
        return rest, budget


@pytest.fixture
def desk(tmp_path: Path) -> Desks:
    @asynccontextmanager
    async def made(answer: Answer, rate: float = 50, start_ms: int = START_MS) -> AsyncIterator[Desk]:
        clock = LiveClock(rate=rate, start_ms=start_ms)
        async with signed_venue(clock, answer) as venue:
            found = Desk(venue, tmp_path / "state", clock)
            try:
                yield found
            finally:
                for rest in found.clients:
                    await rest.close()

    return made


async def place(rest: SignedRest, *, safety: bool = False) -> bytes:
    return await rest.request("POST", ORDER, orders=1, safety=safety, changes=True)


async def cancel(rest: SignedRest) -> bytes:
    return await rest.request("DELETE", ORDER, safety=True, changes=True)


async def read(rest: SignedRest) -> bytes:
    return await rest.request("GET", ORDER, changes=False)


@pytest.mark.parametrize("headers", [{"Retry-After": "90"}, {}])
async def test_after_a_429_entries_and_reads_stop_and_what_protects_goes_on(
    desk: Desks, headers: dict[str, str]
) -> None:
    async with desk(ordered(OK, Reply(429, b'{"code":-1003,"msg":"x"}', headers), OK)) as on:
        rest, _ = on.client()
        elsewhere = Ban(on.clock, on.bus, "binance_us", "spot")
        await place(rest)
        with pytest.raises(Rejected):
            await place(rest)
        sent = len(on.venue.asked(ORDER))
        with pytest.raises(NotSent) as raised:
            await place(rest)
        assert raised.value.code == "BANNED"
        assert 0 < raised.value.retry_in_s <= 90
        with pytest.raises(Banned):
            await read(rest)
        with pytest.raises(Banned):
            elsewhere.check()
        assert len(on.venue.asked(ORDER)) == sent
        assert rest.spent().banned_until_ms > on.clock.now_ms()
        assert rest.spent().silent_until_ms == 0
        await cancel(rest)
        await place(rest, safety=True)
        assert len(on.venue.asked(ORDER)) == sent + 2
        assert elsewhere.status == 429


@pytest.mark.parametrize("status", [418, 403])
async def test_during_a_ban_nothing_is_sent_at_all(desk: Desks, status: int) -> None:
    async with desk(ordered(Reply(status, b"", {"Retry-After": "120"}), OK)) as on:
        rest, _ = on.client()
        with pytest.raises(Rejected):
            await cancel(rest)
        for attempt in (cancel, place):
            with pytest.raises(NotSent) as raised:
                await attempt(rest)
            assert raised.value.code == "BANNED"
        assert rest.spent().silent_until_ms > on.clock.now_ms() + 60_000
        assert len(on.venue.asked(ORDER)) == 1


async def test_when_the_refusal_is_over_everything_goes_on(desk: Desks) -> None:
    async with desk(ordered(Reply(429, b"", {"Retry-After": "3"}), OK)) as on:
        rest, _ = on.client()
        with pytest.raises(Rejected):
            await place(rest)
        await on.clock.sleep(3.2)
        await place(rest)
        assert on.bans[-1].until_ms == 0
        assert rest.spent().banned_until_ms == 0
        assert not list(on.folder.iterdir())


async def test_what_protects_waits_longer_each_time_it_is_refused_itself(desk: Desks) -> None:
    async with desk(ordered(Reply(429, b"", {"Retry-After": "600"})), rate=2) as on:
        rest, _ = on.client()
        with pytest.raises(Rejected):
            await cancel(rest)
        with pytest.raises(NotSent) as raised:
            await cancel(rest)
        assert 0 < raised.value.retry_in_s <= 1
        await on.clock.sleep(1.0)
        with pytest.raises(Rejected):
            await cancel(rest)
        with pytest.raises(NotSent) as raised:
            await cancel(rest)
        assert 0.5 < raised.value.retry_in_s <= 2
        assert len(on.venue.asked(ORDER)) == 2


@pytest.mark.parametrize("status", [418, 429])
async def test_a_restart_forgets_no_ban(desk: Desks, status: int) -> None:
    async with desk(ordered(Reply(status, b"", {"Retry-After": "3000"}), OK)) as on:
        before, _ = on.client()
        with pytest.raises(Rejected):
            await place(before)
        on.bus = Bus(on.clock)
        on.bus.subscribe(RestBan, on.bans.append)
        after, _ = on.client()
        with pytest.raises(NotSent):
            await place(after)
        assert after.ban.status == status
        assert 2900 < (after.spent().banned_until_ms - on.clock.now_ms()) / 1000 <= 3000
        assert "before the last stop" in on.bans[-1].reason
        assert len(on.venue.asked(ORDER)) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"status":418}', b"\xff"])
async def test_a_damaged_ban_file_is_told_and_does_not_stop_the_start(
    desk: Desks, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk(ordered(OK)) as on:
        on.folder.mkdir()
        (on.folder / "ban-binance_us.json").write_bytes(content)
        rest, _ = on.client()
        await place(rest)
        assert "ban-binance_us.json" in caplog.text


async def test_a_ban_file_of_far_away_days_is_bounded(desk: Desks) -> None:
    async with desk(ordered(OK)) as on:
        on.folder.mkdir()
        (on.folder / "ban-binance_us.json").write_bytes(b'{"status":418,"until_ms":4000000000000}')
        rest, _ = on.client()
        assert rest.ban.remaining_s() <= 3 * 86_400


async def test_entries_leave_a_reserve_that_cancels_and_stops_may_use(desk: Desks) -> None:
    async with desk(ordered(OK)) as on:
        rest, budget = on.client()
        await rest.sync_clock()
        budget.limits["ORDERS 1D"].limit = 4
        for _ in range(3):
            await place(rest)
        with pytest.raises(NotSent) as raised:
            await place(rest)
        assert raised.value.code == "RATE_BUDGET"
        assert raised.value.retry_in_s > 2
        await place(rest, safety=True)
        with pytest.raises(NotSent):
            await place(rest, safety=True)
        await cancel(rest)  # a cancel places no order
        assert rest.spent().used == 1.0
        assert len(on.venue.asked(ORDER)) == 5


async def test_the_venues_own_counts_and_limits_are_believed(desk: Desks) -> None:
    headers = {"x-mbx-order-count-1d": "180000", "X-MBX-USED-WEIGHT-1M": "700"}
    async with desk(ordered(Reply(200, b"{}", headers))) as on:
        rest, budget = on.client()
        await place(rest)
        assert budget.limits["ORDERS 1D"].used == 180_000
        assert budget.limits["REQUEST_WEIGHT 1M"].used == 700
        with pytest.raises(NotSent) as raised:
            await place(rest)
        assert raised.value.code == "RATE_BUDGET"
        rows = (
            b'{"rateLimits":[{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":900000},'
            b'{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000},'
            b'{"rateLimitType":"ORDERS","interval":"MINUTE","intervalNum":1,"limit":7},'
            b'{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":61000}]}'
        )
        learn(budget, rows, on.clock.now_ms)
        await place(rest)
        assert {name: limit.limit for name, limit in budget.limits.items()} == {
            "REQUEST_WEIGHT 1M": 6000,
            "ORDERS 10S": 100,
            "ORDERS 1D": 900_000,
            "ORDERS 1M": 7,
        }
        with pytest.raises(Retryable):
            learn(budget, b"{}", on.clock.now_ms)


async def test_a_wait_shorter_than_the_callers_patience_is_waited_out(desk: Desks) -> None:
    async with desk(ordered(OK), rate=2, start_ms=START_MS + 9_000) as on:
        rest, budget = on.client()
        await rest.sync_clock()
        budget.limits["ORDERS 10S"].take(100)
        await place(rest)
        assert on.venue.now_ms() >= START_MS + 10_000
