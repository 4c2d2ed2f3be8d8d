"""The app: modes, keys, themes, contained failures, the engine's life."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from textual.widgets import Input

from core.messages import EditSetting, EngineStatus, Fault, Message, SettingChanged, UndoSetting
from core.settings import Screen, Settings
from tests.tui.desk_builder import FirstScreen, app, shown
from tui.app import TradeApp
from tui.screens.help import HelpScreen


def told(running: TradeApp, kind: type[Message]) -> list:
    found: list = []
    running.desk.bus.subscribe(kind, found.append)
    return found


async def until(pilot, condition) -> None:
    """Wait on a condition, not on time."""
    for _ in range(400):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("condition never held")


def first(running: TradeApp) -> FirstScreen:
    screen = running.screen
    assert isinstance(screen, FirstScreen)
    return screen


async def test_modes_switch_by_key_and_keep_their_screen() -> None:
    running = app()
    async with running.run_test(size=(100, 30)) as pilot:
        before = first(running)
        await pilot.press("e")
        await until(pilot, lambda: running.current_mode == "second")
        await pilot.press("1")
        await until(pilot, lambda: running.current_mode == "first")
        assert running.screen is before


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quit_keys_leave_with_zero(key: str) -> None:
    running = app()
    async with running.run_test() as pilot:
        await pilot.press(key)
    assert running.return_code == 0


async def test_ctrl_c_leaves_under_the_palette_too() -> None:
    running = app()
    async with running.run_test() as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: len(running.screen_stack) == 2)
        await pilot.press("ctrl+c")
    assert running.return_code == 0


async def test_keys_reach_the_screens_action_but_not_while_a_line_is_typed() -> None:
    running = app()
    async with running.run_test() as pilot:
        await pilot.press("m", "slash")
        await until(pilot, lambda: isinstance(running.focused, Input))
        await pilot.press("m", "q", "enter")
        screen = first(running)
        assert screen.query_one(Input).value == "mq"
        assert screen.done == ["mark"]
        await pilot.press("escape")
        assert running.focused is None
        await pilot.press("m")
        assert screen.done == ["mark", "mark"]
        await pilot.press("escape", "escape")
        assert running.screen is screen
        assert running.return_code is None


async def test_a_failing_action_is_told_and_the_screen_lives() -> None:
    running = app()
    async with running.run_test(size=(100, 30)) as pilot:
        faults = told(running, Fault)
        await pilot.press("x", "m")
        assert first(running).done == ["mark"]
        assert [fault.source for fault in faults] == ["screen: first.fail"]
        await until(pilot, lambda: "fail failed: no such row" in shown(running)[-1])
        await until(pilot, lambda: "! screen" in shown(running)[0])
        assert running.return_code is None


async def test_errors_in_timers_handlers_and_painting_never_end_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    running = app()

    def fail(*_: object) -> None:
        raise ZeroDivisionError("bad picture")

    async with running.run_test() as pilot:
        await until(pilot, lambda: running.is_up)
        screen = first(running)
        timer = screen.set_interval(0.01, fail, repeat=5)
        screen.call_later(fail)
        running.call_later(fail)
        monkeypatch.setattr(screen, "flush", fail)
        monkeypatch.setattr(screen.status_bar, "render_line", fail)
        screen.status_bar.refresh()
        for _ in range(400):  # not `pilot.pause`: it paints by itself, outside of the app's own timers
            await asyncio.sleep(0.01)
            if running.desk.guard.failures.get("screen", 0) > 1 and running.desk.pump.failures > 0:
                break
        assert running.desk.pump.failures > 0
        timer.stop()
        monkeypatch.undo()
        screen.refresh(layout=True)
        await pilot.press("m")
        assert screen.done == ["mark"]
    assert running.failure is None


async def test_a_screen_that_is_covered_is_not_painted() -> None:
    running = app()
    async with running.run_test() as pilot:
        screen = first(running)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(running.screen, HelpScreen))
        before = screen.flushes
        await pilot.pause(3 * running.desk.pump.flush_s)
        assert screen.flushes == before
        await pilot.press("escape")
        await until(pilot, lambda: screen.flushes > before)


async def test_the_engine_runs_after_the_first_picture_and_is_ended_in_order() -> None:
    life: list[str] = []

    async def engine() -> None:
        life.append(shown(running)[0].strip()[:8])
        try:
            await asyncio.Event().wait()
        finally:
            life.append("ended")

    running = app(run_engine=engine)
    async with running.run_test() as pilot:
        await until(pilot, lambda: bool(life))
    assert life == ["tradetui", "ended"]


async def test_a_failed_engine_is_shown_and_the_screen_stays_usable() -> None:
    async def engine() -> None:
        raise OSError("no route to host")

    running = app(run_engine=engine)
    statuses = told(running, EngineStatus)
    async with running.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: "engine failed: no route to host" in shown(running)[0])
        assert statuses[-1].phase == "failed"
        await pilot.press("m")
        assert first(running).done == ["mark"]
    assert running.failure is None


async def test_themes_change_by_key_and_by_setting_and_are_kept() -> None:
    running = app()
    async with running.run_test() as pilot:
        edits = told(running, EditSetting)
        await pilot.press("T")
        assert running.theme != "desk-dark"
        assert edits == [EditSetting(key="screen.theme", value=running.theme)]
        changed = SettingChanged(key="screen.theme", old='""', new='"mono"', by="you", undo=False, at_ms=0)
        running.desk.bus.publish(changed)
        assert running.theme == "mono"
        assert running.desk.palette is running.themes["mono"].palette


async def test_no_color_chooses_the_monochrome_theme_and_draws_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    running = app()
    async with running.run_test() as pilot:
        assert running.theme == "mono"
        await pilot.pause()
        for line in running.screen._compositor.render_strips():
            for segment in line:
                style = segment.style
                assert style is None or style.color is None or style.color.is_default


async def test_undo_asks_the_engine() -> None:
    running = app()
    async with running.run_test() as pilot:
        asked = told(running, UndoSetting)
        await pilot.press("ctrl+z")
        assert len(asked) == 1


async def test_bad_keys_and_themes_are_told_once_and_the_defaults_serve(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[colors]")
    settings = msgspec.structs.replace(Settings(), keys={"first.mark": "q"}, screen=Screen(theme="mine"))
    running = app(settings, themes_dir=tmp_path)
    faults = told(running, Fault)
    async with running.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: any("mine.toml" in fault.message for fault in faults))
        assert any('"first.mark" and "app.quit"' in fault.message for fault in faults)
        assert running.theme == "desk-dark"
        await until(pilot, lambda: "more in the event log" in shown(running)[-1])
        await pilot.press("m")
        assert first(running).done == ["mark"]


@pytest.mark.parametrize(
    ("size", "classes"),
    [((80, 24), {"-narrow", "-short"}), ((120, 40), {"-normal", "-tall"}), ((200, 50), {"-wide", "-tall"})],
)
async def test_screens_know_their_size(size: tuple[int, int], classes: set[str]) -> None:
    running = app()
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        assert classes <= running.screen.classes


async def test_a_tiny_terminal_says_so_and_recovers() -> None:
    running = app()
    async with running.run_test(size=(40, 10)) as pilot:
        await until(pilot, lambda: "too small" in "".join(shown(running)))
        assert "tradetui" not in "".join(shown(running))
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: "tradetui" in shown(running)[0])
        assert "too small" not in "".join(shown(running))


async def test_the_key_bar_shows_this_screens_keys() -> None:
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        keys = "m mark  / type  o order  ? help  : palette  q quit"
        await until(pilot, lambda: shown(running)[-1].strip() == keys)


async def test_ascii_terminals_get_ascii_only() -> None:
    settings = msgspec.structs.replace(Settings(), screen=Screen(glyphs="ascii"))
    running = app(settings)
    async with running.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert all(line.isascii() for line in shown(running))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(running.screen, HelpScreen) and "WORDS" in "".join(shown(running)))
        assert all(line.isascii() for line in shown(running)), [line for line in shown(running) if not line.isascii()]


async def test_what_a_key_did_is_told_at_once_not_with_the_next_flush() -> None:
    slow = msgspec.structs.replace(Settings(), screen=Screen(flush_hz=0.5))
    running = app(slow)
    async with running.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        flushes = first(running).flushes
        await pilot.press("H")
        await pilot.pause()
        assert "halt asked for" in shown(running)[-1]
        running.desk.say("something else")
        await pilot.press("f12")
        await pilot.pause()
        assert "halt asked for" in shown(running)[-1]
        assert first(running).flushes == flushes
