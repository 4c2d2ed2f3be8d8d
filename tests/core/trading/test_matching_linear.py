"""Perpetuals: margin, profit and loss, reduce-only, funding, liquidation, mark-price triggers."""

from __future__ import annotations

import pytest

from core.trading.fees import Fees
from core.trading.positions_linear import Position
from core.venue import Rejected
from tests.core.trading.market import SYMBOL, T0, book, brief, d, engine, free, locked, quoted, send, trade

FREE = Fees(maker=d(0), taker=d(0))


def linear(**more):
    return quoted(engine("bybit", "linear", **more))


def leveraged(made, leverage=10, account="A"):
    made.set_leverage(account, SYMBOL, d(leverage), T0)
    return made


def position(made, account="A"):
    (held,) = made.positions(account)
    return held


def test_the_liquidation_price_of_the_method_sheet():
    held = Position(size=d(1), cost=d(100), margin=d(10))
    assert float(held.liquidation_price(d("0.005"))) == pytest.approx(90.4522613, rel=1e-9)
    short = Position(size=d(-1), cost=d(-100), margin=d(10))
    assert float(short.liquidation_price(d("0.005"))) == pytest.approx(110 / 1.005, rel=1e-12)
    assert Position().liquidation_price(d("0.005")) == 0
    assert Position(size=d(1), cost=d(100), margin=d(200)).liquidation_price(d("0.005")) == 0, "cannot be liquidated"


def test_opening_takes_margin_and_fee_and_closing_gives_margin_and_result():
    made = leveraged(linear())
    send(made, "o", "BUY", 2)
    assert locked(made, "USDT") == d("20.2")
    assert free(made, "USDT") == 100_000 - d("20.2") - d("0.404")
    held = position(made)
    assert (held.size, held.entry_price, held.margin, held.leverage) == (2, 101, d("20.2"), 10)
    made.on_mark(SYMBOL, d(103), T0)
    assert position(made).unrealised == 4
    book(made, [(110, 5)], [(111, 5)])
    send(made, "c", "SELL", 1, reduce_only=True)
    assert (position(made).realised, position(made).margin) == (9, d("10.1"))
    send(made, "c2", "SELL", 3)
    held = position(made)
    assert (held.size, held.entry_price, held.margin, held.realised) == (-2, 110, 22, 18), "a plain order may flip"
    assert free(made, "USDT") + locked(made, "USDT") == 100_000 + 18 - d("0.404") - 110 * 4 * d("0.002")


def test_reduce_only_never_opens_or_flips_and_ends_with_the_position():
    made = leveraged(linear(fees=FREE))
    assert send(made, "r", "SELL", 1, 105, reduce_only=True)[0].reject_code == "110017"
    send(made, "o", "BUY", 1)
    assert send(made, "r", "BUY", 1, 90, reduce_only=True)[0].reject_code == "110017"
    send(made, "r1", "SELL", 1, 105, reduce_only=True)
    send(made, "r2", "SELL", d("0.8"), 106, reduce_only=True)
    assert made.balances("A")["USDT"].locked == d("10.1")
    trade(made, 110, d("0.7"), "BUY")
    assert position(made).size == d("0.3")
    reports = trade(made, 110, 9, "BUY")
    assert brief(reports) == [("r1", "FILLED"), ("r2", "CANCELED")]
    assert made.positions("A") == []


def test_a_reduce_only_market_order_fills_no_more_than_the_position():
    made = leveraged(linear(fees=FREE))
    send(made, "o", "BUY", 1)
    reports = send(made, "c", "SELL", 2, reduce_only=True)
    assert brief(reports) == [("c", "NEW"), ("c", "PARTIALLY_FILLED"), ("c", "CANCELED")]
    assert reports[1].filled == 1
    assert made.positions("A") == []


def test_two_reduce_only_orders_in_one_trade_share_the_position():
    made = leveraged(linear(fees=FREE))
    send(made, "o", "BUY", 1)
    book(made, [(99, 1)], [(120, 1)])
    for name in ("r1", "r2"):
        send(made, name, "SELL", d("0.8"), 105, reduce_only=True)
    reports = trade(made, 105, 5, "BUY")
    assert [(r.spec.client_id, r.filled, r.status) for r in reports] == [
        ("r1", d("0.8"), "FILLED"), ("r2", d("0.2"), "PARTIALLY_FILLED"), ("r2", d("0.2"), "CANCELED"),
    ]  # fmt: skip


def test_orders_lock_only_what_opens_and_are_refused_beyond_the_money():
    made = leveraged(linear(fees=FREE), 1)
    assert send(made, "x", "BUY", 1011, 99)[0].reject_code == "110007"
    send(made, "o", "BUY", 1000, 99)
    assert locked(made, "USDT") == 99_000
    assert send(made, "p", "BUY", 20, 99)[0].reject_code == "110007"
    trade(made, 98, 1000, "SELL")
    send(made, "c", "SELL", 1000, 120)
    assert (free(made, "USDT"), locked(made, "USDT")) == (1_000, 99_000)
    assert send(made, "d", "SELL", 20, 120)[0].status == "REJECTED"


