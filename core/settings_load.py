"""Loads settings in layers and reports every problem at once.

Layers, later wins: defaults, settings file, environment (`TRADETUI_<SECTION>__<KEY>`), `overrides.toml` beside the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from core.paths import config_folder
from core.settings import Settings
from core.settings_check import (
    FREE_SECTIONS,
    BadValue,
    Knob,
    Values,
    build,
    check_key,
    from_text,
    knobs,
    section_names,
    sections,
    shown,
    table_knobs,
    table_of,
    toml_value,
)
from core.settings_rules import broken_rules

SETTINGS_VARIABLE = "TRADETUI_SETTINGS"
PREFIX = "TRADETUI_"
MAX_FILE_BYTES = 1_000_000


class SettingsError(Exception):
    """The settings cannot be used. `problems` holds all of them, each with its place, value and remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        noun = "problem" if len(self.problems) == 1 else "problems"
        super().__init__("\n".join((f"{len(self.problems)} {noun} in the settings:", *self.problems)))


class _Layers:
    """Checked values so far, where each came from, and what was wrong."""

    def __init__(self) -> None:
        self.values: Values = {}
        self.source: dict[str, str] = {}
        self.problems: list[str] = []

    def take(self, source: str, key: str, value: object, *, typed: bool = False) -> None:
        """Check one value and let it win over earlier layers."""
        try:
            checked = from_text(key, value) if typed and isinstance(value, str) else check_key(key, value)
        except BadValue as error:
            self.problems.extend(f"{source}: {key}{place}: {text}" for place, text in error.problems)
        else:
            self.values[key] = checked
            self.source[key] = source

    def finish(self) -> Settings:
        """Settings of all layers; raises `SettingsError` if anything was wrong."""
        for keys, remedy in broken_rules(self.values):
            said = ", ".join(f"{key} = {shown(self.values.get(key, knobs()[key].default))}" for key in keys)
            where = " and ".join(dict.fromkeys(self.source.get(key, "defaults") for key in keys))
            self.problems.append(f"{where}: {said}: {remedy}")
        if self.problems:
            raise SettingsError(self.problems)
        return build(self.values)


def settings_path(explicit: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The settings file to use: `--settings`, else `$TRADETUI_SETTINGS`, else the config folder's if it exists."""
    if explicit is not None:
        return explicit
    if environ.get(SETTINGS_VARIABLE):
        return Path(environ[SETTINGS_VARIABLE])
    own = config_folder() / "settings.toml"
    return own if own.exists() else None


def overrides_path(settings_file: Path | None) -> Path:
    """Where live edits are kept: beside the settings file, or in the config folder when there is none."""
    return (settings_file.parent if settings_file is not None else config_folder()) / "overrides.toml"


def load(path: Path | None, environ: Mapping[str, str], overrides: Path | None = None) -> Settings:
    """Settings of all layers. `path` as given by `--settings`, or None to look in the usual places.

    `overrides` is the file of live edits when it does not lie beside the settings (the demo keeps its own).
    Raises `SettingsError` with every problem of every layer.
    """
    layers = _Layers()
    file = settings_path(path, environ)
    if file is not None:
        _take_file(layers, file, required=True)
    _take_environment(layers, environ)
    _take_file(layers, overrides or overrides_path(file), required=False)
    return layers.finish()


def read_toml(file: Path) -> dict[str, Any]:
    """The tree of one TOML file. Raises `SettingsError` naming the file, the place in it and the remedy."""
    try:
        if file.is_dir():
            raise SettingsError([f"{file}: is a folder; name the file inside it"])
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SettingsError([f"{file}: cannot be read ({reason}); check path and permissions"]) from error
    if len(raw) > MAX_FILE_BYTES:
        raise SettingsError([f"{file}: larger than {MAX_FILE_BYTES} bytes; this is not a settings file"])
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SettingsError([f"{file}: line {line} is not UTF-8; save the file as UTF-8"]) from error
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        message = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        if "(at line" not in message:
            last = text.rsplit("\n", 1)[-1]
            message = message.replace(" (at end of document)", "")
            message += f" (at line {text.count(chr(10)) + 1}, column {len(last) + 1})"
        raise SettingsError([f"{file}: not valid TOML: {message}; correct that place"]) from error


def _take_file(layers: _Layers, file: Path, *, required: bool) -> None:
    if not required and not file.exists():
        return
    try:
        tree = read_toml(file)
    except SettingsError as error:
        layers.problems.extend(error.problems)
        return
    for section, content in tree.items():
        if section not in sections() and section not in FREE_SECTIONS:
            layers.problems.append(f"{file}: {_unknown_section(section, content)}")
        elif not isinstance(content, dict):
            layers.problems.append(f"{file}: {section}: {shown(content)} is not a section; write [{section}]")
        else:
            for name, value in content.items():
                layers.take(str(file), f"{section}.{name}", value)


def _unknown_section(section: str, content: object) -> str:
    if not isinstance(content, dict):
        homes = [key for key in knobs() if key.split(".")[1] == section]
        if homes:
            return f"{section}: belongs in a section; did you mean {homes[0]}?"
    return f"[{section}]: no such section; there are {section_names()}"


def _take_environment(layers: _Layers, environ: Mapping[str, str]) -> None:
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or "__" not in variable:
            continue
        section, _, name = variable.removeprefix(PREFIX).lower().partition("__")
        layers.take(f"environment {variable}", f"{section}.{name}", text, typed=True)


def _knob_lines(knob: Knob, value: Any) -> list[str]:
    """A knob's value as TOML; a list of tables as tables, or as one commented table while it is empty."""
    table = table_of(knob.type)
    if table is None:
        return [f"{knob.key.partition('.')[2]} = {toml_value(value)}"]
    lines: list[str] = []
    for struct in value:
        pairs = msgspec.to_builtins(struct).items()
        lines += [f"[[{knob.key}]]", *(f"{name} = {toml_value(item)}" for name, item in pairs)]
    if not value:
        lines.append(f"# [[{knob.key}]]")
        for name, item in table_knobs(table).items():
            lines.append(f"# {name} = {toml_value(item.default)}  # {item.about} ({item.allowed})")
    return lines


def render_default_toml(changes: Mapping[str, object] | None = None) -> str:
    """A complete commented settings file; `changes` (`section.key` -> value) replaces defaults.

    Raises `SettingsError` if a change is not allowed.
    """
    layers = _Layers()
    for key, value in (changes or {}).items():
        layers.take("changes", key, value)
    layers.finish()
    lines = [
        "# Settings of tradetui: every knob with its default. Delete what you do not change.",
        "# Environment: TRADETUI_<SECTION>__<KEY>. Live edits are kept in overrides.toml beside this file.",
    ]
    for section, struct in sections().items():
        about = " ".join((struct.cls.__doc__ or "").split())
        lines += ["", f"[{section}]", f"# {about}"]
        for key, knob in knobs().items():
            if key.startswith(section + "."):
                value = layers.values.get(key, knob.default)
                lines += [f"# {knob.about} ({knob.allowed})", *_knob_lines(knob, value)]
    for section, about in FREE_SECTIONS.items():
        own = {key.partition(".")[2]: value for key, value in layers.values.items() if key.startswith(f"{section}.")}
        lines += ["", f"[{section}]", f"# {about}"]
        lines += [f"{toml_value(name)} = {toml_value(value)}" for name, value in own.items()]
    return "\n".join(lines) + "\n"
