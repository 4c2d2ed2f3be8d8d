"""Stage 1 live: one judgement per bar, alerts rationed over the minute, late bars, replay, contained failures."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import numpy as np
import pytest

from core.messages import Replay, Screening
from core.screening import stage1_desk
from core.screening.stage1 import HOUR_MS
from tests.core.screening.bars import MINUTE_MS, flat, saw
from tests.core.screening.watch import STABLE, Watch, codes, listing, of
from tests.core.signals.markets import CATEGORY, START_MS, VENUE, bar_of, window_of

DAY_MS = 86_400_000
NO_LEVELS = ("no level above the price to break", "no level below the price to break")
WILD = {"volume": 60.0, "close": 0.01}
"""A bar that fires two families and more."""


@pytest.fixture
async def watch(tmp_path: Path):
    made = Watch(tmp_path, "A", "B", "C")
    made.start()
    yield made
    await made.close()


async def test_every_closed_minute_of_a_watched_market_brings_one_judgement(watch: Watch) -> None:
    for _ in range(3):
        said = await watch.minute()
        assert sorted(message.symbol for message in said) == ["A", "B", "C"]
    open_ms = START_MS + (watch.count - 1) * MINUTE_MS
    found = of(said, "A")
    assert (found.occurred_at, found.known_at) == (open_ms, open_ms + MINUTE_MS)
    assert (found.venue, found.category, found.asset_class, found.replayed) == (VENUE, CATEGORY, "perpetual", False)
    assert found.stats.price == watch.blocks["A"][watch.count - 1, 4]
    assert found.signal in ("NONE", "NORMAL")


async def test_other_bars_bring_nothing(watch: Watch) -> None:
    watch.bus.publish(bar_of(watch.blocks["A"][watch.count - 1], "A", "1m", revision=1))
    await watch.settle()
    assert not watch.said
    await watch.minute()
    watch.said.clear()
    bar = bar_of(watch.next_row("A"), "A", "1m")
    for other in (
        msgspec.structs.replace(bar, closed=False),
        msgspec.structs.replace(bar, timeframe="5m"),
        msgspec.structs.replace(bar, symbol="unwatched"),
    ):
        watch.bus.publish(other)
    last = watch.blocks["A"][watch.count - 1]
    watch.bus.publish(bar_of(last, "A", "1m", revision=1))
    watch.bus.publish(bar_of(last, "A", "1m"))
    watch.bus.publish(bar)  # not in the window
    await watch.settle()
    assert not watch.said
    assert not watch.faults


async def test_two_families_alert_and_the_cooldown_lets_only_a_new_one_through(watch: Watch) -> None:
    watch.thresholds.values["A"] = {"high_gate": 0.00001}  # VOLATILITY on every bar

    async def volume(**more: float) -> Screening:
        return of(await watch.minute(A=watch.next_row("A", volume=20.0, **more)), "A")

    found = await volume()
    assert (found.signal, codes(found), found.hints) == ("ALERT", ["VOLUME_SPIKE", "VOL_SPIKE"], NO_LEVELS)
    assert (found.alerted_ms, found.cooldown_until_ms) == (found.known_at, found.known_at + 300_000)
    again = await volume()
    assert (again.signal, again.hints[0]) == ("NORMAL", "alert told before: again in 240 s or with a new family")
    assert (again.alerted_ms, again.cooldown_until_ms) == (found.known_at, found.known_at + 300_000)
    joined = await volume(close=0.01)
    assert (joined.signal, codes(joined)[1]) == ("ALERT", "RSI_STATIC")
    for _ in range(4):
        assert (await volume()).signal == "NORMAL"
    assert (await volume()).signal == "ALERT", "the cooldown is over"


async def test_the_budget_goes_to_the_strongest_of_the_minute(tmp_path: Path) -> None:
    names = [f"S{number}" for number in range(9)]
    watch = Watch(tmp_path, *names, alerts_per_hour=3)
    for name in names:
        watch.thresholds.values[name] = {"high_gate": 0.00001, "vol_z_threshold": 1.0}
    watch.start()
    rows = {name: watch.next_row(name, volume=1.8 + number / 8) for number, name in enumerate(names[:8])}
    said = await watch.minute(**rows)
    assert len(said) == 9
    candidates = [message for message in said if "VOLUME_SPIKE" in codes(message)]
    assert len(candidates) > 4
    assert len({message.strength for message in candidates}) == len(candidates)
    ranked = sorted(candidates, key=lambda message: -message.strength)
    assert {message.symbol for message in said if message.signal == "ALERT"} == {m.symbol for m in ranked[:3]}
    for message in ranked[3:]:
        assert (message.signal, message.hints[0]) == ("NORMAL", "over budget: 3 alerts an hour")
        assert message.alerted_ms == 0
    for _ in range(59):
        said = await watch.minute(**{name: watch.next_row(name, volume=20.0) for name in names})
        assert [message.symbol for message in said if message.signal == "ALERT"] == []
    said = await watch.minute(**{name: watch.next_row(name, volume=99.0) for name in names})
    assert sum(message.signal == "ALERT" for message in said) == 3, "an hour later there is room again"
    await watch.close()


async def test_alerts_of_the_run_before_count_within_the_hour(tmp_path: Path) -> None:
    watch = Watch(tmp_path, "A", "B", "C", alerts_per_hour=2)
    at_ms = START_MS + (watch.count + 1) * MINUTE_MS
    watch.desk.recall((at_ms - HOUR_MS, at_ms - HOUR_MS + MINUTE_MS))
    watch.start()
    said = await watch.minute(A=watch.next_row("A", **WILD), B=watch.next_row("B", **WILD))
    assert sorted(message.signal for message in said if message.symbol != "C") == ["ALERT", "NORMAL"]
    (refused,) = [message for message in said if message.symbol != "C" and message.signal == "NORMAL"]
    assert refused.hints[0] == "over budget: 2 alerts an hour"
    await watch.close()


async def test_calm_markets_are_told_at_once_and_alerts_when_the_minute_is_whole(watch: Watch) -> None:
    watch.shut("A", watch.next_row("A", **WILD))
    watch.shut("B", watch.next_row("B"))
    await watch.settle()
    assert [message.symbol for message in watch.said] == ["B"]
    watch.shut("C", watch.next_row("C"))
    await watch.settle()
    assert [(message.symbol, message.signal == "ALERT") for message in watch.said[1:]] == [("C", False), ("A", True)]


async def test_who_does_not_come_is_waited_for_until_its_grace_is_over(watch: Watch) -> None:
    watch.shut("A", watch.next_row("A", **WILD))
    await watch.clock.advance(3.5)
    assert watch.said == []
    await watch.clock.advance(1.0)
    assert [(message.symbol, message.signal) for message in watch.said] == [("A", "ALERT")]


async def test_a_late_bar_is_judged_and_rationed_on_its_own(tmp_path: Path) -> None:
    watch = Watch(tmp_path, "A", "B", "C", alerts_per_hour=2)
    watch.start()
    watch.shut("A", watch.next_row("A", **WILD))
    await watch.clock.advance(5.0)
    watch.shut("B", watch.next_row("B", **WILD), known_s=7.0)
    watch.shut("C", watch.next_row("C", **WILD), known_s=8.0)
    await watch.settle()
    assert [(message.symbol, message.signal) for message in watch.said] == [
        ("A", "ALERT"),
        ("B", "ALERT"),
        ("C", "NORMAL"),
    ]
    assert watch.said[-1].hints[0] == "over budget: 2 alerts an hour"
    await watch.close()


async def test_the_next_minute_ends_the_one_before(watch: Watch) -> None:
    watch.shut("A", watch.next_row("A", **WILD))
    watch.count += 1
    watch.shut("B", watch.next_row("B"))
    await watch.settle()
    assert [(message.symbol, message.signal == "ALERT") for message in watch.said] == [("A", True), ("B", False)]


async def test_bars_brought_in_by_a_repair_are_judged_each_as_of_its_close_and_alert_nobody(watch: Watch) -> None:
    first = watch.count
    rows = []
    for number in range(5):
        rows.append(watch.next_row("A", **WILD) if number == 1 else watch.next_row("A"))
        watch.count += 1
    for row in rows:
        watch.market.windows["A", "1m"].append(row)
    for row in rows:
        bar = bar_of(row, "A", "1m")
        watch.bus.publish(msgspec.structs.replace(bar, known_at=int(rows[-1][0]) + MINUTE_MS + 1000))
    await watch.settle()
    assert [message.occurred_at for message in watch.said] == [START_MS + (first + n) * MINUTE_MS for n in range(5)]
    assert [message.stats.price for message in watch.said] == [row[4] for row in rows]
    wild = watch.said[1]
    assert (wild.signal, wild.hints[0]) == ("NORMAL", "known 3 min after its close: too late to alert")
    assert len(wild.trigger_reasons) >= 2
    assert wild.alerted_ms == 0


async def test_replay_says_the_newest_of_each_again_and_marks_it(watch: Watch) -> None:
    await watch.minute()
    newest = await watch.minute(A=watch.next_row("A", **WILD))
    assert of(newest, "A").signal == "ALERT"
    watch.said.clear()
    watch.bus.publish(Replay())
    assert watch.said == [msgspec.structs.replace(of(newest, symbol), replayed=True) for symbol in ("A", "B", "C")]


async def test_one_markets_failure_is_named_and_harms_no_other(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    in_force = watch.thresholds.in_force

    def broken(symbol: str):
        if symbol == "B":
            raise ValueError("no thresholds")
        return in_force(symbol)

    monkeypatch.setattr(watch.thresholds, "in_force", broken)
    for _ in range(3):
        said = await watch.minute(C=watch.next_row("C", **WILD))
        assert sorted(message.symbol for message in said) == ["A", "C"], "the minute does not wait for B"
    (fault,) = watch.faults
    assert (fault.source, fault.symbol, fault.count) == ("screening", "B", 1)
    assert fault.message == "stage 1 of B failed: ValueError: no thresholds; its next bar is tried"
    monkeypatch.undo()
    assert len(await watch.minute()) == 3


async def test_a_stable_coin_alerts_on_its_peg_and_on_nothing_else(watch: Watch) -> None:
    block = flat(watch.count + 100, price=1.0)
    watch.thresholds.classes["peg"] = STABLE
    watch.add("peg", block)
    watch.watch("A", "B", "C", "peg")
    assert of(await watch.minute(peg=watch.next_row("peg", volume=500.0)), "peg").signal == "NONE"
    signals = []
    for price in (0.994, 0.994, 0.994, 0.996):
        row = watch.next_row("peg")
        row[1:5] = price
        signals.append(of(await watch.minute(peg=row), "peg"))
    assert [message.signal for message in signals] == ["NONE", "NONE", "ALERT", "NONE"]
    assert codes(signals[2]) == ["DEPEG"]
    assert signals[2].trigger_reasons[0].words == "0.60 % below its peg for 3 bars"


async def test_what_is_missing_is_said_in_words(tmp_path: Path) -> None:
    watch = Watch(tmp_path, "A", bars=300)
    watch.samples.hourly = watch.samples.sample("A", "5m")
    watch.start()
    (found,) = await watch.minute()
    assert found.signal == "NONE"
    assert found.hints[:2] == ("warming up: 301 of 751 one-minute bars in a row", "hourly ATR not known")
    await watch.close()


async def test_a_filler_bar_keeps_the_market_calm(watch: Watch) -> None:
    watch.shut("A", watch.next_row("A"), synthetic=True)
    await watch.settle()
    watch.count += 1
    found = of(await watch.minute(A=watch.next_row("A", **WILD)), "A")
    assert found.signal == "NONE"
    assert found.hints[0] == "of the last 14 bars some are missing, or more than 2 without trades"


async def test_a_tick_too_coarse_keeps_the_market_calm(watch: Watch) -> None:
    watch.bus.publish(listing("A", "5"))
    found = of(await watch.minute(A=watch.next_row("A", **WILD)), "A")
    assert found.signal == "NONE"
    assert "is not above two ticks (10)" in found.hints[0]


async def test_prefilters_follow_the_settings_and_the_stored_habits(watch: Watch) -> None:
    hour = (START_MS + (watch.count + 1) * MINUTE_MS) // HOUR_MS % 24
    watch.samples.hours = tuple(other for other in range(24) if other != hour)
    found = of(await watch.minute(A=watch.next_row("A", **WILD)), "A")
    assert found.signal == "ALERT"
    assert found.preferred_hours == watch.samples.hours[: watch.live.current.screening.preferred_hours]
    assert f"{hour:02d} h UTC is not among its most liquid hours" in found.hints
    watch.live.edit("screening.exclude_hours", f"[{hour}]")
    found = of(await watch.minute(B=watch.next_row("B", **WILD)), "B")
    assert (found.signal, found.hints[0]) == ("NONE", f"{hour:02d} h UTC is excluded")


async def test_the_24_hours_are_those_of_the_window_where_it_reaches_back_and_the_venues_elsewhere(
    tmp_path: Path,
) -> None:
    deep, short = Watch(tmp_path, "A", bars=1500), Watch(tmp_path, "A", bars=1000)
    for watch in (deep, short):
        watch.start()
    (found,) = await deep.minute()
    day = deep.blocks["A"][deep.count - 1440 : deep.count]
    assert found.stats.change == pytest.approx(day[-1, 4] / day[0, 1] - 1.0)
    assert (found.stats.daily_high, found.stats.daily_low) == (day[:, 2].max(), day[:, 3].min())
    (found,) = await short.minute()
    assert (found.stats.change, found.stats.daily_high, found.stats.daily_low) == (0.02, 103.0, 97.0)
    for watch in (deep, short):
        await watch.close()


async def test_a_market_that_leaves_is_forgotten_but_for_its_alerts(watch: Watch) -> None:
    first = of(await watch.minute(A=watch.next_row("A", **WILD)), "A")
    assert first.signal == "ALERT"
    watch.watch("B", "C")
    watch.said.clear()
    watch.bus.publish(Replay())
    assert [message.symbol for message in watch.said] == ["B", "C"]
    assert len(await watch.minute()) == 2
    watch.watch("A", "B", "C")
    back = of(await watch.minute(A=watch.next_row("A", **WILD)), "A")
    assert (back.signal, back.alerted_ms) == ("NORMAL", first.known_at)


async def test_the_hourly_atr_follows_the_window_of_hours_and_its_corrections(watch: Watch) -> None:
    watch.live.edit("screening.min_natr_percent", "0.5")
    row = watch.next_row("A", **WILD)
    assert watch.judged("A", row).signal == "ALERT", "1 % usually, by the stored hours"
    hours = saw(5, 40)
    hours[:, 0] = START_MS + (np.arange(40) - 40) * float(HOUR_MS)
    watch.market.windows["A", "1h"] = window = window_of(hours)
    found = watch.judged("A", row)
    assert (found.signal, found.hints[0]) == ("NONE", "hourly ATR 0.100 % is below 0.500 %")
    wide = window.row(-1)
    wide[2] *= 1.2
    window.correct(wide[0], wide)
    assert watch.judged("A", row).signal == "ALERT"


async def test_the_loop_gets_a_turn_after_each_slice(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage1_desk, "SLICE_S", 0.0)  # a slice is over after one market
    seen: list[int] = []

    async def others() -> None:
        while len(watch.said) < 3:
            seen.append(len(watch.said))
            await asyncio.sleep(0)

    for symbol in "ABC":
        watch.shut(symbol, watch.next_row(symbol))
    await others()
    assert {0, 1, 2} == set(seen)


async def test_todays_levels_are_those_of_the_days_that_are_over(watch: Watch) -> None:
    today = (START_MS + watch.count * MINUTE_MS) // DAY_MS * DAY_MS
    watch.market.windows["A", "1d"] = window_of(days(today, (130.0, 80.0), (104.0, 96.0)))
    assert "BREAKOUT_UP" not in codes(watch.judged("A", watch.next_row("A", close=0.03)))
    found = watch.judged("A", watch.next_row("A", close=0.05))
    assert "BREAKOUT_UP" in codes(found)
    corrected = watch.market.windows["A", "1d"].row(-1)
    corrected[2] = 102.0
    watch.market.windows["A", "1d"].correct(corrected[0], corrected)
    assert "BREAKOUT_UP" in codes(watch.judged("A", watch.next_row("A", close=0.03)))
    watch.market.windows["A", "1d"].append(days(today + DAY_MS, (120.0, 90.0))[0])  # the day that now runs is over
    assert "BREAKOUT_UP" in codes(watch.judged("A", watch.next_row("A", close=0.05))), "but not at this minute"


def days(end_ms: int, *extremes: tuple[float, float]) -> np.ndarray:
    """Daily bars with these highs and lows, the last one over at `end_ms`."""
    first_ms = end_ms - len(extremes) * DAY_MS
    rows = [[first_ms + n * DAY_MS, 100, high, low, 100, 1, 1, 1, 1] for n, (high, low) in enumerate(extremes)]
    return np.array(rows, dtype=np.float64)
