"""Which recommendations wait, in what order, for how long, and which of them open themselves on paper."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.messages import Answer
from core.settings_trading import Trading
from core.trading.journal_records import InboxAnswered
from tests.builders import NOW_MS, quote
from tests.core.trading.inbox_rig import MINUTE, D, InboxRig, calm, recommended
from tests.trading_builders import order, position

IDLE = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")


def three(rig: InboxRig) -> InboxRig:
    return rig.send(recommended("AAAUSDT", 0.6), recommended("BBBUSDT", 0.9), recommended("CCCUSDT", 0.6, ratio=3.0))


def test_the_best_wait_by_confidence_then_ratio_and_carry_the_trade() -> None:
    rig = three(InboxRig())
    assert rig.symbols() == ["BBBUSDT", "CCCUSDT", "AAAUSDT"]
    best = rig.waiting()[0]
    assert (best.rank, best.side, best.confidence, best.entry, best.stop, best.targets) == (
        1, "BUY", 0.9, (D("99"), D("101")), D("95"), (D("110"),),
    )  # fmt: skip
    assert (best.expires_ms, best.text) == (NOW_MS + 15 * MINUTE, "P(BUY) 0.90 is enough")
    assert rig.keeper.find(best.item_id) is not None
    assert rig.keeper.find("p:AAAUSDT:1") is None


def test_limits_of_the_settings_are_read_at_once() -> None:
    rig = three(InboxRig()).edit(trading__proposals=2)
    assert rig.symbols() == ["BBBUSDT", "CCCUSDT"]
    assert "1 more rank lower" in rig.note
    rig.edit(trading__proposal_confidence=0.8)
    assert rig.symbols() == ["BBBUSDT"]
    assert "AAAUSDT, CCCUSDT below trading.proposal_confidence 0.80" in rig.note


@pytest.mark.parametrize(
    "lacks",
    [
        {"stage2_status": "skipped"}, {"validation_passed": False}, {"risk_parameters": None},
        {"confidence_metrics": None}, {"recommendation": "WAIT_FOR_CONFIRMATION"},
        {"expires_ms": NOW_MS - 1}, {"replayed": True, "expires_ms": 0},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_sound_fresh_recommendation_is_none(lacks: dict[str, Any]) -> None:
    assert InboxRig().send(recommended(**lacks)).symbols() == []


async def test_a_newer_analysis_takes_the_place_of_the_older_or_withdraws_it() -> None:
    rig = InboxRig().send(recommended(confidence=0.6), recommended(confidence=0.8, at_ms=NOW_MS + 1))
    assert [item.confidence for item in rig.waiting()] == [0.8]
    rig.send(recommended(confidence=0.9, at_ms=NOW_MS - 1))
    assert [item.confidence for item in rig.waiting()] == [0.8], "an older one is no news"
    rig.send(calm(at_ms=NOW_MS + 2))
    assert rig.waiting() == []
    assert [(item.state, item.text) for item in rig.gone()] == [
        ("EXPIRED", "withdrawn: the newest analysis says AVOID: volatility is low")
    ]
    await rig.pass_time(0.2)
    assert not rig.items


async def test_it_runs_out_with_its_analysis_and_leaves_after_a_moment() -> None:
    rig = await InboxRig().send(recommended()).pass_time(15)
    assert [item.state for item in rig.items] == ["EXPIRED"]
    assert await rig.keeper.answer(rig.items[0].item_id, "DISMISSED", 0) == (
        "SOLUSDT is expired already; there is nothing to answer"
    )
    await rig.pass_time(0.16)
    assert len(rig.items) == 1
    await rig.pass_time(0.01)
    assert not rig.items


async def test_a_symbol_with_a_position_or_a_working_entry_gives_none() -> None:
    rig = InboxRig().send(recommended(), order(state="WORKING"))
    assert rig.waiting() == []
    assert "SOLUSDT left out: a position or an entry of ours is there" in rig.note
    rig.send(position(), order(state="FILLED"))
    assert rig.waiting() == []
    rig.send(position(closed=True))
    assert rig.symbols() == ["SOLUSDT"]


def test_on_spot_nothing_is_sold_short_and_that_is_said() -> None:
    sell = recommended(side="SELL")
    rig = InboxRig().send(sell)
    assert rig.waiting() == []
    assert "SELL of SOLUSDT left out: spot cannot be sold short" in rig.note
    assert InboxRig(category="linear").send(sell).symbols() == ["SOLUSDT"]


async def test_answers_are_journalled_and_refused_where_there_is_nothing_to_answer() -> None:
    rig = three(InboxRig())
    best, _, last = rig.waiting()
    assert await rig.keeper.answer(best.item_id, "DISMISSED", 0) == ""
    assert rig.symbols() == ["CCCUSDT", "AAAUSDT"]
    assert [item.state for item in rig.gone()] == ["DISMISSED"]
    assert "is dismissed already" in await rig.keeper.answer(best.item_id, "ACKNOWLEDGED", 0)
    assert "there is no item 'p:none'" in await rig.keeper.answer("p:none", "ACKNOWLEDGED", 0)
    assert "cannot snooze for -1 minutes" in await rig.keeper.answer(last.item_id, "SNOOZED", -1)
    assert [entry.record for entry in rig.kept.entries] == [
        InboxAnswered(at_ms=NOW_MS, item_id=best.item_id, answer="DISMISSED")
    ]
    await rig.pass_time(0.2)
    assert rig.gone() == []
    again = three(InboxRig(kept=rig.kept))
    assert again.symbols() == ["CCCUSDT", "AAAUSDT"], "answered before the restart"


async def test_a_snoozed_one_comes_back_and_a_newer_one_of_it_does_not_wake_it() -> None:
    rig = three(InboxRig())
    best = rig.waiting()[0]
    assert await rig.keeper.answer(best.item_id, "SNOOZED", 0) == ""
    assert rig.gone()[0].until_ms == NOW_MS + round(Trading().snooze_min * MINUTE)
    rig.send(recommended("BBBUSDT", 0.95, at_ms=NOW_MS + 1))
    assert rig.symbols() == ["CCCUSDT", "AAAUSDT"]
    rig.send(recommended("AAAUSDT", 0.6, at_ms=NOW_MS + 2))
    kept = InboxRig(kept=rig.kept).send(recommended("BBBUSDT", 0.9))
    assert kept.symbols() == [], "snoozed before the restart"
    await rig.pass_time(10)
    assert rig.symbols() == ["BBBUSDT", "CCCUSDT", "AAAUSDT"]
    assert (await kept.pass_time(10)).symbols() == ["BBBUSDT"]


def test_one_that_was_sent_is_taken_and_stays_so() -> None:
    rig = three(InboxRig())
    best = rig.waiting()[0]
    rig.keeper.taken(best.item_id)
    rig.keeper.taken("p:none")
    assert rig.symbols() == ["CCCUSDT", "AAAUSDT"]
    assert [item.state for item in rig.gone()] == ["TAKEN"]
    three(rig)
    assert "BBBUSDT" not in rig.symbols()


async def test_on_paper_the_best_open_themselves_once_each() -> None:
    rig = three(InboxRig()).edit(paper__open_top=1, paper__min_confidence_trade=0.5)
    await rig.send(quote("BBBUSDT", 99.9, 100.0)).pass_time()
    assert rig.told[-1].opens_itself
    assert "the best proposal opens itself on paper, from confidence 0.50" in rig.note
    [(wish, by)] = rig.opened
    assert (wish.symbol, wish.side, wish.entry, wish.stop, wish.targets, by) == (
        "BBBUSDT", "BUY", D("100.0"), D("95"), (D("110"),), "program",
    )  # fmt: skip
    await rig.pass_time(1)
    assert len(rig.opened) == 1, "its place is taken until its analysis has run out"
    await rig.send(recommended("AAAUSDT", 0.6, at_ms=NOW_MS + 14 * MINUTE)).pass_time(14.5)
    assert [wish.symbol for wish, _ in rig.opened] == ["BBBUSDT", "AAAUSDT"]
    assert rig.opened[1][0].entry == D("101"), "without a quote the edge of the zone that pays least"


async def test_a_refusal_is_told_and_not_tried_again() -> None:
    rig = InboxRig(category="linear").edit(paper__open_top=2)
    rig.refusal = "cooldown until 12:40"
    await rig.send(recommended(confidence=0.8, side="SELL"), recommended("AAAUSDT", 0.7)).pass_time()
    await rig.pass_time(1)
    assert [wish.symbol for wish, _ in rig.opened] == ["SOLUSDT"], "the other is not sure enough"
    assert rig.waiting()[0].text == "not opened by itself: cooldown until 12:40; P(SELL) 0.80 is enough"


async def test_nothing_old_opens_itself() -> None:
    rig = InboxRig().edit(paper__open_top=3)
    await rig.send(recommended(confidence=0.9, replayed=True)).pass_time()
    assert (rig.symbols(), rig.opened) == (["SOLUSDT"], [])


async def test_with_real_money_nothing_ever_opens_itself() -> None:
    rig = three(InboxRig(mode="LIVE")).edit(paper__open_top=3, paper__min_confidence_trade=0)
    for _ in range(3):
        await rig.pass_time(1)
    assert (rig.opened, rig.told[-1].opens_itself, len(rig.waiting())) == ([], False, 3)
    assert not [name for name in Trading.__struct_fields__ if "open" in name]


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("analysis"), st.sampled_from(IDLE), st.floats(0.3, 1.0), st.integers(-3, 3), st.booleans()
        ),
        st.tuples(st.just("calm"), st.sampled_from(IDLE), st.integers(-3, 3)),
        st.tuples(st.just("answer"), st.integers(0, 3), st.sampled_from(["ACKNOWLEDGED", "DISMISSED", "SNOOZED"])),
        st.tuples(st.just("taken"), st.integers(0, 3)),
        st.tuples(st.just("time"), st.floats(0.0, 12.0)),
        st.tuples(st.just("most"), st.integers(1, 4)),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(STEPS)
async def test_whatever_happens_few_wait_one_a_symbol_and_no_answered_one_comes_back(steps: list[Any]) -> None:
    rig, over = InboxRig(), set[str]()
    until: dict[str, int] = {}
    for step in steps:
        now = rig.clock.now_ms()
        waiting = rig.waiting()
        match step:
            case ("analysis", symbol, confidence, minutes, replayed):
                rig.send(recommended(symbol, confidence, at_ms=now + minutes * MINUTE, replayed=replayed))
            case ("calm", symbol, minutes):
                rig.send(calm(symbol, at_ms=now + minutes * MINUTE))
            case ("answer", place, said) if place < len(waiting):
                answer: Answer = said
                name = waiting[place].item_id
                assert await rig.keeper.answer(name, answer, 5) == ""
                if answer == "SNOOZED":
                    until[name] = now + 5 * MINUTE
                else:
                    over.add(name)
            case ("taken", place) if place < len(waiting):
                rig.keeper.taken(waiting[place].item_id)
                over.add(waiting[place].item_id)
            case ("time", minutes):
                await rig.pass_time(minutes)
            case ("most", most):
                rig.live.edit("trading.proposals", str(most))
        shown = rig.waiting()
        trading = rig.live.current.trading
        assert len(shown) <= trading.proposals
        assert not shown or max(Counter(item.symbol for item in shown).values()) == 1
        assert not over & {item.item_id for item in shown}
        assert all(until.get(item.item_id, 0) <= rig.clock.now_ms() < item.expires_ms for item in shown)
        assert all(item.confidence >= trading.proposal_confidence for item in shown)
        assert [item.rank for item in shown] == list(range(1, len(shown) + 1))
        assert all(rig.keeper.find(item.item_id) is not None for item in shown)
    assert rig.opened == []
    assert sum(isinstance(entry.record, InboxAnswered) for entry in rig.kept.entries) >= len(until)
