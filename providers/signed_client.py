"""The HTTP client of signed requests: small, takes nothing from the environment, follows no redirects."""

from __future__ import annotations

import httpx

from providers.trading_hosts import is_loopback

CONNECTIONS = 24
KEEP_ALIVE_S = 30.0
LEAVE_S = 1.5
"""Longest wait for a free connection, for a new one, and for its encryption, each: what is signed leaves within three times
this or not at all, sooner than the venues' receive window of 5 s ends."""


def waits(answer_s: float) -> httpx.Timeout:
    """What one request may wait for: its answer `answer_s`, and no longer than `LEAVE_S` each for what comes before it leaves."""
    return httpx.Timeout(answer_s, connect=LEAVE_S, pool=LEAVE_S)


def signed_client(base_url: str, *, proxy: str, ipv4_only: bool) -> httpx.AsyncClient:
    """A client for `base_url` alone; every request brings its own `waits`. This machine is reached directly: a proxy must not
    see its unencrypted requests.
    """
    direct = is_loopback(httpx.URL(base_url).host)
    through = None if direct else proxy or None
    return httpx.AsyncClient(
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
