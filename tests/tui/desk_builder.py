"""A desk and an app for tests: simulated clock, no engine, no terminal."""

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Input, Static

from core.bus import Bus
from core.clock import LiveClock, SimClock
from core.settings import Settings
from themes.loader import DEFAULT, load_themes
from tui.actions import APP_ACTIONS, Action, Registry
from tui.app import RunEngine, TradeApp
from tui.desk import Desk
from tui.glyphs import UNICODE, Glyphs
from tui.guard import Guard
from tui.keymap import Keymap
from tui.modes import Mode
from tui.pump import Pump
from tui.screens.base import DeskScreen
from tui.store import ViewStore

NOW_MS = 1_763_728_496_000  # 2025-11-21 12:34:56 UTC


def desk(glyphs: Glyphs = UNICODE, settings: Settings | None = None) -> Desk:
    """What widgets are given, without an app."""
    settings = settings or Settings()
    clock = SimClock(NOW_MS)
    bus = Bus(clock)
    store = ViewStore()
    registry = Registry(APP_ACTIONS)
    return Desk(
        bus=bus,
        clock=clock,
        settings=settings,
        store=store,
        pump=Pump(bus, store, clock, settings.screen),
        guard=Guard(bus, clock),
        registry=registry,
        keymap=Keymap(registry),
        glyphs=glyphs,
        palette=load_themes()[0][DEFAULT].palette,
    )


class FirstScreen(DeskScreen):
    """A stand-in for the watchlist: notes what it is asked to do."""

    SCOPE = "first"
    GLOSSARY = (("Δ", "Change since the state began."),)
    ACTIONS = (
        Action("first.mark", "m", "mark", "Mark the row.", scope="first", footer=10),
        Action("first.type", "slash", "type", "Type a filter.", scope="first", footer=20),
        Action("first.fail", "x", "fail", "Fails.", scope="first"),
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.done: list[str] = []
        self.flushes = 0

    def compose_body(self) -> Iterable[Widget]:
        yield Static("body")
        yield Input(id="line", compact=True)

    def flush(self) -> None:
        self.flushes += 1

    def act_mark(self) -> None:
        self.done.append("mark")

    def act_type(self) -> None:
        self.query_one(Input).focus()

    async def act_fail(self) -> None:
        raise RuntimeError("no such row")

    def act_back(self) -> None:
        if self.focused is not None:
            self.set_focus(None)
        else:
            super().act_back()

    def show_symbol(self, symbol: str) -> None:
        self.done.append(symbol)


class SecondScreen(DeskScreen):
    """Another mode."""

    SCOPE = "second"


MODES = (Mode.of("first", FirstScreen, "1"), Mode.of("second", SecondScreen, "3,e"))


def app(settings: Settings | None = None, run_engine: RunEngine | None = None, **more) -> TradeApp:
    """The app with two stand-in screens."""
    clock = LiveClock()
    return TradeApp(Bus(clock), clock, settings or Settings(), run_engine=run_engine, modes=MODES, **more)


def shown(running: TradeApp) -> list[str]:
    """The picture as lines of text."""
    strips = running.screen._compositor.render_strips()
    return ["".join(segment.text for segment in line) for line in strips]


def store_with(*messages) -> ViewStore:
    """A view store that has heard these messages."""
    store = ViewStore()
    handlers = store.handlers()
    for message in messages:
        handlers[type(message)](message)
    return store
