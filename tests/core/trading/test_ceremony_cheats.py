"""Nobody cheats the ticket: replayed, doubled, hasty, edited and foreign confirmations send nothing."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.messages import ConfirmTicket, RefreshTicket, Refused, TicketStatus, TicketStep
from core.trading.authority import Permit
from core.trading.broker import NotSent, Placed
from core.trading.journal import read_journal
from core.trading.journal_records import KeyPressed
from core.trading.order import OrderSpec
from core.trading.trade_desk import TradeDesk
from tests.core.trading.ticket_rig import TicketRig, ticket_rig


async def at(rig: TicketRig, step: TicketStep) -> TicketStatus:
    """A ticket at this step."""
    told = await rig.open()
    while told.step != step:
        told = await rig.answer()
    return told


async def test_a_confirmation_works_once_however_often_it_comes(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        await rig.open()
        same = rig.confirmation()
        for _ in range(3):  # a held key: all in one turn
            rig.ask(same)
        await rig.wait(0.4)
        assert rig.told.step == "CONSEQUENCES"
        assert "used already" in rig.told.words
        await rig.answer()
        last = rig.confirmation()
        for _ in range(3):
            rig.ask(last)
        await rig.wait(0.5)
        assert (rig.told.step, rig.broker.sends) == ("SENT", 1)
        assert (await rig.do(last, 0.5)).step == "SENT"
        assert rig.broker.sends == 1


async def test_two_sessions_confirm_the_same_ticket_and_one_wins(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path) as rig:
        await rig.open()
        first, second = rig.confirmation(), rig.confirmation()
        rig.ask(first)
        rig.ask(second)
        await rig.wait(0.1)
        assert rig.broker.sends == 1
        assert any(
            "there is nothing to confirm" in told.words or "used already" in told.words for told in rig.of(TicketStatus)
        )


@pytest.mark.parametrize("step", ["REVIEW", "CONSEQUENCES", "AUTHORISE"])
async def test_what_is_no_answer_to_what_is_shown_changes_nothing(tmp_path: Path, step: TicketStep) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        told = await at(rig, step)
        right = rig.confirmation()
        others: list[TicketStep] = ["REVIEW", "CONSEQUENCES", "AUTHORISE", "SENDING", "SENT", "EXPIRED"]
        for wrong in (
            *(rig.confirmation(step=other) for other in others if other != step),
            rig.confirmation(nonce=""),
            rig.confirmation(nonce="0" * 16),
            rig.confirmation(nonce=told.ticket_id),
            rig.confirmation(ticket_id="another"),
        ):
            after = await rig.do(wrong, 0.4)
            assert (after.step, after.nonce) == (step, told.nonce), wrong
        assert "used already" in rig.told.words
        assert "not open any more" in rig.of(Refused)[-1].words
        assert rig.broker.sends == 0
        assert (await rig.do(right, 0.4)).step != step  # and all that harmed nothing


async def test_a_step_that_was_not_read_is_not_confirmed(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        await rig.open()
        await rig.answer(seconds=0.1)
        assert rig.told.step == "CONSEQUENCES"
        hasty = rig.confirmation()
        assert "before it could be read" in (await rig.do(hasty, 0.1)).words
        assert rig.told.step == "CONSEQUENCES"
        await rig.wait(0.2)
        assert (await rig.do(hasty)).step == "AUTHORISE"  # the very same answer, in its time
        assert "before it could be read" in (await rig.answer()).words
        fresh = await rig.do(RefreshTicket(ticket_id=rig.told.ticket_id))
        assert fresh.step == "REVIEW"
        assert "before it could be read" in (await rig.answer()).words
        assert rig.broker.sends == 0


async def test_an_edit_after_the_last_step_was_shown_takes_the_token_away(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        told = await at(rig, "AUTHORISE")
        confirmed = rig.confirmation()
        lot = rig.provider.rules[rig.symbol].lot_size
        await rig.edit("quantity", f"{told.quantity - lot:f}")
        after = await rig.do(confirmed, 0.4)
        assert (after.step, after.token) == ("REVIEW", "")
        for _ in range(2):
            await rig.answer()
        assert rig.told.step == "AUTHORISE"
        assert (await rig.answer(nonce=confirmed.nonce)).step == "AUTHORISE"
        assert rig.broker.sends == 0


async def test_the_token_of_another_ticket_authorises_nothing(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        await at(rig, "AUTHORISE")
        first = rig.confirmation()
        await rig.close()
        await rig.open(rig.provider.symbols[1])
        for _ in range(2):
            rig.quote(symbol=rig.provider.symbols[1])
            await rig.answer()
        assert (rig.told.step, rig.told.symbol) == ("AUTHORISE", rig.provider.symbols[1])
        assert rig.told.token != first.typed
        await rig.answer(typed=first.typed)
        await rig.do(first, 0.4)
        assert (rig.told.step, rig.broker.sends) == ("AUTHORISE", 0)


async def test_a_ticket_closed_half_way_is_gone(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        await at(rig, "AUTHORISE")
        last = rig.confirmation()
        assert (await rig.close()).step == "CLOSED"
        await rig.do(last, 0.5)
        assert (await rig.open()).step == "REVIEW"
        await rig.do(last, 0.5)
        assert (rig.told.step, rig.broker.sends) == ("REVIEW", 0)


async def test_an_authorisation_too_old_at_the_send_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the way from the last key to the wire takes: after ten seconds the permission is none."""
    async with ticket_rig(tmp_path, "LIVE") as rig:
        await at(rig, "AUTHORISE")
        begin = TradeDesk.begin
        late = {"by_ms": 10_001}

        def slow(desk: TradeDesk, plan: object) -> None:
            rig.clock.set_ms(rig.clock.now_ms() + late["by_ms"])
            rig.quote()
            begin(desk, plan)  # type: ignore[arg-type]

        monkeypatch.setattr(TradeDesk, "begin", slow)
        assert (await rig.answer()).step == "REFUSED"
        assert "AUTHORISATION is 10.0 s old" in rig.told.words
        assert rig.broker.sends == 0


