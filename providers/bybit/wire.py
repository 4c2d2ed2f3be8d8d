"""Bybit v5 public frames and REST bodies as typed structs, decoded straight to floats.

Bounds live in the types, so that NaN, infinities, negatives and absurd numbers fail inside the decoder. Every decoding
call may raise one of `DECODE_ERRORS` and nothing else; the caller counts and drops. Unknown keys are ignored.
Source: the venue's v5 documentation of 2026-07 and captured frames of 2023 to 2026.
"""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from core.market.quality import EARLIEST_MS, MAX_PRICE, MAX_SIZE

DECODE_ERRORS: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""What hostile bytes can raise: malformed or mistyped JSON, absurd nesting, broken UTF-8."""

INTERVALS: Final[dict[str, str]] = {
    "1m": "1",
    "3m": "3",
    "5m": "5",
    "15m": "15",
    "30m": "30",
    "1h": "60",
    "2h": "120",
    "4h": "240",
    "6h": "360",
    "12h": "720",
    "1d": "D",
}
"""Our timeframe names and the venue's interval words."""

LATEST_MS = 4_102_444_800_000  # 2100-01-01 UTC

Price = Annotated[float, Meta(gt=0, lt=MAX_PRICE)]
Size = Annotated[float, Meta(ge=0, lt=MAX_SIZE)]
PositiveSize = Annotated[float, Meta(gt=0, lt=MAX_SIZE)]
TimeMs = Annotated[int, Meta(ge=EARLIEST_MS, lt=LATEST_MS)]
Sequence = Annotated[int, Meta(ge=0, lt=2**62)]
Levels = Annotated[list[tuple[Price, Size]], Meta(max_length=5000)]


class Envelope(Struct, gc=False):
    """Any frame: data of a topic, or the answer to one of our requests (`op` is set)."""

    topic: str = ""
    type: str = ""
    ts: Annotated[int, Meta(ge=0, lt=LATEST_MS)] = 0
    data: msgspec.Raw = msgspec.Raw(b"null")
    op: str = ""
    success: bool | None = None
    ret_msg: str = ""
    req_id: str | int = ""

    @property
    def is_pong(self) -> bool:
        """Spot answers `op: ping`, `ret_msg: pong`; private sockets answer `op: pong`."""
        return self.ret_msg == "pong" or self.op == "pong"


class BookData(Struct, gc=False):
    """One snapshot or delta of an `orderbook` topic. Sizes are absolute, 0 removes."""

    s: str
    b: Levels
    a: Levels
    u: Sequence


class TradeData(Struct, gc=False):
    """One public trade; `S` is the taker's side."""

    T: TimeMs
    s: str
    S: Literal["Buy", "Sell"]
    v: PositiveSize
    p: Price
    i: str | int


class KlineData(Struct, gc=False):
    """One candle of a `kline` topic; `confirm` marks the closed one."""

    start: TimeMs
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    turnover: Size
    confirm: bool
    timestamp: TimeMs


class TickerData(Struct, gc=False):
    """The perpetual part of a `tickers` topic, as text: a delta leaves out what did not change, some values are empty."""

    symbol: str
    markPrice: str = ""
    indexPrice: str = ""
    fundingRate: str = ""
    nextFundingTime: str = ""
    openInterest: str = ""


class Reply(Struct, gc=False):
    """A REST body. Business errors come with HTTP 200 and a `retCode` other than 0."""

    retCode: int
    retMsg: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")
    time: int = 0


class Page(Struct):
    """A list answer; items are decoded one by one, so that one bad item costs only itself."""

    items: list[msgspec.Raw] = msgspec.field(name="list")
    nextPageCursor: str | None = None


class ServerTime(Struct, gc=False):
    """`/v5/market/time`."""

    timeNano: Annotated[int, Meta(ge=EARLIEST_MS * 1_000_000)]


