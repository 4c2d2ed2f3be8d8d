"""The reconnecting link, over real sockets on loopback with a fast clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from core.bus import Bus
from core.clock import Clock, LiveClock
from core.messages import LinkStatus, RestBan
from core.settings import Feed, Network
from core.venue import Retryable
from providers.link import Link

Serve = Callable[[ServerConnection], Awaitable[None]]
FEED = Feed(backoff_first_s=1, backoff_cap_s=8, silence_s=10, ping_s=20, connect_timeout_s=2)
LOOK_S = 1.0
"""How often a link looks at a socket that lives."""


class Rig:
    """A link with everything it said and got."""

    def __init__(self, url: str, feed: Feed, clock: Clock, on_up: Callable[[Link], Awaitable[None]] | None) -> None:
        self.clock = clock
        self.bus = Bus(clock)
        self.frames: list[bytes] = []
        self.states: list[LinkStatus] = []
        self.downs: list[str] = []
        self.on_up_calls = 0
        self.bus.subscribe(LinkStatus, self.states.append)

        async def up() -> None:
            self.on_up_calls += 1
            if on_up is not None:
                await on_up(self.link)

        self.link = Link(
            "market 1",
            url,
            clock=clock,
            bus=self.bus,
            venue="binance_us",
            category="spot",
            feed=feed,
            network=Network(),
            on_frame=self.frames.append,
            on_up=up,
            on_down=self.downs.append,
        )

    def said(self, state: str) -> list[LinkStatus]:
        return [status for status in self.states if status.state == state]


def url_of(server: Server) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    handler: Serve,
    *,
    feed: Feed = FEED,
    rate: float = 20,
    on_up: Callable[[Link], Awaitable[None]] | None = None,
    **options: object,
) -> AsyncIterator[Rig]:
    async with serve(handler, "127.0.0.1", 0, **options) as server:  # type: ignore[arg-type]
        rig = Rig(url_of(server), feed, LiveClock(rate=rate), on_up)
        task = asyncio.create_task(rig.link.run())
        try:
            yield rig
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def hold(socket: ServerConnection) -> None:
    await socket.wait_closed()


async def test_frames_reach_the_callback_as_bytes_whole_or_in_pieces() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.send("one")
        await socket.send(["two ", "in ", "pieces"])
        await socket.send("three")
        await hold(socket)

    async with running(handler) as rig:
        await until(lambda: len(rig.frames) == 3)
        assert sorted(rig.frames) == [b"one", b"three", b"two in pieces"]
        assert rig.link.is_up
        assert rig.link.frames == 3
    assert rig.states[-1].state == "stopped"
    assert not rig.link.is_up


async def test_a_lost_connection_is_announced_and_comes_back_with_its_subscriptions() -> None:
    seen: list[str] = []

    async def handler(socket: ServerConnection) -> None:
        seen.append(str(await socket.recv()))
        if len(seen) == 1:
            socket.transport.abort()
        await hold(socket)

    async with running(handler, on_up=lambda link: link.send("subscribe")) as rig:
        await until(lambda: rig.link.reconnects == 1 and len(seen) > 1)
        assert seen == ["subscribe", "subscribe"]
        assert len(rig.downs) == 1
        (down,) = rig.said("down")
        assert down.reason
        assert 0.5 <= down.retry_in_s <= 1.0


async def test_a_venue_that_accepts_and_drops_is_met_with_growing_waits() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.close(1013, "go away")

    async with running(handler, rate=100) as rig:
        await until(lambda: len(rig.said("down")) >= 6)
        waits = [status.retry_in_s for status in rig.said("down")]
    assert all(0.5 * full <= wait <= full for wait, full in zip(waits, [1, 2, 4, 8, 8, 8], strict=False))


async def test_a_connection_that_proved_itself_resets_the_backoff() -> None:
    connections = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        if connections == 4:
            await until(lambda: rig.link.is_up)
            await rig_clock.sleep(15)
        await socket.close()

    rig_clock = LiveClock(rate=100)
    async with running(handler, rate=100) as rig:
        await until(lambda: len(rig.said("down")) >= 4)
    waits = [status.retry_in_s for status in rig.said("down")]
    assert waits[2] >= 2.0
    assert waits[3] <= 1.0


async def test_a_silent_socket_is_given_up_though_it_is_still_open() -> None:
    connections = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            socket.transport.pause_reading()  # half open: pings are not read, nothing is answered
            await over.wait()
            socket.transport.abort()
            return
        await hold(socket)

    over = asyncio.Event()
    async with running(handler, on_up=None) as rig:
        await until(lambda: connections == 2)
        assert "no frame for 10 s" in rig.said("down")[0].reason
        over.set()


async def test_a_quiet_socket_that_answers_pings_is_kept() -> None:
    clock = LiveClock(rate=100)
    async with running(hold, rate=100) as rig:
        await until(lambda: rig.link.is_up)
        await clock.sleep(40)
        assert rig.link.is_up
        assert not rig.downs


async def test_an_old_socket_is_replaced_while_it_still_delivers() -> None:
    alive: list[ServerConnection] = []
    together = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal together
        alive.append(socket)
        together = max(together, len(alive))
        await socket.send(f"hello {len(alive)}")
        try:
            await hold(socket)
        finally:
            alive.remove(socket)

    async with running(handler) as rig:
        await until(lambda: rig.link.is_up)
        rig.link.rotate("serverShutdown")
        await until(lambda: rig.link.rotations == 1)
        await until(lambda: len(alive) == 1)
        assert together == 2
        assert rig.on_up_calls == 2
        assert not rig.downs
        assert rig.said("rotating")[0].reason == "serverShutdown"
        assert rig.link.is_up
        looks, pause, began = [0], rig.link._pause, rig.clock.monotonic()

        async def counted(seconds: float) -> None:
            looks[0] += 1
            await pause(seconds)

        rig.link._pause = counted  # type: ignore[method-assign]
        rig.link._wake.set()  # as the reader of an old socket does that ends late
        await until(lambda: looks[0] > 1 and rig.clock.monotonic() > began + 20 * LOOK_S)
        assert looks[0] <= 22, "the old socket's end must not keep it looking without rest"


async def test_a_socket_is_replaced_when_its_time_is_over() -> None:
    feed = Feed(rotate_hours=0.002, silence_s=30)
    async with running(hold, feed=feed, rate=50) as rig:
        await until(lambda: rig.link.rotations >= 2)
        assert rig.link.reconnects == 0


async def test_no_connection_is_tried_while_the_venue_bans_us() -> None:
    refusals = 0

    async def refuse(connection: ServerConnection, request: Request) -> Response | None:
        nonlocal refusals
        refusals += 1
        if refusals > 1:
            return None
        response = connection.respond(429, "slow down")
        response.headers["Retry-After"] = "7"
        return response

    clock_rate = 20
    bans: list[RestBan] = []
    async with running(hold, rate=clock_rate, process_request=refuse) as rig:
        rig.bus.subscribe(RestBan, bans.append)
        await until(lambda: rig.said("banned"))
        assert refusals == 1
        assert rig.said("banned")[0].retry_in_s > 4
        await until(lambda: rig.link.is_up)
        assert refusals == 2
    assert [ban.status for ban in bans if ban.until_ms] == [429]


async def test_a_frame_that_makes_the_consumer_fail_is_counted_and_harms_nothing() -> None:
    async def handler(socket: ServerConnection) -> None:
        for text in ("good", "bad", "good"):
            await socket.send(text)
        await hold(socket)

    async with running(handler) as rig:
        kept: list[bytes] = []

        def picky(frame: bytes) -> None:
            if frame == b"bad":
                raise ValueError("cannot read this")
            kept.append(frame)

        rig.link._on_frame = picky
        await until(lambda: len(kept) == 2)
        assert rig.link.frame_errors == 1
        assert rig.link.is_up


async def test_a_huge_frame_is_dropped_and_the_socket_stays() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.send("x" * 50_000)
        await socket.send("after")
        await hold(socket)

    async with running(handler, feed=Feed(max_frame_bytes=10_000)) as rig:
        await until(lambda: rig.frames == [b"after"])
        assert rig.link.oversized == 1
        assert not rig.downs


async def test_a_failing_subscription_gives_the_connection_up_and_tries_again() -> None:
    async def fail_once(link: Link) -> None:
        if link.connects == 1:
            raise Retryable("no subscriptions today")

    async with running(hold, on_up=fail_once) as rig:
        await until(lambda: rig.link.is_up)
        assert "no subscriptions today" in rig.said("down")[0].reason


async def test_sending_is_paced_and_refused_without_a_connection() -> None:
    got: list[str] = []

    async def handler(socket: ServerConnection) -> None:
        async for message in socket:
            got.append(str(message))

    clock = LiveClock(rate=10)
    async with running(handler, rate=10) as rig:
        with pytest.raises(Retryable, match="down"):
            await rig.link.send("too early")
        await until(lambda: rig.link.is_up)
        started = clock.monotonic()
        for number in range(9):
            await rig.link.send(str(number))
        assert clock.monotonic() - started >= 8 * 0.25 * 0.99
        await until(lambda: len(got) == 9)
