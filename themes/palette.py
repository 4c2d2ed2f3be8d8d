"""The styles of one theme, resolved once per theme change for widgets that draw line by line.

Widgets take colours from here and nowhere else. Every style carries the theme's background, except in ANSI themes, where
the terminal's own shows through; `cursor`, `header` and `live` have one of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from rich.style import Style


@dataclass(frozen=True, slots=True)
class Palette:
    """One style per meaning; the field names are the required keys of a theme's `[styles]` (`_` is written `-`)."""

    text: Style
    bright: Style
    dim: Style
    price_up: Style
    price_down: Style
    hold: Style
    warn: Style
    danger: Style
    accent: Style
    stale: Style
    cursor: Style
    header: Style
    key: Style
    rule: Style
    paper: Style
    live: Style
    bar: Style
    bar_off: Style
    candle_up: Style
    candle_down: Style
    zone_up: Style
    zone_down: Style

    def move(self, change: float) -> Style:
        """The style of a signed change: up, down, or plain text for zero and NaN."""
        if change > 0:
            return self.price_up
        return self.price_down if change < 0 else self.text


STYLE_NAMES: tuple[str, ...] = tuple(field.name.replace("_", "-") for field in fields(Palette))
"""Every key `[styles]` must have."""
