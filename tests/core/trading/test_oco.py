"""Which two orders make an OCO."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from core.trading.oco import list_rules
from tests.core.trading.market import d, order

LIMIT = order("tp", "SELL", 1, 105, post_only=True, list_id="L")
STOP = order("sl", "SELL", 1, 0, "STOP_LOSS", stop_price=95, list_id="L")


def refused(limit: Any = LIMIT, stop: Any = STOP, last: int = 100) -> str | None:
    return list_rules(limit, stop, d(last), d(99), d(101))


def test_a_pair_is_taken_in_either_order_and_by_the_middle_of_the_book_without_a_last_trade():
    assert refused() is None
    assert refused(STOP, LIMIT) is None
    assert refused(last=0) is None
    assert list_rules(LIMIT, STOP, d(0), d(0), d(0)) == "PRICE_RELATION"


@pytest.mark.parametrize(
    ("limit", "stop"),
    [
        ({"symbol": "ETHUSDT"}, {}), ({"quantity": d(2)}, {}), ({}, {"side": "BUY"}), ({"list_id": "M"}, {}),
        ({"post_only": False}, {}), ({"type": "MARKET"}, {}), ({}, {"type": "TAKE_PROFIT"}), ({}, {"type": "LIMIT"}),
        ({"list_id": ""}, {"list_id": ""}), ({"client_id": "same"}, {"client_id": "same"}),
    ],
)  # fmt: skip
def test_legs_that_do_not_belong_together_are_refused(limit, stop):
    assert refused(structs.replace(LIMIT, **limit), structs.replace(STOP, **stop)) == "PARAMETER"


@pytest.mark.parametrize(("last", "key"), [(95, "PRICE_RELATION"), (96, None), (104, None), (105, "PRICE_RELATION")])
def test_the_last_price_lies_strictly_between_the_legs(last, key):
    assert refused(last=last) == key
    buying = structs.replace(LIMIT, side="BUY", price=d(95)), structs.replace(STOP, side="BUY", stop_price=d(105))
    assert refused(*buying, last=last) == key
