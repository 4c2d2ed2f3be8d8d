"""Signed requests: signed when they leave, a change sent once, every ending told for what it is. Real HTTP on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from core.bus import Bus
from core.clock import LiveClock
from core.credentials import Credentials
from core.messages import VenueClock
from core.settings import Network
from core.trading.broker import NoAnswer, NotSent
from core.venue import Fatal, Rejected, Retryable, VenueError
from providers import signed_client
from providers.binance_us import signing as binance_us_signing
from providers.binance_us.limits import first_budget
from providers.binance_us.signing import Signer, judge
from providers.binance_us.wire import decode_time
from providers.bybit import signing as bybit_signing
from providers.signed_rest import Refusal, SignedRest
from providers.venue_time import VenueTime
from tests.patience import USUAL_LEAVE_S, patient_connections  # noqa: F401 - a fixture of every test here
from tests.providers.signed_venue import DROP, HANG, Answer, Reply, Request, SignedVenue, ordered, signed_venue

KEY, SECRET = (
    "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgw",
    "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
)
ORDER = "/api/v3/order"
OK = Reply(200, b'{"ok":1}')


class Bench:
    """A client and the venue it talks to."""

    def __init__(self, venue: SignedVenue, rest: SignedRest, bus: Bus, clock: LiveClock) -> None:
        self.venue = venue
        self.rest = rest
        self.bus = bus
        self.clock = clock

    async def place(self, **options: object) -> bytes:
        return await self.rest.request("POST", ORDER, {"symbol": "BTCUSD"}, orders=1, changes=True, **options)  # type: ignore[arg-type]

    @property
    def sent(self) -> int:
        return len(self.venue.asked(ORDER))


def client(
    url: str,
    clock: LiveClock,
    bus: Bus,
    *,
    answer_s: float = 0.2,
    recv_window_ms: int = 5000,
    rest_timeout_s: float = 0.5,
) -> SignedRest:
    time = VenueTime(clock, bus, "binance_us")
    return SignedRest(
        url,
        venue="binance_us",
        category="spot",
        environment="live",
        clock=clock,
        bus=bus,
        network=Network(rest_timeout_s=rest_timeout_s),
        budget=first_budget(time.now_ms),
        sign=Signer(Credentials(KEY, SECRET), recv_window_ms),
        judge=judge,
        time_path="/api/v3/time",
        server_time=lambda body: decode_time(body).serverTime,
        answer_s=answer_s,
        time=time,
    )


@asynccontextmanager
async def bench(answer: Answer, clock: LiveClock | None = None, **options: float) -> AsyncIterator[Bench]:
    clock = clock or LiveClock()
    async with signed_venue(clock, answer) as venue:
        bus = Bus(clock)
        rest = client(venue.url, clock, bus, **options)  # type: ignore[arg-type]
        try:
            yield Bench(venue, rest, bus, clock)
        finally:
            await rest.close()


def signature_of(request: Request) -> tuple[str, str]:
    """What was signed, by the bytes that arrived, and the signature that came with it."""
    payload, _, signature = request.query.rpartition("&signature=")
    return Credentials(KEY, SECRET).sign(payload.encode() + request.body), signature


async def test_the_bytes_that_arrive_are_the_bytes_that_were_signed() -> None:
    async with bench(ordered(OK)) as on:
        odd = {"symbol": "BTCUSD", "newClientOrderId": "a_b-1", "note": 'x y&z="é"+%41'}
        assert await on.rest.request("POST", ORDER, odd, changes=True) == b'{"ok":1}'
        [request] = on.venue.asked(ORDER)
        expected, told = signature_of(request)
        assert told == expected
        assert {name: request.params[name] for name in odd} == odd
        assert request.headers["x-mbx-apikey"] == KEY
        assert SECRET not in str(request)


async def test_it_is_stamped_with_the_venues_time() -> None:
    async with bench(ordered(OK)) as on:
        on.venue.ahead_ms = 7_200_000
        await on.place()
        assert abs(int(on.venue.asked(ORDER)[0].params["timestamp"]) - on.venue.now_ms()) < 1000


ENDINGS: list[tuple[Reply, type[VenueError], str]] = [
    (Reply(500), NoAnswer, "SERVER_ERROR"),
    (Reply(503, b"<html>"), NoAnswer, "SERVER_ERROR"),
    (Reply(504, b'{"code":-1007,"msg":"Timeout"}'), NoAnswer, "SERVER_ERROR"),
    (DROP, NoAnswer, "DISCONNECT"),
    (Reply(200, b"{", {"Content-Length": "900"}), NoAnswer, "TIMEOUT"),
    (HANG, NoAnswer, "TIMEOUT"),
    (Reply(200, b"<html>busy</html>"), NoAnswer, "UNREADABLE"),
    (Reply(200, b""), NoAnswer, "UNREADABLE"),
    (Reply(404, b"<html>"), NoAnswer, "UNREADABLE"),
    (Reply(400, b"bad"), NoAnswer, "UNREADABLE"),
    (Reply(302, b"", {"Location": "/elsewhere"}), NoAnswer, "UNREADABLE"),
    (Reply(400, b'{"code":-1000,"msg":"unknown"}'), NoAnswer, "SERVER_ERROR"),
    (Reply(400, b'{"code":-1006,"msg":"unexpected"}'), NoAnswer, "SERVER_ERROR"),
    (Reply(400, b'{"code":-1008,"msg":"overloaded"}'), NoAnswer, "SERVER_ERROR"),
    (Reply(400, b'{"code":-2010,"msg":"Duplicate order sent."}'), NoAnswer, "SERVER_ERROR"),
    (Reply(400, b'{"code":-2010,"msg":"Account has insufficient balance"}'), Rejected, "-2010"),
    (Reply(400, b'{"code":-1013,"msg":"Filter failure: LOT_SIZE"}'), Rejected, "-1013"),
    (Reply(401, b'{"code":-2015,"msg":"Invalid API-key"}'), Rejected, "-2015"),
    (Reply(400, b'{"code":-1015,"msg":"Too many new orders"}'), Rejected, "-1015"),
    (Reply(429, b'{"code":-1003,"msg":"Too much"}'), Rejected, "429"),
]


@pytest.mark.parametrize(("reply", "kind", "word"), ENDINGS, ids=lambda value: str(value)[:40])
async def test_a_change_is_sent_once_whatever_becomes_of_it(reply: Reply, kind: type[VenueError], word: str) -> None:
    async with bench(ordered(reply)) as on:
        with pytest.raises(kind) as raised:
            await on.place()
        error = raised.value
        assert type(error) is kind or isinstance(error, Rejected)
        assert (error.why if isinstance(error, NoAnswer) else str(getattr(error, "code", ""))) == word
        assert on.sent == 1
        assert not on.venue.asked("/elsewhere")
        assert KEY not in str(error)
        assert "signature" not in str(error)


async def test_a_refused_connection_is_told_as_never_sent() -> None:
    clock = LiveClock()
    bus = Bus(clock)
    async with signed_venue(clock, ordered(OK)) as venue:
        rest = client(venue.url, clock, bus)
        venue_clock = VenueClock(
            venue="binance_us", category="spot", offset_ms=0.0, round_trip_ms=1.0, at_ms=clock.now_ms()
        )
        bus.publish(venue_clock)
    with pytest.raises(NotSent) as raised:
        await rest.request("POST", ORDER, changes=True)
    assert raised.value.code == "NO_CONNECTION"
    await rest.close()


async def test_without_the_venues_time_nothing_is_sent() -> None:
    async with bench(ordered(OK)) as on:
        on.venue.time = lambda: Reply(500)  # type: ignore[method-assign]
        with pytest.raises(NotSent) as raised:
            await on.place()
        assert raised.value.code == "CLOCK"
        assert not on.sent


REFUSED_CLOCK = Reply(400, b'{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}')


def strict_clock(venue: Callable[[], SignedVenue]) -> Answer:
    """Accepts as the venue documents: not more than 1 s ahead, not older than the window."""

    def answer(request: Request) -> Reply:
        stamp, now_ms = int(request.params["timestamp"]), venue().now_ms()
        fits = stamp < now_ms + 1000 and now_ms - stamp <= int(request.params["recvWindow"])
        return OK if fits else REFUSED_CLOCK

    return answer


@pytest.mark.parametrize("jump_ms", [-3_600_000, -3000, 3000, 8000, 3_600_000])
async def test_after_a_proven_clock_refusal_it_is_measured_signed_anew_and_sent_once_more(jump_ms: int) -> None:
    async with bench(lambda _: OK) as on:
        on.venue.answer = strict_clock(lambda: on.venue)
        await on.place()
        on.venue.ahead_ms += jump_ms
        expected = 2 if jump_ms < -1000 or jump_ms > 5000 else 1
        await on.place()
        assert on.sent == 1 + expected
        stamps = [request.params["timestamp"] for request in on.venue.asked(ORDER)]
        assert expected == 1 or stamps[-1] != stamps[-2]
        assert all(signature_of(request)[0] == signature_of(request)[1] for request in on.venue.asked(ORDER))


async def test_a_second_clock_refusal_is_final() -> None:
    async with bench(ordered(REFUSED_CLOCK)) as on:
        with pytest.raises(Rejected) as raised:
            await on.place()
        assert raised.value.code == -1021
        assert on.sent == 2


async def test_a_refused_clock_that_cannot_be_measured_stays_a_refusal() -> None:
    async with bench(ordered(REFUSED_CLOCK)) as on:
        await on.rest.sync_clock()
        on.venue.time = lambda: Reply(500)  # type: ignore[method-assign]
        with pytest.raises(Rejected) as raised:
            await on.place()
        assert raised.value.code == -1021
        assert on.sent == 1


async def test_many_refused_together_measure_the_clock_once() -> None:
    async with bench(lambda _: OK) as on:
        on.venue.answer = strict_clock(lambda: on.venue)
        await on.place()
        measured = len(on.venue.asked("/api/v3/time"))
        on.venue.ahead_ms += 60_000
        await asyncio.gather(*(on.place() for _ in range(5)))
        assert on.sent == 11
        assert len(on.venue.asked("/api/v3/time")) == 2 * measured


class Slow(LiveClock):
    """Time passes in leaps."""

    passed_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.passed_s


async def test_what_takes_too_long_to_measure_is_not_sent_again() -> None:
    clock = Slow()
    async with bench(ordered(REFUSED_CLOCK, OK), clock) as on:
        await on.rest.sync_clock()

        def slowly() -> Reply:
            clock.passed_s += 4.0
            return SignedVenue.time(on.venue)

        on.venue.time = slowly  # type: ignore[method-assign]
        with pytest.raises(Rejected) as raised:
            await on.place()
        assert raised.value.code == -1021
        assert on.sent == 1


async def test_a_lost_answer_to_the_second_sending_is_no_answer_and_no_third() -> None:
    async with bench(ordered(REFUSED_CLOCK, DROP)) as on:
        with pytest.raises(NoAnswer):
            await on.place()
        assert on.sent == 2


class Leaping(LiveClock):
    """The operator's wall clock leaps; monotonic time does not."""

    leap_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.leap_ms


