"""Which assets the calibration table shows, and in which order: running, waiting by place, then what wants attention."""

from __future__ import annotations

from tui.store import ViewStore
from tui.widgets.calibration_words import RUNNING, WAITING, standing


def arrange_assets(store: ViewStore, text: str, now_ms: int) -> list[str]:
    """All watched symbols that match every word of the filter; symbols of one standing go from A to Z."""
    words = text.lower().split()
    overall = store.screening.queue.overall if store.screening.queue is not None else "closed"
    keys: dict[str, tuple[int, int, str]] = {}
    for symbol in store.universe:
        row = store.screening.row(symbol)
        told = standing(row, now_ms, overall)
        if words and not _matches(symbol, store, told.words, words):
            continue
        place = 0
        if told.rank == RUNNING:
            place = row.progress.slot if row.progress is not None else 0
        elif told.rank == WAITING and row.task is not None:
            place = row.task.position or 0
        keys[symbol] = (told.rank, place, symbol)
    return sorted(keys, key=keys.__getitem__)


def _matches(symbol: str, store: ViewStore, told: tuple[str, ...], words: list[str]) -> bool:
    """Every word is part of the symbol, or begins one of the words of its class, sources and verdict."""
    row = store.screening.row(symbol)
    force = row.thresholds
    begins = " ".join(told)
    if force is not None:
        begins = f"{force.asset_class} {force.source} {begins}"
    begins = f" {begins}".lower()
    return all(word in symbol.lower() or f" {word}" in begins for word in words)
