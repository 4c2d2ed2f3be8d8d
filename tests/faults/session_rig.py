"""Both accounts on a sandbox exchange of either venue: the simulated one and the real one, changed from one to the other."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

from core.bus import Bus, Subscription
from core.credentials import Credentials
from core.messages import Command, Message, Replay, SessionStatus, Universe
from core.trading.account_in_force import CannotConnect
from core.trading.arming import Surroundings
from core.trading.broker import Broker, Mode
from core.trading.desk import TradingDesk
from core.trading.paper import PaperBroker
from core.trading.rules_book import RulesBook
from core.trading.session import TradingSession
from providers.binance_us.trading import BinanceUsBroker
from providers.bybit.trading import BybitBroker
from tests import builders as make
from tests.faults.order_rig import KEY, RATE, SECRET, SYMBOL, OrderRig, order_rig

M = TypeVar("M", bound=Message)
ATR_SHARE = 0.02
"""A wide market: costs are small beside the stop of a ticket by hand."""
UNDER_TMUX = {"TMUX": "/tmp/tmux,1,0"}


class SessionRig:
    """`rig` is the market and the exchange with its books; `session` the program's accounts. `keys` False: there are none."""

    def __init__(self, rig: OrderRig, folder: Path) -> None:
        self.rig = rig
        self.keys = True
        self.environ = dict(UNDER_TMUX)
        self._folder = folder
        self._replay: Subscription | None = None
        self.session = self._make()

    def _make(self) -> TradingSession:
        rig = self.rig
        return TradingSession(
            rig.bus, rig.clock, rig.live, self._broker, rig.rules, self._folder, venue=rig.venue, category=rig.category,
            surroundings=Surroundings(environ=self.environ, folder=self._folder), on_trading=self._on_trading,
            ladder=rig.provider.ladder,
        )  # fmt: skip

    def _broker(self, rules: RulesBook, mode: Mode, bus: Bus) -> Broker:
        rig = self.rig
        if mode == "PAPER":
            return PaperBroker(bus, rig.clock, rig.live, rig.provider, self._folder, rules.get)
        if not self.keys:
            raise CannotConnect("no keys for the rig: store some")
        real = BinanceUsBroker if rig.venue == "binance_us" else BybitBroker
        return real(bus, rig.clock, rig.settings, Credentials(KEY, SECRET), rules.get, folder=self._folder)

    def _on_trading(self, desk: TradingDesk) -> None:
        self.rig.desk = desk

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """The first account."""
        rig = self.rig
        if self._replay is None:
            self._replay = rig.bus.subscribe(Replay, lambda _: self.announce(), name="rig.replay")
        await self.session.open()
        self.announce()
        await rig.until(lambda: rig.path.reconciler.settled_ms > 0, "the first account compared")

    def announce(self) -> None:
        """What the market is: for who begins to listen only now."""
        rig = self.rig
        rig.tell_conditions()
        price = 0.5 * (rig.quotes[SYMBOL].bid + rig.quotes[SYMBOL].ask)
        place: dict[str, Any] = {"venue": rig.venue, "category": rig.category, "timeframe": "5m"}
        rig.bus.publish(make.metrics(SYMBOL, price, atr=price * ATR_SHARE, known_at=rig.clock.now_ms(), **place))
        rig.bus.publish(
            Universe(
                venue=rig.venue, category=rig.category, symbols=(SYMBOL,), added=(), removed=(), reason="rig",
                at_ms=rig.clock.now_ms(),
            )
        )  # fmt: skip

    async def stop(self, *, close: bool = True) -> None:
        """`close` False: as if the process were killed."""
        if close:
            await self.session.close()
        await self.session._own.stop()
        await self.session.release()
        self.rig.desk = None

    async def again(self, *, close: bool) -> None:
        """The program ends and is started anew on the same folder."""
        await self.stop(close=close)
        for kind, subscriptions in self.rig.bus._handlers.items():
            kept = (one for one in subscriptions if not one.name.startswith("session."))
            self.rig.bus._handlers[kind] = tuple(kept)
        self.session = self._make()
        await self.start()

    # --- asking ------------------------------------------------------------------------------------------------------

    def ask(self, command: Command) -> None:
        self.rig.bus.publish(command)

    @property
    def status(self) -> SessionStatus:
        """As told last."""
        return self.newest(SessionStatus)

    def newest(self, kind: type[M]) -> M:
        return next(message for message in reversed(self.rig.seen) if isinstance(message, kind))


@contextlib.asynccontextmanager
async def session_rig(where: str, folder: Path, *, rate: float = RATE, **more: Any) -> AsyncIterator[SessionRig]:
    """A running program on paper. `more` as for `order_rig`."""
    async with order_rig(where, folder, rate=rate, desk=False, **more) as rig:
        running = SessionRig(rig, folder)
        await running.start()
        try:
            yield running
        finally:
            if running.session._account.desk is not None:
                await running.stop()
