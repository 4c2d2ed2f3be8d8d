"""One reconnecting WebSocket: connect, deliver frames, notice silence, rotate before the venue cuts, come back.

Rules of exchanges.md C: capped exponential backoff with jitter, reset only by a connection that proved itself; no
connecting while banned; a new socket overlaps the old one when rotating, so consumers must ignore repeats.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from websockets.exceptions import InvalidStatus, WebSocketException

from core.bus import Bus
from core.clock import Clock
from core.messages import LinkState, LinkStatus, Replay
from core.settings import Feed, Network
from core.venue import Retryable
from providers.backoff import Backoff
from providers.ban import Ban, is_ban_status
from providers.connection import FrameConnection, host_of, open_connection

PROVEN_AFTER_S = 10.0
"""A connection that lived this long resets the backoff (a venue that accepts and then drops does not)."""

OVERLAP_S = 3.0
"""How long the old socket still delivers after the new one has subscribed."""

TICK_S = 1.0
ROTATE_AGAIN_S = 60.0
"""After a failed rotation the old socket goes on for this long before the next try."""

SEND_GAP_S = 0.25
"""Binance allows 5 incoming messages a second, pongs included: 4 leaves room for those."""

log = logging.getLogger("tradetui.link")


class Link:
    """One logical connection. `run` keeps it up until cancelled; everything else is safe to call at any time.

    `on_frame` gets every data message as bytes, synchronously; what it raises is counted (`frame_errors`), never raised.
    `on_up` is awaited after each connection, rotation included (`overlapping` is then true), and subscribes by `send`; if
    it raises, the connection is given up and retried. `on_down` hears why the connection was lost; it is not called for a
    rotation. `ping` makes an application-level ping; without it protocol pings are sent.
    """

    def __init__(
        self,
        name: str,
        url: Callable[[], str] | str,
        *,
        clock: Clock,
        bus: Bus,
        venue: str,
        category: str,
        feed: Feed,
        network: Network,
        on_frame: Callable[[bytes], None],
        on_up: Callable[[], Awaitable[None]],
        on_down: Callable[[str], None],
        ping: Callable[[], bytes | str] | None = None,
        ipv4_only: bool = False,
        send_gap_s: float = SEND_GAP_S,
        ban: Ban | None = None,
    ) -> None:
        self.name = name
        self._url = url
        self._clock = clock
        self._bus = bus
        self._venue = venue
        self._category = category
        self._feed = feed
        self._network = network
        self._on_frame = on_frame
        self._on_up = on_up
        self._on_down = on_down
        self._ping = ping
        self._ipv4_only = ipv4_only
        self._send_gap_s = send_gap_s
        self._ban = ban or Ban(clock, bus, venue, category)
        self._backoff = Backoff(feed.backoff_first_s, feed.backoff_cap_s)
        self._max_frame_bytes = feed.max_frame_bytes
        self._newest: FrameConnection | None = None
        self._sockets: list[FrameConnection] = []
        self._was_up = False
        self._sending = asyncio.Lock()
        self._next_send_at = 0.0
        self._wake = asyncio.Event()
        self._status: LinkStatus | None = None
        self._rotate_reason = ""
        self.is_up = False
        self.overlapping = False
        self.connects = 0
        self.reconnects = 0
        self.rotations = 0
        self.frames = 0
        self.bytes = 0
        self.oversized = 0
        self.frame_errors = 0
        self.last_frame_at = clock.monotonic()
        bus.subscribe(Replay, self._on_replay, name=f"link {name} replay")

    @property
    def host(self) -> str:
        """`host:port` this link connects to."""
        return host_of(self._target())

    def rotate(self, reason: str) -> None:
        """Replace the socket now, the new one overlapping the old."""
        self._rotate_reason = reason
        self._wake.set()

    async def send(self, payload: bytes | str) -> None:
        """Send one text message on the newest socket, paced. Raises `Retryable` when there is no connection."""
        async with self._sending:
            wait_s = self._next_send_at - self._clock.monotonic()
            if wait_s > 0:
                await self._clock.sleep(wait_s)
            socket = self._newest
            if socket is None:
                raise Retryable(f"link {self.name} is down: nothing can be sent")
            self._next_send_at = self._clock.monotonic() + self._send_gap_s
            try:
                await socket.send(payload, text=True)
            except WebSocketException as closed:
                raise Retryable(f"link {self.name} went down while sending") from closed

    async def run(self) -> None:
        """Keep the connection up until cancelled. Publishes `LinkStatus` at every change of state."""
        try:
            while True:
                while (banned_s := self._ban.remaining_s()) > 0:
                    self._publish("banned", "the venue refuses connections", banned_s)
                    await self._clock.sleep(banned_s)
                started = self._clock.monotonic()
                reason = await self._session()
                if self._clock.monotonic() - started >= PROVEN_AFTER_S:
                    self._backoff.reset()
                wait_s = self._backoff.next_s()
                self._publish("down", reason, wait_s)
                await self._clock.sleep(wait_s)
        finally:
            self._publish("stopped", "")

    # --- one session: from connecting to loss, rotations included ----------------------------------------------------

    async def _session(self) -> str:
        """Connect and stay until the connection is lost; returns why."""
        self._publish("connecting", "")
        try:
            self._adopt(await self._open())
        except (OSError, TimeoutError, WebSocketException) as error:
            return self._refused(error)
        reason = "stopped"
        try:
            reason = await self._subscribe() or await self._live()
        finally:
            self._newest, self.is_up, self.overlapping = None, False, False
            for socket in tuple(self._sockets):
                await self._end(socket)
        try:
            self._on_down(reason)
        except Exception as error:
            # Fallback: the link reconnects all the same; the failure is counted with those of frames.
            self._count_error(error)
        return reason

    async def _open(self) -> FrameConnection:
        socket = await open_connection(self._target(), self._feed, self._network, ipv4_only=self._ipv4_only)
        self.connects += 1
        return socket

    def _adopt(self, socket: FrameConnection) -> None:
        """Make this the socket to send on, and deliver its frames."""
        socket.on_data = self._deliver
        socket.reader = asyncio.get_running_loop().create_task(socket.read(), name=f"link {self.name} reader")
        socket.reader.add_done_callback(lambda _: self._wake.set())
        self._sockets.append(socket)
        self._newest = socket
        self.last_frame_at = self._clock.monotonic()

    async def _end(self, socket: FrameConnection) -> None:
        """Close one socket and its reader."""
        self._sockets.remove(socket)
        socket.on_data = None
        try:
            await socket.close()
        finally:
            socket.kill()
            socket.reader.cancel()

    async def _subscribe(self) -> str:
        """Await `on_up`; returns what went wrong, or an empty string."""
        try:
            await self._on_up()
        except Exception as error:
            # Fallback: without its subscriptions the socket is useless; it is closed and tried again, counted.
            self._count_error(error)
            return f"subscribing failed: {error}"
        return ""

    async def _live(self) -> str:
        """Watch the newest socket: loss, silence, pings, rotation. Returns why it was lost."""
        self.is_up = True
        if self._was_up:
            self.reconnects += 1
        self._was_up = True
        self._publish("up", "")
        opened = pinged = self._clock.monotonic()
        rotate_after_s = self._feed.rotate_hours * 3600
        silence_s = self._feed.silence_s
        ping_s = min(self._feed.ping_s, silence_s / 2)
        socket, heard = self._newest, -1
        while socket is not None and not socket.reader.done():
            await self._pause(min(TICK_S, silence_s / 8))
            now = self._clock.monotonic()
            if socket.heard != heard:
                heard, self.last_frame_at = socket.heard, now
            elif now - self.last_frame_at > silence_s:
                socket.kill()
                return f"no frame for {silence_s:g} s"
            if now - pinged >= ping_s:
                pinged = now
                await self._send_ping(socket)
            if self._rotate_reason or now - opened >= rotate_after_s:
                rotated = await self._rotate(self._rotate_reason or "socket is old", socket)
                rotate_after_s = self._feed.rotate_hours * 3600 if rotated else ROTATE_AGAIN_S
                opened = self._clock.monotonic()
                socket, heard = self._newest, -1
        return socket.reader.result() if socket is not None else "connection lost"

    async def _pause(self, seconds: float) -> None:
        """Wait on the clock, or until a reader ends or a rotation is wanted."""
        self._wake.clear()
        ticker = asyncio.get_running_loop().create_task(self._clock.sleep(seconds))
        ticker.add_done_callback(self._ticked)
        try:
            if not self._rotate_reason:
                await self._wake.wait()
        finally:
            ticker.cancel()

    def _ticked(self, ticker: asyncio.Task[None]) -> None:
        if not ticker.cancelled():  # a cancelled one ends only within the next pause, and would end that at once
            self._wake.set()

    async def _send_ping(self, socket: FrameConnection) -> None:
        try:
            if self._ping is not None:
                await self.send(self._ping())
            else:
                await socket.ping()
        except (Retryable, WebSocketException):
            return  # the reader notices the loss

    async def _rotate(self, reason: str, old: FrameConnection) -> bool:
        """Open a second socket, subscribe it, let both deliver for a while, end the old one. False: the old one stays."""
        self._rotate_reason = ""
        self._publish("rotating", reason)
        try:
            new = await self._open()
        except (OSError, TimeoutError, WebSocketException) as error:
            self._publish("up", f"rotation failed, the old socket stays: {self._refused(error)}")
            return False
        self.overlapping = True
        self._adopt(new)
        try:
            if trouble := await self._subscribe():
                self._newest = old
                await self._end(new)
                self._publish("up", f"rotation failed, the old socket stays: {trouble}")
                return False
            await self._clock.sleep(OVERLAP_S)
        finally:
            self.overlapping = False
        await self._end(old)
        self.rotations += 1
        self._publish("up", f"rotated: {reason}")
        return True

    # --- small parts -------------------------------------------------------------------------------------------------

    def _deliver(self, data: bytes) -> None:
        """Hot path: count and hand over."""
        self.frames += 1
        size = len(data)
        self.bytes += size
        if size > self._max_frame_bytes:
            self.oversized += 1
            return
        try:
            self._on_frame(data)
        except Exception as error:
            # Fallback: this frame is dropped and counted; the next ones are not affected.
            self._count_error(error)

    def _count_error(self, error: Exception) -> None:
        self.frame_errors += 1
        if self.frame_errors & (self.frame_errors - 1) == 0:  # 1, 2, 4, 8 ...: a storm must not flood the log
            log.warning("link %s: error %d contained", self.name, self.frame_errors, exc_info=error)

    def _refused(self, error: Exception) -> str:
        """A connection attempt failed: note bans, return the reason in words."""
        if isinstance(error, InvalidStatus):
            status = error.response.status_code
            if is_ban_status(status):
                self._ban.impose(status, error.response.headers, bytes(error.response.body or b""))
            return f"refused with HTTP {status}"
        if isinstance(error, TimeoutError):
            return f"no connection within {self._feed.connect_timeout_s:g} s"
        return f"cannot connect: {error}"

    def _target(self) -> str:
        return self._url if isinstance(self._url, str) else self._url()

    def _publish(self, state: LinkState, reason: str, retry_in_s: float = 0.0) -> None:
        self._status = LinkStatus(
            venue=self._venue,
            category=self._category,
            link=self.name,
            state=state,
            host=self.host,
            reason=reason,
            attempt=self._backoff.attempt,
            retry_in_s=round(retry_in_s, 3),
            reconnects=self.reconnects,
            at_ms=self._clock.now_ms(),
        )
        self._bus.publish(self._status)

    def _on_replay(self, _: Replay) -> None:
        if self._status is not None:
            self._bus.publish(self._status)
