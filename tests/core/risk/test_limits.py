"""Limits tighten at once; looser ones wait for the reset and for arming."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, fields, replace

from core.risk.limits import PHASES, TIGHTER, WHEN, Happening, LimitBook, Phase, arm, ask, exact, reset, tighter
from core.settings_risk import RiskSettings

NOW = RiskSettings()
BOOK = LimitBook(effective=NOW, wanted=NOW)


def want(**changes: object) -> RiskSettings:
    return replace(NOW, **changes)


def test_every_knob_has_a_direction_or_says_when() -> None:
    assert {field.name for field in fields(RiskSettings)} == set(TIGHTER) | set(WHEN)
    assert set(PHASES) == set(product(get_args(Phase), get_args(Happening)))


@pytest.mark.parametrize(
    ("name", "old", "tight", "loose"),
    [("heat", 0.03, 0.02, 0.04), ("min_net_ratio", 2.0, 2.5, 1.5), ("daily_loss_money", 100.0, 50.0, 150.0)],
)
def test_which_way_is_tighter(name: str, old: float, tight: float, loose: float) -> None:
    assert tighter(name, tight, old)
    assert not tighter(name, loose, old)
    assert not tighter(name, old, old)


def test_any_limit_in_money_is_tighter_than_none() -> None:
    assert tighter("daily_loss_money", 500.0, 0.0)
    assert not tighter("daily_loss_money", 0.0, 500.0)
    assert not tighter("daily_loss_money", 0.0, 0.0)


def test_a_tighter_limit_counts_at_once() -> None:
    found = ask(BOOK, want(heat=0.01))
    assert found == LimitBook(effective=want(heat=0.01), wanted=want(heat=0.01), phase="SETTLED")


def test_a_looser_one_waits_for_the_reset_and_for_arming() -> None:
    waiting = ask(BOOK, want(heat=0.05, collar=0.005))
    assert waiting.effective == want(collar=0.005)
    assert waiting.phase == "WAITING"
    assert arm(waiting) == waiting
    due = reset(waiting)
    assert due.phase == "DUE"
    assert due.effective == want(collar=0.005)
    assert reset(due) == due
    assert arm(due) == LimitBook(effective=want(heat=0.05, collar=0.005), wanted=want(heat=0.05, collar=0.005))


def test_asking_for_more_while_due_starts_the_wait_anew_for_less_does_not() -> None:
    due = reset(ask(BOOK, want(heat=0.05)))
    assert ask(due, want(heat=0.06)).phase == "WAITING"
    assert ask(due, want(heat=0.04)).phase == "DUE"
    assert ask(due, want(heat=0.05, collar=0.02)).phase == "WAITING"
    assert ask(due, want(heat=0.05)).phase == "DUE"
    back = ask(due, want(heat=0.02))
    assert (back.phase, back.effective) == ("SETTLED", want(heat=0.02))


def test_moving_the_reset_waits_like_a_looser_limit() -> None:
    waiting = ask(BOOK, want(reset_time="12:00"))
    assert (waiting.phase, waiting.effective) == ("WAITING", NOW)
    due = reset(waiting)
    assert ask(due, want(reset_time="11:00")).phase == "WAITING"
    assert arm(due).effective == want(reset_time="12:00")


def test_a_book_at_rest_stays_so() -> None:
    assert reset(BOOK) == arm(BOOK) == ask(BOOK, NOW) == BOOK


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["reset", "arm"]),
        st.builds(
            lambda heat, ratio, money: want(heat=heat, min_net_ratio=ratio, daily_loss_money=money),
            st.sampled_from([0.01, 0.03, 0.05]),
            st.sampled_from([1.5, 2.0, 2.5]),
            st.sampled_from([0.0, 100.0, 200.0]),
        ),
    ),
    max_size=12,
)


@given(steps=STEPS)
def test_nothing_loosens_but_by_arming_after_a_reset(steps: list[str | RiskSettings]) -> None:
    book = BOOK
    for step in steps:
        before = book
        if step == "reset":
            book = reset(book)
        elif step == "arm":
            book = arm(book)
        else:
            assert isinstance(step, RiskSettings)
            book = ask(book, step)
            assert not any(tighter(name, getattr(step, name), getattr(book.effective, name)) for name in TIGHTER)
        looser = [
            name for name in TIGHTER if tighter(name, asdict(before.effective)[name], asdict(book.effective)[name])
        ]
        assert not looser or (step == "arm" and before.phase == "DUE")
        assert (book.phase == "SETTLED") == (book.effective == book.wanted)


def test_settings_are_taken_as_they_are_written() -> None:
    assert str(exact(0.005)) == "0.005"
    assert str(exact(3)) == "3"
