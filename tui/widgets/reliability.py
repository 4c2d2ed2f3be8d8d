"""A reliability diagram in cells: what was forecast against what came true, with the band of luck.

    RELIABILITY  all assets, 412 of 540 calls
    Brier .231, skill + 0.04, log loss .655
    ECE .041, within the noise .056: no fault found
    1.0┤                    ░·
       │             ░■░ ·
    0.5┤        ░■  ·
       │   ·■
    0  └─────────────────────
       0        0.5        1.0

A mark on the diagonal is an honest probability. The shaded cells are where a perfect forecaster would stay in a sample of
this size; a mark outside of them is another glyph, so that it shows without colour.
"""

from __future__ import annotations

from core.messages import ReliabilityBin, ReliabilityReport
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.screening_store import ScreeningStore
from tui.widgets.calibration_report import heading, hit_lines
from tui.widgets.line_panel import Line, Run, fold, joined

MARKS = {"unicode": ("■", "░", "·", "└"), "ascii": ("#", ":", ".", "+")}
"""A bin inside its band, the band, the diagonal, the corner of the axes."""
AXIS = 5
"""Cells of the upright axis with its numbers."""
LEAST_HEIGHT, LEAST_WIDTH = 3, 20
WIDEST, TALLEST = 64, 24
"""More cells would only stretch ten bins."""
WIDE_BAND_FROM = 40
"""With fewer cells bands of three would run into each other."""
HITS_MOST = 4
FROM_HEIGHT = 17
"""Lower panels have room for the diagram alone."""


def reliability_words(report: ReliabilityReport, glyphs: Glyphs) -> list[Line]:
    """Brier and ECE, and whether the latter is more than luck, in words."""
    ece, noise = _three(report.ece, glyphs), _three(report.ece_noise, glyphs)
    brier = f" Brier {_three(report.brier, glyphs)}, skill {fmt.signed(report.brier_skill, 2, glyphs=glyphs)}"
    lines: list[Line] = [[(f"{brier}, log loss {_three(report.log_loss, glyphs)}", "dim")]]
    if report.ece <= report.ece_noise:
        return [*lines, [(f" ECE {ece}, within the noise {noise}: no fault found", "text")]]
    return [*lines, [(f" ECE {ece}, above the noise {noise}: P is off by {report.ece * 100:.0f} points", "warn")]]


def _three(value: float, glyphs: Glyphs) -> str:
    return fmt.fixed(value, 3, glyphs=glyphs).removeprefix("0")


def record_lines(
    known: ScreeningStore, symbol: str, chosen: bool, glyphs: Glyphs, width: int, height: int
) -> list[Line]:
    """The diagram of all calls of the venue, and where there is room how often calls came right."""
    record = known.record
    if record is None:
        return [heading("RELIABILITY", chosen), [(" no track record yet: it comes with the engine", "dim")]][:height]
    report = record.reliability
    outcomes = report.outcomes if report is not None else 0
    head = heading("RELIABILITY", chosen, f"all assets, {outcomes:,} of {record.calls:,} calls")
    force = known.row(symbol).thresholds if symbol else None
    below = hit_lines([rate for rate in record.by_symbol if rate.name == symbol], glyphs, 1)
    below += hit_lines(record.by_recommendation, glyphs, HITS_MOST)
    if force is not None and force.asset_class in record.maps:
        below.append([(f" score map of class {force.asset_class}: {record.maps[force.asset_class]}", "dim")])
    below = [heading("CAME RIGHT", False), *below] if below and height >= FROM_HEIGHT else []
    drawn = reliability_lines(report, glyphs, width, min(TALLEST, height - 1 - (len(below) + 1 if below else 0)))
    return [head, *drawn, *([[], *below] if below else [])]


def reliability_lines(report: ReliabilityReport | None, glyphs: Glyphs, width: int, height: int) -> list[Line]:
    """Words and diagram in so many lines; without outcomes what is missing."""
    if report is None or not report.outcomes:
        text = " no outcome yet: the diagram begins when the first call has met its target or its stop"
        return fold([(text, "dim")], width, 1)[:height]
    words = [part for line in reliability_words(report, glyphs) for part in fold(line, width, 1)]
    rows = height - len(words) - 2
    if rows < LEAST_HEIGHT or width < LEAST_WIDTH + AXIS:
        return words[:height]
    return [*words, *_diagram(report.bins, glyphs, min(width - AXIS - 2, WIDEST), rows)]


def _diagram(bins: tuple[ReliabilityBin, ...], glyphs: Glyphs, cells: int, rows: int) -> list[Line]:
    """The plot, its lower axis and the numbers under it."""
    inside, band, diagonal, corner = MARKS[glyphs.name]
    grid: list[list[Run]] = [[(" ", "text")] * cells for _ in range(rows)]
    for column in range(cells):
        grid[_row(column / max(1, cells - 1), rows)][column] = (diagonal, "dim")
    reach = 1 if cells >= WIDE_BAND_FROM else 0
    for found in bins:
        if not found.count:
            continue
        column = _column(found.forecast, cells)
        for y in range(_row(found.high, rows), _row(found.low, rows) + 1):
            for x in range(column - reach, column + reach + 1):
                if 0 <= x < cells:
                    grid[y][x] = (band, "rule")
    for found in bins:
        if found.count:
            honest = found.low <= found.observed <= found.high
            mark = (inside, "accent") if honest else (glyphs.no, "warn")
            grid[_row(found.observed, rows)][_column(found.forecast, cells)] = mark
    named = {0: " 1.0", rows // 2: " 0.5"}
    lines: list[Line] = []
    for y, row in enumerate(grid):
        side = glyphs.axis_tick if y in named else glyphs.axis
        lines.append(joined([(f"{named.get(y, ''):>{AXIS - 1}}{side}", "dim"), *row]))
    lines.append([(f"   0{corner}{glyphs.rule * cells}", "dim")])
    middle = f"{'0.5':^{max(0, cells - 4)}}"
    lines.append([(f"{' ' * AXIS}0{middle}1.0", "dim")])
    return lines


def _row(share: float, rows: int) -> int:
    return min(rows - 1, max(0, round((1.0 - share) * (rows - 1))))


def _column(share: float, cells: int) -> int:
    return min(cells - 1, max(0, round(share * (cells - 1))))
