"""The base of screens that list things under headings, one of them under the cursor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterable
from typing import Any, ClassVar, Generic, TypeVar

from textual.containers import Container
from textual.widget import Widget

from tui.desk import Desk
from tui.screens.line_cursor import LineCursor
from tui.screens.panels import PanelScreen
from tui.widgets.line_panel import Line, LinePanel
from tui.widgets.listing import Listing
from tui.widgets.rule import ColumnRule, Rule

T = TypeVar("T")

REPAINT_S = 1.0
"""Ages, countdowns and prices go on without news."""


class ListingScreen(LineCursor, PanelScreen, Generic[T]):
    """The cursor stays on its item whatever comes above it, and goes to the nearest one when that has left.

    A screen of this kind says what it lists, what an item is known by, what else it paints, and the words below.
    """

    HEAD: ClassVar[int] = 0
    """So many lines of the list never scroll away."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.item: T | None = None
        """The one under the cursor, as it was listed last."""
        self.list = LinePanel(desk, f"{self.SCOPE}-list", self.HEAD)
        self.answer = LinePanel(desk, f"{self.SCOPE}-answer")
        self._shown: Listing[T] = Listing()
        self._line = 0
        self._painted_s = float("-inf")

    def _compose_list(self, beside: LinePanel) -> Iterable[Widget]:
        """The list with this panel under it, or beside it where the screen is wide, and the line of words below."""
        with Container(id=f"{self.SCOPE}-body"):
            yield self.list
            yield Rule(self.desk)
            yield ColumnRule(self.desk)
            yield beside
        yield self.answer

    # --- what a screen says ----------------------------------------------------------------------------------------------

    @abstractmethod
    def _seen(self) -> tuple[Any, ...]:
        """What is painted here apart from ages and prices: while it is the same there is no news."""

    @abstractmethod
    def _listed(self, width: int) -> Listing[T]:
        """Everything there is now, in lines of this width."""

    @abstractmethod
    def _identity(self, item: T) -> Hashable:
        """What it is known by however often it is told anew."""

    @abstractmethod
    def _paint_rest(self) -> None:
        """The panels beside the list, for the item under the cursor."""

    @abstractmethod
    def _hint(self) -> Line:
        """What there is to say of the item under the cursor in one line."""

    # --- painting ------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        now_s, seen = self.desk.clock.monotonic(), (*self._seen(), self._sizes())
        if seen == self._painted and now_s - self._painted_s < REPAINT_S:
            return
        self._painted, self._painted_s = seen, now_s
        self._shown = self._listed(self.list.size.width - 1)
        self._keep_cursor()
        cursor = self._line if self.item is not None else -1
        self.list.put(self._shown.lines, cursor, home=self._shown.home)
        self._paint_rest()
        self.answer.put([self._hint()])

    def _keep_cursor(self) -> None:
        """On its own item, when that has left on the nearest one, and at the beginning on the first."""
        items = self._shown.items
        if self.item is None or not items:
            self._line = self._shown.home
        else:
            own = self._identity(self.item)
            found = (line for line, item in items.items() if self._identity(item) == own)
            nearest = min(items, key=lambda line: (abs(line - self._line), line))
            self._line = next(found, nearest)
        self.item = items.get(self._line)

    # --- moving --------------------------------------------------------------------------------------------------------

    def choose(self, item: T) -> None:
        """Put the cursor on the line of this item."""
        self.item = item
        self._acted()

    def _move(self, step: int) -> None:
        lines = sorted(self._shown.items)
        if lines:
            place = lines.index(self._line) + step
            self._line = lines[max(0, min(place, len(lines) - 1))]
            self.item = self._shown.items[self._line]
        self._acted()

    def _page(self) -> int:
        return max(1, self.list.size.height - 3)

    def _farthest(self) -> int:
        return len(self._shown.lines)

    # --- acting --------------------------------------------------------------------------------------------------------

    async def act_symbol(self) -> None:
        symbol = self.symbol_chosen()
        if symbol:
            await self._to_watchlist(symbol)
        else:
            self.desk.say("this line is about no symbol")
