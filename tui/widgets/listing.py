"""What a screen lists: lines under headings, and which of them can be chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tui.widgets.line_panel import Line

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """The lines, and by line number what can be chosen."""

    lines: list[Line] = field(default_factory=list)
    items: dict[int, T] = field(default_factory=dict)

    @property
    def home(self) -> int:
        """The first line that can be chosen; 0 while there is none."""
        return min(self.items, default=0)

    def head(self, line: Line) -> None:
        """Begin a group with this heading, apart from what stands above it."""
        if self.lines:
            self.lines.append([])
        self.lines.append([run for run in line if run[0]])

    def add(self, item: T, line: Line) -> None:
        """A line that can be chosen, and what it stands for."""
        self.items[len(self.lines)] = item
        self.lines.append(line)
