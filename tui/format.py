"""Numbers and times as fixed-width text: value in, text out; NaN and infinity are missing.

Widths pad on the left and never cut: a number that does not fit is better too wide than wrong. The real minus sign and
the missing mark come from the glyph set, so that ASCII terminals get `-`. Two choices of the operator hold for all
screens and live in `LOOKS`: whose time of day, and whether amounts of money are hidden.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from tui.glyphs import UNICODE, Glyphs

COMPACT_STEPS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
HIDDEN = "***"
"""What stands for an amount in private mode: always the same, so that it tells nothing of its size or sign."""


@dataclass(slots=True)
class Looks:
    """`[screen]` times and private. `local` is the time zone of `$TZ`, or the machine's."""

    times: Literal["utc", "local"] = "utc"
    private: bool = False


LOOKS = Looks()
"""The one set in use. Only the app changes it, at start and when the settings change."""


def is_missing(value: float | None) -> bool:
    """None, NaN and infinities are not shown as numbers."""
    return value is None or not math.isfinite(value)


def tick_decimals(tick_size: str) -> int:
    """Decimals of a price on this tick: `0.01000000` has 2, `5` has 0, `1e-7` has 7."""
    mantissa, _, exponent = tick_size.strip().lower().partition("e")
    _, _, fraction = mantissa.partition(".")
    shift = int(exponent) if exponent.lstrip("+-").isdigit() else 0
    return max(0, len(fraction.rstrip("0")) - shift)


def guess_decimals(value: float) -> int:
    """Decimals for a price whose tick is not known: about six significant figures, at least 2."""
    if is_missing(value) or value == 0:
        return 2
    return min(10, max(2, 5 - math.floor(math.log10(abs(value)))))


def price(value: float | None, decimals: int, width: int = 0, glyphs: Glyphs = UNICODE) -> str:
    """`61,602.01`: thousands separated, fixed decimals."""
    if value is None or is_missing(value):
        return glyphs.missing.rjust(width)
    return _minus(f"{value:,.{decimals}f}", glyphs).rjust(width)


def signed(value: float | None, decimals: int = 2, width: int = 0, unit: str = "", glyphs: Glyphs = UNICODE) -> str:
    """`+ 0.42` or `− 1.02`, the sign always shown and set apart; a value that rounds to zero has no sign.

    `unit` is appended after a space (`+ 0.42 %`). The width covers all of it.
    """
    text = _signed_text(value, decimals, glyphs)
    return f"{text} {unit}".rstrip().rjust(width) if text != glyphs.missing else text.rjust(width)


def percent(
    fraction: float | None, decimals: int = 2, width: int = 0, unit: bool = False, glyphs: Glyphs = UNICODE
) -> str:
    """A change given as a fraction, as signed percent: 0.0042 is `+ 0.42` (with `unit`: `+ 0.42 %`)."""
    scaled = None if fraction is None else fraction * 100.0
    return signed(scaled, decimals, width, "%" if unit else "", glyphs)


def fixed(value: float | None, decimals: int, width: int = 0, glyphs: Glyphs = UNICODE) -> str:
    """An unsigned number with fixed decimals, such as spread or RSI."""
    return price(value, decimals, width, glyphs)


def probability(value: float | None, width: int = 0, glyphs: Glyphs = UNICODE) -> str:
    """`.71`, `1.0` and `.00`: two decimals without the leading zero."""
    if value is None or is_missing(value):
        return glyphs.missing.rjust(width)
    text = f"{value:.2f}"
    return ("1.0" if text == "1.00" else text.removeprefix("0")).rjust(width)


def compact(value: float | None, width: int = 0, glyphs: Glyphs = UNICODE) -> str:
    """`1.24 B`, `611 M`, `8.90 k`, `312`: three significant figures and a step."""
    if value is None or is_missing(value):
        return glyphs.missing.rjust(width)
    magnitude = abs(value)
    for step, letter in COMPACT_STEPS:
        # 0.9995: 999.6 k rounds to 1.00 M, not to 1000 k
        if magnitude >= step * 0.9995:
            text = f"{_three_figures(value / step)} {letter}"
            break
    else:
        text = _three_figures(value) if magnitude < 100 and value != int(value) else f"{value:.0f}"
    return _minus(text, glyphs).rjust(width)


