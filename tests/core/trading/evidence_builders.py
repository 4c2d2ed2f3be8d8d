"""Orders, reports and evidence from literals, for the tests of the reducer and the journal."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from core.trading.evidence import (
    Alarm,
    Confirmed,
    Effect,
    Evidence,
    HaltEntries,
    Journalled,
    Quarantine,
    Reported,
    Sent,
)
from core.trading.order import Fill, OrderReport, OrderSpec, OrderStatus
from core.trading.order_record import Intent, OrderRecord, born
from core.trading.order_reducer import apply

CLIENT = "tt1test"
T0 = 1_790_000_000_000
D = Decimal


def spec(quantity: str = "1", **more) -> OrderSpec:
    fields: dict[str, Any] = {
        "client_id": CLIENT,
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "price": D("100"),
    } | more
    return OrderSpec(quantity=D(quantity), **fields)


def intent(quantity: str = "1", **more) -> Intent:
    return Intent(at_ms=T0, intent_id="i1", purpose="ENTRY", spec=spec(quantity, **more))


def fill(trade: str, quantity: str, cumulative: str = "0", price: str = "100", order_id: str = "v1") -> Fill:
    return Fill(
        trade_id=trade, order_id=order_id, client_id=CLIENT, symbol="BTCUSDT", side="BUY", price=D(price),
        quantity=D(quantity), cumulative=D(cumulative), fee=D(quantity) / 100, fee_asset="USDT", maker=True, at_ms=T0,
    )  # fmt: skip


def report(
    status: OrderStatus, filled: str = "0", *, of: OrderSpec | None = None, order_id: str = "v1", **more
) -> OrderReport:
    fields: dict[str, Any] = {"filled_quote": D(filled) * 100, "at_ms": T0 + 50} | more
    return OrderReport(order_id=order_id, spec=of or spec(), status=status, filled=D(filled), **fields)


def reported(status: OrderStatus, filled: str = "0", *, at_ms: int = T0 + 60, **more) -> Reported:
    return Reported(client_id=CLIENT, at_ms=at_ms, report=report(status, filled, **more), channel="STREAM")


PATH: tuple[Evidence, ...] = (
    Confirmed(client_id=CLIENT, at_ms=T0 + 1),
    Journalled(client_id=CLIENT, at_ms=T0 + 2),
    Sent(client_id=CLIENT, at_ms=T0 + 3),
)


def fold(record: OrderRecord, evidence: Iterable[Evidence]) -> tuple[OrderRecord, list[Effect]]:
    effects: list[Effect] = []
    for piece in evidence:
        record, more = apply(record, piece)
        effects += more
    return record, effects


def sent_order(quantity: str = "1", **more) -> OrderRecord:
    return fold(born(intent(quantity, **more)), PATH)[0]


def codes(effects: Iterable[Effect], kind: type[Alarm | Quarantine | HaltEntries]) -> list[str]:
    return [effect.code for effect in effects if isinstance(effect, kind)]
