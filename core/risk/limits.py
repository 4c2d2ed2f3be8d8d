"""The limits in force as exact numbers, and how they change: tighter at once, looser at a reset and by arming again.

SETTLED: nothing is waited for. WAITING: looser values wait for the next daily reset. DUE: the reset has come, the operator
must arm again for them to count. Whatever the state, a tighter value counts from the moment it is asked for.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict, replace

from core.settings_risk import RiskSettings

Direction = Literal["LOWER", "HIGHER", "LOWER_ZERO_OFF"]
"""Which way is tighter. LOWER_ZERO_OFF: lower, but 0 means there is no such limit."""

TIGHTER: dict[str, Direction] = {
    "risk_per_trade": "LOWER",
    "risk_per_trade_cap": "LOWER",
    "daily_loss": "LOWER",
    "daily_loss_money": "LOWER_ZERO_OFF",
    "drawdown_throttle": "LOWER",
    "drawdown_halt": "LOWER",
    "loss_streak": "LOWER",
    "cool_down_min": "HIGHER",
    "max_positions": "LOWER",
    "max_per_symbol": "LOWER",
    "order_exposure": "LOWER",
    "symbol_exposure": "LOWER",
    "total_exposure": "LOWER",
    "heat": "LOWER",
    "min_net_ratio": "HIGHER",
    "max_leverage": "LOWER",
    "volatility_target": "LOWER",
    "depth_share": "LOWER",
    "volume_share": "LOWER",
    "collar": "LOWER",
    "confirmed_drift": "LOWER",
    "market_slippage": "HIGHER",
    "clock_skew_ms": "LOWER",
    "clock_age_s": "LOWER",
    "rules_age_s": "LOWER",
    "quote_age_s": "LOWER",
    "quote_gaps": "LOWER",
    "entry_budget": "LOWER",
    "exit_budget": "LOWER",
    "entries_per_minute": "LOWER",
    "duplicate_window_s": "HIGHER",
    "token_age_s": "LOWER",
    "quiet_s": "HIGHER",
    "max_return_sigmas": "LOWER",
    "max_spread_ratio": "LOWER",
    "same_bet": "LOWER",
    "stop_room": "HIGHER",
    "stop_room_atr": "HIGHER",
}
"""Every limit and which way it is tighter. Adding one is an entry here and a field in `RiskSettings`."""
WHEN = ("reset_time", "reset_zone")
"""What is no limit but says when the day begins: a change waits like a looser value, else it could begin a new day at will."""

Phase = Literal["SETTLED", "WAITING", "DUE"]
Happening = Literal["LOOSEN", "WITHDRAW", "RESET", "ARM"]
PHASES: dict[tuple[Phase, Happening], Phase] = {
    ("SETTLED", "LOOSEN"): "WAITING",
    ("SETTLED", "WITHDRAW"): "SETTLED",
    ("SETTLED", "RESET"): "SETTLED",
    ("SETTLED", "ARM"): "SETTLED",
    ("WAITING", "LOOSEN"): "WAITING",
    ("WAITING", "WITHDRAW"): "SETTLED",
    ("WAITING", "RESET"): "DUE",
    ("WAITING", "ARM"): "WAITING",
    ("DUE", "LOOSEN"): "WAITING",
    ("DUE", "WITHDRAW"): "SETTLED",
    ("DUE", "RESET"): "DUE",
    ("DUE", "ARM"): "SETTLED",
}
"""What each happening does. Asking for something looser while DUE starts the wait anew."""


class LimitBook(Struct, frozen=True, kw_only=True):
    """`effective` is what counts; `wanted` what the operator asked for; they differ while `phase` is not SETTLED."""

    effective: RiskSettings
    wanted: RiskSettings
    phase: Phase = "SETTLED"


def exact(value: float) -> Decimal:
    """A setting as the number it is written as: 0.005 is five thousandths."""
    return Decimal(repr(value))


def tighter(name: str, new: float, old: float) -> bool:
    """True when `new` lets less through than `old`."""
    direction = TIGHTER[name]
    if direction == "HIGHER":
        return new > old
    if direction == "LOWER_ZERO_OFF" and 0.0 in (new, old):
        return new > old  # any limit is tighter than none
    return new < old


def ask(book: LimitBook, wanted: RiskSettings) -> LimitBook:
    """The operator wants these limits: what is tighter counts now, what is looser waits."""
    old = asdict(book.effective)
    now = {name: value for name, value in asdict(wanted).items() if name in TIGHTER and tighter(name, value, old[name])}
    effective = replace(book.effective, **now)
    if effective == wanted:
        return LimitBook(effective=effective, wanted=wanted, phase=PHASES[book.phase, "WITHDRAW"])
    # a wait that is over stays over, unless something is looser than what it was waited for
    was = asdict(book.wanted)
    looser = any(
        value != was[name] and (name in WHEN or not tighter(name, value, was[name]))
        for name, value in asdict(wanted).items()
    )
    phase = PHASES[book.phase, "LOOSEN"] if looser else book.phase
    return LimitBook(effective=effective, wanted=wanted, phase=phase)


def reset(book: LimitBook) -> LimitBook:
    """The daily reset has come."""
    return replace(book, phase=PHASES[book.phase, "RESET"])


def arm(book: LimitBook) -> LimitBook:
    """The operator armed again: what is due counts from now on."""
    effective = book.wanted if book.phase == "DUE" else book.effective
    return replace(book, effective=effective, phase=PHASES[book.phase, "ARM"])
