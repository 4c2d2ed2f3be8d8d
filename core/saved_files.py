"""Notices that files were saved: compared by inode, time of the last change and size, so that a replaced file counts too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

Stamp = tuple[int, int, int] | None
"""None: not there, or not readable."""


class SavedFiles:
    """Files looked at now and then. `find` names them anew at each look; one that comes or goes is a change as well."""

    def __init__(self, find: Callable[[], Iterable[Path]]) -> None:
        self._find = find
        self._seen = self._stamps()

    def changed(self) -> bool:
        """Whether one of them is not what it was at the last look, or at the beginning."""
        before, self._seen = self._seen, self._stamps()
        return self._seen != before

    def _stamps(self) -> dict[Path, Stamp]:
        return {file: _stamp(file) for file in self._find()}


def _stamp(file: Path) -> Stamp:
    try:
        found = os.stat(file)
    except OSError:  # not there, or not readable: whoever loads it says why
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
