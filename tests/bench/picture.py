"""What a terminal shows, kept from the bytes it was sent: enough of one to read Textual's pictures as text."""

from __future__ import annotations

import codecs
import re

SEQUENCE = re.compile(
    r"\x1b(?:\[([0-?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|P[^\x1b]*\x1b\\|[ -/]+[0-~]|[0-OQ-Z\\^-~])"
)
CUT_MOST = 4096
"""An escape sequence longer than this is none."""


class Picture:
    """`feed` bytes, read `rows`. Colours are left out; every character takes one cell."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns, self._height = columns, rows
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._cut = ""
        self._cells = [[" "] * columns for _ in range(rows)]
        self._x = self._y = 0

    @property
    def rows(self) -> list[str]:
        """Top to bottom."""
        return ["".join(cells) for cells in self._cells]

    def feed(self, data: bytes) -> None:
        """The next bytes; a sequence that is cut at their end waits for its rest."""
        text, self._cut = self._cut + self._decode(data), ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self._put(text[at])
                at += 1
            elif (found := SEQUENCE.match(text, at)) is not None:
                self._control(found.group(1) or "", found.group(2) or "")
                at = found.end()
            elif len(text) - at < CUT_MOST:
                self._cut = text[at:]
                return
            else:
                at += 1

    def _put(self, character: str) -> None:
        if character == "\r":
            self._x = 0
        elif character == "\n":
            self._x, self._y = 0, min(self._y + 1, self._height - 1)
        elif character >= " ":
            if self._x < self._columns:
                self._cells[self._y][self._x] = character
            self._x += 1

    def _control(self, numbers: str, final: str) -> None:
        if final == "H":
            row, column = ([int(one or 1) for one in numbers.split(";")] + [1])[:2] if numbers else (1, 1)
            self._y, self._x = min(row, self._height) - 1, min(column, self._columns) - 1
        elif final == "K":
            self._cells[self._y][self._x :] = [" "] * (self._columns - min(self._x, self._columns))
        elif final == "J" and numbers == "2":
            self._cells = [[" "] * self._columns for _ in range(self._height)]
