"""The command palette: actions, symbols, themes and thresholds by name, from the registry and the view store."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from core.settings import Settings
from tui.desk import Desk
from tui.screens.base import Keyed

if TYPE_CHECKING:
    from tui.app import TradeApp

PALETTE_ID = "command-palette"


class Entry(NamedTuple):
    """One line of the palette."""

    text: str
    help: str
    run: Callable[[], Any]


class Threshold(NamedTuple):
    """One editable setting: key, current value as TOML text, meaning with range."""

    key: str
    value: str
    about: str


class DeskProvider(Provider):
    """Base: entries searched by Textual's fuzzy matcher. `discovered` entries are listed before anything is typed."""

    discovered = False

    @property
    def desk_app(self) -> TradeApp:
        app: Any = self.app
        found: TradeApp = app
        return found

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Everything this provider knows."""

    async def discover(self) -> Hits:
        if self.discovered:
            for entry in self.entries():
                yield DiscoveryHit(entry.text, entry.run, help=entry.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for entry in self.entries():
            if (score := matcher.match(entry.text)) > 0:
                yield Hit(score, matcher.highlight(entry.text), entry.run, help=entry.help)


class ActionProvider(DeskProvider):
    """What can be done on this screen."""

    discovered = True

    def entries(self) -> Iterator[Entry]:
        app, screen = self.desk_app, self.screen
        if not isinstance(screen, Keyed):
            return
        for action in app.desk.registry.of_scope(screen.SCOPE):
            if action.palette:
                keys = app.desk.keymap.labels(action.id)
                text = f"{action.title} ({keys})" if keys else action.title
                yield Entry(text, f"{action.help} {action.id}", _later(screen, partial(screen.perform, action)))


class SymbolProvider(DeskProvider):
    """Jump to a watched symbol."""

    def entries(self) -> Iterator[Entry]:
        app = self.desk_app
        for symbol in app.desk.store.universe or tuple(app.desk.store.rows):
            yield Entry(symbol, "Jump to this symbol.", _later(app, partial(app.jump_to, symbol)))


class ThemeProvider(DeskProvider):
    """Choose a theme."""

    def entries(self) -> Iterator[Entry]:
        app = self.desk_app
        for theme in app.themes.values():
            yield Entry(f"theme {theme.title}", "Use this theme.", partial(app.choose_theme, theme.name))


class ThresholdProvider(DeskProvider):
    """Edit one setting."""

    def entries(self) -> Iterator[Entry]:
        app = self.desk_app
        for threshold in thresholds(app.desk):
            yield Entry(
                f"{threshold.key} = {threshold.value}",
                threshold.about,
                _later(app, partial(edit_threshold, app, threshold)),
            )


PROVIDERS: tuple[type[Provider], ...] = (ActionProvider, SymbolProvider, ThemeProvider, ThresholdProvider)


def thresholds(desk: Desk) -> list[Threshold]:
    """Every setting of every section that can be typed (lists of tables cannot), with live edits applied."""
    found: list[Threshold] = []
    for section in msgspec.structs.fields(Settings):
        values = getattr(desk.settings, section.name)
        if not isinstance(values, msgspec.Struct):
            continue
        hints = get_type_hints(type(values), include_extras=True)
        for field in msgspec.structs.fields(type(values)):
            if _is_tables(hints[field.name]):
                continue
            key = f"{section.name}.{field.name}"
            current = desk.edited.get(key) or toml_text(getattr(values, field.name))
            found.append(Threshold(key, current, _about(hints[field.name])))
    return found


def toml_text(value: object) -> str:
    """A settings value as TOML text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return msgspec.json.encode(value).decode()
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_text(item) for item in value) + "]"
    return repr(value)


def _is_tables(hint: Any) -> bool:
    """Whether a setting is a list of tables, by its type: `Annotated[tuple[EventRule, ...], ...]`."""
    item = get_args(get_args(hint)[0])[:1] if get_origin(hint) is Annotated else ()
    return bool(item) and isinstance(item[0], type) and issubclass(item[0], msgspec.Struct)


def _about(hint: Any) -> str:
    """Meaning and range of a setting, from its type."""
    if get_origin(hint) is not Annotated:
        return ""
    for meta in get_args(hint)[1:]:
        if isinstance(meta, msgspec.Meta):
            bounds = [f"{meta.ge}" if meta.ge is not None else "", f"{meta.le}" if meta.le is not None else ""]
            span = f" Range {bounds[0] or '…'} to {bounds[1] or '…'}." if any(bounds) else ""
            return f"{meta.description or ''}{span}"
    return ""


def _later(node: Any, run: Callable[[], Any]) -> Callable[[], None]:
    """Run after the palette has closed, so that the screen below is on top again."""
    return lambda: node.call_later(run)


async def edit_threshold(app: TradeApp, threshold: Threshold) -> None:
    """Open the edit line of one setting."""
    from tui.screens.edit_setting import EditSettingScreen

    await app.push_screen(EditSettingScreen(app.desk, threshold.key, threshold.value, threshold.about))


async def open_palette(app: TradeApp) -> None:
    """Show the palette, once."""
    if not isinstance(app.screen, CommandPalette):
        await app.push_screen(
            CommandPalette(PROVIDERS, placeholder="action, symbol, theme or threshold", id=PALETTE_ID)
        )
