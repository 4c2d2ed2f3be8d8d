"""Candle pages: bounds, paging both ways, absurd rows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.venue import Retryable
from providers.binance_us.candles import CandlePager, parse_candles
from tests.providers.binance_us.frames import NOW

MINUTE = 60_000
END = NOW - NOW % MINUTE


def row(open_ms: int, close: str = "100.0", **changes: str) -> list[Any]:
    values = {"open": "100.0", "high": "110.0", "low": "90.0", "volume": "5.0", "quote": "500.0", **changes}
    return [
        open_ms,
        values["open"],
        values["high"],
        values["low"],
        close,
        values["volume"],
        open_ms + MINUTE - 1,
        values["quote"],
        7,
        "2.5",
        "250.0",
        "0",
    ]


class History:
    """A venue's klines endpoint over minutes that exist (`gaps` do not)."""

    def __init__(self, bars: int, gaps: set[int] | None = None) -> None:
        self.opens = [END - n * MINUTE for n in range(bars, 0, -1) if n not in (gaps or set())]
        self.requests = 0

    async def fetch(self, params: dict[str, Any]) -> bytes:
        self.requests += 1
        start, end, limit = params.get("startTime"), params.get("endTime", END), params.get("limit", 500)
        found = [t for t in self.opens if (start is None or t >= start) and t <= end]
        found = found[:limit] if start is not None else found[-limit:]
        return json.dumps([row(t) for t in found]).encode()


async def test_the_newest_bars_come_oldest_first_over_several_pages() -> None:
    history = History(3000)
    block = await CandlePager(history.fetch).load("A", "1m", None, None, 2500, END)
    assert block[:, 0].tolist() == history.opens[-2500:]
    assert history.requests == 3


async def test_an_outage_is_crossed_in_both_directions() -> None:
    history = History(3000, gaps=set(range(400, 2200)))
    pager = CandlePager(history.fetch)
    newest = await pager.load("A", "1m", None, None, 1000, END)
    assert newest[:, 0].tolist() == history.opens[-1000:]
    between = await pager.load("A", "1m", history.opens[0], END, 3000, END)
    assert between[:, 0].tolist() == history.opens


async def test_a_short_history_ends_the_paging() -> None:
    history = History(120)
    block = await CandlePager(history.fetch).load("A", "1m", None, None, 1500, END)
    assert len(block) == 120
    assert history.requests == 1


async def test_bounds_are_start_included_end_excluded_and_the_newest_win() -> None:
    history = History(500)
    start, end = history.opens[100], history.opens[200]
    pager = CandlePager(history.fetch)
    assert (await pager.load("A", "1m", start, end, 1000, END))[:, 0].tolist() == history.opens[100:200]
    assert (await pager.load("A", "1m", start, end, 10, END))[:, 0].tolist() == history.opens[190:200]
    assert not len(await pager.load("A", "1m", start, start, 10, END))


def test_columns_are_those_of_a_candle_block() -> None:
    block, rejected = parse_candles(json.dumps([row(END)]).encode())
    assert block.tolist() == [[END, 100.0, 110.0, 90.0, 100.0, 5.0, 500.0, 7, 2.5]]
    assert rejected == 0


def test_absurd_rows_are_dropped_and_counted() -> None:
    rows = [
        row(END),
        row(END),  # the same bar again
        row(END + MINUTE, "NaN"),
        row(END + 2 * MINUTE, "120.0"),  # above its high
        row(END + 3 * MINUTE, volume="-1"),
        row(END + 4 * MINUTE, high="1e308"),
        row(-5),
        row(END + 5 * MINUTE),
        row(END + 3 * MINUTE),  # out of order
    ]
    block, rejected = parse_candles(json.dumps(rows).encode())
    assert block[:, 0].tolist() == [END, END + 5 * MINUTE]
    assert rejected == 7


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[["a"]]', b"[[1,2,3]]", b'{"code":-1,"msg":"x"}'])
def test_something_that_is_no_candle_list_is_retryable(body: bytes) -> None:
    with pytest.raises(Retryable):
        parse_candles(body)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-(2**40), 2**44), st.floats(), st.floats(), st.floats(), st.floats()), max_size=8)
)
def test_whatever_comes_a_block_is_rising_and_sane(rows: list[tuple[int, float, float, float, float]]) -> None:
    wire = [row(at, str(close), open=str(o), high=str(h), low=str(low)) for at, o, h, low, close in rows]
    block, rejected = parse_candles(json.dumps(wire).encode())
    assert len(block) + rejected == len(rows)
    opens = block[:, 0].tolist()
    assert opens == sorted(set(opens))
    assert ((block[:, 3] > 0) & (block[:, 2] < 1e12) & (block[:, 3] <= block[:, 4])).all()
