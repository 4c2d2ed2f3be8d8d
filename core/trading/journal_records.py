"""What the journal holds: every intent, authorisation, piece of evidence, key press and gate verdict, each its own type.

The evidence of an order (sent, acknowledged, refused, reported, trades, resolved and so on) is written as it is applied.
New types and new fields with a default may be added; what is written is never renamed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from core.messages import Answer, Purpose
from core.trading.evidence import Evidence
from core.trading.order import ZERO
from core.trading.order_record import Intent
from core.trading.plan import FundingPaid, OutsideFill, StopMoved, TradeEnded, TradePlan


class Authorised(Struct, frozen=True, kw_only=True, tag="authorised"):
    """A single-use authorisation was minted for exactly the order whose hash it holds; `parent` minted it, if one did.

    `quantity` bounds what an exit or a protection may reduce. Never holds the token itself.
    """

    at_ms: int
    authorisation_id: str
    client_id: str
    order_hash: str
    purpose: Purpose
    quantity: Decimal = ZERO
    parent: str = ""


class AuthorisationUsed(Struct, frozen=True, kw_only=True, tag="authorisation_used"):
    """An authorisation was spent, or ran out before it was."""

    at_ms: int
    authorisation_id: str
    outcome: Literal["SPENT", "EXPIRED", "REVOKED"]


class KeyPressed(Struct, frozen=True, kw_only=True, tag="key"):
    """What the operator did: the action of a key on a screen, about an order if there is one."""

    at_ms: int
    action: str
    screen: str = ""
    client_id: str = ""
    details: str = ""


class GateVerdict(Struct, frozen=True, kw_only=True, tag="gate"):
    """One gate's answer; `code` is empty where it allows. `facts` are the numbers it judged by, as text."""

    at_ms: int
    client_id: str
    gate: str
    code: str = ""
    facts: dict[str, str] = {}


class Note(Struct, frozen=True, kw_only=True, tag="note"):
    """Anything else worth keeping: start, stop, alarm, discrepancy, halt."""

    at_ms: int
    code: str
    text: str
    client_id: str = ""


class InboxAnswered(Struct, frozen=True, kw_only=True, tag="inbox_answered"):
    """The operator's word about an item of the inbox. `until_ms`: snoozed so long, 0 for the other answers."""

    at_ms: int
    item_id: str
    answer: Answer
    until_ms: int = 0


Record = (
    Intent
    | Authorised
    | AuthorisationUsed
    | Evidence
    | KeyPressed
    | GateVerdict
    | Note
    | InboxAnswered
    | TradePlan
    | StopMoved
    | TradeEnded
    | OutsideFill
    | FundingPaid
)


class Entry(Struct, frozen=True):
    """A record with its place in the journal. Sequence numbers start at 1 and rise by 1 over all files."""

    seq: int
    record: Record


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode(record: Record) -> bytes:
    """MessagePack, decimals as text."""
    return _encoder.encode(record)


def decode(data: bytes | memoryview) -> Record:
    """The opposite. Raises `msgspec.MsgspecError` for what another version wrote."""
    return _decoder.decode(data)
