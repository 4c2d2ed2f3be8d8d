"""A ticket in place of an entry that works: the old one is proven to have ended before the new one is sent."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import (
    CancelOrder,
    OpenTicket,
    Refused,
)
from core.trading.broker import Cancelled, OrderKey
from tests.core.trading.test_ceremony import amending, entries, working_entry
from tests.core.trading.ticket_rig import ticket_rig

D = Decimal


async def test_a_working_entry_is_amended_by_one_that_follows_its_proven_end(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        old, told = await working_entry(rig)
        amended = await rig.open(replaces=old)
        assert (amended.kind, amended.replaces, amended.quantity, amended.entry, amended.stop, amended.targets) == (
            "AMEND", old, told.quantity, told.entry, told.stop, told.targets,
        )  # fmt: skip
        assert amended.allowed, rig.denied()
        tick = rig.provider.rules[rig.symbol].tick_size
        assert (await rig.edit("entry", f"{told.entry - 20 * tick:f}")).step == "REVIEW"
        for _ in range(3):
            await rig.answer()
        await rig.wait(3.0)
        assert (rig.told.step, rig.told.words) == ("SENT", "")
        states = {one.client_id: (one.state, one.price) for one in entries(rig)}
        assert states[old][0] == "CANCELLED"
        assert states[rig.told.client_id] == ("WORKING", told.entry - 20 * tick)


async def test_where_the_old_entry_is_not_proven_to_have_ended_nothing_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        old, told = await working_entry(rig)
        await rig.open(replaces=old, entry=told.entry - rig.provider.rules[rig.symbol].tick_size)

        async def never(key: OrderKey) -> Cancelled:
            return Cancelled(outcome="UNKNOWN", code="LOST", text="no answer")

        monkeypatch.setattr(rig.broker, "cancel", never)
        for _ in range(3):
            await rig.answer()
        sends = rig.broker.sends
        await rig.wait(12.0)
        assert rig.told.step == "REFUSED"
        assert "could not be proven to have ended" in rig.told.words
        assert rig.broker.sends == sends


async def test_what_cannot_be_amended_is_said(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path) as rig:
        rig.ask(OpenTicket(symbol=rig.symbol, replaces="nobody"))
        await rig.wait()
        assert "no entry of ours" in rig.of(Refused)[-1].words
        await rig.open()
        rig.quote(1.001)
        tick = rig.provider.rules[rig.symbol].tick_size
        await rig.edit("entry", f"{rig.told.entry * D('0.995') // tick * tick:f}")
        name = (await rig.answer()).client_id
        await rig.do(CancelOrder(client_id=name), 2.0)
        await rig.do(OpenTicket(symbol=rig.symbol, replaces=name))
        assert "is CANCELLED" in rig.of(Refused)[-1].words


async def test_an_old_entry_that_fills_meanwhile_is_a_position_and_nothing_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        old = await amending(rig, monkeypatch)
        assert "cannot be taken back" in (await rig.close()).words
        await rig.pass_time(3, **{rig.symbol: 0.99})
        await rig.pass_time(15)
        assert rig.told.step == "REFUSED"
        assert f"order {old} has filled" in rig.told.words
        assert [one.client_id for one in entries(rig)] == [old]


async def test_disarmed_while_the_old_entry_ends_nothing_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        old = await amending(rig, monkeypatch)
        rig.desk.ceremony.drop("disarmed: back to paper")
        await rig.wait(6.0)
        assert (rig.told.step, rig.told.words) == ("REFUSED", "nothing was sent: disarmed: back to paper")
        assert {one.client_id: one.state for one in entries(rig)} == {old: "CANCELLED"}
