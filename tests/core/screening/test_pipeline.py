"""The Stage 2 desk: what sets an analysis off, in which order, how late, and whose failure it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core import slices
from core.messages import Analyse, Confluence, KeyPressed, Reading, Replay, State
from core.screening.thresholds import Thresholds, changed, from_class
from tests.builders import confluence, quote
from tests.core.screening.stage2_room import NOW_MS, Room
from tests.core.signals.markets import CATEGORY, VENUE

Enter = Callable[..., Room]


@pytest.fixture
async def enter(tmp_path: Path) -> AsyncIterator[Enter]:
    made: list[Room] = []

    def room(*symbols: str, **screening: Any) -> Room:
        made.append(Room(tmp_path, *symbols, **screening))
        return made[-1]

    yield room
    for entry in made:
        await entry.close()


async def test_an_alert_is_pending_at_once_and_becomes_a_whole_analysis(enter: Enter) -> None:
    room = enter("AUSDT", "BTCUSDT")
    room.alert("AUSDT")
    assert [analysis.stage2_status for analysis in room.said] == ["pending"]
    room.start()
    await room.settle()
    assert [analysis.stage2_status for analysis in room.said] == ["pending", "completed"]
    found = room.result("AUSDT")
    assert (found.cause, found.timestamp, found.timeframe) == ("alert", NOW_MS, "15m")
    assert found.expires_ms == NOW_MS + 900_000
    assert found.trigger_reasons[0].code == "VOLUME_SPIKE"
    assert found.market_context is not None
    assert found.market_context.correlation_with_reference.rho == pytest.approx(1.0)
    assert found.confidence_metrics is not None
    assert found.confidence_metrics.raw_probability == pytest.approx(0.6)
    assert found.risk_parameters is not None
    assert found.quality_metrics is not None
    assert found.quality_metrics.duration_ms == 0.0
    assert "AUSDT" in found.narrative


async def test_the_most_urgent_comes_first(enter: Enter) -> None:
    room = enter("A", "B", "C", "D", "E", at_once=1)
    room.alert("E", strength=9.0)
    await room.clock.advance(0.1)
    room.report("E")
    room.change("A")
    room.alert("B", strength=1.0)
    room.alert("C", strength=3.0)
    room.bus.publish(Analyse(symbol="D"))
    room.start()
    await room.settle()
    assert room.done() == ["D", "E", "C", "B", "A"]
    assert {(analysis.venue, analysis.category) for analysis in room.said} == {(VENUE, CATEGORY)}
    assert room.done("pending") == ["E", "A", "B", "C", "D"]


async def test_one_request_per_symbol_and_the_more_urgent_cause_wins(enter: Enter) -> None:
    room = enter("A")
    room.change("A")
    room.alert("A")
    room.change("A")
    room.start()
    await room.settle()
    assert room.done() == ["A"]
    assert room.result("A").cause == "alert"
    assert room.done("pending") == ["A", "A"]


async def test_at_most_so_many_are_under_way(enter: Enter) -> None:
    symbols = tuple(f"S{number}" for number in range(6))
    room = enter(*symbols, at_once=2)
    under_way: list[int] = []
    room.views.heard = lambda: under_way.append(len(room.views.asked) - len(room.done()))
    for symbol in symbols:
        room.alert(symbol)
    room.start()
    await room.settle()
    assert len(room.done()) == 6
    assert max(under_way) == 2


async def test_what_waited_too_long_is_skipped_and_says_so(enter: Enter) -> None:
    room = enter("A", "B")
    room.alert("A")
    await room.clock.advance(5.1)
    room.alert("B")
    room.start()
    await room.settle()
    assert room.done("skipped") == ["A"]
    assert room.done() == ["B"]
    (skipped,) = [analysis for analysis in room.said if analysis.stage2_status == "skipped"]
    assert skipped.hints == ("not analysed within 5 seconds: ask again",)
    assert skipped.recommendation is None
    assert room.desk.skipped == 1


async def test_one_symbols_failure_marks_that_symbol_only(enter: Enter) -> None:
    room = enter("A", "B", "C")
    room.views.broken.add("B")
    for symbol in ("A", "B", "C"):
        room.alert(symbol)
    room.start()
    await room.settle()
    assert room.done() == ["A", "C"]
    failed = room.result("B")
    assert (failed.stage2_status, failed.recommendation) == ("error", "SYSTEM_FAILURE")
    assert failed.error == "ValueError: store is gone"
    assert "store is gone" in failed.narrative
    assert [(fault.symbol, fault.count) for fault in room.faults] == [("B", 1)]
    for _ in range(9):
        room.bus.publish(Analyse(symbol="B"))
        await room.settle()
    assert [fault.count for fault in room.faults] == [1, 10]
    room.views.broken.clear()
    room.alert("B")
    await room.settle()
    assert room.result("B").stage2_status == "completed"
    assert room.desk.failures == 10


async def test_an_analysis_that_breaks_inside_is_counted_too(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("boom")

    room = enter("A")
    monkeypatch.setattr("core.screening.analysis.anomalies", broken)
    room.alert("A")
    room.start()
    await room.settle()
    assert room.result("A").error == "ZeroDivisionError: boom"
    assert room.faults[0].symbol == "A"


async def test_replay_says_the_newest_again_and_sets_nothing_off(enter: Enter) -> None:
    room = enter("A", "B")
    room.start()
    for _ in range(2):
        room.alert("A")
        await room.settle()
    room.said.clear()
    room.bus.publish(Replay())
    room.alert("B", replayed=True)
    room.change("B", replayed=True)
    await room.settle()
    assert [(analysis.symbol, analysis.stage2_status, analysis.replayed) for analysis in room.said] == [
        ("A", "completed", True)
    ]


async def test_an_accepted_calibration_of_an_alerted_symbol_is_judged_again(enter: Enter) -> None:
    room = enter("A", "B")
    room.start()
    room.alert("A")
    await room.settle()
    room.report("A", verdict="keep")
    room.report("B")
    await room.settle()
    assert room.done() == ["A"]
    room.views.set = changed(from_class(Thresholds()), "calibrated", 1, 0, tp_mult=4.0)
    await room.clock.advance(60)
    room.report("A", task_id=2)
    room.report("A", task_id=2)
    await room.settle()
    assert room.done() == ["A", "A"]
    again = room.result("A")
    assert again.cause == "calibration"
    assert again.calibration_params is not None
    assert (again.calibration_params.tp_mult, again.calibration_params.source) == (4.0, "calibrated")
    assert again.trigger_reasons[0].code == "VOLUME_SPIKE"
    await room.clock.advance(300)
    room.report("A", task_id=3)
    await room.settle()
    assert room.done() == ["A", "A"]


async def test_what_the_operator_asks_for_with_a_key_does_not_give_way_to_it(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be put off by the very key that asked for it, and with a short deadline be given up unbegun."""
    monkeypatch.setattr(slices, "GIVE_WAY_S", 3600.0)
    room = enter("A", "B")
    room.start()
    await room.settle()
    room.bus.publish(KeyPressed())
    room.alert("A")
    room.bus.publish(Analyse(symbol="B"))
    await room.settle()
    assert room.done() == ["B"]


