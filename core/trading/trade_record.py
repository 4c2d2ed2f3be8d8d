"""The record of an account: its closed trades as its journal tells them, and what they come to. Plain figures; nothing is kept.

The same functions tell the history to the screen and to `tradetui trades`, so that both always say the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import TypeVar

from core.messages import RecordSummary, TradeClosed
from core.trading.journal_records import Entry, Note
from core.trading.journal_replay import replay
from core.trading.order import ZERO
from core.trading.position_book import PositionBook
from core.trading.trade_recovery import recovered
from core.trading.trade_report import trade_closed
from core.venue import Instrument

RESET = "PAPER_RESET"
"""Code of the journal's note that the simulated account began anew: what was before counts no more."""
QUOTES = ("USDT", "USDC", "USD4", "USD", "EUR", "DAI", "BTC", "ETH", "BNB")
"""Quote assets a symbol may end with, where no list of the venue is at hand; the first that fits."""

Amount = TypeVar("Amount", Decimal, float)


def closed_trades(
    entries: Iterable[Entry], rules: Callable[[str], Instrument | None], venue: str, category: str
) -> list[TradeClosed]:
    """Every closed trade of a journal since its newest reset, in the order of their ends.

    `rules` tells base and quote of a symbol. Only trades whose end an older program wrote need it, for their fees.
    """
    since = _since_reset(entries)
    book = PositionBook(rules)
    trades = recovered(since, replay(since).orders, book, 0.0)
    told = (trade_closed(trade, venue, category) for trade in trades.values())
    return sorted((one for one in told if one is not None), key=lambda one: (one.closed_ms, one.trade_id))


def _since_reset(entries: Iterable[Entry]) -> list[Entry]:
    since: list[Entry] = []
    for entry in entries:
        if isinstance(entry.record, Note) and entry.record.code == RESET:
            since.clear()  # refused while anything is open: no trade spans it
        else:
            since.append(entry)
    return since


def summarise(trades: Sequence[TradeClosed]) -> RecordSummary:
    """What trades, in the order of their ends, come to. A win has a result above zero.

    `expectancy` and `drawdown_r` leave out trades whose risk is not known (opened without a stop): they have no R.
    """
    results = [trade.result for trade in trades]
    multiples = [trade.r_multiple for trade in trades if trade.risked > ZERO and math.isfinite(trade.r_multiple)]
    won = sum((result for result in results if result > ZERO), ZERO)
    lost = -sum((result for result in results if result < ZERO), ZERO)
    wins = sum(result > ZERO for result in results)
    return RecordSummary(
        trades=len(trades),
        wins=wins,
        win_rate=wins / len(trades) if trades else math.nan,
        expectancy=math.fsum(multiples) / len(multiples) if multiples else math.nan,
        profit_factor=float(won / lost) if lost else math.nan,
        result=sum(results, ZERO),
        fees=sum((trade.fees for trade in trades), ZERO),
        drawdown=deepest_fall(results, ZERO),
        drawdown_r=deepest_fall(multiples, 0.0),
        since_ms=min((trade.opened_ms for trade in trades), default=0),
    )


def deepest_fall(results: Iterable[Amount], zero: Amount) -> Amount:
    """How far the sum of results fell at most from the highest it had reached; never below `zero`."""
    high, deepest = zero, zero
    for level in accumulate(results, initial=zero):
        high = max(high, level)
        deepest = max(deepest, high - level)
    return deepest


def named_rules(category: str) -> Callable[[str], Instrument | None]:
    """Base and quote of a symbol by its name alone, for reading a journal without the venue. None: no known quote."""

    def rule(symbol: str) -> Instrument | None:
        quote = next((one for one in QUOTES if symbol.endswith(one) and symbol != one), "")
        if not quote:
            return None
        return Instrument(
            venue="", category=category, symbol=symbol, base=symbol.removesuffix(quote), quote=quote, status="",
            trading=False, tick_size=ZERO, lot_size=ZERO, settle=quote if category == "linear" else "",
        )  # fmt: skip

    return rule
