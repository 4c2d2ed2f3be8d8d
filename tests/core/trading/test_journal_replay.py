"""A journal read back leads to the same orders, to the letter."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.trading.evidence import Confirmed, Evidence
from core.trading.journal import Journal, read_journal
from core.trading.journal_file import Position, file_head, frame, scan_file
from core.trading.journal_records import (
    AuthorisationUsed,
    Authorised,
    Entry,
    GateVerdict,
    InboxAnswered,
    KeyPressed,
    Note,
    Record,
    decode,
    encode,
)
from core.trading.journal_replay import replay
from core.trading.order_record import born
from tests.core.trading.evidence_builders import CLIENT, PATH, T0, D, fill, fold, intent, reported
from tests.core.trading.test_order_convergence import anything

OTHERS: tuple[Record, ...] = (
    Authorised(
        at_ms=T0, authorisation_id="a", client_id=CLIENT, order_hash="h", purpose="EXIT", quantity=D("0.1"), parent="p"
    ),
    AuthorisationUsed(at_ms=T0, authorisation_id="a", outcome="SPENT"),
    KeyPressed(at_ms=T0, action="halt", screen="orders"),
    GateVerdict(at_ms=T0, client_id=CLIENT, gate="collar", code="PRICE_COLLAR_EXCEEDED", facts={"mid": "100"}),
    Note(at_ms=T0, code="START", text="started"),
    InboxAnswered(at_ms=T0, item_id="f:tt-1-a", answer="SNOOZED", until_ms=T0 + 600_000),
)


@pytest.mark.parametrize(
    "record", [intent(), *PATH, *OTHERS, reported("FILLED", "1", fill=fill("t", "1", "1"))], ids=repr
)
def test_each_record_is_read_back_as_it_was(record):
    assert decode(encode(record)) == record


def test_what_was_written_before_there_were_answers_is_still_read():
    old = msgspec.msgpack.encode({"type": "key", "at_ms": T0, "action": "halt", "screen": "orders"})
    assert decode(old) == KeyPressed(at_ms=T0, action="halt", screen="orders")
    bare = msgspec.msgpack.encode({"type": "inbox_answered", "at_ms": T0, "item_id": "p:A:1", "answer": "DISMISSED"})
    assert decode(bare) == InboxAnswered(at_ms=T0, item_id="p:A:1", answer="DISMISSED", until_ms=0)


@settings(max_examples=100, deadline=None)
@given(st.lists(anything(), max_size=15))
def test_any_life_is_replayed_to_the_same_record(pieces: list[Evidence]):
    live, _ = fold(born(intent("2")), [*PATH, *pieces])
    records: list[Record] = [intent("2"), *PATH, *OTHERS, *pieces]
    framed, _ = frame([encode(record) for record in records], Position())
    data = file_head(1, Position()) + framed
    replayed = replay(scan_file(__file__, data, 1, Position(), newest=True).entries)  # type: ignore[arg-type]
    assert replayed.orders == {CLIENT: live}
    assert not replayed.strays


async def test_a_journal_written_live_is_replayed(tmp_path):
    journal = await Journal.open(tmp_path / "j")
    pieces = [*PATH, reported("PARTIALLY_FILLED", "0.4", fill=fill("t1", "0.4", "0.4")), reported("CANCELED", "0.4")]
    for record in (intent(), *pieces):
        await journal.append(record)
    await journal.close()
    assert replay(read_journal(tmp_path / "j")).orders[CLIENT] == fold(born(intent()), pieces)[0]


def test_what_cannot_be_placed_is_handed_back():
    stray = Entry(1, Confirmed(client_id="tt1nobody", at_ms=T0))
    twice = Entry(3, replace(intent(), intent_id="other"))
    replayed = replay([stray, Entry(2, intent()), twice])
    assert replayed.strays == [stray, twice]
    assert replayed.orders[CLIENT].intent.intent_id == "i1"
