"""Order tickets on a whole order path under `SimClock`: the simulated venue, told to be paper or, for the ceremony, the real one.

Nothing moves by itself: `pass_time` lets the market go on, `wait` only the clock, `quote` says where the market is.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

import core.trading.desk
from core.messages import (
    CloseTicket,
    ConfirmTicket,
    EditTicket,
    Message,
    OpenTicket,
    Quote,
    RefreshTicket,
    TicketField,
    TicketStatus,
    Universe,
)
from core.settings_live import LiveSettings
from core.settings_risk import RiskSettings
from core.settings_trading import Trading
from core.supervise import Supervisor
from core.trading.authority import Permit
from core.trading.broker import Mode, Placed
from core.trading.desk import TradingDesk
from core.trading.order import OrderSpec
from core.trading.paper import PaperBroker
from tests.core.trading.paper_hour import PLACE, PaperHour, PromptJournal

D = Decimal
M = TypeVar("M", bound=Message)


class CountingBroker(PaperBroker):
    """Counts what reaches it as an order, and may be told to be real money's."""

    sends = 0

    async def place(self, permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
        self.sends += 1
        return await super().place(permit, spec, safety=safety)


class TicketRig(PaperHour):
    """`answer` confirms the step that is shown, as a careful operator does."""

    broker: CountingBroker

    def __init__(self, folder: Path, mode: Mode, seed: int = 11, **trading: Any) -> None:
        super().__init__(folder, seed)
        self.mode: Mode = mode
        self.settings = msgspec.structs.replace(
            self.settings,
            trading=msgspec.convert({"target_shares": [1.0], "trail_after_r": 0.0} | trading, Trading),
            risk=msgspec.convert(
                {"max_return_sigmas": 50.0, "max_spread_ratio": 50.0, "quote_age_s": 20.0, "daily_loss": 0.2, "heat": 0.2,
                 "volume_share": 1.0, "depth_share": 1.0, "entries_per_minute": 600, "duplicate_window_s": 1.0,
                 "clock_age_s": 3600.0, "min_net_ratio": 1.5},
                RiskSettings,
            ),
        )  # fmt: skip
        self.live = LiveSettings(self.bus, self.clock, self.settings, folder / "own.toml")

    @property
    def symbol(self) -> str:
        return self.provider.symbols[0]

    async def start(self) -> TradingDesk:
        made: Any = self.provider
        self.broker = CountingBroker(self.bus, self.clock, self.live, made, self.folder, self.rules.get)
        self.broker.mode = self.mode
        self.tasks = Supervisor(self.bus, self.clock)
        self.desk = TradingDesk(
            self.bus, self.clock, self.live, self.broker, self.rules, self.folder, ladder=self.provider.ladder
        )
        await self.desk.open()
        self.desk.start(self.tasks)
        self.bus.publish(
            Universe(
                **PLACE, symbols=self.provider.symbols, added=(), removed=(), reason="start", at_ms=self.clock.now_ms()
            )
        )
        return self.desk

    async def stop(self) -> None:
        """The end may wait for cancels, and for that the clock must go on."""
        ending = asyncio.ensure_future(super().stop())
        while not ending.done():
            await self.clock.advance(0.2)
        await ending

    # --- the market --------------------------------------------------------------------------------------------------

    def quote(self, factor: float = 1.0, symbol: str = "") -> None:
        """The market stands at its last mid times this."""
        name = symbol or self.symbol
        tick, now = float(self.provider.rules[name].tick_size), self.clock.now_ms()
        mid = round(self.provider.mids[name] * factor / tick) * tick
        self.bus.publish(
            Quote(
                **PLACE, symbol=name, bid=round(mid - tick, 8), bid_size=1e6, ask=round(mid + tick, 8), ask_size=1e6,
                event_ms=now, received_ms=now,
            )
        )  # fmt: skip

    async def wait(self, seconds: float = 0.5) -> None:
        await self.clock.advance(seconds)

    # --- the operator ------------------------------------------------------------------------------------------------

    @property
    def told(self) -> TicketStatus:
        return self.of(TicketStatus)[-1]

    async def do(self, command: Any, seconds: float = 0.0) -> TicketStatus:
        self.ask(command)
        await self.wait(seconds)
        return self.told

    async def open(self, symbol: str = "", **parts: Any) -> TicketStatus:
        await self.do(OpenTicket(symbol=symbol or self.symbol, **parts))
        await self.wait(0.4)
        return self.told

    def confirmation(self, **changes: Any) -> ConfirmTicket:
        """What a careful operator answers to what is shown."""
        told = self.told
        typed = f"{told.quantity:f}" if told.step == "CONSEQUENCES" else told.token
        fields = {"ticket_id": told.ticket_id, "step": told.step, "nonce": told.nonce, "typed": typed}
        return ConfirmTicket(**(fields | changes))

    async def answer(self, seconds: float = 0.4, **changes: Any) -> TicketStatus:
        return await self.do(self.confirmation(**changes), seconds)

    async def edit(self, part: TicketField, value: str) -> TicketStatus:
        return await self.do(EditTicket(ticket_id=self.told.ticket_id, part=part, value=value), 0.4)

    async def refresh(self) -> TicketStatus:
        return await self.do(RefreshTicket(ticket_id=self.told.ticket_id), 0.4)

    async def close(self) -> TicketStatus:
        return await self.do(CloseTicket(ticket_id=self.told.ticket_id))

    def denied(self) -> list[str]:
        return [gate.words for gate in self.told.gates if not gate.allowed]


@asynccontextmanager
async def ticket_rig(
    folder: Path, mode: Mode = "PAPER", *, flown: bool = True, armed: bool = True, **trading: Any
) -> AsyncIterator[TicketRig]:
    """A calm market that every gate lets pass. LIVE: `flown`, the canary has been; `armed` for an hour."""
    patch = pytest.MonkeyPatch()
    dice = random.Random(5)
    patch.setattr("core.trading.client_ids.secrets.choice", dice.choice)
    patch.setattr("core.atomic_file.os.fsync", lambda handle: None)  # the disk is not what is tested here
    patch.setattr(core.trading.desk, "Journal", PromptJournal)
    try:
        rig = TicketRig(folder, mode, **trading)
        rig.provider.step()
        await rig.rules.refresh()
        await rig.pass_time(15)
        rig.tell_history()
        desk = await rig.start()
        await rig.pass_time(15)
        rig.tell_minute()
        rig.quote()
        if mode == "LIVE":
            if armed:
                assert desk.risk.arm(60) == ""
            if flown:
                desk.canary_flown("in the rig")
        try:
            yield rig
        finally:
            await rig.stop()
    finally:
        patch.undo()
