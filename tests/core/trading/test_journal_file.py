"""The journal on disk: whatever is cut off or flipped, no wrong record is ever read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.trading.journal import read_journal
from core.trading.journal_errors import JournalDamaged, JournalLocked, JournalTooNew
from core.trading.journal_file import FILE_HEAD_SIZE, Position, file_head, file_name, frame, scan_file
from core.trading.journal_records import KeyPressed, Note, encode
from core.trading.journal_writer import JournalWriter

BIG = 1 << 30


def note(number: int) -> Note:
    return Note(at_ms=number, code="N", text=f"note {number}")


def small_file() -> tuple[bytes, list[Note], list[int]]:
    """Three frames of 1, 2 and 1 records; the records; the byte where each frame ends."""
    notes = [note(n) for n in range(4)]
    data, position, ends = file_head(1, Position()), Position(), []
    for batch in (notes[:1], notes[1:3], notes[3:]):
        framed, position = frame([encode(one) for one in batch], position)
        data += framed
        ends.append(len(data))
    return data, notes, ends


DATA, NOTES, ENDS = small_file()
KEPT = {FILE_HEAD_SIZE: 0, ENDS[0]: 1, ENDS[1]: 3, ENDS[2]: 4}


def folder_with(path: Path, *files: bytes) -> Path:
    path.mkdir(exist_ok=True)
    for number, data in enumerate(files, start=1):
        (path / file_name(number)).write_bytes(data)
    return path


def reopened(folder: Path) -> tuple[list, JournalWriter]:
    writer = JournalWriter(folder, BIG)
    return [entry.record for entry in writer.entries], writer


def test_cut_at_every_byte_it_is_repaired_at_the_last_good_record_and_goes_on(tmp_path):
    for size in range(len(DATA) + 1):
        folder = folder_with(tmp_path / str(size), DATA[:size])
        kept = max((count for end, count in KEPT.items() if end <= size), default=0)
        assert [e.record for e in read_journal(folder)] == NOTES[:kept]
        records, writer = reopened(folder)
        assert records == NOTES[:kept]
        whole = size in KEPT or size == 0
        assert (writer.repair is None) == whole
        if writer.repair is not None:
            assert writer.repair.dropped == size - writer.repair.offset
            assert writer.repair.saved.read_bytes() == DATA[writer.repair.offset : size]
        assert writer.commit([encode(note(9))]) == kept + 1
        writer.close()
        assert [e.record for e in read_journal(folder)] == [*NOTES[:kept], note(9)]


def test_every_flipped_bit_is_repaired_or_refused_and_never_read(tmp_path):
    path = tmp_path / file_name(1)
    refused = set()
    for at in range(len(DATA)):
        for bit in range(8):
            data = bytearray(DATA)
            data[at] ^= 1 << bit
            try:
                scan = scan_file(path, bytes(data), 1, Position(), newest=True)
            except JournalDamaged:
                refused.add(at)
                continue
            kept = [entry.record for entry in scan.entries]
            assert kept == NOTES[:3]
            assert (scan.good_size, scan.torn) == (ENDS[1], len(DATA) - ENDS[1])
    assert refused == set(range(ENDS[1]))


def test_damage_in_the_middle_names_file_byte_and_remedy(tmp_path):
    data = bytearray(DATA)
    data[ENDS[0] + 40] ^= 1
    folder = folder_with(tmp_path / "j", bytes(data))
    with pytest.raises(JournalDamaged, match="reconcile every order") as caught:
        JournalWriter(folder, BIG)
    assert (caught.value.file, caught.value.offset) == (folder / file_name(1), ENDS[0])
    assert (folder / file_name(1)).read_bytes() == bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        DATA[: ENDS[0]] + DATA[ENDS[1] :],  # a frame left out
        DATA[: ENDS[1]] + DATA[ENDS[0] :],  # a frame twice
        DATA[:FILE_HEAD_SIZE] + DATA[ENDS[0] :],  # the first one left out
    ],
)
def test_frames_left_out_or_doubled_are_damage(tmp_path, data):
    with pytest.raises(JournalDamaged):
        read_journal(folder_with(tmp_path / "j", data))


def test_zeros_after_the_last_record_are_a_torn_tail(tmp_path):
    records, writer = reopened(folder_with(tmp_path / "j", DATA + bytes(5000)))
    writer.close()
    assert records == NOTES


@settings(max_examples=150, deadline=None)
@given(tail=st.binary(min_size=1, max_size=200))
def test_any_bytes_after_the_last_record_are_never_read_as_one(tail):
    scan = scan_file(Path("j"), DATA + tail, 1, Position(), newest=True)
    assert [entry.record for entry in scan.entries] == NOTES
    assert scan.torn == len(tail)


def test_files_go_on_from_each_other_and_their_order_is_checked(tmp_path):
    writer = JournalWriter(tmp_path / "j", 200)
    for number in range(12):
        writer.commit([encode(note(number))])
    writer.close()
    files = sorted((tmp_path / "j").glob("*.log"))
    assert len(files) > 3
    entries = read_journal(tmp_path / "j")
    assert [(e.seq, e.record) for e in entries] == [(n + 1, note(n)) for n in range(12)]
    first, second, third = (file.read_bytes() for file in files[:3])
    for changed in ((first, third, second), (second, first), (first[:-1], second), (first + b"\0", second)):
        with pytest.raises(JournalDamaged):
            read_journal(folder_with(tmp_path / f"c{len(list(tmp_path.iterdir()))}", *changed))
    files[1].unlink()
    with pytest.raises(JournalDamaged, match="missing"):
        read_journal(tmp_path / "j")


def test_a_file_begun_and_not_finished_is_begun_anew(tmp_path):
    start = scan_file(Path("j"), DATA, 1, Position(), newest=True).end
    head = file_head(2, start)
    for size in (0, 1, FILE_HEAD_SIZE - 1, FILE_HEAD_SIZE):
        folder = folder_with(tmp_path / str(size), DATA, head[:size])
        records, writer = reopened(folder)
        assert records == NOTES
        assert writer.commit([encode(note(9))]) == 5
        writer.close()
        assert (folder / file_name(2)).read_bytes()[:FILE_HEAD_SIZE] == head
        assert len(read_journal(folder)) == 5


def test_a_header_alone_is_begun_anew_when_unreadable_and_refused_when_it_is_another_ones(tmp_path):
    start = scan_file(Path("j"), DATA, 1, Position(), newest=True).end
    flipped = bytearray(file_head(2, start))
    flipped[20] ^= 1
    records, writer = reopened(folder_with(tmp_path / "a", DATA, bytes(flipped)))
    writer.close()
    assert records == NOTES
    with pytest.raises(JournalDamaged, match="does not go on"):
        read_journal(folder_with(tmp_path / "b", DATA, file_head(2, Position())))


def test_what_a_newer_program_wrote_is_not_called_damage(tmp_path):
    framed, _ = frame([b"\x82\xa4type\xa6future\xa5at_ms\x01"], Position())
    with pytest.raises(JournalTooNew, match="newer program"):
        read_journal(folder_with(tmp_path / "j", file_head(1, Position()) + framed))


def test_a_second_writer_is_refused_with_the_first_ones_process(tmp_path):
    first = JournalWriter(tmp_path / "j", BIG)
    (pid,) = (int((tmp_path / "j" / "journal.lock").read_text()),)
    with pytest.raises(JournalLocked, match=f"in use by process {pid}") as caught:
        JournalWriter(tmp_path / "j", BIG)
    assert caught.value.pid == pid
    first.close()
    first.close()
    JournalWriter(tmp_path / "j", BIG).close()


def test_a_refused_journal_does_not_stay_locked(tmp_path):
    folder = folder_with(tmp_path / "j", DATA[: ENDS[0]] + DATA[ENDS[1] :])
    for _ in range(2):
        with pytest.raises(JournalDamaged):
            JournalWriter(folder, BIG)


def test_only_the_user_may_read_it(tmp_path):
    writer = JournalWriter(tmp_path / "j", BIG)
    writer.commit([encode(KeyPressed(at_ms=1, action="halt"))])
    writer.close()
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "j").iterdir())
