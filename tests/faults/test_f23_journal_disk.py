"""F23: a disk that is full, read-only or stalls. No journal, no send; cancels go on; the operator is told; nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.messages import OrderAlarm
from tests.faults.failing_disk import FULL, READ_ONLY, FailingDisk, disk
from tests.faults.order_rig import SYMBOL, VENUES, OrderRig, order_rig

__all__ = ["disk"]
TWO = (VENUES[0], VENUES[2])
REMEDY = {FULL: "free some space", READ_ONLY: "remount the disk"}


def alarm(rig: OrderRig, code: str) -> OrderAlarm | None:
    """The first of its kind."""
    return next((alarm for alarm in rig.of(OrderAlarm) if alarm.code == code), None)


async def healed(rig: OrderRig) -> None:
    """The journal takes records again, and so entries go out; both sides and the journal agree."""
    await rig.until(lambda: not rig.denials(resting=True) or not rig.path.journal.trouble, "a try")
    await rig.until(lambda: alarm(rig, "JOURNAL_BACK"), "word that the journal is back")
    await rig.oracle()


@pytest.mark.parametrize("error", [FULL, READ_ONLY])
@pytest.mark.parametrize("where", TWO)
async def test_f23_no_journal_no_send_and_cancels_go_on(
    where: str, error: int, disk: FailingDisk, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path) as rig:
        working = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(working.client_id).state == "WORKING", "the order in the book")
        disk.error = error
        orders, requests = len(rig.orders()), len(rig.requests)
        assert await rig.path.cancel_order(working.client_id) == ""
        await rig.until(lambda: rig.record(working.client_id).state == "CANCELLED", "the cancel")
        assert rig.at_exchange(working.client_id)[0].status == "CANCELED"
        await rig.until(lambda: SYMBOL not in rig.path.trades.planned(), "the end of the plan")
        refused = await rig.enter(resting=True)
        assert not refused.sent
        assert "journal" in refused.words
        told = alarm(rig, "JOURNAL")
        assert told is not None
        for part in ("nothing is sent", str(tmp_path), os.strerror(error), REMEDY[error]):
            assert part in told.text
        assert rig.requested(f"POST {rig.place}", requests) == 0
        assert len(rig.orders()) == orders
        disk.error = 0
        await rig.until(lambda: not rig.denials(resting=True), "entries again")
        again = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(again.client_id).state == "WORKING", "the order in the book")
        await healed(rig)


@pytest.mark.parametrize("where", TWO)
async def test_f23_an_entry_whose_intent_meets_the_full_disk_is_void(
    where: str, disk: FailingDisk, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path) as rig:
        disk.error = FULL
        submission = await rig.enter(resting=True)
        assert not submission.sent
        assert submission.code in ("JOURNAL", "NO_PLAN")
        assert rig.orders() == []
        disk.error = 0
        await rig.until(lambda: not rig.denials(resting=True), "entries again")
        await rig.entered(resting=True)
        await healed(rig)


@pytest.mark.parametrize("where", TWO)
async def test_f23_a_fill_on_a_full_disk_is_told_naked_and_protected_when_it_can_be(
    where: str, disk: FailingDisk, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path, naked_policy="hold") as rig:
        entry = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(entry.client_id).state == "WORKING", "the order in the book")
        disk.error = FULL
        requests = len(rig.requests)
        rig.faults.fill(entry.client_id)
        await rig.until(lambda: alarm(rig, "NAKED"), "word of the naked position")
        assert SYMBOL in alarm(rig, "NAKED").text  # type: ignore[union-attr]
        assert alarm(rig, "JOURNAL") is not None
        assert rig.requested(f"POST {rig.place}", requests) == 0
        assert not rig.stops()
        disk.error = 0
        await rig.until_protected()
        await healed(rig)


@pytest.mark.parametrize("where", TWO)
async def test_f23_a_stall_of_two_seconds_sends_nothing_and_loses_nothing(
    where: str, disk: FailingDisk, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path) as rig:
        disk.gate.clear()
        submission = await rig.enter(resting=True)
        assert not submission.sent
        assert "not on the disk after 2 s" in submission.words
        assert "find what keeps the disk busy" in submission.words
        assert rig.orders() == []
        (record,) = rig.path.manager.orders.values()
        assert record.state == "VOID"
        disk.gate.set()
        await rig.until(lambda: alarm(rig, "JOURNAL_BACK"), "word that the journal is back")
        await rig.until(lambda: SYMBOL not in rig.path.trades.planned(), "the end of the plan")
        await rig.until(lambda: not rig.denials(resting=True), "entries again")
        await rig.entered(resting=True)
        await healed(rig)
