"""Every way an SSH session can die: the program ends in order, says so by its exit code, and leaves a clean terminal."""

import os
import signal
from pathlib import Path

import pytest

from tests.pty.terminal import assert_left_clean, terminal

pytestmark = pytest.mark.pty


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_engine_and_screen_in_order(tmp_path: Path, number: signal.Signals, code: int, loop: str) -> None:
    with terminal(tmp_path, loop) as running:
        running.wait_for_engine()
        os.kill(running.process.pid, number)
        assert running.wait_for_end() == code
        assert running.lines()[-2:] == ["engine-end", f"exit {code}"]
        assert_left_clean(running.received)


@pytest.mark.parametrize("key", ["q", "\x03"])
def test_quit_keys_end_with_zero(tmp_path: Path, key: str) -> None:
    with terminal(tmp_path) as running:
        running.wait_for_engine()
        running.type(key)
        assert running.wait_for_end() == 0
        assert running.lines()[-2:] == ["engine-end", "exit 0"]
        assert_left_clean(running.received)


def test_the_engine_starts_after_the_first_picture(tmp_path: Path) -> None:
    with terminal(tmp_path) as running:
        running.wait_for_engine()
        assert running.lines()[0] == "start True"
        assert b"tradetui" in running.received


@pytest.mark.parametrize("ignore_hup", [False, True])
def test_a_closed_terminal_ends_the_program(tmp_path: Path, ignore_hup: bool) -> None:
    with terminal(tmp_path, ignore_hup=ignore_hup) as running:
        running.wait_for_engine()
        running.close()
        assert running.wait_for_end() == 129
        assert running.lines()[-2:] == ["engine-end", "exit 129"]


def test_mouse_reports_stay_off_unless_asked_for(tmp_path: Path) -> None:
    with terminal(tmp_path) as running:
        running.wait_for_engine()
        running.type("q")
        running.wait_for_end()
        assert b"\x1b[?1000h" not in running.received
        assert b"\x1b[?1003h" not in running.received


def test_mouse_reports_are_switched_off_again(tmp_path: Path) -> None:
    with terminal(tmp_path, "mouse") as running:
        running.wait_for_engine()
        assert b"\x1b[?1000h" in running.received
        running.type("q")
        running.wait_for_end()
        assert running.received.rfind(b"\x1b[?1000l") > running.received.rfind(b"\x1b[?1000h")


def test_a_failed_engine_leaves_a_usable_screen_and_prints_no_locals(tmp_path: Path) -> None:
    with terminal(tmp_path, "crash") as running:
        running.wait_for(lambda: b"engine failed" in running.received, "notice of the failed engine")
        running.type("q")
        assert running.wait_for_end() == 0
        assert b"hunter2" not in running.received
        assert_left_clean(running.received)
