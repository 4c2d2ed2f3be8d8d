"""For all tests: what a failed run writes down must not contain this machine's environment."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

HARMLESS = ("PATH", "HOME", "LANG", "TERM", "COLORTERM", "PYTEST_XDIST_WORKER", "TEXTUAL_SNAPSHOT_TEMPDIR")


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
