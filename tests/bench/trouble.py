"""Random faults for the soak: what is asked of the sandbox's control endpoint, when, and for how long. Seeded."""

from __future__ import annotations

import random
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from providers.sandbox.faults import CHANNELS
from providers.sandbox.garbage import GARBAGE

PAUSE_S = (5.0, 20.0)
"""Between two faults."""

STREAMS = tuple(channel for channel in CHANNELS if channel != "ticker")

Command = tuple[str, dict[str, Any]]
Draw = Callable[[random.Random, str], list[Command]]
"""A fault for one symbol (most take one) as commands in order."""

TROUBLE: dict[str, Draw] = {
    "drop sockets": lambda rng, symbol: [("drop_sockets", {})],
    "refuse 5 s": lambda rng, symbol: [("refuse", {"seconds": 5.0}), ("drop_sockets", {})],
    "freeze one channel 15 s": lambda rng, symbol: [
        ("freeze", {"symbol": rng.choice((symbol, "*")), "channel": rng.choice(STREAMS), "seconds": 15.0})
    ],
    "skip": lambda rng, symbol: [("skip", {"symbol": symbol, "channel": rng.choice(STREAMS), "count": rng.randint(1, 5)})],
    "duplicate": lambda rng, symbol: [("duplicate", {"symbol": symbol, "channel": rng.choice(STREAMS), "count": rng.randint(1, 5)})],
    "reorder": lambda rng, symbol: [("reorder", {"symbol": symbol, "channel": rng.choice(STREAMS), "count": rng.randint(1, 5)})],
    "sequence gap": lambda rng, symbol: [("gap", {"symbol": symbol})],
    "garbage": lambda rng, symbol: [
        ("garbage", {"kind": rng.choice(sorted(GARBAGE)), "symbol": rng.choice((symbol, "*")), "count": rng.randint(1, 10)})
    ],
    "late close": lambda rng, symbol: [
        ("late_close", {"symbol": symbol, "delay_s": rng.choice((1.0, 5.0, 12.0)), "count": rng.randint(1, 3)})
    ],
    "revised candle": lambda rng, symbol: [("revise_candle", {"symbol": symbol, "close_change": rng.choice((0.001, -0.002))})],
    "5xx": lambda rng, symbol: [
        ("rest_error", {"status": rng.choice((500, 502, 503)), "count": rng.randint(1, 4)}), ("gap", {"symbol": symbol})
    ],
    "429": lambda rng, symbol: [
        ("too_many_requests", {"count": rng.randint(1, 2), "retry_after_s": rng.choice((1, 3, None))}), ("gap", {"symbol": symbol})
    ],
    "crossed book": lambda rng, symbol: [("cross_book", {"symbol": symbol, "seconds": 5.0})],
    "spike": lambda rng, symbol: [("spike", {"symbol": symbol, "factor": rng.choice((0.1, 10.0)), "seconds": 1.0})],
    "shutdown notice": lambda rng, symbol: [("shutdown_notice", {})],
    "skewed clock": lambda rng, symbol: [("skew_clock", {"ms": rng.choice((-1500, -400, 0, 400, 1500))})],
}  # fmt: skip
"""Every kind of trouble. REST faults come with a gap: a book that must be fetched at once meets them."""


class Troublemaker:
    """Draws faults and sends them. `injected` counts by kind, `refused` the commands the sandbox did not take."""

    def __init__(self, control: str, symbols: Sequence[str], seed: int) -> None:
        self._control = control
        self._symbols = list(symbols)
        self._rng = random.Random(seed)
        self._waiting: list[str] = []
        self._due = 0.0
        self.injected: Counter[str] = Counter()
        self.refused: list[str] = []

    def step(self) -> str:
        """Inject one fault when it is due; its name, or an empty string. Every kind comes once before any comes again."""
        now = time.monotonic()
        if now < self._due:
            return ""
        self._due = now + self._rng.uniform(*PAUSE_S)
        if not self._waiting:
            self._waiting = self._rng.sample(sorted(TROUBLE), len(TROUBLE))
        name = self._waiting.pop()
        for command in TROUBLE[name](self._rng, self._rng.choice(self._symbols)):
            self.send(command)
        self.injected[name] += 1
        return name

    def send(self, command: Command) -> None:
        """One command to the control endpoint."""
        body = msgspec.json.encode({"fault": command[0], "args": command[1]})
        try:
            with urllib.request.urlopen(urllib.request.Request(self._control, body), timeout=10):
                return
        except urllib.error.HTTPError as error:
            self.refused.append(f"{command}: {error.read().decode()[:120]}")
        except OSError as error:
            self.refused.append(f"{command}: {error}")

    def counts(self) -> dict[str, int]:
        """How often each fault has struck, by the sandbox's own count."""
        with urllib.request.urlopen(self._control, timeout=10) as answer:
            state = msgspec.json.decode(answer.read())["state"]
        return dict(state["counts"])
