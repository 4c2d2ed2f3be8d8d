"""The order path on a sandbox exchange of either venue over real sockets, with the exchange's own books as the judge.

Broker, manager, journal, gates, positions, reconciliation and public streams are the real ones; what the signal part would say
of the market (bars, conditions) is told in literals, so that an entry is judged within a second. Exchange and program share
one fast clock. `oracle` is what every row must end with.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import core.trading.risk_market
import core.trading.sending
from core.bus import Bus, Subscription
from core.clock import LiveClock
from core.credentials import Credentials
from core.messages import (
    Bar,
    Message,
    OpenTrade,
    Quote,
    Universe,
)
from core.risk.gates import BUDGET_S, judge
from core.risk.view import AuthorisationView
from core.settings import Feed, Market, Network, Settings
from core.settings_live import LiveSettings
from core.settings_risk import RiskSettings
from core.settings_trading import Trading
from core.supervise import Supervisor
from core.trading.authority import authorise
from core.trading.broker import Broker
from core.trading.desk import TradingDesk
from core.trading.draft import Submission
from core.trading.opening import Unfit
from core.trading.order_record import OrderRecord
from core.trading.rules_book import RulesBook
from core.venue import TIMEFRAME_MS, MarketProvider, VenueError
from providers.binance_us.trading import BinanceUsBroker
from providers.bybit.trading import BybitBroker
from providers.sandbox.accounts import Accounts
from providers.sandbox.faults import RestFault
from providers.sandbox.seeded import SeededMarket
from providers.sandbox.server import SandboxExchange
from tests.builders import calm_conditions
from tests.faults.conftest import CALM
from tests.faults.order_judge import KEY, SECRET, SYMBOL, D, OrderJudge, ceil, floor
from tui.compose import make_provider

__all__ = [
    "KEY",
    "SECRET",
    "SYMBOL",
    "USUAL",
    "VENUES",
    "D",
    "OrderRig",
    "SteppedClock",
    "ceil",
    "eased_gates",
    "floor",
    "order_rig",
]

RATE = 10.0
"""Market seconds a second."""
READ_S = 2.0
"""Real seconds until a read without an answer is given up."""
START_MS = 1_700_000_400_000
VENUES = ("binance_us-spot", "bybit-spot", "bybit-linear")
USUAL = ("binance_us-spot", pytest.param("bybit-spot", marks=pytest.mark.slow), "bybit-linear")
"""For rows whose rules are the same everywhere: spot on Bybit has then nothing that one of the others has not."""
PLACES = {"binance_us": "/api/v3/order", "bybit": "/v5/order/create"}
"""Where an order is sent to, as the fault commands name it."""


class SteppedClock:
    """The program's clock: the exchange's, and `step_ms` beside it on the wall alone, as if somebody set this machine's."""

    def __init__(self, clock: LiveClock) -> None:
        self.step_ms = 0
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.now_ms() + self.step_ms

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class OrderRig(OrderJudge):
    """One exchange and one order path on it. `desk` may be stopped and started again on the same journal."""

    def __init__(
        self,
        where: str,
        exchange: SandboxExchange,
        clock: SteppedClock,
        folder: Path,
        trading: dict[str, Any],
        risk: dict[str, Any],
    ) -> None:
        self.where = where
        self.venue, _, self.category = where.partition("-")
        self.exchange, self.faults, self.clock, self.folder = exchange, exchange.faults, clock, folder
        self.accounts: Accounts = exchange.accounts[self.category]
        self.engine = self.accounts.engine
        self.place = PLACES[self.venue]
        self.settings = Settings(
            market=msgspec.convert(
                {"venue": self.venue, "category": self.category, "watch": 4, "min_quote_volume": 0.0}, Market
            ),
            feed=msgspec.convert(CALM, Feed),
            network=msgspec.convert(
                {
                    f"{self.venue}_rest": exchange.rest_url,
                    f"{self.venue}_stream": exchange.stream_url,
                    "rest_timeout_s": READ_S,
                },
                Network,
            ),
            trading=msgspec.convert({"answer_s": 5.0, "trail_after_r": 0.0, "target_shares": [1.0]} | trading, Trading),
            risk=msgspec.convert(
                {"cool_down_min": 1.0, "quote_age_s": 30.0, "clock_age_s": 3600.0} | risk, RiskSettings
            ),
        )
        self.bus = Bus(clock)
        self.seen: list[Message] = []
        self.bus.subscribe(Message, self.seen.append)
        self.quotes: dict[str, Quote] = {}
        self.bus.subscribe(Quote, lambda quote: self.quotes.__setitem__(quote.symbol, quote))
        self.live = LiveSettings(self.bus, clock, self.settings, folder / "overrides.toml")
        self.provider: MarketProvider = make_provider(self.settings, self.bus, clock)
        self.rules = RulesBook(clock, self.provider)
        self.market_tasks = Supervisor(self.bus, clock)
        self.tasks = Supervisor(self.bus, clock)
        self.desk: TradingDesk | None = None
        self._outside: frozenset[Subscription] = frozenset()
        self.requests: list[tuple[int, str]] = []
        """Every request the exchange was sent, market data too: when, by the exchange's clock, and "METHOD path"."""
        take = self.faults.take_rest

        def noted(path: str, method: str = "") -> RestFault | None:
            self.requests.append((exchange.clock.now_ms(), f"{method} {path}"))
            return take(path, method)

        self.faults.take_rest = noted  # type: ignore[method-assign]

    # --- life --------------------------------------------------------------------------------------------------------

    async def start_market(self) -> None:
        """Public streams, rules, clock, and the market as the signal part would tell it."""
        await self.rules.refresh()
        await self.provider.sync_clock()
        self.provider.set_symbols([SYMBOL], ("1m",))
        self.market_tasks.start("streams", self.provider.run)
        await self.until(lambda: SYMBOL in self.quotes, "a quote")
        self.market_tasks.start("conditions", self._tell)

    async def start_desk(self, *, settled: bool = True) -> TradingDesk:
        """The order path, armed, on whatever journal there is. `settled`: wait until all was compared with the venue."""
        self._outside = frozenset(self._subscriptions())
        broker = make_broker(self)
        self.desk = desk = TradingDesk(
            self.bus, self.clock, self.live, broker, self.rules, self.folder, ladder=self.provider.ladder
        )
        self.tasks = Supervisor(self.bus, self.clock)
        await desk.open()
        desk.start(self.tasks)
        self.tell_conditions()
        self.bus.publish(
            Universe(
                venue=self.venue, category=self.category, symbols=(SYMBOL,), added=(), removed=(), reason="rig",
                at_ms=self.clock.now_ms(),
            )
        )  # fmt: skip
        if settled:
            if self.category == "linear":
                await broker.set_leverage(SYMBOL, D(3))
            await self.until(
                lambda: desk.reconciler.settled_ms > 0 and self.stream() == "SYNCED", "everything compared"
            )
            await self.until(lambda: not self.denials(), "an entry that every gate lets pass")
        return desk

    async def stop_desk(self, *, close: bool = True) -> None:
        """`close` False: as if the process were killed, with nothing said good-bye to."""
        desk = self.desk
        if desk is None:
            return
        if close:
            await desk.close()
        await self.tasks.stop()
        await desk.release()
        for subscription in self._subscriptions():  # a program that has ended hears nothing
            if subscription not in self._outside:
                self.bus.unsubscribe(subscription)
        self.desk = None

    def _subscriptions(self) -> list[Subscription]:
        return [one for many in self.bus._handlers.values() for one in many]

    async def stop(self) -> None:
        """Everything."""
        await self.stop_desk()
        await self.market_tasks.stop()
        await self.provider.close()

    async def _tell(self) -> None:
        """The conditions of now and the venue's clock, over and over."""
        while True:
            self.tell_conditions()
            with contextlib.suppress(VenueError):
                await self.provider.sync_clock()
            await self.clock.sleep(20.0)

    def tell_conditions(self) -> None:
        """Bars of a calm hour, and what the signal part would say of the market now."""
        self._tell_bars()
        for message in calm_conditions(SYMBOL, self.clock.now_ms(), self.venue, self.category):
            self.bus.publish(message)

    def _tell_bars(self) -> None:
        mid = 0.5 * (self.quotes[SYMBOL].bid + self.quotes[SYMBOL].ask)
        for timeframe, count in (("1m", 61), ("5m", 100), ("15m", 40)):
            length = TIMEFRAME_MS[timeframe]
            last = self.clock.now_ms() // length * length - length
            for n in range(count):
                close = mid * (1.0 + 0.002 * math.sin(1.7 * (count - 1 - n)))
                self.bus.publish(
                    Bar(
                        venue=self.venue, category=self.category, symbol=SYMBOL, timeframe=timeframe,
                        open_ms=last - (count - 1 - n) * length, open=close, high=close * 1.0005, low=close * 0.9995, close=close,
                        volume=1e6, quote_volume=1e8, trades=10, taker_buy_volume=math.nan, closed=True,
                        known_at=self.clock.now_ms(),
                    )
                )  # fmt: skip

    # --- acting ------------------------------------------------------------------------------------------------------

    def stream(self) -> str:
        return str(self.path.risk.status_fields()["stream"])

    def wish(self, *, resting: bool = False, quantity: str = "0.5", **changes: Any) -> OpenTrade:
        """A small trade: a limit a little through the market (fills at once), or well below it (`resting`)."""
        quote, tick = self.quotes[SYMBOL], self.rule.tick_size
        bid, ask = D(repr(quote.bid)), D(repr(quote.ask))
        entry = floor(bid * D("0.995"), tick) if resting else ceil(ask * D("1.002"), tick)
        fields: dict[str, Any] = {
            "symbol": SYMBOL, "side": "BUY", "quantity": D(quantity), "entry": entry,
            "stop": floor(entry * D("0.96"), tick), "targets": (ceil(entry * D("1.12"), tick),),
        }  # fmt: skip
        return OpenTrade(**(fields | changes))

    def denials(self, **changes: Any) -> list[str]:
        """Why a small entry would not pass now."""
        self.path.risk.arm(600.0)
        try:
            proposal = self.path.propose(self.wish(**changes))
        except Unfit as error:
            return [str(error)]
        given = AuthorisationView(order_hash="h", authorised_hash="h", age_s=0.0, used=False)
        view = self.path.risk.view(proposal.draft, given)
        return [denial.words for denial in judge(view, lambda: 0.0).denials]

    async def enter(self, **changes: Any) -> Submission:
        """Confirm and send an entry."""
        proposal = self.path.propose(self.wish(**changes))
        return await self.path.send_entry(proposal, authorise(proposal.draft.spec, self.clock.now_ms()))

    async def entered(self, **changes: Any) -> OrderRecord:
        """An entry that was sent; the record as it is now."""
        submission = await self.enter(**changes)
        assert submission.sent, submission.words
        assert submission.record is not None
        return submission.record


