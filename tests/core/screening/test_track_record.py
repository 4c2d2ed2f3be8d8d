"""The track recorder on a real store and constructed candles: kept once, judged, learnt from, told, over restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from core.messages import Replay, TrackRecord, VenueClock
from core.screening.calls import MINUTE_MS, Call
from core.screening.outcomes import Direction
from core.screening.track_record import PASS_S
from core.settings import Settings
from core.settings_screening import Screening
from tests.builders import CATEGORY, VENUE
from tests.core.screening.judged import (
    AT,
    DOWN,
    FIVE_MS,
    Candles,
    analysis,
    change,
    confluence,
    decision_bars,
    flat,
    minutes,
    sure,
)
from tests.core.screening.kept import DAY_MS, Room
from tests.core.screening.record_room import MARKET, RISE, Desk, again, candles

HOUR_S = 3600.0
FALL = (100.0, 100.1, DOWN - 0.01, 95.0)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = await Desk(await Room.open(tmp_path, AT), candles()).open()
    yield made
    await made.room.close()


async def test_a_change_of_state_is_kept_with_its_detectors_judged_and_told(desk: Desk) -> None:
    desk.say()
    await desk.room.settle()
    ((fact, resolved, outcome),) = await desk.rows()
    assert (fact, resolved, outcome) == (f"state {MARKET}:BTCUSDT 5m {AT}", None, None)
    await desk.run(6 * 60)
    ((_, resolved, outcome),) = await desk.rows()
    assert resolved is not None
    assert outcome is not None
    assert isinstance(outcome.direction, Direction)
    assert (outcome.direction.first, outcome.direction.after_s) == ("up", 180.0)
    told = desk.told()
    assert (told.calls, told.resolved) == (1, 1)
    assert [(rate.name, rate.hits, rate.outcomes) for rate in told.by_symbol] == [("BTCUSDT", 1, 1)]
    assert [rate.name for rate in told.by_recommendation] == ["state BUY"]
    sides = {part.detector: part.side for part in confluence().contributions}
    assert {rate.name: rate.hits for rate in told.by_detector} == {
        name: int(side == "BUY") for name, side in sides.items()
    }


async def test_a_recommendation_is_judged_twice_by_its_barriers_and_by_its_trade(desk: Desk) -> None:
    desk.candles.put("BTCUSDT", "1m", minutes(flat(), (100.0, 102.0, 99.5, 100.0), fill_to=100))
    desk.room.bus.publish(analysis())
    await desk.run(70 * 60, 300.0)
    ((_, resolved, outcome),) = await desk.rows()
    assert resolved is None
    assert outcome is not None
    assert outcome.direction is not None
    assert outcome.direction.first == "neither"
    assert outcome.trade is None
    assert (desk.told().calls, desk.told().resolved) == (1, 1)
    rise = minutes(flat(), (100.0, 102.0, 99.5, 100.0), fill_to=100)
    desk.candles.put("BTCUSDT", "1m", np.vstack([rise, minutes(RISE, since_ms=AT + 100 * MINUTE_MS, fill_to=60)]))
    await desk.run(80 * 60, 300.0)
    ((_, resolved, outcome),) = await desk.rows()
    assert resolved is not None
    assert outcome is not None
    assert outcome.trade is not None
    assert (outcome.trade.first, outcome.trade.adverse_r) == ("target", 0.5)
    assert [(rate.name, rate.hits) for rate in desk.told().by_recommendation] == [("BUY", 1)]
    assert (desk.told().calls, desk.told().resolved) == (1, 1)
    new = await again(desk, AT + 200 * MINUTE_MS)
    assert (new.told().calls, new.told().resolved) == (1, 1)
    assert new.told().by_recommendation == desk.told().by_recommendation
    await new.room.close()


async def test_what_is_not_news_is_not_kept(desk: Desk) -> None:
    publish = desk.room.bus.publish
    publish(change(replayed=True))
    publish(confluence())
    publish(analysis(replayed=True))
    for status in ("pending", "processing", "skipped", "error"):
        publish(analysis(stage2_status=status))
    publish(change(at_ms=AT + FIVE_MS))
    publish(confluence(at_ms=AT + FIVE_MS, decides=False))
    await desk.room.settle()
    assert await desk.rows() == []
    await desk.run(PASS_S)
    assert len(await desk.rows()) == 1, "a change whose confluence never came is kept without detectors"


async def test_nothing_is_kept_twice_not_even_over_a_restart(desk: Desk) -> None:
    desk.say()
    desk.say()
    desk.room.bus.publish(analysis())
    await desk.run(6 * 60)
    desk.room.bus.publish(analysis())
    await desk.room.settle()
    assert len(await desk.rows()) == 2
    before = await desk.rows()
    new = await again(desk, AT + 7 * MINUTE_MS)
    new.say()
    new.room.bus.publish(analysis())
    await new.run(30 * 60, 300.0)
    assert [row[0] for row in await new.rows()] == [row[0] for row in before]
    assert (await new.rows())[0] == before[0]
    assert (new.told().calls, new.told().by_symbol[0].outcomes) == (2, 1)
    await new.room.close()


async def test_a_call_whose_outcome_stayed_unknown_is_not_judged_again(desk: Desk) -> None:
    desk.candles.put("BTCUSDT", "5m", decision_bars(step=0.0))
    desk.say()
    await desk.run(6 * 60)
    new = await again(desk, AT + 7 * MINUTE_MS)
    new.candles.put("BTCUSDT", "5m", decision_bars())
    asked = new.candles.asked
    new.say()
    await new.room.settle()
    await new.run(10 * 60)
    assert new.candles.asked == asked
    assert (new.told().calls, new.told().resolved) == (1, 0)
    await new.room.close()


async def test_only_the_confluence_of_the_same_close_says_which_detectors_made_a_change(desk: Desk) -> None:
    publish = desk.room.bus.publish
    publish(change(after="HOLD", at_ms=AT - FIVE_MS))
    publish(change())
    publish(confluence())
    await desk.room.settle()
    texts = await desk.room.store.run(lambda db: db.execute("SELECT call FROM calls ORDER BY at_ms").fetchall())
    early, now = [msgspec.json.decode(text, type=Call) for (text,) in texts]
    assert (early.detectors, bool(now.detectors)) == ({}, True)


async def test_a_restart_in_the_middle_goes_on_where_it_was(desk: Desk) -> None:
    desk.candles.put("BTCUSDT", "1m", minutes(flat(), fill_to=10))
    desk.say()
    await desk.run(8 * 60)
    new = await again(desk, AT + 15 * MINUTE_MS)
    assert (new.told().calls, new.told().resolved) == (1, 0)
    fall = minutes(*[flat()] * 12, FALL, fill_to=60)
    new.candles.put("BTCUSDT", "1m", fall)
    await new.run(15 * 60)
    ((_, resolved, outcome),) = await new.rows()
    assert resolved is not None
    assert outcome is not None
    assert outcome.direction is not None
    assert (outcome.direction.first, outcome.direction.after_s) == ("down", 13 * 60.0)
    last = await again(new, AT + DAY_MS)
    assert [(rate.hits, rate.outcomes) for rate in last.told().by_symbol] == [(0, 1)]
    await last.room.close()


async def test_missing_candles_are_waited_for_a_day_and_then_the_outcome_is_unknown(desk: Desk) -> None:
    hole = np.delete(minutes(flat(), flat(), RISE, fill_to=24 * 60), 1, axis=0)
    desk.candles.put("BTCUSDT", "1m", hole)
    desk.say()
    await desk.run(24 * HOUR_S, HOUR_S)
    assert [(resolved, outcome) for _, resolved, outcome in await desk.rows()] == [(None, None)]
    await desk.run(4 * HOUR_S, HOUR_S)
    ((_, resolved, outcome),) = await desk.rows()
    assert resolved is not None
    assert outcome is None
    assert (desk.told().calls, desk.told().resolved, desk.told().by_symbol) == (1, 0, ())
    assert desk.candles.asked < 120, "looked at ever more rarely"


async def test_candles_that_come_late_are_read(desk: Desk) -> None:
    whole = desk.candles.blocks["BTCUSDT", "1m"]
    desk.candles.put("BTCUSDT", "1m", whole[:0])
    desk.candles.put("BTCUSDT", "5m", decision_bars()[:-1])
    desk.say()
    await desk.run(3 * HOUR_S, HOUR_S)
    desk.candles.put("BTCUSDT", "1m", whole)
    await desk.run(HOUR_S, HOUR_S)
    assert (await desk.rows())[0][1] is None, "the bar that closed with the call says how far its barriers are"
    desk.candles.put("BTCUSDT", "5m", decision_bars())
    await desk.run(2 * HOUR_S, HOUR_S)
    outcome = (await desk.rows())[0][2]
    assert outcome is not None
    assert outcome.direction is not None
    assert outcome.direction.first == "up"


async def test_a_market_that_stood_still_has_no_barriers(desk: Desk) -> None:
    desk.candles.put("BTCUSDT", "5m", decision_bars(step=0.0))
    desk.say()
    await desk.run(6 * 60)
    ((_, resolved, outcome),) = await desk.rows()
    assert resolved is not None
    assert outcome is None


async def test_an_analysis_without_figures_is_counted_and_nothing_more(desk: Desk) -> None:
    desk.room.bus.publish(analysis(action="INVALID_DATA", side=None, confidence_metrics=None, risk_parameters=None))
    await desk.run(PASS_S)
    ((_, resolved, outcome),) = await desk.rows()
    assert resolved is not None
    assert outcome is None
    assert (desk.told().calls, desk.told().resolved) == (1, 0)
    assert desk.candles.asked == 0


async def test_how_often_the_confidence_asked_for_was_reached_is_counted_over_thirty_days(desk: Desk) -> None:
    for day, probability in ((0, 0.53), (1, 0.54), (2, 0.70)):
        known = msgspec.structs.replace(sure(), probability=probability)
        desk.room.bus.publish(analysis(at_ms=AT + day * DAY_MS, confidence_metrics=known))
    desk.room.bus.publish(analysis("ETHUSDT", confidence_metrics=None, risk_parameters=None))
    await desk.run(3 * PASS_S)
    told = desk.told()
    assert (told.calls, told.analysed, told.confident, told.min_confidence) == (4, 3, 2, 0.54)
    await desk.room.clock.advance(30 * DAY_MS / 1000.0)
    desk.room.bus.publish(analysis("ETHUSDT", at_ms=AT + 30 * DAY_MS))
    await desk.run(3 * PASS_S)
    told = desk.told()
    assert (told.analysed, told.confident) == (3, 3)


async def test_the_record_is_told_at_most_once_a_minute_and_again_on_replay(desk: Desk) -> None:
    assert len(desk.room.of(TrackRecord)) == 1
    for number in range(5):
        desk.say(at_ms=AT + number * FIVE_MS)
    assert len(desk.room.of(TrackRecord)) == 1
    await desk.run(PASS_S)
    assert len(desk.room.of(TrackRecord)) == 2
    await desk.run(3 * PASS_S)
    assert len(desk.room.of(TrackRecord)) == 2, "nothing changed"
    desk.room.bus.publish(Replay())
    assert desk.room.of(TrackRecord)[-1] == desk.room.of(TrackRecord)[-2]


async def test_time_is_the_venues(desk: Desk) -> None:
    """A recording plays last year's bars: they are judged by its own clock."""
    clock = VenueClock(venue=VENUE, category=CATEGORY, offset_ms=-3600_000.0, round_trip_ms=0.0, at_ms=AT)
    desk.room.bus.publish(clock)
    desk.say()
    await desk.run(30 * 60, 300.0)
    assert (await desk.rows())[0][1] is None
    assert desk.candles.asked == 0
    await desk.run(36 * 60, 300.0)
    assert (await desk.rows())[0][1] is not None


