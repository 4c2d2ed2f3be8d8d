"""Calibration: the alerts of a set of thresholds, a whole trial, the optimiser's own cost, and symbols a minute."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from core.calibration.calibrate import calibrate
from core.calibration.entries import Alerts, EntryTable, cooled
from core.calibration.job import CalibrationJob
from core.calibration.kernels import Kernels, compiled
from core.calibration.objective import Outcome
from core.calibration.search import search
from core.calibration.space import PARAMETERS, Point
from core.calibration.walk import marked, prices_of, walk
from core.market.resample import resample
from core.market.volatility import natr_sample
from core.screening.classes import classify
from core.screening.columns import WARMUP, TriggerColumns, columns
from core.screening.costs import Costs
from core.screening.levels import DAY_MS, daily_levels
from core.screening.stage1 import Rules
from core.screening.thresholds import Thresholds, adaptive_from_atr, from_class
from core.screening.triggers import reasons_for
from core.settings_screening import Calibration
from core.venue import CandleBlock
from tests.bench.timing import Figure, compare_all
from tests.core.screening.bars import MINUTE_MS, minutes, part
from tests.realdata.bars import FOLDER, candles

GRID_BARS, TRIAL_BARS = 10_000, 20_000
SETS = 20
TRIALS, RANDOM_TRIALS = 60, 20
PERPETUAL = classify("ETH", "USDT", "linear").asset_class
COSTS = Costs(fee_in=0.00055, fee_out=0.00055, half_spread=0.00005, slippage=0.00005)
SYMBOLS = ("ADA", "AVAX", "BCH", "BNB", "BTC", "ETH", "LINK", "LTC", "SOL", "SUI", "XLM", "XRP")


def trigger_columns() -> list[Figure]:
    """Alerts of one set of thresholds over 10,000 bars, against reading every trigger in numpy for each set."""
    found = _columns(GRID_BARS)
    sets = _sets(found)
    laxest = replace(sets[0], vol_z_threshold=2.0, rsi_oversold=40.0, rsi_overbought=60.0, vwap_multiple=1.0)
    tables: list[EntryTable] = []
    kernels = compiled()
    for kernel in (None, kernels):
        tables.append(EntryTable(found, PERPETUAL, Rules(), kernel).narrowed(laxest))
    for one in sets:
        for table in tables:
            expected, told = naive_alerts(found, one), table.alerts(one)
            if not (np.array_equal(told.places, expected.places) and np.array_equal(told.sides, expected.sides)):
                raise AssertionError("the quick form of the alerts differs from the naive one")
    naive_s, numpy_s, numba_s = compare_all(
        (
            lambda: [naive_alerts(found, one) for one in sets],
            lambda: [tables[0].alerts(one) for one in sets],
            lambda: [tables[1].alerts(one) for one in sets],
        )
    )
    name = "one set of thresholds, 10,000 bars, 6 triggers"
    detail = f"{numpy_s / SETS * 1e6:.0f} µs against {naive_s / SETS * 1e6:.0f}, cooldown and sides included"
    figures = [
        Figure(name=name, value=naive_s / numpy_s, unit="x", target=3.0, better="more", must=True, detail=detail)
    ]
    if kernels is not None:
        figures.append(
            Figure(
                name=f"{name}, numba", value=naive_s / numba_s, unit="x", target=10.0, better="more", must=True,
                detail=f"{numba_s / SETS * 1e6:.0f} µs",
            )
        )  # fmt: skip
    return figures


def naive_alerts(found: TriggerColumns, thresholds: Thresholds) -> Alerts:
    """The plain numpy form: every trigger read over the window, families counted, sides added, then the cooldown."""
    entries = reasons_for(PERPETUAL.only)
    reasons = [(entry, entry.read(found, thresholds)) for entry in entries if entry.role == "reason"]
    families = list(dict.fromkeys(entry.family for entry, _ in reasons))
    fires = {family: [read.fires for entry, read in reasons if entry.family == family] for family in families}
    fired = np.array([np.any(fires[family], axis=0) for family in families])
    sides = np.sum([np.where(read.fires, read.side, 0.0) for _, read in reasons], axis=0)
    calm = np.any([entry.read(found, thresholds).fires for entry in entries if entry.role == "suppress"], axis=0)
    enough = (fired.sum(axis=0) >= Rules().min_reasons_for_alert) & ~calm & ~np.isnan(found.rsi_low)
    candidates = np.flatnonzero(enough)
    weights = 1 << np.arange(len(families))
    bits = (fired[:, candidates] * weights[:, None]).sum(axis=0).astype(np.uint8)
    places = candidates[cooled(bits, found.open_ms[candidates], 1000.0 * Rules().cooldown_s)]
    places = places[sides[places] != 0.0]
    return Alerts(places, np.sign(sides[places]).astype(np.int8))


def trial() -> list[Figure]:
    """One trial over 20,000 bars: alerts, the walk along the path, and the marks of every bar."""
    block = minutes(5, TRIAL_BARS)
    found = columns(block, daily_levels(resample(block, DAY_MS)), tick=0.001)
    sets, prices = _sets(found), prices_of(block, MINUTE_MS)
    trades = 0

    def run(table: EntryTable, kernels: Kernels | None) -> None:
        nonlocal trades
        trades = 0
        for one in sets:
            made = walk(prices, table.alerts(one), one.tp_mult, one.sl_mult, COSTS, shorts=True, kernels=kernels)
            marked(prices, made, COSTS)
            trades += len(made)

    plain = EntryTable(found, PERPETUAL, Rules())
    kernels = compiled()
    quick = EntryTable(found, PERPETUAL, Rules(), kernels)
    plain_s, quick_s = compare_all((lambda: run(plain, None), lambda: run(quick, kernels)))
    name, detail = "a trial with its walk, 20,000 bars", f"{trades / SETS:.0f} trades each"
    figures = [
        Figure(name=name, value=plain_s / SETS * 1e3, unit="ms", target=10.0, better="less", must=True, detail=detail)
    ]
    if kernels is not None:
        figures.append(
            Figure(name=f"{name}, numba", value=quick_s / SETS * 1e3, unit="ms", target=10.0, better="less", must=True)
        )
    return figures


def optimiser() -> list[Figure]:
    """The search around trials that cost nothing, against Optuna itself: 60 trials, 8 parameters, in memory."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def bare() -> None:
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(n_startup_trials=RANDOM_TRIALS, seed=7)
        )
        study.optimize(
            lambda asked: _worth({p.name: asked.suggest_float(p.name, p.least, p.most) for p in PARAMETERS}),
            n_trials=TRIALS,
        )

    def ours() -> None:
        search(_cheap_trial, [], trials=TRIALS, random_trials=RANDOM_TRIALS, seed=7)

    bare_s, ours_s = compare_all((bare, ours), repeats=25)
    return [
        Figure(
            name="search around free trials, against Optuna's own", value=ours_s / bare_s, unit="x", target=1.2,
            better="less", must=True,
            detail=f"{ours_s / TRIALS * 1e3:.2f} ms a trial, pruning, constraint and choice included",
        )
    ]  # fmt: skip


