"""One Bybit socket and the topics on it: subscribing in small requests, reading the answers, retrying singly.

A bad topic may sink its whole request, so each symbol has requests of its own, and a refused or unanswered request is
sent again topic by topic (exchanges.md B7).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from core.clock import Clock
from core.market.quality import RejectCounter
from core.venue import Retryable
from providers.bybit import wire
from providers.freshness import Freshness, Track
from providers.link import Link

ARGS_PER_REQUEST = 10
"""The venue's limit on spot; one symbol's topics rarely need more on linear either."""

MAX_ARGS_CHARS = 20_000
"""Topic text one connection may carry: the venue allows 21,000."""

ANSWER_S = 10.0
"""A request without an answer for this long is sent again."""

Handler = Callable[[str, wire.Envelope], None]
Routes = Mapping[str, tuple[Handler, str, Track]]
"""Topic -> who takes its frames, its symbol, and its freshness."""


class Request(Struct):
    """One subscribe or unsubscribe request on its way."""

    op: str
    topics: tuple[str, ...]
    sent_at: float


class Lane:
    """Topics of some symbols on one link. All topics in `wanted` are subscribed whenever the link is up.

    `on_subscribed(topic)` hears each confirmed subscription, `on_refused(topic, reason)` each final refusal.
    """

    def __init__(
        self,
        name: str,
        routes: Routes,
        clock: Clock,
        rejects: RejectCounter,
        freshness: Freshness,
        make_link: Callable[[Lane], Link],
        *,
        on_subscribed: Callable[[str], None],
        on_refused: Callable[[str, str], None],
    ) -> None:
        self.name = name
        self.wanted: dict[str, None] = {}
        self.link = make_link(self)
        self._routes = routes
        self._clock = clock
        self._rejects = rejects
        self._freshness = freshness
        self._on_subscribed = on_subscribed
        self._on_refused = on_refused
        self._queue: deque[tuple[str, tuple[str, ...]]] = deque()
        self._wake = asyncio.Event()
        self._pending: dict[str, Request] = {}
        self._requests = 0
        self.unanswered = 0
        self._generation = 0

    @property
    def chars(self) -> int:
        """Length of the topic text this lane carries."""
        return sum(len(topic) + 3 for topic in self.wanted)

    def add(self, topics: Iterable[str]) -> None:
        """Subscribe these, now or when the link comes up."""
        topics = tuple(topics)
        self.wanted.update(dict.fromkeys(topics))
        self._ask("subscribe", topics)

    def remove(self, topics: Iterable[str]) -> None:
        """Unsubscribe these."""
        topics = tuple(topic for topic in topics if self.wanted.pop(topic, 0) is None)
        self._ask("unsubscribe", topics)

    def renew(self, topic: str) -> None:
        """Unsubscribe and subscribe: a fresh snapshot follows."""
        if topic in self.wanted:
            self._ask("unsubscribe", (topic,))
            self._ask("subscribe", (topic,))

    def _ask(self, op: str, topics: tuple[str, ...]) -> None:
        if self.link.is_up or self._generation:
            for start in range(0, len(topics), ARGS_PER_REQUEST):
                self._queue.append((op, topics[start : start + ARGS_PER_REQUEST]))
            self._wake.set()

    # --- link callbacks ----------------------------------------------------------------------------------------------

    async def on_up(self) -> None:
        """A new socket knows nothing: ask for everything wanted, symbol by symbol."""
        self._generation += 1
        self._freshness.resume(self.name)
        self._queue.clear()
        self._pending.clear()
        by_symbol: dict[str, list[str]] = {}
        for topic in self.wanted:
            by_symbol.setdefault(topic.rpartition(".")[2], []).append(topic)
        for topics in by_symbol.values():
            self._ask("subscribe", tuple(topics))

    def lost(self) -> None:
        """The socket is gone: nothing waits for an answer any more."""
        self._generation = 0
        self._freshness.pause(self.name)
        self._queue.clear()
        self._pending.clear()

    def on_frame(self, frame: bytes) -> None:
        """Decode and route one frame; whatever is wrong with it is counted and dropped."""
        try:
            envelope = wire.envelopes.decode(frame)
        except wire.DECODE_ERRORS:
            self._rejects.count("frame")
            return
        route = self._routes.get(envelope.topic)
        if route is not None:
            handler, symbol, track = route
            try:
                handler(symbol, envelope)
                track.at = self._freshness.stamp
            except (*wire.DECODE_ERRORS, ValueError):
                self._rejects.count(envelope.topic.partition(".")[0])
        elif envelope.op or envelope.ret_msg:
            if not envelope.is_pong:
                self._answered(envelope)
        elif not envelope.topic:
            self._rejects.count("frame")
        # Frames of topics we have just left are normal and dropped silently.

    # --- requests ----------------------------------------------------------------------------------------------------

    async def send_requests(self) -> None:
        """Send what is asked, one request at a time, until cancelled. The link paces the sending."""
        while True:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            op, topics = self._queue.popleft()
            if op == "subscribe":
                topics = tuple(topic for topic in topics if topic in self.wanted)
            if not topics:
                continue
            self._requests += 1
            request_id = f"{self.name}-{self._requests}"
            self._pending[request_id] = Request(op, topics, self._clock.monotonic())
            try:
                await self.link.send(wire.subscription(op, topics, request_id))
            except Retryable:
                self._pending.pop(request_id, None)  # `on_up` asks for everything again

    def _answered(self, envelope: wire.Envelope) -> None:
        request = self._pending.pop(str(envelope.req_id), None)
        if request is None and envelope.success is False and self._pending:
            # Some refusals come without our request id: the oldest waiting request is the one they mean.
            request = self._pending.pop(next(iter(self._pending)))
        if request is None:
            return
        if envelope.success is False:
            self._refused(request, envelope.ret_msg)
        elif request.op == "subscribe":
            for topic in request.topics:
                self._on_subscribed(topic)

    def expire(self) -> None:
        """Ask again, topic by topic, for what was not answered in time; call now and then."""
        limit = self._clock.monotonic() - ANSWER_S
        late = [(name, request) for name, request in self._pending.items() if request.sent_at < limit]
        for name, request in late:
            del self._pending[name]
            self.unanswered += 1
            if request.op == "subscribe":
                for topic in request.topics:
                    self._ask("subscribe", (topic,))

    def _refused(self, request: Request, reason: str) -> None:
        if request.op != "subscribe":
            return  # leaving a topic we are not on is what we wanted
        if len(request.topics) > 1:
            for topic in request.topics:
                self._ask("subscribe", (topic,))
        else:
            self._on_refused(request.topics[0], reason)
