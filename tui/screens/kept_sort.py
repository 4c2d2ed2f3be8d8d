"""The watchlist's sort is remembered: one edit of the settings when the choice rests, none while the operator tries sorts.

A sort that comes from elsewhere (an edit taken back, a saved file) is followed. The direction is kept as `turned`: against
the usual one, which is largest first and words from A to Z.
"""

from __future__ import annotations

from typing import NamedTuple

from core.messages import EditSetting
from tui.desk import Desk

REST_S = 2.0
"""A choice that stands for this long is kept."""


class Sort(NamedTuple):
    """A column to sort by, and whether its usual direction is turned round."""

    key: str
    turned: bool


class KeptSort:
    """The sort in force in the settings, and a choice that waits to be kept."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known = self.in_force()
        self._waiting: Sort | None = None
        self._chosen_s = 0.0

    def in_force(self) -> Sort:
        """As the settings stand now."""
        return Sort(self._desk.setting("screen.sort"), self._desk.setting("screen.reverse"))

    def choose(self, sort: Sort) -> None:
        """The operator sorted the list: kept once this rests."""
        self._waiting, self._chosen_s = sort, self._desk.clock.monotonic()

    def follow(self) -> Sort | None:
        """A sort the settings got from elsewhere since the last call; None while nothing changed or a choice waits."""
        if self._waiting is not None and self._desk.clock.monotonic() - self._chosen_s >= REST_S:
            self.keep()
        before, self._known = self._known, self.in_force()
        return self._known if self._known != before and self._waiting is None else None

    def keep(self) -> None:
        """Ask for a waiting choice to be kept now. Nothing happens when it is what is in force."""
        wanted, self._waiting = self._waiting, None
        now = self.in_force()
        if wanted is None or wanted == now:
            return
        if wanted.turned != now.turned:
            self._desk.bus.publish(EditSetting(key="screen.reverse", value="true" if wanted.turned else "false"))
        if wanted.key != now.key:
            self._desk.bus.publish(EditSetting(key="screen.sort", value=wanted.key))
        self._known = self.in_force()
