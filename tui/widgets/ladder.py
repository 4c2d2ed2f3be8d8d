"""The book around the mid: asks above, bids below, sizes as bars in eighths of a cell."""

from __future__ import annotations

import math

from core.messages import Ladder, Listing
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Line
from tui.widgets.sight import Sight

EIGHTHS = " ▏▎▍▌▋▊▉█"
SIZE = 8
BAR_LEAST = 4
TOTAL_FROM = 46
"""From this many cells on there is room for the sum of sizes from the mid."""


def ladder_lines(sight: Sight, glyphs: Glyphs, width: int, height: int) -> list[Line]:
    """A title and as many levels of each side as fit, best ones next to the mid."""
    ladder, book = sight.looked.ladder, sight.row.book
    troubled = book is not None and book.state != "live"
    title: Line = [(" BOOK", "dim")]
    if book is not None and troubled:
        title.append((f"  {glyphs.stale} {book.state}" + (f": {book.reason}" if book.reason else ""), "warn"))
    if ladder is None or not (ladder.bids or ladder.asks):
        return [title, [("  waiting for the book", "dim")]]
    levels = max(1, (height - 2) // 2)
    asks, bids = ladder.asks[:levels], ladder.bids[:levels]
    places = sight.facts.decimals
    price_width = max(len(f"{price:,.{places}f}") for price, _ in (*asks, *bids))
    total = width >= TOTAL_FROM
    bar = max(BAR_LEAST, width - 1 - price_width - 1 - SIZE - 1 - (SIZE + 1 if total else 0) - 1)
    full = nice_scale(max(size for _, size in (*asks, *bids)))
    digits = size_decimals(full, sight.row.listing)
    stale = troubled or bool(sight.fault)

    def level(price: float, size: float, so_far: float, side: str) -> Line:
        style = f"price_{side}"
        line: Line = [
            (f" {price:>{price_width},.{places}f} ", "stale" if stale else style),
            (f"{size_text(size, digits, glyphs)} ", "stale" if stale else "text"),
        ]
        if total:
            line.append((f"{size_text(so_far, digits, glyphs)} ", "dim"))
        return [*line, (eighth_bar(size / full, bar, glyphs), "stale" if stale else f"zone_{side}")]

    lines: list[Line] = [[] for _ in range(levels - len(asks))]
    sums = _running(asks)
    lines += [level(price, size, sums[i], "down") for i, (price, size) in reversed(list(enumerate(asks)))]
    lines.append(_middle(ladder, places, glyphs, width, stale))
    sums = _running(bids)
    lines += [level(price, size, sums[i], "up") for i, (price, size) in enumerate(bids)]
    if total:
        title.append((" " * max(1, price_width + 2 * SIZE - 2 - len(title[0][0])) + "sum", "dim"))
    return [title, *lines]


def _middle(ladder: Ladder, places: int, glyphs: Glyphs, width: int, stale: bool) -> Line:
    """The mid, and which side of the book weighs more."""
    mid = math.nan
    if ladder.bids and ladder.asks:
        mid = (ladder.bids[0][0] + ladder.asks[0][0]) / 2.0
    shown = fmt.price(mid, places + 1, glyphs=glyphs)
    text = f"{glyphs.rule} {shown.removesuffix('0') if places else shown} mid {glyphs.rule}"
    bids, asks = sum(size for _, size in ladder.bids), sum(size for _, size in ladder.asks)
    share = f" bids {bids / (bids + asks) * 100:.0f} %" if bids + asks > 0 and len(text) + 12 <= width else ""
    return [(f" {text}", "stale" if stale else "bright"), (share, "dim")]


def _running(levels: tuple[tuple[float, float], ...]) -> list[float]:
    sums, so_far = [], 0.0
    for _, size in levels:
        so_far += size
        sums.append(so_far)
    return sums


def nice_scale(largest: float) -> float:
    """The next of 1, 2, 5 times a power of ten: a scale in steps keeps the bars still while sizes change a little."""
    if not largest > 0.0 or not math.isfinite(largest):
        return 1.0
    power = 10.0 ** math.floor(math.log10(largest))
    return next((step * power for step in (1.0, 2.0, 5.0) if step * power >= largest), 10.0 * power)


def size_decimals(largest: float, listing: Listing | None) -> int:
    """Decimals for a column of sizes of which this is the largest: those of the lot, fewer when they would not fit."""
    whole = len(str(int(largest))) if math.isfinite(largest) else 1
    fitting = max(0, SIZE - 2 - whole - (whole - 1) // 3)
    return min(fitting, fmt.tick_decimals(listing.lot_size) if listing is not None else 2)


def size_text(size: float, decimals: int, glyphs: Glyphs) -> str:
    """A size in its column; one too long for it in thousands or millions."""
    text = f"{size:,.{decimals}f}"
    return text.rjust(SIZE) if len(text) <= SIZE else fmt.compact(size, SIZE, glyphs)


def eighth_bar(fraction: float, cells: int, glyphs: Glyphs) -> str:
    """A bar in eighths of a cell; whole cells in ASCII. Padded to `cells`."""
    fraction = min(1.0, max(0.0, fraction))
    if glyphs.name == "ascii":
        return (glyphs.bar_full * round(fraction * cells)).ljust(cells)
    whole, rest = divmod(max(1 if fraction > 0 else 0, round(fraction * cells * 8)), 8)
    return (EIGHTHS[8] * whole + (EIGHTHS[rest] if rest else "")).ljust(cells)
