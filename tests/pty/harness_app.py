"""The app under test in a real terminal: a fake engine beats every 50 ms and writes each beat to a file.

Run as `harness_app.py LOG [uvloop] [mouse] [busy] [crash] [notices] [orders] [hangs]`; `notices` asks for a notification
at each beat; with `orders` a position and a working entry are open; with `hangs` the engine's end waits for a dead disk.
Lines of the log: `start PAINTED`, `beat SECONDS`, `engine-end`, `exit CODE`.
"""

import asyncio
import contextlib
import itertools
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from collections.abc import Iterable  # noqa: E402

import msgspec  # noqa: E402
from rich.segment import Segment  # noqa: E402
from textual.strip import Strip  # noqa: E402
from textual.widget import Widget  # noqa: E402

from core.bus import Bus  # noqa: E402
from core.clock import LiveClock  # noqa: E402
from core.messages import Notify  # noqa: E402
from core.settings import Screen, Settings  # noqa: E402
from tests import trading_builders as trading  # noqa: E402
from tui.app import TradeApp  # noqa: E402
from tui.deadline import end_by  # noqa: E402
from tui.desk import Desk  # noqa: E402
from tui.driver import GuardedDriver  # noqa: E402
from tui.modes import Mode  # noqa: E402
from tui.screens.base import DeskScreen  # noqa: E402

BEAT_S = 0.05


class Filler(Widget):
    """Changes all of its cells at every flush."""

    DEFAULT_CSS = "Filler { height: 1fr; }"

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.tick = 0

    def render_line(self, y: int) -> Strip:
        text = f"row {y} tick {self.tick} ".ljust(self.size.width, chr(65 + self.tick % 26))
        return Strip([Segment(text[: self.size.width], self.desk.palette.text)], self.size.width)


class BusyScreen(DeskScreen):
    SCOPE = "busy"
    busy = False

    def compose_body(self) -> Iterable[Widget]:
        self.filler = Filler(self.desk)
        yield self.filler

    def flush(self) -> None:
        if self.busy:
            self.filler.tick += 1
            self.filler.refresh()


def main() -> int:
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    options = set(sys.argv[2:])

    def note(line: str) -> None:
        os.write(log, f"{line}\n".encode())

    clock = LiveClock()
    settings = msgspec.structs.replace(Settings(), screen=Screen(mouse="mouse" in options))
    BusyScreen.busy = "busy" in options

    async def engine() -> None:
        driver = app._driver
        note(f"start {isinstance(driver, GuardedDriver) and driver.pictures > 0}")
        if "crash" in options:
            secret = "hunter2"
            raise RuntimeError(f"boom {len(secret)}")
        try:
            if "orders" in options:
                for message in (trading.account(mode="LIVE"), trading.position(), trading.order("tt-7-a", "ADAUSDT")):
                    app.desk.bus.publish(message)
            for number in itertools.count():
                if "notices" in options:
                    app.desk.bus.publish(Notify(how="bell", text="", at_ms=0))
                    app.desk.bus.publish(Notify(how="notify", text=f"<{number}>\x07\x1b]0;title\x9c ↑", at_ms=0))
                note(f"beat {time.monotonic():.3f}")
                await asyncio.sleep(BEAT_S)
        finally:
            if "hangs" in options:
                note("engine-hangs")
                while True:
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.to_thread(time.sleep, 60)
            await asyncio.sleep(0.2)  # an orderly end takes its time
            note("engine-end")

    modes = (Mode.of("busy", BusyScreen, "1"),)
    app = TradeApp(Bus(clock), clock, settings, run_engine=engine, modes=modes, end_by=end_by)

    async def screen() -> int:
        await app.run_async()
        return app.return_code or 0

    factory = None
    if "uvloop" in options:
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        code = runner.run(screen())
    note(f"exit {code}")
    return code


if __name__ == "__main__":
    sys.exit(main())
