"""The frames of Binance's user stream, by both of its mechanisms, as reports and balances (exchanges.md A9)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import Raw, Struct

from core.trading.broker import VenueBalance
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec
from providers.binance_us.order_wire import (
    NO_LIST,
    ListName,
    Number,
    Short,
    Text,
    TimeMs,
    Unreadable,
    amount,
    list_number,
    side_of,
    status_of,
    tif_of,
    type_of,
)


class Answer(Struct):
    """`error` of an answer on the WebSocket API."""

    code: int = 0
    msg: Text = ""


class UserFrame(Struct):
    """Any frame: an event by itself, in `data` (combined stream) or in `event` (WebSocket API); or an answer (`status`)."""

    e: Short = ""
    event: Raw = Raw(b"")
    data: Raw = Raw(b"")
    id: int | str | None = None
    status: int = 0
    error: Answer | None = None


class EventKind(Struct):
    """What an event is."""

    e: Short


class ExecutionFrame(Struct):
    """`executionReport`. On `x` CANCELED the order's own id is `C`, and `c` that of the cancel."""

    E: TimeMs
    s: Short
    c: Text
    S: Short
    o: Short
    f: Short
    q: Short
    p: Short
    x: Short
    X: Short
    i: Number
    z: Short
    P: Short = "0"
    Q: Short = "0"
    g: Number = NO_LIST
    C: Text | None = None
    r: Text = "NONE"
    eR: int | Text | None = None
    l: Short = "0"  # noqa: E741
    L: Short = "0"
    n: Short | None = None
    N: Short | None = None
    T: TimeMs = 0
    t: Number = -1
    w: bool = False
    m: bool = False
    Z: Short = "0"


class BalanceEntry(Struct):
    """One of `B`: absolute amounts."""

    a: Short
    f: Short
    l: Short  # noqa: E741


class AccountFrame(Struct):
    """`outboundAccountPosition`: the assets that may have changed."""

    B: list[BalanceEntry]


class ListFrame(Struct):
    """`listStatus`: `g` is the venue's number of the list, `C` the client's name of it."""

    g: Number
    C: Text


decode_frame = msgspec.json.Decoder(UserFrame).decode
decode_kind = msgspec.json.Decoder(EventKind).decode
decode_execution = msgspec.json.Decoder(ExecutionFrame).decode
decode_account_frame = msgspec.json.Decoder(AccountFrame).decode
decode_list_frame = msgspec.json.Decoder(ListFrame).decode


def report_of_execution(frame: ExecutionFrame, list_name: ListName = list_number) -> OrderReport:
    """The report of an `executionReport`. Raises `Unreadable`."""
    kind, post_only = type_of(frame.o)
    filled = amount("z", frame.z)
    cancelled = frame.x == "CANCELED" and bool(frame.C)
    spec = OrderSpec(
        client_id=(frame.C or frame.c) if cancelled else frame.c,
        symbol=frame.s,
        side=side_of(frame.S),
        type=kind,
        quantity=amount("q", frame.q),
        price=amount("p", frame.p),
        stop_price=amount("P", frame.P),
        quote_quantity=amount("Q", frame.Q),
        time_in_force=tif_of(frame.f),
        post_only=post_only,
        list_id=list_name(frame.g),
    )
    reason = "" if frame.r == "NONE" else frame.r
    return OrderReport(
        order_id=str(frame.i),
        spec=spec,
        status=status_of(frame.X, kind, frame.w, filled),
        filled=filled,
        filled_quote=max(ZERO, amount("Z", frame.Z, signed=True)),
        at_ms=frame.T or frame.E,
        fill=_fill_of(frame, spec, filled) if frame.x == "TRADE" else None,
        reject_code=reason or ("" if frame.eR is None else str(frame.eR)),
        reject_reason=reason,
    )


def _fill_of(frame: ExecutionFrame, spec: OrderSpec, filled: Decimal) -> Fill:
    quantity, price = amount("l", frame.l), amount("L", frame.L)
    if not quantity or not price or frame.t < 0 or quantity > filled:
        raise Unreadable(f"trade {frame.t} of order {frame.i}: {quantity} at {price}, {filled} filled in all")
    return Fill(
        trade_id=str(frame.t),
        order_id=str(frame.i),
        client_id=spec.client_id,
        symbol=spec.symbol,
        side=spec.side,
        price=price,
        quantity=quantity,
        cumulative=filled,
        fee=amount("n", frame.n, signed=True) if frame.n else ZERO,
        fee_asset=frame.N or "",
        maker=frame.m,
        at_ms=frame.T or frame.E,
    )


def balances_of_frame(frame: AccountFrame) -> dict[str, VenueBalance]:
    """Absolute balances of the assets named. Raises `Unreadable`."""
    return {row.a: VenueBalance(amount("f", row.f), amount("l", row.l)) for row in frame.B}
