"""The real application on a sandbox that already runs, writing what it measured of itself to a file.

Run by `tests.bench.live` under a pseudo-terminal: `python -m tests.bench.live_app ADDRESS_JSON REPORT FOLDER SYMBOLS`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from textual._context import active_app

from core.bus import Bus
from core.messages import (
    Bar,
    BookStatus,
    BusStats,
    ChannelStatus,
    Confluence,
    EngineStatus,
    Fault,
    LinkStatus,
    LoopLag,
    MarketStats,
    ProviderStats,
    SignalStats,
)
from core.paths import state_folder
from core.settings import Settings
from providers.sandbox.child import SandboxAddress
from tui.app import TradeApp
from tui.compose import DEMO_EASED, Run, at_sandbox, demo_settings, run_screen, where_it_runs
from tui.driver import GuardedDriver
from tui.pump import Pump

FAULTS_KEPT = 300
WRITE_EVERY_S = 5


class SeenFault(msgspec.Struct, frozen=True):
    """One `Fault`, `at_s` after the start."""

    at_s: float
    source: str
    severity: str
    symbol: str
    message: str


class SeenBar(msgspec.Struct, frozen=True):
    """The newest version of one closed minute."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trades: int
    synthetic: bool
    revision: int


class Report(msgspec.Struct):
    """What the harness reads after (and during) the run. Times in seconds since the process started."""

    lags_ms: list[float] = msgspec.field(default_factory=list)
    lag_p99s_ms: list[float] = msgspec.field(default_factory=list)
    first_frame_s: float = 0.0
    modules: list[str] = msgspec.field(default_factory=list)
    states_s: dict[str, float] = msgspec.field(default_factory=dict)
    engine: list[tuple[float, str]] = msgspec.field(default_factory=list)
    faults: list[SeenFault] = msgspec.field(default_factory=list)
    fault_count: int = 0
    provider: ProviderStats | None = None
    market: MarketStats | None = None
    signals: SignalStats | None = None
    bus: BusStats | None = None
    flushes_ms: dict[str, list[float]] = msgspec.field(default_factory=dict)
    """Every flush of each screen, wall clock."""
    pictures: int = 0
    pictures_dropped: int = 0
    books: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    links: dict[str, str] = msgspec.field(default_factory=dict)
    stale: list[str] = msgspec.field(default_factory=list)
    bars: dict[str, dict[int, SeenBar]] = msgspec.field(default_factory=dict)


