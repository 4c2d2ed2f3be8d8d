"""A night of calibrations from literals: a queue at work, verdicts of every kind, one asset in detail."""

from __future__ import annotations

from typing import Any

from core.messages import (
    CalibrationCheck,
    CalibrationFold,
    CalibrationProgress,
    CalibrationQueue,
    CalibrationReport,
    CalibrationTask,
    Event,
    HitRate,
    Message,
    ReliabilityBin,
    ReliabilityReport,
    ThresholdsInForce,
    TrackRecord,
    TradeFigures,
)
from core.screening.thresholds import NAMES, catalogue
from tests import builders as make

NAN = float("nan")
NOW, MINUTE, HOUR, DAY = make.NOW_MS, 60_000, 3_600_000, 86_400_000
FEED = make.SeededFeed(60)
ACCEPTED, KEPT, RUNNING, SECOND, URGENT, QUEUED, HISTORY, FAILED, EXPIRED, PAUSED, OPERATOR, FEW = (
    "BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT", "AVAXUSDT", "LINKUSDT", "DOTUSDT", "LTCUSDT",
    "BCHUSDT", "ATOMUSDT",
)  # fmt: skip

CLASS = (0.0003, 0.003, 1.0, 3.0, 30.0, 70.0, 2.0, 0.10, 3.0, 1.0)
FOUND = (0.00042, 0.00381, 1.14, 2.61, 27.0, 74.0, 2.4, 0.18, 3.5, 1.25)
IMPORTANCE = (0.04, 0.02, NAN, 0.41, 0.12, 0.06, 0.09, 0.05, 0.17, 0.04)
AROUND = (0.94, 1.06, 1.0, 1.03, 0.97)
"""How the folds of one calibration differ in what they found."""


def _of_venue(kind: Any, **fields: object) -> Any:
    return kind(venue=make.VENUE, category=make.CATEGORY, **fields)


def named(values: tuple[float, ...]) -> dict[str, float]:
    """These values by the names of the thresholds, the unknown left out."""
    return {name: value for name, value in zip(NAMES, values, strict=True) if value == value}


def in_force(
    symbol: str, source: str = "class", values: tuple[float, ...] = CLASS, **changes: object
) -> ThresholdsInForce:
    fields: dict[str, object] = {
        "asset_class": "spot", "class_hint": "spot, by its category", "values": named(values),
        "sources": dict.fromkeys(NAMES, source), "source": source, "is_default": source in ("class", "adaptive"),
        "since_ms": 0, "expires_ms": 0, "blended": False, "previous": 0, "at_ms": NOW,
    }  # fmt: skip
    made: ThresholdsInForce = _of_venue(ThresholdsInForce, symbol=symbol, **(fields | changes))
    return made


def task(symbol: str, state: str, number: int, **changes: object) -> CalibrationTask:
    fields: dict[str, object] = {
        "timeframe": "1m", "task_id": number, "priority": "normal", "since_ms": NOW - 4 * MINUTE, "position": None,
        "waited_ms": None, "next_try_ms": None, "expires_ms": None, "breaker": "closed", "failures": 0, "partial": False,
        "cause": None, "reason": "",
    }  # fmt: skip
    return CalibrationTask(symbol=symbol, state=state, **(fields | changes))  # type: ignore[arg-type]


def figures(
    trades: int, factor: float, win: float, low: float, high: float, r: float, bound: float, fall: float
) -> TradeFigures:
    return TradeFigures(
        trades=trades, profit_factor=factor, shrunk_profit_factor=1.0 + (factor - 1.0) * trades / (trades + 100),
        win_rate=win, win_rate_low=low, win_rate_high=high, expectancy_r=r, lower_bound_r=bound, t_value=1.9,
        max_drawdown=fall, trades_per_day=4.1,
    )  # fmt: skip


