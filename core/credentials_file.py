"""The file of the keys: `credentials.toml` in the config folder, readable by nobody but its owner.

    [binance_us]
    key = "..."
    secret = "..."

One section per venue and environment: `[binance_us]`, `[bybit]`, `[bybit_testnet]`, `[bybit_demo]`.

File and folder are opened first and judged by what was opened, never by name: nobody can put another file in between. The
folder must belong to this user and be writable by nobody else. Its own parents need no look: who may rename the folder away
can only put one there that belongs to somebody else, and that is refused.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

FILE_NAME = "credentials.toml"
MAX_BYTES = 65_536
MOST_CHARACTERS = 512
HEADER = "# API keys. Written by `tradetui keys set`; must stay readable by its owner alone (mode 0600).\n"


class CredentialsError(Exception):
    """Keys cannot be used or kept. The text names file or variable and the remedy, and never a key."""


class KeyPair:
    """A key and its secret on their way in or out of the file. Shows neither, so that no report of an error can."""

    __slots__ = ("_secret", "key")

    def __init__(self, key: str, secret: str) -> None:
        self.key = key.strip()
        self._secret = secret.strip()

    def secret(self) -> str:
        """The secret itself: for the file and for signing."""
        return self._secret

    @property
    def fault(self) -> str:
        """Why it cannot be a pair of keys, in words; empty when it can."""
        for name, value in (("key", self.key), ("secret", self._secret)):
            if not value:
                return f"the {name} is empty"
            if len(value) > MOST_CHARACTERS:
                return f"the {name} has {len(value)} characters, at most {MOST_CHARACTERS} are possible"
            if not (value.isascii() and value.isprintable()) or " " in value:
                return f"the {name} has spaces or characters no key has; only system-generated (HMAC) keys work"
        return ""

    def __repr__(self) -> str:
        return "<keys>"

    def __reduce_ex__(self, protocol: object) -> Any:
        raise TypeError("keys are not copied or pickled")


class Sections:
    """What the file holds: section to its fields. Shows nothing of itself."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __repr__(self) -> str:
        return "<credentials>"

    def __reduce_ex__(self, protocol: object) -> Any:
        raise TypeError("keys are not copied or pickled")

    @property
    def names(self) -> tuple[str, ...]:
        """The sections there are."""
        return tuple(self._values)

    def pair(self, section: str) -> KeyPair | None:
        """The keys of a section; an absent half is empty. None when there is no such section."""
        if section not in self._values:
            return None
        fields = self._values[section]
        return KeyPair(*(str(fields.get(name, "")) for name in ("key", "secret")))

    def put(self, section: str, pair: KeyPair | None) -> None:
        """Replace the keys of a section, or take it out."""
        if pair is None:
            self._values.pop(section, None)
        else:
            self._values[section] = {"key": pair.key, "secret": pair.secret()}

    def toml(self) -> bytes:
        """The file's contents."""
        return (HEADER + tomli_w.dumps(self._values)).encode()


def read_sections(folder: Path) -> Sections | None:
    """What the file holds; None when there is none. Raises `CredentialsError` when it may not be trusted or read."""
    try:
        folder_fd = _open_folder(folder)
    except FileNotFoundError:
        return None
    try:
        return _read(folder_fd, folder / FILE_NAME)
    finally:
        os.close(folder_fd)


def change_sections(folder: Path, change: Callable[[Sections], None]) -> None:
    """Read, change, and write anew in one step: the file is the old or the new one, whole, whatever happens.

    The folder is made (0700) when there is none. Two processes that change it wait for each other. An empty result takes the
    file away. Raises `CredentialsError`.
    """
    path = folder / FILE_NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder_fd = _open_folder(folder)
    except OSError as error:
        raise CredentialsError(
            f"{folder}: cannot be used ({error.strerror}); give this user the right to write it"
        ) from None
    try:
        fcntl.flock(folder_fd, fcntl.LOCK_EX)
        found = _read(folder_fd, path) or Sections({})
        change(found)
        _write(folder_fd, found)
    except OSError as error:
        raise CredentialsError(
            f"{path}: cannot be written ({error.strerror}); free some space, or give this user the right to write it"
        ) from None
    finally:
        os.close(folder_fd)


