"""Mode 1, the watchlist: every watched market on one line, calm while prices move."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from core.messages import Analyse, EditSetting, PinSymbol, UndoSetting
from core.settings import GROUPS
from tui.actions import Action, Danger
from tui.desk import Desk
from tui.screens.base import DeskScreen
from tui.screens.columns_actions import COLUMNS_ACTIONS
from tui.screens.kept_sort import KeptSort, Sort
from tui.widgets.argument import ArgumentLine
from tui.widgets.filter_line import FilterLine
from tui.widgets.group_line import SORT_TITLES, RunLine, left_runs, right_runs, with_alerts
from tui.widgets.market_columns import CHOICES, SORTS
from tui.widgets.market_order import ALERTS, SORT_WORDS, View, arrange_symbols, count_groups
from tui.widgets.market_table import MarketHeader, MarketTable
from tui.widgets.rule import Rule

CALM_S = 3.0
"""Rows stay where they are for this long after the operator did something."""
RESORT_S = 5.0
"""Rows change places at most this often by themselves."""
COUNT_S = 1.0
"""Counts and column widths are looked at this often."""

SCOPE = "watchlist"


def _action(verb: str, keys: str, title: str, sentence: str, **more: Any) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, **more)


def own_groups(desk: Desk) -> dict[str, str]:
    """The operator's groups as they stand: those of the start, with what was saved since. A text of nothing is a deletion."""
    own = dict(desk.settings.groups)
    own |= {key.partition(".")[2]: str(desk.setting(key)) for key in desk.edited if key.startswith("groups.")}
    return {name: members for name, members in own.items() if members}


def _changes(sort: Sort) -> dict[str, Any]:
    """What a view takes over from a sort: usually the largest comes first, and words go from A to Z."""
    return {"sort": sort.key, "reverse": (sort.key not in SORT_WORDS) != sort.turned}


