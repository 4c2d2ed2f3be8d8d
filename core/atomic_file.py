"""Replacing a file in one step: whatever happens, a reader finds the old content or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


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
