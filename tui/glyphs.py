"""Glyph sets behind one object: Unicode, or ASCII for locales and terminals that cannot draw it."""

from __future__ import annotations

import locale
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

GlyphChoice = Literal["auto", "unicode", "ascii"]

PLAIN_LOCALES = ("C", "POSIX")
"""Locales that promise nothing but ASCII."""
ASCII_TERMS = ("dumb", "vt100", "vt102", "vt220", "linux-16color")
"""Terminals that get ASCII whatever the locale says."""


class Glyphs(msgspec.Struct, frozen=True):
    """One set. `bars` and `spark` go from empty to full; every glyph is one cell wide."""

    name: str
    up: str
    down: str
    hold: str
    alert: str
    stale: str
    yes: str
    no: str
    cursor: str
    rule: str
    missing: str
    separator: str
    minus: str
    enter: str
    ellipsis: str
    bar_full: str
    bar_empty: str
    spark: str
    sort_down: str
    sort_up: str
    candle_up: str
    """Nine shapes of one cell of a candle: upper half times three plus lower half, each 0 empty, 1 wick, 2 body."""
    candle_down: str
    box_up: str
    """A body three cells wide: top, top under a wick, middle, bottom, bottom over a wick; flat without, with upper, with
    lower, with both wicks.
    """
    box_down: str
    candle_flat: str
    """A bar nobody traded in."""
    zone_gap: str
    zone_block: str
    line_break: str
    line_change: str
    line_level: str
    axis: str
    axis_tick: str
    price_here: str
    """Points from the right at the newest price."""
    sweep: str

    def bar(self, fraction: float, width: int) -> str:
        """A gauge of `width` cells; `fraction` outside [0, 1] or NaN is clamped (NaN: empty)."""
        filled = 0 if fraction != fraction else round(min(1.0, max(0.0, fraction)) * width)
        return self.bar_full * filled + self.bar_empty * (width - filled)

    def sparkline(self, values: Sequence[float], width: int) -> str:
        """The last `width` finite values, one cell each, scaled between their own extremes; padded on the left."""
        shown = [value for value in values if value == value and abs(value) != float("inf")][-width:]
        if not shown:
            return " " * width
        low, high = min(shown), max(shown)
        steps = len(self.spark) - 1
        span = high - low
        cells = "".join(
            self.spark[round((value - low) / span * steps) if 0 < span < float("inf") else 0] for value in shown
        )
        return cells.rjust(width)


UNICODE = Glyphs(
    name="unicode",
    up="↑",
    down="↓",
    hold="•",
    alert="!",
    stale="≈",
    yes="✓",
    no="✗",
    cursor="▸",
    rule="─",
    missing="–",
    separator="·",
    minus="−",
    enter="↵",
    ellipsis="…",
    bar_full="▇",
    bar_empty="▁",
    spark="▁▂▃▄▅▆▇█",
    sort_down="↓",
    sort_up="↑",
    candle_up=" ╷╻╵│╽╹╿║",
    candle_down=" ╷╻╵│╽╹╿┃",
    box_up="┌─┐┌┴┐│ │└─┘└┬┘╶─╴╶┴╴╶┬╴╶┼╴",
    box_down="▗▄▖▐█▌▐█▌▝▀▘▐█▌╺━╸╺┷╸╺┯╸╺┿╸",
    candle_flat="╌",
    zone_gap="░",
    zone_block="▒",
    line_break="─",
    line_change="╌",
    line_level="┈",
    axis="│",
    axis_tick="┤",
    price_here="◂",
    sweep="×",
)

ASCII = Glyphs(
    name="ascii",
    up="^",
    down="v",
    hold=".",
    alert="!",
    stale="~",
    yes="y",
    no="x",
    cursor=">",
    rule="-",
    missing="-",
    separator="|",
    minus="-",
    enter="Enter",
    ellipsis="~",
    bar_full="#",
    bar_empty="-",
    spark="_.-=+*#@",
    sort_down="v",
    sort_up="^",
    candle_up=" ,o'|ooo0",
    candle_down=" ,#'|####",
    box_up=".-..|.| |'-''|'[-][+][+][+]",
    box_down="###############===#=##=##=#",
    candle_flat="_",
    zone_gap=".",
    zone_block=":",
    line_break="=",
    line_change="~",
    line_level="-",
    axis="|",
    axis_tick="+",
    price_here="<",
    sweep="x",
)

TO_ASCII = {
    ord(wide): plain
    for wide, plain in {
        "↑": "^",
        "↓": "v",
        "•": ".",
        "≈": "~",
        "✓": "y",
        "✗": "x",
        "▸": ">",
        "─": "-",
        "–": "-",
        "—": "-",
        "·": "|",
        "−": "-",
        "↵": "Enter",
        "…": "~",
        "▇": "#",
        "▁": "-",
        "σ": "s",
        "≤": "<=",
        "≥": ">=",
        "→": "->",
        "×": "x",
        "±": "+-",
        "│": "|",
        "┼": "+",
        "■": "#",
        "░": ":",
        "←": "<-",
    }.items()
}
"""How words that come from messages (reasons, events) are spelt in ASCII."""


def plain_text(text: str) -> str:
    """Text of a message in ASCII: known glyphs by their equivalent, anything else as `?`."""
    return text if text.isascii() else text.translate(TO_ASCII).encode("ascii", "replace").decode("ascii")


def choose(choice: GlyphChoice, environment: Mapping[str, str], encoding: str | None = None) -> Glyphs:
    """The set for this terminal. `auto` takes Unicode only with a UTF-8 locale and a terminal that is not a bare one.

    With another encoding Textual would print literal escapes and the layout would break.
    """
    if choice == "unicode":
        return UNICODE
    if choice == "ascii":
        return ASCII
    named = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or ""
    if named in PLAIN_LOCALES:  # Python would answer UTF-8 all the same
        return ASCII
    spoken = (encoding if encoding is not None else locale.getpreferredencoding(False)).lower().replace("-", "")
    bare = environment.get("TERM", "") in ASCII_TERMS
    return UNICODE if spoken in ("utf8", "utf8mb4") and not bare else ASCII
