"""A question answered by a value: what it would do is told while it is typed, and what it is about as it stands now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from textual import on
from textual.widgets import Input

from tui.desk import Desk
from tui.screens.ask import AskScreen
from tui.widgets.line_panel import Line
from tui.widgets.typed_line import TypedLine


class Question(Protocol):
    """What is asked. `prefilled` stands in the line at first; `wanted` says what to type, `yes` what Enter then does."""

    title: str
    prefilled: str
    wanted: str
    yes: str

    def lines(self, typed: str) -> Sequence[Line]:
        """What it is about, and what `typed` would do."""

    def objection(self, typed: str) -> str:
        """Why `typed` is no answer now, with the remedy; empty: it is one."""

    def send(self, typed: str) -> None:
        """Ask the engine for it."""


class ValueScreen(AskScreen):
    """Enter sends, Esc leaves everything as it is. What is asked about may change meanwhile: the newest is shown."""

    def __init__(self, desk: Desk, question: Question) -> None:
        self._seen = question.lines(question.prefilled)
        super().__init__(desk, question.title, self._seen, yes=question.yes, word=question.wanted)
        self.question = question

    def on_mount(self) -> None:
        super().on_mount()
        line = self.query_one(TypedLine)
        line.placeholder = ""
        if self.question.prefilled:
            line.begin_with(self.question.prefilled)
        self.set_interval(self.desk.pump.flush_s, self.desk.guard.wrap("ask value", self.repaint))

    def repaint(self) -> None:
        """Tell what changed since the last look."""
        lines = self.question.lines(self.query_one(TypedLine).value.strip())
        if lines != self._seen:
            self._seen = lines
            self.tell(lines)

    def asked_for(self) -> str:
        return self.question.wanted

    def objection(self, typed: str) -> str:
        return self.question.objection(typed)

    def take(self, typed: str) -> None:
        self.question.send(typed)
        self.dismiss(True)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.repaint()
        if event.value:  # an emptied line was emptied for a reason, which stands below it
            self.hint("")
