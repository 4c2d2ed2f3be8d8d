"""The whole program by keyboard, on a sandbox exchange of either venue: screens, session, ceremony, order path, real sockets.

What stands on the screen is read as text, keys are pressed one after the other as a hand does. Clock and exchange are those of
`session_rig`: ten times as fast as real.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from core.messages import Replay, TicketStatus
from tests.faults.order_rig import RATE, SYMBOL, D
from tests.faults.session_rig import SessionRig, session_rig
from tests.tui.desk_builder import shown
from tui.app import TradeApp

SIZE = (120, 40)
KEY_S = 0.05
"""Between two keys of a hand: half a second of the program's clock."""
WITHIN_S = 20.0


class Keyboard:
    """`press` like a hand, `see` what stands there, `wait` until something is shown."""

    def __init__(self, running: SessionRig, app: TradeApp, pilot: Pilot[int]) -> None:
        self.running, self.rig, self.app, self.pilot = running, running.rig, app, pilot

    async def press(self, *keys: str) -> None:
        """One after the other, with a moment before each."""
        for key in keys:
            await asyncio.sleep(KEY_S)
            await self.pilot.press(key)

    async def type(self, text: str) -> None:
        """Characters, then Enter."""
        await self.press(*("full_stop" if one == "." else one for one in text), "enter")

    def page(self) -> str:
        """The picture as text."""
        return "\n".join(shown(self.app))

    async def until(self, holds: Callable[[], Any], what: str) -> None:
        """Wait for it; fails showing the picture."""
        loop = asyncio.get_running_loop()
        end = loop.time() + WITHIN_S
        while not holds():
            if loop.time() > end:
                raise AssertionError(f"did not happen: {what}\n{self.page()}\n{self._said()}")
            await asyncio.sleep(0.02)

    async def see(self, *words: str) -> str:
        """The picture, once all of these words stand in it."""
        await self.until(lambda: all(one in self.page() for one in words), f"{words} on the screen")
        return self.page()

    @property
    def ticket(self) -> TicketStatus:
        """As told last."""
        return self.running.newest(TicketStatus)

    def _said(self) -> str:
        notice = self.app.desk.store.notice
        tickets = [one for one in self.rig.seen if isinstance(one, TicketStatus)][-1:]
        return f"notice {notice!r}; ticket {[(t.step, t.words, t.changes) for t in tickets]}"

    # --- ways through the program --------------------------------------------------------------------------------------

    async def go_live(self) -> None:
        """From paper to armed."""
        await self.press("L")
        await self.see("Real orders?")
        await self.press("y")
        await self.until(
            lambda: self.running.status.phase == "DISARMED" and bool(self.running.status.nonce), "connected"
        )
        if self.rig.category == "linear":
            await self.rig.path.broker.set_leverage(SYMBOL, D(3))
        await self.see("Reviewed?", "everything holds")
        await self.press("y")
        await self.see("Authorised?")
        await self.type("LIVE")
        await self.until(lambda: self.running.status.phase == "ARMED", "armed")
        self.rig.path.canary_flown("not what this is about")
        await self.until(lambda: not self.rig.denials(), "an entry that every gate lets pass")

    async def open_ticket(self) -> TicketStatus:
        """`o` on the watchlist; the ticket as it is reviewed."""
        await self.press("1", "o")
        await self.until(lambda: self._reviewed() is not None, "a ticket to review")
        return self.ticket

    def _reviewed(self) -> TicketStatus | None:
        tickets = [one for one in self.rig.seen if isinstance(one, TicketStatus)]
        return tickets[-1] if tickets and tickets[-1].step == "REVIEW" and tickets[-1].allowed else None

    async def confirm(self) -> None:
        """All three steps of the ticket that is open."""
        await self.press("n")
        await self.until(lambda: self.ticket.step == "CONSEQUENCES", "the second step")
        await self.see("type")
        await self.type(f"{self.ticket.quantity.normalize():f}")
        await self.until(lambda: self.ticket.step == "AUTHORISE", "the third step")
        await asyncio.sleep(KEY_S)
        await self.type(self.ticket.token)


@contextlib.asynccontextmanager
async def keyboard(where: str, folder: Path, *, rate: float = RATE, **more: Any) -> AsyncIterator[Keyboard]:
    """The program on paper, its watchlist on the screen. `more` as for `order_rig`."""
    async with session_rig(where, folder, rate=rate, **more) as running:
        rig = running.rig
        app = TradeApp(rig.bus, rig.clock, rig.settings)
        app.animation_level = "none"
        async with app.run_test(size=SIZE) as pilot:
            hand = Keyboard(running, app, pilot)
            rig.bus.publish(Replay())
            await hand.see(SYMBOL)
            yield hand
            assert not app.desk.guard.failures
            assert not app.desk.pump.failures
