"""What can be wrong with the journal. Each type tells the caller what still may be done; each text names file and remedy.

Whatever the type: no journal, no send. Cancels go on, as they only ever reduce what is open.
"""

from __future__ import annotations

import errno
from pathlib import Path


class JournalError(Exception):
    """Base of them all. `file` is what it speaks of."""

    def __init__(self, file: Path, what: str, remedy: str) -> None:
        super().__init__(f"{file}: {what}; {remedy}")
        self.file = file


class JournalDamaged(JournalError):
    """Records are missing or changed in the middle: what was meant is no longer known, so nothing may be traded on it."""

    def __init__(self, file: Path, offset: int, what: str) -> None:
        remedy = (
            "restore it from a backup, or reconcile every order with the venue by hand and move the journal folder away"
        )
        super().__init__(file, f"damaged at byte {offset} ({what})", remedy)
        self.offset = offset


class JournalTooNew(JournalError):
    """Whole and unharmed, but with records this program does not know."""

    def __init__(self, file: Path, offset: int, what: str) -> None:
        super().__init__(file, f"byte {offset} was written by another version ({what})", "start the newer program")
        self.offset = offset


class JournalLocked(JournalError):
    """Another process writes it. `pid` is that process, 0 if it did not say."""

    def __init__(self, file: Path, pid: int) -> None:
        super().__init__(file, "locked", "quit the program that holds it")
        # Who it is comes first: a line that is too long is cut at its end.
        said = f"account in use by process {pid or '(unknown)'}: quit that program first, one engine per account"
        self.args = (f"{said} ({file})",)
        self.pid = pid


class JournalFull(JournalError):
    """No space or no quota. Appends work again as soon as there is some."""

    def __init__(self, file: Path, error: OSError) -> None:
        super().__init__(file, f"cannot be written ({error.strerror})", "free some space on its disk")


class JournalReadOnly(JournalError):
    """The folder or disk may not be written. Appends work again as soon as it may."""

    def __init__(self, file: Path, error: OSError) -> None:
        super().__init__(
            file, f"cannot be written ({error.strerror})", "give this user the right to write it, or remount the disk"
        )


class JournalFailed(JournalError):
    """The disk failed, and what it holds is not known. Final: only opening the journal anew tells what survived."""

    def __init__(self, file: Path, error: OSError) -> None:
        super().__init__(file, f"the disk failed ({error.strerror})", "check the disk and start the program again")


class JournalSlow(JournalError):
    """Not on the disk within the limit. The record may yet get there: its act must not be done, and counts as not done."""

    def __init__(self, file: Path, limit_s: float) -> None:
        super().__init__(file, f"not on the disk after {limit_s:g} s", "find what keeps the disk busy")


class JournalClosed(JournalError):
    """Appended after `close`."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, "is closed", "start the program again")


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


def of_os_error(file: Path, error: OSError) -> JournalError:
    """The type that tells what to do about an error of the operating system."""
    if error.errno in _FULL:
        return JournalFull(file, error)
    if error.errno in _READ_ONLY:
        return JournalReadOnly(file, error)
    return JournalFailed(file, error)
