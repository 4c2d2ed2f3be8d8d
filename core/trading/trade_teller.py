"""How the outside hears of trades: alarms, notes in the journal, positions on the bus."""

from __future__ import annotations

import logging
from collections.abc import Callable

from core.bus import Bus
from core.clock import Clock
from core.messages import OrderAlarm, Severity
from core.settings_live import LiveSettings
from core.trading.broker import Features
from core.trading.journal import Journal
from core.trading.journal_errors import JournalError
from core.trading.journal_records import Note, Record
from core.trading.order import ZERO
from core.trading.protection import Terms
from core.trading.trade import Trade
from core.trading.trade_report import Moment, position_status, trade_closed

log = logging.getLogger("tradetui.trading")


class Teller:
    """One account. `terms` tells what is to be protected of a trade."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        journal: Journal,
        features: Features,
        venue: str,
        category: str,
        terms: Callable[[Trade], Terms | None],
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._journal = journal
        self._features = features
        self._venue = venue
        self._category = category
        self._terms = terms

    def moment(self) -> Moment:
        """Now, with what is in force."""
        return Moment(
            venue=self._venue, category=self._category, now=self._clock.monotonic(), now_ms=self._clock.now_ms(),
            trading=self._live.current.trading, features=self._features,
        )  # fmt: skip

    def position(self, trade: Trade) -> None:
        """Publish the position; what never held anything is none."""
        trade.dirty, trade.shown_at = False, self._clock.monotonic()
        if trade.size > ZERO or (trade.position is not None and trade.ended is not None):
            self._bus.publish(position_status(trade, self._terms(trade), self.moment()))

    def closed(self, trade: Trade) -> None:
        """Publish the end of a trade that held something."""
        self.position(trade)
        message = trade_closed(trade, self._venue, self._category)
        if message is not None:
            self._bus.publish(message)

    def alarm(self, trade: Trade, code: str, text: str, severity: Severity) -> None:
        """Somebody must hear of this; it is written down as well."""
        trade.dirty = True
        self.note(trade, code, text)
        self._bus.publish(
            OrderAlarm(
                venue=self._venue, category=self._category, symbol=trade.plan.symbol, code=code, text=text,
                client_id=trade.trade_id, severity=severity, at_ms=self._clock.now_ms(),
            )
        )  # fmt: skip

    def note(self, trade: Trade, code: str, text: str) -> None:
        """A line in the journal about a trade."""
        self.keep(Note(at_ms=self._clock.now_ms(), code=code, text=text, client_id=trade.trade_id))

    def keep(self, record: Record) -> None:
        """Write down what has happened; only a journal that is closed, while the program ends, takes it no more."""
        try:
            self._journal.keep(record)
        except JournalError as error:
            log.warning("not journalled: %s", error)
