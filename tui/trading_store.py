"""What the screens know of orders, positions and the account: the newest message of each, and bounded rings of what happened.

A part of the view store. `version` counts anything worth painting on the Orders screen. Orders that have ended are kept as far
as `ENDED_SHOWN` goes, so that a session of days does not grow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from core.messages import (
    AccountOpened,
    AccountStatus,
    Discrepancy,
    Execution,
    GateReport,
    HaltReport,
    Inbox,
    Message,
    OrderAlarm,
    OrderState,
    OrderStatus,
    PositionStatus,
    Refused,
    RiskStatus,
    SessionStatus,
    TicketStatus,
    TradeClosed,
    TradeHistory,
)

Say = Callable[[str, str, int], None]
"""One line for the operator: text, severity, time."""

ENDED: frozenset[OrderState] = frozenset({"VOID", "FILLED", "CANCELLED", "EXPIRED", "REJECTED", "FAILED_CONFIRMED"})
"""Nothing of these can fill any more, as far as is known."""
ENDED_SHOWN = 100
"""Ended orders kept; those that may still fill always are."""
ORDERS_MOST = 200
"""Above this ended ones are forgotten."""
GATES_KEPT = 200
AWAY = "WHILE_AWAY"
"""Code of the alarm that tells at start what happened since the last end."""


class TradingStore:
    """Built by `ViewStore`; only the pump writes to it. `say` shows one line to the operator."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.accounts = 0
        """Counts accounts that came into force."""
        self.account: AccountStatus | None = None
        self.orders: dict[str, OrderStatus] = {}
        """By client id; foreign ones without one by the venue's id."""
        self.positions: dict[str, PositionStatus] = {}
        """Open ones by trade id."""
        self.discrepancies: dict[str, Discrepancy] = {}
        """Those not settled, by key."""
        self.gates: dict[str, GateReport] = {}
        """By client id, of the newest orders."""
        self.halt: HaltReport | None = None
        self.alarms: deque[OrderAlarm] = deque(maxlen=100)
        self.executions: deque[Execution] = deque(maxlen=200)
        self.closed: deque[TradeClosed] = deque(maxlen=50)
        self.away: list[OrderAlarm] = []
        """What happened while the program did not run, as told at start."""
        self.ticket: TicketStatus | None = None
        """The newest ticket, closed or not."""
        self.inbox: Inbox | None = None
        self.session: SessionStatus | None = None
        self.risk: RiskStatus | None = None
        self.history: TradeHistory | None = None
        self.version = 0
        self.ticket_version = 0
        """Counts what is worth painting on a ticket or while going live."""
        self.refused: Refused | None = None
        """The newest command that was not carried out."""

    # --- reading -----------------------------------------------------------------------------------------------------

    def working(self) -> list[OrderStatus]:
        """Our orders that may still fill, newest first."""
        return _newest_first(order for order in self.orders.values() if not order.foreign and order.state not in ENDED)

    def ended(self) -> list[OrderStatus]:
        """Our orders that have ended, newest first; those in quarantine are not among them."""
        return _newest_first(order for order in self.orders.values() if not order.foreign and order.state in ENDED)

    def foreign(self) -> list[OrderStatus]:
        """Open orders of the account that this program did not send."""
        return _newest_first(order for order in self.orders.values() if order.foreign and order.state not in ENDED)

    def unknown(self) -> list[OrderStatus]:
        """Orders that need evidence or the operator."""
        return _newest_first(order for order in self.orders.values() if needs_resolving(order))

    def naked(self) -> list[PositionStatus]:
        """Positions nothing protects."""
        return [position for position in self.positions.values() if position.stop.state == "NAKED"]

    def executions_of(self, client_id: str) -> list[Execution]:
        """Fills of one order that are still remembered, oldest first."""
        return [fill for fill in self.executions if fill.client_id == client_id]

    def alarms_of(self, symbol: str, client_id: str = "") -> list[OrderAlarm]:
        """What was alarming about a symbol, or about one order, oldest first."""
        return [
            alarm for alarm in self.alarms if alarm.symbol == symbol and (not client_id or alarm.client_id == client_id)
        ]

    # --- writing: one tiny handler per message -----------------------------------------------------------------------

    def on_opened(self, message: AccountOpened) -> None:
        """Another account: nothing that is known of the one before is true of it."""
        self.accounts += 1
        self.account = None
        for known in (self.orders, self.positions, self.discrepancies, self.gates):
            known.clear()
        for heard in (self.alarms, self.executions, self.closed):
            heard.clear()
        self.halt = self.ticket = self.inbox = self.risk = self.history = None
        self.version += 1
        self.ticket_version += 1

    def on_ticket(self, message: TicketStatus) -> None:
        self.ticket = message
        self.version += 1
        self.ticket_version += 1

    def on_inbox(self, message: Inbox) -> None:
        self.inbox = message
        self.version += 1

    def on_session(self, message: SessionStatus) -> None:
        self.session = message
        self.version += 1
        self.ticket_version += 1

    def on_risk(self, message: RiskStatus) -> None:
        self.risk = message
        self.version += 1

    def on_history(self, message: TradeHistory) -> None:
        self.history = message
        self.version += 1

    def on_account(self, message: AccountStatus) -> None:
        self.account = message
        self.version += 1

    def on_order(self, message: OrderStatus) -> None:
        key = message.client_id or message.order_id
        self.orders.pop(key, None)
        self.orders[key] = message
        if len(self.orders) > ORDERS_MOST:
            self._forget_oldest()
        self.version += 1

    def on_position(self, message: PositionStatus) -> None:
        if message.closed:
            self.positions.pop(message.trade_id, None)
        else:
            self.positions[message.trade_id] = message
        self.version += 1

    def on_closed(self, message: TradeClosed) -> None:
        self.positions.pop(message.trade_id, None)
        self.closed.append(message)
        self.version += 1

    def on_execution(self, message: Execution) -> None:
        self.executions.append(message)
        self.version += 1

    def on_discrepancy(self, message: Discrepancy) -> None:
        if message.settled:
            self.discrepancies.pop(message.key, None)
        else:
            self.discrepancies[message.key] = message
        self.version += 1

    def on_alarm(self, message: OrderAlarm) -> None:
        self.alarms.append(message)
        if message.code == AWAY:
            self.away.append(message)
        self._say(message.text, message.severity, message.at_ms)
        self.version += 1

    def on_gates(self, message: GateReport) -> None:
        self.gates.pop(message.client_id, None)
        self.gates[message.client_id] = message
        while len(self.gates) > GATES_KEPT:
            del self.gates[next(iter(self.gates))]
        self.version += 1

    def on_halt(self, message: HaltReport) -> None:
        self.halt = message
        self.version += 1

    def on_refused(self, message: Refused) -> None:
        self.refused = message
        self.ticket_version += 1
        what = f"{message.command} {message.symbol}".rstrip()
        self._say(f"{what} refused: {message.words}", "error", message.at_ms)

    def _forget_oldest(self) -> None:
        """Ended orders leave in the order of their last change."""
        ended = [key for key, order in self.orders.items() if order.state in ENDED and not order.quarantine]
        for key in ended[: max(0, len(ended) - ENDED_SHOWN)]:
            del self.orders[key]

    def handlers(self) -> dict[type[Message], Any]:
        """Which handler takes which message class."""
        return {
            AccountStatus: self.on_account,
            OrderStatus: self.on_order,
            PositionStatus: self.on_position,
            TradeClosed: self.on_closed,
            Execution: self.on_execution,
            Discrepancy: self.on_discrepancy,
            OrderAlarm: self.on_alarm,
            GateReport: self.on_gates,
            HaltReport: self.on_halt,
            Refused: self.on_refused,
            AccountOpened: self.on_opened,
            TicketStatus: self.on_ticket,
            Inbox: self.on_inbox,
            SessionStatus: self.on_session,
            RiskStatus: self.on_risk,
            TradeHistory: self.on_history,
        }


def needs_resolving(order: OrderStatus) -> bool:
    """Whether nobody knows what became of it, or what the venue says of it cannot be."""
    return order.state == "UNKNOWN" or bool(order.quarantine)


def _newest_first(orders: Iterable[OrderStatus]) -> list[OrderStatus]:
    return sorted(orders, key=lambda order: (order.created_ms, order.client_id), reverse=True)
