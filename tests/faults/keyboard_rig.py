"""The whole program by keyboard, on a sandbox exchange of either venue: screens, session, ceremony, order path, real sockets.

What stands on the screen is read as text, keys are pressed one after the other as a hand does. Clock and exchange are those of
`session_rig`, four times as fast as real: a screen that paints all the while has no more time than that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot

from core.clock import Clock
from core.messages import (
    ArmLive,
    CloseTicket,
    ConfirmTicket,
    ConnectLive,
    Fault,
    OpenTicket,
    OrderStatus,
    Replay,
    TicketStatus,
    TicketStep,
)
from core.trading.order import OrderReport
from tests.faults.order_rig import SYMBOL, D
from tests.faults.session_rig import SessionRig, session_rig
from tests.tui.desk_builder import shown
from tui.app import TradeApp
from tui.screens.order import OrderScreen

SIZE = (120, 40)
RATE = 4.0
KEY_S = 0.4
"""Between two keys of a hand, on the program's clock."""
WITHIN_S = 30.0
STEPS: tuple[TicketStep, ...] = ("REVIEW", "CONSEQUENCES", "AUTHORISE")
CHARACTERS = {"enter": "\r", "escape": "\x1b", "full_stop": ".", "space": " ", "percent_sign": "%"}
SOON_S = 0.01
"""Real time after every widget has heard of a key."""
REPEAT_S = 0.033
"""Between two keys of one that is held down."""


class HandClock:
    """The screens' clock: the program's, and while keys are handed over in one piece it stands, however slow the machine is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stands_at: float | None = None

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def monotonic(self) -> float:
        return self._stands_at if self._stands_at is not None else self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    @contextlib.contextmanager
    def standing(self) -> Iterator[None]:
        """Only `pass_by` moves it."""
        self._stands_at = self._clock.monotonic()
        try:
            yield
        finally:
            self._stands_at = None

    def pass_by(self, seconds: float) -> None:
        if self._stands_at is not None:
            self._stands_at += seconds


class Keyboard:
    """`press` like a hand, `burst` and `hold` like none, `see` what stands there, `wait` until something is shown."""

    def __init__(self, running: SessionRig, app: TradeApp, pilot: Pilot[int], clock: HandClock, rate: float) -> None:
        self.running, self.rig, self.app, self.pilot, self.clock = running, running.rig, app, pilot, clock
        self.keys: list[str] = []
        """Every key a hand has pressed."""
        self._key_s = KEY_S / rate

    # --- keys ----------------------------------------------------------------------------------------------------------

    async def press(self, *keys: str) -> None:
        """One after the other, with a moment before each."""
        for key in keys:
            await asyncio.sleep(self._key_s)
            self.keys.append(key)
            self._send(key)
            await self.pilot.pause(SOON_S)

    async def type(self, text: str) -> None:
        """Characters, then Enter."""
        await self.press(*keys_of(text), "enter")

    async def burst(self, *keys: str) -> None:
        """All in one piece, as a paste the terminal does not mark arrives."""
        await asyncio.sleep(self._key_s)
        with self.clock.standing():
            for key in keys:
                self._send(key)
            await self.pilot.pause(SOON_S)

    async def hold(self, key: str, times: int = 12) -> None:
        """The key repeats, longer than it takes to read."""
        await asyncio.sleep(self._key_s)
        with self.clock.standing():
            for _ in range(times):
                self._send(key)
                await self.pilot.pause(SOON_S)
                self.clock.pass_by(REPEAT_S)

    def _send(self, key: str) -> None:
        """As the terminal's driver hands it over. A pilot's own `press` waits until the whole process is idle, which this never is."""
        driver = self.app._driver
        assert driver is not None
        event = events.Key(key, CHARACTERS.get(key, key if len(key) == 1 else None))
        event.set_sender(self.app)
        driver.send_message(event)

    async def paste(self, text: str) -> None:
        """As a terminal tells it, then Enter."""
        self.app.post_message(events.Paste(text))
        await self.press("enter")

    # --- what is shown ---------------------------------------------------------------------------------------------------

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
        """The picture, once all of these words stand in it. Of words folded over lines only a part can be found."""
        await self.until(lambda: all(one in self.page() for one in words), f"{words} on the screen")
        return self.page()

    @property
    def ticket(self) -> TicketStatus:
        """As told last."""
        return self.running.newest(TicketStatus)

    @property
    def entries(self) -> list[OrderReport]:
        """Every entry the exchange ever had of the account."""
        return [order for order in self.rig.orders() if order.spec.side == "BUY"]

    def _said(self) -> str:
        notice = self.app.desk.store.notice
        tickets = [one for one in self.rig.seen if isinstance(one, TicketStatus)][-1:]
        orders = [(one.state, one.filled, one.reason) for one in self.rig.of(OrderStatus)][-3:]
        denied = [(gate.code, gate.words) for t in tickets for gate in t.gates if not gate.allowed]
        ticket = [(t.kind, t.step, t.words, t.changes) for t in tickets]
        faults = [one.message for one in self.rig.of(Fault)][-5:]
        return f"notice {notice!r}; ticket {ticket}; denied {denied}; orders {orders}; faults {faults}"

    # --- ways through the program --------------------------------------------------------------------------------------

    async def go_live(self) -> None:
        """From paper to armed, by three answers."""
        await self.press("L")
        await self.see("Real orders?")
        await self.press("y")
        await self._connected()
        await self.see("Reviewed?", "everything holds")
        await self.press("y")
        await self.see("Authorised?")
        await self.type("LIVE")
        await self.until(lambda: self.running.status.phase == "ARMED", "armed")

    async def arm(self, *, canary: bool = False) -> None:
        """For rows that are about something else: armed by commands; unless the `canary` is what it is about, that has flown."""
        self.running.ask(ConnectLive())
        await self._connected()
        self.running.ask(ArmLive(nonce=self.running.status.nonce, typed="LIVE"))
        await self.until(lambda: self.running.status.phase == "ARMED", "armed")
        if not canary:
            await self.ready()

    async def ready(self) -> None:
        """No canary is asked for, and entries pass."""
        self.rig.path.canary_flown("not what this is about")
        await self.until(lambda: not self.rig.denials(), "an entry that every gate lets pass")

    async def _connected(self) -> None:
        await self.until(
            lambda: self.running.status.phase == "DISARMED" and bool(self.running.status.nonce), "connected"
        )
        if self.rig.category == "linear":
            await self.rig.path.broker.set_leverage(SYMBOL, D(3))

    async def open_ticket(self) -> TicketStatus:
        """`o` on the watchlist; the ticket as it is reviewed."""
        before = self._newest_id()
        await self.press("1", "o")
        await self.until(lambda: self._reviewed(before), "a ticket to review")
        await self.read()
        return self.ticket

    async def read(self, *words: str) -> str:
        """The page, once it is of the newest ticket and shows these words."""
        await self.until(
            lambda: self._painted() == (self.ticket.step, self.ticket.nonce), "the newest ticket on the screen"
        )
        return await self.see(*words)

    def _painted(self) -> tuple[str, str]:
        screen = self.app.screen
        ticket = screen.shown if isinstance(screen, OrderScreen) else None
        return (ticket.step, ticket.nonce) if ticket is not None else ("", "")

    def _newest_id(self) -> str:
        tickets = [one for one in self.rig.seen if isinstance(one, TicketStatus)]
        return tickets[-1].ticket_id if tickets else ""

    def _reviewed(self, before: str) -> bool:
        return self._newest_id() != before and self.ticket.step == "REVIEW" and self.ticket.allowed

    async def confirm(self) -> None:
        """All three steps of the ticket that is open."""
        await self.to("AUTHORISE")
        await self.type(self.ticket.token)

    async def to(self, step: TicketStep) -> None:
        """By keys, from the review to this step."""
        await self.read("REVIEW")
        if STEPS.index(step) >= 1:
            await self.press("n")
            await self.read("CONSEQUENCES", "type")
        if STEPS.index(step) >= 2:
            await self.type(plain(self.ticket.quantity))
            await self.read("AUTHORISE", "type")

    async def sent(self) -> str:
        """The client id, once the ticket was sent."""
        await self.until(lambda: self.ticket.step == "SENT", "sent")
        return self.ticket.client_id

    async def filled(self) -> str:
        """Sent, filled whatever the market does, and its stop seen at the venue."""
        name = await self.sent()
        await self.until(lambda: self.rig.at_exchange(name), "the order at the exchange")
        with contextlib.suppress(ValueError):  # it has filled by itself
            self.rig.faults.fill(name)
        await self.until(lambda: self.protected(name), "a stop for all that filled")
        return name

    def protected(self, name: str) -> bool:
        """Whether the entry is over and the venue shows a stop for all that is held by it, but dust."""
        truth, record = self.rig.path.trades.truth(SYMBOL), self.rig.record(name)
        stops = sum((one.spec.quantity - one.filled for one in self.rig.stops()), D(0))
        short = self.held - stops
        return (
            record.filled > 0 and not record.may_fill and truth.state == "VERIFIED" and short < self.rig.rule.lot_size
        )

    @property
    def held(self) -> Decimal:
        """By the program's own book."""
        position = self.rig.path.book.positions.get(SYMBOL)
        return position.quantity if position is not None else D(0)

    # --- ways of a program that cheats, or has no time ------------------------------------------------------------------

    async def at(self, step: TicketStep, **wanted: Any) -> TicketStatus:
        """A new ticket on the screen, brought to this step by commands."""
        await self.give_up()
        before = self._newest_id()
        await self.app.push_screen(OrderScreen(self.app.desk, OpenTicket(symbol=SYMBOL, **wanted)))
        await self.until(lambda: self._reviewed(before), "a ticket to review")
        for following in STEPS[1 : STEPS.index(step) + 1]:
            await self.rig.clock.sleep(0.35)
            self.answer(self.ticket)
            await self.until(lambda s=following: self.ticket.step == s, f"the step {following}")  # type: ignore[misc]
        await self.read(step)
        return self.ticket

    def answer(self, ticket: TicketStatus, **edited: Any) -> None:
        """The right answer to this page, unless parts of it are given."""
        typed = {"CONSEQUENCES": plain(ticket.quantity), "AUTHORISE": ticket.token}.get(ticket.step, "")
        fields: dict[str, Any] = {
            "ticket_id": ticket.ticket_id,
            "step": ticket.step,
            "nonce": ticket.nonce,
            "typed": typed,
        }
        self.running.ask(ConfirmTicket(**(fields | edited)))

    async def give_up(self) -> None:
        """No ticket, and the watchlist."""
        self.running.ask(CloseTicket(ticket_id=self._newest_id()))
        await self.leave_screen()

    async def leave_screen(self) -> None:
        """Back to the watchlist, whatever is open above it."""
        while len(self.app.screen_stack) > 1:
            await self.app.pop_screen()
        await self.app.show_mode("watchlist")


def plain(quantity: Decimal) -> str:
    """As a hand types it."""
    return f"{quantity.normalize():f}"


def keys_of(text: str) -> list[str]:
    """The keys that write it."""
    names = {character: key for key, character in CHARACTERS.items()}
    return [names.get(one, one) for one in text]


@contextlib.asynccontextmanager
async def keyboard(where: str, folder: Path, *, rate: float = RATE, **more: Any) -> AsyncIterator[Keyboard]:
    """The program on paper, its watchlist on the screen. `more` as for `order_rig`."""
    async with session_rig(where, folder, rate=rate, **more) as running:
        rig = running.rig
        clock = HandClock(rig.clock)
        app = TradeApp(rig.bus, clock, rig.settings)
        app.animation_level = "none"
        async with app.run_test(size=SIZE) as pilot:
            hand = Keyboard(running, app, pilot, clock, rate)
            rig.bus.publish(Replay())
            await hand.see(SYMBOL)
            yield hand
            assert not app.desk.guard.failures
            assert not app.desk.pump.failures
