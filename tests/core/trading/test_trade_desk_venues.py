"""The same life where the program keeps the targets (Bybit spot) and on perpetuals; frozen symbols, restarts, replays."""

from __future__ import annotations

import asyncio
import random

import pytest
from msgspec.structs import replace

from core.messages import Bar, Listing, OrderAlarm, Replay
from core.trading.broker import VenuePosition
from core.trading.draft import OrderDraft
from core.trading.order import Fill, OrderSpec
from core.trading.plan import Target, TradePlan
from core.trading.venue_features import BINANCE_US_SPOT, BYBIT_LINEAR, BYBIT_SPOT
from tests.core.trading.fake_manager import Case
from tests.core.trading.market import SYMBOL, d

SEEDS = 12
ALL = pytest.mark.parametrize(
    "features", [BINANCE_US_SPOT, BYBIT_SPOT, BYBIT_LINEAR], ids=["binance_us", "bybit_spot", "linear"]
)


async def test_bybit_spot_has_one_stop_and_the_program_sells_at_the_targets() -> None:
    case = Case(BYBIT_SPOT, break_even_after=0, trail_after_r=0.0)
    async with case.running():
        await case.held()
        assert case.legs() == ["1 @ 95"]
        assert not case.status.targets_at_venue
        case.manager.acts.clear()
        case.quote("105.2")
        await case.pass_time(1)
        assert case.manager.acts == ["amend 0.500 95", "place MARKET 0.500 0"]  # the rest never lost its stop
        assert (case.state(), case.truth.quantity) == ("VERIFIED", d("0.5"))
        case.quote(111)
        await case.pass_time(1)
        assert [done for _, _, done in case.status.targets] == [True, True]
        assert case.truth.quantity == d("0.2")
        assert case.manager.broken == []


async def test_a_target_of_the_program_that_is_refused_leaves_the_whole_position_protected() -> None:
    case = Case(BYBIT_SPOT, break_even_after=0, trail_after_r=0.0)
    async with case.running():
        await case.held()
        case.manager.refusals = ["170131"]
        case.quote("105.2")
        await case.pass_time(2)
        assert "CLOSE_REFUSED" in case.alarms
        assert (case.state(), case.truth.quantity) == ("VERIFIED", d(1))
        assert len([act for act in case.manager.acts if "MARKET" in act]) == 1


async def test_a_perpetual_has_one_stop_on_the_mark_price_and_reduce_only_targets() -> None:
    case = Case(BYBIT_LINEAR)
    async with case.running():
        await case.held()
        stop = case.manager.stop().spec
        assert (stop.trigger_by, stop.reduce_only, stop.quantity, stop.type) == ("MARK", True, d(1), "STOP_LOSS")
        targets = [r.spec for r in case.manager.live("EXIT")]
        assert [(t.price, t.quantity, t.reduce_only) for t in targets] == [
            (d(105), d("0.5"), True),
            (d(110), d("0.3"), True),
        ]
        assert case.truth.trigger_by == "MARK"
        assert case.status.targets_at_venue


async def test_a_short_is_stopped_above_and_its_targets_lie_below() -> None:
    case = Case(BYBIT_LINEAR, trail_after_r=0.0)
    async with case.running():
        await case.held(side="SELL", stop=d(105), targets=(Target(d(95), d("0.5")),))
        assert case.legs() == ["1 @ 105"]
        case.quote(95)
        (target,) = case.manager.live("EXIT")
        case.manager.fill(target.client_id, "0.5")
        await case.pass_time(1)
        assert case.legs() == ["0.5 @ 99.8"]  # break-even, costs included
        case.quote(100)
        case.manager.fill(case.manager.stop().client_id, "0.5", 100)
        await case.pass_time(1)
        assert (case.closed[0].why, case.closed[0].result) == ("BREAK_EVEN", d("2.5"))


async def test_the_stop_of_a_perpetual_is_not_taken_away_before_it_is_closed() -> None:
    case = Case(BYBIT_LINEAR)
    async with case.running():
        await case.held()
        case.manager.acts.clear()
        await case.desk.close_position(SYMBOL, d(0), "FLATTEN")
        await case.pass_time(1)
        assert case.manager.acts[0].startswith("place MARKET 1")
        assert case.closed[0].why == "FLATTEN"
        assert case.manager.live() == []


@ALL
async def test_the_chandelier_follows_the_best_price_and_never_loosens(features) -> None:
    case = Case(features, break_even_after=0)
    async with case.running():
        await case.held(targets=())
        stops = []
        for price in ("104", "105", "107", "104.5", "108", "106"):
            case.quote(price)
            await case.pass_time(1)
            stops.append(case.truth.price)
        assert stops == [d(95), d(102), d(104), d(104), d(105), d(105)]
        assert "cancel PROTECTION" not in case.manager.acts  # by replace or amend
        assert case.manager.broken == []


