"""Large blocks that threads freed are the system's again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from core.memory import give_back_large_blocks

def resident_mb():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024

def work(_):
    for _ in range(12):
        bars = np.ones((23_040, 9))
        np.sort((bars * 2)[:, 3])

if sys.argv[1] == "set":
    assert give_back_large_blocks()
with ThreadPoolExecutor(6) as threads:
    list(threads.map(work, range(60)))
    print(resident_mb())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc and sets glibc")
def test_threads_that_read_days_of_candles_leave_little_behind() -> None:
    def resident(how: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, how], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    assert resident("set") < resident("unset") - 10.0
