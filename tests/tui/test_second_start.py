"""A second start on the same account is refused, and names the process that holds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pty.terminal import child_environment
from tests.tui.test_cli import wait_until

TRADETUI = [sys.executable, "-m", "tui.cli", "headless", "--demo", "--jsonl"]


@pytest.mark.pty
def test_the_second_is_refused_with_the_firsts_process_id_and_the_first_trades_on(tmp_path: Path) -> None:
    folders = {f"XDG_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("CONFIG", "DATA", "STATE")}
    environ = child_environment(TRADETUI_SANDBOX__SYMBOLS="5", **folders)
    told = tmp_path / "first.jsonl"
    first = subprocess.Popen([*TRADETUI, str(told)], env=environ, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: told.exists() and b'"AccountStatus"' in told.read_bytes(), "account of the first")
        second = subprocess.run(
            [*TRADETUI, os.devnull, "--seconds", "120"], env=environ, capture_output=True, text=True, timeout=120
        )
        assert second.returncode == 1
        assert f"account in use by process {first.pid}: quit that program first" in second.stderr
        assert first.poll() is None
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=60) == 143
    finally:
        if first.poll() is None:
            first.kill()
        first.communicate()
