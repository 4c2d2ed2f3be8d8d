"""The line where a filter is typed: opens with `/`, follows every letter, Enter keeps it."""

from __future__ import annotations

from textual import events, on
from textual.widgets import Input


class FilterLine(Input):
    """A one-line input without a border. Hidden until opened; the screen decides what Esc does.

    Over a slow link Enter or Esc and the keys behind it arrive in one go, before the screen has taken the focus away.
    Those keys are handed on to the screen, behind the end of typing.
    """

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, select_on_focus=False, compact=True, classes="filter-line")
        self.cursor_blink = False
        self.display = False
        self.before = ""
        self._ended = self._told = False

    def open(self, text: str) -> None:
        """Show it with the current filter and start typing."""
        self.before = text
        self.value = text
        self.cursor_position = len(text)
        self._ended = self._told = False
        self.display = True
        self.screen.set_focus(self)  # at once: `focus` waits its turn, and keys typed meanwhile would be commands

    def close(self) -> None:
        """Hide it; the caller puts the focus elsewhere."""
        self.display = False

    @property
    def is_open(self) -> bool:
        """Whether a filter is being typed."""
        return bool(self.display)

    async def _on_key(self, event: events.Key) -> None:
        if not self._ended and event.key not in ("enter", "escape"):
            return
        if event.key == "escape" and not self._ended:
            self._ended = self._told = True  # it goes on to the screen by itself
            return
        event.stop()
        event.prevent_default()
        if not self._ended:
            self._ended = True
            await self.action_submit()
        elif self._told:
            self.screen.post_message(events.Key(event.key, event.character))
        else:
            self.post_message(events.Key(event.key, event.character))  # once more, behind our own `Submitted`

    @on(Input.Submitted)
    def _pass_on(self) -> None:
        self._told = True
