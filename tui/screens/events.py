"""Mode 3, the event log: state changes, reconnects, faults and edits, newest last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from core.messages import Event
from tui.desk import Desk
from tui.screens.base import DeskScreen
from tui.screens.events_actions import ACTIONS, GLOSSARY, SCOPE
from tui.widgets.event_detail import EventDetail
from tui.widgets.event_filter import EVERYTHING, GROUP_NAMES, LEVELS, chosen, told
from tui.widgets.event_list import EventHeader, EventList
from tui.widgets.event_state_line import EventStateLine
from tui.widgets.filter_line import FilterLine
from tui.widgets.group_line import RunLine

REPAINT_S = 1.0
"""The log scrolls, so each repaint sends the whole panel: at most this often."""


class EventsScreen(DeskScreen):
    """Filter by kind, severity, symbol and words; Enter goes to the event's symbol.

    `/` filters while it is typed, as on the watchlist, and lights the words up. To see what happened around a find, go to
    it with the arrows and press Esc: the log stays where it is and its neighbours come back.
    """

    SCOPE = SCOPE
    ACTIONS: ClassVar = ACTIONS
    GLOSSARY: ClassVar = GLOSSARY

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.view = EVERYTHING
        self._set_in_order: list[str] = []
        self._order_before: list[str] = []
        self.list = EventList(desk)
        self.groups = RunLine(desk, "event-groups")
        self.state_line = EventStateLine(desk, "event-state")
        self.detail = EventDetail(desk)
        self.filter = FilterLine("symbol or words, such as  eth  or  429")
        self._counts = dict.fromkeys(GROUP_NAMES, 0)
        self._seen = -1
        self._painted_s = float("-inf")
        for name in GROUP_NAMES:
            setattr(self, f"act_kind_{name}", partial(self._show_only, group=name))

    def compose_body(self) -> Iterable[Widget]:
        yield self.groups
        yield EventHeader(self.desk)
        yield self.list
        yield self.state_line
        yield self.filter
        yield self.detail

    def on_mount(self) -> None:
        self.list.focus()

    def restyle(self) -> None:
        self.list.forget()

    def flush(self) -> None:
        now_s = self.desk.clock.monotonic()
        if self.desk.store.events_version == self._seen or now_s - self._painted_s < REPAINT_S:
            return
        self._seen, self._painted_s = self.desk.store.events_version, now_s
        self.list.put(self._chosen(), self._empty_words())
        self._tell()

    def _chosen(self) -> list[Event]:
        shown, self._counts = chosen(self.desk.store.events, self.view)
        return shown

    def _empty_words(self) -> str:
        if not self.desk.store.events:
            return "nothing has happened yet"
        return "no event matches; Esc takes the last filter back"

    def _tell(self) -> None:
        """The line of groups, the line of filters, and the selected event in full."""
        runs: list[tuple[str, str]] = []
        cells = {name: len(f" {name} {self._counts[name]} ") for name in GROUP_NAMES}
        empty = [name for name in GROUP_NAMES if not self._counts[name] and name != self.view.group]
        while empty and sum(cells.values()) > self.size.width:  # a kind without an event gives way, the last first
            del cells[empty.pop()]
        for name in cells:
            here, number = name == self.view.group, self._counts[name]
            runs.append(("[" if here else " ", "accent"))
            runs.append((name, "bright" if here else "dim"))
            runs.append((f" {number}", "text" if number else "dim"))
            runs.append(("]" if here else " ", "accent"))
        self.groups.show(runs, [])
        self.state_line.show(self._filter_runs(), self._follow_runs())
        self.detail.show_event(self.list.current)

    def _filter_runs(self) -> list[tuple[str, str]]:
        shown, total = len(self.list.events), len(self.desk.store.events)
        filters = told(self.view)
        if not filters:
            return [(f"{total:,} events", "dim")]
        runs = [(f"{shown:,} shown, {total - shown:,} hidden", "text")]
        for words in filters:
            runs += [(f" {self.desk.glyphs.separator} ", "dim"), (words, "accent")]
        return runs

    def _follow_runs(self) -> list[tuple[str, str]]:
        if self.list.following:
            return [("following", "dim")]
        key = self.desk.keymap.label(f"{SCOPE}.follow")
        unseen = f"{self.list.unseen:,} new {self.desk.glyphs.sort_down}" if self.list.unseen else "not following"
        return [(unseen, "accent" if self.list.unseen else "text"), (f"  {key} newest" if key else "", "dim")]

    @on(EventList.CursorMoved)
    def _tell_detail(self) -> None:
        self.detail.show_event(self.list.current)

    # --- acting --------------------------------------------------------------------------------------------------------

    def _show_only(self, **changes: Any) -> None:
        """Change the filters; each goes to the end of what Esc takes back."""
        self.view = replace(self.view, **changes)
        for name in changes:
            if name in self._set_in_order:
                self._set_in_order.remove(name)
            if getattr(self.view, name) != getattr(EVERYTHING, name):
                self._set_in_order.append(name)
        self.list.replace(self._chosen(), self.view.words, self._empty_words())
        self._tell()

    def _move(self, line: int) -> None:
        self.list.move_cursor(line)
        self._tell()

    def act_down(self) -> None:
        self._move(self.list.cursor + 1)

    def act_up(self) -> None:
        self._move(self.list.cursor - 1)

    def act_page_down(self) -> None:
        self._move(self.list.cursor + self.list.page)

    def act_page_up(self) -> None:
        self._move(self.list.cursor - self.list.page)

    def act_top(self) -> None:
        self._move(0)

    def act_bottom(self) -> None:
        self._move(len(self.list.events) - 1)

    def act_follow(self) -> None:
        self.act_bottom()

    def act_level(self) -> None:
        self._show_only(level=LEVELS[(LEVELS.index(self.view.level) + 1) % len(LEVELS)])

    def act_kind_next(self) -> None:
        self._turn(1)

    def act_kind_previous(self) -> None:
        self._turn(-1)

    def _turn(self, step: int) -> None:
        self._show_only(group=GROUP_NAMES[(GROUP_NAMES.index(self.view.group) + step) % len(GROUP_NAMES)])

    def symbol_chosen(self) -> str:
        return self.list.current.symbol if self.list.current is not None else ""

    def act_symbol(self) -> None:
        event = self.list.current
        if self.view.symbol:
            self._show_only(symbol="")
        elif event is None or not event.symbol:
            self.desk.say("this event is about no symbol")
        else:
            self.list.keep_place()
            self._show_only(symbol=event.symbol)

    async def act_open(self) -> None:
        event = self.list.current
        if event is None or not event.symbol:
            self.desk.say("this event is about no symbol")
            return
        jump: Any = self.app
        await jump.jump_to(event.symbol)

    # --- words ---------------------------------------------------------------------------------------------------------

    def act_filter(self) -> None:
        self._order_before = list(self._set_in_order)
        self.detail.display = False
        self.filter.open(self.view.text)

    def _close_filter(self) -> None:
        self.filter.close()
        self.detail.display = True
        self.list.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.filter.is_open:
            self._show_only(text=event.value.strip())

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_filter()

    def act_back(self) -> None:
        if self.filter.is_open:
            before = self.filter.before
            self._close_filter()
            self._show_only(text=before)
            self._set_in_order = self._order_before
        elif self._set_in_order:
            name = self._set_in_order[-1]
            self._show_only(**{name: getattr(EVERYTHING, name)})
        else:
            super().act_back()
