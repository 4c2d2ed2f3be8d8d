"""The calibration screen: what it shows, what stays where, and how one gets about."""

from __future__ import annotations

import pytest

from core.messages import Message, SettingChanged
from tests import builders as make
from tests.snapshots import scenes_calibration as scene
from tests.tui.calibration_builder import desk, line_of, page, typed
from tests.tui.confluence_builder import flush
from tests.tui.desk_builder import shown
from tui.screens.watchlist import WatchlistScreen


def ended() -> Message:
    """The queue once what ran has ended without a find."""
    tasks = (scene.task(found.symbol, "rejected", found.task_id, reason="no edge") for found in scene.TASKS[:2])
    return scene.queue((*tasks, *scene.TASKS[2:]))


async def test_the_top_line_counts_the_queue_and_shows_what_runs_with_its_time_left():
    async with desk() as (running, _, _screen):
        counts, runs = shown(running)[1:3]
        assert "queue 3 waiting · 1 paused · 2 running · 56 done · 1 open breaker" in counts
        assert "workers 2/2" in counts
        assert "SOLUSDT trial 41/60 fold 3/5" in runs
        assert "68 % 1 m 9 s left" in runs  # three seconds after it was told
        assert "12 % time left unknown" in runs


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"enabled": False}, "calibration is off: in the palette (:) set calibration.enabled to true"),
        ({"held": True}, "the queue is paused: P lets it go on"),
        ({"overall": "open"}, "breaker open, too many calibrations failed: next try in"),
        ({"overall": "half_open"}, "one try decides"),
        ({"slots": 0}, "set calibration.max_concurrent to 1 or more"),
    ],
)
async def test_what_keeps_the_queue_from_working_is_said_with_its_remedy(changes, words):
    tasks = tuple(found for found in scene.TASKS if found.state != "in_progress")
    async with desk(messages=[*scene.busy(), scene.queue(tasks, **changes)]) as (running, _, _screen):
        assert words in shown(running)[2]


async def test_trouble_comes_before_what_runs_and_both_are_shown_where_they_fit():
    async with desk(size=(200, 50), messages=[*scene.busy(), scene.queue(held=True)]) as (running, _, _screen):
        line = shown(running)[2]
        assert line.index("the queue is paused") < line.index("SOLUSDT trial 41/60")


async def test_an_idle_queue_says_what_comes_next():
    async with desk(messages=scene.empty()) as (running, _, _screen):
        assert "nothing runs; next BTCUSDT 1m, as soon as a worker is free" in shown(running)[2]
    async with desk(messages=[*scene.empty(), scene.queue(())]) as (running, _, _screen):
        assert "nothing runs, nothing waits; n calibrates the chosen asset" in shown(running)[2]


async def test_every_watched_asset_has_a_line_those_at_work_first():
    async with desk(size=(200, 50)) as (running, pilot, screen):
        assert sorted(screen.symbols) == sorted(running.desk.store.universe)
        first = [scene.RUNNING, scene.SECOND, scene.URGENT, scene.QUEUED, scene.PAUSED, scene.FAILED, scene.EXPIRED]
        assert screen.symbols[:11] == [*first, scene.HISTORY, scene.FEW, scene.KEPT, scene.ACCEPTED]
        await typed(running, pilot, "g")
        assert "running 68 %, 1 m 8 s left, trial 41/60, fold 3/5" in line_of(running, scene.RUNNING)
        assert "urgent, place 1, waits 40 s" in line_of(running, scene.URGENT)
        assert "place 2, waits 12 m" in line_of(running, scene.QUEUED)
        assert "• paused" in line_of(running, scene.PAUSED)
        assert "✗ failed: worker lost, next try in 7 m 56 s" in line_of(running, scene.FAILED)
        assert "! expired, n calibrates anew" in line_of(running, scene.EXPIRED)
        assert "waiting for history, 17,815 of 18,000 bars, 3 h 5 min at most" in line_of(running, scene.HISTORY)
        assert "• kept: too few trades, no edge out of sample" in line_of(running, scene.FEW)


async def test_out_of_sample_stands_before_in_sample_and_missing_is_a_dash():
    async with desk(scene.ACCEPTED, size=(200, 50)) as (running, _, _screen):
        line = line_of(running, scene.ACCEPTED)
        parts = (
            "164",
            "1.31",
            "48 [42–54]",
            "+ 0.11",
            "6.2",
            "655",
            "1.62",
            "55 [52–58]",
            "+ 0.24",
            ".93",
            ".12",
            "✓ accepted",
        )
        places = [line.index(part) for part in parts]
        assert places == sorted(places)
        assert line_of(running, scene.OPERATOR).count("–") == 12


async def test_at_80_columns_the_figures_that_matter_stay_and_nothing_wraps():
    async with desk(size=(80, 24)) as (running, _, _screen):
        assert all(len(line.rstrip()) <= 80 for line in shown(running))
        titles = next(line for line in shown(running) if "SYMBOL" in line)
        assert titles.split() == ["SYMBOL", "OOS:", "n", "PF", "WIN", "%", "E(R)", "DD", "%", "DSR", "PBO", "VERDICT"]


async def test_the_cursor_stays_on_its_asset_when_the_order_changes():
    async with desk() as (running, pilot, screen):
        place = screen.symbols.index(scene.KEPT)
        running.desk.bus.publish(ended())
        await flush(running, pilot, 10.0)
        assert screen.symbol == scene.KEPT
        assert screen.symbols.index(scene.KEPT) != place


async def test_rows_stay_where_they_are_while_the_operator_acts():
    async with desk() as (running, pilot, screen):
        before = list(screen.symbols)
        running.desk.bus.publish(ended())
        await pilot.press("down")
        await flush(running, pilot, 1.0)
        assert screen.symbols == before
        await flush(running, pilot, 10.0)
        assert screen.symbols != before


