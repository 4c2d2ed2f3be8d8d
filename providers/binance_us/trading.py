"""The live broker of Binance.US spot: signed requests, the user stream, and nothing decided (exchanges.md A3 to A9)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from core.bus import Bus
from core.clock import Clock
from core.credentials import Credentials
from core.messages import HostKind
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
from core.trading.order import OrderReport, OrderSpec
from core.trading.venue_features import FEATURES
from core.venue import Instrument, Rejected, Retryable, VenueError
from providers.binance_us import limits
from providers.binance_us import order_wire as wire
from providers.binance_us.market import REST_URL, STREAM_URL
from providers.binance_us.order_params import list_params, order_params, pair_params
from providers.binance_us.replacing import replaced
from providers.binance_us.signing import NO_SUCH_ORDER, REPLACE_CODES, TIME_PATH, UNKNOWN_ORDER, Signer, judge
from providers.binance_us.trade_list import TradeList
from providers.binance_us.user_stream import UserStream
from providers.binance_us.wire import decode_time
from providers.clock_watch import keep_clock
from providers.signed_rest import Params, Refusal, SignedRest
from providers.trading_hosts import is_loopback, trading_host
from providers.venue_time import VenueTime

T = TypeVar("T")
R = TypeVar("R")

API_URL = "wss://ws-api.binance.us:443/ws-api/v3"
ORDER: Final = "/api/v3/order"
WEIGHTS: Final = {"order": 4, "openOrders": 6, "openOrdersAll": 80, "account": 20, "exchangeInfo": 20}
"""Assumed costs (exchanges.md A3, after the upgrade); the header of each answer corrects the sum."""
LIMITS_S = 3600.0
LIMITS_AGAIN_S = 60.0
LISTS_KEPT = 1000
SLACK_MS = 1000
"""Trades are asked for from a little earlier on: our clock and the venue's are never quite equal."""

log = logging.getLogger("tradetui.binance_us")


