"""Bybit v5 objects of orders and executions, as REST lists and private frames carry them: every number a string."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.trading.order import ZERO
from core.trading.working import LIMIT_TYPES, TRIGGERED_TYPES
from providers.sandbox.bybit_orders_rows import ExecutionRow, OrderRow
from providers.sandbox.digits import trimmed

SPOT_ID = "155213239"
"""Spot order ids are long numbers, linear ones look like UUIDs; both hold the engine's number."""
LINEAR_ID = "-5a4d-4b0c-8f00-"
SIDE_WORDS = {"BUY": "Buy", "SELL": "Sell"}
STATUS_WORDS = {
    "NEW": "New",
    "PARTIALLY_FILLED": "PartiallyFilled",
    "FILLED": "Filled",
    "EXPIRED": "Cancelled",
    "REJECTED": "Rejected",
    "UNTRIGGERED": "Untriggered",
}
CANCEL_WORDS = {
    "": ("CancelByUser", "EC_PerCancelRequest"),
    "Liquidation": ("CancelByPrepareLiq", "EC_NoError"),
    "EXPIRED_IN_MATCH": ("CancelBySmp", "EC_NoError"),
    "CancelByReduceOnly": ("CancelByReduceOnly", "EC_NoError"),
    "CancelByTpSlTsClear": ("CancelByTpSlTsClear", "EC_NoError"),
}
"""The engine's reason of a cancellation -> cancelType, rejectReason."""


def wire_id(order_id: str, category: str) -> str:
    """The venue's id of an engine's order, or of the booking behind a funding payment."""
    if category == "spot":
        return f"{SPOT_ID}{int(order_id):010d}"
    if order_id.startswith("f"):
        return execution_id(order_id, category)
    return f"{int(order_id):08x}{LINEAR_ID}{int(order_id):012x}"


def engine_id(text: str, category: str) -> str:
    """The engine's id behind a venue's; "none" for a text that is no id of this category."""
    digits = text.removeprefix(SPOT_ID) if category == "spot" else text[:8]
    try:
        number = str(int(digits, 10 if category == "spot" else 16))
    except ValueError:
        return "none"
    return number if int(number) > 0 and wire_id(number, category) == text else "none"


def execution_id(trade_id: str, category: str) -> str:
    """Spot executions are numbers, linear ones look like UUIDs; funding has its own row of them."""
    funding, digits = trade_id.startswith("f"), int(trade_id.removeprefix("f"))
    if category == "spot":
        return f"21000000000{digits:08d}"
    return f"{digits:08x}-{'f00d' if funding else '7219'}-438b-b30a-{digits:012x}"


def status_word(row: OrderRow, category: str) -> str:
    """The venue's status. On spot a cancelled order tells apart whether it had filled, or had never triggered."""
    report = row.report
    if report.status != "CANCELED":
        return STATUS_WORDS[report.status]
    if category == "spot" and report.filled:
        return "PartiallyFilledCanceled"
    if category == "spot" and report.spec.type in TRIGGERED_TYPES and not row.triggered:
        return "Deactivated"
    return "Cancelled"


def cancel_words(row: OrderRow) -> tuple[str, str]:
    """cancelType and rejectReason."""
    report = row.report
    if row.cleared:
        return "CancelByTpSlTsClear", "EC_NoError"
    if report.status not in ("CANCELED", "EXPIRED"):
        return "UNKNOWN", "EC_NoError"
    if report.reject_reason.startswith("EC_"):
        return "UNKNOWN", report.reject_reason
    return CANCEL_WORDS.get(report.reject_reason, ("CancelByCannotAffordOrderCost", "EC_Others"))


def number(value: Decimal) -> str:
    """A plain decimal without trailing zeros; 0 as "0"."""
    return trimmed(value) if value else "0"


