"""BUY, SELL or HOLD from a probability, calmly: entry and exit thresholds, and a cooldown on event time (methods 3.5).

Moves on closed bars only. Calling twice with the same bars gives the same states: nothing here reads a clock.
"""

from __future__ import annotations

from core.label import wanted
from core.messages import State
from core.settings import ConfluenceSettings


class Hysteresis:
    """The state of one symbol. `since_ms` is 0 while no change was seen: since when it is HOLD is not known."""

    __slots__ = ("cooldown_until_ms", "since_ms", "since_price", "state")

    def __init__(self) -> None:
        self.state: State = "HOLD"
        self.since_ms = 0
        self.since_price = 0.0
        self.cooldown_until_ms = 0

    def step(
        self,
        probability: float,
        at_ms: int,
        price: float,
        settings: ConfluenceSettings,
        forced: bool = False,
        vetoed: bool = False,
    ) -> State | None:
        """One closed bar, known at `at_ms`. Returns the state before if it changed, else None.

        `forced` makes it HOLD whatever the probability and the cooldown say (no candles, warm-up). `vetoed` lets no new
        BUY or SELL begin, but keeps a state that stands: a moment without a book must not cost every state its past.
        """
        before = self.state
        if forced:
            after: State = "HOLD"
        elif at_ms < self.cooldown_until_ms:
            after = before
        else:
            after = wanted(before, probability, settings)
            if vetoed and after != before:
                after = "HOLD"
        if after == before:
            return None
        self.state, self.since_ms, self.since_price = after, at_ms, price
        self.cooldown_until_ms = at_ms + round(settings.cooldown_s * 1000.0)
        return before
