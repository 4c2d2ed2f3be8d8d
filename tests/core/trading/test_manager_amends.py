"""A protection or exit changed in place: gated, bound, journalled, and known once the venue shows it."""

from __future__ import annotations

import asyncio
import errno

import pytest

from core.trading.broker import Features, NoAnswer, NotSent, Spent
from core.trading.evidence import AmendSent
from core.trading.journal_records import Authorised
from core.venue import Rejected
from tests.core.trading.order_office import D, Office
from tests.core.trading.test_journal import TestDisk
from tests.core.trading.test_manager_changes import protected, quiet


async def test_a_stop_is_amended_in_place_and_known_once_it_is_seen(office):
    parent, stop = await protected(office)
    answer = await office.manager.amend(stop, stop_price=D("99.5"), price=D("98.5"))
    assert answer.outcome == "ACCEPTED"
    await office.until(lambda: office.record(stop).spec.stop_price == D("99.5"))
    status = office.statuses(stop)[-1]
    assert (status.stop_price, status.price, status.quantity, status.state) == (D("99.5"), D("98.5"), D(4), "WORKING")
    kinds = [type(record) for record in await office.all_written()]
    assert kinds.index(AmendSent) > kinds.index(Authorised)
    office.manager.on_report(office.broker.fill(parent, "2"))
    office.gates.position = D(6)
    assert (await office.manager.amend(stop, quantity=D(6))).outcome == "ACCEPTED"
    await office.until(lambda: office.record(stop).quantity == D(6) and not office.record(stop).pending_specs)
    assert (await office.manager.amend(stop, quantity=D("6.001"))).code == "BEYOND_ENTRY"


async def test_one_amend_at_a_time_so_that_each_answer_has_its_own(office):
    _, stop = await protected(office)
    gate = asyncio.Event()
    office.broker.next("amend", gate=gate)
    first = office.start(office.manager.amend(stop, price=D("98.5")))
    await office.until(lambda: stop in office.manager._changes._amending)
    second = await office.manager.amend(stop, price=D("98.6"))
    assert (second.outcome, "on its way" in second.text) == ("REFUSED", True)
    await office.until(lambda: office.broker.count("amend"))
    await quiet(office, 2.5)
    assert (await first).outcome == "UNKNOWN"
    third = await office.manager.amend(stop, price=D("98.7"))
    assert (third.outcome, "on its way" in third.text) == ("REFUSED", True)
    gate.set()
    await office.until(lambda: stop not in office.manager._changes._amending)
    assert [one.outcome for one in office.record(stop).amends] == ["ACCEPTED"]
    assert (await office.manager.amend(stop, price=D("98.7"))).outcome == "ACCEPTED"
    await office.until(lambda: office.record(stop).spec.price == D("98.7"))


async def test_what_a_stop_has_filled_is_no_more_to_be_covered(office):
    _, stop = await protected(office, "4")
    office.manager.on_report(office.broker.fill(stop, "1", "98"))
    office.gates.position = D(3)
    assert (await office.manager.amend(stop, price=D("98.5"))).outcome == "ACCEPTED"
    await office.until(lambda: office.record(stop).spec.price == D("98.5"))
    assert (await office.manager.amend(stop, quantity=D("4.001"))).code == "BEYOND_ENTRY"
    assert (await office.manager.amend(stop, quantity=D(1))).code == "NOTHING_LEFT"
    assert (await office.manager.amend(stop, quantity=D(2))).outcome == "ACCEPTED"
    await office.until(lambda: office.record(stop).remaining == D(1))


async def test_what_may_not_be_amended_is_refused_in_words(office):
    parent, stop = await protected(office)
    for name, part in ((parent, "entry"), ("nobody's", "no order")):
        answer = await office.manager.amend(name, price=D(97))
        assert (answer.outcome, part in answer.text) == ("REFUSED", True)
    office.manager.on_report(office.broker.ends(stop))
    assert "CANCELLED" in (await office.manager.amend(stop, price=D(97))).text
    office.broker.features = Features()
    assert "cannot amend" in (await office.manager.amend(stop, price=D(97))).text
    assert office.broker.count("amend") == 0


async def test_an_amend_the_gates_refuse_or_that_is_off_the_tick_is_not_sent(office):
    _, stop = await protected(office)
    answer = await office.manager.amend(stop, price=D("98.55"))
    assert (answer.outcome, answer.code, office.broker.count("amend")) == ("REFUSED", "ORDER_FORM", 0)
    assert office.record(stop).amends == ()
    office.broker.budget = Spent(used=0.1, silent_until_ms=office.clock.now_ms() + 1_000)
    answer = await office.manager.amend(stop, price=D("98.5"))
    assert (answer.code, office.broker.count("amend"), office.record(stop).pending_specs) == ("BANNED", 0, ())
    office.broker.budget = Spent(used=0.1, banned_until_ms=office.clock.now_ms() + 1_000)
    assert (await office.manager.amend(stop, price=D("98.5"))).outcome == "ACCEPTED"


@pytest.mark.parametrize("error", [Rejected("no", 110001), NotSent("no budget", "BUDGET")])
async def test_a_refused_amend_leaves_the_order(office, error):
    _, stop = await protected(office)
    office.broker.next("amend", carried_out=False, error=error)
    answer = await office.manager.amend(stop, price=D("98.5"))
    assert (answer.outcome, answer.code) == ("REFUSED", str(error.code))
    assert office.record(stop).pending_specs == ()
    assert office.record(stop).may_amend


async def test_an_amend_without_an_answer_is_seen_to(office):
    _, stop = await protected(office)
    office.broker.next("amend", error=NoAnswer("TIMEOUT", "gone"))
    assert (await office.manager.amend(stop, price=D("98.5"))).outcome == "UNKNOWN"
    await office.until(lambda: office.record(stop).spec.price == D("98.5"))


async def test_an_order_that_ends_while_its_amend_is_written_down_is_not_amended(tmp_path):
    disk = TestDisk()
    office = await Office.open(tmp_path, disk=disk)
    _, stop = await protected(office)
    await office.all_written()
    disk.gate.clear()
    disk.entered.clear()
    amending = office.start(office.manager.amend(stop, price=D("98.5")))
    await office.until(disk.entered.is_set)
    office.manager.on_report(office.broker.fill(stop, "4", "98"))
    disk.gate.set()
    assert (await amending).code == "NOT_AMENDABLE"
    assert (office.state(stop), office.broker.count("amend"), office.alarms()) == ("FILLED", 0, [])
    again = await office.restart()
    assert (again.state(stop), again.record(stop).quarantine) == ("FILLED", "")
    await again.close()


async def test_no_journal_no_amend(tmp_path):
    disk = TestDisk()
    office = await Office.open(tmp_path, disk=disk)
    _, stop = await protected(office)
    disk.write_error = errno.ENOSPC
    answer = await office.manager.amend(stop, price=D("98.5"))
    assert (answer.outcome, answer.code, office.broker.count("amend")) == ("REFUSED", "JOURNAL", 0)
    disk.write_error = 0
    await office.close()
