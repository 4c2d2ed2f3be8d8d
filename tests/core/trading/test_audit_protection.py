"""What an audit asked of protection: steady partial fills, a close that fails, a clock that leaps, orders that fill nothing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.trading.draft import OrderDraft, Submission
from core.trading.order import Fill
from core.trading.venue_features import BINANCE_US_SPOT, BYBIT_LINEAR, BYBIT_SPOT
from tests.core.trading.fake_manager import Case
from tests.core.trading.market import SYMBOL, d

ALL = pytest.mark.parametrize(
    "features", [BINANCE_US_SPOT, BYBIT_SPOT, BYBIT_LINEAR], ids=["binance_us", "bybit_spot", "linear"]
)


@ALL
async def test_an_entry_that_fills_a_little_all_the_time_is_protected_all_the_time(features) -> None:
    """A calm moment must not be waited for: on a busy book there is none."""
    case = Case(features, trail_after_r=0.0)
    async with case.running():
        entry = await case.enter(40, targets=())
        case.quote(100)
        for _ in range(80):
            case.manager.fill(entry, d("0.5"))
            await case.pass_time(0.1)
            assert case.state() in ("VERIFIED", "PLACING")
        assert case.truth.quantity >= d(34)
        await case.pass_time(5)
        assert (case.state(), case.truth.quantity) == ("VERIFIED", d(40))
        assert case.closed == []
        assert case.manager.broken == []


@ALL
async def test_the_policy_of_a_naked_position_outlives_a_close_the_venue_refuses(features) -> None:
    """The operator's close replaces the program's; when it is given up, the naked position must be closed all the same."""
    case = Case(features)
    async with case.running():
        case.manager.refusals = ["-2010"] * 5
        await case.held()
        await case.pass_time(6)
        assert "NAKED" in case.alarms
        assert await case.desk.close_position(SYMBOL, d(0), "OPERATOR") == ""
        await case.pass_time(60)
        assert [closed.why for closed in case.closed] != []
        assert case.manager.live() == []


@ALL
async def test_the_rest_of_a_naked_position_is_closed_after_a_part_of_it_was(features) -> None:
    case = Case(features)
    async with case.running():
        case.manager.refusals = ["-2010"] * 3
        await case.held()
        await case.pass_time(5)
        assert await case.desk.close_position(SYMBOL, d("0.5"), "OPERATOR") == ""
        await case.pass_time(60)
        assert len(case.closed) == 1


async def test_a_purchase_by_somebody_else_is_no_part_of_our_perpetual_position() -> None:
    """What was bought on the website is shown, and neither protected nor sold by this program."""
    case = Case(BYBIT_LINEAR, trail_after_r=0.0)
    async with case.running():
        await case.held(targets=())
        foreign = Fill(
            trade_id="web1", order_id="w1", client_id="", symbol=SYMBOL, side="BUY", price=d(100), quantity=d(2),
            cumulative=d(2), fee=d(0), fee_asset="USDT", maker=False, at_ms=case.clock.now_ms(),
        )  # fmt: skip
        case.desk.outside(SYMBOL, foreign, "no client id")
        await case.pass_time(10)
        assert (case.state(), case.truth.quantity) == ("VERIFIED", d(1))
        assert case.closed == []
        assert case.book.positions[SYMBOL].quantity == d(1)


@ALL
async def test_sales_that_end_unfilled_are_not_sent_again_at_once(features) -> None:
    """A venue may take a market order, acknowledge it, and cancel it with nothing filled: no storm of them follows."""
    case = Case(features, trail_after_r=0.0)
    async with case.running():
        await case.held(targets=())
        case.manager.price = None  # market orders rest, and then the venue ends them
        assert await case.desk.close_position(SYMBOL, d(0), "OPERATOR") == ""
        for _ in range(100):
            await case.pass_time(0.1)
            for record in case.manager.live("EXIT"):
                case.manager.end(record.client_id, "EXPIRED")
        sales = [act for act in case.manager.acts if act.startswith("place MARKET")]
        assert 1 <= len(sales) <= 6
        assert "CLOSE_REFUSED" in case.alarms


@ALL
async def test_a_stop_seen_by_a_clock_that_was_ahead_is_not_taken_for_verified(features) -> None:
    case = Case(features, trail_after_r=0.0)
    async with case.running():
        await case.held(targets=())
        stop = case.manager.stop()
        assert case.state() == "VERIFIED"
        case.manager.orders[stop.client_id] = replace(stop, seen_ms=case.clock.now_ms() + 3_600_000)
        await case.pass_time(1)
        assert (case.state(), case.truth.text[:17]) == ("UNVERIFIED", "seen at the venue")
        case.desk.verified([stop.client_id], case.clock.now_ms())  # the next listing, by the clock as it is now
        assert case.state() == "VERIFIED"


async def test_a_position_without_quotes_is_told_and_no_target_is_sold_at_an_old_price() -> None:
    case = Case(BYBIT_SPOT, trail_after_r=0.0)
    async with case.running():
        await case.held()
        await case.pass_time(25)
        assert "NO_QUOTE" not in case.alarms
        await case.pass_time(60)
        assert case.alarms.count("NO_QUOTE") == 1
        assert case.closed == []
        case.quote(106)
        await case.pass_time(2)
        assert "QUOTE_BACK" in case.alarms
        assert any(act.startswith("place MARKET") for act in case.manager.acts)


@ALL
@pytest.mark.parametrize("code", ["JOURNAL", "VIEW_FAILED"])
async def test_a_stop_that_could_not_be_written_down_was_not_judged(features, code, monkeypatch) -> None:
    """A disk that hangs for a moment is no reason to give the stop up, and to sell the position when it is back."""
    case = Case(features, trail_after_r=0.0)
    submit, denied = case.manager.submit, [0]

    async def hangs(draft: OrderDraft, authorisation: object = None) -> Submission:
        if draft.act == "PROTECT" and denied[0] < 3:
            denied[0] += 1
            return Submission(sent=False, code=code, words="not now")
        return await submit(draft, authorisation)

    monkeypatch.setattr(case.manager, "submit", hangs)
    async with case.running():
        await case.held(targets=())
        await case.pass_time(3.5)
        assert (denied[0], case.state()) == (3, "VERIFIED")
        await case.pass_time(10)
        assert case.closed == []
