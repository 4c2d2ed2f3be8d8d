"""Client order ids that are never given twice: not by this run, not after a restart, not by another machine.

An id is `tt1` + milliseconds + the random number of the run + a counter + a check, in lower-case base 32 (Crockford's
alphabet, 2002), 34 characters: within the 36 of `[A-Za-z0-9_-]` that Binance.US and Bybit both take. The random number (60
bits) and the counter alone make it unique; the time guards the copy of a running machine and lets a person read the age.
Nothing in it is secret. The check tells an id of this program from a foreign one; whether it is one of *our* orders only the
journal can say, as a second host with the same keys makes such ids too.
"""

from __future__ import annotations

import os
import re
import secrets
from hashlib import blake2b

from msgspec import Struct

PREFIX = "tt1"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TIME_CHARS, RUN_CHARS, COUNTER_CHARS, CHECK_CHARS = 9, 12, 6, 4
LENGTH = len(PREFIX) + TIME_CHARS + RUN_CHARS + COUNTER_CHARS + CHECK_CHARS
_SHAPE = re.compile(rf"{PREFIX}[{ALPHABET}]{{{LENGTH - len(PREFIX)}}}")


class ClientIdRule(Struct, frozen=True):
    """What a venue takes as a client id: characters (inside a character class) and length."""

    max_length: int
    characters: str

    def takes(self, client_id: str) -> bool:
        """Whether the venue would accept it."""
        return len(client_id) <= self.max_length and re.fullmatch(f"[{self.characters}]+", client_id) is not None


VENUE_RULES: dict[str, ClientIdRule] = {
    "binance_us": ClientIdRule(36, "A-Za-z0-9_-"),
    "bybit": ClientIdRule(36, "A-Za-z0-9_-"),
}
"""By `Instrument.venue`. Binance.US takes an id again once its order is closed, Bybit never does: ours never repeat."""


class OwnId(Struct, frozen=True):
    """An id of this program, taken apart. `run` is the random number of the program run that made it."""

    at_ms: int
    run: str
    number: int


class ClientIds:
    """Makes ids for one run of the program. A forked child draws a random number of its own."""

    def __init__(self) -> None:
        self._draw()

    def next(self, now_ms: int) -> str:
        """A new id. The clock may stand still or go back: uniqueness does not rest on it."""
        if os.getpid() != self._process:
            self._draw()
        if self._number >= len(ALPHABET) ** COUNTER_CHARS:
            self._draw()
        body = f"{PREFIX}{_text(now_ms, TIME_CHARS)}{self._run}{_text(self._number, COUNTER_CHARS)}"
        self._number += 1
        return body + _check(body)

    def _draw(self) -> None:
        self._process = os.getpid()
        self._run = "".join(secrets.choice(ALPHABET) for _ in range(RUN_CHARS))
        self._number = 0


def recognise(client_id: str) -> OwnId | None:
    """The parts of an id made by this program, whichever host ran it; None for a foreign one."""
    if _SHAPE.fullmatch(client_id) is None or _check(client_id[:-CHECK_CHARS]) != client_id[-CHECK_CHARS:]:
        return None
    run_at = len(PREFIX) + TIME_CHARS
    number_at = run_at + RUN_CHARS
    return OwnId(
        at_ms=_number(client_id[len(PREFIX) : run_at]),
        run=client_id[run_at:number_at],
        number=_number(client_id[number_at:-CHECK_CHARS]),
    )


def _check(body: str) -> str:
    size = len(ALPHABET) ** CHECK_CHARS
    return _text(int.from_bytes(blake2b(body.encode(), digest_size=8).digest(), "big") % size, CHECK_CHARS)


def _text(number: int, chars: int) -> str:
    if not 0 <= number < len(ALPHABET) ** chars:
        raise ValueError(f"{number} does not fit {chars} characters of a client id; check the system clock")
    digits = []
    for _ in range(chars):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _number(text: str) -> int:
    value = 0
    for char in text:
        value = value * len(ALPHABET) + ALPHABET.index(char)
    return value
