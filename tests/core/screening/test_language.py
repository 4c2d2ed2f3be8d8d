"""Catalogues are complete and numbers are written as the country writes them."""

from __future__ import annotations

import string
from decimal import Decimal

import pytest
from babel import Locale
from babel.messages.catalog import Message
from babel.numbers import format_decimal, format_percent
from hypothesis import given
from hypothesis import strategies as st

from core.screening.language import TONGUES, Language, MissingText, Tongue, compile_catalogue, language, read_catalogue

TRANSLATED = [tongue for tongue in TONGUES if tongue != "en"]


def forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def entries(tongue: Tongue) -> dict[str, tuple[str, ...]]:
    found = {}
    for message in read_catalogue(tongue):
        if message.id:
            key = message.id if isinstance(message.id, str) else message.id[0]
            texts = forms(message)
            assert key not in found, f"{tongue}.po has {key} twice"
            found[key] = texts
    return found


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("tongue", TRANSLATED)
def test_every_key_of_the_english_catalogue_is_in_the_others_and_no_more(tongue: Tongue) -> None:
    assert entries(tongue).keys() == entries("en").keys()


@pytest.mark.parametrize("tongue", TONGUES)
def test_no_text_is_empty_fuzzy_or_short_of_a_plural_form(tongue: Tongue) -> None:
    catalog = read_catalogue(tongue)
    english = entries("en")
    for message in catalog:
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        if message.pluralizable:
            assert len(forms(message)) == catalog.num_plurals, message.id
            assert all(forms(message)), message.id
        else:
            assert message.string, message.id
    for key, texts in entries(tongue).items():
        assert (len(texts) > 1) == (len(english[key]) > 1), key


@pytest.mark.parametrize("tongue", TRANSLATED)
def test_every_translation_has_the_places_of_the_english_text(tongue: Tongue) -> None:
    english = entries("en")
    for key, texts in entries(tongue).items():
        for text in texts:
            assert places(text) == places(english[key][0]), key


@pytest.mark.parametrize("tongue", TONGUES)
def test_the_plural_rule_of_a_catalogue_agrees_with_cldr(tongue: Tongue) -> None:
    catalog, rule = read_catalogue(tongue), Locale.parse(tongue).plural_form
    compiled = compile_catalogue(catalog, tongue)
    forms = entries(tongue)["factors.confirm"]
    kinds: dict[str, str] = {}
    for n in range(1200):
        shown = compiled.ngettext("factors.confirm", "factors.confirm", n)
        assert kinds.setdefault(rule(n), shown) == shown, n
    assert set(kinds.values()) == set(forms)


@pytest.mark.parametrize(
    ("n", "told"),
    [
        (0, "0 факторів підтверджують"),
        (1, "1 фактор підтверджує"),
        (2, "2 фактори підтверджують"),
        (4, "4 фактори підтверджують"),
        (5, "5 факторів підтверджують"),
        (11, "11 факторів підтверджують"),
        (12, "12 факторів підтверджують"),
        (21, "21 фактор підтверджує"),
        (22, "22 фактори підтверджують"),
        (111, "111 факторів підтверджують"),
        (1_001, "1\u00a0001 фактор підтверджує"),
    ],
)
def test_ukrainian_counts(n: int, told: str) -> None:
    assert language("uk").plural("factors.confirm", n) == told


def test_portuguese_and_english_counts() -> None:
    assert [language("pt").plural("factors.confirm", n) for n in (0, 1, 2)] == [
        "0 fator confirma",
        "1 fator confirma",
        "2 fatores confirmam",
    ]
    assert [language("en").plural("condition.factors", n) for n in (0, 1, 2)] == [
        "0 more factors",
        "1 more factor",
        "2 more factors",
    ]


@pytest.mark.parametrize(
    ("tongue", "price", "percent", "points"),
    [
        ("en", "−1,234,567.50", "12.5%", "+4.1 pp"),
        ("pt", "−1.234.567,50", "12,5%", "+4,1 p.p."),
        ("uk", "−1\u00a0234\u00a0567,50", "12,5%", "+4,1 в. п."),
    ],
)
def test_numbers_are_written_as_in_the_country(tongue: Tongue, price: str, percent: str, points: str) -> None:
    spoken = language(tongue)
    assert spoken.number(-1234567.5, 2) == price
    assert spoken.number(Decimal("-1234567.5"), 2) == price
    assert spoken.percent(0.125, 1) == percent
    assert spoken.points(0.041) == points


@pytest.mark.parametrize("tongue", TONGUES)
@given(value=st.decimals(min_value=-(10**9), max_value=10**9, places=6), decimals=st.integers(0, 5))
def test_numbers_and_percentages_agree_with_cldr(tongue: Tongue, value: Decimal, decimals: int) -> None:
    spoken = language(tongue)
    rounded = round(value, decimals) + 0
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    assert spoken.number(value, decimals) == format_decimal(rounded, pattern, locale=tongue).replace("-", "−")
    share = round(value / 10**6, 2) + 0
    assert spoken.percent(share) == format_percent(share, locale=tongue).replace("-", "−")


def test_small_numbers_have_no_sign_when_they_round_to_nothing() -> None:
    assert language("en").number(-0.04, 1) == "0.0"
    assert language("en").number(0.04, 1, signed=True) == "0.0"
    assert language("en").number(1.742e-05, 8) == "0.00001742"
    assert language("en").number(2.5) == "2"


def test_what_is_missing_is_an_error_that_names_it() -> None:
    with pytest.raises(MissingText, match=r"pt\.po has no text 'nothing\.here'"):
        language("pt").text("nothing.here")
    with pytest.raises(MissingText, match=r"uk\.po has no plural forms of 'nothing\.here'"):
        language("uk").plural("nothing.here", 2)
    with pytest.raises(KeyError, match="regime"):
        language("en").text("fact.NONE", symbol="BTCUSDT", price="1")
    with pytest.raises(ValueError, match="cannot be written"):
        language("en").number(float("nan"))
    with pytest.raises(ValueError, match="language 'xx' is unknown: choose one of en, pt, uk"):
        Language("xx")  # type: ignore[arg-type]


def test_a_brace_in_a_quoted_text_is_told_as_it_stands() -> None:
    told = language("en").text("reason.SYSTEM_FAILURE", error="KeyError {symbol}")
    assert told == "No recommendation, the analysis failed: KeyError {symbol}."
