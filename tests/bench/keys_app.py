"""The application of `live_app` for `keys`: it notes when the engine acted, and holds positions on paper to be closed by hand.

Every gate of an entry is as wide as its range allows: it is keys that are timed, and positions must be there to close.
"""

from __future__ import annotations

import sys
import time
from decimal import Decimal
from pathlib import Path

import msgspec

from core.bus import Bus
from core.messages import (
    AccountOpened,
    AccountStatus,
    ClosePosition,
    GoPaper,
    HaltReport,
    LoopLag,
    Message,
    OpenTrade,
    PositionStatus,
    Quote,
    Refused,
    SessionStatus,
)
from core.settings import Settings
from tests.bench.live_app import main

MARKS = "marks.jsonl"
STOP, TARGET = Decimal("0.95"), Decimal("1.2")
"""Far from the price: neither is met while the position waits for the key."""
FIRST_S = 1.0
"""From the account's opening to the first try to open a position."""
HELD = 18
"""Positions held, one for each time a position is closed by hand: after a change of accounts entries wait for figures."""
TRIES_A_SECOND = 12
"""A gate that refuses one symbol, such as that of its volatility, may let another one pass."""


class Mark(msgspec.Struct, frozen=True):
    """Something the engine did, on the clock that all processes of the machine share (`time.monotonic`)."""

    at_s: float
    what: str
    words: str = ""


class Keeper:
    """Holds small positions on the paper account."""

    def __init__(self, bus: Bus, folder: Path) -> None:
        self._bus = bus
        self._file = (folder / MARKS).open("ab")
        self._quotes: dict[str, Quote] = {}
        self._open: set[str] = set()
        self._state = ""
        self._phase = ""
        self._opened_s = time.monotonic()
        self._tries = 0
        self._full = False
        self._refused: set[str] = set()
        bus.subscribe(Quote, self._on_quote)
        bus.subscribe(PositionStatus, self._on_position)
        bus.subscribe(SessionStatus, self._on_session)
        bus.subscribe(AccountStatus, self._on_account)
        bus.subscribe(AccountOpened, self._on_opened)
        bus.subscribe(Refused, self._on_refused)
        bus.subscribe(LoopLag, self._on_second)
        for kind in (HaltReport, GoPaper, ClosePosition):
            bus.subscribe(kind, self._on_act)

    def _mark(self, what: str, words: str = "") -> None:
        self._file.write(msgspec.json.encode(Mark(time.monotonic(), what, words)) + b"\n")
        self._file.flush()

    def _on_act(self, message: Message) -> None:
        self._mark(type(message).__name__)

    def _on_quote(self, quote: Quote) -> None:
        self._quotes[quote.symbol] = quote

    def _on_position(self, position: PositionStatus) -> None:
        if position.closed:
            self._open.discard(position.trade_id)
            self._mark("closed", position.symbol)
        elif position.trade_id not in self._open:
            self._open.add(position.trade_id)
            self._refused.add(position.symbol)
            self._mark("open", position.symbol)

    def _on_session(self, session: SessionStatus) -> None:
        if session.phase != self._phase:
            self._phase = session.phase
            self._mark("phase", session.phase)

    def _on_account(self, account: AccountStatus) -> None:
        if account.state != self._state:
            self._state = account.state
            self._mark("state", account.state)

    def _on_opened(self, account: AccountOpened) -> None:
        self._open.clear()
        self._opened_s = time.monotonic()
        self._mark("account", account.mode)

    def _on_refused(self, refused: Refused) -> None:
        self._mark("refused", f"{refused.command} {refused.symbol}: {refused.words}")
        if refused.command == OpenTrade.__name__:
            self._refused.add(refused.symbol)
            if self._tries < TRIES_A_SECOND:
                self._try()

    def _on_second(self, lag: LoopLag) -> None:
        """One try; those that follow at once follow from a refusal."""
        idle = not self._full and (self._phase, self._state) == ("PAPER", "ACTIVE")
        self._tries = 0
        if idle and time.monotonic() - self._opened_s >= FIRST_S:
            self._try()

    def _try(self) -> None:
        self._full = self._full or len(self._open) >= HELD
        if self._full:  # from here on every word on the screen is an answer to a key
            return
        self._tries += 1
        fit = [one for one in self._quotes.values() if one.symbol not in self._refused and one.ask > one.bid > 0]
        if not fit:
            self._refused.clear()
            return
        quote = min(fit, key=lambda one: one.ask / one.bid)
        price = Decimal(str(quote.ask))
        wanted = OpenTrade(symbol=quote.symbol, side="BUY", stop=price * STOP, targets=(price * TARGET,))
        self._bus.publish(wanted)


def wide_open(settings: Settings) -> Settings:
    """No gate of the market, of size or of pace keeps the position from being opened."""
    risk = msgspec.structs.replace(
        settings.risk, risk_per_trade=0.001, loss_streak=100, max_positions=100, order_exposure=10.0, symbol_exposure=10.0,
        total_exposure=10.0, heat=0.5, min_net_ratio=0.1, volatility_target=5.0, depth_share=1.0, volume_share=1.0,
        collar=0.2, confirmed_drift=0.2, clock_skew_ms=900.0, clock_age_s=3600.0, rules_age_s=86_400.0, quote_age_s=60.0,
        entries_per_minute=600, duplicate_window_s=1.0, quiet_s=0.0, max_return_sigmas=50.0, max_spread_ratio=50.0,
    )  # fmt: skip
    return msgspec.structs.replace(settings, risk=risk)


def keep(bus: Bus, folder: Path) -> None:
    """The bus holds the keeper from here on."""
    Keeper(bus, folder)


if __name__ == "__main__":
    sys.exit(main(keep, wide_open))