def _open_folder(folder: Path) -> int:
    """The folder, judged. Raises `FileNotFoundError` when there is none, `CredentialsError` when it may not be trusted."""
    if folder.is_symlink():
        raise CredentialsError(f"{folder}: is a symbolic link; put a folder of your own there, with mode 0700")
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    about = os.fstat(fd)
    mode = stat.S_IMODE(about.st_mode)
    words = ""
    if about.st_uid != os.geteuid():
        words = f"belongs to user {about.st_uid}, not to you ({os.geteuid()}); choose a folder of your own"
    elif mode & 0o022:
        words = f"can be written by others (mode {mode:04o}); run: chmod go-w '{folder}'"
    if words:
        os.close(fd)
        raise CredentialsError(f"{folder}: {words}")
    return fd


def _read(folder_fd: int, path: Path) -> Sections | None:
    try:
        fd = os.open(FILE_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        words = _link_words(folder_fd) or f"cannot be read ({error.strerror}); give this user the right to read it"
        raise CredentialsError(f"{path}: {words}") from None
    try:
        if words := _why_not(os.fstat(fd), path):
            raise CredentialsError(f"{path}: {words}")
        found, words = _parse(os.read(fd, MAX_BYTES + 1))
    finally:
        os.close(fd)
    if found is None:
        raise CredentialsError(f"{path}: {words}")
    return found


def _link_words(folder_fd: int) -> str:
    about = os.stat(FILE_NAME, dir_fd=folder_fd, follow_symlinks=False)
    return "is a symbolic link; put the file itself there, with mode 0600" if stat.S_ISLNK(about.st_mode) else ""


def _why_not(about: os.stat_result, path: Path) -> str:
    """Why a file may not be trusted; empty when it may."""
    mode = stat.S_IMODE(about.st_mode)
    if not stat.S_ISREG(about.st_mode):
        return "is no regular file; take it away and run `tradetui keys set VENUE`"
    if about.st_uid != os.geteuid():
        return f"belongs to user {about.st_uid}, not to you ({os.geteuid()}); take it away and store your own keys"
    if mode & 0o077:
        return f"can be read or written by others (mode {mode:04o}); run: chmod 600 '{path}', and renew the keys at the venue"
    if about.st_size > MAX_BYTES:
        return f"has {about.st_size:,} bytes, at most {MAX_BYTES:,} can be keys; take out what does not belong there"
    return ""


def _parse(content: bytes) -> tuple[Sections | None, str]:
    """The sections, or in words why there are none. Never raises: an exception would carry the file's text along."""
    try:
        values = tomllib.loads(content.decode())
    except UnicodeDecodeError:
        return None, "is no UTF-8 text; write it anew with `tradetui keys set VENUE`"
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f" in line {line[1]}" if line else ""
        return None, f'is no valid TOML{where}; correct it: [venue], then key = "..." and secret = "..."'
    for name, table in values.items():
        if not isinstance(table, dict):
            return None, f"{name} stands outside of a section; put it under [binance_us] or [bybit]"
    return Sections(values), ""


def _write(folder_fd: int, sections: Sections) -> None:
    """A new file beside the old one, whole and on the disk before it takes its place."""
    if not sections.names:
        _remove(folder_fd, FILE_NAME)
        os.fsync(folder_fd)
        return
    name = f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=folder_fd)
    try:
        with _closing(fd):
            os.fchmod(fd, 0o600)
            _write_all(fd, sections)
            os.fsync(fd)
        os.rename(name, FILE_NAME, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
    except BaseException:
        _remove(folder_fd, name)
        raise
    os.fsync(folder_fd)


def _write_all(fd: int, sections: Sections) -> None:
    rest = memoryview(sections.toml())
    while rest:
        rest = rest[os.write(fd, rest) :]


@contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)


def _remove(folder_fd: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder_fd)
    except FileNotFoundError:
        return
