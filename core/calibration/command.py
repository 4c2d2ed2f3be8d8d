"""The work behind `tradetui calibrate`: candles as jobs, worker processes, and reports as they come.

What is found is told and changes nothing: thresholds come into force by the program itself, or by an import.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from core.calibration.history import COLUMNS
from core.calibration.job import CalibrationJob, Step
from core.calibration.preparation import bars_of_use
from core.calibration.report import plain_report
from core.calibration.workers import Workers
from core.clock import Clock
from core.history import CandleStore, SeriesKey
from core.market.candle_file import as_block
from core.market.resample import resample
from core.messages import CalibrationReport
from core.scan import load, symbol_of
from core.screening.costs import fee_of, shorts_allowed, trade_costs
from core.screening.file_market import class_of
from core.screening.levels import DAY_MS
from core.screening.scan_alerts import MINUTE
from core.screening.scan_history import HOUR, FileHistory
from core.screening.stage1 import Rules
from core.screening.thresholds import InForce, adaptive_from_atr, at, from_class
from core.settings import Settings
from core.venue import TIMEFRAME_MS, CandleBlock, Fatal

LOOK_S = 0.1
"""The workers are asked this often what became of their jobs."""
TEND_S = 5.0


class CommandError(Fatal):
    """An input that cannot be calibrated; the text names it and the remedy."""


class Advance(NamedTuple):
    """How far a job that runs is."""

    symbol: str
    step: Step


Heard = Advance | CalibrationReport


def job_of(
    symbol: str,
    rows: CandleBlock,
    timeframe: str,
    settings: Settings,
    *,
    days: CandleBlock | None = None,
    in_force: InForce | None = None,
) -> CalibrationJob:
    """The job of one market: its newest bars, as many as a calibration can use, (n, 6) or (n, 9), oldest first.

    Without daily bars those of the rows serve. Without thresholds in force they are those of an asset that was never
    calibrated: its class's, made adaptive from its own last days. The price step is read from the prices, and the spread
    counts as one of it.
    """
    whole = rows if rows.shape[1] == COLUMNS else as_block(rows[:, :6])
    history = FileHistory(whole[-bars_of_use(settings.calibration) :], timeframe, ())
    bars, market, asset_class = history.rows, settings.market, class_of(symbol, settings)
    tick = float(history.tick(len(bars) - 1) or 0.0)
    if in_force is None:
        habits = history.habits(int(bars[-1, 0]) + history.interval_ms, (MINUTE, HOUR))
        in_force = adaptive_from_atr(from_class(asset_class.defaults), habits.sample(MINUTE), habits.sample(HOUR))
    if days is None:
        days = resample(whole, DAY_MS)
    closed_ms = float(bars[-1, 0]) + history.interval_ms
    costs = trade_costs(
        bars, float(bars[-1, 4]), float("nan"), tick,
        fee=fee_of(market.category, settings.screening), notional=settings.screening.trade_notional,
    )  # fmt: skip
    return CalibrationJob(
        venue=market.venue,
        category=market.category,
        symbol=symbol,
        timeframe=timeframe,
        bars=bars,
        days=days[np.asarray(days[:, 0] + DAY_MS <= closed_ms)],
        asset_class=asset_class.name,
        default=asset_class.defaults,
        current=in_force.values,
        settings=settings.calibration,
        costs=costs,
        tick=tick,
        shorts=shorts_allowed(market.category, settings.screening),
        rules=Rules.of(settings.screening),
    )


def job_of_file(file: Path, timeframe: str, settings: Settings) -> CalibrationJob:
    """The job of a candle file, named as `scan` wants it. Raises `CandleFileError` or `ScanError` naming what is wrong."""
    return job_of(symbol_of(file), load(file, timeframe), timeframe, settings)


async def job_of_symbol(
    key: SeriesKey, candles: CandleStore, kept: Mapping[str, InForce], settings: Settings, now_ms: int
) -> CalibrationJob:
    """The job of a market of the candle store. Raises `CommandError` when nothing is stored of it, and `StoreError`.

    `kept`: the thresholds that the store has in force, by symbol.
    """
    bars = await candles.read(key, limit=bars_of_use(settings.calibration))
    if not len(bars):
        raise CommandError(
            f"{key.symbol}: the candle store {candles.path} has no {key.timeframe} bars of it at {key.venue} {key.category}; "
            f"fetch them with `tradetui fetch {key.symbol} --timeframe {key.timeframe}`"
        )
    bars = bars[bars[:, 0] + TIMEFRAME_MS[key.timeframe] <= now_ms]
    days = await candles.read(key._replace(timeframe="1d"))
    in_force = kept.get(key.symbol)
    if in_force is not None:
        in_force = at(in_force, class_of(key.symbol, settings).defaults, now_ms)
    return job_of(key.symbol, bars, key.timeframe, settings, days=days if len(days) else None, in_force=in_force)


async def run_jobs(
    jobs: Sequence[CalibrationJob], workers: Workers, clock: Clock, at_once: int
) -> AsyncIterator[Heard]:
    """Calibrate all of them, at most `at_once` at a time; yields progress, and each report once, as it comes.

    A job whose worker breaks gives a report that `failed`. The workers are left as they are: whoever opened them ends them.
    """
    waiting = deque(enumerate(jobs))
    free = list(range(min(at_once, len(jobs))))
    running: dict[int, CalibrationJob] = {}
    tend_s = clock.monotonic() + TEND_S
    while waiting or running:
        while waiting and (free or workers.lost()):
            place, job = waiting.popleft()
            if workers.lost():
                yield _failed(job, "the workers are gone")
                continue
            running[place] = replace(job, task_id=place, slot=free.pop(0))
            try:
                workers.start(running[place])
            except OSError as error:
                free.append(running.pop(place).slot)
                yield _failed(job, f"no process can be made ({error.strerror or error})")
        await clock.sleep(LOOK_S)
        for place, step in workers.steps():
            if place in running:
                yield Advance(running[place].symbol, step)
        for place, result in workers.ended():
            job = running.pop(place)
            free.append(job.slot)
            yield result.report or _failed(job, result.reason)
        if clock.monotonic() >= tend_s:
            tend_s = clock.monotonic() + TEND_S
            workers.tend()


def _failed(job: CalibrationJob, reason: str) -> CalibrationReport:
    return plain_report(job, job.bars, "failed", f"{reason}; try again, or leave {job.symbol} out")
