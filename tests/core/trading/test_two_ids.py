"""Executions without a place, told under one id by the stream and under another by the venue's listings, count once."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.trading.evidence import Evidence, NewFill, Reported, TradesListed
from core.trading.order import Fill, OrderReport
from core.trading.order_record import OrderRecord
from tests.core.trading.evidence_builders import CLIENT, T0, D, fill, fold, report, reported, sent_order, spec


def streamed(one: Fill, filled: str = "0") -> Reported:
    """An execution of a topic that tells neither its place nor, before the order's own topic, the order's sum."""
    told: OrderReport = replace(report("PARTIALLY_FILLED", filled, of=spec("0"), filled_quote=D(0)), fill=one)
    return Reported(client_id=CLIENT, at_ms=T0 + 60, report=told, channel="STREAM")


def listing(*fills: Fill) -> TradesListed:
    return TradesListed(client_id=CLIENT, at_ms=T0 + 90, asked_ms=T0 + 80, since_ms=T0 - 1, fills=fills)


def counted(record: OrderRecord) -> list[tuple[str, Decimal]]:
    return [(one.trade_id, one.quantity) for one in record.fills]


def test_the_stream_first_then_a_listing_under_another_id():
    record, effects = fold(sent_order("3"), [streamed(fill("s", "1")), listing(fill("r", "1"))])
    assert counted(record) == [("r", D(1))]
    assert record.filled == D(1)
    assert record.anomalies == ("TWO_IDS_ONE_FILL",)
    assert [effect.fill.trade_id for effect in effects if isinstance(effect, NewFill)] == ["s"]


def test_a_sum_that_grows_before_the_next_execution_is_told_does_not_count_the_twin():
    pieces: list[Evidence] = [
        streamed(fill("s", "1")),
        listing(fill("r", "1")),
        reported("PARTIALLY_FILLED", "2", of=spec("0")),
    ]
    record, effects = fold(sent_order("3"), pieces)
    assert counted(record) == [("r", D(1))]
    assert (record.filled, record.unexplained) == (D(2), D(1))
    record, more = fold(record, [streamed(fill("s2", "1", price="101"))])
    assert counted(record) == [("r", D(1)), ("s2", D(1))]
    assert [effect.fill.trade_id for effect in effects + more if isinstance(effect, NewFill)] == ["s", "s2"]


def test_a_fill_with_its_place_stays_and_the_listed_one_without_goes():
    pieces: list[Evidence] = [
        listing(fill("r", "1")),
        streamed(fill("s", "1", "1"), "1"),
        reported("PARTIALLY_FILLED", "2", of=spec("0")),
    ]
    record, effects = fold(sent_order("3"), pieces)
    assert counted(record) == [("s", D(1))]
    assert [effect.fill.trade_id for effect in effects if isinstance(effect, NewFill)] == ["r"]


def test_executions_alike_but_for_a_millisecond_both_count():
    later = replace(fill("s", "1"), at_ms=T0 + 1)
    record, _ = fold(sent_order("3"), [listing(fill("r", "1")), streamed(later)])
    assert record.filled == D(2)
    assert not record.anomalies


def test_alike_executions_that_are_both_listed_both_count():
    first, second = fill("a", "1"), fill("b", "1")
    record, _ = fold(sent_order("3"), [streamed(first), streamed(second), listing(first, second)])
    assert record.filled == D(2)
    assert not record.anomalies


def test_an_alike_execution_of_the_same_millisecond_counts_with_the_next_listing():
    first, second = fill("a", "1"), fill("b", "1")
    record, _ = fold(sent_order("3"), [streamed(first), listing(first), streamed(second)])
    record, _ = fold(record, [reported("PARTIALLY_FILLED", "2", of=spec("0"))])
    assert (record.filled, record.unexplained) == (D(2), D(1))
    record, _ = fold(record, [listing(first, second)])
    assert counted(record) == [("a", D(1)), ("b", D(1))]
    assert not record.anomalies


@given(st.data())
def test_any_order_of_streams_and_listings_ends_in_the_truth(data):
    lots = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))
    prices = data.draw(st.lists(st.sampled_from(["100", "101"]), min_size=len(lots), max_size=len(lots)))
    true = [
        replace(fill(f"r{n}", str(lot), price=price), at_ms=T0 + data.draw(st.integers(0, 1)))
        for n, (lot, price) in enumerate(zip(lots, prices, strict=True))
    ]
    total = sum(lots)
    other = [replace(one, trade_id=f"s{n}") for n, one in enumerate(true)]
    heard = [streamed(one) for one in data.draw(st.lists(st.sampled_from(other), max_size=6))]
    pieces = data.draw(st.permutations([*heard, listing(*true), reported("FILLED", str(total), of=spec("0"))]))
    record, _ = fold(sent_order(str(total)), pieces)
    assert record.filled == D(total)
    assert record.unexplained == 0
    assert sorted((one.price, one.quantity) for one in record.fills) == sorted(
        (one.price, one.quantity) for one in true
    )
    assert record.state == "FILLED"
