"""What the operator looks at, put together once per flush for every part of the confluence screen."""

from __future__ import annotations

from typing import NamedTuple

from core.messages import Confluence
from tui.desk import Desk
from tui.looked import Looked
from tui.screening_store import ScreenedRow
from tui.store import MarketRow, ViewStore
from tui.widgets.market_facts import Facts, derive, fault_words, halt_words, loading_words, quiet_words


class Sight(NamedTuple):
    """One symbol on one timeframe at one moment.

    `view` is the pooled view of the timeframe shown, `decision` the one that decides; each None while unknown. `fault`
    says what is wrong with the data, `halted` and `quiet` likewise; empty when nothing is. `screened` holds alerts,
    recommendations and thresholds.
    """

    symbol: str
    timeframe: str
    deciding: str
    row: MarketRow
    store: ViewStore
    looked: Looked
    view: Confluence | None
    decision: Confluence | None
    facts: Facts
    fault: str
    halted: str
    quiet: str
    now_ms: int
    screened: ScreenedRow

    @property
    def decides(self) -> bool:
        """Whether the timeframe shown is the one that decides."""
        return self.timeframe == self.deciding

    @property
    def waiting(self) -> str:
        """Why there is no view yet."""
        engine = self.store.engine
        if engine is not None and engine.phase == "failed":
            return engine.text
        history = self.row.history.get(self.timeframe)
        if self.view is not None or self.halted:
            return self.halted
        if history is not None and not history.ready:
            return f"loading {self.timeframe} history, {history.bars:,} of {history.wanted:,} bars"
        return loading_words(self.row, self.store) if self.decides else f"waiting for the {self.timeframe} view"


def deciding_timeframe(desk: Desk) -> str:
    """The timeframe whose closed bars decide, live edits included."""
    return str(desk.setting("market.decision_timeframe"))


def look(desk: Desk, symbol: str, timeframe: str) -> Sight | None:
    """Everything known now of this symbol and timeframe; None when the symbol is not watched."""
    store, now_ms = desk.store, desk.clock.now_ms()
    row = store.rows.get(symbol)
    if row is None:
        return None
    looked, decision = store.looked, row.confluence
    gone = store.engine.text if store.engine is not None and store.engine.phase == "failed" else ""
    here = (looked.symbol, looked.timeframe) == (symbol, timeframe)
    view = looked.confluence if here else None
    if view is None and decision is not None and decision.timeframe == timeframe:
        view = decision
    return Sight(
        symbol=symbol,
        timeframe=timeframe,
        deciding=deciding_timeframe(desk),
        row=row,
        store=store,
        looked=looked,
        view=view,
        decision=decision,
        facts=derive(row, store, now_ms),
        fault=fault_words(row, store, now_ms) or gone,
        halted=halt_words(row),
        quiet=quiet_words(row, now_ms),
        now_ms=now_ms,
        screened=store.screening.row(symbol),
    )
