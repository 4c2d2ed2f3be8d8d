"""One socket's share of the streams: what should be subscribed, what is, and the control frames between the two.

Declarative: `wanted` is edited at any time, `reconcile` sends the difference in chunks through the link's pacing. An
acknowledgement moves streams to `confirmed`; a missing one is asked for again; a refused stream rests for a while.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from core.clock import Clock
from core.market.quality import RejectCounter
from core.venue import Retryable
from providers.binance_us.routes import Route
from providers.binance_us.wire import WIRE_ERRORS, Control, Envelope, decode_control, decode_envelope
from providers.link import Link

NAME_AT = len(b'{"stream":"')
NAME_UNTIL = NAME_AT + 64
"""Longer than any stream's name with its closing quote."""
CHUNK = 100
ACK_TIMEOUT_S = 10.0
REFUSED_REST_S = 60.0
BEAT_S = 1.0

log = logging.getLogger("tradetui.binance_us")


class InFlight(msgspec.Struct):
    """A control frame without its answer yet."""

    subscribe: bool
    streams: list[str]
    sent_at: float


class Shard:
    """Streams of one link. `routes` (by stream name) may be shared by all shards of a provider."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        routes: dict[bytes, Route],
        rejects: RejectCounter,
        on_ready: Callable[[Shard], Awaitable[None]],
        make_link: Callable[[Shard], Link],
    ) -> None:
        self.name = name
        self.wanted: dict[str, None] = {}
        self.confirmed: set[str] = set()
        self.refusals = 0
        self.unrouted = 0
        self._clock = clock
        self._routes = routes
        self._rejects = rejects
        self._on_ready = on_ready
        self._in_flight: dict[int, InFlight] = {}
        self._resting: dict[str, float] = {}
        self._ids = itertools.count(1)
        self._changed = asyncio.Event()
        self._reconciling = asyncio.Lock()
        self.link = make_link(self)

    def add(self, streams: Iterable[str]) -> None:
        """Want these streams."""
        self.wanted.update(dict.fromkeys(streams))
        self._changed.set()

    def remove(self, streams: Iterable[str]) -> None:
        """No longer want these streams."""
        for stream in streams:
            self.wanted.pop(stream, None)
            self._resting.pop(stream, None)
        self._changed.set()

    async def resubscribe(self, streams: list[str]) -> None:
        """Ask the venue anew for streams that went silent on a live socket. Does nothing while the link is down."""
        known = [stream for stream in streams if stream in self.confirmed]
        try:
            for start in range(0, len(known), CHUNK):
                await self._send(known[start : start + CHUNK], subscribe=False)
        except Retryable:
            return  # the link is down; everything is subscribed anew when it is back
        self.confirmed.difference_update(known)
        self._changed.set()

    async def on_up(self) -> None:
        """The link's new socket is open: nothing is subscribed on it yet."""
        self.confirmed.clear()
        self._in_flight.clear()
        await self.reconcile()
        await self._on_ready(self)

    async def run(self) -> None:
        """Send differences as they arise, until cancelled."""
        while True:
            self._changed.clear()
            if self.link.is_up:
                try:
                    await self.reconcile()
                except Retryable as error:
                    log.debug("shard %s: %s", self.name, error)
            beat = asyncio.get_running_loop().create_task(self._clock.sleep(BEAT_S))
            beat.add_done_callback(self._beaten)
            try:
                await self._changed.wait()
            finally:
                beat.cancel()

    def _beaten(self, beat: asyncio.Task[None]) -> None:
        if (
            not beat.cancelled()
        ):  # a cancelled one ends only after the next pass has begun, and would end its wait at once
            self._changed.set()

    async def reconcile(self) -> None:
        """Send what is missing between wanted and confirmed. Raises `Retryable` when the link is down."""
        async with self._reconciling:
            now = self._clock.monotonic()
            for frame_id, frame in list(self._in_flight.items()):
                if now - frame.sent_at > ACK_TIMEOUT_S:
                    del self._in_flight[frame_id]
                    log.warning("shard %s: no answer to control frame %d", self.name, frame_id)
            busy = {stream for frame in self._in_flight.values() for stream in frame.streams}
            missing = [
                stream
                for stream in self.wanted
                if stream not in self.confirmed and stream not in busy and self._resting.get(stream, 0.0) <= now
            ]
            surplus = [stream for stream in self.confirmed if stream not in self.wanted and stream not in busy]
            for subscribe, streams in ((False, surplus), (True, missing)):
                for start in range(0, len(streams), CHUNK):
                    await self._send(streams[start : start + CHUNK], subscribe=subscribe)

    async def _send(self, streams: list[str], *, subscribe: bool) -> None:
        if not streams:
            return
        frame_id = next(self._ids)
        self._in_flight[frame_id] = InFlight(subscribe, streams, self._clock.monotonic())
        method = "SUBSCRIBE" if subscribe else "UNSUBSCRIBE"
        try:
            await self.link.send(msgspec.json.encode({"method": method, "params": streams, "id": frame_id}))
        except BaseException:
            self._in_flight.pop(frame_id, None)
            raise

    def on_frame(self, data: bytes) -> None:
        """Hot path: hand the frame to its stream's route. Bad frames are counted, never raised.

        The stream's name is read at its usual place; a frame written in another order takes the envelope's way.
        """
        try:
            route = self._routes.get(data[NAME_AT:NAME_UNTIL].partition(b'"')[0])
            if route is None:
                envelope = decode_envelope(data)
                route = self._routes.get(envelope.stream.encode())
            if route is not None:
                route(data)
                return
        except WIRE_ERRORS:
            self._rejects.count("frame")
            return
        self._other(data, envelope)

    def _other(self, data: bytes, envelope: Envelope) -> None:
        """Answers, events and streams we no longer want."""
        try:
            control = decode_control(envelope.data if envelope.stream else data)
        except WIRE_ERRORS:
            self._rejects.count("control frame")
            return
        if control.e == "serverShutdown":
            self.link.rotate("the venue announced a shutdown")
        elif envelope.stream:
            self.unrouted += 1
        else:
            self._answer(control)

    def _answer(self, control: Control) -> None:
        frame = self._in_flight.pop(control.id, None) if isinstance(control.id, int) else None
        if control.code is not None or bytes(control.error) not in (b"", b"null"):
            self.refusals += 1
            log.warning("shard %s: control frame refused: %s %s", self.name, control.code, control.msg)
            if frame is not None and frame.subscribe:
                rest_until = self._clock.monotonic() + REFUSED_REST_S
                self._resting.update(dict.fromkeys(frame.streams, rest_until))
        elif frame is None:
            self._rejects.count("control frame")
        elif frame.subscribe:
            self.confirmed.update(frame.streams)
        else:
            self.confirmed.difference_update(frame.streams)
