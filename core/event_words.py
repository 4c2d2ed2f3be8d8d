"""Messages in the words of the event log: short, plain, with value and remedy; and which of them are news at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from core.clock import iso_utc
from core.messages import (
    Analysis,
    BookStatus,
    CalibrationReport,
    ChannelStatus,
    EngineStatus,
    EventChange,
    EventKind,
    Fault,
    LinkStatus,
    Message,
    RestBan,
    Screening,
    SettingChanged,
    SettingRejected,
    Severity,
    StateChange,
    ThresholdsInForce,
    Universe,
)

NAMES_SHOWN = 5
FLAPS_TOLD = 3
"""A link, channel or book that comes and goes is told so often a minute, then counted."""
REASON_MOST = 140
"""Characters of a calibration's reason in the log; the whole of it stands on the calibration screen."""


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
    """Remembers the last state of links, channels, books, advice and thresholds, so that only changes are news."""

    def __init__(self, since_ms: int = 0) -> None:
        """`since_ms`: when the program began; reports older than that were kept, and are no news."""
        self._last: dict[tuple[str, ...], object] = {}
        self._advice: dict[str, str] = {}
        self._thresholds: dict[str, ThresholdsInForce] = {}
        self._since_ms = since_ms

    def changed(self, value: object, *key: str) -> bool:
        """Whether this is not what was last told under `key`; remembers it."""
        if self._last.get(key) == value:
            return False
        self._last[key] = value
        return True

    def seen(self, *key: str) -> object:
        """What was last told under `key`; None for nothing."""
        return self._last.get(key)

    def is_old(self, at_ms: int) -> bool:
        """Whether it happened before the program began."""
        return at_ms < self._since_ms

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
        if not self.changed(m.state, "link", m.link) or m.state == "connecting":
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
        if not self.changed(m.fresh, "channel", m.symbol, m.channel) or (m.fresh and not known):
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
        if not self.changed(m.state, *key):
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
        if not self.changed(m.until_ms, "ban"):
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
        if not self.changed(m.symbols, "universe"):
            return None
        parts = [f"{sign}{len(names)} ({_some(names)})" for sign, names in (("+", m.added), ("−", m.removed)) if names]
        change = f" {' '.join(parts)}" if parts and len(m.added) < len(m.symbols) else ""
        why = f": {m.reason}" if m.reason else ""
        return Told("universe", "info", "", f"watching {len(m.symbols)} symbols{change}{why}", m.at_ms)

    def alert(self, m: Screening) -> Told | None:
        if m.signal != "ALERT" or m.replayed:
            return None
        text = f"{m.symbol} alert: {'; '.join(reason.words for reason in m.trigger_reasons)}"
        return Told("alert", "warning", m.symbol, text, m.known_at)

    def analysis(self, m: Analysis) -> Told | None:
        """A trade that is recommended, one that no longer is, and an analysis that failed."""
        if m.stage2_status == "error" and not m.replayed:
            text = f"{m.symbol} analysis failed: {m.error}"
            return Told("recommendation", "warning", m.symbol, text, m.timestamp, repeat_key=f"analysis {m.symbol}")
        if m.stage2_status != "completed" or m.recommendation is None:
            return None
        action, before = m.recommendation, self._advice.get(m.symbol, "")
        self._advice[m.symbol] = action
        trade = action in ("BUY", "SELL")
        if m.replayed or not (trade or before in ("BUY", "SELL")):
            return None
        why = f": {m.reasons[0]}" if m.reasons else ""
        text = f"{m.symbol} {action}{_levels(m)}" if trade else f"{m.symbol} {before} no longer holds, {action}{why}"
        return Told("recommendation", "info", m.symbol, text, m.timestamp, repeat_key=f"advice {m.symbol} {action}")

    def calibration(self, m: CalibrationReport) -> Told | None:
        """A verdict, once: what was kept from earlier runs, and what is said again, is no news."""
        key = (m.task_id, m.at_ms, m.verdict, m.accepted_by_operator)
        if m.verdict == "waiting" or m.at_ms < self._since_ms or not self.changed(key, "calibration", m.symbol):
            return None
        severity: Severity = "info"
        if m.accepted_by_operator:
            text = f"{m.symbol} new thresholds taken by the operator although the guards said: {_short(m.reason)}"
        elif m.verdict == "accept":
            text = f"{m.symbol} calibrated, new thresholds in force{_out_of_sample(m)}"
        elif m.verdict == "keep":
            text = f"{m.symbol} calibration keeps the thresholds: {_short(m.reason)}"
        else:
            text, severity = f"{m.symbol} calibration failed: {_short(m.reason)}", "warning"
        repeat = f"calibration {m.symbol} {m.verdict} {m.accepted_by_operator}"
        return Told("calibration", severity, m.symbol, text, m.at_ms, repeat_key=repeat)

    def thresholds(self, m: ThresholdsInForce) -> Told | None:
        """What the operator set or took back; what a calibration or the volatility changed is told by others or not at all."""
        before = self._thresholds.get(m.symbol)
        self._thresholds[m.symbol] = m
        if before is None:
            return None
        moved = [name for name, value in m.values.items() if before.values.get(name) != value]
        if m.previous < before.previous:
            verb = "taken back"
        else:
            verb = "set by hand"
            moved = [name for name in moved if m.sources.get(name) == "operator" and m.blended == before.blended]
            if not moved:
                return None
        told = ", ".join(f"{name} {before.values.get(name, float('nan')):g} → {m.values[name]:g}" for name in moved)
        text = f"{m.symbol} thresholds {verb}: {told or 'the values are the same'}"
        return Told("calibration", "info", m.symbol, text, m.at_ms)

    def engine(self, m: EngineStatus) -> Told | None:
        if not self.changed((m.phase, m.text), "engine"):
            return None
        severity: Severity = "error" if m.phase == "failed" else "info"
        return Told("engine", severity, "", m.text, m.at_ms, repeat_key=f"engine {m.phase} {m.text[:40]}")


def price(value: float) -> str:
    """A price without noise digits: `61,602.01`, `0.00001742`."""
    text = f"{value:,.10f}".rstrip("0").rstrip(".") if abs(value) < 1 else f"{value:,.8f}".rstrip("0").rstrip(".")
    return text or "0"


def _levels(m: Analysis) -> str:
    """`: entry 61,200–61,300, stop 60,900, target 62,400, RR 2.3`; empty without a trade."""
    risk = m.risk_parameters
    if risk is None or not risk.tp_targets:
        return ""
    low, high, stop, target = (price(float(p)) for p in (*risk.optimal_entry, risk.sl_level, risk.tp_targets[0]))
    return f": entry {low}–{high}, stop {stop}, target {target}, RR {risk.risk_reward_ratio:.1f}"


def _out_of_sample(m: CalibrationReport) -> str:
    figures = m.out_of_sample
    if figures is None:
        return ""
    return f": {figures.expectancy_r:+.2f} R a trade out of sample over {figures.trades} trades".replace("-", "−")


def _short(reason: str) -> str:
    return reason if len(reason) <= REASON_MOST else f"{reason[: REASON_MOST - 1].rstrip()}…"


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
    Screening: Words.alert,
    Analysis: Words.analysis,
    CalibrationReport: Words.calibration,
    ThresholdsInForce: Words.thresholds,
    EngineStatus: Words.engine,
}
"""Every class of message that can be an event, with its words."""
