"""The last resort: whatever hangs, the process ends so long after it was told to.

The engine gets its seconds to cancel, to write down and to close. But a thread that waits for a dead disk, or clean-up code
that waits for itself, could keep the process for ever, and an SSH session that is gone can press nothing. The journal is
made for a death at any moment: what it says is on the disk is on the disk.
"""

from __future__ import annotations

import logging
import os
import threading

AFTER_SIGNAL_S = 5.0
AFTER_QUIT_S = 10.0
"""The operator is there and sees that it takes long."""

log = logging.getLogger("tradetui")


def end_by(code: int) -> None:
    """Called when the end begins: the process is gone in time, with this exit code, in order or not."""
    seconds = AFTER_SIGNAL_S if code else AFTER_QUIT_S
    timer = threading.Timer(seconds, _end, args=(code, seconds))
    timer.name, timer.daemon = "deadline", True
    timer.start()


def _end(code: int, seconds: float) -> None:
    log.error(
        "not ended after %.0f s: the process ends now; the next start compares everything with the venue", seconds
    )
    logging.shutdown()
    os._exit(code)
