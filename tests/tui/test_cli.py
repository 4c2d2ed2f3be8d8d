"""The command line as a user runs it: real processes, real sockets, real exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TRADETUI = [sys.executable, "-m", "tui.cli"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Folders of this test alone; nothing of the caller's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRADETUI_", "XDG_"))}
    folders = {f"XDG_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("CONFIG", "DATA", "STATE")}
    return {**kept, **folders, "TRADETUI_SANDBOX__SYMBOLS": "8"}


def run(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TRADETUI, *arguments], env=environ, capture_output=True, text=True, timeout=90)


def children_of(pid: int) -> list[int]:
    """Direct children of a process (Linux)."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(condition: Any, what: str, seconds: float = 60.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


def messages(file: Path) -> list[dict[str, Any]]:
    """Whole lines only: the last one may still be under way."""
    return [
        json.loads(line)
        for line in file.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n") and line.strip()
    ]


@contextlib.contextmanager
def started(environ: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A running `tradetui`, killed at the end whatever happened."""
    process = subprocess.Popen([*TRADETUI, *arguments], env=environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@contextlib.contextmanager
def sandbox(environ: dict[str, str]) -> Iterator[dict[str, Any]]:
    process = subprocess.Popen(
        [*TRADETUI, "sandbox", "--child"], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        assert process.wait(15) == 0
        process.stdout.close()


def test_version_and_help_name_every_command(environ: dict[str, str]):
    assert run(environ, "--version").stdout.startswith("tradetui ")
    help_text = run(environ, "--help").stdout
    assert all(command in help_text for command in ("demo", "headless", "fetch", "sandbox", "doctor"))


def test_wrong_settings_are_all_named_and_end_with_exit_code_2(environ: dict[str, str], tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('[market]\nwatch = -3\nvenu = "binance_us"\n[screen]\ntheme = 7\n')
    done = run(environ, "headless", "--settings", str(file), "--seconds", "1")
    assert done.returncode == 2
    assert run(environ, "--settings", str(file), "headless", "--seconds", "1").stderr == done.stderr
    assert "Traceback" not in done.stderr
    for part in (str(file), "market.watch", "-3", "market.venue", "screen.theme"):
        assert part in done.stderr


def test_headless_demo_writes_states_for_every_market_and_leaves_no_child(environ: dict[str, str], tmp_path: Path):
    file = tmp_path / "out.jsonl"
    with started(environ, "headless", "--demo", "--jsonl", str(file)) as process:
        (child,) = wait_until(lambda: children_of(process.pid), "the sandbox child")
        wait_until(lambda: file.exists() and file.stat().st_size > 0, "output")

        def states() -> set[str]:
            return {message["symbol"] for message in messages(file) if message["type"] == "Confluence"}

        wait_until(lambda: len(states()) == 8, "a state for every market")
        expected = {"Quote", "Kline", "Reading", "Metrics", "HistoryStatus", "EngineStatus", "ProviderStats", "LoopLag"}
        wait_until(lambda: expected <= {message["type"] for message in messages(file)}, "every kind of message")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
        wait_until(lambda: gone(child), "the child's end")
    seen = messages(file)
    kinds = {message["type"] for message in seen}
    assert {
        "Quote",
        "Kline",
        "Reading",
        "Metrics",
        "HistoryStatus",
        "EngineStatus",
        "ProviderStats",
        "LoopLag",
    } <= kinds
    assert all(message["venue"] == "binance_us" for message in seen if message["type"] in {"Quote", "Confluence"})
    assert seen[-1]["type"] == "EngineStatus"
    assert seen[-1]["phase"] == "stopped"


def test_a_killed_parent_leaves_no_child(environ: dict[str, str], tmp_path: Path):
    with started(environ, "headless", "--demo", "--jsonl", str(tmp_path / "out.jsonl")) as process:
        (child,) = wait_until(lambda: children_of(process.pid), "the sandbox child")
        process.kill()
        process.wait(10)
        wait_until(lambda: gone(child), "the child's end")


def test_headless_ends_by_itself_after_its_seconds(environ: dict[str, str]):
    done = run(environ, "headless", "--demo", "--seconds", "10")
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[0])["type"] == "EngineStatus"


def test_headless_into_a_file_that_cannot_be_written_says_so(environ: dict[str, str], tmp_path: Path):
    done = run(environ, "headless", "--demo", "--seconds", "1", "--jsonl", str(tmp_path))
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_fetch_fills_the_store_and_resumes(environ: dict[str, str]):
    with sandbox(environ) as address:
        there = {**environ, "TRADETUI_NETWORK__BINANCE_US_REST": address["rest"]}
        first = run(there, "fetch", "BTCUSDT", "--days", "2")
        assert first.returncode == 0, first.stderr
        assert "100 %" in first.stderr
        again = run(there, "fetch", "BTCUSDT", "--days", "2")
        assert again.returncode == 0
        assert len(again.stderr.splitlines()) <= len(first.stderr.splitlines())
        wrong = run(there, "fetch", "BTCUSTD", "--days", "1")
        assert wrong.returncode == 2
        assert "BTCUSDT" in wrong.stderr
        bad = run(there, "fetch", "BTCUSDT", "--timeframe", "7m")
        assert bad.returncode == 2
        assert "7m" in bad.stderr


def test_doctor_names_an_unreachable_venue_and_a_remedy(environ: dict[str, str]):
    nowhere = "http://127.0.0.1:9"
    there = {**environ, "TRADETUI_NETWORK__BINANCE_US_REST": nowhere, "TRADETUI_NETWORK__BYBIT_REST": nowhere}
    done = run(there, "doctor")
    assert done.returncode == 1
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert len(failed) == 2
    assert all("127.0.0.1:9" in line for line in failed)
    assert "->" in done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_is_content_when_the_venue_answers(environ: dict[str, str]):
    with sandbox(environ) as address:
        there = {**environ, "TRADETUI_NETWORK__BINANCE_US_REST": address["rest"]}
        done = run(there, "doctor")
    assert any(line.startswith("ok") and "binance_us" in line for line in done.stdout.splitlines())


def test_a_taken_port_is_one_clear_line(environ: dict[str, str]):
    with sandbox(environ) as address:
        done = run(environ, "sandbox", "--port", str(address["port"]))
    assert done.returncode == 1
    assert str(address["port"]) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [[], ["demo"]])
def test_without_a_terminal_the_screen_is_refused_in_one_line(environ: dict[str, str], command: list[str]):
    done = subprocess.run(
        [*TRADETUI, *command], env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "headless" in done.stderr
    assert len(done.stderr.splitlines()) == 1
