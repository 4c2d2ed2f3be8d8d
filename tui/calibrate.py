"""`tradetui calibrate` and `tradetui thresholds`: composition of what calibrates and keeps thresholds with a shell."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, TextIO

import msgspec

import core.calibration.command_words as words
from core.bus import Bus
from core.calibration.job import CalibrationJob, Step
from core.calibration.workers import Workers
from core.clock import Clock, LiveClock
from core.headless import abandon
from core.history import StoreError as CandleStoreError
from core.messages import CalibrationReport
from core.paths import data_folder
from core.screening.thresholds import InForce
from core.settings import Settings
from core.settings_load import SettingsError
from core.settings_screening import Calibration
from core.store import Store, StoreError
from core.venue import Fatal
from tui.compose import EXIT_FAILED, EXIT_OK, EXIT_USAGE, make_provider

CANDLES, STORE = "candles.sqlite", "tradetui.sqlite"
PLAIN_EVERY = 0.1
"""Where standard error is no terminal, progress is told each time so much more of all is done."""


class Wanted(NamedTuple):
    """What the command line asks for: symbols of the store or candle files. `jobs` 0: as settings say."""

    symbols: Sequence[str]
    files: Sequence[Path]
    timeframe: str
    jobs: int
    json: str | None


def calibration_settings(
    settings: Settings, trials: int | None, objective: str | None, category: Literal["spot", "linear"] | None
) -> Settings:
    """The operator's settings with what the command line says instead."""
    wanted: Calibration = settings.calibration
    if trials is not None:
        wanted = msgspec.structs.replace(wanted, trials=trials, random_trials=min(wanted.random_trials, trials))
    if objective is not None:
        wanted = msgspec.structs.replace(wanted, objective=objective)
    market = settings.market
    if category is not None:
        market = msgspec.structs.replace(market, category=category)
    return msgspec.structs.replace(settings, calibration=wanted, market=market)


async def calibrate_markets(settings: Settings, wanted: Wanted) -> int:
    """Reports as a table on standard error, and as JSON lines where asked for.

    An input that cannot be read is named and left out, and the exit code says so; the others are calibrated.
    """
    from core.calibration.workers import WorkersUnavailable, open_workers

    clock, screen = LiveClock(), _Screen(sys.stderr)
    with contextlib.ExitStack() as stack:
        try:
            lines = _Lines(wanted.json, stack)
            jobs, failed = await _jobs(settings, wanted, clock, screen)
            if jobs:
                workers = await open_workers(settings.calibration.executor, clock)
                try:
                    at_once = workers.slots(wanted.jobs or settings.calibration.max_concurrent)
                    await _run(jobs, workers, clock, at_once, screen, lines)
                finally:
                    screen.end()
                    await workers.close()
        except (_Unwritable, SettingsError) as error:
            screen.say(f"calibrate: {error}")
            return EXIT_USAGE
        except (WorkersUnavailable, StoreError) as error:
            screen.say(f"calibrate: {error}")
            return EXIT_FAILED
    return EXIT_USAGE if failed else EXIT_OK


async def _run(
    jobs: Sequence[CalibrationJob], workers: Workers, clock: Clock, at_once: int, screen: _Screen, lines: _Lines
) -> None:
    from core.calibration.command import Advance, run_jobs

    screen.begin(len(jobs))
    try:
        async for heard in run_jobs(jobs, workers, clock, at_once):
            if isinstance(heard, Advance):
                screen.advance(heard.symbol, heard.step)
                continue
            screen.report(heard)
            if not lines.write(heard):
                return  # whoever read has seen enough
    except asyncio.CancelledError:
        screen.say(f"calibrate: ended with {screen.done} of {len(jobs)} done")
        raise


async def _jobs(settings: Settings, wanted: Wanted, clock: Clock, screen: _Screen) -> tuple[list[CalibrationJob], int]:
    """What can be calibrated, and how many inputs cannot be read. Raises `StoreError`."""
    from core.calibration.command import job_of_file

    found, failed = await _stored_jobs(settings, wanted, clock, screen) if wanted.symbols else ([], 0)
    for file in wanted.files:
        try:
            found.append(job_of_file(file, wanted.timeframe, settings))
        except Fatal as error:
            screen.say(f"calibrate: {error}")
            failed += 1
    return found, failed


