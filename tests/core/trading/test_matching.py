"""Matching on spot: taking, resting, queue position, times in force, refusals in the venue's words."""

from __future__ import annotations

from typing import Any

import pytest

from core.trading.fees import Fees
from core.trading.matching import Latency, MatchingEngine
from core.venue import Rejected
from tests.core.trading.market import (
    SYMBOL,
    T0,
    book,
    brief,
    d,
    engine,
    free,
    instrument,
    locked,
    order,
    quoted,
    send,
    trade,
)


def test_a_market_order_walks_the_levels_and_pays_the_fee_in_what_it_receives():
    made = quoted(engine())
    reports = send(made, "m", "BUY", 3)
    assert brief(reports) == [("m", "NEW"), ("m", "PARTIALLY_FILLED"), ("m", "FILLED")]
    assert [(r.fill.price, r.fill.quantity, r.fill.fee, r.fill.fee_asset) for r in reports[1:] if r.fill] == [
        (d(101), d(2), d("0.004"), "BTC"), (d(102), d(1), d("0.002"), "BTC"),
    ]  # fmt: skip
    assert (free(made, "USDT"), free(made, "BTC")) == (d(100_000) - 304, d(13) - d("0.006"))


def test_liquidity_taken_is_gone_until_the_feed_speaks_of_the_level_again():
    made = quoted(engine())
    send(made, "m", "BUY", 2)
    assert send(made, "n", "BUY", 1)[1].fill.price == 102
    book(made, [(99, 1)], [], snapshot=False)
    assert send(made, "o", "BUY", 1)[1].fill.price == 102
    book(made, [], [(101, 5)], snapshot=False)
    assert send(made, "p", "BUY", 1)[1].fill.price == 101


def test_a_sale_pays_its_fee_in_quote_and_rounds_it_up_to_the_venues_step():
    made = engine(fees=Fees(taker=d("0.00123456789")))
    quoted(made)
    (_, report) = send(made, "s", "SELL", 1)
    assert (report.fill.fee, report.fill.fee_asset) == (d("0.12222223"), "USDT")


def test_a_resting_order_waits_behind_what_the_book_showed_and_fills_as_trades_eat_through_it():
    made = quoted(engine())
    assert brief(send(made, "b", "BUY", 1, 99)) == [("b", "NEW")]
    assert locked(made, "USDT") == 99
    assert trade(made, 99, d("1.5"), "SELL") == []
    (report,) = trade(made, 99, d("0.7"), "SELL")
    assert (report.status, report.filled, report.fill.maker) == ("PARTIALLY_FILLED", d("0.2"), True)
    assert trade(made, 99, 5, "BUY") == [], "a taker on our own side does not reach us"
    (report,) = trade(made, 99, 5, "SELL")
    assert (report.status, report.filled) == ("FILLED", d(1))
    assert locked(made, "USDT") == 0


def test_cancels_of_others_are_thought_behind_us_unless_the_level_shows_less():
    made = quoted(engine())
    send(made, "b", "BUY", 1, 99)
    book(made, [(99, d("0.5"))], [], snapshot=False)
    book(made, [(99, 9)], [], snapshot=False)
    assert trade(made, 99, d("0.5"), "SELL") == []
    assert trade(made, 99, d("0.25"), "SELL")[0].filled == d("0.25")


def test_a_trade_through_our_price_fills_us_at_our_price_for_its_own_size():
    made = quoted(engine())
    send(made, "b", "BUY", 1, 99)
    (report,) = trade(made, d("98.5"), d("0.4"), "SELL")
    assert (report.fill.price, report.fill.quantity) == (d(99), d("0.4"))


def test_a_book_that_crosses_our_price_fills_us_at_our_price_and_only_once():
    made = quoted(engine())
    send(made, "b", "BUY", 2, 99)
    (report,) = book(made, [], [(d("98.5"), d("0.5"))], snapshot=False)
    assert (report.fill.price, report.fill.quantity) == (d(99), d("0.5"))
    assert book(made, [(97, 1)], [], snapshot=False) == []
    (report,) = book(made, [(97, 1)], [(d(99), 4)])
    assert report.status == "FILLED"


@pytest.mark.parametrize(("side", "price", "better"), [("BUY", 99, "99.1"), ("SELL", 101, "100.9")])
def test_an_opposite_level_at_our_price_fills_us_and_one_short_of_it_does_not(side, price, better):
    made = quoted(engine())
    send(made, "o", side, 1, price)
    for at, filled in ((d(better), 0), (d(price), 1)):
        level = [(at, 1)]
        reports = book(made, level if side == "SELL" else [], level if side == "BUY" else [], snapshot=False)
        assert sum(r.fill.quantity for r in reports) == filled


