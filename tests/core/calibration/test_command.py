"""Candles as jobs of `tradetui calibrate`, and jobs on workers: every one is answered once, whatever becomes of it."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from core.calibration.command import Advance, CommandError, job_of, job_of_file, job_of_symbol, run_jobs
from core.calibration.command_words import head, lines, progress
from core.calibration.job import CalibrationJob, Step
from core.calibration.preparation import bars_of_use
from core.calibration.report import plain_report
from core.calibration.worker_process import Result
from core.clock import LiveClock
from core.history import CandleStore, SeriesKey
from core.market.candle_file import CandleFileError
from core.messages import CalibrationReport, TradeFigures
from core.scan import ScanError
from core.screening.classes import CLASSES
from core.screening.levels import DAY_MS
from core.screening.thresholds import Thresholds, changed, from_class
from core.settings import Market, Settings
from core.settings_screening import Calibration
from tests.core.screening.bars import minutes

SETTINGS = Settings(calibration=Calibration(train_bars=1000, test_bars=500, min_folds=2))
LINEAR = replace(SETTINGS, market=Market(venue="bybit", category="linear"))


class Hasty(LiveClock):
    """Waits for nobody."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Puppets:
    """Workers that end a job when they were asked so often as the symbol's last character says; `X...` is lost."""

    where = "here"

    def __init__(self) -> None:
        self.running: dict[int, tuple[CalibrationJob, int]] = {}
        self.most = 0
        self.gone_after = 1000

    def lost(self) -> bool:
        return self.gone_after <= 0

    def slots(self, wanted: int) -> int:
        return wanted

    def start(self, job: CalibrationJob) -> None:
        if job.symbol.startswith("Y"):
            raise OSError(11, "too many processes")
        self.gone_after -= 1
        assert job.slot not in {other.slot for other, _ in self.running.values()}, "a slot has one job"
        self.running[job.task_id] = job, int(job.symbol[-1])
        self.most = max(self.most, len(self.running))

    def steps(self) -> list[tuple[int, Step]]:
        return [(task, Step(1, 2, 1, 4, 0.5, 3.0)) for task in self.running]

    def ended(self) -> list[tuple[int, Result]]:
        found = []
        for task, (job, left) in list(self.running.items()):
            self.running[task] = job, left - 1
            if left <= 1:
                del self.running[task]
                lost = Result(cause="lost_worker", reason="its worker is gone", spent=True)
                done = Result(report=plain_report(job, job.bars, "keep", "as before"))
                found.append((task, lost if job.symbol.startswith("X") else done))
        return found

    def abandon(self, task_id: int) -> None:
        raise NotImplementedError

    def tend(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


def test_a_job_has_what_its_file_and_the_settings_say() -> None:
    rows = minutes(3, 6000)[:, :6]
    rows[:, 1:5] = rows[:, 1:5].round(2)
    spot, linear = (job_of("DOGEUSDT", rows, "1m", settings) for settings in (SETTINGS, LINEAR))
    assert (spot.asset_class, spot.shorts, linear.asset_class, linear.shorts) == ("meme", False, "perpetual", True)
    assert [spot.costs.fee_in, linear.costs.fee_in] == pytest.approx([0.001, 0.00055])
    assert (linear.venue, linear.category, linear.symbol, linear.timeframe) == ("bybit", "linear", "DOGEUSDT", "1m")
    assert spot.tick == 0.01
    assert spot.costs.half_spread == pytest.approx(0.005 / rows[-1, 4])
    assert spot.bars.shape == (6000, 9)
    assert np.array_equal(spot.bars[:, :6], rows)
    assert (spot.days[:, 0] + DAY_MS <= rows[-1, 0] + 60_000).all()
    assert len(spot.days) == 4, "days that are over"
    assert spot.default == next(entry.defaults for entry in CLASSES if entry.name == "meme")
    assert spot.current.low_gate != spot.default.low_gate, "adaptive from its own last days"
    assert spot.current.tp_mult == spot.default.tp_mult


def test_only_as_many_bars_as_a_calibration_uses_are_sent() -> None:
    most = bars_of_use(SETTINGS.calibration)
    rows = minutes(3, most + 500)
    job = job_of("ABCUSDT", rows, "1m", SETTINGS)
    assert np.array_equal(job.bars, rows[-most:])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CandleFileError, match=r"gone_1m\.csv: cannot be read"):
        job_of_file(tmp_path / "gone_1m.csv", "1m", SETTINGS)
    torn = tmp_path / "_1m.csv"
    torn.write_text("ts_ms,open\n1,2\n")
    with pytest.raises(ScanError, match="begins with _"):
        job_of_file(torn, "1m", SETTINGS)


