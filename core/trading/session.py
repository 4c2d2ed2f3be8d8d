"""Which account is in force: the simulated one, or the real one, and whether real entries may be sent.

One order path at a time. Paper comes first; the real account is opened by `connect`, allowed to enter by `arm` for a limited
time, and left by `go_paper`: no real entry from that moment on, and paper again once nothing of ours is open at the venue.
A program that ended with something open at the venue starts on the real account, disarmed: positions are looked after first.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from core.bus import Bus
from core.clock import Clock
from core.messages import (
    ArmLive,
    CheckLive,
    Command,
    ConnectLive,
    Fault,
    GoPaper,
    Halt,
    Ladder,
    RecordSummary,
    Refused,
    Replay,
    SessionCheck,
    SessionPhase,
    SessionStatus,
)
from core.settings_live import LiveSettings
from core.supervise import Supervisor
from core.trading.account_in_force import AccountInForce, CannotConnect, LastSession, MakeBroker
from core.trading.arming import NOWHERE, Surroundings, check_all, program_only
from core.trading.bar_facts import Bars
from core.trading.broker import Mode
from core.trading.commands import ORDER_COMMANDS, refuse_all
from core.trading.desk import TradingDesk
from core.trading.journal_errors import JournalError
from core.trading.journal_records import KeyPressed, Note
from core.trading.rules_book import RulesBook
from core.venue import VenueError

WORD = "LIVE"
"""What is typed to allow real entries."""
LOOK_S = 0.25
SETTLE_S = 20.0
"""So long the real account may take to be read and compared."""
BETWEEN = "the program is between two accounts; ask again in a moment"
LOOK_THERE = "look at the venue's website"
BACK_LATER = "the program is between two accounts; it goes back to paper as soon as the next one stands"

log = logging.getLogger("tradetui.trading")


class TradingSession:
    """`await open()`, `await close()` while tasks still run, `await release()` when they have ended.

    `on_trading` is handed every order path once it stands. `resumes`: a real account in use at the last end is opened again.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        make_broker: MakeBroker,
        rules: RulesBook,
        folder: Path,
        *,
        venue: str,
        category: str,
        mode: Mode = "PAPER",
        resumes: bool = True,
        surroundings: Surroundings = NOWHERE,
        on_trading: Callable[[TradingDesk], None] = lambda desk: None,
        bars: Bars | None = None,
        ladder: Callable[[str, int], Ladder | None] | None = None,
    ) -> None:
        self._bus, self._clock, self._live = bus, clock, live
        self._venue, self._category = venue, category
        self._mode: Mode = mode
        self._resumes = resumes
        self._surroundings = surroundings
        self._account = AccountInForce(
            bus, clock, live, make_broker, rules, folder, on_trading=on_trading, bars=bars, ladder=ladder
        )
        self._own = Supervisor(bus, clock)
        self._phase: SessionPhase = "PAPER"
        self._checks: tuple[SessionCheck, ...] = ()
        self._paper: RecordSummary | None = None
        self._nonce = ""
        self._words = ""
        self._told: SessionStatus | None = None
        self._busy = False
        self._ending = False
        self._between = False
        """One account is being left, another one opened. `_back`: paper was asked for meanwhile."""
        self._back = False
        self._halt: str | None = None
        for kind in (ConnectLive, CheckLive, ArmLive, GoPaper):
            bus.subscribe(kind, self._begin, name="session.commands")
        bus.subscribe(Halt, self._on_halt, name="session.halt")
        bus.subscribe(Replay, lambda _: self._publish(again=True), name="session.replay")

    @property
    def desk(self) -> TradingDesk:
        """The order path in force. Raises `LookupError` between two accounts."""
        if self._account.desk is None:
            raise LookupError(BETWEEN)
        return self._account.desk

    @property
    def mode(self) -> Mode:
        """Of the account in force, or of the one before while there is none."""
        return self._mode

    @property
    def planned(self) -> Iterable[str]:
        """Symbols with a position or a plan: their markets must be watched."""
        return self._account.desk.trades.planned() if self._account.desk is not None else ()

    async def open(self) -> None:
        """The first account. Raises `JournalError`: its journal cannot be used, or another program holds the account."""
        last = self._account.last() if self._mode == "PAPER" and self._resumes else None
        if last is not None and last.mode == "LIVE":
            await self._resume(last)
        if self._account.desk is None:
            await self._stand(self._mode)
            self._phase = "PAPER" if self._mode == "PAPER" else "DISARMED"
        self._own.start("session", self._keep)

    async def _resume(self, last: LastSession) -> None:
        """The real account of the last end. What cannot be looked after is told, and stays remembered."""
        if last.venue and (last.venue, last.category) != (self._venue, self._category):
            self._fault(
                f"the program ended on the real account {last.account} ({last.venue} {last.category}), and the settings now"
                f" name {self._venue} {self._category}: nobody looks after what is open there; set market.venue and"
                " market.category back and start again"
            )
            return
        try:
            await self._stand("LIVE")
        except Exception as error:  # fallback: paper, told as a fault; the real account stays remembered
            _log_unless_told(error)
            self._fault(f"the program ended on the real account, which cannot be opened: {error}; {LOOK_THERE}")
            return
        self._phase = "LEAVING"
        self._words = "the program ended on the real account: connected again, disarmed"
        if last.account and last.account != self.desk.broker.account:
            self._fault(
                f"the program ended on the real account {last.account}, and the keys now lead to {self.desk.broker.account}:"
                f" {LOOK_THERE} for what is open on {last.account}"
            )

    def _fault(self, text: str, source: str = "session") -> None:
        log.error("%s", text)
        self._bus.publish(Fault(source=source, message=text, at_ms=self._clock.now_ms()))

    async def close(self) -> None:
        """While the tasks of the order path still run: entries cancelled or left, the end written down."""
        self._ending = True
        await self._own.stop()
        if self._account.desk is not None and not (self._mode == "PAPER" and self._account.last().mode == "LIVE"):
            self._remember("LIVE" if self._mode == "LIVE" and not self._account.flat else "PAPER")
        await self._account.close()

    async def release(self) -> None:
        """Journal and connections, last of all."""
        await self._account.release()

    # --- one account at a time -----------------------------------------------------------------------------------------

    async def _stand(self, mode: Mode) -> None:
        """Open the account. A halt asked for meanwhile is carried out before anything else of it runs."""
        await self._account.open(mode)
        self._mode = mode
        if mode == "LIVE":
            self._remember("LIVE")
        if self._halt is not None:
            why, self._halt = self._halt, None
            cancels = self.desk.halt(why)
            self._own.start("halt", lambda: self._finish(cancels), "once")

    async def _change(self, mode: Mode) -> bool:
        """From one account to the other. Where the new one cannot be opened (False) the old one is again in force."""
        before: Mode = self._mode
        self.desk.ceremony.drop("another account comes into force")
        self._between = True
        gap = self._bus.scope()
        refuse_all(gap, self._clock, self._venue, self._category, BETWEEN, [k for k in ORDER_COMMANDS if k is not Halt])
        try:
            await self._account.leave()
            await self._stand(mode)
            return True
        except Exception as error:  # fallback: the account before, with the words of the error on the screen
            _log_unless_told(error)
            self._words = str(error) or type(error).__name__
            await self._back_to(before)
            return False
        finally:
            self._between = False
            gap.close()

    async def _back_to(self, mode: Mode) -> None:
        """Without an order path commands would go unanswered: every one is refused."""
        try:
            await self._stand(mode)
        except Exception as error:  # fallback: no order path; said once, in the log, and in answer to every command
            _log_unless_told(error)
            words = self._words = f"no orders: {str(error) or type(error).__name__}; start the program again"
            self._fault(words, "orders")
            refuse_all(self._bus, self._clock, self._venue, self._category, words)

    async def _keep(self) -> None:
        """Arming runs out; leaving ends once nothing is open."""
        while True:
            if not self._busy and self._account.desk is not None:
                if self._phase == "ARMED" and self.desk.risk.armed_s <= 0:
                    self._phase = "DISARMED"
                    self._journal("DISARMED", "the time is up")
                elif self._phase == "LEAVING" and self.desk.reconciler.settled_ms and self._account.flat:
                    await self._to_paper()
            self._publish()
            await self._clock.sleep(LOOK_S)

    async def _to_paper(self) -> None:
        self._busy = True
        try:
            if await self._change("PAPER"):
                self._phase, self._checks = "PAPER", ()
                self._remember("PAPER")
            elif (
                self._account.desk is not None
            ):  # not tried again by itself: that would open the real account over and over
                self._phase = "DISARMED"
                self._words = f"still on the real account, disarmed; paper cannot be opened: {self._words}"
        finally:
            self._busy = False

    def _remember(self, mode: Mode) -> None:
        if self._resumes:
            self._account.remember(mode)

    def _on_halt(self, halt: Halt) -> None:
        """Between two accounts nobody else hears it."""
        if self._between or self._account.desk is None:
            self._halt = halt.why

    @staticmethod
    async def _finish(cancels: Coroutine[Any, Any, str]) -> None:
        await cancels

    # --- what the operator asks ----------------------------------------------------------------------------------------

    def _begin(self, command: Command) -> None:
        """Going to paper disarms in this very turn."""
        if self._ending or self._between or self._account.desk is None:
            back = isinstance(command, GoPaper)
            self._back, later = self._back or back, BACK_LATER if back else BETWEEN
            self._refuse(command, later if self._between or self._ending else self._words or BETWEEN)
            return
        name = type(command).__name__
        try:
            self.desk.journal.keep(KeyPressed(at_ms=self._clock.now_ms(), action=name))
        except JournalError as error:
            # Fallback: the key is carried out all the same; the journal's own alarm tells of it.
            log.warning("%s not journalled: %s", name, error)
        if isinstance(command, GoPaper):
            self.go_paper()
        elif self._busy:
            self._refuse(command, "the one before is still being carried out")
        else:
            self._busy, self._back = True, False
            self._own.start(f"session {name}", lambda: self._carry_out(command), "once")

    async def _carry_out(self, command: Command) -> None:
        self._words = ""
        try:
            if isinstance(command, ConnectLive):
                await self._connect()
            elif isinstance(command, CheckLive):
                await self._check()
            elif isinstance(command, ArmLive):
                await self._arm(command)
        finally:
            self._busy = False
            self._publish(again=True)

    def go_paper(self) -> None:
        """No real entry from now on; entries that work are cancelled."""
        if self._mode == "PAPER":
            self._back = True  # should it be on its way to the real account
            self._words = ""
            self._publish(again=True)
            return
        self.desk.risk.disarm()
        self._journal("DISARMED", "the operator goes back to paper")
        self._phase, self._nonce, self._words = "LEAVING", "", ""
        self.desk.ceremony.drop("disarmed: back to paper")
        self._own.start("cancel entries", self.desk.cancel_entries, "once")
        self.desk.status.publish()
        self._publish(again=True)

    async def _connect(self) -> None:
        if self._mode == "LIVE":
            self._phase = "DISARMED" if self._phase == "LEAVING" else self._phase
            await self._check()
            return
        self._phase = "CONNECTING"
        self._paper = self.desk.history.summary
        self._publish(again=True)
        if not await self._change("LIVE"):
            self._phase = "PAPER"
            return
        if self._back:
            self.go_paper()
        until = self._clock.monotonic() + SETTLE_S
        while not self._settled and self._phase == "CONNECTING" and self._clock.monotonic() < until:
            await self._clock.sleep(LOOK_S)
        if self._phase == "CONNECTING":  # else the operator has gone back to paper meanwhile
            self._phase = "DISARMED"
            await self._check()

    @property
    def _settled(self) -> bool:
        """Everything was read and compared since the private stream stands."""
        return bool(self.desk.reconciler.settled_ms) and self.desk.status.status().stream == "SYNCED"

    async def _check(self) -> None:
        if self._mode != "LIVE":
            self._words = "the real account is not open: connect first"
            return
        self._checks = await check_all(self.desk, self._clock, self._live.current, self._surroundings)
        self._nonce = secrets.token_hex(8) if self._phase != "LEAVING" else ""

    async def _arm(self, command: ArmLive) -> None:
        """Everything is looked at once more; what does not hold keeps it disarmed."""
        if self._mode != "LIVE" or self._phase == "LEAVING":
            self._words = "the real account is not open: connect first"
            return
        if not self._nonce or command.nonce != self._nonce:
            self._words = "the checks have changed since they were shown: read them again"
            return
        if command.typed.strip().upper() != WORD:
            self._words = f"{command.typed.strip()!r} is not {WORD}"
            return
        await self._check()
        if not self._nonce:  # the operator went back to paper while it was being looked at
            self._words = "disarmed meanwhile"
            return
        bad = [check for check in self._checks if not check.holds]
        if bad:
            self._words = "; ".join(f"{check.label}: {check.words}" for check in bad)
            return
        minutes = self._live.current.trading.armed_min
        self._words = self.desk.risk.arm(minutes)
        if not self._words:
            self._phase = "ARMED"
            self._journal("ARMED", f"real entries for {minutes:g} minutes at {self.desk.broker.host}")
            self.desk.status.publish()

    # --- telling -------------------------------------------------------------------------------------------------------

    def _publish(self, again: bool = False) -> None:
        desk = self._account.desk
        if desk is None:
            self._publish_none(again)
            return
        armed_s = desk.risk.armed_s if self._mode == "LIVE" else 0.0
        now_ms = self._clock.now_ms()
        told = SessionStatus(
            venue=desk.venue, category=desk.category, phase=self._phase, mode=self._mode, account=desk.broker.account,
            host=desk.broker.host, host_kind=desk.broker.host_kind, nonce=self._nonce, checks=self._checks,
            paper=self._paper if self._mode == "LIVE" else desk.history.summary,
            program_only=program_only(desk.broker.features, self._live.current.trading),
            canary=self._mode == "LIVE" and desk.needs_canary,
            armed_until_ms=round(now_ms / 1000 + armed_s) * 1000 if armed_s > 0 else 0,
            words=self._words, at_ms=now_ms,
        )  # fmt: skip
        if again or self._told is None or _but_time(told) != _but_time(self._told):
            self._told = told
            self._bus.publish(told)

    def _publish_none(self, again: bool) -> None:
        """No account could be opened: that is no account on its way."""
        if again and self._told is not None and not self._between:
            words, now_ms = self._words, self._clock.now_ms()
            self._told = replace(self._told, phase=self._phase, words=words, nonce="", armed_until_ms=0, at_ms=now_ms)
            self._bus.publish(self._told)

    def _refuse(self, command: Command, words: str) -> None:
        self._bus.publish(
            Refused(
                venue=self._venue, category=self._category, command=type(command).__name__, symbol="",
                words=words, at_ms=self._clock.now_ms(),
            )
        )  # fmt: skip

    def _journal(self, code: str, text: str) -> None:
        try:
            self.desk.journal.keep(Note(at_ms=self._clock.now_ms(), code=code, text=text))
        except JournalError as error:  # fallback: the log has it; the journal's own alarm tells of it
            log.error("%s not journalled: %s (%s)", code, text, error)


def _log_unless_told(error: Exception) -> None:
    """An error nobody foresaw: its words go to the screen, its place to the log."""
    if not isinstance(error, CannotConnect | JournalError | VenueError):
        log.exception("an account could not be opened")


def _but_time(status: SessionStatus) -> tuple[object, ...]:
    return tuple(getattr(status, name) for name in SessionStatus.__struct_fields__ if name != "at_ms")
