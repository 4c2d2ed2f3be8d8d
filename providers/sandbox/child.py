"""The sandbox exchange as a child process of the demo: started early, found by its ready line, ended on every kind of exit.

The child watches its standard input: when this process ends, however it ends, the pipe closes and the child exits.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from core.venue import Fatal

STOP_TIMEOUT_S = 3.0


class SandboxAddress(msgspec.Struct, frozen=True):
    """Where the child listens; `control` takes faults on command."""

    port: int
    rest: str
    stream: str
    control: str = ""


class SandboxChild:
    """One `tradetui sandbox` process on a free loopback port."""

    def __init__(self, arguments: list[str], error_file: Path) -> None:
        error_file.parent.mkdir(parents=True, exist_ok=True)
        self._error_file = error_file
        with error_file.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tui.cli", "sandbox", "--port", "0", "--child", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    def address(self) -> SandboxAddress:
        """Wait for the ready line (blocking; call it from a thread). Raises `Fatal` when the child ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise Fatal(f"the sandbox exchange ended with exit code {code} before it was ready; see {self._error_file}")
        return msgspec.json.decode(line, type=SandboxAddress)

    def stop(self) -> None:
        """End the child: close its input, then terminate, then kill. Safe to call twice."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.stdout is not None:
            self._process.stdout.close()
        if not self._ended():
            self._process.terminate()
        if not self._ended():
            self._process.kill()
            self._process.wait()

    def _ended(self) -> bool:
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return False
        return True
