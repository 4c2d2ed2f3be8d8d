"""Reports in any order and any number, on several channels, lead to one truth. Random evidence loses no fill."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.messages import OrderState
from core.trading.evidence import (
    Acknowledged,
    Alarm,
    AmendAnswered,
    AmendSent,
    CancelAnswered,
    CancelSent,
    Confirmed,
    Evidence,
    FilledChanged,
    HaltEntries,
    Journalled,
    Moved,
    NewFill,
    NotFound,
    NotListed,
    OutcomeUnknown,
    Quarantine,
    Refused,
    Reported,
    Resolved,
    Sent,
    StreamGap,
    TradesListed,
    Voided,
)
from core.trading.order import ZERO, Fill, OrderReport, OrderStatus
from core.trading.order_record import OrderRecord, born, state_of
from core.trading.states import OWN_ACTS, PRE_SEND, judge
from tests.core.trading.evidence_builders import (
    CLIENT,
    PATH,
    T0,
    D,
    codes,
    fill,
    fold,
    intent,
    report,
    reported,
    sent_order,
    spec,
)

STATES: tuple[OrderState, ...] = get_args(OrderState)
END_STATES = {"CANCELED": "CANCELLED", "EXPIRED": "EXPIRED"}


@st.composite
def lives(draw) -> Any:
    """A true life at the venue: quantity in lots, its fills, every report it made, the state it ends in."""
    lots = draw(st.lists(st.integers(1, 4), max_size=5))
    quantity = sum(lots) + draw(st.integers(0, 3)) or 1
    reports, fills, total = [report("NEW", of=replace(sent_order(str(quantity)).intent.spec))], [], 0
    for number, lot in enumerate(lots):
        total += lot
        price = draw(st.sampled_from(["100", "101"]))
        fills.append(fill(f"t{number}", str(lot), str(total), price))
        quote = sum((f.price * f.quantity for f in fills), ZERO)
        status: OrderStatus = "FILLED" if total == quantity else "PARTIALLY_FILLED"
        reports.append(report(status, str(total), of=reports[0].spec, fill=fills[-1], filled_quote=quote))
    if total == quantity:
        return quantity, fills, reports, "FILLED"
    end = draw(st.sampled_from(["CANCELED", "EXPIRED", None]))
    if end is None:
        return quantity, fills, reports, "PARTIAL" if total else "WORKING"
    last = reports[-1]
    reports.append(replace(last, status=end, fill=None))
    return quantity, fills, reports, END_STATES[end]


@st.composite
def tellings(draw, fills: list[Fill], reports: list[OrderReport]) -> Any:
    """The same life as two channels, listings and repeats may tell it, in any order, nothing left out."""
    told: list[Evidence] = [Reported(client_id=CLIENT, at_ms=T0 + 60, report=r, channel="STREAM") for r in reports]
    for one in draw(st.lists(st.sampled_from(reports), max_size=8)):
        way = draw(st.sampled_from(["again", "bare", "other id"]))
        if one.fill is not None and way == "bare":
            one = replace(one, fill=None)
        elif one.fill is not None and way == "other id":
            one = replace(one, fill=replace(one.fill, trade_id=f"rest-{one.fill.trade_id}"))
        told.append(Reported(client_id=CLIENT, at_ms=T0 + 70, report=one, channel="QUERY"))
    if draw(st.booleans()):
        bare = tuple(replace(one, cumulative=ZERO) for one in fills)
        told.append(TradesListed(client_id=CLIENT, at_ms=T0 + 80, asked_ms=T0 + 75, since_ms=T0, fills=bare))
    told += draw(st.lists(st.sampled_from([
        Acknowledged(client_id=CLIENT, at_ms=T0 + 61, order_id="v1"),
        Acknowledged(client_id=CLIENT, at_ms=T0 + 62),
        OutcomeUnknown(client_id=CLIENT, at_ms=T0 + 63, why="TIMEOUT"),
        StreamGap(client_id=CLIENT, at_ms=T0 + 64),
        NotListed(client_id=CLIENT, at_ms=T0 + 66, asked_ms=T0 + 65),
        NotFound(client_id=CLIENT, at_ms=T0 + 66, asked_ms=T0 + 65),
    ]), max_size=3))  # fmt: skip
    return draw(st.permutations(told))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_order_and_doubling_of_reports_ends_in_the_truth(data):
    quantity, fills, reports, end = data.draw(lives())
    told = data.draw(tellings(fills, reports))
    record, effects = fold(sent_order(str(quantity)), told)
    total = sum((one.quantity for one in fills), ZERO)
    assert (record.state, record.filled) == (end, total)
    assert [one.cumulative for one in record.fills] == [one.cumulative for one in fills]
    assert record.fees == ((("USDT", total / 100),) if fills else ())
    quote = sum((one.price * one.quantity for one in fills), ZERO)
    assert record.average_price == (quote / total if total else ZERO)
    assert sum((e.quantity for e in effects if isinstance(e, FilledChanged)), ZERO) == total
    assert not record.quarantine
    assert not codes(effects, HaltEntries)
    assert "ILLEGAL_MOVE" not in codes(effects, Alarm)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_two_tellings_of_one_life_agree_to_the_letter(data):
    quantity, fills, reports, _ = data.draw(lives())
    told = data.draw(tellings(fills, reports))
    again = data.draw(st.permutations(told + told[:3]))
    first, second = fold(sent_order(str(quantity)), told)[0], fold(sent_order(str(quantity)), again)[0]
    assert (first.state, first.venue, first.fees, first.anomalies) == (
        second.state, second.venue, second.fees, second.anomalies,
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_ids_that_differ_between_channels_count_once(data):
    quantity, fills, reports, end = data.draw(lives())
    bare = tuple(replace(one, trade_id=f"rest-{one.trade_id}", cumulative=ZERO) for one in fills)
    listing = TradesListed(client_id=CLIENT, at_ms=T0 + 80, asked_ms=T0 + 75, since_ms=T0, fills=bare)
    told = [Reported(client_id=CLIENT, at_ms=T0 + 60, report=r, channel="STREAM") for r in reports] + [listing] * bool(
        fills
    )
    record, _ = fold(sent_order(str(quantity)), data.draw(st.permutations(told)))
    assert (record.state, record.filled) == (end, sum((one.quantity for one in fills), ZERO))
    assert record.anomalies == (("TWO_IDS_ONE_FILL",) if fills else ())
    assert not record.quarantine


def test_of_two_fills_that_look_alike_the_one_without_a_place_stays():
    listing = tuple(fill(f"t{n}", size) for n, size in enumerate(("1", "2", "1", "1")))
    told: list[Evidence] = [
        TradesListed(client_id=CLIENT, at_ms=T0 + 80, asked_ms=T0 + 75, since_ms=T0, fills=listing),
        reported("PARTIALLY_FILLED", "4", of=spec("6"), fill=fill("t2", "1", "4")),
        reported("CANCELED", "5", of=spec("6"), fill=fill("t3", "1", "5")),
        reported("PARTIALLY_FILLED", "3", of=spec("6"), fill=fill("rest-t1", "2", "3")),
    ]
    record, effects = fold(sent_order("6"), told)
    assert (record.state, record.filled, record.unexplained) == ("CANCELLED", D(5), D(0))
    assert {one.trade_id for one in record.fills} == {"t0", "t2", "t3", "rest-t1"}
    assert not codes(effects, Quarantine)


def test_an_execution_known_twice_by_id_alone_is_taken_back_once_it_has_its_place():
    told: list[Evidence] = [reported("CANCELED", "0.5"), *(
        TradesListed(client_id=CLIENT, at_ms=T0 + 80, asked_ms=T0 + 75, since_ms=T0, fills=(fill(trade, "0.5"),), complete=False)
        for trade in ("t0", "rest-t0")
    )]  # fmt: skip
    record, effects = fold(sent_order(), told)
    assert record.filled == 1
    record, effects = fold(record, [reported("PARTIALLY_FILLED", "0.5", fill=fill("t0", "0.5", "0.5"))])
    assert (record.state, record.filled, codes(effects, Alarm)) == (
        "CANCELLED", D("0.5"), ["COUNTED_TWICE", "TWO_IDS_ONE_FILL"],
    )  # fmt: skip
    assert not record.quarantine


LOTS = st.integers(0, 4).map(lambda n: D(n) / 2)


@st.composite
def anything(draw) -> Any:
    """One piece of evidence that need not fit any other."""
    at_ms = T0 + draw(st.integers(0, 90_000))
    asked = {"client_id": CLIENT, "at_ms": at_ms, "asked_ms": at_ms - draw(st.integers(0, 3_000))}
    base = {"client_id": CLIENT, "at_ms": at_ms}
    order_id = draw(st.sampled_from(["", "v1", "v1", "v1", "v2"]))
    one = fill(draw(st.sampled_from("abcd")), str(draw(st.integers(1, 3))), str(draw(LOTS)), order_id=order_id)
    status = draw(
        st.sampled_from(["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "REJECTED", "UNTRIGGERED"])
    )
    shape = spec(str(draw(st.integers(1, 3))), price=D(draw(st.sampled_from(["100", "101"]))))
    of = draw(st.sampled_from([spec(), shape]))
    told = report(status, str(draw(LOTS)), of=of, order_id=order_id, fill=draw(st.sampled_from([None, one])))
    outcome = draw(st.sampled_from(["ACCEPTED", "REFUSED", "GONE", "UNKNOWN"]))
    return draw(st.sampled_from([
        Confirmed(**base), Voided(**base, code="x"), Journalled(**base), Sent(**base), Refused(**base, code="-1013"),
        Acknowledged(**base, order_id=order_id), OutcomeUnknown(**base, why="TIMEOUT"), StreamGap(**base),
        Reported(**base, report=told, channel="STREAM"), Reported(**base, report=told, channel="QUERY"),
        NotFound(**asked), NotListed(**asked), TradesListed(**asked, since_ms=T0 - 1),
        TradesListed(**asked, since_ms=T0, fills=(one,), complete=draw(st.booleans())), CancelSent(**base),
        CancelAnswered(**base, outcome=outcome), AmendSent(**base, spec=shape), AmendAnswered(**base, outcome=outcome),
        Resolved(**base, verdict=draw(st.sampled_from(
            ["FAILED_CONFIRMED", "CANCELLED", "EXPIRED", "REJECTED", "RELEASE"])), by="op"),
    ]))  # fmt: skip


def told_fills(evidence: Evidence) -> tuple[Fill, ...]:
    if isinstance(evidence, TradesListed):
        return evidence.fills
    return (evidence.report.fill,) if isinstance(evidence, Reported) and evidence.report.fill else ()


@settings(max_examples=500, deadline=None)
@given(st.lists(anything(), max_size=25), st.booleans())
def test_random_evidence_leaves_one_legal_state_and_loses_no_fill(pieces, sent):
    record: OrderRecord = sent_order("2") if sent else born(intent("2"))
    trades: set[str] = set()
    highest, changed, sends = ZERO, ZERO, 0
    for piece in pieces:
        before = record
        record, effects = fold(record, [piece])
        assert record.state in STATES
        moved = [e for e in effects if isinstance(e, Moved)]
        assert (record.state != before.state) == bool(moved)
        if moved:
            legal = judge(before.state, record.state, moved[0].cause).legal
            assert legal or (record.quarantine and moved[0].cause not in OWN_ACTS)
            sends += moved[0].after == "SENT"
        trades |= {one.trade_id for one in told_fills(piece)}
        highest = max([highest, *(one.cumulative for one in told_fills(piece))])
        if isinstance(piece, Reported):
            highest = max(highest, piece.report.filled)
        assert {one.trade_id for order in record.venue for one in order.fills} == trades
        assert record.filled >= highest
        assert record.unexplained >= ZERO
        changed += sum((e.quantity for e in effects if isinstance(e, FilledChanged)), ZERO)
        assert changed == record.filled
        assert record.quantity in {D(2), *(amend.spec.quantity for amend in record.amends)}
        if record.filled > record.quantity:
            assert "OVERFILL" in record.anomalies
            assert record.state == "FILLED" or not sent
        if "ILLEGAL_MOVE" in codes(effects, Alarm):
            assert record.quarantine
        if record.state not in PRE_SEND:
            assert record.state == state_of(record)
        if codes(effects, Quarantine):
            assert record.quarantine
        for effect in effects:
            if isinstance(effect, NewFill):
                assert effect.fill in record.fills
    assert sends <= (0 if sent else 1)


def test_the_path_before_the_venue_is_walked_once():
    record, effects = fold(born(intent()), PATH)
    assert record.state == "SENT"
    assert not codes(effects, Alarm)
    assert record.sent_ms == T0 + 3
    assert Decimal(0) == record.filled
