"""What counts as known, and how numbers are written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.risk.verdict import Missing, need, objects, passes, percent, written


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")])
def test_what_is_not_known_or_not_finite_is_missing(value: object) -> None:
    with pytest.raises(Missing, match=r"clock offset is (not known|nan|inf|NaN|-Infinity)"):
        need(value, "clock offset")


@pytest.mark.parametrize("value", [0, 0.0, Decimal(0), False, "", ()])
def test_nothing_is_not_missing(value: object) -> None:
    assert need(value, "it") == value


def test_numbers_are_written_plainly() -> None:
    assert written(Decimal("1E+3")) == "1000"
    assert written(Decimal("0.10")) == "0.1"
    assert written(Decimal("NaN")) == "NaN"
    assert written(0.1 + 0.2) == "0.3"
    assert written(7) == "7"
    assert percent(Decimal("0.0139")) == "1.4 %"


def test_facts_are_text() -> None:
    assert passes(limit=Decimal("3.0")).facts == {"limit": "3"}
    assert objects("no", value=1).words == "no"
