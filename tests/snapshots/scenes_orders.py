"""The order path in every state a picture shows, from literals."""

from __future__ import annotations

from decimal import Decimal

from core.messages import Message
from tests import builders as make
from tests import trading_builders as trade
from tests.builders import NOW_MS
from tests.snapshots.scenes import market

SECOND, MINUTE = 1_000, 60_000
NAN = float("nan")


def empty() -> list[Message]:
    """An account with nothing open."""
    return [*market(), trade.account()]


def protected() -> list[Message]:
    """A usual morning: positions whose stops the venue showed, entries that wait, some that have ended."""
    return [
        *market(),
        trade.account(positions=3, open_orders=5),
        trade.position(planned_stop=Decimal("149.85")),
        trade.position(
            "ETHUSDT",
            quantity=Decimal("0.210"),
            entry_price=Decimal("2683.10"),
            price=2670.2,
            result=-2.71,
            r_multiple=-0.31,
            unrealised=-2.5,
            targets_at_venue=False,
            opened_ms=NOW_MS - 42 * MINUTE,
            planned_stop=Decimal("2642.00"),
            stop=trade.stop(
                "UNVERIFIED",
                price=Decimal("2655.00"),
                distance=0.57,
                verified_ms=NOW_MS - 47 * SECOND,
                order_id="90211",
            ),
        ),
        trade.position(
            "ADAUSDT",
            quantity=Decimal("1400"),
            entry_price=Decimal("0.3551"),
            price=0.3571,
            result=2.31,
            r_multiple=0.4,
            unrealised=2.8,
            targets=(),
            opened_ms=NOW_MS - 3 * 60 * MINUTE,
            planned_stop=Decimal("0.3440"),
            stop=trade.stop(price=Decimal("0.3480"), quantity=Decimal("1400"), distance=2.55, order_id="90377"),
        ),
        trade.order("tt-9-a", "AVAXUSDT", price=Decimal("27.05"), quantity=Decimal("18.5"), remaining=Decimal("18.5")),
        trade.order(
            "tt-8-a",
            "LINKUSDT",
            state="PARTIAL",
            quantity=Decimal("40"),
            filled=Decimal("12.5"),
            remaining=Decimal("27.5"),
            price=Decimal("11.924"),
            created_ms=NOW_MS - 4 * MINUTE,
        ),
        trade.order(
            "tt-1-s",
            purpose="PROTECTION",
            parent="tt-1-a",
            side="SELL",
            kind="STOP_LOSS_LIMIT",
            price=Decimal("150.14"),
            stop_price=Decimal("150.90"),
            order_id="88124",
            created_ms=NOW_MS - 9 * MINUTE,
            reduce_only=True,
        ),
        trade.order(
            "tt-7-a",
            "XRPUSDT",
            state="CANCEL_PENDING",
            price=Decimal("0.5290"),
            quantity=Decimal("950"),
            created_ms=NOW_MS - 11 * MINUTE,
        ),
        trade.order(
            "tt-1-a",
            state="FILLED",
            filled=Decimal("3.280"),
            remaining=Decimal(0),
            average_price=Decimal("152.35"),
            created_ms=NOW_MS - 10 * MINUTE,
            changed_ms=NOW_MS - 9 * MINUTE,
        ),
        trade.order(
            "tt-6-a",
            "DOGEUSDT",
            state="REJECTED",
            price=Decimal("0.10180"),
            quantity=Decimal("2500"),
            reason="−2010: account has insufficient balance",
            created_ms=NOW_MS - 20 * MINUTE,
            changed_ms=NOW_MS - 20 * MINUTE,
        ),
        trade.order(
            "tt-5-a",
            "DOTUSDT",
            state="EXPIRED",
            price=Decimal("4.401"),
            quantity=Decimal("60"),
            reason="not filled within 900 s",
            created_ms=NOW_MS - 33 * MINUTE,
            changed_ms=NOW_MS - 18 * MINUTE,
        ),
        trade.execution(),
        trade.execution(trade_id="5502", quantity=Decimal("2.000"), at_ms=NOW_MS - MINUTE),
        trade.gates(),
        trade.closed("BCHUSDT", entry_price=Decimal("331.2"), exit_price=Decimal("327.9")),
        trade.closed(
            "ATOMUSDT",
            entry_price=Decimal("4.618"),
            exit_price=Decimal("4.731"),
            result=Decimal("11.40"),
            r_multiple=1.62,
            why="TARGET",
            closed_ms=NOW_MS - 4 * MINUTE,
        ),
    ]


