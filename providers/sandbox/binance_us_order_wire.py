"""Orders, trades and balances in Binance.US's words: REST answers and user-stream events."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from core.trading.balances import Balance
from core.trading.fees import Fees
from core.trading.order import Fill, OrderReport, OrderSpec
from core.trading.working import TRIGGERED_TYPES
from providers.sandbox.binance_us_lists import OrderList
from providers.sandbox.digits import plain

PLACES = 8
NO_LIST = -1
STP_MODE = "EXPIRE_MAKER"
MATCHED_ITSELF = "EXPIRED_IN_MATCH"
ZERO_TEXT = plain(Decimal(0), PLACES)
BASIS_POINTS = 10_000


def number(value: Decimal) -> str:
    """A number as the venue writes it."""
    return plain(value, PLACES)


def type_of(spec: OrderSpec) -> str:
    """The venue's word for an order's type."""
    return "LIMIT_MAKER" if spec.post_only else spec.type


def status_of(report: OrderReport) -> str:
    """The venue's word for an order's state: what waits for its trigger is NEW like what rests."""
    if report.status == "UNTRIGGERED":
        return "NEW"
    return MATCHED_ITSELF if report.reject_reason == MATCHED_ITSELF else report.status


def list_of(spec: OrderSpec) -> int:
    """The number of the order's list, -1 without one."""
    return int(spec.list_id) if spec.list_id.isdecimal() else NO_LIST


def _identity(report: OrderReport) -> dict[str, Any]:
    spec = report.spec
    return {
        "symbol": spec.symbol,
        "orderId": int(report.order_id),
        "orderListId": list_of(spec),
        "clientOrderId": spec.client_id,
    }


def _figures(report: OrderReport) -> dict[str, Any]:
    spec = report.spec
    figures = {
        "price": number(spec.price),
        "origQty": number(spec.quantity or report.filled),
        "executedQty": number(report.filled),
        "origQuoteOrderQty": number(spec.quote_quantity),
        "cummulativeQuoteQty": number(report.filled_quote),
        "status": status_of(report),
        "timeInForce": spec.time_in_force,
        "type": type_of(spec),
        "side": spec.side,
    }
    return figures | {"stopPrice": number(spec.stop_price)} if spec.type in TRIGGERED_TYPES else figures


def order_ack(report: OrderReport) -> dict[str, Any]:
    """The shortest answer to a new order."""
    return _identity(report) | {"transactTime": report.at_ms}


def order_result(report: OrderReport) -> dict[str, Any]:
    """The answer with the order's state."""
    working = {} if report.status == "UNTRIGGERED" else {"workingTime": report.at_ms}
    return order_ack(report) | _figures(report) | working | {"selfTradePreventionMode": STP_MODE}


def order_full(report: OrderReport, fills: Iterable[Fill]) -> dict[str, Any]:
    """The answer with the order's state and its fills."""
    rows = [
        {
            "price": number(fill.price),
            "qty": number(fill.quantity),
            "commission": number(fill.fee),
            "commissionAsset": fill.fee_asset,
            "tradeId": int(fill.trade_id),
        }
        for fill in fills
    ]
    return order_result(report) | {"fills": rows}


def order_row(report: OrderReport, created_ms: int) -> dict[str, Any]:
    """An order as queries show it."""
    return (
        _identity(report)
        | _figures(report)
        | {
            "stopPrice": number(report.spec.stop_price),
            "icebergQty": ZERO_TEXT,
            "time": created_ms,
            "updateTime": report.at_ms,
            "isWorking": report.status != "UNTRIGGERED",
            "workingTime": -1 if report.status == "UNTRIGGERED" else report.at_ms,
            "selfTradePreventionMode": STP_MODE,
        }
    )


def cancel_row(report: OrderReport, cancel_id: str) -> dict[str, Any]:
    """A cancelled order: its own id is `origClientOrderId`, `clientOrderId` names the cancel."""
    return order_result(report) | {"origClientOrderId": report.spec.client_id, "clientOrderId": cancel_id}