async def _stored_jobs(
    settings: Settings, wanted: Wanted, clock: Clock, screen: _Screen
) -> tuple[list[CalibrationJob], int]:
    """The jobs of symbols of the candle store, with the thresholds that are in force."""
    from core.calibration.command import CommandError, job_of_symbol
    from core.history import CandleStore, series_key
    from core.screening import threshold_rows

    provider = make_provider(settings, Bus(clock), clock)
    found: list[CalibrationJob] = []
    failed = 0
    try:
        async with contextlib.AsyncExitStack() as stack:
            kept: dict[str, InForce] = {}
            if (data_folder() / STORE).exists():
                store = await Store.open(data_folder() / STORE)
                stack.push_async_callback(store.close)
                market = f"{provider.venue}.{provider.category}"
                kept = (await store.run(lambda db: threshold_rows.read(db, market))).in_force
            candles = await CandleStore.open(data_folder() / CANDLES, settings.history.store_max_mb)
            stack.push_async_callback(candles.close)
            for symbol in dict.fromkeys(wanted.symbols):
                key = series_key(provider, symbol, wanted.timeframe)
                try:
                    found.append(await job_of_symbol(key, candles, kept, settings, clock.now_ms()))
                except CommandError as error:
                    screen.say(f"calibrate: {error}")
                    failed += 1
    except CandleStoreError as error:
        raise StoreError(str(error)) from error
    finally:
        await provider.close()
    return found, failed


class _Unwritable(Exception):
    """The JSON lines cannot be written; the text says where and what to do."""


class _Lines:
    """Reports as JSON lines; without a name they go nowhere."""

    def __init__(self, name: str | None, stack: contextlib.ExitStack) -> None:
        self._name = name
        self._encoder = msgspec.json.Encoder(decimal_format="number")
        self._stream: BinaryIO | None = None
        if name == "-":
            self._stream = sys.stdout.buffer
        elif name is not None:
            with self._named():
                self._stream = stack.enter_context(Path(name).open("wb"))  # noqa: SIM115  (the stack closes it)

    def write(self, report: CalibrationReport) -> bool:
        """Each line is flushed, so that an end in between loses none; False: nobody reads any more."""
        stream = self._stream
        if stream is None:
            return True
        try:
            with self._named():
                stream.write(self._encoder.encode(report) + b"\n")
                stream.flush()
        except BrokenPipeError:
            abandon(stream)
            return False
        return True

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._name == "-":
                abandon(sys.stdout.buffer)
            text = f"--json {self._name}: {error.strerror}; choose a file that can be written"
            raise _Unwritable(text) from error


class _Screen:
    """Standard error: a bar that is drawn over itself on a terminal, plain lines anywhere else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._running: dict[str, Step] = {}
        self._jobs = self.done = 0
        self._told = 0.0
        self._headed = self._drawn = False

    def begin(self, jobs: int) -> None:
        self._jobs = jobs
        self._draw()

    def advance(self, symbol: str, step: Step) -> None:
        self._running[symbol] = step
        self._draw()

    def report(self, report: CalibrationReport) -> None:
        self._running.pop(report.symbol, None)
        self.done += 1
        for line in () if self._headed else (words.head(),):
            self.say(line)
        self._headed = True
        for line in words.lines(report):
            self.say(line)
        self._draw()

    def say(self, text: str) -> None:
        """A line that stays."""
        self.end()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def end(self) -> None:
        """Take the bar away."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False

    def _draw(self) -> None:
        share = (self.done + sum(step.share for step in self._running.values())) / self._jobs
        text = words.progress(self._running, self.done, self._jobs)
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[K{text[:width]}")
            self._stream.flush()
            self._drawn = True
        elif share >= self._told + PLAIN_EVERY:
            self._told = share
            self.say(text)


async def keep_thresholds(settings: Settings, act: Literal["export", "import"], file: Path) -> int:
    """`tradetui thresholds`: write those in force to a file, or put those of a file in force."""
    from core.screening.threshold_file import ThresholdFileError, export_thresholds, import_thresholds

    market = settings.market
    where = (market.venue, market.category)
    screen = _Screen(sys.stderr)
    try:
        store = await Store.open(data_folder() / STORE)
        try:
            if act == "export":
                done = await export_thresholds(store, *where, file)
                for text in done.unreadable:
                    screen.say(f"thresholds: {text}")
                screen.say(f"thresholds: {done.symbols} assets of {' '.join(where)} written to {file}")
            else:
                days = settings.calibration.expiry_days
                symbols = await import_thresholds(store, LiveClock(), *where, file, days)
                text = f"thresholds: {len(symbols)} assets of {' '.join(where)} are in force"
                screen.say(f"{text}; a program that runs on this store sees them after a restart")
        finally:
            await store.close()
    except ThresholdFileError as error:
        for text in error.problems:
            screen.say(f"thresholds: {text}")
        return EXIT_USAGE
    except StoreError as error:
        screen.say(f"thresholds: {error}")
        return EXIT_FAILED
    return EXIT_OK
