"""Bybit's private socket: signs in on the venue's clock, subscribes, and tells every gap. It never assumes a snapshot.

Reconnecting, backing off, noticing silence and replacing old sockets are the link's work (`providers/link.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final

import msgspec

from core.bus import Bus
from core.clock import Clock
from core.credentials import Credentials
from core.market.quality import RejectCounter
from core.settings import Settings
from core.trading.broker import BrokerListener, StreamState
from core.venue import Retryable
from providers.ban import Ban
from providers.bybit.account_wire import Positions
from providers.bybit.order_reports import Rules
from providers.bybit.order_wire import ROW_ERRORS, PrivateEnvelope, private_envelopes
from providers.bybit.private_topics import PrivateTopics, topics_of
from providers.bybit.wire import PING
from providers.echoes import Echoes
from providers.link import Link

EXPIRES_MS: Final = 10_000
"""How long a signature for the socket is good."""

GAP_EVERY_S: Final = 5.0
"""Unreadable messages are told as a gap this often at most: each gap has the whole account read."""

SEND_GAP_S: Final = 0.02
WATCH_S: Final = 1.0


def auth_request(credentials: Credentials, expires_ms: int) -> bytes:
    """The request that signs a private socket in until `expires_ms` of the venue's clock."""
    signature = credentials.sign(f"GET/realtime{expires_ms}".encode())
    return msgspec.json.encode({"req_id": "auth", "op": "auth", "args": [credentials.key, expires_ms, signature]})


class PrivateStream:
    """The private socket of one account and category. `prepare(refused)` makes the venue's clock known before each sign-in,

    and measures it anew when the sign-in before was refused. `paid` hears of funding.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        bus: Bus,
        clock: Clock,
        settings: Settings,
        ban: Ban,
        rules: Rules,
        rejects: RejectCounter,
        venue_now_ms: Callable[[], int],
        prepare: Callable[[bool], Awaitable[None]],
        positions: Positions,
        paid: Callable[[str, Decimal], None] = lambda symbol, amount: None,
    ) -> None:
        category = settings.market.category
        self._credentials = credentials
        self._clock = clock
        self._category = category
        self._rejects = rejects
        self._venue_now_ms = venue_now_ms
        self._prepare = prepare
        self._answer_s = settings.feed.connect_timeout_s
        self._waiting: dict[str, asyncio.Future[PrivateEnvelope]] = {}
        self._refused = False
        self._told: tuple[StreamState, str] | None = None
        self._gap_told_at = float("-inf")
        self.echoes = Echoes(clock)
        self._topics = PrivateTopics(
            category, rules, rejects, positions=positions, gap=self._gap, heard=self.echoes.settled
        )
        self._topics.paid = paid
        self._listener: BrokerListener | None = None
        self.link = Link(
            "private",
            url,
            clock=clock,
            bus=bus,
            venue="bybit",
            category=category,
            feed=settings.feed,
            network=settings.network,
            on_frame=self.on_frame,
            on_up=self._on_up,
            on_down=self._on_down,
            ping=lambda: PING,
            send_gap_s=SEND_GAP_S,
            ban=ban,
        )

    async def run(self, listener: BrokerListener) -> None:
        """Keep the socket up until cancelled. `watch` belongs beside it."""
        self._listener = self._topics.listener = listener
        try:
            await self.link.run()
        finally:
            self._tell("DOWN", "stopped")
            self._listener = self._topics.listener = None

    async def watch(self) -> None:
        """Replace a socket that does not tell what the venue has acknowledged; until cancelled."""
        while True:
            await self._clock.sleep(WATCH_S)
            if late := self.echoes.overdue():
                why = f"order {late} was acknowledged and the private stream does not speak of it"
                self._tell("DOWN", why)
                self.link.rotate(why)

    def on_frame(self, frame: bytes) -> None:
        """Decode and hand over one frame; whatever is wrong with it is counted."""
        try:
            envelope = private_envelopes.decode(frame)
        except ROW_ERRORS as error:
            self._topics.unread("frame", error)
            return
        if envelope.topic:
            self._topics.take(envelope)
        elif envelope.op != "pong" and envelope.ret_msg != "pong":
            waiting = self._waiting.pop(envelope.op, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(envelope)

    async def _on_up(self) -> None:
        await self._prepare(self._refused)
        self._refused = True
        await self._ask("auth", auth_request(self._credentials, self._venue_now_ms() + EXPIRES_MS))
        self._refused = False
        topics = topics_of(self._category)
        await self._ask("subscribe", msgspec.json.encode({"req_id": "topics", "op": "subscribe", "args": topics}))
        self._tell("UP", f"{len(topics)} private topics")

    async def _ask(self, op: str, request: bytes) -> None:
        """Send a request and await its answer. Raises `Retryable` when it is refused or does not come."""
        answer: asyncio.Future[PrivateEnvelope] = asyncio.get_running_loop().create_future()
        self._waiting[op] = answer
        try:
            await self.link.send(request)
            async with asyncio.timeout(self._answer_s):
                envelope = await answer
        except TimeoutError:
            raise Retryable(f"bybit private stream: no answer to {op} within {self._answer_s:g} s") from None
        finally:
            self._waiting.pop(op, None)
        if envelope.success is not True:
            raise Retryable(f"bybit private stream: {op} was refused: {envelope.ret_msg[:200] or 'no reason given'}")

    def _on_down(self, reason: str) -> None:
        self.echoes.clear()
        self._tell("DOWN", reason)

    def _gap(self, why: str) -> None:
        """Something was lost although the socket stands. Told now and then only."""
        now = self._clock.monotonic()
        if self._told is None or self._told[0] != "UP" or now - self._gap_told_at < GAP_EVERY_S:
            return
        self._gap_told_at = now
        self._tell("DOWN", why)
        self._tell("UP", "going on after an unreadable message")

    def _tell(self, state: StreamState, why: str) -> None:
        """Tell each change once; the words of a second refusal in a row are told too, for they may be others."""
        if self._listener is not None and self._told != (state, why) and not (state == "UP" and self._is_up):
            self._told = (state, why)
            self._listener.on_stream(state, why)

    @property
    def _is_up(self) -> bool:
        return self._told is not None and self._told[0] == "UP"
