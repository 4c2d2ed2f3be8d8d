"""The order ticket: what the operator reviews, weighs and authorises, step by step, until exactly that order is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.bus import Bus
from core.clock import Clock
from core.messages import ConfirmTicket, EditTicket, OpenTicket, OpenTrade
from core.settings_live import LiveSettings
from core.trading.authority import authorise
from core.trading.draft import Submission
from core.trading.opening import Unfit

if TYPE_CHECKING:
    from core.trading.desk import TradingDesk


class Ceremony:
    """At most one ticket of one account. Each method returns words of refusal, or nothing."""

    def __init__(self, bus: Bus, clock: Clock, live: LiveSettings, desk: TradingDesk) -> None:
        self._bus = bus
        self._clock = clock
        self._live = live
        self._desk = desk

    async def run(self) -> None:
        """Watch the open ticket until cancelled."""

    async def open(self, wanted: OpenTicket) -> str:
        """Open a ticket, or come back to the one that is open."""
        return "not yet"

    async def edit(self, change: EditTicket) -> str:
        """Change a part of it."""
        return "not yet"

    async def refresh(self, ticket_id: str) -> str:
        """Plan it anew."""
        return "not yet"

    async def confirm(self, confirmed: ConfirmTicket) -> str:
        """Yes to the step that is shown."""
        return "not yet"

    async def give_up(self, ticket_id: str) -> str:
        """Close it."""
        return "not yet"

    def drop(self, why: str) -> None:
        """The account is left, or disarmed: an open ticket ends."""

    async def send_now(self, wanted: OpenTrade, by: str = "operator") -> Submission:
        """On paper the command is the confirmation; with real money it is refused."""
        desk = self._desk
        if desk.broker.mode != "PAPER":
            words = "real orders need their confirmation steps; this command opens trades on paper alone"
            return Submission(sent=False, code="CEREMONY", words=words)
        try:
            proposal = desk.propose(wanted, by)
        except Unfit as error:
            return Submission(sent=False, code="UNFIT", words=str(error))
        return await desk.send_entry(proposal, authorise(proposal.draft.spec, self._clock.now_ms()))
