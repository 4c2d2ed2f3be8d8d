"""Where the stop goes: break-even with costs, the chandelier from its R on, never looser, never past the market."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.trading.trailing import Course, Move, Rule, next_move
from tests.core.trading.market import d

RULE = Rule(break_even_after=1, trail_after_r=d(1), trail_atr=d(3))


def course(**more: Any) -> Course:
    given: dict[str, Any] = {
        "side": "BUY", "entry": d(100), "first_stop": d(95), "stop": d(95), "best": d(100), "price": d(104), "atr": d(1),
        "cost": d("0.2"), "reached": 0, "tick": d("0.1"),
    } | more  # fmt: skip
    fields: dict[str, Any] = {name: value if name in ("side", "reached") else d(value) for name, value in given.items()}
    return Course(**fields)


@pytest.mark.parametrize(
    ("made", "move"),
    [
        (course(), None),
        (course(reached=1), Move(d("100.2"), "BREAK_EVEN")),
        (course(reached=1, stop="100.2"), None),
        (course(best="104.99", price="104.9"), None),
        (course(best=105, price="104.9"), Move(d(102), "TRAIL")),
        (course(best=105, reached=1, price="104.9"), Move(d(102), "TRAIL")),
        (course(best="105.05", stop="102", price="104.9"), None),
        (course(best="105.1", stop="102", price="104.9"), Move(d("102.1"), "TRAIL")),
        (course(best=110, stop="108", price=109), None),
        (course(best=105, price="102.05"), None),
        (course(best=105, price="102.05", reached=1), Move(d("100.2"), "BREAK_EVEN")),
        (course(best=105, atr=0, price=104), None),
        (course(side="SELL", first_stop=105, stop=105, best=95, price="95.1"), Move(d(98), "TRAIL")),
        (course(side="SELL", first_stop=105, stop=105, reached=1, best=97, price=97), Move(d("99.8"), "BREAK_EVEN")),
        (course(best=105, price=0), None),
        (course(best=105, atr=0, price=106), None),
        (course(best=105, first_stop=100, price="104.9"), None),
        (course(reached=1, stop="100.1"), Move(d("100.2"), "BREAK_EVEN")),
        (course(reached=1, price="100.3"), None),
        (course(reached=1, price="100.31"), Move(d("100.2"), "BREAK_EVEN")),
    ],
)  # fmt: skip
def test_where_it_goes(made: Course, move: Move | None) -> None:
    assert next_move(made, RULE) == move


def test_settings_switch_both_off() -> None:
    off = Rule(break_even_after=0, trail_after_r=d(0), trail_atr=d(3))
    assert next_move(course(best=120, price=119, reached=2), off) is None


_price = st.integers(5_000, 15_000).map(lambda n: Decimal(n) / 100)


@given(st.sampled_from(["BUY", "SELL"]), st.lists(_price, max_size=30), st.integers(0, 3))
def test_along_any_path_it_never_loosens_and_never_passes_the_market(
    side: Any, path: list[Decimal], reached: int
) -> None:
    way = 1 if side == "BUY" else -1
    stop, best = d(100) - way * 5, d(100)
    for price in path:
        best = max(best * way, price * way) * way
        made = course(side=side, first_stop=d(100) - way * 5, stop=stop, best=best, price=price, reached=reached)
        move = next_move(made, RULE)
        if move is None:
            continue
        assert way * (move.stop - stop) >= made.tick
        assert way * (price - move.stop) > made.tick
        if move.why == "TRAIL":
            assert move.stop == best - way * 3
            assert way * (move.stop - stop) >= d("0.1")
        stop = move.stop