async def test_a_symbol_has_its_stored_bars_and_the_thresholds_in_force(tmp_path: Path) -> None:
    store = await CandleStore.open(tmp_path / "candles.sqlite")
    try:
        key = SeriesKey("binance_us", "spot", "ABCUSDT", "1m")
        rows = minutes(3, 3000)
        await store.write(key, rows)
        now_ms = int(rows[-1, 0]) + 30_000
        fitted = changed(from_class(Thresholds()), "operator", now_ms, now_ms + DAY_MS, vol_z_threshold=3.7)
        job = await job_of_symbol(key, store, {"ABCUSDT": fitted}, SETTINGS, now_ms)
        assert np.array_equal(job.bars[:, :6], rows[:-1, :6]), "the last one is not over yet"
        assert job.current.vol_z_threshold == 3.7
        later = await job_of_symbol(key, store, {"ABCUSDT": fitted}, SETTINGS, now_ms + 2 * DAY_MS)
        assert later.current.vol_z_threshold == pytest.approx(3.35), "expired: half way back to its class"
        with pytest.raises(CommandError, match=r"XYZ: .* has no 1m bars of it .*; fetch them with `tradetui fetch XYZ"):
            await job_of_symbol(key._replace(symbol="XYZ"), store, {}, SETTINGS, now_ms)
    finally:
        await store.close()


@pytest.mark.parametrize("at_once", [1, 2, 5])
async def test_every_job_is_answered_once_and_no_more_run_than_asked_for(at_once: int) -> None:
    rows = minutes(3, 100)
    names = ["A3", "B1", "X2", "D1", "E4"]
    jobs = [job_of(name, rows, "1m", SETTINGS) for name in names]
    workers = Puppets()
    heard = [each async for each in run_jobs(jobs, workers, Hasty(), at_once)]
    reports = {each.symbol: each for each in heard if isinstance(each, CalibrationReport)}
    assert sorted(each.symbol for each in heard if isinstance(each, CalibrationReport)) == sorted(names)
    assert {name: report.verdict for name, report in reports.items() if name != "X2"} == dict.fromkeys(
        ("A3", "B1", "D1", "E4"), "keep"
    )
    assert reports["X2"].verdict == "failed"
    assert reports["X2"].reason == "its worker is gone; try again, or leave X2 out"
    assert {each.symbol for each in heard if isinstance(each, Advance)} >= {"A3", "E4"}
    assert workers.most == at_once


async def test_a_process_that_cannot_be_made_and_workers_that_are_gone_fail_what_they_had() -> None:
    rows = minutes(3, 100)
    workers = Puppets()
    workers.gone_after = 2
    jobs = [job_of(name, rows, "1m", SETTINGS) for name in ("A1", "Y1", "C1", "D1", "E1")]
    heard = [each async for each in run_jobs(jobs, workers, Hasty(), 1)]
    reports = {each.symbol: each for each in heard if isinstance(each, CalibrationReport)}
    verdicts = {name: report.verdict for name, report in reports.items()}
    assert verdicts == {"A1": "keep", "Y1": "failed", "C1": "keep", "D1": "failed", "E1": "failed"}
    assert "no process can be made (too many processes)" in reports["Y1"].reason
    assert reports["E1"].reason == "the workers are gone; try again, or leave E1 out"


def figures(**values: float) -> TradeFigures:
    unknown = dict.fromkeys(TradeFigures.__struct_fields__, math.nan)
    return TradeFigures(**unknown | {"trades": 120} | values)  # type: ignore[arg-type]


def test_the_table_says_what_came_out_of_sample_first_and_what_would_change() -> None:
    job = job_of("ABCUSDT", minutes(3, 100), "1m", SETTINGS)
    report = replace(
        plain_report(job, job.bars, "accept", "holds out of sample"),
        out_of_sample=figures(profit_factor=1.41, win_rate=0.44, expectancy_r=0.21, max_drawdown=0.062),
        in_sample=figures(trades=300, profit_factor=1.9),
        current=figures(trades=90, expectancy_r=-0.1),
        parameters={"tp_mult": 2.5, "sl_mult": 1.0},
        previous={"tp_mult": 3.0, "sl_mult": 1.0},
        dsr=0.97,
        folds=4,
        trials=240,
        seconds=12.34,
    )
    told = lines(report)
    assert head().split()[:4] == ["symbol", "verdict", "trades", "PF"]
    assert " ".join(told[0].split()) == "ABCUSDT accept 120 1.41 44 % +0.21 R 6.2 % 0.97 – 4 240 12.3 s"
    assert told[1] == "  holds out of sample"
    assert told[2].split()[:4] == ["in", "sample", "300", "1.90"]
    assert "−0.10 R" in told[3]
    assert told[4] == "  tp_mult 3 → 2.5"
    assert (
        len({line.index(cell) + len(cell) for line, cell in ((told[0], "120"), (told[2], "300"), (told[3], "90"))}) == 1
    )
    assert "raise calibration.time_limit_s" in lines(replace(report, partial=True))[-1]
    assert lines(plain_report(job, job.bars, "waiting", "too few"))[0].split()[:3] == ["ABCUSDT", "waiting", "–"]


def test_the_bar_is_as_full_as_the_work_is_done() -> None:
    running = {"A": Step(5, 10, 2, 4, 0.5, 65.0), "B": Step(0, 10, 1, 4, 0.0, math.nan)}
    assert progress(running, 1, 4) == "[#########---------------]  38%  1/4  A fold 2/4 1 min 05 s left  B fold 1/4"
    assert progress({}, 4, 4) == f"[{'#' * 24}] 100%  4/4"
