"""Integer ticks and lots as a venue's decimal strings."""

from __future__ import annotations

from decimal import Decimal

from providers.sandbox.model import SandboxListing

CACHE_LIMIT = 1_000
"""Strings kept per number form: the live book repeats its few hundred, history pages repeat none and would pile up."""


class Digits:
    """Writes `count * step` as a plain decimal string with a fixed number of places, e.g. 1230 * 0.01 -> "12.30".

    `places` below the step's own is raised to it, so that nothing is ever rounded.
    """

    def __init__(self, step: Decimal, places: int = 0) -> None:
        sign, digits, exponent = step.as_tuple()
        if sign or not isinstance(exponent, int) or step <= 0:
            raise ValueError(f"step {step} must be a positive decimal number")
        own = max(0, -exponent)
        self.places = max(own, places)
        mantissa = int("".join(map(str, digits))) * 10 ** max(0, exponent)
        self._factor = mantissa * 10 ** (self.places - own)
        self._unit = 10**self.places
        self._cache: dict[int, str] = {}

    def __call__(self, count: int) -> str:
        text = self._cache.get(count)
        if text is None:
            if len(self._cache) >= CACHE_LIMIT:
                self._cache.clear()
            text = self._cache[count] = self._write(count)
        return text

    def _write(self, count: int) -> str:
        if count < 0:
            return "-" + self._write(-count)
        if not self.places:
            return str(count * self._factor)
        whole, part = divmod(count * self._factor, self._unit)
        return f"{whole}.{part:0{self.places}d}"


class Units:
    """The three number forms of one listing: prices from ticks, sizes from lots, quote amounts from tick-lots."""

    def __init__(self, listing: SandboxListing, places: int = 0) -> None:
        self.price = Digits(listing.tick_size.normalize(), places)
        self.size = Digits(listing.lot_size.normalize(), places)
        self.quote = Digits((listing.tick_size * listing.lot_size).normalize(), places)
        self.tick = float(listing.tick_size)
        self.lot = float(listing.lot_size)
        self.tick_size = listing.tick_size
        self.lot_size = listing.lot_size

    def levels(self, rows: tuple[tuple[int, int], ...] | list[tuple[int, int]]) -> str:
        """`[["price","size"],...]` without the outer brackets."""
        price, size = self.price, self.size
        return ",".join([f'["{price(ticks)}","{size(lots)}"]' for ticks, lots in rows])


def plain(value: Decimal, places: int) -> str:
    """A decimal without exponent, rounded to `places`."""
    return f"{value:.{places}f}"


def trimmed(value: Decimal) -> str:
    """A decimal without exponent and without trailing zeros: "0.10" -> "0.1"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
