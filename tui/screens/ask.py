"""A question over the screen, answered by one key or by typing a word. Nothing answers it by accident.

A held or pasted key is no answer: `y` and Enter count only after a moment without any key, a typed word only when a hand
typed it. Esc is always no.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from tui.actions import APP_SCOPE
from tui.desk import Desk
from tui.glyphs import plain_text
from tui.screens.base import DeskModal
from tui.widgets.line_panel import Line, fold
from tui.widgets.typed_line import ARM_S, TypedLine

YES = ("y", "Y", "enter")
BORDER, MOST_COLUMNS = 4, 96
HALT, BACK = f"{APP_SCOPE}.halt", f"{APP_SCOPE}.back"


class AskScreen(DeskModal[bool]):
    """`lines` say what it is about. With a `word` only typing it and Enter is yes; without, `y` or Enter is."""

    SCOPE = "ask"
    CSS_PATH = Path(__file__).parents[1] / "css" / "orders.tcss"
    TITLE_LOOK: ClassVar[str] = "bright"

    def __init__(
        self, desk: Desk, title: str, lines: Sequence[Line], *, yes: str, no: str = "back", word: str = ""
    ) -> None:
        super().__init__(desk)
        self._title, self._lines = title, lines
        self._yes, self._no, self._word = yes, no, word
        self._told = Static(classes="ask-lines", markup=False)
        self._hint = Static(classes="ask-hint", markup=False)
        self._touched_s = desk.clock.monotonic()

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="ask-box") as box:
            box.can_focus = False
            yield self._told
            if self._word:
                yield TypedLine(self.desk, self._word)
            yield self._hint

    def on_mount(self) -> None:
        self.tell(self._lines)
        self.hint("")
        if self._word:
            self.query_one(TypedLine).focus()

    def tell(self, lines: Sequence[Line]) -> None:
        """What it is about, under the title."""
        text = Text()
        width = max(20, min(self.app.size.width * 9 // 10, MOST_COLUMNS) - BORDER)
        for line in [[(self._title, self.TITLE_LOOK)], *lines]:
            for piece in fold(line, width, 4) if line else [line]:
                for words, look in piece:
                    text.append(self._spelt(words), getattr(self.desk.palette, look))
                text.append("\n")
        self._told.update(text)

    def asked_for(self) -> str:
        """What answers it with yes."""
        return f"type {self._word} and Enter" if self._word else "y or Enter"

    def hint(self, more: str) -> None:
        """The line under it all: what answers, or what was wrong with the last key."""
        palette = self.desk.palette
        text = Text()
        if more:
            text.append(f"{self._spelt(more)}   ", palette.warn)
        else:
            text.append(self._spelt(self.asked_for()), palette.key)
            text.append(f" {self._spelt(self._yes)}   ", palette.dim)
        text.append("Esc", palette.key)
        text.append(f" {self._spelt(self._no)}", palette.dim)
        self._hint.update(text)

    def _spelt(self, words: str) -> str:
        return plain_text(words) if self.desk.glyphs.name == "ascii" else words

    # --- answering -----------------------------------------------------------------------------------------------------

    async def on_key(self, event: events.Key) -> None:
        """Only yes, no and halt are keys here; the screen below hears nothing. What edits the line is left to the line."""
        settled = self._is_settled()
        action = self.desk.keymap.action_for(self.SCOPE, event.key)
        self.touched()
        typing = isinstance(self.focused, TypedLine)
        if typing and not event.is_printable and (action is None or action.id not in (BACK, HALT)):
            return
        event.stop()
        event.prevent_default()
        if action is not None and action.id == BACK:
            self.dismiss(False)
        elif typing and event.is_printable and event.character is not None:
            self.query_one(TypedLine).put(event.character)
        elif action is not None and action.id == HALT:
            await self.perform(action)
            self.hint("halted: no new entries")
        elif not self._word and event.key in YES:
            if settled:
                self.dismiss(True)
            else:
                self.hint("once more: a key held down is no answer")

    def touched(self) -> None:
        """A key was pressed, here or above."""
        self._touched_s = self.desk.clock.monotonic()

    def _is_settled(self) -> bool:
        return self.desk.clock.monotonic() - self._touched_s >= ARM_S

    def objection(self, typed: str) -> str:
        """Why what was typed is no yes, in words; empty: it is one."""
        return "" if typed.upper() == self._word.upper() else f"{typed!r} is not {self._word}"

    def take(self, typed: str) -> None:
        """It was answered."""
        self.dismiss(True)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        typed = event.value.strip()
        if not typed:
            self.hint("")
        elif trouble := self.objection(typed) or self.query_one(TypedLine).trouble():
            self.hint(trouble)
        else:
            self.take(typed)