def list_row(listed: OrderList, reports: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """An order list, with the reports of its legs where the endpoint shows them."""
    row: dict[str, Any] = {
        "orderListId": listed.number,
        "contingencyType": "OCO",
        "listStatusType": "ALL_DONE" if listed.done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if listed.done else "EXECUTING",
        "listClientOrderId": listed.client_id,
        "transactionTime": listed.at_ms,
        "symbol": listed.symbol,
        "orders": [
            {"symbol": listed.symbol, "orderId": int(order_id), "clientOrderId": client_id}
            for order_id, client_id in listed.legs.items()
        ],
    }
    return row if reports is None else row | {"orderReports": reports}


def trade_row(fill: Fill, list_id: int) -> dict[str, Any]:
    """One of the account's trades."""
    return {
        "symbol": fill.symbol,
        "id": int(fill.trade_id),
        "orderId": int(fill.order_id),
        "orderListId": list_id,
        "price": number(fill.price),
        "qty": number(fill.quantity),
        "quoteQty": number(fill.price * fill.quantity),
        "commission": number(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.at_ms,
        "isBuyer": fill.side == "BUY",
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def account_row(balances: dict[str, Balance], fees: Fees, now_ms: int) -> dict[str, Any]:
    """The account with its balances."""
    return {
        "makerCommission": int(fees.maker * BASIS_POINTS),
        "takerCommission": int(fees.taker * BASIS_POINTS),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": number(fees.maker),
            "taker": number(fees.taker),
            "buyer": ZERO_TEXT,
            "seller": ZERO_TEXT,
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": now_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": number(balance.free), "locked": number(balance.locked)}
            for asset, balance in balances.items()
        ],
        "permissions": ["SPOT"],
    }


def execution_event(
    report: OrderReport, kind: str, created_ms: int, now_ms: int, cancel_id: str = ""
) -> dict[str, Any]:
    """The `executionReport` event. `cancel_id`: on CANCELED it stands in `c` and the order's own id in `C`."""
    spec, fill = report.spec, report.fill
    cancelled = kind == "CANCELED"
    event: dict[str, Any] = {
        "e": "executionReport",
        "E": now_ms,
        "s": spec.symbol,
        "c": cancel_id if cancelled else spec.client_id,
        "S": spec.side,
        "o": type_of(spec),
        "f": spec.time_in_force,
        "q": number(spec.quantity or report.filled),
        "p": number(spec.price),
        "P": number(spec.stop_price),
        "F": ZERO_TEXT,
        "g": list_of(spec),
        "C": spec.client_id if cancelled else "",
        "x": kind,
        "X": status_of(report),
        "r": report.reject_reason if kind == "REJECTED" else "NONE",
        "i": int(report.order_id or -1),
        "l": number(fill.quantity) if fill else ZERO_TEXT,
        "z": number(report.filled),
        "L": number(fill.price) if fill else ZERO_TEXT,
        "n": number(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": report.at_ms,
        "t": int(fill.trade_id) if fill else -1,
        "I": report.seq,
        "w": report.status in ("NEW", "PARTIALLY_FILLED"),
        "m": fill.maker if fill else False,
        "M": fill is not None,
        "O": created_ms,
        "Z": number(report.filled_quote),
        "Y": number(fill.price * fill.quantity) if fill else ZERO_TEXT,
        "Q": number(spec.quote_quantity),
        "V": STP_MODE,
    }
    if report.status != "UNTRIGGERED":
        event["W"] = report.at_ms
    if kind == "TRADE_PREVENTION":
        event |= {"pl": ZERO_TEXT, "pL": ZERO_TEXT, "pY": ZERO_TEXT}
    return event


def position_event(balances: dict[str, Balance], at_ms: int, now_ms: int) -> dict[str, Any]:
    """The `outboundAccountPosition` event: absolute balances of the assets possibly changed."""
    rows = [{"a": asset, "f": number(b.free), "l": number(b.locked)} for asset, b in balances.items()]
    return {"e": "outboundAccountPosition", "E": now_ms, "u": at_ms, "B": rows}


def balance_event(asset: str, change: Decimal, now_ms: int) -> dict[str, Any]:
    """The `balanceUpdate` event: a deposit or a withdrawal."""
    return {"e": "balanceUpdate", "E": now_ms, "a": asset, "d": number(change), "T": now_ms}


def list_event(listed: OrderList, now_ms: int) -> dict[str, Any]:
    """The `listStatus` event."""
    row = list_row(listed)
    return {
        "e": "listStatus",
        "E": now_ms,
        "s": listed.symbol,
        "g": listed.number,
        "c": "OCO",
        "l": row["listStatusType"],
        "L": row["listOrderStatus"],
        "r": "NONE",
        "C": listed.client_id,
        "T": now_ms,
        "O": [{"s": each["symbol"], "i": each["orderId"], "c": each["clientOrderId"]} for each in row["orders"]],
    }
