"""A stop that is refused, lost, gone or late: what is told, how long it lasts, and what follows (F14 to F19)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.trading.draft import OrderDraft
from core.trading.order import OrderSpec
from core.trading.plan import StopMoved
from core.trading.venue_features import BINANCE_US_SPOT, BYBIT_LINEAR, BYBIT_SPOT
from tests.core.trading.fake_manager import Case
from tests.core.trading.market import SYMBOL, d

ALL = pytest.mark.parametrize(
    "features", [BINANCE_US_SPOT, BYBIT_SPOT, BYBIT_LINEAR], ids=["binance_us", "bybit_spot", "linear"]
)


@ALL
async def test_a_refused_stop_is_tried_once_more_with_fresh_rules(features) -> None:
    case = Case(features)
    async with case.running():
        case.manager.refusals = ["-2010"]
        await case.held()
        assert case.refreshed == 1
        assert (case.state(), case.truth.quantity) == ("VERIFIED", d(1))
        assert "STOP_REFUSED" in case.alarms


@ALL
async def test_refused_twice_it_is_naked_with_a_countdown_and_then_closed(features) -> None:
    case = Case(features)
    async with case.running():
        case.manager.refusals = ["-2010", "-2010"]
        await case.held()
        truth = case.truth
        assert (truth.state, truth.policy) == ("NAKED", "close")
        assert 3_500 < truth.deadline_ms - case.clock.now_ms() < 4_500
        assert case.desk.naked_count == 1
        stops = [act for act in case.manager.acts if "STOP" in act or "pair" in act]
        assert len(stops) == 2
        await case.pass_time(5)
        assert "NAKED" in case.alarms
        assert [closed.why for closed in case.closed] == ["NAKED"]
        assert case.manager.live() == []
        assert case.manager.broken == []


async def test_held_by_the_settings_the_program_closes_only_at_the_stop() -> None:
    case = Case(BINANCE_US_SPOT, naked_policy="hold")
    async with case.running():
        case.manager.refusals = ["-2010", "-2010"]
        await case.held()
        await case.pass_time(60)
        assert case.state() == "NAKED"
        assert case.alarms.count("NAKED") == 1
        assert case.closed == []
        case.quote(95)
        await case.pass_time(1)
        assert [closed.why for closed in case.closed] == ["PROGRAM_STOP"]


async def test_the_operator_gives_a_naked_position_another_stop() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        case.manager.refusals = ["-2010", "-2010"]
        await case.held()
        assert "past the market" in await case.desk.move_stop(SYMBOL, d(101), "OPERATOR")
        assert "farther than planned" in await case.desk.move_stop(SYMBOL, d(94), "OPERATOR")
        assert await case.desk.move_stop(SYMBOL, d(96), "OPERATOR") == ""
        await case.pass_time(1)
        assert (case.state(), case.truth.price) == ("VERIFIED", d(96))
        await case.pass_time(20)
        assert case.closed == []


@ALL
async def test_a_stop_without_an_answer_is_waited_for_and_not_doubled(features) -> None:
    case = Case(features)
    async with case.running():
        assert case.rule is not None
        case.rule = replace(case.rule, oco_allowed=False)
        entry = await case.enter()
        case.quote(100)
        case.manager.silent = 1
        case.manager.fill(entry, 1)
        await case.pass_time(2)
        assert case.state() == "PLACING"
        await case.pass_time(2)
        assert case.state() == "NAKED"
        (stop,) = case.manager.live("PROTECTION")
        case.manager.report(stop.client_id, "NEW")  # the question was answered: it stands
        await case.pass_time(0.5)
        assert case.state() == "VERIFIED"
        assert len([act for act in case.manager.acts if "STOP_LOSS" in act]) == 1


@ALL
async def test_a_stop_cancelled_on_the_website_is_told_and_not_created_again(features) -> None:
    case = Case(features, trail_after_r=0.0)
    async with case.running():
        await case.held(targets=())
        before = len(case.manager.acts)
        case.manager.end(case.manager.stop().client_id, "CANCELED")
        await case.pass_time(2)
        assert "STOP_GONE" in case.alarms
        assert (case.state(), case.truth.policy) == ("NAKED", "close")
        assert len(case.manager.acts) == before
        await case.pass_time(5)
        assert [closed.why for closed in case.closed] == ["NAKED"]


async def test_a_target_that_fills_is_no_stop_that_has_gone() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held()
        target = next(r for r in case.manager.live("EXIT") if r.spec.price == d(105))
        stop = next(r for r in case.manager.live("PROTECTION") if r.spec.list_id == target.spec.list_id)
        case.manager.report(stop.client_id, "EXPIRED")  # told before the fill that ended it
        await case.pass_time(0.5)
        case.manager.fill(target.client_id, "0.5")
        await case.pass_time(3)
        assert "STOP_GONE" not in case.alarms
        assert case.state() == "VERIFIED"


async def test_what_a_target_filled_in_part_leaves_gets_a_stop_again() -> None:
    case = Case(BINANCE_US_SPOT, break_even_after=0, trail_after_r=0.0)
    async with case.running():
        await case.held()
        target = next(r for r in case.manager.live("EXIT") if r.spec.price == d(105))
        case.manager.fill(target.client_id, "0.2")  # the venue ends its stop, the rest of the limit waits
        await case.pass_time(1)
        assert (case.state(), case.truth.quantity) == ("VERIFIED", d("0.8"))
        assert case.legs() == ["0.3 @ 95 (105)", "0.3 @ 95 (110)", "0.2 @ 95"]
        assert case.manager.broken == []


@ALL
async def test_a_stop_that_was_met_and_does_not_fill_is_followed_by_a_market_order(features) -> None:
    case = Case(features)
    async with case.running():
        await case.held()
        case.quote("93.5")
        await case.pass_time(4.5)
        assert case.closed == []
        assert (case.state(), case.truth.policy) == ("VERIFIED", "close")
        assert 0 < case.truth.deadline_ms - case.clock.now_ms() < 1_000
        await case.pass_time(2)
        assert "STOP_UNFILLED" in case.alarms
        assert [closed.why for closed in case.closed] == ["STOP_UNFILLED"]
        assert case.manager.live() == []
        assert case.manager.broken == []


async def test_a_price_that_only_touched_the_stop_starts_the_wait_anew() -> None:
    case = Case(BYBIT_SPOT)
    async with case.running():
        await case.held()
        for _ in range(5):
            case.quote("94.9")
            await case.pass_time(3)
            case.quote("95.5")
            await case.pass_time(1)
        assert case.closed == []


async def test_a_refused_stop_move_goes_back_to_the_old_stop() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held(targets=())
        case.manager.refusals = ["-2010"]
        assert await case.desk.move_stop(SYMBOL, d(98), "OPERATOR") == ""
        await case.pass_time(1)
        assert "STOP_MOVE_REFUSED" in case.alarms
        assert (case.state(), case.truth.price) == ("VERIFIED", d(95))
        moves = [r.why for r in case.journal.records if isinstance(r, StopMoved)]
        assert moves == ["OPERATOR", "REVERTED"]
        assert any(getattr(r, "code", "") == "UNPROTECTED" for r in case.journal.records)


async def test_the_old_stop_refused_as_well_is_naked() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held(targets=())
        case.manager.refusals = ["-2010", "-2010"]
        await case.desk.move_stop(SYMBOL, d(98), "OPERATOR")
        await case.pass_time(1)
        assert case.state() == "NAKED"
        await case.pass_time(6)
        assert [closed.why for closed in case.closed] == ["NAKED"]


async def test_an_amend_that_is_refused_is_done_by_cancel_and_create() -> None:
    case = Case(BYBIT_SPOT)
    async with case.running():
        entry = await case.enter()
        case.quote(100)
        case.manager.fill(entry, "0.4")
        await case.pass_time(1)
        case.manager.amend_refusals = ["10001"]
        case.manager.fill(entry, "0.6")
        await case.pass_time(1)
        assert (case.state(), case.truth.quantity) == ("VERIFIED", d(1))
        assert case.manager.broken == []


async def test_a_refused_close_of_a_naked_position_is_tried_again_with_growing_waits() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        case.manager.refusals = ["-2010"] * 5
        await case.held()
        await case.pass_time(4.5)
        assert case.alarms.count("CLOSE_REFUSED") == 1
        await case.pass_time(10)
        assert case.alarms.count("CLOSE_REFUSED") == 3
        assert [closed.why for closed in case.closed] == ["NAKED"]


async def test_a_stop_not_seen_for_long_is_shown_so() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held()
        await case.pass_time(31)
        assert case.state() == "UNVERIFIED"
        ids = [record.client_id for record in case.manager.live("PROTECTION")]
        case.desk.verified(ids, case.clock.now_ms())
        assert case.state() == "VERIFIED"
        assert case.truth.verified_ms == case.clock.now_ms()


async def test_an_order_without_a_plan_that_fills_is_naked_and_closed() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        case.quote(100)
        spec = OrderSpec(client_id="x1", symbol=SYMBOL, side="BUY", type="LIMIT", quantity=d(1), price=d(100))
        await case.manager.submit(OrderDraft(intent_id="?", act="ENTRY", purpose="ENTRY", spec=spec))
        case.manager.fill("x1", 1)
        await case.pass_time(4)
        assert case.state() == "NAKED"
        await case.pass_time(3)
        assert [closed.why for closed in case.closed] == ["NAKED"]


async def test_a_stop_that_goes_while_another_order_is_on_its_way_is_not_created_again() -> None:
    case = Case(BYBIT_LINEAR)
    async with case.running():
        submit = case.manager.submit

        async def interrupted(draft, authorisation=None):
            submission = await submit(draft, authorisation)
            if draft.purpose == "PROTECTION":
                case.manager.end(draft.spec.client_id, "CANCELED")  # before its answer is looked at
            return submission

        case.manager.submit = interrupted  # type: ignore[method-assign]
        await case.held(targets=())
        await case.pass_time(1)
        assert "STOP_GONE" in case.alarms
        assert len([act for act in case.manager.acts if "STOP_LOSS" in act]) == 1


async def test_a_stop_that_has_come_to_life_is_left_to_fill() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held()
        case.manager.acts.clear()
        for target in case.manager.live("EXIT"):
            case.manager.report(target.client_id, "EXPIRED")  # the trigger ends the other leg
        case.quote(95)
        await case.pass_time(3)
        assert (case.manager.acts, case.alarms) == ([], [])
        for stop in case.manager.live("PROTECTION"):
            case.manager.fill(stop.client_id, stop.remaining, 95)
        await case.pass_time(1)
        assert [closed.why for closed in case.closed] == ["STOP"]


async def test_a_pair_cancelled_on_the_website_is_told() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held()
        case.manager.acts.clear()
        case.manager.end(case.manager.live("PROTECTION")[0].client_id, "CANCELED")
        await case.pass_time(2)
        assert "STOP_GONE" in case.alarms
        assert case.manager.acts == []
        assert (case.state(), case.truth.quantity) == ("NAKED", d("0.5"))
