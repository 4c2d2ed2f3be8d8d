"""Jobs from literals, and what workers do with them in tests: module-level functions, so that a worker can be sent them."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np

from core.calibration.job import CalibrationJob, Step
from core.calibration.worker_process import Tell
from core.messages import CalibrationReport, Verdict
from core.screening.costs import Costs
from core.screening.thresholds import Thresholds
from core.settings_screening import Calibration

T0 = 1_700_000_040_000
"""A whole minute."""
MINUTE = 60_000
PLAIN = Calibration(worker_memory_mb=400, nice=15)


def minutes(count: int, until_ms: int = T0) -> np.ndarray:
    """One-minute bars at a standing price, the newest closing at `until_ms`."""
    bars = np.full((count, 9), 100.0)
    bars[:, 0] = until_ms - MINUTE * np.arange(count, 0, -1)
    return bars


def job(symbol: str = "BTCUSDT", task_id: int = 1, slot: int = 0, settings: Calibration = PLAIN) -> CalibrationJob:
    return CalibrationJob(
        symbol=symbol, bars=minutes(3), days=minutes(0), default=Thresholds(), current=Thresholds(), settings=settings,
        costs=Costs(fee_in=0.001, fee_out=0.001), task_id=task_id, slot=slot,
    )  # fmt: skip


def report(
    symbol: str = "BTCUSDT", verdict: Verdict = "keep", reason: str = "PBO 0.4", **changes: object
) -> CalibrationReport:
    fields: dict[str, object] = {
        "venue": "binance_us", "category": "spot", "symbol": symbol, "timeframe": "1m", "verdict": verdict,
        "reason": reason, "parameters": {"tp_mult": 2.5}, "previous": {"tp_mult": 3.0}, "in_sample": None,
        "out_of_sample": None, "current": None, "dsr": 0.5, "pbo": float("nan"), "folds": 4, "trials": 60, "seed": 7,
        "seconds": 1.0,
    }  # fmt: skip
    return CalibrationReport(**(fields | changes))  # type: ignore[arg-type]


def work(job: CalibrationJob, tell: Tell) -> CalibrationReport:
    """What it does is in the symbol's name."""
    tell(Step(1, 60, 2, 4, 0.25, 3.0))
    if job.symbol.startswith("HANG"):
        threading.Event().wait()
    if job.symbol.startswith("DIE"):
        os.kill(os.getpid(), signal.SIGKILL)
    if job.symbol.startswith("EAT"):
        eaten = []
        while True:
            eaten.append(bytearray(10_000_000))
    if job.symbol.startswith("BAD"):
        raise ValueError("bad bar")
    blas = os.environ.get("OPENBLAS_NUM_THREADS")
    ignores = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    told = f"pid {os.getpid()} nice {os.nice(0)} blas {blas} ignores SIGINT {ignores}"
    return report(job.symbol, reason=told, task_id=job.task_id)
