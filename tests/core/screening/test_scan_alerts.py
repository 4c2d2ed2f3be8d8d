"""Alerts and recommendations over candle files: judged as live, one budget over all files, nothing known too early."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from core.messages import Analysis, TriggerReason
from core.scan import scan, scan_all
from core.screening.columns import columns
from core.screening.file_market import class_of
from core.screening.scan_alerts import FileAlerts, FileDays, side_of
from core.screening.scan_history import FileHistory
from core.screening.stage1 import AlertMemory, Rules, judge, remember
from core.settings import Market, Settings
from core.settings_screening import Screening
from core.venue import CandleBlock
from tests.core.screening.bars import MINUTE_MS, minutes

ENCODER = msgspec.json.Encoder(decimal_format="number")
KINDS = ("alert", "recommendation")
LINEAR = Settings(market=Market(venue="bybit", category="linear"))
BARS = 2600
HOUR_MS = 3_600_000


def market(seed: int, bars: int = BARS) -> CandleBlock:
    """A walk on a tick of 0.001 with bursts of volume, so that several families fire together."""
    rows = minutes(seed, bars)[:, :6]
    rows[:, 1:5] = rows[:, 1:5].round(3)
    bursts = np.random.default_rng(seed).choice(bars, bars // 12, replace=False)
    rows[bursts, 5] *= 30.0
    return rows


def told(
    series: Sequence[tuple[str, CandleBlock]], settings: Settings = LINEAR, timeframe: str = "1m"
) -> list[dict[str, Any]]:
    return [json.loads(ENCODER.encode(event)) for event in scan_all(series, timeframe, settings, KINDS)]


@cache
def alone() -> list[dict[str, Any]]:
    return told([("ABCUSDT", market(1))])


def test_an_alert_has_its_reasons_and_a_recommendation_at_the_same_close() -> None:
    alerts = [event for event in alone() if event["kind"] == "alert"]
    answers = {event["t_known"]: event for event in alone() if event["kind"] == "recommendation"}
    assert len(alerts) > 10
    for alert in alerts:
        assert list(alert) == [
            "kind", "symbol", "timeframe", "side", "t_event", "t_known", "level", "strength", "trigger_reasons", "stats",
            "hints",
        ]  # fmt: skip
        assert alert["t_known"] - alert["t_event"] == MINUTE_MS
        assert len({reason["family"] for reason in alert["trigger_reasons"]}) >= 2
        assert alert["level"] == alert["stats"]["price"]
        answer = answers[alert["t_known"]]
        assert (answer["cause"], answer["trigger_reasons"]) == ("alert", alert["trigger_reasons"])
        assert answer["t_event"] == alert["t_event"]


def test_a_recommendation_has_every_part_of_an_analysis() -> None:
    elsewhere = {"venue", "category", "replayed"}
    named = {"kind", "t_event", "t_known", "level", "frame"}
    found = [event for event in alone() if event["kind"] == "recommendation"]
    for event in found:
        assert set(event) == {*Analysis.__struct_fields__} - elsewhere | named
        assert (event["stage2_status"], event["error"], event["timeframe"], event["frame"]) == (
            "completed",
            "",
            "1m",
            "15m",
        )
        assert event["timestamp"] == event["t_known"]
        assert event["narrative"]
        assert event["reasons"]
        assert event["changes"]
        assert event["market_context"]["correlation_with_reference"]["rho"] is None
        assert any("correlation with BTC" in hint for hint in event["hints"])
        risk = event["risk_parameters"]
        if risk is not None:
            prices = [*risk["optimal_entry"], *risk["tp_targets"], risk["sl_level"]]
            assert all(isinstance(price, int | float) and round(price, 3) == price for price in prices), "on the tick"
    assert any(event["risk_parameters"] for event in found)
    assert {event["cause"] for event in found} == {"alert", "state"}


def test_every_change_of_the_state_is_answered() -> None:
    events = list(scan("ABCUSDT", "1m", market(1), LINEAR))
    turns = [event["t_known"] for event in events if event["kind"] == "confluence"]
    answers = [event["t_known"] for event in events if event["kind"] == "recommendation"]
    assert len(turns) > 5
    assert set(turns) <= set(answers)
    assert len(answers) == len(set(answers)), "one answer for an alert and a change at the same close"


def test_alerts_are_those_of_every_bar_judged_one_after_the_other() -> None:
    rows = market(3)
    history = FileHistory(rows, "1m", ("15m",))
    days, rules, memory = FileDays(history, class_of("ABCUSDT", LINEAR), LINEAR.screening), Rules(), AlertMemory()
    expected = []
    for place in range(len(rows)):
        known_ms = int(rows[place, 0]) + MINUTE_MS
        day = days.at(known_ms)
        tick = history.tick(place)
        newest = columns(history.rows[: place + 1], history.daily, tick=float(tick or 0.0), newest=1)
        circumstances = history.circumstances(place, day.habits.sample("1h"), day.preferred)
        found = judge("ABCUSDT", known_ms, newest, day.in_force.values, days.asset_class, circumstances, memory, rules)
        memory = remember(memory, found, rules)
        if found.signal == "ALERT":
            expected.append(found)
    alerts = FileAlerts("ABCUSDT", FileDays(history, days.asset_class, LINEAR.screening), rules)
    found_alerts = []
    for place in range(len(rows)):
        judgement = alerts.judge(place, int(rows[place, 0]) + MINUTE_MS)
        if judgement is not None and judgement.signal == "ALERT":
            found_alerts.append(judgement)
            alerts.told(judgement)
    assert len(expected) > 10
    assert [ENCODER.encode(each) for each in found_alerts] == [ENCODER.encode(each) for each in expected]


def test_the_files_of_a_scan_share_one_budget() -> None:
    series = [(f"{name}USDT", market(seed)) for seed, name in enumerate("ABCD", 1)]
    free = told(series, msgspec.structs.replace(LINEAR, screening=Screening(alerts_per_hour=1000)))
    kept = told(series, msgspec.structs.replace(LINEAR, screening=Screening(alerts_per_hour=2)))
    times = [event["t_known"] for event in kept if event["kind"] == "alert"]
    assert len(times) < sum(event["kind"] == "alert" for event in free)
    assert max(sum(start <= time < start + HOUR_MS for time in times) for start in times) == 2
    assert len({event["symbol"] for event in kept if event["kind"] == "alert"}) == 4
    none = told(series, msgspec.structs.replace(LINEAR, screening=Screening(alerts_per_hour=0)))
    assert {event["kind"] for event in none} == {"recommendation"}
    assert {event["cause"] for event in none} == {"state"}


def test_the_btc_file_is_the_reference_of_the_others_and_none_of_itself() -> None:
    found = told([("ABCUSDT", market(1)), ("BTCUSDT", market(2))])
    of = {
        name: [event["market_context"]["correlation_with_reference"] for event in found
               if event["kind"] == "recommendation" and event["symbol"] == name]
        for name in ("ABCUSDT", "BTCUSDT")
    }  # fmt: skip
    assert of["ABCUSDT"][-1]["observations"] == 288
    assert {correlation["rho"] for correlation in of["BTCUSDT"]} == {None}


def test_files_of_longer_bars_have_recommendations_without_alerts() -> None:
    rows = market(1, 1500)
    rows[:, 0] = rows[0, 0] + np.arange(len(rows)) * 15 * MINUTE_MS
    found = told([("ABCUSDT", rows)], timeframe="15m")
    assert {event["kind"] for event in found} == {"recommendation"}
    assert {(event["cause"], event["frame"]) for event in found} == {("state", "15m")}
    rows[:, 0] = rows[0, 0] + np.arange(len(rows)) * HOUR_MS
    hourly = told([("ABCUSDT", rows)], timeframe="1h")
    assert {event["frame"] for event in hourly} == {"1h"}, "15m bars cannot be made of it"


def test_a_stable_coin_alerts_when_it_leaves_its_peg_and_for_nothing_else() -> None:
    rows = market(1, 1000)
    rows[:, 1:5] = (1.0 + (rows[:, 1:5] / rows[0, 1] - 1.0) / 100.0).round(4)
    rows[:, 5] *= 1000.0
    rows[600:, 1:5] = (rows[600:, 1:5] - 0.01).round(4)
    found = [event for event in told([("USDCUSDT", rows)]) if event["kind"] == "alert"]
    assert {reason["code"] for event in found for reason in event["trigger_reasons"]} == {"DEPEG"}
    assert found[0]["t_event"] == rows[602, 0], "three closes off the peg"
    assert {event["side"] for event in found} == {"BUY"}
    assert found[1]["t_known"] - found[0]["t_known"] == 300_000, "the same family again after its cooldown"


@pytest.mark.parametrize("category", ["spot", "linear"])
def test_the_category_decides_on_shorts_and_fees(category: str) -> None:
    settings = Settings(market=Market(venue="bybit", category=category))  # type: ignore[arg-type]
    sides = {event["side"] for event in told([("ABCUSDT", market(1))], settings) if event["kind"] == "recommendation"}
    assert sides == ({"BUY"} if category == "spot" else {"BUY", "SELL"})


def test_the_side_of_an_alert_is_the_one_its_reasons_lean_to() -> None:
    def reason(side: int, strength: float) -> TriggerReason:
        return TriggerReason(
            code="A", family="B", value=1.0, threshold=1.0, distance=0.0, side=side, strength=strength, words=""
        )

    assert side_of((reason(1, 0.4), reason(-1, 0.3), reason(0, 1.0))) == "BUY"
    assert side_of((reason(1, 0.4), reason(-1, 0.5))) == "SELL"
    assert side_of((reason(1, 0.5), reason(-1, 0.5))) == "HOLD"


def test_the_answer_to_a_change_speaks_of_the_probability_that_caused_it() -> None:
    events = list(scan("ABCUSDT", "1m", market(1), LINEAR, ("confluence", "recommendation")))
    probability = {event["t_known"]: event["probability"] for event in events if event["kind"] == "confluence"}
    for event in events:
        if event["kind"] == "recommendation" and event["cause"] == "state":
            metrics = event["confidence_metrics"]
            said = metrics.raw_probability if metrics.side == "BUY" else 1.0 - metrics.raw_probability
            assert said == pytest.approx(probability[event["t_known"]])
    assert len(probability) > 5
