"""`python -m tests.core.calibration.honesty [seeds]`: what the guards say of luck and of a real edge, seed by seed.

Twenty seeds of a market taken apart, with costs and without, at most one of each may be accepted; ten of a market with a
planted edge, at least nine must be. Ends with 1 when they are not.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from core.messages import CalibrationReport
from tests.core.calibration.planted import calibrated_planted, calibrated_shuffled

SHUFFLED, PLANTED = 20, 10


def line(seed: int, report: CalibrationReport) -> str:
    found = report.out_of_sample
    if found is None:
        return f"{seed:>4} {report.verdict:<7} {report.reason}"
    failed = " ".join(check.code for check in report.checks if not check.passed)
    return (
        f"{seed:>4} {report.verdict:<7} {report.dsr:>6.3f} {report.pbo:>6.3f} {found.trades:>5} {found.expectancy_r:>+7.3f}"
        f" {found.lower_bound_r:>+7.3f} {report.effective_trials:>5.0f}  {failed}"
    )


def table(title: str, seeds: range, run: Callable[[int], CalibrationReport]) -> list[CalibrationReport]:
    print(f"{title}\nseed verdict    DSR    PBO trades  exp R   LCB R  Neff  checks not passed")
    reports = []
    for seed in seeds:
        reports.append(run(seed))
        print(line(seed, reports[-1]), flush=True)
    accepted = sum(report.verdict == "accept" for report in reports)
    print(f"accepted: {accepted} of {len(reports)}\n")
    return reports


def accepted(reports: list[CalibrationReport]) -> int:
    return sum(report.verdict == "accept" for report in reports)


def main(seeds: int) -> int:
    begun = time.process_time()
    shuffled = table("shuffled, costs of a perpetual", range(min(SHUFFLED, seeds)), calibrated_shuffled)
    free = table("shuffled, no costs", range(min(SHUFFLED, seeds)), lambda seed: calibrated_shuffled(seed, free=True))
    planted = table("planted edge", range(min(PLANTED, seeds)), calibrated_planted)
    print(f"{time.process_time() - begun:.0f} s of CPU time")
    honest = accepted(shuffled) <= 1 and accepted(free) <= 1 and len(planted) - accepted(planted) <= 1
    return 0 if honest else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else SHUFFLED))