class TickerRow(Struct, gc=False):
    """24 h statistics; `price24hPcnt` is a fraction."""

    symbol: str
    lastPrice: Price
    price24hPcnt: Annotated[float, Meta(gt=-1, lt=1e6)]
    turnover24h: Size
    highPrice24h: Price
    lowPrice24h: Price


class QuoteRow(Struct, gc=False):
    """Best prices of the REST ticker."""

    symbol: str
    bid1Price: Price
    bid1Size: PositiveSize
    ask1Price: Price
    ask1Size: PositiveSize


class RestTrade(Struct, gc=False):
    """One row of `/v5/market/recent-trade`."""

    execId: str
    symbol: str
    price: Price
    size: PositiveSize
    side: Literal["Buy", "Sell"]
    time: TimeMs


class RestBook(Struct, gc=False):
    """`/v5/market/orderbook`."""

    s: str
    b: Levels
    a: Levels
    ts: TimeMs
    u: Sequence


CandleRow = tuple[TimeMs, Price, Price, Price, Price, Size, Size]
"""Start, open, high, low, close, volume, turnover."""

envelopes = msgspec.json.Decoder(Envelope)
books = msgspec.json.Decoder(BookData, strict=False)
trades = msgspec.json.Decoder(list[TradeData], strict=False)
klines = msgspec.json.Decoder(list[KlineData], strict=False)
tickers = msgspec.json.Decoder(TickerData)
replies = msgspec.json.Decoder(Reply, strict=False)
pages = msgspec.json.Decoder(Page)
server_times = msgspec.json.Decoder(ServerTime, strict=False)
candle_rows = msgspec.json.Decoder(CandleRow, strict=False)
ticker_rows = msgspec.json.Decoder(TickerRow, strict=False)
quote_rows = msgspec.json.Decoder(QuoteRow, strict=False)
rest_trades = msgspec.json.Decoder(RestTrade, strict=False)
rest_books = msgspec.json.Decoder(RestBook, strict=False)


class Perpetual:
    """Merged state of one perpetual's ticker: a snapshot starts it, deltas change single values."""

    __slots__ = ("funding_rate", "index", "mark", "next_funding_ms", "open_interest", "started")

    def __init__(self) -> None:
        self.started = False
        self.mark = self.index = self.funding_rate = self.open_interest = math.nan
        self.next_funding_ms = 0

    def merge(self, data: TickerData, snapshot: bool) -> bool:
        """Take the values present; True when one of them changed. Raises `ValueError` on an absurd value.

        All or nothing: a frame with one absurd value changes no other. A delta before the first snapshot is ignored.
        """
        if not (snapshot or self.started):
            return False
        before = (self.mark, self.index, self.funding_rate, self.next_funding_ms, self.open_interest)
        keep = (math.nan, math.nan, math.nan, 0, math.nan) if snapshot else before
        after = (
            _number(data.markPrice, keep[0], 0.0, MAX_PRICE),
            _number(data.indexPrice, keep[1], 0.0, MAX_PRICE),
            _number(data.fundingRate, keep[2], -1.0, 1.0),
            int(_number(data.nextFundingTime, keep[3], -1.0, LATEST_MS)),
            _number(data.openInterest, keep[4], -1.0, MAX_SIZE),
        )
        self.mark, self.index, self.funding_rate, self.next_funding_ms, self.open_interest = after
        self.started = True
        return snapshot or after != before


def _number(text: str, absent: float, above: float, below: float) -> float:
    """`text` as a finite float inside the open range; `absent` for the empty text."""
    if not text:
        return absent
    value = float(text)
    if not above < value < below:
        raise ValueError(f"value {text!r} is outside {above:g} to {below:g}")
    return value


def subscription(op: str, topics: tuple[str, ...] | list[str], request_id: str) -> str:
    """A subscribe or unsubscribe request."""
    return msgspec.json.encode({"req_id": request_id, "op": op, "args": topics}).decode()


PING = '{"req_id":"ping","op":"ping"}'
