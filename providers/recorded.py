"""The venue `recorded`: plays a raw stream file or candle files as a market, live at any speed or under `SimClock`.

Every message carries the recording's time. Under `SimClock`, `play` publishes the same bytes each time it plays the same
files. Nothing is invented: candle files give no quotes and no trades, and a gap in a file stays a gap.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from core.bus import Bus
from core.clock import Clock, SimClock
from core.market.candle_file import SUFFIXES
from core.market.resample import resample
from core.messages import BookStatus, HostKind, Ladder, LinkState, LinkStatus, Ticker, VenueClock
from core.settings import Settings
from core.venue import TIMEFRAME_MS, CandleBlock, Fatal, Instrument, Rejected
from providers import recorded_candles as candle_files
from providers.batch import Gauges, MicroBatcher
from providers.recorded_listing import day_ticker, listing
from providers.recorded_streams import StreamPlayer, StreamTape
from providers.tape_clock import TapeClock

LADDER_LEVELS = 20
YIELD_EVERY = 100
"""Messages played in one go when the play is behind its clock."""

CLOCK_BEAT_S = 1.0
MOST_HISTORY = 0.75
"""Share of a candle recording that may become history; the rest is played."""


class RecordedMarket:
    """`core.venue.MarketProvider` over `market.recorded_path`. Opening and playing raise `Fatal` naming file and remedy."""

    venue = "recorded"
    host_kind: HostKind = "RECORDED"

    def __init__(self, bus: Bus, clock: Clock, settings: Settings) -> None:
        self.category: str = settings.market.category
        self.path = Path(settings.market.recorded_path).expanduser()
        self.host = self.path.name
        self.start_ms = self.end_ms = 0
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._tape_clock = TapeClock(clock, settings.market.recorded_speed)
        self._batcher = MicroBatcher(bus, self._tape_clock, self.venue, self.category, settings.feed, self._gauges)
        self._batcher.before_flush.append(self._publish_ladder)
        self._series: dict[str, candle_files.Series] = {}
        self._tape: StreamTape | None = None
        self._player: StreamPlayer | None = None
        self._opened = False
        self._opening = asyncio.Lock()
        self._symbols: set[str] | None = None
        self._timeframes: tuple[str, ...] = tuple(settings.market.timeframes)
        self._changes = 0
        self._asked = asyncio.Event()
        self._focus = ""

    # --- requests ----------------------------------------------------------------------------------------------------

    async def instruments(self) -> Sequence[Instrument]:
        """Every symbol of the recording; the price grid is read from its prices."""
        await self._open_aside()
        quotes = self._settings.market.quote_assets
        if self._tape is not None:
            return [
                listing(facts.symbol, facts.prices, facts.sizes, self.category, quotes)
                for facts in self._tape.facts.values()
            ]
        return [
            listing(
                series.symbol,
                series.bars[-500:, 1:5].ravel().tolist(),
                series.bars[-500:, 5].tolist(),
                self.category,
                quotes,
            )
            for series in self._series.values()
        ]

    async def tickers(self) -> Sequence[Ticker]:
        """The last day before the play position; of a raw stream file the totals of the whole recording."""
        await self._open_aside()
        now_ms = self.venue_now_ms()
        if self._tape is not None:
            return [
                Ticker(
                    venue=self.venue,
                    category=self.category,
                    symbol=facts.symbol,
                    last=facts.last,
                    change=facts.last / facts.first - 1,
                    quote_volume=facts.quote_volume,
                    high=facts.high,
                    low=facts.low,
                    event_ms=now_ms,
                )
                for facts in self._tape.facts.values()
                if facts.first
            ]
        tickers = (
            day_ticker(series.symbol, self._history(series.symbol, series.timeframe), self.category, now_ms)
            for series in self._series.values()
        )
        return [ticker for ticker in tickers if ticker is not None]

    async def candles(
        self,
        symbol: str,
        timeframe: str,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 1000,
        background: bool = False,
    ) -> CandleBlock:
        """See `MarketProvider`: what ended before the play position. Raw streams have only what was played so far.

        A recording has no rate limit: `background` changes nothing.
        """
        await self._open_aside()
        if timeframe not in TIMEFRAME_MS:
            raise Rejected(f"timeframe {timeframe!r} is not one of {', '.join(TIMEFRAME_MS)}", "timeframe")
        block = self._history(symbol, timeframe)
        keep = np.ones(len(block), dtype=bool)
        if start_ms is not None:
            keep &= block[:, 0] >= start_ms
        if end_ms is not None:
            keep &= block[:, 0] < end_ms
        return block[keep][-limit:]

    async def sync_clock(self) -> float:
        """Publish how far the recording's time is from ours; exact, so its round trip is 0."""
        await self._open_aside()
        return self._publish_offset()

    def venue_now_ms(self) -> int:
        """The recording's time: it moves at the speed of play, and never past the next message."""
        return self._tape_clock.now_ms()

    def ladder(self, symbol: str, levels: int) -> Ladder | None:
        """See `MarketProvider`: the book of a raw stream's symbol as played so far; candle files have none."""
        local = self._player.books.get(symbol) if self._player is not None else None
        if local is None or local.state != "live":
            return None
        bids, asks = local.book.ladder(levels)
        at_ms = self.venue_now_ms()
        return Ladder(venue=self.venue, category=self.category, symbol=symbol, bids=bids, asks=asks, at_ms=at_ms)

    # --- playing -----------------------------------------------------------------------------------------------------

    def set_symbols(self, symbols: Iterable[str], timeframes: Sequence[str]) -> None:
        """See `MarketProvider`. `run` waits for the first call; `play` without one plays every symbol."""
        self._symbols = set(symbols)
        self._changes += 1
        if self._symbols:
            self._asked.set()
        if tuple(timeframes) != self._timeframes:
            self._timeframes = tuple(timeframes)
            if self._player is not None and not self._player.frames:
                self._make_player()
        if self._player is not None:
            self._player.shown = self._symbols

    def set_focus(self, symbol: str) -> None:
        """See `MarketProvider`."""
        self._focus = symbol

    async def run(self) -> None:
        """Play once at `market.recorded_speed`, from the first `set_symbols` on, then stand still until cancelled."""
        await self._open_aside()
        await self._asked.wait()
        async with asyncio.TaskGroup() as group:
            batches = group.create_task(self._batcher.run(), name="recorded batches")
            beat = group.create_task(self._beat(), name="recorded clock")
            try:
                await self._play_live()
                await asyncio.Event().wait()
            finally:
                batches.cancel()
                beat.cancel()

    def play(self) -> int:
        """Play all of it now under `SimClock`; returns how many messages the recording had."""
        return sum(1 for _ in self.steps())

    def steps(self) -> Iterator[int]:
        """Play under `SimClock`, yielding the recording's time after each message of the recording.

        The clock is set to each message's time, and batches go out whenever `feed.batch_s` of that time has passed.
        """
        clock = self._clock
        if not isinstance(clock, SimClock):
            raise Fatal(f"play needs a SimClock, not {type(clock).__name__}; with a running clock use run")
        self._open()
        self._publish_link("up", "")
        batch_ms = max(1, int(self._settings.feed.batch_s * 1000))
        flush_at = 0
        playing = self._messages()
        at_ms = next(playing, None)
        while at_ms is not None:
            if at_ms >= flush_at:
                self._batcher.flush()
                flush_at = at_ms + batch_ms
            clock.set_ms(at_ms)
            self._tape_clock.set_ms(at_ms)
            due = next(playing, None)
            yield at_ms
            at_ms = due
        self._batcher.flush()
        self._batcher.publish_stats()
        self._publish_link("stopped", "the recording has ended")

    async def close(self) -> None:
        """See `MarketProvider`; files are closed with their readers."""

    # --- inside ------------------------------------------------------------------------------------------------------

    async def _open_aside(self) -> None:
        async with self._opening:
            if not self._opened:
                await asyncio.to_thread(self._open)

    def _open(self) -> None:
        """Read the candle files, or survey the raw streams. Once."""
        if self._opened:
            return
        if not self._settings.market.recorded_path:
            raise Fatal("setting market.recorded_path is empty; name a raw stream file or a folder of candle files")
        if not self.path.exists():
            raise Fatal(f"recording {self.path}: no such file or folder; mend market.recorded_path")
        raw = any(self.path.glob("*.gz")) if self.path.is_dir() else not self.path.name.endswith(SUFFIXES)
        if raw:
            self._tape = StreamTape(self.path)
            self.start_ms, self.end_ms = self._tape.start_ms, self._tape.end_ms
            self._make_player()
        else:
            self._series = candle_files.load(self.path)
            self.start_ms = self._first_played_ms()
            self.end_ms = max(int(series.bars[-1, 0]) + series.step_ms for series in self._series.values())
        self._tape_clock.set_ms(self.start_ms)
        self._opened = True

    def _make_player(self) -> None:
        if self._player is not None:
            self._batcher.before_flush.remove(self._player.push_forming)
        self._player = StreamPlayer(self._batcher, self._timeframes, self._publish_book)
        self._player.shown = self._symbols

    def _first_played_ms(self) -> int:
        """Leave the configured history before the play, of the longest timeframe if the files reach that far."""
        longest_ms = max(TIMEFRAME_MS[name] for name in self._settings.market.timeframes)
        bars = self._settings.history.bars
        starts = []
        for series in self._series.values():
            first, last = series.bars[0, 0], series.bars[-1, 0]
            shortest = first + bars * series.step_ms
            share = first + (last - first) * MOST_HISTORY
            start = min(first + bars * longest_ms, max(shortest, share))
            starts.append(start if start <= last else share)
        return int(max(starts)) // longest_ms * longest_ms

    def _history(self, symbol: str, timeframe: str) -> CandleBlock:
        if self._player is not None:
            bars = self._player.bars.get(symbol)
            return bars.block(timeframe) if bars is not None else np.empty((0, 9))
        series = self._series.get(symbol)
        if series is None or not candle_files.derivable(series, timeframe):
            return np.empty((0, 9))
        now_ms = self.venue_now_ms()
        known = series.bars[series.bars[:, 0] + series.step_ms <= now_ms]
        if timeframe == series.timeframe:
            return known
        block = resample(known, TIMEFRAME_MS[timeframe])
        return block[block[:, 0] + TIMEFRAME_MS[timeframe] <= now_ms]

    def _messages(self) -> Iterator[int]:
        """Yields the time of the next message and plays it when resumed."""
        if self._tape is not None and self._player is not None:
            player = self._player
            for line in self._tape.lines():
                yield line[0] // 1_000_000
                player.take(line)
            return
        plays = self._candle_plays(self.start_ms, inside_bar=False)
        while True:
            changes = self._changes
            for update in heapq.merge(*plays, key=lambda update: update[0]):
                yield update[0]
                if changes != self._changes:
                    plays = self._candle_plays(update[0], inside_bar=True)
                    break
                self._take_candle(update)
            else:
                return

    def _candle_plays(self, position: int, *, inside_bar: bool) -> list[Iterator[candle_files.Update]]:
        """Players of the shown symbols from a position; `inside_bar`: their bars have begun, go on with the rest."""
        plays: list[Iterator[candle_files.Update]] = []
        for symbol, series in self._series.items():
            if self._symbols is None or symbol in self._symbols:
                from_ms = position - series.step_ms if inside_bar else position
                updates = candle_files.play(series, self._timeframes, from_ms)
                plays.append(update for update in updates if update[0] >= position)
        return plays

    def _take_candle(self, update: candle_files.Update) -> None:
        at_ms, symbol, timeframe, candle, closed = update
        open_ms, open_, high, low, close, volume, quote_volume = candle
        self._batcher.kline(
            symbol,
            timeframe,
            int(open_ms),
            open_,
            high,
            low,
            close,
            volume,
            quote_volume,
            -1,
            float("nan"),
            closed,
            at_ms,
        )

    async def _play_live(self) -> None:
        self._publish_link("up", "")
        self._tape_clock.start()
        for count, at_ms in enumerate(self._messages()):
            self._tape_clock.limit_ms = at_ms
            wait_s = self._tape_clock.until_s(at_ms)
            if wait_s > 0.001:
                await self._clock.sleep(wait_s)
            elif count % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        self._tape_clock.limit_ms = self.end_ms
        self._publish_link("stopped", "the recording has ended")

    async def _beat(self) -> None:
        """At other speeds than 1 the offset drifts: keep everybody told."""
        while True:
            self._publish_offset()
            await self._clock.sleep(CLOCK_BEAT_S)

    def _publish_offset(self) -> float:
        offset_ms = float(self.venue_now_ms() - self._clock.now_ms())
        self._bus.publish(
            VenueClock(
                venue=self.venue,
                category=self.category,
                offset_ms=offset_ms,
                round_trip_ms=0.0,
                at_ms=self._clock.now_ms(),
            )
        )
        return offset_ms

    def _publish_link(self, state: LinkState, reason: str) -> None:
        self._bus.publish(
            LinkStatus(
                venue=self.venue,
                category=self.category,
                link="recording",
                state=state,
                host=self.host,
                reason=reason,
                at_ms=self.venue_now_ms(),
            )
        )

    def _publish_book(self, symbol: str, state: str, reason: str) -> None:
        self._bus.publish(
            BookStatus(
                venue=self.venue,
                category=self.category,
                symbol=symbol,
                state="live" if state == "live" else "stale" if state == "stale" else "syncing",
                reason=reason,
                resyncs=0,
                at_ms=self.venue_now_ms(),
            )
        )

    def _publish_ladder(self) -> None:
        ladder = self.ladder(self._focus, LADDER_LEVELS)
        if ladder is not None:
            self._bus.publish(ladder)

    def _gauges(self) -> Gauges:
        player = self._player
        if player is None:
            return Gauges(frames=self._batcher.messages)
        gaps = sum(book.gaps for book in player.books.values())
        return Gauges(frames=player.frames, bytes=player.bytes, sequence_gaps=gaps)