def test_all_of_the_free_money_can_open_a_position_and_not_a_step_more():
    for kind in (0, 99):
        made = leveraged(linear(), 1)
        book(made, [(98, 1)], [(100, 5000)])
        # Value and the dearer fee of 0.2 %: 100,000 / 1.002 / price.
        most, more = ("998.003", "998.004") if not kind else ("1008.084", "1008.085")
        assert send(made, "b", "BUY", more, kind)[0].reject_code == "110007"
        assert send(made, "a", "BUY", most, kind)[0].status == "NEW"
        assert free(made, "USDT") < 1


def test_a_reducing_order_needs_no_money_however_large_and_a_limit_order_needs_its_limit():
    made = leveraged(linear(fees=FREE), 1)
    book(made, [(99, 5000)], [(100, 900), (105, 5000)])
    send(made, "o", "BUY", 1000, 100)
    assert free(made, "USDT") == 0
    assert send(made, "r", "SELL", 2000, 120, reduce_only=True)[0].status == "NEW"
    made = leveraged(linear(fees=FREE), 1)
    book(made, [(99, 5000)], [(100, 900), (105, 5000)])
    assert send(made, "o", "BUY", 1000, 101)[0].reject_code == "110007"
    assert send(made, "p", "SELL", 1000, 99, time_in_force="IOC")[0].status == "NEW"


def test_a_larger_margin_must_be_there_before_leverage_falls():
    made = leveraged(linear(fees=FREE))
    book(made, [(99, 5000)], [(100, 5000)])
    send(made, "o", "BUY", 5000)
    assert (free(made, "USDT"), position(made).margin) == (50_000, 50_000)
    with pytest.raises(Rejected) as caught:
        made.set_leverage("A", SYMBOL, d(4), T0)
    assert caught.value.code == "110007"
    assert (position(made).leverage, position(made).margin) == (10, 50_000)
    made.set_leverage("A", SYMBOL, d(5), T0)
    assert (free(made, "USDT"), position(made).margin) == (0, 100_000)


def test_resting_orders_are_locked_anew_when_leverage_changes():
    made = leveraged(linear(fees=FREE))
    send(made, "o", "BUY", 1000, 99)
    assert locked(made, "USDT") == 9_900
    made.set_leverage("A", SYMBOL, d(2), T0)
    assert locked(made, "USDT") == 49_500


def test_a_loss_beyond_everything_is_borne_by_the_venue():
    made = engine("bybit", "linear", fees=FREE, accounts=())
    made.open_account("A", {"USDT": d(20)})
    leveraged(quoted(made))
    send(made, "o", "BUY", 1)
    book(made, [(50, 5)], [(60, 5)])
    send(made, "c", "SELL", 1, reduce_only=True)
    assert (free(made, "USDT"), locked(made, "USDT")) == (0, 0)
    assert made.total("USDT") == 20


def test_several_closing_orders_share_the_position_before_any_of_them_needs_money():
    made = leveraged(linear(fees=FREE), 1)
    send(made, "o", "BUY", 1000, 100)
    trade(made, 99, 1000, "SELL")
    for name, price in (("c1", 120), ("c2", 119), ("c3", 121)):
        assert brief(send(made, name, "SELL", 300, price)) == [(name, "NEW")]
    assert brief(trade(made, 119, 9999, "BUY")) == [("c2", "FILLED")]
    assert [r.spec.client_id for r in made.open_orders("A")] == ["c1", "c3"]
    assert send(made, "c4", "SELL", 100, 118)[0].status == "NEW"
    assert locked(made, "USDT") == position(made).margin == 70_000


def test_closing_orders_that_would_now_open_lock_or_end():
    made = leveraged(linear(fees=FREE), 1)
    send(made, "o", "BUY", 900, 99)
    trade(made, 98, 900, "SELL")
    send(made, "c", "SELL", 900, 120)
    book(made, [(50, 900)], [(130, 1)])
    reports = send(made, "out", "SELL", 900)
    assert brief(reports)[-1] == ("c", "CANCELED")
    assert reports[-1].reject_code == "110007"
    assert made.positions("A") == []


def test_stops_trigger_on_the_mark_price_when_asked_to():
    made = leveraged(linear(fees=FREE))
    send(made, "o", "BUY", 1)
    made.on_mark(SYMBOL, d(100), T0)
    send(made, "s", "SELL", 1, 0, "STOP_LOSS", stop_price=95, trigger_by="MARK", reduce_only=True)
    assert trade(made, 90, 1, "SELL") == []
    assert made.on_mark(SYMBOL, d("95.1"), T0) == []
    assert brief(made.on_mark(SYMBOL, d(95), T0)) == [("s", "NEW"), ("s", "FILLED")]


