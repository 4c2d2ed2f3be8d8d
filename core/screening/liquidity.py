"""Spread and depth of a market against their own medians, and which side of the book is heavier (methods sheet 4.2).

Quotes come thousands of times a second, so one of every few seconds is sampled and the others cost a comparison.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median

from msgspec import Struct

from core.messages import Quote

SAMPLE_MS = 5_000
SAMPLES = 720
"""An hour of samples: what is usual for this market at this time of the day."""
ENOUGH = 60
"""Fewer samples make no median: five minutes."""
STALE_MS = 60_000
"""A quote older than this says nothing about the book now."""
IMBALANCE_SHARE = 0.2
"""Share of a new sample in the smoothed imbalance: about half a minute of memory."""


class Liquidity(Struct, frozen=True, kw_only=True):
    """The top of the book now and usually. `spread` is a share of the price, `depth` the quote value of both best sizes.

    `imbalance` is (bid - ask) / (bid + ask) of the best sizes, smoothed, in [-1, 1]. NaN: not known.
    """

    spread: float = math.nan
    spread_median: float = math.nan
    depth: float = math.nan
    depth_median: float = math.nan
    imbalance: float = math.nan


NOT_KNOWN = Liquidity()


class LiquidityMeter:
    """One symbol's book, sampled from its quotes."""

    __slots__ = ("_depths", "_imbalance", "_spreads", "_taken_ms", "next_ms")

    def __init__(self) -> None:
        self.next_ms = 0
        """When the next sample is due: quotes received before need not be handed over."""
        self._taken_ms = 0
        self._imbalance = math.nan
        self._spreads: deque[float] = deque(maxlen=SAMPLES)
        self._depths: deque[float] = deque(maxlen=SAMPLES)

    def sample(self, quote: Quote) -> None:
        """A quote received at `next_ms` or later. A crossed or empty one is no sample."""
        middle, sizes = 0.5 * (quote.bid + quote.ask), quote.bid_size + quote.ask_size
        if not (0.0 < quote.bid < quote.ask < math.inf and 0.0 < sizes < math.inf):
            return
        self.next_ms = quote.received_ms + SAMPLE_MS
        heavier = (quote.bid_size - quote.ask_size) / sizes
        known = not math.isnan(self._imbalance) and quote.received_ms - self._taken_ms <= STALE_MS
        self._imbalance = self._imbalance + IMBALANCE_SHARE * (heavier - self._imbalance) if known else heavier
        self._taken_ms = quote.received_ms
        self._spreads.append((quote.ask - quote.bid) / middle)
        self._depths.append(quote.bid * quote.bid_size + quote.ask * quote.ask_size)

    def read(self, now_ms: int) -> Liquidity:
        """What is known at this moment: medians once there are enough samples, nothing of a book that went silent."""
        if not self._spreads or now_ms - self._taken_ms > STALE_MS:
            return NOT_KNOWN
        enough = len(self._spreads) >= ENOUGH
        return Liquidity(
            spread=self._spreads[-1],
            spread_median=median(self._spreads) if enough else math.nan,
            depth=self._depths[-1],
            depth_median=median(self._depths) if enough else math.nan,
            imbalance=self._imbalance,
        )
