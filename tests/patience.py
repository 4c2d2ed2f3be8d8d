"""A loaded machine may keep a connection waiting longer than a signature may: tests that do not look at that wait longer."""

from __future__ import annotations

import pytest

from providers import signed_client

USUAL_LEAVE_S = signed_client.LEAVE_S
PATIENT_S, HASTY_S = 30.0, 0.2
"""How long an answer is waited for, real time: one that comes is missed by no stall of the machine; one that never comes is
soon given up.
"""


@pytest.fixture(autouse=True)
def patient_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new connection may take its time."""
    monkeypatch.setattr(signed_client, "LEAVE_S", 15.0)
