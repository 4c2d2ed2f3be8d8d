"""Where signed requests may go."""

from __future__ import annotations

import pytest

from core.venue import Fatal
from providers.trading_hosts import Environment, trading_host


@pytest.mark.parametrize(
    ("venue", "environment", "url", "kind"),
    [
        ("binance_us", "live", "https://api.binance.us", "LIVE DATA"),
        ("binance_us", "live", "wss://stream.binance.us:9443", "LIVE DATA"),
        ("binance_us", "live", "wss://ws-api.binance.us:443/ws-api/v3", "LIVE DATA"),
        ("bybit", "live", "https://api.bytick.com", "LIVE DATA"),
        ("bybit", "testnet", "https://api-testnet.bybit.com", "TESTNET"),
        ("bybit", "demo", "wss://stream-demo.bybit.com", "TESTNET"),
        ("binance_us", "live", "http://127.0.0.1:8080", "SANDBOX"),
        ("bybit", "testnet", "ws://localhost:9000", "SANDBOX"),
        ("bybit", "live", "http://[::1]:9000", "SANDBOX"),
        ("bybit", "live", "HTTPS://API.BYBIT.COM", "LIVE DATA"),
    ],
)
def test_known_hosts_pass(venue: str, environment: Environment, url: str, kind: str) -> None:
    assert trading_host(venue, environment, url) == kind


@pytest.mark.parametrize(
    ("venue", "environment", "url"),
    [
        ("binance_us", "live", "https://api.binance.com"),
        ("binance_us", "live", "https://api.binance.us.evil.com"),
        ("binance_us", "live", "https://evil.com/api.binance.us"),
        ("binance_us", "live", "https://api.binance.us@evil.com"),
        ("binance_us", "live", "https://evil.com#api.binance.us"),
        ("binance_us", "live", "http://api.binance.us"),
        ("binance_us", "live", "https://api.binance.us:8443"),
        ("binance_us", "live", "https://user:word@api.binance.us"),
        ("binance_us", "live", "http://user:word@127.0.0.1:1"),
        ("binance_us", "live", "api.binance.us"),
        ("binance_us", "live", "ftp://127.0.0.1"),
        ("binance_us", "live", "https://api.binance.us:99999"),
        ("binance_us", "live", "https://[::1"),
        ("binance_us", "live", "http://localhost.evil.com"),
        ("binance_us", "live", "http://10.0.0.1:8080"),
        ("binance_us", "live", "http://0.0.0.0:8080"),
        ("binance_us", "live", ""),
        ("binance_us", "testnet", "https://api.binance.us"),
        ("bybit", "live", "https://api-testnet.bybit.com"),
        ("bybit", "testnet", "https://api.bybit.com"),
        ("bybit", "demo", "https://api-testnet.bybit.com"),
        ("kraken", "live", "https://api.kraken.com"),
    ],
)
def test_everything_else_is_fatal_with_words(venue: str, environment: Environment, url: str) -> None:
    with pytest.raises(Fatal) as raised:
        trading_host(venue, environment, url)
    assert venue in str(raised.value)
    assert "word@" not in str(raised.value)
