"""A recorded market for the sandbox: raw streams or one-minute candles from files, moved to the clock's present.

Candle files keep their bars and get made-up trades and books; raw streams keep every message and have no older history.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from core.clock import Clock
from providers.sandbox.market_candles import CandleSource, load_candles
from providers.sandbox.market_minutes import MinuteMarket
from providers.sandbox.market_raw import RawMarket
from providers.sandbox.market_raw_load import first_minute_ms, load_recording
from providers.sandbox.market_stream import StreamRates
from providers.sandbox.model import BookSnapshot, SandboxEvent, SandboxListing, SandboxMark, SandboxMarket, SandboxTrade
from providers.sandbox.paths import DAY_MS, MINUTE_MS

LOOPED_HISTORY_MS = 400 * DAY_MS
"""How far back a looped candle recording reaches."""


class PlaybackMarket:
    """Plays `path`: a `*.gz` raw stream, a `SYMBOL_1m.parquet` file, or a folder of one kind.

    `speed` compresses a raw stream (2: twice as fast); candles play at 1, since a minute is a minute on the wire (use
    the clock's rate instead). `loop` repeats the recording; `history` is the share of a candle recording that lies
    before now; looped, history reaches back 400 days. Raises `FileNotFoundError` and `ValueError` with the remedy.
    """

    def __init__(
        self,
        path: str | Path,
        clock: Clock,
        *,
        speed: float = 1.0,
        loop: bool = True,
        history: float = 0.5,
        category: str = "spot",
    ) -> None:
        if speed <= 0:
            raise ValueError(f"playback speed {speed} must be above 0")
        if not 0 <= history < 1:
            raise ValueError(f"playback history {history} must be from 0 up to 1")
        place = Path(path)
        perpetual = category == "linear"
        raw, candles = _recordings(place)
        self._market: SandboxMarket
        if raw:
            self._market = _raw_market(raw, clock, speed, loop, perpetual)
            return
        if speed != 1:
            raise ValueError(f"playback speed {speed}: candles play at speed 1; use a faster clock")
        self._market = _candle_market(candles, clock, loop, history, perpetual)

    def listings(self) -> list[SandboxListing]:
        """The recorded symbols."""
        return self._market.listings()

    def bars(self, symbol: str, interval_ms: int, start_ms: int, end_ms: int) -> NDArray[np.int64]:
        """See `SandboxMarket.bars`."""
        return self._market.bars(symbol, interval_ms, start_ms, end_ms)

    def recent_trades(self, symbol: str, limit: int) -> list[SandboxTrade]:
        """See `SandboxMarket.recent_trades`."""
        return self._market.recent_trades(symbol, limit)

    def book(self, symbol: str) -> BookSnapshot:
        """See `SandboxMarket.book`."""
        return self._market.book(symbol)

    def mark(self, symbol: str) -> SandboxMark | None:
        """See `SandboxMarket.mark`."""
        return self._market.mark(symbol)

    def events(self, until_ms: int) -> Iterator[SandboxEvent]:
        """See `SandboxMarket.events`."""
        return self._market.events(until_ms)


def _recordings(place: Path) -> tuple[list[Path], list[Path]]:
    """Raw stream files and candle files at `place`; exactly one of the two lists is filled."""
    if not place.exists():
        raise FileNotFoundError(f"no recording at {place}")
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    raw = [file for file in files if re.fullmatch(r".+_\d{8}\.gz", file.name)]
    candles = [file for file in files if file.suffix == ".parquet" and (place.is_file() or file.stem.endswith("_1m"))]
    if bool(raw) == bool(candles):
        raise ValueError(
            f"{place}: give a folder or file of SYMBOL_1m.parquet candles, or of SYMBOL_YYYYMMDD.gz streams"
        )
    return raw, candles


def _raw_market(files: list[Path], clock: Clock, speed: float, loop: bool, perpetual: bool) -> RawMarket:
    by_symbol: dict[str, list[Path]] = {}
    for file in files:
        symbol = re.sub(r"[^A-Z0-9]", "", file.name[: -len("_20240101.gz")].upper())
        by_symbol.setdefault(symbol, []).append(file)
    origin_ms = min(first_minute_ms(group[:1]) for group in by_symbol.values())
    recordings = [load_recording(symbol, group, origin_ms, speed) for symbol, group in by_symbol.items()]
    return RawMarket(recordings, clock, loop=loop, perpetual=perpetual)


def _candle_market(files: list[Path], clock: Clock, loop: bool, history: float, perpetual: bool) -> MinuteMarket:
    loaded = [load_candles(file) for file in files]
    first = min(candles.first_minute for _, candles in loaded)
    length = max(candles.first_minute + candles.minutes for _, candles in loaded) - first
    shift = clock.now_ms() // MINUTE_MS - first - int(length * history)
    today_ms = clock.now_ms() // DAY_MS * DAY_MS
    for index, (spec, candles) in enumerate(loaded):
        start_ms, ends_ms = today_ms - LOOPED_HISTORY_MS, 0
        if not loop:
            start_ms = (candles.first_minute + shift) * MINUTE_MS
            ends_ms = start_ms + candles.minutes * MINUTE_MS
        loaded[index] = (structs.replace(spec, listed_ms=start_ms, ends_ms=ends_ms), candles)
    rates = StreamRates(depth_per_s=3.0, quotes_per_s=1.5, levels_per_diff=7)
    specs = [spec for spec, _ in loaded]
    source = CandleSource(loaded, shift, length, loop)
    return MinuteMarket(source, specs, [rates] * len(specs), clock, 0, perpetual=perpetual)
