"""Closed trades in words: how one ended, what its slippage was, who opened it, and the account's record in one line."""

from __future__ import annotations

import math
from decimal import Decimal

from core.messages import RecordSummary, TradeClosed, TradeHistory
from tui.format import HIDDEN, LOOKS, fixed, log_time_text, money, price, probability, signed
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Line, width_of

WHY_WORDS = {
    "STOP": "stop", "STOP_UNFILLED": "stop not filled", "BREAK_EVEN": "break-even stop", "TRAIL": "trailing stop",
    "TARGET": "target", "TIME_STOP": "time stop", "NAKED": "no stop at venue", "OPERATOR": "by hand",
    "FLATTEN": "flattened", "OUTSIDE": "closed elsewhere", "DUST": "too little left",
}  # fmt: skip
WHY_SENTENCES = {
    "STOP": "by its stop", "STOP_UNFILLED": "at the market, the price went through the stop and it did not fill",
    "BREAK_EVEN": "by its stop, which had been moved to break even", "TRAIL": "by its stop, which trailed the price",
    "TARGET": "by its target", "TIME_STOP": "at the market, its time was up",
    "NAKED": "at the market, no stop could be placed at the venue", "OPERATOR": "at the market by you",
    "FLATTEN": "at the market, everything was flattened", "OUTSIDE": "outside this program, a liquidation, or the website",
    "DUST": "with too little left to sell",
}  # fmt: skip
BY_WORDS = {
    "operator": "by you", "proposal": "by you, from a proposal", "program": "by the program itself, on paper",
    "no plan": "without a plan: an order filled that had none",
}  # fmt: skip
GAP = "   "


def why_word(trade: TradeClosed) -> str:
    """How it ended, in a word or two."""
    return WHY_WORDS.get(trade.why, trade.why.lower().replace("_", " "))


def by_words(trade: TradeClosed) -> str:
    """Who opened it."""
    return BY_WORDS.get(trade.by.lower(), f"by {trade.by}" if trade.by else "it is not known by whom")


def side_of(trade: TradeClosed) -> str:
    """long or short."""
    return "long" if trade.side == "BUY" else "short"


def look_of(result: Decimal | float) -> str:
    """The style of a result: never the only sign of it, the sign is written too."""
    return "price_up" if result > 0 else "price_down" if result < 0 else "text"


def ratio_text(trade: TradeClosed, glyphs: Glyphs) -> str:
    """The result in units of the risk at entry; missing where that is not known."""
    return signed(trade.r_multiple if trade.risked else None, 2, glyphs=glyphs)


def slippage_words(cost: Decimal, glyphs: Glyphs) -> str:
    """`0.02 worse than planned`: an amount of money over all its orders."""
    if abs(cost) < Decimal("0.005"):
        return "as planned"
    return f"{money(float(abs(cost)), 2, glyphs=glyphs)} {'worse' if cost > 0 else 'better'} than planned"


def duration(milliseconds: int) -> str:
    """`42 s`, `29 min`, `3 h 05 min`, `2 d 4 h`."""
    seconds = max(0, milliseconds // 1000)
    if seconds < 100:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 100:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


# --- the account's record --------------------------------------------------------------------------------------------


def summary_lines(history: TradeHistory, glyphs: Glyphs, width: int, height: int) -> list[Line]:
    """The record in parts, as many as fit on each line; what is left over at the end is left out."""
    lines: list[Line] = [[(" ", "text")]]
    for part in _parts(history, glyphs):
        gap = GAP if width_of(lines[-1]) > 1 else ""
        if width_of(lines[-1]) + len(gap) + width_of(part) > width:
            if len(lines) == height:
                break
            lines.append([(" ", "text")])
            gap = ""
        lines[-1] += [(gap, "text"), *part] if gap else part
    return lines


def _parts(history: TradeHistory, glyphs: Glyphs) -> list[Line]:
    """The most important first."""
    summary = history.summary
    mode = (history.mode, "live" if history.mode == "LIVE" else "paper")
    if not summary.trades:
        return [[mode, (" no closed trade", "bright")]]
    since = log_time_text(summary.since_ms, 0).partition(" ")[0]
    count = "1 trade" if summary.trades == 1 else f"{summary.trades:,} trades"
    rate = f"{summary.win_rate * 100:.0f} %" if math.isfinite(summary.win_rate) else glyphs.missing
    net = money(float(summary.result), 2, history.asset, signed=True, glyphs=glyphs)
    fees = money(float(summary.fees), 2, glyphs=glyphs)
    fall = money(float(summary.drawdown), 2, glyphs=glyphs)
    return [
        [mode, (f" {count}", "bright"), (f" since {since}", "dim")],
        [("won ", "dim"), (rate, "bright"), (f" ({summary.wins:,})", "text")],
        [("expectancy ", "dim"), (f"{signed(summary.expectancy, 2, glyphs=glyphs)} R", _sign(summary.expectancy))],
        [("net ", "dim"), (net, look_of(summary.result))],
        [("deepest fall ", "dim"), (f"{fall}, {price(summary.drawdown_r, 2, glyphs=glyphs)} R", "text")],
        [("profit factor ", "dim"), (_factor(summary, glyphs), "bright")],
        [("fees ", "dim"), (fees, "text")],
    ]


def _factor(summary: RecordSummary, glyphs: Glyphs) -> str:
    return fixed(summary.profit_factor, 2, glyphs=glyphs) if summary.wins < summary.trades else "no loss yet"


def _sign(value: float) -> str:
    return look_of(value) if math.isfinite(value) else "dim"


def matched_words(trades: list[TradeClosed], total: int, text: str, glyphs: Glyphs) -> str:
    """What the trades a filter left come to."""
    result = sum((one.result for one in trades), Decimal(0))
    multiple = math.fsum(one.r_multiple for one in trades if one.risked and math.isfinite(one.r_multiple))
    net = money(float(result), 2, signed=True, glyphs=glyphs)
    return f"{len(trades)} of {total} match {text!r}: {net}, {signed(multiple, 2, glyphs=glyphs)} R together"


def axis_label(asset_decimals: int, *, in_r: bool, glyphs: Glyphs, value: float) -> str:
    """A number at the axis: money is hidden in private mode, R is not."""
    if in_r:
        return f"{signed(value, 1, glyphs=glyphs)} R"
    return HIDDEN if LOOKS.private else signed(value, asset_decimals, glyphs=glyphs)


def chance_words(trade: TradeClosed, glyphs: Glyphs) -> str:
    """The probability it was opened with; empty when none was known."""
    return f"P {probability(trade.probability, glyphs=glyphs)} at entry" if math.isfinite(trade.probability) else ""