class Observer:
    """Listens on the bus and writes the report now and then; closed minutes only at the end."""

    def __init__(self, file: Path) -> None:
        self.report = Report()
        self._file = file
        self._started = time.monotonic()
        self._bars: dict[str, dict[int, SeenBar]] = {}
        self._stale: set[str] = set()

    def subscribe(self, bus: Bus) -> None:
        report = self.report
        bus.subscribe(LoopLag, self._on_lag)
        bus.subscribe(Confluence, self._on_confluence)
        bus.subscribe(EngineStatus, self._on_engine)
        bus.subscribe(Fault, self._on_fault)
        bus.subscribe(Bar, self._on_bar)
        bus.subscribe(ChannelStatus, self._on_channel)
        bus.subscribe(BookStatus, lambda book: report.books.update({book.symbol: (book.state, book.reason)}))
        bus.subscribe(LinkStatus, lambda link: report.links.update({link.link: link.state}))
        bus.subscribe(ProviderStats, lambda stats: setattr(report, "provider", stats))
        bus.subscribe(MarketStats, lambda stats: setattr(report, "market", stats))
        bus.subscribe(SignalStats, lambda stats: setattr(report, "signals", stats))
        bus.subscribe(BusStats, lambda stats: setattr(report, "bus", stats))

    def painted(self) -> None:
        """The first frame is out."""
        self.report.first_frame_s = self.since()
        self.report.modules = sorted({"pandas", "lightgbm", "optuna"} & sys.modules.keys())

    def since(self) -> float:
        return time.monotonic() - self._started

    def write(self, *, final: bool = False) -> None:
        """Replace the file in one step."""
        self.report.stale = sorted(self._stale)
        if final:
            self.report.bars = self._bars
        partial = self._file.with_suffix(".part")
        partial.write_bytes(msgspec.json.encode(self.report))
        partial.rename(self._file)

    def _on_lag(self, lag: LoopLag) -> None:
        report = self.report
        report.lags_ms.append(lag.last_ms)
        report.lag_p99s_ms.append(lag.p99_ms)
        driver = active_app.get()._driver
        if isinstance(driver, GuardedDriver):
            report.pictures_dropped = driver.dropped
            report.pictures = pictures_of(driver)
        if len(report.lags_ms) % WRITE_EVERY_S == 0:
            self.write()

    def _on_confluence(self, confluence: Confluence) -> None:
        self.report.states_s.setdefault(confluence.symbol, self.since())

    def _on_engine(self, status: EngineStatus) -> None:
        self.report.engine.append((self.since(), f"{status.phase}: {status.text}"))

    def _on_fault(self, fault: Fault) -> None:
        self.report.fault_count += 1
        if len(self.report.faults) < FAULTS_KEPT:
            seen = SeenFault(self.since(), fault.source, fault.severity, fault.symbol, fault.message)
            self.report.faults.append(seen)

    def _on_bar(self, bar: Bar) -> None:
        if bar.closed and bar.timeframe == "1m":
            self._bars.setdefault(bar.symbol, {})[bar.open_ms] = SeenBar(
                bar.open, bar.high, bar.low, bar.close, bar.volume, bar.quote_volume, bar.trades, bar.synthetic, bar.revision
            )  # fmt: skip

    def _on_channel(self, channel: ChannelStatus) -> None:
        key = f"{channel.symbol} {channel.channel}"
        if channel.fresh:
            self._stale.discard(key)
        else:
            self._stale.add(key)


def at_first_frame(told: Callable[[], None]) -> None:
    """Call `told` when the application has painted its first picture, before the engine starts."""
    painted = TradeApp._painted

    def and_tell(app: TradeApp) -> None:
        told()
        painted(app)

    TradeApp._painted = and_tell  # type: ignore[method-assign, assignment]


def time_flushes(report: Report) -> None:
    """Note how long every flush of every screen takes."""
    flush = Pump.flush

    def timed(pump: Pump, name: str, paint: Callable[[], None]) -> None:
        flush(pump, name, paint)
        report.flushes_ms.setdefault(name, []).append(pump.last_s * 1000)

    Pump.flush = timed  # type: ignore[method-assign, assignment]


def pictures_of(driver: Any) -> int:
    """Pictures the terminal got so far."""
    writer = getattr(driver, "_writer_thread", None)
    return int(getattr(writer, "pictures", 0))


def main(
    observe: Callable[[Bus, Path], None] = lambda bus, folder: None,
    adjust: Callable[[Settings], Settings] = lambda settings: settings,
) -> int:
    """Run the screen until a signal ends it. `observe` is handed the bus and the run's folder, `adjust` the settings."""
    address = msgspec.json.decode(sys.argv[1], type=SandboxAddress)
    observer = Observer(Path(sys.argv[2]))
    folder, symbols = Path(sys.argv[3]), int(sys.argv[4])
    base = Settings()
    sandbox = msgspec.structs.replace(base.sandbox, symbols=symbols)
    eased = demo_settings(msgspec.structs.replace(base, sandbox=sandbox))
    demo = msgspec.structs.replace(eased, **{name: getattr(base, name) for name in DEMO_EASED})
    settings = adjust(at_sandbox(demo, address.rest, address.stream))

    def subscribe(bus: Bus) -> None:
        observer.subscribe(bus)
        observe(bus, folder)

    at_first_frame(observer.painted)
    time_flushes(observer.report)
    state_folder().mkdir(parents=True, exist_ok=True)
    try:
        where = where_it_runs(os.environ)
        run = Run(settings, folder / "overrides.toml", folder, (), lambda: settings, environ=where)
        return run_screen(run, subscribe)
    finally:
        observer.write(final=True)


if __name__ == "__main__":
    sys.exit(main())