class BinanceUsBroker:
    """Implements `core.trading.broker.Broker`. `folder` keeps a ban across a restart."""

    venue = "binance_us"
    category = "spot"
    mode: Mode = "LIVE"
    features = FEATURES[venue, category]

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
        """Raises `Fatal` with words when the settings lead to a host that keys may not go to."""
        rest_url = settings.network.binance_us_rest or REST_URL
        stream_url = (settings.network.binance_us_stream or STREAM_URL).rstrip("/")
        stream = urlsplit(stream_url)
        api_url = f"{stream_url}/ws-api/v3" if is_loopback(stream.hostname or "") else API_URL
        for url in (stream_url, api_url):
            trading_host(self.venue, "live", url)
        self.account = f"binance_us-{blake2b(credentials.key.encode(), digest_size=5).hexdigest()}"
        self.host = urlsplit(rest_url).netloc
        self._bus = bus
        self._clock = clock
        self._rules = rules
        self._lists: dict[int, str] = {}
        self._time = VenueTime(clock, bus, self.venue)
        self._budget = limits.first_budget(self._time.now_ms)
        signer = Signer(credentials)
        self._rest = SignedRest(
            rest_url,
            venue=self.venue,
            category=self.category,
            environment="live",
            clock=clock,
            bus=bus,
            network=settings.network,
            budget=self._budget,
            sign=signer,
            judge=judge,
            time_path=TIME_PATH,
            server_time=lambda body: decode_time(body).serverTime,
            answer_s=settings.trading.answer_s,
            time=self._time,
            ipv4_only=True,  # the venue refuses IPv6 (exchanges.md A1)
            folder=folder,
        )
        self.host_kind: HostKind = self._rest.host_kind
        self._trades = TradeList(self._rest)
        self.stream = UserStream(
            bus,
            clock,
            settings,
            self._rest,
            signer,
            stream_url=stream_url,
            api_url=api_url,
            ipv4_only=self.host_kind != "SANDBOX",
            list_name=self._list_name,
            list_named=self._list_named,
        )

    # --- changes -----------------------------------------------------------------------------------------------------

    async def place(self, permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
        """See `Broker.place`."""
        self._offered(spec)
        body = await self._change(
            "POST",
            ORDER,
            order_params(spec),
            (spec.client_id,),
            orders=1,
            safety=safety,
            at_send=lambda: permit.check(spec, self._clock.now_ms()),
        )
        return self._placed(self._answer(body, wire.decode_order, ORDER), spec)

    async def place_pair(
        self, permits: tuple[Permit, Permit], target: OrderSpec, stop: OrderSpec, *, safety: bool = True
    ) -> tuple[Placed, Placed]:
        """See `Broker.place_pair`."""
        path = f"{ORDER}/oco"
        self._offered(stop)

        def check() -> None:
            now_ms = self._clock.now_ms()
            permits[0].check(target, now_ms)
            permits[1].check(stop, now_ms)

        ids = (target.client_id, stop.client_id)
        body = await self._change("POST", path, pair_params(target, stop), ids, orders=2, safety=safety, at_send=check)
        row = self._answer(body, wire.decode_list, path)
        self._list_named(row.orderListId, row.listClientOrderId)
        by_id = {leg.clientOrderId: leg for leg in row.orderReports}
        if not {target.client_id, stop.client_id} <= by_id.keys():
            raise NoAnswer(
                "UNREADABLE", f"{path}: the answer names other orders than {target.client_id}, {stop.client_id}"
            )
        return self._placed(by_id[target.client_id], target), self._placed(by_id[stop.client_id], stop)

    async def replace(self, permit: Permit, old: OrderKey, spec: OrderSpec) -> Replaced:
        """See `Broker.replace`."""
        path = f"{ORDER}/cancelReplace"
        self._offered(spec)
        named = {"cancelOrigClientOrderId": old.client_id} if old.client_id else {"cancelOrderId": old.order_id}
        try:
            body = await self._change(
                "POST",
                path,
                {**order_params(spec), "cancelReplaceMode": "STOP_ON_FAILURE", **named},
                (old.client_id, spec.client_id),
                orders=1,
                safety=True,
                at_send=lambda: permit.check(spec, self._clock.now_ms()),
            )
            results = self._answer(body, wire.decode_replaced, path)
        except Refusal as refusal:
            if refusal.code not in REPLACE_CODES:
                raise
            results = self._answer(refusal.body, wire.decode_replace_error, path).data
        return replaced(results, lambda row: self._placed(row, spec), self._reports)

    async def amend(self, permit: Permit, key: OrderKey, spec: OrderSpec) -> Cancelled:
        """See `Broker.amend`: the venue has none."""
        raise NotSent(f"order {key.client_id}: Binance.US cannot change an order in place; replace it", "UNSUPPORTED")

    async def cancel(self, key: OrderKey) -> Cancelled:
        """See `Broker.cancel`."""
        path, named = (ORDER, _named(key)) if not key.list_id else ("/api/v3/orderList", list_params(key.list_id))
        try:
            body = await self._change("DELETE", path, {"symbol": key.symbol, **named}, (key.client_id,), safety=True)
            rows = self._answer(body, wire.cancelled_rows, path)
            reports = tuple(report for row in rows for report in self._reports(row))
        except Rejected as error:
            return Cancelled(
                outcome="GONE" if error.code == UNKNOWN_ORDER else "REFUSED", code=str(error.code), text=str(error)
            )
        except (NoAnswer, wire.Unreadable) as error:
            return Cancelled(outcome="UNKNOWN", text=str(error))
        return Cancelled(outcome="ACCEPTED", reports=reports)

    async def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """See `Broker.set_leverage`: spot has none."""
        raise Rejected(f"{symbol}: spot has no leverage", "UNSUPPORTED")

    # --- questions ---------------------------------------------------------------------------------------------------

    async def query(self, key: OrderKey) -> tuple[OrderReport, ...]:
        """See `Broker.query`."""
        params = {"symbol": key.symbol, **_named(key)}
        try:
            body = await self._rest.request("GET", ORDER, params, weight=WEIGHTS["order"], changes=False)
        except Rejected as error:
            if error.code == NO_SUCH_ORDER:
                return ()
            raise
        return self._read(body, wire.decode_order, self._reports, ORDER)

    async def open_orders(self, symbol: str = "") -> tuple[OrderReport, ...]:
        """See `Broker.open_orders`. A foreign order that cannot be read is left out and counted."""
        path = "/api/v3/openOrders"
        weight = WEIGHTS["openOrders"] if symbol else WEIGHTS["openOrdersAll"]
        body = await self._rest.request(
            "GET", path, {"symbol": symbol} if symbol else None, weight=weight, changes=False
        )
        return self._read(body, wire.decode_raws, self._listed, path)

    async def trades(self, symbol: str, since_ms: int) -> Trades:
        """See `Broker.trades`. `since_ms` is our clock's; the trades are stamped by the venue's."""
        behind_ms = min(0, self._time.now_ms() - self._clock.now_ms())
        trades = await self._trades.since(symbol, since_ms + behind_ms - SLACK_MS)
        return msgspec.structs.replace(trades, since_ms=since_ms)

    async def snapshot(self) -> AccountSnapshot:
        """See `Broker.snapshot`. `at_ms` is when it was asked for."""
        path, asked_ms = "/api/v3/account", self._clock.now_ms()
        body = await self._rest.request("GET", path, weight=WEIGHTS["account"], changes=False)
        return self._read(body, wire.decode_account, lambda row: wire.snapshot_of(row, asked_ms), path)

    def spent(self) -> Spent:
        """See `Broker.spent`."""
        return self._rest.spent()

    # --- life --------------------------------------------------------------------------------------------------------

    async def run(self, listener: BrokerListener) -> None:
        """See `Broker.run`."""
        supervisor = Supervisor(self._bus, self._clock)
        supervisor.start("binance_us user stream", lambda: self.stream.run(listener))
        supervisor.start("binance_us trading clock", lambda: keep_clock(self._clock, self._rest.sync_clock))
        supervisor.start("binance_us trading limits", self._learn_limits)
        try:
            await asyncio.Event().wait()
        finally:
            await supervisor.stop()

    async def close(self) -> None:
        """See `Broker.close`."""
        await self._rest.close()

    async def _learn_limits(self) -> None:
        while True:
            wait_s = LIMITS_S
            try:
                body = await self._rest.request(
                    "GET", "/api/v3/exchangeInfo", weight=WEIGHTS["exchangeInfo"], changes=False
                )
                limits.learn(self._budget, body, self._time.now_ms)
            except VenueError as error:
                log.warning("limits not read: %s", error)
                wait_s = LIMITS_AGAIN_S
            await self._clock.sleep(wait_s)

    # --- small parts -------------------------------------------------------------------------------------------------

    async def _change(
        self,
        method: str,
        path: str,
        params: Params,
        client_ids: tuple[str, ...],
        *,
        orders: int = 0,
        safety: bool,
        at_send: Callable[[], None] | None = None,
    ) -> bytes:
        """Send a change. Of the orders it speaks of the user stream must tell as well, once it was taken."""
        echoes = self.stream.echoes
        for client_id in client_ids:
            echoes.sent(client_id)
        try:
            body = await self._rest.request(
                method, path, params, orders=orders, safety=safety, changes=True, at_send=at_send
            )
        except BaseException:
            for client_id in client_ids:
                echoes.settled(client_id)
            raise
        for client_id in client_ids:
            echoes.acknowledged(client_id)
        return body

    def _offered(self, spec: OrderSpec) -> None:
        """Raises `NotSent` for an order type the symbol does not list."""
        rules = self._rules(spec.symbol)
        if rules is not None and rules.order_types and spec.type not in rules.order_types:
            listed = ", ".join(rules.order_types)
            raise NotSent(f"order {spec.client_id}: {spec.symbol} takes {listed}, not {spec.type}", "UNSUPPORTED")

    def _answer(self, body: bytes, decode: Callable[[bytes], T], path: str) -> T:
        """The answer to a change. Raises `NoAnswer`: it was carried out or not, the bytes do not tell."""
        try:
            return wire.read(body, decode, path)
        except wire.Unreadable as error:
            raise NoAnswer("UNREADABLE", f"the answer cannot be read: {error}") from error

    def _placed(self, row: wire.OrderRow, spec: OrderSpec) -> Placed:
        """Raises `NoAnswer` for an answer that speaks of another order, or cannot be read."""
        try:
            reports = self._reports(row)
        except wire.Unreadable as error:
            raise NoAnswer("UNREADABLE", f"order {spec.client_id}: the answer cannot be read: {error}") from error
        told = reports[-1].spec
        if (told.client_id, told.symbol, told.side) != (spec.client_id, spec.symbol, spec.side):
            raise NoAnswer("UNREADABLE", f"order {spec.client_id}: the answer speaks of {told.client_id} {told.symbol}")
        return Placed(order_id=str(row.orderId), reports=reports)

    def _read(self, body: bytes, decode: Callable[[bytes], T], make: Callable[[T], R], path: str) -> R:
        """The answer to a read. Raises `Retryable` when it cannot be read."""
        try:
            return make(wire.read(body, decode, path))
        except wire.Unreadable as error:
            raise Retryable(f"{path} cannot be read: {error}") from error

    def _reports(self, row: wire.OrderRow) -> tuple[OrderReport, ...]:
        reports = wire.reports_of(row, self._list_name)
        self._trades.learn(reports[-1].order_id, reports[-1].spec.client_id)
        return reports

    def _listed(self, rows: list[msgspec.Raw]) -> tuple[OrderReport, ...]:
        """Every open order. Raises `Unreadable` for one of this program that cannot be read: it would seem gone."""
        found: list[OrderReport] = []
        for raw in rows:
            try:
                found += self._reports(wire.read(raw, wire.decode_order, "open order"))
            except wire.Unreadable as error:
                name = wire.read(raw, wire.decode_name, "open order")
                if recognise(name.clientOrderId) is not None:
                    raise
                self.stream.rejects.count("open order")
                log.warning("foreign order %s cannot be read and is not shown: %s", name.orderId, error)
        return tuple(found)

    def _list_name(self, number: int) -> str:
        return self._lists.get(number) or wire.list_number(number)

    def _list_named(self, number: int, name: str) -> None:
        """Remember how the client named an order list; the oldest of very many are forgotten."""
        self._lists[number] = name
        while len(self._lists) > LISTS_KEPT:
            del self._lists[next(iter(self._lists))]


def _named(key: OrderKey) -> dict[str, str]:
    """How a request names the order: by our id, or where there is none by the venue's."""
    return {"origClientOrderId": key.client_id} if key.client_id else {"orderId": key.order_id}
