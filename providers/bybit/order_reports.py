"""Bybit's rows as our reports: an order row as `OrderReport`, an execution as `Fill`, and both together.

Executions do not tell the order's cumulative quantity in a form that holds for every kind of order (`orderQty` is 0 for spot
market orders), so fills are placed by their trade id alone: `cumulative` 0. The order rows tell the sum. A row that cannot
be one raises one of `ROW_ERRORS`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from core.messages import Side
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec, OrderStatus, OrderType, TimeInForce
from core.venue import Instrument
from providers.bybit.order_wire import ExecutionRow, OrderRow, amount, positive, signed, time_ms

Rules = Callable[[str], Instrument | None]
"""A symbol's instrument, None for one we do not know."""

STATUSES: Final[dict[str, OrderStatus]] = {
    "New": "NEW",
    "PartiallyFilled": "PARTIALLY_FILLED",
    "Untriggered": "UNTRIGGERED",
    "Triggered": "NEW",  # passes at once: the order is on its way to the book, or to its refusal
    "Active": "NEW",
    "PendingCancel": "NEW",
    "Rejected": "REJECTED",
    "Filled": "FILLED",
    "Cancelled": "CANCELED",
    "PartiallyFilledCanceled": "CANCELED",
    "Deactivated": "CANCELED",  # cancelled before its trigger
}
"""The venue's words. `CANCELED` with everything filled is told as `FILLED` by `report_of`."""

TRADE_TYPES: Final = ("Trade", "AdlTrade", "BustTrade")
"""Executions that changed what we hold: our orders, and the venue's own when it deleverages or liquidates us."""

_TIMES_IN_FORCE: Final[dict[str, TimeInForce]] = {"IOC": "IOC", "FOK": "FOK"}
_NO_REASON: Final = ("EC_NoError", "UNKNOWN")


def report_of(row: OrderRow, category: str) -> OrderReport:
    """What the venue says of one order. Raises `ValueError` for a status or number it cannot have."""
    status = STATUSES.get(row.orderStatus)
    if status is None:
        raise ValueError(f"order {row.orderId}: status {row.orderStatus[:40]!r} is not one we know")
    spec = _spec_of(row, category)
    filled = amount(row.cumExecQty, "cumExecQty")
    if status == "CANCELED" and ZERO < spec.quantity <= filled:
        status = "FILLED"
    elif status == "NEW" and filled > ZERO:
        status = "PARTIALLY_FILLED"
    ended = status in ("CANCELED", "REJECTED")
    return OrderReport(
        order_id=row.orderId,
        spec=spec,
        status=status,
        filled=filled,
        filled_quote=amount(row.cumExecValue, "cumExecValue"),
        at_ms=time_ms(row.updatedTime or row.createdTime, "updatedTime"),
        reject_code=_reason(row.rejectReason) if ended else "",
        reject_reason=_reason(row.cancelType) if ended else "",
    )


def is_conditional(row: OrderRow) -> bool:
    """Whether the order waits, or once waited, for a trigger."""
    return amount(row.triggerPrice, "triggerPrice") > ZERO


def fill_of(row: ExecutionRow, rules: Rules) -> Fill:
    """One execution. Raises `ValueError` for a number it cannot have."""
    if not row.orderId:
        raise ValueError(f"execution {row.execId} belongs to no order")
    fee = signed(row.execFee, "execFee")
    return Fill(
        trade_id=row.execId,
        order_id=row.orderId,
        client_id=row.orderLinkId or "",
        symbol=_symbol(row.symbol),
        side=_side(row.side),
        price=positive(row.execPrice, "execPrice"),
        quantity=positive(row.execQty, "execQty"),
        cumulative=ZERO,
        fee=fee,
        fee_asset=row.feeCurrency or _fee_asset(row, fee, rules(row.symbol)),
        maker=row.isMaker,
        at_ms=time_ms(row.execTime, "execTime"),
    )


