"""What a running trade asks for, at the edges of every comparison."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from core.settings_trading import Trading
from core.trading.evidence import Acknowledged
from core.trading.order_reducer import apply
from core.trading.plan import Target, TradePlan
from core.trading.position_book import Position
from core.trading.trade import Trade
from core.trading.trade_course import (
    entry_is_over,
    program_stop,
    stop_is_late,
    target_met,
    time_is_up,
    why_not_closed,
    why_not_there,
)
from core.trading.venue_features import BYBIT_LINEAR, BYBIT_SPOT
from tests.core.trading.market import SYMBOL, d
from tests.core.trading.test_position_book import order
from tests.core.trading.test_protection import terms


def trade(**more: Any) -> Trade:
    plan = TradePlan(
        at_ms=1_000, trade_id="e", symbol=SYMBOL, side="BUY", quantity=d(1), entry=d(100), stop=d(95),
        targets=(Target(d(105), d("0.5")),), time_stop_ms=60_000,
    )  # fmt: skip
    made = Trade(replace(plan, **more), 0.0)
    made.position = Position(
        symbol=SYMBOL, trade_id="e", side="BUY", entered=d(1), entry_value=d(100), opened_ms=5_000, changed_ms=5_000
    )
    return made


def with_orders(made: Trade, **stop: Any) -> Trade:
    """A working entry, and a stop that stands."""
    entry, _ = apply(order("e", "BUY", 1), Acknowledged(client_id="e", at_ms=1_000, order_id="v"))
    guard = order("s", "SELL", 1, parent="e")
    spec = replace(guard.intent.spec, type="STOP_LOSS", price=d(0), stop_price=d(95))
    guard = replace(guard, intent=replace(guard.intent, spec=spec, intent_id="stop:-1 e 1", purpose="PROTECTION"))
    guard, _ = apply(guard, Acknowledged(client_id="s", at_ms=1_000, order_id="w"))
    made.orders.update(e=entry, s=guard)
    return made


@pytest.mark.parametrize(("now_ms", "wait_s", "over"), [(30_999, 30, False), (31_000, 30, True), (10**9, 0, False)])
def test_an_entry_waits_so_long(now_ms: int, wait_s: float, over: bool) -> None:
    made = with_orders(trade())
    assert entry_is_over(made, now_ms, Trading(entry_expires_s=wait_s)) is over


def test_the_first_exit_ends_the_entry() -> None:
    made = with_orders(trade())
    assert made.position is not None
    assert not entry_is_over(made, 2_000, Trading())
    made.position = replace(made.position, exited=d("0.001"))
    assert entry_is_over(made, 2_000, Trading())


@pytest.mark.parametrize(("now_ms", "up"), [(64_999, False), (65_000, True)])
def test_the_time_stop_counts_from_the_first_fill(now_ms: int, up: bool) -> None:
    assert time_is_up(trade(), now_ms) is up
    assert not time_is_up(trade(time_stop_ms=0), now_ms)
    empty = trade()
    empty.position = None
    assert not time_is_up(empty, now_ms)


@pytest.mark.parametrize(("price", "met"), [("104.9", False), ("105", True), ("0", False)])
def test_a_target_is_met_at_its_price(price: str, met: bool) -> None:
    made = trade()
    made.price = d(price)
    found = target_met(made, terms(BYBIT_SPOT, targets=made.plan.targets))
    assert (found is not None) is met
    if found is not None:
        assert (found.until, found.key, found.act) == (d("0.5"), 0, "EXIT")


def test_a_stop_is_late_so_long_after_it_was_met() -> None:
    made = with_orders(trade())
    made.price = d("95.1")
    assert not stop_is_late(made, BYBIT_SPOT, 10.0, 5.0)
    made.price = d(95)
    assert [stop_is_late(made, BYBIT_SPOT, now, 5.0) for now in (10.0, 14.9, 15.0)] == [False, False, True]
    made.price = d(0)  # nothing is known: nothing was met
    assert not stop_is_late(made, BYBIT_SPOT, 20.0, 5.0)


def test_the_stop_of_a_perpetual_is_held_against_the_mark() -> None:
    made = with_orders(trade())
    made.price, made.mark = d(94), d(96)
    assert not stop_is_late(made, BYBIT_LINEAR, 10.0, 0.0)
    made.mark = d(95)
    assert stop_is_late(made, BYBIT_LINEAR, 10.0, 0.0)


@pytest.mark.parametrize(
    ("price", "stop", "passed"), [("95.1", 95, False), ("95", 95, True), ("0", 95, False), ("90", 0, False)]
)
def test_the_program_s_own_stop(price: str, stop: int, passed: bool) -> None:
    made = trade()
    made.price, made.stop = d(price), d(stop)
    assert program_stop(made, BYBIT_SPOT) is passed


@pytest.mark.parametrize(
    ("stop", "words"),
    [("0", "above 0"), ("-1", "above 0"), ("94.9", "farther"), ("95", ""), ("99.9", ""), ("100", "past the market")],
)
def test_where_the_operator_may_put_the_stop(stop: str, words: str) -> None:
    made = trade()
    made.price = d(100)
    told = why_not_there(made, d(stop), terms(BYBIT_SPOT), BYBIT_SPOT)
    assert (words in told) if words else told == ""


def test_without_a_price_or_a_planned_stop_only_the_other_rule_holds() -> None:
    made = trade(stop=d(0))
    assert why_not_there(made, d(50), terms(BYBIT_SPOT), BYBIT_SPOT) == ""


@pytest.mark.parametrize(
    ("quantity", "words"),
    [("0", ""), ("1", ""), ("1.001", "cannot be closed"), ("-1", "cannot be closed"), ("0.09", "too little to sell"),
     ("0.5", ""), ("0.95", "would be left"), ("0.9995", "")],
)  # fmt: skip
def test_how_much_may_be_closed(quantity: str, words: str) -> None:
    made = trade()
    made.price = d(100)
    told = why_not_closed(made, d(quantity), terms(BYBIT_SPOT))
    assert (words in told) if words else told == ""
