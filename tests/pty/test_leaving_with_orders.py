"""Leaving while a position or an order is open: the operator is asked once, a lost session is not, and nothing hangs (F34, F35)."""

import os
import signal
from pathlib import Path

import pytest

from tests.pty.terminal import Terminal, assert_left_clean, terminal

pytestmark = pytest.mark.pty
QUESTION = b"Leave tradetui?"


def asked(running: Terminal, key: str = "q") -> None:
    running.wait_for_engine()
    running.type(key)
    running.wait_for(lambda: QUESTION in running.received, "question")


def still_there(running: Terminal) -> None:
    """The program lives on, and its engine beats."""
    beats = len(running.beats())
    running.wait_for(lambda: len(running.beats()) > beats + 8, "beats after the keys")
    assert running.process.poll() is None


@pytest.mark.parametrize("key", ["q", "\x03"])
def test_quitting_names_what_is_open_and_leaves_when_told_so(tmp_path: Path, key: str) -> None:
    with terminal(tmp_path, "orders") as running:
        asked(running, key)
        still_there(running)
        for words in (b"1 position stays open", b"SOLUSDT", b"stop 150.90 stays at the venue", b"1 entry is cancelled"):
            assert words in running.received
        running.type("y")
        assert running.wait_for_end() == 0
        assert running.lines()[-2:] == ["engine-end", "exit 0"]
        assert_left_clean(running.received)


@pytest.mark.parametrize("typed", ["qqqqqqqq", "q\r\r\r\ryyyy", "\x03\x03qyqy"])
def test_pasted_and_held_keys_do_not_leave(tmp_path: Path, typed: str) -> None:
    with terminal(tmp_path, "orders") as running:
        asked(running, typed)
        still_there(running)
        running.type("y")
        assert running.wait_for_end() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_is_not_asked_back_also_over_the_question(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with terminal(tmp_path, "orders") as running:
        asked(running)
        os.kill(running.process.pid, number)
        assert running.wait_for_end() == code
        assert running.lines()[-2:] == ["engine-end", f"exit {code}"]
        assert_left_clean(running.received)


def test_a_closed_terminal_ends_the_program_with_orders_open(tmp_path: Path) -> None:
    with terminal(tmp_path, "orders") as running:
        asked(running)
        running.close()
        assert running.wait_for_end() == 129
        assert running.lines()[-2:] == ["engine-end", "exit 129"]


def test_an_engine_that_never_ends_does_not_keep_the_process(tmp_path: Path) -> None:
    """Its clean-up waits a minute for a thread and swallows being cancelled; the process is gone long before."""
    with terminal(tmp_path, "orders", "hangs", "uvloop") as running:
        running.wait_for_engine()
        os.kill(running.process.pid, signal.SIGTERM)
        running.wait_for(lambda: "engine-hangs" in running.lines(), "hanging engine")
        assert running.wait_for_end() == 143
        assert_left_clean(running.received)
