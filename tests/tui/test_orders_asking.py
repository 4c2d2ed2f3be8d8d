"""What a key of the Orders screen asks of the engine, what it takes to say yes, and the key that halts."""

from __future__ import annotations

import pytest
from textual import events

from core.messages import (
    Adopt,
    CancelOrder,
    ClosePosition,
    Flatten,
    Halt,
    Reconcile,
    ResetPaper,
    Resume,
)
from tests.snapshots import scenes_orders as scene
from tests.tui.orders_builder import commands, desk, flush, on, page, typed
from tui.screens.ask import AskScreen
from tui.screens.orders import OrdersScreen
from tui.widgets.typed_line import TypedLine


async def test_c_cancels_an_entry_of_ours():
    async with desk(scene.protected()) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "tt-9-a")
        assert "asked to cancel tt-9-a" in await typed(running, pilot, "c")
        assert asked == [CancelOrder(client_id="tt-9-a")]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("trade-SOLUSDT", "a position is closed, not cancelled"),
        ("tt-1-s", "tt-1-s protects SOLUSDT: close the position instead"),
        ("tt-7-a", "tt-7-a is being cancelled; only the venue's word ends it"),
        ("tt-6-a", "tt-6-a is REJECTED: nothing of it works any more"),
        ("tt-11-a", "tt-11-a is UNKNOWN: nobody cancels by guess; R resolves it"),
        ("tt-10-a", "tt-10-a is QUARANTINE: nobody cancels by guess"),
    ],
)
async def test_what_cannot_be_cancelled_says_why(key, words):
    async with desk(scene.unknown(), (200, 50)) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, key)
        assert words in await typed(running, pilot, "c")
        assert asked == []


async def test_closing_takes_the_name_of_what_is_closed():
    async with desk(scene.protected()) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "trade-ETHUSDT")
        await typed(running, pilot, "x")
        assert isinstance(running.screen, AskScreen)
        await typed(running, pilot, "enter", "y", "enter")
        assert asked == []
        await typed(running, pilot, "backspace", *"eth", "enter")
        assert asked == [ClosePosition(symbol="ETHUSDT")]
        assert isinstance(running.screen, OrdersScreen)


async def test_flattening_takes_its_own_word_and_names_every_position():
    async with desk(scene.protected()) as (running, pilot, _):
        asked = commands(running)
        told = await typed(running, pilot, "f")
        for words in (
            "close 3 positions, cancel 3 entries?",
            "SOLUSDT",
            "ETHUSDT",
            "ADAUSDT",
            "AVAXUSDT",
            "27.5 at 11.924",
        ):
            assert words in told
        assert "'close' is not FLATTEN" in await typed(running, pilot, *"close", "enter")
        await typed(running, pilot, *(["backspace"] * 5), *"flatten", "enter")
        assert asked == [Flatten()]


@pytest.mark.parametrize("key", ["x", "f"])
async def test_a_pasted_word_with_its_enter_is_no_answer(key):
    """All in one moment, as when a terminal sends a paste as keys."""
    async with desk(scene.protected()) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "trade-SOLUSDT")
        await typed(running, pilot, key)
        word = {"x": "SOL", "f": "FLATTEN"}[key]
        await pilot.press(*word, "enter")
        await pilot.pause()
        assert asked == []
        assert "what is pasted is no answer" in page(running)
        await typed(running, pilot, "enter", "enter")
        assert asked == []  # the line was emptied: waiting makes no hand of a paste
        await typed(running, pilot, *word, "enter")
        assert len(asked) == 1


async def test_what_the_terminal_says_is_a_paste_never_reaches_the_line():
    async with desk(scene.protected()) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "trade-SOLUSDT")
        await typed(running, pilot, "x")
        running.screen.query_one(TypedLine).post_message(events.Paste("SOL"))
        await pilot.pause()
        assert running.screen.query_one(TypedLine).value == ""
        await typed(running, pilot, "enter", "enter")
        assert asked == []


async def test_esc_takes_every_question_back():
    async with desk(scene.halted()) as (running, pilot, _):
        asked = commands(running)
        for key in ("x", "f", "u"):
            await typed(running, pilot, key)
            assert isinstance(running.screen, AskScreen)
            await typed(running, pilot, "escape")
            assert not isinstance(running.screen, AskScreen)
        assert asked == []


async def test_resuming_asks_and_a_held_key_does_not_answer():
    async with desk(scene.halted()) as (running, pilot, _):
        asked = commands(running)
        await pilot.press("u", "y", "y", "enter", "enter")
        await pilot.pause()
        assert asked == []
        assert "Go from HALTED to REDUCING?" in page(running)
        await flush(running, pilot, 1.0)
        await pilot.press("y")
        await pilot.pause()
        assert asked == [Resume()]


async def test_the_venues_side_of_a_discrepancy_is_accepted_after_asking():
    async with desk(scene.unknown(), (200, 50)) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "BALANCE SOL")
        told = await typed(running, pilot, "a")
        assert "somebody sold 2.000 elsewhere" in told
        await typed(running, pilot, "y")
        assert asked == [Adopt(key="BALANCE SOL")]


async def test_comparing_and_resetting_ask_the_engine():
    async with desk(scene.empty()) as (running, pilot, screen):
        asked = commands(running)
        await typed(running, pilot, "r")
        await screen.act_reset()
        await pilot.pause()
        await flush(running, pilot)
        assert "10,000.00 USDT" in page(running)
        await typed(running, pilot, "y")
        assert asked == [Reconcile(), ResetPaper()]
    async with desk(scene.naked()) as (running, pilot, screen):
        await screen.act_reset()
        await flush(running, pilot)
        assert "only the simulated account can be reset" in page(running)


# --- halting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "2", "3", "4", "5"])
async def test_one_key_halts_at_once_from_every_screen(mode):
    async with desk(scene.protected()) as (running, pilot, _):
        await typed(running, pilot, mode)
        asked = commands(running)
        await pilot.press("H")
        await pilot.pause()
        assert asked == [Halt()]


@pytest.mark.parametrize(
    "before", [("1", "slash", "b"), ("5", "x"), ("5", "f", "F"), ("colon",), ("question_mark",), ("q",)]
)
async def test_f12_halts_under_every_question_and_while_typing(before):
    async with desk(scene.protected()) as (running, pilot, _):
        await typed(running, pilot, *before)
        asked = commands(running)
        await pilot.press("f12")
        await pilot.pause()
        assert Halt() in asked
