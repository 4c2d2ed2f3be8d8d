"""The operator's keys at a venue: from the environment, else from the credentials file. Only their signature ever leaves.

`TRADETUI_BINANCE_US_KEY` and `_SECRET`, `TRADETUI_BYBIT_KEY`, `TRADETUI_BYBIT_TESTNET_KEY`, `TRADETUI_BYBIT_DEMO_KEY` and so
on go before the file (`core/credentials_file.py`).

A secret is turned into a prepared HMAC at once and then forgotten: what is kept can sign, and cannot be read back. Where a
secret must pass through a call it is wrapped, so that a report of an error with local variables shows nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.credentials_file import FILE_NAME, CredentialsError, KeyPair, change_sections, read_sections

ENVIRONMENTS: dict[str, tuple[str, ...]] = {"binance_us": ("live",), "bybit": ("live", "testnet", "demo")}
"""Venue to the environments it has."""
VARIABLE_PREFIX = "TRADETUI_"
SHOWN_CHARACTERS = 4


class Credentials:
    """A key and the power to sign with its secret. `key` goes into request headers; the secret cannot be had again."""

    __slots__ = ("_mac", "key")

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        self._mac = hmac.new(secret.encode(), digestmod="sha256")

    def sign(self, payload: bytes) -> str:
        """HMAC-SHA256 of the payload in lower-case hex."""
        mac = self._mac.copy()
        mac.update(payload)
        return mac.hexdigest()

    def __repr__(self) -> str:
        return "<Credentials>"

    def __reduce_ex__(self, protocol: object) -> Any:
        raise TypeError("credentials are not copied or pickled")


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """One venue and environment, and where its keys come from: `source` is empty when there are none.

    `ending`: the last characters of the key. `trouble`: why what is there cannot be used, in words.
    """

    venue: str
    environment: str
    source: str = ""
    ending: str = ""
    trouble: str = ""


class _Variables:
    """The environment, without showing it: it is a local variable wherever something may fail."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def get(self, name: str) -> str:
        """One variable, empty when it is not set."""
        return self._values.get(name, "")

    def __repr__(self) -> str:
        return "<environment>"


class _Taken(dict[str, str]):
    """Variables that do not show themselves where something fails."""

    def __repr__(self) -> str:
        return "<variables>"


def load_credentials(venue: str, environment: str, environ: Mapping[str, str], folder: Path) -> Credentials:
    """The keys of a venue and environment. Raises `CredentialsError` when there are none, or none that may be used."""
    given = _Variables(environ)
    del environ
    section = section_of(venue, environment)
    pair, source = _find(section, given, folder)
    if pair is None:
        key, secret = variables(section)
        option = "" if environment == "live" else f" --environment {environment}"
        raise CredentialsError(
            f"no keys for {venue} {environment}: run `tradetui keys set {venue}{option}`, or set {key} and {secret}"
        )
    if pair.fault:
        raise CredentialsError(f"{source}: {pair.fault}; correct it, or run `tradetui keys set {venue}`")
    return Credentials(pair.key, pair.secret())


def store_credentials(venue: str, environment: str, pair: KeyPair, folder: Path) -> None:
    """Keep keys in the file, in place of those it had. Raises `CredentialsError`."""
    section = section_of(venue, environment)
    if pair.fault:
        raise CredentialsError(f"{venue} {environment}: {pair.fault}; nothing was stored")
    change_sections(folder, lambda found: found.put(section, pair))


def remove_credentials(venue: str, environment: str, folder: Path) -> bool:
    """Take keys out of the file; whether there were any. Raises `CredentialsError`."""
    section = section_of(venue, environment)
    found = read_sections(folder)
    if found is None or section not in found.names:
        return False
    change_sections(folder, lambda found: found.put(section, None))
    return True


def key_places(environ: Mapping[str, str], folder: Path) -> list[KeyPlace]:
    """Every venue and environment, and where its keys come from."""
    given, places = _Variables(environ), []
    del environ
    for venue, environments in ENVIRONMENTS.items():
        for environment in environments:
            try:
                pair, source = _find(section_of(venue, environment), given, folder)
            except CredentialsError as error:
                places.append(KeyPlace(venue, environment, trouble=str(error)))
                continue
            if pair is None:
                places.append(KeyPlace(venue, environment))
            else:
                places.append(KeyPlace(venue, environment, source, ending(pair.key), pair.fault))
    return places


def section_of(venue: str, environment: str) -> str:
    """Name of the section: `bybit`, `bybit_testnet`. Raises `CredentialsError` for what does not exist."""
    if venue not in ENVIRONMENTS:
        raise CredentialsError(f"{venue!r}: no venue with keys is called so; choose {' or '.join(ENVIRONMENTS)}")
    if environment not in ENVIRONMENTS[venue]:
        known = ", ".join(ENVIRONMENTS[venue])
        raise CredentialsError(f"{venue} has no environment {environment!r}; choose {known}")
    return venue if environment == "live" else f"{venue}_{environment}"


def variables(section: str) -> tuple[str, str]:
    """The environment variables of key and secret."""
    stem = VARIABLE_PREFIX + section.upper()
    return f"{stem}_KEY", f"{stem}_SECRET"


def take_variables(environ: MutableMapping[str, str]) -> Mapping[str, str]:
    """Every variable with keys, taken out of the environment: processes started from now on do not have them."""
    names = [
        name
        for venue, places in ENVIRONMENTS.items()
        for place in places
        for name in variables(section_of(venue, place))
    ]
    return _Taken({name: environ.pop(name) for name in names if name in environ})


def ending(key: str) -> str:
    """The last characters of a key, of a short one fewer: enough to tell keys apart, not enough to use."""
    shown = min(SHOWN_CHARACTERS, len(key) // 2)
    return key[len(key) - shown :]


def _find(section: str, given: _Variables, folder: Path) -> tuple[KeyPair | None, str]:
    """The keys and where they stand. Half a pair in the environment is a mistake and never completed from the file."""
    names = variables(section)
    missing = [name for name in names if not given.get(name)]
    if not missing:
        return KeyPair(given.get(names[0]), given.get(names[1])), f"environment {names[0]}"
    if len(missing) == 1:
        found_name = names[1] if missing[0] == names[0] else names[0]
        raise CredentialsError(f"{found_name} is set but {missing[0]} is not: set both, or neither to use {FILE_NAME}")
    found = read_sections(folder)
    return (found.pair(section) if found is not None else None), f"{folder / FILE_NAME} [{section}]"
