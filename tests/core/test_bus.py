"""The bus: typed, synchronous, and nobody's failure is another's."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bus import Bus, Mailbox, worth_reporting
from core.clock import SimClock
from core.messages import Fault, Focus, LoopLag, Message, Replay


def lag(value: float) -> LoopLag:
    return LoopLag(last_ms=value, p99_ms=0.0, max_ms=0.0, at_ms=0)


def focus(symbol: str, timeframe: str = "") -> Focus:
    return Focus(symbol=symbol, timeframe=timeframe)


def test_handlers_get_exactly_their_class_in_order_of_subscription() -> None:
    bus = Bus(SimClock(0))
    seen: list[tuple[str, Message]] = []
    bus.subscribe(Focus, lambda m: seen.append(("first", m)))
    bus.subscribe(Focus, lambda m: seen.append(("second", m)))
    bus.subscribe(Message, lambda m: seen.append(("all", m)))
    bus.publish(focus("A"))
    bus.publish(Replay())
    assert [name for name, _ in seen] == ["first", "second", "all", "all"]
    assert bus.published == 2


def test_unsubscribed_handlers_hear_nothing() -> None:
    bus = Bus(SimClock(0))
    seen: list[Message] = []
    for kind in (Focus, Message):
        bus.unsubscribe(bus.subscribe(kind, seen.append))
    bus.publish(focus("A"))
    assert seen == []


def test_a_failing_handler_harms_nobody_and_is_told_at_powers_of_ten() -> None:
    bus = Bus(SimClock(7))
    seen: list[Message] = []
    faults: list[Fault] = []

    def broken(_message: Focus) -> None:
        raise ValueError("no")

    subscription = bus.subscribe(Focus, broken, name="broken part")
    bus.subscribe(Focus, seen.append)
    bus.subscribe(Fault, faults.append)
    for _ in range(150):
        bus.publish(focus("A"))
    assert len(seen) == 150
    assert [fault.count for fault in faults] == [1, 10, 100]
    assert faults[0].source == "bus:broken part"
    assert faults[0].message == "handler of Focus failed: ValueError: no"
    assert faults[0].at_ms == 7
    assert (subscription.errors, bus.handler_errors) == (150, 150)


def test_a_failing_handler_of_faults_does_not_loop() -> None:
    bus = Bus(SimClock(0))

    def broken(_message: Message) -> None:
        raise ValueError("no")

    bus.subscribe(Fault, broken)
    bus.subscribe(Message, broken)
    bus.publish(Fault(source="x", message="y", at_ms=0))
    assert bus.handler_errors >= 2


@pytest.mark.parametrize(
    ("count", "told"), [(1, True), (2, False), (10, True), (11, False), (20, False), (1000, True), (0, False)]
)
def test_worth_reporting(count: int, told: bool) -> None:
    assert worth_reporting(count) is told


def test_a_queueing_mailbox_keeps_order_and_drops_the_oldest() -> None:
    bus = Bus(SimClock(0))
    box = bus.mailbox(LoopLag, maxlen=3)
    for value in range(5):
        bus.publish(lag(value))
    assert (len(box), box.dropped) == (3, 2)
    assert [m.last_ms for m in box.drain()] == [2, 3, 4]
    assert box.drain() == []


def test_an_unbounded_mailbox_never_drops() -> None:
    box: Mailbox[LoopLag] = Mailbox(None, None, "all")
    for value in range(20_000):
        box.put(lag(value))
    assert (len(box), box.dropped) == (20_000, 0)


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 9).map(str))))
def test_a_conflating_mailbox_holds_the_newest_of_each_key(messages: list[tuple[str, str]]) -> None:
    box: Mailbox[Focus] = Mailbox(lambda m: m.symbol, None, "newest")
    for symbol, timeframe in messages:
        box.put(focus(symbol, timeframe))
    assert {m.symbol: m.timeframe for m in box.drain()} == dict(messages)
    assert box.conflated == len(messages) - len(dict(messages))


async def test_a_reader_waits_for_the_first_message_of_any_of_its_classes() -> None:
    bus = Bus(SimClock(0))
    box: Mailbox[Message] = bus.mailbox(Focus, Replay)
    assert box.name == "Focus+Replay"
    reader = asyncio.create_task(box.wait())
    await asyncio.sleep(0)
    assert not reader.done()
    bus.publish(Replay())
    bus.publish(focus("A"))
    assert await reader == [Replay(), focus("A")]
    bus.publish(Replay())
    assert await box.wait() == [Replay()]
