"""The simulated account on disk: everything its exchange knows, in one file that is replaced at every report."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from core.atomic_file import DamagedFile, read_struct, write_atomic
from core.trading.matching_state import State
from core.venue import Instrument

FORMAT = 1


class PaperState(Struct, kw_only=True):
    """One account of one venue and category.

    `asset` and `start` are what it began with. `rules` are the instruments its orders and positions were made under: they
    are needed even when the venue lists them no longer. `funded` is the newest funding time settled per symbol. Books are
    not kept: a market that was not watched says nothing.
    """

    format: int = FORMAT
    venue: str
    category: str
    asset: str
    start: Decimal
    opened_ms: int
    rules: dict[str, Instrument]
    funded: dict[str, int]
    engine: State


def load(path: Path, venue: str, category: str) -> PaperState | None:
    """The account kept there, None if there is none yet. Raises `DamagedFile`."""
    state = read_struct(path, PaperState, FORMAT)
    if state is None:
        return None
    if (state.venue, state.category) != (venue, category):
        raise DamagedFile(f"belongs to {state.venue} {state.category}, not to {venue} {category}")
    return state


def save(path: Path, state: PaperState) -> None:
    """Keep it. Raises `OSError`."""
    write_atomic(path, msgspec.json.encode(state))
