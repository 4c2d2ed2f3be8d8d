"""Tests over real sockets on an accelerated clock get two more tries: a stall of the machine looks like a fault to them.

What passed only at a later try is listed among the warnings, by name. Whoever sees the same name again and again has found
a defect, of the test or of the program.
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol

REAL_TIME = (("faults",), ("providers",), ("pty",), ("tui",), ("core", "calibration"), ("core", "trading"))
"""Folders of tests whose time is that of a socket, a child process or a terminal."""
TRIES = 3


def counts_real_time(item: pytest.Item) -> bool:
    """Whether this test depends on the pace of the machine."""
    folder = item.path.relative_to(item.config.rootpath).parts
    return folder[0] == "tests" and any(folder[1 : 1 + len(one)] == one for one in REAL_TIME)


def run_again(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """The hook `pytest_runtest_protocol`: None leaves a test to pytest itself."""
    if not counts_real_time(item) or not isinstance(item, pytest.Function):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for number in range(1, TRIES + 1):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = any(report.failed for report in reports)
        if not failed or number == TRIES:
            break
        item._initrequest()
    if number > 1 and not failed:
        item.warn(pytest.PytestWarning(f"{item.nodeid} passed at try {number}"))
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
