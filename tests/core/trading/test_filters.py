"""Filters: each rule at its bound and just beyond it, in each venue's code."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.trading.conventions import BINANCE_US_SPOT, BYBIT_LINEAR, BYBIT_SPOT
from core.trading.filters import AccountFacts, MarketFacts, check
from tests.core.trading.market import d, engine, instrument, order, quoted, send

AT_100 = MarketFacts(average=d(100), last=d(100))


def refused(
    spec: Any, *, market: MarketFacts = AT_100, account: AccountFacts | None = None, **rules: Any
) -> str | None:
    return check(spec, instrument(**rules), BINANCE_US_SPOT, market, account or AccountFacts())


def refused_linear(spec: Any, market: MarketFacts = AT_100, **rules: Any) -> str | None:
    return check(spec, instrument("bybit", "linear", **rules), BYBIT_LINEAR, market, AccountFacts())


@pytest.mark.parametrize(
    ("rules", "good", "bad", "key"),
    [
        ({}, order("a", "BUY", 1, "99.9"), order("a", "BUY", 1, "99.95"), "PRICE_FILTER"),
        ({"min_price": d(50)}, order("a", "BUY", 1, 50), order("a", "BUY", 1, "49.9"), "PRICE_FILTER"),
        ({"max_price": d(150)}, order("a", "BUY", 1, 150), order("a", "BUY", 1, "150.1"), "PRICE_FILTER"),
        ({}, order("a", "BUY", "0.001", 100), order("a", "BUY", "0.0015", 100), "LOT_SIZE"),
        ({"min_qty": d("0.01")}, order("a", "BUY", "0.01", 100), order("a", "BUY", "0.009", 100), "QUANTITY_LOW"),
        ({"max_qty": d(2)}, order("a", "BUY", 2, 100), order("a", "BUY", "2.001", 100), "QUANTITY_HIGH"),
        ({"market_max_qty": d(1)}, order("a", "BUY", 1), order("a", "BUY", "1.001"), "MARKET_LOT_SIZE"),
        ({"market_min_qty": d(1)}, order("a", "BUY", 1), order("a", "BUY", "0.999"), "MARKET_LOT_SIZE"),
        ({"market_lot_size": d("0.01")}, order("a", "BUY", "0.01"), order("a", "BUY", "0.011"), "MARKET_LOT_SIZE"),
        ({"min_notional": d(10)}, order("a", "BUY", "0.1", 100), order("a", "BUY", "0.1", "99.9"), "MIN_NOTIONAL"),
        ({"min_notional": d(10)}, order("a", "BUY", "0.1"), order("a", "BUY", "0.099"), "MIN_NOTIONAL"),
        ({"min_notional": d(10)}, order("a", "BUY", quote_quantity=10), order("a", "BUY", quote_quantity="9.99"), "MIN_NOTIONAL"),
        ({"max_notional": d(200)}, order("a", "BUY", 2, 100), order("a", "BUY", "2.001", 100), "MAX_NOTIONAL"),
        ({"price_up_ratio": d("1.1")}, order("a", "BUY", 1, 110), order("a", "BUY", 1, "110.1"), "PRICE_HIGH"),
        ({"price_down_ratio": d("0.9")}, order("a", "BUY", 1, 90), order("a", "BUY", 1, "89.9"), "PRICE_LOW"),
        ({"bid_up_ratio": d("1.1"), "price_up_ratio": d(5)}, order("a", "SELL", 1, 115), order("a", "BUY", 1, 115), "PRICE_HIGH"),
        ({"ask_down_ratio": d("0.9")}, order("a", "BUY", 1, 85), order("a", "SELL", 1, 85), "PRICE_LOW"),
        ({}, order("a", "BUY", quote_quantity="1.0001"), order("a", "BUY", quote_quantity="1.00015"), "LOT_SIZE"),
        ({}, order("x" * 36, "BUY", 1), order("x" * 37, "BUY", 1), "CLIENT_ID"),
        ({}, order("a-_Z9", "BUY", 1), order("a b", "BUY", 1), "CLIENT_ID"),
        ({"order_types": ("LIMIT",)}, order("a", "BUY", 1, 100), order("a", "BUY", 1, 100, post_only=True), "ORDER_TYPE"),
        ({"max_position": d(5)}, order("a", "BUY", 5, 100), order("a", "BUY", "5.001", 100), "MAX_POSITION"),
    ],
)  # fmt: skip
def test_a_rule_allows_its_bound_and_refuses_the_next_step(rules, good, bad, key):
    assert refused(good, **rules) is None
    assert refused(bad, **rules) == key


@pytest.mark.parametrize(
    "spec",
    [
        order("a", "BUY"), order("a", "BUY", 1, quote_quantity=5), order("a", "BUY", 1, 100, quote_quantity=0, stop_price=5),
        order("a", "BUY", 1, 0, "LIMIT"), order("a", "BUY", 1, 5, "MARKET"), order("a", "BUY", 1, 0, "STOP_LOSS"),
        order("a", "BUY", 0, 100, quote_quantity=5), order("a", "BUY", 1, time_in_force="FOK"),
        order("a", "BUY", 1, 100, post_only=True, time_in_force="IOC"), order("a", "BUY", 1, post_only=True),
        order("a", "BUY", 1, 100, reduce_only=True), order("a", "BUY", 1, 0, "STOP_LOSS", stop_price=5, trigger_by="MARK"),
        order("a", "BUY", -1, 100), order("a", "BUY", Decimal("NaN"), 100), order("a", "BUY", 1, Decimal("Infinity")),
    ],
)  # fmt: skip
def test_parameters_that_do_not_belong_together_are_refused(spec):
    assert refused(spec) == "PARAMETER"


def test_a_halted_instrument_takes_no_order():
    assert refused(order("a", "BUY", 1, 100), trading=False) == "CLOSED"


def test_counts_are_refused_at_their_limit_and_only_waiting_orders_count_as_algo():
    stop = order("a", "SELL", 1, 0, "STOP_LOSS", stop_price=90)
    plain = order("a", "SELL", 1, 100)
    assert refused(plain, max_orders=2, account=AccountFacts(orders=1)) is None
    assert refused(plain, max_orders=2, account=AccountFacts(orders=2)) == "MAX_NUM_ORDERS"
    assert refused(stop, max_algo_orders=2, account=AccountFacts(waiting=1)) is None
    assert refused(stop, max_algo_orders=2, account=AccountFacts(waiting=2)) == "MAX_NUM_ALGO_ORDERS"
    assert refused(plain, max_algo_orders=2, account=AccountFacts(waiting=2)) is None


def test_the_position_limit_counts_what_is_held_and_on_order_and_never_binds_a_sale():
    facts = AccountFacts(base_held=d(3), base_buying=d(1))
    assert refused(order("a", "BUY", 1, 100), max_position=d(5), account=facts) is None
    assert refused(order("a", "BUY", "1.001", 100), max_position=d(5), account=facts) == "MAX_POSITION"
    assert refused(order("a", "SELL", 9, 100), max_position=d(1), account=facts) is None


def test_the_smallest_value_does_not_bind_market_orders_where_the_venue_says_so_nor_reducing_ones():
    small = order("a", "BUY", "0.01")
    assert refused(small, min_notional=d(10), notional_applies_to_market=False) is None
    assert refused(small, min_notional=d(10), market=MarketFacts()) is None, "without a price nothing can be said"
    assert refused_linear(order("a", "SELL", "0.01", 100, reduce_only=True), min_notional=d(5)) is None
    assert refused_linear(order("a", "SELL", "0.01", 100), min_notional=d(5)) == "MIN_NOTIONAL"


def test_perpetuals_are_banded_around_the_mark_price():
    market = MarketFacts(average=d(100), last=d(100), mark=d(120))
    assert refused_linear(order("a", "BUY", 1, 121), market, bid_up_ratio=d("1.01")) is None
    assert refused_linear(order("a", "BUY", 1, "121.3"), market, bid_up_ratio=d("1.01")) == "PRICE_HIGH"


@pytest.mark.parametrize(
    ("venue", "category", "spec", "code"),
    [
        ("binance_us", "spot", order("a", "BUY", 1, "99.95"), "-1013"),
        ("bybit", "spot", order("a", "BUY", 1, "99.95"), "170134"),
        ("bybit", "linear", order("a", "BUY", 1, "99.95"), "10001"),
        ("binance_us", "spot", order("a", "BUY", "0.0005", 99), "-1013"),
        ("bybit", "spot", order("a", "BUY", "0.0005", 99), "170137"),
        ("bybit", "spot", order("a", "BUY", "0.001", 99), "170140"),
        ("bybit", "linear", order("a", "BUY", "0.001", 99), "110094"),
        ("bybit", "spot", order("a", "BUY", 1, 130), "170132"),
        ("bybit", "linear", order("a", "BUY", 1, 130), "110003"),
        ("binance_us", "spot", order("a", "BUY", 1, 130), "-1013"),
    ],
)  # fmt: skip
def test_refusals_carry_the_venues_own_code(venue, category, spec, code):
    made = quoted(engine(venue, category, min_notional=d(5), bid_up_ratio=d("1.2")))
    (report,) = made.submit("A", spec, 1)
    assert (report.status, report.reject_code) == ("REJECTED", code)
    assert report.reject_reason


def test_an_unknown_symbol_and_a_fresh_state_of_the_venue_are_told_apart():
    made = quoted(engine(status="BREAK", trading=False))
    assert send(made, "a", "BUY", 1, 99)[0].reject_reason == "Market is closed."
    assert BYBIT_SPOT.refusal("AMEND") == BYBIT_SPOT.refusal("PARAMETER"), "a key without its own code"


def test_the_engine_counts_held_and_ordered_base_towards_the_position_limit():
    made = quoted(engine(max_position=d(12)))
    send(made, "s", "SELL", 3, 105)
    send(made, "b", "BUY", 1, 99)
    assert send(made, "c", "BUY", "1.001", 99)[0].reject_reason == "Filter failure: MAX_POSITION"
    assert send(made, "d", "BUY", 1, 99)[0].status == "NEW"
