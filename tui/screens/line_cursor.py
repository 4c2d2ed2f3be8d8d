"""The keys that move a cursor through lines, the same on every screen that has one."""

from __future__ import annotations

from abc import abstractmethod


class LineCursor:
    """Beside a screen: it says what a step does, how many lines a page has, and how far the farthest line can be.

    No `ABC`: its metaclass does not go with that of a screen. The type checker sees to it that each of them is said.
    """

    @abstractmethod
    def _move(self, step: int) -> None:
        """So many lines down, or (negative) up; no farther than there are lines."""

    @abstractmethod
    def _page(self) -> int:
        """Lines of one page, at least 1."""

    @abstractmethod
    def _farthest(self) -> int:
        """No line is farther away than this."""

    def act_down(self) -> None:
        self._move(1)

    def act_up(self) -> None:
        self._move(-1)

    def act_page_down(self) -> None:
        self._move(self._page())

    def act_page_up(self) -> None:
        self._move(-self._page())

    def act_top(self) -> None:
        self._move(-self._farthest())

    def act_bottom(self) -> None:
        self._move(self._farthest())
