"""Theme files: complete, readable, apart from each other, and unable to break the program."""

from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from rich.style import Style
from textual.color import Color as CssColor

from themes.loader import COLOR_NAMES, DEFAULT, FOLDER, MONOCHROME, ThemeError, load_theme, load_themes
from themes.palette import STYLE_NAMES

OURS = sorted(path.stem for path in FOLDER.glob("*.toml"))
COLOURED = [name for name in OURS if name != MONOCHROME]
READABLE = [name for name in STYLE_NAMES if name not in ("rule", "bar-off", "cursor", "zone-up", "zone-down")]


def style(name: str, of: str) -> Style:
    found: Style = getattr(load_theme(FOLDER / f"{of}.toml").palette, name.replace("-", "_"))
    return found


def colours(theme: str) -> list[Color]:
    palette = load_theme(FOLDER / f"{theme}.toml").palette
    styles = [getattr(palette, name.replace("-", "_")) for name in STYLE_NAMES]
    return [colour for one in styles for colour in (one.color, one.bgcolor) if colour is not None]


def contrast(one: CssColor, other: CssColor) -> float:
    """Contrast ratio of two colours (WCAG 2, relative luminance)."""

    def luminance(colour: CssColor) -> float:
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_shipped_themes_load_without_a_problem() -> None:
    themes, problems = load_themes()
    assert problems == []
    assert {DEFAULT, MONOCHROME, "blue-orange", "high-contrast"} <= set(themes)


@pytest.mark.parametrize("theme", COLOURED)
def test_colours_survive_256_colour_terminals(theme: str) -> None:
    for colour in colours(theme):
        there = colour.downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
        here = colour.get_truecolor()
        # One step of the grey ramp is 10; anything more would be another colour.
        assert max(abs(a - b) for a, b in zip(there, here, strict=True)) <= 10, f"{colour.name} becomes {there.hex}"


@pytest.mark.parametrize("theme", COLOURED)
def test_text_can_be_read_on_its_background(theme: str) -> None:
    loaded = load_theme(FOLDER / f"{theme}.toml")
    background = CssColor.parse(loaded.textual.background or "")
    for name in READABLE:
        one = style(name, theme)
        front = (
            CssColor.parse(one.color.get_truecolor().hex)
            if one.color
            else CssColor.parse(loaded.textual.foreground or "")
        )
        behind = CssColor.parse(one.bgcolor.get_truecolor().hex) if one.bgcolor else background
        assert contrast(front, behind) >= 4.5, f"{theme} {name}"


@pytest.mark.parametrize("theme", OURS)
def test_up_down_and_danger_never_look_the_same(theme: str) -> None:
    looks = [style(name, theme) for name in ("price-up", "price-down", "danger", "dim")]
    assert len({str(look) for look in looks}) == len(looks)
    assert style("live", theme) != style("paper", theme)


def test_the_monochrome_theme_has_no_colour() -> None:
    loaded = load_theme(FOLDER / f"{MONOCHROME}.toml")
    assert colours(MONOCHROME) == []
    assert loaded.textual.ansi


def test_every_problem_of_a_file_is_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = (FOLDER / "desk-dark.toml").read_text()
    text = text.replace('price-up = "#5fd787"', 'price-up = "#5fd78"').replace('dim = "#8a8a8a"\n', "")
    path.write_text(text.replace('background = "#121212"', 'background = "coal"') + 'wurn = "red"\n')
    with pytest.raises(ThemeError) as caught:
        load_theme(path)
    report = str(caught.value)
    for word in ("mine.toml", "background = 'coal'", "price-up = '#5fd78'", "dim is missing", "unknown key wurn"):
        assert word in report


@pytest.mark.parametrize("content", ["not toml [", "", "title = 3\n", "[colors]\n[styles]\n", "\xff"])
def test_a_broken_user_theme_is_left_out_and_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "broken.toml").write_bytes(content.encode("latin-1"))
    themes, problems = load_themes(tmp_path)
    assert "broken" not in themes
    assert DEFAULT in themes
    assert problems
    assert all("broken.toml" in problem for problem in problems)


def test_a_user_theme_of_the_same_name_wins(tmp_path: Path) -> None:
    text = (FOLDER / "desk-dark.toml").read_text().replace('title = "Desk dark"', 'title = "My own"')
    (tmp_path / "desk-dark.toml").write_text(text)
    themes, problems = load_themes(tmp_path)
    assert problems == []
    assert themes["desk-dark"].title == "My own"


def test_required_names_are_spelt_like_the_files() -> None:
    assert "price-up" in STYLE_NAMES
    assert "background" in COLOR_NAMES
