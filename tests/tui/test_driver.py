"""The writer thread: whole pictures or none, controls always, never a wait for the caller."""

import os
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.driver import HIGH_WATER, NOTICE_CHARS, GuardedWriter, notice_sequence

DEADLINE_S = 10.0


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "condition never held"
        time.sleep(0.005)


class Sink:
    """A pipe with a writer on it."""

    def __init__(self) -> None:
        self.reader, self.fd = os.pipe()
        self.drained = threading.Event()
        self.died = threading.Event()
        self.writer = GuardedWriter(self.fd, self.died.set, self.drained.set)
        self.writer.start()

    def fill(self) -> None:
        """Write pictures until the pipe is full and further ones are dropped."""
        while not self.writer.dropped:
            self.writer.write("x" * 20_000)
            time.sleep(0.005)

    def close(self) -> None:
        self.writer.stop()
        for fd in (self.reader, self.fd):
            os.close(fd)

    def read_all(self) -> bytes:
        os.set_blocking(self.reader, False)
        received = b""
        while True:
            try:
                received += os.read(self.reader, 1 << 16)
            except BlockingIOError:
                return received


@pytest.fixture
def sink():
    made = Sink()
    yield made
    made.close()


def test_what_is_written_arrives_in_order(sink: Sink) -> None:
    for word in ("one ", "two ", "↑"):
        sink.writer.write(word)
    until(lambda: sink.writer.pictures == 3)
    assert sink.read_all().decode() == "one two ↑"


def test_a_full_terminal_drops_pictures_but_no_controls_and_tells_when_it_reads_again(sink: Sink) -> None:
    sink.fill()
    before = sink.writer.dropped
    sink.writer.write("late picture")
    sink.writer.write("\x1b[?25h", control=True)
    assert sink.writer.dropped == before + 1
    assert not sink.drained.is_set()
    received = b""
    end = time.monotonic() + DEADLINE_S
    while not sink.drained.is_set():
        assert time.monotonic() < end
        received += sink.read_all()
    received += sink.read_all()
    assert b"late picture" not in received
    assert received.endswith(b"\x1b[?25h")
    assert received.count(b"x") % 20_000 == 0
    assert received.count(b"x") // 20_000 >= HIGH_WATER


def test_a_bell_is_offered_only_while_the_terminal_keeps_up(sink: Sink) -> None:
    assert sink.writer.offer("\x07")
    until(lambda: sink.read_all() == b"\x07")
    assert sink.writer.pictures == 0
    sink.fill()
    before = sink.writer.dropped
    assert not sink.writer.offer("\x07")
    assert sink.writer.dropped == before
    received = b""
    while not sink.drained.is_set():
        received += sink.read_all()
    assert b"\x07" not in received + sink.read_all()
    assert sink.writer.offer("\x07")


def test_bells_do_not_pile_up_behind_a_picture_that_is_not_read(sink: Sink) -> None:
    sink.writer.write("x" * 200_000)
    until(lambda: not sink.writer._waiting)
    assert [sink.writer.offer("\x07") for _ in range(HIGH_WATER + 3)] == [True] * HIGH_WATER + [False] * 3


@given(st.text(), st.booleans())
def test_a_notification_is_one_sequence_whatever_its_text(text: str, in_tmux: bool) -> None:
    sequence = notice_sequence("notify", text, in_tmux)
    if in_tmux:
        assert sequence.startswith("\x1bPtmux;\x1b\x1b]9;")
        assert sequence.endswith("\x1b\\")
        sequence = sequence.removeprefix("\x1bPtmux;\x1b").removesuffix("\x1b\\")
    assert sequence.startswith("\x1b]9;")
    assert sequence.endswith("\x07")
    words = sequence[4:-1]
    assert words.isprintable() or not words
    assert len(words) <= NOTICE_CHARS + len("tradetui: ")
    assert not words[:1].isdigit()


def test_a_bell_is_a_bell_with_and_without_tmux() -> None:
    assert [notice_sequence("bell", "words", in_tmux) for in_tmux in (True, False)] == ["\x07", "\x07"]


def test_a_reader_that_went_away_is_told_once_and_later_writes_are_ignored() -> None:
    sink = Sink()
    os.close(sink.reader)
    sink.writer.write("picture")
    assert sink.died.wait(DEADLINE_S)
    assert sink.writer.dead
    sink.writer.write("another")
    sink.writer.stop()
    assert not sink.writer.is_alive()
    os.close(sink.fd)


def test_leaving_waits_for_what_is_waiting(sink: Sink) -> None:
    sink.writer.write("last words")
    sink.writer.stop()
    assert sink.read_all() == b"last words"


def test_leaving_a_terminal_that_does_not_read_ends_within_its_deadline() -> None:
    sink = Sink()
    sink.fill()
    ended = threading.Event()

    def leave() -> None:
        sink.writer.stop()
        ended.set()

    threading.Thread(target=leave, daemon=True).start()
    assert ended.wait(DEADLINE_S)
    os.close(sink.reader)
    os.close(sink.fd)
