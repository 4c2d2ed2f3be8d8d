"""Live edits: one rule with the files, all or nothing, kept on disk, undone in order."""

import errno
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from core.bus import Bus
from core.clock import SimClock
from core.messages import EditSetting, Message, SettingChanged, SettingRejected, UndoSetting
from core.settings import ConfluenceSettings, EventRule, Settings
from core.settings_check import flat, knobs, toml_value
from core.settings_live import LiveSettings, is_live
from core.settings_load import load


class Desk:
    """Live settings on a bus, with what they published."""

    def __init__(self, folder: Path, start: Settings | None = None) -> None:
        self.said: list[Message] = []
        clock = SimClock(1_000)
        self.bus = Bus(clock)
        self.bus.subscribe(SettingChanged, self.said.append)
        self.bus.subscribe(SettingRejected, self.said.append)
        self.path = folder / "overrides.toml"
        self.live = LiveSettings(self.bus, clock, start or Settings(), self.path)

    def edit(self, key: str, value: str) -> Message:
        self.bus.publish(EditSetting(key=key, value=value))
        return self.said[-1]

    def undo(self) -> Message:
        self.bus.publish(UndoSetting())
        return self.said[-1]

    def stored(self) -> dict:
        return tomllib.loads(self.path.read_text(encoding="utf-8"))


def test_an_edit_takes_effect_is_published_and_survives_a_restart(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    before = desk.live.current
    assert desk.edit("confluence.enter", ".65") == SettingChanged(
        key="confluence.enter", old="0.6", new="0.65", by="operator", undo=False, at_ms=1_000
    )
    assert desk.live.current.confluence.enter == 0.65
    assert before == Settings()
    assert desk.stored() == {"confluence": {"enter": 0.65}}
    (tmp_path / "settings.toml").write_text("", encoding="utf-8")
    assert load(tmp_path / "settings.toml", {}) == desk.live.current


def test_undo_takes_edits_back_in_order_and_then_says_there_is_none(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.edit("confluence.enter", "0.7")
    desk.edit("confluence.enter", "0.8")
    desk.edit("detectors.off", "boll")
    assert desk.undo() == SettingChanged(
        key="detectors.off", old='["boll"]', new="[]", by="operator", undo=True, at_ms=1_000
    )
    desk.undo()
    assert desk.live.current.confluence.enter == 0.7
    assert desk.stored() == {"confluence": {"enter": 0.7}}
    desk.undo()
    assert desk.live.current == Settings()
    assert desk.stored() == {}
    last = desk.undo()
    assert isinstance(last, SettingRejected)
    assert "nothing to undo" in last.reason


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("confluence.enter", "1.5", "number, 0 to 1"),
        ("confluence.enter", "much", "'much' is not allowed"),
        ("confluence.exit", "0.6", "exit must be below enter"),
        ("confluence.enter", "0.6", "is already 0.6"),
        ("confluence.enterr", "0.6", "did you mean confluence.enter?"),
        ("market.venue", "bybit", "takes effect after a restart: edit settings.toml"),
        ("keys.quit", "q", "take effect when the file is saved"),
        ("", "", "no such key"),
    ],
)
def test_a_wrong_edit_changes_nothing_and_says_why(tmp_path: Path, key: str, value: str, reason: str) -> None:
    desk = Desk(tmp_path)
    said = desk.edit(key, value)
    assert isinstance(said, SettingRejected)
    assert reason in said.reason
    assert desk.live.current == Settings()
    assert not desk.path.exists()


def test_earlier_edits_are_kept_beside_new_ones(tmp_path: Path) -> None:
    (tmp_path / "overrides.toml").write_text("[screen]\nmouse = true\n", encoding="utf-8")
    desk = Desk(tmp_path)
    desk.edit("detectors.off", "boll, macd")
    assert desk.stored() == {"screen": {"mouse": True}, "detectors": {"off": ["boll", "macd"]}}


def test_event_rules_are_kept_but_cannot_be_typed(tmp_path: Path) -> None:
    (tmp_path / "overrides.toml").write_text('[[events.rules]]\nkind = "fault"\n', encoding="utf-8")
    desk = Desk(tmp_path)
    said = desk.edit("events.rules", "[]")
    assert isinstance(said, SettingRejected)
    assert "write [[events.rules]] in the settings file" in said.reason
    desk.edit("confluence.enter", "0.7")
    (rule,) = desk.stored()["events"]["rules"]
    assert rule["kind"] == "fault"
    (tmp_path / "settings.toml").write_text("", encoding="utf-8")
    assert load(tmp_path / "settings.toml", {}).events.rules == (EventRule(kind="fault"),)


def test_a_full_disk_refuses_the_edit_and_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path)
    desk.edit("confluence.enter", "0.7")
    kept = desk.path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    said = desk.edit("confluence.enter", "0.8")
    assert isinstance(said, SettingRejected)
    assert "No space left" in said.reason
    assert "free the disk" in said.reason
    undone = desk.undo()
    assert isinstance(undone, SettingRejected)
    assert desk.live.current.confluence.enter == 0.7
    assert desk.path.read_bytes() == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["overrides.toml"]
    monkeypatch.undo()
    assert isinstance(desk.undo(), SettingChanged)
    assert desk.live.current == Settings()


def test_a_place_that_cannot_be_written_refuses_the_edit(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    desk = Desk(tmp_path / "file")
    said = desk.edit("confluence.enter", "0.7")
    assert isinstance(said, SettingRejected)
    assert "cannot be kept in" in said.reason
    assert desk.live.current == Settings()


def test_a_broken_overrides_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "overrides.toml").write_text("[screen\nmouse = true\n", encoding="utf-8")
    desk = Desk(tmp_path)
    desk.edit("confluence.enter", "0.7")
    assert desk.stored() == {"confluence": {"enter": 0.7}}


LIVE = [knob for knob in knobs().values() if is_live(knob.key)]


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, str]:
    """A key that may change live, and text that often fits it."""
    knob = draw(st.sampled_from(LIVE))
    kind = knob.type
    if isinstance(kind, inspect.BoolType):
        return knob.key, draw(st.sampled_from(["true", "false", "on", "off"]))
    if isinstance(kind, inspect.LiteralType):
        return knob.key, str(draw(st.sampled_from(list(kind.values))))
    if isinstance(kind, inspect.IntType):
        return knob.key, str(draw(st.integers(int(kind.ge or 0), int(kind.le or 10))))
    if isinstance(kind, inspect.FloatType):
        return knob.key, repr(draw(st.floats(kind.ge or 0, kind.le or 10)))
    if isinstance(kind, inspect.VarTupleType):
        return knob.key, toml_value(draw(st.lists(st.text(min_size=1, max_size=4), max_size=3, unique=True)))
    return knob.key, draw(st.text(max_size=6))


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(edits(), max_size=6))
def test_every_valid_edit_round_trips_and_undo_restores(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("live")
    (folder / "settings.toml").write_text("", encoding="utf-8")
    desk = Desk(folder)
    history = [desk.live.current]
    for key, text in steps:
        if isinstance(desk.edit(key, text), SettingChanged):
            assert flat(desk.live.current)[key] != flat(history[-1])[key]
            assert load(folder / "settings.toml", {}) == desk.live.current
            history.append(desk.live.current)
        else:
            assert desk.live.current == history[-1]
    while len(history) > 1:
        history.pop()
        assert isinstance(desk.undo(), SettingChanged)
        assert desk.live.current == history[-1]
    assert desk.live.current.confluence == ConfluenceSettings()
