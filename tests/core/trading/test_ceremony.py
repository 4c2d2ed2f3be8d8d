"""The order ticket's ordinary ways: paper's one confirm, the three of real money, edits, refresh, the end."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.messages import (
    Analysis,
    InboxItem,
    OpenTicket,
    OpenTrade,
    OrderAlarm,
    OrderStatus,
    PositionStatus,
    Refused,
    Replay,
    TicketStatus,
)
from core.trading.authority import Authorisation, Permit
from core.trading.broker import Cancelled, Placed
from core.trading.draft import Submission
from core.trading.journal import read_journal
from core.trading.journal_records import Authorised
from core.trading.least_order import least_quantity
from core.trading.opening import Proposal
from core.trading.order import OrderSpec
from core.trading.plan import TradePlan
from core.venue import Rejected
from tests.core.trading.ticket_rig import TicketRig, ticket_rig

D = Decimal


def entries(rig: TicketRig) -> list[OrderStatus]:
    """The newest word on every entry."""
    newest = {status.client_id: status for status in rig.of(OrderStatus) if status.purpose == "ENTRY"}
    return list(newest.values())


def proposal(rig: TicketRig, item_id: str = "p1") -> InboxItem:
    """A recommendation around the market: in the zone, stop 1 % below, target 3 % above."""
    tick = rig.provider.rules[rig.symbol].tick_size
    mid = D(repr(rig.provider.mids[rig.symbol]))

    def at(share: str) -> Decimal:
        return mid * D(share) // tick * tick

    return InboxItem(
        item_id=item_id, kind="PROPOSAL", state="WAITING", symbol=rig.symbol, text="buy it", side="BUY", rank=1, confidence=0.6,
        ratio=2.4, entry=(at("0.998"), at("1.002")), stop=at("0.99"), targets=(at("1.03"),), created_ms=0,
        expires_ms=rig.clock.now_ms() + 600_000,
    )  # fmt: skip


def analysis(rig: TicketRig, p_trade: float) -> Analysis:
    """Of a purchase that is not recommended."""
    return Analysis(
        venue=rig.desk.venue, category=rig.desk.category, symbol=rig.symbol, timestamp=rig.clock.now_ms(),
        stage2_status="completed", cause="state", side="BUY", recommendation="AVOID", p_trade=p_trade,
    )  # fmt: skip


async def test_paper_takes_one_confirm_and_the_trade_is_protected(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path) as rig:
        told = await rig.open()
        assert (told.step, told.kind, told.mode, told.by, told.side, told.order_type, told.token) == (
            "REVIEW", "TRADE", "PAPER", "OPERATOR", "BUY", "LIMIT", "",
        )  # fmt: skip
        assert told.allowed
        assert told.consequences is not None
        assert told.entry == D(repr(rig.desk.opening.quote(rig.symbol).ask))  # type: ignore[union-attr]
        assert told.ratio > rig.settings.risk.min_net_ratio
        assert float(told.stop) == pytest.approx(float(told.entry) * (1 - 2 * 0.003), rel=1e-3)
        first = rig.told
        for _ in range(3):
            await rig.wait(1.0)
        assert rig.told.at_ms >= first.at_ms + 2000
        assert (rig.told.nonce, rig.told.ticket_id) == (first.nonce, first.ticket_id)
        rig.quote()
        sent = await rig.answer()
        assert (sent.step, sent.words) == ("SENT", "")
        assert [one.step for one in rig.of(TicketStatus)][-2:] == ["SENDING", "SENT"]
        assert sent.client_id in rig.desk.manager.orders
        record = rig.desk.manager.orders[sent.client_id]
        assert (record.spec.quantity, record.spec.price) == (first.quantity, first.entry)
        await rig.pass_time(20, **{rig.symbol: 0.998})
        assert rig.of(PositionStatus)[-1].stop.state == "VERIFIED"
        closed = await rig.close()
        assert closed.step == "CLOSED"


async def test_real_money_takes_three_and_nothing_less(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        told = await rig.open()
        assert (told.step, told.mode, told.consequences, told.token) == ("REVIEW", "LIVE", None, "")
        weighed = await rig.answer(typed="")
        assert weighed.step == "CONSEQUENCES"
        assert weighed.consequences is not None
        assert weighed.token == ""
        assert (await rig.answer(typed="")).step == "CONSEQUENCES"
        assert "is not the quantity" in rig.told.words
        assert (await rig.answer(typed=f"{weighed.quantity * 10:f}")).step == "CONSEQUENCES"
        last = await rig.answer(typed=f" {weighed.quantity:f}000 " if "." in f"{weighed.quantity:f}" else "")
        assert last.step == "AUTHORISE"
        assert len(last.token) == 4
        assert (await rig.answer(typed="XX99")).step == "AUTHORISE"
        assert "is not the token" in rig.told.words
        assert rig.broker.sends == 0
        rig.quote()
        sent = await rig.answer(typed=last.token.lower())
        assert (sent.step, rig.broker.sends) == ("SENT", 1)
        nonces = [one.nonce for one in rig.of(TicketStatus)]
        assert len(set(nonces)) == 5  # three steps, sending, sent
        spec = rig.desk.manager.orders[sent.client_id].intent.spec
        assert (spec.quantity, spec.price, spec.side) == (told.quantity, told.entry, "BUY")
    granted = [one.record for one in read_journal(rig.desk._folder / "journal") if isinstance(one.record, Authorised)]
    assert [one.client_id for one in granted if one.purpose == "ENTRY"] == [sent.client_id]


async def test_the_command_of_paper_is_refused_with_real_money(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        told = await rig.open()
        trade = OpenTrade(
            symbol=rig.symbol, side="BUY", stop=told.stop, entry=told.entry, targets=(told.targets[0][0],)
        )
        rig.ask(trade)
        await rig.wait()
        assert "confirmation steps" in rig.of(Refused)[-1].words
        assert not (await rig.desk.ceremony.send_now(trade, "program")).sent
        assert rig.broker.sends == 0


async def test_a_proposal_fills_in_everything_and_is_used_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ticket_rig(tmp_path) as rig:
        item = proposal(rig)
        waiting = {item.item_id: item}
        monkeypatch.setattr(rig.desk.inbox, "find", waiting.get)
        monkeypatch.setattr(rig.desk.inbox, "taken", waiting.pop)
        told = await rig.open(proposal="p1")
        assert (told.by, told.stop, told.targets) == ("PROPOSAL", item.stop, ((item.targets[0], 1.0),))
        assert told.entry == D(repr(rig.desk.opening.quote(rig.symbol).ask))  # type: ignore[union-attr]
        assert (await rig.answer()).step == "SENT"
        assert waiting == {}
        await rig.open(proposal="p1")
        assert "used already" in rig.of(Refused)[-1].words


async def test_above_its_zone_a_proposal_rests_at_the_zones_edge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ticket_rig(tmp_path) as rig:
        item = proposal(rig)
        assert item.entry is not None
        monkeypatch.setattr(rig.desk.inbox, "find", lambda name: item)
        rig.quote(1.005)
        assert (await rig.open(proposal="p1")).entry == item.entry[1]
        await rig.close()
        rig.quote(0.99)
        assert (await rig.open(proposal="p1")).entry < item.entry[0]


async def test_one_ticket_at_a_time(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        first = await rig.open()
        again = await rig.open()
        assert (again.ticket_id, again.nonce) == (first.ticket_id, first.nonce)
        await rig.open(rig.provider.symbols[1])
        assert f"the ticket of {rig.symbol} is open at REVIEW" in rig.of(Refused)[-1].words
        assert rig.told.ticket_id == first.ticket_id
        await rig.close()
        other = await rig.open(rig.provider.symbols[1])
        assert (other.symbol, other.ticket_id != first.ticket_id) == (rig.provider.symbols[1], True)


async def test_edits_are_reviewed_from_the_beginning_and_bad_ones_change_nothing(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        first = await rig.open()
        await rig.answer()
        await rig.answer()
        assert rig.told.step == "AUTHORISE"
        old = rig.confirmation()
        tick, lot = (getattr(rig.provider.rules[rig.symbol], name) for name in ("tick_size", "lot_size"))
        edited = await rig.edit("quantity", f"{first.quantity - lot:f}")
        assert (edited.step, edited.quantity, edited.token) == ("REVIEW", first.quantity - lot, "")
        assert edited.ticket_id == first.ticket_id
        assert (await rig.do(old, 0.4)).step == "REVIEW"
        stop, target = first.stop - 10 * tick, first.targets[0][0]
        assert (await rig.edit("stop", f"{stop:f}")).stop == stop
        assert rig.told.quantity == edited.quantity
        assert (await rig.edit("entry", f"{first.entry - tick:f}")).entry == first.entry - tick
        assert (await rig.edit("target", f"{target + tick:f} / {target + 9 * tick:f}")).targets[-1][
            0
        ] == target + 9 * tick
        assert ((await rig.edit("type", "market")).order_type, rig.told.entry) == ("MARKET", D(0))
        assert (await rig.edit("type", "LIMIT")).order_type == "LIMIT"
        before = rig.told
        for part, value, words in (
            ("quantity", "lots", "is not a quantity"),
            ("quantity", "1e3", "is not a quantity"),
            ("quantity", "-1", "is not a quantity"),
            ("quantity", f"{lot / 2:f}", "off the lot"),
            ("entry", "0", "is not an entry price"),
            ("stop", f"{first.entry * 2:f}", "is not behind the entry"),
            ("stop", "NaN", "is not a stop price"),
            ("target", "", "no target was given"),
            ("target", f"{target:f} {first.stop:f}", "must go away from the entry"),
            ("side", "SELL", "cannot be sold short"),
            ("side", "up", "type BUY or SELL"),
            ("type", "STOP", "type LIMIT or MARKET"),
        ):
            told = await rig.edit(part, value)  # type: ignore[arg-type]
            assert words in told.words, (part, value)
            assert (told.nonce, told.quantity, told.stop, told.entry) == (
                before.nonce, before.quantity, before.stop, before.entry,
            )  # fmt: skip
        assert rig.broker.sends == 0


async def test_a_gate_that_denies_keeps_every_step_from_being_confirmed(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE", armed=False) as rig:
        told = await rig.open()
        assert not told.allowed
        assert rig.denied() == ["ARMED live orders are not armed: arm trading first"]
        assert (await rig.answer()).step == "REVIEW"
        assert rig.told.words.startswith("ARMED live orders are not armed")
        rig.desk.risk.arm(60)
        assert (await rig.answer()).step == "CONSEQUENCES"
        assert (await rig.answer()).step == "AUTHORISE"
        rig.desk.risk.disarm()
        assert (await rig.answer()).step == "EXPIRED"
        assert rig.told.changes == ("armed -> disarmed: review it again",)
        rig.desk.risk.arm(60)
        assert ((await rig.refresh()).step, rig.told.allowed) == ("REVIEW", True)
        assert rig.broker.sends == 0


async def test_a_denial_at_the_send_is_told_and_can_be_refreshed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ticket_rig(tmp_path) as rig:
        first = await rig.open()
        begin = rig.desk.trades.begin

        def halted(plan: TradePlan) -> None:
            rig.desk.risk.halt("a hand on the switch")
            begin(plan)

        monkeypatch.setattr(rig.desk.trades, "begin", halted)
        assert (await rig.answer()).step == "REFUSED"
        assert rig.told.words.startswith("TRADING_STATE HALTED")
        assert rig.broker.sends == 0
        monkeypatch.undo()
        again = await rig.refresh()
        assert (again.step, again.ticket_id, again.allowed) == ("REVIEW", first.ticket_id, False)


async def test_replay_tells_it_again_and_an_account_left_ends_it(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:
        told = await rig.open()
        count = len(rig.of(TicketStatus))
        rig.ask(Replay())
        assert rig.of(TicketStatus)[count].nonce == told.nonce
        rig.desk.ceremony.drop("another account comes into force")
        assert (rig.told.step, rig.told.words) == ("CLOSED", "another account comes into force")
        count = len(rig.of(TicketStatus))
        await rig.do(rig.confirmation(), 3.0)
        assert len(rig.of(TicketStatus)) == count
        assert "not open any more" in rig.of(Refused)[-1].words


async def test_the_first_order_with_these_keys_is_a_canary(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE", flown=False) as rig:
        rule = rig.provider.rules[rig.symbol]
        told = await rig.open(quantity=D(1))
        assert (told.kind, "first order with these keys" in told.words) == ("CANARY", True)
        assert rule.min_notional < told.quantity * told.stop < 2 * rule.min_notional + told.stop * rule.lot_size
        assert "its quantity stands" in (await rig.edit("quantity", "1")).words
        await rig.edit("type", "MARKET")
        for _ in range(3):
            rig.quote()
            await rig.answer()
        assert rig.told.step == "SENT", rig.told.words
        assert rig.desk.needs_canary
        await rig.pass_time(10)
        assert not rig.desk.needs_canary
        (alarm,) = [one for one in rig.of(OrderAlarm) if one.code == "CANARY"]
        assert (alarm.severity, "every link holds" in alarm.text) == ("info", True)
        assert (await rig.open(rig.provider.symbols[1])).kind == "TRADE"


async def working_entry(rig: TicketRig) -> tuple[str, TicketStatus]:
    """An entry of ours well below the market, and the ticket it came from."""
    tick = rig.provider.rules[rig.symbol].tick_size
    told = await rig.open()
    told = await rig.edit("entry", f"{told.entry * D('0.995') // tick * tick:f}")
    for _ in range(3):
        assert rig.told.allowed, rig.denied()
        told = await rig.answer()
    assert told.step == "SENT"
    await rig.wait(1.0)
    rig.quote()
    return told.client_id, told


async def amending(rig: TicketRig, monkeypatch: pytest.MonkeyPatch) -> str:
    """The last confirm of an amend was given, and the cancel of the old entry takes a few seconds; the old one's name."""
    old, told = await working_entry(rig)
    await rig.open(replaces=old, entry=told.entry - rig.provider.rules[rig.symbol].tick_size)
    cancel = rig.desk.manager.cancel

    async def slow(client_id: str) -> Cancelled:
        await rig.clock.sleep(4.0)
        return await cancel(client_id)

    monkeypatch.setattr(rig.desk.manager, "cancel", slow)
    for _ in range(3):
        await rig.answer()
    assert (rig.told.step, rig.told.kind) == ("SENDING", "AMEND")
    return old


