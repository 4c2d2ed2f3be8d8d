"""The ceremony from the keyboard, on both venues' rules, the exchange's own books being the judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.messages import GoPaper
from tests.faults.keyboard_rig import keyboard
from tests.faults.order_rig import SYMBOL

VENUES = ("binance_us-spot", "bybit-linear")


@pytest.mark.parametrize("where", VENUES)
async def test_from_paper_to_a_protected_real_position_and_out_by_one_word(where: str, tmp_path: Path):
    async with keyboard(where, tmp_path) as hand:
        await hand.go_live()
        ticket = await hand.open_ticket()
        assert (ticket.mode, ticket.symbol) == ("LIVE", SYMBOL)
        await hand.confirm()
        await hand.until(lambda: hand.ticket.step == "SENT", "sent")
        await hand.until(lambda: hand.rig.path.trades.truth(SYMBOL).state == "VERIFIED", "its stop at the venue")
        await hand.press("escape", "5")
        await hand.see("POSITIONS", SYMBOL)
        await hand.press("x")
        await hand.see(f"Close {SYMBOL}?")
        await hand.type(SYMBOL)
        await hand.until(lambda: not hand.rig.path.book.open_symbols, "closed")
        await hand.press("1", "L")
        await hand.until(lambda: hand.running.status.phase == "PAPER", "back on paper")
        assert GoPaper() in hand.rig.seen
        await hand.rig.until(lambda: not hand.rig.orders(open_only=True), "nothing left at the venue")