@pytest.mark.parametrize("leap_ms", [-10_000_000, 10_000_000])
async def test_a_leap_of_our_wall_clock_spoils_no_signature(leap_ms: int) -> None:
    clock = Leaping()
    async with bench(lambda _: OK, clock) as on:
        on.venue.clock = LiveClock()
        on.venue.answer = strict_clock(lambda: on.venue)
        await on.place()
        clock.leap_ms = leap_ms
        await on.place()
        assert on.sent == 2


async def test_what_waited_longer_than_the_window_is_signed_when_it_leaves() -> None:
    full_ms = 1_700_000_040_000
    clock = LiveClock(rate=10, start_ms=full_ms + 1_000)
    async with bench(lambda _: OK, clock, answer_s=30.0, recv_window_ms=4000) as on:
        on.venue.answer = strict_clock(lambda: on.venue)
        await on.rest.sync_clock()
        on.rest.budget.limits["ORDERS 10S"].take(100)  # type: ignore[attr-defined]
        await on.place()
        [request] = on.venue.asked(ORDER)
        assert int(request.params["timestamp"]) >= full_ms + 10_000


async def test_what_finds_no_connection_while_its_signature_is_good_does_not_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert min(binance_us_signing.RECV_WINDOW_MS, bybit_signing.RECV_WINDOW_MS) > 3 * USUAL_LEAVE_S * 1000
    monkeypatch.setattr(signed_client, "CONNECTIONS", 1)
    monkeypatch.setattr(signed_client, "LEAVE_S", 0.05)
    async with bench(ordered(OK)) as on:
        await on.place()
        on.venue.answer = ordered(HANG)
        hanging = asyncio.ensure_future(on.place())
        while on.sent < 2:
            await asyncio.sleep(0)
        with pytest.raises(NotSent) as raised:
            await on.place()
        assert raised.value.code == "NO_CONNECTION"
        assert on.sent == 2
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)


