"""The user streams of Binance.US: listen keys with their hour of life, subscriptions of the WebSocket API, and the events."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from core.trading.order import OrderReport
from core.trading.working import OPEN
from providers.sandbox import binance_us_order_wire as wire
from providers.sandbox.binance_us_lists import OrderList
from providers.sandbox.binance_us_order_desk import OrderDesk
from providers.sandbox.binance_us_order_params import new_id
from providers.sandbox.binance_us_orders import Endpoint, flat
from providers.sandbox.binance_us_params import ApiError, Params
from providers.sandbox.faults import FaultPlan
from providers.sandbox.sockets import Connection, Topic

KEY_LIFE_MS = 3_600_000


class UserStreams:
    """Sends the account's events to everybody who follows it.

    A listen key is a stream name: `topic` finds the stream whose followers the control frames keep. `subscriptions` are
    those of the WebSocket API: numbers per connection.
    """

    def __init__(self, desk: OrderDesk, topic: Callable[[str], Topic], faults: FaultPlan) -> None:
        self.key = ""
        self.subscriptions: dict[Connection, list[int]] = {}
        self._desk = desk
        self._topic = topic
        self._faults = faults
        self._key_ends_ms = 0
        self._numbers = itertools.count()
        desk.accounts.listeners.append(self._on_report)
        desk.accounts.balance_listeners.append(self._on_balance)
        desk.refused.append(lambda report: self._publish(self._execution(report, "REJECTED")))
        desk.lists.listeners.append(self._on_list)
        faults.expire_listeners.append(self.expire)
        faults.steal_listeners.append(self.steal)

    # --- listen keys -------------------------------------------------------------------------------------------------

    def start(self, params: Params) -> object:
        """A listen key: the one in force, with a new hour, or a new one."""
        params.finish()
        if not self.key:
            self.key = secrets.token_urlsafe(45)
        self._renew()
        return {"listenKey": self.key}

    def keep(self, params: Params) -> object:
        """Another hour. Raises `ApiError` -1125 for a key that is not in force."""
        self._check(params)
        self._renew()
        return {}

    def close(self, params: Params) -> object:
        """End a key; its followers hear nothing more."""
        self._check(params)
        self.key = ""
        return {}

    def _check(self, params: Params) -> None:
        key = params.required("listenKey")
        params.finish()
        if key != self.key:
            raise ApiError(-1125, "This listenKey does not exist.")

    def _renew(self) -> None:
        self._key_ends_ms = self._desk.feed.clock.now_ms() + KEY_LIFE_MS

    def run(self, now_ms: int) -> None:
        """End the key when its hour is over."""
        if self.key and now_ms >= self._key_ends_ms:
            self.expire()

    def expire(self) -> int:
        """End the key as after an hour without renewal; its followers are told."""
        if not self.key:
            return 0
        ended, self.key = self.key, ""
        event = {"e": "listenKeyExpired", "E": self._desk.accounts.now_ms(), "listenKey": ended}
        for connection in self._topic(ended).subscribers:
            self._send(connection, self._topic(ended), event)
        return 1

    def steal(self) -> int:
        """Somebody else takes the stream over: sockets on the key are closed, subscriptions end."""
        followers = list(self._topic(self.key).subscribers) if self.key else []
        for connection in followers:
            connection.close(1008, "stream taken over by another connection")
        ended = list(self.subscriptions)
        for connection in ended:
            self.end(connection)
        return len(followers) + len(ended)

    # --- followers ---------------------------------------------------------------------------------------------------

    def track(self, connection: Connection) -> None:
        """After a control frame: note whether the connection follows the account."""
        if (self.key and self.key in connection.topics) or self.subscriptions.get(connection):
            self._faults.private_opened(connection)
        else:
            self._faults.private_closed(connection)

    def forget(self, connection: Connection) -> None:
        """A connection has gone."""
        self.subscriptions.pop(connection, None)
        self._faults.private_closed(connection)

    def subscribe(self, connection: Connection) -> int:
        """A subscription of the WebSocket API; its number."""
        number = next(self._numbers)
        self.subscriptions.setdefault(connection, []).append(number)
        self.track(connection)
        return number

    def unsubscribe(self, connection: Connection, number: object) -> None:
        """End one subscription of a connection, or all of them where `number` is None."""
        kept = [each for each in self.subscriptions.pop(connection, []) if number is not None and each != number]
        if kept:
            self.subscriptions[connection] = kept
        self.track(connection)

    def end(self, connection: Connection) -> None:
        """End a connection's subscriptions and tell it so."""
        event = {"e": "eventStreamTerminated", "E": self._desk.accounts.now_ms()}
        for number in self.subscriptions.pop(connection, []):
            self._faults.push(connection, msgspec.json.encode({"subscriptionId": number, "event": event}))
        self.track(connection)

    # --- events ------------------------------------------------------------------------------------------------------

    def _publish(self, event: dict[str, Any]) -> None:
        if self.key:
            topic = self._topic(self.key)
            for connection in topic.subscribers:
                self._send(connection, topic, event)
        for connection, numbers in self.subscriptions.items():
            for number in numbers:
                self._faults.push(connection, msgspec.json.encode({"subscriptionId": number, "event": event}))

    def _send(self, connection: Connection, topic: Topic, event: dict[str, Any]) -> None:
        payload = msgspec.json.encode(event)
        self._faults.push(connection, topic.head + payload + b"}" if connection.combined else payload)

    def _on_report(self, report: OrderReport) -> None:
        if report.order_id:  # a refused order is answered to whoever sent it, nobody else hears of it
            told = replace(report, fill=self._faults.streamed(report.fill)) if report.fill is not None else report
            self._publish(self._execution(told, _kind(told)))
            self._publish_balances(report.spec.symbol)

    def _execution(self, report: OrderReport, kind: str) -> dict[str, Any]:
        created_ms = self._desk.accounts.created_ms.get(report.order_id, report.at_ms)
        cancel_id = self._desk.cancel_ids.pop(report.order_id, "") or new_id() if kind == "CANCELED" else ""
        return wire.execution_event(report, kind, created_ms, self._desk.accounts.now_ms(), cancel_id)

    def _publish_balances(self, symbol: str) -> None:
        listing = self._desk.feed.listings[symbol]
        held = self._desk.accounts.engine.balances(self._desk.accounts.account)
        changed = {asset: held[asset] for asset in (listing.base, listing.quote) if asset in held}
        now_ms = self._desk.accounts.now_ms()
        self._publish(wire.position_event(changed, now_ms, now_ms))

    def _on_balance(self, asset: str, change: Decimal) -> None:
        now_ms = self._desk.accounts.now_ms()
        self._publish(wire.balance_event(asset, change, now_ms))
        held = self._desk.accounts.engine.balances(self._desk.accounts.account)
        self._publish(wire.position_event({asset: held[asset]}, now_ms, now_ms))

    def _on_list(self, listed: OrderList) -> None:
        self._publish(wire.list_event(listed, self._desk.accounts.now_ms()))


def _kind(report: OrderReport) -> str:
    """What happened, in the venue's word."""
    if report.fill is not None:
        return "TRADE"
    if wire.status_of(report) == wire.MATCHED_ITSELF:
        return "TRADE_PREVENTION"
    return "NEW" if report.status in OPEN else report.status


def listen_key_endpoints(user: UserStreams | None) -> dict[tuple[str, str], Endpoint]:
    """The listen key's endpoints; the key header alone is enough for them."""

    def served(act: Callable[[UserStreams, Params], object]) -> Endpoint:
        def handler(desk: OrderDesk, params: Params) -> object:
            assert user is not None  # there is a desk, so there are its streams
            return act(user, params)

        return Endpoint(handler, flat(1), signed=False)

    return {
        ("POST", "userDataStream"): served(UserStreams.start),
        ("PUT", "userDataStream"): served(UserStreams.keep),
        ("DELETE", "userDataStream"): served(UserStreams.close),
    }