def folds(found: tuple[float, ...], current: tuple[float, ...]) -> tuple[CalibrationFold, ...]:
    """Folds of 2,000 bars that end now."""
    made, step_ms = [], 2000 * MINUTE
    for place, (r, now, trades) in enumerate(zip(found, current, (33, 28, 41, 30, 32), strict=True)):
        from_ms = NOW - (len(found) - place) * step_ms
        made.append(
            CalibrationFold(
                test_from_ms=from_ms,
                test_until_ms=from_ms + step_ms,
                trades=trades,
                expectancy_r=r,
                profit_factor=1.0 + 2.0 * r,
                current_expectancy_r=now,
                trials=60,
                parameters=named(tuple(value * AROUND[place] for value in FOUND)),
            )
        )
    return tuple(made)


def check(code: str, passed: bool, found: float, bound: float, text: str) -> CalibrationCheck:
    return CalibrationCheck(code=code, passed=passed, found=found, bound=bound, text=text)


def checks(trades: int, bound: float, current: float, dsr: float, pbo: float) -> tuple[CalibrationCheck, ...]:
    """The guards' five, in their words."""
    return (
        check("TRADES", trades >= 30, trades, 30, f"{trades} out-of-sample trades, 30 needed (100 to be taken unshrunk)"),
        check("LOWER_BOUND", bound > 0, bound, 0.0, f"lower bound of expectancy {bound:+.3f} R, must be above 0"),
        check("BETTER", bound > current, bound, current,
              f"lower bound of expectancy {bound:+.3f} R, must be above {current:+.3f} R of the thresholds in force"),
        check("DSR", dsr >= 0.9, dsr, 0.9, f"deflated Sharpe probability {dsr:.3f}, must be 0.90 or more"),
        check("PBO", pbo <= 0.2, pbo, 0.2, f"probability of overfitting {pbo:.3f}, must be 0.20 or less"),
    )  # fmt: skip


def report(symbol: str, verdict: str, reason: str, **changes: object) -> CalibrationReport:
    fields: dict[str, object] = {
        "timeframe": "1m", "parameters": {}, "previous": named(CLASS), "in_sample": None, "out_of_sample": None,
        "current": None, "dsr": NAN, "pbo": NAN, "folds": 5, "trials": 60, "seed": 7, "seconds": 47.2,
        "objective": "expectancy", "asset_class": "spot", "bars": 20_160, "cost_r": 0.11, "at_ms": NOW - 2 * HOUR,
    }  # fmt: skip
    made: CalibrationReport = _of_venue(
        CalibrationReport, symbol=symbol, verdict=verdict, reason=reason, **(fields | changes)
    )
    return made


def accepted(symbol: str = ACCEPTED, number: int = 3, **changes: object) -> CalibrationReport:
    fields: dict[str, object] = {
        "parameters": named(FOUND), "dsr": 0.931, "pbo": 0.118, "importance": named(IMPORTANCE), "task_id": number,
        "out_of_sample": figures(164, 1.31, 0.48, 0.42, 0.54, 0.11, 0.03, 0.062),
        "current": figures(171, 1.02, 0.43, 0.37, 0.49, 0.01, -0.06, 0.094),
        "in_sample": figures(655, 1.62, 0.55, 0.52, 0.58, 0.24, 0.19, 0.041),
        "fold_table": folds((0.14, 0.09, 0.02, 0.16, 0.13), (0.03, -0.02, -0.05, 0.06, 0.02)),
        "checks": checks(164, 0.031, -0.061, 0.931, 0.118), "at_ms": NOW - 2 * DAY,
    }  # fmt: skip
    return report(symbol, "accept", "all checks passed", **(fields | changes))


