"""Nobody gets a real order out by accident: held keys, pastes, replays, answers used again, edited or of another ticket."""

from __future__ import annotations

from pathlib import Path

from core.messages import (
    EditTicket,
    OpenTicket,
    OpenTrade,
    RefreshTicket,
    Refused,
    TicketStatus,
    TicketStep,
)
from tests.faults.keyboard_rig import STEPS, Keyboard, keyboard, keys_of, plain
from tests.faults.order_rig import SYMBOL, D
from tui.screens.order import OrderScreen

WHERE = "binance_us-spot"
OTHER = "BTCUSDT"


def nothing_sent(hand: Keyboard) -> None:
    assert hand.rig.orders() == [], "the exchange has an order nobody authorised"
    assert not hand.rig.requested(f"POST {hand.rig.place}")


async def settle(hand: Keyboard) -> None:
    """Time for whatever is on its way to arrive."""
    await hand.rig.clock.sleep(1.5)


def right(hand: Keyboard, step: TicketStep) -> str:
    """What this step wants to be typed."""
    return plain(hand.ticket.quantity) if step == "CONSEQUENCES" else hand.ticket.token


async def test_held_pasted_and_replayed_keys_send_nothing(tmp_path: Path):
    async with keyboard(WHERE, tmp_path) as hand:
        await hand.go_live()
        await hand.ready()
        for step in STEPS:  # Enter held: from the review it goes one step, from a line to fill none
            await hand.at(step)
            await hand.burst(*["enter"] * 30)
            await hand.hold("enter")
            await settle(hand)
            assert hand.ticket.step in (step, "CONSEQUENCES")
            nothing_sent(hand)
        for step in STEPS[1:]:  # what is typed must be typed by a hand, marked as a paste or not
            await hand.at(step)
            answer = right(hand, step)
            await hand.paste(answer)
            await hand.burst(*keys_of(answer), "enter")
            await settle(hand)
            assert hand.ticket.step == step
            nothing_sent(hand)
            await hand.see("pasted is no answer")
        await hand.give_up()

        before = len(hand.keys)  # a sequence that is good once, and all of it again in one piece
        await hand.open_ticket()
        await hand.confirm()
        await hand.filled()
        again = hand.keys[before:]
        await hand.press("escape", "5", "x")
        await hand.see(f"Close {SYMBOL}?")
        await hand.type(SYMBOL)
        await hand.until(lambda: not hand.rig.path.book.open_symbols, "closed")
        sent = len(hand.entries)
        for _ in range(2):
            await hand.burst(*again)
            await hand.burst("escape", *again)
            await settle(hand)
            await hand.leave_screen()
        assert len(hand.entries) == sent == 1
        await hand.rig.oracle()


