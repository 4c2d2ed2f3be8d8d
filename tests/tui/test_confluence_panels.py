"""The panels of the confluence screen: cursor, tape, chart keys, thresholds typed in place, and what is repainted."""

from __future__ import annotations

import pytest

from core.messages import EditSetting, SettingChanged, SettingRejected, UndoSetting
from tests import builders as make
from tests.snapshots import scenes_confluence as scene
from tests.tui.confluence_builder import SYMBOL, desk, flush, told, typed
from tests.tui.desk_builder import shown
from tui.screens.confluence import PANELS, ConfluenceScreen
from tui.widgets.chart_paint import LAYERS

# --- the cursor and the panels ---------------------------------------------------------------------------------------------


async def test_the_cursor_goes_through_the_readings_and_stays_on_its_detector():
    async with desk(size=(80, 24)) as (running, pilot, screen):
        order = [entry.detector for entry in screen._entries if entry.detector]
        assert screen.detector == order[0]
        for key, place in (("j", 1), ("down", 2), ("k", 1), ("up", 0), ("up", 0), ("pagedown", len(order) - 1)):
            page = await typed(running, pilot, key)
            assert screen.detector == order[place]
            assert any("▸" in line and order[place] in line for line in page.splitlines())
            assert "sum: P .63" in page
        for message in scene.answers():
            running.desk.bus.publish(message)
        await flush(running, pilot)
        assert screen.detector == order[-1]
        await pilot.press("pageup")
        assert screen.detector == order[0]


async def test_tab_goes_round_the_panels_and_esc_back_to_the_readings():
    async with desk() as (_, pilot, screen):
        found = [screen.panel]
        for key in ("tab", "tab", "tab", "tab", "shift+tab", "escape"):
            await pilot.press(key)
            found.append(screen.panel)
        assert found == [*PANELS, "readings", PANELS[-1], "readings"]


async def test_the_tape_scrolls_to_older_trades_and_says_so():
    async with desk() as (running, pilot, _):
        page = await typed(running, pilot, "tab", "tab", "j", "j", "k")
        assert "1 newer above" in page
        assert "12:34:55 152.34    4.200" not in page
        await pilot.press("k", "k")
        assert "newer above" not in await typed(running, pilot)


async def test_the_chart_moves_zooms_and_drops_its_layers():
    async with desk() as (_, pilot, screen):
        chart = screen.chart
        await pilot.press("left", "h")
        assert not chart.is_following
        await pilot.press("right", "l")
        assert chart.is_following
        zoom = chart._zoom
        await pilot.press("minus")
        assert chart._zoom == zoom - 1
        await pilot.press("plus", "equals_sign")
        assert chart._zoom == zoom + 1
        await pilot.press("left", "0")
        assert (chart._zoom, chart.is_following) == (zoom, True)
        seen = []
        for _ in range(len(LAYERS) + 2):
            await pilot.press("v")
            seen.append(chart.shown_layers)
        assert seen == [*(frozenset({layer}) for layer in LAYERS), frozenset(), frozenset(LAYERS)]


# --- thresholds ------------------------------------------------------------------------------------------------------------


async def test_a_threshold_is_typed_over_tried_and_asked_for():
    async with desk() as (running, pilot, screen):
        edits = told(running, EditSetting)
        page = await typed(running, pilot, "e", "enter")
        assert "effect now: stays BUY at P .63" in page
        assert "Enter" not in "".join(line for line in page.splitlines() if "▸" in line)
        await pilot.press("down")
        page = await typed(running, pilot, "0", ".", "7")
        assert screen.thresholds.input.value == "0.7"
        await pilot.press("enter")
        assert edits == [EditSetting(key="confluence.enter", value="0.7")]
        assert not screen.thresholds.is_open
        assert "confluence.enter: asked the engine" in await typed(running, pilot)
        now = running.desk.clock.now_ms()
        running.desk.bus.publish(
            SettingChanged(key="confluence.enter", old="0.6", new="0.7", by="operator", undo=False, at_ms=now)
        )
        page = await typed(running, pilot)
        assert "✓ confluence.enter set: 0.6 → 0.7" in page
        assert "[0.7]" in page


