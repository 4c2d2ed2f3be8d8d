"""One item of the inbox in full, over it. Esc goes back."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from core.messages import InboxItem
from tui.desk import Desk
from tui.glyphs import plain_text
from tui.screens.base import DeskModal
from tui.widgets.inbox_detail import detail_lines

BORDER = 4
MOST_COLUMNS = 110


class InboxDetailScreen(DeskModal[None]):
    """Painted anew when something of it changed; an item that has left the list stays as it was last told."""

    SCOPE = "inbox_detail"
    CSS_PATH = Path(__file__).parents[1] / "css" / "inbox.tcss"

    def __init__(self, desk: Desk, item: InboxItem) -> None:
        super().__init__(desk)
        self._item = item
        self._text = Static(markup=False)
        self._painted = ""

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="help-box") as box:
            box.can_focus = True
            yield self._text

    def on_mount(self) -> None:
        self._paint()
        self.query_one(VerticalScroll).focus()
        self.set_interval(1.0, self.desk.guard.wrap("inbox detail", self._paint))

    def _paint(self) -> None:
        desk = self.desk
        inbox = desk.store.trading.inbox
        newest = [one for one in inbox.items if one.item_id == self._item.item_id] if inbox is not None else []
        self._item = newest[0] if newest else self._item
        width = max(20, min(self.app.size.width * 9 // 10, MOST_COLUMNS) - BORDER)
        text = Text()
        for line in [*detail_lines(desk, self._item, width), [], [("Esc goes back.", "dim")]]:
            for words, look in line:
                text.append(plain_text(words) if desk.glyphs.name == "ascii" else words, getattr(desk.palette, look))
            text.append("\n")
        if text.markup != self._painted:
            self._painted = text.markup
            self._text.update(text)
