"""Which account is in force: the simulated one, or the real one, and whether real entries may be sent.

One order path at a time. Paper comes first; the real account is opened by `connect`, allowed to enter by `arm` for a limited
time, and left by `go_paper`: no real entry from that moment on, and paper again once nothing of ours is open at the venue.
A program that ended with something open at the venue starts on the real account, disarmed: positions are looked after first.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from core.atomic_file import DamagedFile, read_struct, write_atomic
from core.bus import Bus, BusScope
from core.clock import Clock
from core.messages import (
    AccountOpened,
    ArmLive,
    CheckLive,
    Command,
    ConnectLive,
    Fault,
    GoPaper,
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
from core.trading.arming import NOWHERE, Surroundings, check_all, program_only
from core.trading.bar_facts import Bars
from core.trading.broker import Broker, Mode
from core.trading.commands import refuse_all
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
FILE = "session.json"
FORMAT = 1

log = logging.getLogger("tradetui.trading")


class CannotConnect(Exception):
    """The real account cannot be opened; the words say why and what to do."""


class MakeBroker(Protocol):
    """Builds a broker once the venue's rules are known."""

    def __call__(self, rules: RulesBook, mode: Mode, bus: Bus) -> Broker:
        """Raises `CannotConnect` when there is no real account to speak to: no keys, no venue that takes orders."""


