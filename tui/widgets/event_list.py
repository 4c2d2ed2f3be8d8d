"""The event log, drawn line by line: newest last, following until the operator scrolls up."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from core.messages import Event
from tui.desk import Desk
from tui.format import log_time_text
from tui.widgets.event_columns import event_runs, header_text

CACHED_MOST = 4000
AROUND = 4
"""A quarter of the height is kept above and below the cursor when a filter changes: what came before and after."""
GUTTER, MARGIN = 2, 1
"""Cells for the cursor on the left, and left free on the right."""


class EventHeader(Widget):
    """Titles of the columns."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="event-header")
        self._desk = desk

    def render_line(self, y: int) -> Strip:
        width, palette = self.size.width, self._desk.palette
        text = " " * GUTTER + header_text(width - GUTTER - MARGIN)
        return Strip([Segment(text, palette.dim)]).adjust_cell_length(width, palette.dim)


class EventList(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows are events, oldest first. While following, the cursor stays on the newest."""

    class CursorMoved(Message):
        """The cursor is on another event."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="event-list")
        self._desk = desk
        self.events: list[Event] = []
        self.cursor = 0
        self.following = True
        self.unseen = 0
        self._seen_id = -1
        self._place: Event | None = None
        self._strips: dict[tuple[int, bool], Strip] = {}
        self._today = ""
        self._words: tuple[str, ...] = ()
        self._empty_words = ""

    def put(self, events: Sequence[Event], empty_words: str) -> None:
        """More events came. Following shows the newest; otherwise the picture stands still and the new are counted."""
        here = self.current
        top_event = self.events[int(self.scroll_offset.y)] if self.events else None
        self._take(events, empty_words)
        if self.following:
            self._to_newest()
            self.refresh()
            return
        self.cursor = self._line_of(here)
        top = self._line_of(top_event)
        if top != int(self.scroll_offset.y):
            self.scroll_to(y=top, animate=False, immediate=True, force=True)

    def replace(self, events: Sequence[Event], words: tuple[str, ...], empty_words: str) -> None:
        """Another filter; `words` are lit up.

        What follows goes on following. Otherwise the cursor stays on the event the operator put it on, or goes to the
        next one still shown and comes back with it; on the screen it stays about where it was, among its neighbours.
        """
        here, row = self._place or self.current, self.cursor - int(self.scroll_offset.y)
        if words != self._words:
            self._words = words
            self._strips.clear()
        self._take(events, empty_words)
        if self.following:
            self._to_newest()
        else:
            self.cursor = self._line_of(here)
            height = self.size.height
            around = height // AROUND
            top = self.cursor - max(around, min(row, height - 1 - around))
            self.scroll_to(y=max(0, min(top, len(self.events) - height)), animate=False, immediate=True, force=True)
            self.post_message(self.CursorMoved())
        self.refresh()

    def _take(self, events: Sequence[Event], empty_words: str) -> None:
        self.events = list(events)
        self._empty_words = empty_words
        now_ms = self._desk.clock.now_ms()
        today = log_time_text(now_ms, 0)[:5]
        if len(self._strips) > CACHED_MOST or today != self._today:  # another day: yesterday's lines now carry a date
            self._strips.clear()
            self._today = today
        self.virtual_size = Size(self.size.width, len(self.events))
        if self.following:
            self._saw_all()
        else:
            self.unseen = sum(event.event_id > self._seen_id for event in self.events)

    def _saw_all(self) -> None:
        self.unseen = 0
        self._seen_id = max(self._seen_id, max((event.event_id for event in self.events), default=-1))

    @property
    def current(self) -> Event | None:
        """The event under the cursor."""
        return self.events[self.cursor] if 0 <= self.cursor < len(self.events) else None

    @property
    def page(self) -> int:
        """Lines of one page."""
        return max(1, self.size.height - 1)

    def move_cursor(self, line: int) -> None:
        """Put the cursor on a line. Going to the newest begins following again; going up ends it, also on a lone line."""
        if not self.events:
            return
        last = len(self.events) - 1
        self.following = line >= self.cursor and line >= last
        old, self.cursor = self.cursor, max(0, min(line, last))
        self.keep_place()
        if self.following:
            self._saw_all()
        self._keep_visible()
        for changed in {old, self.cursor}:
            self.refresh_line(changed)
        self.post_message(self.CursorMoved())

    def keep_place(self) -> None:
        """The operator is at the event under the cursor: filters that come and go lead back to it."""
        self._place = None if self.following else self.current

    def forget(self) -> None:
        """Forget cached lines: the theme or the way times are told changed."""
        self._strips.clear()
        self.refresh()

    def on_resize(self) -> None:
        self._strips.clear()
        self.virtual_size = Size(self.size.width, len(self.events))
        if self.following:
            self.cursor = max(0, len(self.events) - 1)
        self._keep_visible()

    def _line_of(self, wanted: Event | None) -> int:
        """The line of an event, or of the first one after it when it has left the list."""
        if wanted is None:
            return 0
        for line, event in enumerate(self.events):
            if (event.at_ms, event.event_id) >= (wanted.at_ms, wanted.event_id):
                return line
        return max(0, len(self.events) - 1)

    def _to_newest(self) -> None:
        self.cursor = max(0, len(self.events) - 1)
        self._keep_visible()
        self.post_message(self.CursorMoved())

    def _keep_visible(self) -> None:
        height, top = self.size.height, int(self.scroll_offset.y)
        if height > 0:
            top = max(min(top, self.cursor), self.cursor - height + 1)
            self.scroll_to(y=max(0, min(top, len(self.events) - height)), animate=False, immediate=True, force=True)

    def render_line(self, y: int) -> Strip:
        line = y + int(self.scroll_offset.y)
        if line >= len(self.events):
            words = f"   {self._empty_words}" if not self.events and y == 1 else ""
            return Strip([Segment(words, self._desk.palette.dim)]).adjust_cell_length(
                self.size.width, self._desk.palette.text
            )
        event, cursor = self.events[line], line == self.cursor
        strip = self._strips.get((event.event_id, cursor))
        if strip is None:
            strip = self._strips[event.event_id, cursor] = self._strip(event, cursor)
        return strip

    def _strip(self, event: Event, cursor: bool) -> Strip:
        desk, width = self._desk, self.size.width
        palette, glyphs = desk.palette, desk.glyphs
        segments = [Segment(f"{glyphs.cursor if cursor else ' '} ", palette.accent)]
        room = width - GUTTER - MARGIN
        for text, style in event_runs(event, desk.clock.now_ms(), room, desk.store, glyphs, self._words):
            segments.append(Segment(text, getattr(palette, style)))
        if cursor:
            segments = [Segment(text, (style or palette.text) + palette.cursor) for text, style, _ in segments]
        return Strip(segments).adjust_cell_length(width, palette.cursor if cursor else palette.text)