def calibrate_symbols() -> list[Figure]:
    """The twelve recorded perpetuals, one-minute bars, one after the other with default settings."""
    if not FOLDER.is_dir():
        return [Figure(name="calibrations a CPU minute", value=0.0, unit="", detail=f"no recorded data at {FOLDER}")]
    calibrate(recorded_job(SYMBOLS[1]))  # imports and compiles
    begun = time.process_time()
    reports = [calibrate(recorded_job(symbol)) for symbol in SYMBOLS]
    spent_s = time.process_time() - begun
    done = [report for report in reports if report.trials]
    accepted = sum(report.verdict == "accept" for report in done)
    trials = sum(report.trials for report in done)
    waiting = len(reports) - len(done)
    return [
        Figure(
            name="calibrations a CPU minute, recorded 1m perpetuals", value=60.0 * len(done) / spent_s, unit="",
            detail=f"{len(done)} symbols, {trials} trials in {spent_s:.0f} s, {accepted} accepted; {waiting} too short",
        )
    ]  # fmt: skip


def recorded_job(base: str, settings: Calibration | None = None) -> CalibrationJob:
    """A recorded perpetual, watched with what an asset without calibration is watched with from its first half."""
    block = candles(f"{base}USDT", "1m")
    return CalibrationJob(
        venue="binance_usdm", category="linear", symbol=f"{base}USDT", bars=block, days=resample(block, DAY_MS),
        asset_class=PERPETUAL.name, default=PERPETUAL.defaults, current=_adapted(block[: len(block) // 2]),
        settings=settings or Calibration(), costs=COSTS,
    )  # fmt: skip


def _adapted(block: CandleBlock) -> Thresholds:
    minute, hourly = natr_sample(block, MINUTE_MS, 7.0), natr_sample(block, 60 * MINUTE_MS, 7.0)
    return adaptive_from_atr(from_class(PERPETUAL.defaults), minute, hourly).values


def _columns(bars: int) -> TriggerColumns:
    block = minutes(5, WARMUP + bars)
    return part(columns(block, daily_levels(resample(block, DAY_MS)), tick=0.001), WARMUP, WARMUP + bars)


def _sets(found: TriggerColumns) -> list[Thresholds]:
    """Sets of thresholds as a search tries them."""
    random = np.random.default_rng(3)
    gates = [float(np.nanquantile(found.natr, share)) for share in (0.02, 0.8)]
    sets = [Thresholds(low_gate=gates[0], high_gate=gates[1])]
    while len(sets) < SETS:
        values = {p.name: float(random.uniform(p.least, p.most)) for p in PARAMETERS}
        low, high = (float(np.nanquantile(found.natr, values.pop(f"{name}_quantile"))) for name in ("low", "high"))
        sets.append(Thresholds(low_gate=low, high_gate=high, **values))
    return sets


def _worth(point: Point) -> float:
    return -sum((point[p.name] - p.least) ** 2 for p in PARAMETERS)


def _cheap_trial(point: Point) -> Iterator[Outcome]:
    found = Outcome(_worth(point), 0.1, 40, 0.0)
    for _ in range(4):
        yield found
