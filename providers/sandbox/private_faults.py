"""Faults of private streams: messages lost, doubled, swapped or late, fills under other ids, sockets cut, the stream taken away.

The hooks for the venues' servers are described in `order_faults`.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec.structs import replace

from core.clock import Clock
from core.trading.order import Fill
from providers.sandbox.sockets import Connection

OTHER_IDS = 900_000_000
"""What a fill's id is raised by where the stream tells it under another than REST."""

PrivateFaultKind = Literal["skip", "duplicate", "reorder"]


class PrivateFault(msgspec.Struct):
    """What becomes of the next `left` private messages."""

    kind: PrivateFaultKind
    left: int


class PrivateFaults:
    """What is wrong with the private streams."""

    def __init__(self, clock: Clock, counts: Counter[str]) -> None:
        self._clock = clock
        self.counts = counts
        self.private: set[Connection] = set()
        self.private_faults: list[PrivateFault] = []
        self.private_frozen_until_ms = 0
        self.private_delay_ms = 0
        self.other_ids_left = 0
        self.expire_listeners: list[Callable[[], int]] = []
        self.steal_listeners: list[Callable[[], int]] = []
        self._swapped: dict[Connection, bytes] = {}
        self._late: deque[tuple[int, Connection, bytes]] = deque()

    # --- hooks of the venues' servers --------------------------------------------------------------------------------

    def private_opened(self, connection: Connection) -> None:
        """A socket follows an account from now on."""
        self.private.add(connection)

    def private_closed(self, connection: Connection) -> None:
        """A socket follows no account any more."""
        self.private.discard(connection)
        self._swapped.pop(connection, None)

    def streamed(self, fill: Fill) -> Fill:
        """The fill as the private stream tells it; REST tells it as it is."""
        if not self.other_ids_left:
            return fill
        self.other_ids_left -= self.other_ids_left > 0
        self.counts["private_other_ids"] += 1
        return replace(fill, trade_id=str(int(fill.trade_id) + OTHER_IDS))

    def push(self, connection: Connection, payload: bytes) -> None:
        """Send a private message, or what the faults leave of it."""
        if self._clock.now_ms() < self.private_frozen_until_ms:
            self.counts["private_freeze"] += 1
            return
        held = self._swapped.pop(connection, None)
        if held is not None:  # this one completes a swap
            self._send(connection, payload)
            self._send(connection, held)
            return
        fault = next((rule for rule in self.private_faults if rule.left != 0), None)
        if fault is None:
            self._send(connection, payload)
            return
        fault.left -= fault.left > 0
        self.counts[f"private_{fault.kind}"] += 1
        if fault.kind == "reorder":
            self._swapped[connection] = payload
        elif fault.kind == "duplicate":
            self._send(connection, payload)
            self._send(connection, payload)

    def _send(self, connection: Connection, payload: bytes) -> None:
        if self.private_delay_ms or self._late:
            self._late.append((self._clock.now_ms() + self.private_delay_ms, connection, payload))
        else:
            connection.send(payload)

    def send_late(self, now_ms: int) -> None:
        """Send the delayed messages whose time has come."""
        while self._late and self._late[0][0] <= now_ms:
            _, connection, payload = self._late.popleft()
            connection.send(payload)

    # --- commands ----------------------------------------------------------------------------------------------------

    def private_drop(self) -> int:
        """Cut every private socket without a closing handshake; returns how many."""
        dropped = list(self.private)
        for connection in dropped:
            connection.abort()
        self.counts["private_drop"] += len(dropped)
        return len(dropped)

    def private_freeze(self, seconds: float = math.inf) -> None:
        """Lose every private message for `seconds` (0: no longer) while the sockets live on."""
        self.private_frozen_until_ms = 2**62 if math.isinf(seconds) else self._clock.now_ms() + int(seconds * 1000)

    def private_skip(self, count: int = 1) -> None:
        """Lose the next private messages."""
        self.private_faults.append(PrivateFault("skip", count))

    def private_duplicate(self, count: int = 1) -> None:
        """Send the next private messages twice."""
        self.private_faults.append(PrivateFault("duplicate", count))

    def private_reorder(self, count: int = 1) -> None:
        """Swap the next private message with the one after it, `count` times."""
        self.private_faults.append(PrivateFault("reorder", count))

    def private_other_ids(self, count: int = 1) -> None:
        """Tell the next fills under ids that REST does not know them by."""
        self.other_ids_left = count

    def private_delay(self, seconds: float) -> None:
        """Send private messages `seconds` late from now on (0: no longer)."""
        self.private_delay_ms = int(seconds * 1000)

    def expire_listen_key(self) -> int:
        """End the keys private streams hang on, as after an hour without renewal; returns how many."""
        self.counts["expire_listen_key"] += 1
        return sum(end() for end in self.expire_listeners)

    def steal_stream(self) -> int:
        """Take the private stream away from those who follow it, as a second connection does; returns how many."""
        self.counts["steal_stream"] += 1
        return sum(steal() for steal in self.steal_listeners)

    # --- the plan itself ---------------------------------------------------------------------------------------------

    def clear_private(self) -> None:
        """Lift every fault of the private streams; a message held back for a swap goes out."""
        self.private_faults.clear()
        self.other_ids_left = 0
        self.private_frozen_until_ms = 0
        self.private_delay_ms = 0
        while self._swapped:
            self._send(*self._swapped.popitem())

    def describe_private(self) -> dict[str, object]:
        """The private streams' part of the plan."""
        return {
            "messages": [msgspec.to_builtins(fault) for fault in self.private_faults if fault.left],
            "frozen_until_ms": self.private_frozen_until_ms,
            "delay_ms": self.private_delay_ms,
            "other_ids": self.other_ids_left,
        }
