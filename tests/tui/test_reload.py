"""Keys and themes that change while the program runs."""

import shutil
from pathlib import Path

import pytest

from core.bus import Bus
from core.clock import LiveClock
from core.messages import SettingChanged
from core.settings import Settings
from tests.tui.desk_builder import MODES, app
from tests.tui.test_app import until
from themes.loader import FOLDER
from tui.app import TradeApp


def saved(running: TradeApp, key: str, old: str, new: str) -> None:
    running.desk.bus.publish(SettingChanged(key=key, old=old, new=new, by="file", undo=False, at_ms=0))


async def test_a_saved_key_works_at_once_and_its_default_no_longer_does() -> None:
    running = app()
    async with running.run_test() as pilot:
        saved(running, "keys.first.mark", '""', '"b"')
        await pilot.press("b", "m")
        assert running.screen.done == ["mark"]  # type: ignore[attr-defined]
        saved(running, "keys.first.mark", '"b"', '""')
        await pilot.press("b", "m")
        assert running.screen.done == ["mark", "mark"]  # type: ignore[attr-defined]


async def test_a_saved_key_that_clashes_is_told_and_the_default_stays() -> None:
    running = app()
    async with running.run_test() as pilot:
        saved(running, "keys.first.mark", '""', '"q"')
        assert "first.mark" in running.desk.store.notice
        await pilot.press("m")
        assert running.screen.done == ["mark"]  # type: ignore[attr-defined]


def themed(folder: Path) -> TradeApp:
    clock = LiveClock()
    return TradeApp(Bus(clock), clock, Settings(), themes_dir=folder, modes=MODES)


async def test_a_saved_theme_file_is_shown_at_once(tmp_path: Path) -> None:
    own = tmp_path / "desk-dark.toml"
    shutil.copy(FOLDER / "desk-dark.toml", own)
    running = themed(tmp_path)
    async with running.run_test() as pilot:
        before = running.desk.palette.text
        own.write_text(own.read_text().replace('text = "#d0d0d0"', 'text = "#ffd700"'))
        await until(pilot, lambda: running.desk.palette.text != before)
        assert running.desk.palette.text.color is not None
        assert running.desk.palette.text.color.name == "#ffd700"


@pytest.mark.parametrize("text", ["[colors", "", '[styles]\ntext = "no colour at all"\n'])
async def test_a_broken_theme_file_is_named_and_what_is_shown_stays(tmp_path: Path, text: str) -> None:
    own = tmp_path / "mine.toml"
    shutil.copy(FOLDER / "mono.toml", own)
    running = themed(tmp_path)
    async with running.run_test() as pilot:
        running.use_theme("mine")
        before = running.desk.palette
        own.write_text(text)
        await until(pilot, lambda: "mine.toml" in running.desk.store.notice)
        assert running.theme == "mine"
        assert running.desk.palette == before
