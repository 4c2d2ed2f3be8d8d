"""Bybit's return codes on the order path, by what they prove (exchanges.md B6).

Only the code is read: the venue promises no wording. A code in none of these sets is a definite refusal of an order; one that
leaves it open whether the request was carried out stands in `UNKNOWN_CODES`, and in doubt a code belongs there.
"""

from __future__ import annotations

from typing import Final, Literal

from core.trading.evidence import CancelOutcome

Meaning = Literal["DONE", "UNKNOWN", "CLOCK", "LIMIT", "ACCOUNT", "REFUSED"]
"""What an answer to a request that changes something proves. DONE: taken. UNKNOWN: may have been carried out. CLOCK: its time
was refused, before anything was done. LIMIT: too many requests, nothing done. ACCOUNT: these keys or this address may not.
REFUSED: a definite no."""

CLOCK_CODES: Final = frozenset({10002})
LIMIT_CODES: Final = frozenset({429, 10006, 10018, 10429, 170005, 170222})
SERVER_CODES: Final = frozenset({10000, 10016, 10019, 170007, 170032, 170146, 170147, 170310})
DUPLICATE_CODES: Final = frozenset({10014, 110072, 170141})
"""An order with this client id exists. Ours are sent once, so it may be our own: it must be asked for."""

UNKNOWN_CODES: Final = SERVER_CODES | DUPLICATE_CODES
ACCOUNT_CODES: Final = frozenset(
    {-2015, 10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 10028, 33004, 110132, 170209}
)
UNCHANGED_CODES: Final = frozenset({110025, 110026, 110043})
"""Leverage or mode is already what was asked for."""

GONE_CODES: Final = frozenset({110001, 110008, 110010, 170139, 170142, 170190, 170213})
"""No such open order: never there, filled or cancelled. To a cancel this may be a race with a fill."""


def meaning(code: int) -> Meaning:
    """What a return code proves of a request that changes something."""
    if code == 0 or code in UNCHANGED_CODES:
        return "DONE"
    if code in UNKNOWN_CODES:
        return "UNKNOWN"
    if code in CLOCK_CODES:
        return "CLOCK"
    if code in LIMIT_CODES:
        return "LIMIT"
    return "ACCOUNT" if code in ACCOUNT_CODES else "REFUSED"


def refused_outcome(code: str) -> CancelOutcome:
    """What a definite no to a cancel or amend means: the order is not open, or it stands as it was."""
    return "GONE" if code.lstrip("-").isdecimal() and int(code) in GONE_CODES else "REFUSED"
