"""What an audit asked of a ticket that is being sent: what changes on the way holds it back, and the words are true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from core.messages import Halt
from core.trading.authority import Permit
from core.trading.broker import NotSent, Placed
from core.trading.order import OrderSpec
from tests.core.trading.ticket_rig import TicketRig, ticket_rig

Act = Callable[[TicketRig], None]
ON_THE_WAY: dict[str, Act] = {
    "halted": lambda rig: rig.ask(Halt()),
    "disarmed": lambda rig: rig.desk.risk.disarm(),
    "too late": lambda rig: None,
    "market gone": lambda rig: rig.quote(1.04),
}


@pytest.mark.parametrize("what", ON_THE_WAY)
async def test_an_entry_that_waits_for_the_rate_budget_is_held_back_and_nobody_says_the_venue_refused_it(
    tmp_path: Path, what: str
) -> None:
    async with ticket_rig(tmp_path, "LIVE", answer_s=30.0) as rig:
        place, go = rig.broker.place, asyncio.Event()
        left: list[str] = []

        async def waits(permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
            await go.wait()
            permit.check(spec, rig.clock.now_ms())
            left.append(spec.client_id)
            return await place(permit, spec, safety=safety)

        rig.broker.place = waits  # type: ignore[method-assign]
        await rig.open()
        for _ in range(3):
            await rig.answer()
        assert rig.told.step == "SENDING"
        ON_THE_WAY[what](rig)
        await rig.wait(11.0 if what == "too late" else 0.1)
        go.set()
        await rig.wait(0.5)
        assert (rig.told.step, left) == ("REFUSED", [])
        assert rig.told.words.startswith("nothing was sent: NOT_AUTHORISED")


async def test_an_entry_that_found_no_connection_was_not_refused_by_the_venue(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path, "LIVE") as rig:

        async def unreachable(permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
            raise NotSent("the venue cannot be reached", "NO_CONNECTION")

        rig.broker.place = unreachable  # type: ignore[method-assign]
        await rig.open()
        for _ in range(3):
            await rig.answer()
        await rig.wait(0.5)
        assert (rig.told.step, rig.broker.sends) == ("REFUSED", 0)
        assert rig.told.words.startswith("nothing was sent: NO_CONNECTION")
