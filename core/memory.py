"""Large blocks go back to the system as soon as they are freed.

The C library keeps what was freed for later, more so once a large block was freed and in every thread of its own. Reading
days of candles in background threads for hundreds of markets then leaves tens of megabytes behind that nobody uses.
"""

from __future__ import annotations

import ctypes
import sys

LARGE_BYTES = 256 * 1024
"""From this size on a block gets pages of its own: one-minute bars of half a day are as large."""
ARENAS = 2
"""Heaps of the C library for all threads together: what one thread freed, another uses."""

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # numbers of mallopt(3)


def give_back_large_blocks() -> bool:
    """Set it for this process; False where the C library has no such setting, and nothing is changed there."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library: it has ways of its own
        return False
    return bool(mallopt(_MMAP_THRESHOLD, LARGE_BYTES)) and bool(mallopt(_ARENA_MAX, ARENAS))
