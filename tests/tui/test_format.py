"""Number text: fixed decimals, true signs, missing values shown as missing."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import format as text
from tui.glyphs import ASCII, UNICODE

MISSING = [None, math.nan, math.inf, -math.inf]


@pytest.mark.parametrize(
    ("tick", "decimals"),
    [
        ("0.01000000", 2),
        ("1", 0),
        ("5", 0),
        ("0.5", 1),
        ("1e-7", 7),
        ("0.00000001", 8),
        ("10", 0),
        ("1E-2", 2),
        ("1e2", 0),
    ],
)
def test_tick_sizes_give_the_decimals_of_a_price(tick: str, decimals: int) -> None:
    assert text.tick_decimals(tick) == decimals


def test_prices_have_thousands_and_fixed_decimals() -> None:
    assert text.price(61602.01, 2, 12) == "   61,602.01"
    assert text.price(0.10231, 5) == "0.10231"
    assert text.price(-3.5, 1) == "−3.5"
    assert text.price(-3.5, 1, glyphs=ASCII) == "-3.5"


@pytest.mark.parametrize("value", MISSING)
def test_what_is_not_a_number_is_missing_everywhere(value: float | None) -> None:
    shown = [
        text.price(value, 2, 4),
        text.signed(value, 2, 4),
        text.percent(value, 2, 4),
        text.compact(value, 4),
        text.age(value, 4),
        text.probability(value, 4),
        text.count(value, 4),
    ]
    assert shown == ["   –"] * 7
    assert text.price(value, 2, 4, ASCII) == "   -"


def test_changes_always_show_their_sign() -> None:
    assert text.percent(0.0042, unit=True) == "+ 0.42 %"
    assert text.percent(-0.0102) == "− 1.02"
    assert text.percent(-0.0102, glyphs=ASCII) == "- 1.02"


@pytest.mark.parametrize("value", [0.0, -0.0, 0.00001, -0.00001])
def test_a_change_that_rounds_to_zero_has_no_sign(value: float) -> None:
    assert text.percent(value) == "  0.00"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.24e9, "1.24 B"),
        (611e6, "611 M"),
        (8900, "8.90 k"),
        (312, "312"),
        (0, "0"),
        (999_600, "1.00 M"),
        (999_499, "999 k"),
        (12.345, "12.3"),
        (-2.5e6, "−2.50 M"),
        (3.2e12, "3.20 T"),
    ],
)
def test_volumes_are_compact(value: float, shown: str) -> None:
    assert text.compact(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (1.9, "1s"), (14, "14s"), (-3, "0s"), (99, "99s"), (180, "3m"), (7200, "2h"), (400_000, "4d")],
)
def test_ages_are_whole_units(seconds: float, shown: str) -> None:
    assert text.age(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.714, ".71"), (1.0, "1.0"), (0.0, ".00"), (0.999, "1.0"), (0.05, ".05")]
)
def test_probabilities_drop_the_zero(value: float, shown: str) -> None:
    assert text.probability(value) == shown


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[text.Looks]:
    """The looks of all screens, as they were afterwards."""
    before = replace(text.LOOKS)
    yield text.LOOKS
    text.LOOKS.times, text.LOOKS.private = before.times, before.private
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def zone(looks: text.Looks, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Local times of this zone."""

    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()
        looks.times = "local"

    return use


SUMMER_MS, WINTER_MS = 1_784_637_296_000, 1_795_264_496_000
"""2026-07-21 12:34:56 and 2026-11-21 12:34:56 UTC."""


def test_time_of_day_is_utc() -> None:
    assert text.clock_text(1_700_000_000_000) == "22:13:20Z"
    assert text.clock_text(WINTER_MS + 999) == "12:34:56Z"


@pytest.mark.parametrize(
    ("name", "summer", "winter"),
    [
        ("Europe/Madrid", "14:34:56+02", "13:34:56+01"),
        ("America/St_Johns", "10:04:56-02:30", "09:04:56-03:30"),
        ("Asia/Kolkata", "18:04:56+05:30", "18:04:56+05:30"),
        ("Europe/London", "13:34:56+01", "12:34:56+00"),
    ],
)
def test_local_times_carry_the_offset_of_their_own_day(zone, name: str, summer: str, winter: str) -> None:
    zone(name)
    assert (text.clock_text(SUMMER_MS), text.clock_text(WINTER_MS)) == (summer, winter)


def test_lists_show_the_day_when_it_is_another_one_where_the_operator_is(zone) -> None:
    late = WINTER_MS + 11 * 3_600_000  # 23:34:56 UTC
    assert text.log_time_text(WINTER_MS, late) == "12:34:56Z"
    assert text.log_time_text(WINTER_MS - 86_400_000, late) == "11-20 12:34"
    zone("Asia/Kolkata")
    assert text.log_time_text(late, late) == "05:04:56"
    assert text.log_time_text(WINTER_MS, late) == "11-21 18:04"


@given(st.integers(0, 4_000_000_000_000), st.integers(0, 4_000_000_000_000))
def test_times_in_lists_keep_their_column(at_ms: int, now_ms: int) -> None:
    assert len(text.log_time_text(at_ms, now_ms)) <= 11


def test_own_amounts_are_hidden_in_private_mode_and_tell_nothing(looks: text.Looks) -> None:
    assert text.money(1240.0, 2, "USDT", 16) == "   1,240.00 USDT"
    assert text.money(-2.456, 2, "USDT", signed=True) == "− 2.46 USDT"
    assert text.money(None, 2, "USDT", 8) == "  – USDT"
    looks.private = True
    hidden = {text.money(v, 2, "USDT", 16, signed=s) for v in (1240.0, -2.456, 0.0, None) for s in (True, False)}
    assert hidden == {"        *** USDT"}


def test_what_everybody_can_see_is_never_hidden(looks: text.Looks) -> None:
    shown = text.price(61602.01, 2), text.compact(1.24e9), text.percent(0.01)
    looks.private = True
    assert (text.price(61602.01, 2), text.compact(1.24e9), text.percent(0.01)) == shown


@given(st.text(alphabet="abcdef ", max_size=20), st.integers(0, 25))
def test_fitted_text_is_exactly_as_wide_as_asked(value: str, width: int) -> None:
    assert len(text.fit(value, width)) == width


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_compact_volumes_stay_short(value: float) -> None:
    assert len(text.compact(value)) <= 9


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_guessed_decimals_keep_significant_figures(value: float) -> None:
    decimals = text.guess_decimals(value)
    assert 2 <= decimals <= 10
    assert abs(round(value, decimals) - value) <= max(value * 1e-4, 1e-10)


def test_both_glyph_sets_are_used() -> None:
    assert text.fit("watchlist", 5, UNICODE) == "watc…"
    assert text.fit("watchlist", 5, ASCII) == "watc~"
