"""The Orders screen: what protects each position, what state each order is in, and what a key may ask for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests import builders as make
from tests import trading_builders as trade
from tests.builders import NOW_MS
from tests.snapshots import scenes_orders as scene
from tests.snapshots.scenes import app
from tests.tui.desk_builder import shown
from tests.tui.orders_builder import commands, desk, flush, line_of, on, page, publish, typed
from tui.format import LOOKS
from tui.screens.orders import OrdersScreen

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=["narrow", "normal", "wide"])


# --- stop truth --------------------------------------------------------------------------------------------------------


@SIZES
async def test_each_position_says_what_protects_it_by_the_venues_word(size):
    async with desk(scene.naked(), size) as (running, _, _screen):
        sol, eth, ada, bnb = (line_of(running, symbol) for symbol in ("SOLUSDT", "ETHUSDT", "ADAUSDT", "BNBUSDT"))
        assert "150.90  qty ✓  1.4 %" in sol
        assert "4s ago" in sol
        assert "≈ 2,655.00" in eth
        assert "≈ 47s" in eth
        assert "0.3480  qty ✓  2.5 %" in ada
        assert "NAKED: market exit in 3 s" in bnb
        assert "✗" in bnb
        assert "1 NAKED" in line_of(running, "POSITIONS")


async def test_a_naked_position_comes_first_and_counts_down():
    async with desk(scene.naked()) as (running, pilot, screen):
        assert screen.item is not None
        assert screen.item.symbol == "BNBUSDT"
        await flush(running, pilot, 2.0)
        assert "NAKED: market exit in 1 s" in line_of(running, "BNBUSDT")
        await flush(running, pilot, 5.0)
        assert "NAKED: market exit in 0 s" in line_of(running, "BNBUSDT")


async def test_a_verified_stop_that_nobody_confirms_any_more_turns_unverified_by_itself():
    """The message says VERIFIED for ever when the engine stands still; the screen does not believe it."""
    async with desk([trade.account(), trade.position()]) as (running, pilot, _):
        assert "4s ago" in line_of(running, "SOLUSDT")
        await flush(running, pilot, 26.0)
        assert "30s ago" in line_of(running, "SOLUSDT")
        await flush(running, pilot, 1.0)
        line = line_of(running, "SOLUSDT")
        assert "≈ 150.90" in line
        assert "≈ 31s" in line


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        (trade.stop(covered=False, quantity=Decimal("1.280")), "150.90  covers only 1.280"),
        (trade.stop("PLACING", deadline_ms=NOW_MS + 2_400), "being placed in 3 s"),
        (trade.stop("NAKED", policy="hold", deadline_ms=NOW_MS + 4_000), "NAKED: held open in 4 s"),
        (trade.stop("NAKED", policy="waits"), "NAKED: waits until it trades"),
        (trade.stop(policy="close", deadline_ms=NOW_MS + 2_400), "150.90  MET: market exit in 3 s"),
        (trade.stop("NONE", text="too little for a stop"), "too little for a stop"),
        (trade.stop(trigger_by="MARK", order_id=""), "150.90  qty ✓  1.4 %  on mark"),
        (trade.stop(distance=float("nan"), order_id="7"), "150.90  qty ✓  id 7"),
    ],
)
async def test_every_state_of_a_stop_has_its_words(stop, words):
    async with desk([trade.account(), trade.position(stop=stop)]) as (running, _, _screen):
        assert words in line_of(running, "SOLUSDT")


async def test_what_is_not_known_is_a_dash():
    nan = float("nan")
    bare = trade.position(price=nan, result=nan, unrealised=nan, r_multiple=nan, targets=(), stop=trade.stop("NONE"))
    async with desk([trade.account(equity=nan, free=nan, day_loss=nan, drawdown=nan), bare], (200, 50)) as (
        running,
        _,
        _s,
    ):
        assert "nan" not in page(running).lower()
        assert line_of(running, "SOLUSDT").count("–") >= 5
        assert "equity –" in shown(running)[2]


# --- orders, discrepancies, account ------------------------------------------------------------------------------------


@SIZES
async def test_orders_that_need_somebody_stand_before_those_that_work(size):
    async with desk(scene.unknown(), size) as (running, _, _screen):
        heading = line_of(running, "ORDERS")
        assert "4 working" in heading
        assert "2 NEED YOU" in heading
        states = [line for line in shown(running) if " UNKNOWN " in line or "QUARANTINE" in line or " WORKING " in line]
        below = states[1:]  # the first is the status bar
        assert "NEARUSDT" in below[0]
        assert "UNIUSDT" in below[1]
        assert "2 UNKNOWN" in shown(running)[0]


@SIZES
async def test_a_discrepancy_shows_both_sides(size):
    async with desk(scene.unknown(), size) as (running, _, _screen):
        line = line_of(running, "balance")
        assert "3.280 SOL" in line
        assert "1.280 SOL" in line


async def test_foreign_orders_stand_apart_and_are_never_touched():
    async with desk(scene.unknown(), (200, 50)) as (running, pilot, screen):
        asked = commands(running)
        assert "web_4f2a" in line_of(running, "SOLUSDT", below="NOT OURS")
        await on(running, pilot, screen, "web_4f2a")
        assert "is not ours: cancel it where it was made" in await typed(running, pilot, "c")
        assert asked == []


async def test_the_account_says_whose_money_where_and_what_stands_against_trading():
    async with desk(scene.naked()) as (running, _, _screen):
        who, money, against = shown(running)[1:4]
        for words in ("LIVE", "api.binance.us", "REDUCING", "armed until 13:16:56Z", "stream SYNCED"):
            assert words in who
        assert "day loss 268.40 of 300.00 USDT" in money
        assert "1 position without a stop" in against


async def test_testnet_and_sandbox_are_named_beside_live():
    async with desk([trade.account(mode="LIVE", host_kind="TESTNET", host="api-testnet.bybit.com")]) as (
        running,
        _,
        _s,
    ):
        assert "LIVE TESTNET" in shown(running)[1]
        assert "not armed" in shown(running)[1]
        assert "entries are allowed" not in shown(running)[1]


async def test_an_account_that_is_told_no_more_goes_stale():
    async with desk([trade.account(positions=1)]) as (running, pilot, _):
        await flush(running, pilot, 15.0)
        assert "≈" not in shown(running)[2]
        await flush(running, pilot, 1.0)
        assert "≈ equity 10,124.50 USDT" in shown(running)[2]
        assert "told 16s ago" in shown(running)[2]
        await publish(running, pilot, trade.account())  # with nothing open there is nothing to tell every second
        assert "≈" not in shown(running)[2]


@SIZES
async def test_a_halt_names_first_what_it_could_not_cancel(size):
    async with desk(scene.halted(), size) as (running, _, _screen):
        assert "HALTED" in shown(running)[0]
        assert "HALTED" in shown(running)[1]
        assert shown(running)[3].startswith(" NOT cancelled: tt-5-a (no answer); waiting for tt-4-a; halted 6s ago by")


async def test_trading_state_and_danger_stand_on_every_screen():
    async with desk(scene.naked()) as (running, pilot, _):
        for key in ("1", "2", "3", "4", "5"):
            await pilot.press(key)
            await pilot.pause()
            await flush(running, pilot)
            for words in ("LIVE", "REDUCING", "1 NAKED"):
                assert words in shown(running)[0]


async def test_private_mode_hides_the_operators_own_amounts():
    async with desk(scene.protected(), (200, 50)) as (running, pilot, _):
        LOOKS.private = True
        await publish(running, pilot, trade.account(at_ms=NOW_MS + 1))
        lines = "\n".join(shown(running)[1:])
        for amount in ("3.280", "10,124.50", "1.96", "8,720.25", "12.40"):
            assert amount not in lines
        assert "152.35" in lines


async def test_before_the_engine_speaks_nothing_is_invented():
    async with desk([]) as (running, pilot, _):
        assert "no account yet" in shown(running)[1]
        assert "no position of ours" in page(running)
        asked = commands(running)
        for key in ("c", "x", "f", "u", "a", "R", "enter", "s"):
            await typed(running, pilot, key)
        assert asked == []
        assert isinstance(running.screen, OrdersScreen)


async def test_ascii_says_the_same():
    async with desk(scene.unknown(), glyphs="ascii") as (running, _, _screen):
        assert page(running).isascii()
        assert "150.90  qty y" in line_of(running, "SOLUSDT")


# --- the cursor --------------------------------------------------------------------------------------------------------


async def test_the_cursor_stays_on_its_line_when_others_come_above_it():
    async with desk(scene.protected()) as (running, pilot, screen):
        await on(running, pilot, screen, "tt-8-a")
        await publish(running, pilot, *scene.naked()[-3:], *scene.unknown()[-5:])
        assert screen.item is not None
        assert screen.item.key == "tt-8-a"
        assert "▸" in line_of(running, "LINKUSDT")


async def test_what_has_gone_leaves_the_cursor_on_a_neighbour():
    async with desk(scene.protected()) as (running, pilot, screen):
        await on(running, pilot, screen, "trade-ETHUSDT")
        gone = trade.position("ETHUSDT", closed=True)
        await publish(running, pilot, gone)
        assert screen.item is not None
        assert screen.item.kind == "position"
        assert "ETHUSDT" not in page(running)


# --- details and what happened meanwhile -------------------------------------------------------------------------------


async def test_details_show_evidence_gates_and_fills():
    async with desk(scene.unknown(), (120, 40)) as (running, pilot, screen):
        await on(running, pilot, screen, scene.UNKNOWN)
        told = await typed(running, pilot, "enter")
        assert "no answer within 2.0 s: the outcome is unknown" in told
        await typed(running, pilot, "escape")
        await on(running, pilot, screen, "tt-1-a")
        told = await typed(running, pilot, "enter")
        assert "GATES  4 of 5 let it pass" in told
        assert "✗ collar  152.35 is 1.4 % from mid 150.20" in told
        assert "filled 1.280 at 152.35, maker" in told
        assert "fee 0.19 USDT" in told


async def test_trades_that_are_over_show_their_result_and_why_they_ended():
    async with desk(scene.protected(), (200, 50)) as (running, pilot, screen):
        won, lost = line_of(running, "ATOMUSDT", below="TRADES"), line_of(running, "BCHUSDT", below="TRADES")
        assert "+ 11.40" in won
        assert "target" in won
        assert "− 4.92" in lost
        await on(running, pilot, screen, "over-BCHUSDT")
        told = await typed(running, pilot, "enter")
        assert "− 1.03 R of 4.76 risked" in told
        assert "because of bos ↑ +5.0 pp; ema_stack +4.1 pp" in told


async def test_alarms_of_a_position_stand_with_its_details():
    async with desk(scene.naked()) as (running, pilot, _):
        told = await typed(running, pilot, "enter")
        assert "BNBUSDT 1.4 has no stop: the venue refused it (−2010)" in told


async def test_on_the_way_back_to_paper_it_says_what_keeps_the_real_account():
    async with desk([trade.account(), trade.position(), trade.order(), trade.session("LEAVING")]) as (
        running,
        pilot,
        _,
    ):
        assert "back on paper once 1 position and 1 order ended: SOLUSDT; no entries meanwhile" in page(running)
        told = await publish(running, pilot, trade.session("ARMED"))
        assert "back on paper" not in told
    async with desk([trade.account(), trade.session("LEAVING")]) as (running, _, _screen):
        assert "back on paper in a moment: nothing is open" in page(running)


@SIZES
async def test_what_happened_meanwhile_opens_the_screen_and_stays_until_esc(size):

    running = app()
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        for message in scene.away():
            running.desk.bus.publish(message)
        await pilot.pause()
        assert running.current_mode == "orders"
        await flush(running, pilot, 0.0)
        told = page(running)
        for words in ("WHILE YOU WERE AWAY", "SOLUSDT: stop filled at 150.88", "LINKUSDT: entry filled 12.5 of 40"):
            assert words in told
        assert "WHILE YOU WERE AWAY" not in await typed(running, pilot, "escape")


@pytest.mark.parametrize(("changes", "mode"), [({}, "watchlist"), ({"unknown": 1}, "orders"), ({"naked": 1}, "orders")])
async def test_the_first_word_of_the_account_decides_what_is_shown_first(changes, mode):

    running = app()
    async with running.run_test() as pilot:
        await pilot.pause()
        running.desk.bus.publish(trade.account(**changes))
        await pilot.pause()
        running.desk.bus.publish(trade.account(unknown=3))
        await pilot.pause()
        assert running.current_mode == mode


async def test_the_screen_is_not_taken_from_an_operator_who_has_begun():

    running = app()
    async with running.run_test() as pilot:
        await pilot.pause()
        await pilot.press("e")
        for message in scene.away():
            running.desk.bus.publish(message)
        await pilot.pause()
        assert running.current_mode == "events"


async def test_venues_write_eight_decimals_and_the_screen_those_of_the_market():
    order = trade.order("tt-8-z", "LTCUSDT", quantity=Decimal("3.28000000"), price=Decimal("152.30000000"))
    stop = trade.stop(price=Decimal("150.90000000"))
    held = trade.position(quantity=Decimal("3.28000000"), stop=stop)
    known = [make.listing("SOLUSDT"), make.listing("LTCUSDT"), trade.account(day_loss=-12.5)]
    async with desk([*known, held, order]) as (running, _, _screen):
        assert "150.90  qty ✓" in line_of(running, "SOLUSDT")
        assert " 3.280 " in line_of(running, "LTCUSDT")
        assert " 152.30 " in line_of(running, "LTCUSDT")
        assert "day gain 12.50, loss at most 300.00" in "\n".join(shown(running))
