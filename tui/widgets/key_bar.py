"""The bottom line: at most seven keys of the current screen, or for a few seconds a notice."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tui.actions import Action
from tui.desk import Desk
from tui.format import fit

NOTICE_MS = 6000
"""How long a notice covers the keys."""


class KeyBar(Widget):
    """One line, repainted only when its text changed."""

    def __init__(self, desk: Desk, scope: str) -> None:
        super().__init__(classes="key-bar")
        self._desk = desk
        self._scope = scope
        self._shown: tuple[str, str] | None = None
        self._keymap = desk.keymap

    def flush(self) -> None:
        """Repaint when a notice came or went, or keys were changed."""
        now, keymap = self._notice(), self._desk.keymap
        if now != self._shown or keymap is not self._keymap:
            self._shown, self._keymap = now, keymap
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        notice = self._notice()
        palette, glyphs = self._desk.palette, self._desk.glyphs
        if notice is not None:
            text, severity = notice
            style = {"error": palette.danger, "warning": palette.warn}.get(severity, palette.accent)
            return Strip([Segment(fit(f" {text}", width, glyphs), style)], width)
        segments: list[Segment] = [Segment(" ", palette.text)]
        used = 1
        for action in self._desk.registry.footer(self._scope):
            label = self._desk.keymap.label(action.id)
            if label == "Enter":
                label = glyphs.enter
            if not label or self._is_taken(action) or used + len(label) + len(action.title) + 3 > width:
                continue
            segments += [Segment(label, palette.key), Segment(f" {action.title}  ", palette.dim)]
            used += len(label) + len(action.title) + 3
        return Strip(segments, used).adjust_cell_length(width, palette.text)

    def _is_taken(self, action: Action) -> bool:
        """Whether this screen uses the key for something else (`q` closes a panel)."""
        keymap = self._desk.keymap
        keys = keymap.keys_of(action.id)
        return bool(keys) and keymap.action_for(self._scope, keys[0]) is not action

    def _notice(self) -> tuple[str, str] | None:
        store = self._desk.store
        if not store.notice or self._desk.clock.now_ms() - store.notice_at_ms > NOTICE_MS:
            return None
        return store.notice, store.notice_severity
