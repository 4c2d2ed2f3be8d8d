"""Both glyph sets say the same, one cell a glyph, and the right one is chosen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields
from rich.cells import cell_len

from tui.glyphs import ASCII, UNICODE, Glyphs, choose, plain_text


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=lambda glyphs: glyphs.name)
def test_every_glyph_is_one_cell(glyphs: Glyphs) -> None:
    for field in fields(Glyphs):
        value = getattr(glyphs, field.name)
        if field.name in ("name", "enter"):
            continue
        assert len(value) == {"spark": 8, "candle_up": 9, "candle_down": 9, "box_up": 27, "box_down": 27}.get(
            field.name, 1
        ), field.name
        assert all(cell_len(glyph) == 1 for glyph in value), field.name


def test_the_ascii_set_is_ascii() -> None:
    assert all(getattr(ASCII, field.name).isascii() for field in fields(Glyphs))


@pytest.mark.parametrize(
    ("choice", "term", "encoding", "expected"),
    [
        ("auto", "xterm-256color", "UTF-8", UNICODE),
        ("auto", "xterm-256color", "utf8", UNICODE),
        ("auto", "xterm-256color", "ANSI_X3.4-1968", ASCII),
        ("auto", "dumb", "UTF-8", ASCII),
        ("ascii", "xterm-256color", "UTF-8", ASCII),
        ("unicode", "dumb", "ISO-8859-1", UNICODE),
    ],
)
def test_the_set_follows_locale_and_terminal(choice, term: str, encoding: str, expected: Glyphs) -> None:
    assert choose(choice, {"TERM": term}, encoding) is expected


@given(st.floats(), st.integers(0, 20))
def test_bars_are_as_wide_as_asked(fraction: float, width: int) -> None:
    assert len(UNICODE.bar(fraction, width)) == width


def test_bars_fill_from_the_left() -> None:
    assert UNICODE.bar(0.5, 6) == "▇▇▇▁▁▁"
    assert ASCII.bar(2.0, 3) == "###"
    assert ASCII.bar(float("nan"), 3) == "---"


@given(st.lists(st.floats(), max_size=30), st.integers(1, 20))
def test_sparklines_are_as_wide_as_asked(values: list[float], width: int) -> None:
    assert len(UNICODE.sparkline(values, width)) == width


def test_sparklines_run_from_lowest_to_highest() -> None:
    assert UNICODE.sparkline([1, 2, 3], 5) == "  ▁▅█"
    assert UNICODE.sparkline([5, 5], 2) == "▁▁"


def test_words_from_outside_become_ascii() -> None:
    assert plain_text("volume 4.1σ ≥ 3 → BUY ↑ é") == "volume 4.1s >= 3 -> BUY ^ ?"


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, "ascii"),
        ({"LANG": "POSIX"}, "ascii"),
        ({"LC_ALL": "", "LANG": "C.UTF-8"}, "unicode"),
        ({}, "unicode"),
    ],
)
def test_a_plain_locale_gets_ascii_though_python_speaks_utf8(environment: dict[str, str], name: str) -> None:
    assert choose("auto", environment, "utf-8").name == name
