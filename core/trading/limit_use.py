"""Every limit of the risk settings with its present use, for the screens."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from msgspec.structs import asdict, replace

from core.bus import Bus
from core.clock import Clock
from core.messages import Fault, LimitUse, Replay, RiskStatus
from core.risk.limits import LimitBook
from core.settings_live import LiveSettings
from core.trading.limit_readings import Now, lock_words
from core.trading.limit_rows import ROWS, Row, unknown, use
from core.trading.risk_desk import RiskDesk

EVERY_S = 1.0
AGAIN_S = 5.0
"""Told this often though nothing changed: a screen that hears nothing for longer shows old figures as old."""

log = logging.getLogger("tradetui.risk")


class LimitUses:
    """Publishes `RiskStatus` when it changed, at most once a second, and on `Replay`."""

    def __init__(self, bus: Bus, clock: Clock, live: LiveSettings, risk: RiskDesk, venue: str, category: str) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._risk = risk
        self._venue, self._category = venue, category
        self._told: RiskStatus | None = None
        self._told_s = 0.0
        self._failures: dict[str, int] = {}
        bus.subscribe(Replay, lambda _: self.publish(again=True), name="limits.replay")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.publish()
            await self._clock.sleep(EVERY_S)

    def publish(self, again: bool = False) -> None:
        """Now, if anything is new (or `again`)."""
        status, before = self.status(), self._told
        now_s = self._clock.monotonic()
        due = again or before is None or now_s - self._told_s >= AGAIN_S
        if due or before is None or replace(status, at_ms=before.at_ms) != before:
            self._told, self._told_s = status, now_s
            self._bus.publish(status)

    def status(self) -> RiskStatus:
        """Every limit as it stands."""
        risk, live = self._risk, self._live.current
        present = risk.present()
        now = Now(present=present, armed_min=live.trading.armed_min, asset=risk.account.asset)
        now_ms, locks = present.view.now_ms, present.view.loss.locks or ()
        standing = tuple(lock_words(lock, _time) for lock in locks if lock.until_ms == 0 or now_ms < lock.until_ms)
        return RiskStatus(
            venue=self._venue,
            category=self._category,
            state=risk.standing.state,
            causes=risk.standing.causes,
            uses=tuple(self._use(row, now) for row in ROWS if row.stands(now)),
            locks=standing,
            waiting=waiting_words(risk.book.state.limits, paper=present.view.session.mode == "paper"),
            at_ms=now_ms,
        )

    def _use(self, row: Row, now: Now) -> LimitUse:
        try:
            return use(row, now)
        except Exception as error:  # fallback: this limit is shown as not known; counted, and told as a fault of ours
            count = self._failures[row.code] = self._failures.get(row.code, 0) + 1
            words = f"{row.label} could not be worked out ({type(error).__name__}: {error}): report this"
            if count == 1:
                log.exception("%s", words)
                fault = Fault(source="limits", message=words, count=count, at_ms=self._clock.now_ms())
                self._bus.publish(fault)
            return unknown(row, "", words)


def waiting_words(book: LimitBook, *, paper: bool) -> tuple[str, ...]:
    """Each looser limit that is asked for and not in force, and when it will be."""
    now, wanted = asdict(book.effective), asdict(book.wanted)
    reset = f"the daily reset at {book.effective.reset_time} {book.effective.reset_zone}"
    when = f"from {reset}" if paper else f"once trading is armed after {reset}"
    if book.phase == "DUE":
        when = "once trading is armed again"
    return tuple(
        f"risk.{name} {_written(now[name])} → {_written(wanted[name])}: {when}"
        for name in now
        if now[name] != wanted[name]
    )


def _written(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _time(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%S}Z"
