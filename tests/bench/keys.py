"""The keys an operator needs in trouble: from the byte written to the terminal until its effect can be read from it.

The program on 150 symbols at the load profile, calm and then in every kind of feed trouble. On paper, with positions open:
the question of going live, quit, and Enter after the word that closes. On the real account (the sandbox takes orders of
made-up keys), armed: halt, and back to paper. Each key has its own fault, sent a moment before it.
"""

from __future__ import annotations

import os
import random
import re
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import pyte

from tests.bench.keys_app import HELD, MARKS, Mark
from tests.bench.live import COLUMNS, ROWS, Run
from tests.bench.terminal import Terminal
from tests.bench.timing import Figure
from tests.bench.trouble import TROUBLE, Command, Troublemaker

SYMBOLS = 150
LIMIT_MS = 250.0
SETTLE_S = 20.0
"""After every symbol shows a state."""
STRUCK_S = 0.4
"""From the command to the key: the fault is in force, and the shortest of them still is."""
HAND_S = 0.35
"""No question is answered sooner after the key before it."""
LETTER_S = 0.06
WAIT_S, CONNECT_S = 10.0, 60.0
OPENED_S = 120.0
LONGEST_S = 240.0
"""After this no other connection to the real account is begun."""
ALONE = ("spike", "crossed book")
"""These would meet the stop of the position that is to be closed by hand: another symbol has them."""
CALM, LAST = "calm", "skewed clock"
"""After the last one entries wait until the clock is measured anew."""
KEY, SECRET = "bench-key-0123456789abcdef", "bench-secret-0123456789abcdef"
PHASES = re.compile(r"\b(PAPER|LEAVING|DISARMED|ARMED|CONNECTING)\b")


class Missing(Exception):
    """Something did not come to the screen in time."""


class Timed(NamedTuple):
    """One key in one state of the feeds."""

    key: str
    state: str
    ms: float


class BenchRun(Run):
    """The application that keeps a position on paper."""

    APPLICATION = "tests.bench.keys_app"


class Hand:
    """Presses, reads, and times what it presses."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.terminal: Terminal = run.terminal
        self.picture = pyte.Screen(COLUMNS, ROWS)
        self.terminal.heard = pyte.ByteStream(self.picture).feed
        self.timed: list[Timed] = []
        self.closes_ms: list[float] = []
        self._marks_read = 0

    @property
    def status(self) -> str:
        """The top line."""
        return self.picture.display[0]

    @property
    def phase(self) -> str:
        """Of the account, as the top line says."""
        found = PHASES.search(self.status)
        return found.group(1) if found is not None else ""

    def sees(self, *words: str) -> bool:
        """Whether all of these stand on the screen."""
        page = "\n".join(self.picture.display)
        return all(one in page for one in words)

    def until(self, holds: Callable[[], bool], what: str, limit_s: float = WAIT_S) -> None:
        """Read until it holds. Raises `Missing` with the picture."""
        until = time.monotonic() + limit_s
        while not holds():
            if time.monotonic() > until or not self.terminal.read(0.1):
                raise Missing(f"{what}; the screen:\n" + "\n".join(row.rstrip() for row in self.picture.display))

    def rest(self, seconds: float = HAND_S) -> None:
        self.terminal.pump(seconds)

    def press(self, keys: str) -> None:
        """After a moment without any key."""
        self.rest()
        self.terminal.press(keys)

    def type(self, text: str) -> None:
        """As fingers do."""
        for character in text:
            self.rest(LETTER_S)
            self.terminal.press(character)
        self.rest()

    def time(self, key: str, state: str, byte: str, holds: Callable[[], bool]) -> None:
        """Press and note how long it took until the picture tells of it."""
        if holds():
            raise Missing(f"{key} in {state}: what it does is on the screen before it is pressed")
        started = time.monotonic()
        self.terminal.press(byte)
        self.until(holds, f"{key} in {state}")
        self.timed.append(Timed(key, state, (time.monotonic() - started) * 1e3))
        print(f"     {self.timed[-1]}", file=sys.stderr, flush=True)

    def marks(self) -> list[Mark]:
        """What the engine did since the start."""
        lines = (self.run.report_file.parent / MARKS).read_bytes().split(b"\n")[:-1]
        return [msgspec.json.decode(line, type=Mark) for line in lines]

    def closed_since(self, at_s: float) -> float | None:
        """When the engine first closed a position after this; None: not yet."""
        return next((mark.at_s for mark in self.marks() if mark.what == "closed" and mark.at_s > at_s), None)

    # --- ways through the program --------------------------------------------------------------------------------------

    def go_live(self) -> None:
        """From paper to armed."""
        self.press("L")
        self.until(lambda: self.sees("Real orders?"), "the question")
        self.press("y")
        self.until(lambda: self.sees("Reviewed?"), "the checks", CONNECT_S)
        until = time.monotonic() + CONNECT_S
        while not self.sees("Authorised?"):
            if time.monotonic() > until:
                raise Missing("checks do not hold; the screen:\n" + "\n".join(self.picture.display))
            if not self.sees("everything holds"):
                self.press("r")
                self.rest(1.0)
            for key in (" ", "y"):  # read on, yes
                self.press(key)
            self.rest()
        self.type("LIVE")
        self.terminal.press("\r")
        self.until(lambda: self.phase == "ARMED", "armed")

    def resume(self) -> None:
        """Two steps back to ACTIVE, each with its question."""
        for word in ("REDUCING", "ACTIVE"):
            self.press("u")
            self.until(lambda word=word: self.sees(f"to {word}?"), f"the question of {word}")  # type: ignore[misc]
            self.press("y")
            self.until(lambda word=word: self._is(word), word)  # type: ignore[misc]

    def _is(self, state: str) -> bool:
        shown = [word for word in ("HALTED", "REDUCING") if word in self.status]
        return not self.sees("Go from") and shown == ([] if state == "ACTIVE" else [state])

    def word(self) -> str:
        """What the question wants to be typed."""
        found = re.search(r"type (\S+) and Enter", "\n".join(self.picture.display))
        return found.group(1) if found is not None else ""

    def asked_about(self) -> str:
        """The symbol that the question would close."""
        found = re.search(r"Close (\S+)\?", "\n".join(self.picture.display))
        return found.group(1) if found is not None else ""

    def held(self) -> list[str]:
        """Symbols held on paper, by the engine's word."""
        found: list[str] = []
        for mark in self.marks():
            if mark.what == "account":
                found.clear()
            elif mark.what == "open":
                found.append(mark.words)
            elif mark.what == "closed" and mark.words in found:
                found.remove(mark.words)
        return found


