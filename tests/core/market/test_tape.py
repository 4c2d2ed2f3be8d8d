"""The tape's running sums agree with counting by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.tape import WINDOW_MOST, Tape
from core.messages import Trade


def trade(number, at_ms, size=1.0, side="BUY"):
    return Trade(str(number), 100.0, size, side, at_ms)


steps = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(1, 50), st.sampled_from(["BUY", "SELL"]), st.integers(0, 400)),
    max_size=80,
)


@settings(max_examples=100, deadline=None)
@given(steps=steps, capacity=st.integers(1, 60))
def test_flow_agrees_with_counting_by_hand(steps, capacity):
    tape, everything, now = Tape(capacity, (5.0, 20.0)), [], 1_000_000
    for number, (wait, size, side, pause) in enumerate(steps):
        now += wait
        everything.append(trade(number, now, float(size), side))
        tape.add([everything[-1]])
        now += pause
        for window in (5.0, 20.0):
            young = [t for t in everything if t.event_ms > now - window * 1000]
            flow = tape.flow(window, now)
            assert flow.trades == len(young)
            assert flow.buy == pytest.approx(sum(t.size for t in young if t.side == "BUY"), abs=1e-9)
            assert flow.sell == pytest.approx(sum(t.size for t in young if t.side == "SELL"), abs=1e-9)
        assert tape.newest(5) == tuple(everything[::-1][: min(5, capacity)])
        assert len(tape) <= capacity


def test_a_wild_market_is_summed_over_its_newest_trades():
    tape = Tape(10, (300.0,))
    for number in range(WINDOW_MOST + 700):
        tape.add([trade(number, 1000 + number, 2.0, "BUY" if number < 700 else "SELL")])
    assert tape.flow(300.0, 5000) == (0.0, 2.0 * WINDOW_MOST, WINDOW_MOST)
    assert tape.flow(300.0, 1_000_000) == (0.0, 0.0, 0)


def test_a_trade_heard_twice_counts_once():
    tape = Tape()
    tape.add([trade(1, 1000), trade(2, 1001)])
    tape.add([trade(2, 1001), trade(3, 1002)])
    assert tape.flow(10.0, 1500).trades == 3
    assert tape.repeated == 1


def test_imbalance_and_silence():
    tape = Tape()
    assert tape.last is None
    assert tape.flow(10.0, 0).imbalance == 0.0
    tape.add([trade(1, 1000, 3.0), trade(2, 1000, 1.0, "SELL")])
    assert tape.flow(10.0, 1000).imbalance == pytest.approx(0.5)
    assert tape.last is not None
    assert tape.last.trade_id == "2"
    tape.clear()
    assert tape.flow(10.0, 1000) == (0.0, 0.0, 0)
    tape.add([trade(1, 2000)])
    assert len(tape) == 1
