"""Why a trade, and what speaks against it: reasons of a recommendation for something else are none for it."""

from __future__ import annotations

import msgspec

from core.trading.argument import argument
from tests.tui import advice_builder as advice


def test_the_reasons_of_a_recommendation_speak_for_the_trade_it_recommends_alone() -> None:
    reason = advice.analysis().reasons[0]
    why, _ = argument("BUY", None, advice.analysis())
    assert reason in why
    why, contrary = argument("SELL", None, advice.analysis())
    assert why == ()
    assert "the newest recommendation is to BUY" in contrary


def test_why_a_trade_was_advised_against_speaks_against_it() -> None:
    avoided = advice.avoided()
    assert avoided.side == "BUY"
    why, contrary = argument("BUY", None, avoided)
    assert why == ()
    assert contrary == (f"the newest recommendation is avoid: {'; '.join(avoided.reasons)}",)


def test_what_is_told_without_reasons_is_short() -> None:
    _, contrary = argument("BUY", None, msgspec.structs.replace(advice.avoided(), reasons=()))
    assert contrary == ("the newest recommendation is avoid",)
