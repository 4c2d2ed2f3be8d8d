"""The lists of Bybit's order REST: open and recent orders, order history, executions; filtered, newest first, in pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from providers.sandbox.bybit_orders_body import Reader
from providers.sandbox.bybit_orders_desk import OrderDesk
from providers.sandbox.bybit_orders_rows import ExecutionRow, OrderRow
from providers.sandbox.bybit_orders_wire import engine_id, execution_row, order_row
from providers.sandbox.bybit_rest import RetError

DAY_MS = 86_400_000
LONGEST_WINDOW_MS = 7 * DAY_MS
RECENT_CLOSED = 500
FIELDS = ("symbol", "baseCoin", "settleCoin")

Item = TypeVar("Item")


def open_orders(desk: OrderDesk, query: Mapping[str, Any]) -> dict[str, Any]:
    """`order/realtime`: open orders, or with openOnly 1 the 500 that closed last."""
    read = Reader(query)
    named = _names(read)
    if not (desk.spot or any(named.values()) or query.get("orderId") or query.get("orderLinkId")):
        raise RetError(10001, "params error: symbol, baseCoin or settleCoin is required")
    rows = _chosen(desk, read, named)
    if read.whole("openOnly") == 0:
        rows = [row for row in rows if row.open]
    else:
        rows = sorted((row for row in rows if not row.open), key=lambda row: row.report.at_ms, reverse=True)
        rows = sorted(rows[:RECENT_CLOSED], key=_age, reverse=True)
    return _order_page(desk, read, rows)


def order_history(desk: OrderDesk, query: Mapping[str, Any]) -> dict[str, Any]:
    """`order/history`: closed orders made within a window of at most 7 days; what never filled is kept for a day."""
    read = Reader(query)
    now_ms = desk.accounts.now_ms()
    start, end = _window(read, now_ms)
    rows = [row for row in _chosen(desk, read, _names(read)) if not row.open and start <= row.created_ms <= end]
    rows = [row for row in rows if row.report.filled or row.report.at_ms > now_ms - DAY_MS]
    return _order_page(desk, read, rows)


def executions(desk: OrderDesk, query: Mapping[str, Any]) -> dict[str, Any]:
    """`execution/list`: executions within a window of at most 7 days."""
    read = Reader(query)
    start, end = _window(read, desk.accounts.now_ms())
    named, kind = _names(read), read.text("execType", "")
    order_id, link_id = read.text("orderId", ""), read.text("orderLinkId", "")
    wanted = engine_id(order_id, desk.category) if order_id else ""

    def fits(row: ExecutionRow) -> bool:
        fill = row.fill
        return (
            start <= fill.at_ms <= end
            and desk.within(fill.symbol, named)
            and kind in ("", row.kind)
            and wanted in ("", fill.order_id)
            and (bool(wanted) or link_id in ("", fill.client_id))
        )

    rows = [row for row in desk.rows.executions if fits(row)]
    page, cursor = _page(read, rows, lambda row: row.number, 50, 100)
    shown = [execution_row(row, desk.category) for row in page]
    return {"category": desk.category, "nextPageCursor": cursor, "list": shown}


def _names(read: Reader) -> dict[str, str]:
    return {name: read.text(name, "") for name in FIELDS}


def _chosen(desk: OrderDesk, read: Reader, named: Mapping[str, str]) -> list[OrderRow]:
    """Orders by id, else by name and kind; newest first."""
    order_id, link_id = read.text("orderId", ""), read.text("orderLinkId", "")
    if order_id or link_id:
        row = desk.find(order_id, link_id)
        return [row] if row is not None and desk.within(row.spec.symbol, named) else []
    order_filter = read.text("orderFilter", "")
    rows = (row for row in desk.rows.newest() if desk.within(row.spec.symbol, named))
    return [row for row in rows if order_filter in ("", desk.kind(row))]


def _age(row: OrderRow) -> int:
    return int(row.report.order_id)


def _window(read: Reader, now_ms: int) -> tuple[int, int]:
    """Start and end of the wanted time. Raises `RetError` for more than 7 days."""
    start, end = read.whole("startTime", -1), read.whole("endTime", -1)
    if start < 0:
        start = (now_ms if end < 0 else end) - LONGEST_WINDOW_MS
    if end < 0:
        end = start + LONGEST_WINDOW_MS
    if end < start or end - start > LONGEST_WINDOW_MS:
        raise RetError(10001, "params error: the time range must not exceed 7 days")
    return start, end


def _order_page(desk: OrderDesk, read: Reader, rows: Sequence[OrderRow]) -> dict[str, Any]:
    page, cursor = _page(read, rows, _age, 20, 50)
    shown = [order_row(row, desk.category) for row in page]
    return {"category": desk.category, "nextPageCursor": cursor, "list": shown}


def _page(
    read: Reader, rows: Sequence[Item], key: Callable[[Item], int], default: int, largest: int
) -> tuple[list[Item], str]:
    """The page behind the cursor, and the next cursor: percent-encoded, as the venue hands them out."""
    limit = read.whole("limit", default)
    if limit < 1:
        raise RetError(10001, "params error: limit invalid")
    limit = min(limit, largest)
    text = unquote(unquote(read.text("cursor", "")))
    if text:
        _, mark, tail = text.partition("page:")
        if not mark or not tail.isdecimal():
            raise RetError(10001, "params error: cursor invalid")
        rows = [row for row in rows if key(row) < int(tail)]
    page = list(rows[:limit])
    more = len(rows) > limit
    return page, quote(f"page:{key(page[-1])}", safe="") if more else ""
