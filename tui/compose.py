"""Composition: builds provider, engine and screen from settings, and runs them on one loop. `tui/cli.py` calls it.

Heavy imports happen inside functions, so that the first frame does not wait for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple, TypeVar

import msgspec

from core.bus import Bus
from core.clock import Clock, LiveClock
from core.paths import config_folder, data_folder, state_folder
from core.settings import Settings
from core.settings_live import LiveSettings
from core.settings_load import SettingsError, load, overrides_path, settings_path
from core.settings_watch import SettingsWatch
from tui.brokers import broker_maker, take_keys
from tui.deadline import end_by

if TYPE_CHECKING:
    from core.credentials_file import KeyPair
    from core.trading.desk import TradingDesk
    from core.venue import MarketProvider
    from providers.sandbox.child import SandboxChild
    from tui.app import TradeApp

T = TypeVar("T")

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
OVERRIDES = "overrides.toml"
ENGINE_STOP_S = 4.5
"""Longest wait for the engine when the program ends: it cancels entries, writes down, closes."""


def make_provider(settings: Settings, bus: Bus, clock: Clock) -> MarketProvider:
    """The provider the settings name."""
    if settings.market.venue == "sandbox":
        raise SettingsError(['market.venue = "sandbox" is for the screen and `tradetui demo`; name a venue here'])
    if settings.market.venue == "binance_us":
        from providers.binance_us.market import BinanceUsMarket

        return BinanceUsMarket(bus, clock, settings)
    if settings.market.venue == "bybit":
        from providers.bybit.market import BybitMarket

        return BybitMarket(bus, clock, settings)
    from providers.recorded import RecordedMarket

    return RecordedMarket(bus, clock, settings)


def sandbox_child(settings: Settings, keys: KeyPair) -> SandboxChild:
    """The embedded exchange, not yet started: it would compete with the first frame for the processor. It takes these keys."""
    from providers.sandbox.child import SandboxChild

    sandbox = settings.sandbox
    arguments = ["--venue", sandbox.venue, "--seed", str(sandbox.seed), "--symbols", str(sandbox.symbols)]
    arguments += ["--profile", "wild"]
    arguments += ["--api-key", keys.key, "--api-secret", keys.secret()]
    return SandboxChild(arguments, state_folder() / "sandbox.log")


DEMO_EASED: dict[str, dict[str, Any]] = {
    "screening": {
        "min_reasons_for_alert": 1, "cooldown_s": 120.0, "again_s": 60.0, "alerts_per_hour": 600, "min_confidence": 0.5,
        "min_cluster": 1, "min_ratio": 0.8, "high_risk_below": 0.5, "timeframe": "1m", "spot_fee_percent": 0.02,
    },
    "confluence": {"prior_m": 0.8},
    "risk": {"min_net_ratio": 0.8},
    "paper": {"maker_fee_percent": 0.02, "taker_fee_percent": 0.02},
}  # fmt: skip
"""Where the operator has set nothing else, the demo asks less: its market is invented, and nothing in it deserves a trade."""


def demo_settings(settings: Settings) -> Settings:
    """The operator's settings, with the market of the demo: every symbol of the sandbox, decisions on 1m, proposals to see."""
    for name, knobs in DEMO_EASED.items():
        section = getattr(settings, name)
        usual = type(section)()
        eased = {knob: value for knob, value in knobs.items() if getattr(section, knob) == getattr(usual, knob)}
        settings = msgspec.structs.replace(settings, **{name: msgspec.structs.replace(section, **eased)})
    market = msgspec.structs.replace(
        settings.market,
        venue=settings.sandbox.venue,
        category="spot",
        pinned=(),
        watch=settings.sandbox.symbols,
        min_quote_volume=0.0,
        include_halted=True,
        decision_timeframe="1m",
        reference_symbol="",
    )
    return msgspec.structs.replace(settings, market=market)


def at_sandbox(settings: Settings, rest: str, stream: str) -> Settings:
    """The same settings with the venue's hosts replaced by the sandbox's."""
    network = msgspec.structs.replace(
        settings.network, proxy="", **{f"{settings.market.venue}_rest": rest, f"{settings.market.venue}_stream": stream}
    )
    return msgspec.structs.replace(settings, network=network)


class Run(NamedTuple):
    """What one run works with. `files` are settings and live edits, `read` loads all layers again when one was saved.

    `real`: it starts on the venue's account. `practice`: keys of the embedded exchange. `environ`: the environment at start.
    """

    settings: Settings
    overrides: Path
    folder: Path
    files: tuple[Path, ...]
    read: Callable[[], Settings]
    child: SandboxChild | None = None
    real: bool = False
    practice: KeyPair | None = None
    environ: Mapping[str, str] = {}


