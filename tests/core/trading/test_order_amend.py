"""An order amended in place keeps its id: its fills are held against the quantity that is in force, or may be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.trading.evidence import (
    Alarm,
    AmendAnswered,
    AmendSent,
    Ask,
    CancelOutcome,
    Evidence,
    HaltEntries,
    Reported,
)
from core.trading.journal_records import decode, encode
from core.trading.no_trace import NoTraceRule
from core.trading.order import OrderStatus
from core.trading.order_record import AMENDS_KEPT
from core.trading.order_reducer import apply
from tests.core.trading.evidence_builders import CLIENT, T0, D, codes, fold, report, reported, sent_order, spec

NEW = reported("NEW", of=spec("2"))
RULE = NoTraceRule()


def amend(quantity: str, price: str = "100") -> AmendSent:
    return AmendSent(client_id=CLIENT, at_ms=T0 + 100, spec=spec(quantity, price=D(price)))


def answer(outcome: CancelOutcome) -> AmendAnswered:
    return AmendAnswered(client_id=CLIENT, at_ms=T0 + 110, outcome=outcome)


def shows(quantity: str, filled: str = "0", price: str = "100", status: OrderStatus | None = None) -> Reported:
    told: OrderStatus = status or ("PARTIALLY_FILLED" if D(filled) else "NEW")
    return reported(told, filled, of=spec(quantity, price=D(price)))


def test_while_an_amend_is_pending_both_quantities_are_accepted_and_the_larger_may_fill():
    for quantity, most in (("3", "3"), ("1", "2")):
        record, effects = fold(sent_order("2"), [NEW, amend(quantity), shows("2"), answer("ACCEPTED")])
        assert (record.state, record.spec.quantity, record.quantity) == ("WORKING", D(2), D(most))
        assert effects[-1] == Ask(CLIENT, ("QUERY",))
        record, effects = fold(record, [shows(quantity), shows("2")])
        assert (record.spec.quantity, record.quantity, record.anomalies) == (D(quantity), D(quantity), ())
        assert not codes(effects, Alarm)


def test_a_quantity_nobody_asked_for_still_differs():
    record, _ = fold(sent_order("2"), [NEW, amend("3"), shows("4")])
    assert record.quarantine == "QUANTITY_DIFFERS"


def test_an_amended_order_is_filled_at_its_new_quantity():
    record, _ = fold(sent_order("2"), [NEW, amend("1"), answer("ACCEPTED"), shows("1"), shows("1", "1")])
    assert (record.state, record.anomalies, record.remaining) == ("FILLED", (), D(0))
    record, _ = fold(sent_order("2"), [NEW, amend("3"), shows("3"), shows("3", "2")])
    assert (record.state, record.remaining) == ("PARTIAL", D(1))
    record, effects = fold(record, [shows("3", "3.5")])
    assert codes(effects, HaltEntries) == ["OVERFILL"]


def test_filled_short_of_the_old_quantity_is_no_surprise_while_the_smaller_one_is_asked_for():
    record, effects = fold(sent_order("2"), [NEW, amend("1"), shows("1", "1", status="FILLED")])
    assert (record.state, codes(effects, Alarm)) == ("FILLED", [])
    record, effects = fold(sent_order("2"), [NEW, amend("1"), answer("REFUSED"), shows("2", "1", status="FILLED")])
    assert codes(effects, Alarm) == ["FILLED_SHORT"]


def test_a_refused_amend_leaves_the_order_as_it_was():
    record, effects = fold(sent_order("2"), [NEW, amend("3"), answer("REFUSED"), shows("2", "2")])
    assert (record.state, record.spec.quantity, codes(effects, Alarm)) == ("FILLED", D(2), [])
    record, _ = fold(sent_order("2"), [NEW, amend("3"), shows("2", "2")])
    assert record.state == "PARTIAL"
    record, effects = fold(record, [answer("REFUSED")])
    assert (record.state, codes(effects, Alarm)) == ("FILLED", [])


@pytest.mark.parametrize("outcome", ["GONE", "UNKNOWN", "ACCEPTED"])
def test_an_answer_that_proves_nothing_asks_for_the_order(outcome):
    record, _ = fold(sent_order("2"), [NEW, amend("3")])
    _, effects = apply(record, answer(outcome))
    assert effects == (Ask(CLIENT, ("QUERY",)),)
    assert apply(record, answer("REFUSED"))[1] == ()


@pytest.mark.parametrize("outcome", ["UNKNOWN", "ACCEPTED"])
def test_an_amend_the_venue_does_not_show_long_after_its_answer_has_changed_nothing(outcome):
    record, _ = fold(sent_order("2"), [NEW, amend("2", "101"), answer(outcome)])
    assert record.in_doubt == (outcome == "UNKNOWN")
    answered_ms = T0 + 110
    early = replace(shows("2"), asked_ms=answered_ms + RULE.lost_ms - 1)
    assert apply(record, early)[0].pending_specs == record.pending_specs != ()
    streamed = shows("2")  # nobody asked: it may have been on its way for long
    assert apply(record, streamed)[0].pending_specs == record.pending_specs
    settled, _ = apply(record, replace(early, asked_ms=answered_ms + RULE.lost_ms))
    assert (settled.pending_specs, settled.in_doubt, settled.may_amend, settled.spec.price) == ((), False, True, D(100))


def test_an_amend_on_its_way_is_settled_by_nothing_old():
    record, _ = fold(sent_order("2"), [NEW, amend("2", "101")])
    late = replace(shows("2"), asked_ms=T0 + 10 * RULE.lost_ms)
    assert apply(record, late)[0].pending_specs == record.pending_specs != ()


def test_only_the_newest_amend_that_was_shown_is_in_force():
    record, _ = fold(sent_order("2"), [NEW, amend("2", "101"), amend("2", "102"), shows("2", price="101")])
    assert (record.spec.price, [one.price for one in record.pending_specs]) == (D(101), [D(102)])
    record, _ = fold(record, [shows("2", price="102"), shows("2", price="101")])
    assert (record.spec.price, record.pending_specs) == (D(102), ())
    skipped, _ = fold(sent_order("2"), [NEW, amend("3"), amend("1"), shows("1")])
    assert (skipped.quantity, skipped.pending_specs) == (D(1), ())


def test_a_stop_that_trails_for_days_keeps_what_matters():
    record, _ = fold(sent_order("2"), [NEW])
    for step in range(101, 201):
        record, effects = fold(record, [amend("2", str(step)), answer("ACCEPTED"), shows("2", price=str(step))])
        assert record.spec.price == D(step)
    assert len(record.amends) == AMENDS_KEPT + 2
    for _ in range(30):
        record, effects = fold(record, [amend("3"), answer("REFUSED")])
    assert (record.spec.price, record.quantity) == (D(200), D(2))
    assert len(record.amends) <= AMENDS_KEPT + 2
    record, effects = fold(record, [amend("4"), amend("3"), shows("2", price="199")])
    assert (record.quantity, codes(effects, Alarm)) == (D(4), [])


def test_only_a_resting_order_may_be_amended():
    record, effects = apply(sent_order("2"), amend("3"))
    assert (record.amends, codes(effects, Alarm)) == ((), ["ILLEGAL_MOVE"])
    resting, _ = fold(sent_order("2"), [NEW])
    assert resting.may_amend
    assert not any(fold(resting, [end])[0].may_amend for end in (shows("2", "2"), amend("3"), shows("2", "2.5")))


def test_a_late_answer_takes_the_place_of_none():
    record, _ = fold(sent_order("2"), [NEW, amend("3"), answer("UNKNOWN"), answer("REFUSED"), answer("ACCEPTED")])
    assert (record.quantity, [one.outcome for one in record.amends]) == (D(2), ["REFUSED"])


def test_an_amend_is_a_record_of_the_journal():
    for record in (amend("3"), answer("ACCEPTED")):
        assert decode(encode(record)) == record


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_is_told_of_an_amended_order_in_any_order_ends_in_the_truth(data):
    old, new = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    before = data.draw(st.integers(0, min(old, new) - 1))
    told: list[Evidence] = [answer("ACCEPTED")] if data.draw(st.booleans()) else []
    told += [shows(str(old), str(filled)) for filled in range(before + 1)]
    told += [shows(str(new), str(filled), price="101") for filled in range(before, new)]
    end = report("FILLED", str(new), of=spec(str(new), price=D(101)))
    told.append(Reported(client_id=CLIENT, at_ms=T0 + 60, report=end, channel="STREAM"))
    told += data.draw(st.lists(st.sampled_from(told), max_size=4))
    rest: list[Evidence] = [reported("NEW", of=spec(str(old))), amend(str(new), "101")]
    record, effects = fold(sent_order(str(old)), [*rest, *data.draw(st.permutations(told))])
    assert (record.state, record.filled, record.spec.quantity) == ("FILLED", D(new), D(new))
    assert (record.quarantine, record.anomalies) == ("", ())
    assert not {"ILLEGAL_MOVE", "OVERFILL"} & set(codes(effects, Alarm))
