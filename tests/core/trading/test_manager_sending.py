"""From a confirmed draft to the wire: gates, journal, permit; nothing is sent without each, nothing is sent twice."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest
from msgspec.structs import replace

from core.trading.authority import authorise
from core.trading.broker import NotSent, Spent
from core.trading.evidence import Acknowledged, Confirmed, Journalled, Sent
from core.trading.journal_records import AuthorisationUsed, Authorised, GateVerdict, Note
from core.trading.order_record import Intent
from core.venue import Rejected
from tests.core.risk.views import instrument
from tests.core.trading.order_office import D, Office
from tests.core.trading.test_journal import TestDisk


async def test_an_order_is_on_the_disk_before_a_byte_leaves(office):
    seen: list[list[Any]] = []
    office.broker.on_place = lambda spec: seen.append(office.written())
    draft = office.entry()
    done = await office.send(draft)
    assert done.sent
    assert done.record is not None
    assert done.record.state == "WORKING"
    kinds = [type(record) for record in seen[0]]
    assert kinds[kinds.index(Intent) :][:4] == [Intent, Authorised, Confirmed, Journalled]
    after = [type(record) for record in await office.all_written()]
    assert after[after.index(Journalled) :] == [Journalled, AuthorisationUsed, Sent, Acknowledged]
    assert office.gates.notes == [draft.spec.client_id]
    assert [status.state for status in office.statuses(draft.spec.client_id)][-1] == "WORKING"


async def test_every_gate_is_shown_and_one_shut_gate_stops_the_order_before_its_intent(office):
    office.gates.facts = {"session__armed": False}
    done = await office.send()
    assert (done.sent, done.record, done.code) == (False, None, "ARMED")
    assert "arm trading" in done.words
    report = office.gate_reports()[0]
    assert not report.allowed
    assert len(report.answers) == len(done.verdicts.answers)
    assert [answer.code for answer in report.answers if not answer.allowed] == ["ARMED"]
    verdicts = [one for one in await office.all_written() if isinstance(one, GateVerdict)]
    assert [(one.gate, one.code) for one in verdicts] == [("ARMED", "ARMED"), ("ALL", "DENIED")]
    assert Intent not in map(type, office.written())
    assert office.broker.calls == []
    office.gates.facts = {}
    assert (await office.send()).sent
    assert office.gate_reports()[-1].allowed


async def test_a_picture_that_cannot_be_taken_denies(office):
    def fails(number: int) -> None:
        raise RuntimeError("no picture")

    office.gates.on_view = fails
    done = await office.send()
    assert (done.sent, done.code, office.alarms()) == (False, "VIEW_FAILED", ["VIEW_FAILED"])


async def test_an_entry_needs_an_authorisation_for_exactly_this_order_young_and_unused(office):
    draft = office.entry()
    assert (await office.manager.submit(draft)).code == "NOT_AUTHORISED"
    other = authorise(replace(draft.spec, quantity=D(9)), office.clock.now_ms())
    assert (await office.manager.submit(draft, other)).code == "AUTHORISATION"
    old = office.confirm(draft)
    await office.clock.advance(10.5)
    assert (await office.manager.submit(draft, old)).code == "AUTHORISATION"
    good = office.confirm(draft)
    assert (await office.manager.submit(draft, good)).sent
    again = replace(draft, spec=replace(draft.spec, client_id=office.manager.next_client_id()), intent_id="x")
    assert not (await office.manager.submit(again, good)).sent
    assert office.broker.count("place") == 1


async def test_an_authorisation_is_gone_whatever_stopped_its_order(office):
    draft = office.entry()
    given = office.confirm(draft)
    office.gates.facts = {"session__armed": False}
    assert (await office.manager.submit(draft, given)).code == "ARMED"
    office.gates.facts = {}
    assert given.used
    assert (await office.manager.submit(draft, given)).code == "AUTHORISATION"


async def test_an_authorisation_that_runs_out_while_the_disk_works_sends_nothing(office):
    def late(number: int) -> None:
        if number == 2:
            office.clock.set_ms(office.clock.now_ms() + 10_001)

    office.gates.on_view = late
    done = await office.send()
    assert (done.sent, done.record.state, done.code) == (False, "VOID", "NOT_AUTHORISED")
    assert office.broker.calls == []


async def test_a_client_id_is_ours_and_new(office):
    sent = office.entry()
    assert (await office.send(sent)).sent
    assert (await office.send(replace(sent, intent_id="other"))).code == "CLIENT_ID"
    assert (await office.send(office.entry(client_id="mine"))).code == "CLIENT_ID"


async def test_a_wish_is_served_by_one_live_order_at_most(office):
    first = await office.working()
    intent_id = office.record(first).intent.intent_id
    assert (await office.send(office.entry(intent_id))).code == "INTENT_LIVE"
    office.manager.on_report(office.broker.ends(first))
    assert (await office.send(office.entry(intent_id))).sent
    assert office.broker.count("place") == 2


async def test_two_submissions_of_one_wish_at_the_same_time_send_one(office):
    done = await asyncio.gather(*(office.send(office.entry("wish")) for _ in range(5)))
    assert [one.sent for one in done] == [True, False, False, False, False]
    assert {one.code for one in done[1:]} == {"INTENT_LIVE"}


async def test_orders_may_be_submitted_side_by_side(office):
    done = await asyncio.gather(*(office.send() for _ in range(8)))
    assert all(one.sent and one.record.state == "WORKING" for one in done)
    assert len({one.record.client_id for one in done}) == office.broker.count("place") == 8


@pytest.mark.parametrize(
    "facts",
    [{"session__state": "HALTED"}, {"session__armed": False}, {"instrument": instrument("spot", trading=False)}],
)
async def test_what_changed_while_the_disk_worked_stops_the_order(office, facts):
    def then(number: int) -> None:
        if number == 2:
            office.gates.facts = facts

    office.gates.on_view = then
    done = await office.send()
    assert (done.sent, done.record.state) == (False, "VOID")
    assert done.code in ("TRADING_STATE", "ARMED", "SYMBOL_STATUS")
    assert office.broker.calls == []
    assert AuthorisationUsed in map(type, await office.all_written())


@pytest.mark.parametrize("rule", [{"tick_size": D("0.01")}, {"lot_size": D("0.01")}, {"min_notional": D(6)}])
async def test_rules_that_changed_after_the_gates_void_the_order(office, rule):
    def then(number: int) -> None:
        if number == 2:
            office.gates.instrument = instrument("spot", order_types=(), **rule)

    office.gates.on_view = then
    done = await office.send()
    assert (done.sent, done.record.state, done.code) == (False, "VOID", "RULES_CHANGED")
    assert "plan the order anew" in office.statuses(done.record.client_id)[-1].reason


async def test_nothing_is_sent_to_a_venue_that_asked_for_silence(office):
    office.broker.budget = Spent(used=0.1, banned_until_ms=office.clock.now_ms() + 5_000)
    done = await office.send()
    assert (done.sent, done.record.state, done.code) == (False, "VOID", "BANNED")
    await office.clock.advance(5)
    assert (await office.send()).sent


@pytest.mark.parametrize("broken", ["full", "read-only", "slow"])
async def test_no_journal_no_send_and_cancels_still_go(tmp_path, broken):
    disk = TestDisk()
    office = await Office.open(tmp_path, disk=disk, within_s=0.5)
    working = await office.working()
    if broken == "slow":
        disk.gate.clear()
    else:
        disk.write_error = errno.ENOSPC if broken == "full" else errno.EROFS
    done = await office.send()
    assert done.record is not None
    assert (done.sent, done.record.state, done.code) == (False, "VOID", "JOURNAL")
    assert "JOURNAL" in office.alarms()
    assert (await office.manager.cancel(working)).outcome == "ACCEPTED"
    assert office.broker.count("place") == 1
    disk.gate.set()
    disk.write_error = 0
    office.manager.on_report(office.broker.ends(working))
    assert (await office.send()).sent
    again = await office.restart()
    assert (again.state(done.record.client_id), again.state(working)) == ("VOID", "CANCELLED")
    await again.close()


async def test_a_caller_that_gives_up_before_the_wire_leaves_nothing_behind(tmp_path):
    disk = TestDisk()
    office = await Office.open(tmp_path, disk=disk)
    disk.gate.clear()
    disk.entered.clear()
    draft = office.entry()
    task = office.start(office.send(draft))
    await office.until(disk.entered.is_set)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert office.state(draft.spec.client_id) == "VOID"
    disk.gate.set()
    await office.close()
    assert office.broker.calls == []


async def test_a_caller_that_gives_up_after_the_wire_changes_nothing(office):
    gate = asyncio.Event()
    office.broker.next("place", gate=gate)
    draft = office.entry()
    task = office.start(office.send(draft))
    await office.until(lambda: office.broker.calls)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    gate.set()
    await office.until(lambda: office.state(draft.spec.client_id) == "WORKING")


async def test_a_refusal_is_final_and_in_the_venues_words(office):
    for error, code in (
        (Rejected("Filter failure: LOT_SIZE", -1013), "-1013"),
        (NotSent("no budget", "BUDGET"), "BUDGET"),
    ):
        office.broker.next("place", carried_out=False, error=error)
        done = await office.send()
        assert (done.sent, done.record.state, done.code) == (True, "REJECTED", code)
        assert str(error) in done.words
        assert str(error) in office.statuses(done.record.client_id)[-1].reason
    assert office.broker.count("place") == 2
    assert office.manager.unknown == ()


async def test_the_halt_of_an_over_filled_order_reaches_the_gates_and_a_person(office):
    name = await office.working()
    office.manager.on_report(office.broker.fill(name, "10"))
    office.manager.on_report(office.broker.fill(name, "1"))
    assert (office.state(name), office.record(name).filled) == ("FILLED", D(11))
    assert [to for to, _ in office.gates.tightened] == ["HALTED"]
    assert name in office.gates.tightened[0][1]
    assert office.alarms() == ["OVERFILL"]
    notes = [one for one in await office.all_written() if isinstance(one, Note)]
    assert [(one.code, one.client_id) for one in notes] == [("OVERFILL", name)]
    assert [record.client_id for record in office.manager.quarantined] == [name]
    assert office.statuses(name)[-1].evidence
