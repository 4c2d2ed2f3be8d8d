"""Bybit's private socket: login, then frames of orders, executions, positions and the wallet.

Nothing is sent on a subscription: what was there before must be asked for by REST. Order frames are written at once, so they
may come before the acknowledgement of the request that caused them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
from msgspec.structs import replace
from starlette.datastructures import URL

from core.clock import Clock
from providers.sandbox.bybit_control import IDLE_MS, Refusal
from providers.sandbox.bybit_orders_account import wallet
from providers.sandbox.bybit_orders_auth import Keys, login_refusal
from providers.sandbox.bybit_orders_desk import OrderDesk
from providers.sandbox.bybit_orders_positions import Positions
from providers.sandbox.bybit_orders_rows import Change, ExecutionRow
from providers.sandbox.bybit_orders_wire import execution_row, order_row
from providers.sandbox.bybit_rest import BybitRest
from providers.sandbox.faults import FaultPlan
from providers.sandbox.sockets import Connection

PRIVATE_PATH = "/v5/private"
CATEGORIES = ("spot", "linear", "inverse", "option")
SPLIT_TOPICS = ("order", "execution", "position")
"""Topics that exist for all categories at once and for each; `wallet` has no categories."""
TOPICS = frozenset(
    [*SPLIT_TOPICS, "wallet", *(f"{topic}.{category}" for topic in SPLIT_TOPICS for category in CATEGORIES)]
)
ACTIVE_TIME = re.compile(r"(\d{1,3})([sm])")


class Session:
    """One private connection."""

    def __init__(self, number: int, now_ms: int, idle_ms: int) -> None:
        self.connection_id = str(uuid5(NAMESPACE_URL, f"sandbox/private/{number}"))
        self.heard_ms = now_ms
        self.idle_ms = idle_ms
        self.known = False
        self.topics: dict[str, None] = {}


class BybitPrivate:
    """The private connections of the one account, and what they are told."""

    def __init__(
        self,
        keys: Keys,
        desks: Mapping[str, OrderDesk],
        positions: Positions | None,
        rest: BybitRest,
        clock: Clock,
        faults: FaultPlan,
    ) -> None:
        self._keys = keys
        self._desks = desks
        self._positions = positions
        self._rest = rest
        self._clock = clock
        self._faults = faults
        self._sessions: dict[Connection, Session] = {}
        self._numbers = itertools.count(1)
        self._moved: dict[str, None] = {}
        self._wallet_changed = False
        for desk in desks.values():
            desk.changed.append(partial(self._changed, desk))
            desk.funded.append(partial(self._funded, desk))
            desk.accounts.balance_listeners.append(self._moved_money)
        faults.expire_listeners.append(self._end_all)
        faults.steal_listeners.append(self._end_all)

    # --- connections --------------------------------------------------------------------------------------------------

    def opened(self, connection: Connection, url: URL) -> None:
        """A client has connected; it must log in before it may follow anything."""
        self._sessions[connection] = Session(next(self._numbers), self._clock.now_ms(), _idle_ms(url))

    def closed(self, connection: Connection) -> None:
        """A client has gone."""
        self._sessions.pop(connection, None)
        self._faults.private_closed(connection)

    def retire(self, now_ms: int) -> None:
        """Cut connections that sent nothing for their active time."""
        for connection, session in list(self._sessions.items()):
            if now_ms - session.heard_ms >= session.idle_ms:
                connection.hub.counts["idle_cut"] += 1
                connection.close(1000, "idle")

    def _end_all(self) -> int:
        """Hang up properly on everybody, as the venue's servers do when they please."""
        followed = [connection for connection, session in self._sessions.items() if session.known]
        for connection in followed:
            connection.close(1001, "server restart")
        return len(followed)

    # --- requests -----------------------------------------------------------------------------------------------------

    def received(self, connection: Connection, text: str) -> None:
        """Carry out one request and acknowledge it."""
        session = self._sessions[connection]
        session.heard_ms = self._clock.now_ms()
        answer: dict[str, object] = {"success": True, "ret_msg": "", "conn_id": session.connection_id}
        try:
            request = msgspec.json.decode(text)
            if not isinstance(request, dict):
                raise Refusal("error:request must be an object")
            answer |= {"req_id": request.get("req_id", ""), "op": request.get("op", "")}
            answer = self._execute(connection, session, request, answer)
        except msgspec.DecodeError:
            answer |= {"success": False, "ret_msg": "error:invalid json", "op": ""}
        except Refusal as refusal:
            answer |= {"success": False, "ret_msg": str(refusal)}
        connection.send(msgspec.json.encode(answer))

    def _execute(
        self, connection: Connection, session: Session, request: dict[str, Any], answer: dict[str, object]
    ) -> dict[str, object]:
        op = request.get("op")
        if op == "ping":
            pong: dict[str, object] = {"op": "pong", "args": [str(self._rest.now_ms())]}
            named = {"req_id": request["req_id"]} if "req_id" in request else {}
            return {**named, **pong, "conn_id": session.connection_id}
        if op == "auth":
            refusal = login_refusal(self._keys, request.get("args"), self._rest.now_ms())
            if refusal:
                raise Refusal(refusal)
            session.known = True
            self._faults.private_opened(connection)
        elif op not in ("subscribe", "unsubscribe"):
            raise Refusal(f"error:unknown op {op}")
        elif not session.known:
            raise Refusal("Request not authorized")
        elif op == "subscribe":
            session.topics |= dict.fromkeys(_topics(request))
        else:
            for name in _topics(request):
                session.topics.pop(name, None)
        return answer

    # --- frames -------------------------------------------------------------------------------------------------------

    def _changed(self, desk: OrderDesk, change: Change) -> None:
        if change.execution is not None:
            told = replace(change.execution, fill=self._faults.streamed(change.execution.fill))
            self._tell(desk, "execution", execution_row(told, desk.category))
        row = order_row(change.row, desk.category)
        if change.just_triggered:
            self._tell(desk, "order", row | {"orderStatus": "Triggered"})
        self._tell(desk, "order", row)
        if not desk.spot:
            self._moved[change.row.spec.symbol] = None
        self._wallet_changed = True

    def _funded(self, desk: OrderDesk, row: ExecutionRow) -> None:
        self._tell(desk, "execution", execution_row(row, desk.category))
        self._moved[row.fill.symbol] = None
        self._wallet_changed = True

    def _moved_money(self, asset: str, amount: Decimal) -> None:
        self._wallet_changed = True

    def settle(self) -> None:
        """Tell the positions and the wallet that orders and executions since the last call have changed."""
        if self._positions is not None:
            self._positions.settle()
            moved, self._moved = self._moved, {}
            for symbol in moved:
                self._tell(self._positions.desk, "position", self._positions.frame_row(symbol))
        if self._wallet_changed:
            self._wallet_changed = False
            self._send(("wallet",), (wallet(self._desks),))

    def _tell(self, desk: OrderDesk, topic: str, row: dict[str, Any]) -> None:
        self._send((topic, f"{topic}.{desk.category}"), ({"category": desk.category} | row,))

    def _send(self, topics: Iterable[str], rows: tuple[dict[str, Any], ...]) -> None:
        """One frame to everybody who follows one of the topics, under the name it is followed by."""
        now_ms, number = self._rest.now_ms(), next(self._numbers)
        for topic in topics:
            followers = [connection for connection, s in self._sessions.items() if topic in s.topics]
            if followers:
                frame = {"id": f"100401071-20000-{number}", "topic": topic, "creationTime": now_ms, "data": rows}
                payload = msgspec.json.encode(frame)
                for connection in followers:
                    self._faults.push(connection, payload)


def _topics(request: Mapping[str, Any]) -> list[str]:
    """The topics of a request. All-in-one and categorised ones of one kind do not go together."""
    names = request.get("args")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise Refusal("error:args must be a list of topics")
    for name in names:
        if name not in TOPICS:
            raise Refusal(f"error:handler not found,topic:{name}")
        if name in SPLIT_TOPICS and any(other.startswith(f"{name}.") for other in names):
            raise Refusal(f"error:topic {name} and its categories cannot be in one request")
    return names


def _idle_ms(url: URL) -> int:
    """`max_active_time=30s..600s|1m..10m` of the connection's address, else 10 minutes."""
    query = dict(pair.partition("=")[::2] for pair in url.query.split("&"))
    wanted = ACTIVE_TIME.fullmatch(query.get("max_active_time", ""))
    if wanted is None:
        return IDLE_MS
    seconds = int(wanted[1]) * (60 if wanted[2] == "m" else 1)
    return min(max(seconds, 30) * 1000, IDLE_MS)
