"""The thresholds every asset is watched with: kept in the store, changed by calibrations and the operator, expiring.

Memory decides, the store remembers: while the disk refuses, everything goes on and is written when it answers again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping

from core.bus import Bus, worth_reporting
from core.calibration.expiry import expiry_ms
from core.clock import Clock
from core.messages import (
    EditThreshold,
    Fault,
    Listing,
    Replay,
    RevertThresholds,
    SettingChanged,
    SettingRejected,
    ThresholdsInForce,
    ThresholdSource,
    Universe,
)
from core.screening import threshold_rows as rows
from core.screening.classes import AssetClass, Found, classify, configured, unsound
from core.screening.thresholds import (
    NAMES,
    SPANS,
    InForce,
    adaptive_from_atr,
    at,
    catalogue,
    changed,
    from_class,
    on_class,
    without_expired,
)
from core.screening.view import SampleView
from core.settings_live import LiveSettings
from core.store import Store, StoreError

log = logging.getLogger("tradetui.screening")

WATCH_S = 15.0
"""How often expired sets are looked for; who asks for one is told in time anyway."""
ADAPT_S = 60.0
RETRY_S = 5.0
STRONGEST: tuple[ThresholdSource, ...] = ("operator", "calibrated", "adaptive", "class")


class _Asset:
    """One asset: its set as it was made, before anything of it expired, and the sets that can be gone back to.

    `history` holds texts of the store, oldest first, the last one in force; empty: the set was never changed.
    """

    __slots__ = ("found", "history", "raw", "told")

    def __init__(self, found: Found, raw: InForce) -> None:
        self.found = found
        self.raw = raw
        self.history: list[str] = []
        self.told: ThresholdsInForce | None = None


class ThresholdBook:
    """Implements `ThresholdView`. `await open()` before the desks that ask it, then let `run()` run.

    Publishes `ThresholdCatalogue`, `ThresholdsInForce` and `SettingRejected`; obeys `EditThreshold` and
    `RevertThresholds`.
    """

    def __init__(self, bus: Bus, clock: Clock, live: LiveSettings, store: Store, venue: str, category: str) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._store = store
        self._venue = venue
        self._category = category
        self._kind = "perpetual" if category == "linear" else category
        self._classes = configured(live.current.calibration.classes)
        self._samples: SampleView | None = None
        self._assets: dict[str, _Asset] = {}
        self._pairs: dict[str, tuple[str, str]] = {}
        self._watched: tuple[str, ...] = ()
        self._unwritten: list[rows.NewRow] = []
        self._loaded = False
        self._writing = asyncio.Lock()
        self._wake = asyncio.Event()
        self.store_failures = 0
        bus.subscribe(Listing, self._on_listing, name="thresholds.listing")
        bus.subscribe(Universe, self._on_universe, name="thresholds.universe")
        bus.subscribe(EditThreshold, self._on_edit, name="thresholds.edit")
        bus.subscribe(RevertThresholds, self._on_revert, name="thresholds.revert")
        bus.subscribe(SettingChanged, self._on_setting, name="thresholds.setting")
        bus.subscribe(Replay, self._on_replay, name="thresholds.replay")

    async def open(self) -> None:
        """Read what is kept. A store that cannot be read is told; class defaults hold until it can."""
        self._bus.publish(catalogue())
        self._tell_unsound()
        await self._keep()

    async def run(self) -> None:
        """Write what changes, notice what expires, follow volatility; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write(), name="thresholds.write")
            group.create_task(self._watch(), name="thresholds.watch")

    # --- what is in force --------------------------------------------------------------------------------------------

    def in_force(self, symbol: str) -> InForce:
        """What holds for this symbol now; class defaults for one that was never heard of."""
        asset = self._asset(symbol)
        return at(asset.raw, asset.found.asset_class.defaults, self._clock.now_ms())

    def asset_class(self, symbol: str) -> AssetClass:
        """Its class, with what settings say about it."""
        return self._asset(symbol).found.asset_class

    def use_samples(self, samples: SampleView) -> None:
        """Whose volatility `run` follows for values that nobody fitted."""
        self._samples = samples

    def adapt(self, symbol: str, samples: SampleView) -> InForce:
        """Follow the asset's own volatility where nothing was fitted; returns what is in force."""
        asset = self._asset(symbol)
        asset.raw = adaptive_from_atr(asset.raw, samples.sample(symbol, "1m"), samples.sample(symbol, "1h"))
        self._tell(symbol)
        return self.in_force(symbol)

    async def set_calibrated(self, symbol: str, values: Mapping[str, float], by: str) -> InForce:
        """Put values of a calibration in force; `by` is who took them (`calibration`, `operator`).

        What had expired and is not among them goes back to the class.
        Returns when they are on disk, or the disk was found not to take them. Raises ValueError that says what is wrong.
        """
        now_ms = self._clock.now_ms()
        asset = self._asset(symbol)
        base = without_expired(asset.raw, asset.found.asset_class.defaults, now_ms)
        made = changed(base, "calibrated", now_ms, self._expires_ms(symbol, now_ms), **values)
        self._put(symbol, made, by)
        await self._keep()
        return self.in_force(symbol)

    def _asset(self, symbol: str) -> _Asset:
        asset = self._assets.get(symbol)
        if asset is None:
            found = self._classify(symbol)
            asset = self._assets[symbol] = _Asset(found, from_class(found.asset_class.defaults))
        return asset

    def _classify(self, symbol: str) -> Found:
        base, quote = self._pairs.get(symbol, (symbol, ""))
        return classify(base, quote, self._kind, self._classes)

    def _expires_ms(self, symbol: str, now_ms: int) -> int:
        return expiry_ms(symbol, now_ms, self._live.current.calibration.expiry_days)

    def _put(self, symbol: str, made: InForce, by: str) -> None:
        """A new set is in force from now on."""
        asset, now_ms = self._asset(symbol), self._clock.now_ms()
        if not asset.history:
            asset.history.append(rows.encode(asset.raw))
            self._unwritten.append(rows.NewRow(symbol, asset.raw, rows.START, now_ms))
        asset.raw = made
        asset.history.append(rows.encode(made))
        del asset.history[: -rows.HISTORY_MOST]
        self._changed(symbol, rows.NewRow(symbol, made, by, now_ms))

    def _changed(self, symbol: str, row: rows.NewRow) -> None:
        log.info("%s: thresholds by %s: %s", symbol, row.by, row.in_force)
        self._unwritten.append(row)
        self._wake.set()
        self._tell(symbol)

    # --- commands ----------------------------------------------------------------------------------------------------

    def _on_edit(self, command: EditThreshold) -> None:
        symbol, name, now_ms = command.symbol, command.name.strip(), self._clock.now_ms()
        key = f"{symbol}.{name}"
        if not self._known(symbol):
            self._reject(key, command.value, f"{symbol} is not watched; write it as the watchlist does")
            return
        if name not in SPANS:
            self._reject(key, command.value, f"{name}: no such threshold; there are {', '.join(NAMES)}")
            return
        try:
            value = float(command.value.strip())
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            span = SPANS[name]
            reason = f"{command.value.strip()!r} is no number: give one from {span.least:g} to {span.most:g}"
            self._reject(key, command.value, reason)
            return
        try:
            made = changed(
                self._asset(symbol).raw, "operator", now_ms, self._expires_ms(symbol, now_ms), **{name: value}
            )
        except ValueError as error:
            self._reject(key, command.value, str(error))
            return
        self._put(symbol, made, "operator")

    def _on_revert(self, command: RevertThresholds) -> None:
        symbol = command.symbol
        asset = self._assets.get(symbol)
        history = asset.history if asset is not None else []
        taken = 0
        while asset is not None and len(history) - taken > 1:
            taken += 1
            text = history[len(history) - taken - 1]
            try:
                before = rows.decode(text)
            except ValueError as error:
                self._say(
                    f"{symbol}: a set of thresholds in the history is {error}; the one before it is taken", symbol
                )
                continue
            del history[len(history) - taken :]
            asset.raw = on_class(before, asset.found.asset_class.defaults)
            if self._samples is not None:
                self.adapt(symbol, self._samples)
            row = rows.NewRow(symbol, asset.raw, f"{rows.REVERT} {taken}", self._clock.now_ms())
            self._changed(symbol, row)
            return
        self._reject(symbol, "", f"{symbol} has no earlier thresholds to go back to; edit one or calibrate it")

    def _known(self, symbol: str) -> bool:
        return symbol in self._pairs or symbol in self._watched or symbol in self._assets

    def _reject(self, key: str, value: str, reason: str) -> None:
        log.warning("threshold refused: %s = %s: %s", key, value, reason)
        at_ms = self._clock.now_ms()
        self._bus.publish(SettingRejected(key=key, value=value, reason=reason, at_ms=at_ms))

    # --- what arrives ------------------------------------------------------------------------------------------------

    def _on_listing(self, listing: Listing) -> None:
        pair = (listing.base, listing.quote)
        if self._pairs.get(listing.symbol) != pair:
            self._pairs[listing.symbol] = pair
            self._reclass(listing.symbol)

    def _on_universe(self, universe: Universe) -> None:
        self._watched = universe.symbols
        for symbol in universe.symbols:
            self._tell(symbol)

    def _on_setting(self, message: SettingChanged) -> None:
        if message.key == "calibration.classes":
            self._classes = configured(self._live.current.calibration.classes)
            self._tell_unsound()
            for symbol in list(self._assets):
                self._reclass(symbol)

    def _on_replay(self, _message: Replay) -> None:
        self._bus.publish(catalogue())
        for symbol in self._watched:
            self._bus.publish(self._message(symbol))

    def _reclass(self, symbol: str) -> None:
        """Its class or the defaults of it may be others now."""
        asset = self._asset(symbol)
        asset.found = self._classify(symbol)
        asset.raw = on_class(asset.raw, asset.found.asset_class.defaults)
        self._tell(symbol)

    # --- telling -----------------------------------------------------------------------------------------------------

    def _message(self, symbol: str) -> ThresholdsInForce:
        asset, now = self._asset(symbol), self.in_force(symbol)
        return ThresholdsInForce(
            venue=self._venue,
            category=self._category,
            symbol=symbol,
            asset_class=asset.found.asset_class.name,
            class_hint=asset.found.hint,
            values={name: getattr(now.values, name) for name in NAMES},
            sources=now.sources,
            source=next(source for source in STRONGEST if source in now.sources.values()),
            is_default=now.is_default,
            since_ms=now.since_ms,
            expires_ms=now.expires_ms,
            blended=now.blended,
            previous=max(0, len(asset.history) - 1),
            at_ms=self._clock.now_ms(),
        )

    def _tell(self, symbol: str) -> None:
        """Publish what is in force for a watched symbol if it is not what was told."""
        if symbol not in self._watched:
            return
        asset, message = self._assets.get(symbol), self._message(symbol)
        told = asset.told if asset is not None else None
        if told is None or any(getattr(told, name) != getattr(message, name) for name in _TOLD):
            self._asset(symbol).told = message
            self._bus.publish(message)

    def _tell_unsound(self) -> None:
        for text in unsound(self._live.current.calibration.classes):
            self._say(f"calibration.classes: {text}; the built-in defaults of the class are used", "")

    def _say(self, text: str, symbol: str, *, count: int = 1) -> None:
        log.warning("%s", text)
        fault = Fault(
            source="thresholds",
            message=text,
            severity="warning",
            count=count,
            symbol=symbol,
            at_ms=self._clock.now_ms(),
        )
        self._bus.publish(fault)

    # --- work --------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        adapt_at = 0.0
        while True:
            due = self._clock.monotonic() >= adapt_at
            if due:
                adapt_at = self._clock.monotonic() + ADAPT_S
            for symbol in self._watched:
                if due and self._samples is not None:
                    self.adapt(symbol, self._samples)
                else:
                    self._tell(symbol)
            await self._clock.sleep(WATCH_S)

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while not await self._keep():
                await self._clock.sleep(RETRY_S)

    async def _keep(self) -> bool:
        """Read the store if that is still to be done, then write what waits. False: it refused, all of it waits on.

        Once begun it ends even when its caller is cancelled: what was written must not be written again.
        """
        return await asyncio.shield(asyncio.ensure_future(self._keep_now()))

    async def _keep_now(self) -> bool:
        market = f"{self._venue}.{self._category}"
        async with self._writing:
            try:
                if not self._loaded:
                    self._take(await self._store.run(lambda db: rows.read(db, market)))
                waiting = list(self._unwritten)
                if waiting:
                    await self._store.run(lambda db: rows.write(db, market, waiting))
                    del self._unwritten[: len(waiting)]
            except StoreError as error:
                # Fallback: memory holds everything meanwhile, and the next try writes it.
                self.store_failures += 1
                self._wake.set()
                log.error("thresholds cannot be kept: %s", error)
                if worth_reporting(self.store_failures):
                    text = f"thresholds cannot be kept: {error}; they hold until the program ends, and are tried again"
                    self._say(text, "", count=self.store_failures)
                return False
        return True

    def _take(self, kept: rows.Kept) -> None:
        """What the store holds; what was changed before it could be read stays in force."""
        self._loaded = True
        for text in kept.unreadable:
            self._say(f"stored thresholds of {text}; skipped, its class defaults hold until a change replaces them", "")
        for symbol in {**kept.in_force, **kept.history}:
            asset = self._asset(symbol)
            changed_since = bool(asset.history)
            asset.history = [*kept.history.get(symbol, ()), *asset.history]
            if not changed_since and symbol in kept.in_force:
                asset.raw = on_class(kept.in_force[symbol], asset.found.asset_class.defaults)
            self._tell(symbol)


_TOLD = tuple(name for name in ThresholdsInForce.__struct_fields__ if name != "at_ms")
"""Fields whose change is worth telling."""
