"""One rule for every settings value, whatever layer it comes from: file, environment or live edit.

The typed structs of `core/settings.py` say type, range and meaning; this module reads them once, checks plain values
against them in words a person can act on. `core/settings_rules.py` holds the rules that concern more than one key.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import tomli_w
from msgspec import inspect

from core.settings import GROUPS, Settings
from core.venue import TIMEFRAME_MS

GROUP_NAME = re.compile(r"[a-z0-9_-]{1,12}")

ARGUMENT_LISTS = ("run",)
"""Keys of tables whose entries are a program's arguments: these may repeat and be empty."""

Values = dict[str, Any]
"""`section.key` -> checked value."""


class Knob(msgspec.Struct, frozen=True):
    """One setting: where it is, what it means and what it accepts."""

    key: str
    type: inspect.Type
    default: Any
    about: str

    @property
    def allowed(self) -> str:
        """What the knob accepts, in words: `0 to 1`, `one of spot, linear`."""
        return _allowed(self.type)


class BadValue(ValueError):
    """A value does not fit its knob; the text says what is wrong with it and what is allowed.

    `problems` holds (place inside the value, text): one with an empty place, or several of a list of tables.
    """

    def __init__(self, text: str, problems: list[tuple[str, str]] | None = None) -> None:
        super().__init__(text)
        self.problems = problems or [("", text)]


@lru_cache(maxsize=1)
def knobs() -> dict[str, Knob]:
    """Every setting by `section.key`, in the order of `core/settings.py`."""
    found: dict[str, Knob] = {}
    for section, struct in sections().items():
        found |= {f"{section}.{name}": knob for name, knob in table_knobs(struct, f"{section}.").items()}
    return found


def table_knobs(struct: inspect.StructType, prefix: str = "") -> dict[str, Knob]:
    """The settings of one section or table, by name."""
    found: dict[str, Knob] = {}
    for item in struct.fields:
        knob_type, about = _bare(item.type)
        found[item.encode_name] = Knob(f"{prefix}{item.encode_name}", knob_type, item.default, about)
    return found


@lru_cache(maxsize=1)
def _fields() -> tuple[inspect.Field, ...]:
    """The sections as typed; looking at the types costs milliseconds, so it is done once."""
    top = inspect.type_info(Settings)
    assert isinstance(top, inspect.StructType)
    return top.fields


@lru_cache(maxsize=1)
def sections() -> dict[str, inspect.StructType]:
    """The sections made of typed knobs, in order."""
    return {f.encode_name: f.type for f in _fields() if isinstance(f.type, inspect.StructType)}


def _bare(kind: inspect.Type) -> tuple[inspect.Type, str]:
    """The type without its description, and the description."""
    if isinstance(kind, inspect.Metadata):
        about = (kind.extra_json_schema or {}).get("description", "")
        return kind.type, str(about)
    return kind, ""


def _free_sections() -> dict[str, str]:
    found = {field.encode_name: _bare(field.type) for field in _fields()}
    return {section: about for section, (kind, about) in found.items() if isinstance(kind, inspect.DictType)}


FREE_SECTIONS = _free_sections()
"""Sections whose keys are the user's own, and what they mean."""