async def test_an_answer_that_is_wrong_late_edited_or_of_another_ticket_sends_nothing(tmp_path: Path):
    async with keyboard(WHERE, tmp_path) as hand:
        await hand.arm()
        first = await hand.at("AUTHORISE")
        for wrong in ("ES00", "LIVE", plain(first.quantity)):
            await hand.press("ctrl+u")
            await hand.type(wrong)
            await hand.see(f"'{wrong}' is not {first.token}")
        assert hand.ticket.step == "AUTHORISE"
        nothing_sent(hand)

        used = [one for one in hand.rig.of(TicketStatus) if one.ticket_id == first.ticket_id]
        await hand.at("REVIEW", stop=floor_of(hand, "0.95"))  # another size, hence another token
        for page in used:  # everything that was ever answered or could have been, on another ticket
            hand.answer(page)
            hand.answer(page, ticket_id=hand.ticket.ticket_id)
            if page.step != "REVIEW":  # to that page an answer with its nonce is right
                hand.answer(page, ticket_id=hand.ticket.ticket_id, nonce=hand.ticket.nonce)
        await settle(hand)
        assert hand.ticket.step in STEPS[:1]
        nothing_sent(hand)

        for step in STEPS:
            shown = await hand.at(step)
            for edited in STEPS:  # another step's answer with this nonce
                if edited != step:
                    hand.answer(shown, step=edited)
            hand.answer(shown, nonce="")
            hand.answer(shown, nonce=first.nonce)
            hand.answer(shown, ticket_id=first.ticket_id)
            hand.answer(shown, typed=first.token if step == "AUTHORISE" and first.token != shown.token else "x" * 99)
            await settle(hand)
            assert hand.ticket.step in (step, "CONSEQUENCES")
            nothing_sent(hand)
        hand.running.ask(
            OpenTrade(symbol=SYMBOL, side="BUY", quantity=D("0.5"), entry=D(0), stop=floor_of(hand, "0.95"), targets=())
        )
        await hand.until(lambda: any("confirmation steps" in one.words for one in hand.rig.of(Refused)), "refused")
        nothing_sent(hand)

        last = await hand.at("AUTHORISE")  # the right answer, over and over in one turn: one order
        await hand.rig.clock.sleep(0.5)
        for _ in range(5):
            hand.answer(last)
            hand.answer(last, step="CONSEQUENCES")
        await hand.filled()
        hand.answer(last)
        hand.running.ask(RefreshTicket(ticket_id=last.ticket_id))
        hand.running.ask(EditTicket(ticket_id=last.ticket_id, part="quantity", value="1"))
        await settle(hand)
        assert len(hand.entries) == 1
        await hand.rig.oracle()


def floor_of(hand: Keyboard, share: str) -> D:
    """A price this far below the market, on the tick."""
    tick = hand.rig.rule.tick_size
    return D(repr(hand.rig.quotes[SYMBOL].bid)) * D(share) // tick * tick


async def test_a_second_ticket_and_a_screen_left_half_way_send_nothing(tmp_path: Path):
    async with keyboard(WHERE, tmp_path) as hand:
        await hand.arm()
        for step in STEPS:  # Esc at each step closes the ticket; its answer is no use afterwards
            shown = await hand.at(step)
            await hand.press("escape")
            await hand.until(lambda: hand.ticket.step == "CLOSED", "given up")
            hand.answer(shown)
            await hand.burst(*keys_of(right(hand, step)), "enter")
            await settle(hand)
            assert hand.ticket.step == "CLOSED"
            nothing_sent(hand)
        for step in STEPS[1:]:  # half typed, and then away: to help and back, or off to another mode
            await hand.at(step)
            answer = right(hand, step)
            await hand.press(*keys_of(answer[:-1]))
            await hand.press("f1")
            await hand.press("escape")
            assert isinstance(hand.app.screen, OrderScreen) or hand.ticket.step == "CLOSED"
            await hand.leave_screen()
            await hand.press("5", *keys_of(answer), "enter", "1")
            await settle(hand)
            nothing_sent(hand)
        open_one = await hand.at("CONSEQUENCES")  # the same again, and one of another symbol
        await hand.leave_screen()
        await hand.press("o")
        await hand.read("CONSEQUENCES")
        assert hand.ticket.ticket_id == open_one.ticket_id
        hand.running.ask(OpenTicket(symbol=OTHER))
        await hand.until(
            lambda: any(f"the ticket of {SYMBOL} is open" in one.words for one in hand.rig.of(Refused)), "refused"
        )
        assert {one.ticket_id for one in hand.rig.of(TicketStatus)[-3:]} == {open_one.ticket_id}
        both = [await hand.at("AUTHORISE"), await hand.at("AUTHORISE")]
        for one in both:  # of two tickets only the one that is open can be answered
            await hand.rig.clock.sleep(0.5)
            hand.answer(one, ticket_id=both[0].ticket_id)
        await settle(hand)
        nothing_sent(hand)
        await hand.give_up()

        hand.running.ask(OpenTicket(symbol=SYMBOL))  # the account changes under it
        await settle(hand)
        page = hand.ticket
        assert page.step == "REVIEW"
        await hand.press("L")
        await hand.until(lambda: hand.running.status.phase == "PAPER", "back on paper")
        hand.answer(page)
        await settle(hand)
        nothing_sent(hand)
        await hand.rig.oracle()
