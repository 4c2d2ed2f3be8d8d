"""Getting out from any screen: what closes a position or a part of it, what moves its stop, and what changes an entry."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from core.messages import ClosePosition, Focus, Message, MoveStop, OpenTicket, Refused, Side
from tests import builders as make
from tests import trading_builders as trade
from tests.snapshots import scenes_orders as scene
from tests.tui.orders_builder import commands, desk, flush, on, page, publish, typed
from tui.app import TradeApp
from tui.screens.ask_close import part_of
from tui.screens.ask_value import ValueScreen
from tui.screens.order import OrderScreen
from tui.widgets.typed_line import TypedLine

D = Decimal
HELD = st.decimals(min_value=D("0.001"), max_value=D(10_000), places=3)


# --- how much ----------------------------------------------------------------------------------------------------------


@given(HELD, st.decimals(min_value=D("0.01"), max_value=D(100), places=2))
def test_a_share_is_never_more_than_is_held_and_never_nothing(held: Decimal, share: Decimal) -> None:
    part = part_of(f" sol  {share} %", "SOL", held)
    assert isinstance(part, Decimal)
    assert part == (0 if share == 100 else held * share / 100)
    assert 0 <= part < held


@given(HELD, HELD)
def test_a_quantity_is_taken_as_typed_or_refused(held: Decimal, quantity: Decimal) -> None:
    part = part_of(f"SOL {quantity}", "SOL", held)
    if quantity > held:
        assert isinstance(part, str)
        assert "SOL alone closes all of it" in part
    else:
        assert part == (0 if quantity == held else quantity)


@given(st.text(max_size=12))
def test_what_does_not_begin_with_the_name_closes_nothing(text: str) -> None:
    if " ".join(text.split()).partition(" ")[0].upper() != "SOL":
        assert isinstance(part_of(text, "SOL", D(3)), str)


@pytest.mark.parametrize(
    "text", ["SOL x", "SOL -1", "SOL 0", "SOL nan", "SOL inf", "SOL 1,5", "SOL 101%", "SOL %", "SOL 1 2x"]
)
def test_what_is_no_amount_is_told_with_the_remedy(text: str) -> None:
    words = part_of(text, "SOL", D(3))
    assert isinstance(words, str)
    assert "type SOL" in words or "must be above 0" in words or "SOL alone" in words


@pytest.mark.parametrize("text", ["sol", "SOL all", "SOL 100%", "sol 3", "SOL 3.000"])
def test_all_of_it_is_all_however_it_is_said(text: str) -> None:
    assert part_of(text, "SOL", D(3)) == 0


# --- closing -----------------------------------------------------------------------------------------------------------


PARTS = (
    ("sol", "0", "All of it: 3.280, about 502.17"),
    ("sol half", "1.64", "A part: 1.640 of 3.280, about 251.08; 1.640 stays"),
    ("sol 33%", "1.0824", "A part: 1.082 of 3.280, about 165.65; 2.198 stays"),
    ("sol 1.5", "1.5", "A part: 1.500 of 3.280"),
)
NO_PARTS = (
    ("eth", "'eth' is not SOL: type SOL"),
    ("sol 9", "9 is more than the 3.28 held"),
    ("sol 0.0001", "the venue's lot of 0.001"),
)


async def test_x_closes_all_or_a_part_and_says_what_it_would_do():
    async with desk(scene.protected(), (80, 24)) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "trade-SOLUSDT")
        for words, quantity, told in PARTS:
            first = await typed(running, pilot, "x")
            assert "Close SOLUSDT?" in first
            assert "SOL 50%, SOL half, or a quantity such as SOL 1.5" in first
            assert told in await typed(running, pilot, *keys(words))
            await typed(running, pilot, "enter")
            assert asked == [ClosePosition(symbol="SOLUSDT", quantity=D(quantity))]
            assert "asked to close" in page(running)
            asked.clear()


async def test_what_cannot_be_closed_is_told_and_nothing_is_sent():
    async with desk(scene.protected(), (80, 24)) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "trade-SOLUSDT")
        for words, told in NO_PARTS:
            await typed(running, pilot, "x", *keys(words))
            assert told in await typed(running, pilot, "enter")
            await typed(running, pilot, "escape")
        assert asked == []


async def meanwhile(running: TradeApp, pilot: Pilot, *messages: Message) -> str:
    """The question after these messages, at its next look."""
    await publish(running, pilot, *messages)
    assert isinstance(running.screen, ValueScreen)
    running.screen.repaint()
    await flush(running, pilot, 0.0)
    return page(running)


def keys(words: str) -> list[str]:
    return ["space" if key == " " else "percent_sign" if key == "%" else key for key in words]


async def test_the_position_asked_about_stays_the_one_asked_about():
    """It changes, others come and go, and at last it is gone: never is another one closed."""
    async with desk(scene.protected(), (80, 24)) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "trade-ETHUSDT")
        await typed(running, pilot, "x")
        newer = trade.position("BNBUSDT", opened_ms=make.NOW_MS, stop=trade.stop("NAKED"))
        told = await meanwhile(running, pilot, newer, trade.position("ETHUSDT", quantity=D("0.100")))
        assert "long 0.100 ETHUSDT" in told
        assert "It was 0.210 when asked" in told
        assert "A part: 0.050 of 0.100" in await typed(running, pilot, *keys("eth 50%"))
        told = await meanwhile(running, pilot, trade.position("ETHUSDT", closed=True))
        assert "ETHUSDT: this position was closed meanwhile" in told
        assert "ETHUSDT is closed already: nothing is sent" in await typed(running, pilot, "enter")
        assert asked == []


async def test_where_a_name_could_mean_two_positions_the_symbol_is_asked_for():
    twin = make.listing("SOLUSDC"), trade.position("SOLUSDC")
    async with desk([*scene.protected(), *twin], (80, 24)) as (running, pilot, screen):
        running.desk.store.row("SOLUSDC").listing = running.desk.store.row("SOLUSDT").listing
        asked = commands(running)
        await on(running, pilot, screen, "trade-SOLUSDC")
        assert "Close SOLUSDC?" in await typed(running, pilot, "x")
        assert "'sol' is not SOLUSDC" in await typed(running, pilot, *"sol", "enter")
        await typed(running, pilot, *(["backspace"] * 3), *"solusdc", "enter")
        assert asked == [ClosePosition(symbol="SOLUSDC")]


@pytest.mark.parametrize("mode", ["watchlist", "confluence", "orders"])
async def test_one_key_closes_the_symbol_shown_on_every_screen(mode):
    """The same question, whatever the screen; where nothing is held, words say so."""
    async with desk(scene.protected(), (80, 24)) as (running, pilot, screen):
        asked = commands(running)
        if mode == "orders":
            await on(running, pilot, screen, "trade-ETHUSDT")
        else:
            await running.jump_to("ETHUSDT")
            if mode == "confluence":
                await typed(running, pilot, "enter")
        await flush(running, pilot)
        assert running.current_mode == mode
        assert "Close ETHUSDT?" in await typed(running, pilot, "X")
        await typed(running, pilot, *"eth", "enter")
        assert [one for one in asked if not isinstance(one, Focus)] == [ClosePosition(symbol="ETHUSDT")]
        assert running.current_mode == mode
        if mode != "orders":
            await publish(running, pilot, trade.position("ETHUSDT", closed=True))
            assert "ETHUSDT: no position of ours is open" in await typed(running, pilot, "X")
            assert "X" in running.desk.keymap.label(f"{mode}.close")


async def test_an_entry_that_waits_is_no_position_and_words_say_where_it_is_cancelled():
    async with desk(scene.protected(), (80, 24)) as (running, pilot, _):
        await running.jump_to("AVAXUSDT")
        await flush(running, pilot)
        assert "AVAXUSDT: no position yet, an entry works; 5 shows it" in await typed(running, pilot, "X")


# --- moving the stop ---------------------------------------------------------------------------------------------------


async def test_m_moves_the_stop_and_says_what_it_means_while_it_is_typed():
    async with desk(scene.protected(), (80, 24)) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "trade-SOLUSDT")
        told = await typed(running, pilot, "m")
        assert "Allowed: 149.85 (as planned) to 153.10 (the price)." in told
        assert running.screen.query_one(TypedLine).value == "150.90"
        assert "the stop is at 150.90 already" in await typed(running, pilot, "enter")
        told = await typed(running, pilot, *(["backspace"] * 4), *"2.6")
        assert "At 152.6: 0.33 % from the price, + 0.10 R before costs" in told
        await typed(running, pilot, "enter")
        assert asked == [MoveStop(symbol="SOLUSDT", stop=D("152.6"))]


async def test_taking_digits_away_is_an_answer_and_a_paste_is_none():
    async with desk(scene.protected(), (80, 24)) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "trade-SOLUSDT")
        await typed(running, pilot, "m")
        await pilot.press(*(["backspace"] * 6), *"151.25", "enter")
        await pilot.pause()
        assert asked == []
        assert "what is pasted is no answer" in page(running)
        await typed(running, pilot, "escape", "m", *(["backspace"] * 3), "enter")
        assert asked == [MoveStop(symbol="SOLUSDT", stop=D(150))]


WRONG: dict[Side, tuple[tuple[str, str], ...]] = {
    "BUY": (
        ("149.8", "149.8 is farther than planned: 149.85 or nearer"),
        ("153.1", "153.1 is past the price"),
        ("0", "'0' is no price"),
        ("1x", "'1x' is no price"),
    ),
    "SELL": (("155.1", "155.1 is farther than planned: 155.00 or nearer"), ("153", "153 is past the price")),
}


@pytest.mark.parametrize("side", ["BUY", "SELL"])
async def test_a_stop_on_the_wrong_side_is_refused_with_words(side):
    planned = D({"BUY": "149.85", "SELL": "155.00"}[side])
    position = trade.position(side=side, planned_stop=planned, stop=trade.stop(price=planned))
    async with desk([trade.account(positions=1), position], (80, 24)) as (running, pilot, _):
        asked = commands(running)
        for price, told in WRONG[side]:
            await typed(running, pilot, "m", *(["backspace"] * 6), *price)
            assert told in await typed(running, pilot, "enter")
            await typed(running, pilot, "escape")
        assert asked == []


async def test_a_lost_stop_can_be_placed_again_where_it_was():
    """NAKED: the line offers where it was planned, and Enter asks for it."""
    naked = trade.stop("NAKED", price=D(0), quantity=D(0), covered=False)
    async with desk([trade.account(), trade.position(stop=naked, planned_stop=D("149.85"))]) as (running, pilot, _):
        asked = commands(running)
        await typed(running, pilot, "m", "enter")
        assert asked == [MoveStop(symbol="SOLUSDT", stop=D("149.85"))]


async def test_the_engines_refusal_of_a_stop_appears_as_a_notice():
    async with desk(scene.protected(), (120, 40)) as (running, pilot, _):
        words = "stop 149.80 of SOLUSDT is farther than planned (149.85); choose one nearer to the price"
        refused = Refused(
            venue=make.VENUE, category=make.CATEGORY, command="MoveStop", symbol="SOLUSDT", words=words, at_ms=make.NOW_MS
        )  # fmt: skip
        told = await publish(running, pilot, refused)
        assert "MoveStop SOLUSDT refused: stop 149.80 of SOLUSDT is farther than planned" in told


async def test_an_order_has_no_stop_to_move_and_is_not_closed():
    async with desk(scene.protected()) as (running, pilot, screen):
        await on(running, pilot, screen, "tt-9-a")
        assert "choose a position: its stop" in await typed(running, pilot, "m")
        assert "choose a position to close" in await typed(running, pilot, "x")


async def test_what_does_not_trade_says_so():
    async with desk([trade.account(), trade.position(frozen=True)], (200, 50)) as (running, pilot, _):
        assert "its stop cannot be moved until it does" in await typed(running, pilot, "m")
        assert "cannot be closed until it does" in await typed(running, pilot, "x")


# --- changing an entry -------------------------------------------------------------------------------------------------


async def test_e_opens_the_ticket_that_takes_an_entrys_place():
    async with desk(scene.protected(), (120, 40)) as (running, pilot, screen):
        asked = commands(running)
        for key, words in (
            ("trade-SOLUSDT", "choose an entry of ours"),
            ("tt-1-s", "choose an entry"),
            ("tt-7-a", "tt-7-a is CANCELLING"),
            ("tt-6-a", "tt-6-a is REJECTED"),
        ):
            screen.act_top()
            await on(running, pilot, screen, key)
            assert words in await typed(running, pilot, "e")
        assert asked == []
        screen.act_top()
        await on(running, pilot, screen, "tt-8-a")
        await typed(running, pilot, "e")
        assert isinstance(running.screen, OrderScreen)
        assert asked == [OpenTicket(symbol="LINKUSDT", replaces="tt-8-a")]


async def test_a_ticket_that_is_open_for_something_else_comes_first():
    async with desk(scene.protected(), (120, 40)) as (running, pilot, screen):
        await publish(running, pilot, trade.ticket())
        await on(running, pilot, screen, "tt-8-a")
        assert "is open: o shows it" in await typed(running, pilot, "e")
        assert not isinstance(running.screen, ValueScreen | OrderScreen)
