"""What each venue's category can do for a position: one table for the real brokers and for paper, so that paper behaves alike."""

from __future__ import annotations

from core.trading.broker import Features

BINANCE_US_SPOT = Features(oco=True, replace=True, locks_stop=True)
"""No symbol of it takes plain stop orders: stops are stop-limit orders."""
BYBIT_SPOT = Features(amend=True, stop_market=True, locks_stop=True)
"""No OCO can be made over its API, so one stop stands alone and the program keeps the targets."""
BYBIT_LINEAR = Features(amend=True, stop_market=True, mark_trigger=True, perpetual=True)

FEATURES: dict[tuple[str, str], Features] = {
    ("binance_us", "spot"): BINANCE_US_SPOT,
    ("bybit", "spot"): BYBIT_SPOT,
    ("bybit", "linear"): BYBIT_LINEAR,
}
"""By (venue, category)."""
