"""Where signed requests may go: the venue's own hosts, its testnet and demo hosts, and this machine. Nowhere else.

A base URL can be changed in the settings. Without this list a slip of the pen there would send the operator's key to a
stranger; with it the broker does not start, and says why. Sources: exchanges.md A1, B1; the Bybit v5 integration guide.
"""

from __future__ import annotations

import ipaddress
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from core.messages import HostKind
from core.venue import Fatal

Environment = Literal["live", "testnet", "demo"]

_BINANCE_US: Final = ("api.binance.us", "stream.binance.us", "ws-api.binance.us")
_BYBIT: Final = (
    "api.bybit.com", "api.bytick.com", "api.bybit.nl", "api.bybit-tr.com", "api.bybit.kz", "api.bybitgeorgia.ge",
    "api.bybit.ae", "api.bybit.eu", "api.bybit.id", "stream.bybit.com", "stream.bybit-tr.com", "stream.bybit.kz",
    "stream.bybitgeorgia.ge", "stream.bybit.id",
)  # fmt: skip
_HOSTS: Final[dict[str, dict[Environment, tuple[str, ...]]]] = {
    "binance_us": {"live": _BINANCE_US},
    "bybit": {
        "live": _BYBIT,
        "testnet": ("api-testnet.bybit.com", "stream-testnet.bybit.com"),
        "demo": ("api-demo.bybit.com", "stream-demo.bybit.com"),
    },
}
_PORTS: Final = (None, 443, 9443)


def trading_host(venue: str, environment: Environment, url: str) -> HostKind:
    """What kind of host `url` leads to. Raises `Fatal` with words unless keys of this venue and environment may go there.

    Beyond this machine only `https` and `wss` on the usual ports pass, without a user or password in the URL.
    """
    parts = _split(venue, url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https", "ws", "wss") or not host:
        raise Fatal(f"{venue}: {shown(url)!r} is no web address; write it like https://api.binance.us")
    if parts.username or parts.password:
        raise Fatal(
            f"{venue}: the address of {host} holds a user or password; take it out, keys go in `tradetui keys set`"
        )
    if is_loopback(host):
        return "SANDBOX"
    allowed = _HOSTS.get(venue, {}).get(environment, ())
    if host not in allowed:
        known = ", ".join(allowed) or "none"
        raise Fatal(
            f"{venue} {environment}: signed requests do not go to {host}; known hosts are {known}, or this machine. "
            "Correct the address in [network], or [trading] environment"
        )
    if parts.scheme not in ("https", "wss") or parts.port not in _PORTS:
        raise Fatal(
            f"{venue}: signed requests go to {host} over https or wss on port 443 or 9443 only, not {shown(url)!r}"
        )
    return "LIVE DATA" if environment == "live" else "TESTNET"


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name, not an address


def shown(url: str) -> str:
    """The address without what may be secret in it: no user, password, path or query."""
    rest = url.split("://", 1)
    place = rest[-1].split("/", 1)[0].split("?", 1)[0].rsplit("@", 1)[-1]
    return f"{rest[0]}://{place}" if len(rest) == 2 else place


def _split(venue: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read here, for it is checked only then
    except ValueError as error:
        raise Fatal(f"{venue}: {shown(url)!r} is no web address ({error}); correct it in [network]") from error
    return parts