def _allowed(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(_choices(kind))
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        noun = "whole number" if isinstance(kind, inspect.IntType) else "number"
        if kind.ge is not None and kind.le is not None:
            return f"{noun}, {kind.ge:g} to {_plain(kind.le)}"
        if kind.ge is not None:
            return f"{noun}, {kind.ge:g} or more"
        return noun
    table = table_of(kind)
    if table is not None:
        return f"tables of {', '.join(field.encode_name for field in table.fields)}"
    if isinstance(kind, inspect.VarTupleType):
        return f"list, each {_allowed(_bare(kind.item_type)[0])}"
    return "text"


def table_of(kind: inspect.Type | None) -> inspect.StructType | None:
    """The table a knob is a list of (`[[events.rules]]`), or None for every other knob."""
    item = _bare(kind.item_type)[0] if isinstance(kind, inspect.VarTupleType) else None
    return item if isinstance(item, inspect.StructType) else None


def _choices(kind: inspect.LiteralType) -> list[str]:
    """The choices in the order a person expects: by length of time, by size, by name."""
    if all(value in TIMEFRAME_MS for value in kind.values):
        return sorted((str(value) for value in kind.values), key=TIMEFRAME_MS.__getitem__)
    return [str(value) for value in sorted(kind.values, key=_literal_order)]


def _literal_order(value: str | int | None) -> tuple[int, str]:
    return (value, "") if isinstance(value, int) else (0, str(value))


def _plain(number: float) -> str:
    """A bound without exponent: 2147483647, 0.9."""
    return f"{number:.0f}" if float(number).is_integer() else f"{number:g}"


def shown(value: object) -> str:
    """A value as an error message shows it, bounded in length."""
    text = repr(value) if isinstance(value, str) else toml_value(value)
    return text if len(text) <= 60 else text[:57] + "..."


def toml_value(value: object) -> str:
    """One value as TOML text on one line; what TOML cannot say is shown as Python would."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + "}"
    try:
        return tomli_w.dumps({"v": value}).removeprefix("v = ").rstrip("\n")
    except (TypeError, ValueError):
        return repr(value)


def check_value(kind: inspect.Type, value: object) -> Any:
    """The value as the program uses it. Raises `BadValue` with what is wrong and what is allowed.

    Strict: a truth value is no number, a text is no number, 60.0 is no whole number, nan and inf are nothing.
    """
    if isinstance(kind, inspect.BoolType) and isinstance(value, bool):
        return value
    if isinstance(kind, inspect.LiteralType) and any(value == c and type(value) is type(c) for c in kind.values):
        return value
    if isinstance(kind, inspect.StrType) and isinstance(value, str):
        return _check_text(value)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _check_number(kind, value)
    table = table_of(kind)
    if table is not None and isinstance(value, list | tuple):
        return _check_tables(table, value)
    if isinstance(kind, inspect.VarTupleType) and isinstance(value, list | tuple):
        item_type, _ = _bare(kind.item_type)
        items = tuple(check_value(item_type, item) for item in value)
        for item in items:
            if isinstance(item, str) and not item.strip():
                raise BadValue("holds an empty entry; take it out")
            if not isinstance(item, float) and items.count(item) > 1:
                raise BadValue(f"holds {shown(item)} twice; keep it once")
        return items
    near = ""
    if isinstance(kind, inspect.LiteralType) and isinstance(value, str):
        near = _nearest(value, _choices(kind))
    raise BadValue(f"{shown(value)} is not allowed: {_allowed(kind)}{near}")


def _check_text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadValue(f"{ascii(value)[:60]} is not valid text; use UTF-8") from None
    return value


def _check_number(kind: inspect.IntType | inspect.FloatType, value: object) -> int | float:
    whole = isinstance(kind, inspect.IntType)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise BadValue(f"{shown(value)} is not allowed: {_allowed(kind)}")
    try:
        number = value if whole else float(value)
    except OverflowError:
        raise BadValue(f"is far too large: {_allowed(kind)}") from None
    outside = (kind.ge is not None and number < kind.ge) or (kind.le is not None and number > kind.le)
    if outside or not math.isfinite(number):
        raise BadValue(f"{_number_text(number)} is out of range: {_allowed(kind)}")
    return number


def _number_text(number: int | float) -> str:
    try:
        return shown(number)
    except ValueError:  # Python refuses to print integers of thousands of digits
        return "the number"


def _nearest(word: str, choices: list[str]) -> str:
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _check_tables(kind: inspect.StructType, tables: Sequence[object]) -> tuple[Any, ...]:
    """Structs of a list of tables. Raises `BadValue` with every problem of every table; `[2].do` is the second one's."""
    problems: list[tuple[str, str]] = []
    structs: list[Any] = []
    fields = table_knobs(kind)
    for number, given in enumerate(tables, start=1):
        table = msgspec.to_builtins(given) if isinstance(given, kind.cls) else given
        if not isinstance(table, dict):
            problems.append((f"[{number}]", f"{shown(table)} is not a table"))
            continue
        values: Values = {}
        for name, value in table.items():
            try:
                values[name] = _check_field(fields, name, value)
            except BadValue as error:
                problems.append((f"[{number}].{name}", str(error)))
        if len(values) == len(table):
            struct: Any = kind.cls(**values)
            problems += [(f"[{number}].{name}", text) for name, text in struct.problems()]
            structs.append(struct)
    if problems:
        raise BadValue("; ".join(f"{place}: {text}" for place, text in problems), problems)
    return tuple(structs)


def _check_field(fields: dict[str, Knob], name: str, value: object) -> Any:
    if name not in fields:
        raise BadValue(f"no such key{_nearest(name, list(fields)) or '; there are ' + ', '.join(fields)}")
    if name in ARGUMENT_LISTS and isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(_check_text(item) for item in value)
    return check_value(fields[name].type, value)


def unknown_key(key: str) -> str:
    """What to say about a `section.key` that does not exist."""
    section, _, name = key.partition(".")
    if section in sections():
        names = [known.partition(".")[2] for known in knobs() if known.startswith(section + ".")]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        if near:
            return f"no such key; did you mean {section}.{near[0]}?"
        elsewhere = [known for known in knobs() if known.endswith(f".{name}")]
        if elsewhere:
            return f"no such key in [{section}]; did you mean {elsewhere[0]}?"
        return f"no such key; [{section}] has {', '.join(names)}"
    return f"no such key{_nearest(key, list(knobs())) or f'; sections are {section_names()}'}"


def section_names() -> str:
    return ", ".join((*sections(), *FREE_SECTIONS))


def check_key(key: str, value: object) -> Any:
    """The checked value of one `section.key`. Raises `BadValue`."""
    section, _, name = key.partition(".")
    if section in FREE_SECTIONS and name:
        if not isinstance(value, str):
            noun = "symbols" if section == "groups" else "keys"
            raise BadValue(f"{shown(value)} is not allowed: text, {noun} separated by commas")
        if section == "groups":
            _check_group(name, value)
        _check_text(name)
        return _check_text(value)
    knob = knobs().get(key)
    if knob is None:
        raise BadValue(unknown_key(key))
    return check_value(knob.type, value)


def _check_group(name: str, value: str) -> None:
    """A group of the operator's own: a short name that is not taken, and at least one symbol."""
    if not GROUP_NAME.fullmatch(name):
        raise BadValue(f"{shown(name)} is no name of a group: 1 to 12 small letters, digits, - or _")
    if name in GROUPS:
        raise BadValue(f"{name} is one of the watchlist's own groups ({', '.join(GROUPS)}); choose another name")
    if not value.replace(",", " ").split():
        raise BadValue("names no symbol; write some, such as BTC, ETH*, or delete the line")


def from_text(key: str, text: str) -> Any:
    """A value typed by a person or given by the environment, turned into what the knob expects, then checked.

    Lists may be typed `1m, 5m` or as a TOML array, truth values as true/false, yes/no, on/off, 1/0. Raises `BadValue`.
    """
    knob = knobs().get(key)
    kind = knob.type if knob is not None else None
    if table_of(kind) is not None:
        raise BadValue(f"is a list of tables and cannot be typed; write [[{key}]] in the settings file")
    stripped = text.strip()
    value: object = text if kind is None or isinstance(kind, inspect.StrType) else stripped
    if isinstance(kind, inspect.BoolType):
        words = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        value = words.get(stripped.lower(), stripped)
    elif isinstance(kind, inspect.IntType | inspect.FloatType) or _is_number_choice(kind):
        value = _typed_number(stripped)
    elif isinstance(kind, inspect.VarTupleType):
        value = _typed_list(stripped, isinstance(_bare(kind.item_type)[0], inspect.IntType | inspect.FloatType))
    elif isinstance(kind, inspect.StrType) and len(stripped) > 1 and stripped[0] == stripped[-1] == '"':
        value = _toml_or_none(stripped) or stripped[1:-1]
    return check_key(key, value)


def _is_number_choice(kind: inspect.Type | None) -> bool:
    return isinstance(kind, inspect.LiteralType) and all(isinstance(value, int) for value in kind.values)


def _typed_number(text: str) -> object:
    if text.startswith("."):  # .6 is how the screen writes probabilities
        text = "0" + text
    value = _toml_or_none(text)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text


def _typed_list(text: str, numbers: bool) -> object:
    if text.startswith("["):
        value = _toml_or_none(text)
        return value if isinstance(value, list) else text
    items = [item.strip().strip('"') for item in text.split(",")] if text else []
    return [_typed_number(item) for item in items] if numbers else items


def _toml_or_none(text: str) -> object:
    if "\n" in text or "\r" in text:
        return None
    try:
        return tomllib.loads(f"v = {text}").get("v")
    except (ValueError, RecursionError):
        return None


def build(values: Values) -> Settings:
    """Settings from checked values; keys that are missing take their defaults."""
    tree: dict[str, dict[str, Any]] = {section: {} for section in (*sections(), *FREE_SECTIONS)}
    for key, value in values.items():
        section, _, name = key.partition(".")
        tree[section][name] = value
    return msgspec.convert(tree, Settings)


def flat(settings: Settings) -> Values:
    """The opposite of `build`: every value by `section.key`."""
    values: Values = {key: getattr(getattr(settings, key.split(".")[0]), key.split(".")[1]) for key in knobs()}
    for section in FREE_SECTIONS:
        values |= {f"{section}.{name}": value for name, value in getattr(settings, section).items()}
    return values
