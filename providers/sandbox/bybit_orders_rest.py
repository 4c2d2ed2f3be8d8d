"""Bybit's signed REST: orders, executions, positions and the account. Acknowledgements carry ids alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from providers.sandbox import bybit_orders_account as account
from providers.sandbox import bybit_orders_query as queries
from providers.sandbox.bybit_orders_auth import EndpointLimits, Keys, RollingLimit, check_request
from providers.sandbox.bybit_orders_desk import OrderDesk
from providers.sandbox.bybit_orders_positions import Positions
from providers.sandbox.bybit_rest import EMPTY_CATEGORIES, BybitRest, Quota, RetError
from providers.sandbox.faults import FaultPlan

Arguments = Mapping[str, Any]


class BybitOrders:
    """Answers signed requests from the desks of its categories. `settle` is called after each that was carried out."""

    def __init__(
        self,
        keys: Keys,
        desks: dict[str, OrderDesk],
        positions: Positions | None,
        rest: BybitRest,
        faults: FaultPlan,
        settle: Callable[[], None],
    ) -> None:
        self.limits = EndpointLimits()
        self._keys = keys
        self._desks = desks
        self._positions = positions
        self._rest = rest
        self._faults = faults
        self._settle = settle
        self._handlers: dict[tuple[str, str], Callable[[Arguments], object]] = {
            ("POST", "order/create"): lambda body: self._desk(body).create(body),
            ("POST", "order/amend"): lambda body: self._desk(body).amend(body),
            ("POST", "order/cancel"): lambda body: self._desk(body).cancel(body),
            ("POST", "order/cancel-all"): lambda body: self._desk(body).cancel_all(body),
            ("GET", "order/realtime"): lambda query: self._listed(query, queries.open_orders),
            ("GET", "order/history"): lambda query: self._listed(query, queries.order_history),
            ("GET", "execution/list"): lambda query: self._listed(query, queries.executions),
            ("GET", "position/list"): self._position_list,
            ("POST", "position/set-leverage"): lambda body: self._linear(body).set_leverage(body),
            ("POST", "position/trading-stop"): lambda body: self._linear(body).trading_stop(body),
            ("POST", "position/switch-mode"): lambda body: self._linear(body).switch_mode(body),
            ("GET", "account/wallet-balance"): lambda query: account.wallet_balance(desks, query),
            ("GET", "account/info"): lambda query: account.account_info(desks, query),
            ("GET", "account/fee-rate"): lambda query: account.fee_rate(desks, query),
            ("GET", "user/query-api"): lambda query: account.key_information(desks, query),
        }

    def routes(self) -> list[Route]:
        """One route per endpoint; another method than its own is a route the venue does not know."""
        return [
            Route("/v5/" + path, self._endpoint(method, path), methods=["GET", "POST"])
            for method, path in self._handlers
        ]

    def _endpoint(self, method: str, path: str) -> Callable[[Request], Awaitable[Response]]:
        handler = self._handlers[method, path]

        async def answer(request: Request) -> Response:
            turned_away = await self._rest.turn_away(request)
            if turned_away is not None:
                return turned_away
            body = await request.body()
            try:
                arguments = self._admitted(request, method, body)
            except RetError as error:
                return self._rest.reply(error.code, str(error), {})
            limit, now_ms = self.limits.of(path, str(arguments.get("category", ""))), self._now_ms()
            if not limit.take(now_ms):
                return self._rest.reply(10006, "Too many visits!", {}, quota=self._quota(limit, now_ms))
            return await self._faults.answer(request, lambda: self._carry_out(handler, arguments, limit))

        return answer

    def _admitted(self, request: Request, method: str, body: bytes) -> dict[str, Any]:
        """The arguments of a request that is signed and well formed. Raises `RetError`."""
        if request.method != method:
            raise RetError(10017, "Route not found.")
        payload = body if method == "POST" else request.url.query.encode()
        check_request(self._keys, request.headers, payload, self._now_ms())
        if method == "GET":
            return dict(request.query_params)
        try:
            arguments = msgspec.json.decode(body)
        except msgspec.DecodeError:
            raise RetError(10001, "params error: the body is no JSON") from None
        if not isinstance(arguments, dict):
            raise RetError(10001, "params error: the body is no JSON object")
        return arguments

    def _carry_out(self, handler: Callable[[Arguments], object], arguments: Arguments, limit: RollingLimit) -> Response:
        code, message, result = 0, "OK", {}  # type: int, str, object
        try:
            result = handler(arguments)
        except RetError as error:
            code, message = error.code, str(error)
        self._settle()
        return self._rest.reply(code, message, result, quota=self._quota(limit, self._now_ms()))

    def _quota(self, limit: RollingLimit, now_ms: int) -> Quota:
        return Quota(limit.limit, limit.left, limit.free_at_ms(now_ms))

    def _now_ms(self) -> int:
        return self._rest.now_ms()

    def _desk(self, arguments: Arguments) -> OrderDesk:
        desk = self._desks.get(str(arguments.get("category", "")))
        if desk is None:
            raise RetError(10001, "params error: category invalid")
        return desk

    def _listed(self, query: Arguments, make: Callable[[OrderDesk, Arguments], dict[str, Any]]) -> object:
        category = str(query.get("category", ""))
        if category in EMPTY_CATEGORIES:
            return {"category": category, "nextPageCursor": "", "list": []}
        return make(self._desk(query), query)

    def _linear(self, body: Arguments) -> Positions:
        if self._positions is None or body.get("category") != "linear":
            raise RetError(10001, "params error: category invalid")
        return self._positions

    def _position_list(self, query: Arguments) -> object:
        category = str(query.get("category", ""))
        if category in EMPTY_CATEGORIES:
            return {"category": category, "nextPageCursor": "", "list": []}
        return self._linear(query).listed(query)
