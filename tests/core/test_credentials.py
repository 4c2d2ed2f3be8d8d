"""Keys come from the environment or from a file that only its owner can read, and never leave but as a signature."""

from __future__ import annotations

import copy
import hashlib
import hmac
import os
import pickle
import threading
import traceback
from pathlib import Path

import msgspec
import pytest

from core import credentials, credentials_file
from core.credentials import (
    Credentials,
    key_places,
    load_credentials,
    remove_credentials,
    store_credentials,
)
from core.credentials_file import FILE_NAME, CredentialsError, KeyPair, change_sections

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
VARIABLES = {"TRADETUI_BINANCE_US_KEY": KEY, "TRADETUI_BINANCE_US_SECRET": SECRET}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tradetui"
    made.mkdir(mode=0o700)
    return made


def put(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / FILE_NAME
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def put_keys(folder: Path, mode: int = 0o600) -> Path:
    return put(folder, f'[binance_us]\nkey = "{KEY}"\nsecret = "{SECRET}"\n', mode)


def refusal(folder: Path, environ: dict[str, str] | None = None, venue: str = "binance_us", place: str = "live") -> str:
    with pytest.raises(CredentialsError) as caught:
        load_credentials(venue, place, environ or {}, folder)
    told = report_of(caught.value)
    assert SECRET not in told
    assert KEY not in told
    return str(caught.value)


def report_of(error: BaseException) -> str:
    """What a crash report with local variables would show of the program's own frames, causes and contexts included."""
    told, seen = str(error), [error]
    for one in seen:
        seen += [other for other in (one.__cause__, one.__context__) if other is not None]
        told += repr(one) + "".join(
            f"{name} = {value!r}\n"
            for frame, _ in traceback.walk_tb(one.__traceback__)
            if "/tests/" not in frame.f_code.co_filename
            for name, value in frame.f_locals.items()
        )
    return told


# --- what they do ----------------------------------------------------------------------------------------------------


def test_signs_as_the_venue_computes_it(folder: Path) -> None:
    held = load_credentials("binance_us", "live", VARIABLES, folder)
    payload = b"symbol=BTCUSD&timestamp=1499827319559"
    assert held.key == KEY
    assert held.sign(payload) == hmac.new(SECRET.encode(), payload, hashlib.sha256).hexdigest()
    assert held.sign(payload) == held.sign(payload)


def test_the_file_is_used_when_the_environment_says_nothing_and_loses_against_it(folder: Path) -> None:
    put_keys(folder)
    assert load_credentials("binance_us", "live", {}, folder).key == KEY
    other = {"TRADETUI_BINANCE_US_KEY": "other", "TRADETUI_BINANCE_US_SECRET": "word"}
    assert load_credentials("binance_us", "live", other, folder).key == "other"


@pytest.mark.parametrize(
    ("environment", "section"), [("live", "bybit"), ("testnet", "bybit_testnet"), ("demo", "bybit_demo")]
)
def test_every_environment_has_its_own_keys(folder: Path, environment: str, section: str) -> None:
    put(
        folder,
        "".join(f'[{name}]\nkey = "{name}"\nsecret = "s"\n' for name in ("bybit", "bybit_testnet", "bybit_demo")),
    )
    assert load_credentials("bybit", environment, {}, folder).key == section
    given = {f"TRADETUI_{section.upper()}_KEY": "given", f"TRADETUI_{section.upper()}_SECRET": "s"}
    assert load_credentials("bybit", environment, given, folder).key == "given"


def test_half_a_pair_in_the_environment_is_not_completed_from_the_file(folder: Path) -> None:
    put_keys(folder)
    for name in VARIABLES:
        missing = next(other for other in VARIABLES if other != name)
        words = refusal(folder, {name: VARIABLES[name]})
        assert words == f"{name} is set but {missing} is not: set both, or neither to use credentials.toml"


def test_without_keys_both_remedies_are_named(folder: Path) -> None:
    words = refusal(folder, venue="bybit", place="testnet")
    assert "tradetui keys set bybit --environment testnet" in words
    assert "TRADETUI_BYBIT_TESTNET_KEY and TRADETUI_BYBIT_TESTNET_SECRET" in words
    put(folder, '[bybit]\nkey = "k"\nsecret = "s"\n')
    assert "no keys for bybit testnet" in refusal(folder, venue="bybit", place="testnet")


def test_unknown_venues_and_environments_are_refused(folder: Path) -> None:
    assert "choose binance_us or bybit" in refusal(folder, venue="kraken")
    assert "binance_us has no environment 'testnet'; choose live" in refusal(folder, place="testnet")


# --- nothing shows them ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [Credentials(KEY, SECRET), KeyPair(KEY, SECRET)])
def test_no_way_of_writing_them_down_shows_the_secret(held: object) -> None:
    shown = f"{held!r} {held!s} {held} {[held]} {[getattr(held, name) for name in getattr(held, '__slots__', ())[:1]]}"
    assert not isinstance(held, Credentials) or SECRET not in shown
    assert SECRET not in repr(held) + str(held) + f"{held}"
    assert KEY not in repr(held) + str(held)
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not copied or pickled"):
            write(held)
    with pytest.raises(TypeError):
        msgspec.json.encode(held)


def test_the_secret_is_no_attribute_of_what_signs() -> None:
    held = Credentials(KEY, SECRET)
    reachable = [getattr(held, name) for name in dir(held)]
    assert all(SECRET not in repr(value) for value in reachable)
    assert not hasattr(held, "__dict__")


def test_refusals_of_what_stands_in_the_file_show_nothing_of_it(folder: Path) -> None:
    put(folder, f'[binance_us]\nkey = "{KEY}"\nsecret = "{SECRET}\n')
    assert "is no valid TOML in line 3" in refusal(folder)
    put(folder, f'key = "{KEY}"\nsecret = "{SECRET}"\n')
    assert "key stands outside of a section" in refusal(folder)
    put(folder, f'[binance_us]\nkey = "{KEY}"\nsecret = "{SECRET} and more"\n')
    assert "the secret has spaces" in refusal(folder)
    put(folder, f'[binance_us]\nkey = "{KEY}"\n')
    assert "[binance_us]: the secret is empty" in refusal(folder)
    (folder / FILE_NAME).write_bytes(b'[binance_us]\nkey = "\xff"\n')
    assert "no UTF-8 text" in refusal(folder)


@pytest.mark.parametrize("bad", ["", "two words", "line\nbreak", "näh", "\x07", "x" * 513])
def test_what_no_key_can_be_is_not_stored(folder: Path, bad: str) -> None:
    with pytest.raises(CredentialsError, match="nothing was stored"):
        store_credentials("bybit", "live", KeyPair(bad, SECRET), folder)
    with pytest.raises(CredentialsError, match="nothing was stored"):
        store_credentials("bybit", "live", KeyPair(KEY, bad), folder)
    assert list(folder.iterdir()) == []


# --- the file and its folder -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o610, 0o644, 0o777])
def test_a_file_others_can_read_or_write_is_refused(folder: Path, mode: int) -> None:
    file = put_keys(folder, mode)
    words = refusal(folder)
    assert f"{file}: can be read or written by others (mode {mode:04o})" in words
    assert f"chmod 600 '{file}'" in words


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_the_owner_alone_is_used(folder: Path, mode: int) -> None:
    put_keys(folder, mode)
    assert load_credentials("binance_us", "live", {}, folder).key == KEY


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o720])
def test_a_folder_others_can_write_is_refused(folder: Path, mode: int) -> None:
    put_keys(folder)
    folder.chmod(mode)
    words = refusal(folder)
    assert f"{folder}: can be written by others (mode {mode:04o})" in words
    assert f"chmod go-w '{folder}'" in words
    with pytest.raises(CredentialsError, match="can be written by others"):
        store_credentials("bybit", "live", KeyPair("k", "s"), folder)


