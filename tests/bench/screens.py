"""One market in full under load: bytes to the terminal and the time of a flush, the whole market streaming beside it."""

from __future__ import annotations

from tests.bench.live import COLUMNS, ROWS, Run, sample
from tests.bench.timing import Figure

SYMBOLS = 150
OPENED_S = 20.0
"""From the key that opens the screen until it is counted: chart, ladder and tape are there by then."""
COUNTED_MINUTES = 1.5
OPEN = "\r"


def confluence_screen() -> list[Figure]:
    """The busiest symbol on the confluence screen of a 120x40 terminal, 150 symbols at the load profile."""
    with Run(SYMBOLS) as run:
        run.until_states(180)
        run.terminal.press(OPEN)
        run.terminal.pump(OPENED_S)
        before = len(run.report().flushes_ms.get("confluence", ()))
        seen = sample(run, COUNTED_MINUTES)
    flushes = sorted(run.final.flushes_ms.get("confluence", [])[before:])
    if not flushes:
        return [
            Figure(name="confluence screen", value=0, unit="", target=1, better="more", must=True, detail="never shown")
        ]
    p99 = flushes[int(len(flushes) * 0.99) - 1]
    over = sum(took > 10.0 for took in flushes)
    detail = f"{len(flushes)} flushes, median {flushes[len(flushes) // 2]:.1f}, worst {flushes[-1]:.1f} ms, {over} over 10 ms"
    return [
        Figure(name="confluence screen, flush p99", value=p99, unit="ms", target=10, better="less", must=True,
               detail=f"{detail}; CPU of all {seen.cpu_share:.1f} %"),
        Figure(name="confluence screen, written to the terminal", value=seen.terminal_kb_s, unit="kB/s", target=15,
               better="less", must=True, detail=f"{COLUMNS}x{ROWS}, {seen.seconds:.0f} s"),
    ]  # fmt: skip