def test_crossing_levels_are_used_up_best_first_and_in_our_queues_order():
    made = quoted(engine())
    send(made, "first", "BUY", 1, 99)
    send(made, "second", "BUY", 1, 99, account="B")
    reports = book(made, [(90, 1)], [(d("98.5"), d("0.6")), (d("98.2"), d("0.5"))])
    assert [(r.spec.client_id, r.fill.quantity) for r in reports] == [
        ("first", d("0.5")), ("first", d("0.5")), ("second", d("0.1")),
    ]  # fmt: skip
    assert book(made, [(91, 1)], [], snapshot=False) == []


def test_a_market_sale_by_quote_ends_where_less_than_a_lot_is_left():
    made = engine()
    book(made, [(100, 1), (50, 1)], [])
    reports = send(made, "q", "SELL", quote_quantity="100.08")
    assert brief(reports) == [("q", "NEW"), ("q", "FILLED")]
    assert reports[1].filled_quote == 100


def test_a_sale_waits_in_its_queue_too():
    made = quoted(engine())
    send(made, "s", "SELL", 1, 101)
    assert trade(made, 101, 2, "BUY") == []
    assert trade(made, "100.9", 9, "BUY") == []
    assert trade(made, "101.1", d("0.25"), "BUY")[0].fill.price == 101
    assert trade(made, 101, d("0.25"), "BUY")[0].filled == d("0.5")


def test_price_then_time_decides_between_our_own_orders_and_they_trade_with_each_other():
    made = quoted(engine(accounts=("A", "B", "C")))
    send(made, "a", "SELL", 1, d("100.5"))
    send(made, "b", "SELL", 1, d("100.5"), account="B")
    send(made, "b2", "SELL", 1, d("100.3"), account="B")
    reports = send(made, "t", "BUY", d("2.5"), 101, account="C")
    fills = [(r.spec.client_id, r.fill.price, r.fill.quantity) for r in reports if r.fill and r.fill.maker]
    assert fills == [("b2", d("100.3"), d(1)), ("a", d("100.5"), d(1)), ("b", d("100.5"), d("0.5"))]
    assert {r.fill.trade_id for r in reports if r.fill and r.fill.price == d("100.3")} == {"1"}


def test_a_taker_meets_the_outside_quantity_ahead_of_our_order_first():
    made = quoted(engine())
    send(made, "a", "SELL", 1, 101)
    reports = send(made, "t", "BUY", d("2.5"), 101, account="B")
    assert [(r.spec.client_id, r.fill.quantity) for r in reports if r.fill] == [
        ("t", d(2)),
        ("a", d("0.5")),
        ("t", d("0.5")),
    ]


def test_an_account_does_not_trade_with_itself():
    made = quoted(engine())
    send(made, "a", "SELL", 1, d("100.5"))
    reports = send(made, "t", "BUY", 1, 101)
    assert brief(reports) == [("t", "NEW"), ("a", "EXPIRED"), ("t", "FILLED")]
    assert reports[1].reject_reason == "EXPIRED_IN_MATCH"
    assert reports[2].fill.price == 101


@pytest.mark.parametrize(("venue", "ended"), [("binance_us", "EXPIRED"), ("bybit", "CANCELED")])
def test_ioc_fok_and_market_orders_leave_nothing_behind(venue, ended):
    made = quoted(engine(venue))
    assert brief(send(made, "i", "BUY", 3, 101, time_in_force="IOC"))[-1] == ("i", ended)
    assert made.order("A", client_id="i").filled == 2
    assert brief(send(made, "f", "SELL", 3, 99, time_in_force="FOK")) == [("f", "NEW"), ("f", ended)]
    assert brief(send(made, "g", "SELL", 2, 99, time_in_force="FOK"))[-1] == ("g", "FILLED")
    assert brief(send(made, "m", "SELL", 9))[-1] == ("m", ended)
    assert made.open_orders("A") == []
    assert (locked(made, "USDT"), locked(made, "BTC")) == (0, 0)


def test_a_market_buy_by_quote_spends_no_more_and_ends_as_the_venue_ends_it():
    for venue, ended, filled in (("binance_us", "FILLED", "2.99"), ("bybit", "CANCELED", "2.99")):
        made = quoted(engine(venue))
        report = send(made, "q", "BUY", quote_quantity=303)[-1]
        assert (report.status, report.filled) == (ended, d(filled)), venue
        assert report.filled_quote <= 303


