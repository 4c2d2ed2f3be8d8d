"""One line of the Orders screen in full: evidence, gates, fills."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tui.desk import Desk
from tui.screens.detail import DetailScreen
from tui.widgets.line_panel import Line
from tui.widgets.order_detail import detail_lines
from tui.widgets.orders_list import Item


class OrderDetailScreen(DetailScreen):
    """Of a position, an order or a difference."""

    SCOPE = "order_detail"
    CSS_PATH = Path(__file__).parents[1] / "css" / "orders.tcss"

    def __init__(self, desk: Desk, item: Item) -> None:
        super().__init__(desk)
        self._item = item

    def lines(self, width: int) -> Sequence[Line]:
        return detail_lines(self.desk, self._item, width)
