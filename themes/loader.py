"""Load theme files: TOML with `[colors]` for Textual's own parts and `[styles]` for meanings.

A theme is checked as a whole before it is used: every problem of a file is reported at once, and a broken file never
replaces a working theme.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.color import Color as RichColor
from rich.errors import StyleSyntaxError
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.theme import Theme

from themes.palette import STYLE_NAMES, Palette

FOLDER = Path(__file__).parent
DEFAULT = "desk-dark"
MONOCHROME = "mono"
COLOR_NAMES = ("background", "foreground", "surface", "panel", "primary", "secondary", "accent")
"""Every key `[colors]` must have."""
NOT_VARIABLES = ("text", "accent")
"""Styles that are no CSS variables: Textual has its own of these names."""


@dataclass(frozen=True, slots=True)
class DeskTheme:
    """One theme: Textual's part, the resolved styles, and a title for people."""

    name: str
    title: str
    textual: Theme
    palette: Palette


class ThemeError(ValueError):
    """A theme file that cannot be used; the text names file, key, value and remedy, one problem a line."""


def load_theme(path: Path) -> DeskTheme:
    """Read and check one file. Raises `ThemeError` with every problem found."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ThemeError(f"theme {path.name}: cannot be read: {error}") from error
    problems: list[str] = []
    colors = _colors(document, problems)
    styles = _styles(document, problems)
    unknown = sorted(set(document) - {"title", "dark", "ansi", "colors", "styles"})
    problems.extend(f"unknown key {key}; remove it" for key in unknown)
    for key, kind in (("title", str), ("dark", bool), ("ansi", bool)):
        if key in document and not isinstance(document[key], kind):
            problems.append(f"{key} = {document[key]!r}: must be a {kind.__name__}")
    if problems:
        raise ThemeError("\n".join(f"theme {path.name}: {problem}" for problem in problems))
    return _build(path.stem, document, colors, styles)


def load_themes(user_folder: Path | None = None) -> tuple[dict[str, DeskTheme], list[str]]:
    """Every theme by name, the operator's own over ours, and what was wrong with those left out."""
    themes: dict[str, DeskTheme] = {}
    problems: list[str] = []
    paths = sorted(FOLDER.glob("*.toml"))
    if user_folder is not None and user_folder.is_dir():
        paths += sorted(user_folder.glob("*.toml"))
    for path in paths:
        try:
            themes[path.stem] = load_theme(path)
        except ThemeError as error:
            # Fallback: the theme is left out, the others still serve.
            problems.extend(str(error).splitlines())
    return themes, problems


def _table(document: dict[str, Any], key: str, problems: list[str]) -> dict[str, Any]:
    table = document.get(key)
    if isinstance(table, dict):
        return table
    problems.append(f"[{key}] is missing")
    return {}


def _colors(document: dict[str, Any], problems: list[str]) -> dict[str, str]:
    table = _table(document, "colors", problems)
    found: dict[str, str] = {}
    for name in COLOR_NAMES:
        value = table.get(name)
        try:
            Color.parse(str(value))
        except ColorParseError:
            problems.append(f"[colors] {name} = {value!r}: not a colour; write #rrggbb")
        else:
            found[name] = str(value)
    problems.extend(f"[colors] unknown key {name}; remove it" for name in sorted(set(table) - set(COLOR_NAMES)))
    return found


def _styles(document: dict[str, Any], problems: list[str]) -> dict[str, Style]:
    table = _table(document, "styles", problems)
    found: dict[str, Style] = {}
    for name in STYLE_NAMES:
        value = table.get(name)
        if not isinstance(value, str):
            problems.append(f'[styles] {name} is missing; write a style such as "bold #e0a030"')
            continue
        try:
            found[name] = Style.parse(value)
        except StyleSyntaxError as error:
            problems.append(f"[styles] {name} = {value!r}: {error}")
    problems.extend(f"[styles] unknown key {name}; remove it" for name in sorted(set(table) - set(STYLE_NAMES)))
    return found


def _build(name: str, document: dict[str, Any], colors: dict[str, str], styles: dict[str, Style]) -> DeskTheme:
    """Textual's theme and the palette. Each style's colour is also a CSS variable of the same name."""

    def variable(style: Style) -> str:
        return _css(style.color) or colors["foreground"]

    variables = {key: variable(style) for key, style in styles.items() if key not in NOT_VARIABLES}
    for key in ("cursor", "header", "live"):
        variables[f"{key}-background"] = _css(styles[key].bgcolor) or colors["background"]
    if document.get("ansi", False):  # Textual's own rules name these two and define them only for its own ANSI themes
        variables |= {"ansi-background": "ansi_default", "ansi-foreground": "ansi_default"}
    theme = Theme(
        name=name,
        primary=colors["primary"],
        secondary=colors["secondary"],
        accent=colors["accent"],
        warning=variables["warn"],
        error=variables["danger"],
        success=variables["price-up"],
        foreground=colors["foreground"],
        background=colors["background"],
        surface=colors["surface"],
        panel=colors["panel"],
        dark=document.get("dark", True),
        ansi=document.get("ansi", False),
        variables=variables,
    )
    # Lines drawn cell by cell get no background from the widget: without one a light terminal would show through.
    ground = Style() if document.get("ansi", False) else Style(bgcolor=colors["background"])
    palette = Palette(**{key.replace("-", "_"): ground + style for key, style in styles.items()})
    return DeskTheme(name, str(document.get("title", name)), theme, palette)


def _css(color: RichColor | None) -> str | None:
    """A Rich colour in CSS spelling; None for the terminal's default."""
    if color is None or color.is_default:
        return None
    return color.get_truecolor().hex if not color.name.startswith("#") else color.name
