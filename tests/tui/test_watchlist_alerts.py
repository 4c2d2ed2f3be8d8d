"""Alerts on the watchlist: they rise to the top, the row under the cursor stays, and a minute of judgements costs little."""

from __future__ import annotations

from core.messages import Analyse
from tests import builders as make
from tests.tui import advice_builder as advised
from tests.tui.desk_builder import shown, store_with
from tests.tui.test_market_table import bench
from tests.tui.test_watchlist_screen import desk, flush, told
from tui.glyphs import UNICODE
from tui.screens.watchlist import RESORT_S
from tui.widgets.group_line import right_runs, with_alerts
from tui.widgets.market_order import View, arrange_symbols, count_groups, held

NOW = make.NOW_MS


def alert(symbol: str, at_ms: int):
    return advised.screening(
        symbol, known_at=at_ms, occurred_at=at_ms - 60_000, alerted_ms=at_ms, cooldown_until_ms=at_ms + 300_000
    )


# --- order and groups --------------------------------------------------------------------------------------------------


def test_alerts_come_first_in_every_order_and_fall_back_when_they_are_over():
    symbols = ("A", "B", "C", "D")
    store = store_with(
        make.universe(*symbols), *(make.metrics(s, 1.0, rsi=10.0 * i) for i, s in enumerate(symbols)), alert("C", NOW),
        alert("A", NOW - 200_000),
    )  # fmt: skip
    assert arrange_symbols(store, View(sort="rsi"), NOW) == ["C", "A", "D", "B"]
    assert arrange_symbols(store, View(sort="symbol", reverse=False), NOW) == ["A", "C", "B", "D"]
    assert arrange_symbols(store, View(sort="rsi"), NOW + 100_000) == ["C", "D", "B", "A"]
    assert arrange_symbols(store, View(sort="rsi"), NOW + 300_000) == ["D", "C", "B", "A"]


def test_sorting_by_signal_can_be_turned_round():
    store = store_with(make.universe("A", "B"), advised.screening("A", "NONE"), alert("B", NOW))
    assert arrange_symbols(store, View(sort="signal", reverse=False), NOW) == ["A", "B"]


def test_an_alert_is_in_its_group_beside_its_state():
    store = store_with(
        make.universe("A", "B"),
        make.confluence("A", "BUY", 0.7, 1.0),
        make.confluence("B", "BUY", 0.7, 1.0),
        alert("B", NOW),
    )
    counts = count_groups(store, NOW)
    assert (counts["buy"], counts["alerts"]) == (2, 1)
    assert count_groups(store, NOW + 300_000)["alerts"] == 0
    assert arrange_symbols(store, View(group="alerts"), NOW) == ["B"]
    assert arrange_symbols(store, View(text="alert"), NOW) == ["B"]


def test_one_symbol_can_be_held_on_its_line():
    assert held(["A", "B", "C", "D"], "C", 0) == ["C", "A", "B", "D"]
    assert held(["A", "B", "C", "D"], "A", 9) == ["B", "C", "D", "A"]
    assert held(["A", "B"], "X", 0) == ["A", "B"]


def test_the_count_of_alerts_takes_the_place_of_a_note():
    left = [("x" * 60, "text")]
    right = right_runs(View(), 60, 60, ("P uncalibrated", "dim"), UNICODE)
    texts = {
        width: "".join(text for text, _ in with_alerts(left, right, 3, width)).split("   ")[-1].strip() for width in (80, 105, 120)
    }  # fmt: skip
    assert texts == {80: "filter –", 105: "3 alerts", 120: "3 alerts"}
    assert "uncalibrated" in "".join(text for text, _ in with_alerts(left, right, 0, 110))


# --- on the screen -----------------------------------------------------------------------------------------------------


