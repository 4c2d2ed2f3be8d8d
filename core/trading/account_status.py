"""The account in one message, for the line on every screen."""

from __future__ import annotations

from core.bus import Bus
from core.clock import Clock
from core.messages import AccountStatus, Replay
from core.trading.broker import Broker
from core.trading.manager import OrderManager
from core.trading.reconciler import Reconciler
from core.trading.risk_desk import RiskDesk
from core.trading.states import LIVE
from core.trading.trade_desk import TradeDesk

EVERY_S = 1.0


class AccountPublisher:
    """Publishes `AccountStatus` when it changed, every second while something is open, and on `Replay`."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        broker: Broker,
        manager: OrderManager,
        trades: TradeDesk,
        risk: RiskDesk,
        reconciler: Reconciler,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._broker = broker
        self._manager = manager
        self._trades = trades
        self._risk = risk
        self._reconciler = reconciler
        self._told: AccountStatus | None = None
        bus.subscribe(Replay, lambda _: self.publish(again=True), name="account status.replay")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.publish(again=self._told is not None and bool(self._told.positions or self._told.open_orders))
            await self._clock.sleep(EVERY_S)

    def publish(self, again: bool = False) -> None:
        """Now, if anything is new (or `again`)."""
        status = self.status()
        before = self._told
        if again or before is None or _but_time(before) != _but_time(status):
            self._told = status
            self._bus.publish(status)

    def status(self) -> AccountStatus:
        """The account as it stands."""
        broker, spent = self._broker, self._broker.spent()
        orders = self._manager.orders.values()
        return AccountStatus(
            venue=broker.venue,
            category=broker.category,
            mode=broker.mode,
            account=broker.account,
            host=broker.host,
            host_kind=broker.host_kind,
            rate_used=round(spent.used, 2),
            banned_until_ms=spent.banned_until_ms,
            positions=self._trades.open_count,
            open_orders=sum(record.state in LIVE for record in orders),
            unknown=sum(record.state == "UNKNOWN" or bool(record.quarantine) for record in orders),
            naked=self._trades.naked_count,
            discrepancies=len(self._reconciler.differences.standing),
            at_ms=self._clock.now_ms(),
            **self._risk.status_fields(),
        )


def _but_time(status: AccountStatus) -> tuple[object, ...]:
    return tuple(getattr(status, name) for name in AccountStatus.__struct_fields__ if name != "at_ms")
