"""The command line of `tradetui`. With `tui/compose.py` the only modules that know core, providers and screens.

Exit codes: 0 ended by the operator, 1 a part could not start, 2 wrong usage or settings, 129 the terminal went away,
130 SIGINT, 143 SIGTERM. Heavy imports happen inside functions, so that the first frame does not wait for them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from core.bus import Bus
from core.clock import LiveClock
from core.logs import start_logging
from core.paths import config_folder, data_folder, state_folder
from core.settings import Settings
from core.settings_load import SettingsError, load, render_default_toml, settings_path
from core.venue import TIMEFRAME_MS
from tui.canary_command import add_canary
from tui.compose import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    fetch_candles,
    headless,
    load_demo,
    load_run,
    run_loop,
    run_screen,
    scan_files,
    show,
)
from tui.keys_command import add_keys
from tui.sandbox_command import add_sandbox
from tui.trades_command import add_trades

MAX_SWING = 200
"""Upper bound of `[detectors] swing_length`."""


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


class ShowVersion(argparse.Action):
    """`--version`: package metadata are read only when asked for, they cost a tenth of the way to the first frame."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"tradetui {version('tradetui')}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `tradetui`. Returns the exit code."""
    arguments = parser().parse_args(argv, argparse.Namespace(settings=None, log_level=None))
    try:
        code: int = arguments.act(arguments)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return code


def parser() -> argparse.ArgumentParser:
    """Every command and option."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)  # before or after the command
    common.add_argument("--settings", type=Path, metavar="FILE", help="settings file to use")
    common.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="overrides [log] level")
    top = argparse.ArgumentParser(
        prog="tradetui", description="A terminal for trading crypto over SSH.", parents=[common]
    )
    top.add_argument("--version", action=ShowVersion, nargs=0, help="show the version and exit")
    top.set_defaults(act=act_run)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    demo = commands.add_parser("demo", parents=[common], help="watch the embedded exchange: no network, no keys")
    demo.set_defaults(act=act_demo)

    headless = commands.add_parser("headless", parents=[common], help="run without a screen, messages as JSON lines")
    headless.add_argument("--demo", action="store_true", help="on the embedded exchange")
    headless.add_argument("--seconds", type=float, metavar="N", help="end after this many seconds")
    headless.add_argument("--jsonl", default="-", metavar="FILE", help="where to write; - is standard output (default)")
    headless.add_argument("--commands", metavar="FILE", help="read commands as JSON lines; - is standard input")
    headless.add_argument(
        "--live", action="store_true", help="the real account: positions are watched, entries need arming"
    )
    headless.set_defaults(act=act_headless)

    fetch = commands.add_parser("fetch", parents=[common], help="fill the candle store")
    fetch.add_argument("symbols", nargs="+", metavar="SYMBOL")
    fetch.add_argument("--timeframe", default="1m", help="default 1m")
    fetch.add_argument("--days", type=float, default=31.25, help="how far back (default 31.25)")
    fetch.set_defaults(act=act_fetch)

    add_scan(commands, common)
    add_calibrate(commands, common)

    thresholds = commands.add_parser("thresholds", parents=[common], help="thresholds in force to and from a TOML file")
    thresholds.add_argument("what", choices=("export", "import"), help="write those in force, or put a file's in force")
    thresholds.add_argument("file", type=Path, metavar="FILE")
    thresholds.set_defaults(act=act_thresholds)

    add_sandbox(commands, common)

    add_keys(commands, common)
    add_canary(commands, common)
    add_trades(commands, common)

    doctor = commands.add_parser("doctor", parents=[common], help="check this machine, terminal and the venues")
    doctor.set_defaults(act=act_doctor)
    return top


def add_scan(commands: Commands, common: argparse.ArgumentParser) -> None:
    """`tradetui scan`."""
    scan = commands.add_parser(
        "scan",
        parents=[common],
        help="signals, alerts and recommendations over candle files, one JSON object per event",
        description="Runs indicators, detectors, confluence and both stages of screening over candle files and writes one "
        "JSON object per event, in the order in which they became known. Alerts need 1m files; from files of other "
        "timeframes recommendations come with changes of the state alone. A file that cannot be used is named and left "
        "out; the exit code is then 2.",
    )
    scan.add_argument("files", nargs="+", type=Path, metavar="FILE", help="SYMBOL_....parquet, .csv or .csv.gz")
    scan.add_argument("--timeframe", choices=tuple(TIMEFRAME_MS), default="1m", help="of the files; default 1m")
    scan.add_argument("--kinds", metavar="A,B,...", help="only events of these kinds, for example alert,recommendation")
    scan.add_argument(
        "--category",
        choices=("spot", "linear"),
        help="what the files are of: fees, shorts, asset class; default [market] category",
    )
    scan.add_argument("--detectors", metavar="A,B,...", help="only these vote; default: all but [detectors] off")
    scan.add_argument("--smc-mode", choices=("trend", "smc"), help="overrides [detectors] smc_mode")
    scan.add_argument(
        "--swing-length",
        type=between(0, MAX_SWING),
        metavar="L",
        help=f"overrides [detectors] swing_length, 0 to {MAX_SWING}",
    )
    scan.add_argument("--jsonl", default="-", metavar="FILE", help="where to write; - is standard output (default)")
    scan.set_defaults(act=act_scan)


