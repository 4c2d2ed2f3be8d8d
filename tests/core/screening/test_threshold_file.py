"""Thresholds as a file: out and in again unchanged, and every reason at once why a file cannot be taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calibration.expiry import expiry_ms
from core.messages import EditThreshold, RevertThresholds
from core.screening.threshold_book import ThresholdBook
from core.screening.threshold_file import (
    ThresholdFileError,
    export_thresholds,
    from_toml,
    import_thresholds,
    to_toml,
)
from core.screening.thresholds import NAMES, SPANS, Thresholds, dated
from tests.core.screening.kept import CATEGORY, T0, VENUE, Room, universe

HEAD = f'format = 1\nvenue = "{VENUE}"\ncategory = "{CATEGORY}"\n'


def read(text: str) -> dict:
    return from_toml(text, VENUE, CATEGORY, T0, 14.0)


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ThresholdFileError) as caught:
        read(text)
    return caught.value.problems


@st.composite
def sets(draw):
    """Any set that can be in force."""
    values = draw(st.fixed_dictionaries({name: st.floats(*SPANS[name][:2]) for name in NAMES}))
    values["high_gate"] = draw(st.floats(values["low_gate"] + 1e-9, 0.5))
    sources = draw(
        st.fixed_dictionaries({n: st.sampled_from(("class", "adaptive", "calibrated", "operator")) for n in NAMES})
    )
    moments = draw(st.fixed_dictionaries({name: st.integers(1, 2**42) for name in NAMES}))
    return dated(Thresholds(**values), sources, draw(st.integers(0, 2**42)), moments)


symbols = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() and text.isprintable())


@settings(deadline=None)
@given(st.dictionaries(symbols, sets(), max_size=4))
def test_what_goes_out_comes_in_unchanged(kept: dict) -> None:
    assert read(to_toml(kept, VENUE, CATEGORY)) == kept


@settings(deadline=None, max_examples=200)
@given(text=st.text(max_size=80))
def test_any_text_is_read_or_explained(text: str) -> None:
    found: object = ()
    try:
        found = read(HEAD + text)
    except ThresholdFileError as error:
        found = error.problems
    assert found == {} or (isinstance(found, tuple) and all(found) and found)


def test_a_line_written_by_hand_is_enough() -> None:
    (found,) = read(HEAD + "[symbols.BTCUSDT.values]\nvol_z_threshold = 3\n").values()
    assert found.values == Thresholds(vol_z_threshold=3.0)
    assert (found.sources["vol_z_threshold"], found.sources["tp_mult"]) == ("operator", "class")
    assert (found.since_ms, found.expires_ms) == (T0, expiry_ms("BTCUSDT", T0, 14.0))


def test_every_problem_is_told_at_once() -> None:
    text = """
