"""The parts of the matching engine on their own: outside book, queue, fees, ledger, positions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import Side
from core.trading.balances import Balance, Ledger
from core.trading.execution import ReduceCaps
from core.trading.fees import Fees
from core.trading.market_side import LevelBook
from core.trading.matching_state import State
from core.trading.order_queue import Demand, OrderQueue, share, walk
from core.trading.positions_linear import Position, initial_margin
from core.trading.working import Working
from tests.core.trading.market import d, instrument, order

CAPS = ReduceCaps(State())


def resting(account, side, quantity, price, priority, ahead=0):
    spec = order(f"{account}{priority}", side, quantity, price)
    return Working(account=account, spec=spec, order_id=str(priority), priority=priority, status="NEW", ahead=d(ahead))


def test_the_average_price_is_volume_weighted_over_whole_minutes_and_falls_back_to_the_last():
    book = LevelBook()
    assert book.average(0, 5) == 0
    for at_ms, price, size in ((0, 100, 1), (59_999, 200, 1), (120_000, 300, 2)):
        book.traded(d(price), d(size), at_ms, 5)
    assert book.average(120_000, 5) == 225
    assert book.average(120_000, 1) == 300
    assert book.average(120_000, 0) == 300
    assert book.average(900_000, 5) == 300
    book.traded(d(10), d(1), 300_000, 5)
    assert [minute for minute, _, _ in book.minutes] == [2, 5]


def test_taking_more_than_a_level_has_is_an_error():
    book = LevelBook()
    book.update([], [(d(101), d(1))], snapshot=True)
    with pytest.raises(ValueError, match="only 1 is there"):
        book.take("SELL", d(101), d(2))
    book.take("SELL", d(101), d(1))
    assert book.best("SELL") == 0


def test_the_outside_part_ahead_goes_first_then_makers_by_time_then_the_rest():
    makers = [resting("A", "SELL", 1, 101, 1, ahead=2), resting("B", "SELL", 1, 101, 2, ahead=3)]
    steps: list[Any] = list(share(d(101), d(5), makers, d(10), CAPS))
    assert [(s.quantity, s.maker.account if s.maker else "") for s in steps] == [
        (2, ""), (1, "A"), (1, ""), (1, "B"), (2, ""),
    ]  # fmt: skip
    assert [s.quantity for s in share(d(101), d(1), makers, d("1.5"), CAPS)] == [1, d("0.5")], (
        "less is there than was ahead"
    )


def test_a_taker_by_quote_buys_whole_lots_and_stops_when_less_than_one_is_left():
    book = LevelBook()
    book.update([], [(d(101), d(1)), (d(102), d(1))], snapshot=True)
    steps: list[Any] = walk(book, OrderQueue(), Demand("BUY", "A", d(0), d(150), d("0.1"), None), CAPS)[0]
    assert [(s.price, s.quantity) for s in steps] == [(101, 1), (102, d("0.4"))]


def test_a_taker_stops_at_its_limit_and_its_quantity():
    book = LevelBook()
    book.update([(d(99), d(1)), (d(98), d(1))], [], snapshot=True)
    queue = OrderQueue([resting("B", "BUY", 1, 99, 1), resting("B", "BUY", 1, 97, 2)])
    for quantity, limit, expected in ((9, 98, [99, 99, 98]), (9, 97, [99, 99, 98, 97]), (1, 90, [99])):
        steps, met = walk(book, queue, Demand("SELL", "A", d(quantity), d(0), d(1), d(limit)), CAPS)
        assert [s.price for s in steps] == expected
        assert met == []


def test_fees_are_taken_in_what_comes_in_and_never_exceed_it():
    spot, linear = instrument(), instrument("bybit", "linear")
    step = d("0.01")
    fees = Fees(maker=d("0.001"), taker=d("0.002"))
    assert fees.of(spot, "BUY", d(100), d(1), False, step) == (d("0.01"), "BTC")
    assert fees.of(spot, "SELL", d(100), d("1.01"), False, step) == (d("0.21"), "USDT")
    assert fees.of(spot, "SELL", d(100), d("1.01"), True, d(0)) == (d("0.101"), "USDT")
    assert fees.of(spot, "BUY", d(100), d("0.001"), False, step) == (d("0.001"), "BTC")
    assert fees.of(spot, "SELL", d("0.001"), d(1), False, step) == (d("0.001"), "USDT")
    assert fees.of(linear, "BUY", d(100), d("1.01"), False, step) == (d("0.21"), "USDT")
    quote = Fees(taker=d("0.002"), charged_in="quote")
    assert quote.of(spot, "BUY", d(100), d("1.01"), False, step) == (d("0.2"), "USDT")
    rebate = Fees(maker=d("-0.001"))
    assert rebate.of(spot, "BUY", d(100), d(1), True, step) == (d("-0.1"), "USDT")


def test_a_ledger_moves_nothing_it_does_not_have():
    ledger = Ledger(accounts={"A": {"USDT": Balance(free=d(5))}})
    assert not ledger.lock("A", "USDT", d("5.01"))
    assert ledger.lock("A", "USDT", d(5))
    with pytest.raises(ValueError, match="free"):
        ledger.add_free("A", "USDT", d("-0.01"))
    with pytest.raises(ValueError, match="locked"):
        ledger.unlock("A", "USDT", d("5.01"))
    with pytest.raises(KeyError, match="not open"):
        ledger.balance("Z", "USDT")
    assert ledger.total("USDT") == 5


MONEY = st.integers(1, 10**6).map(lambda n: Decimal(n) / 1000)


@given(st.lists(st.tuples(st.booleans(), MONEY, MONEY), min_size=1, max_size=12), st.integers(1, 100))
def test_what_a_position_pays_out_is_what_its_trades_made(trades, leverage):
    held = Position(leverage=Decimal(leverage))
    cash = margin = result = Decimal(0)
    for buy, quantity, price in trades:
        side: Side = "BUY" if buy else "SELL"
        cash += -quantity * price if buy else quantity * price
        reducing = min(quantity, held.reducible(side))
        if reducing:
            profit, released = held.reduce(side, reducing, price)
            result += profit
            margin -= released
        if quantity > reducing:
            more = initial_margin(quantity - reducing, price, held.leverage)
            held.open(side, quantity - reducing, price, more)
            margin += more
        assert held.margin == margin >= 0
        assert result - held.cost == cash, "booked result and open cost explain every payment exactly"
        assert held.realised == result
    if not held.size:
        assert (held.cost, held.margin) == (Decimal(0), Decimal(0))


@given(MONEY, MONEY, st.integers(2, 100), st.booleans(), st.integers(1, 20))
def test_a_position_is_liquidated_on_one_side_of_its_liquidation_price_only(quantity, price, leverage, long, mmr):
    maintenance = Decimal(mmr) / 10_000
    held = Position(leverage=Decimal(leverage))
    held.open("BUY" if long else "SELL", quantity, price, initial_margin(quantity, price, Decimal(leverage)))
    at = held.liquidation_price(maintenance)
    worse, better = (d("0.999"), d("1.001")) if long else (d("1.001"), d("0.999"))
    assert held.liquidated_at(at * worse, maintenance)
    assert not held.liquidated_at(at * better, maintenance)
    bankrupt = held.bankruptcy_price()
    assert bankrupt <= at if long else bankrupt >= at
    assert abs(held.margin + held.unrealised(bankrupt)) < d("1e-9")


def test_a_position_refuses_moves_that_make_no_sense():
    held = Position(size=d(1), cost=d(100), margin=d(10))
    with pytest.raises(ValueError, match="can be reduced by 1"):
        held.reduce("SELL", d(2), d(100))
    with pytest.raises(ValueError, match="reduce it first"):
        held.open("SELL", d(1), d(100), d(10))
