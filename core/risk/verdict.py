"""What a gate says: `Allow` or `Deny`, with the facts it looked at, and what it says when something is not known."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")


class Allow(Struct, frozen=True, tag=True):
    """The gate is open. `facts` is what was looked at: numbers written plainly, so that journal and screen say the same."""

    code: str
    facts: dict[str, str] = {}


class Deny(Struct, frozen=True, tag=True):
    """The gate is shut. `words` begin with the code and name the thing, its value, the limit and the remedy."""

    code: str
    facts: dict[str, str]
    words: str


Verdict = Allow | Deny


class Finding(Struct, frozen=True):
    """What a check found: empty `words` let the order pass, others say why not."""

    words: str
    facts: dict[str, str]


class Missing(Exception):
    """Something a gate must know is not known, or not a finite number. The order is denied."""

    def __init__(self, name: str, value: object) -> None:
        super().__init__(f"{name} is {'not known' if value is None else value}")
        self.name = name


def passes(**facts: object) -> Finding:
    """Nothing against it."""
    return Finding("", {name: written(value) for name, value in facts.items()})


def objects(words: str, **facts: object) -> Finding:
    """Something against it, in words: value, limit, remedy."""
    return Finding(words, {name: written(value) for name, value in facts.items()})


def need(value: T | None, name: str) -> T:
    """The value, which must be known and, if a number, finite. Raises `Missing`."""
    if value is None:
        raise Missing(name, value)
    if isinstance(value, Decimal) and not value.is_finite():
        raise Missing(name, value)
    if isinstance(value, float) and not math.isfinite(value):
        raise Missing(name, value)
    return value


def written(value: object) -> str:
    """A value as text: numbers plainly, without exponent and without trailing zeros."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value.is_finite() else str(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def percent(share: Decimal | float) -> str:
    """A share of one as percent, to a tenth: `1.4 %`."""
    return f"{float(share) * 100:.1f} %"
