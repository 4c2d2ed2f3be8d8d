"""The line over the watchlist: groups with their counts on the left, sort and filter on the right."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from core.settings import GROUPS
from tui.desk import Desk
from tui.glyphs import Glyphs
from tui.widgets.market_order import View

Run = tuple[str, str]
SORT_TITLES = {
    "symbol": "symbol", "price": "price", "change_state": "Δ state", "change_1h": "1 h", "change_24h": "24 h",
    "volume": "volume", "spread": "spread", "atr": "ATR", "rsi": "RSI", "volume_z": "volume z", "regime": "regime",
    "signal": "signal", "state": "state", "probability": "P", "recommendation": "advice", "confidence": "confidence",
    "target": "target", "stop": "stop", "smc": "SMC", "classic": "classic", "families": "families", "gate": "gate",
    "why": "reason", "calibration": "thresholds", "bar_age": "bar age", "age": "age",
}  # fmt: skip
GROUP_STYLE = {
    "buy": "price_up",
    "sell": "price_down",
    "hold": "hold",
    "alerts": "warn",
    "stale": "warn",
    "halted": "warn",
    "all": "text",
}


def left_runs(view: View, counts: dict[str, int], room: int = 10_000, ellipsis: str = "…") -> list[Run]:
    """`all 60  buy 7 …  majors 3`; the chosen group in brackets, so that it shows without colour.

    When there is no room the last of the operator's own groups leave first; the chosen one stays.
    """
    shown = [group for group in counts if group != "halted" or counts[group] or group == view.group]
    cells = {group: len(f" {group} {counts[group]} ") for group in shown}
    cut = False
    while sum(cells[group] for group in shown) + (2 if cut else 0) > room:
        leaving = [group for group in shown if group not in GROUPS and group != view.group]
        if not leaving:
            break
        shown.remove(leaving[-1])
        cut = True
    runs: list[Run] = []
    for group in shown:
        chosen, count = group == view.group, counts[group]
        runs.append(("[" if chosen else " ", "accent"))
        runs.append((group, "bright" if chosen else "dim"))
        runs.append((f" {count}", GROUP_STYLE.get(group, "text") if count or chosen else "dim"))
        runs.append(("]" if chosen else " ", "accent"))
    return [*runs, (f" {ellipsis}", "dim")] if cut else runs


def right_runs(view: View, shown: int, total: int, note: Run, glyphs: Glyphs) -> list[Run]:
    """What the list is sorted and filtered by, and a note (`P uncalibrated`) with its style."""
    word = SORT_TITLES.get(view.sort, view.sort)
    if glyphs.name == "ascii":
        word = word.replace("Δ", "change since")
    runs: list[Run] = [(f"{note[0]}   ", note[1])] if note[0] else []
    mark = glyphs.sort_down if view.reverse else glyphs.sort_up
    runs += [("sort ", "dim"), (f"{word} {mark}", "accent")]
    if not view.text:
        return [*runs, (f"   filter {glyphs.missing}", "dim")]
    runs += [("   filter ", "dim"), (f"{view.text} ", "accent"), (f"{shown} of {total}", "dim")]
    return runs


def with_alerts(left: list[Run], right: list[Run], alerts: int, width: int) -> list[Run]:
    """The right part with `3 alerts` at its end where there is room; what is first in it gives way to an alert."""
    told = ("no alerts" if not alerts else f"{alerts} alert{'' if alerts == 1 else 's'}").rjust(12)
    room = width - 1 - len(told) - sum(len(text) for text, _ in left)
    for kept in (right, right[1:]) if alerts else (right,):
        if sum(len(text) for text, _ in kept) <= room:
            return [*kept, (told, "warn" if alerts else "dim")]
    return right


class RunLine(Widget):
    """One line with a left and a right part; when it gets narrow the right part loses its first pieces."""

    def __init__(self, desk: Desk, widget_id: str) -> None:
        super().__init__(id=widget_id)
        self._desk = desk
        self._left: list[Run] = []
        self._right: list[Run] = []

    def show(self, left: list[Run], right: list[Run]) -> None:
        """Say this; repainted only when it changed."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def render_line(self, y: int) -> Strip:
        palette, width = self._desk.palette, self.size.width
        used = sum(len(text) for text, _ in self._left)
        right = list(self._right)
        while right and used + sum(len(text) for text, _ in right) + 1 > width:
            right.pop(0)
        room = width - used - sum(len(text) for text, _ in right) - 1
        runs = [*self._left, (" " * max(0, room), "text"), *right]
        segments = [Segment(text, getattr(palette, style)) for text, style in runs]
        return Strip(segments).adjust_cell_length(width, palette.text)
