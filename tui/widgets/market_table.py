"""The watchlist table, drawn line by line: virtual, calm, cursor held on the symbol.

`flush` repaints only visible lines, only when their text changed, and only from the left edge to the last changed cell.
An ordinary line changes at most once per `row_repaint_s` and the lines take turns, so that the bytes spread evenly over
that time; the cursor line, and lines whose state, freshness, signal or recommendation changed, follow at the next flush.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui.desk import Desk
from tui.format import price as price_text
from tui.store import MarketRow
from tui.widgets.market_advice_cells import Pieces
from tui.widgets.market_facts import decimals, derive
from tui.widgets.market_layout import Layout, arrange, header_pieces, paint_cell
from tui.widgets.market_order import View, held

SLOW_S = 5.0
"""Slow columns of an ordinary line follow at most this often."""


class Painted:
    """What a line shows now."""

    __slots__ = ("at_s", "cells", "cursor", "slow_at_s", "strip", "urgent")

    def __init__(self, cells: tuple[Pieces, ...], strip: Strip, cursor: bool, urgent: int, at_s: float) -> None:
        self.cells = cells
        self.strip = strip
        self.cursor = cursor
        self.urgent = urgent
        self.at_s = at_s
        self.slow_at_s = at_s


class MarketTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows are symbols in the order given by `put_order`; values come from the view store when painted."""

    class CursorMoved(Message):
        """The cursor is on another symbol (empty: the list is empty)."""

        def __init__(self, symbol: str) -> None:
            super().__init__()
            self.symbol = symbol

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="market-table")
        self._desk = desk
        self.symbols: list[str] = []
        self.cursor = ""
        self.touched = False
        self.repainted = 0
        self._index: dict[str, int] = {}
        self._painted: dict[str, Painted] = {}
        self._turn = 0
        self._symbol_width = self._price_width = 0
        self._empty_words = ""
        self.chosen: tuple[str, ...] = ()
        self.arrangement: Layout = arrange(80, 8, 9)

    # --- rows and cursor -----------------------------------------------------------------------------------------------

    def put_order(self, symbols: Sequence[str], hold: bool = False) -> None:
        """Show these symbols in this order. The cursor stays on its symbol; if that left, on its line.

        Until the operator has moved the cursor it stays on the first line instead. `hold`: nobody asked for the new order,
        so the line under the cursor stays where it is and the others move around it.
        """
        if hold and self.touched and self.cursor in self._index:
            symbols = held(list(symbols), self.cursor, self.cursor_line)
        if list(symbols) == self.symbols:
            return
        before, shown, top = self.cursor_line, self._shown(), int(self.scroll_offset.y)
        self.symbols = list(symbols)
        self._index = {symbol: line for line, symbol in enumerate(self.symbols)}
        self.virtual_size = Size(self.size.width, len(self.symbols))
        if self.symbols and (self.cursor not in self._index or not self.touched):
            line = min(before, len(self.symbols) - 1) if self.touched else 0
            self._set_cursor(self.symbols[line])
        elif not self.symbols:
            self._set_cursor("")
        self._keep_visible()
        now_shown = self._shown()
        if int(self.scroll_offset.y) != top or len(now_shown) != len(shown):
            self.refresh()
            return
        for line, (old, new) in enumerate(zip(shown, now_shown, strict=True)):
            if old != new:
                self.refresh_line(top + line)

    @property
    def cursor_line(self) -> int:
        """Index of the cursor's symbol; 0 when there is none."""
        return self._index.get(self.cursor, 0)

    def move_cursor(self, line: int) -> None:
        """Put the cursor on a line by the operator's hand; beyond the ends it stays at the end."""
        self.touched = True
        if self.symbols:
            self._set_cursor(self.symbols[max(0, min(line, len(self.symbols) - 1))])
            self._keep_visible()

    def select(self, symbol: str) -> bool:
        """Put the cursor on a symbol; False when it is not shown."""
        if symbol not in self._index:
            return False
        self.move_cursor(self._index[symbol])
        return True

    @property
    def page(self) -> int:
        """Lines of one page."""
        return max(1, self.size.height - 1)

    def _set_cursor(self, symbol: str) -> None:
        if symbol == self.cursor:
            return
        old, self.cursor = self.cursor, symbol
        for changed in (old, symbol):
            self._painted.pop(changed, None)
            line = self._index.get(changed)
            if line is not None:
                self.refresh_line(line)
        self.post_message(self.CursorMoved(symbol))

    def _keep_visible(self) -> None:
        height, top = self.size.height, int(self.scroll_offset.y)
        if height <= 0:
            return
        line = self.cursor_line
        if line < top:
            top = line
        elif line >= top + height:
            top = line - height + 1
        top = max(0, min(top, len(self.symbols) - height))
        self.scroll_to(y=top, animate=False, immediate=True, force=True)

    # --- painting ------------------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Forget every cached line: the theme, the glyphs or the columns changed."""
        self._painted.clear()
        self.refresh()

    def flush(self) -> None:
        """Repaint what is due."""
        now_ms = self._desk.clock.now_ms()
        now_s = self._desk.clock.monotonic()
        pump = self._desk.pump
        turns = max(1, round(pump.row_repaint_s / pump.flush_s))
        self._turn += 1
        shown = self._shown()
        rows = self._desk.store.rows
        regions = []
        for line, symbol in enumerate(shown):
            painted, row = self._painted.get(symbol), rows.get(symbol)
            if painted is None or row is None:
                continue  # never drawn: render_line paints it whole when Textual asks
            if symbol != self.cursor and painted.urgent == self._urgent(row):
                if (self._turn + line) % turns or now_s - painted.at_s < pump.row_repaint_s * 0.8:
                    continue
                slow = now_s - painted.slow_at_s >= SLOW_S
            else:
                slow = True
            width = self._repaint(symbol, painted, now_ms, now_s, slow)
            if width:
                regions.append(Region(0, line, width, 1))
        if len(self._painted) > len(shown):
            self._painted = {symbol: self._painted[symbol] for symbol in shown if symbol in self._painted}
        if regions:
            self.repainted += len(regions)
            self.refresh(*regions)

    def say_empty(self, words: str) -> None:
        """What stands in the table while it has no rows."""
        if words != self._empty_words:
            self._empty_words = words
            if not self.symbols:
                self.refresh()

    def _urgent(self, row: MarketRow) -> int:
        """Counts what must be seen at the next flush: state, freshness, signal, recommendation."""
        screened = self._desk.store.screening.rows.get(row.symbol)
        return row.urgent + (screened.urgent if screened is not None else 0)

    def _shown(self) -> list[str]:
        top = int(self.scroll_offset.y)
        return self.symbols[top : top + self.size.height]

    def _repaint(self, symbol: str, painted: Painted, now_ms: int, now_s: float, slow: bool) -> int:
        """Bring one line up to date; the number of cells that have to be sent, 0 when its text is the same."""
        row = self._desk.store.rows[symbol]
        facts = derive(row, self._desk.store, now_ms)
        glyphs, layout = self._desk.glyphs, self.arrangement
        painted.urgent, painted.at_s = self._urgent(row), now_s
        if slow:
            painted.slow_at_s = now_s
        old = painted.cells
        fresh = []
        last = -1
        for i, column in enumerate(layout.columns):
            cell = old[i] if column.slow and not slow else paint_cell(layout, i, facts, glyphs)
            if cell != old[i]:
                last = i
            fresh.append(cell)
        if last < 0:
            return 0
        painted.cells = tuple(fresh)
        painted.strip = self._strip(painted.cells, painted.cursor)
        return layout.end(last)

    def render_line(self, y: int) -> Strip:
        line = y + int(self.scroll_offset.y)
        if line >= len(self.symbols):
            words = f"   {self._empty_words}" if not self.symbols and y == 1 else ""
            return Strip([Segment(words, self._desk.palette.dim)]).adjust_cell_length(
                self.size.width, self._desk.palette.text
            )
        symbol = self.symbols[line]
        painted = self._painted.get(symbol) or self._paint_whole(symbol)
        return painted.strip

    def _paint_whole(self, symbol: str) -> Painted:
        store = self._desk.store
        row = store.row(symbol)
        facts = derive(row, store, self._desk.clock.now_ms())
        glyphs, layout = self._desk.glyphs, self.arrangement
        cells = tuple(paint_cell(layout, i, facts, glyphs) for i in range(len(layout.columns)))
        cursor = symbol == self.cursor
        painted = Painted(cells, self._strip(cells, cursor), cursor, self._urgent(row), self._desk.clock.monotonic())
        self._painted[symbol] = painted
        return painted

    def _strip(self, cells: tuple[Pieces, ...], cursor: bool) -> Strip:
        """One segment per run of equal style: fewer escape sequences on the wire."""
        palette, layout = self._desk.palette, self.arrangement
        lined = bool(palette.price_down.underline or palette.price_up.underline)
        runs: list[tuple[str, str]] = [(self._desk.glyphs.cursor, "accent") if cursor else (" ", "text")]
        gap = ""
        for column, pieces in zip(layout.columns, cells, strict=True):
            if not pieces:
                continue
            if column.key != "flag":  # the cursor's mark stands in that gap
                gap += " " * column.gap
            for text, name in pieces:
                body = text.lstrip() if lined else text
                gap += text[: len(text) - len(body)]
                if not body.strip():
                    gap += body
                    continue
                before, style_before = runs[-1]
                if name == style_before and not (lined and gap):
                    runs[-1] = (before + gap + body, name)
                elif lined:
                    runs += [(gap, "text"), (body, name)] if gap else [(body, name)]
                else:
                    runs[-1] = (before + gap, style_before)
                    runs.append((body, name))
                gap = ""
        over: Style | None = palette.cursor if cursor else None
        segments = []
        for text, name in runs:
            style: Style = getattr(palette, name)
            segments.append(Segment(text, style + over if over is not None else style))
        return Strip(segments).adjust_cell_length(self.size.width, over if over is not None else palette.text)

    def show_columns(self, chosen: tuple[str, ...]) -> None:
        """Show these columns in this order; none: as many as fit, by importance."""
        if chosen != self.chosen:
            self.chosen = chosen
            self.rearrange(force=True)

    # --- size ----------------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.symbols))
        self.rearrange(force=True)
        self._keep_visible()

    def rearrange(self, force: bool = False) -> None:
        """Choose columns for the width and for the longest symbol and price; cheap when nothing changed."""
        store = self._desk.store
        symbol_width = max((len(symbol) for symbol in store.universe), default=8)
        price_width = 9
        for symbol in store.universe:
            row = store.rows[symbol]
            price_width = max(price_width, len(price_text(row.price, decimals(row))))
        if force or symbol_width != self._symbol_width or price_width > self._price_width:
            self._symbol_width, self._price_width = symbol_width, max(price_width, self._price_width)
            self.arrangement = arrange(self.size.width, symbol_width, self._price_width, self.chosen)
            self.forget()


class MarketHeader(Widget):
    """The titles over the table's columns."""

    def __init__(self, desk: Desk, table: MarketTable, view: View) -> None:
        super().__init__(id="market-header")
        self._desk = desk
        self._table = table
        self.view = view
        self._arrangement = table.arrangement

    def flush(self) -> None:
        """Follow the table's columns."""
        if self._arrangement is not self._table.arrangement:
            self._arrangement = self._table.arrangement
            self.refresh()

    def show(self, view: View) -> None:
        """Mark the sorted column."""
        self.view = view
        self.refresh()

    def render_line(self, y: int) -> Strip:
        palette = self._desk.palette
        pieces = header_pieces(self._table.arrangement, self._desk.glyphs, self.view.sort, self.view.reverse)
        segments = [Segment(text, getattr(palette, style)) for text, style in pieces]
        return Strip(segments).adjust_cell_length(self.size.width, palette.text)
