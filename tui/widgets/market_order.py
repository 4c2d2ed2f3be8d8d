"""Which symbols the watchlist shows, and in which order. Pure: (store, group, filter, sort) to a list of symbols."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from core.settings import GROUPS
from tui.store import MarketRow, ViewStore
from tui.widgets.market_advice import is_alerted
from tui.widgets.market_facts import Facts, derive, has_stale_data, is_halted
from tui.widgets.market_vote import words_of

OwnGroups = Mapping[str, str]
"""The operator's groups: name to a comma list of symbols or base assets, `*` and `?` allowed."""
NO_GROUPS: OwnGroups = {}
ALERTS = "alerts"
"""The group of the symbols whose ALERT stands. They come first in every group and order."""
STATE_RANK = {"BUY": 2.0, "HOLD": 1.0, "SELL": 0.0}

SORT_VALUES: dict[str, Callable[[Facts], float]] = {
    "price": lambda f: f.price,
    "change_state": lambda f: f.delta,
    "change_1h": lambda f: f.change_1h,
    "change_24h": lambda f: f.change_24h,
    "volume": lambda f: f.volume,
    "spread": lambda f: f.spread_bp,
    "atr": lambda f: f.natr,
    "rsi": lambda f: f.rsi,
    "volume_z": lambda f: f.volume_z,
    "signal": lambda f: f.advice.sort_signal,
    "state": lambda f: STATE_RANK.get(f.state, float("nan")),
    "probability": lambda f: f.probability,
    "recommendation": lambda f: f.advice.sort_action,
    "confidence": lambda f: f.advice.confidence,
    "target": lambda f: f.advice.target,
    "stop": lambda f: f.advice.stop,
    "smc": lambda f: f.smc,
    "classic": lambda f: f.classic,
    "families": lambda f: float(f.families[0]) if f.families[1] else float("nan"),
    "gate": lambda f: f.gate if f.ready else float("nan"),
    "bar_age": lambda f: f.bar_age_s,
    "age": lambda f: f.age_s,
}
SORT_WORDS: dict[str, Callable[[Facts], str]] = {
    "symbol": lambda f: f.symbol,
    "regime": lambda f: f.regime,
    "why": lambda f: f.why,
    "calibration": lambda f: f.advice.calibration,
}
"""Columns of words: from A to Z at first, nothing last."""


@dataclass(frozen=True, slots=True)
class View:
    """What the operator chose to see. `reverse` is descending."""

    group: str = "all"
    text: str = ""
    sort: str = "volume"
    reverse: bool = True


def has_alert(symbol: str, store: ViewStore, now_ms: int) -> bool:
    """Whether an ALERT of this symbol stands; it may be in any group beside `alerts`."""
    screened = store.screening.rows.get(symbol)
    return screened is not None and is_alerted(screened.screening, now_ms)


def group_of(symbol: str, store: ViewStore) -> str:
    """`halted`, `stale`, else the state's name in small letters; symbols still loading are in no group but `all`."""
    row = store.rows.get(symbol)
    if row is None:
        return ""
    if is_halted(row):
        return "halted"
    if has_stale_data(row, store):
        return "stale"
    return row.confluence.state.lower() if row.confluence is not None else ""


def count_groups(store: ViewStore, now_ms: int, own: OwnGroups = NO_GROUPS) -> dict[str, int]:
    """How many symbols each group has, in the order the groups are shown."""
    counts = dict.fromkeys((*GROUPS, *own), 0)
    counts["all"] = len(store.universe)
    for symbol in store.universe:
        group = group_of(symbol, store)
        if group:
            counts[group] += 1
        counts[ALERTS] += has_alert(symbol, store, now_ms)
        for name, members in own.items():
            counts[name] += is_member(members, symbol, _base(store.rows.get(symbol)))
    return counts


@lru_cache(maxsize=8192)
def is_member(members: str, symbol: str, base: str) -> bool:
    """Whether a comma list names this symbol, or its base asset."""
    patterns = [pattern.strip().upper() for pattern in members.split(",")]
    return any(fnmatchcase(name.upper(), pattern) for pattern in patterns if pattern for name in (symbol, base))


def _base(row: MarketRow | None) -> str:
    return row.listing.base if row is not None and row.listing is not None else ""


def matches(symbol: str, store: ViewStore, words: list[str], now_ms: int) -> bool:
    """Every word is part of the symbol, or begins one of its other words.

    These are its base and quote asset, its state or freshness (`buy`, `sel`, `stale`), `alert`, and what its detectors say
    (`bos`, `diverg`).
    """
    if not words:
        return True
    row, group, name = store.rows.get(symbol), group_of(symbol, store), symbol.lower()
    listing = row.listing if row is not None else None
    begins = f" {listing.base} {listing.quote} {group}".lower() if listing is not None else f" {group}"
    if has_alert(symbol, store, now_ms):
        begins += f" {ALERTS}"
    if any(word not in name and f" {word}" not in begins for word in words) and row is not None and row.confluence:
        begins += words_of(row.confluence)
    return all(word in name or f" {word}" in begins for word in words)


def arrange_symbols(store: ViewStore, view: View, now_ms: int, own: OwnGroups = NO_GROUPS) -> list[str]:
    """Symbols of the group that match the filter, those in ALERT first, sorted. What has no value comes last either way;
    ties keep the universe's order."""
    words = view.text.lower().split()
    chosen = [symbol for symbol in _of_group(store, view.group, now_ms, own) if matches(symbol, store, words, now_ms)]
    ordered = _sorted(chosen, store, view, now_ms)
    if view.sort == "signal":
        return ordered
    alerted = {symbol for symbol in ordered if has_alert(symbol, store, now_ms)}
    return sorted(ordered, key=lambda symbol: symbol not in alerted) if alerted else ordered


def held(symbols: list[str], symbol: str, line: int) -> list[str]:
    """The same order with this symbol on this line: the others move around it."""
    rest = [other for other in symbols if other != symbol]
    return [*rest[:line], symbol, *rest[line:]] if len(rest) < len(symbols) else symbols


def _sorted(chosen: list[str], store: ViewStore, view: View, now_ms: int) -> list[str]:
    if view.sort in SORT_WORDS:
        words_of = {symbol: SORT_WORDS[view.sort](derive(store.row(symbol), store, now_ms)) for symbol in chosen}
        named = sorted(
            (symbol for symbol in chosen if words_of[symbol]), key=words_of.__getitem__, reverse=view.reverse
        )
        return named + [symbol for symbol in chosen if not words_of[symbol]]
    value = SORT_VALUES[view.sort]
    sign = -1.0 if view.reverse else 1.0
    keys: dict[str, tuple[bool, float]] = {}
    for symbol in chosen:
        number = value(derive(store.row(symbol), store, now_ms))
        missing = number != number
        keys[symbol] = (missing, 0.0 if missing else sign * number)
    return sorted(chosen, key=lambda symbol: keys[symbol])


def _of_group(store: ViewStore, group: str, now_ms: int, own: OwnGroups) -> list[str]:
    if group == "all":
        return list(store.universe)
    if group == ALERTS:
        return [symbol for symbol in store.universe if has_alert(symbol, store, now_ms)]
    if group in own:
        return [s for s in store.universe if is_member(own[group], s, _base(store.rows.get(s)))]
    return [symbol for symbol in store.universe if group_of(symbol, store) == group]
