"""Thresholds in the store: one row per asset with what is in force, and the history of every set that ever was.

History only grows. A row by `start` is what was in force before the first change, one by `revert N` takes back the newest
N sets that were not taken back yet. So nothing is lost, and what can be gone back to follows from the rows alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from core.screening.thresholds import NAMES, InForce, problems

START = "start"
REVERT = "revert"
HISTORY_MOST = 200
"""So many sets of one asset can be gone back to; older ones stay in the file."""


class NewRow(NamedTuple):
    """A set that came into force."""

    symbol: str
    in_force: InForce
    by: str
    at_ms: int


class Kept(NamedTuple):
    """What the store holds of one market: sets in force, the texts that can be gone back to (oldest first, the last is the
    one in force), and what could not be read.
    """

    in_force: dict[str, InForce]
    history: dict[str, list[str]]
    unreadable: tuple[str, ...]


def encode(in_force: InForce) -> str:
    """A set as the store keeps it."""
    return msgspec.json.encode(in_force).decode()


def decode(text: str) -> InForce:
    """The opposite; names added since it was written come from the class. Raises ValueError with what is wrong."""
    try:
        found = msgspec.json.decode(text, type=InForce)
    except msgspec.MsgspecError as error:
        raise ValueError(f"damaged ({error})") from None
    unknown = sorted((set(found.sources) | set(found.later)) - set(NAMES))
    if unknown:
        raise ValueError(f"made by a newer program ({', '.join(unknown)} not known)")
    wrong = problems(found.values)
    if wrong:
        raise ValueError("; ".join(wrong))
    return msgspec.structs.replace(found, sources=dict.fromkeys(NAMES, "class") | found.sources)


def read(db: sqlite3.Connection, market: str) -> Kept:
    """Everything about the assets of `venue.category`. Rows that cannot be read are left as they are and told."""
    prefix = f"{market}:"
    only = "WHERE substr(instrument, 1, ?) = ?"
    kept: dict[str, InForce] = {}
    unreadable = []
    for instrument, text in db.execute(f"SELECT instrument, in_force FROM thresholds {only}", (len(prefix), prefix)):
        try:
            kept[instrument[len(prefix) :]] = decode(text)
        except ValueError as error:
            unreadable.append(f"{instrument}: {error}")
    history: dict[str, list[str]] = {}
    rows = f"SELECT instrument, in_force, by FROM threshold_history {only} ORDER BY id"
    for instrument, text, by in db.execute(rows, (len(prefix), prefix)):
        sets = history.setdefault(instrument[len(prefix) :], [])
        if by.startswith(REVERT):
            taken = by.removeprefix(REVERT).strip()
            del sets[len(sets) - min(len(sets), int(taken) if taken.isdecimal() else 1) :]
        else:
            sets.append(text)
            del sets[:-HISTORY_MOST]
    return Kept(kept, history, tuple(unreadable))


def write(db: sqlite3.Connection, market: str, rows: Sequence[NewRow]) -> None:
    """Add sets to the history, oldest first; the last one of each asset is in force."""
    values = [(f"{market}:{row.symbol}", encode(row.in_force), row.by, row.at_ms) for row in rows]
    db.executemany("INSERT INTO threshold_history (instrument, in_force, by, at_ms) VALUES (?, ?, ?, ?)", values)
    db.executemany(
        "INSERT INTO thresholds (instrument, in_force, at_ms) VALUES (?, ?, ?)"
        " ON CONFLICT (instrument) DO UPDATE SET in_force = excluded.in_force, at_ms = excluded.at_ms",
        [(instrument, text, at_ms) for instrument, text, _, at_ms in values],
    )
