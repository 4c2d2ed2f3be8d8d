"""An order ticket in words: whose money, which step, the order as it will stand on the wire, the price as it is now."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from msgspec.structs import replace

from core.messages import Quote, TicketStatus, TicketStep
from tui import format as fmt
from tui.desk import Desk
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Line, ends, fold, width_of
from tui.widgets.trading_words import exact, price_text, stepped

LABEL = 12
"""Cells of the column of labels."""
NUMBERS: dict[TicketStep, int] = {"REVIEW": 1, "CONSEQUENCES": 2, "AUTHORISE": 3}
EXPIRES_SOON_S = 10
UNIT = re.compile(r"(?<=\d) (?=%|(?:s|ms|bp|pp|R|ATR)\b)")
HELD = "\x00"
"""Stands for a blank at which no line may break."""


def is_real(ticket: TicketStatus) -> bool:
    """Whether real money is at stake."""
    return ticket.mode == "LIVE" and ticket.host_kind == "LIVE DATA"


def badge(ticket: TicketStatus) -> tuple[str, str]:
    """Whose money in a word, and its look."""
    if ticket.mode == "PAPER":
        return "PAPER", "paper"
    return ("LIVE", "live") if is_real(ticket) else (ticket.host_kind, "accent")


def title_runs(ticket: TicketStatus) -> Line:
    """`LIVE ORDER  1 of 3  REVIEW`."""
    word, look = badge(ticket)
    what = {"TRADE": "ORDER", "CANARY": "CANARY", "AMEND": f"AMEND {ticket.replaces}".rstrip()}[ticket.kind]
    number = f"{NUMBERS[ticket.step]} of 3  " if ticket.mode == "LIVE" and ticket.step in NUMBERS else ""
    step = "danger" if ticket.step in ("EXPIRED", "REFUSED") else "bright"
    return [(f" {word} {what} ", look), ("  ", "text"), (number, "dim"), (ticket.step, step)]


def folded(line: Line, width: int, indent: int) -> list[Line]:
    """The line in pieces; a number stays with its unit."""
    held: Line = [(UNIT.sub(HELD, text), look) for text, look in line]
    return [[(text.replace(HELD, " "), look) for text, look in piece] for piece in fold(held, width, indent)]


def neat(desk: Desk, ticket: TicketStatus) -> TicketStatus:
    """The same ticket, its numbers with as many decimals as the market's steps have: venues write eight of everything."""
    row = desk.store.rows.get(ticket.symbol)
    listing = row.listing if row is not None else None
    tick, lot = (listing.tick_size, listing.lot_size) if listing is not None else ("", "")
    return replace(
        ticket,
        quantity=stepped(ticket.quantity, lot),
        entry=stepped(ticket.entry, tick),
        stop=stepped(ticket.stop, tick),
        targets=tuple((stepped(price, tick), share) for price, share in ticket.targets),
    )


def plain(value: Decimal) -> str:
    """A number as it is typed: no thousands, every digit it came with."""
    return f"{value:f}"


def labelled(label: str, runs: Line, width: int) -> list[Line]:
    """A label and what it is about, folded under itself."""
    return folded([(f" {label:<{LABEL - 1}}", "dim"), *runs], width, LABEL)


def sentences(label: str, lead: str, texts: tuple[str, ...], width: int, *, apart: bool) -> list[Line]:
    """Sentences behind a label, each on lines of its own or, where room is scarce, one after the other."""
    if not texts:
        return []
    begin: Line = [(lead, "dim")] if lead else []
    if not apart:
        return labelled(label, [*begin, (" ".join(texts), "text")], width)
    lines = labelled(label, [*begin, (texts[0], "text")], width)
    return [*lines, *(piece for text in texts[1:] for piece in labelled("", [(text, "text")], width))]


def order_lines(desk: Desk, ticket: TicketStatus, width: int) -> list[Line]:
    """The order exactly as it will be sent, then what protects it and where it takes profit."""
    glyphs = desk.glyphs
    side = f"{glyphs.up if ticket.side == 'BUY' else glyphs.down} {ticket.side}"
    limit = f"limit {exact(ticket.entry, glyphs)}  {ticket.time_in_force}"
    terms = limit if ticket.order_type == "LIMIT" else "at the market"
    lines = folded(
        [
            (f" {side}", "price_up" if ticket.side == "BUY" else "price_down"),
            (f" {exact(ticket.quantity, glyphs)} {ticket.symbol}", "bright"),
            (f"  {terms}", "bright"),
        ],
        width,
        3,
    )
    near = float(ticket.entry) or ticket.reviewed_price
    if math.isfinite(near) and len(lines) == 1:
        worth = f"worth {fmt.money(float(ticket.quantity) * near, 2, quote_of(desk, ticket), glyphs=glyphs)}"
        lines[0] = ends(lines[0], [(worth, "dim")], width)
    lines += labelled("stop", stop_runs(ticket, glyphs), width)
    return [*lines, *labelled("targets", target_runs(ticket, glyphs), width)]