UNKNOWN = "tt-11-a"


def naked() -> list[Message]:
    """One position without its stop, real money."""
    return [
        *protected(),
        make.engine_status(mode="LIVE", host_kind="LIVE DATA", host="api.binance.us"),
        trade.account(
            mode="LIVE",
            account="binance_us",
            host="api.binance.us",
            host_kind="LIVE DATA",
            positions=4,
            open_orders=5,
            naked=1,
            armed_until_ms=NOW_MS + 42 * MINUTE,
            day_loss=268.4,
            state="REDUCING",
            causes=("1 position without a stop",),
        ),
        trade.position(
            "BNBUSDT",
            quantity=Decimal("1.4"),
            entry_price=Decimal("592.4"),
            price=590.1,
            result=-3.9,
            r_multiple=-0.4,
            unrealised=-3.22,
            opened_ms=NOW_MS - 8 * SECOND,
            stop=trade.stop(
                "NAKED",
                price=Decimal(0),
                quantity=Decimal(0),
                covered=False,
                distance=NAN,
                client_id="",
                order_id="",
                verified_ms=0,
                deadline_ms=NOW_MS + 3 * SECOND,
                policy="close",
                text="stop refused for 1.4: closed at the market when the time is up; move the stop to place another one",
            ),
        ),
        trade.alarm(symbol="BNBUSDT", text="BNBUSDT 1.4 has no stop: the venue refused it (−2010); market exit in 3 s"),
    ]


def unknown() -> list[Message]:
    """Orders and balances nobody can tell the truth of."""
    told = trade.evidence(
        (41, "ANSWER", "no answer within 2.0 s: the outcome is unknown"),
        (39, "QUERY", "the venue does not know this client id"),
        (38, "OPEN_ORDERS", "not among 3 open orders"),
        (11, "QUERY", "the venue does not know this client id"),
        (9, "TRADES", "no trade of it since 12:33:50Z"),
    )
    return [
        *protected(),
        trade.account(
            positions=3,
            open_orders=5,
            unknown=2,
            discrepancies=2,
            state="REDUCING",
            causes=("1 order UNKNOWN", "2 discrepancies"),
            stream="GAP",
        ),
        trade.order(
            UNKNOWN,
            "NEARUSDT",
            state="UNKNOWN",
            order_id="",
            quantity=Decimal("90"),
            price=Decimal("4.711"),
            evidence=told,
            created_ms=NOW_MS - 43 * SECOND,
            changed_ms=NOW_MS - 41 * SECOND,
        ),
        trade.order(
            "tt-10-a",
            "UNIUSDT",
            state="PARTIAL",
            quarantine="OVERFILL",
            filled=Decimal("7.5"),
            quantity=Decimal("7"),
            remaining=Decimal(0),
            price=Decimal("7.142"),
            alarms=("OVERFILL",),
            created_ms=NOW_MS - 2 * MINUTE,
        ),
        trade.order(
            "web_4f2a",
            "SOLUSDT",
            foreign=True,
            order_id="88990",
            side="SELL",
            price=Decimal("160.00"),
            quantity=Decimal("2"),
            created_ms=NOW_MS - MINUTE,
        ),
        trade.discrepancy(),
        trade.discrepancy(
            "FOREIGN 88990",
            kind="FOREIGN_ORDER",
            ours="",
            venues="sell 2 at 160.00",
            text="an order of somebody else: another program with these keys, or the website",
            first_ms=NOW_MS - MINUTE,
        ),
    ]


def halted() -> list[Message]:
    """The operator has pulled the brake."""
    return [
        *protected(),
        trade.account(positions=3, open_orders=4, state="HALTED", causes=("operator",)),
        trade.halt(),
    ]


def away() -> list[Message]:
    """What the start has to tell."""
    told = (
        ("SOLUSDT: stop filled at 150.88 while away, result −4.92 USDT", "warning"),
        ("LINKUSDT: entry filled 12.5 of 40 while away; its stop was placed at 11.610", "info"),
    )
    alarms = [trade.alarm("WHILE_AWAY", symbol="", text=text, severity=severity) for text, severity in told]
    return [*protected(), *alarms]
