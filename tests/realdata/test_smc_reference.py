"""The smart-money engine against smartmoneyconcepts 0.0.27, event by event, on recorded bars.

The reference looks ahead: it stamps events at bars where nobody could know them, and deletes some afterwards. Each of its
events is therefore given the earliest close at which it could be known, and then compared one to one with ours in both
directions by (kind, side, stamp, known), and by level to single precision.

Differences, all of them:
- Its bar 0 and its last bar carry made-up swings. Here it gets its own list of swings without them; and, for pools, without
  the newest swing, which could still be replaced.
- It deletes a break of structure when a newer one breaks first. We keep it: our extras are exactly the rows where it left
  a stale `BrokenIndex`.
- It takes an order block's swing from the final list. Ours comes from the list as it stood, so where that swing was another
  one (replaced later), or not the newest yet, the block may be another one: at most 5 of 100.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.market.indicators import load_talib
from core.settings import Detectors
from core.signals.smc.engine import SmartMoney, SmcRules, rules_of
from core.signals.smc.event import Pool, SmcEvent

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
EURUSD = DATA / "smc" / "EURUSD_15m_2022" / "EURUSD_15M.csv.gz"
CRYPTO = DATA / "ohlcv" / "binance_usdm_2025"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(
        importlib.util.find_spec("smartmoneyconcepts") is None,
        reason="the reference is not installed: pip install -e .[dev]",
    ),
    pytest.mark.skipif(not EURUSD.is_file(), reason=f"recorded market data is not at {DATA.resolve()}"),
]

STEP_MS = 60_000
"""Bars are numbered, not dated: bar i opens at i minutes."""
FOREVER = 10**9
RUNS = [("EURUSD", 5), ("EURUSD", 10), ("EURUSD", 3), ("BTCUSDT", 5), ("BTCUSDT", 10)]
WHOLE = ("EURUSD", 5)
HIGH, LOW = 1.0, -1.0

Row = tuple[str, str, int, int]
"""Kind, side, stamp (bar) and the bar at whose close it is known."""


@dataclass(frozen=True)
class Reference:
    """The package's outputs as columns, computed from its own swings without those at bar 0 and at the last bar."""

    frame: Any
    length: int
    marks: np.ndarray
    """Swings: 1 high, -1 low, NaN none."""
    pivots: np.ndarray
    """The same before runs of one side are thinned."""
    fvg: dict[str, np.ndarray]
    structure: dict[str, np.ndarray]
    liquidity: dict[str, np.ndarray]
    blocks: dict[str, np.ndarray]

    def range(self) -> float:
        return float((self.frame["high"].max() - self.frame["low"].min()) * 0.01)

    def price(self, bar: int) -> float:
        return float(self.frame["high" if self.marks[bar] == HIGH else "low"].iloc[bar])


def called(function: str, *arguments: Any, **named: Any) -> dict[str, np.ndarray]:
    os.environ["SMC_CREDIT"] = "0"
    from smartmoneyconcepts import smc  # type: ignore[import-untyped]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = getattr(smc, function)(*arguments, **named)
    return {name: table[name].to_numpy() for name in table.columns}


@cache
def bars_of(name: str) -> Any:
    import pandas

    forex = name == "EURUSD"
    frame = pandas.read_csv(EURUSD) if forex else pandas.read_parquet(CRYPTO / f"{name}_5m.parquet")
    frame = frame.rename(columns=str.lower)
    return frame[["open", "high", "low", "close", "volume"]].astype(float).reset_index(drop=True)


def pivots_of(frame: Any, length: int) -> np.ndarray:
    """Unthinned pivots by the definition: the highest of length - 1 bars before and length after; high wins."""
    high, low = frame["high"], frame["low"]
    top = high == high.shift(-length).rolling(2 * length).max()
    bottom = low == low.shift(-length).rolling(2 * length).min()
    return np.where(top, HIGH, np.where(bottom, LOW, np.nan))


