"""Calibrations in words for a shell: a bar of what runs, and a table of what came out, out of sample first."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.calibration.job import Step
from core.messages import CalibrationReport, TradeFigures

BAR_CELLS = 24
_HEADS = ("symbol", "verdict", "trades", "PF", "win", "expectancy", "drawdown", "DSR", "PBO", "folds", "trials", "time")
_WIDTHS = (13, 9, 7, 6, 6, 11, 9, 6, 6, 6, 7, 8)
_UNKNOWN = "–"


def progress(running: Mapping[str, Step], done: int, jobs: int) -> str:
    """One line: how much of all is done, and what the jobs that run are at."""
    share = (done + math.fsum(step.share for step in running.values())) / jobs if jobs else 1.0
    full = round(share * BAR_CELLS)
    parts = [f"{symbol} fold {step.fold}/{step.folds}{_left(step.left_s)}" for symbol, step in running.items()]
    return f"[{'#' * full}{'-' * (BAR_CELLS - full)}] {share:4.0%}  {done}/{jobs}  {'  '.join(parts)}".rstrip()


def head() -> str:
    """The line above the reports."""
    return _row(_HEADS)


def lines(report: CalibrationReport) -> list[str]:
    """One report: its figures out of sample, why, the same in sample, and the thresholds that would change."""
    found = [_figures(report, report.verdict, report.out_of_sample), f"  {report.reason}"]
    if report.in_sample is not None:
        found.append(_figures(report, "in sample", report.in_sample, short=True))
    if report.current is not None:
        found.append(_figures(report, "before", report.current, short=True))
    changed = [
        f"{name} {_number(report.previous.get(name, math.nan))} → {_number(value)}"
        for name, value in report.parameters.items()
        if value != report.previous.get(name)
    ]
    if changed:
        found.append(f"  {', '.join(changed)}")
    if report.partial:
        found.append("  ended by its time limit with the best so far: raise calibration.time_limit_s")
    return found


def _figures(report: CalibrationReport, label: str, figures: TradeFigures | None, *, short: bool = False) -> str:
    told = [_UNKNOWN] * 5
    if figures is not None:
        told = [
            f"{figures.trades}",
            _number(figures.profit_factor, 2),
            _percent(figures.win_rate, 0),
            _number(figures.expectancy_r, 2, signed=True, unit=" R"),
            _percent(figures.max_drawdown, 1),
        ]
    if short:
        return _row(("", label, *told))
    rest = (
        _number(report.dsr, 2),
        _number(report.pbo, 2),
        f"{report.folds}",
        f"{report.trials}",
        f"{report.seconds:.1f} s",
    )
    return _row((report.symbol, label, *told, *rest))


def _row(cells: tuple[str, ...]) -> str:
    first, second, *rest = zip(cells, _WIDTHS, strict=False)
    left = f"{first[0]:<{first[1]}} {second[0]:<{second[1]}}"
    return " ".join([left, *(f"{cell:>{width}}" for cell, width in rest)]).rstrip()


def _number(value: float, digits: int = -1, *, signed: bool = False, unit: str = "") -> str:
    if not math.isfinite(value):
        return _UNKNOWN
    text = f"{value:g}" if digits < 0 else f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return f"{text.replace('-', '−')}{unit}"


def _percent(value: float, digits: int) -> str:
    return _number(100.0 * value, digits, unit=" %")


def _left(seconds: float) -> str:
    if not math.isfinite(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f" {minutes} min {rest:02d} s left" if minutes else f" {rest} s left"
