"""The HTTP client of signed requests: small, takes nothing from the environment, follows no redirects."""

from __future__ import annotations

import httpx

from providers.trading_hosts import is_loopback

CONNECTIONS = 24
KEEP_ALIVE_S = 30.0


def signed_client(base_url: str, *, timeout_s: float, proxy: str, ipv4_only: bool) -> httpx.AsyncClient:
    """A client for `base_url` alone. This machine is reached directly: a proxy must not see its unencrypted requests."""
    direct = is_loopback(httpx.URL(base_url).host)
    through = None if direct else proxy or None
    return httpx.AsyncClient(
        timeout=timeout_s,
        headers={"User-Agent": "tradetui"},
        trust_env=False,
        follow_redirects=False,
        transport=httpx.AsyncHTTPTransport(
            verify=not base_url.startswith("http://"),  # without encryption there are no certificates to load
            proxy=through,
            local_address="0.0.0.0" if ipv4_only and not direct and through is None else None,
            limits=httpx.Limits(
                max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=KEEP_ALIVE_S
            ),
        ),
    )
