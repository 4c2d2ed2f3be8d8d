"""`tradetui scan` as a user runs it: files in, JSON lines out, and what is said when something is wrong."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.market.candle_file import FILE_COLUMNS
from tests.core.signals.markets import walk

Run = Callable[..., subprocess.CompletedProcess[str]]
TRADETUI = [sys.executable, "-m", "tui.cli"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Folders of this test alone; nothing of the caller's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRADETUI_", "XDG_"))}
    return {**kept, **{f"XDG_{kind}_HOME": str(tmp_path / "home" / kind) for kind in ("CONFIG", "DATA", "STATE")}}


@pytest.fixture
def run(environ: dict[str, str]) -> Run:
    def scan(*arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
        command = [*TRADETUI, "scan", *map(str, arguments)]
        return subprocess.run(command, env=environ | changes, capture_output=True, text=True, timeout=90)

    return scan


def candle_file(path: Path, bars: int = 700, seed: int = 1, timeframe: str = "1m") -> Path:
    rows = walk(seed, bars, timeframe)[:, :6].tolist()
    content = "\n".join((",".join(FILE_COLUMNS), *(f"{row[0]:.0f},{','.join(map(repr, row[1:]))}" for row in rows)))
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return path


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_events_of_every_file_in_the_order_of_knowledge(tmp_path: Path, run: Run) -> None:
    second = candle_file(tmp_path / "BBB_1m.csv.gz", seed=2)
    first = candle_file(tmp_path / "AAA_1m_copy.csv")
    out = tmp_path / "out.jsonl"
    done = run(second, first, "--jsonl", out)
    assert (done.returncode, done.stdout) == (0, "")
    found = objects(out.read_text())
    order = [(event["t_known"], event["symbol"] != "BBB") for event in found]
    assert order == sorted(order), "by time over all files, at one time in the order given"
    assert {event["symbol"] for event in found} == {"AAA", "BBB"}
    assert f"scan: {len(found):,} events of 1,400 bars in 2 files" in done.stderr
    alone = run(first)
    assert objects(alone.stdout) == [event for event in found if event["symbol"] == "AAA"]
    run(first, "--jsonl", out)
    assert out.read_text() == alone.stdout, "a file is written anew"


def test_a_file_cut_short_gives_the_same_bytes_up_to_then(tmp_path: Path, run: Run) -> None:
    whole = candle_file(tmp_path / "AAA_1m.csv", bars=900)
    cut = tmp_path / "AAA_cut.csv"
    cut.write_text("\n".join(whole.read_text().splitlines()[:651]))
    longer, shorter = run(whole, "--smc-mode", "smc").stdout, run(cut, "--smc-mode", "smc").stdout
    assert shorter
    assert longer.startswith(shorter)
    last_ms = int(cut.read_text().splitlines()[-1].split(",")[0]) + 60_000
    assert objects(longer[len(shorter) :])[0]["t_known"] > last_ms


def test_settings_and_options_are_in_force(tmp_path: Path, run: Run) -> None:
    file = candle_file(tmp_path / "AAA_5m.csv", timeframe="5m")
    arguments = [file, "--timeframe", "5m", "--swing-length", "4"]
    found = objects(run(*arguments, "--detectors", "rsi_static, macd").stdout)
    assert {event["timeframe"] for event in found} == {"5m"}
    assert {event["detector"] for event in found if event["kind"] == "reading"} == {"rsi_static", "macd"}
    assert {event["t_known"] - event["t_event"] for event in found if event["kind"] == "swing"} == {5 * 300_000}
    settings = tmp_path / "own.toml"
    settings.write_text('[detectors]\noff = ["macd"]\n[confluence]\nenter = 0.52\nexit = 0.48\n')
    own = objects(run(*arguments, "--settings", settings).stdout)
    assert "macd" not in {event.get("detector") for event in own}
    entered = [event["probability"] for event in own if event["kind"] == "confluence" and event["side"] != "HOLD"]
    assert min(abs(probability - 0.5) for probability in entered) < 0.1 - 1e-9


def test_alerts_and_recommendations_alone_with_prices_as_numbers(tmp_path: Path, run: Run) -> None:
    file = candle_file(tmp_path / "AAAUSDT_1m.csv", bars=2000)
    done = run(file, "--kinds", "alert, recommendation", "--category", "linear")
    found = objects(done.stdout)
    assert {event["kind"] for event in found} == {"alert", "recommendation"}
    assert f"scan: {len(found):,} events of 2,000 bars" in done.stderr
    advice = [event for event in found if event["kind"] == "recommendation"]
    assert all(isinstance(event["risk_parameters"]["sl_level"], float) for event in advice if event["risk_parameters"])
    assert {event["side"] for event in advice} == {"BUY", "SELL"}
    whole = objects(run(file, "--category", "linear").stdout)
    assert [event for event in whole if event["kind"] in ("alert", "recommendation")] == found
    assert {event["side"] for event in objects(run(file, "--kinds", "recommendation").stdout)} == {"BUY"}


def test_help_says_that_alerts_need_one_minute_files(run: Run) -> None:
    assert "Alerts need 1m files" in " ".join(run("--help").stdout.split())


def test_a_bad_file_is_named_and_the_others_are_scanned(tmp_path: Path, run: Run) -> None:
    good = candle_file(tmp_path / "AAA_1m.csv")
    torn = candle_file(tmp_path / "BBB_1m.csv")
    rows = torn.read_text().splitlines()
    torn.write_text("\n".join([*rows[:300], rows[299], *rows[300:]]))
    done = run(tmp_path / "gone_1m.csv", torn, good)
    assert done.returncode == 2
    assert {event["symbol"] for event in objects(done.stdout)} == {"AAA"}
    complaints = done.stderr.splitlines()
    assert f"candle file {tmp_path / 'gone_1m.csv'}: cannot be read (No such file or directory)" in complaints[0]
    assert f"candle file {torn}: row 300: ts_ms" in complaints[1]
    assert "repeats the open time" in complaints[1]
    assert "700 bars in 1 files" in complaints[2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--detectors", "macd,rsi"], "--detectors: 'rsi' is no detector; choose from "),
        (["--kinds", "alert,alarm"], "--kinds: 'alarm' is no kind of event; choose from swing, "),
        (["--kinds", ","], "--kinds: none is named; choose from swing, "),
        (["--category", "futures"], "invalid choice: 'futures'"),
        (["--timeframe", "7m"], "invalid choice: '7m'"),
        (["--timeframe", "5m"], "the smallest step is 1m, not the 5m asked for; name its own with --timeframe"),
        (["--smc-mode", "both"], "invalid choice: 'both'"),
        (["--swing-length", "201"], "'201' is no whole number from 0 to 200"),
        (["--swing-length", "-3"], "--swing-length"),
        (["--jsonl", "/no/such/folder/x"], "--jsonl /no/such/folder/x: No such file or directory; choose a file"),
        (["--jsonl", "/dev/full"], "--jsonl /dev/full: No space left on device; choose a file that can be written"),
        (["--settings", "/no/such/settings.toml"], "/no/such/settings.toml"),
    ],
)
def test_wrong_usage_says_what_to_do(tmp_path: Path, run: Run, options: list[str], words: str) -> None:
    done = run(candle_file(tmp_path / "AAA_1m.csv"), *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_file_to_read_is_never_written(tmp_path: Path, run: Run) -> None:
    file = candle_file(tmp_path / "AAA_1m.csv")
    before = file.read_bytes()
    link = tmp_path / "link.jsonl"
    link.symlink_to(file)
    done = run(file, "--jsonl", link)
    assert done.returncode == 2
    assert "choose another file" in done.stderr
    assert file.read_bytes() == before


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path, environ: dict[str, str]) -> None:
    file = candle_file(tmp_path / "AAA_1m.csv", bars=3000)
    process = subprocess.Popen(
        [*TRADETUI, "scan", str(file)], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["kind"]
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert (process.wait(60), said) == (0, "")


def test_standard_output_that_cannot_be_written_is_named(tmp_path: Path, environ: dict[str, str]) -> None:
    file = candle_file(tmp_path / "AAA_1m.csv")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*TRADETUI, "scan", str(file)], env=environ, stdout=full, stderr=subprocess.PIPE, text=True, timeout=90
        )
    assert done.returncode == 2
    assert done.stderr == "scan: --jsonl -: No space left on device; choose a file that can be written\n"


def test_missing_volume_is_no_volume(tmp_path: Path, run: Run) -> None:
    file = candle_file(tmp_path / "AAA_1m.csv")
    lines = file.read_text().splitlines()
    without = tmp_path / "AAA_none.csv"
    without.write_text("\n".join([lines[0], *(line.rpartition(",")[0] + "," for line in lines[1:])]))
    zeros = tmp_path / "AAA_zero.csv"
    zeros.write_text("\n".join([lines[0], *(line.rpartition(",")[0] + ",0" for line in lines[1:])]))
    done = run(without)
    assert done.returncode == 0
    assert done.stdout == run(zeros).stdout
    assert np.isin(["swing", "fvg"], [event["kind"] for event in objects(done.stdout)]).all()
