"""The confluence screen: what it looks at, what it asks the engine for, and what it says in every state."""

from __future__ import annotations

import pytest

from core.messages import Focus
from tests import builders as make
from tests.snapshots import scenes_confluence as scene
from tests.snapshots.scenes import app
from tests.tui.confluence_builder import SYMBOL, desk, flush, told, typed
from tests.tui.desk_builder import shown
from tui.screens.confluence import ConfluenceScreen
from tui.screens.watchlist import WatchlistScreen

# --- opening and leaving -------------------------------------------------------------------------------------------------


async def test_enter_looks_at_the_selected_row_and_esc_goes_back_to_it():
    running = app()
    async with running.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        focus = told(running, Focus)
        for message in scene.market():
            running.desk.bus.publish(message)
        await flush(running, pilot)
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        screen, symbol = running.screen, running.desk.store.universe[2]
        assert isinstance(screen, ConfluenceScreen)
        assert (screen.symbol, screen.timeframe) == (symbol, "1m")
        assert (running.desk.store.looked.symbol, running.desk.store.looked.timeframe) == (symbol, "1m")
        assert focus == [Focus(symbol=symbol, timeframe="1m")]
        await pilot.press("escape")
        await pilot.pause()
        listed = running.screen
        assert isinstance(listed, WatchlistScreen)
        assert listed.table.cursor == symbol
        assert focus[1:] == [Focus(symbol="")]


async def test_the_mode_key_takes_the_row_under_the_cursor():
    running = app()
    async with running.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        for message in scene.market():
            running.desk.bus.publish(message)
        await flush(running, pilot)
        await pilot.press("down", "2")
        await pilot.pause()
        first = running.screen
        assert isinstance(first, ConfluenceScreen)
        assert first.symbol == running.desk.store.universe[1]
        await pilot.press("n", "1", "2")
        await pilot.pause()
        assert first.symbol == running.desk.store.universe[2]
        await pilot.press("1", "down", "2")
        await pilot.pause()
        assert first.symbol == running.desk.store.universe[2]


async def test_a_panel_over_the_screen_keeps_the_engine_looking_another_mode_does_not():
    async with desk() as (running, pilot, _):
        focus = told(running, Focus)
        await pilot.press("question_mark")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert focus == []
        await pilot.press("3")
        await pilot.pause()
        assert focus == [Focus(symbol="")]
        await pilot.press("2")
        await pilot.pause()
        assert focus[1:] == [Focus(symbol=SYMBOL, timeframe="1m")]


async def test_n_walks_the_watchlist_in_its_order_and_round_its_ends():
    async with desk() as (running, pilot, screen):
        symbols, _ = running.desk.listed()
        focus = told(running, Focus)
        place = list(symbols).index(SYMBOL)
        await pilot.press("n", "N", "N")
        expected = [symbols[place + 1], symbols[place], symbols[place - 1]]
        assert focus == [Focus(symbol=symbol, timeframe="1m") for symbol in expected]
        screen._turn(symbols[-1], "1m")
        await pilot.press("n")
        assert screen.symbol == symbols[0]


async def test_esc_leaves_the_cursor_on_the_symbol_last_looked_at():
    async with desk() as (running, pilot, screen):
        await pilot.press("n", "n")
        symbol = screen.symbol
        await pilot.press("escape")
        await pilot.pause()
        listed = running.screen
        assert isinstance(listed, WatchlistScreen)
        assert listed.table.cursor == symbol


# --- timeframes ------------------------------------------------------------------------------------------------------------


async def test_t_shows_another_timeframe_and_says_that_it_does_not_decide():
    async with desk() as (running, pilot, screen):
        focus = told(running, Focus)
        page = await typed(running, pilot, "t", "]")
        assert focus == [Focus(symbol=SYMBOL, timeframe="5m"), Focus(symbol=SYMBOL, timeframe="15m")]
        assert "1m*  5m [15m] 1h" in page
        assert "1m decides ↑ BUY" in page
        assert "waiting for the 15m view" in page
        for message in scene.answers("15m"):
            running.desk.bus.publish(message)
        await flush(running, pilot)
        assert "15m only: nothing follows, 1m decides" in "\n".join(shown(running))
        await pilot.press("[", "[")
        assert screen.timeframe == "1m"
        await pilot.press("[")
        assert screen.timeframe == "1h"


async def test_another_symbol_keeps_the_timeframe_and_a_fresh_row_starts_on_the_deciding_one():
    async with desk() as (_, pilot, screen):
        await pilot.press("t", "n")
        assert screen.timeframe == "5m"
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert screen.timeframe == "1m"


# --- what it says ----------------------------------------------------------------------------------------------------------