def kept(symbol: str = KEPT, number: int = 4, **changes: object) -> CalibrationReport:
    failed = checks(118, -0.104, -0.081, 0.213, 0.612)
    fields: dict[str, object] = {
        "parameters": named(FOUND), "dsr": 0.213, "pbo": 0.612, "importance": named(IMPORTANCE), "task_id": number,
        "out_of_sample": figures(118, 0.94, 0.39, 0.32, 0.46, -0.05, -0.10, 0.113),
        "current": figures(125, 0.97, 0.41, 0.34, 0.48, -0.02, -0.08, 0.101),
        "in_sample": figures(611, 1.48, 0.52, 0.49, 0.55, 0.19, 0.14, 0.052),
        "fold_table": folds((-0.11, 0.08, -0.14, 0.02, -0.06), (-0.04, 0.05, -0.09, 0.01, -0.02)), "checks": failed,
    }  # fmt: skip
    reason = "; ".join(found.text for found in failed if not found.passed)
    return report(symbol, "keep", reason, **(fields | changes))


def few(symbol: str = FEW, number: int = 11) -> CalibrationReport:
    return kept(
        symbol, number, out_of_sample=figures(21, 1.23, 0.52, 0.35, 0.69, 0.09, -0.12, 0.031), dsr=0.74, pbo=0.31,
        checks=checks(21, -0.12, -0.15, 0.74, 0.31),
    )  # fmt: skip


def progress(
    symbol: str = RUNNING, number: int = 1, slot: int = 0, share: float = 0.68, left_s: float = 72.0
) -> CalibrationProgress:
    made: CalibrationProgress = _of_venue(
        CalibrationProgress, symbol=symbol, timeframe="1m", task_id=number, slot=slot, trial=41, trials=60, fold=3, folds=5,
        share=share, left_s=left_s, at_ms=NOW,
    )  # fmt: skip
    return made


FEW_BARS = "waiting for history: 17,815 of 18,000 one-minute bars are stored; 3 h 5 min at most, sooner as older ones are fetched"
TASKS = (
    task(RUNNING, "in_progress", 1),
    task(SECOND, "in_progress", 2, priority="urgent"),
    task(URGENT, "queued_urgent", 5, priority="urgent", position=1, waited_ms=40_000),
    task(QUEUED, "queued", 6, position=2, waited_ms=12 * MINUTE),
    task(HISTORY, "queued", 8, position=3, next_try_ms=NOW + HOUR, reason=FEW_BARS),
    task(PAUSED, "paused", 7, waited_ms=HOUR),
    task(
        FAILED,
        "failed",
        9,
        cause="lost_worker",
        next_try_ms=NOW + 8 * MINUTE,
        breaker="open",
        failures=3,
        reason="worker died",
    ),
    task(EXPIRED, "expired", 10),
    task(FEW, "rejected", 11),
    task(KEPT, "rejected", 4),
    task(ACCEPTED, "completed", 3, expires_ms=NOW + 12 * DAY),
)


def queue(tasks: tuple[CalibrationTask, ...] = TASKS, **changes: object) -> CalibrationQueue:
    states = [found.state for found in tasks]
    fields: dict[str, object] = {
        "tasks": tasks, "waiting": sum(state.startswith("queued") for state in states), "paused": states.count("paused"),
        "running": states.count("in_progress"), "slots": 2, "done": 56, "overall": "closed",
        "open_breakers": sum(found.breaker != "closed" for found in tasks), "bars_wanted": 18_000, "where": "local",
        "enabled": True, "held": False, "at_ms": NOW,
    }  # fmt: skip
    made: CalibrationQueue = _of_venue(CalibrationQueue, **(fields | changes))
    return made


def reliability(ece: float = 0.041) -> ReliabilityReport:
    bins = (
        (0.23, 0.21, 0.06, 0.40, 24), (0.34, 0.37, 0.21, 0.47, 51), (0.44, 0.41, 0.34, 0.54, 96), (0.54, 0.57, 0.45, 0.63, 104),
        (0.64, 0.60, 0.53, 0.75, 82), (0.73, 0.52, 0.58, 0.88, 41), (0.83, 0.79, 0.58, 1.0, 14),
    )  # fmt: skip
    return ReliabilityReport(
        outcomes=412, brier=0.231, brier_skill=0.04, log_loss=0.655, ece=ece, ece_noise=0.056,
        bins=tuple(ReliabilityBin(forecast=f, observed=o, low=low, high=high, count=n) for f, o, low, high, n in bins),
    )  # fmt: skip


