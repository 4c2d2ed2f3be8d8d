"""The columns of the calibration table: what stands in them, and which leave first when the line gets short.

Out of sample stands before in sample, because that is what counts. A cell is a text and the name of its style.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from core.messages import BreakerPhase, CalibrationReport, ThresholdsInForce, TradeFigures
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.screening_store import ScreenedRow
from tui.widgets.calibration_words import span, standing
from tui.widgets.line_panel import Line, Run, joined

MARGIN = 1
"""The cursor's cell."""
VERDICT_LEAST = 22


class Seen(NamedTuple):
    """One asset as a line shows it."""

    symbol: str
    row: ScreenedRow
    now_ms: int
    glyphs: Glyphs
    overall: BreakerPhase = "closed"

    @property
    def report(self) -> CalibrationReport | None:
        return self.row.report

    @property
    def force(self) -> ThresholdsInForce | None:
        return self.row.thresholds


class Column(NamedTuple):
    """`gap` cells before it; `keep`: the larger, the longer it stays. `words` are left-aligned, numbers right."""

    key: str
    title: str
    width: int
    keep: int
    cell: Callable[[Seen], Run]
    gap: int = 2
    words: bool = False


def _class(seen: Seen) -> Run:
    name = seen.force.asset_class if seen.force is not None else seen.report.asset_class if seen.report else ""
    return (name or seen.glyphs.missing, "text" if name else "dim")


def _source(seen: Seen) -> Run:
    if seen.force is None:
        return (seen.glyphs.missing, "dim")
    return (seen.force.source, "bright" if seen.force.source in ("calibrated", "operator") else "dim")


def _age(seen: Seen) -> Run:
    force = seen.force
    since = (seen.now_ms - force.since_ms) / 1000 if force is not None and force.since_ms else None
    return (span(since, 1), "text") if since is not None else (seen.glyphs.missing, "dim")


def _expires(seen: Seen) -> Run:
    force = seen.force
    if force is None or not force.expires_ms:
        return (seen.glyphs.missing, "dim")
    left_s = (force.expires_ms - seen.now_ms) / 1000
    if force.blended or left_s <= 0:
        return ("expired", "warn")
    return (span(left_s, 1), "warn" if left_s < 86_400 else "text")


def _figure(which: str, text: Callable[[TradeFigures, Glyphs], Run]) -> Callable[[Seen], Run]:
    def cell(seen: Seen) -> Run:
        found: TradeFigures | None = getattr(seen.report, which) if seen.report is not None else None
        return text(found, seen.glyphs) if found is not None else (seen.glyphs.missing, "dim")

    return cell


def trades_text(figures: TradeFigures, glyphs: Glyphs) -> Run:
    """How many trades."""
    return (fmt.count(figures.trades, glyphs=glyphs), "text")


def factor_text(figures: TradeFigures, glyphs: Glyphs) -> Run:
    """Profit factor."""
    return (fmt.fixed(figures.profit_factor, 2, glyphs=glyphs), "text")


def win_text(figures: TradeFigures, glyphs: Glyphs) -> Run:
    """`48`: percent of trades that won."""
    return (fmt.fixed(figures.win_rate * 100, 0, glyphs=glyphs), "text")


def win_interval_text(figures: TradeFigures, glyphs: Glyphs) -> Run:
    """`48 [42–54]`: with the 90 % interval (Wilson)."""
    if fmt.is_missing(figures.win_rate):
        return (glyphs.missing, "dim")
    low, high = figures.win_rate_low * 100, figures.win_rate_high * 100
    return (f"{figures.win_rate * 100:.0f} [{low:.0f}{'-' if glyphs.name == 'ascii' else '–'}{high:.0f}]", "text")


def expectancy_text(figures: TradeFigures, glyphs: Glyphs) -> Run:
    """`+ 0.11`: mean result in R."""
    value = figures.expectancy_r
    text = fmt.signed(value, 2, glyphs=glyphs)
    return (text, "price_up" if text.startswith("+") else "price_down" if text.startswith(glyphs.minus) else "text")


def drawdown_text(figures: TradeFigures, glyphs: Glyphs) -> Run:
    """Deepest fall in percent."""
    return (fmt.fixed(figures.max_drawdown * 100, 1, glyphs=glyphs), "text")


