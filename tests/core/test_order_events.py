"""Orders, fills, stops, halts and discrepancies in the words of the log: what is news, and what is not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import msgspec

from core.event_words import WORDS, Told, Words
from core.event_words_orders import ORDER_WORDS
from core.messages import (
    AccountStatus,
    Discrepancy,
    EventKind,
    Execution,
    HaltReport,
    Message,
    OrderAlarm,
    OrderStatus,
    PositionStatus,
    Refused,
    SessionStatus,
    StopTruth,
    TicketStatus,
    TradeClosed,
)

NOW_MS = 1_795_264_496_000
VENUE: dict[str, Any] = {"venue": "binance_us", "category": "spot"}
PLACE = {**VENUE, "symbol": "SOLUSDT"}
ORDER = OrderStatus(
    **PLACE, client_id="tt1a", order_id="7", purpose="ENTRY", parent="", side="BUY", kind="LIMIT", quantity=Decimal("3.28"),
    price=Decimal("152.35"), stop_price=Decimal(0), state="WORKING", filled=Decimal(0), remaining=Decimal("3.28"),
    average_price=Decimal(0), fees=(), created_ms=NOW_MS, changed_ms=NOW_MS,
)  # fmt: skip
POSITION = PositionStatus(
    **PLACE, trade_id="tt1a", side="BUY", quantity=Decimal("3.28"), entry_price=Decimal("152.35"), price=153.1, unrealised=2.4,
    result=2.3, r_multiple=0.5, stop=StopTruth(state="VERIFIED", price=Decimal("150.9")), opened_ms=NOW_MS, at_ms=NOW_MS,
)  # fmt: skip
ACCOUNT = AccountStatus(
    **VENUE, mode="PAPER", account="paper", host="h", host_kind="SANDBOX", armed_until_ms=0, state="ACTIVE", causes=(),
    stream="SYNCED", journal="", asset="USDT", equity=1.0, free=1.0, day_loss=0.0, day_limit=1.0, drawdown=0.0, rate_used=0.0,
    banned_until_ms=0, positions=0, open_orders=0, unknown=0, naked=0, discrepancies=0, at_ms=NOW_MS,
)  # fmt: skip


def told(*messages: Message) -> list[Told]:
    words = Words(NOW_MS)
    table = WORDS | ORDER_WORDS
    return [found for message in messages if (found := table[type(message)](words, message)) is not None]


def texts(*messages: Message) -> list[str]:
    return [one.text for one in told(*messages)]


def change(message: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(message, **fields)


def test_an_orders_states_are_told_once_each() -> None:
    assert texts(
        ORDER,
        change(ORDER, remaining=Decimal("1")),
        change(ORDER, state="UNKNOWN"),
        change(ORDER, state="REJECTED", reason="-2010 insufficient balance"),
        change(ORDER, client_id="tt1b", state="FILLED"),
        change(ORDER, client_id="tt1c", foreign=True),
        change(ORDER, client_id="tt1d", changed_ms=NOW_MS - 1),
        change(ORDER, client_id="tt1e", state="FILLED", quarantine="OVERFILL"),
    ) == [
        "BUY 3.28 SOLUSDT at 152.35 working",
        "BUY 3.28 SOLUSDT at 152.35 outcome unknown, asking the venue",
        "BUY 3.28 SOLUSDT at 152.35 rejected: -2010 insufficient balance",
        "BUY 3.28 SOLUSDT at 152.35 is in quarantine: OVERFILL",
    ]


def test_a_fill_and_the_end_of_a_trade() -> None:
    fill = Execution(
        **PLACE, client_id="tt1a", trade_id="9", side="BUY", price=Decimal("152.30"), quantity=Decimal("0.5"),
        fee=Decimal("0.0005"), fee_asset="SOL", maker=True, at_ms=NOW_MS,
    )  # fmt: skip
    closed = TradeClosed(
        **PLACE, trade_id="tt1a", side="BUY", quantity=Decimal("3.28"), entry_price=Decimal("152.35"),
        exit_price=Decimal("150.9"), result=Decimal("-5.01"), fees=Decimal("0.99"), slippage=Decimal("0.1"),
        risked=Decimal("5"), r_multiple=-1.002, why="STOP", reasons=(), opened_ms=NOW_MS, closed_ms=NOW_MS,
    )  # fmt: skip
    assert texts(fill, closed) == [
        "BUY 0.5 SOLUSDT filled at 152.3, fee 0.0005 SOL (maker)",
        "SOLUSDT trade closed, stop: −5.01 (−1.00 R) after fees of 0.99",
    ]
    assert all(one.fact for one in told(fill, closed))


def test_a_naked_position_is_told_and_so_is_its_new_stop() -> None:
    naked = change(
        POSITION, stop=StopTruth(state="NAKED", text="stop rejected −2010", policy="market exit in 3 s", deadline_ms=1)
    )
    assert texts(POSITION, POSITION, naked, naked, POSITION, change(naked, closed=True)) == [
        "SOLUSDT has no protective stop: stop rejected −2010; market exit in 3 s",
        "SOLUSDT is protected again at 150.9",
    ]


def test_halts_states_and_discrepancies() -> None:
    halt = HaltReport(**VENUE, why="operator", asked_ms=NOW_MS, blocked_ms=NOW_MS, at_ms=NOW_MS)
    done = change(halt, done=True, cancelled=("tt1a",), stops_kept=2, failed=(("tt1b", "no answer"),))
    foreign = Discrepancy(
        **VENUE, symbol="SOLUSDT", key="k", kind="FOREIGN_ORDER", ours="none", venues="BUY 1", text="order 8 was placed elsewhere",
        first_ms=NOW_MS, at_ms=NOW_MS,
    )  # fmt: skip
    alarm = OrderAlarm(**PLACE, code="OVERFILL", text="more was filled than ordered", at_ms=NOW_MS)
    refused = Refused(**VENUE, command="OpenTrade", symbol="SOLUSDT", words="stop 160 is not behind 152", at_ms=NOW_MS)
    reducing = change(ACCOUNT, state="REDUCING", causes=("discrepancy k",))
    assert texts(
        ACCOUNT, halt, halt, done, foreign, foreign, change(foreign, settled=True), alarm, refused, reducing
    ) == [
        "HALTED (operator): no new entries; cancelling those that work",
        "halt done: 1 entries cancelled, 2 stops kept; not cancelled: tt1b: no answer",
        "order 8 was placed elsewhere",
        "settled: order 8 was placed elsewhere",
        "more was filled than ordered",
        "OpenTrade SOLUSDT refused: stop 160 is not behind 152",
        "trading is REDUCING: discrepancy k",
    ]


def test_every_kind_of_the_order_group_can_be_told() -> None:
    kinds = {
        one.kind
        for one in told(
            ORDER, change(POSITION, stop=StopTruth(state="NAKED")), change(ACCOUNT, state="HALTED"),
            Discrepancy(**VENUE, symbol="", key="k", kind="BALANCE", ours="1", venues="2", text="t", first_ms=1, at_ms=1),
        )
    }  # fmt: skip
    assert kinds == {"order", "stop", "halt", "discrepancy"}
    assert kinds < set(get_args(EventKind))


def test_real_money_is_told_loudly_and_only_what_changes() -> None:
    paper = SessionStatus(
        **VENUE, phase="PAPER", mode="PAPER", account="paper", host="h", host_kind="LIVE DATA", at_ms=NOW_MS
    )
    real = change(paper, mode="LIVE", account="a", host="api.binance.us", phase="ARMED")
    found = told(
        paper,
        change(paper, phase="CONNECTING"),
        change(real, phase="DISARMED"),
        real,
        change(real, at_ms=NOW_MS + 1, words="x"),
        change(real, phase="LEAVING", host_kind="SANDBOX"),
        paper,
    )
    assert [(one.severity, one.text) for one in found] == [
        ("warning", "disarmed: no real entries; account a, api.binance.us (the venue itself)"),
        ("error", "ARMED: real entries are sent when they are confirmed; account a, api.binance.us (the venue itself)"),
        (
            "warning",
            "disarmed: back on paper once nothing of ours is open; account a, api.binance.us (sandbox exchange)",
        ),
        ("info", "on paper; account paper"),
    ]


def test_what_became_of_a_ticket() -> None:
    ticket = TicketStatus(
        **PLACE, ticket_id="t1", kind="TRADE", step="REVIEW", nonce="n1", mode="LIVE", account="a", host="h", host_kind="SANDBOX",
        by="PROPOSAL", side="BUY", order_type="LIMIT", quantity=Decimal("3.28"), entry=Decimal("152.35"), stop=Decimal("150.9"),
        targets=(), ratio=2.3, probability=0.6, proposed_price=152.3, reviewed_price=152.3, why=(), contrary=(), thresholds="",
        gates=(), allowed=True, consequences=None, opened_ms=NOW_MS, expires_ms=NOW_MS, at_ms=NOW_MS,
    )  # fmt: skip
    assert texts(
        ticket,
        change(ticket, step="EXPIRED", nonce="n2", changes=("the time is up", "balance 9 -> 8")),
        change(ticket, step="EXPIRED", nonce="n2", changes=("the time is up", "balance 9 -> 8"), at_ms=NOW_MS + 1),
        change(ticket, step="REFUSED", nonce="n3", words="COLLAR"),
        change(ticket, step="SENT", nonce="n4", client_id="tt1a", entry=Decimal(0)),
    ) == [
        "ticket BUY 3.28 SOLUSDT at 152.35 expired, nothing sent: the time is up; balance 9 -> 8",
        "ticket BUY 3.28 SOLUSDT at 152.35 refused: COLLAR",
        "ticket BUY 3.28 SOLUSDT at market confirmed and sent as tt1a",
    ]
