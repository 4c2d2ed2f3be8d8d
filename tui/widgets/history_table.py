"""Closed trades as rows, newest first, and which of them a filter leaves."""

from __future__ import annotations

from collections.abc import Sequence

from core.messages import TradeClosed
from tui.desk import Desk
from tui.format import LOOKS, age, log_time_text, money
from tui.widgets.history_words import look_of, ratio_text, side_of, why_word
from tui.widgets.line_panel import Line
from tui.widgets.table_lines import Cells, Column, table_lines
from tui.widgets.trading_words import amount, price_text

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


def matches(trade: TradeClosed, text: str) -> bool:
    """Whether all words stand in symbol, side, how it ended, or won and lost."""
    outcome = "won" if trade.result > 0 else "lost" if trade.result < 0 else ""
    told = f"{trade.symbol} {side_of(trade)} {why_word(trade)} {outcome}".lower()
    return all(word in told for word in text.lower().split())


class HistoryTable:
    """Lines of trades; the cells of a trade are made once, as long as nothing changes how they look."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._cells: dict[str, tuple[TradeClosed, Cells]] = {}
        self._look: tuple[object, ...] = ()

    def lines(self, trades: Sequence[TradeClosed], width: int) -> list[Line]:
        """Header and one line a trade."""
        desk = self._desk
        look = (LOOKS.private, LOOKS.times, desk.glyphs, desk.store.universe_version)
        if look != self._look:
            self._look = look
            self._cells.clear()
        kept: dict[str, tuple[TradeClosed, Cells]] = {}
        for trade in trades:
            known = self._cells.get(trade.trade_id)
            kept[trade.trade_id] = known if known is not None and known[0] is trade else (trade, self._made(trade))
        self._cells = kept if len(self._cells) > KEPT else self._cells | kept
        rows = [kept[trade.trade_id][1] for trade in trades]
        return table_lines(COLUMNS, rows, width, missing=desk.glyphs.missing, ellipsis=desk.glyphs.ellipsis)

    def _made(self, trade: TradeClosed) -> Cells:
        desk, glyphs, look = self._desk, self._desk.glyphs, look_of(trade.result)
        return {
            "closed": [(log_time_text(trade.closed_ms, 0), "dim")],
            "symbol": [(trade.symbol, "bright")],
            "side": [(side_of(trade), "text")],
            "quantity": [(amount(trade.quantity, glyphs), "text")],
            "entry": [(price_text(desk, trade.symbol, float(trade.entry_price)), "text")],
            "exit": [(price_text(desk, trade.symbol, float(trade.exit_price)), "text")],
            "r": [(ratio_text(trade, glyphs), look)],
            "result": [(money(float(trade.result), 2, signed=True, glyphs=glyphs), look)],
            "fees": [(money(float(trade.fees), 2, glyphs=glyphs), "dim")],
            "slippage": [(_slippage(trade, desk), "warn" if trade.slippage * 4 > trade.risked > 0 else "text")],
            "held": [(age((trade.closed_ms - trade.opened_ms) / 1000, glyphs=glyphs), "dim")],
            "why": [(why_word(trade), "text")],
        }


def _slippage(trade: TradeClosed, desk: Desk) -> str:
    """A cost in the table is a result: worse than planned has a minus."""
    return money(-float(trade.slippage), 2, signed=True, glyphs=desk.glyphs)