async def test_the_whole_argument_is_on_the_screen():
    async with desk() as (running, _, _):
        page = "\n".join(shown(running))
        for part in scene.contributions():
            assert part.detector in page
        for words in (
            "BOS up at 152.02 (+4.8 pp)", "RSI 77 overbought (−2.0 pp)", "needs P ≤ .45 for HOLD (−18 pp)",
            "P ≤ .40 for SELL", "min left: no change before", "uncalibrated (41 outcomes, from 100)", "since 12:21 at 152.19",
            "SELL .40 ▴", "▴ .60 BUY", "BUY ends .45 ▴", "▴ .55 SELL ends", "[CLASSIC] + 0.22", "[SMC] + 0.32",
            "bid 152.33 ask 152.35", "1.3 bp", "152.34 ↑", "takers + 12 %", "sweep ×3", "240.000 ↑ buy  big", "152.34 mid",
            "[0.6]", "[0.45]", "[300.0]",
        ):  # fmt: skip
            assert words in page, words


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (100, 30), (120, 40), (160, 45), (200, 50), (80, 50)])
@pytest.mark.parametrize("keys", [(), ("tab",), ("tab", "tab"), ("x",), ("i",)])
async def test_every_size_shows_price_state_and_the_panel_in_hand(size, keys):
    async with desk(size=size) as (running, pilot, screen):
        page = await typed(running, pilot, *keys)
        assert "SOLUSDT" in page
        assert "152.34" in page
        assert "BUY .63" in page
        sign = {"readings": "ema_stack", "thresholds": "[0.6]", "flow": "▸TAPE", "recommendation": "none yet"}[
            screen.panel
        ]
        assert sign in page
        assert all(len(line) <= size[0] for line in shown(running))


async def test_the_logits_on_screen_add_up_to_the_sum_on_screen():
    async with desk(size=(200, 50)) as (running, _, screen):
        view = running.desk.store.looked.confluence
        assert view is not None
        lines = ["".join(text for text, _ in entry.line) for entry in screen._entries if entry.detector][:8]
        shares = [float(line[33:39].replace(" ", "").replace("−", "-")) for line in lines]
        assert sum(shares) == pytest.approx(view.logit, abs=0.005 * len(shares))


async def test_x_lists_every_detector_over_the_whole_screen_and_esc_takes_it_back():
    async with desk() as (running, pilot, screen):
        page = await typed(running, pilot, "x")
        for name, *_ in scene.DEFINED:
            assert name in page
        assert "warming up (180/280 bars)" in page
        assert "silent. Close far from the 30-bar VWAP." in page
        assert not screen.chart.size.height
        page = await typed(running, pilot, "escape")
        assert isinstance(running.screen, ConfluenceScreen)
        assert "vwap_dev" not in page
        assert "7 silent, 1 warming up" in page


async def test_a_quiet_market_says_what_its_votes_count():
    async with desk(answers=scene.calm()) as (running, _, _):
        page = "\n".join(shown(running))
        assert "too quiet: ATR 0.04 %, every vote ×0.5" in page
        assert any("sum: P .50" in line and "×0.5" in line for line in page.splitlines())
        assert "• HOLD .50" in page


async def test_stale_data_is_marked_with_its_age():
    async with desk(answers=[*scene.stale()]) as (running, _, _):
        page = "\n".join(shown(running))
        for words in (
            "≈ 152.34", "old", "s: channel frozen; numbers are as", "held", "≈ syncing", "≈ no trade for 40 s",
            "book syncing",
        ):  # fmt: skip
            assert words in page, words


async def test_a_failed_engine_and_a_halted_symbol_are_said_in_words():
    async with desk(answers=[*scene.failed()]) as (running, pilot, _):
        assert "✗ engine failed: no space left on the data folder" in "\n".join(shown(running))
        running.desk.bus.publish(make.listing(SYMBOL, trading=False, status="BREAK"))
        await flush(running, pilot)
        page = "\n".join(shown(running))
        assert "✗ HALTED" in page
        assert "halted by the venue: BREAK" in page


async def test_a_symbol_that_left_the_watched_set_is_named_and_n_goes_on():
    async with desk() as (running, pilot, screen):
        rest = tuple(symbol for symbol in running.desk.store.universe if symbol != SYMBOL)
        running.desk.bus.publish(make.universe(*rest))
        await flush(running, pilot)
        assert f"{SYMBOL} is no longer watched" in "\n".join(shown(running))
        await pilot.press("n")
        assert screen.symbol in rest


async def test_before_the_engine_speaks_the_screen_says_what_it_waits_for():
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        running.desk.bus.publish(make.engine_status("starting", "asking binance_us for its symbols"))
        await flush(running, pilot)
        assert any("asking binance_us for its symbols" in line for line in shown(running)[1:])
        await pilot.press("n", "t", "x", "escape", "escape")
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures


async def test_history_that_still_loads_is_counted():
    async with desk(answers=[]) as (running, pilot, _):
        running.desk.bus.publish(make.history(SYMBOL, "5m", ready=False))
        page = await typed(running, pilot, "t")
        assert "loading 5m history, 0 of 1,500 bars" in page


async def test_ascii_terminals_get_ascii():
    async with desk(size=(120, 40), glyphs="ascii", answers=[*scene.stale()]) as (running, _, _):
        assert all(line.isascii() for line in shown(running)[1:])
