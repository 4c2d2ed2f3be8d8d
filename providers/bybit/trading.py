"""Bybit v5 live orders, spot or linear: `core.trading.broker.Broker` over signed REST and the private stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from core.bus import Bus
from core.clock import Clock
from core.credentials import Credentials
from core.market.quality import RejectCounter
from core.messages import HostKind, Universe
from core.settings import Settings
from core.supervise import Supervisor
from core.trading.authority import Permit
from core.trading.broker import (
    AccountSnapshot,
    BrokerListener,
    Cancelled,
    Mode,
    NoAnswer,
    NotSent,
    OrderKey,
    Placed,
    Replaced,
    Spent,
    Trades,
)
from core.trading.client_ids import recognise
from core.trading.order import Fill, OrderReport, OrderSpec
from core.trading.venue_features import FEATURES
from core.venue import Fatal, Instrument, Rejected
from providers.bybit import signing, wire
from providers.bybit.account_reads import SETTLE, AccountReads, SignedReads
from providers.bybit.order_codes import refused_outcome
from providers.bybit.order_reports import TRADE_TYPES, fill_of, report_of
from providers.bybit.order_requests import (
    AMEND_PATH,
    CANCEL_PATH,
    CREATE_PATH,
    Body,
    amend_body,
    cancel_body,
    create_body,
    leverage_body,
)
from providers.bybit.order_wire import ROW_ERRORS, execution_rows, order_names, order_rows, placed_results
from providers.bybit.private_stream import PrivateStream
from providers.clock_watch import keep_clock
from providers.signed_rest import SignedRest
from providers.trading_hosts import trading_host
from providers.venue_time import VenueTime

REALTIME_PATH: Final = "/v5/order/realtime"
HISTORY_PATH: Final = "/v5/order/history"
EXECUTIONS_PATH: Final = "/v5/execution/list"
LEVERAGE_PATH: Final = "/v5/position/set-leverage"

PAGE_ORDERS: Final = 50
PAGE_EXECUTIONS: Final = 100
WEEK_MS: Final = 7 * 86_400_000
"""Histories are told in windows of this length at most; without times the last one."""

TRADES_KEPT_MS: Final = 2 * 365 * 86_400_000
BEFORE_MS: Final = 86_400_000
"""How much earlier than its id an order's history is searched: the clock that made the id may have been wrong."""

SLACK_MS: Final = 2_000
"""Trades are read from a little earlier, for the two clocks are never quite equal."""

log = logging.getLogger("tradetui.bybit")


