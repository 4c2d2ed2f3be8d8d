"""The venue's rules as they were read last; a symbol that left the list is known and does not trade."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from core.clock import SimClock
from core.trading.rules_book import NOT_LISTED, RulesBook
from tests.core.risk.views import SYMBOL, instrument

LISTED = instrument()
OTHER = replace(LISTED, symbol="OTHERUSDT")


def book() -> RulesBook:
    no_venue: Any = None  # what is taken here is given by hand
    return RulesBook(SimClock(1_790_000_000_000), no_venue)


def test_one_answer_without_a_symbol_may_be_a_slip_two_are_not() -> None:
    rules = book()
    rules.take([LISTED, OTHER])
    rules.take([OTHER])
    assert rules.get(SYMBOL) == LISTED
    rules.take([OTHER])
    assert rules.get(SYMBOL) == replace(LISTED, status=NOT_LISTED, trading=False)
    assert rules.get(OTHER.symbol) == OTHER


def test_a_symbol_that_comes_back_trades_and_has_two_answers_again() -> None:
    rules = book()
    for answer in ([LISTED, OTHER], [OTHER], [OTHER], [LISTED, OTHER], [OTHER]):
        rules.take(answer)
    assert rules.get(SYMBOL) == LISTED
    assert rules.get("NEVERUSDT") is None


def test_each_reading_is_told_with_its_time() -> None:
    rules = book()
    heard: list[int] = []
    rules.on_read = heard.append
    rules.take([LISTED])
    assert heard == [1_790_000_000_000] == [rules.read_ms]