async def test_bars_since_the_entry_count_for_the_best_price_and_older_ones_do_not() -> None:
    case = Case(BYBIT_SPOT, break_even_after=0)
    async with case.running():
        await case.held(targets=())
        case.quote(104)
        for open_ms, high in ((case.clock.now_ms() - 60_000, 120.0), (case.clock.now_ms(), 106.0)):
            case.bus.publish(
                Bar(
                    venue="bybit", category="spot", symbol=SYMBOL, timeframe="1m", open_ms=open_ms, open=104, high=high,
                    low=103, close=104, volume=1, quote_volume=1, trades=1, taker_buy_volume=1, closed=True,
                    known_at=open_ms,
                )
            )  # fmt: skip
        await case.pass_time(1)
        assert case.truth.price == d(103)


def _plan(case: Case) -> TradePlan:
    return next(record for record in case.journal.records if isinstance(record, TradePlan))


def _listing(trading: bool) -> Listing:
    return Listing(
        venue="binance_us", category="spot", symbol=SYMBOL, base="BTC", quote="USDT", tick_size="0.1", lot_size="0.001",
        status="TRADING" if trading else "HALT", trading=trading, at_ms=1,
    )  # fmt: skip


async def test_a_frozen_symbol_is_shown_and_nothing_is_sent_until_it_trades_again() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held()
        case.bus.publish(_listing(False))
        case.manager.acts.clear()
        for record in case.manager.live("PROTECTION", "EXIT"):  # the venue clears its book
            if record.may_fill:
                case.manager.end(record.client_id, "EXPIRED")
        case.quote(90)
        await case.pass_time(60)
        assert case.status.frozen
        assert case.manager.acts == []
        assert "does not trade" in await case.desk.close_position(SYMBOL, d(0), "OPERATOR")
        case.bus.publish(_listing(True))
        await case.pass_time(2)
        assert "STOP_GONE" in case.alarms
        await case.pass_time(6)
        assert case.status.closed


async def test_a_delisted_symbol_is_frozen_after_a_restart_too() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held()
    case.rule = None
    await case.restart()
    async with case.running():
        await case.pass_time(5)
        case.bus.publish(Replay())
        assert case.status.frozen
        assert case.status.quantity == d(1)
        assert case.desk.open_count == 1


@ALL
async def test_a_restart_takes_everything_up_where_it_was(features) -> None:
    case = Case(features, trail_after_r=0.0)
    async with case.running():
        await case.held()
        await case.desk.move_stop(SYMBOL, d(96), "OPERATOR")
        await case.pass_time(1)
    legs, held, position = case.legs(), case.desk.held(), dict(case.book.positions)
    case.manager.acts.clear()
    await case.restart()
    assert dict(case.book.positions) == position
    assert [one.quantity for one in case.desk.held()] == [one.quantity for one in held]
    async with case.running():
        await case.pass_time(3)
        assert (case.legs(), case.manager.acts) == (legs, [])
        assert case.state() == "VERIFIED"


@ALL
async def test_what_filled_while_the_program_was_away_is_protected_at_once(features) -> None:
    case = Case(features)
    async with case.running():
        entry = await case.enter()
        case.quote(100)
        case.manager.fill(entry, "0.4")
        await case.pass_time(1)
    case.manager.listeners.clear()
    case.manager.fill(entry, "0.6")
    await case.restart()
    async with case.running():
        await case.pass_time(1)
        assert (case.state(), case.truth.quantity) == ("VERIFIED", d(1))
        assert case.manager.broken == []


async def test_an_ended_trade_stays_ended_after_a_restart_and_a_plan_never_sent_ends() -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held()
        await case.desk.close_position(SYMBOL, d(0), "OPERATOR")
        await case.pass_time(1)
        case.desk.begin(replace(_plan(case), trade_id="never"))
    await case.restart()
    async with case.running():
        await case.pass_time(1)
        assert case.desk.held() == ()
        await case.pass_time(62)
        await case.enter()
    assert len(case.closed) == 1


@ALL
async def test_the_journal_of_a_whole_life_replays_to_the_same_positions(features) -> None:
    """Seeded lives of fills, prices, refusals and moves: the positions of the journal are those of the desk."""
    for seed in range(SEEDS):
        case, rng = Case(features, stop_age_s=300.0), random.Random(seed)
        async with case.running():
            entry = await case.enter()
            case.quote(100)
            for _ in range(12):
                act = rng.randrange(6)
                if act == 0 and case.manager.orders[entry].may_fill:
                    left = case.manager.orders[entry].remaining
                    case.manager.fill(entry, min(left, d(rng.choice(["0.1", "0.3", "0.55"]))))
                elif act == 1:
                    case.quote(rng.choice([94, 97, 99, 101, 104, 106, 111]))
                elif act == 2 and (targets := [r for r in case.manager.live("EXIT") if r.spec.type == "LIMIT"]):
                    case.manager.fill(targets[0].client_id, targets[0].remaining)
                elif act == 3:
                    case.manager.refusals = ["-2010"]
                elif act == 4 and case.manager.live("PROTECTION"):
                    stop = rng.choice(case.manager.live("PROTECTION"))
                    case.manager.fill(stop.client_id, stop.remaining)
                else:
                    await case.desk.move_stop(SYMBOL, d(rng.choice([96, 98])), "OPERATOR")
                await case.pass_time(rng.choice([0.1, 1, 4]))
            await case.pass_time(10)
            assert features.perpetual or case.manager.broken == [], f"seed {seed}"
            assert case.state() in ("VERIFIED", "NONE"), f"seed {seed}: {case.truth}"
        before, told = dict(case.book.positions), len(case.closed)
        await case.restart()
        assert dict(case.book.positions) == before, f"seed {seed}"
        assert len(case.closed) == told


