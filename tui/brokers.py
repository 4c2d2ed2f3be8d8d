"""Composition of the order path: which broker a run uses, and with which keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from core.bus import Bus
from core.clock import Clock
from core.paths import config_folder
from core.settings import Settings
from core.settings_live import LiveSettings
from core.settings_load import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from core.trading.broker import Broker
    from core.trading.desk import MakeBroker
    from core.trading.rules_book import RulesBook
    from core.venue import MarketProvider


def broker_maker(
    bus: Bus, clock: Clock, live: LiveSettings, provider: MarketProvider, folder: Path, *, real: bool
) -> MakeBroker:
    """Builds the simulated account's broker, or (`real`) the venue's with the operator's keys.

    Keys are read when the broker is built and live in it alone. Raises `SettingsError` for a venue without orders.
    """
    settings = live.current
    if real and settings.market.venue not in ("binance_us", "bybit"):
        raise SettingsError([f'market.venue = "{settings.market.venue}" takes no real orders; use binance_us or bybit'])

    def make(rules: RulesBook) -> Broker:
        if not real:
            from core.trading.paper import PaperBroker

            return PaperBroker(bus, clock, live, provider, folder, rules.get)
        return _live_broker(bus, clock, settings, rules, folder)

    return make


def _live_broker(bus: Bus, clock: Clock, settings: Settings, rules: RulesBook, folder: Path) -> Broker:
    """Raises `CredentialsError` when there are no keys, `Fatal` when the settings name a host keys may not go to."""
    from core.credentials import load_credentials, section_of, variables

    venue, place = settings.market.venue, _environment(settings)
    keys = load_credentials(venue, place, os.environ, config_folder())
    for name in variables(section_of(venue, place)):
        os.environ.pop(name, None)  # children (workers, programs of event rules) need no keys
    if settings.market.venue == "binance_us":
        from providers.binance_us.trading import BinanceUsBroker

        return BinanceUsBroker(bus, clock, settings, keys, rules.get, folder=folder)
    from providers.bybit.trading import BybitBroker

    return BybitBroker(bus, clock, settings, keys, rules.get, folder=folder)


def _environment(settings: Settings) -> str:
    return settings.trading.environment if settings.market.venue == "bybit" else "live"
