"""Fills and alarms that wait: one item an order, one a cause of alarm; how they are worded, and how long they are kept.

Plain state without bus and clock. An answer holds for what was told by then: more of the same makes the item wait again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from core.messages import (
    Discrepancy,
    Execution,
    HaltReport,
    InboxItem,
    ItemKind,
    ItemState,
    OrderAlarm,
    OrderStatus,
    PositionStatus,
    Severity,
    TradeClosed,
)
from core.trading.inbox_words import Filled, gain_words, halt_words, over_words, purpose_word
from core.trading.proposals import LEAVES_MS

MOST = 200
"""Items kept in all; the oldest fills leave first."""
ORDERS_KEPT = 400
ZERO = Decimal(0)
URGENT = {"error": 0, "warning": 1, "info": 2}


@dataclass(slots=True)
class Piece:
    """One item. `answered_ms` 0: it waits. `count`: how often it was told."""

    item: InboxItem
    count: int = 1
    answered_ms: int = 0

    def answered(self, answer: ItemState, now_ms: int, until_ms: int) -> None:
        """The operator's word."""
        self.item = replace(self.item, state=answer, until_ms=until_ms)
        self.answered_ms = now_ms


class News:
    """Fills and alarms of one account. `earlier`: answers by item id, of sessions before: state and until when."""

    def __init__(self, earlier: Mapping[str, tuple[ItemState, int]]) -> None:
        self._earlier = earlier
        self._pieces: dict[str, Piece] = {}
        self._orders: dict[str, OrderStatus] = {}
        self._fills: dict[str, Filled] = {}
        self._positions: dict[str, PositionStatus] = {}
        self._over_with: dict[str, Severity] = {}
        """Differences and halts that were answered: they are told again while they stand."""
        self.dropped = 0
        self.asset = ""

    # --- what is heard -----------------------------------------------------------------------------------------------

    def order(self, status: OrderStatus) -> bool:
        """What an order is for, and how much of it there was to fill; whether an item is told otherwise now."""
        self._orders.pop(status.client_id, None)
        self._orders[status.client_id] = status
        if len(self._orders) > ORDERS_KEPT:
            del self._orders[next(iter(self._orders))]
        filled = self._fills.get(status.client_id)
        if filled is None:
            return False
        filled.wanted, filled.what, filled.parent = status.quantity, purpose_word(status), status.parent
        if status.filled and status.average_price:  # it knows fills from before the last day, too
            filled.quantity, filled.value = status.filled, status.filled * status.average_price
        piece = self._pieces.get(f"f:{status.client_id}")
        text = filled.text()
        if piece is None or piece.item.text == text:
            return False
        piece.item = replace(piece.item, text=text)
        return True

    def position(self, status: PositionStatus) -> None:
        """How a trade stands: a target's fill is told with it."""
        if status.closed:
            self._positions.pop(status.trade_id, None)
        else:
            self._positions[status.trade_id] = status

    def execution(self, fill: Execution) -> None:
        """One more fill of an order."""
        order = self._orders.get(fill.client_id)
        filled = self._fills.get(fill.client_id)
        if filled is None:
            wanted, what, parent = (
                (ZERO, "", "") if order is None else (order.quantity, purpose_word(order), order.parent)
            )
            filled = Filled(fill.symbol, fill.side, ZERO, ZERO, wanted, what, parent)
            self._fills[fill.client_id] = filled
        filled.quantity += fill.quantity
        filled.value += fill.quantity * fill.price
        if filled.parent and not filled.over:
            filled.result = self._gain(filled)
        name = f"f:{fill.client_id}"
        self._put(name, "FILL", filled.symbol, filled.text(), filled.severity, fill.client_id, fill.at_ms)

    def recovered(self, client_id: str, filled: Filled, at_ms: int, *, answered: bool) -> None:
        """The fills of an order, from the journal; `answered` by the operator since the newest of them."""
        self._fills[client_id] = filled
        if not answered:
            self._put(f"f:{client_id}", "FILL", filled.symbol, filled.text(), filled.severity, client_id, at_ms)

    def closed(self, trade: TradeClosed) -> None:
        """The result goes to the fill that ended the trade."""
        self._positions.pop(trade.trade_id, None)
        last = next((name for name in reversed(self._fills) if self._fills[name].parent == trade.trade_id), None)
        if last is not None:
            filled = self._fills[last]
            filled.result, filled.over = self._over(trade, filled.what), True
            self._put(f"f:{last}", "FILL", trade.symbol, filled.text(), filled.severity, last, trade.closed_ms)
            return
        name, text = f"t:{trade.trade_id}", f"{trade.symbol}: {self._over(trade, '')}"
        self._put(name, "FILL", trade.symbol, text, "warning", trade.trade_id, trade.closed_ms)

    def alarm(self, alarm: OrderAlarm) -> None:
        """One item for each code of an order or symbol."""
        if alarm.severity == "info":
            return
        name = f"a:{alarm.code}:{alarm.symbol}:{alarm.client_id}"
        self._put(name, "ALARM", alarm.symbol, alarm.text, alarm.severity, alarm.client_id, alarm.at_ms)

    def discrepancy(self, found: Discrepancy, now_ms: int) -> None:
        """It waits until it is answered or settled."""
        name = f"x:{found.key}:{found.first_ms}"
        if found.settled:
            self._over_with.pop(name, None)
            piece = self._pieces.get(name) or next(
                (one for key, one in self._pieces.items() if key.startswith(f"x:{found.key}:")), None
            )
            if piece is not None and piece.item.state in ("WAITING", "SNOOZED"):
                piece.item = replace(piece.item, state="EXPIRED", until_ms=0, text=f"settled: {piece.item.text}")
                piece.answered_ms = now_ms
            return
        text = f"{found.kind.lower().replace('_', ' ')}: {found.text}"
        piece = self._pieces.get(name)
        if name in self._over_with:
            return
        if piece is None:
            self._put(name, "ALARM", found.symbol, text, "error", "", found.first_ms)
        else:  # told again while it stands: nothing new
            piece.item = replace(piece.item, text=text)

    def halt(self, report: HaltReport) -> None:
        """One item a halt; its text follows the cancels."""
        name = f"h:{report.asked_ms}"
        severity: Severity = "error" if report.failed else "warning"
        text = halt_words(report)
        piece = self._pieces.get(name)
        if piece is not None and piece.item.severity == severity:
            piece.item = replace(piece.item, text=text)
        elif self._over_with.get(name) != severity:
            self._put(name, "ALARM", "", text, severity, "", report.asked_ms)

    # --- time and answers --------------------------------------------------------------------------------------------

    def turn(self, now_ms: int) -> None:
        """Let snoozed ones come back, answered ones leave, and drop what is too much."""
        for name, piece in tuple(self._pieces.items()):
            if piece.item.state == "SNOOZED":
                if piece.item.until_ms <= now_ms:
                    piece.item = replace(piece.item, state="WAITING", until_ms=0)
                    piece.answered_ms = 0
            elif piece.answered_ms and now_ms >= piece.answered_ms + LEAVES_MS:
                del self._pieces[name]
                if name.startswith(("x:", "h:")) and piece.item.state != "EXPIRED":
                    self._over_with[name] = piece.item.severity
        while len(self._over_with) > ORDERS_KEPT:
            del self._over_with[next(iter(self._over_with))]
        if not self._pieces:
            self.dropped = 0

    def find(self, item_id: str) -> Piece | None:
        """An item that waits, is snoozed, or is about to leave."""
        return self._pieces.get(item_id)

    def shown(self, now_ms: int) -> tuple[list[InboxItem], list[InboxItem]]:
        """What waits, alarms first, the most urgent and newest first; and what was answered a moment ago."""
        waiting, leaving = [], []
        for piece in self._pieces.values():
            if piece.item.state == "WAITING":
                waiting.append(piece.item)
            elif piece.answered_ms and now_ms < piece.answered_ms + LEAVES_MS:
                leaving.append(piece.item)
        waiting.sort(key=lambda item: (item.kind != "ALARM", URGENT[item.severity], -item.created_ms, item.item_id))
        leaving.sort(key=lambda item: (item.kind != "ALARM", -item.created_ms, item.item_id))
        return waiting, leaving

    def notes(self) -> list[str]:
        """What is not there any more."""
        if not self.dropped:
            return []
        return [f"{self.dropped} of the oldest dropped unanswered: at most {MOST} are kept, answer some"]

    # --- parts -------------------------------------------------------------------------------------------------------

    def _put(
        self, name: str, kind: ItemKind, symbol: str, text: str, severity: Severity, client_id: str, at_ms: int
    ) -> None:
        """New, or more of the same. A snoozed item stays snoozed; an answered one waits again."""
        piece = self._pieces.get(name)
        if piece is None:
            state, until_ms = self._earlier.get(name, ("WAITING", 0))
            if state != "SNOOZED":
                state, until_ms = "WAITING", 0
            item = InboxItem(
                item_id=name, kind=kind, state=state, symbol=symbol, text=text, severity=severity, client_id=client_id,
                created_ms=at_ms, until_ms=until_ms,
            )  # fmt: skip
            self._pieces[name] = Piece(item)
            self.keep(MOST)
            return
        waits = piece.item.state in ("WAITING", "SNOOZED")
        piece.count = piece.count + 1 if waits else 1
        again = f" ({piece.count} times)" if kind == "ALARM" and piece.count > 1 else ""
        item = replace(piece.item, text=text + again, severity=severity, created_ms=at_ms)
        if not waits:
            item, piece.answered_ms = replace(item, state="WAITING", until_ms=0), 0
        piece.item = item
        self._pieces[name] = self._pieces.pop(name)

    def _over(self, trade: TradeClosed, what: str) -> str:
        return over_words(trade.why, what, trade.r_multiple, trade.result, self.asset)

    def _gain(self, filled: Filled) -> str:
        """What these fills made against the entry, before fees; empty while the position is not known."""
        position = self._positions.get(filled.parent)
        if position is None or not position.entry_price:
            return ""
        way = 1 if position.side == "BUY" else -1
        gain = way * (filled.value - filled.quantity * position.entry_price)
        known = math.isfinite(position.result) and math.isfinite(position.r_multiple) and position.r_multiple != 0
        risked = position.result / position.r_multiple if known else 0.0
        return gain_words(gain, float(gain) / risked if risked else math.nan, self.asset)

    def keep(self, most: int) -> None:
        """At most so many: the oldest fills go first, then the oldest of all."""
        while len(self._pieces) > most:
            name = next((name for name, one in self._pieces.items() if one.item.kind == "FILL"), None)
            gone = self._pieces.pop(name or next(iter(self._pieces)))
            self.dropped += gone.item.state in ("WAITING", "SNOOZED")
        while len(self._fills) > ORDERS_KEPT:
            del self._fills[next(iter(self._fills))]
