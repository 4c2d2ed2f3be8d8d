"""Changing one part of a ticket: what stands there now, and whether what was typed can be meant. The engine judges the rest."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from core.messages import TicketField, TicketStatus
from tui.widgets.ticket_words import plain

SIDES = {"B": "BUY", "BUY": "BUY", "S": "SELL", "SELL": "SELL"}
TYPES = {"L": "LIMIT", "LIMIT": "LIMIT", "M": "MARKET", "MARKET": "MARKET"}


class Change(NamedTuple):
    """`value` is what is sent; `trouble` says why there is nothing to send."""

    value: str = ""
    trouble: str = ""


class Part(NamedTuple):
    """One part of a ticket that can be changed: its name, and how to type it."""

    field: TicketField
    name: str
    how: str


PARTS: dict[str, Part] = {
    "price": Part("entry", "limit price", "a price"),
    "stop": Part("stop", "stop", "a price"),
    "targets": Part("target", "targets", "prices with a blank between, nearest first"),
    "size": Part("quantity", "quantity", "how much"),
    "side": Part("side", "side", "buy or sell"),
    "type": Part("type", "type", "limit or market"),
}


def present(part: Part, ticket: TicketStatus) -> str:
    """What stands there now, as it is typed."""
    match part.field:
        case "entry":
            return plain(ticket.entry) if ticket.entry else ""
        case "stop":
            return plain(ticket.stop)
        case "target":
            return " ".join(plain(price) for price, _ in ticket.targets)
        case "quantity":
            return plain(ticket.quantity)
        case "side":
            return ticket.side
        case _:
            return ticket.order_type


def change_of(part: Part, typed: str) -> Change:
    """What was typed, as it is asked for."""
    text = typed.strip()
    if part.field in ("side", "type"):
        words = SIDES if part.field == "side" else TYPES
        value = words.get(text.upper(), "")
        return Change(value) if value else Change(trouble=f"{text!r}: type {part.how}")
    pieces = [piece for piece in re.split(r"[\s/;]+", text) if piece]
    if not pieces or (len(pieces) > 1 and part.field != "target"):
        return Change(trouble=f"{text!r}: type {part.how}")
    numbers = [number(piece) for piece in pieces]
    for piece, found in zip(pieces, numbers, strict=True):
        if found is None:
            return Change(trouble=f"{piece!r} is no {part.name}: type {part.how}, digits and a point, above 0")
    return Change(" ".join(plain(value) for value in numbers if value is not None))


def number(text: str) -> Decimal | None:
    """A number above zero as it is typed: digits, a point, commas between thousands. None for anything else."""
    if not re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?|\d*\.?\d*", text, re.ASCII):
        return None
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return value if value > 0 else None
