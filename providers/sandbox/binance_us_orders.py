"""The account endpoints of Binance.US: what answers each, its weight, and how requests reach it over REST."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.trading.balances import Balance
from providers.sandbox import binance_us_order_wire as wire
from providers.sandbox.accounts import Accounts
from providers.sandbox.binance_us_auth import KEY_HEADER, check_key, check_signed, signed_bytes
from providers.sandbox.binance_us_lists import OrderList
from providers.sandbox.binance_us_order_desk import UNKNOWN_ORDER, OrderDesk, cancel_restriction
from providers.sandbox.binance_us_order_params import (
    AnswerKind,
    answer_kind,
    list_legs,
    new_id,
    new_order,
    oco_legs,
)
from providers.sandbox.binance_us_params import ApiError, Params
from providers.sandbox.binance_us_rest import BinanceRest
from providers.sandbox.faults import FaultPlan
from providers.sandbox.limits import BINANCE_ORDERS_1D, BINANCE_ORDERS_10S

Handler = Callable[[OrderDesk, Params], object]
Weight = Callable[[dict[str, str]], int]
TRADE_SETS: tuple[set[str], ...] = (
    {"orderId"},
    {"orderId", "fromId"},
    {"fromId"},
    {"startTime"},
    {"endTime"},
    {"startTime", "endTime"},
    set(),
)
REPLACE_MODES = ("STOP_ON_FAILURE", "ALLOW_FAILURE")


class Endpoint(msgspec.Struct, frozen=True):
    """One endpoint. `counted`: its answers carry the order counters. `signed` False: the key alone is enough."""

    handler: Handler
    weight: Weight
    counted: bool = False
    signed: bool = True


class BinanceOrders:
    """Serves the account endpoints; without an account every key is refused. `flush` sends what the streams got."""

    def __init__(
        self,
        rest: BinanceRest,
        desk: OrderDesk | None,
        faults: FaultPlan,
        pull: Callable[[], None],
        flush: Callable[[], None],
    ) -> None:
        self.desk = desk
        self._rest = rest
        self._faults = faults
        self._pull = pull
        self._flush = flush

    def routes(self, more: dict[tuple[str, str], Endpoint]) -> list[Route]:
        """One route per method and path, with those of `more` (the listen keys)."""
        return [
            Route("/api/v3/" + path, self._route(endpoint), methods=[method])
            for (method, path), endpoint in (ENDPOINTS | more).items()
        ]

    def _route(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            body, query = await request.body(), bytes(request.scope["query_string"])
            pairs = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
            pairs.update(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
            fault = self._faults.take_rest(request.url.path, request.method)
            if fault is not None:
                return self._rest.faulty(fault.status, fault.retry_after_s, fault.body)
            verdict = self._rest.limits.charge(endpoint.weight(pairs), self._rest.feed.clock.now_ms())
            if verdict.status != 200:
                return self._rest.refused(verdict)
            key, payload = request.headers.get(KEY_HEADER), signed_bytes(query, body)
            return await self._faults.answer(request, lambda: self._carry_out(endpoint, pairs, key, payload))

        return answer

    def _carry_out(self, endpoint: Endpoint, pairs: dict[str, str], key: str | None, payload: bytes) -> Response:
        try:
            content = self.content(endpoint, pairs, key, payload)
        except ApiError as error:
            return self._rest.reply(error.content(), error.status, self._counters(endpoint))
        return self._rest.reply(content, 200, self._counters(endpoint))

    def content(self, endpoint: Endpoint, pairs: dict[str, str], key: str | None, payload: bytes) -> object:
        """Check who asks, carry out, and return the answer's content. Raises `ApiError`."""
        self._pull()
        params = Params(pairs, self._rest.feed.listings)
        accounts: Accounts = check_key(self.desk.accounts if self.desk is not None else None, key)
        assert self.desk is not None
        if endpoint.signed:
            check_signed(accounts, params, payload, self._rest.feed.now_ms())
        try:
            return endpoint.handler(self.desk, params)
        finally:
            self._flush()

    def _counters(self, endpoint: Endpoint) -> dict[str, str]:
        if not endpoint.counted or self.desk is None:
            return {}
        short, day = self.desk.counts.look(self._rest.feed.clock.now_ms())
        return {"x-mbx-order-count-10s": str(short), "x-mbx-order-count-1d": str(day)}


def flat(weight: int) -> Weight:
    """The same weight for every request."""
    return lambda pairs: weight


