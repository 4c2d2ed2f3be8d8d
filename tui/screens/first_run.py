"""Shown when there are no settings yet: choose what to watch; the choice is written down and used from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from rich.text import Text
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from tui.desk import Desk
from tui.screens.base import DeskScreen
from tui.screens.first_run_choices import ACTIONS, CHOICES, SCOPE, Choice, WriteSettings

COMFORT = (120, 40)
"""Cells from which on no panel is left out."""

INTRODUCTION = (
    "There are no settings yet. Choose what to watch.",
    "Trading is on paper: nothing here can send a real order.",
    "Your choice is written to a settings file that explains every knob.",
)


class FirstRunScreen(DeskScreen):
    """What will happen, four choices, and how it shall look; the looks are shown at once and written down with the choice."""

    SCOPE = SCOPE
    ACTIONS: ClassVar = ACTIONS

    def __init__(self, desk: Desk, write: WriteSettings, chosen: Callable[[Choice | None], None]) -> None:
        super().__init__(desk)
        self._write = write
        self._chosen = chosen
        self._at = 0
        self._times = desk.settings.screen.times
        self._problem = ""
        self._text = Static(markup=False, classes="first-run")

    def compose_body(self) -> Iterable[Widget]:
        yield Vertical(self._text, classes="first-run-box")

    def on_mount(self) -> None:
        self._show()

    def restyle(self) -> None:
        self._show()

    def act_up(self) -> None:
        self._move(-1)

    def act_down(self) -> None:
        self._move(1)

    def act_times(self) -> None:
        self._times = "local" if self._times == "utc" else "utc"
        self._show()

    def act_choose(self) -> None:
        self._take(CHOICES[self._at])

    def act_take_1(self) -> None:
        self._take(CHOICES[0])

    def act_take_2(self) -> None:
        self._take(CHOICES[1])

    def act_take_3(self) -> None:
        self._take(CHOICES[2])

    def act_take_4(self) -> None:
        self._take(CHOICES[3])

    def _move(self, step: int) -> None:
        self._at = (self._at + step) % len(CHOICES)
        self._show()

    def _take(self, choice: Choice) -> None:
        self._at = CHOICES.index(choice)
        try:
            self._write(choice, {"screen.theme": self.app.theme, "screen.times": self._times})
        except FileExistsError as error:
            self._problem = f"{error.filename or error} exists and is kept as it is; move it away or start with it."
        except OSError as error:
            self._problem = f"settings cannot be written: {error}. Make the folder writable, or set TRADETUI_SETTINGS."
        else:
            self._chosen(choice)
            return
        self._show()

    @staticmethod
    def _terminal_words(width: int, height: int) -> str:
        if width >= COMFORT[0] and height >= COMFORT[1]:
            return "room for everything"
        return f"fits; {COMFORT[0]}x{COMFORT[1]} shows all"

    def _show(self) -> None:
        palette, glyphs = self.desk.palette, self.desk.glyphs
        text = Text()
        for line in INTRODUCTION:
            text.append(f"{line}\n", palette.text)
        text.append("\n")
        for number, choice in enumerate(CHOICES, 1):
            here = number - 1 == self._at
            text.append(f" {glyphs.cursor if here else ' '} ", palette.accent)
            text.append(f"{number} ", palette.key)
            text.append(f"{choice.title:<18}", palette.bright if here else palette.text)
            text.append(f"{choice.about}\n", palette.dim)
        text.append("\n")
        label = self.desk.keymap.label
        size = self.app.size
        signs = "Unicode signs" if glyphs.name == "unicode" else "ASCII signs"
        for name, value, remedy in (
            ("colours", self.app.theme, f"{label('app.theme')} changes"),
            ("times", self._times, f"{label('first_run.times')} changes"),
            ("terminal", f"{size.width}x{size.height}, {signs}", self._terminal_words(size.width, size.height)),
        ):
            text.append(f"   {name:<10}", palette.dim)
            text.append(f"{value:<26}", palette.text)
            text.append(f"{remedy}\n", palette.dim)
        if self._problem:
            text.append(f"\n{self._problem}", palette.danger)
        self._text.update(text)
