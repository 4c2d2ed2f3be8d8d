"""What Binance's order, trade and account objects say (exchanges.md A3, A5, A6).

Every number is an exact decimal and is checked: not finite, negative, or beyond what any venue could mean is `Unreadable`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from core.messages import Side
from core.trading.broker import AccountSnapshot, VenueBalance
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec, OrderStatus, OrderType, TimeInForce
from providers.binance_us.wire import EARLIEST_MS, LATEST_MS, WIRE_ERRORS

T = TypeVar("T")

Text = Annotated[str, Meta(max_length=200)]
Short = Annotated[str, Meta(max_length=64)]
Number = Annotated[int, Meta(ge=-1, lt=2**62)]
TimeMs = Annotated[int, Meta(ge=EARLIEST_MS, le=LATEST_MS)]

_PLAIN: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
"""No amount is larger, and none has more decimals; the venue writes no exponents."""

_TYPES: Final[dict[str, tuple[OrderType, bool]]] = {
    "LIMIT": ("LIMIT", False),
    "LIMIT_MAKER": ("LIMIT", True),
    "MARKET": ("MARKET", False),
    "STOP_LOSS": ("STOP_LOSS", False),
    "STOP_LOSS_LIMIT": ("STOP_LOSS_LIMIT", False),
    "TAKE_PROFIT": ("TAKE_PROFIT", False),
    "TAKE_PROFIT_LIMIT": ("TAKE_PROFIT_LIMIT", False),
}
TRIGGERED: Final = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
_STATUSES: Final[dict[str, OrderStatus]] = {
    "NEW": "NEW",
    "PENDING_NEW": "NEW",
    "PARTIALLY_FILLED": "PARTIALLY_FILLED",
    "FILLED": "FILLED",
    "CANCELED": "CANCELED",
    "REJECTED": "REJECTED",
    "EXPIRED": "EXPIRED",
    "EXPIRED_IN_MATCH": "EXPIRED",
}
NO_LIST = -1


class Unreadable(ValueError):
    """The venue's object cannot be what it should be; the words name the field and the value."""


# --- numbers ---------------------------------------------------------------------------------------------------------


def amount(name: str, text: object, *, signed: bool = False) -> Decimal:
    """A number of the venue. Raises `Unreadable` unless it is written in plain digits, and not negative unless `signed`."""
    if not isinstance(text, str) or _PLAIN.fullmatch(text) is None or (text[0] == "-" and not signed):
        raise Unreadable(f"{name} is {text!r}, which no amount can be")
    return Decimal(text)


def side_of(name: str) -> Side:
    """BUY or SELL. Raises `Unreadable`."""
    if name not in ("BUY", "SELL"):
        raise Unreadable(f"side is {name!r}")
    return cast(Side, name)


def type_of(name: str) -> tuple[OrderType, bool]:
    """Our type, and whether it is post-only. Raises `Unreadable`."""
    if name not in _TYPES:
        raise Unreadable(f"order type {name!r} is not known")
    return _TYPES[name]


def tif_of(name: str) -> TimeInForce:
    """Time in force; GTX and unknown ones count as GTC, for they rest."""
    return cast(TimeInForce, name) if name in ("GTC", "IOC", "FOK") else "GTC"


def status_of(name: str, kind: OrderType, working: bool, filled: Decimal) -> OrderStatus:
    """Our status. A stop that is not on the book waits for its trigger. Raises `Unreadable`."""
    if name == "PENDING_CANCEL":
        name = "PARTIALLY_FILLED" if filled else "NEW"
    if name not in _STATUSES:
        raise Unreadable(f"order status {name!r} is not known")
    if name == "NEW" and kind in TRIGGERED and not working:
        return "UNTRIGGERED"
    return _STATUSES[name]


def read(body: bytes | msgspec.Raw, decode: Callable[[bytes | msgspec.Raw], T], what: str) -> T:
    """Decode. Raises `Unreadable`."""
    try:
        return decode(body)
    except WIRE_ERRORS as error:
        raise Unreadable(f"{what}: {error}") from error


