"""Time to the first frame: `tradetui demo` against the bare library with an empty application, on the same pty in turn.

`python -m tests.bench.first_frame probe FILE` is the real demo which also writes what was imported by its first frame.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

import msgspec

from tests.bench.live import COLUMNS, ROWS, bare_environment
from tests.bench.terminal import Terminal
from tests.bench.timing import Figure

EMPTY = "import textual.app; textual.app.App().run()"
HEAVY = ("pandas", "lightgbm", "optuna")
ROUNDS = 7
LIMIT_S = 20.0


def painted(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Start, wait for the first picture, end; seconds of wall clock and of CPU until then."""
    terminal = Terminal([sys.executable, *arguments], COLUMNS, ROWS, bare_environment(folder))
    while terminal.first_paint_s is None and terminal.process.poll() is None and terminal.age_s < LIMIT_S:
        terminal.pump(0.02)
    terminal.pump(0.3)
    terminal.end()
    if terminal.first_paint_s is None:
        raise RuntimeError(f"{' '.join(arguments)[:60]} painted nothing within {LIMIT_S:g} s")
    return terminal.first_paint_s, terminal.first_paint_cpu_s


def imported_at_first_frame(folder: Path) -> set[str]:
    """Modules the real demo holds at the moment of its first frame."""
    file = folder / "modules.json"
    terminal = Terminal(
        [sys.executable, "-m", "tests.bench.first_frame", "probe", str(file)], COLUMNS, ROWS, bare_environment(folder)
    )
    while not file.exists() and terminal.process.poll() is None and terminal.age_s < LIMIT_S:
        terminal.pump(0.1)
    terminal.end()
    return set(msgspec.json.decode(file.read_bytes(), type=list[str]))


def first_frame() -> list[Figure]:
    """The ratio of the quickest of several starts (a busy machine only adds), and what must not be imported by then."""
    with tempfile.TemporaryDirectory(prefix="tradetui-bench-") as name:
        folder = Path(name)
        demo, empty = ["-m", "tui.cli", "demo"], ["-c", EMPTY]
        painted(demo, folder), painted(empty, folder)  # warm file caches
        rounds = [(*painted(demo, folder), *painted(empty, folder)) for _ in range(ROUNDS)]
        modules = imported_at_first_frame(folder)
    quickest = [min(values) for values in zip(*rounds, strict=True)]
    middle = [median(values) for values in zip(*rounds, strict=True)]
    wall, cpu, empty_wall, empty_cpu = (value * 1000 for value in quickest)
    heavy = sorted(modules.intersection(HEAVY))
    return [
        Figure(
            name="first frame / empty Textual application", value=wall / empty_wall, unit="x", target=1.5, better="less", must=True,
            detail=f"{wall:.0f} ms against {empty_wall:.0f} ms, quickest of {ROUNDS} (medians {middle[0] * 1000:.0f} and "
                   f"{middle[2] * 1000:.0f}); CPU {cpu:.0f} against {empty_cpu:.0f} ms; tradetui demo on a pty of {COLUMNS}x{ROWS}",
        ),
        Figure(
            name="pandas, lightgbm, optuna by the first frame", value=len(heavy), unit="", target=0, better="less", must=True,
            detail=f"{', '.join(heavy) or 'none'} of {len(modules)} modules",
        ),
    ]  # fmt: skip


def probe(file: Path) -> int:
    """`tradetui demo`, telling what is imported when its first picture is out."""
    from tests.bench.live_app import at_first_frame
    from tui.cli import main

    def told() -> None:
        partial = file.with_suffix(".part")
        partial.write_bytes(msgspec.json.encode(sorted(sys.modules)))
        partial.rename(file)

    at_first_frame(told)
    return main(["demo"])


if __name__ == "__main__":
    sys.exit(probe(Path(sys.argv[2])))
