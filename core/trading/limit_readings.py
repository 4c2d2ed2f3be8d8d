"""How much of each limit is used now: read off the account as it stands, with the gates' own figures and answers.

A gate is asked about an entry of nothing: when it denies that, it denies every entry. Each function raises `Missing` while
what it needs is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from core.risk import drawdown, gates_account, gates_loss, gates_market, gates_sending, gates_session, gates_trade
from core.risk.heat import heat as correlated_risk
from core.risk.limits import exact
from core.risk.locks import EVERYTHING, Lock
from core.risk.order_figures import equity, exposure, not_negative, pending, signed_risks
from core.risk.trading_day import TradingDay, allowed_loss
from core.risk.verdict import Missing, need
from core.risk.view import RiskView
from core.settings_risk import RiskSettings
from core.trading.order import ZERO
from core.trading.risk_view import Present

NONE_HELD = "nothing is held or about to be entered"
ALL = "every symbol"


class Now(Struct, frozen=True, kw_only=True):
    """What a limit is read from. `armed_min` is for how long arming lasts, `asset` the currency money is counted in."""

    present: Present
    armed_min: float
    asset: str
    _kinds: list[tuple[tuple[str, ...], int]] = []

    @property
    def kinds(self) -> list[tuple[tuple[str, ...], int]]:
        """Of each symbol of `present.of`: it with its same bets, and how many are held or entered of them. Worked out once."""
        if not self._kinds and self.present.of:
            self._kinds.extend(gates_trade.of_a_kind(view) for view in self.present.of)
        return self._kinds

    @property
    def view(self) -> RiskView:
        return self.present.view

    @property
    def limits(self) -> RiskSettings:
        return self.present.view.limits


class Reading(Struct, frozen=True, kw_only=True):
    """`over`: entries are refused for it. `near`: that far at least, whatever the share. `limit` where it is no fixed one."""

    used: str
    share: float
    over: bool
    words: str = ""
    near: bool = False
    limit: str = ""


def lock_words(lock: Lock, at: Callable[[int], str]) -> str:
    """`SOLUSDT: why, until when`; `at` writes a time."""
    symbol = ALL if lock.symbol == EVERYTHING else lock.symbol
    return f"{symbol}: {lock.reason}, " + (f"until {at(lock.until_ms)}" if lock.until_ms else "until it is resolved")


# --- words and shares ------------------------------------------------------------------------------------------------


def share_text(share: Decimal | float) -> str:
    """A share of one: `42.10 %`."""
    return f"{float(share) * 100:.2f} %"


def part(used: Decimal | float, limit: Decimal | float) -> float:
    """How much of a limit is used; of a limit of nothing all, once anything is."""
    if limit > 0:
        return float(used) / float(limit)
    return 1.0 if used > 0 else 0.0


# --- losses ----------------------------------------------------------------------------------------------------------


def _day(now: Now, limit_of: Callable[[TradingDay], Decimal], text: Callable[[Decimal, TradingDay], str]) -> Reading:
    view, day = now.view, need(now.view.loss.day, "the day's account")
    lost, at_risk = gates_loss.lost_and_at_risk(view)
    limit, worst = limit_of(day), lost + at_risk
    ended = view.now_ms >= day.ends_ms
    words = "with what open stops would lose; then no entries before the next reset" if at_risk > ZERO else ""
    if ended:
        words = "the day is over and the new one has not begun: no entries before it has"
    elif day.latched:
        words = "the day's limit was hit: no entries before the next reset"
    elif worst >= limit:
        words = "no entries: with what open stops would lose the limit is reached"
    over = day.latched or ended or worst >= limit
    return Reading(used=text(max(ZERO, worst), day), share=part(max(ZERO, worst), limit), over=over, words=words)


def daily_loss(now: Now) -> Reading:
    share = exact(now.limits.daily_loss)
    return _day(now, lambda day: allowed_loss(day, share, ZERO), lambda worst, day: share_text(worst / day.equity))


def daily_loss_money(now: Now) -> Reading:
    limit = exact(now.limits.daily_loss_money)
    return _day(now, lambda day: limit, lambda worst, day: money_text(worst, now.asset))


def money_text(value: Decimal, asset: str) -> str:
    """`1,240.00 USDT`."""
    return f"{value:,.2f} {asset}".rstrip()


def _drawdown(now: Now) -> Decimal:
    return not_negative(now.view.loss.drawdown, "drawdown")


def _throttle(now: Now) -> Decimal:
    """What sizes are multiplied by, as when they are worked out."""
    limits = now.limits
    return drawdown.throttle(_drawdown(now), exact(limits.drawdown_throttle), exact(limits.drawdown_halt))


def drawdown_throttle(now: Now) -> Reading:
    share, factor = _drawdown(now), _throttle(now)
    words = f"sizes are multiplied by {factor:.2f}" if factor < 1 else ""
    used = part(share, exact(now.limits.drawdown_throttle))
    return Reading(used=share_text(share), share=used, over=factor < 1, words=words)


def drawdown_halt(now: Now) -> Reading:
    share, gate = _drawdown(now), gates_loss.drawdown(now.view)
    used = part(share, exact(now.limits.drawdown_halt))
    words = "trading is halted: arm (on paper: resume) to measure from here" if gate.words else ""
    return Reading(used=share_text(share), share=used, over=bool(gate.words), words=words)


def streak(now: Now) -> Reading:
    gate, streak = gates_loss.loss_streak(now.view), need(now.view.loss.streak, "loss streak")
    words = gate.words or ("the cool-down is over; the next loss starts it anew" if _full(now) else "")
    used = part(streak.losses, now.limits.loss_streak)
    return Reading(used=str(streak.losses), share=used, over=bool(gate.words), words=words)


def _full(now: Now) -> bool:
    streak = need(now.view.loss.streak, "loss streak")
    return streak.losses >= now.limits.loss_streak


def cool_down(now: Now) -> Reading:
    gate, streak = gates_loss.loss_streak(now.view), need(now.view.loss.streak, "loss streak")
    left = max(0.0, (streak.cool_until_ms - now.view.now_ms) / 60_000)
    words = "no entries until it is over" if gate.words else ""
    return Reading(
        used=f"{left:.0f} min left" if left else "none",
        share=min(1.0, part(left, now.limits.cool_down_min)) if left else 0.0,
        over=bool(gate.words),
        words=words,
    )


# --- exposure --------------------------------------------------------------------------------------------------------


def risk_per_trade(now: Now) -> Reading:
    factor, limits = _throttle(now), now.limits
    wanted, cap = exact(limits.risk_per_trade) * factor, exact(limits.risk_per_trade_cap)
    words = f"{share_text(limits.risk_per_trade)} × {factor:.2f} for the drawdown" if factor < 1 else ""
    over = wanted > cap
    return Reading(
        used=share_text(wanted), share=part(wanted, cap), over=over, words=words, near=factor < 1 or wanted == cap
    )


def max_positions(now: Now) -> Reading:
    count, limit = len(gates_trade.held_or_entered(now.view)), now.limits.max_positions
    words = "full: close one before the next" if count >= limit else ""
    return Reading(used=str(count), share=part(count, limit), over=count >= limit, words=words)


def max_per_symbol(now: Now) -> Reading:
    gates_trade.held_or_entered(now.view)
    limit = now.limits.max_per_symbol
    if not now.kinds:
        return Reading(used="0", share=0.0, over=False, words=NONE_HELD)
    alike, most = max(now.kinds, key=lambda kind: kind[1])
    words = f"{' = '.join(alike)}: no further entry of it" if most >= limit else f"fullest: {' = '.join(alike)}"
    return Reading(used=str(most), share=part(most, limit), over=most >= limit, words=words)


def order_exposure(now: Now) -> Reading:
    worths = {one.symbol: one.quantity * one.price for one in pending(now.view) if one.entry}
    limit = exact(now.limits.order_exposure) * equity(now.view)
    if not worths:
        return Reading(used=share_text(0), share=0.0, over=False, words="no entry waits")
    symbol = max(worths, key=lambda name: worths[name])
    order = replace(need(now.view.order, "order"), quote_quantity=worths[symbol])
    gate = gates_account.order_exposure(replace(now.view, order=order))
    words = f"{symbol}: an order of this size is refused now" if gate.words else f"largest that waits: {symbol}"
    used = share_text(worths[symbol] / equity(now.view))
    return Reading(used=used, share=part(worths[symbol], limit), over=bool(gate.words), words=words)


def symbol_exposure(now: Now) -> Reading:
    worth, limit = equity(now.view), exact(now.limits.symbol_exposure)
    found = [
        (exposure(view, symbols) / equity(view), symbols)
        for view, (symbols, _) in zip(now.present.of, now.kinds, strict=True)
    ]
    if not found:
        return Reading(used=share_text(exposure(now.view) / worth), share=0.0, over=False, words=NONE_HELD)
    share, symbols = max(found)
    words = f"{' + '.join(symbols)}: no further entry of it" if share >= limit else f"fullest: {' + '.join(symbols)}"
    return Reading(used=share_text(share), share=part(share, limit), over=share >= limit, words=words)


def total_exposure(now: Now) -> Reading:
    share, limit = exposure(now.view) / equity(now.view), exact(now.limits.total_exposure)
    words = "full: close or cancel something first" if share >= limit else ""
    return Reading(used=share_text(share), share=part(share, limit), over=share >= limit, words=words)


def heat(now: Now) -> Reading:
    known = need(now.view.account.correlations, "correlations")
    share, limit = correlated_risk(signed_risks(now.view), known) / equity(now.view), exact(now.limits.heat)
    words = "full: close something or bring a stop nearer" if share >= limit else ""
    return Reading(used=share_text(share), share=part(share, limit), over=share >= limit, words=words)


def leverage(now: Now) -> Reading:
    need(now.view.account.positions, "positions")
    if not now.present.of:
        return Reading(used="none", share=0.0, over=False, words=NONE_HELD)
    found = []
    for view in now.present.of:
        gate = gates_account.margin(view)
        found.append((bool(gate.words), need(view.account.leverage, f"leverage of {view.symbol}"), view.symbol, gate))
    over, leverage, symbol, gate = max(found, key=lambda one: one[:3])
    words = f"{symbol}: {gate.words}" if over else f"highest: {symbol}"
    return Reading(used=f"{leverage:f} ×", share=part(leverage, exact(now.limits.max_leverage)), over=over, words=words)


# --- market and clock ------------------------------------------------------------------------------------------------


def clock_skew(now: Now) -> Reading:
    offset = need(now.view.session.clock_offset_ms, "clock offset")
    limit = now.limits.clock_skew_ms
    over = abs(offset) >= limit
    words = "no entries: synchronise this machine's clock" if over else ""
    return Reading(used=f"{abs(offset):.0f} ms", share=part(abs(offset), limit), over=over, words=words)


def clock_age(now: Now) -> Reading:
    age, limit = need(now.view.session.clock_age_s, "age of the clock offset"), now.limits.clock_age_s
    over = not 0 <= age <= limit
    words = "no entries until it is measured again" if over else ""
    return Reading(used=f"{age:.0f} s", share=part(max(0.0, age), limit), over=over, words=words)


def rules_age(now: Now) -> Reading:
    gate, age = gates_market.rules_age(now.view), need(now.view.rules_age_s, "age of the rules")
    words = "no entries until the venue's rules are read again" if gate.words else ""
    # in whole minutes: a figure that moves every second would say nothing more
    used = part(max(0.0, age), now.limits.rules_age_s)
    return Reading(used=f"{age // 60:.0f} min", share=used, over=bool(gate.words), words=words)


def quote_age(now: Now) -> Reading:
    need(now.view.account.positions, "positions")
    if not now.present.of:
        return Reading(used="none", share=0.0, over=False, words=NONE_HELD)
    found = []
    for view in now.present.of:
        try:
            age, limit = gates_market.quote_age_and_limit(view)
        except Missing as missing:
            raise Missing(f"{view.symbol} {missing.name}", None) from missing
        found.append((bool(gates_market.quote_age(view).words), part(age, limit), age, limit, view.symbol))
    over, share, age, limit, symbol = max(found)
    words = f"{symbol}: no entries of it until it is quoted again" if over else f"oldest: {symbol}"
    return Reading(used=f"{age:.1f} s", share=share, over=over, words=words, limit=f"{limit:.1f} s")


# --- sending ---------------------------------------------------------------------------------------------------------


def _budget(view: RiskView, limit: float) -> Reading:
    gate = gates_sending.rate_budget(view)
    used = need(view.budget.used, "rate budget")
    return Reading(used=share_text(used), share=part(used, limit), over=bool(gate.words), words=gate.words)


def entry_budget(now: Now) -> Reading:
    return _budget(now.view, now.limits.entry_budget)


def exit_budget(now: Now) -> Reading:
    return _budget(replace(now.view, act="EXIT"), now.limits.exit_budget)


def entries_a_minute(now: Now) -> Reading:
    gate = gates_sending.order_rate(now.view)
    sent, limit = need(now.view.budget.entries_last_minute, "entries of the last minute"), now.limits.entries_per_minute
    words = "no entry before the oldest is a minute old" if gate.words else ""
    return Reading(used=str(sent), share=part(sent, limit), over=bool(gate.words), words=words)


# --- session ---------------------------------------------------------------------------------------------------------


def armed(now: Now) -> Reading:
    gate, left = gates_session.armed(now.view), now.present.armed_s / 60
    used = part(max(0.0, now.armed_min - left), now.armed_min) if left else 1.0
    words = gate.words
    return Reading(used=f"{left:.0f} min left", share=used, over=bool(gate.words), words=words)


def stream(now: Now) -> Reading:
    gate = gates_session.private_stream(now.view)
    state = need(now.view.session.private_stream, "private stream")
    words = "no entries until it is back and its snapshot is applied" if gate.words else ""
    return Reading(used=state, share=1.0 if gate.words else 0.0, over=bool(gate.words), words=words)


def journal(now: Now) -> Reading:
    gate = gates_session.journal(now.view)
    bad = bool(gate.words)
    return Reading(used="broken" if bad else "written", share=1.0 if bad else 0.0, over=bad, words=gate.words)


def locks(now: Now) -> Reading:
    locks = need(now.view.loss.locks, "locks")
    standing = [lock for lock in locks if lock.until_ms == 0 or now.view.now_ms < lock.until_ms]
    symbols = sorted({ALL if lock.symbol == EVERYTHING else lock.symbol for lock in standing})
    words = f"no entries of {', '.join(symbols)}" if symbols else ""
    return Reading(used=str(len(standing)), share=1.0 if standing else 0.0, over=bool(standing), words=words)
