"""`tradetui sandbox`: the embedded exchange alone, on loopback, for tests and for a first look with keys that cost nothing."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.clock import LiveClock
from core.settings_load import load, settings_path
from tui.compose import EXIT_FAILED, EXIT_OK, run_loop

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_sandbox(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command's part of the parser."""
    sandbox = commands.add_parser("sandbox", parents=[common], help="run the sandbox exchange alone, on loopback")
    sandbox.add_argument("--venue", choices=("binance_us", "bybit"), default="binance_us")
    sandbox.add_argument("--port", type=int, default=0, help="0 picks a free one")
    sandbox.add_argument("--seed", type=int, help="seed of the market")
    sandbox.add_argument("--symbols", type=int, help="how many symbols")
    sandbox.add_argument("--recorded", type=Path, metavar="PATH", help="play a raw stream file or candle folder")
    sandbox.add_argument(
        "--profile", choices=("demo", "wild", "load"), default="demo", help="event rates, and how calm it may get"
    )
    sandbox.add_argument("--api-key", default="", help="take orders of this made-up key; else the market only runs")
    sandbox.add_argument("--api-secret", default="", help="the secret that signs them")
    sandbox.add_argument("--child", action="store_true", help="end when standard input closes")
    sandbox.set_defaults(act=act_sandbox)


def act_sandbox(arguments: argparse.Namespace) -> int:
    """The sandbox exchange alone; one ready line of JSON on standard output tells where it listens."""
    from core.venue import Fatal
    from providers.sandbox.model import SandboxMarket
    from providers.sandbox.playback import PlaybackMarket
    from providers.sandbox.serve import LOAD_PROFILE, WILD_PROFILE, MarketProfile, seeded_markets, serve_forever
    from tui.cli import begin_log

    settings = load(settings_path(arguments.settings, os.environ), os.environ)
    begin_log(settings, arguments)
    clock = LiveClock()
    seed = settings.sandbox.seed if arguments.seed is None else arguments.seed
    symbols = settings.sandbox.symbols if arguments.symbols is None else arguments.symbols
    categories = ("spot", "linear") if arguments.venue == "bybit" else ("spot",)
    profile = {"load": LOAD_PROFILE, "wild": WILD_PROFILE}.get(arguments.profile, MarketProfile())
    try:
        if arguments.recorded is not None:
            markets: dict[str, SandboxMarket] = {
                category: PlaybackMarket(arguments.recorded, clock, category=category) for category in categories
            }
        else:
            markets = seeded_markets(arguments.venue, categories, seed, symbols, clock, profile)
        run_loop(
            settings,
            lambda: serve_forever(
                markets,
                clock,
                venue=arguments.venue,
                port=arguments.port,
                parent_watch=arguments.child,
                api_key=arguments.api_key,
                api_secret=arguments.api_secret,
            ),
        )
    except (OSError, ValueError, Fatal) as error:
        print(f"the sandbox cannot start on port {arguments.port}: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK
