"""What the order path's rows are judged by: the sandbox exchange's own books, what was said, and the journal on the disk."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any, TypeVar

from core.bus import Bus
from core.messages import Fault, Message, OrderAlarm
from core.trading.desk import TradingDesk
from core.trading.journal import read_journal
from core.trading.journal_replay import replay
from core.trading.matching import MatchingEngine
from core.trading.order import OrderReport
from core.trading.order_record import OrderRecord
from core.trading.rules_book import RulesBook
from core.trading.states import DONE, PRE_SEND
from core.trading.working import OPEN
from core.venue import Instrument
from providers.sandbox.accounts import Accounts

M = TypeVar("M", bound=Message)
D = Decimal
KEY, SECRET = "rig-key-0123456789abcdef", "rig-secret-never-to-be-seen"
WITHIN_S = 30.0
"""Longest real wait for anything: generous, for the machine may be loaded."""
SYMBOL = "ETHUSDT"


class OrderJudge(ABC):
    """The half of the rig that only looks. `seen` are all messages, `requests` every request the exchange was sent, market
    data too: when, by the exchange's clock, and "METHOD path"."""

    category: str
    folder: Path
    bus: Bus
    seen: list[Message]
    requests: list[tuple[int, str]]
    accounts: Accounts
    engine: MatchingEngine
    rules: RulesBook
    desk: TradingDesk | None

    @abstractmethod
    def denials(self, **changes: Any) -> list[str]:
        """Why a small entry would not pass now."""

    @property
    def path(self) -> TradingDesk:
        """The order path that runs."""
        assert self.desk is not None
        return self.desk

    @property
    def rule(self) -> Instrument:
        rule = self.rules.get(SYMBOL)
        assert rule is not None
        return rule

    def record(self, client_id: str) -> OrderRecord:
        return self.path.manager.orders[client_id]

    # --- the exchange's own books ------------------------------------------------------------------------------------

    def orders(self, *, open_only: bool = False) -> list[OrderReport]:
        """Every order the exchange has of the account."""
        return [order for order in self.accounts.orders.values() if not open_only or order.status in OPEN]

    def at_exchange(self, client_id: str) -> list[OrderReport]:
        return [order for order in self.orders() if order.spec.client_id == client_id]

    def held(self) -> Decimal:
        """What the account holds of the symbol by its fills at the exchange, fees in the coin taken off."""
        if self.category == "linear":
            return sum((p.size for p in self.engine.positions(KEY) if p.symbol == SYMBOL), D(0))
        total = D(0)
        for fill in self.engine.fills(KEY):
            if fill.symbol == SYMBOL:
                total += fill.quantity if fill.side == "BUY" else -fill.quantity
                total -= fill.fee if fill.fee_asset == self.rule.base else D(0)
        return total

    def stops(self) -> list[OrderReport]:
        """Protective stops that rest at the exchange."""
        return [
            order
            for order in self.orders(open_only=True)
            if order.spec.type.startswith("STOP") and order.spec.side == "SELL"
        ]

    # --- what was said -----------------------------------------------------------------------------------------------

    def of(self, kind: type[M]) -> list[M]:
        return [message for message in self.seen if isinstance(message, kind)]

    def requested(self, what: str, since: int = 0) -> int:
        """How often that was requested ("POST /api/v3/order"), of the requests from number `since` on."""
        return sum(asked == what for _, asked in self.requests[since:])

    def requested_between(self, from_ms: int, to_ms: int) -> list[str]:
        """What the exchange was asked in that time, by its clock."""
        return [asked for at_ms, asked in self.requests if from_ms < at_ms < to_ms]

    def alarms(self) -> list[str]:
        return [alarm.code for alarm in self.of(OrderAlarm)]

    async def until(self, holds: Callable[[], Any], what: str, within_s: float = WITHIN_S) -> None:
        """Wait for it; fails naming what was waited for and what was said last."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while not holds():
            if loop.time() > end:
                last = [str(message)[:300] for message in self.seen if isinstance(message, (OrderAlarm, Fault))][-8:]
                records = (
                    []
                    if self.desk is None
                    else [
                        (r.client_id[-6:], r.intent.purpose, r.state, r.filled, r.quarantine)
                        for r in self.desk.manager.orders.values()
                    ]
                )
                denials = self.denials() if self.desk is not None else []
                raise AssertionError(f"did not happen: {what}; orders {records}; denials {denials}; said {last}")
            await asyncio.sleep(0.01)

    async def until_protected(self) -> None:
        """Until what is held is covered by stops that rest at the exchange, to the lot."""
        lot = self.rule.lot_size

        def covered() -> bool:
            held, stops = self.held(), sum((o.spec.quantity - o.filled for o in self.stops()), D(0))
            return held > 0 and floor(held, lot) == stops and self.path.trades.truth(SYMBOL).state == "VERIFIED"

        await self.until(covered, "a stop for all that is held")

    async def until_settled(self) -> None:
        """Until no order is on its way or unknown, and program and exchange say the same of each."""

        def settled() -> bool:
            records = self.path.manager.orders.values()
            if any(record.state in ("INTENT", "SENT", "UNKNOWN", "CANCEL_PENDING") for record in records):
                return False
            return not self.disagreements()

        await self.until(settled, f"agreement: {self.disagreements()}")

    def disagreements(self) -> list[str]:
        """Where the program's records and the exchange's orders tell different stories."""
        found = []
        for record in self.path.manager.orders.values():
            theirs = self.at_exchange(record.client_id)
            filled = sum((order.filled for order in theirs), D(0))
            if record.filled != filled:
                found.append(f"{record.client_id} filled {record.filled}, exchange {filled}")
            if any(order.status in OPEN for order in theirs) == (record.state in DONE | PRE_SEND):
                found.append(f"{record.client_id} is {record.state}, exchange {[order.status for order in theirs]}")
        return found

    async def oracle(self) -> None:
        """What every row ends with: nothing doubled, nothing over-filled, both sides agree, the journal tells the same."""
        await self.until_settled()
        assert self.bus.handler_errors == 0, self.of(Fault)
        assert not [fault for fault in self.of(Fault) if "failed" in fault.message], self.of(Fault)
        for record in self.path.manager.orders.values():
            theirs = self.at_exchange(record.client_id)
            assert len(theirs) <= 1, f"{record.client_id} exists {len(theirs)} times at the exchange"
            entry = record.intent.purpose == "ENTRY"  # the others are amended, within what their entry filled
            wanted = record.intent.spec.quantity if entry else record.spec.quantity
            assert sum((order.filled for order in theirs), D(0)) <= wanted, record.client_id
        live: dict[str, int] = {}
        for record in self.path.manager.orders.values():
            if record.may_fill:
                live[record.intent.intent_id] = live.get(record.intent.intent_id, 0) + 1
        assert all(count == 1 for count in live.values()), live
        await self.until(lambda: not self.journal_differences(), f"the journal: {self.journal_differences()}")

    def journal_differences(self) -> list[str]:
        """Orders of which the journal on the disk, replayed, tells another story than the program does now."""
        kept = replay(read_journal(self.path.journal.folder)).orders
        found = []
        for client_id, record in self.path.manager.orders.items():
            again = kept.get(client_id)
            ours = (record.state, record.filled, record.order_ids)
            if again is None or (again.state, again.filled, again.order_ids) != ours:
                found.append(f"{client_id}: {ours}, journal {again and (again.state, again.filled, again.order_ids)}")
        return found

    def no_secret_anywhere(self) -> None:
        """Neither journal nor messages hold the secret."""
        assert SECRET not in str(self.seen)
        for file in self.folder.rglob("*"):
            if file.is_file():
                assert SECRET.encode() not in file.read_bytes(), file


def floor(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING) * step
