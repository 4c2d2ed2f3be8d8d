"""The full-screen application: modes, keys, themes, signals, and the engine as one supervised task.

Exit codes (`return_code`): 0 ended by the operator, 1 could not start, 129 the terminal went away, 130 SIGINT, 143 SIGTERM.
(2, wrong usage or settings, is decided before there is a screen.)
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path, PurePath
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message

from core.bus import Bus
from core.clock import Clock
from core.messages import (
    AccountStatus,
    EditSetting,
    EngineStatus,
    Fault,
    Halt,
    KeyPressed,
    Notify,
    OrderAlarm,
    SettingChanged,
    UndoSetting,
)  # fmt: skip
from core.settings import Settings
from themes.loader import DEFAULT, MONOCHROME, DeskTheme, load_themes
from tui import signals
from tui.actions import Registry, app_actions
from tui.desk import Desk
from tui.driver import GuardedDriver
from tui.format import LOOKS
from tui.glyphs import choose
from tui.guard import Guard
from tui.keymap import Keymap
from tui.modes import Mode, default_modes, load_questions, mode_actions
from tui.order_keys import open_ticket, toggle_live
from tui.pump import Pump
from tui.reload import OwnKeys, ThemeFiles
from tui.screens import first_run_choices
from tui.screens.base import HEIGHT_CLASSES, WIDTH_CLASSES, DeskScreen, Keyed
from tui.screens.first_run_choices import Choice, WriteSettings
from tui.screens.go_live_actions import GO_LIVE_ACTIONS
from tui.screens.order_actions import ACTIONS as TICKET_ACTIONS
from tui.store import ViewStore
from tui.trading_store import AWAY

log = logging.getLogger("tradetui.screen")
RunEngine = Callable[[], Coroutine[Any, Any, None]]

ENGINE_STOP_S = 4.5
"""Longest wait for the engine when the program ends: it cancels entries, writes down, closes."""
CSS_FOLDER = Path(__file__).parent / "css"
"""Layouts of what the first picture may show; a screen that is loaded later brings its own."""
FAILURES_MOST, FAILURES_WITHIN_S = 500, 60.0
"""So many contained failures of Textual itself in this time, and the screen gives up."""
EXIT_FAILED = 1
ORDERS = "orders"
"""The mode shown first when the start finds something open."""


class TradeApp(App[int], inherit_bindings=False):
    """The screen of the program.

    `run_engine()` is a coroutine that runs until it is cancelled. It starts after the first paint; when it fails the
    status bar says so and the screen stays usable; at the end it is cancelled and awaited for `ENGINE_STOP_S`.
    `first_run`, when given, writes the chosen settings: only the first-run screen is shown, and `choice` tells the answer.
    `end_by(exit code)` is told when the end begins.
    """

    CSS_PATH: ClassVar[list[str | PurePath]] = [CSS_FOLDER / f"{name}.tcss" for name in ("base", "events", "watchlist")]
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "quit_now", "quit", show=False, priority=True),
        Binding("f12", "halt_now", "halt", show=False, priority=True),
    ]

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        settings: Settings,
        *,
        run_engine: RunEngine | None = None,
        themes_dir: Path | None = None,
        first_run: WriteSettings | None = None,
        modes: tuple[Mode, ...] | None = None,
        end_by: Callable[[int], None] = lambda code: None,
    ) -> None:
        if first_run is not None:
            modes = ()
        elif modes is None:
            modes = default_modes()
        # The first screen is ours: Textual's own would be built, styled and thrown away before the first frame.
        self.DEFAULT_MODE = modes[0].name if modes else first_run_choices.SCOPE  # type: ignore[misc]
        no_color = bool(os.environ.get("NO_COLOR"))
        super().__init__(driver_class=GuardedDriver, ansi_color=True if no_color else None)
        self.HORIZONTAL_BREAKPOINTS = WIDTH_CLASSES
        self.VERTICAL_BREAKPOINTS = HEIGHT_CLASSES
        self.wants_mouse = settings.screen.mouse
        self.choice: Choice | None = None
        self.failure: BaseException | None = None
        self._run_engine = run_engine
        self._end_by = end_by
        self._first_run = first_run
        self._modes_table = modes
        self._engine: asyncio.Task[None] | None = None
        self.is_up = False
        self._leaving = False
        self._met_account = False
        self._failing_since, self._failed = clock.monotonic(), 0
        self._remove_signals: Callable[[], None] = lambda: None
        self.themes, self._problems = load_themes(themes_dir)
        theme = self.themes.get(MONOCHROME if no_color else settings.screen.theme)
        if theme is None:
            self._problems.append(f"[screen] theme = {settings.screen.theme!r}: not found; using {DEFAULT}.")
            theme = self.themes[DEFAULT]
        own = (action for mode in modes for action in mode.actions)
        modal = (*first_run_choices.ACTIONS, *GO_LIVE_ACTIONS, *TICKET_ACTIONS)
        registry = Registry([*app_actions(bool(modes)), *mode_actions(modes), *modal, *own])
        keymap = Keymap(registry, settings.keys)
        self._problems += keymap.problems
        store = ViewStore(settings.events.shown)
        self.desk = Desk(
            bus=bus,
            clock=clock,
            settings=settings,
            store=store,
            pump=Pump(bus, store, clock, settings.screen),
            guard=Guard(bus, clock),
            registry=registry,
            keymap=keymap,
            glyphs=choose(settings.screen.glyphs, os.environ),
            palette=theme.palette,
        )
        self._own_keys = OwnKeys(self.desk)
        self._theme_files = ThemeFiles(self.desk, themes_dir, self.take_themes)
        LOOKS.times, LOOKS.private = settings.screen.times, settings.screen.private
        self.set_class(self.desk.glyphs.name == "ascii", "-ascii")
        for known in self.themes.values():
            self.register_theme(known.textual)
        if first_run is not None:
            self.desk.waiting = "first run"
        self.desk.dropped_frames = self._dropped_frames
        self.set_reactive(App.theme, theme.name)
        self.stylesheet.set_variables(self.get_css_variables())
        self._add_modes()

    # --- start and end -----------------------------------------------------------------------------------------------

    def _add_modes(self) -> None:
        for mode in self._modes_table:
            self.add_mode(mode.name, partial(self._screen_of, mode))
            setattr(self, f"act_mode_{mode.name}", partial(self.show_mode, mode.name))
        if self._first_run is not None:
            from tui.screens.first_run import FirstRunScreen

            self.add_mode(FirstRunScreen.SCOPE, partial(FirstRunScreen, self.desk, self._first_run, self._chosen))

    def _screen_of(self, mode: Mode) -> DeskScreen:
        return mode.load()(self.desk)

    async def _load_screens(self) -> None:
        """Load the other screens' code while nobody waits for it, so that showing one first is no slower than later."""
        for mode in self._modes_table:
            await asyncio.to_thread(mode.load)
        await load_questions(self)

    async def on_load(self) -> None:
        """Before the terminal is touched: from here on a signal ends the program in order."""
        self._remove_signals = signals.install(asyncio.get_running_loop(), self.leave)

    async def on_mount(self) -> None:
        self.desk.pump.connect()
        self.desk.bus.subscribe(SettingChanged, self._on_setting, name="screen settings")
        self.desk.bus.subscribe(Notify, self._on_notice, name="terminal notice")
        self.desk.bus.subscribe(AccountStatus, self._on_arrival, name="start of the account")
        self.desk.bus.subscribe(OrderAlarm, self._on_arrival, name="what happened meanwhile")
        self.screen.call_after_refresh(self._painted)

    def _painted(self) -> None:
        """The first picture is out: start the engine and tell what was wrong with keys and themes, once."""
        self.is_up = True
        gc.freeze()  # what is alive now stays: later collections, which hold up the loop, need not look at it
        gc.enable()  # the command line switches it off, for a third off the time to the first frame
        if self._problems:
            more = f" ({len(self._problems) - 1} more in the event log)" if len(self._problems) > 1 else ""
            self.desk.say(self._problems[0] + more, "warning")
        for problem in self._problems:
            fault = Fault(source="settings", message=problem, severity="warning", at_ms=self.desk.clock.now_ms())
            self.desk.bus.publish(fault)
        if not self._leaving:
            self.desk.guard.start("theme files", self._theme_files.run)
            self.desk.guard.start("screens", self._load_screens)
        if self._run_engine is not None and not self._leaving:
            self._engine = self.desk.guard.start("engine", self._run_engine, self._engine_failed)

    def _engine_failed(self, error: BaseException) -> None:
        known = self.desk.store.engine
        market = self.desk.settings.market
        self.desk.bus.publish(
            EngineStatus(
                phase="failed",
                text=f"engine failed: {error or type(error).__name__}",
                venue=known.venue if known else market.venue,
                category=known.category if known else market.category,
                host=known.host if known else "",
                host_kind=known.host_kind if known else "LIVE DATA",
                mode=known.mode if known else "PAPER",
                at_ms=self.desk.clock.now_ms(),
            )
        )

    def leave(self, code: int) -> None:
        """End the program: the engine is cancelled now, the terminal restored, the engine awaited last. The first call wins."""
        if self._leaving:
            return
        self._leaving = True
        self._end_by(code)
        if self._engine is not None:
            self._engine.cancel()
        self.exit(code, return_code=code)

    async def on_unmount(self) -> None:
        """Every way out passes here, after the terminal is itself again."""
        self._leaving = True
        for name in await self.desk.guard.stop(ENGINE_STOP_S):
            log.error("%s did not end within %.0f s", name, ENGINE_STOP_S)
        self.desk.pump.disconnect()
        self._remove_signals()

    def _dropped_frames(self) -> int:
        return self._driver.dropped if isinstance(self._driver, GuardedDriver) else 0

    def _on_notice(self, message: Notify) -> None:
        """An event rule wants attention: the terminal rings or notifies. Without one of ours (tests) nothing happens."""
        if isinstance(self._driver, GuardedDriver):
            self._driver.notice(message.how, message.text)

    def _on_arrival(self, message: AccountStatus | OrderAlarm) -> None:
        """The start found something open, or something happened meanwhile: that is shown first, unless a key was pressed."""
        if isinstance(message, OrderAlarm):
            found = message.code == AWAY
        else:
            found = not self._met_account and bool(message.unknown or message.naked or message.discrepancies)
            self._met_account = True
        if found and not self.desk.touched and any(mode.name == ORDERS for mode in self._modes_table):
            self.call_later(self.show_mode, ORDERS)

    def _chosen(self, choice: Choice | None) -> None:
        self.choice = choice
        self.leave(0)

    # --- failures ----------------------------------------------------------------------------------------------------

    async def _dispatch_message(self, message: Message) -> None:
        if isinstance(message, events.Key):
            self.desk.bus.publish(KeyPressed())
        if not self.is_up:
            await super()._dispatch_message(message)
            return
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            # Fallback: this message is lost; counted, logged, published and shown.
            self.desk.guard.report(f"app {type(message).__name__}", error)

    def _handle_exception(self, error: Exception) -> None:
        """Textual's last resort ends the program and prints local variables. Here: once painted, report and go on.

        Before the first paint there is no screen to go on with: the program ends with code 1 and `failure` is set.
        """
        self.desk.guard.report("screen", error)
        now = self.desk.clock.monotonic()
        if now - self._failing_since > FAILURES_WITHIN_S:
            self._failing_since, self._failed = now, 0
        self._failed += 1
        if self.is_up and self._failed < FAILURES_MOST:
            return
        self.failure = error
        if self.is_headless and self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._return_code = EXIT_FAILED
        self._close_messages_no_wait()

    # --- looks -------------------------------------------------------------------------------------------------------

    def use_theme(self, name: str) -> None:
        """Switch to a loaded theme; everything is painted anew."""
        self.desk.palette = self.themes[name].palette
        self.theme = name
        for screen in self._screens():
            screen.restyle()

    def take_themes(self, themes: dict[str, DeskTheme], problems: list[str]) -> None:
        """Theme files were saved: use them. A theme in use that is gone or broken stays as it was."""
        kept = self.themes[self.theme]
        self.themes = {self.theme: kept, **themes}
        for known in self.themes.values():
            self.register_theme(known.textual)
        self.use_theme(self.theme)
        self._invalidate_css()
        self.refresh_css(animate=False)
        self.desk.say(problems[0] if problems else "themes read again", "warning" if problems else "info")

    def _screens(self) -> list[DeskScreen]:
        return [screen for stack in self._screen_stacks.values() for screen in stack if isinstance(screen, DeskScreen)]

    def _on_setting(self, message: SettingChanged) -> None:
        self.desk.edited[message.key] = message.new
        self._own_keys.on_setting(message)
        if message.key == "screen.theme":
            name = str(self.desk.setting(message.key))
            if name in self.themes and name != self.theme:
                self.use_theme(name)
        elif message.key in ("screen.times", "screen.private"):
            self._use_looks()

    def _use_looks(self) -> None:
        """Times and private mode as set now, on every screen."""
        LOOKS.times, LOOKS.private = self.desk.setting("screen.times"), self.desk.setting("screen.private")
        for screen in self._screens():
            screen.restyle()

    # --- actions -----------------------------------------------------------------------------------------------------

    async def action_quit_now(self) -> None:
        """ctrl+c, also under the command palette."""
        await self.act_quit()

    async def action_halt_now(self) -> None:
        """F12, also under the command palette and while typing."""
        self.act_halt()
        if isinstance(self.screen, DeskScreen):
            self.screen.answer_now()

    async def act_quit(self) -> None:
        """Leave; with positions or orders open only after asking. Asked already, the key is no answer."""
        from tui.screens.leave import LeaveScreen, stakes

        if isinstance(self.screen, LeaveScreen):
            self.screen.touched()
            self.screen.hint("y leaves: the quit key does not answer")
        elif open_now := stakes(self.desk):
            await self.push_screen(LeaveScreen(self.desk, open_now), lambda leaves: self.leave(0) if leaves else None)
        else:
            self.leave(0)

    act_quit_now = act_quit

    def act_halt(self) -> None:
        """No question: entries are blocked before this returns. Going on again takes one."""
        self.desk.bus.publish(Halt())
        self.desk.say("halt asked for: no new entries; stops stay", "warning")

    async def act_ticket(self) -> None:
        await open_ticket(self)

    async def act_live(self) -> None:
        await toggle_live(self)

    async def show_mode(self, name: str) -> None:
        """Bring a mode's screen to the front."""
        await self.switch_mode(name)

    async def act_help(self) -> None:
        from tui.screens.help import HelpScreen

        screen = self.screen
        if not isinstance(screen, HelpScreen):
            scope, glossary = (screen.SCOPE, screen.GLOSSARY) if isinstance(screen, Keyed) else ("", ())
            await self.push_screen(HelpScreen(self.desk, scope, glossary))

    async def act_glossary(self) -> None:
        from tui.screens.help import GlossaryScreen

        if not isinstance(self.screen, GlossaryScreen):
            words = dict(pair for mode in self._modes_table for pair in mode.load().GLOSSARY)
            await self.push_screen(GlossaryScreen(self.desk, tuple(words.items())))

    async def act_palette(self) -> None:
        from tui.palette import open_palette

        await open_palette(self)

    def act_theme(self) -> None:
        self.choose_theme((names := sorted(self.themes))[(names.index(self.theme) + 1) % len(names)])

    def choose_theme(self, name: str) -> None:
        """The operator's choice: shown at once, and asked of the engine so that it is kept."""
        self.use_theme(name)
        self.desk.say(f"theme: {self.themes[name].title}")
        self.desk.bus.publish(EditSetting(key="screen.theme", value=name))

    def act_private(self) -> None:
        """Shown at once, and asked of the engine so that it is kept."""
        LOOKS.private = not LOOKS.private
        self.desk.say("private: your own amounts are hidden" if LOOKS.private else "your own amounts are shown")
        self.desk.bus.publish(EditSetting(key="screen.private", value="true" if LOOKS.private else "false"))

    def act_undo(self) -> None:
        self.desk.bus.publish(UndoSetting())

    async def jump_to(self, symbol: str) -> None:
        """Show a symbol on the first screen, which puts its cursor there."""
        await self.switch_mode(self._modes_table[0].name)
        if (show := getattr(self.screen, "show_symbol", None)) is not None:
            show(symbol)
