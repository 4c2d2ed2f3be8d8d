"""The order path on a sandbox exchange of either venue over real sockets, with the exchange's own books as the judge.

Broker, manager, journal, gates, positions, reconciliation and public streams are the real ones; what the signal part would say
of the market (bars, conditions) is told in literals, so that an entry is judged within a second. Exchange and program share
one fast clock. `oracle` is what every row must end with.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
from collections.abc import AsyncIterator, Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

import core.trading.risk_market
import core.trading.sending
from core.bus import Bus, Subscription
from core.clock import LiveClock
from core.credentials import Credentials
from core.messages import (
    Bar,
    Confluence,
    Fault,
    Message,
    OpenTrade,
    OrderAlarm,
    Quote,
    Screening,
    ThresholdsInForce,
    TriggerStats,
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
from core.trading.journal import read_journal
from core.trading.journal_replay import replay
from core.trading.opening import Unfit
from core.trading.order import OrderReport
from core.trading.order_record import OrderRecord
from core.trading.rules_book import RulesBook
from core.trading.states import DONE, PRE_SEND
from core.trading.working import OPEN
from core.venue import TIMEFRAME_MS, Instrument, MarketProvider, VenueError
from providers.binance_us.trading import BinanceUsBroker
from providers.bybit.trading import BybitBroker
from providers.sandbox.accounts import Accounts
from providers.sandbox.faults import RestFault
from providers.sandbox.seeded import SeededMarket
from providers.sandbox.server import SandboxExchange
from tests.faults.conftest import CALM
from tui.compose import make_provider

M = TypeVar("M", bound=Message)
D = Decimal
KEY, SECRET = "rig-key-0123456789abcdef", "rig-secret-never-to-be-seen"
RATE = 10.0
"""Market seconds a second."""
START_MS = 1_700_000_400_000
WITHIN_S = 30.0
"""Longest real wait for anything: generous, for the machine may be loaded."""
SYMBOL = "ETHUSDT"
VENUES = ("binance_us-spot", "bybit-spot", "bybit-linear")
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


class OrderRig:
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
                {f"{self.venue}_rest": exchange.rest_url, f"{self.venue}_stream": exchange.stream_url}, Network
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
        now = self.clock.now_ms()
        place: dict[str, Any] = {"venue": self.venue, "category": self.category, "symbol": SYMBOL}
        stats = TriggerStats(**dict.fromkeys(TriggerStats.__struct_fields__, 0.0) | {"natr": 0.002})
        self.bus.publish(
            Screening(
                **place, signal="NONE", trigger_reasons=(), stats=stats, hints=(), strength=0.0, asset_class="spot",
                occurred_at=now - 60_000, known_at=now,
            )
        )  # fmt: skip
        self.bus.publish(
            ThresholdsInForce(
                **place, asset_class="spot", class_hint="", values={"low_gate": 0.0, "high_gate": 1.0}, sources={},
                source="class", is_default=True, since_ms=0, expires_ms=0, blended=False, previous=0, at_ms=now,
            )
        )  # fmt: skip
        self.bus.publish(
            Confluence(
                **place, timeframe="1m", state="BUY", probability=0.55, logit=0.2, base_logit=0.0, calibrated=False,
                contributions=(), reasons=("told by the rig",), contrary="", missing="", hold_reason="", enter=0.5, exit=0.4,
                cooldown_until_ms=0, since_ms=now, since_price=1.0, price=1.0, readings=1, warming=0,
                occurred_at=now - 60_000, known_at=now,
            )
        )  # fmt: skip

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

    @property
    def path(self) -> TradingDesk:
        """The order path that runs."""
        assert self.desk is not None
        return self.desk

    @property
    def rule(self) -> Instrument:
        rule = self.rules.get(SYMBOL)
        assert rule is not None
        return rule

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

    def record(self, client_id: str) -> OrderRecord:
        return self.path.manager.orders[client_id]

    # --- the exchange's own books ------------------------------------------------------------------------------------

    def orders(self, *, open_only: bool = False) -> list[OrderReport]:
        """Every order the exchange has of the account."""
        return [order for order in self.accounts.orders.values() if not open_only or order.status in OPEN]

    def at_exchange(self, client_id: str) -> list[OrderReport]:
        return [order for order in self.orders() if order.spec.client_id == client_id]

    def held(self) -> Decimal:
        """What the account holds of the symbol by its fills at the exchange, fees in the coin taken off."""
        if self.category == "linear":
            return sum((p.size for p in self.engine.positions(KEY) if p.symbol == SYMBOL), D(0))
        total = D(0)
        for fill in self.engine.fills(KEY):
            if fill.symbol == SYMBOL:
                total += fill.quantity if fill.side == "BUY" else -fill.quantity
                total -= fill.fee if fill.fee_asset == self.rule.base else D(0)
        return total

    def stops(self) -> list[OrderReport]:
        """Protective stops that rest at the exchange."""
        return [
            order
            for order in self.orders(open_only=True)
            if order.spec.type.startswith("STOP") and order.spec.side == "SELL"
        ]

    # --- what was said -----------------------------------------------------------------------------------------------

    def of(self, kind: type[M]) -> list[M]:
        return [message for message in self.seen if isinstance(message, kind)]

    def requested(self, what: str, since: int = 0) -> int:
        """How often that was requested ("POST /api/v3/order"), of the requests from number `since` on."""
        return sum(asked == what for _, asked in self.requests[since:])

    def requested_between(self, from_ms: int, to_ms: int) -> list[str]:
        """What the exchange was asked in that time, by its clock."""
        return [asked for at_ms, asked in self.requests if from_ms < at_ms < to_ms]

    def alarms(self) -> list[str]:
        return [alarm.code for alarm in self.of(OrderAlarm)]

    async def until(self, holds: Callable[[], Any], what: str, within_s: float = WITHIN_S) -> None:
        """Wait for it; fails naming what was waited for and what was said last."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while not holds():
            if loop.time() > end:
                last = [str(message)[:300] for message in self.seen if isinstance(message, (OrderAlarm, Fault))][-8:]
                records = (
                    []
                    if self.desk is None
                    else [
                        (r.client_id[-6:], r.intent.purpose, r.state, r.filled, r.quarantine)
                        for r in self.desk.manager.orders.values()
                    ]
                )
                denials = self.denials() if self.desk is not None else []
                raise AssertionError(f"did not happen: {what}; orders {records}; denials {denials}; said {last}")
            await asyncio.sleep(0.01)

    async def until_protected(self) -> None:
        """Until what is held is covered by stops that rest at the exchange, to the lot."""
        lot = self.rule.lot_size

        def covered() -> bool:
            held, stops = self.held(), sum((o.spec.quantity - o.filled for o in self.stops()), D(0))
            return held > 0 and floor(held, lot) == stops and self.path.trades.truth(SYMBOL).state == "VERIFIED"

        await self.until(covered, "a stop for all that is held")

    async def until_settled(self) -> None:
        """Until no order is on its way or unknown, and program and exchange say the same of each."""

        def settled() -> bool:
            records = self.path.manager.orders.values()
            if any(record.state in ("INTENT", "SENT", "UNKNOWN", "CANCEL_PENDING") for record in records):
                return False
            return not self.disagreements()

        await self.until(settled, f"agreement: {self.disagreements()}")

    def disagreements(self) -> list[str]:
        """Where the program's records and the exchange's orders tell different stories."""
        found = []
        for record in self.path.manager.orders.values():
            theirs = self.at_exchange(record.client_id)
            filled = sum((order.filled for order in theirs), D(0))
            if record.filled != filled:
                found.append(f"{record.client_id} filled {record.filled}, exchange {filled}")
            if any(order.status in OPEN for order in theirs) == (record.state in DONE | PRE_SEND):
                found.append(f"{record.client_id} is {record.state}, exchange {[order.status for order in theirs]}")
        return found

    async def oracle(self) -> None:
        """What every row ends with: nothing doubled, nothing over-filled, both sides agree, the journal tells the same."""
        await self.until_settled()
        assert self.bus.handler_errors == 0, self.of(Fault)
        assert not [fault for fault in self.of(Fault) if "failed" in fault.message], self.of(Fault)
        for record in self.path.manager.orders.values():
            theirs = self.at_exchange(record.client_id)
            assert len(theirs) <= 1, f"{record.client_id} exists {len(theirs)} times at the exchange"
            assert sum((order.filled for order in theirs), D(0)) <= record.intent.spec.quantity
        live: dict[str, int] = {}
        for record in self.path.manager.orders.values():
            if record.may_fill:
                live[record.intent.intent_id] = live.get(record.intent.intent_id, 0) + 1
        assert all(count == 1 for count in live.values()), live
        await self.until(lambda: not self.journal_differences(), f"the journal: {self.journal_differences()}")

    def journal_differences(self) -> list[str]:
        """Orders of which the journal on the disk, replayed, tells another story than the program does now."""
        (folder,) = self.folder.glob("accounts/*/*/journal")
        kept = replay(read_journal(folder)).orders
        found = []
        for client_id, record in self.path.manager.orders.items():
            again = kept.get(client_id)
            ours = (record.state, record.filled, record.order_ids)
            if again is None or (again.state, again.filled, again.order_ids) != ours:
                found.append(f"{client_id}: {ours}, journal {again and (again.state, again.filled, again.order_ids)}")
        return found

    def no_secret_anywhere(self) -> None:
        """Neither journal nor messages hold the secret."""
        assert SECRET not in str(self.seen)
        for file in self.folder.rglob("*"):
            if file.is_file():
                assert SECRET.encode() not in file.read_bytes(), file


def make_broker(rig: OrderRig) -> Broker:
    """The venue's real broker, with the sandbox's keys."""
    keys = Credentials(KEY, SECRET)
    if rig.venue == "binance_us":
        return BinanceUsBroker(rig.bus, rig.clock, rig.settings, keys, rig.rules.get, folder=rig.folder)
    return BybitBroker(rig.bus, rig.clock, rig.settings, keys, rig.rules.get, folder=rig.folder)


def floor(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING) * step


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
