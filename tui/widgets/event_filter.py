"""Which events of the log are shown: kind, severity, one symbol, words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.messages import Event

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("all", ()),
    ("state", ("state",)),
    ("alert", ("alert", "recommendation")),
    ("order", ("order", "fill", "trade", "stop", "halt", "discrepancy")),
    ("link", ("link", "ban")),
    ("data", ("channel", "book")),
    ("fault", ("fault",)),
    ("setting", ("setting", "calibration")),
    ("engine", ("engine", "universe")),
)
"""Groups of the log and the event kinds in each; none means every kind."""
GROUP_NAMES = tuple(name for name, _ in GROUPS)
GROUP_OF = {kind: name for name, kinds in GROUPS for kind in kinds}
LEVELS = ("info", "warning", "error")
LEVEL_WORDS = {"info": "all", "warning": "warnings up", "error": "errors"}


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What is shown: events of `group`, at least as severe as `level`, of `symbol` alone, with every word of `text`."""

    group: str = "all"
    level: str = "info"
    symbol: str = ""
    text: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """What is searched for, in small letters."""
        return tuple(self.text.lower().split())


EVERYTHING = EventFilter()


def chosen(events: Iterable[Event], view: EventFilter) -> tuple[list[Event], dict[str, int]]:
    """The events shown, and how many each group would show with the other filters as they are."""
    least, symbol, words = LEVELS.index(view.level), view.symbol, view.words
    shown: list[Event] = []
    counts = dict.fromkeys(GROUP_NAMES, 0)
    for event in events:
        if (symbol and event.symbol != symbol) or (least and LEVELS.index(event.severity) < least):
            continue
        if words:
            told = f"{event.symbol} {event.kind} {event.text}".lower()
            if not all(word in told for word in words):
                continue
        group = GROUP_OF[event.kind]
        counts["all"] += 1
        counts[group] += 1
        if view.group in ("all", group):
            shown.append(event)
    return shown, counts


def told(view: EventFilter) -> list[str]:
    """The filters in force in words: `fault`, `warnings up`, `only SOLUSDT`, `"429"`."""
    words = []
    if view.group != "all":
        words.append(f"kind {view.group}")
    if view.level != "info":
        words.append(LEVEL_WORDS[view.level])
    if view.symbol:
        words.append(f"only {view.symbol}")
    if view.text:
        words.append(f'"{view.text}"')
    return words
