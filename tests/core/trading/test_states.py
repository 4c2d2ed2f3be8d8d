"""The table of moves: what it allows, what it alarms, and that it is whole."""

from __future__ import annotations

from typing import get_args

import pytest

from core.messages import OrderState
from core.trading.states import (
    DONE,
    LIVE,
    MAYBE_LIVE,
    OWN_ACTS,
    PRE_SEND,
    ROWS,
    STAYS,
    Cause,
    after_own_act,
    judge,
)

STATES: tuple[OrderState, ...] = get_args(OrderState)
CAUSES: tuple[Cause, ...] = get_args(Cause)


def test_every_state_has_its_row_of_what_may_happen_in_place():
    assert set(STAYS) == set(STATES)
    assert PRE_SEND | {"INTENT"} | MAYBE_LIVE | DONE == set(STATES)
    assert not MAYBE_LIVE & DONE
    assert LIVE < MAYBE_LIVE


def test_no_move_is_listed_twice():
    listed = [(row.before, row.after, cause) for row in ROWS for cause in row.causes]
    assert len(listed) == len(set(listed))


def test_one_of_our_own_acts_leads_to_one_place():
    for state in STATES:
        for cause in OWN_ACTS:
            targets = {row.after for row in ROWS if row.before == state and cause in row.causes}
            stays = {state} if cause in STAYS[state] else set()
            assert len(targets | stays) <= 1
            assert after_own_act(state, cause) == next(iter(targets | stays), None)


def test_an_order_is_sent_from_its_intent_and_from_nowhere_else():
    assert [state for state in STATES if after_own_act(state, "SEND") is not None] == ["INTENT"]


def test_a_cancel_is_never_sent_by_guess():
    legal = {state for state in STATES if after_own_act(state, "CANCEL_SEND") is not None}
    assert legal == LIVE | DONE


def test_an_amend_is_never_written_down_of_what_was_not_sent():
    legal = {state for state in STATES if after_own_act(state, "AMEND_SEND") is not None}
    assert legal == LIVE | DONE | {"UNKNOWN"}
    assert all(after_own_act(state, "AMEND_SEND") == state for state in legal)


def test_the_life_of_an_ordinary_order():
    path: list[tuple[OrderState, OrderState, Cause]] = [
        ("DRAFT", "CONFIRMED", "CONFIRM"), ("CONFIRMED", "INTENT", "JOURNAL"), ("INTENT", "SENT", "SEND"),
        ("SENT", "WORKING", "ACKNOWLEDGE"), ("WORKING", "PARTIAL", "FILL"), ("PARTIAL", "CANCEL_PENDING", "CANCEL_SEND"),
        ("CANCEL_PENDING", "CANCELLED", "END"),
    ]  # fmt: skip
    for before, after, cause in path:
        assert judge(before, after, cause).legal
        assert judge(before, after, cause).alarm == ""


@pytest.mark.parametrize("end", sorted(DONE - {"FILLED"}))
def test_a_later_fill_reopens_an_end_legally_and_with_an_alarm(end):
    for after in ("FILLED", "PARTIAL"):
        judged = judge(end, after, "FILL")
        assert judged.legal
        assert judged.alarm == "FILLED_AFTER_END"


def test_a_late_new_after_filled_is_ignored_in_silence():
    assert judge("FILLED", "FILLED", "OPEN") == judge("WORKING", "WORKING", "OPEN")
    assert not judge("FILLED", "WORKING", "OPEN").legal


VENUES_WORD = ("OPEN", "FILL", "END", "CANCEL_ANSWER", "AMEND_ANSWER", "OPERATOR")


@pytest.mark.parametrize("cause", [c for c in CAUSES if c not in VENUES_WORD])
def test_a_pending_cancel_leaves_by_the_venues_word_only(cause):
    leaving = [after for after in STATES if after != "CANCEL_PENDING" and judge("CANCEL_PENDING", after, cause).legal]
    assert leaving == []


def test_failed_confirmed_takes_complete_silence_or_a_person():
    entering = {(row.before, cause) for row in ROWS if row.after == "FAILED_CONFIRMED" for cause in row.causes}
    assert entering == {("UNKNOWN", "NO_TRACE"), ("UNKNOWN", "OPERATOR")}


def test_what_is_not_in_the_table_is_illegal():
    assert judge("DRAFT", "WORKING", "OPEN") == judge("VOID", "SENT", "SEND")
    assert not judge("UNKNOWN", "SENT", "SEND").legal
    assert judge("DRAFT", "DRAFT", "OPEN").alarm == "ILLEGAL_MOVE"
