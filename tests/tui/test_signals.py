"""Signals become exit codes on the loop."""

import asyncio
import os
import signal

import pytest

from tui.signals import exit_code, install


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_each_signal_asks_to_leave_with_its_code(number: signal.Signals, code: int) -> None:
    asked: asyncio.Queue[int] = asyncio.Queue()
    remove = install(asyncio.get_running_loop(), asked.put_nowait)
    try:
        os.kill(os.getpid(), number)
        assert await asyncio.wait_for(asked.get(), 5) == code == exit_code(number)
    finally:
        remove()


async def test_an_ignored_hangup_stays_ignored_and_handlers_are_taken_away() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        remove = install(asyncio.get_running_loop(), lambda code: None)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        remove()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