@cache
def reference(name: str, length: int) -> Reference:
    import pandas

    frame = bars_of(name)
    marks = called("swing_highs_lows", frame, swing_length=length)["HighLow"].copy()
    marks[[0, -1]] = np.nan
    price = np.where(marks == HIGH, frame["high"], frame["low"])
    swings = pandas.DataFrame({"HighLow": marks, "Level": np.where(np.isnan(marks), np.nan, price)})
    final = swings.copy()
    final.loc[places(marks)[-1]] = np.nan
    return Reference(
        frame, length, marks, pivots_of(frame, length), called("fvg", frame), called("bos_choch", frame, swings),
        called("liquidity", frame, final), called("ob", frame, swings),
    )  # fmt: skip


@dataclass(frozen=True)
class Ours:
    events: list[SmcEvent]
    pools: list[Pool]

    def rows(self, *kinds: str) -> dict[Row, SmcEvent]:
        chosen = [each for each in self.events if each.kind in kinds]
        rows: dict[Row, SmcEvent] = {
            (each.kind, each.side, bar(each.t_event), bar(each.t_known) - 1): each for each in chosen
        }
        assert len(rows) == len(chosen), "an event was told twice"
        return rows


@cache
def ours(name: str, length: int, mode: str = "smc") -> Ours:
    """Our engine bar by bar. In mode smc no pool is forgotten and equal means within the reference's constant range."""
    frame = bars_of(name)
    atr = load_talib().ATR(frame["high"].to_numpy(), frame["low"].to_numpy(), frame["close"].to_numpy(), 14).tolist()
    rules = SmcRules("trend", length, 0.1, 0.15, 1.5)
    if mode == "smc":
        constant = reference(name, length).range()
        product = rules_of(Detectors(smc_mode="smc", swing_length=length), STEP_MS)
        rules = product._replace(pool_bars=FOREVER, equal_range=constant)
    engine = SmartMoney(rules, STEP_MS)
    events: list[SmcEvent] = []
    for place, values in enumerate(frame.to_numpy().tolist()):
        events.extend(engine.step(place * STEP_MS, values, atr[place]))
    return Ours(events, engine.pools)


def bar(time_ms: int) -> int:
    return time_ms // STEP_MS


def places(column: np.ndarray, value: float | None = None) -> list[int]:
    return np.flatnonzero(~np.isnan(column) if value is None else column == value).tolist()


def first_after(found: np.ndarray, start: int) -> int | None:
    hits = np.flatnonzero(found[start:])
    return start + int(hits[0]) if hits.size else None


def test_the_counts_of_the_reference_file() -> None:
    expected, mine = reference(*WHOLE), ours(*WHOLE)
    swings = [each for each in mine.events if each.kind == "swing"]
    assert len(places(expected.pivots)) == 3462
    assert (len(swings), sum(each.replaces > 0 for each in swings)) == (2922, 216)
    kinds = Counter(each.kind for each in mine.events)
    assert (kinds["fvg"], kinds["order_block"], kinds["bos"] + kinds["choch"]) == (5020, 1210, 1129 + 167)
    assert (len(places(expected.structure["BOS"])), len(places(expected.structure["CHOCH"]))) == (676, 453)
    assert len(creations(expected)) == 1085 - 1  # one rests on its made-up swing at bar 0
    untouched = called("swing_highs_lows", expected.frame, swing_length=5)
    assert len(places(untouched["HighLow"])) == 2706 + 2
    trend = Counter(each.kind for each in ours(*WHOLE, "trend").events)
    assert trend["bos"] + trend["choch"] == 1210


def test_the_equal_highs_and_lows_of_the_reference_file_are_498_with_its_made_up_swings() -> None:
    """It anchors three of our groups to its made-up swing at bar 0, which makes one group of them."""
    import pandas

    expected, mine = reference(*WHOLE), ours(*WHOLE)
    untouched = pandas.DataFrame(called("swing_highs_lows", expected.frame, swing_length=5))
    found = called("liquidity", expected.frame, untouched)["Liquidity"]
    theirs = {("high" if found[place] == HIGH else "low", place) for place in places(found)}
    own = {(pool.side, bar(pool.t_event)) for pool in mine.pools}
    assert len(theirs) == 498
    assert theirs - own == {("high", 0)}
    assert own - theirs == {("high", 19), ("high", 52), ("high", 86)}