def test_links_are_refused_for_reading_and_for_writing(folder: Path, tmp_path: Path) -> None:
    real = put_keys(folder).rename(tmp_path / "elsewhere.toml")
    (folder / FILE_NAME).symlink_to(real)
    assert f"{folder / FILE_NAME}: is a symbolic link" in refusal(folder)
    before = real.read_bytes()
    with pytest.raises(CredentialsError, match="is a symbolic link"):
        store_credentials("bybit", "live", KeyPair("k", "s"), folder)
    assert real.read_bytes() == before


def test_a_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    put_keys(folder)
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert f"{link}: is a symbolic link" in refusal(link)


def test_what_is_no_file_is_refused_without_waiting_for_it(folder: Path) -> None:
    os.mkfifo(folder / FILE_NAME, 0o600)
    assert "is no regular file" in refusal(folder)


def test_a_large_file_is_refused(folder: Path) -> None:
    put(folder, "#" * 70_000)
    assert "has 70,000 bytes" in refusal(folder)


def test_files_and_folders_of_another_user_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_keys(folder)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    assert f"{folder}: belongs to user {me}, not to you ({me + 1})" in refusal(folder)
    answers = iter((me, me + 1, me + 1))  # the folder is mine, the file is not
    monkeypatch.setattr(os, "geteuid", lambda: next(answers))
    assert f"{folder / FILE_NAME}: belongs to user {me}" in refusal(folder)


def test_no_folder_is_the_same_as_no_keys(tmp_path: Path) -> None:
    assert "no keys for binance_us live" in refusal(tmp_path / "none")
    assert not remove_credentials("bybit", "live", tmp_path / "none")
    assert not (tmp_path / "none").exists()


