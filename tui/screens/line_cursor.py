"""The keys that move a cursor through lines, the same on every screen that has one."""

from __future__ import annotations


class LineCursor:
    """Beside a screen: it says what a step does, how many lines a page has, and how far the farthest line can be."""

    def _move(self, step: int) -> None:
        """So many lines down, or (negative) up; no farther than there are lines."""
        raise NotImplementedError

    def _page(self) -> int:
        """Lines of one page, at least 1."""
        raise NotImplementedError

    def _farthest(self) -> int:
        """No line is farther away than this."""
        raise NotImplementedError

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
