"""Stops, targets, OCO pairs, attached legs and amending, on spot."""

from __future__ import annotations

from typing import Any

import pytest

from core.venue import Rejected
from tests.core.trading.market import T0, book, brief, d, engine, free, locked, order, quoted, send, trade


@pytest.mark.parametrize(
    ("side", "kind", "stop", "before", "at"),
    [
        ("SELL", "STOP_LOSS", 95, "95.1", 95), ("SELL", "TAKE_PROFIT", 105, "104.9", 105),
        ("BUY", "STOP_LOSS", 105, "104.9", 105), ("BUY", "TAKE_PROFIT", 95, "95.1", 95),
    ],
)  # fmt: skip
def test_each_kind_triggers_from_its_own_side_and_not_before(side, kind, stop, before, at):
    made = quoted(engine())
    assert brief(send(made, "s", side, 1, 0, kind, stop_price=stop)) == [("s", "UNTRIGGERED")]
    assert trade(made, before, 1, "BUY") == []
    assert brief(trade(made, at, 1, "BUY")) == [("s", "NEW"), ("s", "FILLED")]


@pytest.mark.parametrize(("venue", "rise", "fall"), [("binance_us", "-2010", "-2010"), ("bybit", "170203", "170204")])
def test_a_trigger_on_the_wrong_side_of_the_market_is_refused(venue, rise, fall):
    made = quoted(engine(venue))
    for side, kind, code in (
        ("SELL", "STOP_LOSS", fall), ("BUY", "TAKE_PROFIT", fall), ("BUY", "STOP_LOSS", rise), ("SELL", "TAKE_PROFIT", rise),
    ):  # fmt: skip
        (report,) = send(made, "s", side, 1, 0, kind, stop_price=100)
        assert (report.status, report.reject_code) == ("REJECTED", code)


def test_a_stop_limit_becomes_a_limit_order_that_may_not_fill_as_the_price_gaps():
    made = quoted(engine())
    send(made, "s", "SELL", 1, 94, "STOP_LOSS_LIMIT", stop_price=95)
    assert locked(made, "BTC") == 1
    book(made, [(90, 5)], [(101, 1)])
    assert brief(trade(made, 90, 1, "SELL")) == [("s", "NEW")]
    (resting,) = made.open_orders("A")
    assert (resting.status, resting.filled, locked(made, "BTC")) == ("NEW", 0, 1)


def test_triggered_orders_fire_by_time_of_arrival():
    made = quoted(engine())
    send(made, "first", "SELL", 2, 0, "STOP_LOSS", stop_price=94)
    send(made, "second", "SELL", 2, 0, "STOP_LOSS", stop_price=95)
    reports = trade(made, 90, 1, "SELL")
    assert [(r.spec.client_id, r.fill.price) for r in reports if r.fill] == [("first", d(99)), ("second", d(98))]


def test_a_stop_that_cannot_be_paid_when_it_triggers_ends_with_the_reason():
    made = quoted(engine())
    send(made, "s", "BUY", 990, 0, "STOP_LOSS", stop_price=101)
    book(made, [(99, 1)], [(110, 5000)])
    report = trade(made, 110, 1, "BUY")[-1]
    assert (report.status, report.reject_code, locked(made, "USDT")) == ("EXPIRED", "-2010", 0)


def oco(made, price=105, stop=95, quantity=1, side="SELL", limit=0, **more):
    kind = "STOP_LOSS_LIMIT" if limit else "STOP_LOSS"
    return made.submit_oco(
        "A",
        order("tp", side, quantity, price, post_only=True, list_id="L", **more),
        order("sl", side, quantity, limit, kind, stop_price=stop, list_id="L"),
        T0,
    )


def test_an_oco_locks_once_and_its_limit_leg_ends_the_stop_at_the_first_fill():
    made = quoted(engine())
    assert brief(oco(made)) == [("tp", "NEW"), ("sl", "UNTRIGGERED")]
    assert locked(made, "BTC") == 1
    assert brief(trade(made, 106, d("0.4"), "BUY")) == [("tp", "PARTIALLY_FILLED"), ("sl", "EXPIRED")]
    assert locked(made, "BTC") == d("0.6")
    assert trade(made, 90, 1, "SELL") == []
    assert brief(trade(made, 106, 9, "BUY")) == [("tp", "FILLED")]
    assert locked(made, "BTC") == 0


def test_the_stop_leg_of_an_oco_ends_the_limit_leg_when_it_triggers():
    made = quoted(engine())
    oco(made, limit=90)
    assert brief(trade(made, 95, 1, "SELL")) == [("tp", "EXPIRED"), ("sl", "NEW"), ("sl", "FILLED")]
    assert (locked(made, "BTC"), free(made, "BTC")) == (0, 9)


