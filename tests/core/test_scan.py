"""Scanning candles: events in the order in which they became known, and never another word about the past."""

from __future__ import annotations

import json
import math
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.scan import KINDS, ScanError, higher_frames, scan, scan_kinds, scan_settings, symbol_of
from core.settings import Detectors, Market, Settings
from core.signals.reading import REGISTRY
from core.venue import CandleBlock
from tests.core.signals.markets import walk

SETTINGS = Settings()
BARS = 2200
MINUTE = 60_000
SCREENING = ("alert", "recommendation")
ENCODER = msgspec.json.Encoder(decimal_format="number")


def candles(seed: int = 1, bars: int = BARS) -> CandleBlock:
    return walk(seed, bars, "1m")[:, :6]


def holed(seed: int = 2) -> CandleBlock:
    """Minutes with gaps of all lengths, one of hours among them."""
    random = np.random.default_rng(seed)
    rows = candles(seed, BARS + 400)
    kept = random.random(len(rows)) > 0.05
    kept[:2] = True
    kept[700:1000] = False
    return rows[kept]


@cache
def lines(kind: str, bars: int = 0, mode: str = "trend") -> tuple[bytes, ...]:
    """Every line of a scan of whole or holed candles; `bars` cuts them short."""
    rows = candles() if kind == "whole" else holed()
    rules = scan_settings(SETTINGS, smc_mode="smc" if mode == "smc" else "trend")
    return tuple(ENCODER.encode(event) for event in scan("ABC", "1m", rows[: bars or None], rules))


@cache
def events(kind: str = "whole", mode: str = "trend") -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(kind, 0, mode)]


@settings(max_examples=25, deadline=None)
@example(kind="whole", cut=1)
@example(kind="whole", cut=3)
@example(kind="holed", cut=701)
@example(kind="holed", cut=1999)
@given(kind=st.sampled_from(["whole", "holed"]), cut=st.integers(1, BARS - 200))
def test_a_series_cut_short_says_exactly_what_was_known_by_then(kind: str, cut: int) -> None:
    rows = candles() if kind == "whole" else holed()
    known_ms = rows[cut - 1, 0] + MINUTE
    expected = [line for line, event in zip(lines(kind), events(kind), strict=True) if event["t_known"] <= known_ms]
    assert lines(kind)[: len(expected)] == tuple(expected), "later events come later"
    assert lines(kind, cut) == tuple(expected)


@pytest.mark.parametrize(("kind", "mode"), [("whole", "trend"), ("holed", "trend"), ("whole", "smc")])
def test_events_come_in_the_order_in_which_they_became_known(kind: str, mode: str) -> None:
    rows = candles() if kind == "whole" else holed()
    closes = set((rows[:, 0] + MINUTE).tolist())
    opens = set(rows[:, 0].tolist())
    found = events(kind, mode)
    assert all(one["t_known"] <= other["t_known"] for one, other in pairwise(found))
    for event in found:
        assert event["t_known"] in closes, event
        assert event["t_event"] in opens or event.get("source") in ("day", "week"), event
        assert event["t_event"] < event["t_known"]
        assert (event["symbol"], event["timeframe"]) == ("ABC", "1m")


def test_every_kind_is_told_with_what_it_needs() -> None:
    found = events("whole") + events("holed")
    counts = Counter(event["kind"] for event in found)
    assert set(counts) <= set(KINDS)
    assert all(counts[kind] > 0 for kind in KINDS), counts
    for event in found:
        kind = event["kind"]
        assert event["side"] in {"swing": ("high", "low"), "reading": ("BUY", "SELL", "HOLD")}.get(
            kind, ("BUY", "SELL", "HOLD") if kind in ("confluence", "alert", "recommendation") else ("BUY", "SELL")
        )
        assert event["level"] > 0.0
        if kind in ("fvg", "order_block"):
            assert event["bottom"] < event["top"]
        if kind in ("bos", "choch"):
            assert event["t_event"] < event["broken_at"] < event["t_known"]
        if kind == "liquidity":
            assert event["source"] in ("day", "week") or event["members"] >= 2
        if kind == "reading":
            assert event["family"] == REGISTRY[event["detector"]].family
            assert event["group"] == REGISTRY[event["detector"]].group
            assert (event["side"] == "HOLD") == (event["score"] == 0.0)
        if kind == "confluence":
            parts = math.fsum(part["logit"] for part in event["contributions"])
            assert parts == pytest.approx(event["logit"] - event["base_logit"], abs=1e-9)
            assert event["reasons"] or event["side"] == "HOLD"


def test_there_is_no_nan_and_structure_has_no_null() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    for line in lines("whole") + lines("holed"):
        event = json.loads(line, parse_constant=refuse)
        assert event["kind"] in SCREENING or b"null" not in line, "only of Stage 1 and 2 something may be not known"


def test_readings_and_confluence_are_told_when_the_side_changes() -> None:
    sides: dict[str, str] = {}
    for event in events("whole"):
        if event["kind"] in ("reading", "confluence"):
            name = event.get("detector", "confluence")
            assert event["before"] == sides.get(name, "HOLD")
            assert event["side"] != event["before"]
            sides[name] = event["side"]
    assert len(sides) > 10


def test_only_the_named_detectors_vote() -> None:
    rules = scan_settings(SETTINGS, ["rsi_static", "macd"])
    found = list(scan("ABC", "1m", candles(), rules))
    spoke = {event["detector"] for event in found if event["kind"] == "reading"}
    assert spoke == {"rsi_static", "macd"}
    voices = {part.detector for event in found if event["kind"] == "confluence" for part in event["contributions"]}
    assert voices <= {"rsi_static", "macd"}
    assert {event["kind"] for event in found} >= {"swing", "fvg"}, "structure is told whoever votes"


