"""What Stage 2 gathers of a symbol: the newest of everything, of the right timeframe, and nothing of what left."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.messages import Screening
from core.screening.gathering import Gatherer
from tests.builders import listing, metrics, quote, universe
from tests.core.screening.stage2_room import BLOCKS, NOW_MS, Room
from tests.core.signals.markets import CATEGORY, VENUE


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def gatherer(room: Room, *symbols: str) -> Gatherer:
    made = Gatherer(room.bus, room.clock, room.live, room.market, room.views, room.views, room.views)
    room.watch(*symbols)
    return made


def test_blocks_end_at_the_newest_closed_bar_and_are_as_long_as_an_analysis_reads(room: Room) -> None:
    found = gatherer(room, "AUSDT", "BTCUSDT").inputs(VENUE, CATEGORY, "AUSDT", "state")
    assert (len(found.frame), len(found.minutes), len(found.own), len(found.decision)) == (600, 300, 289, 301)
    for block, timeframe in ((found.frame, "15m"), (found.minutes, "1m"), (found.own, "5m")):
        assert (block == BLOCKS[timeframe][-len(block) :]).all()
    assert found.price == BLOCKS["1m"][-1, 4]
    assert found.now_ms == NOW_MS
    assert (found.tick, found.fee, found.shorts) == (Decimal("0.01"), 0.001, False)
    assert (found.regime.regime, found.probability_up, found.trouble) == ("range", 0.6, "")
    assert len(found.daily.ends_ms) == len(BLOCKS["1d"])


def test_perpetuals_have_their_own_fee_and_may_be_sold_short(room: Room) -> None:
    found = gatherer(room, "A").inputs(VENUE, "linear", "A", "state")
    assert found.fee == pytest.approx(0.00055)
    assert found.shorts


def test_the_reference_is_the_venues_btc_pair_and_none_for_itself(room: Room) -> None:
    made = gatherer(room, "AUSDT", "BTCUSDT")
    other, itself = (made.inputs(VENUE, CATEGORY, symbol, "state") for symbol in ("AUSDT", "BTCUSDT"))
    assert (other.reference_symbol, other.reference_name) == ("BTCUSDT", "BTC")
    assert other.reference is not None
    assert (other.reference == other.own).all()
    assert other.reference_trend == made.inputs(VENUE, CATEGORY, "AUSDT", "alert").reference_trend
    assert (itself.reference_symbol, itself.reference, itself.reference_trend) == ("", None, "undefined")


def test_what_was_never_heard_is_not_known(room: Room) -> None:
    made = gatherer(room)
    room.market.windows.clear()
    room.bus.publish(universe("NEW"))
    found = made.inputs(VENUE, CATEGORY, "NEW", "operator")
    assert math.isnan(found.price)
    assert math.isnan(found.probability_up)
    assert (found.tick, len(found.frame), found.readings) == (None, 0, 0)
    assert math.isnan(found.liquidity.spread)
    room.bus.publish(replace(listing("NEW"), tick_size="a cent"))
    assert made.inputs(VENUE, CATEGORY, "NEW", "operator").tick is None


def test_triggers_of_an_old_minute_are_no_reason_but_those_of_the_alert_that_asked_are(room: Room) -> None:
    made = gatherer(room, "A")
    known = made.of("A")
    assert known is not None
    heard: list[Screening] = []
    room.bus.subscribe(Screening, heard.append)
    room.alert("A")
    known.screening = known.alert = heard[0]
    room.bus.publish(metrics("A", 100.0, timeframe="5m", volume_z=1.5))
    assert made.inputs(VENUE, CATEGORY, "A", "state").trigger_reasons
    room.clock.set_ms(NOW_MS + 121_000)
    late = made.inputs(VENUE, CATEGORY, "A", "state")
    assert (late.trigger_reasons, late.volume_z) == ((), 1.5)
    assert made.inputs(VENUE, CATEGORY, "A", "calibration").trigger_reasons


def test_what_leaves_the_universe_is_forgotten_and_not_taken_up_again(room: Room) -> None:
    made = gatherer(room, "A", "B")
    room.bus.publish(quote("A", 99.9, 100.1, NOW_MS))
    assert made.inputs(VENUE, CATEGORY, "A", "state").liquidity.spread == pytest.approx(0.002)
    room.watch("B")
    room.bus.publish(quote("A", 99.9, 100.1, NOW_MS + 10_000))
    room.bus.publish(metrics("A", 100.0, timeframe="5m"))
    assert made.of("A") is None
    assert made.where("A") is None
    assert made.where("B") == (VENUE, CATEGORY)
    assert [symbol for symbol, _ in made.all()] == ["B"]
    with pytest.raises(LookupError, match="A is not watched: pin it"):
        made.inputs(VENUE, CATEGORY, "A", "operator")
    room.watch("A", "B")
    assert math.isnan(made.inputs(VENUE, CATEGORY, "A", "state").liquidity.spread)
