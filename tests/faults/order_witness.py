"""What must hold while a random life of an order path goes on, and what must hold when all is calm again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from core.messages import OrderAlarm, TradeClosed
from core.trading.broker import NotSent
from core.trading.working import OPEN
from core.venue import VenueError
from tests.faults.order_rig import SYMBOL, OrderRig, floor

D = Decimal
TOLD_WITHIN_S = 45.0
"""A position without a stop at the venue is known by then: the stop's age (30 s) and some for the news to come."""
DUST_LOTS = 8
"""What the trades of one sequence may leave together on spot: less than a lot each."""
LOOK_S = 0.02


class Witness:
    """Watches one rig whose account is flat when it begins. `script` tells what was done, by market time."""

    def __init__(self, rig: OrderRig) -> None:
        self.rig = rig
        self.script: list[str] = []
        self.began_ms = rig.clock.now_ms()
        self.dust = rig.held()
        self.acts: list[asyncio.Task[Any]] = []
        self.bare_since: float | None = None
        self.up = True
        """Whether the desk runs and has read its journal."""

    def note(self, what: str) -> None:
        self.script.append(f"{(self.rig.clock.now_ms() - self.began_ms) / 1000:7.1f} s  {what}")

    # --- at every moment ---------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """One live order for each wish, and no bare position the program shows as protected."""
        wrong: set[str] = set()
        while True:
            await asyncio.sleep(LOOK_S)
            for words in (self._doubled(), self._bare()):
                if words and words not in wrong:
                    wrong.add(words)
                    self.note(f"WRONG {words}")

    def _doubled(self) -> str:
        if not self.up:
            return ""
        records = self.rig.path.manager.orders
        live = Counter(
            records[order.spec.client_id].intent.intent_id
            for order in self.rig.orders(open_only=True)
            if order.spec.client_id in records
        )
        return ", ".join(f"{count} live orders for {wish!r}" for wish, count in live.items() if count > 1)

    def bare(self) -> Decimal:
        """What is held and no stop at the venue would close."""
        side = "SELL" if (held := self.rig.held() - self.dust) > 0 else "BUY"
        stops = sum(
            (
                order.spec.quantity - order.filled
                for order in self.rig.orders(open_only=True)
                if order.spec.type.startswith("STOP") and order.spec.side == side
            ),
            D(0),
        )
        dust = self.rig.rule.lot_size * DUST_LOTS if self.rig.category == "spot" else D(0)
        bare = floor(abs(held), self.rig.rule.lot_size) - stops
        return bare if bare > dust else D(0)

    def _bare(self) -> str:
        now = self.rig.clock.monotonic()
        if not self.up or self.bare() == 0:
            self.bare_since = None
            return ""
        self.bare_since = self.bare_since if self.bare_since is not None else now
        state = self.rig.path.trades.truth(SYMBOL).state
        if now - self.bare_since > TOLD_WITHIN_S and state == "VERIFIED":
            return f"without a stop for {TOLD_WITHIN_S:.0f} s and shown as {state}"
        return ""

    # --- in the end --------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        rig = self.rig
        for order in rig.orders(open_only=True):
            if order.spec.client_id.startswith("web_"):
                rig.faults.cancel_elsewhere(order.spec.client_id)
        await self._until_answered(rig.provider.sync_clock)
        await self._until_answered(rig.rules.refresh)
        await self._acts_end()
        calm_ms = rig.clock.now_ms()
        await rig.until(
            lambda: rig.path.reconciler.settled_ms > calm_ms and rig.stream() == "SYNCED", "everything compared"
        )
        await rig.until(self._safe, "what is held protected, or closed")
        self._adopt()
        await rig.oracle()
        await rig.until(self._same_position, f"one position: {self._positions()}")
        await self._go_on()
        await self._flat()
        await rig.oracle()
        self._not_sold_twice()
        wrong = [line for line in self.script if "WRONG" in line]
        assert not wrong, wrong
        assert "TRADE_FAILED" not in rig.alarms(), [m.text for m in rig.of(OrderAlarm) if m.code == "TRADE_FAILED"]
        quarantined = [record.client_id for record in rig.path.manager.orders.values() if record.quarantine]
        assert not quarantined, quarantined

    async def _until_answered(self, request: Callable[[], Awaitable[object]]) -> None:
        """A ban of before the calm may still stand."""
        while True:
            try:
                await request()
                return
            except VenueError as error:
                self.note(f"not answered: {error}")
                await self.rig.clock.sleep(1.0)

    async def _acts_end(self) -> None:
        """Every act the operator began is over, and none of them broke."""
        await self.rig.until(lambda: all(act.done() for act in self.acts), "the end of every act")
        for told in await asyncio.gather(*self.acts, return_exceptions=True):
            assert not isinstance(told, Exception) or isinstance(told, NotSent), repr(told)
        self.acts.clear()

    def _safe(self) -> bool:
        """Covered at the exchange, or less than the venue's filters take."""
        price = D(repr(self.rig.quotes[SYMBOL].bid))
        least = max(self.rig.rule.min_notional, self.rig.rule.min_qty * price, self.rig.rule.lot_size * price)
        return self.bare() * price < least

    @property
    def figures(self) -> str:
        """How much happened."""
        records = self.rig.path.manager.orders.values() if self.up else ()
        mine = [record for record in records if record.intent.at_ms >= self.began_ms]
        closed = Counter(message.why for message in self.rig.of(TradeClosed))
        entries = sum(record.intent.purpose == "ENTRY" and record.state != "VOID" for record in mine)
        return f"{entries} entries, {len(mine)} orders, {dict(closed)}"

    def _positions(self) -> tuple[Decimal, Decimal]:
        """What the program holds, dust it has written off included, and what the exchange says of it."""
        book = self.rig.path.book
        ours = sum((p.quantity for p in book.positions.values() if p.symbol == SYMBOL), D(0))
        return ours, self.rig.held() - self.dust

    def _same_position(self) -> bool:
        ours, theirs = self._positions()
        return abs(ours - theirs) <= (self.rig.rule.lot_size * DUST_LOTS if self.rig.category == "spot" else D(0))

    def _not_sold_twice(self) -> None:
        """No trade has closed more than it opened."""
        filled: Counter[tuple[str, bool]] = Counter()
        for record in self.rig.path.manager.orders.values():
            exits = bool(record.intent.parent)
            filled[record.intent.parent or record.client_id, exits] += record.filled  # type: ignore[assignment]
        for trade_id, exits in list(filled):
            if exits:
                assert filled[trade_id, True] <= filled[trade_id, False], trade_id

    def picture(self) -> str:
        """Both sides' orders, for the words of a failure."""
        if not self.up:
            return "no desk"
        lines = []
        for record in self.rig.path.manager.orders.values():
            if record.intent.at_ms < self.began_ms:
                continue
            theirs = [f"{order.status} {order.filled}" for order in self.rig.at_exchange(record.client_id)]
            evidence = [
                f"{type(piece).__name__} {getattr(piece, 'channel', '')} {getattr(piece, 'outcome', '')}".strip()
                for piece in record.evidence[-6:]
            ]
            lines.append(
                f"  {record.client_id[-8:]} {record.intent.intent_id.partition(' ')[0]} {record.state} {record.filled} of "
                f"{record.spec.quantity} {record.quarantine}, exchange {theirs}, {evidence}"
            )
        standing = self.rig.path.risk.standing
        truth = self.rig.path.trades.truth(SYMBOL)
        return "\n".join(
            [*lines, f"  {standing.state} {standing.causes}; {truth.state} {truth.text}; bare {self.bare()}"]
        )

    def _adopt(self) -> None:
        for key in list(self.rig.path.reconciler.differences.standing):
            words = self.rig.path.reconciler.adopt(key)
            self.note(f"adopt {key}: {words or 'done'}")

    async def _go_on(self) -> None:
        """Back to ACTIVE by the operator's hand."""
        for _ in range(3):
            if self.rig.path.risk.standing.state != "ACTIVE":
                self._adopt()
                self.note(f"resume: {await self.rig.path.resume() or 'done'}")
        standing = self.rig.path.risk.standing
        assert standing.state == "ACTIVE", standing

    async def _flat(self) -> None:
        """Everything cancelled and closed."""
        path = self.rig.path
        for record in list(path.manager.orders.values()):
            if record.intent.purpose == "ENTRY" and record.may_cancel:
                await path.cancel_order(record.client_id)
        if path.trades.held():
            words = await path.close_position(SYMBOL, D(0))
            self.note(f"last close: {words or 'under way'}")
        await self.rig.until(lambda: not path.trades.planned(), "the end of every trade")
        left = [o for o in self.rig.orders(open_only=True) if o.status in OPEN]
        assert not left, left
        held = abs(self.rig.held() - self.dust)
        worth = held * D(repr(self.rig.quotes[SYMBOL].bid))
        least = max(self.rig.rule.min_notional, self.rig.rule.lot_size * D(repr(self.rig.quotes[SYMBOL].bid)))
        assert worth < least, f"{held} is left"
