"""Replacing a file in one step: whatever happens, a reader finds the old content or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


class DamagedFile(Exception):
    """What is there cannot be used; the words say why. It is never replaced unasked."""


def read_struct(path: Path, kind: type[T], known_format: int) -> T | None:
    """The JSON file as a struct with a field `format`; None if there is none. Raises `DamagedFile`."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedFile(f"cannot be read ({error.strerror or error})") from error
    try:
        value = msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
        raise DamagedFile(f"is damaged ({error})") from error
    found = getattr(value, "format", None)
    if found != known_format:
        raise DamagedFile(f"has format {found}, this version knows {known_format}")
    return value


def write_atomic(path: Path, data: bytes) -> None:
    """Write and make durable; creates the folder. On the caller's thread: for small and rare files. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def set_aside(path: Path, now_ms: int) -> Path:
    """Rename a damaged file so that nothing overwrites it; returns its new place. Raises `OSError`."""
    aside = path.with_name(f"{path.name}.damaged-{now_ms}")
    os.replace(path, aside)
    _sync_folder(path.parent)
    return aside


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable. Where folders cannot be synced the file is still whole, old or new."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
