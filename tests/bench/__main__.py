"""`make bench`: every speed of the project, one line each; exit code 1 when a line that must hold misses.

`python -m tests.bench [item ...] [--quick]`; --quick shortens the run under load from 10 minutes to one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from tests.bench import (
    calibration,
    keys,
    micro,
    order_path,
    orders,
    paced,
    screening,
    signals,
    smc,
    stage2,
    wire,
    workers,
)
from tests.bench.chart import chart_paint
from tests.bench.first_frame import first_frame
from tests.bench.live import cold_start, under_load
from tests.bench.screens import confluence_screen
from tests.bench.timing import Figure, conditions

LOAD_MINUTES = 10.5
"""Ten minute-closes for certain."""

ITEMS: dict[str, Callable[[float], list[Figure]]] = {
    "decode": lambda minutes: wire.decode_mixed(),
    "dispatch": lambda minutes: paced.beyond_bare(),
    "book": lambda minutes: wire.book_recorded(),
    "ladder": lambda minutes: wire.book_ladder(),
    "bus": lambda minutes: [micro.bus_fan_out()],
    "indicators": lambda minutes: [micro.indicators_incremental()],
    "structure": lambda minutes: smc.whole_file(),
    "close_bar": lambda minutes: signals.close_bar(),
    "scan": lambda minutes: signals.scan_month(),
    "stage1": lambda minutes: screening.stage1(),
    "stage2": lambda minutes: stage2.stage2(),
    "triggers": lambda minutes: calibration.trigger_columns(),
    "trial": lambda minutes: calibration.trial(),
    "optimiser": lambda minutes: calibration.optimiser(),
    "calibrate": lambda minutes: calibration.calibrate_symbols(),
    "workers": lambda minutes: [*workers.turns(), *workers.lag()],
    "append": lambda minutes: orders.durable_append(),
    "submit": lambda minutes: [*orders.submit_to_wire(), *order_path.submit_live()],
    "reports": lambda minutes: orders.reports(),
    "replay": lambda minutes: orders.journal_replay(),
    "halt": lambda minutes: order_path.halt_under_load(),
    "keys": lambda minutes: keys.keys(),
    "chart": lambda minutes: chart_paint(),
    "first_frame": lambda minutes: first_frame(),
    "cold60": lambda minutes: cold_start(60, 10),
    "cold150": lambda minutes: cold_start(150, 30),
    "confluence": lambda minutes: confluence_screen(),
    "load": lambda minutes: under_load(minutes),
}


def main() -> int:
    """Run the wanted items and print their lines as they come."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("items", nargs="*", metavar="item", help=f"all without any: {', '.join(ITEMS)}")
    parser.add_argument("--quick", action="store_true", help="one minute under load instead of ten")
    parser.add_argument(
        "--minutes", type=float, default=LOAD_MINUTES, help="of the run under load (default %(default)s)"
    )
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.items if name not in ITEMS]:
        parser.error(f"item {unknown[0]!r} is unknown; use {', '.join(ITEMS)}")
    minutes = 1.0 if arguments.quick else arguments.minutes
    print("ok: met; MISS: must hold and does not; near: an aim at 80 % of its target or better; low: an aim below that")
    missed = 0
    for name in arguments.items or ITEMS:
        suffix = (" --quick" if arguments.quick else f" --minutes {minutes:g}") if name == "load" else ""
        print(f"\n{conditions()}; python -m tests.bench {name}{suffix}", flush=True)
        started = time.monotonic()
        figures = ITEMS[name](minutes)
        missed += sum(figure.failed for figure in figures)
        for figure in figures:
            print(figure.line(), flush=True)
        print(f"     took {time.monotonic() - started:.0f} s", flush=True)
    print(f"\n{missed} lines which must hold miss" if missed else "\nevery line which must hold does")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
