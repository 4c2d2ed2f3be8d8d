"""Our executions of a symbol from the venue's trade list, all pages, with our own order ids (exchanges.md A3)."""

from __future__ import annotations

from typing import Final

from core.trading.broker import Trades
from core.venue import Rejected, Retryable
from providers.binance_us import order_wire as wire
from providers.binance_us.signing import NO_SUCH_ORDER
from providers.signed_rest import SignedRest

PATH: Final = "/api/v3/myTrades"
ORDER_PATH: Final = "/api/v3/order"
PAGE = 1000
MAX_PAGES = 50
WEIGHT = 20
ORDER_WEIGHT = 4
ORDERS_KEPT = 50_000


class TradeList:
    """`since` reads the list. It names orders by the venue's number alone: `learn` tells whose that is, or the venue is asked."""

    def __init__(self, rest: SignedRest) -> None:
        self._rest = rest
        self._client_ids: dict[str, str] = {}

    def learn(self, order_id: str, client_id: str) -> None:
        """An order was seen with both its ids; the oldest of very many are forgotten."""
        self._client_ids[order_id] = client_id
        while len(self._client_ids) > ORDERS_KEPT:
            del self._client_ids[next(iter(self._client_ids))]

    async def since(self, symbol: str, since_ms: int) -> Trades:
        """See `Broker.trades`. `complete` is False when the pages do not end, or an order's own id cannot be had."""
        rows, complete = await self._rows(symbol, since_ms)
        fills = []
        for row in rows:
            client_id = await self._client_id(symbol, str(row.orderId))
            complete = complete and client_id is not None
            try:
                fills.append(wire.fill_of(row, client_id or ""))
            except wire.Unreadable as error:
                raise Retryable(f"{PATH} cannot be read: {error}") from error
        return Trades(since_ms=since_ms, fills=tuple(fills), complete=complete)

    async def _rows(self, symbol: str, since_ms: int) -> tuple[list[wire.TradeRow], bool]:
        """The newest page first: nearly always it reaches back far enough. Else forward from `since_ms`, page by page.

        Whether a start time alone is bounded to a day is not documented, so an empty answer to it would prove nothing.
        """
        page = await self._page({"symbol": symbol, "limit": PAGE})
        if len(page) < PAGE or page[0].time < since_ms:
            return [row for row in page if row.time >= since_ms], True
        newest = page[-1].id
        found: dict[int, wire.TradeRow] = {}
        asked: dict[str, str | int] = {"symbol": symbol, "limit": PAGE, "startTime": since_ms}
        for _ in range(MAX_PAGES):
            page = await self._page(asked)
            found.update((row.id, row) for row in page)
            if not page or (page[-1].id >= newest and len(page) < PAGE):
                break
            asked = {"symbol": symbol, "limit": PAGE, "fromId": page[-1].id + 1}
        rows = [found[number] for number in sorted(found)]
        return [row for row in rows if row.time >= since_ms], newest in found and len(page) < PAGE

    async def _page(self, params: dict[str, str | int]) -> list[wire.TradeRow]:
        body = await self._rest.request("GET", PATH, params, weight=WEIGHT, changes=False)
        try:
            rows = wire.read(body, wire.decode_trades, PATH)
        except wire.Unreadable as error:
            raise Retryable(f"{PATH} cannot be read: {error}") from error
        return sorted(rows, key=lambda row: row.id)

    async def _client_id(self, symbol: str, order_id: str) -> str | None:
        """Our id of an order by the venue's; None: the venue does not tell (any more)."""
        known = self._client_ids.get(order_id)
        if known is not None:
            return known
        params = {"symbol": symbol, "orderId": order_id}
        try:
            body = await self._rest.request("GET", ORDER_PATH, params, weight=ORDER_WEIGHT, changes=False)
            row = wire.read(body, wire.decode_order, ORDER_PATH)
        except wire.Unreadable as error:
            raise Retryable(f"{ORDER_PATH} cannot be read: {error}") from error
        except Rejected as error:
            if error.code == NO_SUCH_ORDER:
                return None
            raise
        self.learn(order_id, row.clientOrderId)
        return row.clientOrderId
