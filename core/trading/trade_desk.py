"""Trades from their plan to their end: the entry is watched, what fills is protected, targets and stops are kept, and what
cannot be protected is closed or held as the settings say.

One loop looks at every trade ten times a second; acts run one after the other within a trade and side by side between trades.
A position is naked when no stop is proven to stand for a part of it that could be sold. A stop that vanished at the venue is
never created again silently: the countdown runs, and the policy follows unless the operator moves the stop or closes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal

from core.bus import Bus, worth_reporting
from core.clock import Clock
from core.messages import Bar, Listing, MarkPrice, Quote, Replay, StopTruth
from core.risk.position_math import sign
from core.risk.verdict import written
from core.risk.view import Held
from core.settings_live import LiveSettings
from core.trading.broker import Features, NotSent, VenuePosition
from core.trading.evidence import Effect, FilledChanged, NewFill
from core.trading.guarding import Guarding, Orders
from core.trading.journal import Journal
from core.trading.journal_errors import JournalError
from core.trading.order import ZERO, Fill
from core.trading.order_record import OrderRecord
from core.trading.plan import FundingPaid, OutsideFill, TradeEnded, TradePlan
from core.trading.position_book import PositionBook, sellable
from core.trading.trade import Trade
from core.trading.trade_course import closing_all, why_not_closed, why_not_there
from core.trading.trade_recovery import recovered, take_in
from core.trading.trade_report import held, outside_words, stop_truth, why_ended
from core.trading.trade_teller import Teller
from core.trading.trade_watch import TradeWatch
from core.venue import Instrument

TICK_S = 0.1
SHOWN_S = 0.5
ENDED_KEPT = 200
CANCEL_AGAIN_S = 1.0
"""An entry whose cancel was refused is cancelled again after this."""

log = logging.getLogger("tradetui.trading")


class TradeExists(Exception):
    """A symbol has a trade already: a second one would add to its position without a plan for both."""


class TradeDesk:
    """See the module. `open` after the manager has replayed its orders; `run` until cancelled."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        manager: Orders,
        book: PositionBook,
        features: Features,
        rules: Callable[[str], Instrument | None],
        journal: Journal,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._manager = manager
        self._book = book
        self._features = features
        self._rules = rules
        self._journal = journal
        self._trades: dict[str, Trade] = {}
        self._open: dict[str, Trade] = {}
        """Those that have not ended."""
        self._working: set[asyncio.Task[None]] = set()
        self._guarding = Guarding(clock, live, manager, features, rules)
        self._teller = Teller(
            bus, clock, live, journal, features, manager.venue, manager.category, self._guarding.terms
        )
        self._guarding.teller = self._teller
        self._watch = TradeWatch(clock, live, features, rules, self._guarding, self._teller)
        manager.observe(self._hear)
        bus.subscribe(Quote, self._on_quote, name="trades.quote")
        bus.subscribe(MarkPrice, self._on_mark, name="trades.mark")
        bus.subscribe(Bar, self._on_bar, name="trades.bar")
        bus.subscribe(Listing, self._watch.on_listing, name="trades.listing")
        bus.subscribe(Replay, self._on_replay, name="trades.replay")

    def use(self, refresh_rules: Callable[[], Awaitable[None]], halted: Callable[[], bool] = lambda: False) -> None:
        """How the venue's rules are read again after a refused stop, and whether trading is halted."""
        self._guarding.refresh_rules, self._guarding.halted = refresh_rules, halted

    # --- life --------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take up every trade of the journal, after the manager has replayed its orders."""
        self._trades = recovered(self._journal.entries, self._manager.orders, self._book, self._clock.monotonic())
        now_ms = self._clock.now_ms()
        for trade in list(self._trades.values()):
            trade.began_ms = now_ms
            self._reopen(trade)
            self._sort(trade)

    async def run(self) -> None:
        """Look after every trade until cancelled."""
        try:
            while True:
                for trade in list(self._open.values()):
                    self._turn(trade)
                await self._clock.sleep(TICK_S)
        finally:
            for task in self._working:
                task.cancel()
            await asyncio.gather(*self._working, return_exceptions=True)

    def begin(self, plan: TradePlan) -> None:
        """Write the plan down before its entry is sent. Raises `TradeExists` or `JournalError`: then send nothing."""
        other = self._active(plan.symbol)
        if other is not None:
            known = f"{other.trade_id}, {written(other.size)} held"
            raise TradeExists(f"{plan.symbol} has a trade already ({known}): close it before opening another")
        self._journal.keep(plan)
        self._trades[plan.trade_id] = self._open[plan.trade_id] = Trade(plan, self._clock.monotonic())

    def dropped(self, trade_id: str) -> None:
        """The entry of this plan was not sent."""
        trade = self._trades.get(trade_id)
        if trade is not None and trade.ended is None and trade.size == ZERO and not trade.entry_open:
            self._end(trade, "NOT_SENT")

    # --- what the operator asks --------------------------------------------------------------------------------------

    async def close_position(self, symbol: str, quantity: Decimal, why: str) -> str:
        """Close the position, or `quantity` of it (0: all), at the market. Words of refusal, or empty: it is under way."""
        trade = self._active(symbol)
        terms = self._guarding.terms(trade) if trade is not None else None
        if trade is None or (trade.size == ZERO and not trade.entry_open):
            return f"there is no position of ours in {symbol}"
        if terms is None or self._watch.is_frozen(trade):
            return f"{symbol} does not trade now: nothing can be sold; close it when trading goes on"
        if trade.size > ZERO or quantity:
            words = why_not_closed(trade, quantity, terms)
            if words:
                return words
        trade.closing = closing_all(why)
        if quantity:
            trade.closing.until = trade.size - quantity
        trade.dirty = True
        return ""

    async def move_stop(self, symbol: str, price: Decimal, by: str) -> str:
        """Put the stop elsewhere, also that of a naked position. Words of refusal, or empty: it is under way."""
        trade = self._active(symbol)
        if trade is None or trade.size == ZERO:
            return f"there is no position of ours in {symbol}"
        terms = self._guarding.terms(trade)
        if terms is None or self._watch.is_frozen(trade):
            return f"{symbol} does not trade now: no stop can be moved; move it when trading goes on"
        words = why_not_there(trade, price, terms, self._features)
        if words:
            return words
        if trade.exposure.since is not None:
            trade.exposure.again(self._clock.monotonic())
        trade.asked.update(record.client_id for record in trade.unexplained_ends())
        trade.missing.clear()
        if trade.closing is not None and trade.closing.why == "NAKED" and not trade.leaving:
            trade.closing, trade.selling = None, ZERO
        trade.no_amend = False
        self._guarding.move(trade, terms, price, by)
        return ""

    # --- what is asked of it -----------------------------------------------------------------------------------------

    def truth(self, symbol: str) -> StopTruth:
        """What protects our position in this symbol."""
        trade = self._active(symbol)
        if trade is None:
            return StopTruth(state="NONE", text="nothing is held")
        return stop_truth(trade, self._guarding.terms(trade), self._teller.moment())

    def planned(self) -> frozenset[str]:
        """Symbols that have a trade, also one whose entry has not filled."""
        return frozenset(trade.plan.symbol for trade in self._open.values())

    def held(self) -> tuple[Held, ...]:
        """Every position, for the gates."""
        return tuple(held(trade) for trade in self._open.values() if trade.size > ZERO)

    def verified(self, client_ids: Iterable[str], at_ms: int) -> None:
        """The reconciler saw these orders open at the venue at that time."""
        seen = frozenset(client_ids)
        for trade in self._open.values():
            if seen & trade.orders.keys():
                trade.seen.update(dict.fromkeys(seen & trade.orders.keys(), at_ms))

    @property
    def open_count(self) -> int:
        """How many positions are held."""
        return len(self.held())

    @property
    def naked_count(self) -> int:
        """How many positions have no stop, or one for a part only."""
        moment = self._teller.moment()
        truths = (stop_truth(trade, self._guarding.terms(trade), moment) for trade in self._open.values())
        return sum(truth.state == "NAKED" for truth in truths)

    @property
    def stop_orders(self) -> int:
        """How many stops one trade may need at the venue at once."""
        pairs = self._features.oco and not self._features.perpetual
        return len(self._live.current.trading.target_shares) + 1 if pairs else 1

    def resting_stops(self) -> int:
        """Protective stops that stand at the venue."""
        return sum(len(trade.stops) for trade in self._open.values())

    # --- what is told ------------------------------------------------------------------------------------------------

    def outside(self, symbol: str, fill: Fill, why: str) -> str:
        """Somebody else's fill changed our position: a liquidation, the website. Words of refusal, or empty; told twice it
        counts once.
        """
        trade = self._active(symbol)
        if trade is None or trade.position is None:
            return f"there is no position of ours in {symbol}"
        if self._book.knows(trade.trade_id, fill):
            return ""
        self._journal.keep(OutsideFill(at_ms=self._clock.now_ms(), trade_id=trade.trade_id, fill=fill, why=why))
        before = trade.size
        trade.position = self._book.outside(trade.trade_id, fill)
        self._touched(trade)
        theirs = fill.side == trade.side  # what somebody else adds is theirs: neither protected nor sold by us
        code = "FOREIGN_FILL" if theirs else "OUTSIDE_FILL"
        self._teller.alarm(trade, code, outside_words(trade, fill, why, before), "error")
        return ""

    def fund(self, symbol: str, amount: Decimal) -> None:
        """Funding of our position; positive is paid."""
        trade = self._active(symbol)
        if trade is not None and trade.position is not None:
            self._teller.keep(FundingPaid(at_ms=self._clock.now_ms(), trade_id=trade.trade_id, amount=amount))
            trade.position = self._book.fund(trade.trade_id, amount)
            trade.dirty = True

    def on_positions(self, positions: Iterable[VenuePosition]) -> None:
        """Perpetual positions as the venue tells them: its liquidation price wins."""
        for told in positions:
            trade = self._active(told.symbol)
            if trade is not None and told.size:
                trade.liquidation = told.liquidation_price
                trade.mark = told.mark_price or trade.mark
                trade.dirty = True

    def _hear(self, record: OrderRecord, effect: Effect) -> None:
        """An order changed. Nothing is awaited and nothing raised: what follows is done in the next turn."""
        trade = take_in(self._trades, record, self._book, self._clock.monotonic())
        if trade is None:
            return
        if isinstance(effect, NewFill | FilledChanged):
            self._touched(trade)
            self._sort(trade)
        self._measure(trade)
        trade.dirty = True

    def _touched(self, trade: Trade) -> None:
        trade.changed_at = self._clock.monotonic()
        trade.grew(trade.changed_at)
        trade.best = trade.best or trade.entry_price
        self._reopen(trade)

    def _reopen(self, trade: Trade) -> None:
        """A fill after the end: the position is there again, and so is the trade."""
        rules = self._rules(trade.plan.symbol)
        if trade.ended is None or (rules is not None and not sellable(trade.size, trade.worth, rules)):
            return
        if trade.size > ZERO:
            trade.ended = None
            size = written(trade.size)
            text = f"{trade.plan.symbol}: filled after its trade had ended, {size} is held again and gets its stop"
            self._teller.alarm(trade, "TRADE_REOPENED", text, "error")

    def _measure(self, trade: Trade) -> None:
        """The time without a stop for all of it, from the first moment to the proof of the last stop."""
        rules = self._rules(trade.plan.symbol)
        if rules is None:
            return
        now, before = self._clock.monotonic(), trade.bare_at
        trade.bare_at = trade.bare_since(now, rules.lot_size)
        if trade.bare_at is None and before is not None:
            since, trade.taken_off_at = min(before, trade.taken_off_at or before), None
            trade.note = f"without a stop for {now - since:.2f} s"
            self._teller.note(trade, "UNPROTECTED", f"{trade.plan.symbol} {trade.note}")

    # --- one turn ----------------------------------------------------------------------------------------------------

    def _turn(self, trade: Trade) -> None:
        """Look at one trade. A failure is told and harms no other; the next turn looks again."""
        for part in (self._look, self._show):
            try:
                part(trade)
            except Exception as error:  # told and counted, the trade is looked at again in the next turn
                self._failed(trade, error)

    def _look(self, trade: Trade) -> None:
        if self._watch.look(trade) and not trade.busy:
            self._act(trade)

    def _show(self, trade: Trade) -> None:
        if trade.ended is None and (trade.dirty or self._clock.monotonic() - trade.shown_at >= SHOWN_S):
            self._teller.position(trade)

    def _act(self, trade: Trade) -> None:
        if self._watch.due(trade):
            trade.busy = True
            task = asyncio.get_running_loop().create_task(self._work(trade))
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        elif self._watch.is_over(trade):
            self._end(trade, why_ended(trade))

    # --- acts --------------------------------------------------------------------------------------------------------

    async def _work(self, trade: Trade) -> None:
        try:
            if self._watch.entry_to_cancel(trade):
                trade.cancel_after = self._clock.monotonic() + CANCEL_AGAIN_S
                await self._manager.cancel(trade.trade_id)
            for stop in self._watch.late_refusals(trade):
                await self._guarding.refused(trade, stop.refusal or "rejected by the venue", stop.client_id)
            if trade.closing is not None:
                await self._guarding.close(trade)
            else:
                await self._guarding.protect(trade)
        except (NotSent, JournalError) as error:
            trade.wait_until = self._clock.monotonic() + 1.0
            log.warning("%s: %s; tried again", trade.plan.symbol, error)
        except Exception as error:  # told and counted; the next turn tries again
            trade.wait_until = self._clock.monotonic() + 1.0
            self._failed(trade, error)
        finally:
            trade.busy, trade.dirty = False, True

    def _failed(self, trade: Trade, error: Exception) -> None:
        trade.failures += 1
        if worth_reporting(trade.failures):
            log.error("trade %s failed", trade.trade_id, exc_info=error)
            text = f"{trade.plan.symbol}: looking after its trade failed ({type(error).__name__}: {error}); tried again, report this"
            self._teller.alarm(trade, "TRADE_FAILED", text, "error")

    # --- the end -----------------------------------------------------------------------------------------------------

    def _end(self, trade: Trade, why: str) -> None:
        position = trade.position
        dust = trade.size + (position.written_off if position is not None else ZERO)
        if position is not None and position.quantity * sign(trade.side) < ZERO:
            size = written(position.quantity)
            text = f"{trade.plan.symbol}: more was closed than was held, {size} is held the other way; close it by hand"
            self._teller.alarm(trade, "FLIPPED", text, "error")
        self._book.write_off(trade.trade_id, dust)
        trade.position = position = self._book.of(trade.trade_id)
        result, fees = (position.realised, position.fees) if position is not None else (ZERO, ZERO)
        ratio = float(result / trade.risked) if trade.risked else 0.0
        trade.ended = TradeEnded(
            at_ms=self._clock.now_ms(), trade_id=trade.trade_id, result=result, r_multiple=ratio, why=why, dust=dust, fees=fees
        )  # fmt: skip
        self._teller.keep(trade.ended)
        trade.closing = None
        self._sort(trade)
        self._teller.closed(trade)

    def _sort(self, trade: Trade) -> None:
        """Open ones apart from those that ended; of the latter the newest are kept for fills that come late."""
        if trade.ended is None:
            self._open[trade.trade_id] = trade
            return
        self._open.pop(trade.trade_id, None)
        ended = len(self._trades) - len(self._open)
        for trade_id in [known for known in self._trades if known not in self._open][: max(0, ended - ENDED_KEPT)]:
            del self._trades[trade_id]

    # --- prices ------------------------------------------------------------------------------------------------------

    def _active(self, symbol: str) -> Trade | None:
        """The newest trade of the symbol that has not ended."""
        return next((trade for trade in reversed(self._open.values()) if trade.plan.symbol == symbol), None)

    def _priced(self, symbol: str) -> list[Trade]:
        return [trade for trade in self._open.values() if trade.plan.symbol == symbol]

    def _on_quote(self, quote: Quote) -> None:
        for trade in self._priced(quote.symbol):
            price = quote.bid if trade.side == "BUY" else quote.ask
            if price > 0:
                trade.price, trade.priced_at = Decimal(repr(price)), self._clock.monotonic()
                self._best(trade, trade.price)

    def _on_mark(self, mark: MarkPrice) -> None:
        for trade in self._priced(mark.symbol):
            if mark.mark > 0:
                trade.mark = Decimal(repr(mark.mark))

    def _on_bar(self, bar: Bar) -> None:
        for trade in self._priced(bar.symbol):
            opened_ms = trade.position.opened_ms if trade.position is not None else 0
            if 0 < opened_ms <= bar.open_ms and not bar.synthetic:
                self._best(trade, Decimal(repr(bar.high if trade.side == "BUY" else bar.low)))

    def _best(self, trade: Trade, price: Decimal) -> None:
        """The most favourable price since the first fill."""
        if trade.size > ZERO and sign(trade.side) * (price - trade.best) > ZERO:
            trade.best = price

    def _on_replay(self, _: Replay) -> None:
        for trade in self._open.values():
            self._teller.position(trade)
