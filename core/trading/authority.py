"""Who may send an order: single-use authorisations bound to one exact order, and the permits a broker asks for.

The operator's completed ceremony makes the authorisation of an entry. That entry's own protection and exits are authorised by
it: they only reduce, by no more than it has filled and others of its family do not already take. Nothing else can.
A `Permit` is what is left of an authorisation once it is spent: proof for the broker, of no use a second time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from decimal import Decimal
from hashlib import blake2b
from typing import Final, NoReturn

import msgspec
from msgspec import Struct

from core.trading.order import OrderSpec

MAX_AGE_MS = 10_000
"""An authorisation is spent within this time or not at all."""


class NotAuthorised(Exception):
    """The order has no valid authorisation; the words say why. Nothing was sent."""


def order_hash(spec: OrderSpec) -> str:
    """The order as it will stand on the wire, as 32 hexadecimal digits: any change of any field changes it."""
    fields = msgspec.to_builtins(spec, builtin_types=(Decimal,))
    text = "|".join(f"{name}={_plain(value)}" for name, value in sorted(fields.items()))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _plain(value: object) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


_MINT: Final = object()
"""Held by this module alone: without it no permit can be made."""


class Permit:
    """A spent authorisation. Made by `Authorisation.spend` alone; every broker checks it with `check` before it sends.

    `objection` is asked then, too: a request may have waited for the rate budget, and trading been halted meanwhile.
    """

    __slots__ = ("_used", "authorisation_id", "client_id", "minted_ms", "objection", "spec_hash")

    def __init__(self, mint: object, authorisation_id: str, client_id: str, spec_hash: str, minted_ms: int) -> None:
        if mint is not _MINT:
            raise NotAuthorised("permits are made by spending an authorisation, and in no other way")
        self.authorisation_id = authorisation_id
        self.client_id = client_id
        self.spec_hash = spec_hash
        self.minted_ms = minted_ms
        self.objection: Callable[[], str] = lambda: ""
        self._used = False

    def check(self, spec: OrderSpec, now_ms: int) -> None:
        """Called once by the broker, right before the send. Raises `NotAuthorised` for another order, too late, or again."""
        if self._used:
            raise NotAuthorised(f"the permit of order {self.client_id} was used already: each is good for one send")
        if spec.client_id != self.client_id or order_hash(spec) != self.spec_hash:
            raise NotAuthorised(f"order {spec.client_id} is not the one that was authorised: confirm it anew")
        if not 0 <= now_ms - self.minted_ms <= MAX_AGE_MS:
            age_s = (now_ms - self.minted_ms) / 1000
            raise NotAuthorised(
                f"order {self.client_id} was authorised {age_s:.1f} s ago, limit {MAX_AGE_MS / 1000:.0f} s: confirm it anew"
            )
        words = self.objection()
        if words:
            raise NotAuthorised(f"order {self.client_id} is not sent any more: {words}")
        self._used = True

    def __reduce__(self) -> NoReturn:
        raise TypeError("a permit cannot be copied or stored")


class Grant(Struct, frozen=True, kw_only=True):
    """What an authorisation allows, as plain data: journalled, shown, and looked at by the gates. `parent`: see `Authorised`."""

    authorisation_id: str
    client_id: str
    spec_hash: str
    minted_ms: int
    parent: str = ""


class Authorisation:
    """One permission for one exact order, good for one send within ten seconds. Made by an `Authority` alone."""

    __slots__ = ("_outcome", "grant")

    def __init__(self, mint: object, grant: Grant) -> None:
        if mint is not _MINT:
            raise NotAuthorised("authorisations are made by an authority, and in no other way")
        self.grant = grant
        self._outcome = ""

    @property
    def used(self) -> bool:
        """Whether it was spent or revoked."""
        return bool(self._outcome)

    def revoke(self) -> None:
        """Of no use from now on."""
        self._outcome = self._outcome or "REVOKED"

    def spend(self, spec: OrderSpec, now_ms: int) -> Permit:
        """The permit for the send. Raises `NotAuthorised` when spent, too old, or made for another order."""
        if self._outcome:
            raise NotAuthorised(f"the authorisation of order {self.grant.client_id} is {self._outcome.lower()} already")
        permit = Permit(
            _MINT, self.grant.authorisation_id, self.grant.client_id, self.grant.spec_hash, self.grant.minted_ms
        )
        if spec.client_id != permit.client_id or order_hash(spec) != permit.spec_hash:
            raise NotAuthorised(f"order {spec.client_id} is not the one that was authorised: confirm it anew")
        if not 0 <= now_ms - permit.minted_ms <= MAX_AGE_MS:
            self._outcome = "EXPIRED"
            raise NotAuthorised(f"the authorisation of order {permit.client_id} has expired: confirm it anew")
        self._outcome = "SPENT"
        return permit

    def __reduce__(self) -> NoReturn:
        raise TypeError("an authorisation cannot be copied or stored")


def authorise(spec: OrderSpec, now_ms: int, parent: str = "") -> Authorisation:
    """An authorisation for exactly this order, from now on.

    Called by three places alone, and a test holds the source to it: the confirmation by the operator, the canary, and the
    order manager for the protection and exits of an entry (`parent`: its client id) after checking that they only reduce.
    """
    grant = Grant(
        authorisation_id=secrets.token_hex(8),
        client_id=spec.client_id,
        spec_hash=order_hash(spec),
        minted_ms=now_ms,
        parent=parent,
    )
    return Authorisation(_MINT, grant)
