"""Closed trades of a few weeks, from a seed, for the history screen."""

from __future__ import annotations

import random
from decimal import Decimal

from core.messages import Message, TradeClosed
from tests import trading_builders as trade
from tests.builders import NOW_MS
from tests.snapshots.scenes import market

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
PRICES = {"SOLUSDT": "152.35", "ETHUSDT": "2683.10", "ADAUSDT": "0.3551", "LINKUSDT": "11.924", "DOGEUSDT": "0.10180"}
COUNT = 41


def closed_trades(count: int = COUNT) -> list[TradeClosed]:
    """Oldest first; a good start, a bad week, and back again."""
    dice = random.Random(5)
    made = []
    for number in range(count):
        symbol = dice.choice(list(PRICES))
        entry = Decimal(PRICES[symbol])
        bad = count // 3 < number < count * 3 // 5
        multiple = dice.choice((-1.02, -1.05, -0.4, 1.4)) if bad else dice.choice((-1.03, -0.6, 0.9, 1.6, 2.1))
        risked = Decimal("24.80")
        why = "STOP" if multiple < -1 else "TIME_STOP" if multiple < 0 else dice.choice(("TARGET", "TRAIL"))
        step = entry * Decimal("0.01") * Decimal(str(multiple))
        opened = NOW_MS - (count - number) * DAY // 2 + dice.randrange(6) * HOUR
        made.append(
            trade.closed(
                symbol, trade_id=f"t-{number}", quantity=(Decimal(2000) / entry).quantize(Decimal("0.001")), entry_price=entry,
                exit_price=entry + step, result=risked * Decimal(str(multiple)), r_multiple=multiple, why=why, risked=risked,
                fees=Decimal("1.52"), slippage=Decimal(dice.randrange(-8, 60)) / 100, opened_ms=opened,
                closed_ms=opened + dice.randrange(3, 400) * MINUTE, planned_entry=entry - entry * Decimal("0.0002"),
                planned_stop=entry * Decimal("0.99"), targets=((entry * Decimal("1.012"), 0.6), (entry * Decimal("1.02"), 0.4)),
                probability=0.63, by="operator", fills=3,
            )
        )  # fmt: skip
    return sorted(made, key=lambda one: one.closed_ms)


def full() -> list[Message]:
    """A market, an account, and its history."""
    return [*market(), trade.account(), trade.history(*closed_trades())]


def empty() -> list[Message]:
    """An account that has closed nothing yet."""
    return [*market(), trade.account(), trade.history()]
