"""Change one setting: its meaning and range, the value in force, and a line to type the new one.

The engine checks the value; what it says (taken or refused, and why) comes back as a message and is shown as a notice.
"""

from __future__ import annotations

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from core.messages import EditSetting
from tui.desk import Desk
from tui.screens.base import DeskModal


class EditSettingScreen(DeskModal[None]):
    """Enter sends the new value, Esc leaves the old one."""

    SCOPE = "edit_setting"

    def __init__(self, desk: Desk, key: str, value: str, about: str) -> None:
        super().__init__(desk)
        self._key = key
        self._value = value
        self._about = about

    def compose(self) -> ComposeResult:
        palette = self.desk.palette
        text = Text()
        text.append(f"{self._key}\n", palette.bright)
        text.append(f"{self._about}\n", palette.dim)
        text.append(f"now {self._value}", palette.text)
        with Vertical(classes="edit-box"):
            yield Static(text, markup=False)
            line = Input(self._value.strip('"'), placeholder="new value")
            line.cursor_blink = False
            yield line
            yield Static(Text("Enter takes it, Esc keeps the old one.", palette.dim), markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def send(self, event: Input.Submitted) -> None:
        """Ask the engine for the change; an unchanged value asks for nothing."""
        event.stop()
        if event.value != self._value.strip('"'):
            self.desk.bus.publish(EditSetting(key=self._key, value=event.value))
        self.dismiss()
