"""The base of screens whose table follows the words typed into a filter."""

from __future__ import annotations

from textual import on
from textual.widgets import Input

from tui.desk import Desk
from tui.screens.panels import PanelScreen
from tui.widgets.filter_line import FilterLine


class FilteredScreen(PanelScreen):
    """`text` is the filter in force. Enter keeps what is typed, Esc takes it back, and once more Esc the whole filter."""

    FILTER_WORDS = ""
    """Shown in the line while nothing is typed."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.text = ""
        self.filter = FilterLine(self.FILTER_WORDS)

    def _filter(self, text: str) -> None:
        self.text = text
        self._acted()

    def act_filter(self) -> None:
        self.filter.open(self.text)

    def _close_filter(self) -> None:
        self.filter.close()
        self.set_focus(None)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.filter.is_open:
            self._filter(event.value.strip())

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_filter()

    def _take_back(self) -> None:
        """Esc while the line is open: the filter is what it was before."""
        before = self.filter.before
        self._close_filter()
        self._filter(before)

    def act_back(self) -> None:
        if self.filter.is_open:
            self._take_back()
        elif self.text:
            self._filter("")
        else:
            super().act_back()