# --- storing ---------------------------------------------------------------------------------------------------------


def test_what_is_stored_is_found_again_and_private_under_any_mask(tmp_path: Path) -> None:
    for mask in (0o000, 0o022, 0o777):
        folder = tmp_path / f"{mask:o}" / "tradetui"
        folder.parent.mkdir()
        if mask == 0o777:
            folder.mkdir(0o700)
        old = os.umask(mask)
        try:
            store_credentials("binance_us", "live", KeyPair(f" {KEY}\n", SECRET), folder)
        finally:
            os.umask(old)
        assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o077 == 0
        assert load_credentials("binance_us", "live", {}, folder).key == KEY


def test_a_new_file_is_never_looser_than_private_nor_half_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    write = os.write

    def slow_write(fd: int, data: bytes) -> int:
        modes.append(os.fstat(fd).st_mode & 0o777)
        return write(fd, data[:7])

    put_keys(folder)
    monkeypatch.setattr(os, "write", slow_write)
    store_credentials("bybit", "demo", KeyPair("k", "s"), folder)
    assert set(modes) == {0o600}
    assert load_credentials("bybit", "demo", {}, folder).key == "k"
    assert load_credentials("binance_us", "live", {}, folder).key == KEY


def test_a_failed_write_leaves_the_old_file_and_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put_keys(folder)
    before = file.read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CredentialsError, match=r"No space left on device.*free some space") as caught:
        store_credentials("bybit", "live", KeyPair("k", SECRET), folder)
    assert SECRET not in report_of(caught.value)
    assert file.read_bytes() == before
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


def test_keys_are_replaced_and_removed_one_place_at_a_time(folder: Path) -> None:
    store_credentials("bybit", "live", KeyPair("one", "s"), folder)
    store_credentials("bybit", "testnet", KeyPair("two", "s"), folder)
    store_credentials("bybit", "live", KeyPair("three", "s"), folder)
    assert load_credentials("bybit", "live", {}, folder).key == "three"
    assert remove_credentials("bybit", "live", folder)
    assert not remove_credentials("bybit", "live", folder)
    assert load_credentials("bybit", "testnet", {}, folder).key == "two"
    assert remove_credentials("bybit", "testnet", folder)
    assert list(folder.iterdir()) == []


def test_writers_at_the_same_time_lose_nothing(folder: Path) -> None:
    begin = threading.Barrier(8)

    def store(number: int) -> None:
        begin.wait()
        change_sections(folder, lambda found: found.put(f"venue_{number}", KeyPair(f"key{number}", "s")))

    threads = [threading.Thread(target=store, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = credentials_file.read_sections(folder)
    assert found is not None
    assert sorted(found.names) == [f"venue_{number}" for number in range(8)]


def test_a_file_put_in_place_of_the_judged_one_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between opening and reading somebody swaps the file: what was opened is what is judged and read."""
    file = put_keys(folder)
    fstat = os.fstat

    def swap(fd: int) -> os.stat_result:
        if file.read_text(encoding="utf-8") != "swapped":
            other = folder / "other"
            other.write_text("swapped", encoding="utf-8")
            other.chmod(0o666)
            os.replace(other, file)
        return fstat(fd)

    opened = os.open

    def open_then_swap(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        fd = opened(path, flags, mode, dir_fd=dir_fd)
        if path == FILE_NAME:
            monkeypatch.setattr(os, "fstat", swap)
        return fd

    monkeypatch.setattr(os, "open", open_then_swap)
    assert load_credentials("binance_us", "live", {}, folder).key == KEY
    assert file.read_text(encoding="utf-8") == "swapped"


# --- where they come from --------------------------------------------------------------------------------------------


def test_places_tell_the_source_and_only_the_end_of_a_key(folder: Path) -> None:
    put(folder, f'[bybit]\nkey = "{KEY}"\nsecret = "{SECRET}"\n[bybit_demo]\nkey = "abcdef"\nsecret = "s"\n')
    places = {(place.venue, place.environment): place for place in key_places(VARIABLES, folder)}
    assert places["binance_us", "live"].source == "environment TRADETUI_BINANCE_US_KEY"
    assert places["bybit", "live"].source == f"{folder / FILE_NAME} [bybit]"
    assert places["bybit", "live"].ending == KEY[-4:]
    assert places["bybit", "demo"].ending == "def"
    assert places["bybit", "testnet"] == credentials.KeyPlace("bybit", "testnet")
    assert SECRET not in repr(places)


def test_a_file_that_may_not_be_used_is_told_at_its_places_and_not_at_the_others(folder: Path) -> None:
    put_keys(folder, 0o644)
    places = {(place.venue, place.environment): place for place in key_places(VARIABLES, folder)}
    assert not places["binance_us", "live"].trouble
    assert "mode 0644" in places["bybit", "live"].trouble
