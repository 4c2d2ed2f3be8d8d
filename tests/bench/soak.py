"""The soak: 150 symbols under load with faults at random, then calm; everything must be back and every candle equal.

`python -m tests.bench.soak [minutes] [--symbols N] [--seed N]`, 15 minutes by default. Exit code 1 when a check fails.
"""

from __future__ import annotations

import argparse
import sys
import time
import urllib.request

import msgspec

from tests.bench.live import Run, lag_figures, sample, slope_mb_per_10min, sources
from tests.bench.live_app import Report, SeenBar
from tests.bench.timing import Figure, conditions
from tests.bench.trouble import Troublemaker

SETTLE_S = 10.0
CALM_LIMIT_S = 180.0
AFTER_CLOSE_S = 20
"""A minute is compared when this long has passed since its end: late closes and repairs had their time."""

MINUTE_MS = 60_000
SHOWN = 8


class Difference(msgspec.Struct, frozen=True):
    """One minute which is not what the venue's REST says."""

    symbol: str
    open_ms: int
    ours: SeenBar | None
    venue: tuple[float, ...]

    def text(self) -> str:
        at = time.strftime("%H:%M", time.gmtime(self.open_ms / 1000))
        ours = "missing" if self.ours is None else f"{row_of(self.ours)} synthetic={self.ours.synthetic}"
        return f"{self.symbol} {at}: ours {ours}, venue {self.venue}"


def row_of(bar: SeenBar) -> tuple[float, ...]:
    """What is compared: prices, volume, quote volume, number of trades."""
    return (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.quote_volume, float(bar.trades))


def venue_minutes(rest: str, symbol: str, start_ms: int, end_ms: int) -> dict[int, tuple[float, ...]]:
    """The sandbox's own closed minutes with open times in [start, end)."""
    query = f"symbol={symbol}&interval=1m&startTime={start_ms}&endTime={end_ms - 1}&limit=1000"
    with urllib.request.urlopen(f"{rest}/api/v3/klines?{query}", timeout=10) as answer:
        rows = msgspec.json.decode(answer.read(), type=list[list[float]], strict=False)
    return {int(row[0]): (*row[1:6], row[7], row[8]) for row in rows}


def differences(rest: str, report: Report, start_ms: int, end_ms: int) -> tuple[list[Difference], int]:
    """Every symbol's minutes against the venue's; also how many were compared."""
    found: list[Difference] = []
    compared = 0
    for symbol, bars in sorted(report.bars.items()):
        for open_ms, row in venue_minutes(rest, symbol, start_ms, end_ms).items():
            ours = bars.get(open_ms)
            compared += 1
            if ours is None or row_of(ours) != row:
                found.append(Difference(symbol, open_ms, ours, row))
    return found, compared


def troubles(report: Report, halted: int) -> list[str]:
    """What is not calm yet, in words."""
    said = [f"link {link} is {state}" for link, state in report.links.items() if state != "up"]
    books = [symbol for symbol, (state, _) in report.books.items() if state != "live"]
    if len(books) > halted:
        said.append(f"{len(books)} books are not live: {', '.join(books[:4])}")
    if report.stale:
        said.append(f"{len(report.stale)} channels are stale: {', '.join(report.stale[:4])}")
    if report.market is None or report.market.gaps_open:
        said.append(f"{report.market.gaps_open if report.market else 'all'} gaps are open")
    return said


def until_calm(run: Run, limit_s: float) -> tuple[list[str], float]:
    """Wait until nothing is wrong any more; what still is, and how long it took."""
    started = time.monotonic()
    while True:
        run.terminal.pump(5)
        said = troubles(run.report(), halted=0)
        waited = time.monotonic() - started
        if not said or waited > limit_s or not run.alive:
            return said, waited


