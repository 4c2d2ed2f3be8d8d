"""Carries out what protects a trade: places, amends, swaps and cancels its orders, one act after the other, and sells at the
market when it must close.

After every act the picture is taken anew, so that whatever filled, vanished or failed meanwhile is in the next one. The time a
position spends uncovered during a change is measured and written down. A refusal is counted once per order; a stop move the
venue refuses is taken back, and the old stop is placed again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Protocol

from msgspec.structs import replace

from core.bus import worth_reporting
from core.clock import Clock
from core.messages import Purpose
from core.risk.limits import exact
from core.risk.trading_state import Act
from core.settings_live import LiveSettings
from core.trading.authority import Authorisation
from core.trading.broker import NOT_NOW, Cancelled, Features, NotSent
from core.trading.draft import OrderDraft, Submission
from core.trading.evidence import Effect
from core.trading.order import ZERO, OrderSpec
from core.trading.order_record import OrderRecord
from core.trading.plan import StopMoved
from core.trading.position_book import sellable
from core.trading.protection import Add, Amend, Change, Leg, Replace, Resting, Swap, Terms, changes, stop_prices
from core.trading.states import DONE
from core.trading.trade import Closing, Trade, draft_spec, intent_id
from core.trading.trade_teller import Teller
from core.venue import Instrument, VenueError

MOST_STEPS = 16
"""Acts of one turn; what is left waits for the next."""
PROOF_S = 2.0
"""So long the proof of a cancel is waited for before the picture is taken anew."""
PROOF_LOOK_S = 0.02
CALM_S = 30.0
"""After a refused target or stop move the same is not tried again for so long."""
MOST_WAIT_S = 30.0
PAUSE_S = 0.5
"""After an act that led nowhere."""
MOST_DOUBLINGS = 3
"""The pause doubles so often while the venue takes nothing."""

log = logging.getLogger("tradetui.trading")


class Orders(Protocol):
    """What is needed of the order manager."""

    venue: str
    category: str

    @property
    def orders(self) -> Mapping[str, OrderRecord]: ...

    def next_client_id(self) -> str: ...

    def observe(self, listener: Callable[[OrderRecord, Effect], None]) -> None: ...

    async def submit(self, draft: OrderDraft, authorisation: Authorisation | None = None) -> Submission: ...

    async def submit_pair(self, target: OrderDraft, stop: OrderDraft) -> tuple[Submission, Submission]: ...

    async def replace(self, old_client_id: str, draft: OrderDraft) -> Submission: ...

    async def amend(
        self,
        client_id: str,
        *,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
        quantity: Decimal | None = None,
    ) -> Cancelled: ...

    async def cancel(self, client_id: str) -> Cancelled: ...


class Guarding:
    """One account. Called for each trade by at most one task at a time."""

    def __init__(
        self,
        clock: Clock,
        live: LiveSettings,
        manager: Orders,
        features: Features,
        rules: Callable[[str], Instrument | None],
    ) -> None:
        self._clock = clock
        self._live = live
        self._manager = manager
        self._features = features
        self._rules = rules
        self.teller: Teller
        """Set once by the desk: each needs the other."""
        self.refresh_rules: Callable[[], Awaitable[None]] | None = None
        self.halted: Callable[[], bool] = lambda: False
        """Whether trading is halted: no entry stays, no target is begun."""

    # --- what should be done -----------------------------------------------------------------------------------------

    def terms(self, trade: Trade) -> Terms | None:
        """What is to be protected, by the orders as they stand now; None: the venue's rules are not known."""
        trade.renew(self._manager.orders)
        rules = self._rules(trade.plan.symbol)
        if rules is None:
            return None
        return trade.terms(self._features, rules, exact(self._live.current.trading.stop_limit_bp))

    def steps(self, trade: Trade) -> tuple[Change, ...]:
        """The acts that are due. Once a stop was given up, or one has just gone, nothing is placed by itself."""
        terms = self.terms(trade)
        if terms is None:
            return ()
        found = changes(terms, trade.resting())
        now = self._clock.monotonic()
        if now < trade.quiet_until or self.halted():
            found = tuple(step for step in found if not _target_alone(step))
        gone = trade.closing is None and any(True for _ in trade.unexplained_ends())
        if gone or trade.exposure.given_up:
            found = tuple(step for step in found if isinstance(step, Swap) and not step.new)
        if trade.on_the_way:  # a stop that may never have arrived is no reason to give up one that stands
            found = tuple(step for step in found if not _touches_a_stop(step))
        return found

    # --- where the stop is -------------------------------------------------------------------------------------------

    def move(self, trade: Trade, terms: Terms, stop: Decimal, why: str) -> None:
        """The stop is another one from now on, written down before anything is sent; what rests follows."""
        trigger, _ = stop_prices(trade.side, stop, terms.rules, self._features, terms.stop_limit_bp)
        self.teller.keep(StopMoved(at_ms=self._clock.now_ms(), trade_id=trade.trade_id, stop=trigger, why=why))
        trade.reverts_to = (trade.stop, trade.stop_why)
        trade.stop, trade.stop_why, trade.dirty = trigger, why, True

    def _take_back(self, trade: Trade, to: Decimal, why: str) -> None:
        """The venue refused a stop move: the old stop holds again."""
        trade.stop, trade.stop_why, trade.reverts_to = to, why, None
        self.teller.keep(StopMoved(at_ms=self._clock.now_ms(), trade_id=trade.trade_id, stop=to, why="REVERTED"))

    # --- protection --------------------------------------------------------------------------------------------------

    async def protect(self, trade: Trade) -> None:
        """Lead from what rests to what should, as far as it goes."""
        for _ in range(MOST_STEPS):
            found = self.steps(trade)
            if not found:
                return
            if not await self._carry_out(trade, found[0]):
                trade.wait_until = max(trade.wait_until, self._clock.monotonic() + PAUSE_S)
                return

    async def _carry_out(self, trade: Trade, step: Change) -> bool:
        try:
            if isinstance(step, Add):
                return await self._place(trade, step.leg)
            if isinstance(step, Swap):
                return await self.cancel(trade, step.old)
            if isinstance(step, Amend):
                return await self._amend(trade, step.old, step.new)
            return await self._replace(trade, step)
        except NotSent as error:
            return self._not_now(trade, str(error), error.retry_in_s)

    def _not_now(self, trade: Trade, words: str, retry_in_s: float = 0.0) -> bool:
        """The stop itself was not judged: told now and then, and tried again until it is. The clock of the naked goes on."""
        trade.failures += 1
        exposure = trade.exposure
        if worth_reporting(trade.failures):
            text = f"{trade.plan.symbol}: nothing was placed ({words}); tried again until it is ({trade.failures} times so far)"
            self.teller.alarm(trade, "NOT_SENT", text, "warning")
        wait_s = max(retry_in_s, PAUSE_S * 2.0 ** min(exposure.delays, MOST_DOUBLINGS))
        exposure.delays += 1
        trade.wait_until = self._clock.monotonic() + min(wait_s, MOST_WAIT_S)
        return False

    def _count(self, trade: Trade, client_id: str) -> None:
        """The end of this stop, and of the target bound to it, is accounted for."""
        if client_id in trade.orders:
            other = trade.sibling(trade.orders[client_id])
            trade.counted.update({client_id, other.client_id if other is not None else client_id})

    async def _place(self, trade: Trade, leg: Leg) -> bool:
        list_id = self._manager.next_client_id() if leg.stop and leg.target else ""
        if not list_id:
            draft = self._draft(trade, leg, stop=bool(leg.stop))
            return await self._judge(trade, leg, await self._manager.submit(draft))
        target = self._draft(trade, leg, stop=False, list_id=list_id)
        stop = self._draft(trade, leg, stop=True, list_id=list_id)
        submissions = await self._manager.submit_pair(target, stop)
        failed = next((one for one in submissions if _refused(one)), submissions[1])
        return await self._judge(trade, leg, failed)

    async def _amend(self, trade: Trade, old: Resting, new: Leg) -> bool:
        record = trade.orders[old.client_ids[0]]
        price = new.stop_limit if new.stop else new.target
        answer = await self._manager.amend(
            record.client_id,
            price=price if price and price != record.spec.price else None,
            stop_price=new.stop if new.stop and new.stop != record.spec.stop_price else None,
            quantity=record.filled + new.quantity if new.quantity != old.leg.quantity else None,
        )
        if answer.outcome == "REFUSED" and answer.code in NOT_NOW:
            return self._not_now(trade, f"{answer.code} {answer.text}")
        if answer.outcome == "REFUSED":
            trade.no_amend = True  # the second try cancels and places anew
            if new.stop:
                return await self.refused(trade, f"{answer.code} {answer.text}".strip(), record.client_id + " amend")
            return False
        return answer.outcome == "ACCEPTED"

    async def _replace(self, trade: Trade, step: Replace) -> bool:
        old = step.old.client_ids[0]
        trade.asked.add(old)
        self._taking_off(trade)
        draft = replace(self._draft(trade, step.new, stop=True), replaces=old)
        return await self._judge(trade, step.new, await self._manager.replace(old, draft))

    async def cancel(self, trade: Trade, legs: tuple[Resting, ...]) -> bool:
        """Cancel these and wait for the proof. False: not proven yet, or refused."""
        for leg in legs:
            trade.asked.update(leg.client_ids)
            if leg.leg.stop:
                self._taking_off(trade)
            answer = await self._manager.cancel(leg.client_ids[0])
            if answer.outcome == "REFUSED":
                trade.taken_off_at = None
                return False
        ids = [client_id for leg in legs for client_id in leg.client_ids]
        until = self._clock.monotonic() + PROOF_S
        while not all(self._manager.orders[client_id].state in DONE for client_id in ids):
            if self._clock.monotonic() >= until:
                return False
            await self._clock.sleep(PROOF_LOOK_S)
        return True

    def _taking_off(self, trade: Trade) -> None:
        if trade.bare_at is None:
            trade.taken_off_at = self._clock.monotonic()

    async def _judge(self, trade: Trade, leg: Leg, submission: Submission) -> bool:
        """Whether the order is on its way or stands."""
        if not _refused(submission):
            return True
        record = submission.record
        words = submission.words or (record.refusal if record is not None else "") or submission.code or "refused"
        if not leg.stop:
            trade.quiet_until = self._clock.monotonic() + CALM_S
            text = f"{trade.plan.symbol}: target {leg.target:f} was refused ({words}); tried again in {CALM_S:.0f} s"
            self.teller.alarm(trade, "TARGET_REFUSED", text, "warning")
            return False
        client_id = record.client_id if record is not None else ""
        return await self.refused(trade, words, client_id, submission.code, submission.retry_in_s)

    async def refused(self, trade: Trade, words: str, client_id: str, code: str = "", retry_in_s: float = 0.0) -> bool:
        """A stop was refused: take a move back, read the rules again, do without pairs. The second time it is naked.

        A refusal that says nothing of the stop itself is none: it is tried again until the venue has judged it. `code` is the
        first of the words where it is not given. True: go on at once, the old stop is to be placed again. Else the second try
        waits a moment.
        """
        if client_id in trade.counted:
            return False
        if (code or words.partition(" ")[0]) in NOT_NOW:
            self._count(trade, client_id)
            return self._not_now(trade, words, retry_in_s)
        if client_id in trade.orders:
            other = trade.sibling(trade.orders[client_id])
            self._count(trade, client_id)
            trade.alone = trade.alone or other is not None  # the price may have passed the target meanwhile
        exposure = trade.exposure
        exposure.refusals += 1
        symbol = trade.plan.symbol
        if exposure.given_up:
            text = f"{symbol}: the stop was refused again ({words}); move the stop or close the position"
            self.teller.alarm(trade, "STOP_REFUSED", text, "error")
            return False
        if trade.reverts_to is not None:
            text = f"{symbol}: the stop could not be moved to {trade.stop:f} ({words}); it goes back to {trade.reverts_to[0]:f}"
            self.teller.alarm(trade, "STOP_MOVE_REFUSED", text, "warning")
            trade.move_after = self._clock.monotonic() + CALM_S
            self._take_back(trade, *trade.reverts_to)
            return True
        self.teller.alarm(
            trade, "STOP_REFUSED", f"{symbol}: the stop was refused ({words}); once again with fresh rules", "warning"
        )
        if self.refresh_rules is not None:
            try:
                await self.refresh_rules()
            except VenueError as error:  # the second try goes with the rules there are
                log.warning("rules not refreshed: %s", error)
        return False

    def _draft(self, trade: Trade, leg: Leg, *, stop: bool, list_id: str = "") -> OrderDraft:
        client_id = self._manager.next_client_id()
        spec = draft_spec(trade, leg, client_id, self._features, stop=stop, list_id=list_id)
        guards = stop or bool(list_id)
        purpose: Purpose = "PROTECTION" if stop else "EXIT"
        return self._of(
            trade, f"{'stop' if stop else 'target'}:{leg.key}", spec, "PROTECT" if guards else "EXIT", purpose
        )

    def _of(self, trade: Trade, tag: str, spec: OrderSpec, act: Act, purpose: Purpose) -> OrderDraft:
        trade.number = max(trade.number, len(trade.orders)) + 1
        wish = intent_id(tag, trade.trade_id, trade.number)
        return OrderDraft(intent_id=wish, act=act, purpose=purpose, spec=spec, parent=trade.trade_id)

    # --- closing -----------------------------------------------------------------------------------------------------

    async def close(self, trade: Trade) -> None:
        """Sell at the market what `trade.closing` asks for: first what locks it is taken away, then the sale."""
        closing, rules = trade.closing, self._rules(trade.plan.symbol)
        now = self._clock.monotonic()
        if closing is None or rules is None or trade.leaving > ZERO or now < closing.wait_until:
            return
        if self._filled_nothing(trade, closing):
            return
        amount = sellable(trade.size - closing.until, trade.worth, rules)
        if amount == ZERO:
            if trade.entry_open and closing.until == ZERO and closing.why != "TARGET":
                closing.wait_until = now + PAUSE_S  # what it fills before its cancel is proven is sold, too
                return
            trade.closing, trade.selling = None, ZERO
            return
        if not self._features.perpetual:
            trade.selling = amount
            await self.protect(trade)
            amount = sellable(min(amount, trade.size - closing.until), trade.worth, rules)
            if trade.closing is None or amount == ZERO:
                return
            if trade.reserved > trade.size - amount:
                self._blocked(trade, closing)
                return
        await self._sell(trade, closing, amount)

    def _blocked(self, trade: Trade, closing: Closing) -> None:
        """Orders that may still take the coins stand in the way: nothing is sold on top of them."""
        closing.blocked += 1
        closing.wait_until = self._clock.monotonic() + PAUSE_S
        if worth_reporting(closing.blocked):
            names = ", ".join(
                f"{one.client_ids[0]} ({trade.orders[one.client_ids[0]].state})" for one in trade.resting()
            )
            text = f"{trade.plan.symbol}: cannot be sold ({closing.why}) while {names} may still fill; resolve or cancel it"
            self.teller.alarm(trade, "CLOSE_BLOCKED", text, "error")

    async def _sell(self, trade: Trade, closing: Closing, amount: Decimal) -> None:
        tag = f"take:{closing.key}" if closing.why == "TARGET" else f"close:{closing.why}"
        spec = OrderSpec(
            client_id=self._manager.next_client_id(), symbol=trade.plan.symbol, side=trade.closing_side, type="MARKET",
            quantity=amount, reduce_only=self._features.perpetual,
        )  # fmt: skip
        try:
            submission = await self._manager.submit(self._of(trade, tag, spec, closing.act, "EXIT"))
        except NotSent as error:
            submission = Submission(sent=False, code=error.code, words=str(error))
        trade.selling = ZERO
        record = submission.record
        if _refused(submission):
            words = submission.words or (record.refusal if record is not None else "") or "it was refused"
            self._sale_failed(trade, closing, amount, words)
            return
        closing.sent = spec.client_id
        self._filled_nothing(trade, closing)

    def _filled_nothing(self, trade: Trade, closing: Closing) -> bool:
        """Whether the newest sale has ended without a fill: the next one waits, as after a refusal."""
        record = self._manager.orders.get(closing.sent)
        if record is None or record.may_fill:
            return False
        closing.sent = ""
        if record.filled > ZERO:
            closing.failures = 0
            return False
        self._sale_failed(trade, closing, record.quantity, record.refusal or f"{record.state}, it filled nothing")
        return True

    def _sale_failed(self, trade: Trade, closing: Closing, amount: Decimal, words: str) -> None:
        """Tried again with growing waits; what need not be is given up, and the position protected again."""
        closing.failures += 1
        wait_s = min(2.0 ** (closing.failures - 1), MOST_WAIT_S)
        closing.wait_until = self._clock.monotonic() + wait_s
        if closing.act == "EXIT" or (closing.act == "FLATTEN" and closing.failures > 1):
            trade.closing = None
            trade.quiet_until = self._clock.monotonic() + CALM_S
            after = "the position stays and is protected again; close it once more if you want to"
        else:
            after = f"tried again in {wait_s:.0f} s; close it on the venue's website if this goes on"
        text = f"{trade.plan.symbol}: selling {amount:f} at the market ({closing.why}) was refused ({words}); {after}"
        self.teller.alarm(trade, "CLOSE_REFUSED", text, "error")


def _refused(submission: Submission) -> bool:
    """For certain not on its way: a gate, the journal, or the venue said no."""
    record = submission.record
    return not submission.sent or (record is not None and record.state in ("REJECTED", "VOID", "FAILED_CONFIRMED"))


def _touches_a_stop(step: Change) -> bool:
    """Whether a stop that stands is cancelled or changed by it."""
    if isinstance(step, Add):
        return False
    old = step.old if isinstance(step, Swap) else (step.old,)
    return any(one.leg.stop for one in old)


def _target_alone(step: Change) -> bool:
    if isinstance(step, Add):
        return not step.leg.stop
    return isinstance(step, Amend | Replace) and not step.new.stop
