"""The log file: structured, redacted, rotating, and the only place diagnostics go."""

import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from core.logs import BLOT, redact, start_logging, stop_logging
from core.settings import Log

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


@pytest.fixture(autouse=True)
def _logging_is_put_back() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    stop_logging()
    logging.getLogger().setLevel(level)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def start(folder: Path, level: str | None = None, settings: Log | None = None) -> Path:
    path = start_logging(settings or Log(), folder, level)
    assert path is not None
    return path


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"GET https://h/api?symbol=A&timestamp=1&signature={KEY} 200", "symbol=A&timestamp=1"),
        (f"headers {{'X-MBX-APIKEY': '{KEY}', 'Accept': 'json'}}", "'Accept': 'json'"),
        ("[('X-BAPI-SIGN', 'abc123secretvalue'), ('a', 'b')]", "('a', 'b')"),
        ("X-BAPI-API-KEY=abc123secretvalue", "X-BAPI-API-KEY="),
        ('{"apiKey": "abc123secretvalue", "qty": 1}', '"qty": 1'),
        ("Authorization: Bearer abc123secretvalue", "Authorization:"),
        ("TRADETUI_API_SECRET=abc123secretvalue HOME=/x", "HOME=/x"),
        ("wss://user:abc123secretvalue@proxy:80/ws", "@proxy:80/ws"),
        (f"stray {KEY} here", "stray"),
        ("listenKey=abc123secretvalue", "listenKey="),
        ("-----BEGIN PRIVATE KEY-----\nabc123secretvalue\n-----END PRIVATE KEY-----", ""),
    ],
)
def test_secrets_are_blotted_out(text: str, kept: str) -> None:
    found = redact(text)
    assert BLOT in found
    assert kept in found
    assert KEY not in found
    assert "abc123secretvalue" not in found


def test_plain_text_is_left_alone() -> None:
    text = "BTCUSDT kline_1m closed at 61602.01, gap of 3 bars mended; sha 0123abcd"
    assert redact(text) == text


def test_records_are_json_lines_with_extras_and_traces(tmp_path: Path) -> None:
    path = start(tmp_path / "state")
    try:
        raise ValueError("secret=abc123secretvalue")
    except ValueError:
        logging.getLogger("tradetui.x").exception("failed on %s", "BTCUSDT", extra={"symbol": "BTCUSDT", "token": KEY})
    logging.getLogger("tradetui.x").debug("too small")
    (line,) = lines(path)
    assert (line["level"], line["logger"], line["text"]) == ("error", "tradetui.x", "failed on BTCUSDT")
    assert line["symbol"] == "BTCUSDT"
    assert line["token"] == BLOT
    assert "ValueError" in line["trace"]
    assert "abc123secretvalue" not in path.read_text()
    assert line["at"].endswith("Z")


def test_the_option_wins_over_the_settings(tmp_path: Path) -> None:
    path = start(tmp_path, "debug", Log(level="error"))
    logging.getLogger("tradetui.x").debug("small")
    logging.getLogger("httpx").info("HTTP Request: GET https://h")
    logging.getLogger("websockets.client").warning("closed")
    assert [line["text"] for line in lines(path)] == ["small", "closed"]


def test_nothing_reaches_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = start(tmp_path)
    log = logging.getLogger("tradetui.x")
    log.error("%d", "not a number")
    warnings.warn("old way", DeprecationWarning, stacklevel=1)
    thread = threading.Thread(target=lambda: 1 / 0, name="worker")
    thread.start()
    thread.join()
    hook = SimpleNamespace(
        exc_type=ValueError, exc_value=ValueError("lost"), exc_traceback=None, err_msg="in a finaliser", object=None
    )
    sys.unraisablehook(cast("sys.UnraisableHookArgs", hook))
    text = path.read_text()
    for part in ("arguments do not fit", "thread worker failed", "ZeroDivisionError", "in a finaliser", "lost"):
        assert part in text
    assert capfd.readouterr() == ("", "")


def test_the_file_rotates_and_keeps_so_many(tmp_path: Path) -> None:
    start(tmp_path, settings=Log(max_mb=0.1, files=2))
    for _ in range(50):
        logging.getLogger("tradetui.x").warning("x" * 9_000)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tradetui.log", "tradetui.log.1", "tradetui.log.2"]
    assert all(p.stat().st_size <= 110_000 for p in tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_means_no_log_not_a_noisy_screen(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert start_logging(Log(), tmp_path / "file") is None
    logging.getLogger("tradetui.x").error("nobody hears")
    assert capfd.readouterr() == ("", "")


def test_very_long_texts_are_cut() -> None:
    assert len(redact("a" * 1_000_000)) < 30_000
