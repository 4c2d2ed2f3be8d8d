"""The venue's refusal to serve us outlives a restart: a small file holds until when, and is announced again at start."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from core.bus import Bus
from core.clock import Clock
from core.messages import RestBan
from providers.ban import LONGEST_BAN_S

log = logging.getLogger("tradetui.rest")


class _Kept(msgspec.Struct):
    """Content of the file."""

    status: int
    until_ms: int


class BanFile:
    """Writes every `RestBan` of the venue to `folder`/ban-VENUE.json; `announce` tells one that has not ended."""

    def __init__(self, folder: Path, clock: Clock, bus: Bus, venue: str, category: str) -> None:
        self.path = folder / f"ban-{venue}.json"
        self.errors = 0
        self._clock = clock
        self._bus = bus
        self._venue = venue
        self._category = category
        bus.subscribe(RestBan, self._heard, name=f"ban file of {venue}")

    def announce(self) -> None:
        """Publish the ban of an earlier run, if it still lasts. A file that cannot be read is told in the log and ignored."""
        try:
            kept = msgspec.json.decode(self.path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            # Fallback: without it the venue's next answer tells of the ban again.
            self._failed("read", error)
            return
        now_ms = self._clock.now_ms()
        until_ms = min(kept.until_ms, now_ms + int(LONGEST_BAN_S * 1000))
        if until_ms > now_ms:
            reason = f"HTTP {kept.status} before the last stop: nothing is sent for {(until_ms - now_ms) / 1000:.0f} s"
            self._bus.publish(
                RestBan(
                    venue=self._venue,
                    category=self._category,
                    status=kept.status,
                    until_ms=until_ms,
                    reason=reason,
                    at_ms=now_ms,
                )
            )

    def _heard(self, ban: RestBan) -> None:
        if ban.venue != self._venue:
            return
        try:
            if ban.until_ms == 0:
                self.path.unlink(missing_ok=True)
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self.path.with_suffix(".new")
            fresh.write_bytes(msgspec.json.encode(_Kept(ban.status, ban.until_ms)))
            os.replace(fresh, self.path)
        except OSError as error:
            # Fallback: the ban holds in memory; only a restart would forget it.
            self._failed("write", error)

    def _failed(self, what: str, error: Exception) -> None:
        self.errors += 1
        log.warning("ban of %s: cannot %s %s: %s", self._venue, what, self.path, error)