async def test_the_row_under_the_watchlists_cursor_is_taken_over():
    async with desk("") as (running, pilot, screen):
        await pilot.press("1")
        await pilot.pause()
        listed = running.screen
        assert isinstance(listed, WatchlistScreen)
        listed.show_symbol(scene.FAILED)
        await pilot.press("c")
        await pilot.pause()
        assert screen.symbol == scene.FAILED
        await pilot.press("down", "1", "4")
        await pilot.pause()
        assert screen.symbol != scene.FAILED, "the list's cursor has not moved since, so the operator's choice stands"


async def test_the_filter_looks_at_symbol_source_and_verdict_and_esc_takes_it_back():
    async with desk() as (running, pilot, screen):
        await typed(running, pilot, "/", *"kept lu", "enter")
        assert screen.symbols == [scene.FEW, scene.KEPT]
        assert screen.symbol == scene.KEPT
        await typed(running, pilot, "/", "escape", "escape")
        assert len(screen.symbols) == 60
        assert screen.symbol == scene.KEPT
        picture = await typed(running, pilot, "/", *"nothing like this", "enter")
        assert "no asset matches 'nothing like this'; Esc clears the filter" in picture


async def test_detail_says_what_was_found_against_what_is_in_force():
    async with desk(scene.KEPT) as (running, _, _screen):
        picture = page(running)
        assert "vol_z_threshold    3.00 → 2.61     1–10    adaptive    ▇▇▇▇▇▇ .41" in picture
        assert "atr_target         1.00 → 1.14     0–50    adaptive             –" in picture
        assert "✗ DSR, not luck        .21  .90 or more" in picture
        assert "found, OOS       118  0.94 39 [32–46] − 0.05 − 0.10  11.3" in picture
        assert "in force, OOS    125  0.97 41 [34–48] − 0.02 − 0.08  10.1" in picture
        assert "in force E(R)    − 0.04  + 0.05  − 0.09  + 0.01  − 0.02" in picture


async def test_what_was_accepted_is_shown_against_what_was_before():
    async with desk(scene.ACCEPTED) as (running, _, _screen):
        picture = page(running)
        assert "vol_z_threshold    2.61 ← 3.00     1–10    calibrated" in picture
        assert "✓ accepted: all checks passed" in picture
        assert "before, OOS      171" in picture
        assert "calibrated 2 d ago · expires in 11 d · 3 sets before" in picture


async def test_enter_enlarges_and_esc_goes_back_one_step_at_a_time():
    async with desk() as (running, pilot, screen):
        picture = await typed(running, pilot, "enter")
        assert "SYMBOL" not in picture
        assert "✗ deflated Sharpe probability 0.213, must be 0.90" in picture
        await typed(running, pilot, "tab", "e")
        assert screen.thresholds.is_open
        for left in (
            lambda: not screen.thresholds.is_open,
            lambda: screen.part == "assets",
            lambda: not screen.enlarged,
        ):
            assert not left()
            await typed(running, pilot, "escape")
            assert left()
        assert "SYMBOL" in page(running)


async def test_tab_goes_through_the_parts_and_the_arrows_act_on_the_part_in_hand():
    async with desk(size=(80, 24)) as (running, pilot, screen):
        picture = await typed(running, pilot, "tab", "tab")
        assert "[verdict]" in picture
        assert "[VERDICT]" in picture
        symbol = screen.symbol
        picture = await typed(running, pilot, "end")
        assert screen.symbol == symbol
        assert "11-18 12:34  thresholds taken back: vol_z_threshold 4.5 → 3" in picture
        picture = await typed(running, pilot, "tab", "tab")
        assert "within the noise .056: no fault found" in picture
        picture = await typed(running, pilot, "tab", "shift+tab", "shift+tab")
        assert "[TRADES]" in picture


async def test_a_running_asset_shows_its_progress_in_the_detail_too():
    async with desk(scene.RUNNING) as (running, _, _screen):
        assert "running ▇▇▇▇▇▁▁▁ 68 % 1 m 9 s left, fold 3/5" in page(running)
        assert "the first calibration of this asset is under way" in page(running)


async def test_before_the_engine_speaks_the_screen_says_so():
    async with desk("", messages=[]) as (running, pilot, _screen):
        picture = await typed(running, pilot, "n", "enter")
        assert "no calibration queue yet" in picture
        assert "no asset is chosen: the list is empty" in picture


async def test_an_asset_that_leaves_takes_the_cursor_to_the_next_line():
    async with desk() as (running, pilot, screen):
        place = screen.symbols.index(scene.KEPT)
        after = screen.symbols[place + 1]
        running.desk.bus.publish(make.universe(*(s for s in scene.FEED.symbols if s != scene.KEPT)))
        await flush(running, pilot)
        assert screen.symbol == after


async def test_nothing_is_sent_while_nothing_changes():
    async with desk() as (running, pilot, screen):
        await flush(running, pilot)
        before = [panel.repainted for panel in screen._panels]
        screen._tick()
        screen._tick()
        assert [panel.repainted for panel in screen._panels] == before


async def test_private_mode_and_ascii_show_the_same_facts():
    async with desk(scene.KEPT, glyphs="ascii") as (running, pilot, _screen):
        running.desk.bus.publish(
            SettingChanged(key="screen.private", old="false", new="true", by="test", undo=False, at_ms=0)
        )
        await flush(running, pilot)
        picture = page(running)
        assert picture.isascii()
        assert "vol_z_threshold    3.00 > 2.61     1-10    adaptive    ###### .41" in picture
        assert "39 [32-46]" in picture
