"""Order lists (OCO) of Binance.US: their numbers, their legs and when they begin and end."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from core.trading.order import OrderReport
from core.trading.working import OPEN

LEGS = 2
KEEP_LISTS = 5_000


class OrderList(msgspec.Struct):
    """One OCO. `legs` maps the venue's order ids to ours, in order of arrival."""

    number: int
    client_id: str
    symbol: str
    at_ms: int
    legs: dict[str, str] = {}
    closed: set[str] = set()

    @property
    def begun(self) -> bool:
        """Whether both legs have been accepted."""
        return len(self.legs) == LEGS

    @property
    def done(self) -> bool:
        """Whether both legs have ended."""
        return len(self.closed) == LEGS


class OrderLists:
    """Every OCO of the account. `listeners` hear when one has begun and when it is over."""

    def __init__(self) -> None:
        self.lists: dict[int, OrderList] = {}
        self.listeners: list[Callable[[OrderList], None]] = []
        self._next = 1

    def open(self, client_id: str, symbol: str, at_ms: int) -> OrderList:
        """A new list whose legs are about to be sent."""
        made = self.lists[self._next] = OrderList(self._next, client_id, symbol, at_ms)
        self._next += 1
        if len(self.lists) > KEEP_LISTS:
            del self.lists[next(number for number, each in self.lists.items() if each.done)]
        return made

    def drop(self, made: OrderList) -> None:
        """The venue refused the legs: there is no such list."""
        del self.lists[made.number]

    def find(self, number: int | None, client_id: str | None) -> OrderList | None:
        """A list by the venue's number, else the newest by our id."""
        if number is not None:
            return self.lists.get(number)
        return next((each for each in reversed(self.lists.values()) if each.client_id == client_id), None)

    def on_report(self, report: OrderReport) -> None:
        """Keep up with a leg."""
        found = self.lists.get(int(report.spec.list_id)) if report.spec.list_id.isdecimal() else None
        if found is None or not report.order_id:
            return
        begun, done = found.begun, found.done
        found.legs[report.order_id] = report.spec.client_id
        if report.status not in OPEN:
            found.closed.add(report.order_id)
        if (found.begun and not begun) or (found.done and not done):
            for listener in self.listeners:
                listener(found)
