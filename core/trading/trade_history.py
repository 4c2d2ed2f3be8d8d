"""Closed trades of one account, from its journal, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from core.bus import Bus
from core.clock import Clock
from core.messages import RecordSummary
from core.trading.broker import Mode
from core.trading.journal import Journal

EMPTY = RecordSummary(
    trades=0, wins=0, win_rate=float("nan"), expectancy=float("nan"), profit_factor=float("nan"), result=Decimal(0),
    fees=Decimal(0), drawdown=Decimal(0), drawdown_r=0.0, since_ms=0,
)  # fmt: skip


class TradeHistoryBook:
    """Publishes `TradeHistory` at start, after every trade that closed, and on `Replay`."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        journal: Journal,
        venue: str,
        category: str,
        mode: Mode,
        account: str,
        asset: Callable[[], str],
    ) -> None:
        self.summary = EMPTY
