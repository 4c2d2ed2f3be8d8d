"""Arming, trading state, reduces-only, journal, clock and private stream, each on both sides of its edge."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.risk.view import RiskView
from core.settings_risk import RiskSettings
from tests.core.risk.views import denied, entry, held, order, pending

D = Decimal
SELL = order(side="SELL", quantity=D(10))
LONG = {"account__positions": (held(quantity="10"),), "order": SELL}

EDGES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("ARMED", {}, {"session__armed": False}, "arm trading first"),
    ("ARMED", {"session__rearm_needed": False}, {"session__rearm_needed": True}, "arm trading again"),
    ("ARMED", {"session__mode": "paper", "session__armed": False}, {"session__armed": False}, "arm"),
    ("ARMED", {"session__mode": "paper", "session__rearm_needed": True}, {"session__mode": None}, "not known"),
    ("TRADING_STATE", {}, {"session__state": "HALTED"}, "entry orders are blocked"),
    ("TRADING_STATE", {**LONG, "session__state": "REDUCING"}, {"session__state": "REDUCING"}, "more than the 0"),
    (
        "TRADING_STATE",
        {"act": "PROTECT", "session__state": "HALTED"},
        {"act": "EXIT", "session__state": "HALTED"},
        "exit",
    ),
    ("TRADING_STATE", {"act": "EXIT", "session__state": "REDUCING"}, {**LONG, "session__state": "HALTED"}, "HALTED"),
    ("JOURNAL", {}, {"session__journal_trouble": "disk full"}, "disk full"),
    (
        "JOURNAL",
        {"act": "CANCEL", "session__journal_trouble": "disk full"},
        {"session__journal_trouble": None},
        "not known",
    ),
    ("CLOCK", {"session__clock_age_s": 120.0}, {"session__clock_age_s": 120.1}, "measure it again"),
    ("CLOCK", {"session__clock_age_s": 0.0}, {"session__clock_age_s": -0.1}, "measure it again"),
    ("CLOCK", {"session__clock_offset_ms": 499.9}, {"session__clock_offset_ms": 500.0}, "500 ms off"),
    ("CLOCK", {"session__clock_offset_ms": -499.9}, {"session__clock_offset_ms": -500.0}, "limit 500 ms"),
    ("CLOCK", {}, {"session__clock_offset_ms": float("nan")}, "nan"),
    ("PRIVATE_STREAM", {}, {"session__private_stream": "GAP"}, "GAP"),
    (
        "PRIVATE_STREAM",
        {"act": "PROTECT", "session__private_stream": "GAP"},
        {"act": "EXIT", "session__private_stream": "DOWN"},
        "DOWN",
    ),
]


@pytest.mark.parametrize(("code", "good", "bad", "words"), EDGES)
def test_both_sides_of_each_edge(code: str, good: dict[str, Any], bad: dict[str, Any], words: str) -> None:
    assert code not in denied(entry(**good))
    assert words in denied(entry(**bad))[code]


REDUCES: list[tuple[str, dict[str, Any], str]] = [
    ("the whole position", {**LONG, "act": "EXIT"}, ""),
    ("more than it", {**LONG, "act": "EXIT", "order": order(side="SELL", quantity=D("10.001"))}, "more than the 10"),
    ("on its own side", {**LONG, "act": "EXIT", "order": order(side="BUY", quantity=D(1))}, "more than the 0"),
    ("no position", {"act": "FLATTEN", "order": SELL}, "more than the 0"),
    (
        "what is pending too",
        {
            **LONG,
            "act": "PROTECT",
            "account__pending": (pending(client_id="o", symbol="BTCUSDT", side="SELL", quantity=D("0.001")),),
        },
        "more than the 9.999",
    ),
    (
        "what it replaces",
        {
            **LONG,
            "act": "PROTECT",
            "replaces": "o",
            "account__pending": (pending(client_id="o", symbol="BTCUSDT", side="SELL", quantity=D(10)),),
        },
        "",
    ),
    ("a short", {"act": "EXIT", "order": order(quantity=D(10)), "account__positions": (held(quantity="-10"),)}, ""),
    (
        "others' positions do not count",
        {"act": "EXIT", "order": SELL, "account__positions": (held("ETHUSDT", "50"),)},
        "more than the 0",
    ),
    (
        "positions are added up",
        {"act": "EXIT", "order": SELL, "account__positions": (held(quantity="6"), held(quantity="4"))},
        "",
    ),
    (
        "a position that is not known",
        {"act": "EXIT", "order": SELL, "account__positions": (held(quantity="NaN"),)},
        "NaN",
    ),
    ("pending that is no number", {**LONG, "act": "EXIT", "account__pending": (pending(quantity=D("NaN")),)}, "NaN"),
    ("pending below 0", {**LONG, "act": "EXIT", "account__pending": (pending(quantity=D(-1)),)}, "-1"),
    (
        "pending of 0",
        {**LONG, "act": "EXIT", "account__pending": (pending(symbol="BTCUSDT", side="SELL", quantity=D(0)),)},
        "",
    ),
    ("another symbol's facts", {"symbol": "ETHUSDT"}, "order is for BTCUSDT"),
    ("an entry", {}, ""),
    ("a short entry", {"order": SELL}, ""),
    ("no order for a cancel", {"act": "CANCEL", "order": None}, ""),
    ("no order otherwise", {"act": "EXIT", "order": None}, "order is not known"),
]


@pytest.mark.parametrize(("_name", "changes", "words"), REDUCES)
def test_an_exit_takes_no_more_than_the_position_has_free(_name: str, changes: dict[str, Any], words: str) -> None:
    found = denied(entry(**changes))
    assert words in found.get("REDUCES_ONLY", "")
    assert ("REDUCES_ONLY" in found) == bool(words)


def test_two_exits_the_venue_holds_to_reduce_only_share_a_perpetual_but_not_spot() -> None:
    stop = pending(client_id="o", symbol="BTCUSDT", side="SELL", quantity=D(10), entry=False, venue_reduces=True)
    facts: dict[str, Any] = {**LONG, "act": "EXIT", "account__pending": (stop,)}
    facts["order"] = order(side="SELL", quantity=D(10), reduce_only=True)
    assert "REDUCES_ONLY" not in denied(entry(**facts))
    assert "more than the 0" in denied(entry("spot", **facts))["REDUCES_ONLY"]


def test_spot_sells_nothing_but_what_we_bought() -> None:
    assert "more than the 0" in denied(entry("spot", order=SELL))["REDUCES_ONLY"]
    assert "REDUCES_ONLY" not in denied(entry("spot", **LONG))
    assert "REDUCES_ONLY" not in denied(entry("spot"))


def test_a_cancel_passes_with_nothing_known() -> None:

    view = RiskView(now_ms=0, act="CANCEL", symbol="BTCUSDT", limits=RiskSettings())
    assert denied(view) == {}
