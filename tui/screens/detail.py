"""One thing in full, over the screen it stands on: lines that scroll, painted anew when something of them changed. Esc goes back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.desk import Desk
from tui.glyphs import plain_text
from tui.screens.base import DeskModal
from tui.widgets.line_panel import Line

BORDER = 4
REPAINT_S = 1.0


class DetailScreen(DeskModal[None]):
    """A screen of this kind says its lines in `lines`."""

    MOST_COLUMNS = 110

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._text = Static(markup=False)
        self._painted: Text | None = None

    @abstractmethod
    def lines(self, width: int) -> Sequence[Line]:
        """What is known of it now, at most so many cells wide."""

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="help-box") as box:
            box.can_focus = True
            yield self._text

    def on_mount(self) -> None:
        self._paint()
        self.query_one(VerticalScroll).focus()
        self.set_interval(REPAINT_S, self.desk.guard.wrap(self.SCOPE.replace("_", " "), self._paint))

    def _paint(self) -> None:
        width = max(20, min(self.app.size.width * 9 // 10, self.MOST_COLUMNS) - BORDER)
        lines: list[Line] = [*self.lines(width), [], [("Esc goes back.", "dim")]]
        text = Text()
        for line in lines:
            for words, look in line:
                shown = plain_text(words) if self.desk.glyphs.name == "ascii" else words
                text.append(shown, getattr(self.desk.palette, look))
            text.append("\n")
        if text != self._painted:
            self._painted = text
            self._text.update(text)