@pytest.mark.parametrize(("name", "length"), RUNS)
def test_swings_after_thinning_are_the_references_and_each_is_known_its_length_later(name: str, length: int) -> None:
    expected, mine = reference(name, length), ours(name, length)
    kept: list[SmcEvent] = []
    for each in mine.events:
        if each.kind != "swing":
            continue
        assert bar(each.t_known) - 1 == bar(each.t_event) + length
        if each.replaces:
            gone = kept.pop()
            assert (gone.t_event, gone.side) == (each.replaces, each.side)
        kept.append(each)
    marks = {(place, "high" if expected.marks[place] == HIGH else "low") for place in places(expected.marks)}
    assert {(bar(each.t_event), each.side) for each in kept} == marks
    assert all(each.level == expected.price(bar(each.t_event)) for each in kept)


@pytest.mark.parametrize(("name", "length"), RUNS)
def test_gaps(name: str, length: int) -> None:
    expected, mine = reference(name, length).fvg, ours(name, length).rows("fvg")
    theirs = {("fvg", "BUY" if expected["FVG"][at] == 1 else "SELL", at, at + 1): at for at in places(expected["FVG"])}
    assert theirs.keys() == mine.keys()
    for row, at in theirs.items():
        assert (mine[row].top, mine[row].bottom) == (expected["Top"][at], expected["Bottom"][at])


@pytest.mark.parametrize(("name", "length"), [*RUNS, ("EURUSD", 50)])
def test_breaks_of_structure_known_when_both_the_break_and_the_fourth_swing_are(name: str, length: int) -> None:
    expected, mine = reference(name, length), ours(name, length).rows("bos", "choch")
    found = expected.structure
    theirs: dict[Row, int] = {}
    for column, kind in (("BOS", "bos"), ("CHOCH", "choch")):
        for stamp in places(found[column]):
            up = found[column][stamp] == 1
            known = max(int(found["BrokenIndex"][stamp]), fourth_swing(expected, stamp, up) + length)
            theirs[kind, "BUY" if up else "SELL", stamp, known] = int(found["BrokenIndex"][stamp])
    assert theirs.keys() <= mine.keys()
    for row, broken in theirs.items():
        assert bar(mine[row].broken_at) == broken
        assert mine[row].level == pytest.approx(found["Level"][row[2]], rel=1e-6)
    stale = ~np.isnan(found["BrokenIndex"]) & np.isnan(found["BOS"]) & np.isnan(found["CHOCH"])
    extras = mine.keys() - theirs.keys()
    assert {row[2]: bar(mine[row].broken_at) for row in extras} == {
        at: found["BrokenIndex"][at] for at in np.flatnonzero(stale).tolist()
    }
    assert len(extras) == int(stale.sum())


def fourth_swing(expected: Reference, stamp: int, up: bool) -> int:
    """The first pivot after the pattern's third swing that lies beyond the level; later ones may have replaced it."""
    third = next(place for place in places(expected.marks) if place > stamp)
    level = expected.price(stamp)
    side = expected.pivots == (HIGH if up else LOW)
    price = expected.frame["high" if up else "low"].to_numpy()
    found = first_after(side & (price > level if up else price < level), third + 1)
    assert found is not None
    return found


@pytest.mark.parametrize(("name", "length"), RUNS)
def test_equal_highs_and_lows_known_when_the_second_of_them_is_final(name: str, length: int) -> None:
    expected, mine = reference(name, length), ours(name, length)
    found = expected.liquidity
    groups = grouped(expected)
    assert {stamp: members[-1] for (_, stamp), members in groups.items()} == {
        at: int(found["End"][at]) for at in places(found["Liquidity"])
    }
    theirs: dict[Row, int] = {}
    for (side, stamp), places_of in groups.items():
        opposite = first_after(expected.pivots == (LOW if side == "high" else HIGH), places_of[1] + 1)
        assert opposite is not None
        theirs["liquidity", side, stamp, opposite + length] = len(places_of)
    assert theirs.keys() == mine.rows("liquidity").keys()
    pools = {(pool.side, bar(pool.t_event)): pool for pool in mine.pools}
    for (_, side, stamp, _), members in theirs.items():
        pool = pools["high" if side == "high" else "low", stamp]
        assert pool.members == members
        assert pool.level == pytest.approx(found["Level"][stamp], rel=1e-6)


