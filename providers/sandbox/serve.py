"""Run a sandbox exchange as a process of its own: a ready line on standard output, and an end whenever the parent ends."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

import msgspec

from core.clock import Clock
from providers.sandbox.model import SandboxMarket
from providers.sandbox.paths import CALM
from providers.sandbox.seeded import SeededMarket
from providers.sandbox.server import SandboxExchange, SandboxVenue

PR_SET_PDEATHSIG = 1


class Ready(msgspec.Struct, frozen=True):
    """The line a starting program waits for. `relay` is the port behind the TCP relay, 0 without one."""

    port: int
    rest: str
    stream: str
    control: str
    relay: int = 0
    pid: int = 0


class MarketProfile(msgspec.Struct, frozen=True):
    """Mean events per symbol and second; `even`: the same for every symbol (load tests). `calmest`: volatility at least."""

    depth_per_s: float = 3.0
    quotes_per_s: float = 1.5
    trades_per_s: float = 1.0
    levels_per_diff: int = 7
    even: bool = False
    calmest: float = CALM


WILD_PROFILE = MarketProfile(calmest=2.0)
"""The demo's: in calm hours a newcomer would see nothing but gates that are shut and trades that take the day."""
LOAD_PROFILE = MarketProfile(depth_per_s=11.0, quotes_per_s=4.0, trades_per_s=2.0, levels_per_diff=9, even=True)
"""The load of the speed targets: 10 diffs of 10 levels, 4 quotes and 2 trades per symbol and second.

The 100 ms depth streams merge changes that fall together, so the market makes a few more and smaller ones.
"""


def seeded_markets(
    venue: SandboxVenue, categories: Sequence[str], seed: int, symbols: int, clock: Clock, profile: MarketProfile
) -> dict[str, SandboxMarket]:
    """One seeded market per category. Raises `ValueError` for a category the venue does not have."""
    known = ("spot",) if venue == "binance_us" else ("spot", "linear")
    for category in categories:
        if category not in known:
            raise ValueError(f"category {category!r} is unknown to the {venue} sandbox; use {' or '.join(known)}")
    return {
        category: SeededMarket(
            seed,
            symbols,
            clock,
            venue=venue,
            category=category,
            depth_per_s=profile.depth_per_s,
            quotes_per_s=profile.quotes_per_s,
            trades_per_s=profile.trades_per_s,
            levels_per_diff=profile.levels_per_diff,
            even=profile.even,
            calmest=profile.calmest,
        )
        for category in categories
    }


async def run_sandbox(
    venue: SandboxVenue,
    *,
    clock: Clock,
    categories: Sequence[str] = ("spot",),
    port: int = 0,
    seed: int = 1,
    symbols: int = 60,
    profile: MarketProfile | None = None,
    parent_watch: bool = False,
    relay: bool = False,
    api_key: str = "",
    api_secret: str = "",
    out: TextIO = sys.stdout,
) -> None:
    """Serve a seeded market until SIGTERM, SIGINT or (with `parent_watch`) the parent's end.

    Raises `OSError` when the port is taken and `ValueError` for a category the venue does not have.
    """
    markets = seeded_markets(venue, categories, seed, symbols, clock, profile or MarketProfile())
    await serve_forever(
        markets, clock, venue=venue, port=port, parent_watch=parent_watch, relay=relay, api_key=api_key,
        api_secret=api_secret, out=out,
    )  # fmt: skip


async def serve_forever(
    markets: Mapping[str, SandboxMarket],
    clock: Clock,
    *,
    venue: SandboxVenue,
    port: int = 0,
    parent_watch: bool = False,
    relay: bool = False,
    api_key: str = "",
    api_secret: str = "",
    out: TextIO = sys.stdout,
) -> None:
    """Serve any markets (with an api key: orders too); prints one `Ready` line as JSON when clients may connect."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    with contextlib.ExitStack() as watches:
        if parent_watch:
            watches.enter_context(_watch_parent(ended))
        exchange = SandboxExchange(markets, clock, venue=venue, port=port, api_key=api_key, api_secret=api_secret)
        async with exchange:
            relay_port = (await exchange.start_relay()).port if relay else 0
            ready = Ready(
                exchange.port, exchange.rest_url, exchange.stream_url, exchange.control_url, relay_port, os.getpid()
            )
            out.write(msgspec.json.encode(ready).decode() + "\n")
            out.flush()
            failed = asyncio.ensure_future(exchange.failed.wait())
            over = asyncio.ensure_future(ended.wait())
            await asyncio.wait([failed, over], return_when=asyncio.FIRST_COMPLETED)
            for waiter in (failed, over):
                waiter.cancel()
            await asyncio.gather(failed, over, return_exceptions=True)


@contextlib.contextmanager
def _watch_parent(ended: asyncio.Event) -> Iterator[None]:
    """Set `ended` when standard input closes; on Linux the kernel also sends SIGTERM when the parent dies.

    Two ways, because each has a hole: a grandchild may hold the pipe open, and the kernel's signal does not exist
    elsewhere.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            ended.set()

    loop.add_reader(descriptor, readable)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
