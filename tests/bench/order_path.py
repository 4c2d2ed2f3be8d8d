"""The order path as it runs: a confirmed entry to the first byte, on paper and on the sandbox; the halt key under full load."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

import tests.faults.order_rig as rigs
from core.trading.authority import Permit, authorise
from core.trading.order import OrderSpec
from core.trading.paper import PaperBroker
from providers.sandbox.child import SandboxAddress
from tests.bench.live import bare_environment, start_sandbox
from tests.bench.timing import Figure

SUBMITS = 60
HALTS = 12
LOAD_SYMBOLS = 150
SETTLE_S = 60.0
"""The program has loaded its history by then."""


@contextlib.contextmanager
def noted_sends(left: dict[str, float]) -> Iterator[None]:
    """When each permit was checked: brokers do it right before the first byte leaves."""
    checked = Permit.check

    def check(self: Permit, spec: OrderSpec, now_ms: int) -> None:
        checked(self, spec, now_ms)
        left[spec.client_id] = time.perf_counter()

    Permit.check = check  # type: ignore[method-assign]
    try:
        yield
    finally:
        Permit.check = checked  # type: ignore[method-assign]


def submit_live() -> list[Figure]:
    """`send_entry` to the first byte, with every gate, the journal on a real disk and the signature; one order at a time."""
    return [
        _figure("sandbox binance_us", "binance_us-spot"),
        _figure("sandbox bybit", "bybit-linear"),
        _figure("paper", ""),
    ]


def _figure(name: str, where: str) -> Figure:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        spent = sorted(asyncio.run(_submits(where, Path(folder))))
    p99 = spent[min(len(spent) - 1, round(0.99 * len(spent)))] * 1e3
    return Figure(
        name=f"submit to wire, {name}, p99", value=p99, unit="ms", target=10.0, better="less", must=True,
        detail=f"p50 {statistics.median(spent) * 1e3:.2f} ms, worst {spent[-1] * 1e3:.2f} ms of {len(spent)}",
    )  # fmt: skip


async def _submits(where: str, folder: Path) -> list[float]:
    risk = {"entries_per_minute": 600, "duplicate_window_s": 1.0}
    left: dict[str, float] = {}
    spent: list[float] = []
    usual = rigs.make_broker
    if not where:
        rigs.make_broker = _paper_broker
    try:
        with noted_sends(left):
            async with rigs.order_rig(where or "binance_us-spot", folder, rate=1.0, risk=risk) as rig:
                for number in range(SUBMITS):
                    await rig.until(lambda: not rig.denials(resting=True), "room in the venue's rate budget", 60.0)
                    proposal = rig.path.propose(rig.wish(resting=True, quantity=f"{0.5 + number * 0.001:.3f}"))
                    spec = proposal.draft.spec
                    given = authorise(spec, rig.clock.now_ms())
                    begun = time.perf_counter()
                    submission = await rig.path.send_entry(proposal, given)
                    if not submission.sent:
                        raise AssertionError(f"not sent: {submission.code} {submission.words}")
                    spent.append(left[spec.client_id] - begun)
                    await rig.until(lambda name=spec.client_id: rig.record(name).may_cancel, "the order in the book")  # type: ignore[misc]
                    await rig.path.cancel_order(spec.client_id)
                    await rig.until(lambda: not rig.path.trades.planned(), "the end of the plan")
    finally:
        rigs.make_broker = usual
    return spent


def _paper_broker(rig: rigs.OrderRig) -> Any:
    return PaperBroker(rig.bus, rig.clock, rig.live, rig.provider, rig.folder, rig.rules.get)


def halt_under_load() -> list[Figure]:
    """From the command's line to the block, and to the report of it: the whole program headless on 150 symbols."""
    with tempfile.TemporaryDirectory(prefix="tradetui-bench-") as name:
        folder = Path(name)
        sandbox, line = start_sandbox(LOAD_SYMBOLS, "load", folder / "sandbox.err")
        try:
            blocked, told = _halts(folder, msgspec.json.decode(line, type=SandboxAddress))
        finally:
            assert sandbox.stdin is not None
            sandbox.stdin.close()
            sandbox.wait(10)
    return [
        Figure(
            name="halt to entries blocked, worst", value=max(blocked), unit="ms", target=100.0, better="less", must=True,
            detail=f"{len(blocked)} halts at 150 symbols, median {statistics.median(blocked):.0f} ms; command written to report "
            f"read: median {statistics.median(told):.0f} ms, worst {max(told):.0f} ms",
        )
    ]  # fmt: skip


def _halts(folder: Path, address: SandboxAddress) -> tuple[list[float], list[float]]:
    settings = folder / "settings.toml"
    settings.write_text(
        f'[market]\nvenue = "binance_us"\nwatch = {LOAD_SYMBOLS}\nmin_quote_volume = 0.0\ninclude_halted = true\n'
        f'decision_timeframe = "1m"\n[network]\nbinance_us_rest = "{address.rest}"\nbinance_us_stream = "{address.stream}"\n'
    )
    program = subprocess.Popen(
        [sys.executable, "-m", "tui.cli", "headless", "--settings", str(settings), "--commands", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=bare_environment(folder), cwd=Path.cwd(),
    )  # fmt: skip
    assert program.stdin is not None
    assert program.stdout is not None
    blocked: list[float] = []
    told: list[float] = []
    began, asked, state = time.monotonic(), 0.0, ""
    try:
        for raw in program.stdout:
            if not asked and state == "ACTIVE" and time.monotonic() - began > SETTLE_S:
                asked, asked_ms = time.monotonic(), time.time() * 1e3
                program.stdin.write(b'{"type": "Halt", "why": "bench"}\n')
                program.stdin.flush()
            if raw.startswith(b'{"type":"HaltReport"') and asked:
                report = json.loads(raw)
                if not report["done"]:
                    blocked.append(report["blocked_ms"] - asked_ms)
                    told.append((time.monotonic() - asked) * 1e3)
            elif raw.startswith(b'{"type":"AccountStatus"'):
                state = json.loads(raw)["state"]
                if state == "ACTIVE" and len(blocked) >= HALTS:
                    break
                if state != "ACTIVE" and len(told) == len(blocked) > 0:
                    asked = 0.0
                    program.stdin.write(b'{"type": "Resume"}\n')
                    program.stdin.flush()
            if len(blocked) >= HALTS:
                break
    finally:
        program.terminate()
        program.wait(15)
    return blocked, told


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    for figure in [*submit_live(), *halt_under_load()]:
        print(figure.line())