def age(seconds: float | None, width: int = 0, glyphs: Glyphs = UNICODE) -> str:
    """`0s`, `14s`, `3m`, `2h`, `5d`: whole units, rounded down; a clock that ran backwards is `0s`."""
    if seconds is None or is_missing(seconds):
        return glyphs.missing.rjust(width)
    whole = max(0, int(seconds))
    if whole < 100:
        text = f"{whole}s"
    elif whole < 100 * 60:
        text = f"{whole // 60}m"
    elif whole < 100 * 3600:
        text = f"{whole // 3600}h"
    else:
        text = f"{whole // 86_400}d"
    return text.rjust(width)


def count(value: int | float | None, width: int = 0, glyphs: Glyphs = UNICODE) -> str:
    """`1,204`: a whole number, thousands separated."""
    return price(value, 0, width, glyphs)


def money(
    value: float | None,
    decimals: int,
    unit: str = "",
    width: int = 0,
    *,
    signed: bool = False,
    glyphs: Glyphs = UNICODE,
) -> str:
    """An amount of the operator's own: `1,240.00 USDT`, with `signed` `+ 2.46 USDT`; `*** USDT` in private mode.

    What the market itself shows to everybody (prices, volumes, books) is no such amount. The width covers the unit.
    """
    if LOOKS.private:
        return f"{HIDDEN} {unit}".rstrip().rjust(width)
    text = _signed_text(value, decimals, glyphs) if signed else price(value, decimals, glyphs=glyphs)
    return f"{text} {unit}".rstrip().rjust(width)


def clock_text(at_ms: int) -> str:
    """`12:34:56Z`: time of day of a Unix time in milliseconds; as local time with its offset, `14:34:56+02`."""
    moment = _moment(at_ms)
    return f"{moment:%H:%M:%S}{zone_text(at_ms)}"


def zone_text(at_ms: int) -> str:
    """`Z`, or the offset of the local zone at that moment: `+02`, `-03:30`."""
    if LOOKS.times == "utc":
        return "Z"
    offset = f"{_moment(at_ms):%z}"
    return f"{offset[:3]}:{offset[3:5]}" if offset[3:5] != "00" else offset[:3]


def log_time_text(at_ms: int, now_ms: int) -> str:
    """A time in a list of at most 11 cells: `12:34:56Z` or local `14:34:56` today, `11-20 12:34` on another day."""
    moment = _moment(at_ms)
    if moment.date() == _moment(now_ms).date():
        return f"{moment:%H:%M:%S}{'Z' if LOOKS.times == 'utc' else ''}"
    return f"{moment:%m-%d %H:%M}"


def _moment(at_ms: int) -> datetime:
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return moment if LOOKS.times == "utc" else moment.astimezone()


def fit(text: str, width: int, glyphs: Glyphs = UNICODE) -> str:
    """Exactly `width` cells of one-cell text: padded on the right, or cut with an ellipsis."""
    if len(text) <= width:
        return text.ljust(width)
    return text[: max(0, width - 1)] + glyphs.ellipsis[:width] if width > 0 else ""


def _three_figures(value: float) -> str:
    magnitude = abs(value)
    if magnitude >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if magnitude >= 9.995 else f"{value:.2f}"


def _signed_text(value: float | None, decimals: int, glyphs: Glyphs) -> str:
    if value is None or is_missing(value):
        return glyphs.missing
    digits = f"{abs(value):,.{decimals}f}"
    zero = not any(digit in "123456789" for digit in digits)
    return f"{' ' if zero else '+' if value > 0 else glyphs.minus} {digits}"


def _minus(text: str, glyphs: Glyphs) -> str:
    return text.replace("-", glyphs.minus, 1) if text.startswith("-") else text
