"""A paper account on a market of literal messages under `SimClock`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from core.bus import Bus
from core.clock import SimClock
from core.messages import Fault, HostKind, Ladder, MarkPrice, Message, OrderAlarm, Quote, Side, Trade, TradeBatch
from core.settings import Settings
from core.settings_live import LiveSettings
from core.settings_trading import Paper
from core.trading.authority import Permit, authorise
from core.trading.broker import OrderKey, StreamState, VenueBalance, VenuePosition
from core.trading.order import OrderReport, OrderSpec
from core.trading.paper import PaperBroker
from core.venue import Instrument, Retryable
from tests.core.trading.market import SYMBOL, T0, d, instrument

T = TypeVar("T")
Levels = list[tuple[float, float]]


class Venue:
    """As much of a `MarketProvider` as the paper broker uses."""

    host = "venue.example"
    host_kind: HostKind = "LIVE DATA"

    def __init__(self, clock: SimClock, venue: str, category: str) -> None:
        self.venue, self.category = venue, category
        self.clock = clock
        self.books: dict[str, Ladder] = {}
        self.listed: dict[str, Instrument] = {SYMBOL: instrument(venue, category)}
        self.down = False

    def venue_now_ms(self) -> int:
        return self.clock.now_ms()

    def ladder(self, symbol: str, levels: int) -> Ladder | None:
        return self.books.get(symbol)

    async def instruments(self) -> list[Instrument]:
        if self.down:
            raise Retryable("venue.example cannot be reached")
        return list(self.listed.values())


class Listener:
    """Everything the private stream told, in order."""

    def __init__(self) -> None:
        self.reports: list[OrderReport] = []
        self.streams: list[StreamState] = []
        self.balances: dict[str, VenueBalance] = {}
        self.positions: tuple[VenuePosition, ...] = ()
        self.before = lambda report: None

    def on_report(self, report: OrderReport) -> None:
        self.before(report)
        self.reports.append(report)

    def on_account(self, balances: dict[str, VenueBalance], positions: tuple[VenuePosition, ...]) -> None:
        self.balances, self.positions = balances, positions

    def on_stream(self, state: StreamState, why: str) -> None:
        self.streams.append(state)

    def brief(self) -> list[tuple[str, str]]:
        return [(report.spec.client_id, report.status) for report in self.reports]


class Rig:
    """Use with `async with`: the broker runs inside."""

    def __init__(
        self, folder: Path, venue: str = "binance_us", category: str = "spot", paper: Paper | None = None,
        start_ms: int = T0,
    ) -> None:  # fmt: skip
        self.clock = SimClock(start_ms)
        self.bus = Bus(self.clock)
        settings = replace(Settings(), paper=paper or Paper(latency_ms=50, jitter_ms=0))
        self.live = LiveSettings(self.bus, self.clock, settings, folder / "overrides.toml")
        self.venue = Venue(self.clock, venue, category)
        self.said: list[Message] = []
        self.bus.subscribe(Fault, self.said.append)
        self.bus.subscribe(OrderAlarm, self.said.append)
        provider: Any = self.venue
        self.broker = PaperBroker(self.bus, self.clock, self.live, provider, folder, lambda s: self.venue.listed.get(s))
        self.path = folder / f"{self.broker.account}.json"
        self.listener = Listener()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Rig:
        self._task = asyncio.create_task(self.broker.run(self.listener))
        await self.clock.advance(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # --- the market --------------------------------------------------------------------------------------------------

    def quote(self, bid: float, ask: float, bid_size: float = 2.0, ask_size: float = 2.0, symbol: str = SYMBOL) -> None:
        now = self.clock.now_ms()
        self.bus.publish(
            Quote(
                venue=self.venue.venue, category=self.venue.category, symbol=symbol, bid=bid, bid_size=bid_size, ask=ask,
                ask_size=ask_size, event_ms=now, received_ms=now,
            )
        )  # fmt: skip

    def book(self, bids: Levels, asks: Levels, symbol: str = SYMBOL) -> None:
        """The provider's book, and the quote that goes with it."""
        self.venue.books[symbol] = Ladder(
            venue=self.venue.venue, category=self.venue.category, symbol=symbol, bids=tuple(bids), asks=tuple(asks),
            at_ms=self.clock.now_ms(),
        )  # fmt: skip
        self.quote(bids[0][0], asks[0][0], bids[0][1], asks[0][1], symbol)

    def trade(self, price: float, size: float = 1.0, side: Side = "BUY", symbol: str = SYMBOL) -> None:
        trade = Trade("1", price, size, side, self.clock.now_ms())
        self.bus.publish(
            TradeBatch(
                venue=self.venue.venue, category=self.venue.category, symbol=symbol, trades=(trade,),
                received_ms=self.clock.now_ms(),
            )
        )  # fmt: skip

    def mark(self, price: float, rate: float = 0.0, next_ms: int = 0, symbol: str = SYMBOL) -> None:
        self.bus.publish(
            MarkPrice(
                venue=self.venue.venue, category=self.venue.category, symbol=symbol, mark=price, index=price,
                funding_rate=rate, next_funding_ms=next_ms, open_interest=0.0, event_ms=self.clock.now_ms(),
            )
        )  # fmt: skip

    # --- requests ----------------------------------------------------------------------------------------------------

    async def done(self, request: Coroutine[Any, Any, T], seconds: float = 0.2) -> T:
        """Let it take its time."""
        task = asyncio.ensure_future(request)
        await self.clock.advance(seconds)
        assert task.done(), "the request is still under way"
        return task.result()

    def permit(self, spec: OrderSpec) -> Permit:
        return authorise(spec, self.clock.now_ms()).spend(spec, self.clock.now_ms())

    def place(self, spec: OrderSpec) -> Coroutine[Any, Any, Any]:
        return self.broker.place(self.permit(spec), spec)

    async def placed(self, spec: OrderSpec) -> Any:
        return await self.done(self.place(spec))

    async def free(self, asset: str) -> Decimal:
        snapshot = await self.broker.snapshot()
        return snapshot.balances[asset].free


def key(client_id: str, **more: Any) -> OrderKey:
    return OrderKey(symbol=SYMBOL, client_id=client_id, **more)


def only(messages: list[Message], kind: type) -> list[Any]:
    return [message for message in messages if isinstance(message, kind)]


__all__ = ["SYMBOL", "T0", "Awaitable", "Listener", "Rig", "d", "key", "only"]
