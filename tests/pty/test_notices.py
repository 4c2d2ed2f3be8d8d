"""What an event rule asks of the terminal reaches it as bytes, and only while it reads."""

import re
import time
from pathlib import Path

import pytest

from tests.pty.terminal import assert_left_clean, terminal

pytestmark = pytest.mark.pty

STALL_S = 3.0
NOTICE = re.compile(rb"\x1b\]9;<(\d+)>  \]0;title  \xe2\x86\x91\x07")


def test_bell_and_notification_reach_the_terminal_between_pictures(tmp_path: Path) -> None:
    with terminal(tmp_path, "notices", "busy") as running:
        running.wait_for(lambda: len(NOTICE.findall(running.received)) > 5, "notifications")
        bells = running.received.count(b"\x07") - running.received.count(b"\x1b]9;")
        assert bells > 5
        assert b"\x1b]0;" not in running.received
        pictures = running.received.split(b"\x1b[?2026h")[1:]
        assert all(b"\x07" not in picture.split(b"\x1b[?2026l")[0] for picture in pictures)
        running.type("q")
        assert running.wait_for_end() == 0
        assert_left_clean(running.received)


def test_tmux_gets_them_in_its_passthrough(tmp_path: Path) -> None:
    with terminal(tmp_path, "notices", TMUX="/tmp/tmux-0/default,1,0") as running:
        wrapped = re.compile(rb"\x1bPtmux;\x1b\x1b\]9;<\d+>  \]0;title  \xe2\x86\x91\x07\x1b\\")
        running.wait_for(lambda: len(wrapped.findall(running.received)) > 2, "wrapped notifications")
        running.type("q")
        assert running.wait_for_end() == 0


def test_a_terminal_that_does_not_read_gets_none_of_them_later(tmp_path: Path) -> None:
    with terminal(tmp_path, "notices", "busy", size=(200, 50)) as running:
        running.wait_for_engine()
        running.read(0.5)
        time.sleep(STALL_S)
        asked = len(running.beats())
        running.read(1.0)
        running.wait_for(lambda: len(NOTICE.findall(running.received.rpartition(b"drop")[2])) > 2, "later ones")
        told = {int(number) for number in NOTICE.findall(running.received)}
        missed = set(range(asked)) - told
        assert len(missed) > asked // 3
        running.type("q")
        assert running.wait_for_end() == 0
        assert_left_clean(running.received)
