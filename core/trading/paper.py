"""The paper broker: orders on the live market without money, by the same protocol, rules and accidents as the venue's own.

Requests take `[paper] latency_ms` and arrive in the order they were sent, as on one connection. The account survives a
restart; a state file that cannot be read is set aside and nothing trades until the operator resets the account.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from core.atomic_file import DamagedFile, set_aside
from core.bus import Bus
from core.clock import Clock
from core.messages import Fault, HostKind, OrderAlarm
from core.settings_live import LiveSettings
from core.trading import paper_state
from core.trading.authority import Permit
from core.trading.broker import (
    AccountSnapshot,
    BrokerListener,
    Cancelled,
    Features,
    Mode,
    NotSent,
    OrderKey,
    Placed,
    Replaced,
    Spent,
    Trades,
    VenueBalance,
)
from core.trading.evidence import CancelOutcome
from core.trading.market_events import FundingPayment
from core.trading.matching import MatchingEngine
from core.trading.order import OrderReport, OrderSpec
from core.trading.paper_exchange import KEEP_ORDERS, Call, PaperExchange
from core.trading.paper_state import PaperState
from core.trading.venue_features import BINANCE_US_SPOT, BYBIT_LINEAR, FEATURES
from core.trading.working import OPEN
from core.venue import Fatal, Instrument, MarketProvider, Rejected, VenueError

TICK_S = 1.0
EARLY_S = 1e-6
"""Sleeps may end this much too soon."""
SHORTEST_S = 0.001
DEFAULT_ASSET = "USDT"

log = logging.getLogger("tradetui.paper")


class _Request(Struct, eq=False):
    """On its way until `due` (monotonic seconds): nobody can take it back, not even who waits for the answer."""

    symbol: str
    call: Call
    due: float
    done: bool = False
    reports: list[OrderReport] = []
    refused: Rejected | None = None


class PaperBroker:
    """`core.trading.broker.Broker` of mode PAPER, with the conventions and features of the provider's venue and category.

    `on_funding` hears what positions paid: no report tells of it.
    """

    mode: Mode = "PAPER"

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        provider: MarketProvider,
        folder: Path,
        rules: Callable[[str], Instrument | None],
    ) -> None:
        self.venue, self.category = provider.venue, provider.category
        self.account = f"paper-{self.venue}-{self.category}"
        self.host = provider.host
        self.host_kind: HostKind = provider.host_kind
        usual = BYBIT_LINEAR if self.category == "linear" else BINANCE_US_SPOT
        self.features: Features = FEATURES.get((self.venue, self.category), usual)
        self.asset = ""
        self.on_funding: Callable[[str, Decimal], None] = lambda symbol, paid: None
        self._bus = bus
        self._clock = clock
        self._live = live
        self._provider = provider
        self._path = folder / f"{self.account}.json"
        self._start = Decimal(0)
        self._opened_ms = 0
        self._trouble = ""
        self._save_failures = 0
        self._listener: BrokerListener | None = None
        self._opening = asyncio.Lock()
        self._way: deque[_Request] = deque()
        self._requests = 0
        self._exchange = PaperExchange(
            bus,
            clock,
            provider,
            rules,
            self.account,
            tell=self._on_reports,
            paid=self._on_paid,
            listed=self._tell_listed,
        )

    # --- the account -------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Restore the account, or begin it. Every request does this first. Raises `VenueError`."""
        async with self._opening:
            if self._trouble:
                raise Fatal(self._trouble)
            if self._opened_ms:
                return
            try:
                kept = paper_state.load(self._path, self.venue, self.category)
            except DamagedFile as error:
                self._give_up(str(error))
                raise Fatal(self._trouble) from error
            paper = self._live.current.paper
            if kept is None:
                self._begin(paper.asset or await self._usual_asset())
                return
            self.asset, self._start, self._opened_ms = kept.asset, kept.start, kept.opened_ms
            self._exchange.restore(kept.engine, kept.rules, kept.funded, paper)

    def reset(self) -> str:
        """Start the account anew with the settings' balance; returns why that is refused, or an empty text."""
        if self._exchange.busy:
            return "an order or a position is open; close everything first"
        asset = self._live.current.paper.asset or self.asset
        self._trouble = ""
        if not asset:
            self._opened_ms = 0  # what it was in is not known: the next request finds out and begins it
            return ""
        self._begin(asset)
        self._tell_account()
        return ""

    def _begin(self, asset: str) -> None:
        paper = self._live.current.paper
        self.asset, self._start, self._opened_ms = asset, Decimal(repr(paper.balance)), self._clock.now_ms()
        self._exchange.begin({asset: self._start}, paper)
        self._save()

    async def _usual_asset(self) -> str:
        """USDT where the venue quotes in it, else what most of its markets that trade are quoted in."""
        listed = [instrument for instrument in await self._provider.instruments() if instrument.trading]
        quotes = Counter(instrument.settle or instrument.quote for instrument in listed)
        if DEFAULT_ASSET in quotes or not quotes:
            return DEFAULT_ASSET
        return max(sorted(quotes), key=lambda asset: quotes[asset])

    def _give_up(self, why: str) -> None:
        """Nothing trades on an account whose state is lost; what is left of it is kept for a person to look at."""
        try:
            place = f"it was set aside as {set_aside(self._path, self._clock.now_ms()).name}"
        except OSError as error:
            place = f"it could not be set aside ({error.strerror or error})"
        self._trouble = f"the simulated account's file {self._path} {why}; {place}; reset the paper account to go on"
        log.error("%s", self._trouble)
        self._bus.publish(
            OrderAlarm(
                venue=self.venue, category=self.category, symbol="", code="PAPER_STATE", text=self._trouble,
                severity="error", at_ms=self._clock.now_ms(),
            )
        )  # fmt: skip

    def _save(self) -> None:
        """Fallback when the disk refuses: the account goes on in memory, and the failure is told."""
        engine, rules = self._exchange.kept()
        state = PaperState(
            venue=self.venue, category=self.category, asset=self.asset, start=self._start, opened_ms=self._opened_ms,
            rules=rules, funded=self._exchange.funded, engine=engine,
        )  # fmt: skip
        try:
            paper_state.save(self._path, state)
        except OSError as error:
            self._save_failures += 1
            text = f"{self._path} cannot be written ({error.strerror or error}): free the disk, a restart would forget trades"
            self._bus.publish(
                Fault(source="paper", message=text, count=self._save_failures, at_ms=self._clock.now_ms())
            )

    # --- requests that change something ------------------------------------------------------------------------------

    async def place(self, permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
        """See `Broker`."""
        permit.check(spec, self._clock.now_ms())
        reports = await self._request(spec.symbol, lambda engine, now: engine.submit(self.account, spec, now))
        return self._placed(spec, reports)

    async def place_pair(
        self, permits: tuple[Permit, Permit], target: OrderSpec, stop: OrderSpec, *, safety: bool = True
    ) -> tuple[Placed, Placed]:
        """See `Broker`."""
        now_ms = self._clock.now_ms()
        permits[0].check(target, now_ms)
        permits[1].check(stop, now_ms)
        reports = await self._request(
            target.symbol, lambda engine, now: engine.submit_oco(self.account, target, stop, now)
        )
        return self._placed(target, reports), self._placed(stop, reports)

    async def replace(self, permit: Permit, old: OrderKey, spec: OrderSpec) -> Replaced:
        """See `Broker`."""
        permit.check(spec, self._clock.now_ms())
        try:
            reports = await self._request(
                spec.symbol,
                lambda engine, now: engine.cancel_replace(
                    self.account, spec, now, order_id=old.order_id, client_id=old.client_id
                ),
            )
        except Rejected as error:
            gone = Cancelled(outcome="GONE", code=str(error.code), text=str(error))
            return Replaced(cancelled=gone, placed=None, code=gone.code, text=gone.text)
        cancelled = _cancelled([report for report in reports if report.spec.client_id != spec.client_id])
        try:
            return Replaced(cancelled=cancelled, placed=self._placed(spec, reports))
        except Rejected as error:
            return Replaced(cancelled=cancelled, placed=None, code=str(error.code), text=str(error))

    async def amend(self, permit: Permit, key: OrderKey, spec: OrderSpec) -> Cancelled:
        """See `Broker`."""
        permit.check(spec, self._clock.now_ms())

        def change(engine: MatchingEngine, now: int) -> list[OrderReport]:
            return engine.amend(
                self.account, now, order_id=key.order_id, client_id=key.client_id, price=spec.price or None, quantity=spec.quantity,
                stop_price=spec.stop_price or None,
            )  # fmt: skip

        try:
            reports = await self._request(key.symbol, change)
        except Rejected as error:
            return Cancelled(outcome="GONE", code=str(error.code), text=str(error))
        refused = next((report for report in reports if self._is_answer(report)), None)
        if refused is None:
            return Cancelled(outcome="ACCEPTED", reports=tuple(reports))
        outcome: CancelOutcome = "REFUSED" if refused.status in OPEN else "GONE"
        return Cancelled(outcome=outcome, code=refused.reject_code, text=refused.reject_reason)

    async def cancel(self, key: OrderKey) -> Cancelled:
        """See `Broker`."""
        try:
            reports = await self._request(
                key.symbol,
                lambda engine, now: engine.cancel(self.account, now, order_id=key.order_id, client_id=key.client_id),
            )
        except Rejected as error:
            return Cancelled(outcome="GONE", code=str(error.code), text=str(error))
        return _cancelled(reports)

    async def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """See `Broker`."""
        await self.open()
        self._exchange.set_leverage(symbol, leverage)
        self._save()
        self._tell_account()

    # --- reading -----------------------------------------------------------------------------------------------------

    async def query(self, key: OrderKey) -> tuple[OrderReport, ...]:
        """See `Broker`."""
        await self.open()
        report = self._exchange.engine.order(self.account, order_id=key.order_id, client_id=key.client_id)
        return () if report is None else (report,)

    async def open_orders(self, symbol: str = "") -> tuple[OrderReport, ...]:
        """See `Broker`."""
        await self.open()
        return tuple(self._exchange.engine.open_orders(self.account, symbol))

    async def trades(self, symbol: str, since_ms: int) -> Trades:
        """See `Broker`."""
        await self.open()
        known = self._exchange.engine.fills(self.account)
        fills = tuple(fill for fill in known if fill.symbol == symbol and fill.at_ms >= since_ms)
        complete = len(known) < KEEP_ORDERS or known[0].at_ms < since_ms
        return Trades(since_ms=since_ms, fills=fills, complete=complete)

    async def snapshot(self) -> AccountSnapshot:
        """See `Broker`."""
        await self.open()
        paper = self._live.current.paper
        return AccountSnapshot(
            at_ms=self._clock.now_ms(),
            balances=self._balances(),
            positions=self._exchange.positions(flat=True),
            may_withdraw=False,
            maker_fee=Decimal(repr(paper.maker_fee_percent)) / 100,
            taker_fee=Decimal(repr(paper.taker_fee_percent)) / 100,
        )

    def spent(self) -> Spent:
        """See `Broker`: a simulated exchange limits nothing."""
        return Spent(used=0.0)

    async def run(self, listener: BrokerListener) -> None:
        """See `Broker`."""
        await self.open()
        self._listener = listener
        try:
            listener.on_stream("UP", "")
            self._tell_account()
            while True:
                await self._clock.sleep(TICK_S)
                self._arrive()
                self._exchange.tick()
        finally:
            self._listener = None

    async def close(self) -> None:
        """See `Broker`. Everything was kept when it happened."""

    # --- inside ------------------------------------------------------------------------------------------------------

    async def _request(self, symbol: str, call: Call) -> list[OrderReport]:
        """One request: it takes its latency, arrives after those sent before it, and is carried out on the market then."""
        paper = self._live.current.paper
        try:
            await self.open()
        except VenueError as error:
            raise NotSent(str(error), code="PAPER_STATE") from error
        jitter_ms = random.Random(f"{self._opened_ms}:{self._requests}").randint(0, paper.jitter_ms)
        self._requests += 1
        last = self._way[-1].due if self._way else 0.0
        request = _Request(symbol, call, max(last, self._clock.monotonic() + (paper.latency_ms + jitter_ms) / 1000))
        self._exchange.use(paper)
        self._exchange.expect(symbol)
        self._way.append(request)
        self._arrive()
        while not request.done:
            await self._clock.sleep(max(SHORTEST_S, request.due - self._clock.monotonic()))
            self._arrive()
        if request.refused is not None:
            raise request.refused
        return request.reports

    def _arrive(self) -> None:
        """Carry out the requests that are there by now, in the order they were sent."""
        while self._way and self._way[0].due - self._clock.monotonic() < EARLY_S:
            request = self._way.popleft()
            try:
                request.reports = self._exchange.act(request.symbol, request.call)
            except Rejected as error:
                request.refused = error
            request.done = True
            self._exchange.arrived(request.symbol)

    def _on_reports(self, reports: list[OrderReport]) -> None:
        """Keep what happened, then tell it. An answer to a request is no news: the venues' streams do not carry it."""
        news = [report for report in reports if not self._is_answer(report)]
        if not news:
            return
        self._save()
        if self._listener is not None:
            for report in news:
                self._listener.on_report(report)
            self._tell_account()

    def _is_answer(self, report: OrderReport) -> bool:
        """A refused new order, or a refused request about a known one: the order itself has not got that code."""
        if not report.order_id:
            return True
        order = self._exchange.engine.order(self.account, order_id=report.order_id)
        return bool(report.reject_code) and order is not None and order.reject_code != report.reject_code

    def _on_paid(self, payment: FundingPayment) -> None:
        self._save()
        self.on_funding(payment.symbol, payment.paid)
        self._tell_account()

    def _tell_account(self) -> None:
        if self._listener is not None:
            self._listener.on_account(self._balances(), self._exchange.positions())

    def _tell_listed(self) -> None:
        """Leverage and modes of a perpetual count before anything is held of it: without them no size can be reckoned."""
        if self._listener is not None and self.category == "linear":
            self._listener.on_account(self._balances(), self._exchange.positions(flat=True))

    def _balances(self) -> dict[str, VenueBalance]:
        held = self._exchange.engine.balances(self.account)
        return {asset: VenueBalance(balance.free, balance.locked) for asset, balance in held.items()}

    @staticmethod
    def _placed(spec: OrderSpec, reports: list[OrderReport]) -> Placed:
        """What the answer says of a new order. Raises `Rejected` in the venue's words."""
        mine = [report for report in reports if report.spec.client_id == spec.client_id]
        refused = next((report for report in mine if not report.order_id), None)
        if refused is not None:
            raise Rejected(refused.reject_reason, refused.reject_code)
        return Placed(order_id=mine[0].order_id, reports=tuple(mine))


def _cancelled(reports: list[OrderReport]) -> Cancelled:
    """What the answer says of the order that was to end."""
    ended = [report for report in reports if report.status not in OPEN]
    told = ended[0] if ended else reports[0]
    if told.reject_code:
        return Cancelled(outcome="GONE", code=told.reject_code, text=told.reject_reason)
    return Cancelled(outcome="ACCEPTED", reports=tuple(reports))
