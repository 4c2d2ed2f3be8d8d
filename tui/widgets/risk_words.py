"""What each limit counts and what follows when it is reached, in sentences; and how its level looks."""

from __future__ import annotations

import msgspec

from core.messages import LimitUse, RiskStatus, UseLevel
from core.settings_risk import RiskSettings
from tui.format import HIDDEN, LOOKS
from tui.glyphs import Glyphs

KNOBS = frozenset(field.name for field in msgspec.structs.fields(RiskSettings))
ELSEWHERE = {"armed": "trading.armed_min"}
"""Lines whose setting stands in another section."""
LOOK: dict[UseLevel, str] = {"ok": "text", "near": "warn", "over": "danger", "unknown": "stale"}
LEVEL_WORDS: dict[UseLevel, str] = {
    "ok": "within the limit", "near": "near the limit", "over": "reached", "unknown": "not known",
}  # fmt: skip
EXPLAINED = {
    "daily_loss": (
        "Counts what closed trades lost today with costs, what open ones stand at, and what their stops would still lose; "
        "as a share of the equity the day began with.",
        "An order that could take the day beyond it is refused. Once the loss itself is there, no entry passes before the "
        "next reset, whatever the market gives back.",
    ),
    "daily_loss_money": (
        "The same loss in money. The smaller of the two limits counts.",
        "No entry passes before the next reset. A setting of 0 takes this limit away.",
    ),
    "drawdown_throttle": (
        "How far equity is below its highest mark; deposits and withdrawals move the mark and are no loss.",
        "From here on sizes shrink in a straight line, to nothing where trading halts.",
    ),
    "drawdown_halt": (
        "How far equity is below its highest mark.",
        "Trading is HALTED and stays so. Arming (on paper: resuming) measures from the equity there is then.",
    ),
    "loss_streak": (
        "Closed trades that lost, one after the other. A gain ends the count.",
        "A cool-down without entries begins; every further loss begins it anew.",
    ),
    "cool_down_min": ("How long entries still stay away after losses in a row.", "Entries pass again when it is over."),
    "risk_per_trade": (
        "The share of equity the next trade loses at its stop, with costs, after the drawdown's throttle. The limit is "
        "risk.risk_per_trade_cap.",
        "A larger size is cut down, and an order above the cap is refused.",
    ),
    "max_positions": ("Open positions and entries that wait.", "A further entry is refused until one is closed."),
    "max_per_symbol": (
        "Positions and waiting entries of one symbol with its same bets; the fullest one is shown.",
        "A further entry of these symbols is refused; others pass.",
    ),
    "order_exposure": (
        "The largest entry that waits, as a share of equity.",
        "An order larger than this is refused. Positions do not count here.",
    ),
    "symbol_exposure": (
        "What is held and waits of one symbol with its same bets, as a share of equity; the fullest one is shown.",
        "An order that would take the symbol beyond it is refused.",
    ),
    "total_exposure": (
        "Everything held and every entry that waits, as a share of equity.",
        "An order that would take it beyond is refused.",
    ),
    "heat": (
        "What everything held would lose at its stops together, correlations counted, as a share of equity.",
        "An order that would take it beyond is refused; what hedges may pass.",
    ),
    "max_leverage": (
        "Leverage as set at the venue for symbols held or about to be entered; the highest is shown.",
        "An entry of a symbol set above it is refused: lower it at the venue.",
    ),
    "clock_skew_ms": (
        "How far this machine's clock is from the venue's.",
        "Entries are refused: the venue would drop orders, and ages could not be trusted. Synchronise the clock.",
    ),
    "clock_age_s": ("When the clocks were last compared.", "Entries are refused until they are compared again."),
    "rules_age_s": (
        "When ticks, lots and filters were last read from the venue.",
        "Entries are refused until they are read again; the program tries by itself.",
    ),
    "quote_age_s": (
        "The oldest quote of the symbols held or about to be entered. Where quotes come seldom the limit is risk.quote_gaps "
        "of the usual gaps.",
        "Entries of that symbol are refused until it is quoted again.",
    ),
    "entry_budget": (
        "How much of the venue's request limit is used.",
        "Entries wait; exits, stops and cancels still pass.",
    ),
    "exit_budget": (
        "The same budget, as far as targets and time stops may use it.",
        "They wait; the rest of the budget is kept for stops, flattening and cancels.",
    ),
    "entries_per_minute": ("Entries sent within the last minute.", "The next one is refused until the oldest is a minute old."),
    "armed": (
        "How long real entries may still be sent. Stops and exits need no arming.",
        "Real entries are refused until trading is armed again. Looser limits that are due count from then.",
    ),
    "private_stream": (
        "Whether our own orders and balances are followed without a gap.",
        "Entries and targets are refused until it is back and its snapshot is applied.",
    ),
    "journal": (
        "Whether what is about to be sent can be written down first.",
        "Nothing is sent. Free the disk, or repair the journal as the message says.",
    ),
    "locks": (
        "Symbols kept shut: an order whose outcome nobody knows, a quarantine, the operator.",
        "Entries of the symbol are refused until the lock is resolved or its time is over.",
    ),
}  # fmt: skip
"""By code: what is counted, and what follows."""
UNEXPLAINED = ("A limit this screen has no words for.", "Entries are refused when it is reached.")


def mark(level: UseLevel, glyphs: Glyphs) -> str:
    """✓ ! ✗ ?"""
    return {"ok": glyphs.yes, "near": glyphs.alert, "over": glyphs.no, "unknown": "?"}[level]


def setting_of(use: LimitUse) -> str:
    """`section.key` of the setting that sets it; empty: there is none."""
    return f"risk.{use.code}" if use.code in KNOBS else ELSEWHERE.get(use.code, "")


def used_text(use: LimitUse, glyphs: Glyphs) -> str:
    """What is used; the operator's own amounts are hidden in private mode."""
    return (use.used and _hidden(use)) or use.used or glyphs.missing


def limit_text(use: LimitUse, glyphs: Glyphs) -> str:
    """What is allowed."""
    return (use.limit and _hidden(use)) or use.limit or ("" if use.level != "unknown" else glyphs.missing)


def share_text(use: LimitUse, glyphs: Glyphs) -> str:
    """`61 %`."""
    return f"{use.share * 100:.0f} %" if use.share == use.share else glyphs.missing


def waits_for(status: RiskStatus, use: LimitUse) -> str:
    """The looser value that is not in force yet, and from when: `0.03 → 0.05: once ...`; empty: none."""
    key = setting_of(use)
    return next((text.removeprefix(f"{key} ") for text in status.waiting if text.startswith(f"{key} ")), "")


def _hidden(use: LimitUse) -> str:
    return HIDDEN if use.money and LOOKS.private else ""
