"""Choose the watchlist's columns: which ones, and in which order. The choice is kept in the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.desk import Desk
from tui.format import fit
from tui.glyphs import plain_text
from tui.screens.base import DeskModal
from tui.screens.columns_actions import COLUMNS_ACTIONS, SCOPE
from tui.widgets.key_bar import KeyBar
from tui.widgets.market_columns import CHOICES
from tui.widgets.market_layout import Layout, arrange, left_out
from tui.widgets.status_bar import StatusBar

TITLE_CELLS = 13
ABOUT = {column.key: (column.title, column.about) for column in CHOICES}


class ColumnList(ScrollView, can_focus=True, inherit_bindings=False):
    """One line a column, in the order they will stand: mark, title, meaning."""

    def __init__(self, desk: Desk, order: Sequence[str], shown: set[str]) -> None:
        super().__init__(id="column-list")
        self._desk = desk
        self.order = list(order)
        self.shown = set(shown)
        self.cursor = 0

    @property
    def chosen(self) -> tuple[str, ...]:
        """The columns to show, in order."""
        return tuple(key for key in self.order if key in self.shown)

    def put(self, order: Sequence[str], shown: set[str]) -> None:
        """Start again from these."""
        self.order, self.shown = list(order), set(shown)
        self.refresh()

    def move(self, line: int) -> None:
        """Put the cursor on a line; beyond the ends it stays at the end."""
        self.cursor = max(0, min(line, len(self.order) - 1))
        top, height = int(self.scroll_offset.y), max(1, self.size.height)
        top = min(max(top, self.cursor - height + 1), self.cursor)
        self.scroll_to(y=top, animate=False, immediate=True, force=True)
        self.refresh()

    def shift(self, step: int) -> None:
        """Move the column under the cursor along the order, and the cursor with it."""
        to = self.cursor + step
        if 0 <= to < len(self.order):
            self.order[self.cursor], self.order[to] = self.order[to], self.order[self.cursor]
            self.move(to)

    def toggle(self) -> None:
        """Show or hide the column under the cursor."""
        self.shown ^= {self.order[self.cursor]}
        self.refresh()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.order))
        self.move(self.cursor)

    def render_line(self, y: int) -> Strip:
        palette, glyphs = self._desk.palette, self._desk.glyphs
        line = y + int(self.scroll_offset.y)
        if line >= len(self.order):
            return Strip.blank(self.size.width, palette.text)
        key = self.order[line]
        title, about = (text if glyphs.name != "ascii" else plain_text(text) for text in ABOUT[key])
        on, here = key in self.shown, line == self.cursor
        over = palette.cursor if here else palette.text
        pieces = (
            (f"{glyphs.cursor if here else ' '} ", palette.accent),
            (f"{glyphs.yes if on else ' '} ", palette.accent),
            (fit(title, TITLE_CELLS, glyphs), palette.bright if on else palette.dim),
            (fit(about, max(0, self.size.width - TITLE_CELLS - 4), glyphs), palette.text if on else palette.dim),
        )
        segments = [Segment(text, style + over if here else style) for text, style in pieces]
        return Strip(segments).adjust_cell_length(self.size.width, over)


class ColumnsScreen(DeskModal[tuple[str, ...] | None]):
    """Dismissed with the columns to show (none: automatic), or with None when nothing was chosen."""

    SCOPE = SCOPE
    ACTIONS: ClassVar = COLUMNS_ACTIONS

    def __init__(self, desk: Desk, chosen: Sequence[str], layout: Layout) -> None:
        super().__init__(desk)
        self._layout = layout
        self.automatic = not chosen
        self.list = ColumnList(desk, *self._start(chosen))
        self.status_bar = StatusBar(desk)
        self.key_bar = KeyBar(desk, SCOPE)

    def _start(self, chosen: Sequence[str]) -> tuple[list[str], set[str]]:
        """Order and marks: the chosen ones first; without any, what the width shows by itself."""
        if chosen:
            return [*chosen, *(key for key in ABOUT if key not in chosen)], set(chosen)
        fitting = {column.key for column in self._plan(()).columns}
        return list(ABOUT), {key for key in ABOUT if key in fitting}

    def _plan(self, chosen: Sequence[str]) -> Layout:
        """The table as it would be, with the symbols and prices it has now."""
        widths = {c.key: w for c, w in zip(self._layout.columns, self._layout.widths, strict=True)}
        return arrange(self._layout.width, widths["symbol"], widths.get("price", 9), chosen)

    def compose(self) -> ComposeResult:
        self.list.styles.height = len(ABOUT) + 2
        yield self.status_bar
        yield self.list
        yield self.key_bar

    def on_mount(self) -> None:
        self.list.focus()
        self._tell()

    def on_resize(self, event: events.Resize) -> None:
        """The table below has another width now, and with it another plan."""
        self._tell()

    def _tell(self) -> None:
        """In the frame: what the choice means for this terminal, and the keys there is no room for at the bottom."""
        chosen = self.list.chosen
        missing = left_out(self._plan(chosen), chosen) if not self.automatic else []
        if self.automatic or not chosen:
            words = "columns: automatic, as many as fit"
        elif missing:
            words = f"columns: no room at {self._layout.width} cells for {', '.join(missing)}"
        else:
            words = f"columns: {len(chosen)} chosen, all fit"
        label = self.desk.keymap.label
        self.list.border_title = self._cut(words)
        self.list.border_subtitle = self._cut(
            f"{label('columns.earlier')} {label('columns.later')} move   {label('columns.automatic')} automatic   "
            f"{label('app.back')} back"
        )
        self.status_bar.flush()
        self.key_bar.flush()

    def _cut(self, words: str) -> str:
        """Words for the frame of the list, whose width follows the terminal's."""
        words = words if self.desk.glyphs.name != "ascii" else plain_text(words)
        return fit(words, min(len(words), max(8, self.app.size.width - 12)), self.desk.glyphs)

    def act_toggle(self) -> None:
        self.list.toggle()
        self._changed()

    def act_later(self) -> None:
        self.list.shift(1)
        self._changed()

    def act_earlier(self) -> None:
        self.list.shift(-1)
        self._changed()

    def _changed(self) -> None:
        self.automatic = False
        self._tell()

    def act_automatic(self) -> None:
        self.automatic = True
        self.list.put(*self._start(()))
        self._tell()

    def act_keep(self) -> None:
        self.dismiss(() if self.automatic else self.list.chosen)

    def act_down(self) -> None:
        self.list.move(self.list.cursor + 1)

    def act_up(self) -> None:
        self.list.move(self.list.cursor - 1)

    def act_top(self) -> None:
        self.list.move(0)

    def act_bottom(self) -> None:
        self.list.move(len(ABOUT) - 1)
