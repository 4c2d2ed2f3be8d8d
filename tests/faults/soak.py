"""The soak of the order path: seeded sequences of acts and faults on all three venues' rules.

`python -m tests.faults.soak [count] [--first N] [--jobs N]`: seeds N to N + count - 1, each on one venue in turn, several on one
rig. `--seed N` runs one alone. Exit code 1 when a sequence failed; its seed, script and failure are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import concurrent.futures
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.faults.order_chaos import SETTINGS, Chaos
from tests.faults.order_rig import VENUES, order_rig

BATCH = 8
"""So many sequences share one rig."""


def where_of(seed: int) -> str:
    """The venue a seed is for."""
    return VENUES[seed % len(VENUES)]


async def some(seeds: list[int], *, tell: bool = True) -> list[str]:
    """These seeds of one venue on one rig, on a new one after a failure; what failed."""
    waiting, failures = collections.deque(seeds), []
    while waiting:
        with tempfile.TemporaryDirectory() as folder:
            async with order_rig(where_of(waiting[0]), Path(folder), **SETTINGS) as rig:
                while waiting:
                    seed = waiting.popleft()
                    began = time.monotonic()
                    chaos = Chaos(rig, seed)
                    try:
                        await chaos.run()
                    except Exception as error:  # told with its seed; the next one gets a new rig
                        failures.append(told(seed, chaos, error))
                        break
                    finally:
                        if tell:
                            print(
                                f"seed {seed} {rig.where} {time.monotonic() - began:.1f} s, {chaos.figures}",
                                flush=True,
                            )
    return failures


def told(seed: int, chaos: Chaos, error: Exception) -> str:
    """A failure with everything that is needed to see it again."""
    script = "\n".join(f"  {line}" for line in chaos.script)
    words = "".join(traceback.format_exception(error, limit=-3))
    alone = f"python -m tests.faults.soak --seed {seed}"
    return f"FAILED seed {seed} on {where_of(seed)}; alone: {alone}\n{script}\n{chaos.picture()}\n{words}"


def in_processes(seeds: range, jobs: int) -> int:
    """All of them in batches, `jobs` processes at a time; how many failed."""
    batches = []
    for venue in range(len(VENUES)):
        mine = [seed for seed in seeds if seed % len(VENUES) == venue]
        batches += [mine[start : start + BATCH] for start in range(0, len(mine), BATCH)]
    failed = done = 0
    began = time.monotonic()

    def run(batch: list[int]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.faults.soak", "--seed", *map(str, batch)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for batch, ended in zip(batches, pool.map(run, batches), strict=True):
            done += len(batch)
            failed += max(ended.stdout.count("FAILED seed"), ended.returncode != 0)
            if ended.returncode:
                print(ended.stderr[-2000:])
            print(ended.stdout, end="")
            print(f"{done} of {len(seeds)} sequences, {failed} failed, {time.monotonic() - began:.0f} s", flush=True)
    return failed


def main() -> int:
    """Run and print; 1 when a sequence failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--seed", type=int, nargs="+")
    arguments = parser.parse_args()
    if arguments.seed:
        failures = asyncio.run(some(arguments.seed))
        print("\n".join(failures))
        return 1 if failures else 0
    return 1 if in_processes(range(arguments.first, arguments.first + arguments.count), arguments.jobs) else 0


if __name__ == "__main__":
    sys.exit(main())
