"""`?`: what the keys of this screen do and what its words mean; F2: every word and every detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.actions import Action
from tui.desk import Desk
from tui.glyphs import plain_text
from tui.screens.base import DeskModal

Glossary = Sequence[tuple[str, str]]
"""(word on the screen, its meaning in one sentence)."""

KEY_COLUMNS = 10
WIDE_ENOUGH_FOR_IDS = 110


class HelpScreen(DeskModal[None]):
    """Opened over a screen; Esc goes back."""

    SCOPE = "help"
    ACTIONS: ClassVar[tuple[Action, ...]] = ()

    def __init__(self, desk: Desk, scope: str, glossary: Glossary) -> None:
        super().__init__(desk)
        self._scope = scope
        self._glossary = glossary

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="help-box") as box:
            box.can_focus = True
            ids = self.app.size.width >= WIDE_ENOUGH_FOR_IDS
            yield Static(help_text(self.desk, self._scope, self._glossary, ids), markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


class GlossaryScreen(DeskModal[None]):
    """Every detector by family with what it looks for, then the words of all screens. Esc goes back."""

    SCOPE = "glossary"

    def __init__(self, desk: Desk, words: Glossary) -> None:
        super().__init__(desk)
        self._words = words

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="help-box") as box:
            box.can_focus = True
            yield Static(glossary_text(self.desk, self._words), markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def glossary_text(desk: Desk, words: Glossary) -> Group:
    """Detectors as the engine told them, families in its order; said plainly while it has not spoken yet."""
    palette = desk.palette
    parts: list[RenderableType] = []
    families: dict[str, list[tuple[str, str]]] = {}
    for info in desk.store.detectors.values():
        warmup = f" Speaks after {info.warmup} bars." if info.warmup else ""
        families.setdefault(f"{info.family} {info.group}", []).append((info.name, info.about + warmup))
    for family, entries in families.items():
        parts += [Text(_spelt(desk, family), palette.bright), _words_table(desk, entries), Text()]
    if not families:
        parts += [Text("The detectors are listed here once the engine runs.", palette.dim), Text()]
    parts += [Text("WORDS", palette.bright), _words_table(desk, words), Text()]
    return Group(*parts, Text("Esc goes back.", palette.dim))


def _words_table(desk: Desk, words: Glossary) -> Table:
    table = _table()
    for word, meaning in words:
        table.add_row(Text(_spelt(desk, word), desk.palette.accent), Text(_spelt(desk, meaning), desk.palette.text))
    return table


def help_text(desk: Desk, scope: str, glossary: Glossary, ids: bool) -> Group:
    """Keys first (this screen's, then everywhere), then the words of the screen. `ids`: there is room for action ids."""
    palette = desk.palette
    parts: list[RenderableType] = []
    actions = desk.registry.of_scope(scope)
    for title, group in (
        (scope.replace("_", " "), [action for action in actions if action.scope == scope]),
        ("everywhere", [action for action in actions if action.scope != scope]),
    ):
        table = _table()
        for action in group:
            if not desk.keymap.labels(action.id):
                continue
            text = Text(_spelt(desk, action.help), palette.text)
            if ids:
                text.append(f"  {action.id}", palette.dim)
            table.add_row(Text(_spelt(desk, desk.keymap.labels(action.id)), palette.key), text)
        named = [action.title for action in group if action.palette and not desk.keymap.labels(action.id)]
        if named:
            text = Text(_spelt(desk, f"By name: {', '.join(named)}."), palette.text)
            table.add_row(Text(_spelt(desk, desk.keymap.label("app.palette")), palette.key), text)
        if group:
            parts += [Text(title.upper(), palette.bright), table, Text()]
    if glossary:
        parts += [Text("WORDS", palette.bright), _words_table(desk, glossary), Text()]
    return Group(*parts, Text("Esc goes back.", palette.dim))


def _table() -> Table:
    """Two columns; long sentences hang under their own beginning."""
    table = Table.grid(padding=(0, 1, 0, 2))
    table.add_column(min_width=KEY_COLUMNS, no_wrap=True)
    table.add_column(ratio=1)
    return table


def _spelt(desk: Desk, text: str) -> str:
    return plain_text(text) if desk.glyphs.name == "ascii" else text