def soak(minutes: float, symbols: int, seed: int) -> list[Figure]:
    """The whole soak; its figures, checks last."""
    with Run(symbols) as run:
        if not run.until_states(180):
            return [check("start", f"only {len(run.report().states_s)} of {symbols} symbols showed a state")]
        run.terminal.pump(SETTLE_S)
        maker = Troublemaker(run.address.control, sorted(run.report().states_s), seed)
        start_ms = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS
        seen = sample(run, minutes, each=lambda: told(maker.step()))
        struck = maker.counts()
        maker.send(("clear", {}))
        wrong, calm_s = until_calm(run, CALM_LIMIT_S)
        into_minute = time.time() % 60
        run.terminal.pump((0 if into_minute < AFTER_CLOSE_S else 60) + AFTER_CLOSE_S + 5 - into_minute)
        wrong = wrong or troubles(run.report(), halted=0)
        end_ms = (time.time_ns() // 1_000_000 - AFTER_CLOSE_S * 1000) // MINUTE_MS * MINUTE_MS
        alive = run.alive
        report = run.finish()
        found, compared = differences(run.address.rest, report, start_ms, end_ms)
    for line in [*maker.refused[:SHOWN], *(difference.text() for difference in found[:SHOWN])]:
        print(f"     {line}")
    unexpected = [fault for fault in report.faults if fault.severity == "error"]
    before, after = seen.before.provider, report.provider
    market = report.market
    if before is None or after is None or market is None:
        return [check("statistics", "none came")]
    growth, over_s = slope_mb_per_10min(seen.at_s, seen.resident_mb, 120.0)
    resyncs = after.resyncs - before.resyncs
    return [
        Figure(name="CPU of one core", value=seen.cpu_share, unit="%", detail=f"{symbols} symbols, {seen.seconds:.0f} s with faults; "
                      f"ready without a core {seen.waited_share:.1f} % of the time"),
        *lag_figures(seen.before, seen.after, must=False),
        Figure(name="resident set, start to end", value=seen.resident_mb[-1] - seen.resident_mb[0], unit="MB",
               detail=f"{seen.resident_mb[0]:.0f} -> {seen.resident_mb[-1]:.0f} MB, most {max(seen.resident_mb):.0f}; "
                      f"{growth:+.1f} MB per 10 minutes over {over_s:.0f} s"),
        Figure(name="written to the terminal", value=seen.terminal_kb_s, unit="kB/s",
               detail=f"{report.pictures} pictures, {report.pictures_dropped} dropped"),
        Figure(name="faults injected", value=maker.injected.total(), unit="",
               detail=", ".join(f"{n} {name}" for name, n in sorted(maker.injected.items()))),
        Figure(name="faults struck (the sandbox's count)", value=sum(struck.values()), unit="",
               detail=", ".join(f"{n} {name}" for name, n in sorted(struck.items()))),
        Figure(name="reconnects", value=after.reconnects - before.reconnects, unit=""),
        Figure(name="book resyncs, sequence gaps", value=resyncs, unit="", detail=f"{after.sequence_gaps - before.sequence_gaps} gaps"),
        Figure(name="messages rejected", value=after.rejected - before.rejected, unit="",
               detail=f"{after.dropped - before.dropped} repeats dropped, {after.rest_errors - before.rest_errors} REST errors"),
        Figure(name="candles corrected", value=market.corrections, unit="",
               detail=f"{market.repairs} repaired, {market.closed_by_clock} closed by the clock, {market.bars_closed} closed"),
        Figure(name="faults reported", value=report.fault_count, unit="", detail=sources(report.faults)),
        check("the process lives", "" if alive and run.exit_code == 143 else f"alive {alive}, exit code {run.exit_code}"),
        check("calm again: links, books, channels, gaps", "; ".join(wrong), f"after {calm_s:.0f} s"),
        check("no error reported", sources(unexpected) if unexpected else ""),
        check("every command taken", "; ".join(maker.refused[:2])),
        Figure(name="candles unlike the venue's", value=len(found) if compared else float("inf"), unit="", target=0,
               better="less", must=True, detail=f"of {compared} minutes of {len(report.bars)} symbols"),
    ]  # fmt: skip


def check(name: str, wrong: str, fine: str = "") -> Figure:
    """A line that holds when nothing is wrong."""
    return Figure(
        name=name, value=float(bool(wrong)), unit="", target=0, better="less", must=True, detail=wrong or fine
    )


def told(name: str) -> None:
    """One line of progress for each fault."""
    if name:
        print(f"     {time.strftime('%H:%M:%S', time.gmtime())} {name}", file=sys.stderr, flush=True)


def main() -> int:
    """Run and print; 1 when a check fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=15.0)
    parser.add_argument("--symbols", type=int, default=150)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    print(
        f"{conditions()}; python -m tests.bench.soak {arguments.minutes:g} --symbols {arguments.symbols} --seed {arguments.seed}"
    )
    figures = soak(arguments.minutes, arguments.symbols, arguments.seed)
    for figure in figures:
        print(figure.line())
    print(conditions())
    return 1 if any(figure.failed for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
