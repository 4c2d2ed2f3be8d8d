"""What the operator asks of the order path, each carried out by a task of its own and answered when it is refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace

from core.bus import Bus
from core.clock import Clock
from core.messages import (
    Adopt,
    AnswerItem,
    CancelOrder,
    ClosePosition,
    CloseTicket,
    Command,
    ConfirmTicket,
    EditTicket,
    Flatten,
    Halt,
    MoveStop,
    OpenTicket,
    OpenTrade,
    Reconcile,
    RefreshTicket,
    Refused,
    ResetPaper,
    Resolution,
    ResolveOrder,
    Resume,
)
from core.supervise import Supervisor
from core.trading.journal import Journal
from core.trading.journal_errors import JournalError
from core.trading.journal_records import KeyPressed

if TYPE_CHECKING:
    from core.trading.ceremony import Ceremony
    from core.trading.inbox import InboxKeeper

ORDER_COMMANDS = (
    OpenTrade,
    CancelOrder,
    ClosePosition,
    Flatten,
    Halt,
    Resume,
    MoveStop,
    ResolveOrder,
    Adopt,
    Reconcile,
    ResetPaper,
    OpenTicket,
    EditTicket,
    RefreshTicket,
    ConfirmTicket,
    CloseTicket,
    AnswerItem,
)
"""Every command about orders."""

log = logging.getLogger("tradetui.trading")


def refuse_all(
    bus: Bus,
    clock: Clock,
    venue: str,
    category: str,
    words: str,
    kinds: Iterable[type[Command]] = ORDER_COMMANDS,
) -> None:
    """Answer commands about orders with these words: there is nobody to carry them out."""

    def refuse(command: Command) -> None:
        name = getattr(command, "symbol", "") or getattr(command, "client_id", "")
        bus.publish(
            Refused(
                venue=venue,
                category=category,
                command=type(command).__name__,
                symbol=name,
                words=words,
                at_ms=clock.now_ms(),
            )
        )

    for kind in kinds:
        bus.subscribe(kind, refuse, name="trading.refused")


class Carries(Protocol):
    """Who carries them out. Each returns words of refusal, or nothing."""

    venue: str
    category: str
    ceremony: Ceremony
    inbox: InboxKeeper

    async def open_trade(self, wanted: OpenTrade) -> str:
        """Plan, confirm and send an entry."""

    async def cancel_order(self, client_id: str) -> str:
        """Cancel one of our orders."""

    async def close_position(self, symbol: str, quantity: Decimal) -> str:
        """Close a position, or a part of it."""

    async def flatten(self) -> str:
        """Close everything."""

    def halt(self, why: str) -> Coroutine[Any, Any, str]:
        """Block entries now; the coroutine cancels those that work."""

    async def resume(self) -> str:
        """One step back towards ACTIVE."""

    async def move_stop(self, symbol: str, stop: Decimal) -> str:
        """Put a stop elsewhere."""

    async def resolve(self, client_id: str, verdict: Resolution, note: str) -> str:
        """The operator's word about an order."""

    async def adopt(self, key: str) -> str:
        """The operator accepts the venue's side."""

    async def compare(self) -> str:
        """Compare with the venue."""

    async def reset_paper(self) -> str:
        """Start the simulated account anew."""


class Commands:
    """Hears commands on the bus. `stop` takes no more."""

    def __init__(self, bus: Bus, clock: Clock, journal: Journal, desk: Carries, supervisor: Supervisor) -> None:
        self._bus = bus
        self._clock = clock
        self._journal = journal
        self._desk = desk
        self._supervisor = supervisor
        self._number = 0
        acts: dict[type[Command], Callable[[Any], Coroutine[Any, Any, str]]] = {
            OpenTrade: desk.open_trade,
            CancelOrder: lambda c: desk.cancel_order(c.client_id),
            ClosePosition: lambda c: desk.close_position(c.symbol, c.quantity),
            Flatten: lambda c: desk.flatten(),
            Halt: lambda c: desk.halt(c.why),
            Resume: lambda c: desk.resume(),
            MoveStop: lambda c: desk.move_stop(c.symbol, c.stop),
            ResolveOrder: lambda c: desk.resolve(c.client_id, c.verdict, c.note),
            Adopt: lambda c: desk.adopt(c.key),
            Reconcile: lambda c: desk.compare(),
            ResetPaper: lambda c: desk.reset_paper(),
            OpenTicket: lambda c: desk.ceremony.open(c),
            EditTicket: lambda c: desk.ceremony.edit(c),
            RefreshTicket: lambda c: desk.ceremony.refresh(c.ticket_id),
            ConfirmTicket: lambda c: desk.ceremony.confirm(c),
            CloseTicket: lambda c: desk.ceremony.give_up(c.ticket_id),
            AnswerItem: lambda c: desk.inbox.answer(c.item_id, c.answer, c.minutes),
        }
        self._subscriptions = [
            bus.subscribe(kind, lambda command, act=act: self._begin(command, act), name="trading.commands")  # type: ignore[misc]
            for kind, act in acts.items()
        ]

    def stop(self) -> None:
        """Hear no more."""
        for subscription in self._subscriptions:
            self._bus.unsubscribe(subscription)

    def _begin(self, command: Command, act: Callable[[Any], Coroutine[Any, Any, str]]) -> None:
        """The act begins in this very turn: a halt blocks before anything else runs."""
        name = type(command).__name__
        work = act(command)
        self._number += 1
        self._supervisor.start(f"{name} {self._number}", lambda: self._carry_out(command, name, work), "once")

    async def _carry_out(self, command: Command, name: str, work: Coroutine[Any, Any, str]) -> None:
        symbol, client_id = getattr(command, "symbol", ""), getattr(command, "client_id", "")
        try:
            self._journal.keep(
                KeyPressed(at_ms=self._clock.now_ms(), action=name, client_id=client_id, details=_details(command))
            )
        except JournalError as error:  # closed: only while the program ends
            log.warning("%s not journalled: %s", name, error)
        words = await work
        if words:
            self._bus.publish(
                Refused(
                    venue=self._desk.venue,
                    category=self._desk.category,
                    command=name,
                    symbol=symbol or client_id,
                    words=words,
                    at_ms=self._clock.now_ms(),
                )
            )


def _details(command: Command) -> str:
    """What was asked; never what was typed to authorise it."""
    return str(replace(command, typed="") if isinstance(command, ConfirmTicket) else command)