async def test_an_alert_rises_to_the_top_and_the_row_under_the_cursor_stays():
    async with desk() as (running, pilot, screen):
        await pilot.press(*["down"] * 5)
        cursor, before = screen.table.cursor, list(screen.table.symbols)
        running.desk.bus.publish(alert(before[30], running.desk.clock.now_ms()))
        await flush(running, pilot)
        assert screen.table.symbols == before
        await flush(running, pilot, 2 * RESORT_S)
        assert screen.table.symbols[0] == before[30]
        assert (screen.table.cursor, screen.table.cursor_line) == (cursor, 5)
        assert screen.table.symbols[1:5] == before[:4]
        line = next(line for line in shown(running) if f" {before[30]} " in line[:16])
        assert "! ALERT" in line


async def test_an_alert_of_the_row_under_the_cursor_does_not_move_it():
    async with desk() as (running, pilot, screen):
        await pilot.press(*["down"] * 5)
        cursor = screen.table.cursor
        running.desk.bus.publish(alert(cursor, running.desk.clock.now_ms()))
        await flush(running, pilot, 2 * RESORT_S)
        assert (screen.table.cursor, screen.table.cursor_line) == (cursor, 5)
        await pilot.press("down")
        await flush(running, pilot, 2 * RESORT_S)
        assert screen.table.symbols[0] == cursor


async def test_the_group_of_alerts_is_reached_by_key_and_counted_on_the_right():
    async with desk(size=(160, 40)) as (running, pilot, screen):
        running.desk.bus.publish(alert("DOGEUSDT", running.desk.clock.now_ms()))
        await flush(running, pilot, 2 * RESORT_S)
        assert shown(running)[1].rstrip().endswith("1 alert")
        await pilot.press("right", "right", "right", "right")
        assert screen.view.group == "alerts"
        assert screen.table.symbols == ["DOGEUSDT"]


async def test_a_asks_for_a_recommendation():
    async with desk() as (running, pilot, screen):
        asked = told(running, Analyse)
        await pilot.press("down", "a")
        assert asked == [Analyse(symbol=screen.table.cursor)]


async def test_the_argument_mentions_the_recommendation_and_that_it_expired():
    async with desk() as (running, pilot, screen):
        running.desk.bus.publish(advised.analysis("SOLUSDT"))
        running.desk.bus.publish(advised.screening("SOLUSDT", ago_s=30))
        screen.show_symbol("SOLUSDT")
        await flush(running, pilot)
        said = "\n".join(shown(running)[-4:])
        assert "advice BUY .78 RR 2.1" in said
        assert "! ALERT: volume 4.1σ above normal" in said
        await flush(running, pilot, 1000)
        said = "\n".join(shown(running)[-4:])
        assert "≈ advice BUY expired, 18 min old" in said
        assert "ALERT" not in said


# --- cost --------------------------------------------------------------------------------------------------------------


async def test_a_minute_of_unchanged_judgements_sends_nothing():
    async with bench() as at:
        symbols = list(at.table.symbols)
        at.table.show_columns(("price", "signal", "recommendation", "state"))
        await at.flush()

        async def minute(signal: str) -> int:
            now_ms = at.clock.now_ms()
            for symbol in symbols:
                at.bus.publish(advised.screening(symbol, signal, known_at=now_ms, occurred_at=now_ms - 60_000))  # type: ignore[arg-type]
            return sum([await at.flush() for _ in range(8)])

        assert await minute("NONE") == at.table.size.height
        assert await minute("NONE") == 0


async def test_an_alert_and_a_recommendation_show_at_the_next_flush():
    async with bench(size=(120, 40)) as at:
        at.bus.publish(alert("ETHUSDT", at.clock.now_ms()))
        assert await at.flush() == 1
        assert "! ALERT 0m" in at.line("ETHUSDT")
        at.bus.publish(advised.analysis("ETHUSDT", timestamp=at.clock.now_ms(), expires_ms=at.clock.now_ms() + 900_000))
        assert await at.flush() == 1
        assert " BUY " in at.line("ETHUSDT")
