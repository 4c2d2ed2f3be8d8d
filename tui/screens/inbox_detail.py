"""One item of the inbox in full."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.messages import InboxItem
from tui.desk import Desk
from tui.screens.detail import DetailScreen
from tui.widgets.inbox_detail import detail_lines
from tui.widgets.line_panel import Line


class InboxDetailScreen(DetailScreen):
    """An item that has left the list stays as it was last told."""

    SCOPE = "inbox_detail"
    CSS_PATH = Path(__file__).parents[1] / "css" / "inbox.tcss"

    def __init__(self, desk: Desk, item: InboxItem) -> None:
        super().__init__(desk)
        self._item = item

    def lines(self, width: int) -> Sequence[Line]:
        inbox = self.desk.store.trading.inbox
        newest = [one for one in inbox.items if one.item_id == self._item.item_id] if inbox is not None else []
        self._item = newest[0] if newest else self._item
        return detail_lines(self.desk, self._item, width)
