"""A price path as one line of text: a thin braille line, or the glyph set's blocks in ASCII.

Braille gives two points and four heights per cell, and stays light beside the numbers where a wall of blocks would not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tui.glyphs import Glyphs

BRAILLE = 0x2800
LEFT_DOTS = (0x40, 0x04, 0x02, 0x01)
RIGHT_DOTS = (0x80, 0x20, 0x10, 0x08)
"""Bits of a cell's left and right column of dots, lowest first (Unicode, Braille Patterns)."""
HEIGHTS = len(LEFT_DOTS)


def spark_text(values: Sequence[float], width: int, glyphs: Glyphs) -> str:
    """The path over `width` cells, oldest left, between its own lowest and highest value; blanks without values."""
    path = [value for value in values if math.isfinite(value)]
    if not path:
        return " " * width
    if glyphs.name == "ascii":
        return glyphs.sparkline(resample(path, min(width, len(path))), width)
    points = resample(path, width * 2)
    low, high = min(points), max(points)
    span = high - low
    heights = [round((value - low) / span * (HEIGHTS - 1)) if 0 < span < math.inf else 1 for value in points]
    return "".join(chr(BRAILLE | LEFT_DOTS[heights[i]] | RIGHT_DOTS[heights[i + 1]]) for i in range(0, len(heights), 2))


def resample(values: Sequence[float], count: int) -> list[float]:
    """`count` values at even distances along the path; the first and the last are kept."""
    if count == 1 or len(values) == 1:
        return [values[-1]] * count
    step = (len(values) - 1) / (count - 1)
    return [values[min(len(values) - 1, round(i * step))] for i in range(count)]
