"""What waits for the operator: proposals, fills and alarms, until each is acknowledged, dismissed or snoozed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from core.bus import Bus
from core.clock import Clock
from core.messages import Answer, InboxItem, OpenTrade
from core.settings_live import LiveSettings
from core.trading.broker import Mode
from core.trading.draft import Submission
from core.trading.journal import Journal

SendNow = Callable[[OpenTrade, str], Awaitable[Submission]]


class InboxKeeper:
    """One account's. `send_now` opens a proposal on paper without being asked, where the settings say so."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        journal: Journal,
        venue: str,
        category: str,
        mode: Mode,
        send_now: SendNow,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._journal = journal
        self._venue, self._category, self._mode = venue, category, mode
        self._send_now = send_now

    async def run(self) -> None:
        """Let items come back and run out, until cancelled."""

    def find(self, item_id: str) -> InboxItem | None:
        """An item that waits or is snoozed."""
        return None

    def taken(self, item_id: str) -> None:
        """A proposal was sent as an order."""

    async def answer(self, item_id: str, answer: Answer, minutes: float) -> str:
        """The operator's word; words of refusal, or nothing."""
        return "not yet"