def stop_runs(ticket: TicketStatus, glyphs: Glyphs) -> Line:
    """`150.90  0.95 % away  reward to risk 2.3`."""
    runs: Line = [(exact(ticket.stop, glyphs), "bright")]
    near = float(ticket.entry) or ticket.reviewed_price
    if ticket.stop and near and math.isfinite(near):
        runs.append((f"  {abs(float(ticket.stop) / near - 1) * 100:.2f} % away", "text"))
    if math.isfinite(ticket.ratio):
        runs.append((f"   reward to risk {ticket.ratio:.1f}", "text"))
    return runs


def target_runs(ticket: TicketStatus, glyphs: Glyphs) -> Line:
    """`155.25 50 % / 156.70 30 %, the rest trails`."""
    if not ticket.targets:
        return [(glyphs.missing, "dim")]
    runs: Line = []
    for price, share in ticket.targets:
        runs += [(" / " if runs else "", "dim"), (exact(price, glyphs), "bright"), (f" {share * 100:.0f} %", "text")]
    rest = 1.0 - sum(share for _, share in ticket.targets)
    return [*runs, (f", {rest * 100:.0f} % trail behind", "text")] if rest > 0.005 else runs


def quote_of(desk: Desk, ticket: TicketStatus) -> str:
    """The currency it is paid in."""
    row = desk.store.rows.get(ticket.symbol)
    if row is not None and row.listing is not None:
        return row.listing.quote
    account = desk.store.trading.account
    return account.asset if account is not None else ""


# --- now ---------------------------------------------------------------------------------------------------------------


def now_lines(desk: Desk, ticket: TicketStatus, width: int) -> list[Line]:
    """Bid and ask as they are, how far the price has gone since, and how long the ticket is good for."""
    now_ms = desk.clock.now_ms()
    row = desk.store.rows.get(ticket.symbol)
    quote = row.quote if row is not None else None
    lines = labelled("now", _quote_runs(desk, ticket, quote, now_ms), width)
    left = expiry_runs(ticket, now_ms)
    if left and width_of(lines[-1]) + width_of(left) + 1 <= width:
        lines[-1] = ends(lines[-1], left, width)
    elif left:
        lines.append([(" " * LABEL, "text"), *left])
    mid = (quote.bid + quote.ask) / 2 if quote is not None else math.nan
    moved: Line = []
    for since, name in ((ticket.proposed_price, "proposed"), (ticket.reviewed_price, "reviewed")):
        if math.isfinite(since) and since > 0 and math.isfinite(mid):
            share = fmt.percent(mid / since - 1, unit=True, glyphs=desk.glyphs)
            moved += [(share, "text"), (f" since {name}   ", "dim")]
    return [*lines, *labelled("moved", moved, width)] if moved else lines


def _quote_runs(desk: Desk, ticket: TicketStatus, quote: Quote | None, now_ms: int) -> Line:
    glyphs = desk.glyphs
    if quote is None or not (quote.bid > 0 and quote.ask > 0):
        return [(f"{glyphs.missing}  no quote of {ticket.symbol}", "warn")]
    age_s = max(0.0, (now_ms - quote.received_ms) / 1000)
    row = desk.store.rows.get(ticket.symbol)
    channel = row.channels.get("quote") if row is not None else None
    stale = (channel is not None and not channel.fresh) or age_s > float(desk.setting("risk.quote_age_s"))
    bid, ask = (price_text(desk, ticket.symbol, price) for price in (quote.bid, quote.ask))
    old = f"{age_s:.1f} s old" if age_s < 10 else f"{fmt.age(age_s)} old"
    if stale:
        return [(f"{glyphs.stale} {bid} / {ask}  quote {old}", "stale")]
    return [(f"{bid} / {ask}", "bright"), (f"  quote {old}", "dim")]


def seconds_left(ticket: TicketStatus, now_ms: int) -> int:
    """Whole seconds until it expires, none below zero."""
    return max(0, math.ceil((ticket.expires_ms - now_ms) / 1000))


def expiry_runs(ticket: TicketStatus, now_ms: int) -> Line:
    """`expires in 48 s`, while it waits for the operator."""
    if ticket.step not in NUMBERS or not ticket.expires_ms:
        return []
    left = seconds_left(ticket, now_ms)
    look = "warn" if left <= EXPIRES_SOON_S else "bright"
    return [("the time is up", "danger")] if not left else [("expires in ", "dim"), (f"{left:>2} s", look)]
