"""The documents say what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from core.settings import Settings
from core.settings_live import LIVE_KEYS, LIVE_SECTIONS
from core.signals import reading
from tui.actions import APP_ACTIONS
from tui.cli import parser
from tui.modes import default_modes
from tui.screens.events import EventsScreen
from tui.screens.watchlist import WatchlistScreen

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs" / "guide.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
README = (ROOT / "README.md").read_text()


def test_the_settings_page_lists_every_section_and_every_live_key():
    for section in msgspec.structs.fields(Settings):
        assert f"`[{section.name}]`" in SETTINGS
    for key in (*LIVE_KEYS, *(f"[{section}]" for section in LIVE_SECTIONS)):
        assert f"`{key}`" in SETTINGS


def test_the_readme_names_every_command_and_only_commands_that_exist():
    known = set(re.findall(r"^    (\w+) +[a-z]", parser().format_help(), flags=re.MULTILINE))
    named = set(re.findall(r"^\| `tradetui (\w+)", README, flags=re.MULTILINE))
    assert named == known
    for path in re.findall(r"\]\((docs/[^)]+)\)", README):
        assert (ROOT / path).exists(), path


def test_the_guides_keys_are_bound():
    actions = [*APP_ACTIONS, *WatchlistScreen.ACTIONS, *EventsScreen.ACTIONS]
    bound = {key for action in actions for key in action.keys.split(",")}
    bound |= {key for mode in default_modes() for key in mode.keys.split(",")}
    spelled = {"?": "?", "Enter": "enter", "Esc": "escape", "F1": "f1"}
    table = GUIDE.split("## Keys")[1].split("Change them in")[0]
    for key in re.findall(r"`([^`]+)`", table):
        assert spelled.get(key, key) in bound, key


def test_the_guides_detector_example_is_complete_and_votes():
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    before = dict(reading.REGISTRY)
    try:
        exec(compile("from __future__ import annotations\n" + example, "guide", "exec"), {})
        (added,) = reading.REGISTRY.keys() - before.keys()
        assert added == "my_detector"
    finally:
        reading.REGISTRY.clear()
        reading.REGISTRY.update(before)
