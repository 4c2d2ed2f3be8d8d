"""Saved settings files take effect while the program runs, and a mistake in them changes nothing."""

import asyncio
import os
from pathlib import Path

import pytest

from core.bus import Bus
from core.clock import SimClock
from core.messages import EditSetting, Fault, Message, SettingChanged, SettingRejected, UndoSetting
from core.settings import Settings
from core.settings_live import LiveSettings
from core.settings_load import load
from core.settings_watch import SettingsWatch


class Desk:
    """Live settings read from a real file, the watch on it, and what was said."""

    def __init__(self, folder: Path, text: str = "") -> None:
        self.file = folder / "settings.toml"
        self.file.write_text(text, encoding="utf-8")
        self.said: list[Message] = []
        self.clock = SimClock(1_000)
        self.bus = Bus(self.clock)
        for kind in (SettingChanged, SettingRejected, Fault):
            self.bus.subscribe(kind, self.said.append)
        overrides = folder / "overrides.toml"
        self.live = LiveSettings(self.bus, self.clock, self.read(), overrides)
        self.watch = SettingsWatch(self.live, self.bus, self.clock, (self.file, overrides), self.read)

    def read(self) -> Settings:
        return load(self.file, {})

    def save(self, text: str) -> bool:
        self.file.write_text(text, encoding="utf-8")
        os.utime(self.file, ns=(0, self.file.stat().st_mtime_ns + 1_000_000))
        return self.watch.look()


def test_a_saved_threshold_takes_effect_and_is_told_as_the_files_doing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.save("[confluence]\nenter = 0.66\n")
    assert desk.live.current.confluence.enter == 0.66
    assert desk.said == [
        SettingChanged(key="confluence.enter", old="0.6", new="0.66", by="file", undo=False, at_ms=1_000)
    ]
    assert not desk.watch.look()


def test_own_keys_take_effect_and_go_back_to_their_defaults(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.save('[keys]\n"watchlist.sort" = "o"\n')
    assert desk.live.current.keys == {"watchlist.sort": "o"}
    desk.save("")
    assert desk.live.current.keys == {}
    assert [(m.key, m.old, m.new) for m in desk.said if isinstance(m, SettingChanged)] == [
        ("keys.watchlist.sort", '""', '"o"'),
        ("keys.watchlist.sort", '"o"', '""'),
    ]


def test_own_groups_take_effect_when_saved(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.save('[groups]\nmajors = "BTC, ETH*"\n')
    assert desk.live.current.groups == {"majors": "BTC, ETH*"}
    assert desk.said == [
        SettingChanged(key="groups.majors", old='""', new='"BTC, ETH*"', by="file", undo=False, at_ms=1_000)
    ]
    desk.bus.publish(EditSetting(key="groups.majors", value="BTC"))
    assert isinstance(desk.said[-1], SettingRejected)
    assert "settings.toml" in desk.said[-1].reason


def test_what_needs_a_restart_is_said_and_does_not_change(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.save('[market]\nvenue = "bybit"\n[screen]\ntheme = "mono"\n')
    assert desk.live.current.market.venue == "binance_us"
    assert desk.live.current.screen.theme == "mono"
    (fault,) = [message for message in desk.said if isinstance(message, Fault)]
    assert "market.venue" in fault.message
    assert "restart" in fault.message
    assert fault.severity == "info"


@pytest.mark.parametrize("text", ["[confluence]\nenter = 2\n", "[confluence\n", "[confluence]\nenter = 0.4\n", "[x]\n"])
def test_a_mistake_changes_nothing_and_is_named(tmp_path: Path, text: str) -> None:
    desk = Desk(tmp_path, "[confluence]\nenter = 0.7\n")
    assert not desk.save(text)
    assert desk.live.current.confluence.enter == 0.7
    (fault,) = desk.said
    assert isinstance(fault, Fault)
    assert str(desk.file) in fault.message


def test_live_edits_win_over_the_file_and_undo_does_not_take_the_file_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.bus.publish(EditSetting(key="confluence.enter", value="0.7"))
    desk.save("[confluence]\nenter = 0.8\ncooldown_s = 10.0\n")
    assert (desk.live.current.confluence.enter, desk.live.current.confluence.cooldown_s) == (0.7, 10.0)
    desk.bus.publish(UndoSetting())
    assert (desk.live.current.confluence.enter, desk.live.current.confluence.cooldown_s) == (0.6, 10.0)


def test_an_undo_that_the_file_made_impossible_is_refused_with_the_reason(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.bus.publish(EditSetting(key="confluence.exit", value="0.3"))
    desk.save("[confluence]\nenter = 0.4\n")
    desk.bus.publish(UndoSetting())
    assert isinstance(desk.said[-1], SettingRejected)
    assert "enter" in desk.said[-1].reason
    assert desk.live.current.confluence.exit == 0.3


def test_a_file_that_comes_later_is_read_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    later = tmp_path / "later.toml"
    watch = SettingsWatch(desk.live, desk.bus, desk.clock, (later,), lambda: load(later, {}))
    assert not watch.look()
    later.write_text("[confluence]\nenter = 0.72\n", encoding="utf-8")
    assert watch.look()
    assert desk.live.current.confluence.enter == 0.72


def test_saved_event_rules_take_effect(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.save('[[events.rules]]\nkind = "fault"\ndo = ["bell"]\n')
    assert [rule.kind for rule in desk.live.current.events.rules] == ["fault"]
    assert not any(isinstance(message, Fault) for message in desk.said)


async def test_the_watch_looks_once_a_second(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    task = asyncio.create_task(desk.watch.run())
    await asyncio.sleep(0)
    desk.file.write_text("[confluence]\nenter = 0.66\n", encoding="utf-8")
    await desk.clock.advance(1.0)
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    assert desk.live.current.confluence.enter == 0.66
