"""What the recorder learns: score maps fitted from stored outcomes, kept, held back when worse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from core.screening import call_rows
from core.screening.outcomes import Direction, Outcome
from core.screening.track_record import PASS_S
from tests.core.screening.judged import AT, FIVE_MS, call
from tests.core.screening.kept import Room
from tests.core.screening.record_room import MARKET, Desk, again, candles


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = await Desk(await Room.open(tmp_path, AT), candles()).open()
    yield made
    await made.room.close()


async def test_many_stored_outcomes_are_read_in_portions_in_their_order(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr("core.screening.track_record.READ_ROWS", 7)
    monkeypatch.setattr("core.screening.track_record.RECORD_MOST", 14)
    await fill(desk, 20)
    new = await again(desk, AT + 30 * 12 * FIVE_MS)
    (rate,) = new.told().by_symbol
    assert rate.outcomes == 14
    facts = [one.fact for one in new.recorder._record.values()]
    assert facts == [f"stored {number}" for number in range(6, 20)]
    await new.room.close()


async def fill(desk: Desk, count: int, rose=lambda number: True, score=lambda number: 0.7, first: int = 0) -> None:
    """Calls of every full hour that were judged by an earlier run."""
    hour_ms = 12 * FIVE_MS

    def put(db) -> None:
        made, changes = [], []
        for number in range(first, first + count):
            at_ms = AT + number * hour_ms
            made.append(
                call(
                    fact=f"stored {number}", at_ms=at_ms, starts_ms=at_ms, ends_ms=at_ms + hour_ms, score=score(number),
                    forecast=score(number),
                )
            )  # fmt: skip
            up = rose(number)
            direction = Direction(
                first="up" if up else "down", rose=up, at_ms=at_ms + hour_ms, after_s=3600.0, barrier=0.05, teaches=True
            )
            changes.append(call_rows.Change(f"stored {number}", Outcome(direction=direction), at_ms + hour_ms))
        call_rows.insert(db, MARKET, made)
        call_rows.update(db, changes)

    await desk.room.store.run(put)


async def test_a_map_is_fitted_kept_and_used_after_a_restart(desk: Desk) -> None:
    generator = np.random.default_rng(3)
    scores = generator.uniform(0.2, 0.8, 200)
    rose = generator.random(200) < 0.2 + 0.6 * (scores > 0.5)
    await fill(desk, 200, lambda number: bool(rose[number]), lambda number: float(scores[number]))
    new = await again(desk, AT + 201 * 12 * FIVE_MS)
    assert new.recorder.score_map("spot", "5m") is None
    assert new.told().maps == {}
    await new.run(PASS_S)
    found = new.recorder.score_map("spot", "5m")
    assert found is not None
    assert found.calibrated
    assert found.n_eff == pytest.approx(200.0)
    high, low = found.probability(np.array([0.75, 0.25]), np.array([0.75, 0.25]))
    assert high > 0.7 > 0.3 > low
    assert new.told().maps == {"spot": "platt"}
    assert new.recorder.score_map("meme", "5m") is None
    last = await again(new, AT + 202 * 12 * FIVE_MS)
    assert last.recorder.score_map("spot", "5m") == found
    assert last.told().maps == {"spot": "platt"}
    await last.run(PASS_S)
    assert last.recorder.score_map("spot", "5m") == found, "nothing new, nothing fitted"
    await last.room.close()


async def test_a_map_is_fitted_again_after_a_hundred_outcomes_or_a_day(desk: Desk) -> None:
    async def fitted(made: Desk, passes: int = 1) -> list[int]:
        """How many outcomes the newest fit of each stored map had, after so many looks."""
        await made.run(passes * PASS_S)
        texts = await made.room.store.run(lambda db: db.execute("SELECT map FROM score_maps").fetchall())
        return [call_rows.decode_map(text).outcomes for (text,) in texts]

    def hours(count: int) -> int:
        return AT + count * 12 * FIVE_MS

    await fill(desk, 50, lambda number: number % 3 > 0, lambda number: 0.4 + 0.2 * (number % 2))
    first = await again(desk, hours(51))
    assert await fitted(first) == [50]
    assert first.told().maps == {"spot": "uncalibrated"}
    await fill(first, 99, first=50)
    second = await again(first, hours(52))
    assert await fitted(second) == [50]
    await fill(second, 1, first=149)
    third = await again(second, hours(53))
    assert await fitted(third) == [150]
    await fill(third, 1, first=150)
    soon = await again(third, hours(76))
    assert await fitted(soon) == [150]
    tomorrow = await again(soon, hours(77))
    assert await fitted(tomorrow, 2) == [151]
    later = await again(tomorrow, hours(150))
    assert await fitted(later) == [151], "nothing new, nothing fitted"
    await later.room.close()


async def test_a_map_that_would_be_worse_is_held_back(desk: Desk) -> None:
    """For 400 calls high scores were right; then everything turned round for a while, and back again at the end."""
    right = lambda number: (number % 2 == 0) != (number % 10 == 0)  # noqa: E731
    score = lambda number: 0.7 if number % 2 == 0 else 0.3  # noqa: E731
    await fill(desk, 400, right, score)
    new = await again(desk, AT + 400 * 12 * FIVE_MS)
    await new.run(PASS_S)
    good = new.recorder.score_map("spot", "5m")
    await fill(new, 900, lambda number: right(number) if number >= 1000 else not right(number), score, first=400)
    late = await again(new, AT + 1300 * 12 * FIVE_MS)
    await late.run(PASS_S)
    assert late.recorder.score_map("spot", "5m") == good
    kept = await late.room.store.run(lambda db: db.execute("SELECT map FROM score_maps").fetchone()[0])
    assert '"held":true' in kept
    await late.room.close()