# --- order objects ---------------------------------------------------------------------------------------------------


class FillRow(Struct):
    """One of `fills` of a FULL response."""

    price: Short
    qty: Short
    commission: Short
    commissionAsset: Short
    tradeId: Number


class OrderRow(Struct):
    """An order in any answer: of placing, cancelling, querying, listing."""

    symbol: Short
    orderId: Number
    clientOrderId: Text
    side: Short
    type: Short
    status: Short
    origQty: Short
    executedQty: Short
    price: Short = "0"
    stopPrice: Short = "0"
    cummulativeQuoteQty: str = "0"
    origQuoteOrderQty: Short = "0"
    timeInForce: Short = "GTC"
    orderListId: Number = NO_LIST
    origClientOrderId: Text = ""
    isWorking: bool | None = None
    workingTime: int = -1
    transactTime: TimeMs = EARLIEST_MS
    updateTime: TimeMs = EARLIEST_MS
    time: TimeMs = EARLIEST_MS
    fills: list[FillRow] = []


class OrderName(Struct):
    """How an order is called, whatever else is said of it."""

    orderId: Number = -1
    clientOrderId: Text = ""


class ListRow(Struct):
    """An OCO in an answer."""

    orderListId: Number
    listClientOrderId: Text
    orderReports: list[OrderRow] = []


class ReplaceResults(Struct):
    """The answer to cancel-and-replace, or `data` of its error."""

    cancelResult: Short
    newOrderResult: Short
    cancelResponse: msgspec.Raw = msgspec.Raw(b"null")
    newOrderResponse: msgspec.Raw = msgspec.Raw(b"null")


class ReplaceError(Struct):
    """`{"code":-2021,"msg":"...","data":{...}}`."""

    code: int
    data: ReplaceResults
    msg: Text = ""


class TradeRow(Struct):
    """One row of `GET /myTrades`."""

    symbol: Short
    id: Number
    orderId: Number
    price: Short
    qty: Short
    commission: Short
    commissionAsset: Short
    time: TimeMs
    isBuyer: bool
    isMaker: bool


class BalanceRow(Struct):
    """One of `balances` of an account."""

    asset: Short
    free: Short
    locked: Short


class CommissionRates(Struct):
    """Rates as fractions."""

    maker: Short = ""
    taker: Short = ""


class AccountRow(Struct):
    """`GET /account`."""

    balances: list[BalanceRow]
    canTrade: bool = False
    canWithdraw: bool | None = None
    commissionRates: CommissionRates | None = None


decode_order = msgspec.json.Decoder(OrderRow).decode
decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
decode_name = msgspec.json.Decoder(OrderName).decode
decode_list = msgspec.json.Decoder(ListRow).decode
decode_replaced = msgspec.json.Decoder(ReplaceResults).decode
decode_replace_error = msgspec.json.Decoder(ReplaceError).decode
decode_trades = msgspec.json.Decoder(list[TradeRow]).decode
decode_account = msgspec.json.Decoder(AccountRow).decode


def cancelled_rows(body: bytes | msgspec.Raw) -> list[OrderRow]:
    """The orders of an answer to a cancel: one, or those of a whole OCO. Raises what decoding raises."""
    try:
        return [decode_order(body)]
    except msgspec.ValidationError:
        return decode_list(body).orderReports


ListName = Callable[[int], str]
"""Our name of an order list by the venue's number."""


def list_number(number: int) -> str:
    """The venue's number as the list's name; empty for none."""
    return str(number) if number >= 0 else ""


