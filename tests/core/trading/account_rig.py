"""Two accounts under `SimClock`, one in force at a time: the simulated venue, of which one account is told to be real money's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import core.trading.desk
from core.bus import Bus
from core.messages import ConnectLive, SessionPhase, SessionStatus
from core.trading.arming import Surroundings
from core.trading.broker import Broker, Mode
from core.trading.desk import TradingDesk
from core.trading.rules_book import RulesBook
from core.trading.session import TradingSession
from tests.core.trading.paper_hour import CATEGORY, VENUE, PromptJournal
from tests.core.trading.ticket_rig import CountingBroker, TicketRig


class RealBroker(CountingBroker):
    """The same venue, with books of its own, told to be real money's."""

    mode: Mode = "LIVE"

    @property
    def account(self) -> str:
        return f"real-{VENUE}"

    @account.setter
    def account(self, _: str) -> None:
        """Paper's own name is not for it."""


class AccountRig(TicketRig):
    """`refuse` is asked before a broker is built and may raise; `session` is the program's accounts."""

    session: TradingSession

    def __init__(self, folder: Path, **trading: Any) -> None:
        super().__init__(folder, "PAPER", **trading)
        self.refuse: Callable[[Mode], None] = lambda mode: None
        self.opened: list[Mode] = []
        """Every broker that was asked for."""

    def make(self, rules: RulesBook, mode: Mode, bus: Bus) -> Broker:
        self.opened.append(mode)
        self.refuse(mode)
        made: Any = self.provider
        kind = RealBroker if mode == "LIVE" else CountingBroker
        return kind(bus, self.clock, self.live, made, self.folder, rules.get)

    async def begin(self, category: str = CATEGORY) -> None:
        """As a program that starts."""
        self.session = TradingSession(
            self.bus, self.clock, self.live, self.make, self.rules, self.folder, venue=VENUE, category=category,
            surroundings=Surroundings(environ={"TMUX": "yes"}, folder=self.folder), on_trading=self._on_trading,
            ladder=self.provider.ladder,
        )  # fmt: skip
        opening = asyncio.ensure_future(self.session.open())
        await self.until(opening.done, "opened")
        await opening
        await self.pass_time(15)
        self.quote()

    async def stop(self) -> None:
        for ending in (self.session.close, self.session.release):
            work = asyncio.ensure_future(ending())
            await self.until(work.done, "the end")
            await work

    def _on_trading(self, desk: TradingDesk) -> None:
        made: Any = desk.broker
        self.desk, self.broker = desk, made

    async def until(self, holds: Callable[[], Any], what: str, within_s: float = 60.0) -> None:
        """Let time go on, and threads do their work, until it holds."""
        end = self.clock.monotonic() + within_s
        while not holds():
            assert self.clock.monotonic() < end, f"did not happen: {what}"
            await self.clock.advance(0.02)
            await asyncio.sleep(0.001)

    @property
    def status(self) -> SessionStatus:
        return self.of(SessionStatus)[-1]

    async def phase(self, wanted: SessionPhase) -> None:
        await self.until(lambda: self.status.phase == wanted, f"phase {wanted}")

    async def armed(self) -> None:
        """The real account in force and armed; what is checked before has its own tests."""
        self.ask(ConnectLive())
        await self.phase("DISARMED")
        await self.until(lambda: not self.session._busy, "checked")
        await self.pass_time(20)
        self.tell_minute()
        self.quote()
        self.desk.canary_flown("in the rig")
        assert self.desk.risk.arm(60) == ""
        self.session._phase = "ARMED"


@asynccontextmanager
async def account_rig(folder: Path, **trading: Any) -> AsyncIterator[AccountRig]:
    """A program on paper in a calm market."""
    patch = pytest.MonkeyPatch()
    dice = random.Random(5)
    patch.setattr("core.trading.client_ids.secrets.choice", dice.choice)
    patch.setattr("core.atomic_file.os.fsync", lambda handle: None)  # the disk is not what is tested here
    patch.setattr(core.trading.desk, "Journal", PromptJournal)
    try:
        rig = AccountRig(folder, **trading)
        rig.provider.step()
        await rig.rules.refresh()
        await rig.pass_time(15)
        rig.tell_history()
        await rig.begin()
        try:
            yield rig
        finally:
            await rig.stop()
    finally:
        patch.undo()
