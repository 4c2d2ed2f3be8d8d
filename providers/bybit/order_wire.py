"""Bybit v5 orders, executions and account as the wire has them: rows of REST answers and of the private topics.

Every number is text on the wire and is read as an exact `Decimal` by `amount`, which refuses what no venue can mean. A
decoding or reading call raises one of `ROW_ERRORS` and nothing else. Unknown keys are ignored, missing ones stay empty
where the venue leaves them out. Source: the venue's v5 documentation of 2026-07 and captured frames (exchanges.md B2, B8).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from core.market.quality import EARLIEST_MS, MAX_SIZE
from core.trading.order import ZERO
from providers.bybit.wire import DECODE_ERRORS, LATEST_MS

ROW_ERRORS: Final = (*DECODE_ERRORS, ValueError)
"""What a hostile row can raise: see `DECODE_ERRORS`, and a number that cannot be one."""

MAX_AMOUNT: Final = Decimal(str(MAX_SIZE))
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", re.ASCII)

Text = Annotated[str, Meta(max_length=200)]
Told = Text | None
"""Text the venue may leave out or send as null."""

OrderId = Annotated[str, Meta(min_length=1, max_length=100)]
SideWord = Literal["Buy", "Sell"]
OrderTypeWord = Literal["Market", "Limit"]


class PrivateEnvelope(Struct):
    """A frame of the private socket: rows of a topic, or the answer to one of our requests (`op` is set)."""

    topic: Text = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    op: Text = ""
    success: bool | None = None
    ret_msg: str = ""
    req_id: str | int = ""


class OrderRow(Struct):
    """One order, of `order` frames, `/v5/order/realtime` and `/v5/order/history`.

    `qty` of a spot market order is in the quote currency unless `marketUnit` is baseCoin; buys without the word are too.
    """

    orderId: OrderId
    symbol: Text
    side: SideWord
    orderType: OrderTypeWord
    orderStatus: Text
    qty: Text
    cumExecQty: Text
    category: Told = ""
    orderLinkId: Told = ""
    price: Told = ""
    cumExecValue: Told = ""
    timeInForce: Told = ""
    reduceOnly: bool = False
    marketUnit: Told = ""
    stopOrderType: Told = ""
    triggerPrice: Told = ""
    triggerDirection: str | int | None = 0
    triggerBy: Told = ""
    lastPriceOnCreated: Told = ""
    takeProfit: Told = ""
    stopLoss: Told = ""
    parentOrderLinkId: Told = ""
    rejectReason: Told = ""
    cancelType: Told = ""
    createdTime: Told = ""
    updatedTime: Told = ""


class OrderName(Struct):
    """Which order a row is about, where no more of it can be read."""

    orderId: OrderId
    orderLinkId: Text = ""


class ExecutionRow(Struct):
    """One execution, of `execution` frames and `/v5/execution/list`. `execType` Funding and Settle move no coins of ours."""

    execId: OrderId
    execType: Text
    orderId: Text
    symbol: Text
    side: Text
    execPrice: Text
    execQty: Text
    execTime: Text
    category: Told = ""
    orderLinkId: Told = ""
    orderType: Told = ""
    orderPrice: Told = ""
    orderQty: Told = ""
    stopOrderType: Told = ""
    execFee: Told = ""
    feeCurrency: Told = ""
    isMaker: bool = False


class PositionRow(Struct):
    """One perpetual position (or one of its sides in hedge mode). REST says `avgPrice`, the stream `entryPrice`."""

    symbol: Annotated[str, Meta(min_length=1, max_length=100)]
    side: Literal["", "None", "Buy", "Sell"] | None
    size: Text
    positionIdx: Annotated[int, Meta(ge=0, le=2)]
    category: Told = ""
    avgPrice: Told = ""
    entryPrice: Told = ""
    markPrice: Told = ""
    liqPrice: Told = ""
    leverage: Told = ""
    positionBalance: Told = ""
    positionIM: Told = ""


class CoinRow(Struct):
    """One coin of the unified wallet. `walletBalance` is everything owned, negative when borrowed."""

    coin: Annotated[str, Meta(min_length=1, max_length=40)]
    walletBalance: Text
    locked: Told = ""
    totalOrderIM: Told = ""
    totalPositionIM: Told = ""


class WalletRow(Struct):
    """One account of `wallet` frames and `/v5/account/wallet-balance`."""

    coin: list[msgspec.Raw]
    accountType: Text = "UNIFIED"


class PlacedResult(Struct):
    """The whole answer to create, amend and cancel: an acknowledgement, and never a state."""

    orderId: Text = ""
    orderLinkId: Text = ""


class Permissions(Struct):
    """What a key may do, by part of the account."""

    ContractTrade: tuple[str, ...] = ()
    Spot: tuple[str, ...] = ()
    Wallet: tuple[str, ...] = ()
    Derivatives: tuple[str, ...] = ()


class KeyResult(Struct):
    """`/v5/user/query-api`."""

    readOnly: int
    permissions: Permissions


class AccountResult(Struct):
    """`/v5/account/info`."""

    marginMode: Text


class FeeRow(Struct):
    """`/v5/account/fee-rate`: one symbol."""

    takerFeeRate: Text
    makerFeeRate: Text


private_envelopes = msgspec.json.Decoder(PrivateEnvelope)
raw_rows = msgspec.json.Decoder(list[msgspec.Raw])
order_rows = msgspec.json.Decoder(OrderRow, strict=False)
order_names = msgspec.json.Decoder(OrderName)
execution_rows = msgspec.json.Decoder(ExecutionRow, strict=False)
position_rows = msgspec.json.Decoder(PositionRow, strict=False)
wallet_rows = msgspec.json.Decoder(WalletRow)
coin_rows = msgspec.json.Decoder(CoinRow)
placed_results = msgspec.json.Decoder(PlacedResult)
key_results = msgspec.json.Decoder(KeyResult, strict=False)
account_results = msgspec.json.Decoder(AccountResult)
fee_rows = msgspec.json.Decoder(FeeRow)


def amount(text: Told, name: str) -> Decimal:
    """A number at or above 0; the empty text is 0. Raises `ValueError` naming field and value."""
    value = signed(text, name)
    if value < ZERO:
        raise ValueError(f"{name} {value} is below 0")
    return value


def positive(text: Told, name: str) -> Decimal:
    """A number above 0. Raises `ValueError`."""
    value = amount(text, name)
    if value == ZERO:
        raise ValueError(f"{name} {value} is not above 0")
    return value


def signed(text: Told, name: str) -> Decimal:
    """A number of either sign and a believable size; the empty text is 0. Raises `ValueError`."""
    if not text:
        return ZERO
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{name} {text[:40]!r} is no number")
    value = Decimal(text)
    if not -MAX_AMOUNT < value < MAX_AMOUNT:
        raise ValueError(f"{name} {text[:40]!r} is beyond {MAX_AMOUNT}")
    return value


def time_ms(text: Told, name: str) -> int:
    """A venue time in Unix ms. Raises `ValueError`."""
    text = text or ""
    if not (text.isascii() and text.isdecimal() and len(text) <= 13 and EARLIEST_MS <= int(text) < LATEST_MS):
        raise ValueError(f"{name} {text[:40]!r} is no time in milliseconds")
    return int(text)
