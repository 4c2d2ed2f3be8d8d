"""The base of every screen: status bar, body, key bar; keys through the registry; frozen while not on top.

A screen of a mode derives from `DeskScreen`, sets `SCOPE` and `ACTIONS`, composes its body, and paints in `flush`:

    class WatchlistScreen(DeskScreen):
        SCOPE = "watchlist"
        ACTIONS = (Action("watchlist.sort", "s", "sort", "Next sort column.", scope="watchlist", footer=30),)

        def compose_body(self) -> ComposeResult: ...
        def flush(self) -> None: ...          # compare store versions, refresh dirty lines
        def act_sort(self) -> None: ...       # carries out watchlist.sort
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.actions import APP_SCOPE, Action
from tui.desk import Desk
from tui.widgets.key_bar import KeyBar
from tui.widgets.status_bar import StatusBar

T = TypeVar("T")

MIN_WIDTH, MIN_HEIGHT = 60, 15
WIDTH_CLASSES = [(0, "-tiny-width"), (MIN_WIDTH, "-narrow"), (100, "-normal"), (160, "-wide")]
HEIGHT_CLASSES = [(0, "-tiny-height"), (MIN_HEIGHT, "-short"), (36, "-tall")]
"""Classes every screen carries for its size: 80x24 is narrow and short, 120x40 normal and tall, 200x50 wide and tall."""
TOO_SMALL = f"too small: {MIN_WIDTH}x{MIN_HEIGHT} or more"


class Keyed(Screen[T], inherit_bindings=False):
    """Keys and failures: a key finds its action in the keymap, nothing that fails reaches Textual."""

    SCOPE: ClassVar[str] = APP_SCOPE
    ACTIONS: ClassVar[tuple[Action, ...]] = ()
    GLOSSARY: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Words of the screen and their meaning, for the help screen."""
    AUTO_FOCUS = ""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            # Fallback: this one message is lost, the screen lives on; reported as a Fault.
            self.desk.guard.report(f"{self.SCOPE} {type(message).__name__}", error)

    async def on_key(self, event: events.Key) -> None:
        """Carry out the action of a key. While a line is being typed only Esc and fixed keys are actions."""
        self.desk.touched = True
        action = self.desk.keymap.action_for(self.SCOPE, event.key)
        if isinstance(self.focused, Input) and (action is None or not action.fixed):
            if event.character is not None and event.is_printable:  # typed before the line had the focus
                self.focused.insert_text_at_cursor(event.character)
            return
        if action is None:
            return
        event.stop()
        event.prevent_default()
        await self.perform(action)

    async def perform(self, action: Action) -> None:
        """Carry out an action of this screen or of the app."""
        target: Any = self if hasattr(self, action.method) else self.app
        try:
            result = getattr(target, action.method)()
            if result is not None:
                await result
        except Exception as error:
            # Fallback: nothing more happens for this key; the operator is told.
            self.desk.guard.report(action.id, error)
            self.desk.say(f"{action.title} failed: {error}", "error")

    def symbol_chosen(self) -> str:
        """The symbol the cursor is on, which an order key is meant for; empty: none. Never one of another screen."""
        return ""

    def act_back(self) -> None:
        """Esc: one step back. Screens with something open close that first and else call this."""
        if len(self.app.screen_stack) > 1:
            self.dismiss()


class DeskModal(Keyed[T], ModalScreen[T]):
    """A screen over the current one."""


class DeskScreen(Keyed[None]):
    """The screen of one mode."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.status_bar = StatusBar(desk)
        self.key_bar = KeyBar(desk, self.SCOPE)
        self._flush_timer: Timer | None = None
        self._flush_s = 0.0

    def compose(self) -> ComposeResult:
        yield self.status_bar
        yield from self.compose_body()
        yield self.key_bar
        yield Static(TOO_SMALL, classes="too-small", markup=False)

    def compose_body(self) -> Iterable[Widget]:
        """The widgets between status bar and key bar."""
        return ()

    def flush(self) -> None:
        """Paint what changed since the last flush. Called at most `flush_hz` times a second while on top."""

    def restyle(self) -> None:
        """The theme changed: forget cached lines. The whole screen is painted afterwards."""

    @property
    def is_frozen(self) -> bool:
        """Whether painting waits: another mode or a modal is on top (a covered screen would resend the whole picture)."""
        return not self.is_active

    def on_mount(self) -> None:
        self._start_timer()

    def on_screen_resume(self) -> None:
        """Back on top: catch up at once."""
        self._tick()

    async def perform(self, action: Action) -> None:
        await super().perform(action)
        self.answer_now()

    def answer_now(self) -> None:
        """Tell on the top and bottom lines what a key did, without waiting for the next flush."""
        if not self.is_frozen:
            self.desk.pump.flush("answer", self._paint_bars)

    def _paint_bars(self) -> None:
        self.status_bar.flush()
        self.key_bar.flush()

    def _start_timer(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.stop()
        self._flush_s = self.desk.pump.flush_s
        self._flush_timer = self.set_interval(self._flush_s, self._tick)

    def _tick(self) -> None:
        if self.is_frozen:
            return
        self.desk.pump.flush(self.SCOPE, self._paint)
        if self.desk.pump.flush_s != self._flush_s:
            self._start_timer()

    def _paint(self) -> None:
        self._paint_bars()
        self.flush()
