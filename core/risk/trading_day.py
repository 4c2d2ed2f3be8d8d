"""The trading day and what it may lose: from HH:MM to HH:MM in a named zone, in percent and in money, latched once hit.

Days have 23 or 25 hours when clocks change. A reset time that a change skips comes that much later by the new clock; one
that comes twice counts the first time, so each calendar day has one reset.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from core.trading.order import ZERO


class ResetRule(Struct, frozen=True):
    """When a day begins: `at` is HH:MM on the clocks of the IANA zone `zone`."""

    at: str
    zone: str

    def on(self, day: date) -> int:
        """The reset of this calendar day, Unix ms UTC. Raises `ValueError` or `KeyError` for a time or zone there is not."""
        hour, minute = self.at.split(":")
        local = datetime.combine(day, time(int(hour), int(minute)), ZoneInfo(self.zone))
        return int(local.astimezone(UTC).timestamp()) * 1000

    def next_after(self, now_ms: int) -> int:
        """The first reset after this instant, Unix ms UTC."""
        today = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(self.zone)).date()
        days = (today + timedelta(days=ahead) for ahead in (-1, 0, 1, 2))
        return min(instant for instant in map(self.on, days) if instant > now_ms)


class TradingDay(Struct, frozen=True, kw_only=True):
    """One day's account, money in the quote currency.

    `equity` is that at the reset. `realised` is the result of closed quantity, before costs. `fees` are what was paid,
    `funding` what was received (negative: paid). `ends_ms` is the next reset as a UTC instant. `latched`: the limit was
    hit, and stays hit until then.
    """

    equity: Decimal
    ends_ms: int
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    latched: bool = False


def loss_so_far(day: TradingDay, unrealised: Decimal) -> Decimal:
    """What the day has lost, costs and open positions included; negative: it is ahead."""
    return -(day.realised + unrealised - day.fees + day.funding)


def allowed_loss(day: TradingDay, share: Decimal, money: Decimal) -> Decimal:
    """What the day may lose: the smaller of the share of its first equity and the money (0: no limit in money)."""
    by_share = max(ZERO, share * day.equity)
    return min(by_share, money) if money > ZERO else by_share


def observe(day: TradingDay, unrealised: Decimal, share: Decimal, money: Decimal) -> TradingDay:
    """The day with its latch set if the limit is reached now. Nothing but the next reset takes the latch off."""
    return replace(day, latched=day.latched or loss_so_far(day, unrealised) >= allowed_loss(day, share, money))


def roll(day: TradingDay, now_ms: int, equity: Decimal, rule: ResetRule) -> TradingDay:
    """The day that holds at `now_ms`: the same, or a new one from the present equity once its reset has come."""
    if now_ms < day.ends_ms:
        return day
    return TradingDay(equity=equity, ends_ms=rule.next_after(now_ms))
