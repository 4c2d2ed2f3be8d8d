"""Messages in the words of the event log: short, plain, with value and remedy; and which of them are news at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from core.clock import iso_utc
from core.messages import (
    BookStatus,
    ChannelStatus,
    EngineStatus,
    EventChange,
    EventKind,
    Fault,
    LinkStatus,
    Message,
    RestBan,
    SettingChanged,
    SettingRejected,
    Severity,
    StateChange,
    Universe,
)

NAMES_SHOWN = 5
FLAPS_TOLD = 3
"""A link, channel or book that comes and goes is told so often a minute, then counted."""


class Told(NamedTuple):
    """One event before it has a number.

    `fact` names what must be told only once ever; `repeat_key` what may come in floods and is counted after it was told
    `free` times. Both are empty for neither.
    """

    kind: EventKind
    severity: Severity
    symbol: str
    text: str
    at_ms: int
    fact: str = ""
    repeat_key: str = ""
    free: int = 1
    change: EventChange | None = None
    replayed: bool = False


class Words:
    """Remembers the last state of links, channels and books, so that only changes are news."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, ...], object] = {}

    def tell(self, message: Message) -> Told | None:
        """The event a message is, or None when it is no news."""
        return WORDS[type(message)](self, message)

    def _changed(self, value: object, *key: str) -> bool:
        if self._last.get(key) == value:
            return False
        self._last[key] = value
        return True

    def state(self, m: StateChange) -> Told:
        why = f": {', '.join(m.reasons)}" if m.reasons else ""
        text = f"{m.symbol} {m.before} → {m.after} at {price(m.price)}{why}"
        fact = f"{m.venue}.{m.category}:{m.symbol} {m.timeframe} {m.occurred_at} {m.after}"
        change = EventChange(
            before=m.before,
            after=m.after,
            price=m.price,
            probability=m.probability,
            timeframe=m.timeframe,
            reasons=m.reasons,
        )
        return Told("state", "info", m.symbol, text, m.known_at, fact=fact, change=change, replayed=m.replayed)

    def link(self, m: LinkStatus) -> Told | None:
        before = self._last.get(("link", m.link))
        if not self._changed(m.state, "link", m.link) or m.state == "connecting":
            return None
        why = f": {m.reason}" if m.reason else ""
        again = f", trying again in {m.retry_in_s:.0f} s" if m.retry_in_s else ""
        severity: Severity = "info"
        if m.state == "up":
            text = f"{m.link} connected to {m.host}" if m.reconnects == 0 else f"{m.link} connected again to {m.host}"
        elif m.state == "down":
            text, severity = f"{m.link} lost{why}{again}", "warning"
        elif m.state == "banned":
            text, severity = f"{m.link} refused by {m.host}{why}{again}", "error"
        elif m.state == "rotating":
            text = f"{m.link} moves to a fresh connection{why}"
        else:
            if before is None:
                return None
            text = f"{m.link} closed{why}"
        return Told("link", severity, "", text, m.at_ms, repeat_key=f"link {m.link} {m.state}", free=FLAPS_TOLD)

    def channel(self, m: ChannelStatus) -> Told | None:
        known = ("channel", m.symbol, m.channel) in self._last
        if not self._changed(m.fresh, "channel", m.symbol, m.channel) or (m.fresh and not known):
            return None
        key = f"channel {m.symbol} {m.channel} {m.fresh}"
        if m.fresh:
            return Told(
                "channel",
                "info",
                m.symbol,
                f"{m.symbol} {m.channel} is fresh again",
                m.at_ms,
                repeat_key=key,
                free=FLAPS_TOLD,
            )
        text = f"{m.symbol} {m.channel} silent for {m.age_s:.0f} s (limit {m.limit_s:.0f} s)"
        return Told("channel", "warning", m.symbol, text, m.at_ms, repeat_key=key, free=FLAPS_TOLD)

    def book(self, m: BookStatus) -> Told | None:
        key = ("book", m.symbol)
        if m.state == "syncing" or (m.state == "live" and key not in self._last):
            return None
        if not self._changed(m.state, *key):
            return None
        repeat = f"book {m.symbol} {m.state}"
        if m.state == "live":
            text = f"{m.symbol} order book is live again"
            return Told("book", "info", m.symbol, text, m.at_ms, repeat_key=repeat, free=FLAPS_TOLD)
        why = f": {m.reason}" if m.reason else ""
        return Told(
            "book",
            "warning",
            m.symbol,
            f"{m.symbol} order book stale{why}",
            m.at_ms,
            repeat_key=repeat,
            free=FLAPS_TOLD,
        )

    def ban(self, m: RestBan) -> Told | None:
        if not self._changed(m.until_ms, "ban"):
            return None
        if not m.until_ms:
            return Told("ban", "info", "", f"{m.venue} takes requests again", m.at_ms)
        text = f"{m.venue} refuses requests until {iso_utc(m.until_ms)[11:19]}Z: {m.reason} ({m.status})"
        return Told("ban", "error", "", text, m.at_ms, repeat_key="ban")

    def fault(self, m: Fault) -> Told:
        times = f" (seen {m.count} times)" if m.count > 1 else ""
        key = f"fault {m.source} {m.symbol} {m.message[:40]}"
        return Told("fault", m.severity, m.symbol, f"{m.message}{times}", m.at_ms, repeat_key=key)

    def setting(self, m: SettingChanged) -> Told:
        verb = "taken back" if m.undo else "set"
        text = f"{m.key} {verb} by {m.by}: {m.old or 'unset'} → {m.new or 'unset'}"
        return Told("setting", "info", "", text, m.at_ms)

    def refused(self, m: SettingRejected) -> Told:
        what = f"{m.key} = {m.value} refused: " if m.key else ""
        return Told("setting", "warning", "", f"{what}{m.reason}", m.at_ms)

    def universe(self, m: Universe) -> Told | None:
        if not self._changed(m.symbols, "universe"):
            return None
        parts = [f"{sign}{len(names)} ({_some(names)})" for sign, names in (("+", m.added), ("−", m.removed)) if names]
        change = f" {' '.join(parts)}" if parts and len(m.added) < len(m.symbols) else ""
        why = f": {m.reason}" if m.reason else ""
        return Told("universe", "info", "", f"watching {len(m.symbols)} symbols{change}{why}", m.at_ms)

    def engine(self, m: EngineStatus) -> Told | None:
        if not self._changed((m.phase, m.text), "engine"):
            return None
        severity: Severity = "error" if m.phase == "failed" else "info"
        return Told("engine", severity, "", m.text, m.at_ms, repeat_key=f"engine {m.phase} {m.text[:40]}")


def price(value: float) -> str:
    """A price without noise digits: `61,602.01`, `0.00001742`."""
    text = f"{value:,.10f}".rstrip("0").rstrip(".") if abs(value) < 1 else f"{value:,.8f}".rstrip("0").rstrip(".")
    return text or "0"


def _some(names: tuple[str, ...]) -> str:
    rest = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


WORDS: dict[type[Message], Callable[[Words, Any], Told | None]] = {
    StateChange: Words.state,
    LinkStatus: Words.link,
    ChannelStatus: Words.channel,
    BookStatus: Words.book,
    RestBan: Words.ban,
    Fault: Words.fault,
    SettingChanged: Words.setting,
    SettingRejected: Words.refused,
    Universe: Words.universe,
    EngineStatus: Words.engine,
}
"""Every class of message that can be an event, with its words."""
