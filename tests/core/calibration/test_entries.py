"""Entries: the same as the live triggers and the live decision say, bar by bar, for any thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec.structs import replace

from core.calibration.entries import Alerts, EntryTable
from core.calibration.kernels import compiled
from core.market.resample import resample
from core.screening.classes import CLASSES, AssetClass
from core.screening.columns import TriggerColumns, columns
from core.screening.levels import DAY_MS, daily_levels
from core.screening.stage1 import AlertMemory, Circumstances, Rules, judge, remember
from core.screening.thresholds import Thresholds
from core.screening.triggers import REGISTRY, Reading, Role
from tests.core.screening.bars import MINUTE_MS, minutes, part

SPOT = next(entry for entry in CLASSES if entry.name == "spot")
STABLE = next(entry for entry in CLASSES if entry.name == "stable")
BARS = 2600
LOOSE = Thresholds(
    low_gate=0.0002, high_gate=0.0012, vol_z_threshold=1.5, rsi_oversold=40.0, rsi_overbought=60.0, vwap_multiple=1.0
)


def window(seed: int, price: float = 0.0) -> TriggerColumns:
    """Columns of a random walk with a hole in it; near `price` when it is given."""
    block = minutes(seed, BARS)
    block[1700:1701, 5] = 0.0
    block = np.delete(block, slice(1300, 1303), axis=0)
    if price:
        block[:, 1:5] = price + (block[:, 1:5] / 100.0 - 1.0) / 2.0
    return columns(block, daily_levels(resample(block, DAY_MS)), tick=0.001)


def live(found: TriggerColumns, thresholds: Thresholds, of: AssetClass, rules: Rules, start: int) -> Alerts:
    """Every bar judged one after the other as Stage 1 does, the side taken from the reasons it gave."""
    memory, whole = AlertMemory(), Circumstances(quote_volume=1e12, natr_1h=0.01)
    places, sides = [], []
    for place in range(start, len(found)):
        at_ms = int(found.open_ms[place]) + MINUTE_MS
        told = judge("A", at_ms, part(found, place, place + 1), thresholds, of, whole, memory, rules)
        memory = remember(memory, told, rules)
        side = sum(reason.side for reason in told.trigger_reasons)
        if told.signal == "ALERT" and side:
            places.append(place)
            sides.append(1 if side > 0 else -1)
    return Alerts(np.array(places, np.intp), np.array(sides, np.int8))


def same(one: Alerts, other: Alerts) -> bool:
    return np.array_equal(one.places, other.places) and np.array_equal(one.sides, other.sides)


THRESHOLDS = some.builds(
    Thresholds,
    low_gate=some.floats(0.0, 0.0011),
    high_gate=some.floats(0.0008, 0.002),
    vol_z_threshold=some.floats(1.0, 4.0),
    rsi_oversold=some.floats(15.0, 45.0),
    rsi_overbought=some.floats(55.0, 85.0),
    vwap_multiple=some.floats(0.5, 3.0),
    breakout_atr=some.sampled_from([0.0, 0.1, 0.5]),
)


@settings(max_examples=12, deadline=None)
@given(
    seed=some.integers(0, 3), thresholds=THRESHOLDS, needed=some.integers(1, 3), start=some.sampled_from([0, 900, 1800])
)
def test_entries_are_those_of_the_live_triggers(seed: int, thresholds: Thresholds, needed: int, start: int) -> None:
    rules, found = Rules(min_reasons_for_alert=needed), window(seed)
    expected = live(found, thresholds, SPOT, rules, start)
    assert same(EntryTable(found, SPOT, rules).alerts(thresholds, start), expected)
    assert same(EntryTable(found, SPOT, rules, compiled()).alerts(thresholds, start), expected)


@settings(max_examples=30, deadline=None)
@given(seed=some.integers(0, 3), thresholds=THRESHOLDS, laxer=some.floats(0.5, 1.0), start=some.sampled_from([0, 1800]))
def test_a_narrowed_table_says_the_same_of_all_it_covers(
    seed: int, thresholds: Thresholds, laxer: float, start: int
) -> None:
    whole = EntryTable(window(seed), SPOT, Rules())
    lax = Thresholds(
        low_gate=thresholds.low_gate * laxer, high_gate=thresholds.high_gate * laxer,
        vol_z_threshold=thresholds.vol_z_threshold * laxer, rsi_oversold=thresholds.rsi_oversold / laxer,
        rsi_overbought=thresholds.rsi_overbought * laxer, vwap_multiple=thresholds.vwap_multiple * laxer,
        breakout_atr=thresholds.breakout_atr * laxer,
    )  # fmt: skip
    expected = whole.alerts(thresholds, start, 2300)
    for kernels in (None, compiled()):
        narrow = EntryTable(window(seed), SPOT, Rules(), kernels).narrowed(lax)
        assert narrow.covers(thresholds)
        assert same(narrow.alerts(thresholds, start, 2300), expected)


def test_a_table_does_not_cover_what_is_laxer_than_it_was_narrowed_to() -> None:
    base = replace(LOOSE, low_gate=float(np.nanmedian(window(0).natr)))
    narrow = EntryTable(window(0), SPOT, Rules()).narrowed(base)
    assert 0 < len(narrow.at) < len(narrow.columns) / 2
    assert narrow.covers(base)
    for change in ({"vol_z_threshold": 1.4}, {"rsi_oversold": 41.0}, {"low_gate": 0.0}, {"vwap_multiple": 0.9}):
        assert not narrow.covers(replace(base, **change))


def test_there_is_something_to_compare() -> None:
    found = EntryTable(window(0), SPOT, Rules()).alerts(LOOSE)
    assert len(found.places) > 50
    assert {1, -1} == set(found.sides.tolist())


def test_a_threshold_that_is_a_value_of_the_window_counts_as_live_does() -> None:
    found = window(1)
    bar = int(EntryTable(found, SPOT, Rules()).alerts(LOOSE).places[20])
    values = Thresholds(
        low_gate=float(found.natr[bar]), high_gate=float(found.natr[bar + 1]),
        vol_z_threshold=float(found.volume_z[bar]), rsi_oversold=float(np.nanmin(found.rsi) + 5.0),
        rsi_overbought=float(found.rsi[bar]), vwap_multiple=1.0,
    )  # fmt: skip
    rules = Rules(min_reasons_for_alert=1, cooldown_s=0)
    assert same(EntryTable(found, SPOT, rules).alerts(values), live(found, values, SPOT, rules, 0))


def test_a_class_with_triggers_of_its_own_listens_to_those_only() -> None:
    found = window(2, price=1.004)
    expected = live(found, LOOSE, STABLE, Rules(), 0)
    assert len(expected.places) > 10
    assert same(EntryTable(found, STABLE, Rules()).alerts(LOOSE), expected)
    assert same(EntryTable(found, STABLE, Rules(), compiled()).alerts(LOOSE), expected)


def test_a_part_of_the_window_begins_without_a_cooldown_and_ends_where_told() -> None:
    table = EntryTable(window(0), SPOT, Rules(cooldown_s=100_000_000))
    whole = table.alerts(LOOSE)
    later = table.alerts(LOOSE, int(whole.places[0]) + 5, 2000)
    assert len(later.places) >= 1
    assert later.places.max() < 2000


@pytest.mark.parametrize("role", ["reason", "suppress"])
def test_a_trigger_nobody_listed_is_read_as_live_reads_it(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    def heavy(found: TriggerColumns, thresholds: Thresholds) -> Reading:
        value, bound = found.volume_mean, np.full(len(found), 30.0 + 2.0 * thresholds.vol_z_threshold)
        return Reading(value, bound, bound - value, np.ones(len(found)), (value > bound) & (found.usable > 0.0))

    found, rules = window(0), Rules()
    before = live(found, LOOSE, SPOT, rules, 0)
    entry = REGISTRY["VOLUME_SPIKE"]._replace(code="HEAVY", family="WEIGHT", role=role, read=heavy)
    monkeypatch.setitem(REGISTRY, "HEAVY", entry)
    expected = live(found, LOOSE, SPOT, rules, 0)
    assert not same(before, expected)
    assert same(EntryTable(found, SPOT, rules, compiled()).alerts(LOOSE), expected)
