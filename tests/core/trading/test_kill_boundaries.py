"""Killed at any boundary between journal and wire, a restart sends nothing twice and comes to the venue's truth."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
STATES = {"FILLED": {"FILLED"}, "UNTRIGGERED": {"WORKING"}, "CANCELED": {"CANCELLED"}}
UNSENT = {"VOID", "FAILED_CONFIRMED"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """One run per boundary, the last one to the end."""
    folder = tmp_path_factory.mktemp("kill")
    done = subprocess.run(
        [sys.executable, "-m", "tests.core.trading.kill_process", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for run in found:
        wire = folder / str(run["boundary"]) / "wire"
        run["sent"] = [json.loads(line) for line in wire.read_text().splitlines()] if wire.exists() else []
    return found


def test_every_boundary_is_visited(runs):
    assert [run["ended"] for run in runs] == [False] * (len(runs) - 1) + [True]
    assert len(runs) > 30
    assert [sent["op"] for sent in runs[-1]["sent"]] == ["place", "place", "amend", "cancel"]
    assert {len(run["sent"]) for run in runs} == {0, 1, 2, 3, 4}


def test_nothing_is_sent_twice(runs):
    for run in runs:
        placed = Counter(sent["id"] for sent in run["sent"] if sent["op"] == "place")
        assert set(placed.values()) <= {1}, run
        served = Counter(run["orders"][name]["intent"] for name in placed)
        assert set(served.values()) <= {1}, run


def test_nothing_is_tried_again_while_its_outcome_is_unknown(runs):
    assert any(run["unknown"] for run in runs)
    assert not any(any(run["again"]) for run in runs)


def test_a_restart_comes_to_the_venues_truth(runs):
    for run in runs:
        assert set(run["held"]) <= set(run["orders"]), run
        for name, order in run["orders"].items():
            allowed = STATES[run["held"][name]] if name in run["held"] else UNSENT
            assert order["state"] in allowed, run
            assert order["quarantine"] == "", run
            if name in run["held"]:
                assert order["filled"] == ("10" if run["held"][name] == "FILLED" else "0"), run
                assert order["stop_price"] == run["triggers"][name], run
        assert run["alarms"] == [], run