async def test_a_refusal_of_the_venue_is_told_in_its_words(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path) as rig:
        first = await rig.open()

        async def place(permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
            raise Rejected("Account has insufficient balance", -2010)

        rig.broker.place = place  # type: ignore[method-assign]
        told = await rig.answer()
        assert told.step == "REFUSED"
        assert told.words.startswith("the venue refused it: -2010")
        assert rig.desk.manager.orders[told.client_id].state == "REJECTED"
        await rig.wait(3.0)
        rig.quote()
        assert ((await rig.refresh()).step, rig.told.ticket_id) == ("REVIEW", first.ticket_id)


async def test_an_entry_that_ended_unfilled_before_the_answer_came_needs_no_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ticket_rig(tmp_path) as rig:
        await rig.open()
        rig.quote(1.001)
        tick = rig.provider.rules[rig.symbol].tick_size
        await rig.edit("entry", f"{rig.told.entry * D('0.995') // tick * tick:f}")
        send = rig.desk.send_entry

        async def halted_meanwhile(proposal: Proposal, authorisation: Authorisation) -> Submission:
            submission = await send(proposal, authorisation)
            name = proposal.draft.spec.client_id
            await rig.desk.cancel_order(name)
            while rig.desk.manager.orders[name].state != "CANCELLED":
                await rig.clock.sleep(0.1)
            return replace(submission, record=rig.desk.manager.orders[name])

        monkeypatch.setattr(rig.desk, "send_entry", halted_meanwhile)
        await rig.answer()
        await rig.wait(3.0)
        assert (rig.told.step, rig.told.words) == (
            "SENT",
            "it is CANCELLED already and nothing of it filled: there is nothing to protect",
        )


async def test_by_hand_a_trade_without_an_edge_is_offered_at_the_least_size(tmp_path: Path) -> None:
    """Nobody is kept from setting a price or a size of their own because the plan that was filled in pays too little."""
    async with ticket_rig(tmp_path) as rig:
        rig.bus.publish(analysis(rig, p_trade=0.42))
        told = await rig.open()
        assert told.step == "REVIEW"
        assert "KELLY leaves nothing to trade" in told.words
        assert "least the venue takes" in told.words
        rule = rig.provider.rules[rig.symbol]
        assert told.quantity == least_quantity(rule, told.stop)
        larger = told.quantity + rule.lot_size * 5
        assert (await rig.edit("quantity", f"{larger:f}")).words == ""
        await rig.wait(1.0)
        rig.quote()
        sent = await rig.answer()
        assert (sent.step, sent.words) == ("SENT", "")


async def test_a_proposal_without_an_edge_is_no_ticket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ticket_rig(tmp_path) as rig:
        item = proposal(rig)
        monkeypatch.setattr(rig.desk.inbox, "find", lambda name: item)
        rig.bus.publish(analysis(rig, p_trade=0.2))
        rig.ask(OpenTicket(symbol=rig.symbol, proposal="p1"))
        await rig.wait()
        assert "KELLY leaves nothing to trade" in rig.of(Refused)[-1].words
