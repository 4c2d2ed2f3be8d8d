"""Measuring for `make bench`: CPU time of repeated runs, two contenders in turn, and the ratio of their medians."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import msgspec

REPEATS = 7


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report. `value` is compared with `target` in the direction of `better`."""

    name: str
    value: float
    unit: str
    target: float
    better: str
    must: bool
    detail: str

    @property
    def met(self) -> bool:
        return self.value <= self.target if self.better == "less" else self.value >= self.target

    def line(self) -> str:
        sign = "<=" if self.better == "less" else ">="
        verdict = "ok  " if self.met else ("MISS" if self.must else "aim ")
        return (
            f"{verdict} {self.name:<44} {self.value:>9.2f} {self.unit:<6} target {sign} {self.target:g}   {self.detail}"
        )


def cpu_s(run: Callable[[], object]) -> float:
    """CPU seconds of one run."""
    start = time.process_time()
    run()
    return time.process_time() - start


def compare(a: Callable[[], object], b: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    """Median CPU seconds of `a` and of `b`, run in turn after one warm-up each."""
    a()
    b()
    pairs = [(cpu_s(a), cpu_s(b)) for _ in range(repeats)]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
