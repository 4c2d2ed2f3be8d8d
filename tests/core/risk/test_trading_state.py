"""The legal moves between trading states and what each lets through."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from core.messages import TradingState
from core.risk.trading_state import (
    ALLOWED,
    SAFETY,
    Act,
    Actor,
    Refused,
    Standing,
    move,
    settle,
    tighten,
)

STATES: tuple[TradingState, ...] = get_args(TradingState)
ACTORS: tuple[Actor, ...] = get_args(Actor)
STRICTNESS = {"ACTIVE": 0, "REDUCING": 1, "HALTED": 2}
LEGAL = {
    ("ACTIVE", "REDUCING"), ("ACTIVE", "HALTED"), ("REDUCING", "HALTED"), ("HALTED", "REDUCING"), ("REDUCING", "ACTIVE"),
}  # fmt: skip


@pytest.mark.parametrize(("start", "end", "who"), list(product(STATES, STATES, ACTORS)))
def test_stricter_is_open_to_all_looser_to_the_operator_and_no_step_is_jumped(
    start: TradingState, end: TradingState, who: Actor
) -> None:
    found = move(Standing(start), end, who)
    stricter = STRICTNESS[end] > STRICTNESS[start]
    legal = (start, end) in LEGAL and (stricter or who == "OPERATOR")
    assert found == Standing(end) if legal else isinstance(found, Refused)


def test_a_halt_is_left_through_reducing() -> None:
    found = move(Standing("HALTED"), "ACTIVE", "OPERATOR")
    assert found == Refused("trading state HALTED does not go to ACTIVE: it goes to REDUCING")


def test_a_move_that_is_not_ones_own_says_whose_it_is() -> None:
    found = move(Standing("REDUCING"), "ACTIVE", "WATCHDOG")
    assert found == Refused("trading state REDUCING to ACTIVE is the operator's to make, not the watchdog's")


def test_active_waits_until_no_cause_stands() -> None:
    standing = tighten(Standing(), "REDUCING", "balance of BTC differs")
    assert standing == Standing("REDUCING", ("balance of BTC differs",))
    found = move(standing, "ACTIVE", "OPERATOR")
    assert isinstance(found, Refused)
    assert "balance of BTC differs" in found.words
    settled = settle(standing, "balance of BTC differs")
    assert settled == Standing("REDUCING")
    assert move(settled, "ACTIVE", "OPERATOR") == Standing("ACTIVE")


def test_a_halted_program_keeps_its_causes_on_the_way_out() -> None:
    standing = Standing("HALTED", ("drawdown",))
    assert move(standing, "REDUCING", "OPERATOR") == Standing("REDUCING", ("drawdown",))


@pytest.mark.parametrize(("start", "to"), list(product(STATES, STATES)))
def test_tightening_never_loosens_and_keeps_each_cause_once(start: TradingState, to: TradingState) -> None:
    once = tighten(Standing(start, ("first",)), to, "second")
    assert STRICTNESS[once.state] == max(STRICTNESS[start], STRICTNESS[to])
    assert once.causes == ("first", "second")
    assert tighten(once, to, "second") == once
    assert settle(once, "first").causes == ("second",)


def test_each_stricter_state_lets_less_through_and_never_blocks_safety() -> None:
    assert ALLOWED["ACTIVE"] == set(get_args(Act))
    assert ALLOWED["REDUCING"] == ALLOWED["ACTIVE"] - {"ENTRY"}
    assert ALLOWED["HALTED"] == ALLOWED["REDUCING"] - {"EXIT"} == SAFETY
