"""The doctor names each problem and its remedy."""

import os
import sys
from pathlib import Path

import pytest

from core.doctor import (
    Check,
    check_folder,
    check_library,
    check_machine,
    check_python,
    check_terminal,
    check_venue,
    render,
)
from core.venue import Retryable


def test_a_missing_system_library_gets_one_line_with_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "needs_openmp.py").write_text(
        "raise OSError('libgomp.so.1: cannot open shared object file: No such file or directory\\nmore')"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    check = check_library("needs_openmp", "the model")
    assert check.verdict == "fail"
    assert "\n" not in check.detail
    assert "libgomp1" in check.remedy
    sys.modules.pop("needs_openmp", None)


def test_a_missing_package_says_what_needs_it():
    check = check_library("no_such_package_here", "streams")
    assert check.verdict == "fail"
    assert "streams" in check.detail
    assert "pip install no_such_package_here" in check.remedy


@pytest.mark.parametrize(
    ("environ", "columns", "rows", "bad"),
    [
        ({"TERM": "xterm-256color"}, 120, 40, set()),
        ({"TERM": "xterm-256color"}, 70, 20, {"terminal size"}),
        ({"TERM": "dumb"}, 120, 40, {"colours"}),
        ({}, 120, 40, {"colours"}),
        ({"TERM": "xterm", "NO_COLOR": "1"}, 120, 40, set()),
    ],
)
def test_terminal_problems_are_named_with_a_remedy(environ: dict[str, str], columns: int, rows: int, bad: set[str]):
    checks = [check for check in check_terminal(environ, columns, rows, True) if check.name != "encoding"]
    assert {check.name for check in checks if check.verdict != "ok"} == bad
    assert all(check.remedy for check in checks if check.verdict != "ok")


def test_a_folder_is_checked_at_its_nearest_existing_parent(tmp_path: Path):
    assert check_folder("data", tmp_path / "not" / "there" / "yet").verdict == "ok"


class DeadVenue:
    venue, category, host, host_kind = "binance_us", "spot", "api.example", "LIVE DATA"
    closed = False

    async def sync_clock(self) -> float:
        raise Retryable("no route to host")

    async def close(self) -> None:
        self.closed = True


async def test_an_unreachable_venue_is_a_finding_and_its_connection_is_released():
    venue = DeadVenue()
    (check,) = await check_venue(venue)  # type: ignore[arg-type]
    assert check.verdict == "fail"
    assert "no route to host" in check.detail
    assert venue.closed


def test_this_machine_passes_and_the_report_shows_remedies_beneath(tmp_path: Path):
    checks = check_machine({"TERM": "xterm-256color"}, {"data": tmp_path}, os.terminal_size((120, 40)), True)
    assert not [check for check in checks if check.verdict == "fail"]
    text = render([Check(name="a", verdict="fail", detail="broken", remedy="mend it")])
    assert text.splitlines()[1].strip() == "-> mend it"


def test_an_old_interpreter_is_refused_with_the_version_to_install():
    assert check_python((3, 10, 4)).verdict == "fail"
    assert "3.11" in check_python((3, 10, 4)).remedy
    assert check_python((3, 13, 0)).verdict == "ok"