async def test_a_refused_threshold_says_why_and_the_old_one_stands():
    async with desk() as (running, pilot, _):
        await typed(running, pilot, "e", "j", "enter", "2", "enter")
        now = running.desk.clock.now_ms()
        running.desk.bus.publish(
            SettingRejected(key="confluence.exit", value="2", reason="out of range: number, 0 to 1", at_ms=now)
        )
        page = await typed(running, pilot)
        assert "✗ confluence.exit = 2 refused: out of range" in page
        assert "[0.45]" in page


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("e", "enter", "x"), "type a number"),
        (("e", "enter", "0", ".", "4"), "exit 0.45 must be below enter 0.4"),
        (("e", "j", "enter", "0", ".", "5", "9", "9"), "effect now: stays BUY at P .63"),
        (("e", "j", "j", "enter", "9", "0"), "takes effect after the next change of state"),
        (("j", "enter", "enter", "2", "5"), "takes effect at the next closed bar"),
    ],
)
async def test_what_is_typed_is_tried_before_it_is_asked_for(keys, words):
    async with desk() as (running, pilot, _):
        edits = told(running, EditSetting)
        assert words in await typed(running, pilot, *keys)
        assert edits == []


async def test_an_exit_above_p_would_end_the_state():
    view = scene.view(enter=0.8, missing="")
    async with desk(answers=[scene.chart(), view]) as (running, pilot, _):
        running.desk.edited["confluence.enter"] = "0.8"
        page = await typed(running, pilot, "e", "j", "enter", "0", ".", "7")
        assert "effect now: BUY becomes HOLD at P .63" in page


async def test_esc_while_typing_keeps_the_old_value_and_the_screen():
    async with desk() as (running, pilot, screen):
        edits = told(running, EditSetting)
        await typed(running, pilot, "e", "enter", "9", "escape")
        assert (screen.thresholds.is_open, screen.panel, edits) == (False, "thresholds", [])
        await pilot.press("escape")
        assert screen.panel == "readings"


async def test_keys_typed_into_a_threshold_are_letters_not_actions():
    async with desk() as (running, pilot, screen):
        await typed(running, pilot, "e", "enter", "n", "t", "q")
        assert screen.thresholds.input.value == "ntq"
        assert screen.symbol == SYMBOL


async def test_enter_on_a_reading_goes_to_its_own_thresholds():
    async with desk() as (running, pilot, screen):
        page = await typed(running, pilot, "enter")
        assert "ema_stack has no threshold of its own" in page
        page = await typed(running, pilot, "j", "enter")
        assert screen.panel == "thresholds"
        assert any("▸adx_min" in line for line in page.splitlines())
        edits = told(running, EditSetting)
        await typed(running, pilot, "enter", "2", "5", "enter")
        assert edits == [EditSetting(key="detectors.adx_min", value="25")]


async def test_u_and_ctrl_z_take_the_newest_edit_back():
    async with desk() as (running, pilot, _):
        undone = told(running, UndoSetting)
        await pilot.press("u", "ctrl+z")
        assert undone == [UndoSetting(), UndoSetting()]


async def test_turning_to_another_symbol_stops_typing():
    async with desk() as (running, pilot, screen):
        await typed(running, pilot, "e", "enter")
        screen.show_symbol("BTCUSDT")
        await pilot.pause()
        assert not screen.thresholds.is_open


# --- painting --------------------------------------------------------------------------------------------------------------


def painted(screen: ConfluenceScreen) -> dict[str, int]:
    return {panel.id or "": panel.repainted for panel in screen._panels}


async def test_nothing_new_paints_nothing_and_a_quote_paints_the_line_of_the_price():
    async with desk() as (running, pilot, screen):
        before = painted(screen)
        await flush(running, pilot, 0.25)
        assert painted(screen) == before
        running.desk.bus.publish(make.quote(SYMBOL, 152.30, 152.36, running.desk.clock.now_ms()))
        await flush(running, pilot)
        after = painted(screen)
        assert {name for name in after if after[name] != before[name]} == {"pair"}


async def test_one_size_in_the_book_paints_one_line_of_it():
    async with desk() as (running, pilot, screen):
        before = painted(screen)
        ladder = scene.ladder()
        running.desk.bus.publish(
            type(ladder)(
                venue=ladder.venue, category=ladder.category, symbol=SYMBOL, asks=ladder.asks, at_ms=ladder.at_ms,
                bids=(ladder.bids[0], (ladder.bids[1][0], 51.3), *ladder.bids[2:]),
            )
        )  # fmt: skip
        await flush(running, pilot)
        after = painted(screen)
        assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {"ladder": 1}


async def test_a_closed_bar_shows_at_the_next_flush_without_waiting():
    async with desk() as (running, pilot, _):
        running.desk.bus.publish(scene.view("1m", "HOLD", scene.SPEAKING[3:4], missing=""))
        await flush(running, pilot, 0.25)
        assert "• HOLD .52" in "\n".join(shown(running))


async def test_a_theme_repaints_the_panels():
    async with desk() as (running, pilot, screen):
        before = [segment.style for segment in screen.pair.render_line(0)]
        running.use_theme("mono")
        await pilot.pause()
        assert [segment.style for segment in screen.pair.render_line(0)] != before
