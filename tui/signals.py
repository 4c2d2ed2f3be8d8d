"""SIGHUP, SIGTERM and SIGINT as calls on the event loop. By default the first two kill the process with no clean-up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

EXIT_BASE = 128
SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)


def exit_code(number: int) -> int:
    """129 for SIGHUP, 130 for SIGINT, 143 for SIGTERM."""
    return EXIT_BASE + number


def install(loop: asyncio.AbstractEventLoop, leave: Callable[[int], None]) -> Callable[[], None]:
    """Call `leave(exit code)` on each of the signals; returns what takes the handlers away again.

    A SIGHUP that is ignored (`nohup`) stays ignored: the driver notices a closed terminal by itself. Outside the main
    thread there are no signals to handle, and nothing is installed.
    """
    installed: list[signal.Signals] = []
    for number in SIGNALS:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue
        try:
            loop.add_signal_handler(number, leave, exit_code(number))
        except (ValueError, RuntimeError, NotImplementedError):
            break
        installed.append(number)

    def remove() -> None:
        while installed and not loop.is_closed():
            loop.remove_signal_handler(installed.pop())

    return remove
