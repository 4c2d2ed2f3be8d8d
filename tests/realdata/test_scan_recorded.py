"""Scanning recorded files: what the live program says of them, and the same bytes however short the file is cut."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from core.market.candle_file import CandleFileError
from core.scan import load, scan, scan_all, scan_settings, symbol_of
from core.signals.hysteresis import Hysteresis
from core.venue import CandleBlock
from tests.realdata.bars import DATA, SETTINGS, Live, candles

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded market data is not at {DATA.resolve()}"),
]
SCREENING = ("alert", "recommendation")
ENCODER = msgspec.json.Encoder(decimal_format="number")
BARS = 2200
SERIES = [
    ("binance_usdm_2025/BTCUSDT_5m.parquet", "5m"),
    ("binance_usdm_2025/SUIUSDT_1m.parquet", "1m"),
    ("binance_spot_2021/ETHUSDT_1m.parquet", "1m"),  # an outage of 150 bars
    ("cme_2024/6EH4_1m.parquet", "1m"),  # minutes without a trade have no bar
    ("b3_futures_2021/WINFUT_raw_5m.parquet", "5m"),  # nights without a bar, no volume
]


@cache
def rows_of(name: str, timeframe: str) -> CandleBlock:
    rows = load(DATA / name, timeframe)
    steps = np.diff(rows[:, 0])
    widest = int(steps.argmax()) if steps.max() > steps.min() else 0
    first = max(0, widest - BARS // 2)  # the widest gap in the middle
    return rows[first : first + BARS]


def told(name: str, timeframe: str, rows: CandleBlock, mode: str) -> list[bytes]:
    rules = scan_settings(SETTINGS, smc_mode="smc" if mode == "smc" else "trend")
    return [ENCODER.encode(event) for event in scan(symbol_of(Path(name)), timeframe, rows, rules)]


@pytest.mark.parametrize(("name", "timeframe"), SERIES)
def test_a_file_cut_short_gives_exactly_the_events_known_by_then(name: str, timeframe: str) -> None:
    rows = rows_of(name, timeframe)
    step_ms = int(np.diff(rows[:, 0]).min())
    for mode in ("trend", "smc"):
        whole = told(name, timeframe, rows, mode)
        recommended = any(b'"kind":"recommendation"' in line for line in whole)
        assert recommended == (name != SERIES[-1][0]), "without volume no state begins"
        known = [json.loads(line)["t_known"] for line in whole]
        assert known == sorted(known)
        assert len(whole) > 1000
        random = np.random.default_rng(3)
        for cut in (1, 15, *random.integers(20, len(rows), 4).tolist()):
            upto = int(np.searchsorted(known, rows[cut - 1, 0] + step_ms, side="right"))
            assert told(name, timeframe, rows[:cut], mode) == whole[:upto], cut


def test_files_cut_at_the_same_moment_share_budget_and_reference_as_far_as_was_known_by_then() -> None:
    rules = scan_settings(SETTINGS, category="linear")
    files = ("SUIUSDT", "BTCUSDT")
    blocks = {symbol: candles(symbol, "1m") for symbol in files}
    start_ms = max(block[0, 0] for block in blocks.values())
    blocks = {symbol: block[block[:, 0] >= start_ms][:6000, :6] for symbol, block in blocks.items()}

    def told(until_ms: float) -> list[bytes]:
        series = [(symbol, block[block[:, 0] < until_ms]) for symbol, block in blocks.items()]
        return [ENCODER.encode(event) for event in scan_all(series, "1m", rules, SCREENING)]

    whole = told(math.inf)
    events = [json.loads(line) for line in whole]
    assert {(event["kind"], event["symbol"]) for event in events} == {
        (kind, name) for kind in SCREENING for name in files
    }
    sui = [
        event["market_context"]
        for event in events
        if event["kind"] == "recommendation" and event["symbol"] == "SUIUSDT"
    ]
    assert any(context["correlation_with_reference"]["rho"] is not None for context in sui)
    assert {context["reference_trend"] for context in sui} > {"SIDEWAYS"}
    for cut in (1300, 2999, 5003):
        until_ms = start_ms + cut * 60_000
        assert told(until_ms) == [
            line for line, event in zip(whole, events, strict=True) if event["t_known"] <= until_ms
        ]


def test_a_scan_says_what_the_live_program_says() -> None:
    block = candles("BTCUSDT", "5m")[:2600]
    sides: dict[str, str] = {}
    memory = Hysteresis()
    expected: list[tuple[Any, ...]] = []
    live = Live(block, "5m", 12)
    while live.count < len(block):
        open_ms = live.move()
        judged = live.signals.judged
        assert judged is not None
        assert live.signals.drive is not None
        expected += [(each.kind, each.t_event, each.t_known, each.level) for each in live.signals.drive.scene.events]
        for entry, verdict in judged.verdicts:
            if verdict.side != sides.get(entry.name, "HOLD"):
                sides[entry.name] = verdict.side
                expected.append((entry.name, verdict.side, verdict.score, open_ms + 300_000))
        forced, rules = bool(judged.forced), SETTINGS.confluence
        probability, price = judged.pooled.probability, float(block[live.count - 1, 4])
        if memory.step(probability, open_ms + 300_000, price, rules, forced=forced) is not None:
            assert live.signals.hysteresis.state == memory.state
            expected.append((memory.state, probability, open_ms + 300_000, price))
    found: list[tuple[Any, ...]] = []
    for event in scan("BTCUSDT", "5m", block, SETTINGS):
        if event["kind"] == "reading":
            found.append((event["detector"], event["side"], event["score"], event["t_known"]))
        elif event["kind"] == "confluence":
            found.append((event["side"], event["probability"], event["t_known"], event["level"]))
        elif event["kind"] not in SCREENING:
            found.append((event["kind"], event["t_event"], event["t_known"], event["level"]))
    assert len(found) > 3000
    assert found == expected


def test_every_recorded_candle_file_is_clean_and_one_of_another_timeframe_is_refused() -> None:
    files = sorted(DATA.rglob("*.parquet"))
    assert len(files) > 100
    for file in files:
        load(file, file.stem.rpartition("_")[2])
    with pytest.raises(CandleFileError, match="the smallest step is 5m, not the 1m asked for"):
        load(DATA / SERIES[0][0], "1m")
