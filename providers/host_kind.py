"""What a base URL says about its host: the sandbox on this machine, a testnet, or live data."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from core.messages import HostKind


def host_kind_of(url: str) -> HostKind:
    """Loopback is the sandbox; a host with `testnet` in its name is one; everything else is live."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return "SANDBOX"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return "SANDBOX"
    except ValueError:
        pass  # a name, not an address
    return "TESTNET" if "testnet" in host else "LIVE DATA"