def _share(name: str) -> Callable[[Seen], Run]:
    def cell(seen: Seen) -> Run:
        value = getattr(seen.report, name) if seen.report is not None else None
        return (fmt.probability(value, glyphs=seen.glyphs), "text")

    return cell


COLUMNS: tuple[Column, ...] = (
    Column("class", "CLASS", 9, 30, _class, 1, True),
    Column("source", "SOURCE", 10, 60, _source, 1, True),
    Column("age", "AGE", 4, 65, _age, 1),
    Column("expires", "EXPIRES", 7, 50, _expires, 1),
    Column("n", "OOS: n", 6, 90, _figure("out_of_sample", trades_text), 2),
    Column("pf", "PF", 5, 88, _figure("out_of_sample", factor_text), 1),
    Column("win", "WIN %", 5, 80, _figure("out_of_sample", win_text), 1),
    Column("interval", "WIN %", 10, 55, _figure("out_of_sample", win_interval_text), 2),
    Column("expectancy", "E(R)", 6, 95, _figure("out_of_sample", expectancy_text), 1),
    Column("drawdown", "DD %", 5, 70, _figure("out_of_sample", drawdown_text), 1),
    Column("is_n", "IS: n", 6, 8, _figure("in_sample", trades_text), 2),
    Column("is_pf", "IS: PF", 6, 20, _figure("in_sample", factor_text), 2),
    Column("is_win", "WIN %", 10, 6, _figure("in_sample", win_interval_text), 1),
    Column("is_expectancy", "E(R)", 6, 18, _figure("in_sample", expectancy_text), 1),
    Column("is_drawdown", "DD %", 5, 5, _figure("in_sample", drawdown_text), 1),
    Column("dsr", "DSR", 4, 78, _share("dsr"), 2),
    Column("pbo", "PBO", 4, 76, _share("pbo"), 1),
)
INSTEAD = {"interval": "win"}
"""The win rate with its interval takes the place of the bare one."""


class Layout(NamedTuple):
    """The columns shown between symbol and verdict, and the cells of these two."""

    columns: tuple[Column, ...]
    symbol: int
    verdict: int


def arrange(width: int, symbol: int) -> Layout:
    """As many columns as fit beside symbol and verdict, by importance; what is left over widens the verdict."""
    room = width - MARGIN - symbol - 2 - VERDICT_LEAST
    chosen: set[str] = set()
    for column in sorted(COLUMNS, key=lambda column: -column.keep):
        taken = column.gap + column.width
        swapped = next((c for c in COLUMNS if c.key == INSTEAD.get(column.key) and c.key in chosen), None)
        gain = swapped.gap + swapped.width if swapped is not None else 0
        if taken - gain > room:
            break
        room -= taken - gain
        chosen.add(column.key)
        if swapped is not None:
            chosen.discard(swapped.key)
    return Layout(tuple(c for c in COLUMNS if c.key in chosen), symbol, VERDICT_LEAST + max(0, room))


def header_line(layout: Layout, glyphs: Glyphs) -> Line:
    """The titles."""
    text = " " * MARGIN + fmt.fit("SYMBOL", layout.symbol, glyphs)
    for column in layout.columns:
        title = column.title.ljust(column.width) if column.words else column.title.rjust(column.width)
        text += " " * column.gap + title
    return [(f"{text}  VERDICT", "dim")]


def asset_line(seen: Seen, layout: Layout, chosen: bool) -> Line:
    """One asset."""
    glyphs = seen.glyphs
    told = standing(seen.row, seen.now_ms, seen.overall)
    line: Line = [
        (" " * MARGIN, "text"),
        (fmt.fit(seen.symbol, layout.symbol, glyphs), "bright" if chosen else "text"),
    ]
    for column in layout.columns:
        text, style = column.cell(seen)
        padded = text.ljust(column.width) if column.words else text.rjust(column.width)
        line += [(" " * column.gap, "text"), (padded, "dim" if text == glyphs.missing else style)]
    words = told.text(layout.verdict, glyphs).rstrip()
    line += [("  ", "text"), (words, told.style), (" " * (layout.verdict - len(words)), "text")]
    return joined(line)
