"""Terminal driver whose output never blocks the event loop and that survives a dead terminal.

Stock Textual hands pictures to a writer thread through a 30-slot queue and waits for room: a terminal that stops reading
(a stalled SSH link) then stops the engine. Here a picture is one write, dropped whole when four are waiting; when the
terminal reads again it is painted once from scratch. A write error, or end of input, asks the app to leave with 129.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable
from typing import Any

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

HIGH_WATER = 4
"""Pictures that may wait; more are dropped."""
CHUNK_BYTES = 4096
BLOCKING_CHUNK_BYTES = 256
"""What a terminal that says it is writable surely takes, where its file cannot be opened non-blocking."""
STOP_S = 1.0
"""How long leaving waits for a terminal that does not read."""
POLL_MS = 100
CONTROL_CHARS = 24
"""Longest mode switch Textual writes outside of start and stop."""
EXIT_TERMINAL_GONE = 129
NOTICE_CHARS = 200
"""Longest terminal notification."""
CANCEL_SEQUENCE = b"\x18" + SYNC_END.encode()
"""Ends an escape sequence and a synchronised picture that were cut in the middle."""


class GuardedWriter(threading.Thread):
    """Writes to the terminal in a thread. `write` never waits; `stop` waits about a second at most."""

    def __init__(self, fd: int, on_dead: Callable[[], None], on_drained: Callable[[], None]) -> None:
        super().__init__(daemon=True, name="terminal-output")
        self._fd, self._blocking = _own_descriptor(fd)
        self._on_dead = on_dead
        self._on_drained = on_drained
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._queued = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._abandon = threading.Event()
        self._missed = False
        self._closed = False
        self.dead = False
        self.dropped = 0
        self.pictures = 0

    def write(self, text: str, control: bool = False) -> None:
        """Queue one picture or control sequence. Controls are never dropped; a picture is when too many wait."""
        if self.dead or not text:
            return
        with self._wake:
            if not control and self._queued >= HIGH_WATER:
                self.dropped += 1
                self._missed = True
                return
            self._waiting.append((text.encode("utf-8", "replace"), control))
            self._queued += not control
            self._wake.notify()

    def offer(self, text: str) -> bool:
        """Queue something that may well be left out, such as a bell: not for a terminal that does not keep up."""
        with self._wake:
            if self.dead or self._stopping or self._missed or len(self._waiting) >= HIGH_WATER:
                return False
            self._waiting.append((text.encode("utf-8", "replace"), True))
            self._wake.notify()
            return True

    def run(self) -> None:
        while (item := self._next()) is not None:
            data, control = item
            if not self._send(data):
                return
            self.pictures += not control
            with self._wake:
                drained = self._missed and not self._waiting
                if drained:
                    self._missed = False
            if drained:
                self._on_drained()

    def stop(self) -> None:
        """Write what waits, for `STOP_S` at most. A terminal that still does not read gets only the control sequences."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self.join(STOP_S)
        if self.is_alive():
            self._abandon.set()
            self.join(STOP_S)
            if not self.dead and not self.is_alive() and not self._blocking:
                self._restore()
        if not self.is_alive() and not self._closed:
            self._closed = True
            os.close(self._fd)

    def _next(self) -> tuple[bytes, bool] | None:
        with self._wake:
            while not self._waiting:
                if self._stopping:
                    return None
                self._wake.wait()
            data, control = self._waiting.popleft()
            self._queued -= not control
            return data, control

    def _send(self, data: bytes) -> bool:
        """Write all of it; False when the terminal is gone or the writer was told to give up."""
        view = memoryview(data)
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        chunk = BLOCKING_CHUNK_BYTES if self._blocking else CHUNK_BYTES
        while view:
            if self._abandon.is_set():
                return False
            try:
                if self._blocking and not poll.poll(POLL_MS):
                    continue
                view = view[os.write(self._fd, view[:chunk]) :]
            except BlockingIOError:
                poll.poll(POLL_MS)
            except OSError:
                self.dead = True
                self._on_dead()
                return False
        return True

    def _restore(self) -> None:
        """Throw away what the terminal has not read and write the control sequences that were still waiting."""
        controls = b"".join(data for data, control in self._waiting if control)
        try:
            termios.tcflush(self._fd, termios.TCOFLUSH)
            os.write(self._fd, CANCEL_SEQUENCE + controls)
        except OSError:
            self.dead = True  # nobody is there to be tidy for
        except termios.error:
            self.dead = True


def notice_sequence(how: str, text: str, in_tmux: bool) -> str:
    """What makes a terminal ring (`how` is `bell`: BEL) or show a notification (OSC 9, as iTerm2 brought it up).

    The text is made printable and cut, so that nothing a venue sends can end the sequence or begin another. tmux hands a
    notification on only inside its passthrough (`set -g allow-passthrough on`); bells it handles itself.
    """
    if how == "bell":
        return "\x07"
    words = "".join(char if char.isprintable() else " " for char in text[:NOTICE_CHARS]).strip()
    if words[:1].isdigit():  # `9;4;…` is not a text but the progress bar of some terminals
        words = f"tradetui: {words}"
    sequence = f"\x1b]9;{words}\x07"
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\" if in_tmux else sequence


