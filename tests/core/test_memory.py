"""Large blocks that were freed are the system's again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from core.memory import give_back_large_blocks

def resident_mb():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024

assert give_back_large_blocks()
day = b"x" * 1_600_000
del day  # from now on the C library would keep blocks of this size
before = resident_mb()
days = [b"%d" % number * 800_000 for number in range(10, 50)]
kept = b"x" * 100_000  # a small one behind them keeps the heap from shrinking
print(resident_mb() - before)
del days
print(resident_mb() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc and sets glibc")
def test_days_of_candles_that_were_read_leave_little_behind() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    held, left = (float(line) for line in done.stdout.split())
    assert held > 60.0
    assert left < 8.0