def test_a_quote_amount_spent_to_the_last_coin_is_filled_on_both_venues():
    for venue in ("binance_us", "bybit"):
        assert brief(send(quoted(engine(venue)), "q", "BUY", quote_quantity=101)) == [("q", "NEW"), ("q", "FILLED")]


def test_bybit_bounds_how_far_a_market_order_walks():
    made = engine("bybit")
    book(made, [], [(100, 1), (105, 1), (d("105.1"), 1)])
    report = send(made, "m", "BUY", 3)[-1]
    assert (report.status, report.filled, report.reject_reason) == ("CANCELED", d(2), "EC_CancelForNoFullFill")


def test_post_only_never_takes():
    made = quoted(engine())
    (report,) = send(made, "p", "BUY", 1, 101, post_only=True)
    assert (report.status, report.reject_code, report.order_id) == ("REJECTED", "-2010", "")
    assert made.order("A", client_id="p") is None
    assert brief(send(made, "p", "BUY", 1, d("100.9"), post_only=True)) == [("p", "NEW")]
    made = quoted(engine("bybit"))
    (report,) = send(made, "p", "BUY", 1, 101, post_only=True)
    assert (report.status, report.reject_reason) == ("CANCELED", "EC_PostOnlyWillTakeLiquidity")
    assert made.order("A", client_id="p").status == "CANCELED"


def test_all_of_a_balance_can_be_used_and_not_a_step_more():
    for spec, more in (
        (order("a", "SELL", 10, 101), order("b", "SELL", "10.001", 101)),
        (order("a", "SELL", 10), order("b", "SELL", "10.001")),
        (order("a", "BUY", 1000, 100), order("b", "BUY", "1000.001", 100)),
        (order("a", "BUY", quote_quantity=100_000), order("b", "BUY", quote_quantity="100000.0001")),
        (
            order("a", "BUY", 500, 0, "STOP_LOSS", stop_price=200),
            order("b", "BUY", "500.001", 0, "STOP_LOSS", stop_price=200),
        ),
        (
            order("a", "SELL", 10, 0, "STOP_LOSS", stop_price=90),
            order("b", "SELL", "10.001", 0, "STOP_LOSS", stop_price=90),
        ),
    ):
        made = quoted(engine())
        assert made.submit("A", more, T0)[0].status == "REJECTED", more
        assert made.submit("A", spec, T0)[0].status != "REJECTED", spec


def test_the_dearer_of_both_fees_is_locked_and_none_where_fees_come_out_of_the_purchase():
    cases: list[Any] = [("quote", "99.297"), ("received", 99)]
    for charged_in, expected in cases:
        made = quoted(engine(fees=Fees(maker=d("0.003"), taker=d("-0.001"), charged_in=charged_in)))
        send(made, "a", "BUY", 1, 99)
        assert locked(made, "USDT") == d(expected)


def test_a_fee_on_top_of_a_purchase_is_locked_with_it():
    made = quoted(engine(fees=Fees(maker=d("0.001"), taker=d("0.002"), charged_in="quote")))
    assert send(made, "a", "BUY", 1000, 100)[0].status == "REJECTED"
    send(made, "a", "BUY", 100, 100)
    assert locked(made, "USDT") == 10_020
    trade(made, 99, 40, "SELL")
    assert locked(made, "USDT") == 6_012
    assert free(made, "USDT") == 100_000 - 6_012 - 4_004
    assert free(made, "BTC") == 50


@pytest.mark.parametrize(("venue", "code"), [("binance_us", "-2010"), ("bybit", "170131")])
def test_an_order_the_account_cannot_pay_is_refused_and_nothing_moves(venue, code):
    made = quoted(engine(venue))
    before = made.balances("A")
    for spec in (
        order("a", "BUY", 1011, 99), order("b", "SELL", 11, 101), order("c", "SELL", 11),
        order("d", "BUY", quote_quantity=100_001), order("e", "BUY", 1000, 0, "STOP_LOSS", stop_price=150),
    ):  # fmt: skip
        (report,) = made.submit("A", spec, T0)
        assert (report.status, report.reject_code) == ("REJECTED", code), spec.client_id
    assert made.balances("A") == before


def test_client_ids_are_unique_among_open_orders_on_one_venue_and_for_ever_on_the_other():
    for venue, code, again in (("binance_us", "-2010", "NEW"), ("bybit", "170141", "REJECTED")):
        made = quoted(engine(venue))
        send(made, "x", "BUY", 1, 99)
        (report,) = send(made, "x", "BUY", 1, 98)
        assert (report.status, report.reject_code) == ("REJECTED", code)
        assert brief(send(made, "x", "BUY", 1, 98, account="B")) == [("x", "NEW")], "another account's ids are its own"
        made.cancel("A", T0, client_id="x")
        assert send(made, "x", "BUY", 1, 98)[0].status == again


