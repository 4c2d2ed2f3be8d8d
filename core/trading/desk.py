"""The order path of one account, put together: broker, journal, manager, positions, risk, reconciliation, commands.

Paper and real money run through the same parts; only the broker differs. Nothing is sent before the journal was replayed and
everything was compared with the venue.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.bus import Bus
from core.clock import Clock
from core.messages import Ladder, OpenTrade, OrderAlarm, Resolution, Severity
from core.settings_live import LiveSettings
from core.supervise import Supervisor
from core.trading.account_status import AccountPublisher
from core.trading.authority import Authorisation
from core.trading.bar_facts import Bars
from core.trading.broker import Broker, StreamState, TellsFunding, VenueBalance, VenuePosition
from core.trading.ceremony import Ceremony
from core.trading.commands import Commands
from core.trading.draft import Submission
from core.trading.evidence import Effect, NewFill
from core.trading.halting import Halting
from core.trading.inbox import InboxKeeper
from core.trading.inbox_past import read_past
from core.trading.journal import Journal
from core.trading.journal_errors import JournalError
from core.trading.journal_lock import FolderLock
from core.trading.journal_records import Note
from core.trading.limit_use import LimitUses
from core.trading.manager import OrderManager
from core.trading.opening import Opening, Proposal
from core.trading.order import OrderReport
from core.trading.order_record import OrderRecord
from core.trading.paper import PaperBroker
from core.trading.plan import TradePlan
from core.trading.position_book import PositionBook
from core.trading.reconciler import Reconciler
from core.trading.risk_desk import RiskDesk
from core.trading.rules_book import RulesBook
from core.trading.trade_desk import TradeDesk, TradeExists
from core.trading.trade_history import TradeHistoryBook
from core.trading.while_away import WhileAway
from core.trading.working import floor_step

CANARY = "CANARY"
"""Code of the journal's note that a first order with these keys has held."""
AWAY_LOOK_S = 0.2
AWAY_WAIT_S = 10.0
"""Orders whose fate is still being asked about are told as unknown after this."""
LEFT = "the account is left, or the program ends"
CLOSE_S = 3.0
"""Working entries get so long to be cancelled when the program ends."""

log = logging.getLogger("tradetui.trading")


