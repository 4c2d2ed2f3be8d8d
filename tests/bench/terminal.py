"""A program under a pseudo-terminal of its own size: bytes it writes, CPU it burns, memory it holds (Linux /proc)."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
FIRST_PICTURE_BYTES = 1500
"""Switching modes takes a few hundred bytes; this much means that a picture is out."""


class Terminal:
    """Runs `arguments` on a new pty; `pump` reads what it writes for a while."""

    def __init__(self, arguments: list[str], columns: int, rows: int, environ: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            arguments, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
        )
        os.close(slave)
        self.bytes = 0
        self.heard: Callable[[bytes], None] = lambda data: None
        """Is told everything that was read."""
        self.first_paint_s: float | None = None
        self.first_paint_cpu_s = 0.0
        self._known: dict[str, str] = {}
        for name in ("stat", "schedstat", "statm"):
            self._proc(name)

    @property
    def age_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def pump(self, seconds: float) -> None:
        """Read the program's output for this long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not self.read(min(left, 0.2)):
                return

    def read(self, seconds: float) -> bool:
        """Read what there is, waiting for it no longer than this. False: the program has closed its terminal."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.bytes += len(data)
        self.heard(data)
        if self.first_paint_s is None and self.bytes >= FIRST_PICTURE_BYTES:
            self.first_paint_cpu_s = self.cpu_s()
            self.first_paint_s = time.monotonic() - self.started
        return True

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self.master, keys.encode())

    def cpu_s(self) -> float:
        """User and system time so far."""
        fields = self._proc("stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def waited_s(self) -> float:
        """How long the main thread was ready to run and had no core: what others on this machine cost it."""
        return int(self._proc("schedstat").split()[1]) / 1e9

    def resident_mb(self) -> float:
        """Resident set."""
        return int(self._proc("statm").split()[1]) * PAGE_BYTES / 1e6

    def _proc(self, name: str) -> str:
        """A file of the process in /proc; as last read once the process is gone."""
        try:
            with open(f"/proc/{self.process.pid}/{name}") as file:
                self._known[name] = file.read()
        except (FileNotFoundError, ProcessLookupError):
            if name not in self._known:
                raise
        return self._known[name]

    def end(self) -> int:
        """Ask it to stop; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 10
        while self.process.poll() is None and time.monotonic() < until:
            self.pump(0.2)
        if self.process.poll() is None:
            self.process.kill()
        code = self.process.wait()
        os.close(self.master)
        return code
