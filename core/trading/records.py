"""All orders of one account: evidence in, the journal first, then the record, then everyone who must know.

The only place where a record is put in another's place. `hear` may be called from within an observer: what it leads to is told
after what is being told already.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from core.bus import Bus, worth_reporting
from core.clock import Clock
from core.messages import Fault, OrderAlarm, Replay, Severity
from core.trading.evidence import (
    Alarm,
    AmendAnswered,
    Ask,
    CancelAnswered,
    Channel,
    Effect,
    Evidence,
    HaltEntries,
    NewFill,
    OutcomeUnknown,
    Reported,
    Voided,
)
from core.trading.journal import Journal
from core.trading.journal_errors import JournalError
from core.trading.journal_records import AuthorisationUsed, Authorised, Entry, Note, Record
from core.trading.journal_replay import Replayed, replay
from core.trading.no_trace import NoTraceRule
from core.trading.order import OrderReport
from core.trading.order_messages import execution_of, shows_change, status_of
from core.trading.order_record import Intent, OrderRecord, born
from core.trading.order_reducer import apply
from core.trading.states import DONE

KEPT = 2_000
"""Orders kept in memory. Families that are over and flat go first, oldest first; the journal keeps all."""
POLLED: tuple[Channel, ...] = ("QUERY", "OPEN_ORDERS")

Observer = Callable[[OrderRecord, Effect], None]
log = logging.getLogger("tradetui.trading")


class OrderRecords:
    """`ask` and `halt` are set by whoever carries those effects out. `orders` by client id, oldest first."""

    def __init__(self, bus: Bus, clock: Clock, journal: Journal, venue: str, category: str, rule: NoTraceRule) -> None:
        self.orders: dict[str, OrderRecord] = {}
        self.observers: list[Observer] = []
        self.ask: Callable[[str, tuple[Channel, ...]], None] = lambda client_id, channels: None
        self.halt: Callable[[str], None] = lambda cause: None
        self.kept = KEPT
        self.failures = 0
        self._bus = bus
        self._clock = clock
        self._journal = journal
        self._venue = venue
        self._category = category
        self._rule = rule
        self._by_order_id: dict[str, str] = {}
        self._unwritten: dict[str, Evidence] = {}
        self._gathered: list[Record] | None = None
        self._waiting: deque[tuple[OrderRecord | None, OrderRecord, tuple[Effect, ...]]] = deque()
        self._telling = False
        self._look_at = KEPT
        bus.subscribe(Replay, lambda _: self.publish_all(), name="orders.replay")

    # --- a new program -----------------------------------------------------------------------------------------------

    def load(self, entries: Iterable[Entry], replayed: Replayed | None = None) -> None:
        """Rebuild from the journal, or from what was `replayed` of it already.

        What was on its way when the program ended is of unknown outcome, or was never sent.
        """
        entries = list(entries)
        replayed = replayed or replay(entries, self._rule)
        self.orders.update(replayed.orders)
        for record in replayed.orders.values():
            self._index(record)
        now_ms = self._clock.now_ms()
        for stray in replayed.strays:
            self.alarm("JOURNAL_STRAY", f"journal record {stray.seq} belongs to no order: compare with the venue")
        self._expire(entries, now_ms)
        for record in replayed.orders.values():
            if record.state in ("INTENT", "SENT"):
                self.hear(OutcomeUnknown(client_id=record.client_id, at_ms=now_ms, why="CRASH"))
            elif record.state in ("DRAFT", "CONFIRMED"):
                text = "the program ended before it was sent"
                self.hear(Voided(client_id=record.client_id, at_ms=now_ms, code="NOT_SENT", text=text))
            self._lost_answers(record, now_ms)
        self._forget()

    def _lost_answers(self, record: OrderRecord, now_ms: int) -> None:
        """Cancels and amends nobody waits for any more."""
        at: dict[str, Any] = {"client_id": record.client_id, "at_ms": now_ms, "outcome": "UNKNOWN", "code": "CRASH"}
        if record.state == "CANCEL_PENDING":
            self.hear(CancelAnswered(**at))
        for amend in record.amends:
            if amend.outcome is None:
                self.hear(AmendAnswered(**at))

    def _expire(self, entries: list[Entry], now_ms: int) -> None:
        """No authorisation outlives the program that made it."""
        used = {one.record.authorisation_id for one in entries if isinstance(one.record, AuthorisationUsed)}
        for entry in entries:
            record = entry.record
            if isinstance(record, Authorised) and record.authorisation_id not in used:
                self.write(AuthorisationUsed(at_ms=now_ms, authorisation_id=record.authorisation_id, outcome="EXPIRED"))

    # --- evidence ----------------------------------------------------------------------------------------------------

    def begin(self, intent: Intent) -> None:
        """A new order, written down without waiting."""
        self.write(intent)
        record = born(intent)
        self.orders[record.client_id] = record
        self._tell(None, record, ())

    def hear(self, evidence: Evidence, *, written: bool = False) -> OrderRecord | None:
        """Apply one piece of evidence; `written`: it is on the disk already. None: it is of no order of ours."""
        before = self.orders.get(evidence.client_id)
        if before is None:
            self.alarm(
                "STRAY_EVIDENCE", f"{type(evidence).__name__} for order {evidence.client_id}, which is not known"
            )
            return None
        after, effects = apply(before, evidence, self._rule)
        if not written:
            self._write_evidence(before, after, evidence)
        self.orders[before.client_id] = after
        if after.venue is not before.venue:
            self._index(after)
        self._tell(before, after, effects)
        if after.state != before.state and after.state in DONE:
            self._forget()
        return after

    def answered(self, reports: Iterable[OrderReport], now_ms: int) -> None:
        """Reports an answer to a cancel or amend came with: of that order, or of the one bound to it."""
        for report in reports:
            record = self.find(report)
            if record is not None:
                self.hear(Reported(client_id=record.client_id, at_ms=now_ms, report=report, channel="ANSWER"))

    def find(self, report: OrderReport) -> OrderRecord | None:
        """The order of ours a report speaks of: by client id, else by the venue's id."""
        known = self.orders.get(report.spec.client_id)
        return known if known is not None else self.by_order_id(report.order_id)

    def by_order_id(self, order_id: str) -> OrderRecord | None:
        """The order of ours that has this id at the venue."""
        return self.orders.get(self._by_order_id.get(order_id, "")) if order_id else None

    def _write_evidence(self, before: OrderRecord, after: OrderRecord, evidence: Evidence) -> None:
        """Polls that told nothing new are not written one by one: only the last, before whatever is news."""
        if isinstance(evidence, Reported) and evidence.channel in POLLED and after.repeats > before.repeats:
            self._unwritten[before.client_id] = evidence
            return
        last = self._unwritten.pop(before.client_id, None)
        if last is not None:
            self.write(last)
        self.write(evidence)

    def flush(self) -> None:
        """Write the polls that told nothing new: the program ends."""
        for evidence in self._unwritten.values():
            self.write(evidence)
        self._unwritten.clear()

    def write(self, record: Record) -> None:
        """Write down what has happened. A journal that takes nothing more changes nothing of what is."""
        if self._gathered is not None:
            self._gathered.append(record)
            return
        try:
            self._journal.keep(record)
        except JournalError as error:
            self.failures += 1
            log.error("not journalled: %s: %s", type(record).__name__, error)

    def gather(self) -> None:
        """Hold back what is written from here to `gathered`, so that it shares one fsync. Nothing may be awaited between."""
        self._gathered = []

    def gathered(self) -> list[Record]:
        """What was held back; from now on records are written at once again."""
        held, self._gathered = self._gathered or [], None
        return held

    def _index(self, record: OrderRecord) -> None:
        for order_id in record.order_ids:
            self._by_order_id[order_id] = record.client_id

    # --- who must know -----------------------------------------------------------------------------------------------

    def _tell(self, before: OrderRecord | None, after: OrderRecord, effects: tuple[Effect, ...]) -> None:
        self._waiting.append((before, after, effects))
        if self._telling:
            return
        self._telling = True
        try:
            while self._waiting:
                earlier, record, todo = self._waiting.popleft()
                for effect in todo:
                    self._act(record, effect)
                if shows_change(earlier, record):
                    self._bus.publish(status_of(record, self._venue, self._category))
        finally:
            self._telling = False

    def _act(self, record: OrderRecord, effect: Effect) -> None:
        match effect:
            case Ask(channels=channels):
                self.ask(record.client_id, channels)
            case Alarm(code=code, text=text):
                self.alarm(code, text, record, severity="error")
            case HaltEntries(code=code):
                self.halt(f"{code} of order {record.client_id} ({record.intent.spec.symbol})")
            case NewFill(fill=fill):
                self._bus.publish(execution_of(record, fill, self._venue, self._category))
        for observer in tuple(self.observers):
            try:
                observer(record, effect)
            except Exception as error:  # the other observers still hear; counted and told as a Fault
                self.failures += 1
                log.exception("an observer of orders failed")
                if worth_reporting(self.failures):
                    self._fault(observer, error)

    def _fault(self, observer: Observer, error: Exception) -> None:
        name = getattr(observer, "__qualname__", type(observer).__name__)
        text = f"{name} failed on an order's change: {type(error).__name__}: {error}; report this"
        self._bus.publish(Fault(source="orders", message=text, count=self.failures, at_ms=self._clock.now_ms()))

    def alarm(self, code: str, text: str, record: OrderRecord | None = None, *, severity: Severity = "error") -> None:
        """Tell a person, and write it down."""
        at_ms = self._clock.now_ms()
        client_id = record.client_id if record is not None else ""
        symbol = record.intent.spec.symbol if record is not None else ""
        self.write(Note(at_ms=at_ms, code=code, text=text, client_id=client_id))
        places: dict[str, Any] = {"venue": self._venue, "category": self._category, "symbol": symbol}
        self._bus.publish(
            OrderAlarm(code=code, text=text, client_id=client_id, severity=severity, at_ms=at_ms, **places)
        )

    def publish_all(self) -> None:
        """Every order that is kept."""
        for record in tuple(self.orders.values()):
            self._bus.publish(status_of(record, self._venue, self._category))

    # --- what is kept ------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        """Drop families that are over, oldest first; of what must stay, drop the evidence."""
        if len(self.orders) <= max(self.kept, self._look_at):
            return
        families: dict[str, list[OrderRecord]] = {}
        for record in self.orders.values():
            families.setdefault(record.intent.parent or record.client_id, []).append(record)
        spare = len(self.orders) - self.kept * 9 // 10
        for members in families.values():
            if spare <= 0:
                break
            if any(record.quarantine or record.state not in DONE | {"VOID"} for record in members):
                continue
            if _flat(members):
                spare -= len(members)
                for record in members:
                    self._drop(record)
            else:
                for record in members:
                    self.orders[record.client_id] = replace(record, evidence=())
        self._look_at = len(self.orders) + self.kept // 10  # do not look again at each order when little could go

    def _drop(self, record: OrderRecord) -> None:
        del self.orders[record.client_id]
        self._unwritten.pop(record.client_id, None)
        for order_id in record.order_ids:
            self._by_order_id.pop(order_id, None)


def _flat(members: list[OrderRecord]) -> bool:
    bought = sum(record.filled for record in members if record.intent.spec.side == "BUY")
    sold = sum(record.filled for record in members if record.intent.spec.side == "SELL")
    return bought == sold
