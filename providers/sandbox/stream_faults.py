"""Faults on the messages of a stream: frozen, skipped, doubled, swapped and garbled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from providers.sandbox.garbage import GARBAGE, REPLACING
from providers.sandbox.sockets import Topic

StreamFault = Literal["freeze", "skip", "duplicate", "reorder", "garbage"]


class StreamRule:
    """One scripted fault: which messages, and for how long (`until_ms`) or how many (`left`)."""

    __slots__ = ("channel", "fault", "kind", "left", "symbol", "until_ms")

    def __init__(self, fault: StreamFault, symbol: str, channel: str, kind: str = "") -> None:
        self.fault = fault
        self.symbol = symbol
        self.channel = channel
        self.kind = kind
        self.left = -1
        self.until_ms = -1

    def matches(self, topic: Topic) -> bool:
        """Whether the topic's symbol and channel are meant; "*" means any."""
        return self.symbol in ("*", topic.symbol) and self.channel in ("*", topic.channel)

    def describe(self) -> dict[str, str | int]:
        """For the control endpoint."""
        return {
            "fault": self.fault,
            "symbol": self.symbol,
            "channel": self.channel,
            "kind": self.kind,
            "left": self.left,
            "until_ms": self.until_ms,
        }


class StreamFaults:
    """The rules in force, applied to each outgoing message."""

    def __init__(self, counts: Counter[str]) -> None:
        self.rules: list[StreamRule] = []
        self._counts = counts

    def add(self, rule: StreamRule) -> None:
        """Put a rule in force. Raises `ValueError` for an unknown kind of garbage."""
        if rule.fault == "garbage" and rule.kind not in GARBAGE:
            raise ValueError(f"garbage kind {rule.kind!r} is unknown; use one of {', '.join(GARBAGE)}")
        self.rules.append(rule)

    def remove(self, fault: StreamFault, symbol: str, channel: str) -> None:
        """Lift the rules with exactly this fault, symbol and channel."""
        self.rules = [r for r in self.rules if (r.fault, r.symbol, r.channel) != (fault, symbol, channel)]

    def expire(self, now_ms: int) -> None:
        """Drop the rules that are over."""
        if self.rules:
            self.rules = [r for r in self.rules if r.left != 0 and (r.until_ms < 0 or now_ms < r.until_ms)]

    def apply(self, topic: Topic, payload: bytes) -> Iterator[bytes]:
        """The payloads to send in place of this one, in order."""
        for rule in self.rules:
            if rule.left == 0 or not rule.matches(topic):
                continue
            if rule.fault == "reorder" and topic.held is not None:
                continue  # the message swapped with the held one completes the fault
            rule.left -= rule.left > 0
            self._counts[rule.fault] += 1
            if rule.fault in ("freeze", "skip"):
                return
            if rule.fault == "duplicate":
                yield payload
                break
            if rule.fault == "reorder":
                topic.held = payload
                return
            garbled = GARBAGE[rule.kind](payload)
            if rule.kind in REPLACING:
                payload = garbled
            else:
                yield garbled
            break
        yield payload
        if topic.held is not None:
            held, topic.held = topic.held, None
            yield held
