"""Thresholds as a TOML file that a person can read, change and carry to another machine.

```toml
format = 1
venue = "binance_us"
category = "spot"

[symbols.BTCUSDT]
since = 2026-11-21T12:00:00+00:00

[symbols.BTCUSDT.values]
vol_z_threshold = 3.5

[symbols.BTCUSDT.sources]
vol_z_threshold = "operator"

[symbols.BTCUSDT.expires]
vol_z_threshold = 2026-12-05T12:00:00+00:00
```

`since`, `sources` and `expires` may be left out: then it is now, the operator, and the usual time. Names that are left
out come from the asset's class. An import checks everything first and changes nothing when anything is wrong.
"""

from __future__ import annotations

import asyncio
import difflib
import math
import sqlite3
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, get_args

import tomli_w

from core.calibration.expiry import expiry_ms
from core.clock import Clock
from core.messages import ThresholdSource
from core.screening import threshold_rows as rows
from core.screening.thresholds import FITTED, NAMES, SPANS, InForce, Thresholds, dated, from_class, problems
from core.store import Store

FORMAT = 1
MOST_BYTES = 10_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TOP = ("format", "venue", "category", "symbols")
_TABLE = ("since", "values", "sources", "expires")


class ThresholdFileError(Exception):
    """A file that cannot be written, read or taken; `problems` tells every reason, each with its remedy."""

    def __init__(self, *found: str) -> None:
        super().__init__("; ".join(found))
        self.problems = found


class Exported(NamedTuple):
    """How many assets went into the file, and what the store holds that could not be read."""

    symbols: int
    unreadable: tuple[str, ...]


async def export_thresholds(store: Store, venue: str, category: str, file: Path) -> Exported:
    """Write all stored thresholds of one market. Raises `ThresholdFileError` and `StoreError`."""
    kept = await store.run(lambda db: rows.read(db, f"{venue}.{category}"))
    try:
        await asyncio.to_thread(file.write_text, to_toml(kept.in_force, venue, category), encoding="utf-8")
    except OSError as error:
        raise ThresholdFileError(
            f"{file}: cannot be written ({error.strerror or error}); choose another file"
        ) from error
    return Exported(len(kept.in_force), kept.unreadable)


async def import_thresholds(
    store: Store, clock: Clock, venue: str, category: str, file: Path, expiry_days: float
) -> tuple[str, ...]:
    """Put the thresholds of a file in force and return their symbols. The sets before them stay in the history.

    A program that runs on the same store sees them after a restart. Raises `ThresholdFileError` and `StoreError`.
    """
    now_ms, market = clock.now_ms(), f"{venue}.{category}"
    text = await asyncio.to_thread(_text_of, file)
    try:
        found = from_toml(text, venue, category, now_ms, expiry_days)
    except ThresholdFileError as wrong:
        raise ThresholdFileError(*(f"{file}: {problem}" for problem in wrong.problems)) from None

    def put(db: sqlite3.Connection) -> None:
        kept, new = rows.read(db, market), []
        for symbol, in_force in found.items():
            if symbol not in kept.history:
                new.append(rows.NewRow(symbol, from_class(Thresholds()), rows.START, now_ms))
            new.append(rows.NewRow(symbol, in_force, "import", now_ms))
        rows.write(db, market, new)

    await store.run(put)
    return tuple(found)


def to_toml(sets: Mapping[str, InForce], venue: str, category: str) -> str:
    """The file of these sets, by symbol."""
    tables = {
        symbol: {
            "since": _moment(sets[symbol].since_ms),
            "values": {name: getattr(sets[symbol].values, name) for name in NAMES},
            "sources": {name: sets[symbol].sources[name] for name in NAMES},
            "expires": {name: _moment(sets[symbol].expires_of(name)) for name in sets[symbol].fitted},
        }
        for symbol in sorted(sets)
    }
    text = tomli_w.dumps({"format": FORMAT, "venue": venue, "category": category, "symbols": tables})
    return f"# Thresholds of {venue} {category}. `tradetui thresholds import FILE` puts them in force.\n{text}"


