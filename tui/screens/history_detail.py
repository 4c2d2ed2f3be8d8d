"""One closed trade in full."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.messages import TradeClosed
from tui.desk import Desk
from tui.screens.detail import DetailScreen
from tui.widgets.history_detail import detail_lines
from tui.widgets.line_panel import Line


class HistoryDetailScreen(DetailScreen):
    """What has ended does not change."""

    SCOPE = "history_detail"
    CSS_PATH = Path(__file__).parents[1] / "css" / "history.tcss"

    def __init__(self, desk: Desk, trade: TradeClosed) -> None:
        super().__init__(desk)
        self._trade = trade

    def lines(self, width: int) -> Sequence[Line]:
        return detail_lines(self.desk, self._trade, width)
