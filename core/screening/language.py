"""One language of the operator: its texts, its plural forms, its way of writing numbers.

The catalogues are gettext sources, one `.po` file a language, keyed by name rather than by English sentence. They are read
when a language is first asked for and handed to the standard library's gettext in its own compiled form, so an installation
needs no build step and no second copy of a text. Babel reads them and knows from CLDR how numbers are written; Fluent's
Python runtime would need Babel too, and has had no release since March 2023.
"""

from __future__ import annotations

import gettext
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import NumberPattern, parse_pattern

Tongue = Literal["en", "pt", "uk"]
"""English (United States), Portuguese (Brazil, as CLDR reads a bare `pt`), Ukrainian."""

TONGUES: tuple[Tongue, ...] = get_args(Tongue)
CATALOGUES = Path(__file__).parent / "catalogues"


class MissingText(LookupError):
    """A key that a catalogue does not have: add it to every file in `core/screening/catalogues`."""


class _Strict(gettext.NullTranslations):
    """Asked for what the catalogue lacks: an error, since a key shown on screen is no text."""

    def __init__(self, tongue: Tongue) -> None:
        super().__init__()
        self._tongue = tongue

    def gettext(self, message: str) -> str:
        raise MissingText(f"catalogue {self._tongue}.po has no text {message!r}: add it there")

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        raise MissingText(f"catalogue {self._tongue}.po has no plural forms of {msgid1!r}: add them there")


def read_catalogue(tongue: Tongue) -> Catalog:
    """The source of a language as it stands in its file. Raises OSError when it was not installed."""
    with (CATALOGUES / f"{tongue}.po").open("rb") as source:
        return read_po(source, locale=tongue, abort_invalid=True)


def compile_catalogue(catalog: Catalog, tongue: Tongue) -> gettext.GNUTranslations:
    """The same as gettext holds it; a key that is not there raises MissingText."""
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    translations = gettext.GNUTranslations(compiled)
    translations.add_fallback(_Strict(tongue))
    return translations


class Language:
    """Texts and numbers of one tongue. Immutable after it was made; the same arguments give the same text, always."""

    __slots__ = ("_locale", "_texts", "tongue")

    def __init__(self, tongue: Tongue) -> None:
        if tongue not in TONGUES:
            raise ValueError(f"language {tongue!r} is unknown: choose one of {', '.join(TONGUES)}")
        self.tongue: Tongue = tongue
        self._locale = Locale.parse(tongue)
        self._texts = compile_catalogue(read_catalogue(tongue), tongue)

    def text(self, key: str, **values: str) -> str:
        """The text of `key` with its figures filled in. Raises MissingText, and KeyError for a figure not given."""
        return self._texts.gettext(key).format_map(values)

    def plural(self, key: str, n: int) -> str:
        """The text of `key` in the form the language uses for `n`, which fills the place `{n}`."""
        return self._texts.ngettext(key, key, n).format_map({"n": self.number(n)})

    def number(self, value: Decimal | float, decimals: int = 0, *, signed: bool = False) -> str:
        """Rounded half to even, thousands apart, a true minus sign. `signed` writes the plus as well."""
        exact = _exact(value)
        if not exact.is_finite():
            raise ValueError(f"{value} cannot be written as a number: leave out the sentence that needs it")
        rounded = round(exact, decimals)
        if rounded == 0:
            rounded = rounded.copy_abs()
        text = str(_pattern(decimals).apply(rounded, self._locale)).replace("-", "−")
        return f"+{text}" if signed and rounded > 0 else text

    def percent(self, share: Decimal | float, decimals: int = 0, *, signed: bool = False) -> str:
        """A share of 1 as a percentage: 0.125 is `12.5%`."""
        return f"{self.number(_exact(share) * 100, decimals, signed=signed)}%"

    def points(self, difference: Decimal | float, decimals: int = 1) -> str:
        """A difference of two shares in percentage points, its sign always shown: `+4.1 pp`."""
        return self.text("points", number=self.number(_exact(difference) * 100, decimals, signed=True))

    def month(self, number: int) -> str:
        """The short name of a month, January being 1, as it stands in a date."""
        return str(self._locale.months["format"]["abbreviated"][number])


@cache
def language(tongue: Tongue) -> Language:
    """The language, read from its file once."""
    return Language(tongue)


@cache
def _pattern(decimals: int) -> NumberPattern:
    return parse_pattern("#,##0" if decimals <= 0 else f"#,##0.{'0' * decimals}")


def _exact(value: Decimal | float) -> Decimal:
    """The decimal number a float is shown as, not the binary one next to it: 0.125 rounds as it reads."""
    return value if isinstance(value, Decimal) else Decimal(repr(float(value)))
