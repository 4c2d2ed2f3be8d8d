"""Mode 8, history: what closed trades come to, the curve of their results, every trade, and the chosen one in full."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.containers import Container
from textual.widget import Widget

from core.messages import TradeClosed, TradeHistory
from tui.actions import mode_action_id
from tui.desk import Desk
from tui.format import LOOKS, log_time_text
from tui.screens.filtered import FilteredScreen
from tui.screens.history_actions import ACTIONS, GLOSSARY, SCOPE
from tui.screens.line_cursor import LineCursor
from tui.widgets.history_curve import curve_lines, path_of
from tui.widgets.history_detail import argument, detail_lines
from tui.widgets.history_table import HistoryTable, matches
from tui.widgets.history_words import axis_label, matched_words, summary_lines
from tui.widgets.line_panel import Line, LinePanel, fold
from tui.widgets.rule import ColumnRule, Rule

EMPTY = (
    "No trade of this account has ended yet.",
    "A trade comes here when the last of its position is closed: by its stop, a target, its time, or by you.",
    "What is open now stands with the orders: press {key}. `tradetui trades` tells the same history in a shell.",
)
NO_CENTS_FROM = 1_000.0
"""Money at the axis is told without decimals where the curve reaches so far."""


class HistoryScreen(LineCursor, FilteredScreen):
    """Newest first. The cursor stays on its trade when others end; untouched it is on the newest."""

    SCOPE = SCOPE
    CSS_PATH = Path(__file__).parents[1] / "css" / "history.tcss"
    ACTIONS: ClassVar = ACTIONS
    GLOSSARY: ClassVar = GLOSSARY
    FILTER_WORDS = "words: symbol, long, won, lost or how it ended, such as  sol lost  or  trailing"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.in_r = False
        self.trades: list[TradeClosed] = []
        """Those the filter leaves, newest first."""
        self.trade_id = ""
        """The trade under the cursor."""
        self.summary = LinePanel(desk, "history-summary")
        self.curve = LinePanel(desk, "history-curve")
        self.table = LinePanel(desk, "history-table", head=1)
        self.detail = LinePanel(desk, "history-detail")
        self.answer = LinePanel(desk, "history-answer")
        self._panels = (self.summary, self.curve, self.table, self.detail, self.answer)
        self._rows = HistoryTable(desk)
        self._touched = False
        self._listed: tuple[int, str] = (-1, "")
        self._drawn: tuple[Any, ...] = ()
        self._history: TradeHistory | None = None
        self._told = 0

    def compose_body(self) -> Iterable[Widget]:
        curve_rule = Rule(self.desk)
        curve_rule.add_class("curve-rule")
        yield self.summary
        yield self.curve
        yield curve_rule
        with Container(id="history-body"):
            yield self.table
            yield Rule(self.desk)
            yield ColumnRule(self.desk)
            yield self.detail
        yield self.filter
        yield self.answer

    @property
    def chosen(self) -> TradeClosed | None:
        """The trade under the cursor."""
        return next((one for one in self.trades if one.trade_id == self.trade_id), None)

    # --- painting ------------------------------------------------------------------------------------------------------

    def restyle(self) -> None:
        super().restyle()
        self._drawn = ()

    def flush(self) -> None:
        """Nothing here ages: it is painted when a trade ended, or when the operator did something."""
        history, looks = self.desk.store.trading.history, (LOOKS.private, LOOKS.times)
        if history is not self._history:
            self._history = history
            self._told += 1
        seen = (self._told, self.desk.store.universe_version, self.text, self.in_r, self.trade_id, looks, self._sizes())
        if seen != self._painted:
            self._painted = seen
            self._paint_all(history)
            self._painted = (*seen[:4], self.trade_id, *seen[5:])

    def _paint_all(self, history: TradeHistory | None) -> None:
        told = history.trades if history is not None else ()
        if self._listed != (self._told, self.text):
            self._listed = (self._told, self.text)
            self.trades = [one for one in reversed(told) if matches(one, self.text)]
        self._keep_cursor()
        self.set_class(not told, "-no-trades")
        if history is None or not told:
            self._paint_empty(history)
            return
        glyphs = self.desk.glyphs
        self.summary.put(summary_lines(history, glyphs, *self.summary.size))
        drawn = (self._told, self.in_r, LOOKS.private, LOOKS.times, self.curve.size)
        if drawn != self._drawn:
            self._drawn = drawn
            self.curve.put(self._curve(history))
        chosen = self.chosen
        place = self.trades.index(chosen) if chosen is not None else 0
        lines = self._rows.lines(self.trades, self.table.size.width, place, self.table.size.height)
        if not self.trades:
            lines.append([(f"   no trade matches {self.text!r}; Esc clears the filter", "dim")])
        self.table.put(lines, place + 1 if chosen is not None else -1)
        self.detail.put(detail_lines(self.desk, chosen, self.detail.size.width) if chosen is not None else [])
        self.answer.put([self._answer(chosen, len(told))])

    def _paint_empty(self, history: TradeHistory | None) -> None:
        desk = self.desk
        if history is None:
            words: tuple[str, ...] = (desk.store.engine.text if desk.store.engine is not None else desk.waiting,)
            self.summary.put([])
        else:
            key = desk.keymap.label(mode_action_id("orders")) or ":"
            words = tuple(one.format(key=key) for one in EMPTY)
            self.summary.put(summary_lines(history, desk.glyphs, *self.summary.size))
        width = self.table.size.width
        lines: list[Line] = [[], *(piece for one in words for piece in fold([(f"   {one}", "dim")], width, 3))]
        self.table.put(lines)
        self.answer.put([])

    def _curve(self, history: TradeHistory) -> list[Line]:
        """Of every trade that is told. Money of those before stands below the first; their R is not told."""
        trades, glyphs, size = history.trades, self.desk.glyphs, self.curve.size
        told = sum((one.result for one in trades), history.summary.result * 0)
        path = path_of(trades, in_r=self.in_r, before=0.0 if self.in_r else float(history.summary.result - told))
        decimals = 0 if max(abs(level) for level in path) >= NO_CENTS_FROM else 2

        def label(value: float) -> str:
            return axis_label(decimals, in_r=self.in_r, glyphs=glyphs, value=value)

        newest = f"newest {len(trades)}: " if len(trades) < history.summary.trades else ""
        dates = (newest + log_time_text(trades[0].closed_ms, 0), log_time_text(trades[-1].closed_ms, 0))
        return curve_lines(path, dates, label, glyphs, *size)

    def _answer(self, chosen: TradeClosed | None, total: int) -> Line:
        if self.text and self.trades:
            return [(f" {matched_words(self.trades, total, self.text, self.desk.glyphs)}", "accent")]
        return argument(self.desk, chosen) if chosen is not None else []

    def _keep_cursor(self) -> None:
        """On its own trade; when that is not listed any more, or nothing was chosen yet, on the newest."""
        if not self._touched or self.chosen is None:
            self.trade_id = self.trades[0].trade_id if self.trades else ""

    # --- moving --------------------------------------------------------------------------------------------------------

    def _move(self, step: int) -> None:
        chosen = self.chosen
        if chosen is not None:
            self._touched = True
            place = self.trades.index(chosen) + step
            self.trade_id = self.trades[max(0, min(place, len(self.trades) - 1))].trade_id
        self._acted()

    def _page(self) -> int:
        return max(1, self.table.size.height - 2)

    def _farthest(self) -> int:
        return len(self.trades)

    def act_top(self) -> None:
        super().act_top()
        self._touched = False  # to the newest, and on the newest from here on

    # --- acting --------------------------------------------------------------------------------------------------------

    def act_unit(self) -> None:
        self.in_r = not self.in_r
        self._acted()

    async def act_open(self) -> None:
        from tui.screens.history_detail import HistoryDetailScreen

        chosen = self.chosen
        if chosen is None:
            self.desk.say("no trade is listed")
        else:
            await self.app.push_screen(HistoryDetailScreen(self.desk, chosen))

    async def act_symbol(self) -> None:
        chosen = self.chosen
        if chosen is None:
            self.desk.say("no trade is listed")
        else:
            await self._to_watchlist(chosen.symbol)
