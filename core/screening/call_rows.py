"""Calls, their outcomes and the score maps in the store. Every function runs on the store's thread, inside one transaction."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from core.screening.calls import Call
from core.screening.outcomes import Outcome
from core.screening.score_maps import KeptMap, Key

T = TypeVar("T")


class Row(NamedTuple):
    """A call with what is known of it."""

    call: Call
    outcome: Outcome


class Texts(NamedTuple):
    """A row as it is stored: cheap on the store's thread, decoded elsewhere."""

    number: int
    fact: str
    call: str
    outcome: str | None


class Change(NamedTuple):
    """What became of a call. `resolved_ms` None: something of it is still open. `outcome` None: nothing can be said.

    `first`: nothing was known of it before.
    """

    fact: str
    outcome: Outcome | None
    resolved_ms: int | None
    first: bool = True


def insert(db: sqlite3.Connection, market: str, calls: Sequence[Call]) -> set[str]:
    """Keep calls; returns the facts among them that were kept before, which stay as they are."""
    statement = "INSERT OR IGNORE INTO calls (instrument, kind, at_ms, fact, call) VALUES (?, ?, ?, ?, ?)"
    known = set()
    for call in calls:
        text = msgspec.json.encode(call).decode()
        row = (f"{market}:{call.symbol}", call.kind, call.at_ms, call.fact, text)
        if not db.execute(statement, row).rowcount:
            known.add(call.fact)
    return known


def update(db: sqlite3.Connection, changes: Iterable[Change]) -> None:
    """Note what became of calls; one that was resolved before stays as it was."""
    rows = [
        (
            msgspec.json.encode(change.outcome).decode() if change.outcome is not None else None,
            change.resolved_ms,
            change.fact,
        )
        for change in changes
    ]
    db.executemany("UPDATE calls SET outcome = ?, resolved_ms = ? WHERE fact = ? AND resolved_ms IS NULL", rows)


def still_open(db: sqlite3.Connection, market: str) -> list[Texts]:
    """Calls of this market of which something is still to be learnt, oldest first."""
    query = (
        "SELECT id, fact, call, outcome FROM calls WHERE resolved_ms IS NULL AND instrument >= ? AND instrument < ?"
        " ORDER BY id"
    )
    return [Texts(*row) for row in db.execute(query, _range(market))]


def newest(db: sqlite3.Connection, market: str, before: int, most: int) -> list[Texts]:
    """Up to `most` calls of this market with an outcome, newest first, numbered below `before`."""
    query = (
        "SELECT id, fact, call, outcome FROM calls WHERE outcome IS NOT NULL AND instrument >= ? AND instrument < ?"
        " AND id < ? ORDER BY id DESC LIMIT ?"
    )
    return [Texts(*row) for row in db.execute(query, (*_range(market), before, most))]


def counts(db: sqlite3.Connection, market: str) -> tuple[int, int]:
    """How many calls of this market are kept, and how many of them have an outcome."""
    query = "SELECT count(*), count(outcome) FROM calls WHERE instrument >= ? AND instrument < ?"
    calls, resolved = db.execute(query, _range(market)).fetchone()
    return int(calls), int(resolved)


def reached(db: sqlite3.Connection, market: str, since_ms: int, least: float) -> tuple[int, int]:
    """Analyses of this market since then that had a confidence, and how many of them reached `least`."""
    query = (
        "SELECT count(confidence), coalesce(sum(confidence >= ?), 0) FROM (SELECT json_extract(call, '$.confidence') AS"
        " confidence FROM calls WHERE kind = 'recommendation' AND at_ms >= ? AND instrument >= ? AND instrument < ?)"
    )
    analysed, confident = db.execute(query, (least, since_ms, *_range(market))).fetchone()
    return int(analysed), int(confident)


def forget(db: sqlite3.Connection, before_ms: int) -> int:
    """Drop calls older than this; returns how many."""
    return db.execute("DELETE FROM calls WHERE at_ms < ?", (before_ms,)).rowcount


def maps(db: sqlite3.Connection, market: str) -> dict[Key, str]:
    """Stored score maps of this market, as texts."""
    query = "SELECT asset_class, timeframe, map FROM score_maps WHERE market = ?"
    return {(asset_class, timeframe): text for asset_class, timeframe, text in db.execute(query, (market,))}


def put_maps(db: sqlite3.Connection, market: str, kept: Sequence[tuple[Key, KeptMap]]) -> None:
    """Keep the newest map of each class and timeframe."""
    rows = [(market, *key, msgspec.json.encode(one).decode(), one.fitted_ms) for key, one in kept]
    db.executemany("INSERT OR REPLACE INTO score_maps VALUES (?, ?, ?, ?, ?)", rows)


def decode(texts: Texts) -> Row:
    """A stored row. Raises ValueError when it is damaged or of a newer program."""
    try:
        call = msgspec.json.decode(texts.call, type=Call)
        outcome = msgspec.json.decode(texts.outcome, type=Outcome) if texts.outcome is not None else Outcome()
    except msgspec.MsgspecError as error:
        raise ValueError(f"{texts.fact}: {error}") from None
    if call.fact != texts.fact:
        raise ValueError(f"{texts.fact}: its content is of another call")
    return Row(call, outcome)


def decode_all(texts: Iterable[Texts]) -> tuple[list[Row], list[str]]:
    """Rows, and what is wrong with those that cannot be read."""
    found, damaged = [], []
    for text in texts:
        try:
            found.append(decode(text))
        except ValueError as error:
            damaged.append(str(error))
    return found, damaged


def decode_map(text: str) -> KeptMap:
    """A stored map. Raises ValueError when it is damaged or of a newer program."""
    try:
        return msgspec.json.decode(text, type=KeptMap)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def _range(market: str) -> tuple[str, str]:
    """Instruments of this market lie between these: `;` follows `:`."""
    return f"{market}:", f"{market};"


def drop(waiting: deque[T], written: Sequence[T]) -> None:
    """Take what was written out of what waits; the oldest may have gone by themselves meanwhile."""
    for one in written:
        if waiting and waiting[0] is one:
            waiting.popleft()
