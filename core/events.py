"""The event log: what happened, in plain short words, kept in the store and in a rotating JSON-lines file.

Events are published the moment they happen and written to disk by a task of their own. Repeats of one event are counted
instead of told again.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from core.bus import Bus, worth_reporting
from core.clock import Clock
from core.event_words import WORDS as MARKET_WORDS
from core.event_words import Told, Words
from core.event_words_orders import ORDER_WORDS
from core.messages import Event, Fault, Message, Replay, SettingChanged
from core.settings import Events
from core.store import Store, StoreError

log = logging.getLogger("tradetui.events")

WORDS = MARKET_WORDS | ORDER_WORDS
"""Every class of message that can be an event, with its words."""

WRITE_S = 0.5
REPEAT_MS = 60_000
"""The same event again within this time is counted, and told once as a sum when the time is over."""
FORGET_S = 3600.0
MAX_WAITING = 20_000
FACTS_MS = 3 * 86_400_000
"""Replayed state changes are younger than this; older facts need not be remembered."""


class _Repeat:
    """One event that may come again: since when, how often it was told and how often swallowed since."""

    __slots__ = ("count", "since_ms", "times", "told")

    def __init__(self, told: Told, since_ms: int) -> None:
        self.told = told
        self.since_ms = since_ms
        self.times = 1
        self.count = 0


class EventRecorder:
    """Turns messages into `Event`s. Construct before other parts start, then `await start()`; `close` writes the rest.

    What is said between the two is kept and told in `start`. On `Replay` the newest events are published again.
    """

    def __init__(self, bus: Bus, clock: Clock, settings: Events, store: Store, file: Path) -> None:
        self.write_failures = 0
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._store = store
        self._file = file
        self._words = Words(clock.now_ms())
        self._shown: deque[Event] = deque(maxlen=settings.shown)
        self._early: list[Message] | None = []
        self._next_id = 1
        self._facts: set[str] = set()
        self._repeats: dict[str, _Repeat] = {}
        self._events_waiting: deque[tuple[Event, str | None]] = deque(maxlen=MAX_WAITING)
        self._edits_waiting: deque[SettingChanged] = deque(maxlen=MAX_WAITING)
        self._task: asyncio.Task[None] | None = None
        self._writing: asyncio.Future[None] | None = None
        self._subscriptions = [bus.subscribe(kind, self._on_message, name="events") for kind in WORDS]
        self._subscriptions.append(bus.subscribe(Replay, self._on_replay, name="events.replay"))

    async def start(self) -> None:
        """Read what is kept and begin to write. A store that cannot be read is reported; events then start at 1."""
        try:
            self._shown.extend(await self._store.events(self._settings.shown))
            self._next_id = await self._store.last_event_id() + 1
            self._facts = await self._store.facts(self._clock.now_ms() - FACTS_MS)
        except StoreError as error:
            self._failed(error)
        early, self._early = self._early or [], None
        for message in early:
            self._on_message(message)
        self._task = asyncio.get_running_loop().create_task(self._run(), name="events")

    async def close(self) -> None:
        """Stop listening, tell swallowed repeats, write everything."""
        for subscription in self._subscriptions:
            self._bus.unsubscribe(subscription)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._writing is not None:
            await self._writing
        self._sweep(everything=True)
        await self._write()

    # --- telling -----------------------------------------------------------------------------------------------------

    def _on_message(self, message: Any) -> None:
        if self._early is not None:
            self._early.append(message)
            return
        if isinstance(message, SettingChanged):
            self._edits_waiting.append(message)
        told = WORDS[type(message)](self._words, message)
        if told is None:
            return
        if told.fact:
            if told.fact in self._facts:
                return
            self._facts.add(told.fact)
        if not told.repeat_key:
            self._publish(told, told.text)
            return
        known = self._repeats.get(told.repeat_key)
        if known is not None and told.at_ms - known.since_ms < REPEAT_MS:
            known.told = told
            if known.times < told.free:
                known.times += 1
                self._publish(told, told.text)
            else:
                known.count += 1
            return
        if known is not None and known.count:
            self._publish(known.told, _summed(known))
        self._repeats[told.repeat_key] = _Repeat(told, told.at_ms)
        self._publish(told, told.text)

    def _publish(self, told: Told, text: str) -> None:
        event = Event(
            event_id=self._next_id,
            kind=told.kind,
            severity=told.severity,
            symbol=told.symbol,
            text=text,
            at_ms=told.at_ms,
            change=told.change,
            replayed=told.replayed,
        )
        self._next_id += 1
        self._shown.append(event)
        self._events_waiting.append((event, told.fact or None))
        self._bus.publish(event)

    def _sweep(self, everything: bool = False) -> None:
        """Tell the sums of repeats whose time is over."""
        now_ms = self._clock.now_ms()
        for key, repeat in list(self._repeats.items()):
            if everything or now_ms - repeat.since_ms >= REPEAT_MS:
                del self._repeats[key]
                if repeat.count:
                    self._publish(repeat.told, _summed(repeat))

    def _on_replay(self, _message: Replay) -> None:
        for event in list(self._shown):
            self._bus.publish(msgspec.structs.replace(event, replayed=True))

    # --- keeping -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        forget_at = 0.0
        while True:
            if self._clock.monotonic() >= forget_at:
                forget_at = self._clock.monotonic() + FORGET_S
                await self._attempt(self._forget)
            await self._clock.sleep(WRITE_S)
            self._sweep()
            self._writing = asyncio.ensure_future(self._write())
            await asyncio.shield(self._writing)  # a batch under way is finished even when this task is cancelled

    async def _forget(self) -> None:
        keep_ms = int(self._settings.keep_days * 86_400_000)
        dropped = await self._store.forget_events(self._clock.now_ms() - keep_ms)
        if dropped:
            log.info("%d events older than %g days dropped", dropped, self._settings.keep_days)

    async def _write(self) -> None:
        """Everything that waits to the store and the file; what the store refuses waits on."""
        events = list(self._events_waiting)
        if events and await self._attempt(lambda: self._store.add_events(events)):
            while self._events_waiting and self._events_waiting[0][0].event_id <= events[-1][0].event_id:
                self._events_waiting.popleft()
            await self._attempt(lambda: asyncio.to_thread(self._append, [event for event, _ in events]))
        while self._edits_waiting:
            edit = self._edits_waiting[0]
            if not await self._attempt(lambda edit=edit: self._store.add_edit(edit)):  # type: ignore[misc]
                break
            self._edits_waiting.popleft()

    async def _attempt(self, act: Callable[[], Any]) -> bool:
        """Fallback when the disk refuses: count it, say so now and then, try again with the next batch."""
        try:
            await act()
        except (StoreError, OSError) as error:
            self._failed(error)
            return False
        return True

    def _failed(self, error: Exception) -> None:
        self.write_failures += 1
        log.error("events cannot be kept: %s", error)
        if worth_reporting(self.write_failures):
            text = f"events cannot be kept: {error}"
            self._bus.publish(
                Fault(source="events", message=text, count=self.write_failures, at_ms=self._clock.now_ms())
            )

    def _append(self, events: list[Event]) -> None:
        """Add to the JSON-lines file, moving it aside when it is full."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if self._file.exists() and self._file.stat().st_size >= self._settings.max_mb * 1e6:
            rotate(self._file, self._settings.files)
        with self._file.open("ab") as stream:
            stream.write(b"".join(msgspec.json.encode(event) + b"\n" for event in events))


def rotate(file: Path, kept: int) -> None:
    """`file` becomes `file.1`, `file.1` becomes `file.2` and so on; the oldest beyond `kept` goes."""
    for number in range(kept, 0, -1):
        older = file.with_name(f"{file.name}.{number}")
        newer = file.with_name(f"{file.name}.{number - 1}") if number > 1 else file
        if newer.exists():
            os.replace(newer, older)


def _summed(repeat: _Repeat) -> str:
    return f"{repeat.told.text} (×{repeat.count} more)"
