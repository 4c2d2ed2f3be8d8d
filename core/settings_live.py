"""Live edits: validated like the files, kept in `overrides.toml`, published, undoable.

Parts hold the `LiveSettings` and read `current` at each evaluation, so an edit takes effect at the next one.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import tomli_w

from core.atomic_file import write_atomic
from core.bus import Bus
from core.clock import Clock
from core.messages import EditSetting, Fault, SettingChanged, SettingRejected, UndoSetting
from core.settings import Settings
from core.settings_check import (
    FREE_SECTIONS,
    BadValue,
    Values,
    build,
    check_key,
    flat,
    from_text,
    knobs,
    shown,
    toml_value,
)
from core.settings_load import SettingsError, read_toml
from core.settings_rules import broken_rules
from core.settings_trading import Trading

log = logging.getLogger("tradetui.settings")

LIVE_SECTIONS = ("confluence", "detectors", "screening", "calibration", "paper", "risk")
LIVE_KEYS = (
    "events.rules",
    "screen.theme",
    "screen.flush_hz",
    "screen.row_repaint_s",
    "screen.sort",
    "screen.reverse",
    "screen.columns",
    "screen.times",
    "screen.private",
    "market.pinned",
    "market.watch",
    "market.quote_assets",
    "market.min_quote_volume",
    "market.volatility_weight",
    "market.refresh_minutes",
    *(f"trading.{name}" for name in Trading.__struct_fields__ if name != "environment"),
)
"""What the parts read again while running; everything else is read once at start."""

UNDO_DEPTH = 200


def is_live(key: str) -> bool:
    """Whether an edit of this `section.key` takes effect without a restart."""
    return key.partition(".")[0] in LIVE_SECTIONS or key in LIVE_KEYS


def _where_else(key: str) -> str:
    """Where a key that cannot be edited here is changed."""
    section = key.partition(".")[0]
    if section in FREE_SECTIONS:
        return f"{section} are changed in settings.toml; they take effect when the file is saved"
    return "takes effect after a restart: edit settings.toml"


class _Step(NamedTuple):
    """What one edit replaced: the value in force, and the value in the overrides file (none: the key was not there)."""

    key: str
    value: Any
    override: Any


class LiveSettings:
    """The settings in force. The newest object is `current`; it is replaced, never changed.

    The file is written before an edit takes effect: when that fails the edit is refused and nothing has changed.
    Writing happens on the caller's thread; an edit is a person's act and rare.
    """

    def __init__(self, bus: Bus, clock: Clock, settings: Settings, overrides_path: Path) -> None:
        self._bus = bus
        self._clock = clock
        self._path = overrides_path
        self._current = settings
        self._undo: list[_Step] = []
        self._overrides = _read_overrides(overrides_path)
        bus.subscribe(EditSetting, self._on_edit, name="settings.edit")
        bus.subscribe(UndoSetting, self._on_undo, name="settings.undo")

    @property
    def current(self) -> Settings:
        """The settings in force now. Read it at each evaluation, do not keep it."""
        return self._current

    def edit(self, key: str, text: str, by: str = "operator") -> bool:
        """Change `section.key` to the value typed. Publishes `SettingChanged` or `SettingRejected`; True if changed."""
        key = key.strip()
        try:
            value = from_text(key, text)
        except BadValue as error:
            return self._reject(key, text, str(error))
        if not is_live(key):
            return self._reject(key, text, _where_else(key))
        before = flat(self._current)
        old = before[key]
        if old == value:
            return self._reject(key, text, f"is already {toml_value(value)}; nothing to change")
        after = {**before, key: value}
        broken = broken_rules(after)
        if broken:
            keys, remedy = broken[0]
            said = ", ".join(f"{name} = {shown(after.get(name))}" for name in keys)
            return self._reject(key, text, f"{remedy} ({said})")
        overrides = {**self._overrides, key: value}
        reason = self._store(overrides)
        if reason:
            return self._reject(key, text, reason)
        self._undo = [*self._undo[-UNDO_DEPTH + 1 :], _Step(key, old, self._overrides.get(key))]
        self._current, self._overrides = build(after), overrides
        self._say(key, old, value, by=by, undo=False)
        return True

    def undo(self, by: str = "operator") -> bool:
        """Take back the newest edit of this run. Publishes like `edit`; True if something was taken back."""
        if not self._undo:
            return self._reject("", "", "nothing to undo: no setting was edited since start")
        key, value, override = self._undo[-1]
        before = flat(self._current)
        old, after = before[key], {**before, key: value}
        broken = broken_rules(after)
        if broken:
            return self._reject(key, toml_value(value), f"cannot be taken back: {broken[0][1]}")
        overrides = {name: kept for name, kept in self._overrides.items() if name != key}
        if override is not None:
            overrides[key] = override
        reason = self._store(overrides)
        if reason:
            return self._reject(key, toml_value(value), reason)
        self._undo.pop()
        self._current, self._overrides = build(after), overrides
        self._say(key, old, value, by=by, undo=True)
        return True

    def adopt(self, settings: Settings, by: str = "file") -> None:
        """Take settings read again from their files. What is live takes effect and is told; of the rest it is said that a
        restart is needed.
        """
        self._overrides = _read_overrides(self._path)
        before, after = flat(self._current), flat(settings)
        changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        told = [key for key in changed if is_live(key) or key.partition(".")[0] in FREE_SECTIONS]
        kept = {key: value for key, value in after.items() if key in told or key not in changed}
        kept |= {key: before[key] for key in changed if key in before and key not in told}
        self._current = build(kept)
        for key in told:
            self._say(key, before.get(key, ""), after.get(key, ""), by=by, undo=False)
        for key in changed:
            if key not in told:
                text = f"{key} = {toml_value(after.get(key, ''))} was saved; it takes effect after a restart"
                self._bus.publish(Fault(source="settings", message=text, severity="info", at_ms=self._clock.now_ms()))

    def _on_edit(self, message: EditSetting) -> None:
        self.edit(message.key, message.value)

    def _on_undo(self, _message: UndoSetting) -> None:
        self.undo()

    def _store(self, overrides: Values) -> str:
        """Write the overrides file; returns why that was not possible, or an empty text."""
        try:
            write_overrides(self._path, overrides)
        except OSError as error:
            why = error.strerror or str(error)
            return f"cannot be kept in {self._path} ({why}); free the disk or mend the permissions, nothing was changed"
        return ""

    def _reject(self, key: str, text: str, reason: str) -> bool:
        log.warning("edit refused: %s = %s: %s", key, text, reason)
        at_ms = self._clock.now_ms()
        self._bus.publish(SettingRejected(key=key, value=text, reason=reason, at_ms=at_ms))
        return False

    def _say(self, key: str, old: object, new: object, *, by: str, undo: bool) -> None:
        log.info("%s %s: %s -> %s by %s", key, "undone" if undo else "edited", toml_value(old), toml_value(new), by)
        self._bus.publish(
            SettingChanged(
                key=key, old=toml_value(old), new=toml_value(new), by=by, undo=undo, at_ms=self._clock.now_ms()
            )
        )


def _read_overrides(path: Path) -> Values:
    """The edits kept so far. What is not valid was already reported by `load`; here it is only left out."""
    if not path.exists():
        return {}
    try:
        tree = read_toml(path)
    except SettingsError as error:
        log.warning("starting without earlier edits: %s", error)
        return {}
    values: Values = {}
    for section, content in tree.items():
        for name, value in (content if isinstance(content, dict) else {}).items():
            with contextlib.suppress(BadValue):
                values[f"{section}.{name}"] = check_key(f"{section}.{name}", value)
    return values


def write_overrides(path: Path, overrides: Values) -> None:
    """Replace the overrides file in one step: a reader sees the old or the new one. Raises `OSError`."""
    tree: dict[str, dict[str, object]] = {}
    for key in sorted(overrides, key=_order):
        section, _, name = key.partition(".")
        value = overrides[key]
        tree.setdefault(section, {})[name] = msgspec.to_builtins(value)
    head = b"# Live edits, newest value of each. Delete a line to take the edit back at the next start.\n"
    write_atomic(path, head + tomli_w.dumps(tree).encode())


def _order(key: str) -> tuple[int, str]:
    known = list(knobs())
    return (known.index(key) if key in knobs() else len(known), key)
