"""How long the exchange's own books show a position without a stop, and what rows about protective stops have in common."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from core.messages import OrderAlarm, PositionStatus, TradeClosed
from core.trading.order import OrderReport
from core.trading.order_record import OrderRecord
from tests.faults.order_rig import KEY, SYMBOL, OrderRig, floor

D = Decimal
REFUSALS = {
    "binance_us-spot": ("-2010", "Stop price would trigger immediately."),
    "bybit-spot": ("170193", "Buy order price cannot be higher than expected."),
    "bybit-linear": ("110092", "expect Rising, but trigger_price <= current"),
}
"""What each venue says to a stop it does not take."""


class StopWatch:
    """Watches the exchange from its creation on. `windows`: for how long, in market seconds, a part was without a stop.

    What one request does at the exchange (cancel and place) is one moment: nothing can happen in between.
    """

    def __init__(self, rig: OrderRig) -> None:
        self._rig = rig
        self._since_ms = 0
        self.windows: list[float] = []
        rig.accounts.listeners.append(self._look)

    @property
    def bare(self) -> Decimal:
        """What no stop covers now."""
        stops = sum((left(order) for order in resting_stops(self._rig)), D(0))
        return max(D(0), floor(self._rig.held(), self._rig.rule.lot_size) - stops)

    @property
    def longest_s(self) -> float:
        """The longest time without a stop, one that lasts included."""
        lasting = [(self._rig.clock.now_ms() - self._since_ms) / 1000] if self._since_ms else []
        return max((*self.windows, *lasting), default=0.0)

    def _look(self, _: OrderReport) -> None:
        asyncio.get_running_loop().call_soon(self._measure)

    def _measure(self) -> None:
        now_ms, bare = self._rig.clock.now_ms(), self.bare > 0
        if bare and not self._since_ms:
            self._since_ms = now_ms
        elif not bare and self._since_ms:
            self.windows.append((now_ms - self._since_ms) / 1000)
            self._since_ms = 0


def left(order: OrderReport) -> Decimal:
    return order.spec.quantity - order.filled


def resting_stops(rig: OrderRig) -> list[OrderReport]:
    """Stops that rest at the engine now, also between two reports of one act."""
    open_orders = rig.engine.open_orders(KEY)
    return [one for one in open_orders if one.spec.type.startswith("STOP") and one.spec.side == "SELL"]


def resting_targets(rig: OrderRig) -> list[OrderReport]:
    """Targets that rest at the engine now."""
    return [one for one in rig.engine.open_orders(KEY) if one.spec.type == "LIMIT" and one.spec.side == "SELL"]


def sells(rig: OrderRig) -> list[OrderReport]:
    """Every order to sell the exchange ever took."""
    return [order for order in rig.orders() if order.spec.side == "SELL"]


def last(rig: OrderRig) -> PositionStatus:
    """The position as it was shown last."""
    return rig.of(PositionStatus)[-1]


def alarm(rig: OrderRig, code: str) -> OrderAlarm:
    """The first alarm of that code."""
    return next(one for one in rig.of(OrderAlarm) if one.code == code)


async def working(rig: OrderRig, **changes: object) -> OrderRecord:
    """An entry that rests in the book."""
    record = await rig.entered(resting=True, **changes)
    await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the entry in the book")
    return record


async def protected(rig: OrderRig, **changes: object) -> OrderRecord:
    """A position with its stop and, where they stand at the venue, its targets."""
    record = await rig.entered(**changes)
    await rig.until(lambda: rig.record(record.client_id).state == "FILLED", "the fill")
    await rig.until_protected()
    if last(rig).targets_at_venue:
        count = len(last(rig).targets)
        await rig.until(lambda: len(resting_targets(rig)) == count, "the targets")
    return record


async def passed(rig: OrderRig, seconds: float) -> None:
    """So much market time."""
    until_ms = rig.clock.now_ms() + round(seconds * 1000)
    await rig.until(lambda: rig.clock.now_ms() > until_ms, f"{seconds} s")


async def ended(rig: OrderRig) -> TradeClosed:
    """How the trade ended; what was held is sold."""
    await rig.until(lambda: rig.of(TradeClosed), "the end of the trade")
    await rig.until_settled()
    (closed,) = rig.of(TradeClosed)
    assert rig.held() < rig.rule.lot_size
    assert not rig.engine.open_orders(KEY)
    assert last(rig).closed
    assert last(rig).stop.state == "NONE"
    assert rig.path.trades.truth(SYMBOL).state == "NONE"
    return closed


def truthful(rig: OrderRig) -> None:
    """Whatever was shown of a stop held when it was shown: no old proof was called verified, no age was absurd."""
    limit_ms = rig.settings.trading.stop_age_s * 1000
    for status in rig.of(PositionStatus):
        stop = status.stop
        if stop.state == "VERIFIED":
            assert stop.covered
            assert stop.client_id
            assert status.at_ms - stop.verified_ms <= limit_ms, stop
        elif not status.closed:
            assert stop.text, stop
        if stop.state == "UNVERIFIED":
            assert stop.verified_ms > 0, stop


async def proven(rig: OrderRig) -> None:
    """What every row about stops ends with."""
    await rig.oracle()
    truthful(rig)
    rig.no_secret_anywhere()