[symbols.BTCUSDT]
since = "yesterday"
value = 1
[symbols.BTCUSDT.values]
vol_z_threshold = 99
tp_mult = true
tp_mul = 3.0
[symbols.BTCUSDT.sources]
tp_mult = "me"
sl_mult = "operator"
[symbols.BTCUSDT.expires]
vwap_multiple = 2026-12-05T12:00:00
[symbols.ETHUSDT.values]
low_gate = 0.01
[symbols]
SOLUSDT = 5
"""
    found = problems(HEAD.replace("binance_us", "bybit") + text)
    wanted = (
        "venue is 'bybit', this market's is 'binance_us'",
        "BTCUSDT.since is 'yesterday': write a moment",
        "BTCUSDT: 'value' is not known; did you mean values?",
        "BTCUSDT.values.vol_z_threshold is 99: give a number from 1 to 10",
        "BTCUSDT.values.tp_mult is True: give a number from 0.5 to 20",
        "BTCUSDT.values: 'tp_mul' is not known; did you mean tp_mult?",
        "BTCUSDT.sources.tp_mult is 'me': write one of class, adaptive, calibrated, operator",
        "BTCUSDT.sources.sl_mult has no value",
        "BTCUSDT.expires.vwap_multiple is 2026-12-05T12:00:00: write a moment such as",
        "ETHUSDT.values low_gate 0.01 is not below high_gate 0.003",
        "'SOLUSDT' is no table of a symbol",
    )
    for words in wanted:
        assert sum(words in problem for problem in found) == 1, words
    assert len(found) == len(wanted)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "format is None"), ("format = 2\n", "format is 2, this program reads 1"), ("= =", "is no TOML"),
        (HEAD + "symbols = 3", "symbols is no table"), (HEAD + "speed = 3", "the file: 'speed' is not known"),
        (HEAD + "[symbols.A]\nvalues = 3", "A.values is no table"),
        (HEAD + "[symbols.A.values]\ntp_mult = nan", "tp_mult is nan"),
        (HEAD + f"[symbols.A.values]\ntp_mult = {'9' * 400}", "A.values.tp_mult is 999"),
        (HEAD + '[symbols.A.values]\ntp_mult = 3.0\n[symbols.A.sources]\ntp_mult = "class"\n[symbols.A.expires]\n'
         "tp_mult = 2026-12-05T12:00:00Z", "A.expires.tp_mult is of source class, which does not expire"),
        (HEAD + "[symbols.A]\nsince = 1960-01-01T00:00:00Z", "A.since is 1960-01-01T00:00:00+00:00"),
    ],
)  # fmt: skip
def test_a_file_of_another_shape_is_refused(text: str, word: str) -> None:
    assert any(word in problem for problem in problems(text))


async def test_a_market_goes_to_another_machine_and_the_way_back_stays(tmp_path: Path) -> None:
    here, file = await Room.open(tmp_path / "here"), tmp_path / "thresholds.toml"
    book = ThresholdBook(here.bus, here.clock, here.live, here.store, VENUE, CATEGORY)
    await book.open()
    here.bus.publish(universe("BTCUSDT", "ETHUSDT"))
    here.bus.publish(EditThreshold(symbol="BTCUSDT", name="tp_mult", value="5"))
    await book.set_calibrated("ETHUSDT", {"sl_mult": 2.0}, "calibration")
    assert await export_thresholds(here.store, VENUE, CATEGORY, file) == (2, ())
    there = await Room.open(tmp_path / "there", at_ms=T0 + 5000)
    assert await import_thresholds(there.store, there.clock, VENUE, CATEGORY, file, 14.0) == ("BTCUSDT", "ETHUSDT")
    copy = ThresholdBook(there.bus, there.clock, there.live, there.store, VENUE, CATEGORY)
    await copy.open()
    for symbol in ("BTCUSDT", "ETHUSDT"):
        assert copy.in_force(symbol) == book.in_force(symbol)
    there.bus.publish(RevertThresholds(symbol="BTCUSDT"))
    assert copy.in_force("BTCUSDT").is_default
    await here.close()
    await there.close()


async def test_a_file_with_one_mistake_changes_nothing(tmp_path: Path) -> None:
    room, file = await Room.open(tmp_path), tmp_path / "thresholds.toml"
    file.write_text(HEAD + "[symbols.A.values]\ntp_mult = 3.0\n[symbols.B.values]\ntp_mult = 300\n")
    with pytest.raises(ThresholdFileError, match=r"thresholds\.toml: B\.values\.tp_mult"):
        await import_thresholds(room.store, room.clock, VENUE, CATEGORY, file, 14.0)
    count = "SELECT (SELECT count(*) FROM thresholds) + (SELECT count(*) FROM threshold_history)"
    assert await room.store.run(lambda db: db.execute(count).fetchone()) == (0,)
    await room.close()


async def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    room = await Room.open(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes("# Grüße".encode("latin-1"))
    for file, word in (
        (tmp_path / "absent", "No such file"),
        (tmp_path, "Is a directory"),
        (latin, "save it as UTF-8"),
    ):
        with pytest.raises(ThresholdFileError, match=word):
            await import_thresholds(room.store, room.clock, VENUE, CATEGORY, file, 14.0)
    with pytest.raises(ThresholdFileError, match="cannot be written"):
        await export_thresholds(room.store, VENUE, CATEGORY, tmp_path / "no" / "folder.toml")
    await room.close()
