"""Binance's user stream by whichever of its two mechanisms the venue serves, with every gap told.

First the WebSocket API (`userDataStream.subscribe.signature`), else a listen key: which one Binance.US serves is unsettled
(exchanges.md A9). What is not up within a while gives way to the other. Inside one mechanism the link reconnects, and
rotates before the 24 hours are over with both sockets delivering: a report may come twice, never not at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from core.bus import Bus
from core.clock import Clock
from core.market.quality import RejectCounter
from core.settings import Settings
from core.trading.broker import BrokerListener, StreamState
from core.venue import Fatal, Rejected, Retryable, VenueError
from providers.backoff import Backoff
from providers.binance_us import user_events
from providers.binance_us.order_wire import ListName, Unreadable
from providers.binance_us.signing import CLOCK_CODE, LISTEN_KEY_PATH, Signer
from providers.binance_us.wire import WIRE_ERRORS
from providers.echoes import Echoes
from providers.link import Link
from providers.signed_rest import SignedRest

Mechanism = Literal["ws_api", "listen_key"]

PATIENCE_S = 20.0
"""A mechanism that is not up within this time gives way to the other."""
WATCH_S = 1.0
ANSWER_S = 5.0
KEEP_ALIVE_S = 1800.0
KEEP_ALIVE_AGAIN_S = 60.0
GAP_EVERY_S = 10.0
"""An event that cannot be read is told as a gap, but not more often than this."""
SUBSCRIBE: Final = "userDataStream.subscribe.signature"
NO_SUCH_KEY: Final = -1125
NOT_SERVED: Final = frozenset({-1020, -1016})

log = logging.getLogger("tradetui.binance_us")


class _ListenKey(msgspec.Struct):
    listenKey: str


class UserStream:
    """`run(listener)` until cancelled. `list_named` hears how the client named an order list (number, name)."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        settings: Settings,
        rest: SignedRest,
        signer: Signer,
        *,
        stream_url: str,
        api_url: str,
        ipv4_only: bool,
        list_name: ListName,
        list_named: Callable[[int, str], None],
    ) -> None:
        self.rejects = RejectCounter()
        self.echoes = Echoes(clock)
        self.mechanism: Mechanism = "ws_api"
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._rest = rest
        self._signer = signer
        self._list_name = list_name
        self._list_named = list_named
        self._listener: BrokerListener | None = None
        self._state: StreamState = "DOWN"
        self._key = ""
        self._answers: dict[int, asyncio.Future[user_events.UserFrame]] = {}
        self._number = 0
        self._gap_at = float("-inf")
        self._over = asyncio.Event()
        self._why = ""
        self._was_up = False
        self._links: dict[Mechanism, Link] = {
            "ws_api": self._make_link("account", lambda: api_url, ipv4_only),
            "listen_key": self._make_link("account by listen key", lambda: f"{stream_url}/ws/{self._key}", ipv4_only),
        }
        self._events: dict[str, Callable[[bytes | msgspec.Raw], None]] = {
            "executionReport": self._on_execution,
            "outboundAccountPosition": self._on_account,
            "listStatus": self._on_list,
            "listenKeyExpired": lambda _: self._end("the listen key expired"),
            "eventStreamTerminated": lambda _: self._end("the venue ended the subscription"),
            "serverShutdown": lambda _: self._rotate("the server shuts down"),
        }

    async def run(self, listener: BrokerListener) -> None:
        """Keep it up until cancelled."""
        self._listener = listener
        backoff = Backoff(self._settings.feed.backoff_first_s, self._settings.feed.backoff_cap_s)
        try:
            while True:
                started = self._clock.monotonic()
                self._was_up = False
                await self._session()
                self._tell("DOWN", self._why)
                if self._was_up and self._clock.monotonic() - started > PATIENCE_S:
                    backoff.reset()
                if not self._was_up and not self._rest.ban.remaining_s():
                    self.mechanism = "listen_key" if self.mechanism == "ws_api" else "ws_api"
                    log.info("user stream: %s; trying %s", self._why, self.mechanism)
                await self._clock.sleep(backoff.next_s())
        finally:
            self._tell("DOWN", "stopped")

    # --- one session of one mechanism --------------------------------------------------------------------------------

    async def _session(self) -> None:
        """One mechanism until it is over."""
        self._over.clear()
        if self.mechanism == "listen_key":
            try:
                await self._new_key()
            except VenueError as error:
                self._why = f"no listen key: {error}"
                return
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._links[self.mechanism].run(), name="user stream link"),
                group.create_task(self._watch(), name="user stream watch"),
            ]
            if self.mechanism == "listen_key":
                tasks.append(group.create_task(self._keep_alive(), name="user stream keep-alive"))
            await self._over.wait()
            for task in tasks:
                task.cancel()

    async def _watch(self) -> None:
        """End a session that is not up for too long, or that keeps orders to itself which the venue has acknowledged."""
        silent_since = self._clock.monotonic()
        while True:
            await self._clock.sleep(WATCH_S)
            now = self._clock.monotonic()
            if self._state == "UP" or self._rest.ban.remaining_s():
                silent_since = now
                if late := self.echoes.overdue():
                    self._end(f"order {late} was acknowledged and the user stream does not speak of it")
            elif now - silent_since >= PATIENCE_S:
                self._was_up = False
                self._end(f"{self.mechanism} was not up for {PATIENCE_S:g} s")

    def _make_link(self, name: str, url: Callable[[], str], ipv4_only: bool) -> Link:
        return Link(
            name,
            url,
            clock=self._clock,
            bus=self._bus,
            venue="binance_us",
            category="spot",
            feed=self._settings.feed,
            network=self._settings.network,
            on_frame=self._on_frame,
            on_up=self._on_up,
            on_down=self._on_down,
            ipv4_only=ipv4_only,
            ban=self._rest.ban,
        )

    async def _on_up(self) -> None:
        """Connected: subscribe where that is needed, then tell it."""
        link = self._links[self.mechanism]
        if self.mechanism == "ws_api":
            await self._subscribe(link)
        elif not link.overlapping and self._state == "DOWN":
            # The key may have expired while nobody was connected, and the venue takes dead keys without a word.
            before = self._key
            await self._new_key()
            if self._key != before:
                raise Retryable("the listen key changed")
        self._tell("UP", self.mechanism)

    async def _subscribe(self, link: Link) -> None:
        answer = await self._ask(link)
        error = answer.error
        if answer.status != 200 and error is not None and error.code == CLOCK_CODE:
            await self._rest.sync_clock()
            answer = await self._ask(link)
            error = answer.error
        if answer.status != 200:
            text = f"subscription refused: {answer.status} {error.code} {error.msg}" if error is not None else "refused"
            if self._state == "DOWN":
                self._end(text)
            raise Retryable(text)

    async def _ask(self, link: Link) -> user_events.UserFrame:
        self._number += 1
        number = self._number
        waiting: asyncio.Future[user_events.UserFrame] = asyncio.get_running_loop().create_future()
        self._answers[number] = waiting
        params = self._signer.subscription(self._rest.time.now_ms())
        try:
            await link.send(msgspec.json.encode({"id": number, "method": SUBSCRIBE, "params": params}))
            async with asyncio.timeout(ANSWER_S):
                return await waiting
        except TimeoutError as error:
            raise Retryable(f"no answer to the subscription within {ANSWER_S:g} s") from error
        finally:
            del self._answers[number]

    def _on_down(self, reason: str) -> None:
        self._tell("DOWN", reason)

    def _end(self, why: str) -> None:
        """This session is of no use any more: a new one begins."""
        self._why = why
        self._tell("DOWN", why)
        self._over.set()

    def _rotate(self, why: str) -> None:
        self._links[self.mechanism].rotate(why)

    def _tell(self, state: StreamState, why: str) -> None:
        self._was_up = self._was_up or state == "UP"
        if state != self._state:
            self._state = state
            self.echoes.clear()  # what was missed is asked for anyway
            if self._listener is not None:
                self._listener.on_stream(state, why)

    # --- the listen key ----------------------------------------------------------------------------------------------

    async def _new_key(self) -> None:
        """A listen key: the active one, extended, or a new one. Raises `VenueError`."""
        body = await self._rest.request("POST", LISTEN_KEY_PATH, weight=2, changes=False)
        try:
            self._key = msgspec.json.decode(body, type=_ListenKey).listenKey
        except WIRE_ERRORS as error:
            raise Retryable("the listen key cannot be read") from error

    async def _keep_alive(self) -> None:
        """Extend the key; returns never, and ends the session when there is no such key any more."""
        wait_s = KEEP_ALIVE_S
        while True:
            await self._clock.sleep(wait_s)
            try:
                await self._rest.request("PUT", LISTEN_KEY_PATH, {"listenKey": self._key}, weight=2, changes=False)
                wait_s = KEEP_ALIVE_S
            except Rejected as error:
                wait_s = KEEP_ALIVE_AGAIN_S
                if error.code == NO_SUCH_KEY or error.code in NOT_SERVED:
                    self._end(f"the listen key is gone: {error}")
            except Fatal as error:
                self._end(f"listen keys are not served: {error}")
                wait_s = KEEP_ALIVE_AGAIN_S
            except VenueError as error:
                wait_s = KEEP_ALIVE_AGAIN_S
                log.warning("listen key not extended: %s", error)

    # --- frames ------------------------------------------------------------------------------------------------------

    def _on_frame(self, data: bytes) -> None:
        """Hot path. Nothing is raised: what cannot be read is counted and told as a gap."""
        try:
            frame = user_events.decode_frame(data)
            event: bytes | msgspec.Raw = frame.event or frame.data or data
            if not frame.e and not frame.event and not frame.data:
                self._on_answer(frame)
                return
            kind = frame.e or user_events.decode_kind(event).e
            handle = self._events.get(kind)
            if handle is not None:
                handle(event)
        except (Unreadable, *WIRE_ERRORS) as error:
            self._lost_event(error)

    def _on_answer(self, frame: user_events.UserFrame) -> None:
        waiting = self._answers.get(frame.id) if isinstance(frame.id, int) else None
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)

    def _on_execution(self, event: bytes | msgspec.Raw) -> None:
        report = user_events.report_of_execution(user_events.decode_execution(event), self._list_name)
        self.echoes.settled(report.spec.client_id)
        if self._listener is not None:
            self._listener.on_report(report)

    def _on_account(self, event: bytes | msgspec.Raw) -> None:
        balances = user_events.balances_of_frame(user_events.decode_account_frame(event))
        if self._listener is not None:
            self._listener.on_account(balances, ())

    def _on_list(self, event: bytes | msgspec.Raw) -> None:
        frame = user_events.decode_list_frame(event)
        self._list_named(frame.g, frame.C)

    def _lost_event(self, error: Exception) -> None:
        """Fallback of an event that cannot be read: it is counted, and a gap is told so that everything is asked for."""
        self.rejects.count("user event")
        log.warning("user event left out: %s", error)
        now = self._clock.monotonic()
        if self._state == "UP" and now - self._gap_at >= GAP_EVERY_S:
            self._gap_at = now
            self._tell("DOWN", "an event could not be read")
            self._tell("UP", "the stream goes on")