def make_broker(rig: OrderRig) -> Broker:
    """The venue's real broker, with the sandbox's keys."""
    keys = Credentials(KEY, SECRET)
    if rig.venue == "binance_us":
        return BinanceUsBroker(rig.bus, rig.clock, rig.settings, keys, rig.rules.get, folder=rig.folder)
    return BybitBroker(rig.bus, rig.clock, rig.settings, keys, rig.rules.get, folder=rig.folder)


def eased_gates(rate: float) -> pytest.MonkeyPatch:
    """The gates on a fast clock, until `undo`: their time limit is real time, and what is usual is soon known here."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(core.trading.sending, "judge", functools.partial(judge, budget_s=BUDGET_S * rate * 4))
    monkeypatch.setattr(core.trading.risk_market, "FEWEST_SPREADS", 1)
    monkeypatch.setattr(core.trading.risk_market, "FEWEST_GAPS", 1)
    return monkeypatch


@contextlib.asynccontextmanager
async def order_rig(
    where: str,
    folder: Path,
    *,
    rate: float = RATE,
    seed: int = 7,
    start_ms: int = START_MS,
    desk: bool = True,
    risk: dict[str, Any] | None = None,
    **trading: Any,
) -> AsyncIterator[OrderRig]:
    """A running rig; `trading` are settings of that section, `risk` of the other."""
    venue, _, category = where.partition("-")
    clock = LiveClock(rate=rate, start_ms=start_ms)
    monkeypatch = eased_gates(rate)
    market = SeededMarket(
        seed, 5, clock, venue=venue, category=category, depth_per_s=2.0, quotes_per_s=2.0, trades_per_s=1.0, even=True
    )
    exchange = SandboxExchange({category: market}, clock, venue=venue, api_key=KEY, api_secret=SECRET)  # type: ignore[arg-type]
    async with exchange:
        rig = OrderRig(where, exchange, SteppedClock(clock), folder, trading, risk or {})
        try:
            await rig.start_market()
            if desk:
                await rig.start_desk()
            yield rig
        finally:
            monkeypatch.undo()
            await rig.stop()
