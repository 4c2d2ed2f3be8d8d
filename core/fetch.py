"""The work behind `tradetui fetch`: brings history of named symbols to disk, page by page, and resumes where it ended."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncIterator, Sequence

import msgspec

from core.clock import Clock
from core.history import CandleStore, SeriesKey, series_key
from core.market.backfill import CHUNK, fill_chunk
from core.venue import TIMEFRAME_MS, MarketProvider, Rejected, Retryable

_TRIES = 5
_WAIT_CAP_S = 120.0


class FetchError(Exception):
    """The request itself cannot be served: unknown symbol or timeframe, no days. The text says what would be right."""


class FetchProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Where one symbol stands. `wanted` counts bars of the wished range; `absent` those the venue does not have.

    `note` says in words why it waits or what failed; `finished` ends a symbol, with `failed` when not all came.
    """

    symbol: str
    timeframe: str
    wanted: int
    stored: int
    absent: int
    finished: bool
    failed: bool = False
    note: str = ""


async def fetch(
    provider: MarketProvider,
    store: CandleStore,
    clock: Clock,
    symbols: Sequence[str],
    timeframe: str,
    days: float,
) -> AsyncIterator[FetchProgress]:
    """Fill the store with the last `days` of each symbol, yielding progress after every page.

    Only what is missing is asked for. Trouble that may pass is waited out a few times, then that symbol fails and the
    next begins. Raises `FetchError` before anything is asked, `VenueError` when the venue does not answer at all, and
    `StoreError` when the disk refuses.
    """
    if timeframe not in TIMEFRAME_MS:
        raise FetchError(f"timeframe {timeframe!r} is not one of {', '.join(TIMEFRAME_MS)}")
    if not 0 < days <= 3650:
        raise FetchError(f"days {days:g} must be above 0 and at most 3650")
    if not symbols:
        raise FetchError("name at least one symbol, for example BTCUSDT")
    known = {instrument.symbol for instrument in await provider.instruments()}
    unknown = [symbol for symbol in symbols if symbol not in known]
    if unknown:
        raise FetchError(
            f"{', '.join(unknown)}: not listed at {provider.venue} {provider.category}{_nearest(unknown[0], known)}"
        )
    interval_ms = TIMEFRAME_MS[timeframe]
    until_ms = provider.venue_now_ms() // interval_ms * interval_ms - interval_ms  # the last one may still be settling
    from_ms = until_ms - max(1, int(days * TIMEFRAME_MS["1d"] / interval_ms)) * interval_ms
    for symbol in dict.fromkeys(symbols):
        key = series_key(provider, symbol, timeframe)
        await store.hold(key, (until_ms - from_ms) // interval_ms + CHUNK)
        async for progress in _fetch_one(provider, store, clock, key, from_ms, until_ms):
            yield progress


async def _fetch_one(
    provider: MarketProvider, store: CandleStore, clock: Clock, key: SeriesKey, from_ms: int, until_ms: int
) -> AsyncIterator[FetchProgress]:
    tries = 0
    while True:
        try:
            chunk = await fill_chunk(provider, store, key, from_ms, until_ms, background=False)
        except Retryable as error:
            tries += 1
            if tries >= _TRIES:
                yield await _progress(store, key, from_ms, until_ms, finished=True, failed=True, note=str(error))
                return
            wait = max(error.retry_in_s, min(_WAIT_CAP_S, 2.0**tries))
            note = f"{error}; trying again in {wait:.0f} s"
            yield await _progress(store, key, from_ms, until_ms, finished=False, note=note)
            await clock.sleep(wait)
            continue
        except Rejected as error:
            yield await _progress(store, key, from_ms, until_ms, finished=True, failed=True, note=str(error))
            return
        tries = 0
        yield await _progress(store, key, from_ms, until_ms, finished=chunk.complete)
        if chunk.complete:
            return
        await asyncio.sleep(0)


async def _progress(
    store: CandleStore,
    key: SeriesKey,
    from_ms: int,
    until_ms: int,
    *,
    finished: bool,
    failed: bool = False,
    note: str = "",
) -> FetchProgress:
    interval_ms = TIMEFRAME_MS[key.timeframe]
    wanted = (until_ms - from_ms) // interval_ms
    stored = await store.count(key, from_ms, until_ms)
    missing = sum((end - start) // interval_ms for start, end in await store.gaps(key, from_ms, until_ms))
    return FetchProgress(
        symbol=key.symbol,
        timeframe=key.timeframe,
        wanted=wanted,
        stored=stored,
        absent=max(0, wanted - stored - missing),
        finished=finished,
        failed=failed,
        note=note,
    )


def _nearest(symbol: str, known: set[str]) -> str:
    close = difflib.get_close_matches(symbol.upper(), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