def reports_of(row: OrderRow, list_name: ListName = list_number) -> tuple[OrderReport, ...]:
    """What an order object says, oldest first: one report per fill it carries, the last with its status."""
    kind, post_only = type_of(row.type)
    quantity = amount("origQty", row.origQty)
    filled = amount("executedQty", row.executedQty)
    client_id = row.origClientOrderId or row.clientOrderId
    spec = OrderSpec(
        client_id=client_id,
        symbol=row.symbol,
        side=side_of(row.side),
        type=kind,
        quantity=quantity,
        price=amount("price", row.price),
        stop_price=amount("stopPrice", row.stopPrice),
        quote_quantity=amount("origQuoteOrderQty", row.origQuoteOrderQty),
        time_in_force=tif_of(row.timeInForce),
        post_only=post_only,
        list_id=list_name(row.orderListId),
    )
    working = row.isWorking if row.isWorking is not None else row.workingTime > 0
    # A negative sum means the venue does not know it (very old orders).
    quote = max(ZERO, amount("cummulativeQuoteQty", row.cummulativeQuoteQty, signed=True))
    last = OrderReport(
        order_id=str(row.orderId),
        spec=spec,
        status=status_of(row.status, kind, working, filled),
        filled=filled,
        filled_quote=quote,
        at_ms=max(row.transactTime, row.updateTime, row.time),
    )
    fills = _fills_of(row, spec, last.at_ms)
    if not fills:
        return (last,)
    *earlier, newest = fills
    value = ZERO
    steps = []
    for fill in earlier:
        value += fill.price * fill.quantity
        steps.append(
            msgspec.structs.replace(
                last, status="PARTIALLY_FILLED", filled=fill.cumulative, filled_quote=value, fill=fill
            )
        )
    return (*steps, msgspec.structs.replace(last, fill=newest))


def _fills_of(row: OrderRow, spec: OrderSpec, at_ms: int) -> list[Fill]:
    found: list[Fill] = []
    total = ZERO
    for one in row.fills:
        quantity = amount("fills.qty", one.qty)
        total += quantity
        found.append(
            Fill(
                trade_id=str(one.tradeId),
                order_id=str(row.orderId),
                client_id=spec.client_id,
                symbol=spec.symbol,
                side=spec.side,
                price=amount("fills.price", one.price),
                quantity=quantity,
                cumulative=total,
                fee=amount("fills.commission", one.commission, signed=True),
                fee_asset=one.commissionAsset,
                maker=False,
                at_ms=at_ms,
            )
        )
    return found


def fill_of(row: TradeRow, client_id: str) -> Fill:
    """An execution of the trade list; where in its order it stands is not told (`cumulative` 0)."""
    return Fill(
        trade_id=str(row.id),
        order_id=str(row.orderId),
        client_id=client_id,
        symbol=row.symbol,
        side="BUY" if row.isBuyer else "SELL",
        price=amount("price", row.price),
        quantity=amount("qty", row.qty),
        cumulative=ZERO,
        fee=amount("commission", row.commission, signed=True),
        fee_asset=row.commissionAsset,
        maker=row.isMaker,
        at_ms=row.time,
    )


def balances_of(rows: list[BalanceRow]) -> dict[str, VenueBalance]:
    """Balances by asset."""
    return {row.asset: VenueBalance(amount("free", row.free), amount("locked", row.locked)) for row in rows}


def snapshot_of(row: AccountRow, at_ms: int) -> AccountSnapshot:
    """The account; rates that are not told are None.

    `canWithdraw` speaks of the account, whatever this key may do, and the venue does not serve Binance's endpoint for the rights
    of a key (decred/dcrdex issue 2897): only an account that may not withdraw at all tells something of the key.
    """
    rates = row.commissionRates or CommissionRates()
    return AccountSnapshot(
        at_ms=at_ms,
        balances=balances_of(row.balances),
        may_trade=row.canTrade,
        may_withdraw=False if row.canWithdraw is False else None,
        maker_fee=amount("commissionRates.maker", rates.maker, signed=True) if rates.maker else None,
        taker_fee=amount("commissionRates.taker", rates.taker, signed=True) if rates.taker else None,
    )
