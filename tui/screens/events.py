"""Mode 3, the event log: state changes, reconnects, faults and edits, newest last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from core.messages import Event
from tui.actions import Action
from tui.desk import Desk
from tui.format import log_time_text
from tui.screens.base import DeskScreen
from tui.widgets.argument import RunLines
from tui.widgets.event_list import EventList, own_words
from tui.widgets.filter_line import FilterLine
from tui.widgets.group_line import RunLine
from tui.widgets.rule import Rule

REPAINT_S = 1.0
"""The log scrolls, so each repaint sends the whole panel: at most this often."""
KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("all", ()),
    ("state", ("state",)),
    ("link", ("link", "ban")),
    ("data", ("channel", "book")),
    ("fault", ("fault",)),
    ("setting", ("setting",)),
    ("engine", ("engine", "universe")),
)
"""Groups of the log and the event kinds in each; none means every kind."""
LEVELS = ("info", "warning", "error")
SCOPE = "events"


def _action(verb: str, keys: str, title: str, sentence: str, **more: Any) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, **more)


def chosen(events: Iterable[Event], group: str, level: str, text: str) -> list[Event]:
    """Events of a group, at least as severe as `level`, that contain every word of `text`."""
    kinds = dict(KINDS)[group]
    least = LEVELS.index(level)
    words = text.lower().split()
    return [
        event
        for event in events
        if (not kinds or event.kind in kinds)
        and LEVELS.index(event.severity) >= least
        and all(word in f"{event.symbol} {event.kind} {event.text}".lower() for word in words)
    ]


class EventsScreen(DeskScreen):
    """Filter by kind, severity and words; Enter goes to the event's symbol."""

    SCOPE = SCOPE
    ACTIONS: ClassVar[tuple[Action, ...]] = (
        _action("open", "enter", "symbol", "Show the event's symbol in the watchlist.", footer=10),
        _action("filter", "/", "filter", "Show only events with these words; Esc takes it back.", footer=20),
        _action("level", "v", "severity", "All events, warnings and errors, errors only.", footer=30),
        _action("follow", "f", "newest", "To the newest event, and follow.", footer=35),
        _action("kind_next", "right,l", "next kind", "State, link, data, fault, setting, engine: the next one."),
        _action("kind_previous", "left,h", "previous kind", "State, link, data, fault, …: the one before."),
        _action("down", "down,j", "down", "One line down.", palette=False),
        _action("up", "up,k", "up", "One line up; the log stops following.", palette=False),
        _action("page_down", "pagedown,ctrl+f", "page down", "One page down.", palette=False),
        _action("page_up", "pageup,ctrl+b", "page up", "One page up.", palette=False),
        _action("top", "home,g", "top", "To the oldest event.", palette=False),
        _action("bottom", "end,G", "bottom", "To the newest event, and follow.", palette=False),
    )
    GLOSSARY: ClassVar[tuple[tuple[str, str], ...]] = (
        ("!", "A warning: something is worth knowing, and is being dealt with."),
        ("✗", "An error: something failed and was contained."),
        ("↑ ↓ •", "A state began: BUY, SELL, HOLD."),
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.group, self.level, self.text = "all", "info", ""
        self.list = EventList(desk)
        self.top_line = RunLine(desk, "event-groups")
        self.detail = RunLines(desk, "event-detail", 2)
        self.filter = FilterLine("symbol or word, such as  eth  or  429")
        self._seen = -1
        self._painted_s = float("-inf")

    def compose_body(self) -> Iterable[Widget]:
        yield self.top_line
        yield self.list
        yield Rule(self.desk)
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
        return chosen(self.desk.store.events, self.group, self.level, self.text)

    def _empty_words(self) -> str:
        return "no event matches; Esc clears the filter" if self.desk.store.events else "nothing has happened yet"

    def _tell(self) -> None:
        """The line of groups, and the selected event in full."""
        events, glyphs = self.desk.store.events, self.desk.glyphs
        left: list[tuple[str, str]] = []
        for name, kinds in KINDS:
            here = name == self.group
            number = sum(not kinds or event.kind in kinds for event in events)
            left.append(("[" if here else " ", "accent"))
            left.append((name, "bright" if here else "dim"))
            left.append((f" {number}", "text" if number else "dim"))
            left.append(("] " if here else "  ", "accent"))
        right: list[tuple[str, str]] = []
        if self.list.unseen:
            right.append((f"{self.list.unseen} new {glyphs.sort_down}   ", "accent"))
        elif self.list.following:
            right.append(("following   ", "dim"))
        shown = {"info": "all", "warning": "warnings up", "error": "errors"}[self.level]
        right += [("severity ", "dim"), (shown, "accent" if self.level != "info" else "dim"), ("   filter ", "dim")]
        right.append((self.text, "accent") if self.text else (glyphs.missing, "dim"))
        self.top_line.show(left, right)
        self._tell_detail()

    @on(EventList.CursorMoved)
    def _tell_detail(self) -> None:
        event = self.list.current
        if event is None:
            self.detail.show([[], []])
            return
        width = max(20, self.detail.size.width - 3)
        when = log_time_text(event.at_ms, self.desk.clock.now_ms())
        head = f"{event.severity} {event.kind} {when} {event.symbol}".rstrip()
        separator = f"  {self.desk.glyphs.separator}  "
        room = width - len(head) - len(separator)
        text = own_words(event)
        cut = len(text) if len(text) <= room else text.rfind(" ", 0, room)
        cut = cut if cut > 0 else room
        first = [(head, "dim"), (separator, "dim"), (text[:cut], "text")]
        self.detail.show([first, [(text[cut:].strip(), "text")]])

    # --- acting --------------------------------------------------------------------------------------------------------

    def _refilter(self) -> None:
        self.list.replace(self._chosen(), self._empty_words())
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
        self.level = LEVELS[(LEVELS.index(self.level) + 1) % len(LEVELS)]
        self._refilter()

    def act_kind_next(self) -> None:
        self._turn(1)

    def act_kind_previous(self) -> None:
        self._turn(-1)

    def _turn(self, step: int) -> None:
        names = [name for name, _ in KINDS]
        self.group = names[(names.index(self.group) + step) % len(names)]
        self._refilter()

    async def act_open(self) -> None:
        event = self.list.current
        if event is None or not event.symbol:
            self.desk.say("this event is about no symbol")
            return
        jump: Any = self.app
        await jump.jump_to(event.symbol)

    # --- filter --------------------------------------------------------------------------------------------------------

    def act_filter(self) -> None:
        self.detail.display = False
        self.filter.open(self.text)

    def _close_filter(self) -> None:
        self.filter.close()
        self.detail.display = True
        self.list.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.filter.is_open:
            self.text = event.value.strip()
            self._refilter()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_filter()

    def act_back(self) -> None:
        if self.filter.is_open:
            self.text = self.filter.before
            self._close_filter()
        elif self.text:
            self.text = ""
        elif self.group != "all" or self.level != "info":
            self.group, self.level = "all", "info"
        else:
            super().act_back()
            return
        self._refilter()