class Trouble:
    """One kind of feed trouble at a time."""

    def __init__(self, run: Run) -> None:
        self._symbols = sorted(run.report().states_s)
        self.maker = Troublemaker(run.address.control, self._symbols, seed=7)
        self._rng = random.Random(7)

    def strike(self, hand: Hand, state: str, held: str = "") -> None:
        """It is in force when this returns."""
        if state == CALM:
            return
        symbol = (
            held if held and state not in ALONE else self._rng.choice([one for one in self._symbols if one != held])
        )
        commands: list[Command] = TROUBLE[state](self._rng, symbol)
        for command in commands:
            self.maker.send(command)
        hand.rest(STRUCK_S)

    def lift(self) -> None:
        self.maker.send(("clear", {}))


def halted(hand: Hand, trouble: Trouble, state: str) -> None:
    """Armed before and after."""
    trouble.strike(hand, state)
    hand.time("halt", state, "H", lambda: "HALTED" in hand.status)
    trouble.lift()
    hand.resume()


def disarmed(hand: Hand, trouble: Trouble, state: str) -> None:
    """From armed to paper."""
    trouble.strike(hand, state)
    hand.time("live to paper", state, "L", lambda: hand.phase in ("LEAVING", "PAPER"))
    trouble.lift()
    hand.until(lambda: hand.phase == "PAPER", "paper", CONNECT_S)


def on_paper(hand: Hand, trouble: Trouble, state: str) -> None:
    """With positions open; one is closed."""
    hand.until(lambda: any(hand.sees(symbol) for symbol in hand.held()), "positions on the screen")
    trouble.strike(hand, state)
    hand.time("paper to live, its question", state, "L", lambda: hand.sees("Real orders?"))
    hand.press("\x1b")
    hand.until(lambda: not hand.sees("Real orders?"), "staying on paper")
    trouble.strike(hand, state)
    hand.time("quit", state, "q", lambda: hand.sees("Leave tradetui?"))
    hand.press("\x1b")
    hand.until(lambda: not hand.sees("Leave tradetui?"), "staying")
    hand.press("gx")  # the first line is a position
    hand.until(lambda: hand.word() != "", "the question, and what to type")
    held = hand.asked_about()
    hand.type(hand.word())
    trouble.strike(hand, state, held)
    pressed = time.monotonic()
    hand.time("one-word exit", state, "\r", lambda: hand.sees(f"{held}: asked to close"))
    trouble.lift()
    hand.until(lambda: hand.closed_since(pressed) is not None, "closed")
    hand.closes_ms.append(((hand.closed_since(pressed) or pressed) - pressed) * 1e3)


