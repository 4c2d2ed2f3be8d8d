"""How long a position may be without its stop, and what follows. Pure.

PLACING: a stop is on its way, within its time. NAKED: there is none; a countdown runs. DUE: the countdown is over, and the
policy follows: close at the market, or hold, where the program alone still closes at the stop's price. A stop refused twice,
or gone without us, makes the position naked at once; the countdown always runs from the first unprotected moment, but from
its discovery for a stop that is gone.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Guarded = Literal["COVERED", "PLACING", "NAKED", "DUE"]
MAX_REFUSALS = 2
"""Once, and once again with refreshed rules."""


class Exposure(Struct, kw_only=True):
    """What is known of the unprotected time of one position. `since` is monotonic seconds; None: protected."""

    since: float | None = None
    refusals: int = 0
    gone: bool = False
    told: bool = False
    delays: int = 0
    """Tries in a row that the venue did not judge."""

    @property
    def given_up(self) -> bool:
        """Whether no further try to place a stop is made by itself."""
        return self.gone or self.refusals >= MAX_REFUSALS

    def vanished(self, now: float) -> None:
        """The stop ended at the venue without us."""
        if not self.gone:
            self.gone, self.since, self.told = True, now, False

    def over(self) -> None:
        """The position is protected, or nothing is left of it."""
        self.since, self.refusals, self.gone, self.told, self.delays = None, 0, False, False, 0

    def again(self, now: float) -> None:
        """Somebody asked for a stop elsewhere: everything from the start."""
        self.over()
        self.since = now

    def judge(self, now: float, stop_within_s: float, naked_alarm_s: float) -> Guarded:
        """Where an unprotected position stands; begins to count if it was protected until now."""
        if self.since is None:
            self.since = now
        naked = self.given_up or now - self.since > stop_within_s
        if not naked:
            return "PLACING"
        return "DUE" if now >= self.deadline(stop_within_s, naked_alarm_s) else "NAKED"

    def deadline(self, stop_within_s: float, naked_alarm_s: float) -> float:
        """When the countdown ends, monotonic seconds."""
        return (self.since or 0.0) + max(naked_alarm_s, 0.0 if self.given_up else stop_within_s)
