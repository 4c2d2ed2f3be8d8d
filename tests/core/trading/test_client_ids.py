"""Ids never repeat, fit both venues, and are told from foreign ones."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.trading.client_ids import ALPHABET, COUNTER_CHARS, LENGTH, VENUE_RULES, ClientIds, recognise

NOW = 1_790_000_000_000


def test_both_venues_take_them():
    client_id = ClientIds().next(NOW)
    assert len(client_id) == LENGTH
    assert all(rule.takes(client_id) for rule in VENUE_RULES.values())


def test_the_rule_of_a_venue_refuses_what_the_venue_refuses():
    rule = VENUE_RULES["bybit"]
    assert rule.takes("a" * 36)
    assert not rule.takes("a" * 37)
    assert not rule.takes("")
    assert not rule.takes("a b")


def test_runs_and_a_clock_that_stands_still_or_goes_back_never_repeat_one():
    runs = [ClientIds() for _ in range(50)]
    made = [run.next(now) for run in runs for now in (NOW, NOW, NOW - 5_000, NOW)]
    assert len(set(made)) == len(made)


def test_a_full_counter_draws_a_new_run(monkeypatch):
    ids = ClientIds()
    first = ids.next(NOW)
    monkeypatch.setattr(ids, "_number", len(ALPHABET) ** COUNTER_CHARS - 1)
    last, after = recognise(ids.next(NOW)), recognise(ids.next(NOW))
    assert last is not None
    assert after is not None
    assert last.run == first[12:24]
    assert (after.run == last.run, after.number) == (False, 0)


def test_a_forked_child_does_not_go_on_with_its_parents_numbers(monkeypatch):
    ids = ClientIds()
    before = recognise(ids.next(NOW))
    monkeypatch.setattr(os, "getpid", lambda: -1)
    after = recognise(ids.next(NOW))
    assert before is not None
    assert after is not None
    assert before.run != after.run


@given(st.integers(0, 32**9 - 1), st.integers(1, 5))
def test_an_id_gives_back_its_parts(now_ms, count):
    ids = ClientIds()
    for number in range(count):
        own = recognise(ids.next(now_ms))
        assert own is not None
        assert (own.at_ms, own.number) == (now_ms, number)


@pytest.mark.parametrize(
    "foreign", ["", "web_1f3e", "tt1", "mUvoqJxFIILMdfAW5iGSOW", "tt1" + "0" * 31, "TT1" + "0" * 31]
)
def test_foreign_ids_are_not_taken_for_ours(foreign):
    assert recognise(foreign) is None


@given(st.integers(3, LENGTH - 1), st.sampled_from(ALPHABET))
def test_one_character_changed_is_foreign(place, char):
    client_id = ClientIds().next(NOW)
    changed = client_id[:place] + char + client_id[place + 1 :]
    assert changed == client_id or recognise(changed) is None


@pytest.mark.parametrize("now_ms", [-1, 32**9])
def test_a_time_that_cannot_be_is_named(now_ms):
    with pytest.raises(ValueError, match="check the system clock"):
        ClientIds().next(now_ms)
