"""Rules of the house that a reader would not notice being broken: imports, colours, file sizes."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "providers", "tui", "themes")
HEAVY = ("pandas", "lightgbm", "optuna", "talib", "numpy", "pyarrow", "httpx", "websockets", "starlette", "uvicorn")
SCREEN_FREE = ("textual", "rich")
MOST_LINES = 420
MOST_FUNCTION_LINES = 75
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b|\brgba?\(|\bhsla?\(|\bcolor\(\d")


def modules_after(statement: str) -> set[str]:
    """Top-level modules a fresh interpreter has loaded after this statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize(
    "statement", ["import tui.app", "import tui.app; tui.app.default_modes()", "import tui.palette, tui.screens.help"]
)
def test_the_first_frame_waits_for_no_heavy_library(statement: str) -> None:
    assert modules_after(statement) & set(HEAVY) == set()


def test_the_command_line_itself_loads_neither_screen_nor_engine() -> None:
    assert modules_after("import tui.cli") & {*HEAVY, *SCREEN_FREE} == set()


@pytest.mark.parametrize("module", ["core.messages", "core.bus", "core.settings", "core.clock"])
def test_the_contracts_load_no_screen_and_nothing_heavy(module: str) -> None:
    assert modules_after(f"import {module}") & {*HEAVY, *SCREEN_FREE} == set()


def test_colours_live_in_theme_files_only() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in [*sources("tui"), *sorted((ROOT / "tui").rglob("*.tcss"))]
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if COLOUR.search(line)
    ]
    assert found == []


WHOLE = {"core/messages.py"}
"""The one file that grows by design: every message on the bus."""


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_files_have_one_subject_and_a_bounded_size(package: str) -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in sources(package)
        if (count := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert set(long) - WHOLE == set(), long


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_fit_on_a_screen(package: str) -> None:
    long: dict[str, int] = {}
    for path in sources(package):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MOST_FUNCTION_LINES:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert long == {}


def test_every_file_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT)) for path in sources(*PACKAGES) if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_only_the_clock_reads_the_wall_clock() -> None:
    """The sandbox's own process and measuring the loop itself are no policy; everything else takes a `Clock`."""
    reading = re.compile(r"\btime\.time(_ns)?\(|\bdatetime\.(now|utcnow|today)\(|\bdate\.today\(")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources(*PACKAGES)
        if path != ROOT / "core" / "clock.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if reading.search(line)
    ]
    assert found == []
