"""`tradetui keys`: hidden at the prompt, never on the command line, and told by no more than their last characters."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.credentials import load_credentials
from core.credentials_file import FILE_NAME
from tests.pty.terminal import Terminal, child_environment

TRADETUI = [sys.executable, "-m", "tui.cli", "keys"]
KEY, SECRET = "abcdefghijKLMNOP", "s3cret-of-the-key"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def keys(*arguments: str, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        environ = child_environment(XDG_CONFIG_HOME=str(tmp_path), **variables)
        return subprocess.run(
            [*TRADETUI, *arguments], env=environ, input=typed, capture_output=True, text=True, timeout=60
        )

    return keys


def folder(tmp_path: Path) -> Path:
    return tmp_path / "tradetui"


def test_keys_from_a_pipe_are_stored_shown_by_their_end_and_removed(run: Run, tmp_path: Path) -> None:
    stored = run("set", "bybit", "--environment", "testnet", "--stdin", typed=f"{KEY}\n{SECRET}\n")
    file = folder(tmp_path) / FILE_NAME
    assert (stored.returncode, stored.stderr) == (0, "")
    assert stored.stdout == f"bybit testnet: stored the key ending in MNOP in {file}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_credentials("bybit", "testnet", {}, folder(tmp_path)).key == KEY

    shown = run("show")
    assert shown.returncode == 0
    assert f"bybit       testnet  ...MNOP  from {file} [bybit_testnet]" in shown.stdout
    assert "binance_us  live     no keys" in shown.stdout

    removed = run("remove", "bybit", "--environment", "testnet")
    assert (removed.returncode, file.exists()) == (0, False)
    again = run("remove", "bybit", "--environment", "testnet")
    assert (again.returncode, again.stdout) == (1, "")
    assert f"{file} has no keys of it" in again.stderr
    for told in (stored, shown, removed, again):
        assert SECRET not in told.stdout + told.stderr
        assert KEY not in told.stdout + told.stderr


def test_without_a_terminal_the_prompt_is_refused_and_the_pipe_named(run: Run, tmp_path: Path) -> None:
    refused = run("set", "bybit", typed=f"{KEY}\n{SECRET}\n")
    assert refused.returncode == 2
    assert "add --stdin" in refused.stderr
    assert not folder(tmp_path).exists()


@pytest.mark.parametrize("typed", ["", KEY, f"{KEY}\n", f"{KEY}\n\n", f"{KEY}\ntwo words\n"])
def test_what_is_no_pair_is_refused(run: Run, tmp_path: Path, typed: str) -> None:
    refused = run("set", "bybit", "--stdin", typed=typed)
    assert refused.returncode == 1
    assert "nothing was stored" in refused.stderr
    assert not folder(tmp_path).exists()


def test_a_key_on_the_command_line_is_wrong_usage(run: Run) -> None:
    assert run("set", "bybit", KEY, SECRET).returncode == 2
    assert run("set", "bybit", "--key", KEY).returncode == 2


def test_an_environment_the_venue_does_not_have_is_refused_before_asking(run: Run) -> None:
    refused = run("set", "binance_us", "--environment", "demo", "--stdin", typed=f"{KEY}\n{SECRET}\n")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "binance_us has no environment 'demo'; choose live" in refused.stderr


def test_a_file_others_can_read_is_told_by_show_with_the_remedy(run: Run, tmp_path: Path) -> None:
    run("set", "bybit", "--stdin", typed=f"{KEY}\n{SECRET}\n")
    file = folder(tmp_path) / FILE_NAME
    file.chmod(0o644)
    shown = run("show")
    assert shown.returncode == 1
    assert f"bybit       live     cannot be used: {file}: can be read or written by others (mode 0644)" in shown.stdout
    assert f"chmod 600 '{file}'" in shown.stdout
    refused = run("set", "bybit", "--stdin", typed=f"{KEY}\n{SECRET}\n")
    assert refused.returncode == 1
    assert "mode 0644" in refused.stderr


def test_variables_of_the_environment_are_named_where_they_win(run: Run) -> None:
    given = {"TRADETUI_BYBIT_KEY": "environmentkey42", "TRADETUI_BYBIT_SECRET": SECRET}
    stored = run("set", "bybit", "--stdin", typed=f"{KEY}\n{SECRET}\n", **given)
    assert "TRADETUI_BYBIT_KEY and TRADETUI_BYBIT_SECRET of the environment go before it" in stored.stdout
    shown = run("show", **given)
    assert "bybit       live     ...ey42  from environment TRADETUI_BYBIT_KEY" in shown.stdout
    removed = run("remove", "bybit", **given)
    assert "TRADETUI_BYBIT_KEY of the environment is still used" in removed.stderr


@pytest.mark.pty
def test_the_prompt_shows_nothing_of_what_is_typed(tmp_path: Path) -> None:
    environ = child_environment(XDG_CONFIG_HOME=str(tmp_path), PYTHONPATH=os.getcwd())
    running = Terminal([*TRADETUI, "set", "binance_us"], tmp_path / "log", (80, 24), environ, ignore_hup=False)
    try:
        running.wait_for(lambda: b"binance_us live key: " in running.received, "prompt for the key")
        running.type(f"{KEY}\n")
        running.wait_for(lambda: b"binance_us live secret: " in running.received, "prompt for the secret")
        running.type(f"{SECRET}\n")
        assert running.wait_for_end() == 0
        assert b"stored the key ending in MNOP" in running.received
        assert KEY.encode() not in running.received
        assert SECRET.encode() not in running.received
        assert load_credentials("binance_us", "live", {}, folder(tmp_path)).key == KEY
    finally:
        running.clean_up()


@pytest.mark.pty
def test_leaving_the_prompt_stores_nothing(tmp_path: Path) -> None:
    for key, code in (("\x03", 130), ("\x04", 2)):
        environ = child_environment(XDG_CONFIG_HOME=str(tmp_path), PYTHONPATH=os.getcwd())
        running = Terminal([*TRADETUI, "set", "binance_us"], tmp_path / "log", (80, 24), environ, ignore_hup=False)
        try:
            running.wait_for(lambda: b"binance_us live key: " in running.received, "prompt for the key")  # noqa: B023
            running.type(f"{KEY}\n")
            running.wait_for(lambda: b"binance_us live secret: " in running.received, "prompt")  # noqa: B023
            running.type(key)
            assert running.wait_for_end() == code
        finally:
            running.clean_up()
    assert not folder(tmp_path).exists()
