"""Closed trades as rows, newest first, and which of them a filter leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.messages import TradeClosed
from tui.desk import Desk
from tui.format import LOOKS, age, log_time_text, money
from tui.widgets.history_words import look_of, ratio_text, side_of, why_word
from tui.widgets.line_panel import Line, width_of
from tui.widgets.table_lines import Cells, Column, table_lines
from tui.widgets.trading_words import price_text, size_of

COLUMNS = (
    Column("closed", "CLOSED", 90, 11),
    Column("symbol", "SYMBOL", 100, 8),
    Column("side", "SIDE", 70, 5),
    Column("quantity", "QTY", 45, 7, right=True),
    Column("entry", "ENTRY", 50, 8, right=True),
    Column("exit", "EXIT", 55, 8, right=True),
    Column("r", "R", 98, 6, right=True),
    Column("result", "RESULT", 97, 8, right=True),
    Column("fees", "FEES", 30, 5, right=True),
    Column("slippage", "SLIPPAGE", 35, 8, right=True),
    Column("held", "HELD", 75, 4, right=True),
    Column("why", "ENDED BY", 85, 16, rest=True),
)
KEPT = 1_000
"""Trades whose cells are kept, also while a filter hides them."""


class _Row(NamedTuple):
    """A trade with its cells and how wide they are, in the order of the columns."""

    trade: TradeClosed
    cells: Cells
    widths: tuple[int, ...]


def matches(trade: TradeClosed, text: str) -> bool:
    """Whether all words stand in symbol, side, how it ended, or won and lost."""
    outcome = "won" if trade.result > 0 else "lost" if trade.result < 0 else ""
    told = f"{trade.symbol} {side_of(trade)} {why_word(trade)} {outcome}".lower()
    return all(word in told for word in text.lower().split())


class HistoryTable:
    """Lines of trades; the cells of a trade are made once, as long as nothing changes how they look.

    Columns are as wide as the widest cell of all trades, so that nothing moves sideways while the list is scrolled.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rows: dict[str, _Row] = {}
        self._look: tuple[object, ...] = ()

    def lines(self, trades: Sequence[TradeClosed], width: int, place: int = 0, height: int | None = None) -> list[Line]:
        """Header and one line a trade; those farther than `height` from the one at `place` are left empty: out of sight."""
        desk = self._desk
        look = (LOOKS.private, LOOKS.times, desk.glyphs, desk.store.universe_version)
        if look != self._look:
            self._look = look
            self._rows.clear()
        rows = [self._row(trade) for trade in trades]
        first = max(0, place - height) if height is not None else 0
        last = place + height + 1 if height is not None else len(rows)
        seen = [row.cells for row in rows[first:last]]
        header, _, *made = table_lines(
            COLUMNS, [_widest(rows), *seen], width, missing=desk.glyphs.missing, ellipsis=desk.glyphs.ellipsis
        )
        return [header, *([[]] * first), *made, *([[]] * (len(rows) - first - len(made)))]

    def _row(self, trade: TradeClosed) -> _Row:
        known = self._rows.get(trade.trade_id)
        if known is not None and known.trade is trade:
            return known
        if len(self._rows) >= KEPT:
            self._rows.clear()
        cells = self._made(trade)
        row = self._rows[trade.trade_id] = _Row(trade, cells, tuple(width_of(cells[one.key]) for one in COLUMNS))
        return row

    def _made(self, trade: TradeClosed) -> Cells:
        desk, glyphs, look = self._desk, self._desk.glyphs, look_of(trade.result)
        return {
            "closed": [(log_time_text(trade.closed_ms, 0), "dim")],
            "symbol": [(trade.symbol, "bright")],
            "side": [(side_of(trade), "text")],
            "quantity": [(size_of(desk, trade.symbol, trade.quantity), "text")],
            "entry": [(price_text(desk, trade.symbol, float(trade.entry_price)), "text")],
            "exit": [(price_text(desk, trade.symbol, float(trade.exit_price)), "text")],
            "r": [(ratio_text(trade, glyphs), look)],
            "result": [(money(float(trade.result), 2, signed=True, glyphs=glyphs), look)],
            "fees": [(money(float(trade.fees), 2, glyphs=glyphs), "dim")],
            "slippage": [(_slippage(trade, desk), "warn" if trade.slippage * 4 > trade.risked > 0 else "text")],
            "held": [(age((trade.closed_ms - trade.opened_ms) / 1000, glyphs=glyphs), "dim")],
            "why": [(why_word(trade), "text")],
        }


def _widest(rows: Sequence[_Row]) -> Cells:
    """A row that is as wide as the widest of each column."""
    widths = [max(column) for column in zip(*(row.widths for row in rows), strict=True)] or [0] * len(COLUMNS)
    return {one.key: [("x" * width, "text")] for one, width in zip(COLUMNS, widths, strict=True)}


def _slippage(trade: TradeClosed, desk: Desk) -> str:
    """A cost in the table is a result: worse than planned has a minus."""
    return money(-float(trade.slippage), 2, signed=True, glyphs=desk.glyphs)