def own_file() -> Path:
    """The settings file in the config folder: read once it is there, also while the program runs."""
    return config_folder() / "settings.toml"


def load_run(path: Path | None, environ: Mapping[str, str]) -> Run:
    """What the settings name. Raises `SettingsError`."""
    file = settings_path(path, environ)
    overrides = overrides_path(file)

    def read() -> Settings:
        return load(path, environ, overrides)

    return Run(read(), overrides, data_folder(), (file or own_file(), overrides), read, environ=where_it_runs(environ))


def load_demo(path: Path | None, environ: Mapping[str, str]) -> Run:
    """The demo and its exchange. Its stores and live edits lie apart from real ones, one folder per market."""
    settings = load(path, environ, Path(os.devnull))
    file = settings_path(path, environ)
    folder = data_folder() / f"demo-{settings.sandbox.venue}-{settings.sandbox.seed}-wild"
    overrides = folder / OVERRIDES

    def read() -> Settings:
        return demo_settings(load(path, environ, overrides if overrides.exists() else Path(os.devnull)))

    settings, keys = read(), practice_keys()
    return Run(
        settings,
        overrides,
        folder,
        (file or own_file(), overrides),
        read,
        sandbox_child(settings, keys),
        practice=keys,
        environ=where_it_runs(environ),
    )


def practice_keys() -> KeyPair:
    """Made up for one run of the embedded exchange: with them the ceremony of real orders can be practised for nothing."""
    from core.credentials_file import KeyPair

    return KeyPair(secrets.token_hex(16), secrets.token_hex(16))