# --- new orders ----------------------------------------------------------------------------------------------------------


def _place(desk: OrderDesk, params: Params) -> object:
    spec, kind = new_order(params)
    params.finish()
    return desk.place(spec, kind)


def _test(desk: OrderDesk, params: Params) -> object:
    spec, _ = new_order(params)
    params.text("computeCommissionRates")
    params.finish()
    return desk.test(spec)


def _place_list(form: Literal["oco", "list"]) -> Handler:
    def handler(desk: OrderDesk, params: Params) -> object:
        stop, limit = oco_legs(params) if form == "oco" else list_legs(params)
        list_client_id = params.text("listClientOrderId") or new_id()
        kind: AnswerKind = answer_kind(params, "RESULT")
        params.finish()
        return desk.place_list(stop, limit, list_client_id, kind)

    return handler


def _cancel_replace(desk: OrderDesk, params: Params) -> object:
    spec, kind = new_order(params)
    mode = params.choice("cancelReplaceMode", REPLACE_MODES, -1130, "Invalid cancelReplaceMode.")
    number, client_id = params.integer("cancelOrderId"), params.text("cancelOrigClientOrderId")
    cancel_id, restriction = params.text("cancelNewClientOrderId") or new_id(), cancel_restriction(params)
    params.text("orderRateLimitExceededMode")
    params.finish()
    old = desk.find(spec.symbol, number, client_id)

    def cancel() -> dict[str, Any]:
        return desk.cancel(old, cancel_id, restriction)

    return desk.cancel_replace(cancel, spec, kind, stop_on_failure=mode == "STOP_ON_FAILURE")


# --- known orders --------------------------------------------------------------------------------------------------------


def _order(desk: OrderDesk, params: Params) -> object:
    symbol, number, client_id = params.symbol(), params.integer("orderId"), params.text("origClientOrderId")
    params.finish()
    report = desk.find(symbol, number, client_id)
    if report is None:
        raise ApiError(-2013, "Order does not exist.")
    return desk.row(report)


def _cancel(desk: OrderDesk, params: Params) -> object:
    symbol, number, client_id = params.symbol(), params.integer("orderId"), params.text("origClientOrderId")
    cancel_id, restriction = params.text("newClientOrderId") or new_id(), cancel_restriction(params)
    params.finish()
    return desk.cancel(desk.find(symbol, number, client_id), cancel_id, restriction)


def _cancel_all(desk: OrderDesk, params: Params) -> object:
    symbol = params.symbol()
    params.finish()
    return desk.cancel_all(symbol)


def _open_orders(desk: OrderDesk, params: Params) -> object:
    symbol = params.symbol() if params.text("symbol") is not None else ""
    params.finish()
    return [desk.row(report) for report in desk.accounts.engine.open_orders(desk.accounts.account, symbol)]


def _all_orders(desk: OrderDesk, params: Params) -> object:
    symbol, first, limit = params.symbol(), params.integer("orderId"), params.limit(500, 1000)
    start, end = params.integer("startTime"), params.integer("endTime")
    params.finish()
    created = desk.accounts.created_ms
    found = [
        report
        for report in desk.accounts.orders.values()
        if report.spec.symbol == symbol
        and int(report.order_id) >= (first or 0)
        and (start or 0) <= created[report.order_id]
        and (end is None or created[report.order_id] <= end)
    ]
    return [desk.row(report) for report in (found[-limit:] if first is start is None else found[:limit])]


def _wanted_list(desk: OrderDesk, params: Params, name: str) -> OrderList | None:
    number, client_id = params.integer("orderListId"), params.text(name)
    if number is None and client_id is None:
        raise ApiError(-1102, f"Param '{name}' or 'orderListId' must be sent, but both were empty/null!")
    return desk.lists.find(number, client_id)


def _order_list(desk: OrderDesk, params: Params) -> object:
    listed = _wanted_list(desk, params, "origClientOrderId")
    params.finish()
    if listed is None:
        raise ApiError(-2013, "Order list does not exist.")
    return wire.list_row(listed)


def _cancel_list(desk: OrderDesk, params: Params) -> object:
    symbol, listed = params.symbol(), _wanted_list(desk, params, "listClientOrderId")
    cancel_id = params.text("newClientOrderId") or new_id()
    params.finish()
    if listed is not None and listed.symbol != symbol:
        raise ApiError(-2011, UNKNOWN_ORDER)
    return desk.cancel_list(listed, cancel_id)


