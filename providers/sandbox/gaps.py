"""Price gaps on command: a symbol's whole market moved by the same number of ticks, in its books, quotes, trades and marks.

A shift keeps levels apart, where a factor would merge them. The change from one place to the other travels in the next
depth event, so whoever follows the stream ends up with the same book as whoever asks for a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from providers.sandbox.model import (
    BookSnapshot,
    SandboxDepth,
    SandboxEvent,
    SandboxMark,
    SandboxMarket,
    SandboxQuote,
    SandboxTrade,
)

Levels = tuple[tuple[int, int], ...]


class PriceGaps:
    """The gaps of one market. Closed candles and 24 h statistics stay as they were."""

    def __init__(self, market: SandboxMarket) -> None:
        self._market = market
        self._ticks: dict[str, int] = {}
        self._until_ms: dict[str, int] = {}
        self._moving: dict[str, tuple[list[BookSnapshot], BookSnapshot]] = {}
        """What has been shown since the stream was last told where the prices are, and the market's own book."""

    def __bool__(self) -> bool:
        return bool(self._ticks or self._moving)

    def ticks(self, symbol: str) -> int:
        """By how many ticks the symbol's prices are moved now."""
        return self._ticks.get(symbol, 0)

    def open(self, symbol: str, factor: float, until_ms: int) -> None:
        """Move prices to about `factor` of the best bid's. Raises `ValueError` for an empty book."""
        book = self._market.book(symbol)
        if not book.bids or not book.asks:
            raise ValueError(f"the book of {symbol} has an empty side; a gap needs prices to start from")
        self._move(symbol, round(book.bids[0][0] * (factor - 1)))
        self._until_ms[symbol] = until_ms

    def expire(self, now_ms: int) -> list[str]:
        """End what is over; the symbols whose prices are back."""
        ended = [symbol for symbol, until_ms in self._until_ms.items() if now_ms >= until_ms]
        for symbol in ended:
            self.end(symbol)
        return ended

    def end(self, symbol: str) -> None:
        """Move a symbol's prices back."""
        if self._until_ms.pop(symbol, None) is not None:
            self._move(symbol, 0)

    def symbols(self) -> list[str]:
        """The symbols with a gap in force."""
        return list(self._until_ms)

    def book(self, symbol: str) -> BookSnapshot:
        """The book as the streams have told it, or are about to."""
        return _moved(self._market.book(symbol), self.ticks(symbol))

    def alter(self, events: Iterable[SandboxEvent]) -> Iterator[SandboxEvent]:
        """The events with their prices moved."""
        for event in events:
            ticks = self._ticks.get(event.symbol, 0)
            if isinstance(event, SandboxDepth):
                yield self._depth(event, ticks)
            elif not ticks:
                yield event
            elif isinstance(event, SandboxQuote):
                yield replace(event, bid_ticks=event.bid_ticks + ticks, ask_ticks=event.ask_ticks + ticks)
            elif isinstance(event, SandboxTrade):
                yield replace(event, price_ticks=event.price_ticks + ticks)
            else:
                yield moved_mark(event, ticks)

    def _move(self, symbol: str, ticks: int) -> None:
        true = self._market.book(symbol)
        shown = self._moving[symbol][0] if symbol in self._moving else []
        shown.append(_moved(true, self.ticks(symbol)))
        self._ticks[symbol] = ticks
        if not ticks:
            del self._ticks[symbol]
        self._moving[symbol] = (shown, true)

    def _depth(self, event: SandboxDepth, ticks: int) -> SandboxDepth:
        moving = self._moving.pop(event.symbol, None)
        if moving is None and not ticks:
            return event
        bids, asks = _shift(event.bids, ticks), _shift(event.asks, ticks)
        if moving is not None:
            shown, true = moving
            bids = _replacing([book.bids for book in shown], _shift(true.bids, ticks), bids)
            asks = _replacing([book.asks for book in shown], _shift(true.asks, ticks), asks)
        return replace(event, bids=bids, asks=asks)


def moved_mark(mark: SandboxMark, ticks: int) -> SandboxMark:
    """A mark with its prices moved."""
    return replace(mark, mark_ticks=mark.mark_ticks + ticks, index_ticks=mark.index_ticks + ticks)


def _moved(book: BookSnapshot, ticks: int) -> BookSnapshot:
    return replace(book, bids=_shift(book.bids, ticks), asks=_shift(book.asks, ticks)) if ticks else book


def _shift(levels: Levels, ticks: int) -> Levels:
    return tuple((price + ticks, lots) for price, lots in levels if price + ticks > 0)


def _replacing(old: list[Levels], new: Levels, changes: Levels) -> Levels:
    """Changes that turn whichever of `old` somebody has into `new` with `changes` on top."""
    gone = {price: 0 for levels in old for price, _ in levels}
    return tuple((gone | dict(new) | dict(changes)).items())