def where_it_runs(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that tell of a terminal multiplexer or a service; nothing else of the environment is kept."""
    return {name: environ[name] for name in ("TMUX", "STY", "INVOCATION_ID") if environ.get(name)}


async def engine_main(
    run: Run, bus: Bus, clock: Clock, on_trading: Callable[[TradingDesk], None] = lambda desk: None
) -> None:
    """Build the engine and run it until cancelled. `on_trading` is handed the order path once it stands.

    What is slow to import or to build is made in a thread, after the first frame, so that the loop stays free.
    """
    child, settings, read = run.child, run.settings, run.read
    given = await asyncio.to_thread(take_keys)
    if child is not None:
        child.start()
    engine_module = await asyncio.to_thread(import_engine)
    if child is not None:
        address = await asyncio.to_thread(child.address)
        settings = at_sandbox(settings, address.rest, address.stream)

        def read() -> Settings:
            return at_sandbox(run.read(), address.rest, address.stream)

    live = LiveSettings(bus, clock, settings, run.overrides)
    watch = SettingsWatch(live, bus, clock, run.files, read)
    provider = await asyncio.to_thread(make_provider, settings, bus, clock)
    if child is None:  # an embedded exchange is a new one each time
        keep_bans(run.folder, clock, bus, provider)
    from core.trading.arming import Surroundings

    make_broker = broker_maker(clock, live, provider, run.folder, given, practice=run.practice)
    engine = engine_module.Engine(
        live,
        bus,
        clock,
        provider,
        data_folder=run.folder,
        make_broker=make_broker,
        mode="LIVE" if run.real else "PAPER",
        resumes=child is None,
        surroundings=Surroundings(environ=run.environ, folder=run.folder),
        watch=watch.run,
        on_trading=on_trading,
    )
    await engine.run()


def keep_bans(folder: Path, clock: Clock, bus: Bus, provider: MarketProvider) -> None:
    """Tell the provider of a ban of an earlier run before its first request, and keep those to come."""
    from providers.ban_file import BanFile

    BanFile(folder, clock, bus, provider.venue, provider.category).announce()


def import_engine() -> Any:
    """The engine's module. httpx loads its asyncio backend with the first request: that too happens here."""
    import core.engine

    return core.engine


def run_screen(run: Run, observe: Callable[[Bus], None] = lambda bus: None) -> int:
    """The full-screen application; the engine starts after its first frame. `observe` may subscribe before anything runs."""
    gc.disable()  # nothing worth collecting exists before the first frame; the application turns it on again
    from tui.app import TradeApp

    clock = LiveClock()
    bus = Bus(clock)
    observe(bus)
    app = TradeApp(
        bus,
        clock,
        run.settings,
        run_engine=lambda: engine_main(run, bus, clock),
        themes_dir=config_folder() / "themes",
        end_by=end_by,
    )
    return show(app, run.settings)


def show(app: TradeApp, settings: Settings) -> int:
    """Run an application in the terminal; its exit code."""

    async def screen() -> int:
        await app.run_async(mouse=settings.screen.mouse)
        return app.return_code or EXIT_OK

    return run_loop(settings, screen)


async def fetch_candles(settings: Settings, symbols: Sequence[str], timeframe: str, days: float) -> int:
    """`tradetui fetch`: progress on standard error, one line a page."""
    from core.fetch import FetchError, fetch
    from core.history import CandleStore, StoreError
    from core.venue import VenueError

    clock = LiveClock()
    provider = make_provider(settings, Bus(clock), clock)
    failed = False
    try:
        store = await CandleStore.open(data_folder() / "candles.sqlite", settings.history.store_max_mb)
        try:
            async for progress in fetch(provider, store, clock, symbols, timeframe, days):
                have, wanted = progress.stored + progress.absent, progress.wanted
                line = (
                    f"{progress.symbol} {timeframe}  {have:,} of {wanted:,} bars  {100 * have / max(1, wanted):.0f} %"
                )
                print(f"{line}  {progress.note}".rstrip(), file=sys.stderr)
                failed = failed or progress.failed
        finally:
            await store.close()
    except (FetchError, StoreError, VenueError) as error:
        print(f"fetch: {error}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, FetchError) else EXIT_FAILED
    finally:
        await provider.close()
    return EXIT_FAILED if failed else EXIT_OK


def scan_files(
    settings: Settings,
    files: Sequence[Path],
    timeframe: str,
    jsonl: str,
    *,
    detectors: Sequence[str] | None,
    smc_mode: Literal["trend", "smc"] | None,
    swing_length: int | None,
    category: Literal["spot", "linear"] | None = None,
    kinds: Sequence[str] | None = None,
) -> int:
    """`tradetui scan`: events as JSON lines to a file or standard output, a summary and what went wrong on standard error.

    A file that cannot be used is named and left out, and the exit code says so; the others are scanned.
    """
    from core.headless import abandon
    from core.scan import load as load_candles
    from core.scan import scan_all, scan_kinds, scan_settings, symbol_of
    from core.venue import Fatal

    clock, encoder = LiveClock(), msgspec.json.Encoder(decimal_format="number")
    started = clock.monotonic()
    events = failed = 0
    try:
        wanted = scan_settings(settings, detectors, smc_mode, swing_length, category)
        told = scan_kinds(kinds)
        with contextlib.ExitStack() as stack:
            stream: BinaryIO = sys.stdout.buffer if jsonl == "-" else stack.enter_context(Path(jsonl).open("wb"))
            series = []
            for file in files:
                try:
                    series.append((symbol_of(file), load_candles(file, timeframe)))
                except Fatal as error:
                    print(f"scan: {error}", file=sys.stderr)
                    failed += 1
            for event in scan_all(series, timeframe, wanted, told):
                stream.write(encoder.encode(event) + b"\n")
                events += 1
            bars = sum(len(rows) for _, rows in series)
            stream.flush()
    except Fatal as error:
        print(f"scan: {error}", file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:
        abandon(stream)  # whoever read has seen enough
        return EXIT_OK
    except OSError as error:
        if jsonl == "-":
            abandon(stream)
        print(f"scan: --jsonl {jsonl}: {error.strerror}; choose a file that can be written", file=sys.stderr)
        return EXIT_USAGE
    summary = f"{events:,} events of {bars:,} bars in {len(files) - failed} files, {clock.monotonic() - started:.1f} s"
    print(f"scan: {summary}", file=sys.stderr)
    return EXIT_USAGE if failed else EXIT_OK


async def headless(run: Run, stream: BinaryIO, seconds: float | None, commands: BinaryIO | None = None) -> int:
    """Every bus message as a JSON line until the time is up, the reader goes away, or a signal comes."""
    from core.headless import CommandLines, JsonLines

    clock = LiveClock()
    bus = Bus(clock)
    ended = asyncio.Event()
    code = EXIT_OK

    def on_signal(number: signal.Signals) -> None:
        nonlocal code
        code = 128 + number
        ended.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal, number)
    lines = JsonLines(bus, stream, on_broken=ended.set)
    if commands is not None:
        CommandLines(bus, clock, commands)
    engine = asyncio.create_task(engine_main(run, bus, clock), name="engine")
    engine.add_done_callback(lambda _: ended.set())
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), seconds)
    failed = engine.done() and not engine.cancelled() and engine.exception()
    end_by(code)
    engine.cancel()
    await asyncio.wait([engine], timeout=ENGINE_STOP_S)
    lines.close()
    if failed:
        print(f"the engine failed: {failed}", file=sys.stderr)
        return EXIT_FAILED
    return code


def run_loop(settings: Settings, run: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on uvloop where it is installed and wanted, else on asyncio's own loop."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if settings.network.uvloop:
        try:
            import uvloop
        except ImportError:
            pass  # asyncio's loop serves, at about twice the cost a message
        else:
            factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(run())
