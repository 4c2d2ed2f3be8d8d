"""Positions are the net of our own fills: any order of arrival and any doubling gives the same, and money is conserved."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.messages import Side
from core.trading.evidence import Reported
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec
from core.trading.order_record import Intent, OrderRecord, born
from core.trading.order_reducer import apply
from core.trading.position_book import PositionBook, sellable
from tests.core.trading.evidence_builders import PATH, T0
from tests.core.trading.market import SYMBOL, d, instrument


def book(category: str = "spot") -> PositionBook:
    rule = instrument("binance_us" if category == "spot" else "bybit", category)
    return PositionBook(lambda symbol: rule)


def order(client_id: str, side: Any, quantity: Any, parent: str = "") -> OrderRecord:
    spec = OrderSpec(client_id=client_id, symbol=SYMBOL, side=side, type="LIMIT", quantity=d(quantity), price=d(100))
    purpose: Any = "EXIT" if parent else "ENTRY"
    record = born(Intent(at_ms=T0, intent_id=client_id, purpose=purpose, spec=spec, parent=parent))
    for piece in PATH:
        record, _ = apply(record, replace(piece, client_id=client_id))
    return record


def filled(record: OrderRecord, *fills: tuple[Any, Any, Any, str]) -> OrderRecord:
    """The order with these fills: quantity, price, fee, fee asset."""
    for quantity, price, fee, asset in fills:
        spec, done = record.spec, record.filled + d(quantity)
        fill = Fill(
            trade_id=f"{record.client_id}-{done}", order_id=f"v{record.client_id}", client_id=record.client_id,
            symbol=SYMBOL, side=spec.side, price=d(price), quantity=d(quantity), cumulative=done, fee=d(fee),
            fee_asset=asset, maker=False, at_ms=T0 + 100,
        )  # fmt: skip
        report = OrderReport(
            order_id=fill.order_id, spec=spec, status="FILLED" if done >= spec.quantity else "PARTIALLY_FILLED",
            filled=done, filled_quote=ZERO, at_ms=T0 + 100, fill=fill,
        )  # fmt: skip
        record, _ = apply(record, Reported(client_id=record.client_id, at_ms=T0 + 100, report=report, channel="STREAM"))
    return record


def test_fees_in_base_are_not_held_and_coins_held_before_are_in_no_sum() -> None:
    position = book().apply(filled(order("e", "BUY", 2), (2, 100, "0.002", "BTC")))
    assert position is not None
    assert (position.quantity, position.entry_price, position.received) == (d("1.998"), d(100), d("1.998"))
    assert position.fees == d("0.2")
    assert position.result(d(100)) == d("-0.2")


def test_average_entry_realised_and_unrealised() -> None:
    made = book()
    made.apply(filled(order("e", "BUY", 2), (1, 100, 1, "USDT"), (1, 110, 1, "USDT")))
    position = made.apply(filled(order("x", "SELL", 1, parent="e"), (1, 120, 1, "USDT")))
    assert position is not None
    assert (position.entry_price, position.exit_price, position.quantity) == (d(105), d(120), d(1))
    assert (position.realised, position.unrealised(d(100))) == (d(12), d(-5))


def test_a_short_is_negative_and_earns_when_the_price_falls() -> None:
    made = book("linear")
    made.apply(filled(order("e", "SELL", 2), (2, 100, 1, "USDT")))
    position = made.apply(filled(order("x", "BUY", 1, parent="e"), (1, 90, 0, "USDT")))
    assert position is not None
    assert (position.quantity, position.size, position.realised) == (d(-1), d(1), d(9))
    assert position.unrealised(d(80)) == d(20)


def test_a_filled_quantity_without_its_fills_counts_at_the_price_that_is_known() -> None:
    record = order("e", "BUY", 2)
    report = OrderReport(
        order_id="v", spec=record.spec, status="FILLED", filled=d(2), filled_quote=d(198), at_ms=T0 + 9
    )
    record, _ = apply(record, Reported(client_id="e", at_ms=T0 + 9, report=report, channel="QUERY"))
    position = book().apply(record)
    assert position is not None
    assert (position.quantity, position.entry_price, position.unexplained) == (d("1.995"), d(99), d(2))


def test_a_liquidation_counts_once_when_it_is_told() -> None:
    made = book("linear")
    made.apply(filled(order("e", "BUY", 2), (2, 100, 0, "USDT")))
    taken = Fill(
        trade_id="liq", order_id="z", client_id="", symbol=SYMBOL, side="SELL", price=d(80), quantity=d(2),
        cumulative=ZERO, fee=d(1), fee_asset="USDT", maker=False, at_ms=T0 + 200,
    )  # fmt: skip
    made.outside("e", taken)
    position = made.outside("e", taken)
    assert (position.quantity, position.realised) == (ZERO, d(-41))
    assert made.open_symbols == frozenset()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ([("BUY", 1)], 2),
        ([("BUY", 1), ("SELL", 1)], 2),
        ([("SELL", 1)], 1),
        ([("SELL", 1), ("BUY", 1)], 2),
        ([("SELL", 1), ("BUY", 3)], 2),
        ([("BUY", 1), ("SELL", 2)], 1),
        ([("SELL", 2)], 0),
    ],
)
def test_what_others_add_to_a_position_is_theirs_and_what_they_take_is_gone(
    theirs: list[tuple[Side, int]], ours: int
) -> None:
    made = book("linear")
    made.apply(filled(order("e", "BUY", 2), (2, 100, 0, "USDT")))
    for number, (side, quantity) in enumerate(theirs):
        fill = Fill(
            trade_id=f"w{number}", order_id="z", client_id="", symbol=SYMBOL, side=side, price=d(80), quantity=d(quantity),
            cumulative=ZERO, fee=ZERO, fee_asset="USDT", maker=False, at_ms=T0 + 200,
        )  # fmt: skip
        made.outside("e", fill)
    position = made.of("e")
    assert position is not None
    assert position.quantity == ours


def test_funding_and_dust_are_part_of_the_result() -> None:
    made = book()
    made.apply(filled(order("e", "BUY", 1), (1, 100, 0, "USDT")))
    made.fund("e", d("0.5"))
    made.apply(filled(order("x", "SELL", 1, parent="e"), ("0.9", 110, 0, "USDT")))
    made.write_off("e", d("0.1"))
    position = made.of("e")
    assert position is not None
    assert (position.quantity, position.realised) == (ZERO, d("-1.5"))
    assert not made.positions


def test_two_trades_of_one_symbol_are_added_up() -> None:
    made = book("linear")
    made.apply(filled(order("a", "BUY", 3), (3, 100, 0, "USDT")))
    made.apply(filled(order("b", "SELL", 1), (1, 110, 0, "USDT")))
    position = made.positions[SYMBOL]
    assert (position.quantity, position.result(d(120))) == (d(2), d(50))


def test_what_is_too_little_to_sell_is_dust() -> None:
    spot, linear = instrument(min_notional=d(10)), instrument("bybit", "linear", min_notional=d(10))
    assert sellable(d("0.0999"), d(100), spot) == ZERO
    assert sellable(d("0.1009"), d(100), spot) == d("0.100")
    assert sellable(d("0.001"), d(100), linear) == d("0.001")
    assert sellable(d("0.0009"), d(100), linear) == ZERO
    assert sellable(d(3), d(100), instrument(market_max_qty=d(2))) == d(2)
    assert sellable(d("0.1"), d(100), instrument(min_qty=d("0.1"))) == d("0.1")
    assert sellable(d("0.1"), d(100), instrument(min_notional=d(10))) == d("0.1")
    assert sellable(d(-1), d(100), instrument()) == ZERO


def test_before_the_first_fill_there_is_no_position() -> None:
    made = book()
    assert made.apply(order("e", "BUY", 1)) is None
    assert made.of("e") is None
    assert not made.positions


def test_without_any_money_told_what_is_missing_counts_at_the_fills_that_are_known() -> None:
    made = book()
    made.apply(filled(order("e", "BUY", 3), (3, 100, 0, "USDT")))
    record = replace(order("x", "SELL", 2, parent="e"))
    spec = replace(record.spec, type="MARKET", price=ZERO)
    record = replace(record, intent=replace(record.intent, spec=spec))
    record = filled(record, (1, 110, 0, "USDT"))
    report = OrderReport(order_id="vx", spec=spec, status="FILLED", filled=d(2), filled_quote=ZERO, at_ms=T0 + 300)
    record, _ = apply(record, Reported(client_id="x", at_ms=T0 + 300, report=report, channel="QUERY"))
    position = made.apply(record)
    assert position is not None
    assert (position.quantity, position.exit_value, position.unexplained) == (d(1), d(220), d(1))


# --- against an oracle -----------------------------------------------------------------------------------------------

_amount = st.integers(1, 5_000).map(lambda n: Decimal(n) / 1000)
_price = st.integers(9_000, 11_000).map(lambda n: Decimal(n) / 100)
_fee = st.integers(-20, 100).map(lambda n: Decimal(n) / 100_000)
_fills = st.lists(st.tuples(_amount, _price, _fee, st.booleans()), min_size=1, max_size=4)


@given(_fills, st.lists(_fills, max_size=3), st.sampled_from(["BUY", "SELL"]), st.randoms(), _price)
def test_any_order_of_fills_conserves_quantity_and_money(
    entries: Any, exits: Any, side: Any, random: Any, price: Decimal
) -> None:
    category = "spot" if side == "BUY" else "linear"
    other = "SELL" if side == "BUY" else "BUY"
    coins = money = ZERO
    records: list[OrderRecord] = []
    for number, fills in enumerate([entries, *exits]):
        way = side if number == 0 else other
        record = order(f"o{number}", way, sum(fill[0] for fill in fills), parent="" if number == 0 else "o0")
        records.append(record)
        for quantity, at, fee, in_base in fills:
            in_base = in_base and category == "spot" and way == "BUY"
            record = filled(record, (quantity, at, fee, "BTC" if in_base else "USDT"))
            records.append(record)
            sign = 1 if way == "BUY" else -1
            coins += sign * quantity - (fee if in_base else ZERO)
            money += -sign * quantity * at - (ZERO if in_base else fee)
    straight, shuffled = book(category), book(category)
    for record in records:
        straight.apply(record)
    newest = {record.client_id: record for record in records}
    order_of_arrival = list(newest.values()) * 2
    random.shuffle(order_of_arrival)
    for record in order_of_arrival:
        shuffled.apply(record)
    one, two = straight.of("o0"), shuffled.of("o0")
    assert one == two
    assert one is not None
    assert one.quantity == coins
    assert abs(one.result(price) - (money + coins * price)) < d("1e-18")
    assert one.result(price) == one.realised + one.unrealised(price)


def test_an_unknown_symbol_still_has_its_quantity() -> None:
    none: Any = PositionBook(lambda symbol: None)
    position = none.apply(filled(order("e", "BUY", 1), (1, 100, "0.1", "USDT")))
    assert (position.quantity, position.other_fees) == (d(1), (("USDT", d("0.1")),))