def add_calibrate(commands: Commands, common: argparse.ArgumentParser) -> None:
    """`tradetui calibrate`."""
    calibrate = commands.add_parser(
        "calibrate",
        parents=[common],
        help="search thresholds for symbols or candle files, and say whether they hold out of sample",
        description="Fits the thresholds of each market on its own history, walk-forward, and judges them as the program "
        "does in the background. Reports go to standard error and change nothing; --json writes them one object a line. "
        "An input that cannot be read is named and left out; the exit code is then 2.",
    )
    inputs = calibrate.add_mutually_exclusive_group(required=True)
    inputs.add_argument("symbols", nargs="*", default=[], metavar="SYMBOL", help="of the candle store: see fetch")
    inputs.add_argument(
        "--data", nargs="+", type=Path, default=[], metavar="FILE", help="SYMBOL_....parquet, .csv or .csv.gz"
    )
    calibrate.add_argument("--timeframe", choices=tuple(TIMEFRAME_MS), default="1m", help="of the candles; default 1m")
    calibrate.add_argument("--category", choices=("spot", "linear"), help="default: [market] category")
    calibrate.add_argument(
        "--trials",
        type=between(10, 1000),
        metavar="N",
        help="parameter sets tried per fold; default [calibration] trials",
    )
    calibrate.add_argument(
        "--objective",
        choices=("expectancy", "profit_factor", "win_rate", "drawdown", "multi"),
        help="what is searched for; default [calibration] objective",
    )
    calibrate.add_argument(
        "--jobs", type=between(1, 256), default=0, metavar="N", help="at once; default [calibration] max_concurrent"
    )
    calibrate.add_argument("--json", metavar="FILE", help="reports as JSON lines; - is standard output")
    calibrate.set_defaults(act=act_calibrate)


