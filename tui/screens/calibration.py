"""Mode 4, calibration: the queue at work, every asset with what was found for it, and the chosen one in detail."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.geometry import Size
from textual.widget import Widget

from tui.actions import Action
from tui.desk import Desk
from tui.screening_store import ScreenedRow
from tui.screens import calibration_commands as commands
from tui.screens.calibration_actions import ACTIONS, GLOSSARY, SCOPE
from tui.screens.calibration_commands import Command
from tui.screens.filtered import FilteredScreen
from tui.screens.line_cursor import LineCursor
from tui.widgets.calibration_asset import asset_runs, hint_line, part_runs, question
from tui.widgets.calibration_columns import Seen, arrange, asset_line, header_line
from tui.widgets.calibration_detail import PARTS as DETAIL_PARTS
from tui.widgets.calibration_detail import CalibrationDetail
from tui.widgets.calibration_order import arrange_assets
from tui.widgets.calibration_queue import queue_lines
from tui.widgets.event_state_line import EventStateLine
from tui.widgets.line_panel import Line, LinePanel, Run, fold
from tui.widgets.rule import Rule

PARTS = ("assets", *DETAIL_PARTS)
"""What Tab goes through; all but the first are parts of the chosen asset."""
CALM_S = 3.0
"""Rows stay where they are for this long after the operator did something."""
RESORT_S = 5.0
"""Rows change places at most this often by themselves."""
ARM_S = 0.3
"""The second `a` counts only after this time: a key held down must not confirm."""


class CalibrationScreen(LineCursor, FilteredScreen):
    """The cursor stays on its asset; Enter enlarges it, Tab goes through its parts."""

    SCOPE = SCOPE
    CSS_PATH = Path(__file__).parents[1] / "css" / "calibration.tcss"
    ACTIONS: ClassVar = ACTIONS
    GLOSSARY: ClassVar = GLOSSARY
    FILTER_WORDS = "words: symbol, class, source or verdict, such as  eth  or  kept luck"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.symbols: list[str] = []
        self.symbol = ""
        """The asset under the cursor."""
        self.part, self.page = PARTS[0], PARTS[1]
        """What the keys act on; the part of the asset shown where there is room for one."""
        self.enlarged = False
        self.queue = LinePanel(desk, "calibration-queue")
        self.table = LinePanel(desk, "calibration-table", head=1)
        self.title_line = EventStateLine(desk, "calibration-title")
        self.detail = CalibrationDetail(desk)
        self.thresholds = self.detail.thresholds
        self.answer = LinePanel(desk, "calibration-answer")
        self._panels = (self.queue, self.table, self.answer, *self.detail.panels)
        self._asking: tuple[str, float] | None = None
        self._taken = ""
        self._touched = False
        self._seen_universe = -1
        self._table_size = Size(0, 0)
        self._painted_s = self._ordered_s = self._acted_s = float("-inf")

    def compose_body(self) -> Iterable[Widget]:
        yield self.queue
        yield Rule(self.desk)
        yield self.table
        yield self.filter
        yield self.title_line
        yield self.detail
        yield self.answer

    def on_mount(self) -> None:
        self._show_part(PARTS[0])

    def on_screen_resume(self) -> None:
        """The mode was chosen: to the row under the watchlist's cursor when that is another one than the last time."""
        _, cursor = self.desk.listed()
        if cursor and cursor != self._taken:
            self._taken = cursor
            self.show_symbol(cursor)

    def symbol_chosen(self) -> str:
        return self.symbol

    def show_symbol(self, symbol: str) -> None:
        """Put the cursor on an asset; a filter that hides it gives way."""
        self._order()
        if symbol not in self.symbols and self.text:
            self.text = ""
            self._order()
        if symbol in self.symbols:
            self._choose(symbol)

    # --- painting ------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        store, now_s = self.desk.store, self.desk.clock.monotonic()
        new_rows = store.universe_version != self._seen_universe
        if new_rows or (now_s - self._ordered_s >= RESORT_S and now_s - self._acted_s >= CALM_S):
            self._seen_universe = store.universe_version
            self._order()
        known = store.screening
        row = known.row(self.symbol) if self.symbol else ScreenedRow()
        seen = (
            self.symbol, row.version, known.queue_version, known.record_version, store.events_version, store.notice_at_ms,
            self._sizes(), self.thresholds.typing,
        )  # fmt: skip
        if seen != self._painted or now_s - self._painted_s >= self.desk.pump.row_repaint_s:
            self._painted, self._painted_s = seen, now_s
            self._paint_all(row)

    def _order(self) -> None:
        """Sort anew; the cursor stays on its asset, or on its line when that left. Untouched it stays on the first."""
        before = self.symbols.index(self.symbol) if self.symbol in self.symbols else 0
        self._ordered_s = self.desk.clock.monotonic()
        self.symbols = arrange_assets(self.desk.store, self.text, self.desk.clock.now_ms())
        if not self.symbols:
            self.symbol = ""
        elif self.symbol not in self.symbols or not self._touched:
            self.symbol = self.symbols[min(before, len(self.symbols) - 1) if self._touched else 0]

    def _paint_all(self, row: ScreenedRow) -> None:
        desk, glyphs, now_ms = self.desk, self.desk.glyphs, self.desk.clock.now_ms()
        self.queue.put(queue_lines(desk, self.queue.size.width))
        self._paint_table()
        self.title_line.show(asset_runs(self.symbol, row, glyphs, now_ms), self._where())
        self.detail.show(self.symbol, row, self.part, self.enlarged)
        size = self.answer.size
        said = self._answer(row, size.width * size.height - size.width // 8 * (size.height - 1))
        self.answer.put(fold(said, size.width, 1) if size.height > 1 else [said])

    def _where(self) -> list[Run]:
        """At the right of the title: the parts where one is shown at a time, else the place in the list."""
        if self.has_class("-narrow"):
            return part_runs(PARTS[1:], self.page)
        total = len(self.desk.store.universe)
        place = self.symbols.index(self.symbol) + 1 if self.symbol in self.symbols else 0
        filtered = f" that match {self.text!r}, {total} in all" if self.text else ""
        return [(f"{place} of {len(self.symbols)}{filtered}", "dim")]

    def _paint_table(self) -> None:
        """Only the lines that can be in sight are made; the panel keeps the cursor among them."""
        desk, size, now_ms = self.desk, self.table.size, self.desk.clock.now_ms()
        if size != self._table_size:  # the first lines, unless the cursor is further down
            self._table_size, self.table.top = size, 0
        layout = arrange(size.width, max([8, *(len(symbol) for symbol in self.symbols)]))
        lines: list[Line] = [header_line(layout, desk.glyphs)]
        if not self.symbols:
            self.table.put([*lines, [(f"   {self._empty_words()}", "dim")]])
            return
        queue, place = desk.store.screening.queue, self.symbols.index(self.symbol)
        overall = queue.overall if queue is not None else "closed"
        for line, symbol in enumerate(self.symbols):
            if abs(line - place) > size.height:
                lines.append([])
                continue
            seen = Seen(symbol, desk.store.screening.row(symbol), now_ms, desk.glyphs, overall)
            lines.append(asset_line(seen, layout, line == place))
        self.table.put(lines, place + 1)

    def _empty_words(self) -> str:
        store = self.desk.store
        if store.universe:
            return f"no asset matches {self.text!r}; Esc clears the filter"
        return store.engine.text if store.engine is not None else self.desk.waiting

    def _answer(self, row: ScreenedRow, room: int) -> Line:
        """A question first, then what the thresholds have to say, then what can be done with this asset."""
        if self._asking is not None:
            return question(self.desk, self.symbol, row, room)
        return self.thresholds.answer(row) or hint_line(self.desk, self.symbol, row)

    # --- moving --------------------------------------------------------------------------------------------------------

    async def perform(self, action: Action) -> None:
        """Whatever else is done on this screen takes a question back."""
        if action.scope == SCOPE and action.id not in (f"{SCOPE}.accept", f"{SCOPE}.yes"):
            self._asking = None
        await super().perform(action)

    def _acted(self) -> None:
        self._acted_s = self.desk.clock.monotonic()
        super()._acted()

    def _choose(self, symbol: str) -> None:
        self._touched = True
        self.symbol = symbol
        self._acted()

    def _move(self, step: int) -> None:
        if self.part == "assets":
            if self.symbols:
                place = self.symbols.index(self.symbol) + step
                self._choose(self.symbols[max(0, min(place, len(self.symbols) - 1))])
        else:
            self.detail.move(self.part, step)
        self._acted()

    def _page(self) -> int:
        return max(1, self.table.size.height - 2)

    def _farthest(self) -> int:
        return len(self.desk.store.universe)

    def _show_part(self, part: str) -> None:
        if self.thresholds.is_open:
            self.thresholds.close()
        self.part = part
        self.page = part if part != PARTS[0] else self.page
        for name in PARTS[1:]:
            self.set_class(name == self.page, f"-part-{name}")
        self.call_after_refresh(self._acted)

    def act_part(self) -> None:
        self._show_part(PARTS[(PARTS.index(self.part) + 1) % len(PARTS)])

    def act_part_back(self) -> None:
        self._show_part(PARTS[PARTS.index(self.part) - 1])

    def _enlarge(self, enlarged: bool) -> None:
        self.enlarged = enlarged
        self.set_class(enlarged, "-detail")
        self.call_after_refresh(self._acted)

    def act_open(self) -> None:
        if self.part == "thresholds":
            self.act_edit()
        else:
            self._enlarge(not self.enlarged)

    def act_back(self) -> None:
        if self.thresholds.is_open:
            self.thresholds.close()
        elif self._asking is not None:
            self._asking = None
        elif self.filter.is_open:
            self._take_back()
        elif self.part != PARTS[0]:
            self._show_part(PARTS[0])
        elif self.enlarged:
            self._enlarge(False)
        elif self.text:
            self._filter("")
        else:
            super().act_back()
        self._acted()

    def _filter(self, text: str) -> None:
        self.text = text
        self._order()
        self._acted()

    # --- acting on the chosen asset --------------------------------------------------------------------------------------

    def _do(self, command: Command) -> None:
        """Carry out a command for the asset under the cursor."""
        if self.symbol:
            command(self.desk, self.symbol, self.desk.store.screening.row(self.symbol))
        else:
            self.desk.say("no asset is chosen: the list is empty", "warning")
        self._acted()

    def act_calibrate(self) -> None:
        self._do(commands.calibrate)

    def act_pause(self) -> None:
        self._do(commands.pause)

    def act_pause_all(self) -> None:
        commands.pause_all(self.desk)
        self._acted()

    def act_cancel(self) -> None:
        self._do(commands.cancel)

    def act_raise(self) -> None:
        self._do(commands.sooner)

    def act_lower(self) -> None:
        self._do(commands.later)

    def act_revert(self) -> None:
        self._do(commands.revert)

    def act_accept(self) -> None:
        """Asks once; the second time it is done."""
        now_s = self.desk.clock.monotonic()
        if self._asking is None:
            if self.symbol and commands.can_accept(self.desk, self.symbol, self.desk.store.screening.row(self.symbol)):
                self._asking = (self.symbol, now_s)
            self._acted()
        elif now_s - self._asking[1] >= ARM_S:
            self.act_yes()

    def act_yes(self) -> None:
        if self._asking is None:
            self.desk.say("nothing is being asked")
        else:
            commands.accept(self.desk, self._asking[0])
        self._asking = None
        self._acted()

    def act_edit(self) -> None:
        if self.part != "thresholds":
            self._show_part("thresholds")
        elif not self.thresholds.open():
            self.desk.say("no threshold to edit yet: they come with the engine", "warning")
        self._acted()
