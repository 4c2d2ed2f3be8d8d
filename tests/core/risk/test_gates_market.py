"""Status, age of rules and quote, and the book, each on both sides of its edge."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.core.risk.views import denied, entry, instrument

D = Decimal

EDGES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("SYMBOL_STATUS", {}, {"instrument": instrument(trading=False, status="BREAK")}, "BTCUSDT is BREAK"),
    ("SYMBOL_STATUS", {}, {"instrument": instrument(symbol="ETHUSDT")}, "rules are of ETHUSDT"),
    ("SYMBOL_STATUS", {"act": "CANCEL", "instrument": None}, {"act": "EXIT", "instrument": None}, "instrument is not known"),
    ("RULES_AGE", {"rules_age_s": 3600.0}, {"rules_age_s": 3600.1}, "limit 3600 s: refresh"),
    ("RULES_AGE", {"rules_age_s": 0.0}, {"rules_age_s": -0.1}, "refresh"),
    ("QUOTE_AGE", {"quote__age_s": 2.0}, {"quote__age_s": 2.1}, "2.1 s old, limit 2.0 s: refresh"),
    ("QUOTE_AGE", {"quote__age_s": 50.0, "quote__usual_gap_s": 10.0}, {"quote__age_s": 50.1, "quote__usual_gap_s": 10.0}, "limit 50.0 s"),
    ("QUOTE_AGE", {"quote__age_s": 0.0}, {"quote__age_s": -0.1}, "refresh"),
    ("QUOTE_AGE", {"act": "EXIT", "quote__age_s": 99.0}, {"quote__usual_gap_s": float("inf")}, "inf"),
    ("BOOK", {}, {"quote__book": "stale"}, "stale"),
    ("BOOK", {}, {"quote__bid": D("100.1")}, "is not below"),
    ("BOOK", {"quote__bid": D("100.0")}, {"quote__bid": D("100.2")}, "is not below"),
    ("BOOK", {}, {"quote__bid_size": D(0)}, "bid size is 0"),
    ("BOOK", {}, {"quote__ask_size": D(0)}, "ask size is 0"),
    ("BOOK", {}, {"quote__ask": D("Infinity")}, "ask is Infinity"),
    ("BOOK", {}, {"quote__bid": D(-1)}, "bid is -1"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "good", "bad", "words"), EDGES)
def test_both_sides_of_each_edge(code: str, good: dict[str, Any], bad: dict[str, Any], words: str) -> None:
    assert code not in denied(entry(**good))
    assert words in denied(entry(**bad))[code]