def between(least: int, most: int) -> Callable[[str], int]:
    """A whole number within a knob's range."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return read


# --- commands --------------------------------------------------------------------------------------------------------


def act_run(arguments: argparse.Namespace) -> int:
    """Bare `tradetui`: what the settings name, or the first-run screen when there are none."""
    path = settings_path(arguments.settings, os.environ)
    if path is None and sys.stdin.isatty():
        code = first_run(arguments)
        path = settings_path(None, os.environ)
        if path is None or code != EXIT_OK:
            return code
    run = load_run(path, os.environ)
    if run.settings.market.venue == "sandbox":
        return act_demo(arguments)
    if not in_terminal():
        return EXIT_USAGE
    begin_log(run.settings, arguments)
    return run_screen(run)


def first_run(arguments: argparse.Namespace) -> int:
    """Ask what to watch and write the settings file. Leaving without a choice writes nothing."""
    from tui.app import TradeApp
    from tui.screens.first_run_choices import Choice

    settings = load(None, os.environ)
    begin_log(settings, arguments)

    def write(choice: Choice, looks: Mapping[str, str]) -> Path:
        path = config_folder() / "settings.toml"
        venue = "sandbox" if choice.is_demo else choice.venue
        text = render_default_toml(changes={"market.venue": venue, "market.category": choice.category, **looks})
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        return path

    clock = LiveClock()
    app = TradeApp(Bus(clock), clock, settings, run_engine=None, first_run=write)
    return show(app, settings)


def act_demo(arguments: argparse.Namespace) -> int:
    """The screen on the embedded exchange."""
    run = load_demo(arguments.settings, os.environ)
    if not in_terminal():
        return EXIT_USAGE
    begin_log(run.settings, arguments)
    try:
        return run_screen(run)
    finally:
        if run.child is not None:
            run.child.stop()


def act_headless(arguments: argparse.Namespace) -> int:
    """The engine without a screen."""
    run = (load_demo if arguments.demo else load_run)(arguments.settings, os.environ)._replace(real=arguments.live)
    begin_log(run.settings, arguments)
    source = arguments.commands
    try:
        with contextlib.ExitStack() as stack:
            commands: BinaryIO | None = None
            if source is not None:
                commands = sys.stdin.buffer if source == "-" else stack.enter_context(Path(source).open("rb"))
            if arguments.jsonl == "-":
                stream: BinaryIO = sys.stdout.buffer
            else:
                stream = stack.enter_context(Path(arguments.jsonl).open("ab"))
            return run_loop(run.settings, lambda: headless(run, stream, arguments.seconds, commands))
    except OSError as error:
        print(f"{error.filename}: {error.strerror}; choose a file that can be used", file=sys.stderr)
        return EXIT_USAGE
    finally:
        if run.child is not None:
            run.child.stop()


def act_fetch(arguments: argparse.Namespace) -> int:
    """Fill the candle store from the shell; running it again goes on where it stopped."""
    settings = load(settings_path(arguments.settings, os.environ), os.environ)
    begin_log(settings, arguments)
    return run_loop(settings, lambda: fetch_candles(settings, arguments.symbols, arguments.timeframe, arguments.days))


def act_scan(arguments: argparse.Namespace) -> int:
    """Signals over candle files."""
    settings = load(settings_path(arguments.settings, os.environ), os.environ)
    begin_log(settings, arguments)
    if arguments.jsonl != "-" and (same := [file for file in arguments.files if is_same(file, Path(arguments.jsonl))]):
        print(f"--jsonl {arguments.jsonl}: is {same[0]}, which is to be read; choose another file", file=sys.stderr)
        return EXIT_USAGE
    return scan_files(
        settings,
        arguments.files,
        arguments.timeframe,
        arguments.jsonl,
        detectors=names_in(arguments.detectors),
        smc_mode=arguments.smc_mode,
        swing_length=arguments.swing_length,
        category=arguments.category,
        kinds=names_in(arguments.kinds),
    )


def names_in(text: str | None) -> list[str] | None:
    """Names separated by commas; None when the option is not given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def is_same(one: Path, other: Path) -> bool:
    """Whether two names are one file."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def act_calibrate(arguments: argparse.Namespace) -> int:
    """Calibrations from the shell."""
    from tui.calibrate import Wanted, calibrate_markets, calibration_settings

    settings = load(settings_path(arguments.settings, os.environ), os.environ)
    begin_log(settings, arguments)
    if (file := arguments.json) not in (None, "-") and any(is_same(data, Path(file)) for data in arguments.data):
        print(f"--json {file}: is to be read; choose another file", file=sys.stderr)
        return EXIT_USAGE
    changed = calibration_settings(settings, arguments.trials, arguments.objective, arguments.category)
    wanted = Wanted(arguments.symbols, arguments.data, arguments.timeframe, arguments.jobs, arguments.json)
    return run_loop(settings, lambda: calibrate_markets(changed, wanted))


def act_thresholds(arguments: argparse.Namespace) -> int:
    """Thresholds to or from a file."""
    from tui.calibrate import keep_thresholds

    settings = load(settings_path(arguments.settings, os.environ), os.environ)
    begin_log(settings, arguments)
    return run_loop(settings, lambda: keep_thresholds(settings, arguments.what, arguments.file))


def act_doctor(arguments: argparse.Namespace) -> int:
    """Findings and remedies; exit code 1 when something fails."""
    from core.doctor import check_machine, check_venue, render
    from providers.binance_us.market import BinanceUsMarket
    from providers.bybit.market import BybitMarket

    settings = load(settings_path(arguments.settings, os.environ), os.environ)
    clock = LiveClock()
    bus = Bus(clock)
    linear = msgspec.structs.replace(
        settings, market=msgspec.structs.replace(settings.market, venue="bybit", category="linear")
    )
    folders = {"settings folder": config_folder(), "data folder": data_folder(), "log folder": state_folder()}
    checks = check_machine(os.environ, folders, shutil.get_terminal_size(), sys.stdout.isatty())

    async def venues() -> int:
        for provider in (BinanceUsMarket(bus, clock, settings), BybitMarket(bus, clock, linear)):
            checks.extend(await check_venue(provider))
        return EXIT_OK

    run_loop(settings, venues)
    print(render(checks))
    return EXIT_FAILED if any(check.verdict == "fail" for check in checks) else EXIT_OK


def in_terminal() -> bool:
    """Whether a screen can be shown; says what to do when not. Pictures go to standard error, keys come from input."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        return True
    print("tradetui needs a terminal for its screen; without one use `tradetui headless`", file=sys.stderr)
    return False


def begin_log(settings: Settings, arguments: argparse.Namespace) -> None:
    """Start the rotating log file."""
    start_logging(settings.log, state_folder(), level=arguments.log_level)


if __name__ == "__main__":
    sys.exit(main())