def test_an_oco_to_buy_locks_the_dearer_leg():
    made = quoted(engine())
    oco(made, 95, 105, 2, "BUY", 106)
    assert locked(made, "USDT") == 212
    assert brief(trade(made, 94, d("0.5"), "SELL")) == [("tp", "PARTIALLY_FILLED"), ("sl", "EXPIRED")]
    assert locked(made, "USDT") == d("1.5") * 95


def test_cancelling_either_leg_of_an_oco_cancels_both():
    for leg in ("tp", "sl"):
        made = quoted(engine())
        oco(made)
        assert sorted(brief(made.cancel("A", T0, client_id=leg))) == [("sl", "CANCELED"), ("tp", "CANCELED")]
        assert locked(made, "BTC") == 0


def test_a_wrong_oco_is_refused_as_a_whole():
    made = quoted(engine())
    for case, code in (
        ({"price": 100}, "-2010"), ({"stop": 100}, "-2010"), ({"quantity": 11}, "-2010"), ({"reduce_only": True}, "-1106"),
    ):  # fmt: skip
        reports = oco(made, **case)
        assert [(r.status, r.reject_code) for r in reports] == [("REJECTED", code)] * 2, case
    assert made.open_orders("A") == []
    book(made, [(106, 1)], [(107, 1)])
    assert oco(made)[0].reject_reason == "Order would immediately match and take."
    assert [r.status for r in oco(quoted(engine("bybit")))] == ["REJECTED"] * 2


def test_order_lists_are_counted():
    made = quoted(engine(max_order_lists=1))
    send(made, "plain", "BUY", 1, 99)
    assert oco(made)[0].status == "NEW"
    reports = made.submit_oco(
        "A", order("t2", "SELL", 1, 105, post_only=True, list_id="M"),
        order("s2", "SELL", 1, 0, "STOP_LOSS", stop_price=95, list_id="M"), T0,
    )  # fmt: skip
    assert reports[0].reject_reason == "Filter failure: MAX_NUM_ORDER_LISTS"


def test_attached_legs_come_to_life_with_the_fill_grow_with_it_and_bind_each_other():
    made = quoted(engine("bybit"))
    assert brief(send(made, "e", "BUY", 2, 99, take_profit=105, stop_loss=95)) == [("e", "NEW")]
    reports = trade(made, 99, 3, "SELL")
    assert [(r.spec.type, r.status, r.spec.quantity, r.spec.list_id) for r in reports[1:]] == [
        ("TAKE_PROFIT", "UNTRIGGERED", d("0.999"), "e"), ("STOP_LOSS", "UNTRIGGERED", d("0.999"), "e"),
    ]  # fmt: skip
    assert locked(made, "BTC") == d("0.999")
    trade(made, 99, d("0.5"), "SELL")
    assert [r.spec.quantity for r in made.open_orders("A")[1:]] == [d("1.498")] * 2
    assert locked(made, "BTC") == d("1.498")
    book(made, [(104, 5)], [(106, 5)])
    reports = trade(made, 105, d("0.1"), "BUY")
    assert [(r.spec.type, r.status) for r in reports] == [
        ("STOP_LOSS", "CANCELED"), ("TAKE_PROFIT", "NEW"), ("TAKE_PROFIT", "FILLED"),
    ]  # fmt: skip
    assert reports[0].reject_reason == "CancelByTpSlTsClear"


def test_cancelling_one_attached_leg_leaves_the_other_with_its_money():
    made = quoted(engine("bybit"))
    send(made, "e", "BUY", 1, 101, take_profit=110, stop_loss=95)
    target, stop = made.open_orders("A")
    assert [r.order_id for r in made.cancel("A", T0, order_id=target.order_id)] == [target.order_id]
    assert [r.order_id for r in made.open_orders("A")] == [stop.order_id]
    assert locked(made, "BTC") == stop.spec.quantity


def test_attached_legs_that_cannot_be_paid_are_refused_and_the_fill_stands():
    made = quoted(engine("bybit", accounts=()))
    made.open_account("A", {"BTC": d(1)})
    reports = send(made, "e", "SELL", 1, 99, stop_loss=105)
    assert [(r.spec.type, r.status, r.reject_code) for r in reports] == [
        ("LIMIT", "NEW", ""), ("LIMIT", "FILLED", ""), ("STOP_LOSS", "REJECTED", "170131"),
    ]  # fmt: skip
    assert made.open_orders("A") == []