class LastSession(Struct, frozen=True, kw_only=True):
    """What the program was on when it ended, or was killed."""

    format: int = FORMAT
    mode: Mode = "PAPER"


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
        self._bus = bus
        self._clock = clock
        self._live = live
        self._make_broker = make_broker
        self._rules = rules
        self._venue, self._category = venue, category
        self._folder = folder
        self._mode: Mode = mode
        self._resumes = resumes
        self._surroundings = surroundings
        self._on_trading = on_trading
        self._bars, self._ladder = bars, ladder
        self._supervisor = Supervisor(bus, clock)
        self._own = Supervisor(bus, clock)
        self._scope: BusScope = bus.scope()
        self._desk: TradingDesk | None = None
        self._phase: SessionPhase = "PAPER"
        self._checks: tuple[SessionCheck, ...] = ()
        self._paper: RecordSummary | None = None
        self._nonce = ""
        self._words = ""
        self._told: SessionStatus | None = None
        self._busy = False
        self._ending = False
        for kind in (ConnectLive, CheckLive, ArmLive, GoPaper):
            bus.subscribe(kind, self._begin, name="session.commands")
        bus.subscribe(Replay, lambda _: self._publish(again=True), name="session.replay")

    @property
    def desk(self) -> TradingDesk:
        """The order path in force. Only between `open` and `release`."""
        assert self._desk is not None
        return self._desk

    @property
    def mode(self) -> Mode:
        """Of the account in force, or asked for."""
        return self._mode

    @property
    def planned(self) -> Iterable[str]:
        """Symbols with a position or a plan: their markets must be watched."""
        return self._desk.trades.planned() if self._desk is not None else ()

    async def open(self) -> None:
        """The first account. Raises `JournalError`: its journal cannot be used, or another program holds the account."""
        if self._mode == "PAPER" and self._resumes and self._last().mode == "LIVE":
            try:
                await self._stand("LIVE")
                self._phase = "LEAVING"
                self._words = "the program ended on the real account: connected again, disarmed"
            except (CannotConnect, JournalError, VenueError) as error:
                text = f"the program ended on the real account, which cannot be opened: {error}; look at the venue's website"
                self._bus.publish(Fault(source="session", message=text, at_ms=self._clock.now_ms()))
        if self._desk is None:
            await self._stand(self._mode)
            self._phase = "PAPER" if self._mode == "PAPER" else "DISARMED"
        self._own.start("session", self._keep)

    async def close(self) -> None:
        """While the tasks of the order path still run: entries cancelled or left, the end written down."""
        self._ending = True
        await self._own.stop()
        if self._desk is not None:
            self._remember("LIVE" if self._mode == "LIVE" and not self._flat else "PAPER")
            await self._desk.close()

    async def release(self) -> None:
        """Journal and connections, last of all."""
        await self._supervisor.stop()
        if self._desk is not None:
            await self._desk.release()
            self._desk = None
        self._scope.close()

    # --- one account at a time -----------------------------------------------------------------------------------------

    async def _stand(self, mode: Mode) -> None:
        """Open the account and run its order path. Raises what keeps it from opening; then there is none."""
        scope = self._bus.scope()
        try:
            broker = self._make_broker(self._rules, mode, scope)
            desk = TradingDesk(
                scope, self._clock, self._live, broker, self._rules, self._folder, bars=self._bars, ladder=self._ladder
            )
            scope.publish(
                AccountOpened(
                    venue=broker.venue, category=broker.category, mode=mode, account=broker.account, host=broker.host,
                    host_kind=broker.host_kind, at_ms=self._clock.now_ms(),
                )
            )  # fmt: skip
            try:
                await desk.open()
            except BaseException:
                await broker.close()
                raise
        except BaseException:
            scope.close()
            raise
        self._scope, self._desk, self._mode = scope, desk, mode
        self._supervisor = Supervisor(scope, self._clock)
        desk.start(self._supervisor)
        if mode == "LIVE":
            self._remember("LIVE")
        self._on_trading(desk)

    async def _leave(self) -> None:
        """End the order path in force, in order."""
        desk, self._desk = self.desk, None
        await desk.close()
        await self._supervisor.stop()
        await desk.release()
        self._scope.close()

    async def _change(self, mode: Mode) -> bool:
        """From one account to the other. Where the new one cannot be opened (False) the old one is again in force."""
        before: Mode = self._mode
        await self._leave()
        try:
            await self._stand(mode)
        except (CannotConnect, JournalError, VenueError) as error:
            self._words = str(error)
            await self._back_to(before)
            return False
        return True

    async def _back_to(self, mode: Mode) -> None:
        """Without an order path commands would go unanswered: that is told, and every command is."""
        try:
            await self._stand(mode)
        except (CannotConnect, JournalError, VenueError) as error:
            words = f"no orders: {error}; start the program again"
            self._words = words
            log.error("%s", words)
            self._bus.publish(Fault(source="orders", message=words, at_ms=self._clock.now_ms()))
            refuse_all(self._bus, self._clock, self._venue, self._category, words)

    @property
    def _flat(self) -> bool:
        """Nothing of ours is open at the venue, as far as is known, and nothing is unknown."""
        desk = self.desk
        orders = desk.manager.orders.values()
        return not desk.book.open_symbols and not any(record.may_fill or record.quarantine for record in orders)

    async def _keep(self) -> None:
        """Arming runs out; leaving ends once nothing is open."""
        while True:
            if self._phase == "ARMED" and self.desk.risk.armed_s <= 0:
                self._phase = "DISARMED"
                self._journal("DISARMED", "the time is up")
            elif self._phase == "LEAVING" and not self._busy and self.desk.reconciler.settled_ms and self._flat:
                await self._to_paper()
            self._publish()
            await self._clock.sleep(LOOK_S)

    async def _to_paper(self) -> None:
        self._busy = True
        try:
            if await self._change("PAPER"):
                self._phase, self._checks, self._nonce = "PAPER", (), ""
                self._remember("PAPER")
        finally:
            self._busy = False

    # --- what the operator asks ----------------------------------------------------------------------------------------

    def _begin(self, command: Command) -> None:
        """Going to paper disarms in this very turn."""
        if self._ending or self._desk is None:
            self._refuse(command, "the program is between two accounts; wait a moment")
            return
        name = type(command).__name__
        try:
            self.desk.journal.keep(KeyPressed(at_ms=self._clock.now_ms(), action=name))
        except (
            JournalError
        ) as error:  # fallback: the key is carried out all the same; the journal's own alarm tells of it
            log.warning("%s not journalled: %s", name, error)
        if isinstance(command, GoPaper):
            self.go_paper()
            return
        if self._busy:
            self._refuse(command, "the one before is still being carried out")
            return
        self._own.start(f"session {name}", lambda: self._carry_out(command), "once")

    async def _carry_out(self, command: Command) -> None:
        self._busy, self._words = True, ""
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
        """No real entry from now on."""
        if self._mode == "PAPER":
            self._words = ""
            self._publish(again=True)
            return
        self.desk.risk.disarm()
        self._journal("DISARMED", "the operator goes back to paper")
        self._phase, self._nonce, self._words = "LEAVING", "", ""
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
        until = self._clock.monotonic() + SETTLE_S
        while not self.desk.reconciler.settled_ms and self._clock.monotonic() < until:
            await self._clock.sleep(LOOK_S)
        self._phase = "DISARMED"
        await self._check()

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
        if self._desk is None:
            return
        desk = self._desk
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

    # --- the last session ----------------------------------------------------------------------------------------------

    def _last(self) -> LastSession:
        try:
            return read_struct(self._folder / FILE, LastSession, FORMAT) or LastSession()
        except DamagedFile as error:  # fallback: paper; the operator is told to look
            text = f"{self._folder / FILE} {error}: whether a real account was in use is not known; look at the venue's website"
            self._bus.publish(Fault(source="session", message=text, at_ms=self._clock.now_ms()))
            return LastSession()

    def _remember(self, mode: Mode) -> None:
        if not self._resumes:
            return
        try:
            write_atomic(self._folder / FILE, msgspec.json.encode(LastSession(mode=mode)))
        except (
            OSError
        ) as error:  # fallback: the next start is on paper; the journal of the real account still has everything
            log.error("the session could not be remembered: %s", error)


def _but_time(status: SessionStatus) -> tuple[object, ...]:
    return tuple(getattr(status, name) for name in SessionStatus.__struct_fields__ if name != "at_ms")
