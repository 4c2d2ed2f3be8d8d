"""Which state a probability asks for: one rule for the engine, and for a screen that tries thresholds out before they are set."""

from __future__ import annotations

from core.messages import State
from core.settings import ConfluenceSettings

ROUNDING = 1e-12
"""A probability that is a threshold but for float rounding has reached it."""


def wanted(state: State, probability: float, settings: ConfluenceSettings) -> State:
    """The state the thresholds ask for, cooldown aside (methods sheet 3.5). `probability` is P(up)."""
    buy, sell = probability, 1.0 - probability
    if max(buy, sell) >= settings.enter - ROUNDING and buy != sell:
        leader: State = "BUY" if buy > sell else "SELL"
        if leader != state:
            return leader
    if state == "HOLD":
        return "HOLD"
    own = buy if state == "BUY" else sell
    return "HOLD" if own <= settings.exit + ROUNDING else state
