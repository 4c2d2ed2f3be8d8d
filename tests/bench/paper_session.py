"""A session on paper by keyboard, from recommendation to result, written down as a page of pictures.

`python -m tests.bench.paper_session [minutes] [page]`: starts the demo under a pseudo-terminal of its own, reads its screen as a
person does, trades the best proposal of the inbox whenever one waits and every gate lets it pass, and watches each trade to
its end. Everything on the page stood on the screen; the trades at its end are what `tradetui trades` tells of the run.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import pyte

from tests.bench.live import bare_environment

COLUMNS, ROWS = 100, 30
MINUTES = 30.0
LOOK_S = 0.25
KEY_S = 0.5
OPEN_MOST = 3
"""Trades at a time."""
DENIED_WAIT_S = 60.0
"""A market whose gates deny is left alone for so long."""
PROPOSAL = re.compile(r"^[ ▸](?:\d+\s+)?([A-Z0-9]{4,})\s+[↑↓] (?:BUY|SELL)", re.MULTILINE)


class Desk:
    """The program in a terminal: keys in, picture out."""

    def __init__(self, folder: Path) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environ = {**bare_environment(folder), "TMUX": "/tmp/tmux,1,0"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tui.cli", "demo"], stdin=slave, stdout=slave, stderr=slave, env=environ,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.began = time.monotonic()

    def look(self, seconds: float = LOOK_S) -> str:
        """The picture after so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([self._master], [], [], left)
            if ready:
                try:
                    self._stream.feed(os.read(self._master, 65_536))
                except OSError as error:
                    raise SystemExit(f"the program ended early: {error}") from error
        return "\n".join(line.rstrip() for line in self.screen.display)

    def press(self, *keys: str) -> str:
        """As a hand does; the picture afterwards."""
        for key in keys:
            os.write(self._master, key.encode())
            self.look(KEY_S)
        return self.look()

    def shown(self, key: str, words: str) -> str:
        """The screen of this key, once its last line has these words: half a picture is none."""
        os.write(self._master, key.encode())
        self.until(words)
        return self.look()

    def until(self, *words: str, within_s: float = 20.0) -> str:
        """The picture once one of these stands on it, or the last one."""
        end = time.monotonic() + within_s
        picture = self.look()
        while not any(word in picture for word in words) and time.monotonic() < end:
            picture = self.look()
        return picture

    @property
    def minute(self) -> float:
        return (time.monotonic() - self.began) / 60

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(15)


class Page:
    """What is written down: each kind of picture once, with the minute it was seen."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._had: set[str] = set()

    def note(self, minute: float, kind: str, words: str, picture: str) -> None:
        if kind not in self._had:
            self._had.add(kind)
            self.parts.append(f"## Minute {minute:.1f}: {words}\n\n```text\n{picture.strip(chr(10))}\n```\n")


def run(minutes: float, page: Path) -> None:
    """The session; its page."""
    with tempfile.TemporaryDirectory(prefix="tradetui-session-") as name:
        folder = Path(name)
        desk, written = Desk(folder), Page()
        try:
            sent = trade(desk, written, minutes)
        finally:
            desk.end()
        told = subprocess.run(
            [sys.executable, "-m", "tui.cli", "trades", "--demo"], env=bare_environment(folder), capture_output=True, text=True,
            check=True,
        ).stdout.replace(str(folder / "data"), "~/.local/share")  # fmt: skip
    head = (
        f"# {minutes:.0f} minutes on paper\n\n[Operator's guide](guide.md) · [From paper to live](live.md)\n\n"
        f"`python -m tests.bench.paper_session` played this by keyboard on the demo: {minutes:.0f} minutes of real time, a terminal of "
        f"{COLUMNS}x{ROWS}, {sent} tickets sent. Nothing on this page is made up; the market is.\n\n"
    )
    tail = f"## What came of it\n\n`tradetui trades --demo` afterwards:\n\n```text\n{told.strip()}\n```\n"
    page.write_text(head + "\n".join(written.parts) + "\n" + tail)


def trade(desk: Desk, written: Page, minutes: float) -> int:
    """Take proposals until the time is up; how many tickets were sent."""
    desk.until("running", "mkts", within_s=60.0)
    left_alone: dict[str, float] = {}
    sent = closed = 0
    while desk.minute < minutes:
        picture = desk.shown("8", "R or money")
        if (now_closed := trades_in(picture)) > closed:
            closed = now_closed
            written.note(
                desk.minute,
                f"closed {ending(picture)}",
                "a trade is over; the history says how and why",
                desk.press("\r"),
            )
            desk.press("\x1b")
        picture = desk.shown("5", "c cancel")
        if "qty ✓" in picture and sent:
            written.note(desk.minute, "protected", "the position, and the stop that protects it", picture)
        held = len(re.findall(r"\b(long|short)\b", picture))
        picture = desk.shown("6", "a seen")
        symbol = next((one for one in PROPOSAL.findall(picture) if left_alone.get(one, 0.0) < time.monotonic()), "")
        if not symbol or held >= OPEN_MOST:
            desk.look(5.0)
            continue
        written.note(desk.minute, "inbox", "a proposal waits", picture)
        if ticket(desk, written, symbol, picture):
            sent += 1
        left_alone[symbol] = time.monotonic() + DENIED_WAIT_S
    written.note(desk.minute, "risk", "limits and what is used of them", desk.shown("7", "explain"))
    written.note(desk.minute, "history", "the record at the end", desk.shown("8", "R or money"))
    return sent


def ticket(desk: Desk, written: Page, symbol: str, inbox: str) -> bool:
    """Open the ticket of this proposal and send it if the gates let it; whether it was sent."""
    names = PROPOSAL.findall(inbox)
    desk.press("g", *("j" for _ in range(names.index(symbol))), "o")
    picture = desk.until("expires in", "No ticket", within_s=10.0)
    if "expires in" not in picture and "No ticket" not in picture:
        return False
    if "✗" in picture or "No ticket" in picture:
        written.note(desk.minute, "denied", f"{symbol} is denied, and why", picture)
        desk.press("\x1b")
        return False
    written.note(desk.minute, "ticket", f"the order as it would be sent, and why: {symbol}", picture)
    desk.look(1.0)
    desk.press("y")
    picture = desk.until("sent as", "REFUSED", "EXPIRED", within_s=10.0)
    if "sent as" not in picture:
        written.note(desk.minute, "refused", f"{symbol} was not sent, and why", picture)
        desk.press("\x1b")
        return False
    written.note(desk.minute, "sent", f"{symbol} is sent", picture)
    desk.press("\x1b")
    return True


def trades_in(history: str) -> int:
    """Closed trades, by the history's own line."""
    found = re.search(r"(\d+) trades?\b", history)
    return int(found[1]) if found else 0


def ending(history: str) -> str:
    """By what the newest trade ended, on whose line the cursor is."""
    line = next((line for line in history.splitlines() if line.startswith("▸")), "")
    return re.split(r"\s{2,}", line.strip())[-1]


if __name__ == "__main__":
    run(
        float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES,
        Path(sys.argv[2]) if len(sys.argv) > 2 else Path("docs/paper-session.md"),
    )
