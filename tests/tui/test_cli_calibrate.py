"""`tradetui calibrate` and `tradetui thresholds` as a user runs them: candles in, verdicts out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.market.candle_file import FILE_COLUMNS
from tests.core.screening.bars import minutes

Run = Callable[..., subprocess.CompletedProcess[str]]
TRADETUI = [sys.executable, "-m", "tui.cli"]
QUICK = """
[calibration]
train_bars = 3000
test_bars = 800
min_folds = 2
random_trials = 5
"""
NAMED = {
    "symbol", "verdict", "reason", "parameters", "previous", "in_sample", "out_of_sample", "dsr", "pbo", "folds", "trials",
    "seed", "seconds",
}  # fmt: skip


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Folders of this test alone; nothing of the caller's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRADETUI_", "XDG_"))}
    return {**kept, **{f"XDG_{kind}_HOME": str(tmp_path / "home" / kind) for kind in ("CONFIG", "DATA", "STATE")}}


@pytest.fixture
def run(environ: dict[str, str], tmp_path: Path) -> Run:
    settings = tmp_path / "own.toml"
    settings.write_text(QUICK)

    def tradetui(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [*TRADETUI, "--settings", str(settings), *map(str, arguments)]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)

    return tradetui


def candle_file(path: Path, bars: int = 7000, seed: int = 1) -> Path:
    rows = minutes(seed, bars)[:, :6]
    rows[:, 1:5] = rows[:, 1:5].round(3)
    rows[::11, 5] *= 30.0  # bursts of volume, so that there are trades
    content = "\n".join(
        (",".join(FILE_COLUMNS), *(f"{row[0]:.0f},{','.join(map(repr, row[1:]))}" for row in rows.tolist()))
    )
    path.write_text(content)
    return path


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_files_are_calibrated_and_one_object_a_line_is_written(tmp_path: Path, run: Run) -> None:
    good, short = candle_file(tmp_path / "AAAUSDT_1m.csv"), candle_file(tmp_path / "BBBUSDT_1m.csv", bars=900)
    arguments = ["calibrate", "--data", good, short, "--trials", "10", "--category", "linear", "--jobs", "2"]
    done = run(*arguments, "--json", "-")
    assert done.returncode == 0
    found = {each["symbol"]: each for each in objects(done.stdout)}
    assert set(found) == {"AAAUSDT", "BBBUSDT"}
    for report in found.values():
        assert set(report) >= NAMED
        assert set(report["previous"]) >= {"vol_z_threshold", "tp_mult", "sl_mult"}
        assert (report["category"], report["seed"], report["timeframe"]) == ("linear", 7, "1m")
    whole = found["AAAUSDT"]
    assert whole["verdict"] in ("accept", "keep")
    assert whole["trials"] == 10 * whole["folds"] > 0
    for sample in (whole["in_sample"], whole["out_of_sample"]):
        assert set(sample) >= {"trades", "profit_factor", "win_rate", "expectancy_r", "max_drawdown"}
    assert (found["BBBUSDT"]["verdict"], found["BBBUSDT"]["out_of_sample"]) == ("waiting", None)
    assert f"900 of {900 + found['BBBUSDT']['bars_missing']} bars" in done.stderr
    assert any(line.startswith("AAAUSDT ") for line in done.stderr.splitlines())
    assert "100%  2/2" in done.stderr
    assert "\r" not in done.stderr, "no terminal: plain lines"
    assert "\x1b" not in done.stderr
    out = tmp_path / "out.jsonl"
    again = run(*arguments, "--json", out)
    assert (again.returncode, again.stdout) == (0, "")
    same = {each["symbol"]: each for each in objects(out.read_text())}
    for name in ("seconds", "at_ms"):
        for report in (*found.values(), *same.values()):
            del report[name]
    assert same == found, "the same seed finds the same"


def test_an_unreadable_file_is_named_and_the_others_are_calibrated(tmp_path: Path, run: Run) -> None:
    short = candle_file(tmp_path / "BBBUSDT_1m.csv", bars=900)
    done = run("calibrate", "--data", tmp_path / "gone_1m.csv", short, "--json", "-")
    assert done.returncode == 2
    assert f"calibrate: candle file {tmp_path / 'gone_1m.csv'}: cannot be read" in done.stderr
    assert [each["symbol"] for each in objects(done.stdout)] == ["BBBUSDT"]
    assert run("calibrate", "--data", tmp_path / "gone_1m.csv").returncode == 2


def test_without_json_only_the_table_is_told(tmp_path: Path, run: Run) -> None:
    done = run("calibrate", "--data", candle_file(tmp_path / "BBBUSDT_1m.csv", bars=900))
    assert (done.returncode, done.stdout) == (0, "")
    assert "BBBUSDT       waiting" in done.stderr


def test_a_symbol_that_is_not_stored_is_named_with_the_remedy(run: Run) -> None:
    done = run("calibrate", "BTCUSD", "ETHUSD", "BTCUSD")
    assert done.returncode == 2
    assert done.stderr.count("fetch them with `tradetui fetch BTCUSD --timeframe 1m`") == 1
    assert "tradetui fetch ETHUSD" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "one of the arguments SYMBOL --data is required"),
        (["BTCUSD", "--data", "x_1m.csv"], "argument --data: not allowed with argument SYMBOL"),
        (["BTCUSD", "--trials", "9"], "'9' is no whole number from 10 to 1000"),
        (["BTCUSD", "--jobs", "0"], "'0' is no whole number from 1 to 256"),
        (["BTCUSD", "--objective", "luck"], "invalid choice: 'luck'"),
        (["BTCUSD", "--timeframe", "7m"], "invalid choice: '7m'"),
        (
            ["BTCUSD", "--json", "/no/such/folder/x"],
            "--json /no/such/folder/x: No such file or directory; choose a file",
        ),
    ],
)
def test_wrong_usage_says_what_to_do(run: Run, options: list[str], words: str) -> None:
    done = run("calibrate", *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_file_to_read_is_never_written(tmp_path: Path, run: Run) -> None:
    file = candle_file(tmp_path / "AAAUSDT_1m.csv", bars=100)
    before = file.read_bytes()
    done = run("calibrate", "--data", file, "--json", file)
    assert done.returncode == 2
    assert "choose another file" in done.stderr
    assert file.read_bytes() == before


def test_an_interrupt_ends_it_with_what_is_done(tmp_path: Path, environ: dict[str, str]) -> None:
    short, long = (
        candle_file(tmp_path / "AAAUSDT_1m.csv", bars=900),
        candle_file(tmp_path / "BBBUSDT_1m.csv", bars=20_000),
    )
    command = [
        *TRADETUI,
        "calibrate",
        "--data",
        str(short),
        str(long),
        "--trials",
        "1000",
        "--jobs",
        "1",
        "--json",
        "-",
    ]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (first["symbol"], first["verdict"]) == ("AAAUSDT", "waiting")
    assert process.returncode == 130
    assert out == ""
    assert "calibrate: ended with 1 of 2 done" in said
    assert "Traceback" not in said


def test_thresholds_go_out_and_come_in(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "own_thresholds.toml"
    file.write_text(
        'format = 1\nvenue = "binance_us"\ncategory = "spot"\n[symbols.BTCUSD.values]\nvol_z_threshold = 3.5\n'
    )
    done = run("thresholds", "import", file)
    assert done.returncode == 0
    assert "thresholds: 1 assets of binance_us spot are in force" in done.stderr
    out = tmp_path / "out.toml"
    done = run("thresholds", "export", out)
    assert done.returncode == 0
    assert f"thresholds: 1 assets of binance_us spot written to {out}" in done.stderr
    assert "vol_z_threshold = 3.5" in out.read_text()
    file.write_text(file.read_text().replace("3.5", "35").replace("BTCUSD", "ETHUSD"))
    done = run("thresholds", "import", file)
    assert done.returncode == 2
    assert "ETHUSD.values.vol_z_threshold is 35: give a number from 1 to 10" in done.stderr
    assert run("thresholds", "import", tmp_path / "gone.toml").returncode == 2
