"""The top line: where am I connected, is it real money, is the data fresh.

What to say is decided by pure functions over the view store; the widget only paints, when the second or the state changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from core.messages import AccountStatus, EngineStatus, HostKind, LinkStatus, SessionPhase, SessionStatus
from tui.desk import Desk
from tui.format import LOOKS, clock_text, count
from tui.glyphs import plain_text
from tui.store import ViewStore

LINK_WORDS = {
    "connecting": "connecting",
    "down": "down",
    "banned": "banned",
    "stopped": "stopped",
    "rotating": "rotating",
}
ORDERS_GO: dict[HostKind, str] = {
    "SANDBOX": "SANDBOX ORDERS", "TESTNET": "TESTNET ORDERS", "LIVE DATA": "LIVE", "RECORDED": "RECORDED ORDERS",
}  # fmt: skip
"""The real account in a word, by kind of its host. Only LIVE is real money."""
LAG_WARN_MS = 100.0
LATENCY_WARN_MS = 2000.0
STALE_STATS_MS = 5000
"""Statistics older than this are not shown as if they were new."""
GROUNDED = ("live", "danger")
"""Looks that may have a ground of their own."""
GAP = 2
"""Blank cells between parts."""
TROUBLE_LEAST = 52
"""Cells a trouble keeps before less important parts do: what is wrong and when the next try is."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the line. `look` names a palette field; parts of low `weight` go first when there is no room.

    A part with `least` is cut down to that many cells before any other part has to go.
    """

    text: str
    look: str
    weight: int
    right: bool = False
    least: int = 0

    @property
    def needs(self) -> int:
        """Cells it cannot do without."""
        return min(len(self.text), self.least) if self.least else len(self.text)


def trouble(store: ViewStore, now_ms: int) -> str:
    """The worst thing about the connection in words, with the time of the next try; empty when all is well."""
    engine, ban = store.engine, store.ban
    if engine is not None and engine.phase == "failed":
        return engine.text
    if ban is not None and ban.until_ms > now_ms:
        return f"REST banned ({ban.status}) until {clock_text(ban.until_ms)}"
    bad = store.troubled_links()
    if not bad:
        return ""
    return _link_words(bad[0], now_ms, f" (+{len(bad) - 1} more)" if len(bad) > 1 else "")


def _link_words(link: LinkStatus, now_ms: int, more: str) -> str:
    """What, when the next try is, and last the reason: the end is cut first when there is no room."""
    state = "reconnecting" if link.state == "down" and link.retry_in_s else LINK_WORDS.get(link.state, link.state)
    words = f"{link.link} {state}{more}"
    if link.retry_in_s:
        left = max(0, round(link.retry_in_s - (now_ms - link.at_ms) / 1000.0))
        words += f", retry in {left} s" if left else ", trying now"
    if link.reason and link.state != "connecting":
        words += f": {link.reason}"
    return words


def status_parts(desk: Desk, now_ms: int) -> list[Part]:
    """Everything worth saying, left parts before right parts, each in reading order."""
    store, market = desk.store, desk.settings.market
    engine = store.engine
    parts = [Part("tradetui", "dim", 1)]
    if engine is None:
        parts.append(Part(desk.waiting, "dim", 95))
    else:
        money = _money(store, engine, now_ms)
        known = bool(engine.host) or engine.phase != "failed"
        if not known:
            parts.append(Part("NOT CONNECTED", "danger", 95))
        elif not money.real:
            parts.append(Part(engine.host_kind, "accent", 95))
        elif money.kind == engine.host_kind:
            parts.append(Part(ORDERS_GO[money.kind], money.look, 101))
        else:  # prices of one place, orders to another
            parts += [Part(engine.host_kind, "accent", 95), Part(ORDERS_GO[money.kind], money.look, 101)]
        category = f" {engine.category}" if engine.category != "spot" else ""
        parts.append(Part(f"{engine.venue}{category}", "text", 80))
        if money.real and money.kind == "LIVE DATA":
            parts.append(Part(money.host, "text", 86))
        elif engine.host and engine.host_kind == "LIVE DATA":
            parts.append(Part(engine.host, "dim", 12))
        parts.append(Part(money.words, money.look if money.phase == "ARMED" else PHASE_LOOKS[money.phase], 100))
        parts += _trading(store)
        parts += _inbox(desk)
    if LOOKS.private:
        parts.append(Part("PRIVATE", "accent", 85))
    if desk.symbol:
        parts.append(Part(f"{desk.symbol} {desk.timeframe}".rstrip(), "text", 20))
    separator = desk.glyphs.separator
    parts.append(Part(separator.join(market.timeframes), "dim", 8))
    decide = desk.edited.get("market.decision_timeframe", market.decision_timeframe).strip('"')
    parts.append(Part(f"decide {decide}", "dim", 30))
    wrong = trouble(store, now_ms)
    if wrong:
        failed = engine is not None and engine.phase == "failed"
        parts.append(
            Part(f"{desk.glyphs.alert} {wrong}", "danger" if failed else "warn", 90, right=True, least=TROUBLE_LEAST)
        )
    elif engine is not None and engine.phase != "running":
        parts.append(Part(engine.text or engine.phase, "dim", 60, right=True))
    return parts + _figures(desk, now_ms)


@dataclass(frozen=True, slots=True)
class Money:
    """Whose money orders spend: on the real account (`real`) where they go, and whether entries may be sent."""

    real: bool
    kind: HostKind
    host: str
    phase: SessionPhase
    words: str

    @property
    def look(self) -> str:
        """Real money has a ground of its own; nothing else has."""
        return "live" if self.kind == "LIVE DATA" else "accent"


PHASE_LOOKS: dict[SessionPhase, str] = {
    "PAPER": "paper", "CONNECTING": "warn", "DISARMED": "bright", "ARMED": "live", "LEAVING": "warn",
}  # fmt: skip


def _money(store: ViewStore, engine: EngineStatus, now_ms: int) -> Money:
    """By the session; before it speaks, or while it changes accounts, by the account. In doubt it is the real one."""
    session, account = store.trading.session, store.trading.account
    told: list[SessionStatus | AccountStatus] = [one for one in (session, account) if one is not None]
    spoke = next((one for one in told if one.mode == "LIVE"), told[0] if told else engine)
    until_ms = spoke.armed_until_ms if not isinstance(spoke, EngineStatus) else 0
    real = spoke.mode == "LIVE"
    phase: SessionPhase = "PAPER" if not real else "ARMED" if until_ms > now_ms else "DISARMED"
    if session is not None and (session.phase == "CONNECTING" or (real and session.phase == "LEAVING")):
        phase = session.phase
    words = f"ARMED {_left(until_ms - now_ms)}" if phase == "ARMED" else phase
    return Money(real, spoke.host_kind, spoke.host, phase, words)


def _left(left_ms: int) -> str:
    """`42 m`, and in the last two minutes `90 s`."""
    seconds = max(0, -(-left_ms // 1000))
    return f"{seconds // 60} m" if seconds >= 120 else f"{seconds} s"


def _trading(store: ViewStore) -> list[Part]:
    """What the operator must know of the order path on every screen; nothing while all is well."""
    account = store.trading.account
    if account is None:
        return []
    parts: list[Part] = []
    if account.state != "ACTIVE":
        parts.append(Part(account.state, "danger" if account.state == "HALTED" else "warn", 99))
    if account.naked:
        parts.append(Part(f"{account.naked} NAKED", "danger", 98))
    if account.unknown:
        parts.append(Part(f"{account.unknown} UNKNOWN", "danger", 97))
    return parts


def _inbox(desk: Desk) -> list[Part]:
    """How much waits for the operator; an alarm that is an error makes it more important."""
    inbox = desk.store.trading.inbox
    waiting = [item for item in inbox.items if item.state == "WAITING"] if inbox is not None else []
    if not waiting:
        return []
    if any(item.severity == "error" for item in waiting):
        return [Part(f"{desk.glyphs.alert} {len(waiting)} waiting", "warn", 82)]
    return [Part(f"{len(waiting)} waiting", "text", 38)]


def _figures(desk: Desk, now_ms: int) -> list[Part]:
    """The numbers on the right."""
    store = desk.store
    parts: list[Part] = []
    if store.universe:
        parts.append(Part(f"{len(store.universe)} mkts", "dim", 40, right=True))
    stats = store.stats
    if stats is not None:
        stale = now_ms - stats.at_ms > STALE_STATS_MS
        rate = desk.glyphs.missing if stale else count(store.messages_per_s())
        parts.append(Part(f"{rate} msg/s", "stale" if stale else "text", 50, right=True))
        late = stats.latency_ms
        if late == late and not stale:
            parts.append(Part(f"lat {late:.0f} ms", "warn" if late > LATENCY_WARN_MS else "text", 55, right=True))
        parts.append(Part(f"recon {stats.reconnects}", "text" if stats.reconnects else "dim", 25, right=True))
    if store.lag is not None:
        slow = store.lag.last_ms > LAG_WARN_MS
        parts.append(Part(f"lag {store.lag.last_ms:.0f} ms", "warn" if slow else "dim", 35, right=True))
    parts += _parity(desk)
    dropped = desk.dropped_frames()
    if dropped:
        parts.append(Part(f"drop {dropped}", "warn", 28, right=True))
    if desk.guard.last_failure:
        parts.append(Part(f"{desk.glyphs.alert} screen", "danger", 70, right=True))
    parts.append(Part(clock_text(now_ms), "text", 65, right=True))
    return parts


def _parity(desk: Desk) -> list[Part]:
    """Readings that came out otherwise when computed again from stored bars; none is expected."""
    signals = desk.store.signal_stats
    if signals is None or not signals.parity_checked:
        return []
    wrong = signals.parity_differences
    if wrong:
        return [Part(f"parity {wrong} of {signals.parity_checked}", "danger", 68, right=True)]
    return [Part(f"parity 0 of {signals.parity_checked:,}", "dim", 10, right=True)]


def lay_out(parts: Sequence[Part], width: int, ellipsis: str = "…") -> list[tuple[str, str]]:
    """(text, look) runs of exactly `width` cells: left parts, a gap, right parts; the least important dropped to fit."""
    kept = list(parts)
    while len(kept) > 1 and _length(kept) > width:
        kept.remove(min(kept, key=lambda part: part.weight))
    spare = width - _length(kept)
    kept = [_shortened(part, part.needs + spare, ellipsis) if part.least else part for part in kept]
    runs: list[tuple[str, str]] = [(" ", "header")]
    used = 1
    right = [part for part in kept if part.right]
    room = width - sum(len(part.text) + GAP for part in right) + GAP
    for part in kept:
        if not part.right:
            runs += [(part.text, part.look), (" " * GAP, _gap_look(part))]
            used += len(part.text) + GAP
    if right:
        runs.append((" " * max(0, room - used), "header"))
        used += max(0, room - used)
        for index, part in enumerate(right):
            runs += [(" " * (GAP if index else 0), _gap_look(part)), (part.text, part.look)]
    return _cut(runs, width)


def _gap_look(part: Part) -> str:
    """Blank cells look like their neighbour, unless that has a ground of its own."""
    return "header" if part.look in GROUNDED else part.look


def _length(parts: Sequence[Part]) -> int:
    """Cells of these parts: one blank in front, then each with its gap."""
    return 1 + sum(part.needs + GAP for part in parts) - (GAP if parts else 0)


def _shortened(part: Part, room: int, ellipsis: str) -> Part:
    if len(part.text) <= room or room < 1:
        return part
    return replace(part, text=part.text[: room - 1].rstrip() + ellipsis)


def _cut(runs: list[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """The same runs cut or padded to `width`; neighbours that look the same become one (fewer bytes to send)."""
    cut: list[tuple[str, str]] = []
    left = width
    for text, look in [*runs, (" " * width, "header")]:
        shown = text[:left]
        left -= len(shown)
        if shown and cut and cut[-1][1] == look:
            cut[-1] = (cut[-1][0] + shown, look)
        elif shown:
            cut.append((shown, look))
    return cut


class StatusBar(Widget):
    """One line; repainted at most once a second, or at once when a connection, the engine or the mode changed."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(classes="status-bar")
        self._desk = desk
        self._second = -1
        self._state = ""
        self._runs: list[tuple[str, str]] = []

    def flush(self) -> None:
        """Repaint when there is something new to say."""
        now_ms = self._desk.clock.now_ms()
        state = self._state_words(now_ms)
        if now_ms // 1000 == self._second and state == self._state:
            return
        self._second, self._state = now_ms // 1000, state
        runs = self._lay_out(now_ms)
        if runs != self._runs:
            self._runs = runs
            self.refresh()

    def _state_words(self, now_ms: int) -> str:
        """What must be shown without waiting for the next second. Seconds left do not count."""
        store = self._desk.store
        engine = store.engine
        words = f"{engine.phase} {engine.mode} {engine.host_kind} {engine.text}" if engine is not None else ""
        words += " private" if LOOKS.private else ""
        if engine is not None:
            money = _money(store, engine, now_ms)
            words += f"{money.real} {money.kind} {money.host} {money.phase}"
        words += " ".join(part.text for part in [*_trading(store), *_inbox(self._desk)])
        return words + re.sub(r"\d+ s\b", "", trouble(store, now_ms))

    def _lay_out(self, now_ms: int) -> list[tuple[str, str]]:
        runs = lay_out(status_parts(self._desk, now_ms), self.size.width, self._desk.glyphs.ellipsis)
        return [(plain_text(text), look) for text, look in runs] if self._desk.glyphs.name == "ascii" else runs

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        runs = self._runs
        if sum(len(text) for text, _ in runs) != width:
            runs = self._runs = self._lay_out(self._desk.clock.now_ms())
        return Strip([Segment(text, self._style(look)) for text, look in runs], width)

    def _style(self, look: str) -> Style:
        """The look on the header's ground, unless it has a ground of its own (LIVE, danger)."""
        palette = self._desk.palette
        style: Style = getattr(palette, look)
        if style.bgcolor == palette.text.bgcolor and palette.header.bgcolor is not None:
            return style + Style(bgcolor=palette.header.bgcolor)
        return style
