"""The venue's refusal to serve us, known to every connection of the provider: nothing is sent until it ends.

A ban is announced on the bus as `RestBan`; each `Ban` object of the same venue hears it, so a 418 answered to a request
also stops the sockets from reconnecting (exchanges.md A8).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.bus import Bus
from core.clock import Clock
from core.messages import RestBan
from core.venue import Banned

DEFAULT_BAN_S: dict[int, float] = {429: 10.0, 418: 120.0, 403: 600.0}
"""Waits when the answer names none: Binance bans from 2 minutes (418), Bybit asks for 10 minutes after a 403."""

LONGEST_BAN_S = 3 * 86_400.0
_UNTIL = re.compile(rb"until (\d{13})\b")


def is_ban_status(status: int) -> bool:
    """HTTP statuses that mean: stop sending."""
    return status in DEFAULT_BAN_S


class Ban:
    """One venue's ban: `remaining_s` is 0 when we may send."""

    def __init__(self, clock: Clock, bus: Bus, venue: str, category: str) -> None:
        self._clock = clock
        self._bus = bus
        self._venue = venue
        self._category = category
        self._until = 0.0
        self._repeats = 0
        self._status = 0
        bus.subscribe(RestBan, self._heard, name=f"ban of {venue}")

    @property
    def status(self) -> int:
        """HTTP status of the newest refusal: after a 429 what protects a position may still be sent, after others nothing."""
        return self._status

    def remaining_s(self) -> float:
        """Seconds until something may be sent again."""
        return max(0.0, self._until - self._clock.monotonic())

    def check(self) -> None:
        """Raise `Banned` while the ban lasts; announce its end the first time it is over."""
        left = self.remaining_s()
        if left > 0:
            raise Banned(f"{self._venue} refuses requests for {left:.0f} s more (HTTP {self._status})", left)
        if self._until:
            self._announce(0, "ban over")

    def served(self) -> None:
        """A request was answered: the next ban without a stated length starts short again."""
        self._repeats = 0

    def impose(self, status: int, headers: Mapping[str, str], body: bytes = b"", least_s: float = 0.0) -> Banned:
        """Note a refusal and announce it. Length: Retry-After, else the time named in the body, else a default that
        doubles with each refusal in a row; never under `least_s`. Returns the error to raise."""
        wait_s = retry_after_s(headers)
        if wait_s is None and (named := _UNTIL.search(body)):
            wait_s = int(named.group(1)) / 1000 - self._clock.now_ms() / 1000
        if wait_s is None and self.remaining_s() > 0:
            wait_s = max(least_s, self.remaining_s())  # sent before the ban was known: the same refusal, not a new one
        if wait_s is None:
            wait_s = max(least_s, DEFAULT_BAN_S.get(status, 10.0) * 2.0 ** min(self._repeats, 6))
            self._repeats += 1
        wait_s = min(LONGEST_BAN_S, max(1.0, wait_s))
        self._status = status
        until_ms = self._clock.now_ms() + int(wait_s * 1000)
        self._announce(until_ms, f"HTTP {status}: nothing is sent for {wait_s:.0f} s")
        return Banned(f"{self._venue} answered HTTP {status}; waiting {wait_s:.0f} s", wait_s)

    def _announce(self, until_ms: int, reason: str) -> None:
        self._bus.publish(
            RestBan(
                venue=self._venue,
                category=self._category,
                status=self._status,
                until_ms=until_ms,
                reason=reason,
                at_ms=self._clock.now_ms(),
            )
        )

    def _heard(self, ban: RestBan) -> None:
        if ban.venue != self._venue:
            return
        if ban.until_ms == 0:
            self._until = 0.0
            return
        self._status = ban.status
        left_s = (ban.until_ms - self._clock.now_ms()) / 1000
        self._until = max(self._until, self._clock.monotonic() + left_s)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header; None when it is missing or not a number above 0."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if seconds > 0 else None
