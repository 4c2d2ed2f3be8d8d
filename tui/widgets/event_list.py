"""The event log, drawn line by line: newest last, following until the operator scrolls up."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from core.messages import Event
from tui.desk import Desk
from tui.format import fit, log_time_text
from tui.glyphs import Glyphs, plain_text

Run = tuple[str, str]

SEVERITY_STYLE = {"info": "text", "warning": "warn", "error": "danger"}


WIDE = 96
SYMBOL_WIDE, SYMBOL_NARROW = 13, 10


def own_words(event: Event) -> str:
    """The text without the symbol in front: that has a column of its own."""
    return event.text.removeprefix(f"{event.symbol} ") if event.symbol else event.text


def glyph_and_style(event: Event, glyphs: Glyphs) -> Run:
    """A state change carries its new state's arrow, everything else its severity."""
    if event.kind == "state":
        after = event.text.rpartition("→")[2].split()
        mark = {"BUY": (glyphs.up, "price_up"), "SELL": (glyphs.down, "price_down"), "HOLD": (glyphs.hold, "hold")}
        if after and after[0] in mark:
            return mark[after[0]]
    mark_of = {"info": glyphs.hold, "warning": glyphs.alert, "error": glyphs.no}
    return mark_of[event.severity], "dim" if event.severity == "info" else SEVERITY_STYLE[event.severity]


def event_runs(event: Event, now_ms: int, width: int, glyphs: Glyphs) -> list[Run]:
    """One line: time, mark, kind, symbol, text; the text takes what is left of `width` cells."""
    mark, style = glyph_and_style(event, glyphs)
    text = own_words(event)
    text = text if glyphs.name != "ascii" else plain_text(text)
    symbol_width = SYMBOL_WIDE if width >= WIDE else SYMBOL_NARROW
    head = 12 + 2 + 9 + symbol_width + 1
    words = "text" if event.severity == "info" else SEVERITY_STYLE[event.severity]
    return [
        (fit(log_time_text(event.at_ms, now_ms), 11, glyphs) + " ", "dim"),
        (f"{mark} ", style),
        (fit(event.kind, 8, glyphs) + " ", "dim"),
        (fit(event.symbol, symbol_width, glyphs) + " ", "bright"),
        (fit(text, max(0, width - head), glyphs), words),
    ]


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
        self._strips: dict[tuple[int, bool], Strip] = {}
        self._empty_words = ""

    def put(self, events: Sequence[Event], empty_words: str) -> None:
        """Show these events. Following shows the newest; otherwise the picture stands still and the new are counted."""
        newest = max((event.event_id for event in self.events), default=-1)
        here = self.current
        top_event = self.events[int(self.scroll_offset.y)] if self.events else None
        self.events = list(events)
        self._empty_words = empty_words
        if len(self._strips) > 4000:
            self._strips.clear()
        self.virtual_size = Size(self.size.width, len(self.events))
        if self.following:
            self.unseen = 0
            self._to_newest()
            self.refresh()
            return
        self.unseen += sum(event.event_id > newest for event in self.events)
        self.cursor = self._line_of(here)
        top = self._line_of(top_event)
        if top != int(self.scroll_offset.y):
            self.scroll_to(y=top, animate=False, immediate=True, force=True)

    def replace(self, events: Sequence[Event], empty_words: str) -> None:
        """Another filter: show these from the newest on."""
        self.following = True
        self.put(events, empty_words)

    @property
    def current(self) -> Event | None:
        """The event under the cursor."""
        return self.events[self.cursor] if 0 <= self.cursor < len(self.events) else None

    @property
    def page(self) -> int:
        """Lines of one page."""
        return max(1, self.size.height - 1)

    def move_cursor(self, line: int) -> None:
        """Put the cursor on a line; on the newest one following begins again, elsewhere it ends."""
        if not self.events:
            return
        old, self.cursor = self.cursor, max(0, min(line, len(self.events) - 1))
        self.following = self.cursor == len(self.events) - 1
        if self.following:
            self.unseen = 0
        self._keep_visible()
        for changed in {old, self.cursor}:
            self.refresh_line(changed)
        self.post_message(self.CursorMoved())

    def forget(self) -> None:
        """Forget cached lines: the theme changed."""
        self._strips.clear()
        self.refresh()

    def on_resize(self) -> None:
        self._strips.clear()
        self.virtual_size = Size(self.size.width, len(self.events))
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
        palette, glyphs, width = self._desk.palette, self._desk.glyphs, self.size.width
        segments = [Segment(f"{glyphs.cursor if cursor else ' '} ", palette.accent)]
        for text, style in event_runs(event, self._desk.clock.now_ms(), width - 3, glyphs):
            segments.append(Segment(text, getattr(palette, style)))
        if cursor:
            segments = [Segment(text, (style or palette.text) + palette.cursor) for text, style, _ in segments]
        return Strip(segments).adjust_cell_length(width, palette.cursor if cursor else palette.text)