def execution_report(fill: Fill, row: ExecutionRow, known: OrderReport | None) -> OrderReport:
    """The report that tells an execution: state and sums as the order topic last told them (`known`), else not told (0)."""
    if known is not None:
        status: OrderStatus = "PARTIALLY_FILLED" if known.status in ("NEW", "UNTRIGGERED") else known.status
        return replace(known, status=status, fill=fill, at_ms=fill.at_ms)
    return OrderReport(
        order_id=fill.order_id,
        spec=OrderSpec(
            client_id=fill.client_id,
            symbol=fill.symbol,
            side=fill.side,
            type="LIMIT" if row.orderType == "Limit" else "MARKET",
            quantity=amount(row.orderQty, "orderQty"),
            price=amount(row.orderPrice, "orderPrice") if row.orderType == "Limit" else ZERO,
        ),
        status="PARTIALLY_FILLED",
        filled=ZERO,
        filled_quote=ZERO,
        at_ms=fill.at_ms,
        fill=fill,
    )


def _spec_of(row: OrderRow, category: str) -> OrderSpec:
    quantity, quote = amount(row.qty, "qty"), ZERO
    by_value = row.marketUnit == "quoteCoin" or (not row.marketUnit and row.side == "Buy")
    if category == "spot" and row.orderType == "Market" and by_value:
        quantity, quote = ZERO, quantity
    stop_price = amount(row.triggerPrice, "triggerPrice")
    return OrderSpec(
        client_id=row.orderLinkId or "",
        symbol=_symbol(row.symbol),
        side=_side(row.side),
        type=_type_of(row, stop_price),
        quantity=quantity,
        quote_quantity=quote,
        price=amount(row.price, "price") if row.orderType == "Limit" else ZERO,
        stop_price=stop_price,
        time_in_force=_TIMES_IN_FORCE.get(row.timeInForce or "", "GTC") if row.orderType == "Limit" else "GTC",
        post_only=row.timeInForce == "PostOnly",
        reduce_only=row.reduceOnly,
        trigger_by="MARK" if row.triggerBy == "MarkPrice" else "LAST",
        take_profit=amount(row.takeProfit, "takeProfit"),
        stop_loss=amount(row.stopLoss, "stopLoss"),
        list_id=row.parentOrderLinkId or "",
    )


def _type_of(row: OrderRow, stop_price: Decimal) -> OrderType:
    limit = row.orderType == "Limit"
    if stop_price == ZERO:
        return "LIMIT" if limit else "MARKET"
    if _is_stop(row, stop_price):
        return "STOP_LOSS_LIMIT" if limit else "STOP_LOSS"
    return "TAKE_PROFIT_LIMIT" if limit else "TAKE_PROFIT"


def _is_stop(row: OrderRow, stop_price: Decimal) -> bool:
    """Whether a conditional order is a stop; else it takes profit. Spot names neither: the price at its creation tells.

    A stop buys when the price rises to it and sells when it falls to it.
    """
    kind = row.stopOrderType or ""
    if "TakeProfit" in kind:
        return False
    if "StopLoss" in kind:
        return True
    before = amount(row.lastPriceOnCreated, "lastPriceOnCreated")
    direction = str(row.triggerDirection)
    if direction in ("1", "2"):
        rises = direction == "1"
    elif before > ZERO:
        rises = stop_price > before
    else:
        return True
    return (row.side == "Buy") == rises


def _fee_asset(row: ExecutionRow, fee: Decimal, instrument: Instrument | None) -> str:
    """What an unnamed fee was paid in: perpetuals in what they settle in, spot in what was received.

    A maker's rebate on spot is paid in what was given. Without the instrument nothing is guessed.
    """
    if instrument is None:
        return ""
    if instrument.category != "spot":
        return instrument.settle or instrument.quote
    rebate = fee < ZERO and row.isMaker
    return instrument.base if (row.side == "Buy") != rebate else instrument.quote


def _side(word: str) -> Side:
    if word == "Buy":
        return "BUY"
    if word == "Sell":
        return "SELL"
    raise ValueError(f"side {word[:20]!r} is neither Buy nor Sell")


def _symbol(symbol: str) -> str:
    if not symbol:
        raise ValueError("a row without a symbol")
    return symbol


def _reason(word: str | None) -> str:
    return "" if not word or word in _NO_REASON else word
