"""How long calibrated thresholds hold, and when an alert makes their renewal urgent (methods 5, time to live)."""

from __future__ import annotations

import hashlib

DAY_MS = 86_400_000
HOLDS_DAYS = 14.0
JITTER = 0.10
"""Share of the time by which symbols differ, so that assets calibrated together do not all expire together."""
FRESH_MS = DAY_MS
_HASH_MAX = 2**64 - 1


def jitter(symbol: str) -> float:
    """A number in [−1, 1] that is always the same for one symbol, on every machine."""
    digest = hashlib.blake2b(symbol.encode(), digest_size=8).digest()
    return 2.0 * (int.from_bytes(digest, "big") / _HASH_MAX) - 1.0


def expiry_ms(symbol: str, accepted_ms: int, days: float = HOLDS_DAYS) -> int:
    """When thresholds accepted at `accepted_ms` expire: after so many days ± 10 %, seeded by the symbol."""
    return accepted_ms + round(days * DAY_MS * (1.0 + JITTER * jitter(symbol)))


def alert_is_urgent(*, is_default: bool, since_ms: int, expires_ms: int | None, now_ms: int) -> bool:
    """Does an alert make a calibration urgent? Only on thresholds that are default, expired or older than 24 h.

    `since_ms` is when the thresholds in force were set; `expires_ms` is None for those that do not expire.
    """
    expired = expires_ms is not None and expires_ms <= now_ms
    return is_default or expired or now_ms - since_ms > FRESH_MS
