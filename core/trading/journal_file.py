"""The journal on disk: files of frames, each frame what one fsync made durable, chained by their digests.

A file `journal-000001.log` begins with a header (magic, version, number of the file, first sequence number, digest the chain
goes on from, own checksum). A frame is: magic, length, count of records, first sequence number, CRC of the payload, CRC of
these; the payload (each record with its length); and a BLAKE2b digest over the digest before and all of the frame. So one
flipped bit, a frame left out, doubled or moved does not pass.

What a crash leaves is a bad frame with nothing after it: it was never acknowledged, and is cut off. Anything bad that is
followed by a good frame, or that is not in the newest file, is damage, and no guess is made about it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct

from core.trading.journal_errors import JournalDamaged, JournalTooNew
from core.trading.journal_records import Entry, decode

VERSION = 1
FILE_MAGIC = b"TTJOURN\n"
FRAME_MAGIC = b"\xf5TJ\xa7"
DIGEST_SIZE = 16
_FILE_HEAD = struct.Struct(f">8sIIQ{DIGEST_SIZE}s")
_FRAME_HEAD = struct.Struct(">4sIIQI")
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">I")
FILE_HEAD_SIZE = _FILE_HEAD.size + DIGEST_SIZE
FRAME_HEAD_SIZE = _FRAME_HEAD.size + _CRC.size
ORIGIN = bytes(DIGEST_SIZE)


class Position(Struct, frozen=True):
    """Where the chain stands: the next sequence number and the digest it goes on from."""

    next_seq: int = 1
    digest: bytes = ORIGIN


class Scan(Struct, frozen=True):
    """One file read: its entries, where the next frame belongs, and how many bytes of a torn tail follow (0: none)."""

    path: Path
    number: int
    entries: list[Entry]
    end: Position
    good_size: int
    torn: int


def file_name(number: int) -> str:
    """Name of the n-th file, from 1."""
    return f"journal-{number:06d}.log"


def files_of(folder: Path) -> list[Path]:
    """The journal's files, oldest first. Raises `JournalDamaged` when one in the middle is missing."""
    found = sorted(folder.glob("journal-[0-9][0-9][0-9][0-9][0-9][0-9].log"))
    for number, path in enumerate(found, start=1):
        if path.name != file_name(number):
            raise JournalDamaged(folder / file_name(number), 0, "the file is missing")
    return found


def file_head(number: int, start: Position) -> bytes:
    """The header of a file that goes on from `start`."""
    head = _FILE_HEAD.pack(FILE_MAGIC, VERSION, number, start.next_seq, start.digest)
    return head + _digest(ORIGIN, head)


def frame(payloads: Sequence[bytes], start: Position) -> tuple[bytes, Position]:
    """Encoded records as one frame, and where the chain stands after it."""
    body = b"".join(part for payload in payloads for part in (_LENGTH.pack(len(payload)), payload))
    head = _FRAME_HEAD.pack(FRAME_MAGIC, len(body), len(payloads), start.next_seq, zlib.crc32(body))
    framed = head + _CRC.pack(zlib.crc32(head)) + body
    digest = _digest(start.digest, framed)
    return framed + digest, Position(start.next_seq + len(payloads), digest)


def scan_folder(folder: Path) -> list[Scan]:
    """Every file read and checked, oldest first. Raises `JournalDamaged`, `JournalTooNew` or `OSError`."""
    scans: list[Scan] = []
    start = Position()
    files = files_of(folder)
    for number, path in enumerate(files, start=1):
        scan = scan_file(path, path.read_bytes(), number, start, newest=number == len(files))
        start = scan.end
        scans.append(scan)
    return scans