def test_a_single_attached_leg_and_an_entry_that_ends_partly_filled_stay_protected():
    made = quoted(engine("bybit"))
    send(made, "e", "BUY", 3, 101, time_in_force="IOC", stop_loss=95)
    (leg,) = made.open_orders("A")
    assert (leg.spec.type, leg.spec.quantity) == ("STOP_LOSS", d("1.996"))
    assert made.order("A", client_id="e").status == "CANCELED"
    assert [r.status for r in trade(made, 95, 1, "SELL")][-1] == "FILLED"


def test_no_leg_is_made_for_less_than_a_lot():
    made = quoted(engine("bybit"))
    assert brief(send(made, "e", "BUY", "0.001", 101, stop_loss=95)) == [("e", "NEW"), ("e", "FILLED")]
    assert made.open_orders("A") == []


def test_attached_prices_must_lie_around_the_entry_and_the_venue_must_know_them():
    made = quoted(engine("bybit"))
    cases: list[dict[str, Any]] = [{"take_profit": 99}, {"stop_loss": 99}, {"take_profit": 90, "stop_loss": 80}]
    for bad in cases:
        assert send(made, "e", "BUY", 1, 99, **bad)[0].status == "REJECTED"
    assert send(made, "e", "SELL", 1, 99, stop_loss=90)[0].status == "REJECTED"
    assert send(quoted(engine()), "e", "BUY", 1, 99, take_profit=105)[0].reject_code == "-1106"


def test_amending_down_keeps_the_place_in_the_queue_and_up_loses_it():
    for quantity, first in ((d("0.5"), "a"), (d(2), "b")):
        made = quoted(engine("bybit"))
        send(made, "a", "BUY", 1, d("99.5"))
        send(made, "b", "BUY", 1, d("99.5"), account="B")
        (report,) = made.amend("A", T0, client_id="a", quantity=quantity)
        assert (report.status, report.spec.quantity) == ("NEW", quantity)
        assert locked(made, "USDT") == quantity * d("99.5")
        assert trade(made, d("99.5"), d("0.1"), "SELL")[0].spec.client_id == first


def test_amending_the_price_can_take_and_keeps_what_was_filled():
    made = quoted(engine("bybit"))
    send(made, "a", "BUY", 2, d("99.5"))
    trade(made, d("99.5"), d("0.5"), "SELL")
    reports = made.amend("A", T0, client_id="a", price=d(101))
    assert [(r.status, r.filled) for r in reports] == [("PARTIALLY_FILLED", d("0.5")), ("FILLED", d(2))]
    assert locked(made, "USDT") == 0


def test_an_amend_that_may_not_be_leaves_the_order_as_it_was():
    made = quoted(engine("bybit"))
    send(made, "a", "BUY", 2, d("99.5"))
    trade(made, d("99.5"), d("0.5"), "SELL")
    before = made.order("A", client_id="a"), made.balances("A")
    for change in (
        {"stop_price": d(90)},
        {"quantity": d("0.5")}, {"quantity": d("1.0001")}, {"price": d("99.55")}, {"quantity": d(2000)}, {"price": d("99.5")},
    ):  # fmt: skip
        (report,) = made.amend("A", T0, client_id="a", **change)
        assert report.reject_code, change
        assert report.status == "PARTIALLY_FILLED"
    assert (made.order("A", client_id="a"), made.balances("A")) == before
    made.cancel("A", T0, client_id="a")
    assert made.amend("A", T0, client_id="a", price=d(98))[0].reject_code == "170213"
    with pytest.raises(Rejected):
        quoted(engine()).amend("A", T0, client_id="a", price=d(98))


def test_an_amended_price_keeps_to_the_venues_band():
    made = quoted(engine("bybit", ask_down_ratio=d("0.9")))
    send(made, "a", "SELL", 1, 105)
    assert made.amend("A", T0, client_id="a", price=d(89))[0].reject_code == "170133"
    assert made.amend("A", T0, client_id="a", price=d(104))[0].spec.price == 104


def test_amending_a_waiting_stop_moves_its_trigger_and_its_lock():
    made = quoted(engine("bybit"))
    send(made, "s", "BUY", 1, 0, "STOP_LOSS", stop_price=105)
    made.amend("A", T0, client_id="s", stop_price=d(103))
    assert locked(made, "USDT") == 103
    assert made.amend("A", T0, client_id="s", stop_price=d(99))[0].reject_code == "170203"
    assert brief(trade(made, 103, 1, "BUY"))[0] == ("s", "NEW")
