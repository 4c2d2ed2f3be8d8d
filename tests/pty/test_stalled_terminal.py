"""A terminal that stops reading never stops the engine, and is painted correctly when it reads again."""

import itertools
import os
import re
import signal
import time
from pathlib import Path

import pyte
import pytest

from tests.pty.terminal import Terminal, assert_left_clean, terminal

pytestmark = pytest.mark.pty

STALL_S = 3.0
FROZEN_S = 1.0
"""A gap between beats that would mean the loop had stopped; not a speed test."""


def worst_gap(running: Terminal) -> float:
    beats = running.beats()
    return max(after - before for before, after in itertools.pairwise(beats))


def picture(received: bytes, columns: int, rows: int) -> list[str]:
    """What a terminal shows after these bytes."""
    known = re.sub(rb"\x1b\[[<>=][0-9;]*u|\x1b\[\?[0-9]+\$p", b"", received)
    screen = pyte.Screen(columns, rows)
    pyte.ByteStream(screen).feed(known)
    return list(screen.display)


def test_a_stall_does_not_stop_the_engine_and_the_picture_recovers(tmp_path: Path) -> None:
    with terminal(tmp_path, "busy", size=(200, 50)) as running:
        running.wait_for_engine()
        running.read(0.5)
        time.sleep(STALL_S)
        beats = len(running.beats())
        running.wait_for(lambda: len(running.beats()) > beats + 5, "beats after the stall")
        assert worst_gap(running) < FROZEN_S
        running.read(1.5)
        ticks = {line.split("tick ")[1].split()[0] for line in picture(running.received, 200, 50) if "tick " in line}
        rows = [line for line in picture(running.received, 200, 50) if line.startswith("row ")]
        assert len(rows) == 48
        assert len(ticks) <= 2  # one picture, or the last one half replaced by the next
        running.type("q")
        assert running.wait_for_end() == 0
        assert b"drop" in running.received
        assert_left_clean(running.received)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_a_stall_ends_the_program(tmp_path: Path, number: signal.Signals) -> None:
    with terminal(tmp_path, "busy", size=(200, 50)) as running:
        running.wait_for_engine()
        time.sleep(STALL_S)
        os.kill(running.process.pid, number)
        assert running.wait_for_end(reading=False) == 128 + number
        assert worst_gap(running) < FROZEN_S
        running.read(0.3)
        assert_left_clean(running.received)


def test_a_resize_storm_ends_in_a_correct_picture(tmp_path: Path) -> None:
    with terminal(tmp_path, size=(120, 40)) as running:
        running.wait_for_engine()
        sizes = [(200, 50), (40, 10), (80, 24), (150, 20), (61, 16), (20, 5), (100, 60)]
        for _ in range(4):
            for size in sizes:
                running.resize(*size)
                running.read(0.02)
        running.resize(90, 24)
        running.read(0.5)
        shown = [""]

        def is_right() -> bool:
            running.type("T")  # another theme: everything is painted anew
            running.read(0.4)
            whole = running.received[running.received.rfind(b"\x1b[?1049h") :]
            shown[:] = picture(whole[-60_000:], 90, 24)
            return (
                shown[0].lstrip().startswith("tradetui")
                and shown[-1].startswith(" theme:")
                and shown[1].startswith("row 0")
            )

        running.wait_for(is_right, "correct picture after the resizing")
        assert worst_gap(running) < FROZEN_S
        running.type("q")
        assert running.wait_for_end() == 0
