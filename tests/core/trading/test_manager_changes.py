"""What follows an entry: protection and exits within its bound, cancels, replacements, orders that bind each other."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from core.trading.broker import Cancelled, Features, NoAnswer, NotSent, Placed, Replaced
from core.trading.evidence import CancelSent
from core.trading.journal_records import AuthorisationUsed, Authorised
from core.venue import Rejected, Retryable
from tests.core.trading.fake_broker import FakeBroker
from tests.core.trading.order_office import D, Office
from tests.core.trading.test_journal import TestDisk


async def quiet(office: Office, seconds: float) -> None:
    """Time passes, and questions are asked and answered."""
    for _ in range(round(seconds * 4)):
        await office.clock.advance(0.25)


async def protected(office: Office, quantity: str = "4") -> tuple[str, str]:
    parent = await office.bought(quantity)
    done = await office.manager.submit(office.stop(parent, quantity))
    assert done.record is not None
    return parent, done.record.client_id


# --- what an entry may authorise -----------------------------------------------------------------------------------------


async def test_a_filled_entry_authorises_its_own_protection_as_far_as_it_filled(office):
    parent = await office.bought("4")
    done = await office.manager.submit(office.stop(parent, "4"))
    assert done.sent
    assert done.record.state == "WORKING"
    grants = [one for one in await office.all_written() if isinstance(one, Authorised) and one.parent]
    assert [(one.parent, one.quantity, one.purpose) for one in grants] == [(parent, D(4), "PROTECTION")]
    used = {one.authorisation_id for one in office.written() if isinstance(one, AuthorisationUsed)}
    assert grants[0].authorisation_id in used


async def test_nothing_beyond_what_the_family_has_left_is_authorised(office):
    parent = await office.bought("4")
    for quantity in ("4.001", "10"):
        refused = await office.manager.submit(office.stop(parent, quantity))
        assert (refused.sent, refused.record, refused.code) == (False, None, "BEYOND_ENTRY")
    assert office.alarms() == ["BEYOND_ENTRY"] * 2
    first = await office.manager.submit(office.stop(parent, "3"))
    assert first.sent
    assert (await office.manager.submit(office.exit(parent, "1.001"))).code == "BEYOND_ENTRY"
    assert (await office.manager.submit(office.exit(parent, "1"))).sent
    office.manager.on_report(office.broker.fill(first.record.client_id, "3", "98"))
    assert (await office.manager.submit(office.exit(parent, "0.001"))).code == "BEYOND_ENTRY"


async def test_fees_taken_in_the_base_asset_are_not_there_to_be_sold(office):
    parent = await office.working()
    report = office.broker.fill(parent, "4")
    assert report.fill is not None
    office.manager.on_report(replace(report, fill=replace(report.fill, fee=D("0.004"), fee_asset="BTC")))
    office.gates.position = D("3.996")
    assert (await office.manager.submit(office.stop(parent, "3.997"))).code == "BEYOND_ENTRY"
    assert (await office.manager.submit(office.stop(parent, "3.996"))).sent


async def test_only_an_entry_of_ours_authorises_and_only_the_other_way(office):
    parent = await office.bought("4")
    stop = await office.manager.submit(office.stop(parent, "2"))
    office.manager.on_report(office.broker.fill(stop.record.client_id, "2", "98"))
    for draft, words in (
        (office.exit("tt1nobody", "1"), "no entry"),
        (office.exit(stop.record.client_id, "1", side="BUY"), "no entry"),
        (office.exit(parent, "1", side="BUY"), "does not reduce"),
        (office.exit(parent, "1", symbol="ETHUSDT"), "does not reduce"),
    ):
        refused = await office.manager.submit(draft)
        assert (refused.code, words in refused.words) == ("BEYOND_ENTRY", True)
    assert (await office.manager.submit(office.exit("", "1"))).code == "NOT_AUTHORISED"
    disguised = replace(office.exit(parent, "1"), act="ENTRY")
    assert (await office.manager.submit(disguised)).code == "NOT_AUTHORISED"
    assert office.broker.count("place") == 2


async def test_two_exits_at_the_same_time_never_take_more_than_there_is(office):
    parent = await office.bought("4")
    done = await asyncio.gather(*(office.manager.submit(office.exit(parent, "3")) for _ in range(4)))
    assert [one.sent for one in done] == [True, False, False, False]


async def test_the_bound_of_an_entry_survives_a_restart(office):
    parent = await office.bought("4")
    assert (await office.manager.submit(office.stop(parent, "3"))).sent
    again = await office.restart()
    again.gates.position = D(4)
    assert (await again.manager.submit(again.exit(parent, "1.001"))).code == "BEYOND_ENTRY"
    assert (await again.manager.submit(again.exit(parent, "1"))).sent
    await again.close()


# --- cancel --------------------------------------------------------------------------------------------------------------


async def test_a_cancel_ends_an_order_by_the_venues_proof_alone(office):
    name = await office.working()
    answer = await office.manager.cancel(name)
    assert (answer.outcome, office.state(name)) == ("ACCEPTED", "CANCEL_PENDING")
    office.manager.on_report(office.broker.held[name])
    assert office.state(name) == "CANCELLED"
    again = await office.manager.cancel(name)
    assert (again.outcome, again.code, office.broker.count("cancel")) == ("GONE", "CANCELLED", 1)
    assert (await office.manager.cancel("nobody's")).outcome == "GONE"


async def test_cancels_at_the_same_time_share_one_request(office):
    name = await office.working()
    answers = await asyncio.gather(*(office.manager.cancel(name) for _ in range(3)))
    assert [one.outcome for one in answers] == ["ACCEPTED"] * 3
    assert office.broker.count("cancel") == 1
    assert sum(isinstance(one, CancelSent) for one in await office.all_written()) == 1


async def test_a_cancel_whose_proof_does_not_come_is_asked_about(office):
    name = await office.working()
    await office.manager.cancel(name)
    await quiet(office, 3)
    assert office.state(name) == "CANCELLED"


async def test_a_cancel_that_was_lost_is_sent_again(office):
    name = await office.working()
    for _ in range(2):
        office.broker.next("cancel", carried_out=False, error=NoAnswer("TIMEOUT", "lost"))
    assert (await office.manager.cancel(name)).outcome == "UNKNOWN"
    await quiet(office, 3)
    assert (office.state(name), office.broker.count("cancel")) == ("CANCEL_PENDING", 2)
    await quiet(office, 20)
    assert (office.state(name), office.broker.count("cancel")) == ("CANCELLED", 3)
    assert office.alarms() == []


async def test_an_end_that_is_never_proven_calls_a_person(office):
    name = await office.working()
    office.broker.always("cancel", carried_out=False, answer=Cancelled(outcome="ACCEPTED"))
    await office.manager.cancel(name)
    await quiet(office, 120)
    assert (office.state(name), office.broker.count("cancel")) == ("CANCEL_PENDING", 4)
    assert office.alarms() == ["CANCEL_UNPROVEN"]


async def test_a_cancel_the_venue_said_yes_to_and_forgot_is_sent_again(office):
    name = await office.working()
    office.broker.next("cancel", carried_out=False, answer=Cancelled(outcome="ACCEPTED"))
    assert (await office.manager.cancel(name)).outcome == "ACCEPTED"
    await quiet(office, 20)
    assert (office.state(name), office.broker.count("cancel")) == ("CANCELLED", 2)
    assert office.alarms() == []


async def test_a_cancel_that_meets_a_fill_ends_filled(office):
    name = await office.working()
    office.broker.fill(name, "10")
    answer = await office.manager.cancel(name)
    assert answer.outcome == "GONE"
    await office.until(lambda: office.state(name) == "FILLED" and office.record(name).fills)


@pytest.mark.parametrize("error", [NotSent("banned", "BANNED"), Rejected("no", -2011)])
async def test_a_cancel_that_was_not_done_leaves_the_order_as_it_was(office, error):
    name = await office.working()
    office.broker.next("cancel", carried_out=False, error=error)
    answer = await office.manager.cancel(name)
    assert (answer.outcome, answer.code) == ("REFUSED", str(error.code))
    assert office.state(name) == "WORKING"


@pytest.mark.parametrize("error", [NoAnswer("TIMEOUT", "gone"), KeyError("x"), None])
async def test_a_cancel_without_an_answer_is_looked_into(office, error):
    name = await office.working()
    gate = asyncio.Event()
    office.broker.next("cancel", error=error, gate=None if error else gate)
    cancelling = office.start(office.manager.cancel(name))
    await office.until(lambda: office.broker.count("cancel"))
    await quiet(office, 2.5)
    assert (await cancelling).outcome == "UNKNOWN"
    await office.until(lambda: office.state(name) == "CANCELLED")
    gate.set()


async def test_an_order_in_quarantine_is_left_alone_until_it_is_released(office):
    name = await office.working()
    office.manager.on_report(replace(office.broker.held[name], spec=replace(office.record(name).spec, quantity=D(7))))
    assert office.record(name).quarantine == "QUANTITY_DIFFERS"
    answer = await office.manager.cancel(name)
    assert (answer.outcome, answer.code, office.broker.count("cancel")) == ("REFUSED", "QUANTITY_DIFFERS", 0)
    assert office.manager.resolve(name, "RELEASE", "operator") == ""
    assert (await office.manager.cancel(name)).outcome == "ACCEPTED"


# --- replace, and orders that bind each other ----------------------------------------------------------------------------


async def test_a_stop_is_replaced_in_one_request(office):
    parent, old = await protected(office)
    draft = replace(office.stop(parent, "4", intent_id="trail", stop_price=D("99.2")), replaces=old)
    done = await office.manager.replace(old, draft)
    assert done.sent
    assert (office.state(old), done.record.state) == ("CANCELLED", "WORKING")
    assert office.broker.count("replace") == 1


@pytest.mark.parametrize("placed", [False, True])
async def test_a_replacement_can_half_succeed(office, placed):
    parent, old = await protected(office)
    draft = replace(office.stop(parent, "4", stop_price=D("99.2")), replaces=old)
    if placed:  # the cancel failed, and yet the order stands: the venue's own words are believed
        cancelled = Cancelled(outcome="REFUSED", code="-2011", text="no")
        answer = Replaced(cancelled=cancelled, placed=Placed(order_id="v99"))
    else:
        gone = replace(office.broker.held[old], status="CANCELED")
        cancelled = Cancelled(outcome="ACCEPTED", reports=(gone,))
        answer = Replaced(cancelled=cancelled, placed=None, code="-2010", text="would trigger")
    office.broker.next("replace", carried_out=False, answer=answer)
    done = await office.manager.replace(old, draft)
    expected = ("WORKING", "WORKING") if placed else ("CANCELLED", "REJECTED")
    assert (office.state(old), done.record.state) == expected
    assert done.code == ("" if placed else "-2010")


async def test_a_replacement_without_an_answer_leaves_both_to_be_asked_about(office):
    parent, old = await protected(office)
    draft = replace(office.stop(parent, "4", stop_price=D("99.2")), replaces=old)
    office.broker.next("replace", error=NoAnswer("TIMEOUT", "gone"))
    assert (await office.manager.replace(old, draft)).sent
    await office.until(lambda: (office.state(old), office.state(draft.spec.client_id)) == ("CANCELLED", "WORKING"))


@pytest.mark.parametrize("error", [Rejected("no", -2021), NotSent("no budget", "BUDGET")])
async def test_a_replacement_refused_leaves_the_old_order(office, error):
    parent, old = await protected(office)
    draft = replace(office.stop(parent, "4", stop_price=D("99.2")), replaces=old)
    office.broker.next("replace", carried_out=False, error=error)
    done = await office.manager.replace(old, draft)
    assert (office.state(old), done.record.state, done.code) == ("WORKING", "REJECTED", str(error.code))


async def test_an_order_that_ends_while_its_replacement_is_written_down_is_not_replaced(tmp_path):
    disk = TestDisk()
    office = await Office.open(tmp_path, disk=disk)
    parent, old = await protected(office)
    draft = replace(office.stop(parent, "4", stop_price=D("99.2")), replaces=old)
    await office.all_written()
    disk.gate.clear()
    disk.entered.clear()
    replacing = office.start(office.manager.replace(old, draft))
    await office.until(disk.entered.is_set)
    office.manager.on_report(office.broker.fill(old, "4", "98"))
    disk.gate.set()
    assert (await replacing).code == "OLD_OVER"
    assert (office.state(old), office.broker.count("replace")) == ("FILLED", 0)
    await office.close()


async def test_what_does_not_rest_is_not_replaced(office):
    parent, old = await protected(office)
    draft = office.stop(parent, "4", stop_price=D("99.2"))
    assert (await office.manager.replace(old, draft)).code == "NOT_REPLACEABLE"
    assert (await office.manager.replace("nobody's", replace(draft, replaces="nobody's"))).code == "NOT_REPLACEABLE"
    office.manager.on_report(office.broker.ends(old))
    assert (await office.manager.replace(old, replace(draft, replaces=old))).code == "NOT_REPLACEABLE"
    office.broker.features = Features()
    assert (await office.manager.replace(old, replace(draft, replaces=old))).code == "NO_REPLACE"


async def test_a_target_and_a_stop_that_bind_each_other_count_once(office):
    parent = await office.bought("4")
    target = office.exit(parent, "4", list_id="l1")
    stop = office.stop(parent, "4", list_id="l1")
    done = await office.manager.submit_pair(target, stop)
    assert [(one.sent, one.record.state) for one in done] == [(True, "WORKING")] * 2
    assert (await office.manager.submit(office.exit(parent, "0.001"))).code == "BEYOND_ENTRY"


async def test_of_a_pair_both_or_none_are_sent(office):
    parent = await office.bought("4")
    target, stop = office.exit(parent, "4", list_id="l1"), office.stop(parent, "4.1", list_id="l1")
    done = await office.manager.submit_pair(target, stop)
    assert [(one.sent, one.code) for one in done] == [(False, "BEYOND_ENTRY")] * 2
    assert office.state(target.spec.client_id) == "VOID"
    lonely = await office.manager.submit_pair(office.exit(parent, "1"), office.stop(parent, "1"))
    assert [one.code for one in lonely] == ["NO_PAIR"] * 2
    office.broker.next("place_pair", carried_out=False, error=Rejected("no", -1013))
    refused = await office.manager.submit_pair(
        office.exit(parent, "4", list_id="l2"), office.stop(parent, "4", list_id="l2")
    )
    assert [(one.sent, one.record.state) for one in refused] == [(True, "REJECTED")] * 2


async def test_a_venue_without_pairs_says_so(tmp_path, office):
    plain = await Office.open(tmp_path / "plain", FakeBroker(office.clock, Features()))
    parent = await plain.bought("4")
    pair = await plain.manager.submit_pair(plain.exit(parent, "4", list_id="l"), plain.stop(parent, "4", list_id="l"))
    assert [one.sent for one in pair] == [False, False]
    plain.broker.always("query", error=Retryable("down"))
    await plain.close()
