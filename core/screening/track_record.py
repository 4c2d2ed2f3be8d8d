"""The track record: every recommendation and change of state is kept, judged by what came after, and learnt from.

Judging, fitting and figures are done off the event loop and at a slow pace: nothing waits for them. What memory holds is
written as soon as the store takes it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
from collections import Counter, deque
from functools import partial

from msgspec.structs import replace

from core.bus import Bus, worth_reporting
from core.clock import Clock
from core.learning.probability import ScoreMap
from core.messages import Analysis, Confluence, Fault, Replay, StateChange, TrackRecord, VenueClock
from core.screening import call_rows as rows
from core.screening.call_rows import Change
from core.screening.calls import MINUTE_MS, Call, of_analysis, of_change
from core.screening.judging import NO_CANDLES, OpenCall, judge
from core.screening.outcomes import Outcome
from core.screening.score_maps import KeptMap, Key, due, refit
from core.screening.track_figures import Figures, Settled, figures, settled
from core.screening.view import ThresholdView
from core.settings_live import LiveSettings
from core.signals.shadow import Stored
from core.store import Store, StoreError
from core.venue import TIMEFRAME_MS

log = logging.getLogger("tradetui.screening")

PASS_S = 60.0
"""Between two looks at what is due; the record is told at most as often."""
PAUSE_S = 0.05
"""Between two symbols of one look."""
RETRY_S = 5.0
FORGET_S = 3600.0
RECORD_MOST = 20_000
"""The newest calls with an outcome, which figures and maps are made of."""
READ_ROWS = 500
WAITING_MOST = 20_000
"""Calls and outcomes held while the store refuses; beyond it the oldest are lost."""
DAY_MS = 86_400_000
REACHED_DAYS = 30
"""How often the confidence asked for was reached is told of so many days."""


class TrackRecorder:
    """Implements `MapView`. `await open()` once, then let `run()` run. Publishes `TrackRecord`."""

    def __init__(
        self, bus: Bus, clock: Clock, live: LiveSettings, store: Store, stored: Stored, thresholds: ThresholdView
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._store = store
        self._stored = stored
        self._thresholds = thresholds
        market = live.current.market
        self._venue, self._category = market.venue, market.category
        self._market = f"{market.venue}.{market.category}"
        self._offset_ms = 0.0
        self._heard: dict[str, Confluence] = {}
        self._changes: dict[str, list[StateChange]] = {}
        self._open: dict[str, OpenCall] = {}
        self._record: dict[str, Settled] = {}
        self._maps: dict[Key, KeptMap] = {}
        self._new: Counter[Key] = Counter()
        """Outcomes since the newest fit of each map."""
        self._calls: deque[Call] = deque(maxlen=WAITING_MOST)
        self._outcomes: deque[Change] = deque(maxlen=WAITING_MOST)
        self._unkept_maps: dict[Key, KeptMap] = {}
        self._loaded = False
        self._wake = asyncio.Event()
        self._told: TrackRecord | None = None
        self._news = True
        self._figures: Figures | None = None
        """Of the record as it stands; None: to be made again."""
        self._counts: tuple[int, int] | None = None
        """Calls kept and those with an outcome; None: to be counted in the store, which takes a while."""
        self._reached = (0, 0, math.nan)
        """Analyses of the last days, those of them that were confident enough, and what was asked."""
        self.store_failures = 0
        self.failures = 0
        """Looks at a symbol's calls, fits and figures that failed."""
        bus.subscribe(VenueClock, self._on_clock, name="track.clock")
        bus.subscribe(Confluence, self._on_confluence, name="track.confluence")
        bus.subscribe(StateChange, self._on_change, name="track.state")
        bus.subscribe(Analysis, self._on_analysis, name="track.analysis")
        bus.subscribe(Replay, self._on_replay, name="track.replay")

    async def open(self) -> None:
        """Read what is kept: maps, open calls, the record. A store that cannot be read is told, and read later."""
        await self._keep()
        await self._tell()

    async def run(self) -> None:
        """Keep, judge, learn and tell; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write(), name="track.write")
            group.create_task(self._work(), name="track.work")

    def score_map(self, asset_class: str, timeframe: str) -> ScoreMap | None:
        """The map in use for markets of this class on this timeframe; None before the first outcome."""
        kept = self._maps.get((asset_class, timeframe))
        return kept.map if kept is not None else None

    # --- what arrives ------------------------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        """Now on the venue's clock, which is also the candles'."""
        return int(self._clock.now_ms() + self._offset_ms)

    def _on_clock(self, message: VenueClock) -> None:
        self._offset_ms = message.offset_ms

    def _on_change(self, change: StateChange) -> None:
        """The confluence that says which detectors made it follows at once."""
        if not change.replayed:
            self._changes.setdefault(change.symbol, []).append(change)

    def _on_confluence(self, confluence: Confluence) -> None:
        if confluence.decides:
            self._heard[confluence.symbol] = confluence
            self._take_changes(confluence.symbol)

    def _take_changes(self, symbol: str) -> None:
        heard = self._heard.get(symbol)
        for change in self._changes.pop(symbol, ()):
            same = heard if heard is not None and heard.known_at == change.known_at else None
            self._add(of_change(change, same, self._thresholds.asset_class(symbol).name))

    def _on_analysis(self, analysis: Analysis) -> None:
        if analysis.stage2_status != "completed" or analysis.replayed:
            return
        heard = self._heard.get(analysis.symbol)
        timeframe = heard.timeframe if heard is not None else self._live.current.market.decision_timeframe
        self._add(of_analysis(analysis, heard, self._thresholds.asset_class(analysis.symbol).name, timeframe))

    def _on_replay(self, _message: Replay) -> None:
        if self._told is not None:
            self._bus.publish(self._told)

    def _add(self, call: Call) -> None:
        if call.fact in self._open or call.fact in self._record:
            return
        self._calls.append(call)
        one = OpenCall(call, Outcome())
        if one.done:
            self._outcomes.append(Change(call.fact, None, self._now_ms()))
        else:
            self._open[call.fact] = one
        self._news = True
        self._wake.set()

    # --- judging -----------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        forget_at = self._clock.monotonic()
        while True:
            await self._clock.sleep(PASS_S)
            for symbol in list(self._changes):
                self._take_changes(symbol)
            await self._look()
            await self._learn()
            if self._clock.monotonic() >= forget_at:
                forget_at = self._clock.monotonic() + FORGET_S
                await self._forget()
            if self._news:
                await self._tell()

    async def _look(self) -> None:
        """Judge what is due, one symbol after the other."""
        now_ms = self._now_ms()
        by_symbol: dict[str, list[OpenCall]] = {}
        for one in self._open.values():
            if one.next_ms <= now_ms:
                by_symbol.setdefault(one.call.symbol, []).append(one)
        for symbol, calls in by_symbol.items():
            try:
                found = await self._judge(symbol, calls, now_ms)
            except Exception as error:
                # Fallback: these calls stay open and are looked at later; the other symbols go on.
                self._failed(f"outcomes of {symbol} cannot be read", error, symbol)
                for one in calls:
                    one.wait(now_ms)
                continue
            for one, outcome in zip(calls, found, strict=True):
                self._note(one, outcome, now_ms)
            await self._clock.sleep(PAUSE_S)

    async def _judge(self, symbol: str, calls: list[OpenCall], now_ms: int) -> list[Outcome]:
        """Read the candles of one symbol and judge its calls off the loop."""
        first_ms = min(one.call.starts_ms for one in calls)
        last_ms = min(now_ms // MINUTE_MS * MINUTE_MS, max(one.call.last_ms for one in calls))
        minutes = await self._stored(symbol, "1m", first_ms, last_ms)
        decision = {}
        wanting = [one for one in calls if one.wants_direction and not one.barrier > 0.0]
        for timeframe in {one.call.timeframe for one in wanting}:
            of_it = [one for one in wanting if one.call.timeframe == timeframe]
            since_ms, until_ms = min(one.history_ms for one in of_it), max(one.call.at_ms for one in of_it)
            decision[timeframe] = await self._stored(symbol, timeframe, since_ms, until_ms)
        return await asyncio.to_thread(judge, calls, minutes, decision, self._round_trip())

    def _round_trip(self) -> float:
        screening = self._live.current.screening
        fee = screening.linear_fee_percent if self._category == "linear" else screening.spot_fee_percent
        return 2.0 * fee / 100.0

    def _note(self, one: OpenCall, outcome: Outcome, now_ms: int) -> None:
        """What became of a call, as far as it is known."""
        before, one.outcome = one.outcome, outcome
        over = one.done or one.given_up(now_ms)
        if over and not one.done:
            outcome = one.outcome = replace(outcome, unknown=NO_CANDLES)
        if over or outcome != before:
            told = outcome if outcome.known else None
            self._outcomes.append(Change(one.call.fact, told, now_ms if over else None, first=not before.known))
            self._wake.set()
            self._settle(one.call, outcome)
        if over:
            self._open.pop(one.call.fact, None)
        else:
            one.wait(now_ms)

    def _settle(self, call: Call, outcome: Outcome) -> None:
        found, known = settled(call, outcome), self._record.get(call.fact)
        if found is None or found == known:
            return
        self._news, self._figures = True, None
        self._record[call.fact] = found
        if found.until_ms and found.teaches and found.score is not None and (known is None or not known.until_ms):
            self._new[found.asset_class, found.timeframe] += 1
        while len(self._record) > RECORD_MOST:
            del self._record[next(iter(self._record))]

    # --- learning and telling ----------------------------------------------------------------------------------------

    async def _learn(self) -> None:
        """Fit the maps that are due."""
        for key, new in list(self._new.items()):
            now_ms, kept = self._now_ms(), self._maps.get(key)
            if not due(kept, new, now_ms):
                continue
            of_key = [one for one in self._record.values() if (one.asset_class, one.timeframe) == key]
            try:
                found = await asyncio.to_thread(refit, kept, of_key, TIMEFRAME_MS[key[1]], now_ms)
            except Exception as error:
                # Fallback: the map in use stays, and is fitted again with the next outcomes.
                self._failed(f"the score map of {key[0]} on {key[1]} cannot be fitted", error, "")
                continue
            self._maps[key] = self._unkept_maps[key] = found
            self._new[key] -= new
            self._news = True
            self._wake.set()
            log.info("score map of %s on %s: %s, n_eff %.0f, held %s", *key, found.word, found.map.n_eff, found.held)

    async def _tell(self) -> None:
        """Publish the record as it stands."""
        self._news, found = False, self._figures
        try:
            if self._counts is None and self._loaded:
                self._counts = await self._store.run(lambda db: rows.counts(db, self._market))
            least, since_ms = self._live.current.screening.min_confidence, self._now_ms() - REACHED_DAYS * DAY_MS
            self._reached = *await self._store.run(lambda db: rows.reached(db, self._market, since_ms, least)), least
        except StoreError as error:
            self._refused(error)  # Fallback: nothing is said to be kept until it can be counted
        try:
            if found is None:
                found = self._figures = await asyncio.to_thread(figures, list(self._record.values()))
        except Exception as error:
            # Fallback: the record told last stays on the screens.
            self._failed("figures of the track record cannot be made", error, "")
            return
        calls, resolved = self._counts or (0, 0)
        analysed, confident, least = self._reached
        timeframe = self._live.current.market.decision_timeframe
        self._told = TrackRecord(
            venue=self._venue,
            category=self._category,
            calls=calls,
            resolved=resolved,
            by_symbol=found.by_symbol,
            by_detector=found.by_detector,
            by_recommendation=found.by_recommendation,
            reliability=found.reliability,
            maps={key[0]: kept.word for key, kept in sorted(self._maps.items()) if key[1] == timeframe},
            analysed=analysed,
            confident=confident,
            min_confidence=least,
            at_ms=self._now_ms(),
        )
        self._bus.publish(self._told)

    def _failed(self, what: str, error: Exception, symbol: str) -> None:
        self.failures += 1
        log.error("%s", what, exc_info=error)
        if worth_reporting(self.failures):
            text = f"{what}: {type(error).__name__}: {error}; tried again later, report it with the log if it stays"
            self._say(text, self.failures, symbol)

    # --- keeping -----------------------------------------------------------------------------------------------------

    async def _forget(self) -> None:
        """Drop what is older than settings say."""
        before_ms = self._now_ms() - round(self._live.current.screening.keep_days * DAY_MS)
        try:
            dropped = await self._store.run(lambda db: rows.forget(db, before_ms))
        except StoreError as error:
            self._refused(error)  # Fallback: tried again in an hour
            return
        old = [fact for fact, one in self._record.items() if one.at_ms < before_ms]
        for fact in old:
            del self._record[fact]
        if dropped or old:
            self._news, self._figures, self._counts = True, None, None

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while not await self._keep():
                await self._clock.sleep(RETRY_S)

    async def _keep(self) -> bool:
        """Read the store if that is still to be done, then write what waits. False: it refused, all of it waits on.

        Once begun it ends even when its caller is cancelled: what was written must not be taken for another's.
        """
        return await asyncio.shield(asyncio.ensure_future(self._keep_now()))

    async def _keep_now(self) -> bool:
        try:
            if not self._loaded:
                await self._load()
            calls, outcomes, maps = list(self._calls), list(self._outcomes), dict(self._unkept_maps)
            if calls or outcomes or maps:
                await self._put(calls, outcomes, maps)
        except StoreError as error:
            self._refused(error)
            self._wake.set()
            return False
        return True

    async def _put(self, calls: list[Call], outcomes: list[Change], maps: dict[Key, KeptMap]) -> None:
        def put(db: sqlite3.Connection) -> set[str]:
            known = rows.insert(db, self._market, calls)
            rows.update(db, outcomes)
            rows.put_maps(db, self._market, list(maps.items()))
            return known

        known = await self._store.run(put)
        for fact in known:  # kept by an earlier run: what that one knows of it holds
            self._open.pop(fact, None)
        if self._counts is not None:
            found = sum(change.first and change.outcome is not None for change in outcomes)
            self._counts = (self._counts[0] + len(calls) - len(known), self._counts[1] + found)
        rows.drop(self._calls, calls)
        rows.drop(self._outcomes, outcomes)
        self._news = True
        for key, kept in maps.items():
            if self._unkept_maps.get(key) is kept:
                del self._unkept_maps[key]

    async def _load(self) -> None:
        """Maps, open calls and the newest outcomes, in portions: decoding them is work for another thread."""
        maps, texts = await self._store.run(lambda db: (rows.maps(db, self._market), rows.still_open(db, self._market)))
        still_open, damaged = await asyncio.to_thread(rows.decode_all, texts)
        record: list[Settled] = []
        before = 2**62
        while len(record) < RECORD_MOST:
            texts = await self._store.run(partial(rows.newest, market=self._market, before=before, most=READ_ROWS))
            if not texts:
                break
            before = texts[-1].number
            found, wrong = await asyncio.to_thread(rows.decode_all, texts)
            record += [one for row in found if (one := settled(row.call, row.outcome)) is not None]
            damaged += wrong
        self._loaded = True
        self._record = {one.fact: one for one in reversed(record)} | self._record
        for row in still_open:
            self._open.setdefault(row.call.fact, OpenCall(row.call, row.outcome))
        for key, text in maps.items():
            try:
                self._maps.setdefault(key, rows.decode_map(text))
            except ValueError as error:
                damaged.append(f"score map of {key[0]} on {key[1]}: {error}")
        self._count_new()
        if damaged:
            more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
            self._say(f"stored calls that cannot be read count for nothing: {damaged[0]}{more}", 1, "")

    def _count_new(self) -> None:
        """Outcomes that the stored maps have not seen."""
        self._new.clear()
        for one in self._record.values():
            key = (one.asset_class, one.timeframe)
            kept = self._maps.get(key)
            if one.teaches and one.score is not None and one.until_ms > (kept.through_ms if kept is not None else 0):
                self._new[key] += 1

    def _refused(self, error: StoreError) -> None:
        self.store_failures += 1
        log.error("the track record cannot be kept: %s", error)
        if worth_reporting(self.store_failures):
            self._say(f"the track record cannot be kept: {error}; it waits in memory", self.store_failures, "")

    def _say(self, text: str, count: int, symbol: str) -> None:
        at_ms, source = self._clock.now_ms(), "track record"
        self._bus.publish(
            Fault(source=source, message=text, severity="warning", count=count, symbol=symbol, at_ms=at_ms)
        )
