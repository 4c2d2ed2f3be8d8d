"""`tradetui canary SYMBOL`: one real trade of the least size, to see keys, gates, order, stop and close hold."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from core.bus import Bus
from core.clock import LiveClock
from tui.compose import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Run, engine_main

if TYPE_CHECKING:
    from core.messages import Quote
    from core.trading.desk import TradingDesk

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

WORD = "CANARY"
ARMED_MIN = 15.0
"""Longer than everything the canary waits for."""
READY_S = 120.0
"""The engine must have its markets within this time."""


def add_canary(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command's part of the parser."""
    canary = commands.add_parser(
        "canary",
        parents=[common],
        help="one real trade of the least size: see keys, order, stop and close hold",
        description="Buys the least the venue takes with real money, sees the protective stop rest at the venue, and sells "
        "again. Every order passes the same gates, journal and states as any other. Asks before it sends.",
    )
    canary.add_argument("symbol", metavar="SYMBOL")
    canary.add_argument("--keep", action="store_true", help="keep the position and its stop")
    canary.set_defaults(act=act_canary)


def act_canary(arguments: argparse.Namespace) -> int:
    """Ask, then fly."""
    from core.settings_load import settings_path
    from tui.cli import begin_log
    from tui.compose import load_run, run_loop

    run = load_run(settings_path(arguments.settings, os.environ), os.environ)
    begin_log(run.settings, arguments)
    market = run.settings.market
    print(
        f"This buys the least {arguments.symbol} that {market.venue} {market.category} takes, with real money, and sells it "
        f"again.\nType {WORD} to go on: ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    if sys.stdin.readline().strip() != WORD:
        print("nothing was sent", file=sys.stderr)
        return EXIT_USAGE
    return run_loop(run.settings, lambda: fly_canary(run, arguments.symbol, keep=arguments.keep))


async def fly_canary(run: Run, symbol: str, *, keep: bool) -> int:
    """Run the engine until the canary is back."""
    from core.messages import Quote
    from core.trading.account_in_force import CannotConnect
    from core.trading.canary import CanaryFailed, fly
    from core.venue import VenueError

    clock = LiveClock()
    bus = Bus(clock)
    quotes: dict[str, Quote] = {}
    bus.subscribe(Quote, lambda quote: quotes.__setitem__(quote.symbol, quote), name="canary")
    desks: list[TradingDesk] = []
    engine = asyncio.create_task(engine_main(_alone(run, symbol), bus, clock, desks.append), name="engine")
    try:
        desk = await _ready(engine, desks, quotes, symbol, clock)
        rule = desk.rules.get(symbol)
        if rule is None:
            raise CanaryFailed(f"{symbol} is not listed at {run.settings.market.venue}; nothing was sent")
        desk.risk.arm(ARMED_MIN)

        def prices() -> tuple[Decimal, Decimal]:
            quote = quotes[symbol]
            return Decimal(repr(quote.bid)), Decimal(repr(quote.ask))

        await fly(desk, clock, rule, prices, lambda line: print(line, file=sys.stderr), keep=keep)
    except (CanaryFailed, CannotConnect, VenueError) as error:
        print(f"canary: {error}", file=sys.stderr)
        return EXIT_FAILED
    finally:
        engine.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):  # told above, or the engine's own end
            await engine
    return EXIT_OK


def _alone(run: Run, symbol: str) -> Run:
    """The same run with real orders, watching this symbol alone."""
    market = msgspec.structs.replace(run.settings.market, pinned=(symbol,), watch=1)
    return run._replace(settings=msgspec.structs.replace(run.settings, market=market), real=True)


async def _ready(
    engine: asyncio.Task[None], desks: list[TradingDesk], quotes: dict[str, Quote], symbol: str, clock: LiveClock
) -> TradingDesk:
    """The order path, once the symbol is quoted. Raises what ended the engine, or `CanaryFailed`."""
    from core.trading.canary import CanaryFailed

    until = clock.monotonic() + READY_S
    while not (desks and symbol in quotes):
        if engine.done():
            engine.result()
            raise CanaryFailed("the engine ended; see the log")
        if clock.monotonic() >= until:
            raise CanaryFailed(f"{symbol} has no quote after {READY_S:g} s; nothing was sent")
        await clock.sleep(0.1)
    return desks[0]
