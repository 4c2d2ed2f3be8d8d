"""Closed trades of one account, from its journal, and what they come to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from core.bus import Bus
from core.clock import Clock
from core.messages import Replay, TradeClosed, TradeHistory
from core.trading.broker import Mode
from core.trading.journal import Journal
from core.trading.journal_errors import JournalError
from core.trading.journal_records import Note
from core.trading.trade_record import RESET, closed_trades, summarise
from core.venue import Instrument

TOLD = 500
"""Newest trades a message carries; the summary is over all."""
EMPTY = summarise(())

log = logging.getLogger("tradetui.trading")


class TradeHistoryBook:
    """Publishes `TradeHistory` at start, after every trade that closed, and on `Replay`.

    `open` before the order path runs. A trade counts once: one that closes again, after a late fill, takes the place of
    what was told of it before.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        journal: Journal,
        venue: str,
        category: str,
        mode: Mode,
        account: str,
        asset: Callable[[], str],
    ) -> None:
        self.summary = EMPTY
        self._bus = bus
        self._clock = clock
        self._journal = journal
        self._venue, self._category = venue, category
        self._mode: Mode = mode
        self._account = account
        self._asset = asset
        self._trades: dict[str, TradeClosed] = {}
        """By trade id, in the order of their ends."""
        bus.subscribe(TradeClosed, self._on_closed, name="history.closed")
        bus.subscribe(Replay, lambda _: self.publish(), name="history.replay")

    async def open(self, rules: Callable[[str], Instrument | None]) -> None:
        """Every trade of the journal. A journal of years takes a second to read: not on the loop."""
        entries = self._journal.entries
        for trade in await asyncio.to_thread(closed_trades, entries, rules, self._venue, self._category):
            self._trades[trade.trade_id] = trade
        self._sum_up()

    @property
    def trades(self) -> tuple[TradeClosed, ...]:
        """All of them, oldest end first."""
        return tuple(self._trades.values())

    def begin_anew(self) -> None:
        """The simulated account was reset: its history is another one from here on, also after the next start."""
        note = Note(at_ms=self._clock.now_ms(), code=RESET, text=f"{self._account} begins anew")
        try:
            self._journal.keep(note)
        except JournalError as error:  # fallback: anew until the program ends; the next start tells the old trades too
            log.error("the reset was not journalled: %s", error)
        self._trades.clear()
        self._sum_up()

    def publish(self) -> None:
        """Tell the newest trades and the summary."""
        self._bus.publish(
            TradeHistory(
                venue=self._venue, category=self._category, mode=self._mode, account=self._account, asset=self._asset(),
                trades=tuple(self._trades.values())[-TOLD:], summary=self.summary, at_ms=self._clock.now_ms(),
            )
        )  # fmt: skip

    def _on_closed(self, closed: TradeClosed) -> None:
        self._trades.pop(closed.trade_id, None)
        self._trades[closed.trade_id] = closed
        self._sum_up()

    def _sum_up(self) -> None:
        self.summary = summarise(tuple(self._trades.values()))
        self.publish()