KEYS = ("halt", "live to paper", "paper to live, its question", "one-word exit", "quit")


def keys() -> list[Figure]:
    """Every key in every state; then the end of a program with nothing open at the venue, which is only told.

    Connecting the real account takes longer than the rest together, so going back to paper is timed in as many states as
    the time allows, calm first.
    """
    environ = {"TRADETUI_BINANCE_US_KEY": KEY, "TRADETUI_BINANCE_US_SECRET": SECRET, "TMUX": "/tmp/tmux,1,0"}
    states = [CALM, *(name for name in TROUBLE if name != LAST), LAST]
    missing: list[str] = []
    load = os.getloadavg()[0]
    began = time.monotonic()
    with BenchRun(SYMBOLS, keys=(KEY, SECRET), environ=environ) as run:
        hand = Hand(run)
        run.until_states(180)
        hand.rest(SETTLE_S)
        trouble = Trouble(run)
        hand.press("5")
        hand.until(lambda: len(hand.held()) >= HELD, f"{HELD} positions on paper", OPENED_S)

        def attempt(what: Callable[[Hand, Trouble, str], None], state: str) -> None:
            try:
                what(hand, trouble, state)
            except Missing as error:
                missing.append(str(error))
                print(f"     {state}: {error}", file=sys.stderr, flush=True)
                trouble.lift()
                for _ in range(2):
                    hand.press("\x1b")

        for state in states:
            attempt(on_paper, state)
        attempt(lambda hand, trouble, state: hand.go_live(), CALM)
        for state in states:
            attempt(halted, state)
        for state in states[:-1]:
            attempt(disarmed, state)
            if time.monotonic() - began > LONGEST_S:
                break
            attempt(lambda hand, trouble, state: hand.go_live(), state)
        ended = leave(hand) if run.alive else 0.0
        refused = trouble.maker.refused
    for words in refused:
        print(f"     {words}", file=sys.stderr)
    figures = [figure_of(key, hand.timed) for key in KEYS]
    detail = (
        f"load {load:.1f} to {os.getloadavg()[0]:.1f}; the engine had closed a position after {_spread(hand.closes_ms)}"
    )
    return [
        *figures,
        Figure(name="answer to quit: program ended", value=ended, unit="s", detail=detail),
        Figure(name="keys without an effect", value=len(missing), unit="", target=0, better="less", must=True,
               detail="; ".join(words.split("\n")[0] for words in missing)),
    ]  # fmt: skip


def leave(hand: Hand) -> float:
    """Close what may be open on paper by answering the question; seconds from the last key to the end."""
    hand.rest(1.0)
    started = time.monotonic()
    hand.terminal.press("q")
    asked = False
    while hand.run.alive and time.monotonic() - started < WAIT_S:
        hand.terminal.read(0.05)
        if not asked and hand.sees("Leave tradetui?"):
            asked = True
            hand.rest()
            started = time.monotonic()
            hand.terminal.press("y")
    return time.monotonic() - started


def figure_of(key: str, timed: list[Timed]) -> Figure:
    """The worst of one key, its median, and where it was slowest."""
    took = sorted((one for one in timed if one.key == key), key=lambda one: one.ms)
    worst = took[-1].ms if took else float("inf")
    slow = ", ".join(f"{one.state} {one.ms:.0f}" for one in reversed(took[-3:]))
    return Figure(
        name=f"{key}: key to screen, worst", value=worst, unit="ms", target=LIMIT_MS, better="less", must=True,
        detail=f"median {statistics.median(one.ms for one in took):.0f} ms of {len(took)}; slowest: {slow}" if took else "none",
    )  # fmt: skip


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ms (worst {max(values):.0f})" if values else "none"


if __name__ == "__main__":
    for figure in keys():
        print(figure.line())
