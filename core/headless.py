"""Bus messages as JSON lines: `type` names the message, times are ms UTC, prices are numbers, NaN is null.

Lines are written by a thread, so that a slow reader never holds up the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import BinaryIO

import msgspec

from core.bus import Bus
from core.clock import Clock
from core.messages import ArmLive, CheckLive, Command, ConfirmTicket, ConnectLive, Fault, Message

MAX_BACKLOG_BYTES = 64_000_000
"""A reader this far behind loses lines; `dropped` counts them."""
CLOSE_S = 5.0


class JsonLines:
    """Writes every message of the bus to a binary stream until `close`, or until the reader goes away.

    `on_broken` is then called once, on the event loop if there was one at construction.
    """

    def __init__(self, bus: Bus, stream: BinaryIO, on_broken: Callable[[], object] | None = None) -> None:
        self.dropped = 0
        self.broken = False
        self._bus = bus
        self._stream = stream
        self._on_broken = on_broken
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # made outside a loop: `on_broken` is then called on the writer's thread
            self._loop = None
        self._encoder = msgspec.json.Encoder(decimal_format="number")
        self._buffer = bytearray()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._write, name="json lines", daemon=True)
        self._thread.start()
        self._subscription = bus.subscribe(Message, self._on_message, name="json lines")

    def close(self) -> None:
        """Write what waits and flush; gives up on a reader that does not read. Safe to call twice."""
        self._bus.unsubscribe(self._subscription)
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(CLOSE_S)

    def _on_message(self, message: Message) -> None:
        if self.broken:
            return
        line = self._encoder.encode(message)
        with self._changed:
            if len(self._buffer) + len(line) >= MAX_BACKLOG_BYTES:
                self.dropped += 1
                return
            if not self._buffer:
                self._changed.notify()
            self._buffer += line
            self._buffer += b"\n"

    def _write(self) -> None:
        while True:
            with self._changed:
                while not self._buffer and not self._closing:
                    self._changed.wait()
                chunk, self._buffer = self._buffer, bytearray()
            if not chunk:
                return
            try:
                self._stream.write(chunk)
                self._stream.flush()
            except (OSError, ValueError) as error:  # the reader went away, the disk is full, the stream is closed
                self._give_up(error)
                return

    def _give_up(self, error: Exception) -> None:
        self.broken = True
        if isinstance(error, BrokenPipeError):
            abandon(self._stream)
        if self._on_broken is None:
            return
        if self._loop is None:
            self._on_broken()
        else:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                self._loop.call_soon_threadsafe(self._on_broken)


class CommandLines:
    """Reads commands from a binary stream, one JSON object a line (`{"type": "Halt"}`), and publishes them on the loop.

    What cannot be read is told as a `Fault` and left out. Ends with the stream.
    """

    def __init__(self, bus: Bus, clock: Clock, stream: BinaryIO) -> None:
        self._bus = bus
        self._clock = clock
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="command lines", daemon=True).start()

    def _read(self) -> None:
        """Unbuffered: the lock of a buffered reader, held by a thread that waits, would bring the interpreter's end down."""
        rest, number = b"", self._stream.fileno()
        while chunk := os.read(number, 65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._hand_over(line)
        self._hand_over(rest)

    def _hand_over(self, line: bytes) -> None:
        if line.strip():
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody carries it out any more
                self._loop.call_soon_threadsafe(self._publish, line)

    def _publish(self, line: bytes) -> None:
        try:
            self._bus.publish(read_command(line))
        except ValueError as error:
            text = f"command {line.decode(errors='replace').strip()[:200]!r} not carried out: {error}"
            self._bus.publish(Fault(source="commands", message=text, severity="warning", at_ms=self._clock.now_ms()))


HANDS_ONLY = (ConnectLive, CheckLive, ArmLive, ConfirmTicket)
"""What takes a person at the screen: no program goes live or confirms an order."""


def read_command(line: bytes) -> Command:
    """One command of a line of JSON. Raises `ValueError` naming what is wrong."""
    kinds = {kind.__name__: kind for kind in Command.__subclasses__()}
    try:
        value = msgspec.json.decode(line)
        name = value.pop("type", "") if isinstance(value, dict) else ""
        kind = kinds.get(name)
        if kind in HANDS_ONLY:
            raise ValueError(f"{name} takes a person at the screen; no program goes live or confirms an order")
        if kind is None:
            raise ValueError(f"type {name!r} is none of {', '.join(sorted(kinds))}")
        unknown = sorted(set(value) - set(kind.__struct_fields__))
        if unknown:
            raise ValueError(f"{name} has no field {', '.join(unknown)}; it has {', '.join(kind.__struct_fields__)}")
        command: Command = msgspec.convert(value, kind, strict=False)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    for field in kind.__struct_fields__:
        given = getattr(command, field)
        for number in given if isinstance(given, tuple) else (given,):
            if isinstance(number, Decimal) and not number.is_finite():
                raise ValueError(f"{name} {field} is {number}; give a number")
    return command


def abandon(stream: BinaryIO) -> None:
    """Nobody reads this stream any more: whatever else is flushed to it at exit must not fail once more."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
