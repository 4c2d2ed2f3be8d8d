"""The risk part's memory and every change of it: trading state, limits, day, high-water mark, streak, intents, bans.

Each change is on the disk before the call returns. What a change means is told to the bus by whoever asked for it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from core.atomic_file import DamagedFile, set_aside
from core.bus import Bus
from core.clock import Clock
from core.messages import Fault, OrderAlarm, TradingState
from core.risk import drawdown, limits, locks, trading_day, trading_state
from core.risk.drawdown import HighWater
from core.risk.limits import exact
from core.risk.locks import Lock
from core.risk.trading_day import ResetRule
from core.risk.trading_state import Refused, Standing
from core.settings_risk import RiskSettings
from core.trading import risk_state
from core.trading.order import ZERO
from core.trading.risk_state import DAMAGED, DRAWDOWN, HALTED_BY, RiskState, Sent

CLOSED_KEPT = 500
RECENT_MS = 60_000
SAVE_MARK_S = 10.0
"""A mark or an equity that only moved on is written down this often."""

log = logging.getLogger("tradetui.risk")


class RiskBook:
    """One account's. `paper` arms itself: looser limits count with the reset, and resuming measures the drawdown anew."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        path: Path,
        wanted: RiskSettings,
        venue: str,
        category: str,
        *,
        paper: bool,
        begun: bool = False,
    ) -> None:
        """`begun`: orders were sent before, so that there must be a state already."""
        self._bus = bus
        self._clock = clock
        self._path = path
        self._venue, self._category = venue, category
        self._paper = paper
        self._save_failures = 0
        self._saved_at = clock.monotonic()
        self._unsaved = False
        self.state: RiskState = risk_state.fresh(wanted)
        try:
            self.state = risk_state.load(path, must=begun) or self.state
        except DamagedFile as error:
            self.state = self._lost(error, wanted)
            self._save()
        self.want(wanted)

    @property
    def limits(self) -> RiskSettings:
        """The limits in force."""
        return self.state.limits.effective

    @property
    def rearm_needed(self) -> bool:
        """Looser limits are due and wait for the operator to arm."""
        return self.state.limits.phase == "DUE"

    # --- limits and trading state ------------------------------------------------------------------------------------

    def want(self, wanted: RiskSettings) -> None:
        """The operator asks for these limits: tighter ones count now."""
        if wanted != self.state.limits.wanted:
            self._change(limits=limits.ask(self.state.limits, wanted))

    def tighten(self, to: TradingState, cause: str) -> None:
        """Go there, or stay where it is stricter; the cause is kept."""
        self._stand(trading_state.tighten(self.state.standing, to, cause))

    def settle(self, cause: str) -> None:
        """A cause no longer stands."""
        self._stand(trading_state.settle(self.state.standing, cause))

    def move(self, to: TradingState, who: trading_state.Actor, equity: Decimal | None) -> str:
        """Words of refusal, or empty. An operator who leaves HALTED has seen why it was; paper then measures anew."""
        standing = self.state.standing
        if who == "OPERATOR" and standing.state == "HALTED" and to == "REDUCING":
            seen = (HALTED_BY, DAMAGED)
            standing = Standing(standing.state, tuple(one for one in standing.causes if not one.startswith(seen)))
        if self._paper and who == "OPERATOR" and to == "ACTIVE" and DRAWDOWN in standing.causes:
            if equity is None:
                return "the account is not known yet: wait for its balances before the drawdown is measured anew"
            self._change(high=drawdown.rearm(equity))
            standing = trading_state.settle(standing, DRAWDOWN)
        moved = trading_state.move(standing, to, who)
        if isinstance(moved, Refused):
            return moved.words
        self._stand(moved)
        return ""

    def arm(self, equity: Decimal | None) -> str:
        """The operator arms: looser limits that are due count, a halted drawdown is measured from here. Words, or empty."""
        high = self.state.high
        if high is not None and high.halted:
            if equity is None:
                return "the account is not known yet: wait for its balances, then arm"
            high = drawdown.rearm(equity)
        standing = trading_state.settle(self.state.standing, DRAWDOWN)
        self._change(limits=limits.arm(self.state.limits), high=high, standing=standing)
        return ""

    def begin_anew(self) -> None:
        """The account is another one: nothing was lost on it. Limits and the causes others gave stay."""
        causes = tuple(one for one in self.state.standing.causes if not one.startswith(risk_state.OWN))
        state: TradingState = "REDUCING" if causes else "ACTIVE"
        self.state = RiskState(limits=self.state.limits, standing=Standing(state, causes))
        self._save()

    # --- the day, the mark, the streak -------------------------------------------------------------------------------

    def observe(self, equity: Decimal, results: Mapping[str, Decimal]) -> None:
        """The account as it stands, with what each open trade has brought. Begins days, sets latches, halts."""
        now_ms, effective = self._clock.now_ms(), self.limits
        self._roll(now_ms, equity, results)
        day, high = self.state.day, self.state.high
        assert day is not None
        unrealised = self.unrealised(results)
        seen_day = trading_day.observe(day, unrealised, exact(effective.daily_loss), exact(effective.daily_loss_money))
        seen_high = drawdown.observe(high or HighWater(equity), equity, exact(effective.drawdown_halt))
        latched, halted = seen_day.latched and not day.latched, seen_high.halted and not (high and high.halted)
        if latched or halted or high is None:
            self._change(day=seen_day, high=seen_high, equity=equity)
        elif seen_high != high or equity != self.state.equity:
            self._later(high=seen_high, equity=equity)
        if latched:
            lost = trading_day.loss_so_far(seen_day, unrealised)
            self._alarm("DAILY_LOSS", f"the day has lost {lost:.2f}, its limit is reached: no entries before the reset")
        if halted:
            share = drawdown.drawdown(seen_high, equity)
            self.tighten("HALTED", DRAWDOWN)
            self._alarm(
                "DRAWDOWN", f"equity {equity:.2f} is {share:.1%} below its mark {seen_high.mark:.2f}: trading is halted"
            )

    def unrealised(self, results: Mapping[str, Decimal]) -> Decimal:
        """What open trades have brought since the reset, costs included."""
        carried = self.state.carried
        return sum((result - carried.get(trade, ZERO) for trade, result in results.items()), ZERO)

    def transferred(self, equity_before: Decimal, amount: Decimal) -> None:
        """A deposit, or (negative) a withdrawal: no performance."""
        if self.state.high is not None and amount != ZERO:
            self._change(high=drawdown.transfer(self.state.high, equity_before, amount), equity=equity_before + amount)

    def trade_closed(self, trade_id: str, result: Decimal) -> None:
        """A trade is over; told twice it counts once."""
        if trade_id in self.state.closed:
            return
        now_ms, effective, day = self._clock.now_ms(), self.limits, self.state.day
        carried = dict(self.state.carried)
        today = result - carried.pop(trade_id, ZERO)
        closed = (*self.state.closed, trade_id)[-CLOSED_KEPT:]
        self._change(
            streak=locks.after_trade(self.state.streak, result, now_ms, effective.loss_streak, effective.cool_down_min),
            day=replace(day, realised=day.realised + today) if day is not None else None,
            carried=carried,
            closed=closed,
            counted={name: self.state.counted[name] for name in closed if name in self.state.counted}
            | {trade_id: result},
        )

    def reopened(self, trade_id: str) -> bool:
        """A trade that is told of goes on. One that had been counted counts anew, with what it brings from there on.

        False: it was counted by a version that did not keep with what.
        """
        if trade_id not in self.state.closed:
            return True
        counted = dict(self.state.counted)
        if trade_id not in counted:
            return False
        carried = self.state.carried | {trade_id: counted.pop(trade_id)}
        closed = tuple(name for name in self.state.closed if name != trade_id)
        self._change(closed=closed, counted=counted, carried=carried)
        return True

    def _roll(self, now_ms: int, equity: Decimal, results: Mapping[str, Decimal]) -> None:
        day = self.state.day
        rule = ResetRule(self.limits.reset_time, self.limits.reset_zone)
        if day is None:
            self._change(day=trading_day.TradingDay(equity=equity, ends_ms=rule.next_after(now_ms)))
            return
        if now_ms < day.ends_ms:
            return
        book = limits.reset(self.state.limits)
        book = limits.arm(book) if self._paper else book
        rule = ResetRule(book.effective.reset_time, book.effective.reset_zone)
        self._change(limits=book, day=trading_day.roll(day, now_ms, equity, rule), carried=dict(results))

    # --- sending -----------------------------------------------------------------------------------------------------

    def sent(self, key: str, at_ms: int, *, entry: bool) -> None:
        """An intent is on its way. Not waited for: the journal holds it too."""
        keep_ms = max(RECENT_MS, round(self.limits.duplicate_window_s * 1000))
        kept = tuple(one for one in self.state.recent if at_ms - one.at_ms < keep_ms)
        self._later(recent=(*kept, Sent(key, at_ms, entry)))

    def banned(self, until_ms: int) -> None:
        """The venue asks for silence until then (0: no longer)."""
        if until_ms != self.state.banned_until_ms:
            self._change(banned_until_ms=until_ms)

    def locks_are(self, standing: tuple[Lock, ...]) -> None:
        """These locks keep entries away."""
        self._change(locks=standing)

    # --- keeping -----------------------------------------------------------------------------------------------------

    def keep(self, *, now: bool = False) -> None:
        """Write down what only moved on, if it is time."""
        if self._unsaved and (now or self._clock.monotonic() - self._saved_at >= SAVE_MARK_S):
            self._save()

    def _stand(self, standing: Standing) -> None:
        if standing != self.state.standing:
            log.warning(
                "trading state %s: %s", standing.state, "; ".join(standing.causes) or "nothing stands against it"
            )
            self._change(standing=standing)

    def _change(self, **fields: Any) -> None:
        after = replace(self.state, **fields)
        if after != self.state:
            self.state = after
            self._save()

    def _later(self, **fields: Any) -> None:
        self.state = replace(self.state, **fields)
        self._unsaved = True

    def _save(self) -> None:
        """Fallback when the disk refuses: the state holds in memory, and it is told that a restart would loosen it."""
        self._saved_at, self._unsaved = self._clock.monotonic(), False
        try:
            risk_state.save(self._path, self.state)
        except OSError as error:
            self._save_failures += 1
            self._unsaved = True
            text = f"{self._path} cannot be written ({error.strerror or error}): free the disk, a restart would forget limits"
            self._bus.publish(Fault(source="risk", message=text, count=self._save_failures, at_ms=self._clock.now_ms()))

    def _lost(self, error: DamagedFile, wanted: RiskSettings) -> RiskState:
        """What the day lost and how far equity fell is not known any more: halted until a person has looked."""
        try:
            place = f"it was set aside as {set_aside(self._path, self._clock.now_ms()).name}"
        except OSError as refused:
            place = f"it could not be set aside ({refused.strerror or refused})"
        text = f"{DAMAGED}: {self._path} {error}; {place}; the day's loss and the drawdown begin anew when trading is resumed"
        log.error("%s", text)
        self._alarm("RISK_STATE", text)
        return replace(risk_state.fresh(wanted), standing=Standing("HALTED", (text,)))

    def _alarm(self, code: str, text: str) -> None:
        self._bus.publish(
            OrderAlarm(
                venue=self._venue, category=self._category, symbol="", code=code, text=text, severity="error",
                at_ms=self._clock.now_ms(),
            )
        )  # fmt: skip
