"""One limit in sentences, over the Risk screen. Esc goes back."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.desk import Desk
from tui.glyphs import plain_text
from tui.screens.base import DeskModal
from tui.widgets.line_panel import Line
from tui.widgets.risk_detail import detail_lines

BORDER = 4
MOST_COLUMNS = 100


class RiskDetailScreen(DeskModal[None]):
    """Painted anew when something of it changed."""

    SCOPE = "risk_detail"
    CSS_PATH = Path(__file__).parents[1] / "css" / "risk.tcss"

    def __init__(self, desk: Desk, code: str) -> None:
        super().__init__(desk)
        self._code = code
        self._text = Static(markup=False)
        self._painted: list[Line] = []

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="help-box") as box:
            box.can_focus = True
            yield self._text

    def on_mount(self) -> None:
        self._paint()
        self.query_one(VerticalScroll).focus()
        self.set_interval(1.0, self.desk.guard.wrap("risk detail", self._paint))

    def _paint(self) -> None:
        desk, status = self.desk, self.desk.store.trading.risk
        use = next((one for one in status.uses if one.code == self._code), None) if status is not None else None
        width = max(20, min(self.app.size.width * 9 // 10, MOST_COLUMNS) - BORDER)
        lines: list[Line] = [[("this limit does not hold any more", "dim")]]
        if use is not None:
            lines = detail_lines(desk, use, width)
        lines = [*lines, [], [("Esc goes back.", "dim")]]
        if lines == self._painted:
            return
        self._painted = lines
        text = Text()
        for line in lines:
            for words, look in line:
                text.append(plain_text(words) if desk.glyphs.name == "ascii" else words, getattr(desk.palette, look))
            text.append("\n")
        self._text.update(text)
