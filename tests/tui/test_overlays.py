"""Help, palette, edit line and first run: keyboard only, fed by the registry and the store."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from textual.command import CommandList, CommandPalette
from textual.widgets import Input

from core.bus import Bus
from core.clock import LiveClock
from core.messages import EditSetting, Universe
from core.settings import Settings
from tests.tui.desk_builder import FirstScreen, app, shown
from tests.tui.test_app import told, until
from tui.app import TradeApp
from tui.palette import thresholds, toml_text
from tui.screens.edit_setting import EditSettingScreen
from tui.screens.first_run_choices import CHOICES, Choice


async def test_help_shows_the_keys_and_words_of_this_screen_and_goes_back() -> None:
    running = app()
    async with running.run_test(size=(120, 50)) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: "Mark the row." in "".join(shown(running)))
        page = "\n".join(shown(running))
        for words in ("first.mark", "Find any action", "Change since the state began.", "Esc goes back."):
            assert words in page
        await pilot.press("question_mark")
        assert len(running.screen_stack) == 2
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(running.screen, FirstScreen))


TYPED = {" ": "space", "(": "left_parenthesis", ")": "right_parenthesis", ".": "full_stop"}


async def choose(pilot, running: TradeApp, words: str) -> None:
    """Type words into the palette, wait until they are the first hit, and take it."""
    await pilot.press("colon")
    await until(pilot, lambda: isinstance(running.screen, CommandPalette))
    await pilot.press(*[TYPED.get(letter, letter) for letter in words])
    palette = running.screen
    assert isinstance(palette, CommandPalette)
    hits = palette.query_one(CommandList)
    await until(pilot, lambda: hits.option_count > 0 and words in str(hits.get_option_at_index(0).prompt).lower())
    hits.highlighted = 0
    await pilot.press("enter")
    await until(pilot, lambda: running.screen is not palette)


async def test_the_palette_runs_actions() -> None:
    running = app()
    async with running.run_test(size=(100, 40)) as pilot:
        await choose(pilot, running, "mark (m)")
        screen = running.screen
        assert isinstance(screen, FirstScreen)
        await until(pilot, lambda: screen.done == ["mark"])


async def test_the_palette_jumps_to_symbols_from_any_mode() -> None:
    running = app()
    async with running.run_test(size=(100, 40)) as pilot:
        universe = Universe(
            venue="v", category="spot", symbols=("BTCUSDT", "ETHUSDT"), added=(), removed=(), reason="", at_ms=0
        )
        running.desk.bus.publish(universe)
        await pilot.press("e")
        await until(pilot, lambda: running.current_mode == "second")
        await choose(pilot, running, "ethusdt")
        await until(pilot, lambda: isinstance(running.screen, FirstScreen) and running.screen.done == ["ETHUSDT"])


async def test_the_palette_chooses_themes() -> None:
    running = app()
    async with running.run_test(size=(100, 40)) as pilot:
        await choose(pilot, running, "theme mono")
        await until(pilot, lambda: running.theme == "mono")


async def test_the_palette_edits_thresholds() -> None:
    running = app()
    async with running.run_test(size=(100, 40)) as pilot:
        edits = told(running, EditSetting)
        await choose(pilot, running, "confluence.enter")
        await until(pilot, lambda: isinstance(running.screen, EditSettingScreen))
        await until(pilot, lambda: "Range 0 to 1." in "".join(shown(running)))
        line = running.screen.query_one(Input)
        line.value = "0.7"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(running.screen, FirstScreen))
        assert edits == [EditSetting(key="confluence.enter", value="0.7")]


async def test_esc_keeps_the_old_threshold() -> None:
    running = app()
    async with running.run_test(size=(100, 40)) as pilot:
        edits = told(running, EditSetting)
        running.push_screen(EditSettingScreen(running.desk, "confluence.enter", "0.6", "about"))
        await until(pilot, lambda: isinstance(running.screen, EditSettingScreen))
        await pilot.press("9", "escape")
        await until(pilot, lambda: isinstance(running.screen, FirstScreen))
        assert edits == []


async def test_every_setting_is_a_threshold_with_its_value_in_force() -> None:
    running = app()
    running.desk.edited["confluence.enter"] = "0.7"
    found = {threshold.key: threshold for threshold in thresholds(running.desk)}
    assert found["confluence.enter"].value == "0.7"
    assert found["confluence.exit"].value == "0.45"
    assert found["market.timeframes"].value == '["1m", "5m", "15m", "1h"]'
    assert all(threshold.about for threshold in found.values())
    assert "events.shown" in found
    assert "events.rules" not in found  # tables are written in the file
    assert toml_text(True) == "true"


def first_run(write) -> TradeApp:
    clock = LiveClock()
    return TradeApp(Bus(clock), clock, Settings(), first_run=write)


@pytest.mark.parametrize(
    ("keys", "choice"),
    [(["enter"], CHOICES[0]), (["down", "enter"], CHOICES[1]), (["3"], CHOICES[2]), (["k", "enter"], CHOICES[3])],
)
async def test_first_run_writes_the_choice_and_ends(keys: list[str], choice: Choice) -> None:
    written: list[Choice] = []

    def write(chosen: Choice, looks: Mapping[str, str]) -> Path:
        written.append(chosen)
        assert looks == {"screen.theme": "desk-dark", "screen.times": "utc"}
        return Path("settings.toml")

    running = first_run(write)
    async with running.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Bybit perpetuals" in "".join(shown(running)))
        await pilot.press(*keys)
    assert written == [choice]
    assert running.choice == choice
    assert running.return_code == 0


async def test_first_run_writes_the_looks_that_were_chosen() -> None:
    written: list[Mapping[str, str]] = []

    def write(_: Choice, looks: Mapping[str, str]) -> Path:
        written.append(looks)
        return Path("settings.toml")

    running = first_run(write)
    async with running.run_test(size=(80, 24)) as pilot:
        before = running.theme
        await pilot.press("T", "z")
        await until(pilot, lambda: running.theme != before and "local" in "".join(shown(running)))
        await pilot.press("enter")
    assert written == [{"screen.theme": running.theme, "screen.times": "local"}]


async def test_first_run_never_overwrites_and_says_what_to_do() -> None:
    def write(chosen: Choice, looks: Mapping[str, str]) -> Path:
        raise FileExistsError(17, "File exists", "/home/me/settings.toml")

    running = first_run(write)
    async with running.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: "/home/me/settings.toml exists and is kept" in "".join(shown(running)))
        await pilot.press("q")
    assert running.choice is None