class TradingDesk:
    """`await open()`, `start(supervisor)`, `await close()`. `rules` must have been read once before `open`."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        broker: Broker,
        rules: RulesBook,
        folder: Path,
        *,
        bars: Bars | None = None,
        ladder: Callable[[str, int], Ladder | None] | None = None,
    ) -> None:
        """`bars` and `ladder` are lent by the market part: closed candles, and the provider's own books."""
        self._bars, self._ladder = bars, ladder
        self.venue, self.category = broker.venue, broker.category
        self._bus = bus
        self._clock = clock
        self._live = live
        self.broker = broker
        self.rules = rules
        self._account_folder = folder / "accounts" / broker.account
        self._folder = self._account_folder / broker.category
        self._lock: FolderLock | None = None
        self._commands: Commands | None = None
        self._closing = False

    async def open(self) -> None:
        """Lock the account, read the journal, rebuild orders and positions. Raises `JournalError`."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = FolderLock(self._account_folder)  # spot and perpetuals of one account share its money: one program
        try:
            self.journal = await Journal.open(self._folder / "journal")
        except BaseException:
            self._lock.release()
            raise
        try:
            await self._rebuild()
        except BaseException:
            await self._abandon()
            raise

    async def _rebuild(self) -> None:
        """Every part, on what the journal holds."""
        bus, clock, live, broker, rules = self._bus, self._clock, self._live, self.broker, self.rules
        past = await asyncio.to_thread(read_past, self.journal.entries, clock.now_ms())  # long, after years
        self.journal.on_trouble = self._on_trouble
        self.risk = RiskDesk(bus, clock, live, self.journal, self._folder, self.venue, self.category, mode=broker.mode)
        self.manager = OrderManager(bus, clock, self.journal, broker, self.risk, live, self.venue, self.category)
        self.book = PositionBook(rules.get)
        self.trades = TradeDesk(bus, clock, live, self.manager, self.book, broker.features, rules.get, self.journal)
        self.reconciler = Reconciler(
            bus, clock, live, broker, self.manager, self.book, self.risk, self.trades, rules.get
        )
        self.risk.use(
            lambda: self.manager.orders, self.trades.held, broker.spent, rules.get, bars=self._bars, ladder=self._ladder
        )
        self.trades.use(rules.refresh, lambda: self.risk.standing.state == "HALTED")
        self.risk.rules_read(rules.read_ms)
        rules.on_read = self.risk.rules_read
        self.manager.observe(self._on_effect)
        self.manager.foreign.append(self._on_foreign)
        if isinstance(broker, TellsFunding):
            broker.on_funding = self.trades.fund
        self.halting = Halting(bus, clock, self.manager, self.risk, self.trades.resting_stops)
        self.opening = Opening(
            bus, clock, live, self.risk, perpetual=broker.features.perpetual, stop_orders=self.trades.stop_orders
        )
        self.plans = {
            one.record.trade_id: one.record for one in self.journal.entries if isinstance(one.record, TradePlan)
        }
        """What every entry was meant to be, by its client id."""
        self.ceremony = Ceremony(bus, clock, live, self)
        self.inbox = InboxKeeper(
            bus, clock, live, self.journal, self.venue, self.category, broker.mode, self.ceremony.send_now, past
        )
        self.history = TradeHistoryBook(
            bus, clock, self.journal, self.venue, self.category, broker.mode, broker.account,
            lambda: self.risk.account.asset,
        )  # fmt: skip
        self.limit_uses = LimitUses(bus, clock, live, self.risk, self.venue, self.category)
        self._canary_flown = any(
            isinstance(entry.record, Note) and entry.record.code == CANARY for entry in self.journal.entries
        )
        self.status = AccountPublisher(bus, clock, broker, self.manager, self.trades, self.risk, self.reconciler)
        await self.manager.open()
        self._away = WhileAway(self.manager.orders)
        await self.trades.open()
        await self.history.open(self.rules.get)
        self.journal.forget()
        if self.journal.repair is not None:
            self._alarm("JOURNAL_REPAIRED", f"{self.journal.repair}; everything before it is whole")
        self.journal.keep(
            Note(at_ms=clock.now_ms(), code="START", text=f"{broker.mode} {broker.account} at {broker.host}")
        )

    async def _abandon(self) -> None:
        """Opening failed: nothing of it holds the account any more, so that it can be tried again."""
        manager: OrderManager | None = getattr(self, "manager", None)
        try:
            if manager is not None:
                await manager.close()
        finally:
            await self._let_go()

    def start(self, supervisor: Supervisor) -> None:
        """Run the parts, and hear commands."""
        supervisor.start("private stream", lambda: self.broker.run(self))
        supervisor.start("orders", self.manager.run)
        supervisor.start("trades", self.trades.run)
        supervisor.start("reconciliation", self.reconciler.run)
        supervisor.start("account status", self.status.run)
        supervisor.start("risk", self.risk.run)
        supervisor.start("order ticket", self.ceremony.run)
        supervisor.start("inbox", self.inbox.run)
        supervisor.start("limits", self.limit_uses.run)
        supervisor.start("while away", self._tell_while_away)
        self._commands = Commands(self._bus, self._clock, self.journal, self, supervisor)

    async def close(self) -> None:
        """No more commands; working entries cancelled or left as settings say; stops stay; the journal is closed.

        Called while the private stream and the manager still run. Never takes longer than a few seconds.
        """
        if self._closing:
            return
        self._closing = True
        if self._commands is not None:
            self._commands.stop()
        self.risk.disarm()  # whatever waits before the wire stays here: nobody would look after it
        self.ceremony.drop(LEFT)
        if self._live.current.trading.on_quit == "cancel":
            with contextlib.suppress(TimeoutError):  # what is not answered by then is told below
                await asyncio.wait_for(self.halting.end_entries(CLOSE_S), CLOSE_S)
        unknown = [record.client_id for record in self.manager.unknown]
        left = [record.client_id for record in self.manager.orders.values() if record.may_cancel]
        text = f"ends; left standing: {', '.join(left) or 'nothing'}; unknown: {', '.join(unknown) or 'none'}"
        try:
            self.journal.keep(Note(at_ms=self._clock.now_ms(), code="STOP", text=text))
        except JournalError as error:
            log.error("the end was not journalled: %s", error)

    async def release(self) -> None:
        """After every task has ended: close journal and connections."""
        try:
            await self.manager.close()
            await self.broker.close()
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        try:
            await self.journal.close()
        except JournalError as error:
            log.error("the journal could not be closed: %s", error)
        finally:
            lock, self._lock = self._lock, None
            if lock is not None:
                lock.release()

    async def _tell_while_away(self) -> None:
        """Once everything was compared, and a moment for what is still being asked about."""
        while not self.reconciler.settled_ms:
            await self._clock.sleep(AWAY_LOOK_S)
        until = self._clock.monotonic() + AWAY_WAIT_S
        while self._away.waits(self.manager.orders) and self._clock.monotonic() < until:
            await self._clock.sleep(AWAY_LOOK_S)
        for news in self._away.news(self.manager.orders):
            self._alarm("WHILE_AWAY", news.text, news.severity, news.record)

    # --- the private stream ------------------------------------------------------------------------------------------

    def on_report(self, report: OrderReport) -> None:
        """An order changed at the venue."""
        self.manager.on_report(report)

    def on_account(self, balances: dict[str, VenueBalance], positions: tuple[VenuePosition, ...]) -> None:
        """Balances or positions changed at the venue."""
        self.trades.on_positions(positions)
        self.reconciler.on_account(balances, positions)

    def on_stream(self, state: StreamState, why: str) -> None:
        """The private stream came or went."""
        if state == "DOWN":
            self.manager.stream_gap()
        self.reconciler.on_stream(state, why)

    def _on_effect(self, record: OrderRecord, effect: Effect) -> None:
        if isinstance(effect, NewFill):
            self.reconciler.on_fill(record, effect.fill)

    def _on_foreign(self, report: OrderReport) -> None:
        """An order of nobody here. On perpetuals it moves the one position there is: a liquidation, a hand on the website."""
        if report.fill is not None and self.broker.features.perpetual:
            self.trades.outside(report.spec.symbol, report.fill, report.spec.client_id or "no client id")
        self.reconciler.hint()

    # --- what the operator asks --------------------------------------------------------------------------------------

    @property
    def needs_canary(self) -> bool:
        """Whether the next entry must be one: with these keys none was seen to fill, be protected and hold."""
        return self.broker.mode == "LIVE" and not self._canary_flown

    def canary_flown(self, text: str) -> None:
        """Entry, fill and stop at the venue were seen to hold with these keys."""
        self._canary_flown = True
        try:
            self.journal.keep(Note(at_ms=self._clock.now_ms(), code=CANARY, text=text))
        except JournalError as error:  # fallback: known until the program ends; the next start asks for another one
            log.error("the canary was not journalled: %s", error)

    async def open_trade(self, wanted: OpenTrade) -> str:
        """Paper only: with real money an entry takes the ceremony, which is not this command's to give."""
        submission = await self.ceremony.send_now(wanted)
        return "" if submission.sent else submission.words

    def propose(self, wanted: OpenTrade, by: str = "operator") -> Proposal:
        """The plan and the entry of a wish. Raises `Unfit`."""
        return self.opening.propose(wanted, self.rules.get(wanted.symbol), self.manager.next_client_id(), by)

    async def send_entry(self, proposal: Proposal, authorisation: Authorisation) -> Submission:
        """Send a confirmed entry. The plan is written down first: whatever fills, it is known what was meant."""
        if self._closing:
            return Submission(sent=False, code="CLOSING", words=f"nothing was sent: {LEFT}")
        try:
            self.trades.begin(proposal.plan)
        except (TradeExists, JournalError) as error:
            return Submission(sent=False, code="NO_PLAN", words=str(error))
        self.plans[proposal.plan.trade_id] = proposal.plan
        submission = await self.manager.submit(proposal.draft, authorisation)
        if not submission.sent:
            self.trades.dropped(proposal.plan.trade_id)
        return submission

    async def cancel_order(self, client_id: str) -> str:
        """Cancel an entry or an exit of ours."""
        record = self.manager.orders.get(client_id)
        if record is None:
            return f"there is no order {client_id!r} of ours"
        if record.intent.purpose == "PROTECTION":
            return "it protects a position: close the position or move the stop instead"
        if not record.may_cancel:
            return f"it is {record.state}: only a working order can be cancelled"
        answer = await self.manager.cancel(client_id)
        return f"{answer.code} {answer.text}".strip() if answer.outcome == "REFUSED" else ""

    async def close_position(self, symbol: str, quantity: Decimal) -> str:
        """Close our position at the market, or `quantity` of it, cut down to the venue's lot (0: all)."""
        rules = self.rules.get(symbol)
        if not quantity.is_finite():
            return f"{quantity} {symbol} is no quantity: give a number, or none to close all of it"
        if quantity and rules is not None:
            lot = max(rules.lot_size, rules.market_lot_size)
            wanted, quantity = quantity, floor_step(quantity, lot)
            if not quantity:  # which would mean all of it
                return f"{wanted:f} {symbol} is less than the venue's lot of {lot.normalize():f}: close more of it"
        return await self.trades.close_position(symbol, quantity, "OPERATOR")

    async def cancel_entries(self) -> None:
        """Cancel every entry of ours that may fill, also one on its way once it shows; what stands is named."""
        _, failed = await self.halting.end_entries()
        for client_id, why in failed.items():
            text, record = f"entry {client_id} may still fill: {why}", self.manager.orders.get(client_id)
            self._alarm("ENTRY_STANDS", text, record=record)

    async def flatten(self) -> str:
        """Cancel every entry of ours and close every position; words name what could not be done.

        Cancels go first, and no position waits for their proof: what an entry still fills is sold with the rest.
        """
        failed = []
        held = {symbol for symbol, position in self.book.positions.items() if position.quantity}
        for symbol in sorted(held | self.trades.planned()):
            words = await self.trades.close_position(symbol, Decimal(0), "FLATTEN")
            if words and symbol in held:
                failed.append(words)
        _, working = await self.halting.end_entries()
        failed += [f"entry {client_id} may still fill: {why}" for client_id, why in working.items()]
        return "; ".join(failed)

    def halt(self, why: str) -> Coroutine[Any, Any, str]:
        """Entries are blocked when this returns; the coroutine cancels those that work."""
        report = self.halting.block(why)
        self.status.publish()

        async def cancel() -> str:
            await self.halting.cancel_entries(report)
            return ""

        return cancel()

    async def resume(self) -> str:
        """HALTED to REDUCING, REDUCING to ACTIVE."""
        state = self.risk.standing.state
        if state == "ACTIVE":
            return "trading is ACTIVE already"
        words = self.risk.move("REDUCING" if state == "HALTED" else "ACTIVE", "OPERATOR")
        self.status.publish()
        return words

    async def move_stop(self, symbol: str, stop: Decimal) -> str:
        """Put the stop of our position elsewhere."""
        return await self.trades.move_stop(symbol, stop, "OPERATOR")

    async def resolve(self, client_id: str, verdict: Resolution, note: str) -> str:
        """The operator's word about an order."""
        return self.manager.resolve(client_id, verdict, "operator", note)

    async def adopt(self, key: str) -> str:
        """The operator accepts the venue's side of a difference."""
        return self.reconciler.adopt(key)

    async def compare(self) -> str:
        """Compare with the venue now."""
        self.reconciler.ask()
        return ""

    async def reset_paper(self) -> str:
        """Start the simulated account anew."""
        if not isinstance(self.broker, PaperBroker):
            return "this account is real: only the simulated one can be reset"
        if self.book.open_symbols or any(record.may_fill for record in self.manager.orders.values()):
            return "a position or an order is open; close everything first"
        words = self.broker.reset()
        if not words:
            self.risk.begin_anew()
            self.reconciler.begin_anew()
            self.history.begin_anew()
        return words

    # --- trouble -----------------------------------------------------------------------------------------------------

    def _on_trouble(self, trouble: JournalError | None) -> None:
        if trouble is not None:
            self._alarm("JOURNAL", f"nothing is sent while the journal cannot be written: {trouble}")
        else:
            self._alarm("JOURNAL_BACK", "the journal can be written again", "info")

    def _alarm(self, code: str, text: str, severity: Severity = "error", record: OrderRecord | None = None) -> None:
        self._bus.publish(
            OrderAlarm(
                venue=self.venue,
                category=self.category,
                symbol=record.spec.symbol if record is not None else "",
                client_id=record.client_id if record is not None else "",
                code=code,
                text=text,
                severity=severity,
                at_ms=self._clock.now_ms(),
            )
        )
