"""An outcome nobody knows: asked for at once and on, never sent again, never guessed; told to a person when it lasts."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from core.messages import OrderStatus, Replay
from core.trading.broker import NoAnswer, Trades
from core.trading.evidence import Moved, NotFound, OutcomeUnknown, TradesListed
from core.venue import Retryable
from tests.core.trading.order_office import D, Office


async def lost(office: Office, *, arrived: bool) -> str:
    """An entry whose answer is lost; by then it was asked for once."""
    office.broker.next("place", carried_out=arrived, error=NoAnswer("TIMEOUT", "no answer"))
    done = await office.send()
    assert done.sent
    assert done.record is not None
    await office.until(lambda: office.broker.count("trades"))
    return done.record.client_id


async def quiet(office: Office, seconds: float) -> None:
    """Time passes, and questions are asked and answered."""
    for _ in range(round(seconds * 4)):
        await office.clock.advance(0.25)


@pytest.mark.parametrize("why", ["TIMEOUT", "DISCONNECT", "SERVER_ERROR", "UNREADABLE"])
async def test_a_lost_answer_is_looked_for_at_once_and_the_order_adopted(office, why):
    office.broker.next("place", error=NoAnswer(why, "gone"))
    done = await office.send()
    name = done.record.client_id
    await office.until(lambda: office.state(name) == "WORKING")
    assert ("UNKNOWN", "WORKING") in [(e.before, e.after) for e in office.effects if isinstance(e, Moved)]
    assert office.broker.count("place") == 1


async def test_a_lost_answer_of_an_order_that_filled_is_adopted_with_its_fills(office):
    gate = asyncio.Event()
    office.broker.next("place", gate=gate, error=NoAnswer("TIMEOUT", "gone"))
    draft = office.entry()
    name = draft.spec.client_id
    sending = office.start(office.send(draft))
    await office.until(lambda: name in office.broker.held)
    office.broker.fill(name, "10")
    gate.set()
    await sending
    await office.until(lambda: office.state(name) == "FILLED" and office.record(name).fills)
    assert [one.quantity for one in office.executions()] == [D(10)]
    assert office.broker.count("place") == 1


async def test_a_failure_nobody_foresaw_is_an_unknown_outcome_and_told(office):
    office.broker.next("place", error=ValueError("what is this"))
    done = await office.send()
    await office.until(lambda: office.state(done.record.client_id) == "WORKING")
    assert [
        piece.why for piece in office.record(done.record.client_id).evidence if isinstance(piece, OutcomeUnknown)
    ] == ["UNREADABLE"]


async def test_an_answer_that_is_late_still_counts(office):
    gate = asyncio.Event()
    office.broker.next("place", gate=gate)
    office.broker.always("query", error=Retryable("down"))
    office.broker.always("open_orders", error=Retryable("down"))
    draft = office.entry()
    sending = office.start(office.send(draft))
    await office.until(lambda: office.broker.calls)
    await quiet(office, 1.75)
    assert office.state(draft.spec.client_id) == "SENT"
    await quiet(office, 0.5)
    assert office.state(draft.spec.client_id) == "UNKNOWN"
    done = await sending
    assert (done.sent, done.record.state) == (True, "UNKNOWN")
    gate.set()
    await office.until(lambda: office.state(draft.spec.client_id) == "WORKING")


async def test_silence_on_all_channels_over_the_span_and_not_before_ends_it(office):
    name = await lost(office, arrived=False)
    await quiet(office, 29)
    assert office.state(name) == "UNKNOWN"
    await quiet(office, 8)
    assert office.state(name) == "FAILED_CONFIRMED"
    assert office.broker.count("place") == 1
    asked = office.broker.count("query")
    await quiet(office, 60)
    assert office.broker.count("query") == asked
    assert (await office.send()).sent


async def test_questions_that_fail_are_no_absence_and_a_person_is_called(office):
    for kind in ("query", "open_orders", "trades"):
        office.broker.always(kind, error=Retryable("down"))
    looking = office.start(office.manager.run())
    office.broker.next("place", carried_out=False, error=NoAnswer("TIMEOUT", "gone"))
    name = (await office.send()).record.client_id
    await quiet(office, 58)
    assert office.alarms() == []
    await quiet(office, 542)
    assert office.state(name) == "UNKNOWN"
    assert office.alarms() == ["UNKNOWN_ORDER"]
    assert not any(isinstance(piece, NotFound | TradesListed) for piece in office.record(name).evidence)
    assert office.manager.locked_symbols() == {"BTCUSDT"}
    assert [record.client_id for record in office.manager.unknown] == [name]
    denied = await office.send()
    assert (denied.sent, denied.code) == (False, "UNKNOWN_ORDER")
    assert name in denied.words
    assert office.manager.resolve(name, "FAILED_CONFIRMED", "operator", "looked") == ""
    assert office.manager.locked_symbols() == frozenset()
    assert (await office.send()).sent
    assert not looking.done()


async def test_an_unreadable_answer_to_a_question_is_asked_again(office):
    office.broker.next("query", error=KeyError("status"))
    office.broker.next("place", error=NoAnswer("TIMEOUT", "gone"))
    office.broker.next("open_orders", error=Retryable("down"))
    name = (await office.send()).record.client_id
    await office.until(lambda: office.broker.count("trades"))
    await quiet(office, 2)
    assert office.state(name) == "WORKING"


async def test_a_trade_of_an_order_nobody_knows_leaves_silence_unproven(office):
    other = await office.working()
    name = await lost(office, arrived=False)
    strange = office.broker.fill(other, "1").fill
    assert strange is not None
    nameless = replace(strange, client_id="", order_id="nobody's")
    office.broker.always("trades", answer=Trades(since_ms=0, fills=(nameless,), complete=True))
    await quiet(office, 120)
    assert office.state(name) == "UNKNOWN"
    assert office.manager.resolve(name, "FAILED_CONFIRMED", "operator") == ""


async def test_an_unknown_order_is_not_cancelled_by_guess(office):
    name = await lost(office, arrived=False)
    answer = await office.manager.cancel(name)
    assert (answer.outcome, answer.code) == ("REFUSED", "UNKNOWN")
    assert "resolve it" in answer.text
    assert office.broker.count("cancel") == 0


async def test_the_operator_sees_the_evidence_and_cannot_unmake_an_order(office):
    name = await lost(office, arrived=False)
    lines = office.statuses(name)[-1].evidence
    assert {line.channel for line in lines} >= {"OURS", "ANSWER", "QUERY", "OPEN_ORDERS", "TRADES"}
    assert "the venue knows no such order" in [line.text for line in lines]
    assert "no order" in office.manager.resolve("nobody's", "CANCELLED", "operator")
    office.manager.on_report(office.broker.appears(office.record(name).intent.spec))
    words = office.manager.resolve(name, "FAILED_CONFIRMED", "operator")
    assert "does not fit" in words
    assert office.state(name) == "WORKING"
    assert "RESOLUTION_REFUSED" in office.alarms()


async def test_a_gap_of_the_stream_asks_about_every_order_that_may_have_changed(office):
    first, second = await office.working(), await office.working()
    office.manager.on_report(office.broker.ends(second))
    office.broker.fill(first, "4")
    office.broker.calls.clear()
    office.manager.stream_gap()
    await office.until(lambda: office.record(first).filled == D(4) and office.record(first).fills)
    assert {name for kind, name in office.broker.calls if kind == "query"} == {first}


async def test_a_question_after_a_gap_is_asked_until_it_is_answered(office):
    name = await office.working()
    office.broker.fill(name, "4")
    for kind in ("query", "trades"):
        office.broker.always(kind, error=Retryable("down"))
    office.manager.stream_gap()
    await quiet(office, 20)
    assert office.record(name).filled == 0
    office.broker.heal()
    await quiet(office, 6)
    assert (office.record(name).filled, len(office.record(name).fills)) == (D(4), 1)


async def test_a_replay_tells_every_order_again(office):
    names = {await office.working(), await office.working()}
    office.said.clear()
    office.bus.publish(Replay())
    assert {status.client_id for status in office.heard(OrderStatus)} == names
