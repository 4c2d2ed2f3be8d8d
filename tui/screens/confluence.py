"""Mode 2, one market in full: the chart with what was found on it, every reading, the argument, book, tape, thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.containers import Container
from textual.widget import Widget

from core.messages import Analyse, Focus, UndoSetting
from tui.desk import Desk
from tui.screens.base import DeskScreen
from tui.screens.confluence_actions import ACTIONS, GLOSSARY, SCOPE
from tui.widgets.candles import CandleChart
from tui.widgets.chart_paint import LAYERS
from tui.widgets.gauge import gauge_lines
from tui.widgets.ladder import ladder_lines
from tui.widgets.line_panel import LinePanel
from tui.widgets.pair_line import facts_line, pair_line
from tui.widgets.readings import Entry, reading_table, reading_words
from tui.widgets.reasons import reason_lines
from tui.widgets.recommendation import recommendation_lines, summary_lines, summary_words
from tui.widgets.rule import ColumnRule, Rule
from tui.widgets.sight import Sight, deciding_timeframe, look
from tui.widgets.tape_list import tape_lines
from tui.widgets.threshold_line import ThresholdPanel

PANELS = ("readings", "thresholds", "flow", "recommendation")
"""What Tab goes through."""
FLOW_S = 0.5
"""Book and tape follow at most this often."""
PAN_BARS = 5


class ConfluenceScreen(DeskScreen):
    """One symbol on one timeframe: shown when a row is opened, or for the row under the watchlist's cursor."""

    SCOPE = SCOPE
    CSS_PATH = Path(__file__).parents[1] / "css" / "confluence.tcss"
    ACTIONS: ClassVar = ACTIONS
    GLOSSARY: ClassVar = GLOSSARY

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.symbol = ""
        self.timeframe = ""
        self.panel = PANELS[0]
        self.expanded = False
        self.detector = ""
        """The reading under the cursor."""
        self.pair = LinePanel(desk, "pair")
        self.pair_facts = LinePanel(desk, "pair-facts")
        self.chart = CandleChart(desk, id="candles")
        self.ladder = LinePanel(desk, "ladder")
        self.tape = LinePanel(desk, "tape")
        self.gauge = LinePanel(desk, "gauge")
        self.readings = LinePanel(desk, "readings", head=1)
        self.words = LinePanel(desk, "reading-words")
        self.reasons = LinePanel(desk, "reasons")
        self.thresholds = ThresholdPanel(desk)
        self.advice = LinePanel(desk, "advice")
        self.recommendation = LinePanel(desk, "recommendation")
        self._panels = (self.pair, self.pair_facts, self.ladder, self.tape, self.gauge, self.readings, self.words,
                        self.reasons, self.thresholds.list, self.thresholds.answer, self.advice, self.recommendation)  # fmt: skip
        self._entries: list[Entry] = []
        self._tape_back = self._layers = self._read_from = 0
        self._taken = ""
        self._focused = ("", "")
        self._painted: tuple[Any, ...] = ()
        self._painted_s = self._flow_s = float("-inf")

    def compose_body(self) -> Iterable[Widget]:
        yield self.pair
        yield self.pair_facts
        yield Rule(self.desk)
        with Container(id="confluence-body"):
            with Container(id="market-side"):
                yield self.chart
                with Container(id="flow"):
                    yield self.ladder
                    yield self.tape
            yield ColumnRule(self.desk)
            with Container(id="argument-side"):
                yield self.gauge
                yield self.readings
                yield self.words
                yield Rule(self.desk)
                yield self.reasons
                yield Rule(self.desk)
                yield self.thresholds
                yield Rule(self.desk)
                yield self.advice
                yield self.recommendation

    # --- what is looked at ---------------------------------------------------------------------------------------------

    def show_symbol(self, symbol: str) -> None:
        """Turn to this symbol, on the timeframe that decides."""
        self._taken = symbol
        self._turn(symbol, deciding_timeframe(self.desk))

    def symbol_chosen(self) -> str:
        return self.symbol

    def _turn(self, symbol: str, timeframe: str) -> None:
        """Look at this symbol and timeframe from now on, and tell the engine."""
        if self.thresholds.is_open:
            self.thresholds.close()
        if (symbol, timeframe) != (self.symbol, self.timeframe):
            self.symbol, self.timeframe, self._tape_back, self._read_from = symbol, timeframe, 0, 0
            self.chart.reset_view()
        self.desk.store.look_at(symbol, timeframe)
        if symbol and self._focused != (symbol, timeframe):
            self._focused = (symbol, timeframe)
            self.desk.bus.publish(Focus(symbol=symbol, timeframe=timeframe))
        self._forget_pace()
        self.call_after_refresh(self._tick)

    def on_screen_resume(self) -> None:
        """The mode was chosen, or a panel over it was closed."""
        self._adopt()

    def _adopt(self) -> None:
        """Look at the row under the watchlist's cursor when that is another one than the last time it was asked."""
        symbols, cursor = self.desk.listed()
        if cursor and cursor != self._taken:
            self.show_symbol(cursor)
        elif not self.symbol and (symbols or self.desk.store.universe):
            self.show_symbol((symbols or self.desk.store.universe)[0])
        elif self.symbol:
            self._turn(self.symbol, self.timeframe)

    def on_screen_suspend(self) -> None:
        """Another mode is shown: the engine need not keep chart, book and tape for us. A modal changes nothing."""
        if self.app.current_mode != SCOPE and self._focused != ("", ""):
            self._focused = ("", "")
            self.desk.bus.publish(Focus(symbol=""))

    # --- painting ------------------------------------------------------------------------------------------------------

    def restyle(self) -> None:
        for panel in self._panels:
            panel.forget()
        self.chart.forget()

    def _forget_pace(self) -> None:
        """What the operator did shows at the next flush, not at the next turn of the slow parts."""
        self._painted_s = self._flow_s = float("-inf")

    def flush(self) -> None:
        if not self.symbol:
            self._adopt()
        sight = look(self.desk, self.symbol, self.timeframe)
        if sight is None:
            self._paint_nothing()
            return
        now_s = self.desk.clock.monotonic()
        looked = sight.looked
        sizes = (
            self.readings.size,
            self.reasons.size,
            self.ladder.size,
            self.thresholds.size,
            self.recommendation.size,
        )
        versions = (sight.row.urgent, looked.version, sight.screened.version, len(self.desk.edited))
        seen = (sight.view, sight.decision, versions, sizes)
        if now_s - self._painted_s >= self.desk.pump.row_repaint_s or not _same(seen, self._painted):
            self._painted, self._painted_s, self._flow_s = seen, now_s, float("-inf")
            self._paint_argument(sight)
        if now_s - self._flow_s >= FLOW_S:
            self._flow_s = now_s
            self._paint_flow(sight)
        self.chart.say_empty(sight.waiting or f"waiting for the {self.timeframe} chart")
        self.chart.flush()

    def _paint_nothing(self) -> None:
        """There is no symbol, or it is watched no longer."""
        store = self.desk.store
        words = f"{self.symbol} is no longer watched; n shows the next symbol, p in the watchlist pins one"
        if not self.symbol:
            words = store.engine.text if store.engine is not None else self.desk.waiting
        for panel in self._panels:
            panel.put([[(f" {words}", "dim")]] if panel is self.pair else [])
        self.chart.say_empty(words)
        self.chart.flush()

    def _paint_argument(self, sight: Sight) -> None:
        glyphs = self.desk.glyphs
        self.pair.put([pair_line(sight, self._timeframes(), glyphs, self.pair.size.width)])
        self.pair_facts.put([facts_line(sight, glyphs, self.pair_facts.size.width)])
        self.gauge.put(gauge_lines(sight.view, glyphs, self.gauge.size.width, self.gauge.size.height))
        size = self.readings.size
        table = reading_table(sight, glyphs, size.width, size.height, self.expanded)
        self._entries = table.entries
        self._settle_cursor()
        line = next((i for i, entry in enumerate(self._entries) if entry.detector == self.detector), -1)
        lines = [entry.line for entry in self._entries]
        self.readings.put(lines, line if self.detector and self.panel == "readings" else -1, table.foot)
        words = reading_words(sight, self.detector, glyphs, self.words.size.width) if self.detector else ()
        self.words.put(list(words))
        brief = summary_words(sight, glyphs) if not self.advice.size.height else None
        self.reasons.put(reason_lines(sight, glyphs, self.reasons.size.width, self.reasons.size.height, brief))
        self._paint_recommendation(sight)
        self.thresholds.show(self.detector, sight.view, self.panel == "thresholds")

    def _paint_recommendation(self, sight: Sight) -> None:
        """In full while it is in hand, else its beginning where there is room."""
        glyphs, label, size = self.desk.glyphs, self.desk.keymap.label, self.recommendation.size
        if self.panel == "recommendation" and size.height:
            lines = recommendation_lines(sight, glyphs, size.width, label("confluence.analyse"))
            self._read_from = max(0, min(self._read_from, len(lines) - size.height + 1))
            below = len(lines) - self._read_from - size.height + 1
            more = f" {below} more lines" if below > 0 else " the end"
            keys = (
                f"{label('confluence.down')} {label('confluence.up')} scroll, {label('confluence.analyse')} asks anew"
            )
            shown = [*lines[self._read_from :], [(f"{more}: {keys}", "dim")]]
            self.recommendation.put(shown if len(lines) > size.height else lines, foot=1)
        elif self.advice.size.height:
            size = self.advice.size
            self.advice.put(summary_lines(sight, glyphs, size.width, size.height, label("confluence.recommendation")))

    def _paint_flow(self, sight: Sight) -> None:
        glyphs, ladder, tape = self.desk.glyphs, self.ladder.size, self.tape.size
        if ladder.height:
            self.ladder.put(ladder_lines(sight, glyphs, ladder.width, ladder.height))
            self.tape.put(tape_lines(sight, glyphs, tape.width, tape.height, self._tape_back, self.panel == "flow"))

    def _settle_cursor(self) -> None:
        """The cursor stays on its detector; when that is not listed, it goes to the first that is."""
        known = [entry.detector for entry in self._entries if entry.detector]
        if self.detector not in known:
            self.detector = known[0] if known else ""

    # --- acting --------------------------------------------------------------------------------------------------------

    def _timeframes(self) -> Sequence[str]:
        names: Sequence[str] = self.desk.setting("market.timeframes")
        return names

    def _step_timeframe(self, step: int) -> None:
        names = list(self._timeframes())
        place = names.index(self.timeframe) if self.timeframe in names else 0
        self._turn(self.symbol, names[(place + step) % len(names)])

    def act_timeframe(self) -> None:
        self._step_timeframe(1)

    def act_timeframe_back(self) -> None:
        self._step_timeframe(-1)

    def _step_symbol(self, step: int) -> None:
        listed, _ = self.desk.listed()
        symbols = list(listed or self.desk.store.universe)
        if not symbols:
            self._say("no symbols yet")
            return
        place = symbols.index(self.symbol) + step if self.symbol in symbols else 0
        self._turn(symbols[place % len(symbols)], self.timeframe or deciding_timeframe(self.desk))

    def act_next(self) -> None:
        self._step_symbol(1)

    def act_previous(self) -> None:
        self._step_symbol(-1)

    def _choose_panel(self, panel: str) -> None:
        if self.thresholds.is_open:
            self.thresholds.close()
        self.panel, self._tape_back, self._read_from = panel, 0, 0
        for name in PANELS:
            self.set_class(name == panel, f"-panel-{name}")
        self._forget_pace()
        self.call_after_refresh(self._tick)

    def act_panel(self) -> None:
        self._choose_panel(PANELS[(PANELS.index(self.panel) + 1) % len(PANELS)])

    def act_panel_back(self) -> None:
        self._choose_panel(PANELS[PANELS.index(self.panel) - 1])

    async def act_close(self) -> None:
        from tui.screens.orders_commands import ask_to_close

        await ask_to_close(self.app, self.desk, self.symbol)
        self._tick()

    def act_expand(self) -> None:
        self.expanded = not self.expanded
        self.set_class(self.expanded, "-expanded")
        self._choose_panel("readings")

    def act_edit(self) -> None:
        self._choose_panel("thresholds")

    def act_recommendation(self) -> None:
        self._choose_panel("recommendation" if self.panel != "recommendation" else "readings")

    def act_analyse(self) -> None:
        if self.symbol:
            self.desk.bus.publish(Analyse(symbol=self.symbol))
            self._say(f"{self.symbol}: asked for a recommendation")

    def act_open(self) -> None:
        if self.panel == "thresholds":
            self.thresholds.open()
        elif self.panel == "readings":
            if self.thresholds.choose_own():
                self._choose_panel("thresholds")
            else:
                self._say(f"{self.detector or 'this line'} has no threshold of its own; e edits enter and exit")
        else:
            self._choose_panel("readings")

    def _say(self, text: str) -> None:
        self.desk.say(text)
        self._tick()

    def act_undo(self) -> None:
        self.desk.bus.publish(UndoSetting())

    def _move(self, step: int) -> None:
        if self.panel == "thresholds":
            self.thresholds.move(step)
            return
        if self.panel == "flow":
            self._tape_back = max(0, self._tape_back + step)
        elif self.panel == "recommendation":
            self._read_from = max(0, self._read_from + step)
        else:
            known = [entry.detector for entry in self._entries if entry.detector]
            if known:
                place = known.index(self.detector) if self.detector in known else 0
                self.detector = known[max(0, min(place + step, len(known) - 1))]
        self._forget_pace()
        self._tick()

    def act_down(self) -> None:
        self._move(1)

    def act_up(self) -> None:
        self._move(-1)

    @property
    def _page(self) -> int:
        """Lines of one page of the panel in hand; one of the recommendation's is its foot."""
        if self.panel == "recommendation":
            return max(1, self.recommendation.size.height - 2)
        return max(1, self.readings.size.height - 1)

    def act_page_down(self) -> None:
        self._move(self._page)

    def act_page_up(self) -> None:
        self._move(-self._page)

    def act_older(self) -> None:
        self.chart.pan(-PAN_BARS)

    def act_newer(self) -> None:
        self.chart.pan(PAN_BARS)

    def act_zoom_in(self) -> None:
        self.chart.zoom(1)

    def act_zoom_out(self) -> None:
        self.chart.zoom(-1)

    def act_reset(self) -> None:
        self.chart.reset_view()

    def act_layers(self) -> None:
        """Everything, then one kind at a time, then bare candles, and round again."""
        self._layers = (self._layers + 1) % (len(LAYERS) + 2)
        place = self._layers
        wanted = frozenset(LAYERS[place - 1 : place] if place else LAYERS)
        for layer in wanted ^ self.chart.shown_layers:
            self.chart.toggle(layer)
        names = "everything" if self._layers == 0 else ", ".join(wanted) or "candles only"
        self._say(f"chart: {names}")

    def act_back(self) -> None:
        if self.thresholds.is_open:
            self.thresholds.close()
        elif self.panel != "readings":
            self._choose_panel("readings")
        elif self.expanded:
            self.act_expand()
        else:
            self.call_later(self._leave)

    async def _leave(self) -> None:
        """Back to the watchlist, its cursor on the symbol looked at when the list shows it."""
        home: Any = self.app
        listed, _ = self.desk.listed()
        if self.symbol in listed:
            self._taken = self.symbol
            await home.jump_to(self.symbol)
        else:
            await home.show_mode("watchlist")


def _same(new: tuple[Any, ...], old: tuple[Any, ...]) -> bool:
    """Whether these are the same objects or equal small values; messages are compared by identity, which is cheap."""
    return len(new) == len(old) and all(
        a is b or (isinstance(a, int | tuple) and a == b) for a, b in zip(new, old, strict=True)
    )
