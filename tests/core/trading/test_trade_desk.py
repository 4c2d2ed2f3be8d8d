"""The life of a trade on spot with pairs: entry, protection within its time, targets, stop, end."""

from __future__ import annotations

import pytest

from core.trading.broker import Cancelled
from core.trading.trade_desk import TradeExists
from core.trading.venue_features import BINANCE_US_SPOT
from tests.core.trading.fake_manager import Case
from tests.core.trading.market import SYMBOL, d


async def test_a_filled_entry_is_protected_by_a_pair_per_target_and_a_stop_for_the_rest() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held()
        assert case.legs() == ["0.5 @ 95 (105)", "0.3 @ 95 (110)", "0.2 @ 95"]
        assert case.state() == "VERIFIED"
        assert case.truth.quantity == d(1)
        assert case.manager.broken == []


async def test_the_first_fill_is_protected_at_once_and_every_further_one_soon() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        entry = await case.enter()
        case.quote(100)
        case.manager.fill(entry, "0.4")
        await case.pass_time(0.2)
        assert case.truth.quantity == d("0.4")
        case.manager.fill(entry, "0.3")
        case.manager.fill(entry, "0.3")
        await case.pass_time(0.5)
        assert case.truth.quantity == d(1)
        assert case.state() == "VERIFIED"
        assert case.manager.broken == []


async def test_the_plan_is_written_before_the_entry() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.enter()
        kinds = [type(record).__name__ for record in case.journal.records]
        assert kinds.index("TradePlan") < kinds.index("Intent")


async def test_a_second_trade_of_the_symbol_is_refused() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held()
        with pytest.raises(TradeExists, match="has a trade already"):
            await case.enter()


async def test_targets_fill_the_stop_goes_to_break_even_and_the_rest_is_stopped() -> None:
    case = Case(BINANCE_US_SPOT, trail_after_r=0.0)
    async with case.running():
        await case.held()
        (first,) = [r for r in case.manager.live("EXIT") if r.spec.price == d(105)]
        case.quote(105)
        case.manager.fill(first.client_id, "0.5")
        await case.pass_time(1)
        assert case.legs() == ["0.3 @ 100.2 (110)", "0.2 @ 100.2"]
        assert case.status.targets[0][2] is True
        case.quote(100)
        for stop in case.manager.live("PROTECTION"):
            case.manager.fill(stop.client_id, stop.remaining, 100)
        await case.pass_time(1)
        (closed,) = case.closed
        assert (closed.why, closed.result) == ("BREAK_EVEN", d("2.5"))
        assert case.desk.held() == ()
        assert case.state() == "NONE"
        assert case.manager.live() == []


async def test_an_entry_that_waits_too_long_is_cancelled_and_the_trade_ends() -> None:
    case = Case(BINANCE_US_SPOT, entry_expires_s=30.0)
    async with case.running():
        await case.enter()
        await case.pass_time(29)
        assert case.manager.live("ENTRY")
        await case.pass_time(2)
        assert not case.manager.live("ENTRY")
        assert case.closed == []
        await case.enter()  # the symbol is free again


async def test_a_target_ends_the_entry_that_still_waits() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        entry = await case.enter()
        case.quote(100)
        case.manager.fill(entry, "0.6")
        await case.pass_time(1)
        (first,) = [r for r in case.manager.live("EXIT") if r.spec.price == d(105)]
        case.manager.fill(first.client_id, first.remaining)
        await case.pass_time(1)
        assert not case.manager.live("ENTRY")


async def test_fees_in_base_are_not_protected_and_dust_ends_the_trade() -> None:
    case = Case(BINANCE_US_SPOT)
    case.manager.base_fee = d("0.0005")
    async with case.running():
        await case.held()
        assert case.truth.quantity == d("0.999")
        for stop in case.manager.live("PROTECTION"):
            case.manager.fill(stop.client_id, stop.remaining, 95)
        await case.pass_time(1)
        assert case.status.closed
        assert case.status.dust == d("0.0005")
        assert case.closed[-1].dust == d("0.0005")
        assert case.manager.broken == []


async def test_a_rest_below_the_least_value_ends_the_trade_without_trying_again() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        entry = await case.enter()
        case.quote(100)
        case.manager.fill(entry, "0.05")
        case.manager.end(entry, "CANCELED")
        await case.pass_time(60)
        assert case.manager.acts == []
        assert case.status.closed
        assert case.status.dust == d("0.05")


async def test_the_time_stop_closes() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held(time_stop_ms=60_000)
        await case.pass_time(57)
        assert case.legs()
        await case.pass_time(5)
        assert case.closed[0].why == "TIME_STOP"
        assert case.manager.broken == []


async def test_the_operator_closes_a_part_and_then_all() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held()
        assert await case.desk.close_position(SYMBOL, d("0.4"), "OPERATOR") == ""
        await case.pass_time(1)
        assert case.truth.quantity == d("0.6")
        assert case.state() == "VERIFIED"
        assert "would be left" in await case.desk.close_position(SYMBOL, d("0.55"), "OPERATOR")
        assert await case.desk.close_position(SYMBOL, d(0), "OPERATOR") == ""
        await case.pass_time(1)
        assert case.closed[0].why == "OPERATOR"
        assert case.manager.broken == []


async def test_a_part_of_nothing_is_not_closed() -> None:
    """An entry works and nothing has filled: there is no part to sell, and the trade goes on as it was."""
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        entry = await case.enter()
        assert "0 is held" in await case.desk.close_position(SYMBOL, d("0.4"), "OPERATOR")
        await case.pass_time(1)
        assert case.manager.orders[entry].may_fill
        assert await case.desk.close_position(SYMBOL, d(0), "OPERATOR") == ""
        await case.pass_time(1)
        assert not case.manager.orders[entry].may_fill
        assert not case.desk.planned()


async def test_an_entry_that_fills_after_all_was_to_be_closed_is_sold() -> None:
    """The cancel of the entry is lost: what it fills then is closed, too, as the operator asked."""
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        entry = await case.enter()
        cancel = case.manager.cancel
        lost: list[str] = []

        async def losing(client_id: str) -> Cancelled:
            if lost:
                return await cancel(client_id)
            lost.append(client_id)
            return Cancelled(outcome="UNKNOWN")

        case.manager.cancel = losing  # type: ignore[method-assign]
        assert await case.desk.close_position(SYMBOL, d(0), "OPERATOR") == ""
        await case.pass_time(0.5)
        assert lost == [entry]
        case.quote(100)
        case.manager.fill(entry, "1")
        await case.pass_time(2)
        assert case.closed[0].why == "OPERATOR"
        assert not case.desk.planned()
        assert case.manager.broken == []


async def test_a_fill_after_the_end_opens_the_trade_again() -> None:
    case = Case(BINANCE_US_SPOT, entry_expires_s=30.0)
    async with case.running():
        entry = await case.enter()
        await case.pass_time(32)
        case.quote(100)
        case.manager.fill(entry, 1)
        await case.pass_time(1)
        assert "TRADE_REOPENED" in case.alarms
        assert case.truth.quantity == d(1)
