"""A recorder with a store, candles and a clock, for its tests."""

from __future__ import annotations

import msgspec

from core.messages import Fault, TrackRecord
from core.screening.classes import CLASSES, AssetClass
from core.screening.outcomes import Outcome
from core.screening.thresholds import InForce, from_class
from core.screening.track_record import PASS_S, TrackRecorder
from tests.builders import CATEGORY, VENUE
from tests.core.screening.judged import AT, UP, Candles, change, confluence, decision_bars, flat, minutes
from tests.core.screening.kept import Room

MARKET = f"{VENUE}.{CATEGORY}"
RISE = (100.0, UP + 0.01, 99.9, 105.0)


class OneClass:
    """Every market is of the last class."""

    def in_force(self, symbol: str) -> InForce:
        return from_class(self.asset_class(symbol).defaults)

    def asset_class(self, symbol: str) -> AssetClass:
        return CLASSES[-1]


class Desk:
    """A room with a recorder in it, its clock at the call."""

    def __init__(self, room: Room, candles: Candles) -> None:
        self.room = room
        self.candles = candles
        self.recorder = TrackRecorder(room.bus, room.clock, room.live, room.store, candles, OneClass())

    async def open(self) -> Desk:
        await self.recorder.open()
        self.room.start(self.recorder.run)
        await self.room.settle()
        return self

    async def run(self, seconds: float, step_s: float = PASS_S) -> None:
        """Let time pass; other threads get the turns they need at each step."""
        left = seconds
        while left > 0.0:
            await self.room.clock.advance(min(step_s, left))
            await self.quiet()
            left -= step_s

    async def quiet(self) -> None:
        """Until the recorder only waits for its clock, pauses between symbols included."""
        for _ in range(20):
            await self.room.settle()
            await self.room.clock.advance(0.06)

    async def rows(self) -> list[tuple[str, int | None, Outcome | None]]:
        query = "SELECT fact, resolved_ms, outcome FROM calls ORDER BY id"
        found = await self.room.store.run(lambda db: db.execute(query).fetchall())
        return [
            (fact, resolved, msgspec.json.decode(text, type=Outcome) if text is not None else None)
            for fact, resolved, text in found
        ]

    def told(self) -> TrackRecord:
        return self.room.of(TrackRecord)[-1]

    def faults(self) -> list[str]:
        return [fault.message for fault in self.room.of(Fault)]

    def say(self, symbol: str = "BTCUSDT", at_ms: int = AT, after: str = "BUY") -> None:
        self.room.bus.publish(change(symbol, after, at_ms))
        self.room.bus.publish(confluence(symbol, at_ms))


def candles() -> Candles:
    """Of BTCUSDT: it rises to the upper barrier in the third minute after the call."""
    made = Candles()
    made.put("BTCUSDT", "5m", decision_bars())
    made.put("BTCUSDT", "1m", minutes(flat(), flat(), RISE, fill_to=24 * 60))
    return made


async def again(desk: Desk, at_ms: int) -> Desk:
    """The same files, opened by another run of the program."""
    await desk.room.close()
    return await Desk(await Room.open(desk.room.store.path.parent, at_ms), desk.candles).open()