def order_row(row: OrderRow, category: str) -> dict[str, Any]:
    """One order, without its category."""
    report, spec, form = row.report, row.report.spec, row.form
    spot = category == "spot"
    cancel_type, reject_reason = cancel_words(row)
    asked = spec.quote_quantity or spec.quantity
    left = max(ZERO, spec.quantity - report.filled) if row.open else ZERO
    left_value = max(ZERO, spec.quote_quantity - report.filled_quote) if spec.quote_quantity else left * spec.price
    nothing = "0.00" if spot else ""
    fees = {asset: number(fee) for asset, fee in row.fees.items()}
    return {
        "symbol": spec.symbol,
        "orderId": wire_id(report.order_id, category),
        "orderLinkId": spec.client_id,
        "blockTradeId": "",
        "side": SIDE_WORDS[spec.side],
        "positionIdx": 0,
        "orderStatus": status_word(row, category),
        "createType": "" if spot else form.create_type,
        "cancelType": cancel_type,
        "rejectReason": reject_reason,
        "timeInForce": form.time_in_force,
        "isLeverage": "0" if spot else "",
        "price": number(spec.price),
        "qty": number(asked),
        "avgPrice": number(_average(report.filled_quote, report.filled, spec.price)) if report.filled else "",
        "leavesQty": number(left),
        "leavesValue": number(left_value),
        "cumExecQty": number(report.filled),
        "cumExecValue": number(report.filled_quote),
        "cumExecFee": number(sum(row.fees.values(), ZERO)),
        "cumFeeDetail": fees,
        "feeCurrency": next(iter(fees), ""),
        "orderType": "Limit" if spec.type in LIMIT_TYPES else "Market",
        "stopOrderType": form.stop_order_type or ("" if spot else "UNKNOWN"),
        "orderIv": "",
        "marketUnit": form.market_unit,
        "triggerPrice": number(spec.stop_price) if spec.stop_price else nothing,
        "takeProfit": number(spec.take_profit) if spec.take_profit else nothing,
        "stopLoss": number(spec.stop_loss) if spec.stop_loss else nothing,
        "tpslMode": form.tpsl_mode,
        "tpLimitPrice": nothing,
        "slLimitPrice": nothing,
        "triggerBy": form.trigger_by,
        "tpTriggerBy": form.tp_trigger_by,
        "slTriggerBy": form.sl_trigger_by,
        "triggerDirection": form.trigger_direction,
        "placeType": "",
        "lastPriceOnCreated": number(row.last_price) if row.last_price else "",
        "closeOnTrigger": form.close_on_trigger,
        "reduceOnly": spec.reduce_only,
        "smpGroup": 0,
        "smpType": "None",
        "smpOrderId": "",
        "parentOrderLinkId": "" if spot or spec.client_id else spec.list_id,
        "createdTime": str(row.created_ms),
        "updatedTime": str(report.at_ms),
    }


def execution_row(row: ExecutionRow, category: str) -> dict[str, Any]:
    """One execution, without its category."""
    fill, spec, form = row.fill, row.spec, row.form
    spot = category == "spot"
    kind = "UNKNOWN" if spec is None else "Limit" if spec.type in LIMIT_TYPES else "Market"
    return {
        "symbol": fill.symbol,
        "closedSize": "" if spot else number(row.closed),
        "execFee": number(fill.fee),
        "execId": execution_id(fill.trade_id, category),
        "execPrice": number(fill.price),
        "execQty": number(fill.quantity),
        "execType": row.kind,
        "execValue": number(fill.price * fill.quantity),
        "feeRate": number(row.rate),
        "tradeIv": "",
        "markIv": "",
        "blockTradeId": "",
        "markPrice": number(row.mark) if row.mark else "",
        "indexPrice": "",
        "underlyingPrice": "",
        "leavesQty": number(row.left),
        "orderId": wire_id(fill.order_id, category),
        "orderLinkId": fill.client_id,
        "orderPrice": number(spec.price) if spec else "0",
        "orderQty": number(spec.quantity) if spec else "0",
        "orderType": kind,
        "stopOrderType": form.stop_order_type or ("" if spot else "UNKNOWN"),
        "side": SIDE_WORDS[fill.side],
        "execTime": str(fill.at_ms),
        "isLeverage": "0",
        "isMaker": fill.maker,
        "seq": int(fill.trade_id.removeprefix("f")),
        "marketUnit": form.market_unit,
        "execPnl": "" if spot else number(row.profit),
        "createType": "" if spot else form.create_type,
        "feeCurrency": fill.fee_asset,
    }


def _average(quote: Decimal, base: Decimal, limit: Decimal) -> Decimal:
    """Average price to eight places more than it needs nobody asks for: as the venue, at most ten in all."""
    average = quote / base
    return limit if average == limit else average.quantize(Decimal("0.0000000001")).normalize()
