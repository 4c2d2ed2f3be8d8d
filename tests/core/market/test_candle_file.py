"""Candle files: what is read, and what is refused with its row, value and remedy."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market.candle_file import (
    FILE_COLUMNS,
    CandleFileError,
    as_block,
    demand_clean,
    read_candles,
    sane_rows,
    stem_of,
)
from core.market.quality import sane_candle

START = 1_700_006_400_000
HEAD = ",".join(FILE_COLUMNS)


def text(*rows: str) -> str:
    return "\n".join((HEAD, *rows)) + "\n"


def minute(index: int, values: str = "10,12,9,11,5") -> str:
    return f"{START + index * 60_000},{values}"


def written(folder: Path, content: str | bytes, name: str = "ABC_1m.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_parquet_csv_and_compressed_csv_hold_the_same_candles(tmp_path: Path) -> None:
    content = text(minute(0), minute(1, "11,11,10.5,10.75,0"))
    plain = read_candles(written(tmp_path, content))
    packed = read_candles(written(tmp_path, gzip.compress(content.encode()), "ABC_1m.csv.gz"))
    columns = {name: plain[:, place] for place, name in enumerate(FILE_COLUMNS)}
    columns["ts_ms"] = columns["ts_ms"].astype(np.int64)
    parquet.write_table(pa.table(columns | {"more": ["x", "y"]}), tmp_path / "ABC_1m.parquet")
    assert plain.tolist() == [[START, 10, 12, 9, 11, 5], [START + 60_000, 11, 11, 10.5, 10.75, 0]]
    np.testing.assert_array_equal(plain, packed)
    np.testing.assert_array_equal(plain, read_candles(tmp_path / "ABC_1m.parquet"))


def test_missing_volume_is_none(tmp_path: Path) -> None:
    rows = read_candles(written(tmp_path, text(minute(0, "10,12,9,11,"), minute(1, "10,12,9,11,nan"))))
    assert rows[:, 5].tolist() == [0.0, 0.0]
    parquet.write_table(
        pa.table({name: [None if name == "volume" else float(START)] for name in FILE_COLUMNS}), tmp_path / "A.parquet"
    )
    assert read_candles(tmp_path / "A.parquet")[:, 5].tolist() == [0.0]
    demand_clean(tmp_path, rows, "1m")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (text(), "has no rows"),
        ("", "cannot be read"),
        ("ts_ms,open,high\n1,2,3\n", "columns low, close, volume are missing; it needs ts_ms"),
        (f"{HEAD},open\n{minute(0)},1\n", "column open is there twice"),
        (text(minute(0, "ten,12,9,11,5")), "column open is not numeric"),
        (text(minute(0), "1,2"), "cannot be read"),
        (b"\xff\xfe\x00rubbish", "cannot be read|missing"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_files_name(tmp_path: Path, content: str | bytes, words: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(CandleFileError, match=words) as raised:
        read_candles(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["gone_1m.csv", "gone_1m.parquet", "."])
def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CandleFileError, match="cannot be read"):
        read_candles(tmp_path / name)


def test_text_in_a_parquet_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleFileError, match="cannot be read"):
        read_candles(written(tmp_path, text(minute(0)), "ABC_1m.parquet"))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([minute(0), minute(1, "10,12,nan,11,5")], "row 2: low is nan; mend"),
        ([minute(0, "10,inf,9,11,5")], "row 1: high is inf; mend"),
        ([minute(0, "-10,12,9,11,5")], "row 1: open -10 is no price"),
        ([minute(0, "0,12,0,11,5")], "row 1: open 0 is no price"),
        ([minute(0, "10,12,9,1e13,5")], "row 1: close 1e.13 is no price"),
        ([minute(0, "10,12,9,11,-5")], "row 1: volume -5 is no volume"),
        ([minute(0, "10,12,9,11,1e19")], "row 1: volume 1e.19 is no volume"),
        ([minute(0, "10,10.5,9,11,5")], "high and low do not enclose"),
        ([minute(0, "10,12,10.5,11,5")], "open 10 high 12 low 10.5 close 11: high and low do not enclose"),
        ([f"{START // 1000},10,12,9,11,5"], "ts_ms 1700006400 is no open time in Unix ms"),
        ([f"{START * 1000},10,12,9,11,5"], "ts_ms 1700006400000000 is no open time in Unix ms"),
        ([minute(0), minute(2), minute(1)], r"row 3: ts_ms 1700006460000 \(2023-11-15T00:01:00.*\) is older than"),
        ([minute(0), minute(1), minute(1)], r"row 3: .* repeats the open time"),
        ([minute(0), minute(5)], "the smallest step is 5m, not the 1m asked for"),
        ([minute(0), f"{START + 1000},10,12,9,11,5"], "the smallest step is 1000 ms"),
        ([f"{START + 1000 + 60_000 * k},10,12,9,11,5" for k in (0, 1)], "row 1: .* is no open time of a 1m bar"),
    ],
)
def test_an_unclean_row_is_named_with_its_value_and_the_remedy(tmp_path: Path, rows: list[str], words: str) -> None:
    path = written(tmp_path, text(*rows))
    with pytest.raises(CandleFileError, match=words) as raised:
        demand_clean(path, read_candles(path), "1m")
    assert str(path) in str(raised.value)
    assert ";" in str(raised.value), "a remedy follows"


def test_gaps_are_clean(tmp_path: Path) -> None:
    path = written(tmp_path, text(minute(0), minute(1), minute(500)))
    demand_clean(path, read_candles(path), "1m")


@pytest.mark.parametrize(
    ("name", "stem"), [("A_1m.parquet", "A_1m"), ("A.B.csv", "A.B"), ("A_5m.CSV.GZ", "A_5m"), ("plain", "plain")]
)
def test_the_stem_is_the_name_without_the_kind_of_file(name: str, stem: str) -> None:
    assert stem_of(Path("folder.csv") / name) == stem


numbers = st.one_of(st.sampled_from([0.0, -1.0, 1.0, 2.0, 3.0, np.inf, np.nan, 1e12, 1e18]), st.floats())


@given(values=st.lists(st.tuples(*[numbers] * 5), min_size=1, max_size=8))
def test_what_is_called_clean_is_sane_and_what_is_not_is_explained(values: list[tuple[float, ...]]) -> None:
    rows = np.array([[START + place * 60_000, *row] for place, row in enumerate(values)])
    sane = [sane_candle(*row) for row in values]
    assert sane_rows(rows).tolist() == sane
    if all(sane):
        demand_clean(Path("x.csv"), rows, "1m")
        assert as_block(rows).shape == (len(rows), 9)
    else:
        with pytest.raises(CandleFileError, match=f"row {sane.index(False) + 1}:"):
            demand_clean(Path("x.csv"), rows, "1m")


def test_what_a_broken_file_holds_does_not_reach_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "BAD_1m.csv"
    file.write_bytes(b"ts_ms,open,high,low,close,volume\n\x1b[31m\x07,\x00\x01" + b"z" * 5000 + b"\n")
    with pytest.raises(CandleFileError) as caught:
        read_candles(file)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < len(str(file)) + 300
