"""Every way of a ticket, from the keyboard, on both venues' rules: paper, real orders, amended, moved, closed in parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.messages import PositionStatus
from tests.faults.keyboard_rig import Keyboard, keyboard, plain
from tests.faults.order_rig import SYMBOL, D, floor

VENUES = ("binance_us-spot", "bybit-linear")


async def at_the_market(hand: Keyboard) -> None:
    """`m` makes the ticket one at the market."""
    await hand.press("m")
    await hand.see("limit or market")
    await hand.press("ctrl+u")
    await hand.type("MARKET")
    await hand.until(lambda: hand.ticket.order_type == "MARKET" and hand.ticket.allowed, "an order at the market")
    await hand.read("REVIEW")


async def flatten(hand: Keyboard) -> None:
    await hand.press("escape", "5", "f")
    await hand.see("Flatten: close 1 position")
    await hand.type("FLATTEN")
    await hand.until(lambda: not hand.rig.path.book.open_symbols, "flat")


@pytest.mark.parametrize("where", VENUES)
async def test_on_paper_one_key_sends_it_and_nothing_reaches_the_exchange(where: str, tmp_path: Path):
    async with keyboard(where, tmp_path) as hand:
        ticket = await hand.open_ticket()
        assert (ticket.mode, ticket.kind) == ("PAPER", "TRADE")
        await at_the_market(hand)
        await hand.press("y")
        await hand.sent()
        await hand.until(lambda: hand.rig.path.trades.truth(SYMBOL).state == "VERIFIED", "its stop")
        await flatten(hand)
        assert hand.rig.orders() == []


@pytest.mark.parametrize("where", VENUES)
async def test_real_orders_the_canary_then_one_of_full_size_at_the_market_and_a_new_start_remembers(
    where: str, tmp_path: Path
):
    async with keyboard(where, tmp_path) as hand:
        rig = hand.rig
        await hand.go_live()
        ticket = await hand.open_ticket()
        assert (ticket.mode, ticket.kind, rig.path.needs_canary) == ("LIVE", "CANARY", True)
        await hand.see("CANARY")
        least = ticket.quantity
        await at_the_market(hand)
        await hand.confirm()
        await hand.filled()
        assert hand.ticket.quantity == least == rig.at_exchange(hand.ticket.client_id)[0].spec.quantity
        await hand.until(lambda: not rig.path.needs_canary, "the canary flown")
        await hand.press("escape", "5", "x")
        await hand.see(f"Close {SYMBOL}?")
        await hand.type(SYMBOL)
        await hand.until(lambda: not rig.path.book.open_symbols, "closed")
        ticket = await hand.open_ticket()
        assert (ticket.mode, ticket.kind) == ("LIVE", "TRADE")
        assert ticket.quantity > 10 * least
        await at_the_market(hand)
        await hand.confirm()
        await hand.filled()
        assert rig.at_exchange(hand.ticket.client_id)[0].spec.type == "MARKET"
        await flatten(hand)
        assert len(hand.entries) == 2
        await rig.oracle()
        await hand.running.again(close=True)
        await hand.running.rig.until(lambda: hand.running.status.phase == "PAPER", "paper after the start")
        await hand.arm(canary=True)
        assert not rig.path.needs_canary


@pytest.mark.parametrize("where", VENUES)
async def test_an_entry_is_amended_its_stop_moved_a_part_closed_and_the_rest_flattened(where: str, tmp_path: Path):
    async with keyboard(where, tmp_path) as hand:
        rig = hand.rig
        await hand.arm()
        await hand.open_ticket()
        tick = rig.rule.tick_size
        below = floor(D(repr(rig.quotes[SYMBOL].bid)) * D("0.995"), tick)
        await hand.press("e", "ctrl+u")
        await hand.type(plain(below))
        await hand.until(lambda: hand.ticket.entry == below and hand.ticket.allowed, "a limit below the market")
        await hand.read("REVIEW")
        await hand.confirm()
        first = await hand.sent()
        await hand.until(lambda: rig.record(first).state == "WORKING", "the entry in the book")

        await hand.press("escape", "5")
        await hand.see("1 working", "entry")
        await hand.press("e")
        await hand.until(lambda: hand.ticket.replaces == first, "the ticket to amend it")
        await hand.read("REVIEW")
        await hand.press("e", "ctrl+u")
        lower = floor(below * D("0.999"), tick)
        await hand.type(plain(lower))
        await hand.until(lambda: hand.ticket.entry == lower and hand.ticket.allowed, "a lower price")
        assert rig.at_exchange(first)[0].status == "NEW", "an amend that is not confirmed touches nothing"
        await hand.confirm()
        second = await hand.sent()
        await hand.until(lambda: rig.record(second).state == "WORKING", "the new entry in the book")
        assert [order.spec.client_id for order in rig.orders(open_only=True)] == [second]
        assert rig.at_exchange(first)[0].status == "CANCELED"
        await hand.filled()

        await hand.press("escape", "5")
        await hand.see("POSITIONS  1 open", SYMBOL)
        await hand.press("g")
        (stop,) = rig.stops()
        higher = floor(stop.spec.stop_price * D("1.01"), tick)
        await hand.press("m")
        await hand.see(f"{SYMBOL}?")
        await hand.press("ctrl+u")
        await hand.type(plain(higher))
        await hand.until(
            lambda: [one.spec.stop_price for one in rig.stops()] == [higher], "the stop moved at the venue"
        )
        await hand.until(lambda: hand.protected(second), "a stop for all of it")
        before = hand.held
        await hand.press("x")
        await hand.see(f"Close {SYMBOL}?")
        await hand.type(f"{SYMBOL} 50%")
        await hand.until(lambda: D(0) < hand.held <= before * D("0.51"), "half of it closed")
        await hand.until(lambda: hand.protected(second), "a stop for all of it")
        await hand.until(
            lambda: [one.quantity for one in rig.of(PositionStatus) if one.symbol == SYMBOL][-1] == hand.held,
            "what is held on the screen",
        )
        await flatten(hand)
        await rig.until(lambda: not rig.orders(open_only=True), "nothing left at the venue")
        assert len(hand.entries) == 2
        await rig.oracle()
