"""The sandbox as a process of its own: it says when it is ready and never outlives its parent."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from core.clock import LiveClock
from providers.sandbox.serve import MarketProfile, seeded_markets

PROGRAM = """
import asyncio
from core.clock import LiveClock
from providers.sandbox.serve import run_sandbox
asyncio.run(run_sandbox("{venue}", clock=LiveClock(), categories={categories}, symbols=6, parent_watch=True, relay=True))
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
sys.stdout.write(child.stdout.readline().decode())
sys.stdout.flush()
child.wait()
"""
WAIT_S = 20


def started(command: list[str]) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


@pytest.fixture
def child() -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    program = PROGRAM.format(venue="bybit", categories=("spot", "linear"))
    process, ready = started([sys.executable, "-c", program])
    yield process, ready
    process.kill()
    process.communicate()


def test_the_ready_line_names_addresses_that_answer(child):
    _, ready = child
    with urllib.request.urlopen(ready["rest"] + "/v5/market/tickers?category=linear") as answer:
        assert len(json.load(answer)["result"]["list"]) >= 5
    with urllib.request.urlopen(ready["control"]) as answer:
        assert "half_open" in json.load(answer)["commands"]
    with urllib.request.urlopen(f"http://127.0.0.1:{ready['relay']}/v5/market/time") as answer:
        assert json.load(answer)["retCode"] == 0
    assert ready["stream"] == f"ws://127.0.0.1:{ready['port']}/v5/public"


def test_the_command_takes_orders_of_the_key_it_was_given_alone(tmp_path):
    command = [sys.executable, "-m", "tui.cli", "sandbox", "--symbols", "5", "--child"]
    process = subprocess.Popen(
        [*command, "--api-key", "mine", "--api-secret", "s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())

        def asked(key: str) -> urllib.request.Request:
            return urllib.request.Request(ready["rest"] + "/api/v3/userDataStream", b"", {"X-MBX-APIKEY": key})

        with urllib.request.urlopen(asked("mine")) as answer:
            assert "listenKey" in json.load(answer)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked("other"))
        assert json.load(refused.value)["code"] == -2015
    finally:
        process.kill()
        process.communicate()


def test_it_ends_when_its_standard_input_closes(child):
    process, _ = child
    process.stdin.close()
    process.stdin = None
    assert process.wait(WAIT_S) == 0


def test_it_ends_properly_on_sigterm(child):
    process, _ = child
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_S) == 0


def test_a_killed_parent_leaves_no_child():
    program = PROGRAM.format(venue="binance_us", categories=("spot",))
    parent, ready = started([sys.executable, "-c", PARENT, program])
    watch = os.pidfd_open(ready["pid"])
    try:
        parent.kill()
        parent.communicate()
        wait_until_gone(watch)
    finally:
        os.close(watch)


def wait_until_gone(watch: int) -> None:
    """Wait until the watched process has ended."""
    ready, _, _ = select.select([watch], [], [], WAIT_S)
    assert ready, "the sandbox outlived its parent"


def test_unknown_categories_are_refused_by_name():
    with pytest.raises(ValueError, match="linear"):
        seeded_markets("binance_us", ["linear"], 1, 3, LiveClock(), MarketProfile())