class WatchlistScreen(DeskScreen):
    """Table, groups with counts, filter, and the selected symbol's argument."""

    SCOPE = SCOPE
    ACTIONS: ClassVar[tuple[Action, ...]] = (
        _action("open", "enter", "open", "Chart, readings, book and thresholds of the selected symbol.", footer=10),
        _action(
            "filter",
            "/",
            "find",
            "Show only markets that all of these words fit: symbol, asset, state, alert, detector or reason; Esc takes it back.",
            footer=20,
        ),
        _action("sort", "s,>", "sort", "Sort by the next column.", footer=30),
        _action("sort_back", "<", "sort back", "Sort by the column before."),
        _action("reverse", "S", "reverse", "Turn the order round."),
        _action("columns", "C", "columns", "Choose the columns and their order; the choice is remembered."),
        _action(
            "group_next",
            "right,l",
            "next group",
            "All, buy, sell, hold, alerts, stale, halted, your own: the next one.",
        ),
        _action(
            "group_previous",
            "left,h",
            "previous group",
            "All, buy, sell, hold, alerts, stale, halted, your own: the one before.",
        ),
        _action("analyse", "a", "analyse", "Ask for a recommendation on the selected symbol now."),
        _action(
            "close",
            "X",
            "close",
            "Close our position in the selected symbol, or a part of it; takes a typed word.",
            danger=Danger.IRREVERSIBLE,
        ),
        _action("pin", "p", "pin", "Always watch this symbol, or stop doing so; pinned ones carry a star."),
        _action("down", "down,j", "down", "One line down.", palette=False),
        _action("up", "up,k", "up", "One line up.", palette=False),
        _action("page_down", "pagedown,ctrl+f", "page down", "One page down.", palette=False),
        _action("page_up", "pageup,ctrl+b", "page up", "One page up.", palette=False),
        _action("top", "home,g", "top", "To the first line.", palette=False),
        _action("bottom", "end,G", "bottom", "To the last line.", palette=False),
        *(
            _action(f"sort_{key}", "", f"sort by {SORT_TITLES[key]}", f"Sort the list by {SORT_TITLES[key]}.")
            for key in SORTS
        ),
        *COLUMNS_ACTIONS,
    )
    GLOSSARY: ClassVar[tuple[tuple[str, str], ...]] = (
        *((column.title, column.about) for column in CHOICES),
        (
            "SMC, [SMC], [CLASSIC]",
            "Where a reason comes from: smart money concepts, or indicators and patterns (WHY: no tag).",
        ),
        ("SMC ↑ CLASSIC ↓", "How each group leans; the number is its log-odds, and all of them add up to the score."),
        ("gate", "Factor on every vote while a market is too quiet or too wild for them."),
        ("majors, ...", "Your own groups, from `[groups]` in the settings."),
        ("≈", "Stale: a channel has been silent for longer than it ever is; the numbers are old."),
        ("✗", "Halted: the venue does not let the symbol trade."),
        ("*", "Pinned: always watched."),
        ("SANDBOX, LIVE DATA", "Where the prices come from: an invented market, or a real venue."),
        ("12:34:56Z, +02", "Times are UTC, or local with their offset, by `screen.times`."),
        ("PRIVATE", "Your own amounts of money are hidden; H shows them again."),
        ("PAPER", "No real money: nothing here can send a real order."),
        ("decide", "The timeframe whose closed bars decide the state."),
        ("lat", "Now minus the time the venue wrote on its newest message, on the venue's clock."),
        ("recon, lag, drop", "Reconnects so far; how late the program's loop runs; pictures a slow terminal missed."),
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        desk.store.pinned.update(desk.settings.market.pinned)
        self.kept = KeptSort(desk)
        self.view = View(**_changes(self.kept.in_force()))
        self.table = MarketTable(desk)
        desk.listed = lambda: (self.table.symbols, self.table.cursor)
        self.table.chosen = desk.setting("screen.columns")
        self._columns = self.table.chosen
        self._own = dict(desk.settings.groups)
        self.header = MarketHeader(desk, self.table, self.view)
        self.groups = RunLine(desk, "group-line")
        self.argument = ArgumentLine(desk)
        self.filter = FilterLine("words: symbol, asset, state, detector or reason, such as  eth buy  or  bos")
        self._seen_universe = -1
        self._ordered_s = self._counted_s = self._acted_s = float("-inf")
        for key in SORTS:
            setattr(self, f"act_sort_{key}", partial(self.sort_by, key))

    def compose_body(self) -> Iterable[Widget]:
        yield self.groups
        yield self.header
        yield self.table
        yield Rule(self.desk)
        yield self.filter
        yield self.argument

    def on_mount(self) -> None:
        self.table.focus()

    def restyle(self) -> None:
        self.table.forget()

    # --- painting ------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        self._follow_settings()
        store, now_s = self.desk.store, self.desk.clock.monotonic()
        new_rows = store.universe_version != self._seen_universe
        calm = now_s - self._acted_s < CALM_S
        if new_rows or (now_s - self._ordered_s >= RESORT_S and not calm):
            self._seen_universe = store.universe_version
            self._order(hold=True)
        if new_rows or now_s - self._counted_s >= COUNT_S:
            self._counted_s = now_s
            self.table.rearrange()
            self._tell()
        self.header.flush()
        self.table.flush()
        self.argument.show_symbol(self.table.cursor)

    def _follow_settings(self) -> None:
        """Sort, columns and groups that were edited elsewhere, taken back or saved in the file."""
        desk = self.desk
        sort = self.kept.follow()
        if sort is not None:
            self._change_view(**_changes(sort))
        columns = desk.setting("screen.columns")
        if columns != self._columns:
            self._columns = columns
            self.table.show_columns(columns)
        own = own_groups(desk)
        if own != self._own:
            self._own = own
            self._change_view(group=self.view.group if self.view.group in (*GROUPS, *own) else "all")

    def _order(self, hold: bool = False) -> None:
        self._ordered_s = self.desk.clock.monotonic()
        symbols = arrange_symbols(self.desk.store, self.view, self.desk.clock.now_ms(), self._own)
        self.table.put_order(symbols, hold)

    def _tell(self) -> None:
        store = self.desk.store
        counts, shown = count_groups(store, self.desk.clock.now_ms(), self._own), len(self.table.symbols)
        right = right_runs(self.view, shown, counts["all"], self._note(), self.desk.glyphs)
        filtered = sum(len(text) for text, _ in right[-3:]) if self.view.text else 0
        width = self.groups.size.width
        left = left_runs(self.view, counts, width - filtered - 1, self.desk.glyphs.ellipsis)
        self.groups.show(left, with_alerts(left, right, counts[ALERTS], width))
        self.table.say_empty(self._empty_words())

    def _note(self) -> tuple[str, str]:
        """What P means: on the first days there are no outcomes to calibrate it with."""
        guessed = any(row.confluence and not row.confluence.calibrated for row in self.desk.store.rows.values())
        return ("P uncalibrated", "dim") if guessed else ("", "dim")

    def _empty_words(self) -> str:
        store = self.desk.store
        if store.universe:
            return f"no symbol in group {self.view.group}" + (
                f" matches {self.view.text!r}; Esc clears the filter" if self.view.text else ""
            )
        return store.engine.text if store.engine is not None else "waiting for the engine"

    # --- acting --------------------------------------------------------------------------------------------------------

    def _acted(self) -> None:
        self._acted_s = self.desk.clock.monotonic()

    def _change_view(self, **changes: Any) -> None:
        """Another group, filter or order: shown at once, because the operator asked for it."""
        self.view = replace(self.view, **changes)
        self._acted()
        self._order()
        self.header.show(self.view)
        self._tell()
        self.argument.show_symbol(self.table.cursor)

    def _move(self, line: Callable[[], int]) -> None:
        self._acted()
        self.table.move_cursor(line())
        self.argument.show_symbol(self.table.cursor)

    def act_down(self) -> None:
        self._move(lambda: self.table.cursor_line + 1)

    def act_up(self) -> None:
        self._move(lambda: self.table.cursor_line - 1)

    def act_page_down(self) -> None:
        self._move(lambda: self.table.cursor_line + self.table.page)

    def act_page_up(self) -> None:
        self._move(lambda: self.table.cursor_line - self.table.page)

    def act_top(self) -> None:
        self._move(lambda: 0)

    def act_bottom(self) -> None:
        self._move(lambda: len(self.table.symbols) - 1)

    def act_sort(self) -> None:
        self._sort_step(1)

    def act_sort_back(self) -> None:
        self._sort_step(-1)

    def _sort_step(self, step: int) -> None:
        """Along the columns on screen."""
        shown = list(dict.fromkeys(column.key for column in self.table.arrangement.columns if column.sortable))
        place = shown.index(self.view.sort) + step if self.view.sort in shown else 0
        self.sort_by(shown[place % len(shown)])

    def sort_by(self, key: str) -> None:
        """Sort by this value, largest first; words from A to Z."""
        self._sort(Sort(key, turned=False))

    def act_reverse(self) -> None:
        self._sort(Sort(self.view.sort, turned=self.view.reverse == (self.view.sort not in SORT_WORDS)))

    def _sort(self, sort: Sort) -> None:
        self._change_view(**_changes(sort))
        self.kept.choose(sort)

    def act_undo(self) -> None:
        """A sort that has not been kept yet is the newest change: it is the one taken back."""
        self.kept.keep()
        self.desk.bus.publish(UndoSetting())

    def on_screen_suspend(self) -> None:
        """Another screen comes to the front: the sort has been chosen."""
        self.kept.keep()

    def on_unmount(self) -> None:
        self.kept.keep()

    def act_group_next(self) -> None:
        self._group_step(1)

    def act_group_previous(self) -> None:
        self._group_step(-1)

    def _group_step(self, step: int) -> None:
        groups = (*GROUPS, *self._own)
        self._change_view(group=groups[(groups.index(self.view.group) + step) % len(groups)])

    def act_columns(self) -> None:
        self._acted()
        from tui.screens.columns import ColumnsScreen

        self.app.push_screen(ColumnsScreen(self.desk, self.table.chosen, self.table.arrangement), self._use_columns)

    def _use_columns(self, chosen: tuple[str, ...] | None) -> None:
        """Shown at once, and asked of the engine so that they are kept."""
        if chosen is None or chosen == self.table.chosen:
            return
        self.table.show_columns(chosen)
        self.desk.bus.publish(EditSetting(key="screen.columns", value=", ".join(chosen)))

    def act_pin(self) -> None:
        symbol, pinned = self.table.cursor, self.desk.store.pinned
        if not symbol:
            return
        self._acted()
        pin = symbol not in pinned
        (pinned.add if pin else pinned.discard)(symbol)
        self.desk.store.row(symbol).urgent += 1
        self.desk.bus.publish(PinSymbol(symbol=symbol, pinned=pin))
        self.desk.say(f"{symbol} {'pinned: always watched' if pin else 'no longer pinned'}")

    def act_analyse(self) -> None:
        symbol = self.table.cursor
        if symbol:
            self._acted()
            self.desk.bus.publish(Analyse(symbol=symbol))
            self.desk.say(f"{symbol}: asked for a recommendation")

    async def act_close(self) -> None:
        from tui.screens.orders_commands import ask_to_close

        self._acted()
        await ask_to_close(self.app, self.desk, self.table.cursor)
        self._tick()

    def symbol_chosen(self) -> str:
        return self.table.cursor

    async def act_open(self) -> None:
        """The selected symbol on the confluence screen."""
        if self.table.cursor not in self.desk.store.rows:
            return
        self._acted()
        opening: Any = self.app
        await opening.show_mode("confluence")
        opening.screen.show_symbol(self.table.cursor)

    def show_symbol(self, symbol: str) -> None:
        """Put the cursor on a symbol; group and filter give way when they hide it."""
        if not self.table.select(symbol):
            self._change_view(group="all", text="")
            if not self.table.select(symbol):
                self.desk.say(f"{symbol} is not watched now; p pins a symbol", "warning")
        self._acted()
        self.argument.show_symbol(self.table.cursor)

    # --- filter --------------------------------------------------------------------------------------------------------

    def act_filter(self) -> None:
        self.argument.display = False
        self.filter.open(self.view.text)

    def _close_filter(self) -> None:
        self.filter.close()
        self.argument.display = True
        self.set_focus(self.table)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.filter.is_open:
            self._change_view(text=event.value.strip())

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_filter()

    def act_back(self) -> None:
        if self.filter.is_open:
            before = self.filter.before
            self._close_filter()
            self._change_view(text=before)
        elif self.view.text:
            self._change_view(text="")
        elif self.view.group != "all":
            self._change_view(group="all")
        else:
            super().act_back()
