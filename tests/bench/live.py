"""The whole program under load: 150 symbols from the sandbox in its own process, the screen on a pty of 120x40.

`python -m tests.bench.live [minutes] [symbols]`; the sandbox's own CPU is not counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.bench.live_app import Report
from tests.bench.terminal import Terminal
from tests.bench.timing import Figure

COLUMNS, ROWS = 120, 40
WARM_S = 20.0


def start_sandbox(symbols: int, profile: str, errors: Path) -> tuple[subprocess.Popen[bytes], str]:
    """The sandbox alone, and its ready line."""
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "tui.cli", "sandbox", "--child", "--symbols", str(symbols), "--profile", profile],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
        )
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    if not line:
        raise RuntimeError(f"the sandbox did not start: {errors.read_text()}")
    return process, line


def bare_environment(folder: Path) -> dict[str, str]:
    """Nothing of the caller's terminal or settings leaks into the measurement."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    folders = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "STATE")}
    return {**kept, **folders, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}


class Run:
    """One run of the application against a fresh sandbox, as a context."""

    def __init__(self, symbols: int, profile: str = "load") -> None:
        self.symbols = symbols
        self.profile = profile

    def __enter__(self) -> Run:
        self._folder = tempfile.TemporaryDirectory(prefix="tradetui-bench-")
        folder = Path(self._folder.name)
        self.report_file = folder / "report.json"
        self.sandbox, address = start_sandbox(self.symbols, self.profile, folder / "sandbox.err")
        self.address = address
        self.terminal = Terminal(
            [
                sys.executable,
                "-m",
                "tests.bench.live_app",
                address,
                str(self.report_file),
                str(folder),
                str(self.symbols),
            ],
            COLUMNS,
            ROWS,
            bare_environment(folder),
        )
        return self

    def report(self) -> Report:
        """The newest report the application wrote."""
        return msgspec.json.decode(self.report_file.read_bytes(), type=Report)

    def __exit__(self, *error: object) -> None:
        self.exit_code = self.terminal.end()
        assert self.sandbox.stdin is not None
        self.sandbox.stdin.close()
        try:
            self.sandbox.wait(5)
        except subprocess.TimeoutExpired:
            self.sandbox.kill()
            self.sandbox.wait()
        self.final = self.report()
        self._folder.cleanup()


def cold_start(symbols: int, limit_s: float) -> list[Figure]:
    """Seconds from the first frame until every symbol shows a state, and the worst lag meanwhile."""
    with Run(symbols) as run:
        until = time.monotonic() + 4 * limit_s
        tradable = symbols - 1  # one is halted from the start and still shows its last state
        while time.monotonic() < until:
            run.terminal.pump(0.5)
            if run.report_file.exists() and len(run.report().states_s) >= tradable:
                break
        run.terminal.pump(2)
    report = run.final
    first_frame = run.terminal.first_paint_s or 0.0
    shown = sorted(report.states_s.values())
    took = shown[-1] - first_frame if len(shown) >= tradable else float("inf")
    worst = max(report.lags_ms[: int(took) + 2], default=float("inf")) if shown else float("inf")
    name = f"cold start, {symbols} symbols show state"
    return [
        Figure(name=name, value=took, unit="s", target=limit_s, better="less", must=True,
               detail=f"{len(shown)} of {symbols} with a state; faults {report.faults[:2]}"),
        Figure(name=f"{name}: worst loop lag", value=worst, unit="ms", target=100, better="less", must=True, detail=""),
    ]  # fmt: skip


def under_load(minutes: float, symbols: int = 150) -> list[Figure]:
    """CPU, lag, terminal bytes and memory while everything streams."""
    with Run(symbols) as run:
        run.terminal.pump(WARM_S)
        while run.terminal.process.poll() is None and len(run.report().states_s) < symbols - 1:
            run.terminal.pump(2)
        run.terminal.pump(10)
        skip = len(run.report().lags_ms)
        cpu, at, written = run.terminal.cpu_s(), time.monotonic(), run.terminal.bytes
        resident = [run.terminal.resident_mb()]
        frames = run.report().provider
        until = at + minutes * 60
        while time.monotonic() < until and run.terminal.process.poll() is None:
            run.terminal.pump(min(10.0, max(0.1, until - time.monotonic())))
            resident.append(run.terminal.resident_mb())
        seconds = time.monotonic() - at
        cpu_share = (run.terminal.cpu_s() - cpu) / seconds * 100
        rate = (run.terminal.bytes - written) / seconds / 1000
        after = run.report()
    lags = sorted(after.lags_ms[skip:])
    messages = (after.provider.messages - frames.messages) / seconds if after.provider and frames else 0.0
    half = len(resident) // 2
    growth = sum(resident[half:]) / max(1, len(resident) - half) - sum(resident[:half]) / max(1, half)
    detail = f"{symbols} symbols, {messages:.0f} messages/s, {seconds:.0f} s"
    return [
        Figure(name="CPU of one core", value=cpu_share, unit="%", target=35, better="less", must=True, detail=detail),
        Figure(name="loop lag p99 (last minute)", value=after.lag_p99_ms, unit="ms", target=20, better="less", must=True, detail=""),
        Figure(name="loop lag, worst of all seconds", value=lags[-1] if lags else float("inf"), unit="ms", target=100,
               better="less", must=True, detail=f"{len(lags)} seconds, median of worst {lags[len(lags) // 2]:.1f} ms" if lags else "none"),
        Figure(name="written to the terminal", value=rate, unit="kB/s", target=15, better="less", must=True, detail="120x40"),
        Figure(name="resident set", value=max(resident), unit="MB", target=300, better="less", must=True, detail=""),
        Figure(name="resident set, second half minus first", value=growth, unit="MB", target=10, better="less", must=True,
               detail=f"{resident[0]:.0f} -> {resident[-1]:.0f} MB; faults {after.faults[:2]}"),
    ]  # fmt: skip


if __name__ == "__main__":
    duration = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 150
    for figure in under_load(duration, count):
        print(figure.line())
