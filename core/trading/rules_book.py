"""The venue's rules of every instrument, and how old they are: what orders are made and checked against."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from core.clock import Clock
from core.market.repairs import wait_after
from core.venue import Instrument, MarketProvider, VenueError

REFRESH_S = 1200.0
"""Rules older than an hour hold up entries; read every twenty minutes, two failures in a row change nothing."""

NOT_LISTED = "not listed"
"""Status of a symbol the venue's list no longer has."""

log = logging.getLogger("tradetui.trading")


class RulesBook:
    """`get(symbol)` is what the venue said last. `on_read` hears each reading, with its time."""

    def __init__(self, clock: Clock, provider: MarketProvider) -> None:
        self._clock = clock
        self._provider = provider
        self._rules: dict[str, Instrument] = {}
        self._missing: frozenset[str] = frozenset()
        self.read_ms = 0
        self.on_read: Callable[[int], None] = lambda at_ms: None

    def get(self, symbol: str) -> Instrument | None:
        """The rules of a symbol; None: the venue does not list it, or was not asked yet."""
        return self._rules.get(symbol)

    def all(self) -> dict[str, Instrument]:
        """Every instrument, by symbol."""
        return self._rules

    def take(self, instruments: Iterable[Instrument]) -> None:
        """The venue's answer of now. A symbol missing from two answers in a row no longer trades; it stays known, for a
        position in it must still be shown.
        """
        listed = {instrument.symbol: instrument for instrument in instruments}
        missing = frozenset(self._rules.keys() - listed.keys())
        gone = {name: replace(self._rules[name], status=NOT_LISTED, trading=False) for name in missing & self._missing}
        self._missing = missing
        self._rules = self._rules | listed | gone
        self.read_ms = self._clock.now_ms()
        self.on_read(self.read_ms)

    async def refresh(self) -> None:
        """Ask the venue now. Raises `VenueError`."""
        self.take(await self._provider.instruments())

    async def run(self) -> None:
        """Keep them fresh until cancelled; the first reading is the caller's."""
        failures, wait_s = 0, REFRESH_S
        while True:
            await self._clock.sleep(wait_s)
            try:
                await self.refresh()
                failures, wait_s = 0, REFRESH_S
            except VenueError as error:
                failures += 1
                wait_s = wait_after(error, failures)
                log.warning("rules: %s; trying again in %.0f s", error, wait_s)
