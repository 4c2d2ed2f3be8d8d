"""Which key does what: the registry's defaults with the operator's `[keys]` on top, checked as a whole.

Textual drops the loser of a key clash and accepts unknown ids without a word, so the checking is done here. Every problem
is reported at once; an action named in a problem keeps its default keys, so a bad keymap never locks anybody out.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping

from textual.keys import KEY_NAME_REPLACEMENTS

from tui.actions import APP_SCOPE, Action, Registry

SHOWN = {
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "tab": "Tab",
    "backspace": "Bksp",
    "delete": "Del",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
}
"""How named keys are written for people."""

NAMED_KEYS = frozenset(SHOWN) | {"insert"} | {f"f{number}" for number in range(1, 25)}
MODIFIERS = ("ctrl", "shift", "alt", "super")


def key_name(key: str) -> str:
    """Textual's name of a key: `?` is `question_mark`, letters and named keys stay as they are."""
    key = key.strip()
    if len(key) != 1 or key.isalnum():
        return key
    name = unicodedata.name(key, key).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


def key_label(key: str) -> str:
    """A key for people: `?`, `Enter`, `^p`, `F1`."""
    modifiers, _, last = key.rpartition("+")
    if key == "+":
        modifiers, last = "", "+"
    name = SHOWN.get(last) or _character(last) or (last.upper() if last[:1] == "f" and last[1:].isdigit() else last)
    if modifiers == "ctrl":
        return f"^{name}"
    return "+".join([*modifiers.split("+"), name]) if modifiers else name


def _character(name: str) -> str | None:
    """The punctuation behind a key name, if it is one."""
    original = {new: old for old, new in KEY_NAME_REPLACEMENTS.items()}.get(name, name)
    for spelling in (
        original.replace("_", " "),
        original.replace("_", "-"),
        original.replace("_", "-", 1).replace("_", " "),
    ):
        try:
            found = unicodedata.lookup(spelling.upper())
        except KeyError:
            continue
        return found if found.isprintable() and not found.isalnum() else None
    return None


def split_keys(keys: str) -> list[str]:
    """Names of a comma list. A lone comma is the comma key."""
    if keys.strip() == ",":
        return ["comma"]
    return [key_name(key) for key in keys.split(",") if key.strip()]


def _is_key(name: str) -> bool:
    """Whether a terminal can send a key of this name."""
    *modifiers, last = name.split("+")
    if any(modifier not in MODIFIERS for modifier in modifiers):
        return False
    return len(last) == 1 or last in NAMED_KEYS or _character(last) is not None


class Keymap:
    """Resolved keys. `problems` says in sentences what was wrong with the operator's own."""

    def __init__(self, registry: Registry, own: Mapping[str, str] | None = None) -> None:
        self._registry = registry
        self.problems: list[str] = []
        self._keys: dict[str, tuple[str, ...]] = {a.id: tuple(split_keys(a.keys)) for a in registry}
        defaults = dict(self._keys)
        reserved = {key: a for a in registry if a.fixed for key in self._keys[a.id]}
        changed = self._apply(own or {}, reserved)
        self._settle_clashes(changed, defaults)
        self._by_scope: dict[str, dict[str, Action]] = {
            scope: {key: a for a in reversed(registry.of_scope(scope)) for key in self._keys[a.id]}
            for scope in [*registry.scopes(), APP_SCOPE]
        }

    def action_for(self, scope: str, key: str) -> Action | None:
        """What this key does on this screen."""
        table = self._by_scope.get(scope) or self._by_scope[APP_SCOPE]
        return table.get(key)

    def keys_of(self, action_id: str) -> tuple[str, ...]:
        """Key names of an action; empty when it has none."""
        return self._keys.get(action_id, ())

    def label(self, action_id: str) -> str:
        """The first key of an action for people, empty when it has none."""
        keys = self.keys_of(action_id)
        return key_label(keys[0]) if keys else ""

    def labels(self, action_id: str) -> str:
        """All keys of an action for people, comma separated."""
        return ", ".join(key_label(key) for key in self.keys_of(action_id))

    def _apply(self, own: Mapping[str, str], reserved: Mapping[str, Action]) -> set[str]:
        """Take the operator's keys that are possible at all; returns the ids they changed."""
        changed: set[str] = set()
        for action_id, keys in own.items():
            action = self._registry.get(action_id)
            if action is None:
                close = difflib.get_close_matches(action_id, self._registry.ids(), n=1, cutoff=0.5)
                hint = f"did you mean {close[0]}?" if close else "? shows the ids."
                self.problems.append(f'[keys] "{action_id}": no action has this id; {hint}')
                continue
            if action.fixed:
                self.problems.append(f'[keys] "{action_id}" = "{keys}": its keys are fixed; remove the line.')
                continue
            names = split_keys(keys)
            unknown = [name for name in names if not _is_key(name)]
            taken = [name for name in names if name in reserved]
            if unknown:
                self.problems.append(f'[keys] "{action_id}" = "{keys}": no key is called {unknown[0]}.')
            elif taken:
                owner = reserved[taken[0]].id
                self.problems.append(f'[keys] "{action_id}" = "{keys}": {key_label(taken[0])} is reserved for {owner}.')
            else:
                self._keys[action_id] = tuple(names)
                changed.add(action_id)
        return changed

    def _settle_clashes(self, changed: set[str], defaults: Mapping[str, tuple[str, ...]]) -> None:
        """Put changed actions that clash back to their defaults, until nothing clashes any more."""
        while clash := self._first_clash(changed):
            loser, other, key = clash
            text = f'"{loser}" and "{other}" both want {key_label(key)} on one screen; "{loser}" keeps its default.'
            self.problems.append(f"[keys] {text}")
            self._keys[loser] = defaults[loser]
            changed.discard(loser)

    def _first_clash(self, changed: set[str]) -> tuple[str, str, str] | None:
        """(id to reset, the other id, key) of the first clash that a changed action takes part in."""
        for scope in [*self._registry.scopes(), APP_SCOPE]:
            owners: dict[str, str] = {}
            for action in self._registry.of_scope(scope):
                for key in self._keys[action.id]:
                    other = owners.setdefault(key, action.id)
                    if other == action.id:
                        continue
                    loser = action.id if action.id in changed else other
                    if loser in changed:
                        return loser, (other if loser == action.id else action.id), key
        return None