def grouped(expected: Reference) -> dict[tuple[str, int], list[int]]:
    """The reference's groups with all their members; it only tells the last one."""
    margin, groups = expected.range(), {}
    for side, mark in (("high", HIGH), ("low", LOW)):
        extremes = expected.frame[side].to_numpy()
        left = [place for place in places(expected.marks)[:-1] if expected.marks[place] == mark]
        while left:
            anchor, price = left[0], extremes[left[0]]
            passed = first_after(extremes >= price + margin if mark == HIGH else extremes <= price - margin, anchor + 1)
            members = [
                place
                for place in left
                if place == anchor
                or ((passed is None or place < passed) and price - margin <= extremes[place] <= price + margin)
            ]
            left = [place for place in left if place not in members]
            if len(members) > 1:
                groups[side, anchor] = members
    return groups


@pytest.mark.parametrize(("name", "length"), RUNS)
def test_order_blocks_at_their_creation(name: str, length: int) -> None:
    expected, mine = reference(name, length), ours(name, length)
    theirs = creations(expected)
    survivors = expected.blocks["OB"]
    assert {(("BUY" if survivors[at] == 1 else "SELL"), at) for at in places(survivors)} <= {
        (side, block) for _, side, block in theirs
    }
    rows = {(known, side, stamp) for _, side, stamp, known in mine.rows("order_block")}
    assert len(theirs.keys() & rows) >= (0.96 if name == "EURUSD" else 0.95) * len(theirs)
    standing = swings_standing(mine, expected)
    for missing in theirs.keys() - rows:
        known, side, _ = missing
        assert standing[known][side] != theirs[missing], f"{missing} differs without a reason"
    final = {side: places(expected.marks, mark) for side, mark in (("BUY", HIGH), ("SELL", LOW))}
    for known, side, _ in rows - theirs.keys():
        newest = max((place for place in final[side] if place < known), default=-1)
        assert standing[known][side] != newest, f"block of bar {known} differs without a reason"


def creations(expected: Reference) -> dict[tuple[int, str, int], int]:
    """Every order block the reference creates, by (bar of creation, side, block), with its swing; it outputs few."""
    closes = expected.frame["close"].to_numpy()
    found: dict[tuple[int, str, int], int] = {}
    for side, mark in (("BUY", HIGH), ("SELL", LOW)):
        level = expected.frame["high" if side == "BUY" else "low"].to_numpy()
        other = expected.frame["low"].to_numpy() if side == "BUY" else -expected.frame["high"].to_numpy()
        swings = places(expected.marks, mark)
        for swing, after in zip(swings, [*swings[1:], len(closes) - 1], strict=True):
            beyond = closes > level[swing] if side == "BUY" else closes < level[swing]
            known = first_after(beyond[: after + 1], swing + 1)
            if known is not None:
                between = other[swing + 1 : known]
                found[known, side, swing + 1 + int(np.flatnonzero(between == between.min())[-1])] = swing
    return found


def swings_standing(mine: Ours, expected: Reference) -> list[dict[str, int]]:
    """For every bar the swing that was to be broken upwards and downwards as the list stood at its close."""
    known: dict[int, SmcEvent] = {bar(each.t_known) - 1: each for each in mine.events if each.kind == "swing"}
    standing, rows = {"BUY": -1, "SELL": -1}, []
    for place in range(len(expected.frame)):
        if place in known:
            side = "BUY" if known[place].side == "high" else "SELL"
            standing = standing | {side: bar(known[place].t_event)}
        rows.append(standing)
    return rows
