"""One look at one trade: is it frozen, has a stop gone, how long has it been naked, what is due, is it over.

Nothing is awaited here. What the look finds is left in the trade (a closing, a moved stop), and the trade desk lets it be done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from core.clock import Clock
from core.messages import Listing
from core.risk import liquidation
from core.risk.verdict import written
from core.settings_live import LiveSettings
from core.trading.broker import Features
from core.trading.guarding import Guarding
from core.trading.order import ZERO
from core.trading.order_record import OrderRecord
from core.trading.position_book import sellable
from core.trading.protection import Terms
from core.trading.trade import Trade, tag_of
from core.trading.trade_course import (
    closing_all,
    entry_is_over,
    program_stop,
    stop_is_late,
    stop_move,
    target_met,
    time_is_up,
)
from core.trading.trade_teller import Teller
from core.venue import Instrument

DEBOUNCE_S = 0.2
"""Fills that come this close together are protected by one change; the first stop waits for nothing."""
BLIND_S = 30.0
"""Without a quote for so long the program says that it does not see."""
LONGEST_CALM_S = 1.0
"""... and fills that do not pause are protected so often all the same."""
GONE_SETTLE_S = 1.0
"""The end of a stop may be told before the fill of the target that ended it."""
ENTRY_MISSING_S = 60.0
"""A plan whose entry never came up by then was not sent."""
_LEVELS: dict[liquidation.Alert, Literal["none", "near", "urgent"]] = {"": "none", "NEAR": "near", "CRITICAL": "urgent"}


class TradeWatch:
    """One account."""

    def __init__(
        self,
        clock: Clock,
        live: LiveSettings,
        features: Features,
        rules: Callable[[str], Instrument | None],
        guarding: Guarding,
        teller: Teller,
    ) -> None:
        self._clock = clock
        self._live = live
        self._features = features
        self._rules = rules
        self._guarding = guarding
        self._teller = teller
        self._listed: dict[str, Listing] = {}

    def on_listing(self, listing: Listing) -> None:
        """Whether a symbol trades, as the venue said last."""
        self._listed[listing.symbol] = listing

    def look(self, trade: Trade) -> bool:
        """What has changed. False: frozen, nothing can be done."""
        now = self._clock.monotonic()
        if self._freeze(trade):
            return False
        terms = self._guarding.terms(trade)
        assert terms is not None  # a symbol without rules is frozen
        self._look_for_ends(trade, terms, now)
        self._judge(trade, terms, now)
        if trade.size > ZERO:
            self._look_for_price(trade, now)
            self._decide(trade, terms, now)
            self._liquidation(trade)
        return True

    def is_frozen(self, trade: Trade) -> bool:
        rules, listed = self._rules(trade.plan.symbol), self._listed.get(trade.plan.symbol)
        return rules is None or not rules.trading or (listed is not None and not listed.trading)

    def _freeze(self, trade: Trade) -> bool:
        """Nothing can be sent while the symbol does not trade: no countdown runs, and everything goes on when it does."""
        frozen = self.is_frozen(trade)
        if frozen != trade.frozen:
            trade.frozen, trade.dirty = frozen, True
            trade.exposure.since = trade.crossed_at = None
            rules = self._rules(trade.plan.symbol)
            status = f"status {rules.status}" if rules is not None else "not listed"
            symbol = trade.plan.symbol
            if frozen:
                trade.note = f"FROZEN: {symbol} does not trade ({status})"
                text = f"{symbol} does not trade ({status}): {written(trade.size)} is held and cannot be sold; it goes on by itself"
                self._teller.alarm(trade, "FROZEN", text, "error" if trade.size else "warning")
            else:
                trade.note = ""
                self._teller.alarm(
                    trade, "TRADES_AGAIN", f"{symbol} trades again: its position is looked after again", "info"
                )
        return frozen

    def _look_for_ends(self, trade: Trade, terms: Terms, now: float) -> None:
        """Stops that ended without us."""
        self._look_for_targets(trade, terms)
        if trade.closing is not None or trade.uncovered(terms.rules.lot_size) == ZERO:
            trade.missing.clear()
            return
        found = {record.client_id for record in trade.unexplained_ends()}
        trade.missing = {client_id: trade.missing.get(client_id, now) for client_id in sorted(found)}
        for client_id, since in trade.missing.items():
            if now - since >= GONE_SETTLE_S and client_id not in trade.counted:
                trade.counted.add(client_id)
                trade.exposure.vanished(now)
                trade.dirty = True
                policy = self._live.current.trading.naked_policy
                text = (
                    f"{trade.plan.symbol}: stop {client_id} was ended at the venue and not by us; policy {policy} in "
                    f"{self._live.current.trading.naked_alarm_s:.0f} s; move the stop to place another one, or close"
                )
                self._teller.alarm(trade, "STOP_GONE", text, "error")

    def _look_for_targets(self, trade: Trade, terms: Terms) -> None:
        """A target alone that somebody cancelled is not placed again: its share stays with the rest, behind the stop."""
        if terms.style != "SPLIT" or trade.closing is not None or trade.size == ZERO:
            return
        for target in trade.of("target"):
            ended = target.state in ("CANCELLED", "EXPIRED") and target.filled == ZERO
            if ended and not trade.asked_for(target) and target.client_id not in trade.counted:
                trade.counted.add(target.client_id)
                trade.dropped.add(int(tag_of(target)[1]))
                text = (
                    f"{trade.plan.symbol}: target {target.spec.price:f} was cancelled at the venue and not by us; it is not "
                    "placed again, close that part yourself"
                )
                self._teller.alarm(trade, "TARGET_GONE", text, "warning")

    def _look_for_price(self, trade: Trade, now: float) -> None:
        """Without quotes the program sees neither its targets nor a stop that was passed: somebody must know."""
        blind = now - trade.priced_at > BLIND_S
        if blind == trade.blind:
            return
        trade.blind, symbol = blind, trade.plan.symbol
        if blind:
            text = (
                f"{symbol}: no quote for {BLIND_S:.0f} s: what rests at the venue stands, what the program watches (targets of its "
                "own, a late stop, the trail) waits; look at the venue's website"
            )
            self._teller.alarm(trade, "NO_QUOTE", text, "error")
        else:
            self._teller.alarm(trade, "QUOTE_BACK", f"{symbol}: quotes again, its position is looked after", "info")

    def _judge(self, trade: Trade, terms: Terms, now: float) -> None:
        """How long it has been without a stop, and what follows."""
        exposure, trading = trade.exposure, self._live.current.trading
        bare = trade.uncovered(terms.rules.lot_size)
        if bare == ZERO or not sellable(trade.size, trade.worth, terms.rules):
            pending = exposure.since is not None or exposure.refusals or trade.reverts_to is not None
            if pending and not trade.busy and not self._guarding.steps(trade):
                exposure.over()
                trade.reverts_to = None
            return
        if exposure.since is not None and trade.bare_at is not None and not exposure.given_up:
            exposure.since = max(exposure.since, trade.bare_at)  # what is bare now may be younger than what was
        verdict = exposure.judge(now, trading.stop_within_s, trading.naked_alarm_s)
        close = trading.naked_policy == "close"
        if verdict != "DUE" or trade.closing is not None:
            return
        if exposure.told and (
            not close or now < trade.quiet_until
        ):  # a close that was given up, or of a part, is not all
            return
        exposure.told = trade.dirty = True
        what = "it is closed at the market" if close else "it is held as the settings say: move the stop or close it"
        text = f"{trade.plan.symbol}: {bare:f} has no stop since {now - (exposure.since or now):.0f} s; {what}"
        self._teller.alarm(trade, "NAKED", text, "error")
        if close:
            trade.closing = closing_all("NAKED")

    def _decide(self, trade: Trade, terms: Terms, now: float) -> None:
        """Time stop, late stop, the program's own stop and targets, break-even, trail."""
        trading = self._live.current.trading
        late = stop_is_late(trade, self._features, now, trading.escalate_s)
        if trade.closing is not None:
            return
        if not sellable(trade.size, trade.worth, terms.rules):
            trade.dust = late or trade.dust
            return
        naked = trade.exposure.given_up or trade.exposure.told
        exits = now >= trade.quiet_until and not self._guarding.halted()
        seen = exits and not naked and not trade.blind
        if late:
            text = f"{trade.plan.symbol}: the stop was met {trading.escalate_s:.0f} s ago and has not filled; closed at the market"
            self._teller.alarm(trade, "STOP_UNFILLED", text, "error")
            trade.closing = closing_all("STOP_UNFILLED")
        elif naked and program_stop(trade, self._features):
            text = f"{trade.plan.symbol}: the price has passed the stop {trade.stop:f} that does not stand; closed at the market"
            self._teller.alarm(trade, "PROGRAM_STOP", text, "error")
            trade.closing = closing_all("PROGRAM_STOP")
        elif exits and time_is_up(trade, trade.time_ms(now)):
            trade.closing = closing_all("TIME_STOP")
        elif seen and (target := target_met(trade, terms)) is not None:
            trade.closing = target
        elif not naked and now >= trade.move_after and trade.reverts_to is None:
            move = stop_move(trade, terms, self._features, trading)
            if move is not None:
                self._guarding.move(trade, terms, move.stop, move.why)

    def _liquidation(self, trade: Trade) -> None:
        """How near the venue's liquidation price is, in ATR of the plan."""
        if not trade.liquidation or not trade.mark or not trade.plan.atr:
            return
        alert = liquidation.alert(trade.side, trade.mark, trade.liquidation, trade.plan.atr)
        level = _LEVELS[alert]
        if level == trade.liquidation_alert:
            return
        trade.liquidation_alert, trade.dirty = level, True
        if level != "none":
            text = (
                f"{trade.plan.symbol}: mark {trade.mark:f} is {abs(trade.mark - trade.liquidation):f} from liquidation at "
                f"{trade.liquidation:f}; close a part or add margin"
            )
            self._teller.alarm(trade, "LIQUIDATION_NEAR", text, "error" if level == "urgent" else "warning")

    def due(self, trade: Trade) -> bool:
        """Whether something is to be done now."""
        now = self._clock.monotonic()
        if now < trade.wait_until:
            return False
        if self.entry_to_cancel(trade) or self.late_refusals(trade):
            return True
        if trade.closing is not None:
            return trade.leaving == ZERO and now >= trade.closing.wait_until
        waits_s = min(LONGEST_CALM_S, self._live.current.trading.stop_within_s / 3)
        waited = trade.bare_at is not None and now - trade.bare_at >= waits_s  # on a busy book fills never pause
        calm = waited or now - trade.changed_at >= DEBOUNCE_S or not trade.stops
        return calm and bool(self._guarding.steps(trade))

    def entry_to_cancel(self, trade: Trade) -> bool:
        """Whether the entry is to be cancelled now: also one that comes to light, or was refused its cancel, after a halt."""
        now = self._clock.monotonic()
        halted = self._guarding.halted()
        over = entry_is_over(trade, trade.time_ms(now), self._live.current.trading, halted=halted)
        return over and now >= trade.cancel_after

    def late_refusals(self, trade: Trade) -> list[OrderRecord]:
        """Stops the venue took and then rejected."""
        return [stop for stop in trade.of("stop") if stop.state == "REJECTED" and stop.client_id not in trade.counted]

    def is_over(self, trade: Trade) -> bool:
        """Nothing is held that could be sold, and nothing of its family can fill any more."""
        rules, now = self._rules(trade.plan.symbol), self._clock.monotonic()
        if rules is None or any(record.may_fill for record in trade.orders.values()):
            return False
        if trade.entry is None and trade.position is None:
            return now - trade.began_at >= ENTRY_MISSING_S
        return trade.closing is None and not sellable(trade.size, trade.worth, rules)
