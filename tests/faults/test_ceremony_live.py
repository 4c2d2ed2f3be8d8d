"""The whole ceremony with real brokers on a sandbox exchange: three confirmations, the canary, its stop seen at the venue."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.messages import ConfirmTicket, OpenTicket, OrderAlarm, TicketStatus
from tests.faults.order_rig import SYMBOL, OrderRig, ceil, floor, order_rig

EASED = {"confirmed_drift": 0.05, "collar": 0.05, "min_net_ratio": 1.0}


def told(rig: OrderRig) -> TicketStatus:
    return [message for message in rig.seen if isinstance(message, TicketStatus)][-1]


async def answer(rig: OrderRig, step: str) -> None:
    """The right answer to what is shown, once it can have been read; then the ticket stands at this step."""
    await rig.clock.sleep(0.5)
    shown = told(rig)
    typed = f"{shown.quantity:f}" if shown.step == "CONSEQUENCES" else shown.token
    rig.bus.publish(ConfirmTicket(ticket_id=shown.ticket_id, step=shown.step, nonce=shown.nonce, typed=typed))
    await rig.until(lambda: told(rig).step == step, f"the step {step}")


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_three_confirmations_send_one_order_and_the_canary_holds(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, risk=EASED) as rig:
        quote, tick = rig.quotes[SYMBOL], rig.rule.tick_size
        ask = type(tick)(repr(quote.ask))
        wanted = OpenTicket(
            symbol=SYMBOL, side="BUY", entry=ceil(ask * 1002 / 1000, tick), stop=floor(ask * 96 / 100, tick),
            targets=(ceil(ask * 112 / 100, tick),),
        )  # fmt: skip
        rig.bus.publish(wanted)
        await rig.until(
            lambda: any(isinstance(one, TicketStatus) and one.allowed for one in rig.seen), "a sound review"
        )
        assert (told(rig).kind, told(rig).mode) == ("CANARY", "LIVE")
        assert rig.orders() == []
        await answer(rig, "CONSEQUENCES")
        await answer(rig, "AUTHORISE")
        assert rig.orders() == []
        await answer(rig, "SENT")
        name, least = told(rig).client_id, told(rig).quantity
        assert [order.spec.client_id for order in rig.orders() if order.spec.side == "BUY"] == [name]
        await rig.until(lambda: any(one.code == "CANARY" for one in rig.seen if isinstance(one, OrderAlarm)), "its end")
        assert not rig.path.needs_canary
        assert rig.path.trades.truth(SYMBOL).state == "VERIFIED"
        assert rig.path.manager.orders[name].filled == least