async def test_a_target_cancelled_on_the_website_stays_away() -> None:
    case = Case(BYBIT_LINEAR)
    async with case.running():
        await case.held()
        first, second = case.manager.live("EXIT")
        case.manager.end(first.client_id, "CANCELED")
        await case.pass_time(2)
        assert "TARGET_GONE" in case.alarms
        assert case.manager.live("EXIT") == [case.manager.orders[second.client_id]]
        assert (case.state(), case.truth.quantity) == ("VERIFIED", d(1))


async def test_liquidation_comes_near() -> None:
    case = Case(BYBIT_LINEAR)
    async with case.running():
        await case.held()
        case.desk.on_positions([VenuePosition(symbol=SYMBOL, size=d(1), liquidation_price=d("94.5"))])
        for price, alert in ((100, "none"), (97, "near"), ("95.5", "urgent"), (100, "none")):
            case.quote(price)
            await case.pass_time(0.6)
            assert case.status.liquidation_alert == alert
        assert case.alarms.count("LIQUIDATION_NEAR") == 2


async def test_a_liquidation_that_is_told_ends_the_trade() -> None:
    case = Case(BYBIT_LINEAR)
    async with case.running():
        await case.held()
        taken = Fill(
            trade_id="liq", order_id="z", client_id="", symbol=SYMBOL, side="SELL", price=d(90), quantity=d(1),
            cumulative=d(0), fee=d(0), fee_asset="USDT", maker=False, at_ms=case.clock.now_ms(),
        )  # fmt: skip
        assert case.desk.outside(SYMBOL, taken, "liquidation") == ""
        await case.pass_time(1)
        assert (case.closed[0].why, case.closed[0].result) == ("OUTSIDE", d(-10))
        assert case.manager.live() == []
    await case.restart()
    assert case.desk.held() == ()


async def test_what_is_told_of_a_size_does_not_depend_on_the_pieces_it_came_in() -> None:
    case = Case(BYBIT_LINEAR)
    async with case.running():
        entry = await case.enter("0.5")
        case.quote(100)
        for piece in ("0.0001", "0.3996", "0.1003"):
            case.manager.fill(entry, piece)
        await case.pass_time(1)
        taken = Fill(
            trade_id="web", order_id="w", client_id="", symbol=SYMBOL, side="SELL", price=d("100.0"), quantity=d("0.20"),
            cumulative=d("0.20"), fee=d(0), fee_asset="USDT", maker=False, at_ms=case.clock.now_ms(),
        )  # fmt: skip
        assert case.desk.outside(SYMBOL, taken, "web_1") == ""
        (told,) = [one for one in case.messages if isinstance(one, OrderAlarm) and one.code == "OUTSIDE_FILL"]
        assert told.text == (
            f"{SYMBOL}: SELL 0.2 at 100 by an order that is none of ours (web_1): 0.5 of ours became 0.3"
        )


async def test_two_symbols_do_not_wait_for_each_other() -> None:
    case = Case(BYBIT_SPOT)
    async with case.running():
        await case.held()
        hung = asyncio.Event()
        submit = case.manager.submit

        async def slow(draft, authorisation=None):
            if draft.spec.symbol == "ETHUSDT" and draft.purpose != "ENTRY":
                await hung.wait()
            return await submit(draft, authorisation)

        case.manager.submit = slow  # type: ignore[method-assign]
        case.desk.begin(replace(_plan(case), trade_id="e2", symbol="ETHUSDT"))
        spec = OrderSpec(client_id="e2", symbol="ETHUSDT", side="BUY", type="LIMIT", quantity=d(1), price=d(100))
        await case.manager.submit(OrderDraft(intent_id="open e2", act="ENTRY", purpose="ENTRY", spec=spec))
        case.manager.fill("e2", 1)
        await case.pass_time(1)
        await case.desk.move_stop(SYMBOL, d(97), "OPERATOR")
        await case.pass_time(1)
        assert case.truth.price == d(97)
        assert case.desk.truth("ETHUSDT").state == "PLACING"
        hung.set()
        await case.pass_time(1)
        assert case.desk.truth("ETHUSDT").state == "VERIFIED"