def record(**changes: object) -> TrackRecord:
    def rate(name: str, outcomes: int, hits: int, low: float, high: float) -> HitRate:
        return HitRate(name=name, outcomes=outcomes, hits=hits, rate=hits / outcomes, low=low, high=high)

    fields: dict[str, object] = {
        "calls": 540, "resolved": 412, "reliability": reliability(), "maps": {"spot": "platt"}, "at_ms": NOW,
        "by_symbol": (rate(ACCEPTED, 62, 31, 0.40, 0.60), rate(KEPT, 48, 20, 0.31, 0.54)), "by_detector": (),
        "by_recommendation": (rate("BUY", 212, 104, 0.43, 0.55), rate("WAIT_FOR_CONFIRMATION", 200, 86, 0.37, 0.49)),
    }  # fmt: skip
    made: TrackRecord = _of_venue(TrackRecord, **(fields | changes))
    return made


def told(number: int, symbol: str, text: str, at_ms: int) -> Event:
    return Event(event_id=number, kind="calibration", severity="info", symbol=symbol, text=text, at_ms=at_ms)


def thresholds() -> list[Message]:
    """What every asset is watched with: most by its class, some fitted, one typed, one expired."""
    own: dict[str, ThresholdsInForce] = {
        ACCEPTED: in_force(ACCEPTED, "calibrated", FOUND, since_ms=NOW - 2 * DAY, expires_ms=NOW + 12 * DAY, previous=3),
        KEPT: in_force(KEPT, "adaptive", since_ms=NOW - 5 * DAY),
        RUNNING: in_force(RUNNING, "adaptive", since_ms=NOW - 3 * HOUR),
        EXPIRED: in_force(EXPIRED, "calibrated", FOUND, since_ms=NOW - 15 * DAY, expires_ms=NOW - DAY, blended=True, previous=1),
        OPERATOR: in_force(OPERATOR, "operator", since_ms=NOW - 20 * MINUTE, expires_ms=NOW + 20 * HOUR, previous=1),
        URGENT: in_force(URGENT, asset_class="meme", class_hint="meme, by its name"),
    }  # fmt: skip
    return [own.get(symbol) or in_force(symbol) for symbol in FEED.symbols]


def market() -> list[Message]:
    """The watchlist's morning, before calibration has spoken."""
    return [*FEED.opening(busy=True)]


def empty() -> list[Message]:
    """At start: nothing was ever calibrated, nothing has an outcome."""
    first = tuple(task(symbol, "queued", n, position=n) for n, symbol in enumerate(FEED.symbols[:5], start=1))
    return [
        *market(), catalogue(), *(in_force(symbol) for symbol in FEED.symbols), queue(first, done=0),
        record(calls=0, resolved=0, reliability=None, by_symbol=(), by_recommendation=(), maps={}),
    ]  # fmt: skip


def busy() -> list[Message]:
    """A queue at work and verdicts of every kind."""
    return [
        *market(), catalogue(), *thresholds(), accepted(), kept(), few(),
        accepted(EXPIRED, 10, at_ms=NOW - 15 * DAY), queue(), progress(), progress(SECOND, 2, 1, 0.12, NAN), record(),
        told(901, KEPT, f"{KEPT} calibration keeps the thresholds: lower bound of expectancy -0.104 R, must be above 0", NOW - 2 * HOUR),
        told(902, KEPT, f"{KEPT} thresholds taken back: vol_z_threshold 4.5 → 3", NOW - 3 * DAY),
        told(903, ACCEPTED, f"{ACCEPTED} calibrated, new thresholds in force: +0.11 R a trade over 164 trades", NOW - 2 * DAY),
    ]  # fmt: skip


def off() -> list[Message]:
    return [*busy(), queue(tuple(found for found in TASKS if found.state != "in_progress"), enabled=False)]
