"""Every limit with a present use, in the order they are shown. Adding one is one row in `ROWS`."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from core.messages import LimitUse, UseLevel
from core.risk.limits import exact
from core.risk.verdict import Missing
from core.settings_risk import RiskSettings
from core.trading import limit_readings as read
from core.trading.limit_readings import Now, Reading, money_text, share_text

NEAR = 0.8
"""From this share of a limit on it is near."""
NAN = float("nan")


class Row(Struct, frozen=True, kw_only=True):
    """One limit. `then`: what follows when it is reached. `read` raises `Missing`. `stands`: whether there is such a limit."""

    code: str
    label: str
    group: str
    then: str
    limit: Callable[[Now], str]
    read: Callable[[Now], Reading]
    stands: Callable[[Now], bool] = lambda now: True
    money: bool = False


def use(row: Row, now: Now) -> LimitUse:
    """The limit with its present use. What is not known is said in words; any other failure is the caller's."""
    limit = row.limit(now)
    try:
        found = row.read(now)
    except Missing as missing:
        what = str(missing)
        if what.endswith(" is not known"):
            what = f"not known yet: {missing.name}"
        return unknown(row, limit, f"{what}; entries wait")
    level: UseLevel = "over" if found.over else "near" if found.near or found.share >= NEAR else "ok"
    return LimitUse(
        code=row.code,
        label=row.label,
        group=row.group,
        used=found.used,
        limit=found.limit or limit,
        share=round(found.share, 3),
        level=level,
        words=found.words or row.then,
        money=row.money,
    )


def unknown(row: Row, limit: str, words: str) -> LimitUse:
    """The limit while nobody can say how much of it is used."""
    return LimitUse(
        code=row.code, label=row.label, group=row.group, used="", limit=limit, share=NAN, level="unknown", words=words,
        money=row.money,
    )  # fmt: skip


def _row(code: str, label: str, group: str, then: str, limit: str | Callable[[RiskSettings], str],
         reads: Callable[[Now], Reading], stands: Callable[[Now], bool] = lambda now: True) -> Row:  # fmt: skip
    text: Callable[[Now], str] = (lambda now: limit(now.limits)) if callable(limit) else (lambda now: limit)
    return Row(code=code, label=label, group=group, then=then, limit=text, read=reads, stands=stands)


def _live(now: Now) -> bool:
    return now.view.session.mode == "live"


LOSSES, EXPOSURE, MARKET, SENDING, SESSION = "losses", "exposure", "market and clock", "sending", "session"
ROWS: tuple[Row, ...] = (
    _row("daily_loss", "daily loss", LOSSES, "then no entries before the next reset",
         lambda limits: share_text(limits.daily_loss), read.daily_loss),
    Row(code="daily_loss_money", label="daily loss in money", group=LOSSES,
        then="then no entries before the next reset",
        limit=lambda now: money_text(exact(now.limits.daily_loss_money), now.asset), read=read.daily_loss_money, money=True,
        stands=lambda now: now.limits.daily_loss_money > 0),
    _row("drawdown_throttle", "drawdown, throttle", LOSSES, "then sizes shrink",
         lambda limits: share_text(limits.drawdown_throttle), read.drawdown_throttle),
    _row("drawdown_halt", "drawdown, halt", LOSSES, "then trading is halted",
         lambda limits: share_text(limits.drawdown_halt), read.drawdown_halt),
    _row("loss_streak", "losses in a row", LOSSES, "then a cool-down without entries",
         lambda limits: str(limits.loss_streak), read.streak),
    _row("cool_down_min", "cool-down", LOSSES, "no entries while it lasts",
         lambda limits: f"{limits.cool_down_min:.0f} min", read.cool_down),
    _row("risk_per_trade", "risk per trade now", EXPOSURE, "the most one trade may risk",
         lambda limits: share_text(limits.risk_per_trade_cap), read.risk_per_trade),
    _row("max_positions", "positions", EXPOSURE, "then no further entry",
         lambda limits: str(limits.max_positions), read.max_positions),
    _row("max_per_symbol", "of one symbol", EXPOSURE, "then no further entry of it",
         lambda limits: str(limits.max_per_symbol), read.max_per_symbol),
    _row("order_exposure", "order exposure", EXPOSURE, "a larger order is refused",
         lambda limits: share_text(limits.order_exposure), read.order_exposure),
    _row("symbol_exposure", "symbol exposure", EXPOSURE, "then no further entry of it",
         lambda limits: share_text(limits.symbol_exposure), read.symbol_exposure),
    _row("total_exposure", "total exposure", EXPOSURE, "then no further entry",
         lambda limits: share_text(limits.total_exposure), read.total_exposure),
    _row("heat", "heat", EXPOSURE, "then only what hedges", lambda limits: share_text(limits.heat), read.heat),
    _row("max_leverage", "leverage", EXPOSURE, "above it no entry of the symbol",
         lambda limits: f"{limits.max_leverage:g} ×", read.leverage, lambda now: now.present.perpetual),
    _row("clock_skew_ms", "clock skew", MARKET, "then no entries",
         lambda limits: f"{limits.clock_skew_ms:.0f} ms", read.clock_skew),
    _row("clock_age_s", "clock measured", MARKET, "then no entries until it is measured again",
         lambda limits: f"{limits.clock_age_s:.0f} s", read.clock_age),
    _row("rules_age_s", "rules read", MARKET, "then no entries until they are read again",
         lambda limits: f"{limits.rules_age_s / 60:.0f} min", read.rules_age),
    _row("quote_age_s", "oldest quote", MARKET, "then no entries of that symbol",
         lambda limits: f"{limits.quote_age_s:.1f} s", read.quote_age),
    _row("entry_budget", "rate, entries", SENDING, "then entries wait",
         lambda limits: share_text(limits.entry_budget), read.entry_budget),
    _row("exit_budget", "rate, exits", SENDING, "then targets and time stops wait",
         lambda limits: share_text(limits.exit_budget), read.exit_budget),
    _row("entries_per_minute", "entries a minute", SENDING, "then the next one waits",
         lambda limits: str(limits.entries_per_minute), read.entries_a_minute),
    Row(code="armed", label="armed", group=SESSION, then="then no real entries until trading is armed again",
        limit=lambda now: f"{now.armed_min:.0f} min", read=read.armed, stands=_live),
    _row("private_stream", "private stream", SESSION, "no entries without it", "", read.stream),
    _row("journal", "journal", SESSION, "nothing is sent that cannot be written first", "", read.journal),
    _row("locks", "locks", SESSION, "no entries of a locked symbol", "", read.locks),
)  # fmt: skip
"""In the order they are shown."""
