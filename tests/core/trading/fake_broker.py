"""A venue in memory that does what a test tells it: answer, refuse, hang, lose an answer, never get the request."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from core.clock import Clock
from core.messages import HostKind
from core.trading.authority import Permit
from core.trading.broker import (
    AccountSnapshot,
    BrokerListener,
    Cancelled,
    Features,
    Mode,
    OrderKey,
    Placed,
    Replaced,
    Spent,
    Trades,
)
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec, OrderStatus

T = TypeVar("T")
OPEN = ("NEW", "PARTIALLY_FILLED", "UNTRIGGERED")
GONE = Cancelled(outcome="GONE", code="-2011", text="Unknown order sent.")
ALL_FEATURES = Features(oco=True, replace=True, amend=True)


class Step(Struct, kw_only=True):
    """What the next request of a kind meets. `gate`: the answer waits for it."""

    carried_out: bool = True
    error: Exception | None = None
    gate: asyncio.Event | None = None
    answer: Any = None


class FakeBroker:
    """Implements `Broker`. `held` is the venue's truth by client id, `calls` every request with what it named."""

    def __init__(self, clock: Clock, features: Features = ALL_FEATURES) -> None:
        self.venue = "binance_us"
        self.category = "spot"
        self.account = "test"
        self.mode: Mode = "LIVE"
        self.host = "localhost"
        self.host_kind: HostKind = "SANDBOX"
        self.features = features
        self.clock = clock
        self.calls: list[tuple[str, str]] = []
        self.held: dict[str, OrderReport] = {}
        self.fills: list[Fill] = []
        self.budget = Spent(used=0.0)
        self.on_place: Callable[[OrderSpec], None] = lambda spec: None
        self._steps: dict[str, deque[Step]] = {}
        self._always: dict[str, Step] = {}

    # --- what a test tells it ----------------------------------------------------------------------------------------

    def next(self, kind: str, **step: Any) -> Step:
        """The next request of this kind meets this."""
        made = Step(**step)
        self._steps.setdefault(kind, deque()).append(made)
        return made

    def always(self, kind: str, **step: Any) -> None:
        """Every request of this kind meets this from now on; without a step it is well again."""
        if step:
            self._always[kind] = Step(**step)
        else:
            self._always.pop(kind, None)

    def heal(self) -> None:
        """Every request is well again."""
        self._steps.clear()
        self._always.clear()

    def count(self, kind: str) -> int:
        return sum(name == kind for name, _ in self.calls)

    def fill(self, client_id: str, quantity: str, price: str = "100") -> OrderReport:
        """The order trades at the venue; the report of it."""
        before, size = self.held[client_id], Decimal(quantity)
        total = before.filled + size
        one = Fill(
            trade_id=f"t{len(self.fills)}", order_id=before.order_id, client_id=client_id, symbol=before.spec.symbol,
            side=before.spec.side, price=Decimal(price), quantity=size, cumulative=total, fee=size / 1000,
            fee_asset="BNB", maker=True, at_ms=self.clock.now_ms(),
        )  # fmt: skip
        self.fills.append(one)
        status: OrderStatus = "FILLED" if total >= before.spec.quantity else "PARTIALLY_FILLED"
        quote = before.filled_quote + size * Decimal(price)
        self.held[client_id] = replace(before, status=status, filled=total, filled_quote=quote, fill=None)
        return replace(self.held[client_id], fill=one)

    def appears(self, spec: OrderSpec) -> OrderReport:
        """The venue holds the order, whoever sent it; the report of it."""
        self._take(spec)
        return self.held[spec.client_id]

    def ends(self, client_id: str, status: OrderStatus = "CANCELED") -> OrderReport:
        """The order ends at the venue; the report of it."""
        self.held[client_id] = replace(self.held[client_id], status=status)
        return self.held[client_id]

    # --- requests ----------------------------------------------------------------------------------------------------

    async def place(self, permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
        permit.check(spec, self.clock.now_ms())
        self.on_place(spec)
        return await self._request("place", spec.client_id, lambda: self._take(spec))

    async def place_pair(
        self, permits: tuple[Permit, Permit], target: OrderSpec, stop: OrderSpec, *, safety: bool = True
    ) -> tuple[Placed, Placed]:
        for permit, spec in zip(permits, (target, stop), strict=True):
            permit.check(spec, self.clock.now_ms())
        return await self._request("place_pair", stop.client_id, lambda: (self._take(target), self._take(stop)))

    async def replace(self, permit: Permit, old: OrderKey, spec: OrderSpec) -> Replaced:
        permit.check(spec, self.clock.now_ms())

        def act() -> Replaced:
            if self.held[old.client_id].status not in OPEN:
                return Replaced(cancelled=GONE, placed=None, code="-2021", text="nothing to replace")
            gone = self.ends(old.client_id)
            return Replaced(cancelled=Cancelled(outcome="ACCEPTED", reports=(gone,)), placed=self._take(spec))

        return await self._request("replace", spec.client_id, act)

    async def amend(self, permit: Permit, key: OrderKey, spec: OrderSpec) -> Cancelled:
        permit.check(spec, self.clock.now_ms())

        def act() -> Cancelled:
            before = self.held[key.client_id]
            if before.status not in OPEN or spec.quantity <= before.filled:
                return Cancelled(outcome="REFUSED", code="110001", text="order does not exist or is too far filled")
            self.held[key.client_id] = replace(before, spec=spec)
            return Cancelled(outcome="ACCEPTED")

        return await self._request("amend", key.client_id, act)

    async def cancel(self, key: OrderKey) -> Cancelled:
        def act() -> Cancelled:
            if self.held[key.client_id].status not in OPEN:
                return GONE
            self.ends(key.client_id)
            return Cancelled(outcome="ACCEPTED")

        return await self._request("cancel", key.client_id, act)

    async def query(self, key: OrderKey) -> tuple[OrderReport, ...]:
        return await self._request("query", key.client_id, lambda: self._known(key.client_id))

    async def open_orders(self, symbol: str = "") -> tuple[OrderReport, ...]:
        return await self._request(
            "open_orders", symbol, lambda: tuple(one for one in self.held.values() if one.status in OPEN)
        )

    async def trades(self, symbol: str, since_ms: int) -> Trades:
        return await self._request(
            "trades", symbol, lambda: Trades(since_ms=since_ms, fills=tuple(self.fills), complete=True)
        )

    async def snapshot(self) -> AccountSnapshot:
        return AccountSnapshot(at_ms=self.clock.now_ms(), balances={})

    async def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        self.calls.append(("set_leverage", symbol))

    def spent(self) -> Spent:
        return self.budget

    async def run(self, listener: BrokerListener) -> None:
        await self.clock.sleep(1e9)

    async def close(self) -> None:
        self.calls.append(("close", ""))

    async def _request(self, kind: str, name: str, act: Callable[[], T]) -> T:
        self.calls.append((kind, name))
        waiting = self._steps.get(kind)
        step = waiting.popleft() if waiting else self._always.get(kind, Step())
        done: T | None = act() if step.carried_out else None
        if step.gate is not None:
            await step.gate.wait()
        if step.error is not None:
            raise step.error
        answer: T | None = done if step.answer is None else step.answer
        assert answer is not None
        return answer

    def _take(self, spec: OrderSpec) -> Placed:
        order_id = f"v{len(self.held) + 1}"
        status: OrderStatus = "UNTRIGGERED" if spec.stop_price else "NEW"
        self.held[spec.client_id] = OrderReport(
            order_id=order_id, spec=spec, status=status, filled=ZERO, filled_quote=ZERO, at_ms=self.clock.now_ms()
        )
        return Placed(order_id=order_id)

    def _known(self, client_id: str) -> tuple[OrderReport, ...]:
        return (self.held[client_id],) if client_id in self.held else ()
