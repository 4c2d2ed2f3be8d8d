"""The whole program under load: 150 symbols from the sandbox in its own process, the screen on a pty of 120x40.

`python -m tests.bench.live [minutes] [symbols]`; the sandbox's own CPU is not counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from providers.sandbox.child import SandboxAddress
from tests.bench.live_app import Report, SeenFault
from tests.bench.terminal import Terminal
from tests.bench.timing import Figure, conditions

COLUMNS, ROWS = 120, 40
SETTLE_S = 65.0
"""After every symbol shows a state, so that the last minute, of which the lag's p99 speaks, holds nothing of the start."""

WARM_S = 120.0
"""Memory is judged from here on: pools and caches fill during the first minutes."""


def start_sandbox(
    symbols: int, profile: str, errors: Path, keys: tuple[str, str] | None = None
) -> tuple[subprocess.Popen[bytes], str]:
    """The sandbox alone, and its ready line. With `keys` (key, secret) it takes orders."""
    arguments = ["--child", "--symbols", str(symbols), "--profile", profile]
    if keys is not None:
        arguments += ["--api-key", keys[0], "--api-secret", keys[1]]
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "tui.cli", "sandbox", *arguments],
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
    """One run of the application against a fresh sandbox, as a context. `finish` ends the application alone.

    `keys`: with them the sandbox takes orders. `environ` comes on top of the bare environment.
    """

    APPLICATION = "tests.bench.live_app"

    def __init__(
        self,
        symbols: int,
        profile: str = "load",
        keys: tuple[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.symbols = symbols
        self.profile = profile
        self._keys = keys
        self._environ = environ or {}
        self.exit_code: int | None = None

    def __enter__(self) -> Run:
        self._folder = tempfile.TemporaryDirectory(prefix="tradetui-bench-")
        folder = Path(self._folder.name)
        self.report_file = folder / "report.json"
        self.log_file = folder / "state" / "tradetui" / "tradetui.log"
        self.sandbox, line = start_sandbox(self.symbols, self.profile, folder / "sandbox.err", self._keys)
        self.address = msgspec.json.decode(line, type=SandboxAddress)
        arguments = [line, str(self.report_file), str(folder), str(self.symbols)]
        environ = {**bare_environment(folder), **self._environ}
        self.terminal = Terminal([sys.executable, "-m", self.APPLICATION, *arguments], COLUMNS, ROWS, environ)
        return self

    @property
    def alive(self) -> bool:
        return self.terminal.process.poll() is None

    def report(self) -> Report:
        """The newest report the application wrote; an empty one before the first."""
        try:
            return msgspec.json.decode(self.report_file.read_bytes(), type=Report)
        except FileNotFoundError:
            return Report()

    def until_states(self, limit_s: float) -> bool:
        """Wait until every symbol which trades shows a state (one is halted from the start). False: it never came."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until and self.alive:
            self.terminal.pump(0.5)
            if len(self.report().states_s) >= self.symbols - 1:
                return True
        return False

    def finish(self) -> Report:
        """End the application; its last report."""
        if self.exit_code is None:
            self.exit_code = self.terminal.end()
            self.final = self.report()
        return self.final

    def __exit__(self, *error: object) -> None:
        self.finish()
        assert self.sandbox.stdin is not None
        self.sandbox.stdin.close()
        try:
            self.sandbox.wait(5)
        except subprocess.TimeoutExpired:
            self.sandbox.kill()
            self.sandbox.wait()
        self._folder.cleanup()


def sources(faults: list[SeenFault], shown: int = 3) -> str:
    """Faults by source and severity, each with its first message."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for fault in faults:
        kind = f"{fault.source} ({fault.severity})"
        counts[kind] += 1
        first.setdefault(kind, fault.message[:90])
    said = [f"{n}x {kind}: {first[kind]}" for kind, n in counts.most_common(shown)]
    more = f"; {len(counts) - shown} more kinds" if len(counts) > shown else ""
    return "; ".join(said) + more if said else "none"


def cold_start(symbols: int, limit_s: float) -> list[Figure]:
    """Seconds from the first frame until every symbol which trades shows a state, and the worst lag meanwhile."""
    with Run(symbols) as run:
        complete = run.until_states(4 * limit_s)
        waited = run.terminal.waited_s()
        run.terminal.pump(6)
    report = run.final
    first_frame = report.first_frame_s
    shown = sorted(report.states_s.values())[: symbols - 1]
    took = shown[-1] - first_frame if complete and shown else float("inf")
    engine = report.engine[0][0] if report.engine else first_frame
    seconds = int(min(took, 1e6) + first_frame - engine) + 2
    worst = max(report.lags_ms[:seconds], default=float("inf"))
    name = f"cold start, {symbols} symbols"
    return [
        Figure(name=f"{name}: all show state", value=took, unit="s", target=limit_s, better="less", must=True,
               detail=f"{len(report.states_s)} of {symbols} (one is halted); first frame at {first_frame:.2f} s"),
        Figure(name=f"{name}: worst loop lag", value=worst, unit="ms", target=100, better="less", must=True,
               detail=f"over {min(seconds, len(report.lags_ms))} s, {waited:.1f} s of them ready without a core; "
                      f"faults: {sources(report.faults)}"),
    ]  # fmt: skip


class Sampled(msgspec.Struct):
    """What the harness saw of the process between `start` and `end` of the counted time."""

    seconds: float
    cpu_share: float
    waited_share: float
    terminal_kb_s: float
    at_s: list[float]
    resident_mb: list[float]
    before: Report
    after: Report


def sample(run: Run, minutes: float, each: Callable[[], object] = lambda: None) -> Sampled:
    """Watch a running application from outside for this long; `each` is called about once a second."""
    before = run.report()
    cpu, at, written = run.terminal.cpu_s(), time.monotonic(), run.terminal.bytes
    waited = run.terminal.waited_s()
    times, resident = [0.0], [run.terminal.resident_mb()]
    until = at + minutes * 60
    while time.monotonic() < until and run.alive:
        each()
        run.terminal.pump(min(1.0, max(0.1, until - time.monotonic())))
        times.append(time.monotonic() - at)
        resident.append(run.terminal.resident_mb())
    seconds = time.monotonic() - at
    return Sampled(
        seconds=seconds,
        cpu_share=(run.terminal.cpu_s() - cpu) / seconds * 100,
        waited_share=(run.terminal.waited_s() - waited) / seconds * 100,
        terminal_kb_s=(run.terminal.bytes - written) / seconds / 1000,
        at_s=times,
        resident_mb=resident,
        before=before,
        after=run.report(),
    )


def slope_mb_per_10min(at_s: list[float], resident_mb: list[float], warm_s: float) -> tuple[float, float]:
    """Least-squares growth per 10 minutes after the warm-up, and the seconds it rests on (0 of both: too short)."""
    points = [(at, size) for at, size in zip(at_s, resident_mb, strict=True) if at >= warm_s]
    if len(points) < 12:
        return 0.0, 0.0
    times, sizes = np.array(points).T
    return float(np.polyfit(times, sizes, 1)[0] * 600), float(times[-1] - times[0])


def lag_figures(before: Report, after: Report, *, must: bool = True) -> list[Figure]:
    """Loop lag between two reports: p99 as published each second (over its last minute), and the worst beat."""
    skip = len(before.lags_ms)
    worst = sorted(after.lags_ms[skip:])
    p99s = sorted(after.lag_p99s_ms[skip:])
    if not worst or not p99s:
        return [
            Figure(name="loop lag", value=float("inf"), unit="ms", target=20, better="less", must=must, detail="none")
        ]
    at = int(len(worst) * 0.99) - 1 if len(worst) >= 100 else -1
    better: Literal["less", "none"] = "less" if must else "none"
    return [
        Figure(name="loop lag p99 (worst minute)", value=p99s[-1], unit="ms", target=20, better=better, must=must,
               detail=f"typical minute {p99s[len(p99s) // 2]:.1f} ms"),
        Figure(name="loop lag, worst beat of all", value=worst[-1], unit="ms", target=100, better=better, must=must,
               detail=f"{len(worst)} s; worst beat of a second: median {worst[len(worst) // 2]:.1f}, p99 {worst[at]:.1f} ms"),
    ]  # fmt: skip


def under_load(minutes: float, symbols: int = 150) -> list[Figure]:
    """CPU, lag, terminal bytes and memory while everything streams."""
    with Run(symbols) as run:
        run.until_states(180)
        run.terminal.pump(SETTLE_S)
        seen = sample(run, minutes)
    before, after, seconds = seen.before, seen.after, seen.seconds
    provider, earlier = after.provider, before.provider
    if provider is None or earlier is None:
        return [
            Figure(name="under load", value=0, unit="", target=1, better="more", must=True, detail="no statistics came")
        ]
    messages = (provider.messages - earlier.messages) / seconds
    published = (after.bus.published - before.bus.published) / seconds if after.bus and before.bus else 0.0
    growth, over_s = slope_mb_per_10min(seen.at_s, seen.resident_mb, WARM_S)
    closes = (after.market.bars_closed - before.market.bars_closed) / symbols if after.market and before.market else 0.0
    faults = after.fault_count - before.fault_count
    detail = f"{symbols} symbols, {messages:.0f} messages/s in, {published:.0f}/s on the bus, {seconds:.0f} s; "
    detail += f"ready without a core {seen.waited_share:.1f} % of the time"
    return [
        Figure(name="CPU of one core", value=seen.cpu_share, unit="%", target=35, better="less", must=True, detail=detail),
        *lag_figures(before, after),
        Figure(name="written to the terminal", value=seen.terminal_kb_s, unit="kB/s", target=15, better="less", must=True,
               detail=f"120x40; {(after.pictures - before.pictures) / seconds:.1f} pictures/s, "
                      f"{after.pictures_dropped - before.pictures_dropped} dropped"),
        Figure(name="resident set, most", value=max(seen.resident_mb), unit="MB", target=300, better="less", must=True,
               detail=f"{seen.resident_mb[0]:.0f} -> {seen.resident_mb[-1]:.0f} MB"),
        Figure(name="resident set, growth per 10 minutes", value=growth, unit="MB", target=10,
               better="less" if over_s else "none", must=bool(over_s),
               detail=f"least squares over {over_s:.0f} s after {WARM_S:.0f} s" if over_s else "too short a run to tell"),
        Figure(name="rejected or dropped messages, faults",
               value=provider.rejected + provider.dropped - earlier.rejected - earlier.dropped + faults, unit="",
               detail=f"{provider.coalesced - earlier.coalesced} coalesced, {closes:.1f} bars closed a symbol; "
                      f"faults since start: {sources(after.faults)}"),
    ]  # fmt: skip


if __name__ == "__main__":
    duration = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 150
    for figure in under_load(duration, count):
        print(figure.line())
    print(conditions())
