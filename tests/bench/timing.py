"""Measuring for `make bench`: CPU time of repeated runs, contenders in turn, and the quickest run of each.

The quickest, not the median: a core shared with others changes its pace between two runs, by half and more, and only ever
adds to what a run needs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import msgspec

REPEATS = 11
NEAR = 0.8
"""An aim below this share of its target has to be mended; above, it is only reported."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report. `value` is compared with `target` in the direction of `better`; `none`: only told."""

    name: str
    value: float
    unit: str
    target: float = 0.0
    better: Literal["less", "more", "none"] = "none"
    must: bool = False
    detail: str = ""

    @property
    def met(self) -> bool:
        if self.better == "none":
            return True
        return self.value <= self.target if self.better == "less" else self.value >= self.target

    @property
    def failed(self) -> bool:
        """A line that must hold and does not."""
        return self.must and not self.met

    @property
    def verdict(self) -> str:
        """ok; MISS: must hold and does not; near: an aim at 80 % of its target or better; low: below that; info."""
        if self.better == "none":
            return "info"
        if self.met:
            return "ok"
        if self.must:
            return "MISS"
        share = self.target / self.value if self.better == "less" and self.value else self.value / self.target
        return "near" if share >= NEAR else "low"

    def line(self) -> str:
        sign = {"less": "<=", "more": ">=", "none": ""}[self.better]
        target = f"target {sign} {self.target:g}" if sign else ""
        return (
            f"{self.verdict:<4} {self.name:<44} {self.value:>9.2f} {self.unit:<6} {target:<16} {self.detail}".rstrip()
        )


def conditions() -> str:
    """When and on what: a figure without its load average says little."""
    loads = " ".join(f"{load:.2f}" for load in os.getloadavg())
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load average {loads}"


def cpu_s(run: Callable[[], object]) -> float:
    """CPU seconds of one run."""
    start = time.process_time()
    run()
    return time.process_time() - start


def compare(a: Callable[[], object], b: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    """CPU seconds of the quickest run of `a` and of `b`, run in turn after one warm-up each."""
    first, second = compare_all((a, b), repeats)
    return first, second


def compare_all(runs: tuple[Callable[[], object], ...], repeats: int = REPEATS) -> list[float]:
    """CPU seconds of each contender's quickest run, run in turn after one warm-up each."""
    for run in runs:
        run()
    rounds = [[cpu_s(run) for run in runs] for _ in range(repeats)]
    return [min(times) for times in zip(*rounds, strict=True)]