async def test_what_is_typed_is_in_no_journal(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        token = (await at(rig, "AUTHORISE")).token
        await rig.answer(typed="a secret")
        assert (await rig.answer()).step == "SENT"
        folder = rig.desk._folder / "journal"
    keys = [one.record for one in read_journal(folder) if isinstance(one.record, KeyPressed)]
    assert sum(key.action == "ConfirmTicket" for key in keys) == 4
    assert not any("a secret" in key.details or f"'{token}'" in key.details for key in keys)


class Deaf:
    """What reaches the venue is counted and never placed, so that no attempt leaves anything behind."""

    def __init__(self, rig: TicketRig) -> None:
        self.specs: list[OrderSpec] = []
        rig.broker.place = self.place  # type: ignore[method-assign]

    async def place(self, permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
        self.specs.append(spec)
        raise NotSent("deaf in this test", "DEAF")


ASKING = ("REVIEW", "CONSEQUENCES", "AUTHORISE")
ACTS = (
    "right", "right", "right", "right", "right", "again", "nonce", "step", "typed", "hasty", "refresh", "edit", "move",
    "disarm", "arm", "close", "open", "other", "wait",
)  # fmt: skip


class Cheater:
    """Carries acts out, and keeps its own count of right answers to one unchanged order: what the ticket says is not believed."""

    def __init__(self, rig: TicketRig) -> None:
        self.rig = rig
        self.deaf = Deaf(rig)
        self.answered: list[tuple[object, ...]] = []
        self.earned: list[tuple[object, ...]] = []
        self.old: ConfirmTicket | None = None

    async def attempt(self, acts: list[str]) -> None:
        """In a calm market, with an armed session, from a fresh ticket."""
        rig = self.rig
        await rig.wait(2.0)
        rig.desk.risk.arm(60)
        rig.tell_minute()
        rig.quote()
        rig.quote(symbol=rig.provider.symbols[1])
        self.deaf.specs.clear()
        self.earned.clear()
        self.answered.clear()
        await rig.open()
        for act in acts:
            await self.act(act)
            assert len(self.deaf.specs) <= len(self.earned), acts
        for spec, shown in zip(self.deaf.specs, self.earned, strict=False):
            assert (spec.symbol, spec.side, spec.quantity, spec.price) == shown[:4]
        await rig.close()

    async def act(self, name: str) -> None:
        rig, told = self.rig, self.rig.told
        if name == "right":
            await self._right(told)
        elif name == "again" and self.old is not None:
            await rig.do(self.old, 0.4)
        elif name == "nonce":
            await rig.answer(nonce="f" * 16)
        elif name == "step":
            await rig.answer(step="REVIEW" if told.step == "AUTHORISE" else "AUTHORISE")
        elif name == "typed" and told.step in ("CONSEQUENCES", "AUTHORISE"):
            await rig.answer(typed="1.5")
        elif name == "wait":
            await rig.wait(1.0)
        elif name == "arm":
            rig.desk.risk.arm(60)
        elif name in ("open", "other"):
            await rig.open(rig.symbol if name == "open" else rig.provider.symbols[1])
        else:
            self.answered.clear()
            await self._upset(name, told)

    async def _upset(self, name: str, told: TicketStatus) -> None:
        """After these every right answer of before is worth nothing."""
        rig = self.rig
        if name == "hasty":
            await rig.do(RefreshTicket(ticket_id=told.ticket_id))
            await rig.answer()
        elif name == "refresh":
            await rig.refresh()
        elif name == "edit":
            await rig.edit("stop", f"{told.stop - rig.provider.rules[told.symbol].tick_size:f}")
        elif name == "move":
            rig.quote(1.01, told.symbol)
            rig.quote(symbol=told.symbol)
        elif name == "disarm":
            rig.desk.risk.disarm()
            await rig.wait(1.2)
        elif name == "close":
            await rig.close()

    async def _right(self, told: TicketStatus) -> None:
        """The right answer to what is shown. Three of them, to the three steps of one order, earn one send."""
        self.old = self.rig.confirmation()
        if told.step in ASKING and self.rig.desk.risk.armed_s > 0:
            shown = (told.symbol, told.side, told.quantity, told.entry, told.stop, told.ticket_id)
            self.answered = [*(one for one in self.answered if one == shown), shown]
        if len(self.answered) == len(ASKING):
            self.earned.append(self.answered.pop())
            self.answered.clear()
        await self.rig.do(self.old, 0.4)


def test_no_sequence_but_the_right_one_ever_sends() -> None:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        cheater = Cheater(runner.run(stack.enter_async_context(ticket_rig(Path(folder), "LIVE"))))
        try:
            runner.run(cheater.attempt(["nonce", "right", "again", "typed", "right", "step", "right", "again"]))
            assert len(cheater.deaf.specs) == 1  # what is right does send, so that the rest of this proves something

            @settings(max_examples=60, deadline=None)
            @given(st.lists(st.sampled_from(ACTS), min_size=3, max_size=14))
            def attempts(acts: list[str]) -> None:
                runner.run(cheater.attempt(acts))

            attempts()
        finally:
            runner.run(stack.aclose())