def _own_descriptor(fd: int) -> tuple[int, bool]:
    """A descriptor of our own for this terminal, and whether it blocks.

    Opened anew, because switching the shared one to non-blocking would reach the shell and our own input.
    """
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK), False
    except OSError:
        return os.dup(fd), True


class GuardedDriver(LinuxDriver):
    """See the module's first lines. `dropped` counts pictures left out since the start."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse and bool(getattr(app, "wants_mouse", False)), size=size)
        self._picture: list[str] | None = None
        self._switching = False
        self._loop_thread = threading.get_ident()
        self._dropped_before = 0

    @property
    def _writer_thread(self) -> Any:
        return self.__dict__.get("writer")

    @_writer_thread.setter
    def _writer_thread(self, stock: Any) -> None:
        """Textual assigns its own writer here at each start; ours takes its place."""
        old = self.__dict__.get("writer")
        if old is not None:
            self._dropped_before += old.dropped
        self.__dict__["writer"] = (
            None if stock is None else GuardedWriter(_output_fd(), self._terminal_gone, self._terminal_drained)
        )

    @property
    def dropped(self) -> int:
        """Pictures left out for a slow terminal."""
        writer = self._writer_thread
        return self._dropped_before + (writer.dropped if writer is not None else 0)

    @property
    def pictures(self) -> int:
        """Pictures the terminal has taken since it was last taken over."""
        writer = self._writer_thread
        return writer.pictures if writer is not None else 0

    def write(self, data: str) -> None:
        """Join synchronisation start, picture and end into one write; mode switches go through as they are."""
        writer = self._writer_thread
        if writer is None:
            return
        foreign = threading.get_ident() != self._loop_thread
        if (
            self._switching
            or foreign
            or (len(data) <= CONTROL_CHARS and data.startswith("\x1b[?") and data not in _SYNC)
        ):
            writer.write(data, control=True)
        elif data == SYNC_START:
            self._picture = [data]
        elif self._picture is None:
            writer.write(data)
        else:
            self._picture.append(data)
            if data == SYNC_END:
                writer.write("".join(self._picture))
                self._picture = None

    def notice(self, how: str, text: str) -> bool:
        """Ring or notify, unless the terminal does not keep up or is not ours at the moment; True when it was queued."""
        writer = self._writer_thread
        if writer is None or self._switching:
            return False
        return bool(writer.offer(notice_sequence(how, text, bool(os.environ.get("TMUX")))))

    def start_application_mode(self) -> None:
        self._switching = True
        try:
            super().start_application_mode()  # type: ignore[no-untyped-call]
        finally:
            self._switching = False

    def stop_application_mode(self) -> None:
        self._picture = None
        self._switching = True
        super().stop_application_mode()

    def run_input_thread(self) -> None:
        """Read keys until told to stop. Bytes that are no UTF-8 are replaced; end of input on a terminal means it is gone."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        poll = select.poll()
        poll.register(self.fileno, select.POLLIN)
        try:
            while not self.exit_event.is_set():
                if poll.poll(POLL_MS):
                    data = os.read(self.fileno, CHUNK_BYTES)
                    if not data:
                        if self.input_tty:
                            self._terminal_gone()
                        return
                    for event in parser.feed(decode(data)):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
        finally:
            try:
                for _ in parser.feed(""):
                    pass
            except (EOFError, ParseError):
                pass  # the parser's way of saying that input ended

    def _run_input_thread(self) -> None:
        while not self.exit_event.is_set():
            try:
                self.run_input_thread()
                return
            except OSError:
                self._terminal_gone()
                return
            except Exception as error:
                # Fallback: these bytes are lost, reading goes on with a fresh parser; the app counts and reports it.
                self._tell_loop(self._app._handle_exception, error)

    def _terminal_gone(self) -> None:
        self._tell_loop(self._leave)

    def _leave(self) -> None:
        leave = getattr(self._app, "leave", None)
        if leave is not None:
            leave(EXIT_TERMINAL_GONE)
        else:
            self._app.exit(return_code=EXIT_TERMINAL_GONE)

    def _terminal_drained(self) -> None:
        self._tell_loop(self._repaint)

    def _repaint(self) -> None:
        """The terminal reads again after pictures were left out: paint all of it once."""
        self._app.screen.refresh(layout=True)

    def _tell_loop(self, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            return  # the loop has ended, and with it all that could be told


_SYNC = (SYNC_START, SYNC_END)


def _output_fd() -> int:
    assert sys.__stderr__ is not None
    return sys.__stderr__.fileno()
