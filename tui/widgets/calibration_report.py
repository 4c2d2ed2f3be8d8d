"""What a calibration found, in lines: the verdict with every check, trades beside those of the thresholds in force, folds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from core.messages import (
    CalibrationCheck,
    CalibrationFold,
    CalibrationReport,
    Event,
    HitRate,
    ThresholdInfo,
    TradeFigures,
)
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.widgets.calibration_columns import (
    drawdown_text,
    expectancy_text,
    factor_text,
    trades_text,
    win_interval_text,
)
from tui.widgets.calibration_words import failed_checks, seconds_of, span, threshold_text
from tui.widgets.line_panel import Line, fold, width_of

NAME = 16
"""Cells of the words at the left of trades and folds."""
FOLD = 8
"""Cells of one fold."""


def heading(title: str, chosen: bool, rest: str = "", at: int = 0) -> Line:
    """` TRADES  rest`, in brackets while the keys act on this part. `at`: cell of the rest."""
    rest = " " * max(0, at - len(title) - 3) + rest
    if chosen:
        return [("[", "accent"), (title, "bright"), ("]", "accent"), (f" {rest}", "dim")]
    return [(f" {title}  {rest}".rstrip(), "dim")]


# --- verdict ---------------------------------------------------------------------------------------------------------


CHECKS: dict[str, tuple[str, str]] = {
    "TRADES": ("trades, OOS", "{} or more"),
    "LOWER_BOUND": ("bound of E(R)", "above {}"),
    "BETTER": ("beats in force", "above {}"),
    "DSR": ("DSR, not luck", "{} or more"),
    "PBO": ("PBO, not overfit", "{} or less"),
}
"""What a check looks at, and what it asks for."""


def verdict_lines(
    report: CalibrationReport | None, glyphs: Glyphs, width: int, never: str, in_full: bool = False
) -> list[Line]:
    """What became of the newest calibration, why, and every check, `in_full` in its own words. `never`: there was none."""
    if report is None:
        return fold([(f" {never}", "dim")], width, 1)
    lines = fold(_outcome(report, glyphs), width, 1)
    for check in report.checks:
        mark, style = (glyphs.yes, "accent") if check.passed else (glyphs.no, "warn")
        words: Line = [(check.text, "dim" if check.passed else "text")]
        if not in_full and check.code in CHECKS:
            words = _check_runs(check, glyphs)
        lines += fold([(f" {mark} ", style), *words], width, 3)
    lines += fold([(f" {_effort(report)}", "dim")], width, 1)
    return lines


def _check_runs(check: CalibrationCheck, glyphs: Glyphs) -> Line:
    """`bound of E(R)     − 0.10  above 0`."""
    name, asks = CHECKS[check.code]
    found, bound = (_check_number(check.code, value, glyphs) for value in (check.found, check.bound))
    asked = asks.format(bound)
    if check.code == "BETTER" and not check.bound:
        asked = "nothing to compare"
    return [(f"{name:<17}", "dim"), (f"{found:>7}", "dim" if check.passed else "bright"), (f"  {asked}", "dim")]


def _check_number(code: str, value: float, glyphs: Glyphs) -> str:
    if code == "TRADES":
        return fmt.count(value, glyphs=glyphs)
    if code in ("DSR", "PBO"):
        return fmt.probability(value, glyphs=glyphs)
    return fmt.signed(value, 2, glyphs=glyphs).strip() if value else "0"


def _outcome(report: CalibrationReport, glyphs: Glyphs) -> Line:
    if report.verdict == "waiting":
        left = span(report.bars_missing * seconds_of(report.timeframe), 1)
        return [
            (" waiting for history: ", "warn"),
            (f"{report.bars_missing:,} bars of {report.timeframe} are missing, about {left}; no failure", "text"),
        ]
    if report.verdict == "failed":
        return [(f" {glyphs.no} failed: ", "danger"), (report.reason, "text")]
    if report.accepted_by_operator:
        against = ", ".join(failed_checks(report)) or report.reason
        return [(f" {glyphs.yes} accepted by you", "accent"), (f" against the guards: {against}", "text")]
    if report.verdict == "accept":
        return [(f" {glyphs.yes} accepted: ", "accent"), (report.reason, "text")]
    why = ", ".join(failed_checks(report)) or report.reason
    return [(f" {glyphs.hold} kept what is in force: ", "bright"), (why, "text")]


def _effort(report: CalibrationReport) -> str:
    """How the figures came about."""
    parts = [f"{report.trials} trials over {report.folds} folds in {span(report.seconds)}"]
    if report.objective:
        parts.append(f"for {report.objective.replace('_', ' ')}")
    if report.bars:
        parts.append(f"{report.bars:,} bars")
    if report.cost_r == report.cost_r:
        parts.append(f"cost {report.cost_r:.2f} R")
    if report.shrunk_lambda < 1.0:
        parts.append(f"weight {fmt.probability(report.shrunk_lambda)} against the class default")
    if report.partial:
        parts.append("cut short by the time limit")
    return f"{', '.join(parts)}, seed {report.seed}"


def history_lines(events: Iterable[Event], symbol: str, now_ms: int, most: int) -> list[Line]:
    """Verdicts, failures and edits of a symbol as the event log tells them, newest first."""
    lines: list[Line] = []
    for event in events:
        if len(lines) >= most:
            break
        if event.symbol != symbol:
            continue
        if event.kind == "calibration" or (event.kind == "fault" and "calibrat" in event.text):
            text = event.text.removeprefix(f"{symbol}: ").removeprefix(f"{symbol} ")
            lines.append([(f" {fmt.log_time_text(event.at_ms, now_ms):<11}  ", "dim"), (text, "text")])
    return lines


# --- trades ----------------------------------------------------------------------------------------------------------


TRADES_TITLES = f"{'n':>5}{'PF':>6}{'WIN %':>11}{'E(R)':>7}{'BOUND':>7}{'DD %':>6}"


def trades_lines(report: CalibrationReport | None, taken: bool, glyphs: Glyphs, width: int) -> list[Line]:
    """Out of sample first: the found thresholds, those in force on the same bars, then the found ones in sample."""
    if report is None:
        return []
    lines: list[Line] = []
    for name, figures in (
        (" found, OOS", report.out_of_sample),
        (" before, OOS" if taken else " in force, OOS", report.current),
        (" found, IS", report.in_sample),
    ):
        lines.append(_figures_line(name, figures, glyphs))
    return [_cut(line, width) for line in lines]


def _figures_line(name: str, figures: TradeFigures | None, glyphs: Glyphs) -> Line:
    line: Line = [(f"{name:<{NAME}}", "dim")]
    if figures is None:
        return [*line, (f"{glyphs.missing:>5}", "dim")]
    bound = fmt.signed(figures.lower_bound_r, 2, glyphs=glyphs)
    for (text, style), width in (
        (trades_text(figures, glyphs), 5),
        (factor_text(figures, glyphs), 6),
        (win_interval_text(figures, glyphs), 11),
        (expectancy_text(figures, glyphs), 7),
        ((bound, "text"), 7),
        (drawdown_text(figures, glyphs), 6),
    ):
        line.append((text.rjust(width), style))
    return line


def fold_lines(folds: Sequence[CalibrationFold], glyphs: Glyphs, width: int) -> list[Line]:
    """One column per fold, the newest ones when not all fit: what the found thresholds made, and those in force."""
    most = max(0, (width - NAME) // FOLD)
    shown = list(enumerate(folds, start=1))[-most:] if most else []
    if not shown:
        return []
    head = " fold" if len(shown) == len(folds) else f" fold, of {len(folds)}"
    lines: list[Line] = [
        [(f"{head:<{NAME}}", "dim"), ("".join(f"{number:>{FOLD}}" for number, _ in shown), "dim")],
        [(f"{' tested from':<{NAME}}", "dim"), ("".join(f"{_day(f.test_from_ms):>{FOLD}}" for _, f in shown), "dim")],
        [(f"{' found E(R)':<{NAME}}", "dim")],
        [(f"{' in force E(R)':<{NAME}}", "dim")],
        [(f"{' trades':<{NAME}}", "dim"), ("".join(f"{f.trades:>{FOLD},}" for _, f in shown), "text")],
    ]
    for _, found in shown:
        for line, value in ((lines[2], found.expectancy_r), (lines[3], found.current_expectancy_r)):
            text = fmt.signed(value, 2, glyphs=glyphs)
            style = "price_up" if text.startswith("+") else "price_down" if text.startswith(glyphs.minus) else "text"
            line.append((text.rjust(FOLD), "dim" if text == glyphs.missing else style))
    return lines


def fold_parameter_lines(
    folds: Sequence[CalibrationFold], catalogue: Mapping[str, ThresholdInfo], glyphs: Glyphs, width: int
) -> list[Line]:
    """What the search found before each fold, under the folds' columns: values that jump about are no find."""
    shown = folds[-((width - NAME) // FOLD) :] if width >= NAME + FOLD else ()
    lines: list[Line] = []
    for name, info in catalogue.items():
        values = [found.parameters.get(name) for found in shown]
        if any(value is not None for value in values):
            text = "".join(threshold_text(value, info, glyphs).rjust(FOLD) for value in values)
            lines.append([(f" {fmt.fit(name, NAME - 1, glyphs)}", "dim"), (text, "text")])
    return lines


def _day(at_ms: int) -> str:
    """`11-14`: always UTC, as the folds are cut."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%m-%d}"


def _cut(line: Line, width: int) -> Line:
    """Without the last figures when the line is too short for them: none is shown in half."""
    while len(line) > 1 and width_of(line) > width:
        line = line[:-1]
    return line


# --- what became of calls ----------------------------------------------------------------------------------------------


def hit_lines(rates: Sequence[HitRate], glyphs: Glyphs, most: int) -> list[Line]:
    """` buy    104 of 212  49 % [43–55]`, those with most outcomes first."""
    lines: list[Line] = []
    dash = "-" if glyphs.name == "ascii" else "–"
    for rate in sorted(rates, key=lambda rate: -rate.outcomes)[:most]:
        share = f"{rate.rate * 100:.0f} % [{rate.low * 100:.0f}{dash}{rate.high * 100:.0f}]"
        name = rate.name.lower().replace("_", " ") if "_" in rate.name or len(rate.name) <= 5 else rate.name
        text = f"{rate.hits:>5,} of {rate.outcomes:<5,} {share if rate.outcomes else glyphs.missing}"
        lines.append([(f" {fmt.fit(name, 22, glyphs)}", "dim"), (text, "text")])
    return lines
