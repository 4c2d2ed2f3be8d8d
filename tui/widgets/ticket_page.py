"""One page of an order ticket: what must be read is always there, the rest by importance as far as there is room."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from core.messages import TicketStatus
from tui import format as fmt
from tui.desk import Desk
from tui.widgets.line_panel import Line
from tui.widgets.ticket_costs import cost_lines, liquidation_lines, worst_lines
from tui.widgets.ticket_gates import denial_lines, denied, gate_heading, pass_lines
from tui.widgets.ticket_words import (
    folded,
    is_real,
    labelled,
    now_lines,
    order_lines,
    plain,
    sentences,
    stop_runs,
)

MUST = 100
SPACE = 1
"""Weight of a blank line."""
ROOMY = 30
"""From so many rows on sentences stand each on their own."""


class Block(NamedTuple):
    """Some lines: `make` gives as many as fit into the room it is told. Of `MUST` all are shown, or the page is not complete."""

    weight: int
    make: Callable[[int], list[Line]]


class Page(NamedTuple):
    """`is_complete`: everything that must be read is in sight. `prompt` stands above the line to type."""

    lines: list[Line]
    is_complete: bool
    prompt: list[Line]


def kept(lines: list[Line], room: int) -> list[Line]:
    """The first so many lines; that some are missing shows at the end of the last."""
    if len(lines) <= room:
        return lines
    return [*lines[: room - 1], [*lines[room - 1], (" …", "dim")]] if room > 0 else []


def block(lines: list[Line], weight: int = MUST) -> Block:
    """Lines that are known already."""
    return Block(weight, partial(kept, lines))


def arranged(blocks: list[Block], height: int) -> tuple[list[Line], bool]:
    """The lines in order, within the height, and whether all that must be shown are."""
    must = {place: one.make(10**6) for place, one in enumerate(blocks) if one.weight == MUST}
    room = height - sum(len(lines) for lines in must.values())
    if room < 0:
        return kept([line for lines in must.values() for line in lines], height), False
    shown = dict(must)
    for place in sorted(set(range(len(blocks))) - set(must), key=lambda place: (-blocks[place].weight, place)):
        shown[place] = blocks[place].make(room)
        room -= len(shown[place])
    lines = [line for place in sorted(shown) for line in shown[place]]
    while lines and not lines[-1]:
        lines.pop()
    return lines, True


def page_of(desk: Desk, ticket: TicketStatus, width: int, height: int, *, table: bool) -> Page:
    """`table`: every gate is listed beside it, so that those that let it pass need not be named here."""
    roomy, prompt = height >= ROOMY, prompt_lines(ticket)
    if ticket.step == "REVIEW":
        blocks = _review(desk, ticket, width, costs=roomy or ticket.mode == "PAPER")
    elif ticket.step == "CONSEQUENCES":
        blocks = [*_before_typing(desk, ticket, width, MUST), *_failing(ticket, width, roomy=roomy)]
    elif ticket.step == "AUTHORISE":
        blocks = _before_typing(desk, ticket, width, 70)
    else:
        make = {"SENDING": _sending, "SENT": _sent, "CLOSED": _closed}.get(ticket.step, _ended)
        blocks = make(desk, ticket, width)
    if not table and ticket.step == "REVIEW":
        blocks.append(Block(50, lambda room: pass_lines(desk, ticket, width, room)))
    lines, complete = arranged(blocks, height - len(prompt) - (1 if prompt else 0))
    return Page(lines, complete, prompt)


def prompt_lines(ticket: TicketStatus) -> list[Line]:
    """What is to be typed, said above the line."""
    if ticket.step == "CONSEQUENCES":
        return [[], [(" type the quantity  ", "dim"), (plain(ticket.quantity), "key"), ("  and Enter", "dim")]]
    if ticket.step == "AUTHORISE":
        then = "sends this order with real money" if is_real(ticket) else "sends this order"
        return [[], [(" type  ", "dim"), (ticket.token, "key"), (f"  and Enter: {then}", "dim")], []]
    return []


# --- what every page begins with -----------------------------------------------------------------------------------------


def _space() -> Block:
    return block([[]], SPACE)


def _words(ticket: TicketStatus, width: int) -> Block:
    """What was wrong with the newest answer."""
    return block(folded([(f" {ticket.words}", "warn")], width, 1) if ticket.words else [])


def _kind(ticket: TicketStatus, width: int) -> Block:
    """What makes this ticket another one than the usual."""
    if ticket.kind == "CANARY":
        if ticket.words:  # the engine says it at first
            return block([])
        text = "CANARY: the first order with these keys, of the least size the venue takes; its stop is seen at the venue, too."
    elif ticket.kind == "AMEND":
        text = f"{ticket.replaces} is cancelled first; this one is sent once the venue has said that it is gone."
    else:
        return block([])
    return block(folded([(f" {text}", "accent")], width, 1))


def _gates(desk: Desk, ticket: TicketStatus, width: int) -> list[Block]:
    """Whether it may be sent; the denials always."""
    weight = MUST if denied(ticket) or not ticket.allowed or ticket.step == "REVIEW" else 30
    return [block([gate_heading(desk, ticket)], weight), block(denial_lines(desk, ticket, width))]


def _failing(ticket: TicketStatus, width: int, *, roomy: bool) -> list[Block]:
    """What happens when its stop does not hold, and what ends with this program."""
    costs = ticket.consequences
    if costs is None:
        return []
    return [
        block(sentences("stop fails", "", costs.stop_fails, width, apart=roomy), 90),
        block(sentences("by program", "and ends with it: ", costs.program_only, width, apart=roomy), 85),
    ]


def _why(desk: Desk, ticket: TicketStatus, width: int) -> list[Block]:
    """The argument, what speaks against it, and by whose measure."""
    by = {"PROPOSAL": "proposed", "OPERATOR": "by hand", "PROGRAM": "by the program"}[ticket.by]
    known = math.isfinite(ticket.probability)
    chance = f", P {fmt.probability(ticket.probability, glyphs=desk.glyphs)}" if known else ""
    said = "; ".join(ticket.why) or "nothing speaks for it"
    look = "text" if ticket.why else "warn"
    blocks = [block(labelled("why", [(f"{by}{chance}: ", "dim"), (said, look)], width), 80)]
    if ticket.contrary:
        blocks.append(block(labelled("against", [("; ".join(ticket.contrary), "text")], width), 75))
    if ticket.thresholds:
        blocks.append(block(labelled("thresholds", [(ticket.thresholds, "text")], width), 60))
    return blocks


# --- pages ---------------------------------------------------------------------------------------------------------------


def _review(desk: Desk, ticket: TicketStatus, width: int, *, costs: bool) -> list[Block]:
    blocks = [
        _kind(ticket, width),
        _words(ticket, width),
        block(order_lines(desk, ticket, width)),
        _space(),
        block(now_lines(desk, ticket, width)),
        _space(),
        *_why(desk, ticket, width),
        _space(),
    ]
    if costs:
        blocks += [*_costs(desk, ticket, width), _space()]
    return [*blocks, *_gates(desk, ticket, width)]


def _costs(desk: Desk, ticket: TicketStatus, width: int) -> list[Block]:
    """What it can cost in brief; with real money there is a page for it."""
    costs = ticket.consequences
    if costs is None and ticket.mode == "LIVE":
        return []
    return [
        block(worst_lines(desk, ticket, costs, width), MUST if ticket.mode == "PAPER" else 70),
        block(cost_lines(desk, ticket, costs, width), 70),
        block(liquidation_lines(desk, ticket, costs, width), 40),
    ]


def _before_typing(desk: Desk, ticket: TicketStatus, width: int, weight: int) -> list[Block]:
    """What stands above every line to type."""
    costs, forced = ticket.consequences, MUST if ticket.category != "spot" else 20
    return [
        _kind(ticket, width),
        _words(ticket, width),
        block(order_lines(desk, ticket, width)),
        _space(),
        block(now_lines(desk, ticket, width)),
        _space(),
        block(worst_lines(desk, ticket, costs, width)),
        block(cost_lines(desk, ticket, costs, width), weight),
        block(liquidation_lines(desk, ticket, costs, width), forced),
        _space(),
        *_gates(desk, ticket, width),
        _space(),
    ]


def _ended(desk: Desk, ticket: TicketStatus, width: int) -> list[Block]:
    """What changed, sentence by sentence."""
    expired = ticket.step == "EXPIRED"
    told = list(dict.fromkeys(text for text in (*ticket.changes, ticket.words) if text))
    head = "Nothing was sent. What changed:" if expired else "It was confirmed, and refused:"
    if not told and not (not expired and denial_lines(desk, ticket, width)):
        told = ["the time was up" if expired else "no reason was told"]
    bullets: list[Line] = []
    for text in told:
        bullets += folded([(f"  {desk.glyphs.hold} ", "warn"), (text, "bright")], width, 4)
    again = desk.keymap.label("ticket.refresh")
    return [
        block([[(f" {head}", "danger" if not expired else "warn")]]),
        block(bullets),
        *([block(denial_lines(desk, ticket, width))] if not expired else []),
        block([[(f" {again} reviews it anew with the prices and limits of now.", "text")]]),
        _space(),
        _kind(ticket, width),
        block(order_lines(desk, ticket, width)),
        _space(),
        block(now_lines(desk, ticket, width), 90),
        _space(),
        *_why(desk, ticket, width),
    ]


def _sending(desk: Desk, ticket: TicketStatus, width: int) -> list[Block]:
    text = "On its way: it is written down, and nothing of it can be changed now."
    later = "Esc goes back; the order goes on, and mode 5 shows what becomes of it."
    return [
        block([[(f" {text}", "bright")]]),
        _words(ticket, width),
        _space(),
        block(order_lines(desk, ticket, width)),
        _space(),
        block(now_lines(desk, ticket, width), 90),
        _space(),
        block(folded([(f" {later}", "dim")], width, 1)),
    ]


def _sent(desk: Desk, ticket: TicketStatus, width: int) -> list[Block]:
    within = float(desk.setting("trading.stop_within_s"))
    name = ticket.client_id or desk.glyphs.missing
    follow: Line = [(" Its stop ", "text"), (stop_runs(ticket, desk.glyphs)[0][0], "bright")]
    follow.append((f" follows within {within:g} s of the first fill", "text"))
    return [
        block(folded([(f" {desk.glyphs.yes} sent as ", "price_up"), (name, "bright")], width, 1)),
        block(folded(follow, width, 1)),
        _words(ticket, width),
        _space(),
        _kind(ticket, width),
        block(order_lines(desk, ticket, width)),
        _space(),
        block(now_lines(desk, ticket, width), 90),
        _space(),
        block(folded([(" Mode 5 shows what becomes of it.", "dim")], width, 1)),
    ]


def _closed(desk: Desk, ticket: TicketStatus, width: int) -> list[Block]:
    return [
        block([[(" This ticket was given up.", "bright")]]),
        _words(ticket, width),
        block([line for text in ticket.changes for line in folded([(f" {text}", "text")], width, 1)]),
        _space(),
        block(order_lines(desk, ticket, width)),
    ]
