"""ACTIVE, REDUCING, HALTED: the legal moves, who may make them, and what each state allows.

REDUCING lets nothing through that opens or flips a position, whatever the order is called: see `position_math`. HALTED is
latched. It leaves protective stops, cancels and a flatten the operator confirmed. The way out of it goes through
REDUCING, by the operator, and to ACTIVE only when nothing that caused it still stands.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from core.messages import TradingState

Actor = Literal["OPERATOR", "SYSTEM", "WATCHDOG"]
Act = Literal["ENTRY", "EXIT", "PROTECT", "FLATTEN", "CANCEL"]
"""Why an order is sent. ENTRY: to open. EXIT: a target, a time stop. PROTECT: a stop, or the close of a naked position.
FLATTEN: a close the operator confirmed. CANCEL: no order at all."""

MOVES: dict[tuple[TradingState, TradingState], frozenset[Actor]] = {
    ("ACTIVE", "REDUCING"): frozenset({"OPERATOR", "SYSTEM", "WATCHDOG"}),
    ("ACTIVE", "HALTED"): frozenset({"OPERATOR", "SYSTEM", "WATCHDOG"}),
    ("REDUCING", "HALTED"): frozenset({"OPERATOR", "SYSTEM", "WATCHDOG"}),
    ("HALTED", "REDUCING"): frozenset({"OPERATOR"}),
    ("REDUCING", "ACTIVE"): frozenset({"OPERATOR"}),
}
"""Every legal move and who may make it. Stricter is open to everybody, looser to the operator alone."""

ALLOWED: dict[TradingState, frozenset[Act]] = {
    "ACTIVE": frozenset({"ENTRY", "EXIT", "PROTECT", "FLATTEN", "CANCEL"}),
    "REDUCING": frozenset({"EXIT", "PROTECT", "FLATTEN", "CANCEL"}),
    "HALTED": frozenset({"PROTECT", "FLATTEN", "CANCEL"}),
}
"""What each state lets through; all but ENTRY and CANCEL must also pass the reduces-only arithmetic."""

SAFETY: frozenset[Act] = frozenset({"PROTECT", "FLATTEN", "CANCEL"})
"""What makes things safer: it may use the reserve of the rate budget and is never refused for being late."""


class Standing(Struct, frozen=True):
    """The state, and the causes that still stand between it and ACTIVE, in words."""

    state: TradingState = "ACTIVE"
    causes: tuple[str, ...] = ()


class Refused(Struct, frozen=True):
    """A move that may not be made, and why."""

    words: str


def tighten(standing: Standing, to: TradingState, cause: str) -> Standing:
    """Go to `to` or stay where it is stricter already; the cause is kept either way. Open to everybody."""
    causes = standing.causes if cause in standing.causes else (*standing.causes, cause)
    stricter = (standing.state, to) in MOVES and "SYSTEM" in MOVES[standing.state, to]
    return Standing(to if stricter else standing.state, causes)


def settle(standing: Standing, cause: str) -> Standing:
    """A cause no longer stands. The state stays: only the operator loosens it."""
    return Standing(standing.state, tuple(known for known in standing.causes if known != cause))


def move(standing: Standing, to: TradingState, who: Actor) -> Standing | Refused:
    """The state after a move, or why it may not be made."""
    allowed = MOVES.get((standing.state, to))
    if allowed is None:
        ways = ", ".join(end for start, end in MOVES if start == standing.state)
        return Refused(f"trading state {standing.state} does not go to {to}: it goes to {ways}")
    if who not in allowed:
        return Refused(f"trading state {standing.state} to {to} is the operator's to make, not the {who.lower()}'s")
    if to == "ACTIVE" and standing.causes:
        return Refused(
            f"trading state stays {standing.state} while this stands: {'; '.join(standing.causes)}. Resolve it first"
        )
    return Standing(to, standing.causes)