async def test_a_symbol_that_leaves_is_forgotten(enter: Enter) -> None:
    room = enter("A", "B")
    room.alert("A")
    room.alert("B")
    room.watch("B")
    room.start()
    await room.settle()
    assert room.done() == ["B"]
    room.bus.publish(Replay())
    assert {analysis.symbol for analysis in room.said if analysis.replayed} == {"B"}


async def test_the_operator_is_told_when_a_symbol_is_not_watched(enter: Enter) -> None:
    room = enter("A")
    room.bus.publish(Analyse(symbol="ZZZ"))
    assert room.said == []
    assert room.faults[0].message == "cannot analyse ZZZ: it is not watched; pin it first"


async def test_readings_of_the_decision_and_quotes_become_factors(enter: Enter) -> None:
    room = enter("A")
    said: tuple[tuple[str, State, str, bool], ...] = (
        ("macd", "SELL", "5m", False),
        ("stoch", "BUY", "5m", True),
        ("ema_cross", "BUY", "1h", False),
    )
    for detector, side, timeframe, warming in said:
        room.bus.publish(
            Reading(
                venue=VENUE, category=CATEGORY, symbol="A", timeframe=timeframe, detector=detector, family="MOMENTUM",
                group="CLASSIC", side=side, score=0.5, reasons=(), warming=warming, occurred_at=0, known_at=0,
            )
        )  # fmt: skip
    room.bus.publish(confluence("A", "HOLD", 0.9, 100.0, timeframe="1h", decides=False))
    room.bus.publish(quote("A", 99.9, 100.1, NOW_MS))
    room.alert("A")
    room.start()
    await room.settle()
    found = room.result("A").confidence_metrics
    assert found is not None
    assert found.factors["macd"] == -0.5
    assert found.factors["orderbook"] == 0.0
    assert "stochastic" in found.missing
    assert "ema_cross" in found.missing
    assert found.raw_probability == pytest.approx(0.6)


async def test_a_stale_or_held_market_is_no_basis(enter: Enter) -> None:
    room = enter("A", "B")
    held: Confluence = confluence("A", "HOLD", 0.9, 100.0, timeframe="5m", hold_reason="order book stale")
    room.bus.publish(held)
    room.alert("A")
    room.start()
    await room.settle()
    assert room.result("A").recommendation == "INVALID_DATA"
    assert "order book stale" in room.result("A").narrative
    await room.clock.advance(181)
    room.alert("B")
    await room.settle()
    assert "the newest one-minute bar closed 181 s ago" in room.result("B").narrative


async def test_a_symbol_that_leaves_under_way_says_nothing_more(enter: Enter) -> None:
    room = enter("A", "B", "C", at_once=1)
    room.alert("A")
    room.alert("B")
    room.views.heard = lambda: room.watch("B", "C")
    room.start()
    await room.settle()
    assert room.done() == ["B"]


async def test_the_desk_goes_on_with_what_waits_when_it_is_started_again(enter: Enter) -> None:
    room = enter("A", "B")
    room.alert("A")
    room.start()
    await room.close()
    room.alert("B")
    room.start()
    await room.settle()
    assert room.done() == ["A", "B"]


async def test_a_market_that_stands_is_analysed_again_after_its_time_and_one_that_holds_never(enter: Enter) -> None:
    room = enter("A", "B", again_s=60.0)
    room.start()

    async def bar(seconds: float) -> list[str]:
        await room.clock.advance(seconds)
        for symbol, state in (("A", "BUY"), ("B", "HOLD")):
            room.bus.publish(confluence(symbol, state, 0.62, 100.0, timeframe="5m"))  # type: ignore[arg-type]
        await room.settle()
        return room.done()

    assert await bar(0.0) == ["A"]
    assert await bar(59.0) == ["A"]
    assert await bar(1.0) == ["A", "A"]


async def test_it_is_not_analysed_again_unless_that_is_asked_for(enter: Enter) -> None:
    room = enter("A")
    room.start()
    await room.clock.advance(600.0)
    room.bus.publish(confluence("A", "BUY", 0.62, 100.0, timeframe="5m"))
    await room.settle()
    assert room.done() == []