def test_the_command_line_wins_over_the_settings_and_the_gate_is_no_voter() -> None:
    own = Settings(detectors=Detectors(off=("macd", "atr_gate"), smc_mode="smc", swing_length=9))
    assert scan_settings(own) == own
    assert scan_settings(own, category="linear").market.category == "linear"
    changed = scan_settings(own, ["macd"], "trend", 4).detectors
    assert (changed.smc_mode, changed.swing_length) == ("trend", 4)
    assert "macd" not in changed.off
    assert set(changed.off) == (set(REGISTRY) | {"atr_gate"}) - {"macd"}
    assert "atr_gate" not in scan_settings(own, ["atr_gate"]).detectors.off
    assert set(scan_settings(SETTINGS, []).detectors.off) == set(REGISTRY)


@pytest.mark.parametrize("kinds", [("alert",), ("confluence", "recommendation"), ("swing", "reading"), KINDS])
def test_only_the_kinds_asked_for_are_told(kinds: tuple[str, ...]) -> None:
    found = [ENCODER.encode(event) for event in scan("ABC", "1m", candles(), SETTINGS, kinds)]
    assert found == [line for line, event in zip(lines("whole"), events(), strict=True) if event["kind"] in kinds]
    assert found


def test_kinds_come_in_one_order_and_an_unknown_one_is_named_with_the_known_ones() -> None:
    assert scan_kinds() == KINDS
    assert scan_kinds(["recommendation", "bos"]) == ("bos", "recommendation")
    with pytest.raises(ScanError, match=r"--kinds: 'alarm' is no kind of event; choose from .*alert, recommendation"):
        scan_kinds(["bos", "alarm"])
    with pytest.raises(ScanError, match="--kinds: none is named"):
        scan_kinds([])


def test_an_unknown_detector_is_named_with_the_known_ones() -> None:
    with pytest.raises(ScanError, match=r"'rsi' is no detector; choose from .*rsi_static"):
        scan_settings(SETTINGS, ["macd", "rsi"])


def test_swing_length_moves_the_confirmation() -> None:
    for length in (3, 8):
        found = scan("ABC", "1m", candles(), scan_settings(SETTINGS, [], "smc", length))
        delays = {event["t_known"] - event["t_event"] for event in found if event["kind"] == "swing"}
        assert delays == {(length + 1) * MINUTE}


def test_smc_mode_has_no_size_filter_and_trend_mode_has_one() -> None:
    gaps = {mode: [event for event in events("whole", mode) if event["kind"] == "fvg"] for mode in ("smc", "trend")}
    assert len(gaps["smc"]) > len(gaps["trend"]) > 0
    assert min(event["size"] for event in gaps["trend"]) >= SETTINGS.detectors.fvg_min_atr


@pytest.mark.parametrize(
    ("timeframe", "expected"), [("1m", ("5m", "15m")), ("3m", ("15m", "1h")), ("15m", ("1h",)), ("1d", ())]
)
def test_the_longer_timeframes_are_whole_multiples_of_the_scanned_one(
    timeframe: str, expected: tuple[str, ...]
) -> None:
    rules = Settings(market=Market(timeframes=("1m", "5m", "15m", "1h")))
    assert higher_frames(walk(1, 300, timeframe)[:, :6], timeframe, rules).timeframes == expected


def test_a_longer_bar_is_seen_when_its_interval_is_over_and_the_first_torn_one_never() -> None:
    rows = candles()[2:]  # begins two minutes into a five-minute bar
    frames = higher_frames(rows, "1m", SETTINGS)
    first_ms = int(rows[0, 0]) // 300_000 * 300_000
    for place in range(3, 30):
        close_ms = int(rows[place, 0]) + MINUTE
        five = [reading for reading in frames.at(close_ms) if reading.timeframe == "5m" and reading.closed_ms > 0]
        over_ms = close_ms // 300_000 * 300_000
        assert [reading.closed_ms for reading in five] == ([over_ms] if over_ms >= first_ms + 600_000 else [])


def test_the_day_before_gives_levels() -> None:
    rows = candles(bars=4000)
    frames = higher_frames(rows, "1m", SETTINGS)
    day_ms = 86_400_000
    start_ms = -(-int(rows[0, 0]) // day_ms) * day_ms
    day = rows[(rows[:, 0] >= start_ms) & (rows[:, 0] < start_ms + day_ms)]
    assert len(day) == 1440
    assert math.isnan(frames.levels(start_ms + day_ms - MINUTE).day_high)
    levels = frames.levels(start_ms + day_ms)
    assert (levels.day_high, levels.day_low, levels.day_ms) == (day[:, 2].max(), day[:, 3].min(), start_ms)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTCUSDT_1m.parquet", "BTCUSDT"),
        ("BTC-PERP_1m_clean_v2.csv", "BTC-PERP"),
        ("prices.csv.gz", "prices"),
        ("A.B_5m.csv", "A.B"),
    ],
)
def test_the_symbol_is_the_name_up_to_the_first_underscore(name: str, symbol: str) -> None:
    assert symbol_of(Path("some_folder") / name) == symbol


def test_a_name_without_a_symbol_is_refused() -> None:
    with pytest.raises(ScanError, match="begins with _"):
        symbol_of(Path("_1m.csv"))


@pytest.mark.parametrize("bars", [1, 2])
def test_a_bar_or_two_say_nothing(bars: int) -> None:
    assert list(scan("ABC", "1m", candles(bars=bars), SETTINGS)) == []