async def test_old_calls_leave(tmp_path: Path) -> None:
    settings = Settings(screening=Screening(keep_days=7.0))
    stored = Candles()
    stored.put("BTCUSDT", "5m", decision_bars())
    stored.put("BTCUSDT", "1m", minutes(RISE, fill_to=60))
    desk = await Desk(await Room.open(tmp_path, AT, settings), stored).open()
    desk.say()
    await desk.run(6 * 60)
    assert desk.told().by_symbol
    await desk.run(7 * DAY_MS / 1000, 12 * HOUR_S)
    await desk.run(2 * HOUR_S, HOUR_S)
    assert await desk.rows() == []
    assert (desk.told().calls, desk.told().by_symbol) == (0, ())
    await desk.room.close()


async def test_a_store_that_refuses_is_told_and_written_to_later(desk: Desk) -> None:
    desk.room.store.tired = True
    desk.say()
    await desk.run(7 * 60)
    assert "disk full" in desk.faults()[0]
    assert [rate.hits for rate in desk.told().by_symbol] == [1], "memory goes on"
    desk.room.store.tired = False
    await desk.run(2 * 60)
    ((_, resolved, outcome),) = await desk.rows()
    assert resolved is not None
    assert outcome is not None
    assert desk.told().calls == 1


async def test_a_store_that_cannot_be_read_at_start_is_read_later(desk: Desk) -> None:
    desk.say()
    await desk.run(6 * 60)
    await desk.room.close()
    room = await Room.open(desk.room.store.path.parent, AT + 10 * MINUTE_MS)
    room.store.tired = True
    new = await Desk(room, desk.candles).open()
    assert new.told().by_symbol == ()
    new.say()
    room.store.tired = False
    await new.run(2 * 60)
    assert [(rate.hits, rate.outcomes) for rate in new.told().by_symbol] == [(1, 1)]
    assert len(await new.rows()) == 1
    await room.close()


