"""The sandbox exchange as a child process of the demo: found by its ready line, ended on every kind of exit.

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
    """One `tradetui sandbox` process on a free loopback port, once `start` was called."""

    def __init__(self, arguments: list[str], error_file: Path) -> None:
        self._arguments = arguments
        self._error_file = error_file
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process. Call it from the main thread: the kernel ends the child with the thread that made it."""
        self._error_file.parent.mkdir(parents=True, exist_ok=True)
        with self._error_file.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tui.cli", "sandbox", "--port", "0", "--child", *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )

    def address(self) -> SandboxAddress:
        """Wait for the ready line (blocking; call it from a thread). Raises `Fatal` when the child ended instead."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            raise Fatal(f"the sandbox exchange ended with exit code {code} before it was ready; see {self._error_file}")
        return msgspec.json.decode(line, type=SandboxAddress)

    def stop(self) -> None:
        """End the child: close its input, then terminate, then kill. Safe to call twice, and before `start`."""
        process = self._process
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        if not _ended(process):
            process.terminate()
        if not _ended(process):
            process.kill()
            process.wait()


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return False
    return True
