"""Decode and dispatch beyond a bare receive: a server in its own process sends one frame per wake-up, two clients in turn.

`bare` is a `websockets` connection read by `recv(decode=False)`; `ours` is the production path: `Link`, `Shard` routing,
typed decoding, `SymbolFeed`, `MicroBatcher` and bus. Both run in one process on the same loop, block by block over the same
frames, so that a busy machine strikes both; the difference of their CPU time per message is what decoding and dispatch cost.
`python -m tests.bench.paced server` and `... clients URL` are the two processes.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from statistics import median

import msgspec
from websockets.asyncio.client import connect
from websockets.sync.server import ServerConnection, serve

from core.bus import Bus
from core.clock import LiveClock
from core.messages import Quote, TradeBatch
from core.settings import Feed, Network
from providers.batch import MicroBatcher
from providers.binance_us.routes import SymbolFeed
from providers.binance_us.shard import Shard
from providers.freshness import Freshness
from providers.link import Link
from tests.bench.frames import START_MS, load
from tests.bench.timing import Figure

BLOCKS = 16
BLOCK = 1000
"""Frames of one connection; each block is sent to both clients."""

PAUSE_S = 0.0003
"""Slept after each frame; with the send itself about 0.4 ms, so that each frame wakes its reader alone."""

WARM = 100
"""Frames of a block before the measurement begins."""

LAST = b'{"stream":"end","data":{}}'


def serve_frames() -> None:
    """Send the frames to whoever connects, one by one."""
    frames = load().mixed[: BLOCKS * BLOCK]

    def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        start = int(connection.request.path.strip("/")) * BLOCK
        time.sleep(0.1)
        for frame in [*frames[start : start + BLOCK], LAST]:
            connection.send(frame, text=True)
            time.sleep(PAUSE_S)
        time.sleep(0.5)

    with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(server.socket.getsockname()[1], flush=True)
        server.serve_forever()


async def bare(url: str) -> float:
    """CPU seconds a message of a loop that only receives."""
    async with connect(url, compression=None, ping_interval=None, max_size=None) as socket:
        seen = 0
        while await socket.recv(decode=False) != LAST:
            seen += 1
            if seen == WARM:
                started = time.process_time()
        return (time.process_time() - started) / (seen - WARM)


async def ours(url: str) -> float:
    """CPU seconds a message from the socket to the bus. The book is not synced: its work has lines of its own."""
    clock, feed_settings = LiveClock(start_ms=START_MS), Feed()
    bus = Bus(clock)
    taken = [0]

    def take(message: Quote | TradeBatch) -> None:
        taken[0] += 1

    bus.subscribe(Quote, take)
    bus.subscribe(TradeBatch, take)
    batcher = MicroBatcher(bus, clock, "binance_us", "spot", feed_settings)
    freshness = Freshness(clock, feed_settings, bus, "binance_us", "spot")
    feed = SymbolFeed(load().symbol, ("1m",), "market 1", batcher, freshness, lambda feed, reason: None)
    ended = asyncio.Event()
    started = [0.0]

    def on_frame(data: bytes) -> None:
        shard.on_frame(data)
        if link.frames == WARM:
            started[0] = time.process_time()
        elif data == LAST:
            ended.set()

    def make_link(shard: Shard) -> Link:
        return Link(
            "market 1", url, clock=clock, bus=bus, venue="binance_us", category="spot", feed=feed_settings, network=Network(),
            on_frame=on_frame, on_up=nothing, on_down=lambda reason: None,
        )  # fmt: skip

    async def ready(shard: Shard) -> None:
        return None

    async def nothing() -> None:
        return None

    routes = {stream.encode(): route for stream, route in feed.routes.items()}
    shard = Shard("market 1", clock, routes, batcher.rejects, ready, make_link)
    link = shard.link
    tasks = [asyncio.ensure_future(link.run()), asyncio.ensure_future(batcher.run())]
    await ended.wait()
    spent = (time.process_time() - started[0]) / (link.frames - 1 - WARM)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    if batcher.rejects.total or link.frame_errors or not taken[0]:
        raise AssertionError(
            f"frames were not understood: {batcher.rejects.total} rejected, {link.frame_errors} errors"
        )
    return spent


async def in_turn(url: str) -> list[tuple[float, float]]:
    """Microseconds a message of (bare, ours), block by block, each going first every other time."""
    rounds: list[tuple[float, float]] = []
    for block in range(BLOCKS):
        place = f"{url}{block}"
        if block % 2:
            mine = await ours(place)
            rounds.append((await bare(place) * 1e6, mine * 1e6))
        else:
            rounds.append((await bare(place) * 1e6, await ours(place) * 1e6))
    return rounds


def run_clients(url: str) -> None:
    """Both clients on the loop the program uses; prints the rounds as JSON."""
    try:
        import uvloop
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(msgspec.json.encode(runner.run(in_turn(url))).decode())


def beyond_bare() -> list[Figure]:
    """Microseconds a message of the production path minus a bare receive."""
    module = [sys.executable, "-m", "tests.bench.paced"]
    with subprocess.Popen([*module, "server"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"ws://127.0.0.1:{server.stdout.readline().strip()}/"
        try:
            done = subprocess.run([*module, "clients", url], stdout=subprocess.PIPE, timeout=120, check=True)
        finally:
            server.terminate()
    rounds = msgspec.json.decode(done.stdout, type=list[tuple[float, float]])
    receive, whole = (median(times) for times in zip(*rounds, strict=True))
    differences = sorted(mine - theirs for theirs, mine in rounds)
    quarter = BLOCKS // 4
    return [
        Figure(
            name="decode + dispatch beyond a bare receive", value=median(differences), unit="us", target=1.5, better="less",
            detail=f"{whole:.1f} us against {receive:.1f} us a message, {BLOCKS} blocks of {BLOCK} frames about 0.4 ms apart, "
                   f"one wake-up each; middle half of the differences {differences[quarter]:+.1f} to {differences[-quarter - 1]:+.1f}; "
                   "book not applied",
        )
    ]  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve_frames()
    else:
        run_clients(sys.argv[2])
