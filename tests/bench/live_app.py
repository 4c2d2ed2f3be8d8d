"""The real application on a sandbox that already runs, writing what it measured of itself to a file.

Run by `tests.bench.live` under a pseudo-terminal: `python -m tests.bench.live_app PORT_JSON REPORT FOLDER SYMBOLS`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from core.bus import Bus
from core.messages import Confluence, EngineStatus, Fault, LoopLag, MarketStats, ProviderStats, SignalStats
from core.paths import state_folder
from core.settings import Settings
from providers.sandbox.child import SandboxAddress
from tui.compose import at_sandbox, demo_settings, run_screen


class Report(msgspec.Struct):
    """What the harness reads after (and during) the run. Times in seconds since the process started."""

    lags_ms: list[float] = msgspec.field(default_factory=list)
    lag_p99_ms: float = 0.0
    states_s: dict[str, float] = msgspec.field(default_factory=dict)
    engine: list[tuple[float, str]] = msgspec.field(default_factory=list)
    faults: list[str] = msgspec.field(default_factory=list)
    provider: ProviderStats | None = None
    market: MarketStats | None = None
    signals: SignalStats | None = None
    modules: list[str] = msgspec.field(default_factory=list)


def main() -> int:
    """Run the screen until a signal ends it."""
    started = time.monotonic()
    address = msgspec.json.decode(sys.argv[1], type=SandboxAddress)
    report_file, folder, symbols = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    base = Settings()
    sandbox = msgspec.structs.replace(base.sandbox, symbols=symbols)
    settings = at_sandbox(demo_settings(msgspec.structs.replace(base, sandbox=sandbox)), address.rest, address.stream)
    report = Report()

    def on_lag(lag: LoopLag) -> None:
        report.lags_ms.append(lag.last_ms)
        report.lag_p99_ms = lag.p99_ms
        if len(report.lags_ms) % 5 == 0:
            write()

    def on_confluence(confluence: Confluence) -> None:
        report.states_s.setdefault(confluence.symbol, time.monotonic() - started)

    def on_engine(status: EngineStatus) -> None:
        if status.phase == "starting" and not report.modules:
            report.modules = sorted({"pandas", "lightgbm", "optuna"} & sys.modules.keys()) or ["none"]
        report.engine.append((time.monotonic() - started, f"{status.phase}: {status.text}"))

    def write() -> None:
        partial = report_file.with_suffix(".part")
        partial.write_bytes(msgspec.json.encode(report))
        partial.rename(report_file)

    def observe(bus: Bus) -> None:
        bus.subscribe(LoopLag, on_lag)
        bus.subscribe(Confluence, on_confluence)
        bus.subscribe(EngineStatus, on_engine)
        bus.subscribe(Fault, lambda fault: report.faults.append(fault.message))
        bus.subscribe(ProviderStats, lambda stats: setattr(report, "provider", stats))
        bus.subscribe(MarketStats, lambda stats: setattr(report, "market", stats))
        bus.subscribe(SignalStats, lambda stats: setattr(report, "signals", stats))

    state_folder().mkdir(parents=True, exist_ok=True)
    try:
        return run_screen(settings, folder / "overrides.toml", folder, None, observe)
    finally:
        write()


if __name__ == "__main__":
    sys.exit(main())
