"""Random lives of an order path on a sandbox exchange: what an operator does, what a venue does to him, then calm and the truth.

A sequence is drawn from its seed alone: acts and faults a few seconds apart. Afterwards every fault is lifted, and within some
minutes of market time both sides must tell the same, what is held must be protected, and everything can be closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from typing import Any

from core.messages import OpenTrade
from core.trading.authority import authorise
from core.trading.opening import Unfit
from core.trading.order import OrderReport
from core.venue import VenueError
from providers.sandbox.order_faults import Number
from tests.faults.order_rig import SYMBOL, OrderRig, ceil, floor
from tests.faults.order_witness import Witness

D = Decimal
RATE = 20.0
SETTINGS: dict[str, Any] = {
    "rate": RATE, "answer_s": 3.0, "target_shares": [0.5, 0.3], "trail_after_r": 1.0, "entry_expires_s": 60.0,
    "risk": {
        "daily_loss": 0.5, "drawdown_throttle": 0.8, "drawdown_halt": 0.9, "loss_streak": 100, "entries_per_minute": 600,
        "duplicate_window_s": 1.0, "min_net_ratio": 0.1, "collar": 0.2, "confirmed_drift": 0.2, "max_return_sigmas": 50.0,
        "max_spread_ratio": 50.0,
    },
}  # fmt: skip
"""Of the rig: limits so wide that they do not end the trading which is to be disturbed."""
PAUSE_S = (0.0, 6.0)
"""Market seconds between two steps."""
PLACES = {
    "binance_us": ("POST /api/v3/order", "DELETE /api/v3/order", "GET /api/v3/order", "/api/v3/openOrders", "/api/v3/account",
                   "/api/v3/myTrades", "/api/v3/"),
    "bybit": ("/v5/order/create", "/v5/order/cancel", "/v5/order/amend", "/v5/order/realtime", "/v5/execution/list",
              "/v5/account", "/v5/"),
}  # fmt: skip
REFUSALS = {"binance_us": (-2010, "no"), "bybit": (170204, "no")}


class Chaos(Witness):
    """One sequence on a rig whose account is flat."""

    def __init__(self, rig: OrderRig, seed: int) -> None:
        super().__init__(rig)
        self.dice = random.Random(f"{rig.where} {seed}")
        self.steps: list[Callable[[], Awaitable[None]]] = [
            *[self.enter] * 8, self.cancel, self.cancel, self.close, self.close, self.move_stop, self.halt, self.resume, self.resume,
            self.kill, self.kill, self.leave, self.start, self.start, self.start, *[self.lose] * 4, self.fail, self.late, self.down,
            self.too_many, self.refuse, self.drop, self.drop, self.freeze, self.skip, self.skip, self.double, self.swap,
            self.late_stream, self.expire, self.steal, self.website, self.website, self.part, self.part, self.part, self.all_of_it,
            self.gap, self.gap, self.hold, self.closed, self.other_ids, self.skew, self.stranger, self.withdraw,
        ]  # fmt: skip

    async def run(self) -> None:
        """The whole of it. Raises `AssertionError` with what does not hold."""
        self.rig.seen.clear()
        watch = asyncio.ensure_future(self.watch())
        try:
            await self.enter()
            for _ in range(self.dice.randint(6, 16)):
                await self.dice.choice(self.steps)()
                await self.rig.clock.sleep(self.dice.uniform(*PAUSE_S))
            self.note("calm")
            self.rig.faults.clear()
            await self.start()
            await self.settle()
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            for act in self.acts:
                act.cancel()

    def do(self, what: str, act: Coroutine[Any, Any, Any]) -> None:
        """Begin an act; the faults go on meanwhile."""
        self.note(what)
        self.acts.append(asyncio.ensure_future(act))

    # --- the operator ------------------------------------------------------------------------------------------------

    async def enter(self) -> None:
        rig, dice = self.rig, self.dice
        side = dice.choice(["BUY", "SELL"]) if rig.category == "linear" else "BUY"
        way = D(1) if side == "BUY" else D(-1)
        through, far = dice.choice([D("0.002"), D("0.002"), D("-0.0005"), D("-0.004")]), dice.choice([2, 4])
        quantity = floor(D(str(dice.uniform(0.05, 0.6))), rig.rule.lot_size)
        if rig.desk is None:
            return
        quote, tick = rig.quotes[SYMBOL], rig.rule.tick_size
        market = D(repr(quote.ask if side == "BUY" else quote.bid))
        entry = ceil(market * (1 + way * through), tick)
        wanted = OpenTrade(
            symbol=SYMBOL, side=side, quantity=quantity, entry=entry, stop=floor(entry * (1 - way * far / 100), tick),  # type: ignore[arg-type]
            targets=tuple(ceil(entry * (1 + way * n * far / 100), tick) for n in (2, 3)),
        )  # fmt: skip

        async def act() -> None:
            rig.path.risk.arm(600.0)
            with contextlib.suppress(Unfit):
                proposal = rig.path.propose(wanted)
                submission = await rig.path.send_entry(proposal, authorise(proposal.draft.spec, rig.clock.now_ms()))
                self.note(f"entry {proposal.plan.trade_id}: {submission.sent} {submission.code}")

        self.do(f"enter {side} {quantity} at {entry}, {through:%} through, stop {far} % off", act())

    async def cancel(self) -> None:
        if self.rig.desk is not None:
            entries = [r for r in self.rig.path.manager.orders.values() if r.intent.purpose == "ENTRY" and r.may_fill]
            for record in entries[:1]:
                self.do(f"cancel {record.client_id}", self.rig.path.cancel_order(record.client_id))

    async def close(self) -> None:
        part = self.dice.random() < 0.3
        if self.rig.desk is not None:
            quantity = self.rig.rule.lot_size * 100 if part else D(0)
            self.do(f"close {quantity}", self.rig.path.close_position(SYMBOL, quantity))

    async def move_stop(self) -> None:
        by = self.dice.choice([D("0.98"), D("0.99"), D("1.002")])
        if self.rig.desk is not None:
            price = floor(D(repr(self.rig.quotes[SYMBOL].bid)) * by, self.rig.rule.tick_size)
            self.do(f"move stop to {price}", self.rig.path.move_stop(SYMBOL, price))

    async def halt(self) -> None:
        if self.rig.desk is not None:
            self.do("halt", self.rig.path.halt("chaos"))

    async def resume(self) -> None:
        if self.rig.desk is not None:
            self.do("resume", self._resume())

    async def _resume(self) -> None:
        for _ in range(2):
            await self.rig.path.resume()

    async def kill(self) -> None:
        """The process dies with everything it was at."""
        await self._end("kill", close=False)

    async def leave(self) -> None:
        """The operator leaves: entries are cancelled, stops stay."""
        await self._end("leave", close=True)

    async def _end(self, what: str, *, close: bool) -> None:
        if self.rig.desk is not None:
            self.note(what)
            self.up = False
            for act in self.acts:
                act.cancel()
            await asyncio.gather(*self.acts, return_exceptions=True)
            self.acts.clear()
            await self.rig.stop_desk(close=close)
            self.bare_since = None

    async def start(self) -> None:
        if self.rig.desk is None:
            self.note("start")
            await self.rig.start_desk(settled=False)
            self.up = True

    # --- requests ----------------------------------------------------------------------------------------------------

    def place(self) -> str:
        return self.dice.choice(PLACES[self.rig.venue])

    def fault(self, what: str, *told: Number) -> None:
        self.note(f"fault {what} {' '.join(str(one) for one in told)}")
        getattr(self.rig.faults, what)(*told)

    async def lose(self) -> None:
        self.fault(self.dice.choice(["lose_answer", "lose_request"]), self.place(), self.dice.randint(1, 2))

    async def fail(self) -> None:
        self.fault("fail_after", self.place(), self.dice.choice([500, 502, 503]), "", self.dice.randint(1, 2))

    async def late(self) -> None:
        self.fault("delay_answer", self.place(), round(self.dice.uniform(0.5, 8.0), 1), self.dice.randint(1, 2))

    async def down(self) -> None:
        self.fault("rest_error", 503, self.dice.randint(1, 6), self.place())

    async def too_many(self) -> None:
        self.fault("too_many_requests", 1, self.dice.randint(1, 4))

    async def refuse(self) -> None:
        self.fault("refuse_order", *REFUSALS[self.rig.venue], self.dice.randint(1, 2))

    # --- streams -----------------------------------------------------------------------------------------------------

    async def drop(self) -> None:
        self.fault(self.dice.choice(["private_drop", "private_drop", "drop_sockets"]))

    async def freeze(self) -> None:
        self.fault("private_freeze", round(self.dice.uniform(1.0, 20.0), 1))

    async def skip(self) -> None:
        self.fault("private_skip", self.dice.randint(1, 3))

    async def double(self) -> None:
        self.fault("private_duplicate", self.dice.randint(1, 5))

    async def swap(self) -> None:
        self.fault("private_reorder", self.dice.randint(1, 3))

    async def late_stream(self) -> None:
        self.fault("private_delay", self.dice.choice([0.0, 0.5, 2.0, 5.0]))

    async def other_ids(self) -> None:
        self.fault("private_other_ids", self.dice.randint(1, 3))

    async def expire(self) -> None:
        self.fault("expire_listen_key")

    async def steal(self) -> None:
        self.fault("steal_stream")

    async def skew(self) -> None:
        self.fault("skew_clock", self.dice.choice([-1500, -400, 400, 1500]))

    # --- the venue and its market ------------------------------------------------------------------------------------

    def resting(self, kinds: tuple[str, ...] = ("LIMIT",)) -> list[OrderReport]:
        ours = self.rig.orders(open_only=True)
        return [o for o in ours if o.spec.type in kinds and not o.spec.client_id.startswith("web_")]

    async def website(self) -> None:
        for order in self.resting(("LIMIT", "STOP_LOSS", "STOP_LOSS_LIMIT"))[:1]:
            self.fault("cancel_elsewhere", order.spec.client_id)

    async def part(self) -> None:
        share = D(str(round(self.dice.uniform(0.05, 0.9), 2)))
        for order in self.resting()[:1]:
            quantity = floor((order.spec.quantity - order.filled) * share, self.rig.rule.lot_size)
            if quantity > 0:
                self.fault("partial_fill", order.spec.client_id, str(quantity))

    async def all_of_it(self) -> None:
        for order in self.resting()[:1]:
            self.fault("fill", order.spec.client_id)

    async def gap(self) -> None:
        self.fault("gap_price", SYMBOL, round(self.dice.uniform(0.92, 1.08), 3), round(self.dice.uniform(1.0, 20.0), 1))

    async def hold(self) -> None:
        self.fault("hold_fills", SYMBOL, round(self.dice.uniform(1.0, 15.0), 1))

    async def closed(self) -> None:
        """The venue halts the symbol for a while."""
        seconds = self.dice.uniform(1.0, 10.0)
        for halted in (True, False):
            self.fault("halt_symbol", SYMBOL, halted)
            with contextlib.suppress(VenueError):  # no answer under another fault: the old rules stay
                await self.rig.rules.refresh()
            await self.rig.clock.sleep(seconds if halted else 0.0)

    async def stranger(self) -> None:
        price = floor(D(repr(self.rig.quotes[SYMBOL].bid)) * D("0.9"), self.rig.rule.tick_size)
        self.fault("foreign_order", SYMBOL, "BUY", str(price), "0.1")

    async def withdraw(self) -> None:
        self.fault("take_balance", "USDT", 25)