def test_cancels_are_idempotent_and_an_unknown_order_is_refused_in_the_venues_words():
    made = quoted(engine())
    send(made, "x", "BUY", 1, 99)
    (report,) = made.cancel("A", T0, client_id="x")
    assert (report.status, report.reject_code) == ("CANCELED", "")
    before = made.balances("A")
    (report,) = made.cancel("A", T0, client_id="x")
    assert (report.status, report.reject_code) == ("CANCELED", "-2011")
    assert made.order("A", client_id="x").reject_code == ""
    assert made.balances("A") == before
    with pytest.raises(Rejected) as caught:
        made.cancel("B", T0, client_id="x")
    assert caught.value.code == "-2011"


def test_cancel_all_keeps_to_its_account_and_symbol():
    made = quoted(engine())
    send(made, "a", "BUY", 1, 99)
    send(made, "s", "SELL", 1, 0, "STOP_LOSS", stop_price=90)
    send(made, "b", "BUY", 1, 99, account="B")
    assert made.cancel_all("A", T0, "ETHUSDT") == []
    assert brief(made.cancel_all("A", T0, SYMBOL)) == [("a", "CANCELED"), ("s", "CANCELED")]
    assert [r.spec.client_id for r in made.open_orders("B")] == ["b"]
    assert made.cancel_all("A", T0) == []


def test_latency_orders_wait_their_turn_and_one_accounts_requests_stay_in_order():
    made = quoted(engine(latency=Latency(fixed_ms=50, jitter_ms=40), seed=7))
    assert send(made, "a", "BUY", 1, 101) == []
    assert made.order("A", client_id="a") is None
    assert made.cancel("A", T0 + 1, client_id="a") == []
    assert made.advance(T0 + 49) == []
    reports = made.advance(T0 + 200)
    assert brief(reports) == [("a", "NEW"), ("a", "FILLED"), ("a", "FILLED")]
    assert reports[2].reject_code == "-2011"
    assert all(T0 + 50 <= r.at_ms <= T0 + 91 for r in reports)
    assert made.next_due_ms() is None


def test_a_request_on_its_way_meets_the_book_as_it_is_on_arrival():
    made = quoted(engine(latency=Latency(fixed_ms=50)))
    send(made, "a", "BUY", 1, 101)
    book(made, [(99, 1)], [(103, 1)], T0 + 49)
    (report,) = made.advance(T0 + 50)
    assert (report.status, report.filled, report.at_ms) == ("NEW", 0, T0 + 50)


def test_cancel_replace_succeeds_half_succeeds_or_stops():
    made = quoted(engine())
    send(made, "a", "BUY", 1, 99)
    assert brief(made.cancel_replace("A", order("b", "BUY", 1, 98), T0, client_id="a")) == [
        ("a", "CANCELED"),
        ("b", "NEW"),
    ]
    reports = made.cancel_replace("A", order("c", "BUY", 9999, 98), T0, client_id="b")
    assert brief(reports) == [("b", "CANCELED"), ("c", "REJECTED")]
    reports = made.cancel_replace("A", order("d", "BUY", 1, 98), T0, client_id="b")
    assert [(r.status, r.reject_code) for r in reports] == [("CANCELED", "-2011"), ("REJECTED", "-2022")]
    reports = made.cancel_replace("A", order("d", "BUY", 1, 98), T0, client_id="b", stop_on_failure=False)
    assert [r.status for r in reports] == ["CANCELED", "NEW"]
    with pytest.raises(Rejected):
        quoted(engine("bybit")).cancel_replace("A", order("d", "BUY", 1, 98), T0, client_id="b")


def test_closed_orders_are_forgotten_in_time_but_not_ids_that_must_stay_unique():
    made = quoted(engine("bybit", keep_closed=10))
    for number in range(40):
        send(made, f"o{number}", "BUY", 1, 90)
        made.cancel("A", T0, client_id=f"o{number}")
    assert len(made.snapshot().orders) <= 11
    assert send(made, "o0", "BUY", 1, 90)[0].reject_code == "170141"


def test_an_engine_serves_one_venue_and_names_what_is_missing():
    with pytest.raises(ValueError, match="one venue and category"):
        MatchingEngine({})
    with pytest.raises(ValueError, match="kraken"):
        MatchingEngine({SYMBOL: instrument("kraken")})
    with pytest.raises(KeyError, match="not open"):
        send(engine(), "a", "BUY", 1, 99, account="Z")
    with pytest.raises(ValueError, match="open already"):
        engine().open_account("A", {})
