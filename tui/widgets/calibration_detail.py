"""The chosen asset in four parts: its thresholds, the verdict with every check, trades and folds, and the track record."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container

from tui.desk import Desk
from tui.screening_store import ScreenedRow
from tui.widgets.calibration_asset import is_running, never_words, running_line
from tui.widgets.calibration_report import (
    NAME,
    TRADES_TITLES,
    fold_lines,
    fold_parameter_lines,
    heading,
    history_lines,
    trades_lines,
    verdict_lines,
)
from tui.widgets.calibration_thresholds import CalibrationThresholds
from tui.widgets.calibration_words import is_taken, span
from tui.widgets.line_panel import Line, LinePanel, fold
from tui.widgets.reliability import record_lines
from tui.widgets.rule import ColumnRule

PARTS = ("thresholds", "verdict", "trades", "reliability")
HISTORY_MOST = 12
"""Lines of the event log shown at most."""


class CalibrationDetail(Container):
    """Side by side where there is room; which part is shown alone where there is none is the style sheet's doing."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="calibration-detail")
        self._desk = desk
        self.thresholds = CalibrationThresholds(desk)
        self.trades = LinePanel(desk, "calibration-trades")
        self.verdict = LinePanel(desk, "calibration-verdict")
        self.reliability = LinePanel(desk, "calibration-reliability")
        self.panels = (self.thresholds.list, self.trades, self.verdict, self.reliability)
        self._symbol = ""
        self._scrolled = dict.fromkeys(PARTS, 0)

    def compose(self) -> ComposeResult:
        with Container(id="calibration-left"):
            yield self.thresholds
            yield self.trades
        yield ColumnRule(self._desk)
        with Container(id="calibration-right"):
            yield self.verdict
            yield ColumnRule(self._desk)
            yield self.reliability

    def show(self, symbol: str, row: ScreenedRow, part: str, enlarged: bool) -> None:
        """This asset; the keys act on `part`, and `enlarged` there is the whole screen for it."""
        if symbol != self._symbol:
            self._symbol, self._scrolled = symbol, dict.fromkeys(PARTS, 0)
        self.thresholds.show(symbol, row, part == "thresholds")
        self._put("verdict", self.verdict, self._verdict_lines(row, part == "verdict", enlarged))
        self._put("trades", self.trades, self._trades_lines(row, part == "trades", enlarged))
        known, size = self._desk.store.screening, self.reliability.size
        lines = record_lines(known, symbol, part == "reliability", self._desk.glyphs, size.width, size.height)
        self.reliability.put(lines)

    def move(self, part: str, step: int) -> None:
        """Another threshold, or other lines of the part."""
        if part == "thresholds":
            self.thresholds.move(step)
        else:
            self._scrolled[part] = max(0, self._scrolled[part] + step)

    def _put(self, part: str, panel: LinePanel, lines: list[Line]) -> None:
        """Show a part from where it was scrolled to; its heading stays."""
        top = self._scrolled[part] = min(self._scrolled[part], max(0, len(lines) - panel.size.height))
        panel.put([*lines[:1], *lines[1 + top :]])

    def _verdict_lines(self, row: ScreenedRow, chosen: bool, enlarged: bool) -> list[Line]:
        desk, report, size = self._desk, row.report, self.verdict.size
        when = ""
        if report is not None:
            when = f"{report.timeframe}, {span((desk.clock.now_ms() - report.at_ms) / 1000, 1)} ago"
        lines = [heading("VERDICT", chosen, when)]
        lines += fold(running_line(desk, row), size.width, 1) if is_running(row) else []
        never = never_words(desk, row) if self._symbol else ""
        lines += verdict_lines(report, desk.glyphs, size.width, never, chosen or enlarged)
        return lines + self._history_lines() if chosen or len(lines) + 3 <= size.height else lines

    def _trades_lines(self, row: ScreenedRow, chosen: bool, enlarged: bool) -> list[Line]:
        report, glyphs, width = row.report, self._desk.glyphs, self.trades.size.width
        if report is None:
            return [heading("TRADES", chosen, "none yet")]
        lines = [heading("TRADES", chosen, TRADES_TITLES, NAME), *trades_lines(report, is_taken(row), glyphs, width)]
        folds = fold_lines(report.fold_table, glyphs, width)
        lines += [[], *folds] if folds else []
        if chosen or enlarged:
            lines += fold_parameter_lines(report.fold_table, self._desk.store.screening.catalogue, glyphs, width)
        return lines

    def _history_lines(self) -> list[Line]:
        """Verdicts, failures and edits of the asset as the event log tells them."""
        desk = self._desk
        told = history_lines(reversed(desk.store.events), self._symbol, desk.clock.now_ms(), HISTORY_MOST)
        return [[], heading("HISTORY", False), *told] if self._symbol and told else []
