"""Local order book of one symbol: a dict per side plus a short sorted window of its best prices.

Most diffs change sizes or far levels and never touch the window, so an update costs a dict store and one comparison; the
best price and a ladder are read from the window without sorting the book. Measured against sorted containers, bisect key
lists and numpy merges on a recorded stream (`make bench` repeats it).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from heapq import nlargest, nsmallest

Level = tuple[float, float]

_WINDOW = 32
"""Prices put into a refilled window; it may grow to four times that before it is cut back."""


class OrderBook:
    """Bids and asks as price -> size. Prices and sizes are finite floats above 0: the decoder has checked them.

    Correct after every message, whatever the order of changes inside it. Memory is bounded: a side that outgrows
    `max_levels` drops its farthest fifth. A dropped level is unknown until the venue mentions it again, exactly like the
    levels beyond a snapshot's depth.
    """

    __slots__ = (
        "_ask_ceiling",
        "_ask_top",
        "_asks",
        "_bid_floor",
        "_bid_top",
        "_bids",
        "max_levels",
    )

    def __init__(self, max_levels: int = 5000) -> None:
        if max_levels < 8 * _WINDOW:
            raise ValueError(f"max_levels {max_levels} must be at least {8 * _WINDOW}")
        self.max_levels = max_levels
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        # Invariant: `_bid_top` holds, sorted upward, every bid at or above `_bid_floor`; asks mirrored.
        self._bid_top: list[float] = []
        self._ask_top: list[float] = []
        self._bid_floor = float("-inf")
        self._ask_ceiling = float("inf")

    def __len__(self) -> int:
        """Levels of both sides."""
        return len(self._bids) + len(self._asks)

    def clear(self) -> None:
        """Forget everything."""
        self.replace((), ())

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Start over from a snapshot of (price, size); levels of size 0 are left out."""
        self._bids = {price: size for price, size in bids if size}
        self._asks = {price: size for price, size in asks if size}
        self._settle_bids(_WINDOW)
        self._settle_asks(_WINDOW)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Apply one diff of absolute sizes; size 0 removes a level, unknown or not."""
        book, top, floor = self._bids, self._bid_top, self._bid_floor
        for price, size in bids:
            if price < floor:
                if size:
                    book[price] = size
                else:
                    book.pop(price, None)
            elif size:
                if price not in book:
                    insort(top, price)
                book[price] = size
            elif price in book:
                del book[price]
                del top[bisect_left(top, price)]
        if not top or len(top) > 4 * _WINDOW or len(book) > self.max_levels:
            self._settle_bids(_WINDOW)

        book, top, ceiling = self._asks, self._ask_top, self._ask_ceiling
        for price, size in asks:
            if price > ceiling:
                if size:
                    book[price] = size
                else:
                    book.pop(price, None)
            elif size:
                if price not in book:
                    insort(top, price)
                book[price] = size
            elif price in book:
                del book[price]
                del top[bisect_left(top, price)]
        if not top or len(top) > 4 * _WINDOW or len(book) > self.max_levels:
            self._settle_asks(_WINDOW)

    def best_bid(self) -> Level | None:
        """Highest bid as (price, size), or None on an empty side."""
        top = self._bid_top
        if not top:
            return None
        price = top[-1]
        return price, self._bids[price]

    def best_ask(self) -> Level | None:
        """Lowest ask as (price, size), or None on an empty side."""
        top = self._ask_top
        if not top:
            return None
        price = top[0]
        return price, self._asks[price]

    @property
    def is_crossed(self) -> bool:
        """The best bid is at or above the best ask: such a book is wrong and must be fetched anew."""
        return bool(self._bid_top and self._ask_top) and self._bid_top[-1] >= self._ask_top[0]

    def ladder(self, n: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """The `n` best levels of (bids, asks), best first; fewer when the side is shorter."""
        bids, asks = self._bids, self._asks
        if len(self._bid_top) < n and len(self._bid_top) < len(bids):
            self._settle_bids(max(_WINDOW, 2 * n))
        if len(self._ask_top) < n and len(self._ask_top) < len(asks):
            self._settle_asks(max(_WINDOW, 2 * n))
        return (
            tuple([(price, bids[price]) for price in self._bid_top[: -n - 1 : -1]]),
            tuple([(price, asks[price]) for price in self._ask_top[:n]]),
        )

    def _settle_bids(self, size: int) -> None:
        """Prune a side that is too long and take the `size` best prices into the window."""
        if len(self._bids) > self.max_levels:
            self._bids = {price: self._bids[price] for price in nlargest(self.max_levels * 4 // 5, self._bids)}
        self._bid_top = nlargest(size, self._bids)[::-1]
        covers_all = len(self._bid_top) == len(self._bids)
        self._bid_floor = float("-inf") if covers_all else self._bid_top[0]

    def _settle_asks(self, size: int) -> None:
        if len(self._asks) > self.max_levels:
            self._asks = {price: self._asks[price] for price in nsmallest(self.max_levels * 4 // 5, self._asks)}
        self._ask_top = nsmallest(size, self._asks)
        covers_all = len(self._ask_top) == len(self._asks)
        self._ask_ceiling = float("inf") if covers_all else self._ask_top[-1]
