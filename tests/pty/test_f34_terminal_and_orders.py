"""F34: whatever the terminal and the screens do, entries fill, stops are placed, and the journal tells it all."""

import itertools
import time
from pathlib import Path

import pytest

from tests.pty.terminal import Terminal, terminal

pytestmark = pytest.mark.pty

HARNESS = Path(__file__).with_name("harness_orders.py")
STALL_S = 6.0
"""A minute of the market."""
FROZEN_S = 1.0
"""A gap between beats that would mean the loop had stopped; not a speed test."""
SIZES = ((200, 50), (40, 10), (200, 60), (61, 16), (200, 24), (20, 5), (200, 100))


def begin(folder: Path, number: int) -> None:
    (folder / f"go-{number}").touch()


def until(running: Terminal, line: str, *, reading: bool = True) -> None:
    running.wait_for(lambda: line in running.lines(), line, reading)


def test_f34_a_stalled_terminal_a_broken_screen_and_a_resize_storm_leave_the_orders_alone(tmp_path: Path) -> None:
    with terminal(tmp_path, str(tmp_path), size=(200, 50), harness=HARNESS) as running:
        until(running, "ready")
        running.read(0.5)

        stalled = time.monotonic()
        begin(tmp_path, 0)
        until(running, "round 0 done", reading=False)
        while time.monotonic() - stalled < STALL_S:
            time.sleep(0.1)
        running.read(0.5)

        begin(tmp_path, 1)
        running.type("2")
        until(running, "round 1 done")
        assert any(line.startswith("fault") and "broken" in line for line in running.lines())

        begin(tmp_path, 2)
        running.type("1")
        storm = itertools.cycle(SIZES)
        while "round 2 done" not in running.lines():
            running.resize(*next(storm))
            running.read(0.02)
            assert running.process.poll() is None, running.lines()[-3:]
        beats = running.beats()
        assert max(after - before for before, after in itertools.pairwise(beats)) < FROZEN_S
        running.type("q")
        assert running.wait_for_end() == 0
