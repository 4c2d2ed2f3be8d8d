"""What one order's evidence leads to, case by case, with the effects the manager acts on."""

from __future__ import annotations

from msgspec.structs import replace

from core.messages import Resolution
from core.trading.evidence import (
    Acknowledged,
    Alarm,
    Ask,
    CancelAnswered,
    CancelOutcome,
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
from core.trading.no_trace import NoTraceRule
from core.trading.order import OrderStatus
from core.trading.order_record import EVIDENCE_KEPT, born
from core.trading.order_reducer import HALTING, HARMLESS, REMEDIES, apply
from core.trading.states import ROWS
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

SILENT_FROM = T0 + 2_000
TIMEOUT = OutcomeUnknown(client_id=CLIENT, at_ms=SILENT_FROM, why="TIMEOUT")


def not_found(asked: int) -> NotFound:
    return NotFound(client_id=CLIENT, at_ms=asked + 10, asked_ms=asked)


def not_listed(asked: int) -> NotListed:
    return NotListed(client_id=CLIENT, at_ms=asked + 10, asked_ms=asked)


def no_trades(asked: int, since: int = T0) -> TradesListed:
    return TradesListed(client_id=CLIENT, at_ms=asked + 10, asked_ms=asked, since_ms=since)


def cancel_answered(outcome: CancelOutcome) -> CancelAnswered:
    return CancelAnswered(client_id=CLIENT, at_ms=T0 + 200, outcome=outcome)


def resolved(verdict: Resolution) -> Resolved:
    return Resolved(client_id=CLIENT, at_ms=T0 + 99_000, verdict=verdict, by="operator")


CANCEL = CancelSent(client_id=CLIENT, at_ms=T0 + 100)
LATE = SILENT_FROM + 30_000
SILENCE: tuple[Evidence, ...] = (
    TIMEOUT, not_found(SILENT_FROM), not_found(SILENT_FROM + 5_000), not_found(LATE), not_listed(LATE), no_trades(LATE),
)  # fmt: skip


def test_an_unknown_outcome_asks_all_channels_and_is_never_sent_again():
    record, effects = apply(sent_order(), TIMEOUT)
    assert record.state == "UNKNOWN"
    assert effects[-1] == Ask(CLIENT, ("QUERY", "OPEN_ORDERS", "TRADES"))
    assert not record.may_send
    assert not record.may_cancel
    assert record.may_fill
    again, effects = apply(record, Sent(client_id=CLIENT, at_ms=T0 + 3_000))
    assert (again.state, again.sent_ms) == ("UNKNOWN", T0 + 3)
    assert codes(effects, Alarm) == ["ILLEGAL_MOVE"]
    assert codes(effects, HaltEntries) == ["SENT_TWICE"]
    assert again.quarantine == "ILLEGAL_MOVE"


def test_an_unknown_order_found_is_adopted_with_what_it_filled():
    for status, filled, state in (
        ("NEW", "0", "WORKING"),
        ("PARTIALLY_FILLED", "0.4", "PARTIAL"),
        ("FILLED", "1", "FILLED"),
    ):
        record, effects = fold(sent_order(), [TIMEOUT, reported(status, filled)])  # type: ignore[arg-type]
        assert (record.state, record.filled) == (state, D(filled))
        assert not codes(effects, Alarm)


def test_complete_silence_over_the_span_is_proof():
    record, effects = fold(sent_order(), SILENCE)
    assert record.state == "FAILED_CONFIRMED"
    assert not codes(effects, Alarm)


def test_less_than_complete_silence_is_no_proof():
    early = SILENT_FROM + 29_999
    for missing in range(1, len(SILENCE)):
        kept: list[Evidence] = [piece for number, piece in enumerate(SILENCE) if number != missing]
        assert fold(sent_order(), kept)[0].state == "UNKNOWN", missing
    for swap, weaker in (
        (3, not_found(early)), (4, not_listed(early)), (5, no_trades(early)), (2, not_found(SILENT_FROM + 4_999)),
        (5, no_trades(LATE, since=T0 + 3)), (5, replace(no_trades(LATE), complete=False)), (1, not_found(SILENT_FROM - 1)),
    ):  # fmt: skip
        changed: list[Evidence] = [weaker if number == swap else piece for number, piece in enumerate(SILENCE)]
        assert fold(sent_order(), changed)[0].state == "UNKNOWN", swap


def test_the_span_and_the_count_are_parameters():
    record = sent_order()
    rule = NoTraceRule(span_ms=1, queries=1, spacing_ms=0)
    for piece in (TIMEOUT, not_found(SILENT_FROM), not_listed(LATE), no_trades(LATE)):
        record, _ = apply(record, piece, rule)
    assert record.state == "UNKNOWN"
    record, _ = apply(record, not_found(SILENT_FROM + 1), rule)
    assert record.state == "FAILED_CONFIRMED"


def test_a_crash_between_journal_and_send_is_an_unknown_outcome():
    record, _ = fold(born(intent()), PATH[:2])
    record, effects = apply(record, OutcomeUnknown(client_id=CLIENT, at_ms=T0 + 9, why="CRASH"))
    assert record.state == "UNKNOWN"
    assert not codes(effects, Alarm)


def test_an_end_never_reached_the_venue_and_yet_fills():
    record, effects = fold(sent_order(), [*SILENCE, reported("FILLED", "1", fill=fill("t1", "1", "1"))])
    assert (record.state, record.filled) == ("FILLED", D(1))
    assert codes(effects, Alarm) == ["FILLED_AFTER_END"]


def test_a_refusal_is_an_end_with_the_venues_words():
    record, effects = apply(sent_order(), Refused(client_id=CLIENT, at_ms=T0 + 9, code="-1013", reason="LOT_SIZE"))
    assert (record.state, record.refusal) == ("REJECTED", "-1013 LOT_SIZE")
    assert not codes(effects, Alarm)
    assert not record.may_send


def test_a_refused_order_that_lives_is_quarantined_and_shown():
    record, effects = fold(sent_order(), [Refused(client_id=CLIENT, at_ms=T0 + 9, code="-2010"), reported("NEW")])
    assert record.state == "WORKING"
    assert codes(effects, Alarm) == ["LIVE_AFTER_END", "REFUSED_YET_LIVE"]
    assert record.quarantine == "REFUSED_YET_LIVE"


def test_a_refusal_that_the_stream_tells_too_is_no_contradiction():
    record, effects = fold(sent_order(), [Refused(client_id=CLIENT, at_ms=T0 + 9, code="-2010"), reported("REJECTED")])
    assert (record.state, record.quarantine) == ("REJECTED", "")
    assert not codes(effects, Alarm)


def test_cancelled_then_filled_is_legal_and_alarmed():
    record, effects = fold(sent_order(), [reported("CANCELED", "0.3"), reported("FILLED", "1")])
    assert (record.state, record.filled) == ("FILLED", D(1))
    assert codes(effects, Alarm) == ["FILLED_AFTER_END"]
    assert not record.quarantine


def test_a_fill_past_an_end_reopens_until_the_venue_ends_it_again():
    record, effects = fold(sent_order(), [reported("CANCELED", "0.3"), reported("PARTIALLY_FILLED", "0.6")])
    assert record.state == "PARTIAL"
    assert "FILLED_AFTER_END" in codes(effects, Alarm)
    assert Ask(CLIENT, ("QUERY", "TRADES")) in effects
    record, _ = apply(record, reported("CANCELED", "0.6"))
    assert record.state == "CANCELLED"
    assert not record.anomalies


def test_a_late_new_after_filled_changes_nothing():
    record, _ = apply(sent_order(), reported("FILLED", "1", fill=fill("t1", "1", "1")))
    after, effects = apply(record, reported("NEW"))
    assert (after.state, after.filled, effects) == ("FILLED", D(1), ())
    assert after.repeats == record.repeats + 1


def test_an_over_fill_is_the_truth_is_alarmed_and_halts_entries_each_time_it_grows():
    record, effects = fold(sent_order(), [reported("FILLED", "1"), reported("FILLED", "1.5")])
    assert (record.state, record.filled) == ("FILLED", D("1.5"))
    assert codes(effects, Alarm) == ["OVERFILL"]
    assert codes(effects, HaltEntries) == ["OVERFILL"]
    assert codes(effects, Quarantine) == ["OVERFILL"]
    record, effects2 = apply(record, reported("FILLED", "1.6"))
    assert codes(effects2, HaltEntries) == ["OVERFILL"]
    assert record.remaining == 0


def test_money_ordered_is_filled_by_the_venues_word_and_over_filled_by_money():
    order = sent_order("0", type="MARKET", price=D(0), quote_quantity=D(100))
    bought = reported("FILLED", "0.99", of=order.intent.spec, filled_quote=D(100))
    record, effects = apply(order, bought)
    assert (record.state, codes(effects, Alarm)) == ("FILLED", [])
    over = replace(bought, report=replace(bought.report, filled_quote=D("100.01")))
    assert codes(apply(order, over)[1], Alarm) == ["OVERFILL"]


def test_a_quantity_without_its_fill_is_asked_for_and_explained_by_the_listing():
    record, effects = apply(sent_order(), reported("PARTIALLY_FILLED", "0.5"))
    assert (record.unexplained, record.fees) == (D("0.5"), ())
    assert Ask(CLIENT, ("TRADES",)) in effects
    listing = replace(no_trades(T0 + 90), fills=(fill("t1", "0.5", price="98"),))
    record, effects = apply(record, listing)
    assert (record.unexplained, record.filled, record.fees) == (D(0), D("0.5"), (("USDT", D("0.005")),))
    assert [type(effect) for effect in effects] == [NewFill]


def test_effects_come_in_the_order_they_should_be_done():
    _, effects = apply(sent_order(), reported("FILLED", "1.2", fill=fill("t1", "1.2", "1.2")))
    assert [type(effect) for effect in effects] == [Moved, NewFill, FilledChanged, Alarm, HaltEntries, Quarantine, Ask]


def test_a_cancel_is_pending_until_the_venue_says_so():
    working, _ = apply(sent_order(), reported("NEW"))
    assert working.may_cancel
    pending, _ = apply(working, CANCEL)
    assert pending.state == "CANCEL_PENDING"
    outcomes: tuple[CancelOutcome, ...] = ("ACCEPTED", "GONE", "UNKNOWN")
    for outcome in outcomes:
        assert apply(pending, cancel_answered(outcome))[0].state == "CANCEL_PENDING"
    assert apply(pending, not_found(T0 + 60_000))[0].state == "CANCEL_PENDING"
    assert apply(pending, TIMEOUT)[0].state == "CANCEL_PENDING"
    assert apply(pending, reported("PARTIALLY_FILLED", "0.5"))[0].state == "CANCEL_PENDING"
    assert apply(pending, reported("CANCELED"))[0].state == "CANCELLED"
    assert apply(pending, reported("FILLED", "1"))[0].state == "FILLED"
    assert apply(pending, cancel_answered("REFUSED"))[0].state == "WORKING"
    _, effects = apply(pending, cancel_answered("GONE"))
    assert effects == (Ask(CLIENT, ("QUERY", "TRADES")),)


def test_an_order_shown_open_long_after_a_cancel_without_an_answer_stands():
    def shown(asked_ms: int, status: OrderStatus = "NEW") -> Reported:
        return Reported(client_id=CLIENT, at_ms=asked_ms + 5, report=report(status), channel="QUERY", asked_ms=asked_ms)

    lost, _ = fold(sent_order(), [reported("NEW"), CANCEL, cancel_answered("UNKNOWN")])
    assert (lost.state, lost.in_doubt) == ("CANCEL_PENDING", True)
    assert apply(lost, shown(T0 + 200 + 9_999))[0].state == "CANCEL_PENDING"
    assert apply(lost, reported("NEW", at_ms=T0 + 99_000))[0].state == "CANCEL_PENDING", "a stream's report may be old"
    stands, effects = apply(lost, shown(T0 + 200 + 10_000))
    assert (stands.state, stands.cancels_open, stands.in_doubt, codes(effects, Alarm)) == ("WORKING", 0, False, [])
    assert apply(lost, shown(T0 + 200 + 10_000, "CANCELED"))[0].state == "CANCELLED"
    assert apply(stands, reported("CANCELED"))[0].state == "CANCELLED"
    answered, _ = fold(lost, [cancel_answered("ACCEPTED"), shown(T0 + 99_000)])
    assert answered.state == "CANCEL_PENDING"
    again, _ = fold(lost, [CANCEL, shown(T0 + 99_000)])
    assert again.state == "CANCEL_PENDING"


def test_of_two_cancels_one_refused_leaves_the_other_pending():
    record, _ = fold(sent_order(), [reported("NEW"), CANCEL, CANCEL, cancel_answered("REFUSED")])
    assert record.state == "CANCEL_PENDING"
    assert apply(record, cancel_answered("REFUSED"))[0].state == "WORKING"


def test_an_order_of_unknown_outcome_is_not_cancelled_by_guess():
    record, effects = fold(sent_order(), [TIMEOUT, CANCEL])
    assert (record.state, record.cancels_open) == ("UNKNOWN", 0)
    assert codes(effects, Alarm) == ["ILLEGAL_MOVE"]
    assert codes(effects, HaltEntries) == []
    assert codes(fold(born(intent()), PATH)[1], HaltEntries) == []


def test_a_confirmed_order_that_vanishes_is_unknown_and_never_failed():
    working, _ = apply(sent_order(), reported("NEW", at_ms=T0 + 60))
    assert apply(working, not_found(T0 + 60 + 4_999))[0].state == "WORKING"
    record, effects = apply(working, not_found(T0 + 60 + 5_000))
    assert record.state == "UNKNOWN"
    assert codes(effects, Alarm) == ["ORDER_VANISHED"]
    record, _ = fold(record, SILENCE)
    assert record.state == "UNKNOWN"
    assert apply(record, reported("NEW"))[0].state == "WORKING"
    assert apply(record, reported("CANCELED"))[0].state == "CANCELLED"


def test_a_listing_without_a_live_order_asks_and_decides_nothing():
    working, _ = apply(sent_order(), reported("NEW", at_ms=T0 + 60))
    record, effects = apply(working, not_listed(T0 + 61))
    assert (record.state, effects) == ("WORKING", (Ask(CLIENT, ("QUERY", "TRADES")),))
    assert apply(working, not_listed(T0 + 60))[1] == ()


def test_a_stream_gap_asks_for_what_may_have_been_missed():
    gap = StreamGap(client_id=CLIENT, at_ms=T0 + 500)
    working, _ = apply(sent_order(), Acknowledged(client_id=CLIENT, at_ms=T0 + 60, order_id="v1"))
    assert working.order_ids == ("v1",)
    assert apply(working, gap) == (working, (Ask(CLIENT, ("QUERY", "TRADES")),))
    assert apply(sent_order(), gap)[1] == (Ask(CLIENT, ("QUERY", "OPEN_ORDERS", "TRADES")),)
    done, _ = apply(working, reported("CANCELED"))
    assert apply(done, gap)[1] == ()


def test_a_person_ends_what_is_unknown_but_cannot_unmake_an_order():
    unknown, _ = apply(sent_order(), TIMEOUT)
    record, effects = apply(unknown, resolved("FAILED_CONFIRMED"))
    assert (record.state, codes(effects, Alarm)) == ("FAILED_CONFIRMED", [])
    assert apply(unknown, resolved("REJECTED"))[0].state == "REJECTED"
    partial, _ = fold(sent_order(), [reported("PARTIALLY_FILLED", "0.4", at_ms=T0 + 60), not_found(T0 + 9_000)])
    assert partial.state == "UNKNOWN"
    untrue: tuple[Resolution, ...] = ("FAILED_CONFIRMED", "REJECTED")
    for verdict in untrue:
        refused, effects = apply(partial, resolved(verdict))
        assert (refused, codes(effects, Alarm)) == (partial, ["RESOLUTION_REFUSED"])
    ended, _ = apply(partial, resolved("CANCELLED"))
    assert (ended.state, ended.filled) == ("CANCELLED", D("0.4"))
    grown, effects = apply(ended, replace(no_trades(T0 + 9_500), fills=(fill("t9", "0.7", "0.7"),)))
    assert (grown.state, grown.filled, codes(effects, Alarm)) == ("PARTIAL", D("0.7"), ["FILLED_AFTER_END"])
    assert apply(ended, reported("NEW"))[0].state == "PARTIAL"
    told_again = replace(no_trades(T0 + 9_500), fills=(fill("t8", "0.4"),))
    assert apply(ended, told_again)[0].state == "CANCELLED"
    assert codes(apply(sent_order(), resolved("CANCELLED"))[1], Alarm) == ["RESOLUTION_REFUSED"]


def test_a_person_releases_a_quarantine_once_the_reason_is_known():
    record, _ = fold(sent_order(), [reported("FILLED", "1.5")])
    assert record.quarantine == "OVERFILL"
    record, effects = apply(record, resolved("RELEASE"))
    assert (record.quarantine, effects) == ("", ())
    assert codes(apply(record, reported("FILLED", "1.5"))[1], Alarm) == []


def test_another_order_under_our_id_is_never_applied():
    for of in (spec(symbol="ETHUSDT"), spec(side="SELL"), spec(client_id="tt1other")):
        record, effects = apply(sent_order(), reported("FILLED", "1", of=of))
        assert record.filled == 0
        assert record.quarantine == "SPEC_MISMATCH"
        assert "SPEC_MISMATCH" in codes(effects, HaltEntries)
    record, effects = apply(sent_order(), reported("NEW", of=spec("2")))
    assert (record.state, record.quarantine, codes(effects, HaltEntries)) == ("WORKING", "QUANTITY_DIFFERS", [])
    assert apply(sent_order(), reported("NEW", of=spec(client_id="")))[0].quarantine == ""


def test_two_venue_orders_under_one_id_add_up_and_halt():
    pieces = [reported("FILLED", "1"), reported("PARTIALLY_FILLED", "0.4", order_id="v2")]
    record, effects = fold(sent_order(), pieces)
    assert (record.filled, record.order_ids) == (D("1.4"), ("v1", "v2"))
    assert set(codes(effects, HaltEntries)) == {"OVERFILL", "SECOND_ORDER_ID"}
    stop, effects = fold(sent_order(type="STOP_LOSS"), [reported("UNTRIGGERED"), reported("NEW", order_id="v2")])
    assert (stop.state, codes(effects, HaltEntries)) == ("WORKING", [])


def test_one_trade_told_with_two_quantities_is_quarantined():
    pieces = [reported("PARTIALLY_FILLED", "0.4", fill=fill("t1", one, "0.4")) for one in ("0.4", "0.3")]
    record, effects = fold(sent_order(), pieces)
    assert (record.filled, len(record.fills)) == (D("0.4"), 1)
    assert codes(effects, Quarantine) == ["FILL_CONTRADICTS"]


def test_filled_with_less_than_ordered_is_told():
    record, effects = apply(sent_order(), reported("FILLED", "0.9"))
    assert (record.state, record.quarantine, codes(effects, Alarm)) == ("FILLED", "FILLED_SHORT", ["FILLED_SHORT"])


def test_evidence_of_another_order_is_not_applied():
    record = sent_order()
    after, effects = apply(record, replace(TIMEOUT, client_id="tt1other"))
    assert after is record
    assert codes(effects, Alarm) == ["MISROUTED"]


def test_a_venue_that_knows_an_unsent_order_quarantines_it():
    for depth in (0, 1):
        record, _ = fold(born(intent()), [*PATH[:depth], reported("NEW"), *PATH[depth:]])
        assert record.state == ("DRAFT", "CONFIRMED")[depth]
        assert record.quarantine == "ILLEGAL_MOVE"
        assert not record.may_send


def test_what_is_given_up_before_the_wire_is_void():
    void = Voided(client_id=CLIENT, at_ms=T0 + 5, code="PRICE_COLLAR")
    for depth in (0, 1, 2):
        record, effects = fold(born(intent()), [*PATH[:depth], void])
        assert (record.state, codes(effects, Alarm)) == ("VOID", [])
    assert codes(apply(sent_order(), void)[1], Alarm) == ["ILLEGAL_MOVE"]
    sendable, _ = fold(born(intent()), [Confirmed(client_id=CLIENT, at_ms=T0), Journalled(client_id=CLIENT, at_ms=T0)])
    assert sendable.may_send


def test_the_operator_sees_the_newest_evidence():
    pieces = [reported("PARTIALLY_FILLED", str(n + 1), of=spec("100")) for n in range(EVIDENCE_KEPT + 5)]
    record, _ = fold(sent_order("100"), pieces)
    assert len(record.evidence) == EVIDENCE_KEPT
    assert record.evidence[-1] == pieces[-1]
    assert fold(record, [pieces[3], pieces[3]])[0].evidence == record.evidence


def test_every_alarm_has_its_words():
    named = {row.alarm for row in ROWS if row.alarm} | HALTING | HARMLESS
    assert named <= set(REMEDIES)
    assert isinstance(reported("NEW"), Reported)
