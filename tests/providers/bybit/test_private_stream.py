"""The private socket over loopback: signing in on the venue's clock, what it subscribes, and how gaps are told."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve

from core.bus import Bus
from core.clock import LiveClock
from core.credentials import Credentials
from core.market.quality import RejectCounter
from core.settings import Feed, Market, Settings
from providers.ban import Ban
from providers.bybit.account_wire import Positions
from providers.bybit.private_stream import PrivateStream
from tests.providers.bybit import private_frames as frames
from tests.providers.bybit.test_private_topics import Ear

VENUE_AHEAD_MS = 40_000
ACK = {"success": True, "ret_msg": "", "conn_id": "x"}


class Venue:
    """One private socket after the other. `auth` and `topics` are what it answers; None: nothing."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.sockets: list[ServerConnection] = []
        self.auth: list[dict[str, Any] | None] = [ACK]
        self.topics: list[dict[str, Any] | None] = [ACK]
        self.pong: dict[str, Any] | None = {"op": "pong", "args": ["1"]}

    async def handle(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        async for message in socket:
            asked = msgspec.json.decode(message)
            self.asked.append(asked)
            said: dict[str, Any] | None
            match asked["op"]:
                case "auth":
                    said = self.auth.pop(0) if len(self.auth) > 1 else self.auth[0]
                case "subscribe":
                    said = self.topics.pop(0) if len(self.topics) > 1 else self.topics[0]
                case _:
                    said = self.pong
            if said is not None:
                await socket.send(msgspec.json.encode({"op": asked["op"], "req_id": ""} | said), text=True)

    def of(self, op: str) -> list[dict[str, Any]]:
        return [asked for asked in self.asked if asked["op"] == op]


class Rig:
    """A stream with its venue and ear."""

    def __init__(self, venue: Venue, url: str, category: str, **feed: Any) -> None:
        self.clock = LiveClock(rate=20)
        self.venue = venue
        self.ear = Ear()
        self.rejects = RejectCounter()
        self.prepared: list[bool] = []
        bus = Bus(self.clock)
        options = {
            "backoff_first_s": 0.5,
            "backoff_cap_s": 2.0,
            "ping_s": 2.0,
            "silence_s": 60.0,
            "connect_timeout_s": 0.5,
        }
        settings = Settings(
            market=msgspec.convert({"venue": "bybit", "category": category}, Market),
            feed=msgspec.convert(options | feed, Feed),
        )

        async def prepare(refused: bool) -> None:
            self.prepared.append(refused)

        self.stream = PrivateStream(
            url,
            Credentials("test_api_key", "test_secret"),
            bus=bus,
            clock=self.clock,
            settings=settings,
            ban=Ban(self.clock, bus, "bybit", category),
            rules=lambda symbol: None,
            rejects=self.rejects,
            venue_now_ms=lambda: self.clock.now_ms() + VENUE_AHEAD_MS,
            prepare=prepare,
            positions=Positions(),
        )

    @property
    def states(self) -> list[str]:
        return [state for state, _ in self.ear.streams]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    category: str = "linear", setup: Callable[[Venue], Awaitable[None] | None] = lambda venue: None, **feed: Any
) -> AsyncIterator[Rig]:
    venue = Venue()
    setup(venue)
    async with serve(venue.handle, "127.0.0.1", 0) as server:
        rig = Rig(venue, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", category, **feed)
        tasks = [asyncio.create_task(rig.stream.run(rig.ear)), asyncio.create_task(rig.stream.watch())]
        try:
            yield rig
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def test_it_signs_in_on_the_venues_clock_and_subscribes_before_it_is_up():
    async with running("linear") as rig:
        before_ms = rig.clock.now_ms() + VENUE_AHEAD_MS
        await until(lambda: rig.states)
        assert rig.states == ["UP"]
        (auth,), (subscribe,) = rig.venue.of("auth"), rig.venue.of("subscribe")
        key, expires_ms, signature = auth["args"]
        assert before_ms < expires_ms <= before_ms + 20_000
        wanted = hmac.new(b"test_secret", f"GET/realtime{expires_ms}".encode(), "sha256").hexdigest()
        assert (key, signature) == ("test_api_key", wanted)
        assert subscribe["args"] == ["order.linear", "execution.linear", "position.linear", "wallet"]


async def test_frames_reach_the_listener_and_pings_go_out():
    async with running("spot") as rig:
        await until(lambda: rig.states == ["UP"])
        for frame in (frames.SPOT_ORDER, frames.SPOT_EXECUTION, frames.WALLET):
            await rig.venue.sockets[0].send(frame, text=True)
        await until(lambda: len(rig.ear.reports) == 2 and rig.ear.balances)
        await until(lambda: rig.venue.of("ping"))
        assert rig.rejects.total == 0


async def test_a_lost_socket_is_told_and_everything_asked_again():
    async with running() as rig:
        await until(lambda: rig.states == ["UP"])
        rig.venue.sockets[0].transport.abort()
        await until(lambda: rig.states == ["UP", "DOWN", "UP"])
        assert [len(rig.venue.of("auth")), len(rig.venue.of("subscribe"))] == [2, 2]
        assert rig.prepared == [False, False]


async def test_a_silent_socket_is_given_up():
    async with running(silence_s=4.0) as rig:
        await until(lambda: rig.states == ["UP"])
        rig.venue.pong = None
        await until(lambda: "DOWN" in rig.states)
        assert "no frame" in rig.ear.streams[1][1]


async def test_a_refused_sign_in_is_told_once_and_tried_again_on_a_measured_clock():
    refusal = {"success": False, "ret_msg": "Params Error"}
    async with running(setup=lambda venue: venue.auth.__setitem__(slice(None), [refusal, refusal, ACK])) as rig:
        await until(lambda: "UP" in rig.states)
        assert rig.states == ["DOWN", "UP"]
        assert "Params Error" in rig.ear.streams[0][1]
        assert rig.prepared == [False, True, True]


async def test_a_refused_or_unanswered_subscription_is_no_connection():
    def setup(venue: Venue) -> None:
        venue.topics = [None, {"success": False, "ret_msg": "no topic"}, ACK]

    async with running(setup=setup) as rig:
        await until(lambda: "UP" in rig.states)
        assert rig.states == ["DOWN", "DOWN", "UP"]
        assert "no answer" in rig.ear.streams[0][1]
        assert "no topic" in rig.ear.streams[1][1]


async def test_an_unreadable_frame_is_told_as_a_gap_but_not_each_of_a_flood():
    async with running() as rig:
        await until(lambda: rig.states == ["UP"])
        for _ in range(20):
            rig.stream.on_frame(b'{"topic":"order.linear","data":[{"orderId":"v1"}]}')
            rig.stream.on_frame(b"\xff{")
        assert rig.states == ["UP", "DOWN", "UP"]
        assert rig.rejects.total == 40


async def test_a_replaced_socket_is_no_gap():
    async with running() as rig:
        await until(lambda: rig.states == ["UP"])
        rig.stream.link.rotate("test")
        await until(lambda: rig.stream.link.rotations == 1)
        assert rig.states == ["UP"]
        assert len(rig.venue.of("auth")) == 2


async def test_a_socket_that_keeps_acknowledged_orders_to_itself_is_replaced():
    async with running() as rig:
        await until(lambda: rig.states == ["UP"])
        rig.stream.echoes.sent("c3")
        rig.stream.echoes.acknowledged("c3")
        await until(lambda: rig.states == ["UP", "DOWN", "UP"])
        assert "c3" in rig.ear.streams[1][1]
        assert len(rig.venue.of("auth")) == 2


async def test_what_a_lost_socket_might_have_told_is_not_waited_for():
    async with running() as rig:
        await until(lambda: rig.states == ["UP"])
        rig.stream.echoes.sent("c1")
        rig.venue.sockets[0].transport.abort()
        await until(lambda: rig.states == ["UP", "DOWN", "UP"])
        rig.stream.echoes.acknowledged("c1")
        assert rig.stream.echoes.waiting == 0


async def test_neither_key_nor_signature_is_logged_at_any_level(caplog):
    caplog.set_level(logging.DEBUG)
    async with running() as rig:
        await until(lambda: rig.states == ["UP"])
        signature = rig.venue.of("auth")[0]["args"][2]
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")]
    assert not [text for text in ours if "test_api" in text or signature[-12:] in text]


async def test_stopping_is_told():
    async with running() as rig:
        await until(lambda: rig.states == ["UP"])
    assert rig.states == ["UP", "DOWN"]
