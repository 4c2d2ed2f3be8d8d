"""Everything known of one item: the recommendation behind a proposal, the order behind a fill, the whole of an alarm."""

from __future__ import annotations

from core.messages import InboxItem
from tui.desk import Desk
from tui.format import clock_text, percent
from tui.widgets.inbox_words import LOOK, STATE_WORDS, stands, words_of, zone_text
from tui.widgets.line_panel import Line, fold
from tui.widgets.order_detail import detail_lines as order_lines
from tui.widgets.orders_list import Item
from tui.widgets.recommendation import recommendation_lines
from tui.widgets.sight import deciding_timeframe, look
from tui.widgets.trading_words import price_text

SHORT = 8
"""With less room than this only the words of a recommendation are shown."""


def detail_lines(desk: Desk, item: InboxItem | None, width: int, height: int = 100) -> list[Line]:
    """Lines of at most `width` cells, the most important ones first."""
    if item is None:
        return [[(" nothing is chosen", "dim")]]
    return _proposal(desk, item, width, height) if item.kind == "PROPOSAL" else _news(desk, item, width)


def _proposal(desk: Desk, item: InboxItem, width: int, height: int) -> list[Line]:
    """The trade on one line, then the recommendation in full."""
    missing = desk.glyphs.missing
    targets = ", ".join(price_text(desk, item.symbol, float(price)) for price in item.targets) or missing
    where, style = stands(desk, item)
    trade: Line = [
        (f" {item.symbol} {item.side or ''} ", "bright"),
        (f"{zone_text(desk, item)}", "text"),
        (f", now {where}" if where != missing else "", style),
        ("; stop ", "dim"),
        (f"{price_text(desk, item.symbol, float(item.stop))}{_away(desk, item, float(item.stop))}", "text"),
        ("; targets " if len(item.targets) != 1 else "; target ", "dim"),
        (targets + (_away(desk, item, float(item.targets[0])) if len(item.targets) == 1 else ""), "text"),
    ]
    lines = fold(trade, width - 1, 4)
    sight = look(desk, item.symbol, deciding_timeframe(desk))
    told = sight.screened.analysis if sight is not None else None
    if sight is None or told is None or told.timestamp != item.created_ms:
        return [*lines, *fold([(f" {item.text}", "text")], width - 1, 1)]
    if item.text not in ("; ".join(told.reasons), told.narrative):  # what has become of it stands there
        lines += fold([(f" {item.text}", "warn")], width - 1, 1)
    if height < SHORT:
        return [*lines, *_sentences(told.narrative_parts or (told.narrative,), width, height - len(lines))]
    return [*lines, *recommendation_lines(sight, desk.glyphs, width, ask="")]


def _sentences(parts: tuple[str, ...], width: int, height: int) -> list[Line]:
    """As many whole sentences as there is room for, at least the first."""
    kept: list[Line] = []
    for number in range(1, len(parts) + 1):
        lines = fold([(f" {' '.join(parts[:number])}", "text")], width - 1, 1)
        if kept and len(lines) > height:
            break
        kept = lines
    return kept


def _away(desk: Desk, item: InboxItem, price: float) -> str:
    """` (− 0.9 %)` from the edge of the zone it pays least from."""
    if item.entry is None:
        return ""
    start = float(item.entry[1] if item.side == "BUY" else item.entry[0])
    return f" ({percent(price / start - 1.0, 1, unit=True, glyphs=desk.glyphs).replace(' ', '', 1)})" if start else ""


def _news(desk: Desk, item: InboxItem, width: int) -> list[Line]:
    """Its words in full, when, and the order or difference it is about."""
    state = f"  {STATE_WORDS[item.state]}" if item.state != "WAITING" else ""
    lines = fold([(f" {words_of(item)}", LOOK[item.severity])], width - 1, 1)
    kind = "alarm" if item.kind == "ALARM" else "fill"
    lines.append([(f" {kind} of {clock_text(item.created_ms)}{state}", "dim")])
    about = subject(desk, item)
    return [*lines, [], *order_lines(desk, about, width)] if about is not None else lines


def subject(desk: Desk, item: InboxItem) -> Item | None:
    """What of the Orders screen it is about, if that is still known."""
    trading = desk.store.trading
    if item.item_id.startswith("x:"):
        key = item.item_id[2:].rpartition(":")[0]
        return Item("discrepancy", key, item.symbol) if key in trading.discrepancies else None
    if item.client_id in trading.orders:
        return Item("order", item.client_id, item.symbol)
    if item.client_id in trading.positions:
        return Item("position", item.client_id, item.symbol)
    return None
