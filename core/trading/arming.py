"""What must hold before real orders: machine, clock, keys, private stream, journal, account, and where the program runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from core.clock import Clock
from core.messages import SessionCheck
from core.settings import Settings
from core.settings_trading import Trading
from core.trading.broker import Features

if TYPE_CHECKING:
    from core.trading.desk import TradingDesk


class Surroundings(Struct, frozen=True, kw_only=True):
    """What the program runs in: environment variables (only names of terminals and services are looked at), data folder."""

    environ: Mapping[str, str] = {}
    folder: Path = Path()


NOWHERE = Surroundings()


async def check_all(
    desk: TradingDesk, clock: Clock, settings: Settings, surroundings: Surroundings
) -> tuple[SessionCheck, ...]:
    """Every condition, asked now. Never raises: what cannot be found out does not hold, and says so."""
    trouble = desk.journal.trouble
    return (
        SessionCheck(code="JOURNAL", label="journal", holds=trouble is None, words=str(trouble or "can be written")),
    )


def program_only(features: Features, trading: Trading) -> tuple[str, ...]:
    """The protections that end with this program, one sentence each."""
    return ()