def _open_lists(desk: OrderDesk, params: Params) -> object:
    params.finish()
    return [wire.list_row(listed) for listed in desk.lists.lists.values() if not listed.done]


def _all_lists(desk: OrderDesk, params: Params) -> object:
    first, limit = params.integer("fromId"), params.limit(500, 1000)
    start, end = params.integer("startTime"), params.integer("endTime")
    params.finish()
    found = [
        wire.list_row(listed)
        for listed in desk.lists.lists.values()
        if listed.number >= (first or 0) and (start or 0) <= listed.at_ms and (end is None or listed.at_ms <= end)
    ]
    return found[-limit:] if first is start is None else found[:limit]


# --- the account ---------------------------------------------------------------------------------------------------------


def _trades(desk: OrderDesk, params: Params) -> object:
    symbol, limit = params.symbol(), params.limit(500, 1000)
    asked = {name: params.integer(name) for name in ("orderId", "fromId", "startTime", "endTime")}
    params.finish()
    if {name for name, value in asked.items() if value is not None} not in TRADE_SETS:
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    order_id, first, start, end = asked.values()
    found = [
        fill
        for fill in desk.accounts.fills("" if order_id is None else str(order_id))
        if fill.symbol == symbol
        and int(fill.trade_id) >= (first or 0)
        and (start or 0) <= fill.at_ms
        and (end is None or fill.at_ms <= end)
    ]
    kept = found[-limit:] if first is start is None else found[:limit]
    orders = desk.accounts.orders
    return [
        wire.trade_row(fill, wire.list_of(orders[fill.order_id].spec) if fill.order_id in orders else wire.NO_LIST)
        for fill in kept
    ]


def _account(desk: OrderDesk, params: Params) -> object:
    omit_zeros = params.text("omitZeroBalances") == "true"
    params.finish()
    listed = {asset for item in desk.feed.listings.values() for asset in (item.base, item.quote)}
    balances = {asset: Balance() for asset in sorted(listed)}
    balances |= desk.accounts.engine.balances(desk.accounts.account)
    if omit_zeros:
        balances = {asset: balance for asset, balance in balances.items() if balance.free or balance.locked}
    return wire.account_row(balances, desk.accounts.fees, desk.accounts.now_ms())


def _order_count(desk: OrderDesk, params: Params) -> object:
    params.finish()
    short, day = desk.counts.look(desk.feed.clock.now_ms())
    rows = (("SECOND", 10, BINANCE_ORDERS_10S, short), ("DAY", 1, BINANCE_ORDERS_1D, day))
    return [
        {"rateLimitType": "ORDERS", "interval": name, "intervalNum": length, "limit": limit, "count": count}
        for name, length, limit, count in rows
    ]


def _open_weight(pairs: dict[str, str]) -> int:
    return 6 if "symbol" in pairs else 80


def _trades_weight(pairs: dict[str, str]) -> int:
    return 5 if "orderId" in pairs else 20


ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("POST", "order"): Endpoint(_place, flat(1), counted=True),
    ("POST", "order/test"): Endpoint(_test, flat(1)),
    ("POST", "order/oco"): Endpoint(_place_list("oco"), flat(1), counted=True),
    ("POST", "orderList/oco"): Endpoint(_place_list("list"), flat(1), counted=True),
    ("POST", "order/cancelReplace"): Endpoint(_cancel_replace, flat(1), counted=True),
    ("GET", "order"): Endpoint(_order, flat(4)),
    ("DELETE", "order"): Endpoint(_cancel, flat(1)),
    ("GET", "openOrders"): Endpoint(_open_orders, _open_weight),
    ("DELETE", "openOrders"): Endpoint(_cancel_all, flat(1)),
    ("GET", "allOrders"): Endpoint(_all_orders, flat(20)),
    ("GET", "orderList"): Endpoint(_order_list, flat(4)),
    ("DELETE", "orderList"): Endpoint(_cancel_list, flat(1)),
    ("GET", "openOrderList"): Endpoint(_open_lists, flat(6)),
    ("GET", "allOrderList"): Endpoint(_all_lists, flat(20)),
    ("GET", "myTrades"): Endpoint(_trades, _trades_weight),
    ("GET", "account"): Endpoint(_account, flat(20)),
    ("GET", "rateLimit/order"): Endpoint(_order_count, flat(40)),
}
"""Method and path under /api/v3, and what serves it. Weights as exchanges of 2026-08-31 announced, `~` values assumed."""
