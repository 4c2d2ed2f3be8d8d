"""One limit in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tui.desk import Desk
from tui.screens.detail import DetailScreen
from tui.widgets.line_panel import Line
from tui.widgets.risk_detail import detail_lines


class RiskDetailScreen(DetailScreen):
    """What it does when it is reached, its setting and its present use."""

    SCOPE = "risk_detail"
    CSS_PATH = Path(__file__).parents[1] / "css" / "risk.tcss"
    MOST_COLUMNS = 100

    def __init__(self, desk: Desk, code: str) -> None:
        super().__init__(desk)
        self._code = code

    def lines(self, width: int) -> Sequence[Line]:
        status = self.desk.store.trading.risk
        use = next((one for one in status.uses if one.code == self._code), None) if status is not None else None
        if use is None:
            return [[("this limit does not hold any more", "dim")]]
        return detail_lines(self.desk, use, width)