def scan_file(path: Path, data: bytes, number: int, start: Position, *, newest: bool) -> Scan:
    """Read one file that must go on from `start`. A torn tail is told for the newest file; elsewhere it is damage."""
    expected = file_head(number, start)
    if data[:FILE_HEAD_SIZE] != expected:
        return _headless(path, data, number, start, newest)
    entries: list[Entry] = []
    position, offset = start, FILE_HEAD_SIZE
    while offset < len(data):
        size = _frame_size(data, offset)
        after = _next_position(path, data, offset, size, position) if size is not None else None
        if size is None or after is None:
            _refuse_unless_torn(path, data, offset, newest)
            return Scan(path, number, entries, position, offset, len(data) - offset)
        entries += _entries(path, data, offset, size, position.next_seq)
        position = after
        offset += size
    return Scan(path, number, entries, position, offset, 0)


def _headless(path: Path, data: bytes, number: int, start: Position, newest: bool) -> Scan:
    """A file begun and not finished holds no frame: it is begun anew. A whole header that does not fit is damage."""
    if len(data) >= FILE_HEAD_SIZE:
        head = data[: _FILE_HEAD.size]
        if data[_FILE_HEAD.size : FILE_HEAD_SIZE] == _digest(ORIGIN, head):
            version = _FILE_HEAD.unpack(head)[1]
            if version != VERSION:
                raise JournalTooNew(path, 0, f"format {version}")
            raise JournalDamaged(path, 0, "does not go on from the file before")
    if len(data) > FILE_HEAD_SIZE:
        raise JournalDamaged(path, 0, "the header is not readable")
    _refuse_unless_torn(path, data, 0, newest)
    return Scan(path, number, [], start, 0, len(data))


def _refuse_unless_torn(path: Path, data: bytes, offset: int, newest: bool) -> None:
    if not newest:
        raise JournalDamaged(path, offset, "a later file goes on from here")
    later = data.find(FRAME_MAGIC, offset + 1)
    while later >= 0:
        if _frame_size(data, later) is not None:
            raise JournalDamaged(path, offset, f"good records follow at byte {later}")
        later = data.find(FRAME_MAGIC, later + 1)


def _frame_size(data: bytes, offset: int) -> int | None:
    """Bytes of the frame that stands here whole and unharmed by its own checksums; None for anything else."""
    body_at = offset + FRAME_HEAD_SIZE
    if body_at > len(data):
        return None
    head = data[offset : offset + _FRAME_HEAD.size]
    magic, length, _, _, body_crc = _FRAME_HEAD.unpack(head)
    if magic != FRAME_MAGIC or _CRC.unpack_from(data, body_at - _CRC.size)[0] != zlib.crc32(head):
        return None
    end: int = body_at + length + DIGEST_SIZE
    if end > len(data) or zlib.crc32(data[body_at : body_at + length]) != body_crc:
        return None
    return end - offset


def _next_position(path: Path, data: bytes, offset: int, size: int, start: Position) -> Position | None:
    """Where the chain stands after a whole frame; None when its digest is not whole. A frame of another place is damage."""
    _, _, count, first_seq, _ = _FRAME_HEAD.unpack_from(data, offset)
    if first_seq != start.next_seq:
        raise JournalDamaged(path, offset, f"record {first_seq} stands where record {start.next_seq} belongs")
    digest = data[offset + size - DIGEST_SIZE : offset + size]
    if digest != _digest(start.digest, data[offset : offset + size - DIGEST_SIZE]):
        return None
    return Position(start.next_seq + count, digest)


def _entries(path: Path, data: bytes, offset: int, size: int, first_seq: int) -> Iterator[Entry]:
    at, end = offset + FRAME_HEAD_SIZE, offset + size - DIGEST_SIZE
    seq = first_seq
    while at < end:
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        try:
            record = decode(memoryview(data)[at : at + length])
        except msgspec.MsgspecError as error:
            raise JournalTooNew(path, at, str(error)) from error
        yield Entry(seq, record)
        at += length
        seq += 1


def _digest(before: bytes, data: bytes) -> bytes:
    return blake2b(before + data, digest_size=DIGEST_SIZE).digest()


def all_entries(scans: Iterable[Scan]) -> list[Entry]:
    """Every record of a scanned journal, oldest first."""
    return [entry for scan in scans for entry in scan.entries]
