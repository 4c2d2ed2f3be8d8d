"""Data-quality checks of market data: what fails here is counted and never reaches an indicator.

Every check is a chain of comparisons, so NaN, infinities and negatives fail without a separate test. The upper bounds
are far above any real market and far below where float64 arithmetic overflows.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from core.venue import CandleBlock

MAX_PRICE = 1e12
MAX_SIZE = 1e18
"""Largest believable size, volume or quote volume. Micro-priced coins trade about 1e15 units a day."""

EARLIEST_MS = 1_262_304_000_000
"""2010-01-01 UTC: no market data of these venues is older."""


def sane_quote(bid: float, bid_size: float, ask: float, ask_size: float) -> bool:
    """Both sides present, finite, with size above zero, and not crossed or locked."""
    return 0.0 < bid < ask < MAX_PRICE and 0.0 < bid_size < MAX_SIZE and 0.0 < ask_size < MAX_SIZE


def sane_trade(price: float, size: float) -> bool:
    """Finite price and size above zero."""
    return 0.0 < price < MAX_PRICE and 0.0 < size < MAX_SIZE


def sane_candle(open_: float, high: float, low: float, close: float, volume: float, quote_volume: float = 0.0) -> bool:
    """Finite prices above zero, high and low enclosing open and close, volumes at or above zero."""
    return (
        0.0 < low <= open_ <= high < MAX_PRICE
        and low <= close <= high
        and 0.0 <= volume < MAX_SIZE
        and 0.0 <= quote_volume < MAX_SIZE
    )


def sane_time(event_ms: int, now_ms: int, *, ahead_ms: int = 300_000) -> bool:
    """Not before 2010 and not further ahead of the venue's clock than `ahead_ms`."""
    return EARLIEST_MS <= event_ms <= now_ms + ahead_ms


def sane_block(block: CandleBlock, interval_ms: int) -> tuple[CandleBlock, int]:
    """A candle block as the contract wants it, and how many rows were dropped for not being so.

    Kept rows are sane candles, aligned to the interval, strictly rising; of two with one open time the later wins.
    """
    if not len(block):
        return block, 0
    opens, low, high = block[:, 0], block[:, 3], block[:, 2]
    sane = (
        (opens >= EARLIEST_MS)
        & (opens % interval_ms == 0)
        & (low > 0.0)
        & (high < MAX_PRICE)
        & (low <= block[:, 1])
        & (block[:, 1] <= high)
        & (low <= block[:, 4])
        & (block[:, 4] <= high)
        & (block[:, 5] >= 0.0)
        & (block[:, 5] < MAX_SIZE)
    )
    kept = block if sane.all() else block[sane]
    if np.any(np.diff(kept[:, 0]) <= 0):
        newest_first = kept[::-1]
        _, places = np.unique(newest_first[:, 0], return_index=True)
        kept = newest_first[places]
    return kept, len(block) - len(kept)


class RejectCounter:
    """How much was dropped, by reason."""

    __slots__ = ("by_reason",)

    def __init__(self) -> None:
        self.by_reason: Counter[str] = Counter()

    def count(self, reason: str) -> None:
        self.by_reason[reason] += 1

    @property
    def total(self) -> int:
        return self.by_reason.total()


class JumpGuard:
    """Refuses a price more than `factor` times away from the accepted one, unless it stays there.

    A single wrong print (a 10x spike) is dropped; a real move (a redenomination, a crash while we were away) is believed
    after `persist` observations in a row that agree with each other within the same factor. `persist` counts the one
    that is accepted. Rejections are counted by reason, `spike up` or `spike down`.
    """

    __slots__ = ("_accepted", "_suspects", "factor", "persist", "rejected")

    def __init__(self, factor: float = 5.0, persist: int = 4) -> None:
        if factor <= 1 or persist < 2:
            raise ValueError(f"jump guard needs factor above 1 and persist of 2 or more, not {factor} and {persist}")
        self.factor = factor
        self.persist = persist
        self.rejected = RejectCounter()
        self._accepted: dict[str, float] = {}
        self._suspects: dict[str, tuple[float, int]] = {}

    def accept(self, symbol: str, price: float) -> bool:
        """True when `price` (finite, above 0) may pass; it then is the new reference of `symbol`."""
        reference = self._accepted.get(symbol)
        if reference is None or reference / self.factor <= price <= reference * self.factor:
            self._accepted[symbol] = price
            if self._suspects:
                self._suspects.pop(symbol, None)
            return True
        suspect, seen = self._suspects.get(symbol, (price, 0))
        seen = seen + 1 if suspect / self.factor <= price <= suspect * self.factor else 1
        if seen >= self.persist:
            self._accepted[symbol] = price
            del self._suspects[symbol]
            return True
        self._suspects[symbol] = (price, seen)
        self.rejected.count("spike up" if price > reference else "spike down")
        return False

    def trust(self, symbol: str, price: float) -> None:
        """Set the reference from a trusted source, such as closed candles by REST."""
        self._accepted[symbol] = price
        self._suspects.pop(symbol, None)

    def forget(self, symbol: str) -> None:
        """The symbol is no longer watched."""
        self._accepted.pop(symbol, None)
        self._suspects.pop(symbol, None)
