"""For all tests: no trace of this machine's environment in what a failed run writes down, and signals as in a terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest

from tests.second_try import run_again

HARMLESS = ("PATH", "HOME", "LANG", "TERM", "COLORTERM", "PYTEST_XDIST_WORKER", "TEXTUAL_SNAPSHOT_TEMPDIR")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pytest_configure() -> None:
    """A runner started with nohup ignores SIGHUP, and children inherit that: start from the default."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two workers more than cores (`-n auto`): half of the time a test waits for an exchange's clock or for a terminal."""
    return CORES + 2


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """See `tests/second_try.py`."""
    return run_again(item, nextitem)


@pytest.fixture(autouse=True)
def same_looks() -> Generator[None, None, None]:
    """How times and amounts are shown is one choice for the whole program: no test leaves its own behind."""
    yield
    from tui.format import LOOKS

    LOOKS.times, LOOKS.private = "utc", False


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish() -> Generator[None, None, None]:
    """The snapshot report lists every environment variable: show it only harmless ones."""
    kept = dict(os.environ)
    for name in set(kept) - set(HARMLESS):
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)
