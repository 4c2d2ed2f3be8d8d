"""The app in a real terminal on a real order path: a sandbox exchange over sockets, ten market seconds a second.

Run as `harness_orders.py LOG FOLDER`. When a file `FOLDER/go-N` appears, round N begins: an entry works, fills in part and then in
full, each time a stop must be placed, and everything is closed; the exchange's books are compared in the end. Lines of the
log: `beat SECONDS`, `ready`, `round N WORDS`, `lag WORST_MS LAST_MS` once a second, `fault SOURCE`,
`exit CODE`.
"""

import asyncio
import itertools
import os
import sys
import time
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from collections.abc import Iterable  # noqa: E402

from textual.widget import Widget  # noqa: E402

from core.lag import LagMeter  # noqa: E402
from core.messages import Fault, LoopLag, OrderAlarm  # noqa: E402
from tests.faults.order_rig import SYMBOL, OrderRig, order_rig  # noqa: E402
from tests.pty.harness_app import BEAT_S, BusyScreen  # noqa: E402
from tui.app import TradeApp  # noqa: E402
from tui.deadline import end_by  # noqa: E402
from tui.modes import Mode, default_modes  # noqa: E402
from tui.screens.base import DeskScreen  # noqa: E402


class BrokenScreen(DeskScreen):
    """Fails whenever it is to paint."""

    SCOPE = "broken"

    def compose_body(self) -> Iterable[Widget]:
        return ()

    def flush(self) -> None:
        raise RuntimeError("a defect of this screen")

    def on_resize(self) -> None:
        raise RuntimeError("another one")


class Rounds:
    """Plays a round when it is told to."""

    def __init__(self, rig: OrderRig, folder: Path, log: int) -> None:
        self.rig, self.folder, self.log = rig, folder, log

    def note(self, line: str) -> None:
        os.write(self.log, f"{line}\n".encode())

    async def run(self) -> None:
        self.note("ready")
        for number in itertools.count():
            await self.rig.until((self.folder / f"go-{number}").exists, "the next round", within_s=600.0)
            await self.play(number)

    async def play(self, number: int) -> None:
        rig = self.rig
        record = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
        self.note(f"round {number} works")
        rig.faults.partial_fill(record.client_id, "0.2")
        await rig.until_protected()
        await rig.clock.sleep(20.0)
        rig.faults.fill(record.client_id)
        await rig.until(lambda: rig.record(record.client_id).state == "FILLED", "the rest")
        await rig.until_protected()
        self.note(f"round {number} protected")
        await rig.clock.sleep(20.0)
        assert await rig.path.close_position(SYMBOL, Decimal(0)) == ""
        await rig.until(lambda: not rig.path.trades.planned(), "the end of the trade")
        assert not [alarm for alarm in rig.of(OrderAlarm) if alarm.severity == "error"]
        assert not rig.journal_differences()
        self.note(f"round {number} done")


async def run() -> int:
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    folder = Path(sys.argv[2])
    BusyScreen.busy = True
    async with order_rig("binance_us-spot", folder) as rig:
        rounds = Rounds(rig, folder, log)
        rig.bus.subscribe(LoopLag, lambda lag: rounds.note(f"lag {lag.max_ms:.1f} {lag.last_ms:.1f}"))

        rig.bus.subscribe(Fault, lambda fault: rounds.note(f"fault {fault.source}"))

        async def beat() -> None:
            while True:
                rounds.note(f"beat {time.monotonic():.3f}")
                await asyncio.sleep(BEAT_S)

        async def engine() -> None:
            meter = LagMeter(rig.bus, rig.clock)
            await asyncio.gather(meter.run(), beat(), rounds.run())

        keep = [mode for mode in default_modes() if not set(mode.keys.split(",")) & {"1", "2"}]
        modes = (Mode.of("busy", BusyScreen, "1"), Mode.of("broken", BrokenScreen, "2"), *keep)
        app = TradeApp(rig.bus, rig.clock, rig.settings, run_engine=engine, modes=modes, end_by=end_by)
        await app.run_async()
        rounds.note(f"exit {app.return_code or 0}")
        return app.return_code or 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run()))
