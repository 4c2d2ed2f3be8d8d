"""A real pseudo-terminal with a program on it, and helpers that wait on conditions."""

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HARNESS = Path(__file__).with_name("harness_app.py")
DEADLINE_S = 20.0


def child_environment(**more: str) -> dict[str, str]:
    """A small, fixed environment: nothing of the developer's own reaches the program."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LD_LIBRARY_PATH") if key in os.environ}
    return kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"} | more


class Terminal:
    """The master side. `received` is everything the program wrote and we read."""

    def __init__(
        self, command: list[str], log: Path, size: tuple[int, int], environment: dict[str, str], ignore_hup: bool
    ) -> None:
        self.master, slave = os.openpty()
        self.log = log
        self.received = b""
        self.resize(*size)

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            if ignore_hup:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, preexec_fn=take_terminal, close_fds=True
        )
        self.before = termios.tcgetattr(slave)
        self.slave: int | None = slave
        self._release_slave()

    def _release_slave(self) -> None:
        if self.slave is not None:
            os.close(self.slave)
            self.slave = None

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds: float) -> None:
        """Read what comes within this time; answer the program's question about synchronised pictures."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ready, _, _ = select.select([self.master], [], [], max(0.0, min(0.05, end - time.monotonic())))
            if not ready:
                continue
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                return
            if not data:
                return
            if b"\x1b[?2026$p" in data:
                os.write(self.master, b"\x1b[?2026;2$y")
            self.received += data

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close(self) -> None:
        os.close(self.master)
        self.master = -1

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def beats(self) -> list[float]:
        return [float(line.split()[1]) for line in self.lines() if line.startswith("beat")]

    def wait_for(self, condition: Callable[[], bool], what: str, reading: bool = True) -> None:
        end = time.monotonic() + DEADLINE_S
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(
                    f"no {what} within {DEADLINE_S} s; log: {self.lines()[-3:]}, terminal: {self.received[-300:]!r}"
                )
            if reading and self.master >= 0:
                self.read(0.05)
            else:
                time.sleep(0.05)

    def wait_for_engine(self) -> None:
        self.wait_for(lambda: len(self.beats()) > 3, "beating engine")

    def wait_for_end(self, reading: bool = True) -> int:
        """Exit code."""
        self.wait_for(lambda: self.process.poll() is not None, "end of the program", reading)
        code = self.process.returncode
        assert self.session_members() == []
        if self.master >= 0:
            self.read(0.1)
        return code

    def session_members(self) -> list[int]:
        """Processes left in the program's session, zombies aside."""
        left: list[int] = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.process.pid and state != "Z":
                    left.append(int(entry.name))
        return left

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master >= 0:
            self.close()


@contextlib.contextmanager
def terminal(
    tmp_path: Path,
    *options: str,
    size: tuple[int, int] = (100, 30),
    ignore_hup: bool = False,
    harness: Path = HARNESS,
    **environment: str,
) -> Iterator[Terminal]:
    log = tmp_path / "harness.log"
    command = [sys.executable, str(harness), str(log), *options]
    running = Terminal(command, log, size, child_environment(**environment), ignore_hup)
    try:
        yield running
    finally:
        running.clean_up()


def assert_left_clean(received: bytes) -> None:
    """Alternate screen left, cursor shown, paste and focus reports off, nothing drawn afterwards."""
    leave = received.rfind(b"\x1b[?1049l")
    assert leave > received.rfind(b"\x1b[?1049h") >= 0, received[-200:]
    after = received[leave:]
    assert b"\x1b[?25h" in after
    assert received.rfind(b"\x1b[?2004l") > received.rfind(b"\x1b[?2004h")
    assert b"row " not in after
    assert b"Traceback" not in after
