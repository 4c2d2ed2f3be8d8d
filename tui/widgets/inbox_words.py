"""How items of the inbox are told: where the price stands to a proposal, ages, states, and why nothing waits."""

from __future__ import annotations

import re
from collections import Counter

from core.messages import InboxItem, Severity
from tui.desk import Desk
from tui.format import HIDDEN, LOOKS, age, fixed
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Run
from tui.widgets.market_advice import ACTION_WORDS, is_expired
from tui.widgets.market_facts import fault_words
from tui.widgets.trading_words import counted, price_text

LOOK: dict[Severity, str] = {"error": "danger", "warning": "warn", "info": "text"}
STATE_WORDS = {
    "SNOOZED": "snoozed", "ACKNOWLEDGED": "seen", "DISMISSED": "dismissed", "EXPIRED": "expired", "TAKEN": "taken",
}  # fmt: skip
_OWN = re.compile(
    r"(?<=bought )[\d.,]+|(?<=sold )[\d.,]+|(?<=, )[\d.]+ of [\d.]+(?=$|;)|[+−][\d.,]+(?=( [A-Z]{2,})?( |$))(?! R)"
)
"""Amounts of the operator's own in the words of a fill; R is none."""


def waits(item: InboxItem | None) -> bool:
    """Whether it can be answered."""
    return item is not None and item.state == "WAITING"


def words_of(item: InboxItem) -> str:
    """Its text; amounts are hidden in private mode."""
    return _OWN.sub(HIDDEN, item.text) if LOOKS.private and item.kind == "FILL" else item.text


def zone_text(desk: Desk, item: InboxItem) -> str:
    """`151.70 to 152.34`."""
    if item.entry is None:
        return desk.glyphs.missing
    low, high = (price_text(desk, item.symbol, float(edge)) for edge in item.entry)
    return f"{low} to {high}" if low != high else low


def price_now(desk: Desk, item: InboxItem) -> Run:
    """The newest price, marked where it is old."""
    row = desk.store.rows.get(item.symbol)
    if row is None or not row.price:
        return desk.glyphs.missing, "dim"
    text = price_text(desk, item.symbol, row.price)
    stale = fault_words(row, desk.store, desk.clock.now_ms())
    return (f"{desk.glyphs.stale} {text}", "stale") if stale else (text, "bright")


def stands(desk: Desk, item: InboxItem) -> Run:
    """Where the price is: in the zone, or how far from it; past the stop or the first target."""
    row = desk.store.rows.get(item.symbol)
    if row is None or not row.price or item.entry is None:
        return desk.glyphs.missing, "dim"
    price, (low, high) = row.price, (float(edge) for edge in item.entry)
    way = -1.0 if item.side == "SELL" else 1.0
    if item.stop and way * (price - float(item.stop)) <= 0:
        return "past its stop", "danger"
    if item.targets and way * (price - float(item.targets[0])) >= 0:
        return "past target", "warn"
    if low <= price <= high:
        return "in the zone", "accent"
    edge, word = (high, "above") if price > high else (low, "below")
    far = abs(price / edge - 1.0) * 100 if edge else 0.0
    worse = (price > high) == (item.side == "BUY")
    return f"{fixed(far, 1 if far >= 0.1 else 2, glyphs=desk.glyphs)} % {word}", "warn" if worse else "text"


def left(item: InboxItem, now_ms: int, glyphs: Glyphs) -> Run:
    """How long it holds; of one that is over what became of it."""
    if item.state != "WAITING":
        return STATE_WORDS[item.state], "dim"
    if not item.expires_ms:
        return glyphs.missing, "dim"
    seconds = (item.expires_ms - now_ms) / 1000
    return age(seconds, glyphs=glyphs), "warn" if seconds < 60 else "text"


def why_no_proposal(desk: Desk) -> str:
    """What analyses say instead."""
    if desk.store.trading.inbox is None:
        return "the engine has not told of its inbox yet"
    now_ms = desk.clock.now_ms()
    told = [row.analysis for row in desk.store.screening.rows.values() if row.analysis is not None]
    holding = [one for one in told if one.recommendation is not None and not is_expired(one, now_ms)]
    if not holding:
        return "no analysis speaks of the market now; they come with alerts and changes of state"
    counts = Counter(ACTION_WORDS[one.recommendation] for one in holding if one.recommendation is not None)
    said = ", ".join(f"{number} {word}" for word, number in counts.most_common())
    least = f"{desk.setting('trading.proposal_confidence'):.2f}".removeprefix("0")
    verb = "holds" if len(holding) == 1 else "hold"
    return f"{counted(len(holding), 'analysis', 'analyses')} {verb} now: {said}; P {least} is asked for"
