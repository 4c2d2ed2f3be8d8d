"""In-process publish/subscribe: synchronous, typed, counted. A slow or failing subscriber harms nobody.

`publish` calls every handler of the message's class directly (the fastest form measured; see docs/architecture.md) and
never raises into the publisher. Readers with a pace of their own take a `Mailbox`: a queue, or one newest message per key.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from core.clock import Clock
from core.messages import Fault, Message

M = TypeVar("M", bound=Message)
Handler = Callable[[Any], None]


def worth_reporting(count: int) -> bool:
    """Whether the `count`-th repeat of one failure is said aloud: the 1st, 10th, 100th, 1000th ..."""
    while count > 1 and count % 10 == 0:
        count //= 10
    return count == 1


class Subscription:
    """One handler on one message class, with its counters."""

    __slots__ = ("errors", "handler", "message_type", "name")

    def __init__(self, message_type: type[Message], handler: Handler, name: str) -> None:
        self.message_type = message_type
        self.handler = handler
        self.name = name
        self.errors = 0


class Mailbox(Generic[M]):
    """A reader's own queue. With `key` it conflates: only the newest message of each key waits.

    A queueing mailbox is bounded by `maxlen`: the oldest message is dropped and counted. `maxlen=None` never drops;
    execution messages use that.
    """

    def __init__(self, key: Callable[[M], Hashable] | None, maxlen: int | None, name: str) -> None:
        self.name = name
        self.dropped = 0
        self.conflated = 0
        self._key = key
        self._maxlen = maxlen
        self._queue: deque[M] = deque()
        self._newest: dict[Hashable, M] = {}
        self._wake: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._newest) if self._key else len(self._queue)

    def put(self, message: M) -> None:
        if self._key is not None:
            key = self._key(message)
            if key in self._newest:
                self.conflated += 1
            self._newest[key] = message
        else:
            if self._maxlen is not None and len(self._queue) >= self._maxlen:
                self._queue.popleft()
                self.dropped += 1
            self._queue.append(message)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def drain(self) -> list[M]:
        """Everything that waits, oldest first (by first arrival of the key when conflating)."""
        if self._key is not None:
            waiting = list(self._newest.values())
            self._newest.clear()
        else:
            waiting = list(self._queue)
            self._queue.clear()
        return waiting

    async def wait(self) -> list[M]:
        """`drain`, after waiting until there is something. One reader at a time."""
        while not len(self):
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        return self.drain()


class Bus:
    """Typed publish/subscribe inside one thread, the event loop's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handlers: dict[type[Message], tuple[Subscription, ...]] = {}
        self._everything: tuple[Subscription, ...] = ()
        self._reporting = False
        self.mailboxes: list[Mailbox[Any]] = []
        self.published = 0
        self.handler_errors = 0

    def subscribe(self, message_type: type[M], handler: Callable[[M], None], name: str = "") -> Subscription:
        """Call `handler` for every message of exactly this class. `Message` itself means every class."""
        subscription = Subscription(message_type, handler, name or getattr(handler, "__qualname__", repr(handler)))
        if message_type is Message:
            self._everything = (*self._everything, subscription)
        else:
            self._handlers[message_type] = (*self._handlers.get(message_type, ()), subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop a subscription; unknown ones are ignored."""
        kept = tuple(s for s in self._handlers.get(subscription.message_type, ()) if s is not subscription)
        self._handlers[subscription.message_type] = kept
        self._everything = tuple(s for s in self._everything if s is not subscription)

    def mailbox(
        self,
        *message_types: type[M],
        key: Callable[[M], Hashable] | None = None,
        maxlen: int | None = 10_000,
        name: str = "",
    ) -> Mailbox[M]:
        """A mailbox fed by these classes; see `Mailbox` for `key` and `maxlen`."""
        box: Mailbox[M] = Mailbox(key, maxlen, name or "+".join(t.__name__ for t in message_types))
        self.mailboxes.append(box)
        for message_type in message_types:
            self.subscribe(message_type, box.put, name=f"mailbox {box.name}")
        return box

    def publish(self, message: Message) -> None:
        """Hand the message to every subscriber, now. Never blocks on a mailbox, never raises."""
        self.published += 1
        for subscription in self._handlers.get(message.__class__, ()):
            try:
                subscription.handler(message)
            except Exception as error:
                self._report(subscription, error)
        for subscription in self._everything:
            try:
                subscription.handler(message)
            except Exception as error:
                self._report(subscription, error)

    def scope(self) -> BusScope:
        """The same bus for parts that end before the program does: `close` ends all their subscriptions at once."""
        return BusScope(self, self._clock)

    def _report(self, subscription: Subscription, error: Exception) -> None:
        """Fallback of a failing handler: the others still run, the failure is counted and now and then told as a `Fault`."""
        subscription.errors += 1
        self.handler_errors += 1
        if not worth_reporting(subscription.errors):
            return
        if self._reporting:  # a handler of Fault failed: counting is all that can be done without a loop
            return
        self._reporting = True
        try:
            self.publish(
                Fault(
                    source=f"bus:{subscription.name}",
                    message=f"handler of {subscription.message_type.__name__} failed: {type(error).__name__}: {error}",
                    severity="error",
                    count=subscription.errors,
                    at_ms=self._clock.now_ms(),
                )
            )
        finally:
            self._reporting = False


class BusScope(Bus):
    """A bus whose subscriptions are remembered. Once closed, nothing of it is heard or said any more."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        super().__init__(clock)
        self._bus = bus
        self._subscriptions: list[Subscription] = []
        self._closed = False

    def subscribe(self, message_type: type[M], handler: Callable[[M], None], name: str = "") -> Subscription:
        """See `Bus`."""
        subscription = self._bus.subscribe(message_type, handler, name)
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """See `Bus`."""
        self._bus.unsubscribe(subscription)

    def mailbox(
        self,
        *message_types: type[M],
        key: Callable[[M], Hashable] | None = None,
        maxlen: int | None = 10_000,
        name: str = "",
    ) -> Mailbox[M]:
        """See `Bus`."""
        box = super().mailbox(*message_types, key=key, maxlen=maxlen, name=name)
        self._bus.mailboxes.append(box)
        return box

    def publish(self, message: Message) -> None:
        """See `Bus`."""
        if not self._closed:
            self._bus.publish(message)

    def close(self) -> None:
        """End every subscription and mailbox; what its parts still say is lost."""
        self._closed = True
        for subscription in self._subscriptions:
            self._bus.unsubscribe(subscription)
        self._bus.mailboxes = [box for box in self._bus.mailboxes if box not in self.mailboxes]
