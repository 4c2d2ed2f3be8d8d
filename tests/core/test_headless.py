"""Bus messages as JSON lines, over real files and pipes."""

import asyncio
import io
import json
import math
import os
from decimal import Decimal
from pathlib import Path

import pytest

from core.bus import Bus
from core.clock import SimClock
from core.headless import CommandLines, JsonLines, read_command
from core.messages import EngineStatus, Fault, Halt, Metrics, OpenTrade, Quote


def quote(price: float = 1.0) -> Quote:
    return Quote(
        venue="bybit", category="spot", symbol="BTCUSDT", bid=price, bid_size=1.0, ask=2.0, ask_size=1.0,
        event_ms=5, received_ms=6,
    )  # fmt: skip


def test_every_message_is_one_line_with_type_symbol_venue_and_null_for_nan(tmp_path: Path) -> None:
    bus = Bus(SimClock(0))
    with (tmp_path / "out.jsonl").open("wb") as stream:
        lines = JsonLines(bus, stream)
        bus.publish(quote())
        bus.publish(quote(math.nan))
        bus.publish(Fault(source="x", message="über\nline", at_ms=7))
        lines.close()
        bus.publish(quote())
        lines.close()
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["type"] for line in found] == ["Quote", "Quote", "Fault"]
    assert (found[0]["symbol"], found[0]["venue"], found[0]["event_ms"]) == ("BTCUSDT", "bybit", 5)
    assert found[1]["bid"] is None
    assert found[2]["message"] == "über\nline"


def test_types_are_the_class_names() -> None:
    for kind in (Quote, Metrics, EngineStatus, Fault):
        assert kind.__struct_config__.tag == kind.__name__


async def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    bus = Bus(SimClock(0))
    ended = asyncio.Event()
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "wb")
    lines = JsonLines(bus, stream, on_broken=ended.set)
    os.close(reading)
    bus.publish(quote())
    await asyncio.wait_for(ended.wait(), 10)
    bus.publish(quote())
    lines.close()
    stream.close()
    assert lines.broken
    assert bus.handler_errors == 0


async def test_a_reader_that_does_not_read_does_not_hold_up_the_bus(monkeypatch) -> None:
    monkeypatch.setattr("core.headless.MAX_BACKLOG_BYTES", 2_000_000)
    bus = Bus(SimClock(0))
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "wb")
    lines = JsonLines(bus, stream)
    for _ in range(40_000):
        bus.publish(quote())
    assert lines.dropped > 0
    os.close(reading)
    lines.close()
    stream.close()


def test_a_closed_stream_is_no_error() -> None:
    bus = Bus(SimClock(0))
    stream = io.BytesIO()
    called = []
    lines = JsonLines(bus, stream, on_broken=lambda: called.append(1))
    stream.close()
    bus.publish(quote())
    lines.close()
    assert called == [1]


def test_a_line_is_a_command() -> None:
    line = b'{"type": "OpenTrade", "symbol": "SOLUSDT", "side": "BUY", "stop": "150.9", "targets": ["155.25", 156.7]}'
    assert read_command(line) == OpenTrade(
        symbol="SOLUSDT", side="BUY", stop=Decimal("150.9"), targets=(Decimal("155.25"), Decimal("156.7"))
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"type": "Nope"}', "'Nope' is none of"),
        (b"[1]", "'' is none of"),
        (b'{"type": "Halt", "x": 1}', "no field x; it has why"),
        (b'{"type": "OpenTrade", "symbol": "A"}', "missing required field `side`"),
        (b"{", "truncated"),
        (b'{"type": "OpenTrade", "symbol": "A", "side": "UP", "stop": "1"}', "'UP'"),
        (b'{"type": "OpenTrade", "symbol": "A", "side": "BUY", "stop": "NaN"}', "stop is NaN"),
        (
            b'{"type": "OpenTrade", "symbol": "A", "side": "BUY", "stop": "1", "targets": ["Infinity"]}',
            "targets is Inf",
        ),
    ],
)
def test_what_is_no_command_says_why(line: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_command(line)


async def test_commands_come_from_a_stream_and_bad_lines_are_told() -> None:
    bus = Bus(SimClock(0))
    commands = bus.mailbox(Halt)
    faults = bus.mailbox(Fault)
    reading, writing = os.pipe()
    CommandLines(bus, SimClock(0), os.fdopen(reading, "rb"))
    with os.fdopen(writing, "wb") as stream:
        stream.write(b'{"type": "Halt", "why": "test"}\n\nnonsense\n')
    assert await commands.wait() == [Halt(why="test")]
    (fault,) = await faults.wait()
    assert "nonsense" in fault.message


@pytest.mark.parametrize("name", ["ConnectLive", "CheckLive", "ArmLive", "ConfirmTicket"])
def test_no_program_goes_live_or_confirms_an_order(name: str):
    with pytest.raises(ValueError, match="takes a person at the screen"):
        read_command(b'{"type": "%s"}' % name.encode())
