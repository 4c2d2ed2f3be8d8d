"""Pictures of the documents: made here, and held to what the program shows.

Run once with UPDATE_DOCS=1 after a screen changed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.snapshots.scenes import Prepare
from tui.app import TradeApp

DOCS = Path(__file__).resolve().parents[2] / "docs"


async def held(name: str, running: TradeApp, size: tuple[int, int], prepare: Prepare) -> None:
    """`docs/<name>.svg` is the picture of this app, prepared so, at this size."""
    async with running.run_test(size=size) as pilot:
        await prepare(pilot)
        picture = running.export_screenshot(title="tradetui", simplify=True)
    # Textual numbers the elements at random; a fixed number makes the picture comparable byte for byte.
    svg = re.sub(r"terminal-\d+", "terminal-0", picture)
    file = DOCS / f"{name}.svg"
    if os.environ.get("UPDATE_DOCS") == "1":
        file.write_text(svg, encoding="utf-8")
    same = file.read_text(encoding="utf-8") == svg
    assert same, f"docs/{name}.svg is older than the screen: run UPDATE_DOCS=1 pytest {__file__.rpartition('/')[0]}"