async def test_candles_that_cannot_be_read_harm_no_other_symbol_and_are_tried_again(desk: Desk) -> None:
    desk.candles.broken = True
    desk.say()
    await desk.run(10 * 60)
    assert "outcomes of BTCUSDT cannot be read: StoreError: candles.sqlite: disk I/O error" in desk.faults()[0]
    assert desk.candles.asked == 2, "not at every look"
    desk.candles.broken = False
    await desk.run(20 * 60)
    assert (await desk.rows())[0][1] is not None


async def test_rows_that_cannot_be_read_are_told_and_skipped(desk: Desk) -> None:
    desk.say()
    desk.say("ETHUSDT")
    await desk.run(6 * 60)
    damage = "UPDATE calls SET call = '{' WHERE instrument LIKE '%ETHUSDT'"
    await desk.room.store.run(lambda db: db.execute(damage))
    await desk.room.store.run(
        lambda db: db.execute("INSERT OR REPLACE INTO score_maps VALUES (?, 'spot', '5m', '{}', 0)", (MARKET,))
    )
    new = await again(desk, AT + 10 * MINUTE_MS)
    (told,) = new.faults()
    assert "ETHUSDT" in told
    assert "and 1 more" in told
    assert new.told().by_symbol[0].name == "BTCUSDT"
    assert new.recorder.score_map("spot", "5m") is None
    await new.room.close()
