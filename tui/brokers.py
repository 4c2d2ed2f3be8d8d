"""Composition of the order path: which broker a run uses, and with which keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from core.bus import Bus
from core.clock import Clock
from core.paths import config_folder
from core.settings import Settings
from core.settings_live import LiveSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from core.credentials import Credentials
    from core.credentials_file import KeyPair
    from core.trading.account_in_force import MakeBroker
    from core.trading.broker import Broker, Mode
    from core.trading.rules_book import RulesBook
    from core.venue import MarketProvider


def take_keys() -> Mapping[str, str]:
    """Variables with keys leave the environment: no process that is started later needs them. Call it before the first one."""
    from core.credentials import take_variables

    return take_variables(os.environ)


def broker_maker(
    clock: Clock,
    live: LiveSettings,
    provider: MarketProvider,
    folder: Path,
    given: Mapping[str, str],
    *,
    practice: KeyPair | None = None,
) -> MakeBroker:
    """Builds the simulated account's broker, or the venue's with the operator's keys.

    `given`: see `take_keys`. Keys are read when the real broker is built. `practice`: keys of the embedded exchange, in place
    of the operator's.
    """

    def make(rules: RulesBook, mode: Mode, bus: Bus) -> Broker:
        if mode == "PAPER":
            from core.trading.paper import PaperBroker

            return PaperBroker(bus, clock, live, provider, folder, rules.get)
        return _live_broker(bus, clock, live.current, rules, folder, lambda: _keys(live.current, given, practice))

    return make


def _keys(settings: Settings, given: Mapping[str, str], practice: KeyPair | None) -> Credentials:
    """Raises `CredentialsError` when there are no keys."""
    from core.credentials import Credentials, load_credentials

    if practice is not None:
        return Credentials(practice.key, practice.secret())
    return load_credentials(settings.market.venue, _environment(settings), given, config_folder())


def _live_broker(
    bus: Bus, clock: Clock, settings: Settings, rules: RulesBook, folder: Path, keys: Callable[[], Credentials]
) -> Broker:
    """Raises `CannotConnect`: no keys, a venue without orders, a host that keys may not go to."""
    from core.credentials_file import CredentialsError
    from core.trading.account_in_force import CannotConnect
    from core.venue import Fatal

    try:
        if settings.market.venue == "binance_us":
            from providers.binance_us.trading import BinanceUsBroker

            return BinanceUsBroker(bus, clock, settings, keys(), rules.get, folder=folder)
        if settings.market.venue == "bybit":
            from providers.bybit.trading import BybitBroker

            return BybitBroker(bus, clock, settings, keys(), rules.get, folder=folder)
    except (CredentialsError, Fatal) as error:
        raise CannotConnect(str(error)) from error
    raise CannotConnect(f'market.venue = "{settings.market.venue}" takes no real orders; use binance_us or bybit')


def _environment(settings: Settings) -> str:
    return settings.trading.environment if settings.market.venue == "bybit" else "live"