async def test_whoever_waits_long_for_an_answer_does_not_wait_long_to_leave() -> None:
    asked: list[dict[str, float]] = []

    async def note(request: httpx.Request) -> None:
        asked.append(request.extensions["timeout"])

    async with bench(ordered(OK), answer_s=20.0, rest_timeout_s=60.0) as on:
        on.rest._client.event_hooks = {"request": [note]}
        await on.place()
        await on.rest.request("GET", ORDER, changes=False)
        assert [one["read"] for one in asked] == [40.0, 40.0, 40.0, 60.0, 40.0], "the clock, a change, a read"
        assert {(one["connect"], one["pool"]) for one in asked} == {(signed_client.LEAVE_S, signed_client.LEAVE_S)}


async def test_a_check_at_the_send_holds_the_request_back() -> None:
    async with bench(ordered(OK)) as on:

        def refuse() -> None:
            raise ValueError("too late")

        with pytest.raises(ValueError, match="too late"):
            await on.place(at_send=refuse)
        assert not on.sent


async def test_the_check_is_asked_once_even_when_it_is_signed_twice() -> None:
    asked: list[int] = []
    async with bench(ordered(REFUSED_CLOCK, OK)) as on:
        await on.place(at_send=lambda: asked.append(on.sent))
        assert asked == [0]
        assert on.sent == 2


async def test_half_a_cancel_and_replace_hands_over_its_body() -> None:
    body = b'{"code":-2021,"msg":"partially failed","data":{"cancelResult":"SUCCESS"}}'
    async with bench(ordered(Reply(409, body))) as on:
        with pytest.raises(Refusal) as raised:
            await on.place()
        assert raised.value.body == body


async def test_reads_are_tried_again_and_measure_a_refused_clock() -> None:
    clock = LiveClock(rate=50)
    async with bench(ordered(Reply(500), REFUSED_CLOCK, OK), clock) as on:
        assert await on.rest.request("GET", ORDER, changes=False) == b'{"ok":1}'
        assert on.sent == 3


async def test_a_read_without_an_answer_is_asked_again_long_before_the_longest_wait() -> None:
    async with bench(ordered(HANG, OK), rest_timeout_s=120.0) as on:
        assert await on.rest.request("GET", ORDER, changes=False) == b'{"ok":1}'
        assert on.sent == 2


@pytest.mark.parametrize(
    ("reply", "kind", "times"),
    [
        (Reply(503), Retryable, 3),
        (DROP, Retryable, 3),
        (Reply(400, b'{"code":-2013,"msg":"Order does not exist."}'), Rejected, 1),
        (Reply(302, b""), Fatal, 1),
        (Reply(404, b"<html>"), Fatal, 1),
        (Reply(410, b""), Fatal, 1),
    ],
)
async def test_how_reads_fail(reply: Reply, kind: type[VenueError], times: int) -> None:
    async with bench(ordered(reply), LiveClock(rate=50)) as on:
        with pytest.raises(kind):
            await on.rest.request("GET", ORDER, changes=False)
        assert on.sent == times


async def test_requests_run_side_by_side() -> None:
    gate = asyncio.Event()
    async with bench(ordered(OK)) as on:
        await on.rest.sync_clock()
        first = asyncio.ensure_future(on.place(at_send=gate.set))
        await gate.wait()
        await asyncio.gather(*(on.place() for _ in range(5)))
        await first
        assert on.sent == 6


async def test_keys_do_not_go_to_a_strange_host() -> None:
    clock = LiveClock()
    with pytest.raises(Fatal, match=r"api\.binance\.us\.example\.com"):
        client("https://api.binance.us.example.com", clock, Bus(clock))
