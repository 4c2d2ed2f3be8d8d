"""The venue's limits on signed requests: what exchangeInfo tells of them, and which header counts which (exchanges.md A8)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from core.venue import Retryable
from providers.binance_us.instruments import RateLimit
from providers.binance_us.wire import WIRE_ERRORS
from providers.order_budget import AlignedBudget, AlignedLimit, Unit

_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400}
_UNITS: dict[str, tuple[Unit, str]] = {
    "REQUEST_WEIGHT": ("weight", "X-MBX-USED-WEIGHT-"),
    "ORDERS": ("orders", "X-MBX-ORDER-COUNT-"),
}
FIRST_LIMITS = (
    RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 1200),
    RateLimit("ORDERS", "SECOND", 10, 100),
    RateLimit("ORDERS", "DAY", 1, 200_000),
)
"""Until the venue tells its own: the smallest known (exchanges.md A2, A4)."""


class Limits(msgspec.Struct):
    """The part of exchangeInfo that is read here."""

    rateLimits: list[RateLimit]


_decode = msgspec.json.Decoder(Limits, strict=False).decode


def first_budget(now_ms: Callable[[], int]) -> AlignedBudget:
    """The budget before the venue was asked. `now_ms`: the venue's time."""
    return AlignedBudget(limit for row in FIRST_LIMITS if (limit := limit_of(row, now_ms)) is not None)


def learn(budget: AlignedBudget, body: bytes, now_ms: Callable[[], int]) -> None:
    """Take the limits of an exchangeInfo. Raises `Retryable` when it cannot be read."""
    try:
        rows = _decode(body).rateLimits
    except WIRE_ERRORS as error:
        raise Retryable(f"rateLimits of exchangeInfo cannot be read: {error}") from error
    for row in rows:
        if (limit := limit_of(row, now_ms)) is not None:
            budget.learn(limit)


def limit_of(row: RateLimit, now_ms: Callable[[], int]) -> AlignedLimit | None:
    """One limit; None for a kind or interval that is not counted here."""
    unit = _UNITS.get(row.rateLimitType)
    if unit is None or row.interval not in _SECONDS or row.intervalNum < 1 or row.limit < 1:
        return None
    window = f"{row.intervalNum}{row.interval[0]}"
    return AlignedLimit(
        f"{row.rateLimitType} {window}",
        unit[0],
        row.limit,
        row.intervalNum * _SECONDS[row.interval],
        unit[1] + window,
        now_ms,
    )
