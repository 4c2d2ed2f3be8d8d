"""One closed trade in full, over the history screen. Esc goes back."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from core.messages import TradeClosed
from tui.desk import Desk
from tui.glyphs import plain_text
from tui.screens.base import DeskModal
from tui.widgets.history_detail import detail_lines

BORDER = 4
MOST_COLUMNS = 110


class HistoryDetailScreen(DeskModal[None]):
    """What has ended does not change: painted once."""

    SCOPE = "history_detail"
    CSS_PATH = Path(__file__).parents[1] / "css" / "history.tcss"

    def __init__(self, desk: Desk, trade: TradeClosed) -> None:
        super().__init__(desk)
        self._trade = trade

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="help-box") as box:
            box.can_focus = True
            yield Static(self._text(), markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def _text(self) -> Text:
        desk = self.desk
        width = max(20, min(self.app.size.width * 9 // 10, MOST_COLUMNS) - BORDER)
        text = Text()
        for line in [*detail_lines(desk, self._trade, width), [], [("Esc goes back.", "dim")]]:
            for words, look in line:
                text.append(plain_text(words) if desk.glyphs.name == "ascii" else words, getattr(desk.palette, look))
            text.append("\n")
        return text
