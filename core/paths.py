"""Where files live: XDG folders, overridable by environment. The program runs from any working folder."""

from __future__ import annotations

import os
from pathlib import Path


def _folder(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    return (Path(value) if value else Path.home() / fallback) / "tradetui"


def config_folder() -> Path:
    """Settings, overrides, keymaps, user themes."""
    return _folder("XDG_CONFIG_HOME", ".config")


def data_folder() -> Path:
    """Stores: candles, events, track record."""
    return _folder("XDG_DATA_HOME", ".local/share")


def state_folder() -> Path:
    """Logs."""
    return _folder("XDG_STATE_HOME", ".local/state")