def from_toml(text: str, venue: str, category: str, now_ms: int, expiry_days: float) -> dict[str, InForce]:
    """The sets of a file for this market, by symbol. Raises `ThresholdFileError` with all that is wrong."""
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ThresholdFileError(f"is no TOML: {error}; mend that line") from None
    wrong = _unknown(tree, _TOP, "the file")
    if tree.get("format") != FORMAT:
        wrong.append(f"format is {tree.get('format')!r}, this program reads {FORMAT}: export with the same version")
    for key, own in (("venue", venue), ("category", category)):
        if tree.get(key) != own:
            wrong.append(f"{key} is {tree.get(key)!r}, this market's is {own!r}: choose its settings or another file")
    tables = tree.get("symbols", {})
    found: dict[str, InForce] = {}
    if not isinstance(tables, dict):
        wrong.append("symbols is no table: write [symbols.BTCUSDT.values]")
        tables = {}
    for symbol, table in tables.items():
        reader = _Reader(symbol, now_ms, expiry_ms(symbol, now_ms, expiry_days))
        in_force = reader.read(table)
        wrong += reader.wrong
        if in_force is not None:
            found[symbol] = in_force
    if wrong:
        raise ThresholdFileError(*wrong)
    return found


class _Reader:
    """One symbol's table; `wrong` collects what is wrong with it."""

    def __init__(self, symbol: str, now_ms: int, expires_ms: int) -> None:
        self.symbol = symbol
        self.wrong: list[str] = []
        self._now_ms = now_ms
        self._expires_ms = expires_ms

    def read(self, table: object) -> InForce | None:
        if not self.symbol.strip() or not isinstance(table, dict):
            self._say("", "is no table of a symbol: write [symbols.BTCUSDT.values]")
            return None
        self.wrong += _unknown(table, _TABLE, self.symbol)
        values = self._part(table, "values", self._number)
        sources = self._part(table, "sources", self._source)
        expires = self._part(table, "expires", self._time)
        since_ms = self._time("since", table["since"]) if "since" in table else self._now_ms
        for name in sorted(set(sources) - set(values)):
            self._say(f"sources.{name}", "has no value: write it under values or take the source out")
        full: dict[str, ThresholdSource] = {
            name: sources.get(name, "operator") if name in values else "class" for name in NAMES
        }
        for name in sorted(expires):
            if full[name] not in FITTED:
                self._say(f"expires.{name}", f"is of source {full[name]}, which does not expire: take it out")
        if self.wrong or since_ms is None:
            return None
        made = Thresholds(**values)
        for text in problems(made):
            self._say("values", text)
        moments = {name: expires.get(name, self._expires_ms) for name in NAMES}
        return dated(made, full, since_ms, moments) if not self.wrong else None

    def _part(self, table: Mapping[str, Any], part: str, read: Any) -> dict[str, Any]:
        given = table.get(part, {})
        if not isinstance(given, dict):
            self._say(part, f"is no table: write [symbols.{self.symbol}.{part}]")
            return {}
        self.wrong += _unknown(given, NAMES, f"{self.symbol}.{part}")
        found = {name: read(f"{part}.{name}", value) for name, value in given.items() if name in SPANS}
        return {name: value for name, value in found.items() if value is not None}

    def _number(self, place: str, value: object) -> float | None:
        span = SPANS[place.partition(".")[2]]
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if span.least <= number <= span.most:
                return number
        self._say(place, f"is {_shown(value)}: give a number from {span.least:g} to {span.most:g}")
        return None

    def _source(self, place: str, value: object) -> str | None:
        sources = get_args(ThresholdSource)
        if isinstance(value, str) and value in sources:
            return value
        self._say(place, f"is {_shown(value)}: write one of {', '.join(sources)}")
        return None

    def _time(self, place: str, value: object) -> int | None:
        if isinstance(value, datetime) and value.tzinfo is not None:
            moment = (value - _EPOCH) // _MILLISECOND
            if moment >= 0:
                return moment
        self._say(place, f"is {_shown(value)}: write a moment such as 2026-12-05T12:00:00Z")
        return None

    def _say(self, place: str, text: str) -> None:
        self.wrong.append(f"{self.symbol}.{place} {text}" if place else f"{self.symbol!r} {text}")


def _unknown(table: Mapping[str, object], known: tuple[str, ...], where: str) -> list[str]:
    found = []
    for name in table:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            found.append(f"{where}: {name!r} is not known; {hint}")
    return found


def _shown(value: object) -> str:
    text = value.isoformat() if isinstance(value, datetime) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _moment(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)


def _text_of(file: Path) -> str:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ThresholdFileError(f"{file}: larger than {MOST_BYTES // 1_000_000} MB; it is no file of thresholds")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ThresholdFileError(f"{file}: cannot be read ({error.strerror or error}); name another file") from error
    except ValueError as error:  # not UTF-8, or a name with a NUL
        raise ThresholdFileError(f"{file}: cannot be read ({error}); save it as UTF-8") from error
