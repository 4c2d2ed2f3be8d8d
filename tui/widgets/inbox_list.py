"""The inbox as one list of lines: proposals, alarms, fills; each line knowing the item it stands for."""

from __future__ import annotations

from core.messages import Inbox, InboxItem
from tui.desk import Desk
from tui.format import age, fixed, probability
from tui.widgets.inbox_words import LOOK, STATE_WORDS, left, price_now, stands, why_no_proposal, words_of, zone_text
from tui.widgets.line_panel import fold
from tui.widgets.listing import Listing
from tui.widgets.table_lines import Cells, Column, table_lines
from tui.widgets.trading_words import price_text

PROPOSAL_COLUMNS = (
    Column("rank", "#", 35, 1, right=True),
    Column("symbol", "SYMBOL", 100, 8),
    Column("side", "SIDE", 95, 6),
    Column("p", "P", 90, 3, right=True),
    Column("ratio", "RR", 85, 4, right=True),
    Column("zone", "ENTRY ZONE", 70, 16),
    Column("stop", "STOP", 60, 8, right=True),
    Column("target", "TARGET", 65, 8, right=True),
    Column("now", "NOW", 75, 8, right=True),
    Column("stands", "STANDS", 88, 12),
    Column("left", "LEFT", 92, 4, right=True),
    Column("why", "WHY", 20, 24, rest=True),
)
NEWS_COLUMNS = (
    Column("mark", "", 90, 1),
    Column("age", "", 95, 4, right=True),
    Column("words", "", 100, 20, rest=True),
)
NONE = {
    "ALARM": "none: errors and warnings, differences with the venue and halts wait here until answered",
    "FILL": "none: what was bought or sold waits here until you have seen it, for a day",
}
NOTE_LINES = 2


def listed(desk: Desk, width: int) -> Listing[InboxItem]:
    """Everything that waits, and what was answered a moment ago."""
    inbox = desk.store.trading.inbox
    items = inbox.items if inbox is not None else ()
    made: Listing[InboxItem] = Listing()
    _proposals(desk, made, inbox, [item for item in items if item.kind == "PROPOSAL"], width)
    _news(desk, made, "ALARM", "ALARMS", [item for item in items if item.kind == "ALARM"], width)
    _news(desk, made, "FILL", "FILLS", [item for item in items if item.kind == "FILL"], width)
    return made


def _title(made: Listing[InboxItem], name: str, items: list[InboxItem], after: str = "") -> None:
    number = sum(item.state == "WAITING" for item in items)
    waiting, more = f"  {number} waiting" if number else "", f"  {after}" if after else ""
    made.head([(f" {name}", "bright"), (waiting, "dim"), (more, "accent")])


def _put(
    desk: Desk, made: Listing[InboxItem], columns: tuple[Column, ...], rows: list[tuple[InboxItem, Cells]], width: int
) -> None:
    """The header, then each item on its line; what is over is dim."""
    lines = table_lines(
        columns, [cells for _, cells in rows], width, missing=desk.glyphs.missing, ellipsis=desk.glyphs.ellipsis
    )
    if any(column.title for column in columns):
        made.lines.append(lines[0])
    for (item, _), line in zip(rows, lines[1:], strict=True):
        made.add(item, line if item.state == "WAITING" else [(text, "dim") for text, _ in line])


def _proposals(desk: Desk, made: Listing[InboxItem], inbox: Inbox | None, items: list[InboxItem], width: int) -> None:
    opens = inbox is not None and inbox.opens_itself
    _title(made, "PROPOSALS", items, "OPENS ITSELF" if opens else "")
    if items:
        _put(desk, made, PROPOSAL_COLUMNS, [(item, _proposal_cells(desk, item)) for item in items], width)
    else:
        made.lines.extend(fold([(f"   none: {why_no_proposal(desk)}", "dim")], width, 3))
    if inbox is not None and inbox.note:
        said = fold([(f"   {inbox.note}", "dim")], width, 3)
        if len(said) > NOTE_LINES:
            text, look = said[NOTE_LINES - 1][-1]
            said[NOTE_LINES - 1] = [(text[: width - 2].rstrip(), look), (f" {desk.glyphs.ellipsis}", look)]
        made.lines.extend(said[:NOTE_LINES])


def _proposal_cells(desk: Desk, item: InboxItem) -> Cells:
    glyphs = desk.glyphs
    arrow, look = (glyphs.down, "price_down") if item.side == "SELL" else (glyphs.up, "price_up")
    target = price_text(desk, item.symbol, float(item.targets[0])) if item.targets else glyphs.missing
    return {
        "rank": [(str(item.rank) if item.rank else "", "dim")],
        "symbol": [(item.symbol, "bright")],
        "side": [(f"{arrow} {item.side or ''}", look)],
        "p": [(probability(item.confidence, glyphs=glyphs), "bright")],
        "ratio": [(fixed(item.ratio, 1, glyphs=glyphs), "text")],
        "zone": [(zone_text(desk, item), "text")],
        "stop": [(price_text(desk, item.symbol, float(item.stop)), "text")],
        "target": [(target, "text")],
        "now": [price_now(desk, item)],
        "stands": [stands(desk, item)],
        "left": [left(item, desk.clock.now_ms(), glyphs)],
        "why": [(item.text, "dim")],
    }


def _news(desk: Desk, made: Listing[InboxItem], kind: str, name: str, items: list[InboxItem], width: int) -> None:
    _title(made, name, items)
    if items:
        _put(desk, made, NEWS_COLUMNS, [(item, _news_cells(desk, item)) for item in items], width)
    else:
        made.lines.extend(fold([(f"   {NONE[kind]}", "dim")], width, 3))


def _news_cells(desk: Desk, item: InboxItem) -> Cells:
    glyphs, look = desk.glyphs, LOOK[item.severity]
    mark = {"error": glyphs.no, "warning": glyphs.alert, "info": glyphs.separator}[item.severity]
    over = f"{STATE_WORDS[item.state]}: " if item.state != "WAITING" else ""
    seconds = (desk.clock.now_ms() - item.created_ms) / 1000
    return {
        "mark": [(mark, look)],
        "age": [(age(seconds, glyphs=glyphs), "dim")],
        "words": [(over + words_of(item), look)],
    }
