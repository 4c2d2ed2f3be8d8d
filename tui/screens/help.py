"""`?`: what the keys of this screen do, and what its columns mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

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
            yield Static(help_text(self.desk, self._scope, self._glossary), markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def help_text(desk: Desk, scope: str, glossary: Glossary) -> Text:
    """Keys first (this screen's, then everywhere), then the words of the screen."""
    palette = desk.palette
    text = Text()
    own = [action for action in desk.registry.of_scope(scope) if action.scope == scope]
    everywhere = [action for action in desk.registry.of_scope(scope) if action.scope != scope]
    for title, actions in ((scope.replace("_", " "), own), ("everywhere", everywhere)):
        if not actions:
            continue
        text.append(f"{title.upper()}\n", palette.bright)
        for action in actions:
            text.append(f"  {_spelt(desk, desk.keymap.labels(action.id)) or 'no key':<14}", palette.key)
            text.append(f"{action.help}  ", palette.text)
            text.append(f"{action.id}\n", palette.dim)
        text.append("\n")
    if glossary:
        text.append("WORDS\n", palette.bright)
        for word, meaning in glossary:
            text.append(f"  {_spelt(desk, word):<14}", palette.accent)
            text.append(f"{_spelt(desk, meaning)}\n", palette.text)
        text.append("\n")
    text.append("Esc goes back.", palette.dim)
    return text


def _spelt(desk: Desk, text: str) -> str:
    return plain_text(text) if desk.glyphs.name == "ascii" else text
