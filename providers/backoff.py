"""Waits between attempts: doubled each time, capped, and jittered so that many clients do not return together."""

from __future__ import annotations

from random import Random


class Backoff:
    """`first_s`, 2x, 4x ... up to `cap_s`; each wait is drawn from the upper half of that (equal jitter, Brooker 2015)."""

    def __init__(self, first_s: float, cap_s: float, random: Random | None = None) -> None:
        self.first_s = first_s
        self.cap_s = cap_s
        self.attempt = 0
        self._random = random or Random()

    def next_s(self) -> float:
        """The next wait in seconds; counts the attempt."""
        full = min(self.cap_s, self.first_s * 2.0 ** min(self.attempt, 30))
        self.attempt += 1
        return full * (0.5 + 0.5 * self._random.random())

    def reset(self) -> None:
        """The last attempt proved itself: start small again."""
        self.attempt = 0
