"""Faults from the keyboard: a halted symbol, a program that ends half-way through a ticket, and the halt key in the middle."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.messages import HaltReport, PositionStatus
from tests.faults.keyboard_rig import STEPS, Keyboard, keyboard, keys_of, plain
from tests.faults.order_rig import SYMBOL, D, OrderRig, floor

VENUES = ("binance_us-spot", "bybit-linear")


def shown(rig: OrderRig) -> PositionStatus:
    return [one for one in rig.of(PositionStatus) if one.symbol == SYMBOL][-1]


async def bought(hand: Keyboard) -> str:
    """A real position with its stop at the venue; the orders screen."""
    await hand.at("AUTHORISE")
    await hand.type(hand.ticket.token)
    name = await hand.filled()
    await hand.press("escape", "5")
    await hand.see("POSITIONS  1 open", SYMBOL)
    await hand.press("g")
    return name


@pytest.mark.parametrize("where", VENUES)
async def test_f31_a_frozen_position_says_so_and_everything_else_goes_on(where: str, tmp_path: Path) -> None:
    async with keyboard(where, tmp_path) as hand:
        rig = hand.rig
        await hand.arm()
        await bought(hand)
        sent = len(rig.orders())
        rig.faults.halt_symbol(SYMBOL, True)
        await rig.rules.refresh()
        await hand.until(lambda: shown(rig).frozen, "FROZEN")
        await hand.see("FROZEN", "does not trade")
        for key, words in (("x", "it cannot be closed until it does"), ("m", "its stop cannot be moved until it does")):
            await hand.press(key)
            await hand.see(f"{SYMBOL} does not trade: {words}")
        await hand.press("1", "o")  # no entry either, and the gate says why
        await hand.until(lambda: hand.ticket.step == "REVIEW" and not hand.ticket.allowed, "a ticket that is denied")
        await hand.press("n")
        await hand.see("not trading")
        await hand.press("escape", "5", "r", "7", "8", "6", "5")
        await hand.see("FROZEN")
        assert len(rig.orders()) == sent, "something was sent into a halted symbol"
        rig.faults.halt_symbol(SYMBOL, False)
        await rig.rules.refresh()
        await hand.until(lambda: not shown(rig).frozen, "trading again")
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).state == "VERIFIED", "its stop")
        await hand.press("g", "x")
        await hand.see(f"Close {SYMBOL}?")
        await hand.type(SYMBOL)
        await hand.until(lambda: not rig.path.book.open_symbols, "closed")
        await rig.oracle()


@pytest.mark.parametrize("where", VENUES)
async def test_f35_the_program_ends_with_a_half_typed_token_and_its_keys_come_again_afterwards(
    where: str, tmp_path: Path
) -> None:
    async with keyboard(where, tmp_path, risk={"max_per_symbol": 3, "max_positions": 9}) as hand:
        rig = hand.rig
        await hand.arm()
        await bought(hand)
        stops, sent = {one.order_id for one in rig.stops()}, len(rig.orders())
        page = await hand.at("AUTHORISE")
        await hand.press(*keys_of(page.token[:-1]))
        await hand.running.again(close=True)
        assert len(rig.orders()) == sent
        assert {one.order_id for one in rig.stops()} == stops, "a stop was touched"
        await hand.burst(page.token[-1], "enter")  # the rest of it, and all of it
        await hand.press(page.token[-1], "enter")
        await hand.burst("o", "n", *keys_of(plain(page.quantity)), "enter", *keys_of(page.token), "enter")
        await hand.leave_screen()
        await hand.press("o", "n", *keys_of(plain(page.quantity)), "enter", *keys_of(page.token), "enter")
        for step in STEPS:
            hand.answer(page, step=step)
        await rig.clock.sleep(2.0)
        assert len(rig.orders()) == sent, "what was typed before the end was carried out after it"
        assert (hand.running.status.mode, hand.running.status.phase) == ("LIVE", "LEAVING")
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).state == "VERIFIED", "looked after")
        await hand.leave_screen()
        await hand.press("5", "g", "x")
        await hand.see(f"Close {SYMBOL}?")
        await hand.type(SYMBOL)
        await hand.until(lambda: not rig.path.book.open_symbols or hand.running.status.phase == "PAPER", "closed")
        await rig.until(lambda: not rig.orders(open_only=True), "nothing left at the venue")


# --- F39 -------------------------------------------------------------------------------------------------------------


async def resting(hand: Keyboard) -> None:
    """A ticket for an entry below the market, at its last step with the token typed."""
    rig = hand.rig
    below = floor(D(repr(rig.quotes[SYMBOL].bid)) * D("0.995"), rig.rule.tick_size)
    await hand.at("AUTHORISE", entry=below)
    await hand.press(*keys_of(hand.ticket.token))


async def halt(hand: Keyboard) -> None:
    """The key; in that very turn no entry passes any more."""
    await hand.press("f12")
    assert hand.rig.path.risk.standing.state == "HALTED"
    assert any("HALTED" in words for words in hand.rig.denials(resting=True))
    await hand.until(lambda: hand.rig.of(HaltReport)[-1].done, "the end of the halt")


async def halted_since(hand: Keyboard, name: str) -> None:
    """Once the venue is reached again, the entry is over at the exchange and a ticket goes nowhere."""
    rig = hand.rig
    await rig.until(lambda: rig.record(name).state == "CANCELLED", "the proof of the cancel")
    assert rig.at_exchange(name)[0].status == "CANCELED"
    await hand.leave_screen()
    await hand.press("1", "o")
    await hand.see("HALTED")
    await hand.press("n")
    await rig.clock.sleep(0.5)
    assert hand.ticket.step == "REVIEW"
    await hand.give_up()
    assert len(hand.entries) == 1
    await rig.oracle()


@pytest.mark.parametrize("where", VENUES)
@pytest.mark.parametrize("fault", ["no answer", "stream down", "429"])
async def test_f39_the_halt_key_with_an_entry_on_its_way(where: str, fault: str, tmp_path: Path) -> None:
    async with keyboard(where, tmp_path, answer_s=5.0) as hand:
        rig = hand.rig
        await hand.arm()
        await resting(hand)
        if fault == "no answer":
            rig.faults.lose_answer(f"POST {rig.place}", 1)
            rig.faults.private_freeze(30.0)
            await hand.press("enter")
            await hand.until(lambda: any(one.state == "SENT" for one in rig.path.manager.orders.values()), "the send")
        else:
            await hand.press("enter")
            name = await hand.sent()
            await hand.until(lambda: rig.record(name).state == "WORKING", "the entry in the book")
            if fault == "stream down":
                rig.faults.private_freeze()
                rig.faults.rest_error(503, -1, "/")
            else:
                rig.faults.too_many_requests(2, 1, "/")
        (name,) = rig.path.manager.orders
        await halt(hand)
        report = rig.of(HaltReport)[-1]
        if fault == "stream down":
            assert [one for one, _ in report.failed] == [name]
            await hand.leave_screen()
            await hand.press("5")
            await hand.see("HALTED", name)
        elif fault == "429":  # within the time of the report, or named in it
            assert {name} == {*report.cancelled, *(one for one, _ in report.failed)}
        else:
            assert (report.cancelled, report.failed) == ((name,), ())
            await hand.sent()
        rig.faults.clear()
        await halted_since(hand, name)
