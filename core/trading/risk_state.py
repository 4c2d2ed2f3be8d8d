"""What the risk part must not forget: limits in force, trading state, the day, the high-water mark, streak, locks, intents.

One small file, replaced at every change. A restart loosens nothing that is in it.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from core.atomic_file import DamagedFile, read_struct, write_atomic
from core.risk.drawdown import HighWater
from core.risk.limits import LimitBook
from core.risk.locks import Lock, Streak
from core.risk.trading_day import TradingDay
from core.risk.trading_state import Standing
from core.settings_risk import RiskSettings

FORMAT = 1
HALTED_BY = "halted: "
DRAWDOWN = "the drawdown limit was reached"
DAMAGED = "the risk state was lost"
OWN = (HALTED_BY, DRAWDOWN, DAMAGED)
"""How causes of this part begin. Other parts find theirs again after a restart, or they no longer stand."""


class Sent(Struct, frozen=True):
    """An intent that was sent on: what it was to do, when, and whether it was an entry."""

    key: str
    at_ms: int
    entry: bool


class RiskState(Struct, frozen=True, kw_only=True):
    """`day` and `high` are None until the account was seen. `carried`: what each open trade had brought at the day's reset.

    `closed`: trades that were counted already, newest last, and `counted` with what. `equity`: as last observed.
    """

    limits: LimitBook
    format: int = FORMAT
    standing: Standing = Standing()
    day: TradingDay | None = None
    high: HighWater | None = None
    streak: Streak = Streak()
    locks: tuple[Lock, ...] = ()
    recent: tuple[Sent, ...] = ()
    banned_until_ms: int = 0
    carried: dict[str, Decimal] = {}
    closed: tuple[str, ...] = ()
    counted: dict[str, Decimal] = {}
    equity: Decimal | None = None


def fresh(limits: RiskSettings) -> RiskState:
    """Nothing happened yet."""
    return RiskState(limits=LimitBook(effective=limits, wanted=limits))


def load(path: Path, *, must: bool = False) -> RiskState | None:
    """What was kept, None if nothing ever was (unless it `must`). Raises `DamagedFile`."""
    state = read_struct(path, RiskState, FORMAT)
    if state is None:
        if must:
            raise DamagedFile("is gone although the journal holds orders")
        return None
    causes = tuple(cause for cause in state.standing.causes if cause.startswith(OWN))
    return replace(state, standing=Standing(state.standing.state, causes))


def save(path: Path, state: RiskState) -> None:
    """Keep it. Raises `OSError`."""
    write_atomic(path, msgspec.json.encode(state))
