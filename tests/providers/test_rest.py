"""REST reads: budget, bans, retries and typed errors, against a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from core.bus import Bus
from core.clock import LiveClock, SimClock
from core.messages import RestBan
from core.settings import Network
from core.venue import Banned, Fatal, Rejected, Retryable
from providers.ban import Ban
from providers.budget import RequestWindow, WeightWindow
from providers.rest import Rest

Answer = tuple[int, dict[str, str], bytes]
MINUTE_MS = 1_700_000_040_000


class Venue:
    """A tiny HTTP server: `answers` in turn, the last one again and again."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.at: list[float] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked.append(head.split(b" ")[1].decode())
                status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if status == 0:
                    break
                lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def venue_of(*answers: Answer) -> AsyncIterator[tuple[Venue, Callable[..., Rest], list[RestBan]]]:
    venue = Venue(list(answers))
    server = await asyncio.start_server(venue.handle, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    clients: list[Rest] = []
    bans: list[RestBan] = []

    def client(clock: LiveClock | None = None, budget: WeightWindow | None = None) -> Rest:
        clock = clock or LiveClock(rate=50)
        bus = Bus(clock)
        bus.subscribe(RestBan, bans.append)
        rest = Rest(
            base,
            clock=clock,
            bus=bus,
            venue="binance_us",
            category="spot",
            network=Network(rest_timeout_s=2),
            budget=budget or WeightWindow(clock, limit=1200, share=0.8, fill_share=0.25),
        )
        clients.append(rest)
        return rest

    try:
        yield venue, client, bans
    finally:
        for rest in clients:
            await rest.close()
        server.close()


async def test_a_good_answer_is_returned_and_its_weight_header_believed() -> None:
    async with venue_of((200, {"X-MBX-USED-WEIGHT-1M": "321"}, b"[1]")) as (venue, client, _):
        rest = client()
        assert await rest.get("/api/v3/klines", {"symbol": "BTCUSD", "limit": 5}, weight=2) == b"[1]"
        assert venue.asked == ["/api/v3/klines?symbol=BTCUSD&limit=5"]
        assert rest.budget.used == 321


async def test_server_trouble_is_retried_a_few_times_and_then_told() -> None:
    async with venue_of((500, {}, b""), (502, {}, b""), (200, {}, b"ok")) as (_, client, _bans):
        rest = client()
        assert await rest.get("/x") == b"ok"
        assert (rest.requests, rest.errors, rest.retries) == (3, 2, 2)
    async with venue_of((503, {}, b"")) as (venue, client, _):
        with pytest.raises(Retryable, match="503"):
            await client().get("/x")
        assert len(venue.asked) == 3


async def test_a_dropped_connection_is_retryable() -> None:
    async with venue_of((0, {}, b""), (200, {}, b"ok")) as (_, client, _bans):
        assert await client().get("/x") == b"ok"


async def test_a_refusal_carries_the_venues_code_and_is_not_repeated() -> None:
    async with venue_of((400, {}, b'{"code":-1121,"msg":"Invalid symbol."}')) as (venue, client, _):
        with pytest.raises(Rejected, match="Invalid symbol") as caught:
            await client().get("/x")
        assert caught.value.code == -1121
        assert len(venue.asked) == 1


async def test_a_wrong_host_is_fatal_and_names_the_base_url() -> None:
    async with venue_of((404, {}, b"<html>")) as (_, client, _bans):
        with pytest.raises(Fatal, match="base URL"):
            await client().get("/x")


@pytest.mark.parametrize(
    ("status", "headers", "body", "least_s", "most_s"),
    [
        (429, {"Retry-After": "30"}, b"", 29, 30),
        (429, {}, b"", 10, 130),
        (418, {}, b"", 119, 120),
        (403, {}, b"", 599, 600),
    ],
)
async def test_after_a_ban_nothing_is_sent_until_its_end(
    status: int, headers: dict[str, str], body: bytes, least_s: float, most_s: float
) -> None:
    async with venue_of((status, headers, body), (200, {}, b"ok")) as (venue, client, bans):
        clock = LiveClock(rate=10)
        rest = client(clock)
        with pytest.raises(Banned) as caught:
            await rest.get("/x")
        assert least_s <= caught.value.retry_in_s <= most_s
        with pytest.raises(Banned):
            await rest.get("/x")
        assert len(venue.asked) == 1
        assert bans[0].status == status
        assert bans[0].until_ms > clock.now_ms()


def test_refusals_of_requests_that_were_already_under_way_do_not_lengthen_a_ban() -> None:
    clock = SimClock(1_700_000_000_000)
    ban = Ban(clock, Bus(clock), "binance_us", "spot")
    waits = [ban.impose(429, {}).retry_in_s for _ in range(6)]
    assert waits == [10.0] * 6
    clock.set_ms(clock.now_ms() + 11_000)
    assert ban.impose(429, {}).retry_in_s == 20.0


async def test_a_ban_is_lifted_when_its_time_is_over() -> None:
    async with venue_of((429, {"Retry-After": "2"}, b""), (200, {}, b"ok")) as (_, client, bans):
        clock = LiveClock(rate=50)
        rest = client(clock)
        with pytest.raises(Banned):
            await rest.get("/x")
        await clock.sleep(2.5)
        assert await rest.get("/x") == b"ok"
        assert bans[-1].until_ms == 0


async def test_the_end_of_a_ban_named_in_the_body_is_respected() -> None:
    clock = LiveClock(rate=1)
    until = clock.now_ms() + 90_000
    body = b'{"code":-1003,"msg":"Way too much request weight used; IP banned until %d."}' % until
    async with venue_of((418, {}, body)) as (_, client, bans):
        with pytest.raises(Banned):
            await client(clock).get("/x")
        assert abs(bans[0].until_ms - until) < 1500


def test_weight_is_refused_beyond_our_share_until_the_minute_turns() -> None:
    clock = SimClock(MINUTE_MS + 15_000)
    budget = WeightWindow(clock, limit=100, share=0.8, fill_share=0.25)
    assert [budget.take(20, "normal") for _ in range(4)] == [0.0] * 4
    assert budget.take(20, "normal") == pytest.approx(45.1)
    clock.set_ms(MINUTE_MS + 60_000)
    assert budget.take(20, "normal") == 0.0


def test_the_background_fill_keeps_to_its_share() -> None:
    clock = SimClock(MINUTE_MS)
    budget = WeightWindow(clock, limit=100, share=1.0, fill_share=0.25)
    assert budget.take(20, "fill") == 0.0
    assert budget.take(20, "fill") > 0
    assert budget.take(70, "normal") == 0.0


def test_a_request_heavier_than_its_share_still_passes_in_a_fresh_minute() -> None:
    clock = SimClock(MINUTE_MS)
    budget = WeightWindow(clock, limit=100, share=1.0, fill_share=0.1)
    assert budget.take(40, "fill") == 0.0
    assert budget.take(1, "fill") > 0


def test_what_others_use_from_our_address_counts() -> None:
    clock = SimClock(MINUTE_MS)
    budget = WeightWindow(clock, limit=100, share=0.8, fill_share=0.25)
    budget.observe({"X-MBX-USED-WEIGHT-1M": "79"})
    assert budget.take(2, "normal") > 0
    budget.observe({"X-MBX-USED-WEIGHT-1M": "soon"})
    assert budget.used == 79


def test_requests_in_a_sliding_window_are_limited() -> None:
    clock = SimClock(MINUTE_MS)
    budget = RequestWindow(clock, limit=10, share=0.5, fill_share=0.4)
    assert [budget.take(1, "fill") for _ in range(3)][:2] == [0.0, 0.0]
    assert budget.take(1, "fill") > 0
    assert [budget.take(1, "normal") for _ in range(3)] == [0.0] * 3
    assert budget.take(1, "normal") == pytest.approx(5.0)
    clock.set_ms(MINUTE_MS + 5_000)
    assert budget.take(1, "normal") == 0.0
    assert budget.used == 1
