"""The account in force: one order path at a time, opened, run, left and exchanged for another.

Paper and real money are two accounts with journals of their own. While one is in force the other stands still.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from core.atomic_file import DamagedFile, read_struct, write_atomic
from core.bus import Bus, BusScope
from core.clock import Clock
from core.messages import AccountOpened, Fault, Ladder
from core.settings_live import LiveSettings
from core.supervise import Supervisor
from core.trading.bar_facts import Bars
from core.trading.broker import Broker, Mode
from core.trading.desk import TradingDesk
from core.trading.rules_book import RulesBook

FILE = "session.json"
FORMAT = 1

log = logging.getLogger("tradetui.trading")


class CannotConnect(Exception):
    """The real account cannot be opened; the words say why and what to do."""


class MakeBroker(Protocol):
    """Builds a broker once the venue's rules are known."""

    def __call__(self, rules: RulesBook, mode: Mode, bus: Bus) -> Broker:
        """Raises `CannotConnect` when there is no real account to speak to: no keys, no venue that takes orders."""


class LastSession(Struct, frozen=True, kw_only=True):
    """What the program was on when it ended, or was killed. The rest is told of a real account."""

    format: int = FORMAT
    mode: Mode = "PAPER"
    venue: str = ""
    category: str = ""
    account: str = ""


class AccountInForce:
    """`desk` is the order path in force, None between two accounts. `on_trading` is handed each one once it stands."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        make_broker: MakeBroker,
        rules: RulesBook,
        folder: Path,
        *,
        on_trading: Callable[[TradingDesk], None],
        bars: Bars | None,
        ladder: Callable[[str, int], Ladder | None] | None,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._make_broker = make_broker
        self._rules = rules
        self._folder = folder
        self._on_trading = on_trading
        self._bars, self._ladder = bars, ladder
        self._scope: BusScope = bus.scope()
        self._supervisor = Supervisor(bus, clock)
        self.desk: TradingDesk | None = None
        self._left: TradingDesk | None = None
        """Was being released when the program ended: that is done to its end then."""

    async def open(self, mode: Mode) -> None:
        """Open the account and run its order path. Raises `CannotConnect`, `JournalError`, `VenueError`; then there is none."""
        scope = self._bus.scope()
        try:
            broker = self._make_broker(self._rules, mode, scope)
            desk = TradingDesk(
                scope, self._clock, self._live, broker, self._rules, self._folder, bars=self._bars, ladder=self._ladder
            )
            scope.publish(
                AccountOpened(
                    venue=broker.venue, category=broker.category, mode=mode, account=broker.account, host=broker.host,
                    host_kind=broker.host_kind, at_ms=self._clock.now_ms(),
                )
            )  # fmt: skip
            try:
                await desk.open()
            except BaseException:
                await broker.close()
                raise
        except BaseException:
            scope.close()
            raise
        self._scope, self.desk = scope, desk
        self._supervisor = Supervisor(scope, self._clock)
        desk.start(self._supervisor)
        self._on_trading(desk)

    async def close(self) -> None:
        """While its tasks still run: entries cancelled or left, the end written down. `release` comes last."""
        if self.desk is not None:
            await self.desk.close()

    async def release(self) -> None:
        """Tasks, journal and connections."""
        desk, self.desk = self.desk or self._left, None
        self._left = desk
        try:
            await self._supervisor.stop()
            if desk is not None:
                await desk.release()
            self._left = None
        finally:
            self._scope.close()

    async def leave(self) -> None:
        """All of it, in order."""
        await self.close()
        await self.release()

    @property
    def flat(self) -> bool:
        """Nothing of ours is open, as far as is known, and nothing is unknown."""
        if self.desk is None:
            return True
        orders = self.desk.manager.orders.values()
        return not self.desk.book.open_symbols and not any(order.may_fill or order.quarantine for order in orders)

    # --- the last session ----------------------------------------------------------------------------------------------

    def last(self) -> LastSession:
        """What it was on when it ended."""
        path = self._folder / FILE
        try:
            return read_struct(path, LastSession, FORMAT) or LastSession()
        except DamagedFile as error:  # fallback: paper; the operator is told to look
            text = f"{path} {error}: whether a real account was in use is not known; look at the venue's website"
            self._bus.publish(Fault(source="session", message=text, at_ms=self._clock.now_ms()))
            return LastSession()

    def remember(self, mode: Mode) -> None:
        """For the next start."""
        broker = self.desk.broker if self.desk is not None and mode == "LIVE" else None
        session = LastSession(mode=mode)
        if broker is not None:
            session = LastSession(mode=mode, venue=broker.venue, category=broker.category, account=broker.account)
        try:
            write_atomic(self._folder / FILE, msgspec.json.encode(session))
        except (
            OSError
        ) as error:  # fallback: the next start is on paper; the journal of the real account still has everything
            text = f"{self._folder / FILE} cannot be written ({error.strerror}): the next start may not look after the real account"
            log.error("%s", text)
            self._bus.publish(Fault(source="session", message=text, at_ms=self._clock.now_ms()))