def test_a_reduce_only_stop_without_a_position_ends_when_it_triggers():
    made = linear()
    send(made, "s", "SELL", 1, 0, "STOP_LOSS", stop_price=95, reduce_only=True)
    (report,) = trade(made, 95, 1, "SELL")
    assert (report.status, report.reject_code) == ("CANCELED", "110017")


def test_attached_legs_reduce_only_and_go_with_the_position():
    made = leveraged(linear(fees=FREE))
    send(made, "e", "BUY", 1, 101, take_profit=110, stop_loss=95)
    assert [(r.spec.type, r.spec.reduce_only) for r in made.open_orders("A")] == [
        ("TAKE_PROFIT", True),
        ("STOP_LOSS", True),
    ]
    reports = send(made, "out", "SELL", 1, reduce_only=True)
    assert [r.reject_reason for r in reports[-2:]] == ["CancelByTpSlTsClear"] * 2
    assert made.open_orders("A") == []


def test_longs_pay_positive_funding_and_shorts_receive_it():
    made = leveraged(linear(fees=FREE))
    send(made, "l", "BUY", 1)
    send(made, "s", "SELL", 2, account="B")
    made.on_mark(SYMBOL, d(100), T0)
    before = free(made, "USDT"), free(made, "USDT", "B")
    payments, _ = made.on_funding(SYMBOL, d("0.0001"), T0)
    assert [(p.account, p.size, p.paid) for p in payments] == [("A", 1, d("0.01")), ("B", -2, d("-0.02"))]
    assert (free(made, "USDT"), free(made, "USDT", "B")) == (before[0] - d("0.01"), before[1] + d("0.02"))
    assert position(made).funding == d("0.01")


def test_nobody_pays_funding_without_a_position_or_a_mark_price():
    made = linear(fees=FREE)
    send(made, "l", "BUY", 1)
    made.set_leverage("B", SYMBOL, d(3), T0)
    assert made.on_funding(SYMBOL, d("0.0001"), T0) == ([], [])
    made.on_mark(SYMBOL, d(100), T0)
    assert [p.account for p in made.on_funding(SYMBOL, d("0.0001"), T0)[0]] == ["A"]


def test_funding_that_free_money_cannot_pay_comes_out_of_the_margin():
    made = engine("bybit", "linear", fees=FREE, accounts=())
    made.open_account("A", {"USDT": d(101)})
    quoted(made)
    send(made, "l", "BUY", 1)
    made.on_mark(SYMBOL, d(100), T0)
    made.on_funding(SYMBOL, d("0.1"), T0)
    assert (free(made, "USDT"), position(made).margin) == (0, 91)


def test_liquidation_takes_the_margin_the_position_and_its_orders_and_no_more():
    made = leveraged(linear(fees=FREE))
    send(made, "o", "BUY", 1)
    send(made, "r", "SELL", 1, 120, reduce_only=True)
    price = position(made).liquidation_price
    assert made.on_mark(SYMBOL, price + d("0.001"), T0) == []
    before = free(made, "USDT")
    reports = made.on_mark(SYMBOL, price - d("0.001"), T0)
    assert [(r.status, r.reject_reason) for r in reports] == [("CANCELED", "Liquidation"), ("FILLED", "Liquidation")]
    assert reports[1].fill.price == d("90.9")
    assert (made.positions("A"), free(made, "USDT"), locked(made, "USDT")) == ([], before, 0)
    assert made.on_mark(SYMBOL, d(1), T0) == []


def test_a_short_is_liquidated_from_above():
    made = leveraged(linear(fees=FREE))
    send(made, "o", "SELL", 1)
    price = position(made).liquidation_price
    assert float(price) == pytest.approx(99 * 1.1 / 1.005)
    assert made.on_mark(SYMBOL, price - d("0.001"), T0) == []
    assert made.on_mark(SYMBOL, price + d("0.001"), T0)[0].fill.side == "BUY"


def test_leverage_stays_within_the_rules_and_moves_margin():
    made = leveraged(linear(fees=FREE, leverage_step=d("0.5")))
    send(made, "o", "BUY", 1)
    made.set_leverage("A", SYMBOL, d(5), T0)
    assert (position(made).margin, locked(made, "USDT")) == (d("20.2"), d("20.2"))
    for bad in (d("0.5"), d(101), d("5.3")):
        with pytest.raises(Rejected) as caught:
            made.set_leverage("A", SYMBOL, bad, T0)
        assert caught.value.code == "110013"
    with pytest.raises(Rejected):
        quoted(engine("bybit")).set_leverage("A", SYMBOL, d(5), T0)