class BybitBroker:
    """One account and category. Raises `Fatal` at once for a host that keys may not go to.

    `rules` tells a symbol's instrument. `folder` keeps a ban across a restart.
    """

    venue = "bybit"
    mode: Mode = "LIVE"

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        settings: Settings,
        credentials: Credentials,
        rules: Callable[[str], Instrument | None],
        *,
        folder: Path | None = None,
    ) -> None:
        category, environment = settings.market.category, settings.trading.environment
        rest_url, stream_url = signing.hosts(settings)
        self.category: str = category
        self.features = FEATURES[self.venue, category]
        self.account = f"bybit-{environment}-{blake2b(credentials.key.encode(), digest_size=5).hexdigest()}"
        self.host_kind: HostKind = trading_host(self.venue, environment, rest_url)
        if trading_host(self.venue, environment, stream_url) != self.host_kind:
            raise Fatal(f"bybit: orders would go to {rest_url} and be heard of from {stream_url}; correct [network]")
        self.host = urlsplit(rest_url).netloc
        self.rejects = RejectCounter()
        self._bus = bus
        self._clock = clock
        self._rules = rules
        self._symbols: dict[str, None] = {}
        self._watched: tuple[str, ...] = ()
        time = VenueTime(clock, bus, self.venue)
        self._rest = SignedRest(
            rest_url,
            venue=self.venue,
            category=category,
            environment=environment,
            clock=clock,
            bus=bus,
            network=settings.network,
            budget=signing.budget(clock, settings, time.now_ms),
            sign=signing.signer(credentials),
            judge=signing.judge,
            time_path=signing.TIME_PATH,
            server_time=signing.server_time,
            answer_s=settings.trading.answer_s,
            time=time,
            json_bodies=True,
            folder=folder,
        )
        self.on_funding: Callable[[str, Decimal], None] = lambda symbol, paid: None
        self._reads = SignedReads(self._rest, category)
        self._account = AccountReads(self._reads, clock, self._known_symbols, told=environment != "demo")
        self._stream = PrivateStream(
            stream_url,
            credentials,
            bus=bus,
            clock=clock,
            settings=settings,
            ban=self._rest.ban,
            rules=rules,
            rejects=self.rejects,
            venue_now_ms=time.now_ms,
            prepare=self._prepare_sign_in,
            positions=self._account.positions,
            paid=lambda symbol, amount: self.on_funding(symbol, amount),
        )
        bus.subscribe(Universe, self._on_universe, name="bybit account symbols")

    # --- requests that change something ------------------------------------------------------------------------------

    async def place(self, permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
        """See `Broker`. The answer acknowledges only; the state comes by the stream or a query."""
        self._symbols[spec.symbol] = None
        try:
            body = create_body(spec, self.category)
        except ValueError as error:
            raise NotSent(str(error), "UNSUPPORTED") from error
        answer = await self._echoed(
            spec.client_id, self._change(CREATE_PATH, body, orders=1, safety=safety, permit=(permit, spec))
        )
        try:
            result = placed_results.decode(wire.replies.decode(answer).result)
        except ROW_ERRORS as error:
            raise NoAnswer("UNREADABLE", f"bybit {CREATE_PATH}: the answer cannot be read ({error})") from error
        if result.orderLinkId not in ("", spec.client_id) or not result.orderId:
            raise NoAnswer(
                "UNREADABLE", f"bybit {CREATE_PATH}: the answer names {result.orderLinkId[:40]!r}, not our order"
            )
        return Placed(order_id=result.orderId)

    async def place_pair(
        self, permits: tuple[Permit, Permit], target: OrderSpec, stop: OrderSpec, *, safety: bool = True
    ) -> tuple[Placed, Placed]:
        """See `Broker`: the venue takes no OCO by this interface."""
        raise NotSent(f"bybit takes no OCO: {target.client_id} and {stop.client_id} were not sent", "UNSUPPORTED")

    async def replace(self, permit: Permit, old: OrderKey, spec: OrderSpec) -> Replaced:
        """See `Broker`: the venue amends instead."""
        raise NotSent(f"bybit does not cancel and replace in one request: {spec.client_id} was not sent", "UNSUPPORTED")

    async def amend(self, permit: Permit, key: OrderKey, spec: OrderSpec) -> Cancelled:
        """See `Broker`."""
        try:
            protects = spec.reduce_only or bool(spec.stop_price)
            await self._change(AMEND_PATH, amend_body(key, spec, self.category), safety=protects, permit=(permit, spec))
        except Rejected as refusal:
            return _refused(refusal)
        return Cancelled(outcome="ACCEPTED")

    async def cancel(self, key: OrderKey) -> Cancelled:
        """See `Broker`. A spot stop that was triggered is an ordinary order from then on, and is looked for as one."""
        answer = await self._cancel(key)
        if answer.outcome == "GONE" and key.conditional and self.category == "spot":
            return await self._cancel(OrderKey(symbol=key.symbol, client_id=key.client_id, order_id=key.order_id))
        return answer

    async def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """See `Broker`. Already set is success."""
        await self._change(LEVERAGE_PATH, leverage_body(symbol, leverage))
        self._symbols[symbol] = None
        await self._account.read_settings(symbol)

    # --- reads -------------------------------------------------------------------------------------------------------

    async def query(self, key: OrderKey) -> tuple[OrderReport, ...]:
        """See `Broker`. Open and lately closed orders first, then the history.

        The venue creates orders after its answer: empty soon after a send proves nothing, and is asked again by the manager.
        """
        name = {"orderLinkId": key.client_id} if key.client_id else {"orderId": key.order_id}
        named = {"symbol": key.symbol, **name}
        searches: list[tuple[str, dict[str, Any]]] = [(REALTIME_PATH, named), (HISTORY_PATH, named)]
        own = recognise(key.client_id)
        if own is not None and own.at_ms < self._rest.time.now_ms() - WEEK_MS:
            searches.append((HISTORY_PATH, {**named, "startTime": own.at_ms - BEFORE_MS}))
        for path, params in searches:
            reports = await self._orders(path, params)
            found = tuple(r for r in reports if key.client_id in ("", r.spec.client_id) and r.spec.symbol == key.symbol)
            if found:
                return found
        return ()

    async def open_orders(self, symbol: str = "") -> tuple[OrderReport, ...]:
        """See `Broker`. Stops and ordinary orders both. A foreign order that cannot be read is left out and counted."""
        where = {"symbol": symbol} if symbol else {"settleCoin": SETTLE} if self.category != "spot" else {}
        query = {"category": self.category, **where, "openOnly": 0, "limit": PAGE_ORDERS}
        reports = await self._reads.rows(REALTIME_PATH, query, self._listed)
        return tuple(report for report in reports if report is not None)

    async def trades(self, symbol: str, since_ms: int) -> Trades:
        """See `Broker`. Liquidations are in it: they changed what is held."""
        venue_ms, now_ms = self._rest.time.now_ms(), self._clock.now_ms()
        end_ms = venue_ms + SLACK_MS
        asked_ms = since_ms + min(0, venue_ms - now_ms) - SLACK_MS  # the same moment on the venue's clock
        start_ms = max(asked_ms, venue_ms - TRADES_KEPT_MS)
        fills: dict[str, Fill] = {}
        for from_ms in range(start_ms, max(end_ms, start_ms + 1), WEEK_MS):
            params = {
                "category": self.category,
                "symbol": symbol,
                "startTime": from_ms,
                "endTime": min(from_ms + WEEK_MS, end_ms),
                "limit": PAGE_EXECUTIONS,
            }
            for fill in await self._reads.rows(EXECUTIONS_PATH, params, self._fill):
                if fill is not None and fill.symbol == symbol:
                    fills[fill.trade_id] = fill
        listed = tuple(sorted(fills.values(), key=lambda fill: (fill.at_ms, fill.trade_id)))
        return Trades(since_ms=since_ms, fills=listed, complete=start_ms == asked_ms)

    async def snapshot(self) -> AccountSnapshot:
        """See `Broker`."""
        return await self._account.snapshot()

    def spent(self) -> Spent:
        """See `Broker`."""
        return self._rest.spent()

    async def run(self, listener: BrokerListener) -> None:
        """See `Broker`."""
        supervisor = Supervisor(self._bus, self._clock)
        supervisor.start("bybit private stream", lambda: self._stream.run(listener))
        supervisor.start("bybit private watch", self._stream.watch)
        supervisor.start("bybit trading clock", lambda: keep_clock(self._clock, self._rest.sync_clock))
        try:
            await asyncio.Event().wait()
        finally:
            await supervisor.stop()

    async def close(self) -> None:
        """See `Broker`."""
        await self._rest.close()

    # --- parts -------------------------------------------------------------------------------------------------------

    async def _change(
        self,
        path: str,
        body: Body,
        *,
        orders: int = 0,
        safety: bool = False,
        permit: tuple[Permit, OrderSpec] | None = None,
    ) -> bytes:
        def check() -> None:
            if permit is not None:
                permit[0].check(permit[1], self._clock.now_ms())

        return await self._rest.request("POST", path, body, orders=orders, safety=safety, changes=True, at_send=check)

    async def _echoed(self, client_id: str, request: Awaitable[bytes]) -> bytes:
        """A request whose success the private stream must tell of as well."""
        echoes = self._stream.echoes
        echoes.sent(client_id)
        try:
            answer = await request
        except BaseException:
            echoes.settled(client_id)
            raise
        echoes.acknowledged(client_id)
        return answer

    async def _cancel(self, key: OrderKey) -> Cancelled:
        try:
            await self._echoed(key.client_id, self._change(CANCEL_PATH, cancel_body(key, self.category), safety=True))
        except NoAnswer as lost:
            return Cancelled(outcome="UNKNOWN", code=lost.why, text=str(lost))
        except Rejected as refusal:
            return _refused(refusal)
        return Cancelled(outcome="ACCEPTED")

    async def _orders(self, path: str, params: dict[str, Any]) -> list[OrderReport]:
        query = {"category": self.category, **params, "limit": PAGE_ORDERS}
        return await self._reads.rows(path, query, self._report)

    def _report(self, raw: msgspec.Raw) -> OrderReport:
        return report_of(order_rows.decode(raw), self.category)

    def _listed(self, raw: msgspec.Raw) -> OrderReport | None:
        """One open order. Raises one of `ROW_ERRORS` for one of this program that cannot be read: it would seem gone."""
        try:
            return self._report(raw)
        except ROW_ERRORS as error:
            name = order_names.decode(raw)
            if recognise(name.orderLinkId) is not None:
                raise
            self.rejects.count("open order")
            log.warning("foreign order %s cannot be read and is not shown: %s", name.orderId, error)
            return None

    def _fill(self, raw: msgspec.Raw) -> Fill | None:
        row = execution_rows.decode(raw)
        return fill_of(row, self._rules) if row.execType in TRADE_TYPES else None

    async def _prepare_sign_in(self, refused: bool) -> None:
        if refused or not self._rest.time.version:
            await self._rest.sync_clock()

    def _known_symbols(self) -> list[str]:
        return list(dict.fromkeys((*self._symbols, *self._watched)))

    def _on_universe(self, universe: Universe) -> None:
        if (universe.venue, universe.category) == (self.venue, self.category):
            self._watched = universe.symbols


def _refused(refusal: Rejected) -> Cancelled:
    code = str(refusal.code)
    return Cancelled(outcome=refused_outcome(code), code=code, text=str(refusal))
