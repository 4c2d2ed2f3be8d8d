"""What the venue tells finds its order; everyone hears of it once; a restart comes to the same orders."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from core.messages import Fault
from core.trading.broker import NoAnswer
from core.trading.evidence import (
    Confirmed,
    FilledChanged,
    Journalled,
    Moved,
    NewFill,
    NotFound,
    OutcomeUnknown,
    Reported,
    Sent,
    Voided,
)
from core.trading.journal import Journal
from core.trading.journal_records import AuthorisationUsed, Authorised, Note
from core.trading.journal_replay import replay
from core.trading.order import OrderReport
from core.trading.order_record import Intent
from core.venue import Retryable
from tests.core.risk.views import NOW
from tests.core.trading.order_office import D, Office


async def test_a_report_is_told_to_observers_and_to_the_bus_once(office):
    name = await office.working()
    office.effects.clear()
    report = office.broker.fill(name, "4")
    for _ in range(3):
        office.manager.on_report(report)
    kinds = [type(effect) for effect in office.effects]
    assert kinds == [Moved, NewFill, FilledChanged]
    assert [(one.quantity, one.price, one.client_id) for one in office.executions()] == [(D(4), D(100), name)]
    status = office.statuses(name)[-1]
    assert (status.state, status.filled, status.remaining, status.order_id) == ("PARTIAL", D(4), D(6), "v1")
    told = len(office.statuses(name))
    office.manager.on_report(report)
    assert len(office.statuses(name)) == told


async def test_a_report_without_a_client_id_finds_its_order_by_the_venues(office):
    name = await office.working()
    report = office.broker.fill(name, "4")
    office.manager.on_report(replace(report, spec=replace(report.spec, client_id="")))
    assert office.record(name).filled == D(4)
    found = office.manager.find(report)
    assert found is not None
    assert found.client_id == name
    cancelled = office.broker.ends(name)
    told = Reported(
        client_id="", at_ms=NOW, report=replace(cancelled, spec=replace(cancelled.spec, client_id="")), channel="QUERY"
    )
    office.manager.hear(told, order_id="v1")
    assert office.state(name) == "CANCELLED"


async def test_a_foreign_report_is_shown_to_who_wants_it_and_touches_nothing(office):
    name = await office.working()
    foreign: list[OrderReport] = []
    office.manager.foreign.append(foreign.append)
    report = replace(office.broker.held[name], order_id="v77", spec=office.spec())
    office.manager.on_report(report)
    assert foreign == [report]
    assert list(office.manager.orders) == [name]
    assert office.manager.find(report) is None


async def test_evidence_of_no_order_of_ours_is_an_alarm(office):
    assert office.manager.hear(NotFound(client_id="nobody's", at_ms=NOW, asked_ms=NOW)) is None
    assert office.alarms() == ["STRAY_EVIDENCE"]


async def test_an_observer_that_fails_harms_nobody(office):
    def fails(record: Any, effect: Any) -> None:
        raise RuntimeError("observer")

    office.manager.observe(fails)
    heard: list[Any] = []
    office.manager.observe(lambda record, effect: heard.append(effect))
    name = await office.working()
    assert office.state(name) == "WORKING"
    assert heard == office.effects
    assert [fault.source for fault in office.heard(Fault)] == ["orders"]


async def test_what_an_observer_sets_off_is_told_after_what_it_hears(office):
    name = await office.working()
    office.effects.clear()

    def again(record: Any, effect: Any) -> None:
        if isinstance(effect, Moved) and effect.after == "PARTIAL":
            office.manager.on_report(office.broker.fill(name, "6"))

    office.manager.observe(again)
    office.manager.on_report(office.broker.fill(name, "4"))
    assert [type(effect) for effect in office.effects] == [Moved, NewFill, FilledChanged] * 2
    assert [status.state for status in office.statuses(name)][-2:] == ["PARTIAL", "FILLED"]


# --- a restart -----------------------------------------------------------------------------------------------------------


async def test_a_journal_comes_to_the_same_orders(office):
    names = [await office.working() for _ in range(3)]
    office.manager.on_report(office.broker.fill(names[0], "4"))
    office.manager.on_report(office.broker.fill(names[0], "6"))
    office.manager.on_report(office.broker.ends(names[1]))
    polled = Reported(
        client_id=names[2], at_ms=NOW + 5, report=office.broker.held[names[2]], channel="OPEN_ORDERS", asked_ms=NOW
    )
    for late in range(4):
        office.manager.hear(replace(polled, at_ms=NOW + late))
    gone = NotFound(client_id=names[2], at_ms=NOW + 4, asked_ms=NOW + 4)
    office.manager.hear(gone)
    await office.all_written()
    live = dict(office.manager.orders)
    written = [one for one in office.written() if isinstance(one, Reported) and one.channel == "OPEN_ORDERS"]
    assert [one.at_ms for one in written] == [NOW + 3], "the last before other news"
    office.manager.hear(replace(polled, at_ms=NOW + 9))
    live[names[2]] = office.record(names[2])
    await office.close()
    journal = await Journal.open(office.folder / "journal")
    replayed = replay(journal.entries)
    await journal.close()
    assert replayed.strays == []
    assert {name: replace(one, repeats=0) for name, one in replayed.orders.items()} == {
        name: replace(one, repeats=0) for name, one in live.items()
    }


BEFORE = (Intent, Authorised, Confirmed, Journalled, Sent)


@pytest.mark.parametrize(("kept", "state"), [(1, "VOID"), (3, "VOID"), (4, "UNKNOWN"), (5, "UNKNOWN")])
async def test_a_restart_asks_about_what_may_have_left_and_gives_up_what_cannot_have(tmp_path, kept, state):
    office = await Office.open(tmp_path / "first")
    await office.working()
    told = [one for one in await office.all_written() if isinstance(one, BEFORE)]
    await office.close()
    journal = await Journal.open(tmp_path / "second" / "journal")
    for record in told[:kept]:
        journal.keep(record)
    await journal.close()
    office.broker.held.clear()
    office.broker.always("query", error=Retryable("down"))
    office.broker.calls.clear()
    again = await Office.open(tmp_path / "second", office.broker)
    name = next(iter(again.manager.orders))
    assert again.state(name) == state
    assert again.broker.count("place") == 0
    written = await again.all_written()
    assert any(isinstance(one, OutcomeUnknown if state == "UNKNOWN" else Voided) for one in written)
    used = [one.outcome for one in written if isinstance(one, AuthorisationUsed)]
    assert used == (["EXPIRED"] if kept >= 3 else [])
    if state == "UNKNOWN":
        assert [one.why for one in again.record(name).evidence if isinstance(one, OutcomeUnknown)] == ["CRASH"]
        await again.until(lambda: again.broker.count("query"))
    await again.close()


async def test_a_restart_asks_about_every_order_that_lived(office):
    name = await office.working()
    office.broker.fill(name, "4")
    again = await office.restart()
    await again.until(lambda: again.record(name).filled == D(4) and again.record(name).fills)
    assert again.state(name) == "PARTIAL"
    await again.close()


async def test_a_restart_asks_for_fills_nobody_has_told_yet(office):
    office.broker.always("trades", error=Retryable("down"))
    name = await office.working()
    report = office.broker.fill(name, "10")
    office.manager.on_report(replace(report, fill=None))
    assert (office.state(name), office.record(name).unexplained) == ("FILLED", D(10))
    await office.close()
    office.broker.heal()
    again = await Office.open(office.folder, office.broker)
    await again.until(lambda: not again.record(name).unexplained)
    assert [one.quantity for one in again.executions()] == [D(10)]
    await again.close()


async def test_an_end_of_the_program_leaves_an_unanswered_order_unknown(office):
    gate = asyncio.Event()
    office.broker.next("place", gate=gate)
    draft = office.entry()
    office.start(office.send(draft))
    await office.until(lambda: office.broker.count("place"))
    again = await office.restart()
    name = draft.spec.client_id
    whys = [one.why for one in again.record(name).evidence if isinstance(one, OutcomeUnknown)]
    assert whys == ["DISCONNECT"]
    assert [one.code for one in again.written() if isinstance(one, Note) and one.code == "JOURNAL"] == []
    await again.close()


async def test_a_cancel_the_program_did_not_live_to_see_answered_is_in_doubt(office):
    name = await office.working()
    office.broker.next("cancel", carried_out=False, gate=asyncio.Event())
    office.start(office.manager.cancel(name))
    await office.until(lambda: office.broker.count("cancel"))
    again = await office.restart()
    assert (again.state(name), again.record(name).in_doubt) == ("CANCEL_PENDING", True)
    for _ in range(80):
        await again.clock.advance(0.25)
    assert (again.state(name), again.record(name).cancels_open) == ("WORKING", 0)
    await again.close()


async def test_an_amend_the_program_did_not_live_to_see_answered_does_not_block_the_next(office):
    parent = await office.bought("4")
    done = await office.manager.submit(office.stop(parent, "4"))
    assert done.record is not None
    stop = done.record.client_id
    office.broker.next("amend", carried_out=False, gate=asyncio.Event())
    office.start(office.manager.amend(stop, price=D("98.5")))
    await office.until(lambda: office.broker.count("amend"))
    again = await office.restart()
    assert [one.outcome for one in again.record(stop).amends] == ["UNKNOWN"]
    assert again.record(stop).may_amend
    await again.close()


async def test_the_end_of_the_program_leaves_no_task_behind(office):
    gate = asyncio.Event()
    before = asyncio.all_tasks()
    office.broker.next("place", gate=gate)
    sending = office.start(office.send())
    await office.until(lambda: office.broker.count("place"))
    await office.manager.close()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert asyncio.all_tasks() == before
    assert office.manager.unknown


async def test_a_record_that_belongs_to_no_order_is_told(tmp_path):
    journal = await Journal.open(tmp_path / "journal")
    await journal.append(Sent(client_id="nobody's", at_ms=NOW))
    await journal.close()
    office = await Office.open(tmp_path)
    assert office.alarms() == ["JOURNAL_STRAY"]
    await office.close()


# --- what is kept --------------------------------------------------------------------------------------------------------


async def test_orders_that_are_over_are_forgotten_oldest_first_families_together(office):
    office.manager._records.kept = office.manager._records._look_at = 10
    parent = await office.bought("4")
    done = await office.manager.submit(office.stop(parent, "4"))
    assert done.record is not None
    stop = done.record.client_id
    office.manager.on_report(office.broker.fill(parent, "6"))
    office.manager.on_report(office.broker.fill(stop, "4", "98"))
    old = []
    for _ in range(20):
        name = await office.working()
        office.manager.on_report(office.broker.ends(name))
        old.append(name)
    assert {parent, stop} <= set(office.manager.orders), "of ten bought four were sold"
    assert office.record(parent).evidence == ()
    assert len(office.manager.orders) <= 11
    assert old[0] not in office.manager.orders
    assert old[-1] in office.manager.orders
    late = office.broker.held[old[0]]
    foreign: list[OrderReport] = []
    office.manager.foreign.append(foreign.append)
    office.manager.on_report(late)
    assert foreign == [late]


async def test_an_unknown_order_is_never_forgotten(office):
    office.manager._records.kept = office.manager._records._look_at = 3
    ended = [await office.working() for _ in range(6)]
    for kind in ("query", "open_orders", "trades"):
        office.broker.always(kind, error=Retryable("down"))
    office.broker.next("place", error=NoAnswer("TIMEOUT", "gone"))
    unknown = await office.working()
    for name in ended:
        office.manager.on_report(office.broker.ends(name))
    assert set(office.manager.orders) < {unknown, *ended}
    assert office.state(unknown) == "UNKNOWN"
