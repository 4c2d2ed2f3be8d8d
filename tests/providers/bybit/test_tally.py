"""Taker sums are exact for candles seen whole, and unknown for all others."""

import math
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from core.venue import TIMEFRAME_MS
from providers.bybit.tally import TakerTally

OPEN = 1_700_000_100_000  # on the 1m and 5m grid
MINUTE = 60_000


def known(answer: tuple[int, float]) -> bool:
    return answer[0] >= 0 and not math.isnan(answer[1])


def test_a_candle_that_began_before_the_stream_is_unknown():
    tally = TakerTally(("1m", "5m"))
    tally.add(OPEN + 1, 1.0, True)
    assert not known(tally.of("1m", OPEN, 1.0, False)), "the stream has not begun"
    tally.begin(OPEN + 1)
    assert not known(tally.of("1m", OPEN, 1.0, True))
    tally.add(OPEN + MINUTE, 2.0, False)
    assert tally.of("1m", OPEN + MINUTE, 2.0, True) == (1, 0.0)
    assert not known(tally.of("5m", OPEN, 3.0, True))


def test_an_interruption_makes_candles_unknown_until_one_is_whole_again():
    tally = TakerTally(("1m",))
    tally.begin(OPEN)
    tally.add(OPEN + 5, 1.0, True)
    tally.interrupt()
    assert not known(tally.of("1m", OPEN, 1.0, True))
    tally.begin(OPEN + 100)
    assert not known(tally.of("1m", OPEN, 1.0, True))
    assert tally.of("1m", OPEN + MINUTE, 0.0, True) == (0, 0.0), "a minute without trades is known too"


def test_a_closed_candle_whose_volume_disagrees_is_unknown():
    tally = TakerTally(("1m",))
    tally.begin(OPEN)
    tally.add(OPEN + 5, 1.0, True)
    assert not known(tally.of("1m", OPEN, 1.5, True))
    assert tally.of("1m", OPEN, 1.5, False) == (1, 1.0)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 90_000), st.integers(1, 50), st.booleans()),
        max_size=60,
    )
)
def test_sums_equal_a_plain_count_for_the_present_candle_and_the_one_before(steps):
    tally = TakerTally(("1m", "5m"))
    tally.begin(OPEN)
    plain: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    at_ms = OPEN
    for wait_ms, lots, buy in steps:
        at_ms += wait_ms
        tally.add(at_ms, float(lots), buy)
        for timeframe in ("1m", "5m"):
            length = TIMEFRAME_MS[timeframe]
            entry = plain[timeframe, at_ms // length * length]
            entry[0] += 1
            entry[1] += lots
            entry[2] += lots if buy else 0
            for open_ms in (at_ms // length * length, at_ms // length * length - length):
                count, volume, bought = plain[timeframe, open_ms]
                if open_ms >= OPEN:
                    assert tally.of(timeframe, open_ms, float(volume), True) == (count, float(bought))
