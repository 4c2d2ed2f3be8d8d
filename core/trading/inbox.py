"""What waits for the operator: proposals, fills and alarms, until each is acknowledged, dismissed or snoozed.

Every answer is journalled; after a restart what was answered stays answered, and fills of the last day that were not wait
again. On paper, and only there, the best proposals may open themselves, where the settings say so.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

from core.bus import Bus
from core.clock import Clock
from core.messages import (
    AccountStatus,
    Analysis,
    Answer,
    Discrepancy,
    Execution,
    HaltReport,
    Inbox,
    InboxItem,
    Message,
    OpenTrade,
    OrderAlarm,
    OrderState,
    OrderStatus,
    PositionStatus,
    Quote,
    Replay,
    SettingChanged,
    TradeClosed,
)
from core.risk.limits import exact
from core.settings_live import LiveSettings
from core.trading.broker import Mode
from core.trading.draft import Submission
from core.trading.inbox_news import MOST, News
from core.trading.inbox_past import Past, read_past
from core.trading.journal import Journal
from core.trading.journal_errors import JournalError
from core.trading.journal_records import InboxAnswered
from core.trading.proposals import Candidate, Proposals
from core.trading.states import DONE
from core.trading.wishes import pegged

M = TypeVar("M", bound=Message)
SendNow = Callable[[OpenTrade, str], Awaitable[Submission]]

OVER: frozenset[OrderState] = DONE | {"VOID"}
LOOK_S = 0.5
"""How often items come back, run out and leave."""
SNOOZE_MOST_MIN = 10_080.0


class InboxKeeper:
    """One account's. `send_now` opens a proposal on paper without being asked, where the settings say so.

    `past`: what the journal tells, where it was read already.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        journal: Journal,
        venue: str,
        category: str,
        mode: Mode,
        send_now: SendNow,
        past: Past | None = None,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._journal = journal
        self._venue, self._category, self._mode = venue, category, mode
        self._send_now = send_now
        past = past or read_past(journal.entries, clock.now_ms())
        self._proposals = Proposals(spot=category == "spot", earlier=past.answers)
        self._news = News(past.answers)
        for old in past.fills:
            self._news.recovered(old.client_id, old.filled, old.at_ms, answered=old.answered)
        self._quotes: dict[str, Quote] = {}
        self._told: Inbox | None = None
        bus.subscribe(Analysis, self._on_analysis, name="inbox.analysis")
        bus.subscribe(OrderStatus, self._on_order, name="inbox.order")
        bus.subscribe(PositionStatus, self._on_position, name="inbox.position")
        bus.subscribe(Execution, self._then(self._news.execution), name="inbox.execution")
        bus.subscribe(TradeClosed, self._then(self._news.closed), name="inbox.closed")
        bus.subscribe(OrderAlarm, self._then(self._news.alarm), name="inbox.alarm")
        bus.subscribe(HaltReport, self._then(self._news.halt), name="inbox.halt")
        bus.subscribe(Discrepancy, self._on_discrepancy, name="inbox.discrepancy")
        bus.subscribe(AccountStatus, self._on_account, name="inbox.account")
        bus.subscribe(SettingChanged, lambda _: self._publish(), name="inbox.settings")
        bus.subscribe(Replay, lambda _: self._publish(again=True), name="inbox.replay")
        if mode == "PAPER":
            bus.subscribe(Quote, self._on_quote, name="inbox.quote")

    async def run(self) -> None:
        """Let items come back and run out, until cancelled."""
        while True:
            self._publish()
            await self._open_best()
            await self._clock.sleep(LOOK_S)

    def find(self, item_id: str) -> InboxItem | None:
        """An item that waits or is snoozed."""
        now_ms = self._clock.now_ms()
        candidate = self._proposals.find(item_id)
        if candidate is not None:
            stands = candidate.state in ("WAITING", "SNOOZED") and not candidate.over(now_ms)
            return candidate.told() if stands else None
        piece = self._news.find(item_id)
        return piece.item if piece is not None and piece.item.state in ("WAITING", "SNOOZED") else None

    def taken(self, item_id: str) -> None:
        """A proposal was sent as an order."""
        candidate = self._proposals.find(item_id)
        if candidate is not None and candidate.state != "TAKEN":
            candidate.state, candidate.ended_ms, candidate.until_ms = "TAKEN", self._clock.now_ms(), 0
            self._publish()

    async def answer(self, item_id: str, answer: Answer, minutes: float) -> str:
        """The operator's word; words of refusal, or nothing."""
        now_ms = self._clock.now_ms()
        minutes = self._live.current.trading.snooze_min if minutes == 0 else minutes
        if answer == "SNOOZED" and not (math.isfinite(minutes) and 0 < minutes <= SNOOZE_MOST_MIN):
            return f"cannot snooze for {minutes:g} minutes; give a number above 0, at most {SNOOZE_MOST_MIN:,.0f}"
        found = self._proposals.find(item_id) or self._news.find(item_id)
        if found is None:
            return f"there is no item {item_id!r} in the inbox; it has left the list"
        state = found.state if isinstance(found, Candidate) else found.item.state
        if isinstance(found, Candidate) and found.over(now_ms) and state in ("WAITING", "SNOOZED"):
            state = "EXPIRED"
        if state not in ("WAITING", "SNOOZED"):
            return f"{found.item.symbol or found.item.item_id} is {state.lower()} already; there is nothing to answer"
        until_ms = now_ms + round(minutes * 60_000) if answer == "SNOOZED" else 0
        try:
            self._journal.keep(InboxAnswered(at_ms=now_ms, item_id=item_id, answer=answer, until_ms=until_ms))
        except JournalError as error:  # fallback: the item waits on, which loses nothing
            return f"the answer was not taken: {error}"
        found.answered(answer, now_ms, until_ms)
        self._publish()
        return ""

    # --- what is heard -----------------------------------------------------------------------------------------------

    def _then(self, hear: Callable[[M], None]) -> Callable[[M], None]:
        """A handler that tells the inbox anew."""

        def handle(message: M) -> None:
            hear(message)
            self._publish()

        return handle

    def _on_analysis(self, analysis: Analysis) -> None:
        self._proposals.hear(analysis, self._clock.now_ms())
        self._publish()

    def _on_order(self, status: OrderStatus) -> None:
        if status.foreign:
            return
        changed = self._news.order(status)
        if status.purpose == "ENTRY":
            working = status.state not in OVER
            changed |= self._proposals.works(status.client_id, status.symbol, working=working)
        if changed:
            self._publish()

    def _on_position(self, status: PositionStatus) -> None:
        self._news.position(status)
        if self._proposals.holds(status.trade_id, status.symbol, held=not status.closed):
            self._publish()

    def _on_discrepancy(self, found: Discrepancy) -> None:
        self._news.discrepancy(found, self._clock.now_ms())
        self._publish()

    def _on_account(self, status: AccountStatus) -> None:
        self._news.asset = status.asset

    def _on_quote(self, quote: Quote) -> None:
        self._quotes[quote.symbol] = quote

    # --- telling -----------------------------------------------------------------------------------------------------

    def _publish(self, again: bool = False) -> None:
        """Tell what waits, if that has changed or `again` is asked for."""
        now_ms, settings = self._clock.now_ms(), self._live.current
        self._proposals.turn(now_ms)
        self._news.turn(now_ms)
        proposals, gone = self._proposals.shown(settings, now_ms)
        self._news.keep(MOST - len(proposals) - len(gone))
        news, old = self._news.shown(now_ms)
        urgent = [item for item in news if item.severity == "error"]
        rest = [item for item in news if item.severity != "error"]
        items = (*urgent, *proposals, *rest, *gone, *old)
        opens = self._opens
        note = "; ".join([*self._opening_note(), *self._proposals.notes(settings, now_ms), *self._news.notes()])
        told = self._told
        if not again and told is not None and (told.items, told.opens_itself, told.note) == (items, opens, note):
            return
        self._told = Inbox(
            venue=self._venue, category=self._category, items=items, opens_itself=opens, note=note, at_ms=now_ms
        )
        self._bus.publish(self._told)

    @property
    def _opens(self) -> bool:
        return self._mode == "PAPER" and self._live.current.paper.open_top > 0

    def _opening_note(self) -> list[str]:
        paper = self._live.current.paper
        if not self._opens:
            return []
        best = "the best proposal opens itself" if paper.open_top == 1 else f"the best {paper.open_top} open themselves"
        return [f"{best} on paper, from confidence {paper.min_confidence_trade:.2f} (paper.open_top)"]

    # --- opening on paper --------------------------------------------------------------------------------------------

    async def _open_best(self) -> None:
        """Each of the best proposals once; never with real money, whatever the settings say."""
        while self._opens:
            candidate = self._proposals.to_open(self._live.current, self._clock.now_ms())
            if candidate is None:
                return
            candidate.tried = True
            submission = await self._send_now(self._wish(candidate.item), "program")
            if submission.sent:
                self._proposals.opened(candidate, self._clock.now_ms())
            else:
                candidate.refused(submission.words or submission.code)
            self._publish()

    def _wish(self, item: InboxItem) -> OpenTrade:
        """By limit at the edge of the zone from which it pays least, or at the quote where that is better."""
        assert item.side is not None
        assert item.entry is not None
        quote = self._quotes.get(item.symbol)
        entry = item.entry[1] if item.side == "BUY" else item.entry[0]
        if quote is not None and quote.ask > 0 and quote.bid > 0:
            entry = pegged(item.side, item.entry, exact(quote.ask if item.side == "BUY" else quote.bid))
        return OpenTrade(symbol=item.symbol, side=item.side, entry=entry, stop=item.stop, targets=item.targets)
