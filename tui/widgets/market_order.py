"""Which symbols the watchlist shows, and in which order. Pure: (store, group, filter, sort) to a list of symbols."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui.store import ViewStore
from tui.widgets.market_facts import Facts, derive, has_stale_data, is_halted

GROUPS: tuple[str, ...] = ("all", "buy", "sell", "hold", "stale", "halted")
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
    "state": lambda f: STATE_RANK.get(f.state, float("nan")),
    "probability": lambda f: f.probability,
    "bar_age": lambda f: f.bar_age_s,
    "age": lambda f: f.age_s,
}
SORT_WORDS: dict[str, Callable[[Facts], str]] = {
    "symbol": lambda f: f.symbol,
    "regime": lambda f: f.regime,
    "why": lambda f: f.why,
}
"""Columns of words: from A to Z at first, nothing last."""


@dataclass(frozen=True, slots=True)
class View:
    """What the operator chose to see. `reverse` is descending."""

    group: str = "all"
    text: str = ""
    sort: str = "volume"
    reverse: bool = True


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


def count_groups(store: ViewStore) -> dict[str, int]:
    """How many symbols each group has."""
    counts = dict.fromkeys(GROUPS, 0)
    counts["all"] = len(store.universe)
    for symbol in store.universe:
        group = group_of(symbol, store)
        if group:
            counts[group] += 1
    return counts


def matches(symbol: str, store: ViewStore, words: list[str]) -> bool:
    """Every word is part of the symbol, or begins the name of its state or freshness (`buy`, `sel`, `stale`)."""
    group = group_of(symbol, store) if words else ""
    return all(word in symbol.lower() or (bool(group) and group.startswith(word)) for word in words)


def arrange_symbols(store: ViewStore, view: View, now_ms: int) -> list[str]:
    """Symbols of the group that match the filter, sorted. What has no value comes last either way; ties keep the
    universe's order."""
    words = view.text.lower().split()
    chosen = [
        symbol
        for symbol in store.universe
        if (view.group == "all" or group_of(symbol, store) == view.group) and matches(symbol, store, words)
    ]
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
