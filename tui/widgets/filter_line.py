"""The line where a filter is typed: opens with `/`, follows every letter, Enter keeps it."""

from __future__ import annotations

from textual.widgets import Input


class FilterLine(Input):
    """A one-line input without a border. Hidden until opened; the screen decides what Esc does."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, select_on_focus=False, compact=True, classes="filter-line")
        self.cursor_blink = False
        self.display = False
        self.before = ""

    def open(self, text: str) -> None:
        """Show it with the current filter and start typing."""
        self.before = text
        self.value = text
        self.cursor_position = len(text)
        self.display = True
        self.focus()

    def close(self) -> None:
        """Hide it; the caller puts the focus elsewhere."""
        self.display = False

    @property
    def is_open(self) -> bool:
        """Whether a filter is being typed."""
        return bool(self.display)
