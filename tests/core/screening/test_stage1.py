"""The decision on a closed bar: families, cooldown, prefilters, and the budget of the universe."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.screening.classes import classify
from core.screening.columns import TriggerColumns
from core.screening.stage1 import (
    HOUR_MS,
    OVER_BUDGET,
    AlertMemory,
    Circumstances,
    Judgement,
    Rules,
    judge,
    message_of,
    ration,
    remember,
)
from core.screening.thresholds import Thresholds
from core.settings_screening import Screening
from tests.core.screening.bars import row, unknown

SPOT, STABLE = classify("BTC", "USDT").asset_class, classify("USDC", "USDT").asset_class
FINE = Circumstances(quote_volume=1e7, change=0.01, high=102.0, low=98.0, natr_1h=0.01)
RULES = Rules()
NOON = 12 * HOUR_MS
VOLUME = {"volume_z": 4.5}
STRETCHED = {"rsi": 10.0, "rsi_low": 20.0, "rsi_high": 80.0, "vwap_deviation": -0.005}
BROKEN = {"down_distance": 0.05}


def judged(columns: TriggerColumns, **given_: Any) -> Judgement:
    arguments: dict[str, Any] = {
        "symbol": "A", "at_ms": NOON, "thresholds": Thresholds(), "asset_class": SPOT, "circumstances": FINE,
        "memory": AlertMemory(), "rules": RULES,
    } | given_  # fmt: skip
    return judge(columns=columns, **arguments)


def codes(judgement: Judgement) -> list[str]:
    return [reason.code for reason in judgement.trigger_reasons]


def test_a_calm_bar_is_none() -> None:
    found = judged(row())
    assert (found.signal, found.trigger_reasons, found.hints, found.strength) == ("NONE", (), (), 0.0)


def test_one_family_is_normal_however_many_triggers() -> None:
    found = judged(row(**STRETCHED))
    assert codes(found) == ["RSI_STATIC", "RSI_DYNAMIC", "VWAP_DEVIATION"]
    assert (found.signal, set(found.families)) == ("NORMAL", {"MEANREV"})
    assert found.hints == ("1 of 2 families: MEANREV",)
    assert found.strength == max(reason.strength for reason in found.trigger_reasons)


def test_two_families_are_an_alert() -> None:
    found = judged(row(**VOLUME, **BROKEN))
    assert (found.signal, codes(found), found.hints) == ("ALERT", ["VOLUME_SPIKE", "BREAKOUT_DOWN"], ())
    assert found.strength == pytest.approx(0.5 + 0.8)
    spike = found.trigger_reasons[0]
    assert (spike.value, spike.threshold, spike.distance, spike.side) == (4.5, 3.0, -1.5, 0)
    assert judged(row(**VOLUME, **BROKEN), rules=Rules(min_reasons_for_alert=3)).signal == "NORMAL"
    assert judged(row(**VOLUME), rules=Rules(min_reasons_for_alert=1)).signal == "ALERT"


def test_stats() -> None:
    stats = judged(row(volume_z=1.5)).stats
    assert (stats.price, stats.change, stats.rsi, stats.volume_z, stats.natr) == (100.0, 0.01, 50.0, 1.5, 0.001)
    assert (stats.daily_high, stats.daily_low, stats.daily_range) == (102.0, 98.0, 0.04)


def test_a_quiet_market_is_none_whatever_fires() -> None:
    found = judged(row(**VOLUME, **BROKEN, natr=0.0001))
    assert (found.signal, found.hints) == ("NONE", ("too quiet: ATR 0.010 % a bar, gate 0.030 %",))
    assert codes(found) == ["VOLUME_SPIKE", "BREAKOUT_DOWN"], "what fired is still told"


def test_a_level_touched_is_a_hint_only() -> None:
    found = judged(row(level_distance=0.005))
    assert (found.signal, found.hints) == ("NONE", ("0.05 ATR from a level",))


@pytest.mark.parametrize(
    ("columns", "hint"),
    [
        (unknown(), "warming up: 751 one-minute bars in a row"),
        (row(**VOLUME, **BROKEN, rsi_low=math.nan), "warming up: 751 one-minute bars in a row"),
        (
            row(**VOLUME, **BROKEN, usable=0.0),
            "of the last 14 bars some are missing, or more than 2 without trades",
        ),
        (
            row(tick=0.05, **VOLUME, **BROKEN, usable=0.0),
            "moves too little: ATR 0.1 is not above two ticks (0.1)",
        ),
    ],
)
def test_not_enough_data_is_none_and_says_so(columns: TriggerColumns, hint: str) -> None:
    found = judged(columns)
    assert found.signal == "NONE"
    assert found.hints[0] == hint


@pytest.mark.parametrize(("bars", "words"), [(0, "751"), (1, "1 of 751"), (750, "750 of 751"), (751, "751")])
def test_the_warm_up_says_how_far_it_is(bars: int, words: str) -> None:
    found = judged(unknown(), circumstances=msgspec.structs.replace(FINE, bars=bars))
    assert found.hints[0] == f"warming up: {words} one-minute bars in a row"


def test_what_one_trigger_lacks_is_told() -> None:
    found = judged(row(**BROKEN, volume_z=math.nan))
    assert (found.signal, found.hints) == (
        "NORMAL",
        ("1 of 2 families: LEVEL", "volume not comparable: the 50 bars before hardly differ"),
    )


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"quote_volume": 9_999.0}, "24 h volume 9,999 is below 10,000"),
        ({"quote_volume": math.nan}, "24 h volume not known"),
        ({"natr_1h": 0.00199}, "hourly ATR 0.199 % is below 0.200 %"),
        ({"natr_1h": math.nan}, "hourly ATR not known"),
        ({"quote_volume": 10_000.0, "natr_1h": 0.002}, ""),
    ],
)
def test_prefilters(values: dict[str, float], hint: str) -> None:
    circumstances = msgspec.structs.replace(FINE, **values)
    found = judged(row(**VOLUME, **BROKEN), circumstances=circumstances)
    assert found.signal == ("NONE" if hint else "ALERT")
    assert found.hints == ((hint,) if hint else ())


def test_excluded_hours_are_none_and_unpreferred_ones_a_hint() -> None:
    rules = Rules(exclude_hours=(12,))
    for at_ms, signal in ((NOON - 1, "ALERT"), (NOON, "NONE"), (NOON + HOUR_MS - 1, "NONE"), (NOON + HOUR_MS, "ALERT")):
        assert judged(row(**VOLUME, **BROKEN), rules=rules, at_ms=at_ms).signal == signal
    circumstances = msgspec.structs.replace(FINE, preferred_hours=(13, 14))
    found = judged(row(**VOLUME, **BROKEN), circumstances=circumstances)
    assert (found.signal, found.hints) == ("ALERT", ("12 h UTC is not among its most liquid hours",))
    assert judged(row(), circumstances=circumstances, at_ms=NOON + HOUR_MS).hints == ()


def test_a_stable_coin_alerts_on_its_peg_alone() -> None:
    stable = {"asset_class": STABLE, "circumstances": msgspec.structs.replace(FINE, natr_1h=math.nan)}
    found = judged(row(depeg=-0.006, usable=0.0, rsi_low=math.nan, **VOLUME, **BROKEN), **stable)
    assert (found.signal, codes(found)) == ("ALERT", ["DEPEG"])
    assert judged(row(**VOLUME, **BROKEN), **stable).signal == "NONE"
    found = judged(row(depeg=math.nan), **stable)
    assert (found.signal, found.hints[0]) == ("NONE", "warming up: its last 3 closes not known")


def test_an_alert_is_not_repeated_within_its_cooldown_unless_a_family_joins() -> None:
    memory = remember(AlertMemory(), judged(row(**VOLUME, **BROKEN)), RULES)
    assert memory == AlertMemory(alert_ms=NOON, families=frozenset({"VOLUME", "LEVEL"}))
    again = judged(row(**VOLUME, **BROKEN), memory=memory, at_ms=NOON + 299_999)
    assert (again.signal, again.hints[0]) == ("NORMAL", "alert told before: again in 0 s or with a new family")
    assert remember(memory, again, RULES) == memory
    assert judged(row(**VOLUME, **BROKEN), memory=memory, at_ms=NOON + 300_000).signal == "ALERT"
    joined = judged(row(**VOLUME, **STRETCHED), memory=memory, at_ms=NOON + 60_000)
    assert joined.signal == "ALERT"
    memory = remember(memory, joined, RULES)
    assert memory == AlertMemory(alert_ms=NOON + 60_000, families=frozenset({"VOLUME", "LEVEL", "MEANREV"}))
    assert judged(row(**BROKEN, **STRETCHED), memory=memory, at_ms=NOON + 120_000).signal == "NORMAL"
    later = judged(row(**VOLUME, **BROKEN), memory=memory, at_ms=NOON + 360_000)
    assert remember(memory, later, RULES).families == {"VOLUME", "LEVEL"}, "the cooldown is over: counted anew"


_bar = st.fixed_dictionaries({}, optional={name: st.just(value) for part in (VOLUME, STRETCHED, BROKEN)
                                          for name, value in part.items()} | {"natr": st.sampled_from([0.0001, 0.001, 0.01])})  # fmt: skip


@given(st.lists(st.tuples(_bar, st.integers(1, 6)), max_size=40), st.integers(1, 4))
def test_alerts_have_enough_families_and_keep_the_cooldown(
    bars: list[tuple[dict[str, float], int]], needed: int
) -> None:
    rules, memory, at_ms = Rules(min_reasons_for_alert=needed), AlertMemory(), NOON
    told: list[Judgement] = []
    for values, minutes in bars:
        at_ms += minutes * 60_000
        found = judged(row(**values), memory=memory, at_ms=at_ms, rules=rules)
        assert found.signal != "ALERT" or len(found.families) >= needed
        assert found.signal != "NORMAL" or found.trigger_reasons
        assert found.signal != "NONE" or not found.trigger_reasons or found.hints
        if found.signal == "ALERT":
            told.append(found)
        memory = remember(memory, found, rules)
    seen: frozenset[str] = frozenset()
    for before, after in pairwise(told):
        near = after.at_ms - before.at_ms < rules.cooldown_s * 1000
        seen = before.families | (seen if near_before(told, before, rules) else frozenset())
        assert not near or after.families - seen, "new to the whole chain, not only to the last one"


def near_before(told: list[Judgement], one: Judgement, rules: Rules) -> bool:
    """Whether an alert was told in the cooldown of the one before it."""
    place = told.index(one)
    return place > 0 and one.at_ms - told[place - 1].at_ms < rules.cooldown_s * 1000


def alerts(**strengths: float) -> list[Judgement]:
    made = judged(row(**VOLUME, **BROKEN))
    return [msgspec.structs.replace(made, symbol=symbol, strength=strength) for symbol, strength in strengths.items()]


def test_the_strongest_alerts_get_the_budget() -> None:
    found = ration(alerts(A=0.2, B=0.9, C=0.5, D=0.9), (NOON - 5, NOON - 4), NOON, Rules(alerts_per_hour=4))
    assert {one.symbol: one.signal for one in found.judgements} == {
        "A": "NORMAL",
        "B": "ALERT",
        "C": "NORMAL",
        "D": "ALERT",
    }
    assert [one.symbol for one in found.judgements] == ["A", "B", "C", "D"]
    assert found.judgements[0].hints[0] == f"{OVER_BUDGET}: 4 alerts an hour"
    assert found.judgements[0].trigger_reasons == found.judgements[1].trigger_reasons
    assert found.spent_ms == (NOON - 5, NOON - 4, NOON, NOON)


def test_the_budget_renews_after_an_hour_exactly() -> None:
    spent = (NOON,) * 6
    assert ration(alerts(A=1.0), spent, NOON + HOUR_MS - 1, RULES).judgements[0].signal == "NORMAL"
    found = ration(alerts(A=1.0), spent, NOON + HOUR_MS, RULES)
    assert (found.judgements[0].signal, found.spent_ms) == ("ALERT", (NOON + HOUR_MS,))


def test_an_alert_over_budget_starts_no_cooldown() -> None:
    refused = ration(alerts(A=1.0), (NOON,) * 6, NOON, RULES).judgements[0]
    assert remember(AlertMemory(), refused, RULES) == AlertMemory()


_moment = st.tuples(
    st.integers(1, 90), st.dictionaries(st.sampled_from("ABCDEFGHIJ"), st.floats(0.0, 4.0), max_size=10)
)


@given(st.lists(_moment, max_size=30), st.integers(0, 6), st.randoms())
def test_no_hour_has_more_alerts_than_its_budget(
    moments: list[tuple[int, dict[str, float]]], most: int, random: Any
) -> None:
    rules, at_ms = Rules(alerts_per_hour=most), NOON
    spent: tuple[int, ...] = ()
    told: list[int] = []
    for minutes, strengths in moments:
        at_ms += minutes * 60_000
        given_ = [*alerts(**strengths), msgspec.structs.replace(judged(row()), symbol="calm")]
        found = ration(given_, spent, at_ms, rules)
        room = most - sum(one > at_ms - HOUR_MS for one in told)
        through = [one.strength for one in found.judgements if one.signal == "ALERT"]
        refused = [one.strength for one in found.judgements if one.signal == "NORMAL"]
        assert len(through) == min(room, len(strengths)), "nothing is held back while there is room"
        assert not refused or not through or min(through) >= max(refused)
        assert [one.symbol for one in found.judgements] == [one.symbol for one in given_]
        assert found.judgements[-1] == given_[-1]
        shuffled = random.sample(given_, len(given_))
        again = ration(shuffled, spent, at_ms, rules)
        assert {one.symbol: one for one in again.judgements} == {one.symbol: one for one in found.judgements}
        told += [at_ms] * len(through)
        spent = found.spent_ms
        assert list(spent) == [one for one in told if one > at_ms - HOUR_MS]


def test_rules_are_those_of_the_settings() -> None:
    settings = Screening(
        min_reasons_for_alert=3, cooldown_s=10.5, alerts_per_hour=2, min_volume_usd=5.0, min_natr_percent=0.4,
        exclude_hours=(1, 2),
    )  # fmt: skip
    assert Rules.of(settings) == Rules(
        min_reasons_for_alert=3, cooldown_s=10.5, alerts_per_hour=2, min_volume_usd=5.0, min_natr_1h=0.004,
        exclude_hours=(1, 2),
    )  # fmt: skip
    assert Rules.of(Screening()) == Rules()


def test_a_judgement_as_a_message() -> None:
    found = judged(row(**VOLUME, **BROKEN))
    place: dict[str, Any] = {"venue": "v", "category": "c", "asset_class": "spot", "preferred_hours": (3, 4)}
    told = message_of(found, remember(AlertMemory(), found, RULES), RULES, **place)
    assert (told.occurred_at, told.known_at, told.symbol, told.signal) == (NOON - 60_000, NOON, "A", "ALERT")
    assert (told.alerted_ms, told.cooldown_until_ms) == (NOON, NOON + 300_000)
    assert (told.trigger_reasons, told.stats, told.hints) == (found.trigger_reasons, found.stats, found.hints)
    assert (told.asset_class, told.preferred_hours, told.replayed) == ("spot", (3, 4), False)
    later = message_of(judged(row(), at_ms=NOON + 300_000), AlertMemory(alert_ms=NOON), RULES, **place)
    assert (later.signal, later.alerted_ms, later.cooldown_until_ms) == ("NONE", NOON, 0)
    never = message_of(judged(row()), AlertMemory(), RULES, **place)
    assert (never.alerted_ms, never.cooldown_until_ms) == (0, 0)
