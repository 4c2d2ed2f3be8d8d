"""The order ticket: what each key asks of the engine, and what no key, paste or late message can make it ask."""

from __future__ import annotations

from decimal import Decimal

import pytest
from textual import events

from core.messages import (
    AccountOpened,
    CloseTicket,
    Command,
    ConfirmTicket,
    RefreshTicket,
    Refused,
    TicketStatus,
)
from tests import trading_builders as trade
from tests.builders import CATEGORY, NOW_MS, VENUE
from tests.snapshots import scenes_ticket as scene
from tests.tui.ticket_builder import WANTED, burst, by_hand, commands, desk, later, page, painted, publish
from tui.widgets.ticket_gates import brief


def confirm(step: str, nonce: str, typed: str = "") -> ConfirmTicket:
    return ConfirmTicket(ticket_id="ticket-1", step=step, nonce=nonce, typed=typed)  # type: ignore[arg-type]


def refusal(command: str, words: str) -> Refused:
    return Refused(venue=VENUE, category=CATEGORY, command=command, symbol="SOLUSDT", words=words, at_ms=NOW_MS)


def engine(running, *answers: TicketStatus) -> list[Command]:
    """What is asked; each confirmation is answered at once with the next of these."""
    asked = commands(running)
    waiting = list(answers)
    running.desk.bus.subscribe(ConfirmTicket, lambda _: waiting and running.desk.bus.publish(waiting.pop(0)))
    return asked


# --- opening -----------------------------------------------------------------------------------------------------------


async def test_it_asks_for_its_ticket_and_shows_no_older_one():
    async with desk(scene.sent(), wanted=WANTED) as (running, pilot, screen):
        assert "SOLUSDT  planning..." in page(running)
        assert screen.shown is None
        asked = commands(running)
        assert "any key" not in await by_hand(running, pilot, "y", "n", "enter", "r", "e")
        told = await publish(running, pilot, trade.ticket(ticket_id="ticket-2"))
        assert "PAPER ORDER" in told
        assert "planning" not in told
        assert asked == []


async def test_a_ticket_that_cannot_be_planned_says_why_and_esc_goes_back():
    async with desk(None, wanted=WANTED) as (running, pilot, screen):
        asked = commands(running)
        words = "SOLUSDT has no quote yet; wait for one"
        told = await publish(running, pilot, refusal("OpenTicket", words))
        assert f"No ticket: {words}" in told
        await by_hand(running, pilot, "escape")
        assert running.screen is not screen
        assert asked == []


async def test_the_ticket_that_stands_in_the_way_is_shown_with_the_reason():
    async with desk(scene.live(symbol="ETHUSDT"), wanted=WANTED) as (running, pilot, _):
        words = "the ticket of ETHUSDT is open at REVIEW; confirm it or close it first"
        assert "No ticket: the ticket of ETHUSDT is open" in await publish(running, pilot, refusal("OpenTicket", words))
        told = await publish(running, pilot, scene.live(symbol="ETHUSDT"))
        assert "BUY 3.280 ETHUSDT" in told
        assert words in told


async def test_without_a_wish_it_shows_the_ticket_that_is_open_or_says_there_is_none():
    async with desk(scene.live()) as (running, _, _screen):
        assert "LIVE ORDER" in page(running)
    async with desk(None) as (running, _, _screen):
        assert "No order ticket is open" in page(running)


async def test_another_account_takes_the_ticket_away():
    async with desk(scene.paper()) as (running, pilot, _):
        asked = commands(running)
        opened = AccountOpened(
            venue=VENUE, category=CATEGORY, mode="PAPER", account="paper", host="", host_kind="SANDBOX", at_ms=NOW_MS
        )
        assert "another account is in force" in await publish(running, pilot, opened, 1.0)
        await by_hand(running, pilot, "y", "r", "escape")
        assert asked == []


# --- the way of an order -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["y", "enter"])
async def test_on_paper_one_key_sends_once(key):
    async with desk(scene.paper()) as (running, pilot, _):
        asked = commands(running)
        assert "y or Enter sends it" in await by_hand(running, pilot, "n")
        assert "... asked; waiting" in await by_hand(running, pilot, key)
        assert "one thing at a time" in await by_hand(running, pilot, key)
        await publish(running, pilot, scene.paper(), 1.0)  # told again every second: no answer
        await by_hand(running, pilot, key)
        assert asked == [confirm("REVIEW", "n1")]


async def test_real_money_takes_three_steps_and_says_what_it_was_sent_as():
    async with desk(scene.live()) as (running, pilot, screen):
        asked = commands(running)
        await by_hand(running, pilot, "n")
        assert "type the quantity  3.280" in await publish(running, pilot, scene.second(), 1.0)
        await by_hand(running, pilot, *"3.28", "enter")
        assert "type  SB328" in await publish(running, pilot, scene.third(), 1.0)
        await by_hand(running, pilot, *"sb328", "enter")
        assert asked == [
            confirm("REVIEW", "n1"),
            confirm("CONSEQUENCES", "n2", "3.28"),
            confirm("AUTHORISE", "n3", "sb328"),
        ]
        assert "On its way" in await publish(running, pilot, scene.live("SENDING", nonce="n4"), 1.0)
        told = await publish(running, pilot, scene.sent(), 0.1)
        assert "sent as tt-12-a" in told
        assert "Its stop 150.90 follows within 3 s" in told
        await pilot.press("x")  # too soon after it was shown
        assert running.screen is screen
        await by_hand(running, pilot, "x")
        assert running.screen is not screen
        assert len(asked) == 3


@pytest.mark.parametrize(
    ("ticket", "closes"),
    [
        (scene.paper(), True), (scene.live(), True), (scene.second(), True), (scene.third(), True),
        (scene.expired(), True), (scene.refused(), True), (scene.live("SENDING"), False), (scene.sent(), False),
    ],
    ids=lambda value: getattr(value, "step", ""),
)  # fmt: skip
async def test_esc_gives_up_what_waits_and_leaves_what_was_sent(ticket, closes):
    async with desk(ticket) as (running, pilot, screen):
        asked = commands(running)
        await by_hand(running, pilot, "escape")
        assert running.screen is not screen
        assert asked == ([CloseTicket(ticket_id="ticket-1")] if closes else [])


# --- what is no answer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["n", "enter", "y"])
async def test_a_key_held_down_goes_one_step_at_most(key):
    async with desk(scene.live()) as (running, pilot, _):
        asked = engine(running, scene.second(), scene.third(), scene.sent())
        await burst(running, pilot, *[key] * 10)
        for _ in range(10):
            later(running, 0.03)
            await burst(running, pilot, key)
        assert asked == [confirm("REVIEW", "n1")]


async def test_a_key_held_down_since_before_the_ticket_came_sends_nothing():
    async with desk(None, wanted=WANTED) as (running, pilot, _):
        asked = commands(running)
        running.desk.bus.publish(scene.paper())
        for _ in range(10):
            later(running, 0.2)
            told = await burst(running, pilot, "enter")
        assert asked == []
        assert "a key held down is no answer" in told


async def test_a_page_must_have_been_shown_before_it_is_answered():
    async with desk(scene.live(nonce="n0")) as (running, pilot, _):
        asked = commands(running)
        await publish(running, pilot, scene.live(nonce="n1"), 0.2)
        await burst(running, pilot, "n")
        assert asked == []
        await by_hand(running, pilot, "n")
        assert asked == [confirm("REVIEW", "n1")]


@pytest.mark.parametrize(("ticket", "text"), [(scene.second(), "3.280"), (scene.third(), "SB328")])
async def test_what_is_pasted_is_no_answer(ticket, text):
    async with desk(ticket) as (running, pilot, screen):
        asked = commands(running)
        assert "what is pasted is no answer" in await burst(running, pilot, *text, "enter")
        assert screen.typed.value == ""
        screen.typed.post_message(events.Paste(text))
        await pilot.pause()
        assert screen.typed.value == ""
        await by_hand(running, pilot, "enter", "enter")
        assert asked == []


@pytest.mark.parametrize(
    ("ticket", "typed"), [(scene.second(), "3.2"), (scene.second(), "3,280"), (scene.third(), "SB32")]
)
async def test_what_was_not_asked_for_is_not_sent(ticket, typed):
    async with desk(ticket) as (running, pilot, _):
        asked = commands(running)
        assert f"{typed!r} is not " in await by_hand(running, pilot, *typed.replace(",", ","), "enter")
        assert asked == []


async def test_everything_replayed_at_once_goes_no_further_than_the_first_page():
    async with desk(scene.live()) as (running, pilot, _):
        asked = engine(running, scene.second(), scene.third(), scene.sent())
        await burst(running, pilot, "n", *"3.280", "enter", *"SB328", "enter")
        await burst(running, pilot, *"3.280", "enter", *"SB328", "enter")
        assert asked == [confirm("REVIEW", "n1")]


async def test_the_answer_is_about_the_page_that_was_painted_not_about_what_has_come_since():
    async with desk(scene.paper()) as (running, _, screen):
        asked = commands(running)
        running.desk.bus.publish(trade.ticket(nonce="n9", quantity=Decimal("99")))
        await screen.on_key(events.Key("y", "y"))
        assert asked == [confirm("REVIEW", "n1")]


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (scene.live("CONSEQUENCES", nonce="n9", quantity=Decimal("3.300")), "the order changed while you typed"),
        (scene.expired(), "it is EXPIRED now while you typed"),
    ],
    ids=["changed", "expired"],
)
async def test_what_was_typed_for_another_page_is_gone_and_that_is_said(now, words):
    async with desk(scene.second()) as (running, pilot, screen):
        asked = commands(running)
        await by_hand(running, pilot, *"3.280")
        assert words in await publish(running, pilot, now)
        assert screen.typed.value == ""
        await by_hand(running, pilot, "enter")
        assert asked == []


async def test_the_same_page_told_again_leaves_what_is_being_typed():
    async with desk(scene.second()) as (running, pilot, _):
        asked = commands(running)
        await by_hand(running, pilot, *"3.2")
        await publish(running, pilot, scene.second())
        await by_hand(running, pilot, *"80", "enter")
        assert asked == [confirm("CONSEQUENCES", "n2", "3.280")]


async def test_a_denied_order_goes_nowhere_and_the_gate_says_why():
    async with desk(scene.denied()) as (running, pilot, _):
        asked = commands(running)
        told = page(running)
        assert "PRICE_COLLAR  152.35 is 1.4 % from mid 150.20" in told
        assert "PRICE_COLLAR PRICE_COLLAR" not in told
        assert "PRICE_COLLAR denies it" in await by_hand(running, pilot, "n")
        assert asked == []


async def test_after_its_time_nothing_goes_on():
    async with desk(scene.third()) as (running, pilot, _):
        asked = commands(running)
        assert "expires in 47 s" in await painted(running, pilot)
        later(running, 47.5)
        assert "the time is up" in await by_hand(running, pilot, *"SB328", "enter")
        assert asked == []


async def test_nothing_is_sent_where_not_everything_can_be_read():
    crowded = scene.live("CONSEQUENCES", nonce="n2", words="type the quantity as it stands above, digit by digit; " * 3)
    async with desk(crowded, (60, 15)) as (running, pilot, _):
        asked = commands(running)
        assert "make the window larger" in page(running)
        assert "make the window larger" in await by_hand(running, pilot, *"3.280", "enter")
        assert asked == []
    async with desk(scene.paper()) as (running, pilot, _):
        asked = commands(running)
        await pilot.resize_terminal(50, 10)
        await by_hand(running, pilot, "y")
        assert "too small" in page(running)
        await pilot.resize_terminal(80, 24)
        assert "make the window larger" in await painted(running, pilot)
        assert asked == []


# --- answers of the engine -----------------------------------------------------------------------------------------------


async def test_words_about_the_newest_answer_end_the_waiting():
    async with desk(scene.second()) as (running, pilot, _):
        asked = commands(running)
        await by_hand(running, pilot, *"3.280", "enter")
        words = "CONSEQUENCES was confirmed before it could be read: read it, then confirm"
        again = scene.live("CONSEQUENCES", nonce="n2", words=words)
        assert words in " ".join((await publish(running, pilot, again, 1.0)).replace("┃", " ").split())
        await by_hand(running, pilot, *"3.280", "enter")
        late = scene.live("CONSEQUENCES", nonce="n2", words=words, at_ms=NOW_MS + 60_000)
        await publish(running, pilot, late, 1.0)  # the same words, said so much later, are an answer, too
        await by_hand(running, pilot, *"3.280", "enter")
        assert asked == [confirm("CONSEQUENCES", "n2", "3.280")] * 3


async def test_a_refused_answer_ends_the_waiting():
    async with desk(scene.paper()) as (running, pilot, _):
        asked = commands(running)
        await by_hand(running, pilot, "y")
        told = await publish(running, pilot, refusal("ConfirmTicket", "that ticket is not open any more"), 1.0)
        assert "that ticket is not open any more" in told
        await by_hand(running, pilot, "y")
        assert asked == [confirm("REVIEW", "n1")] * 2


@pytest.mark.parametrize(
    ("ticket", "words"),
    [
        (scene.expired(), "the balance went from 8,720.25 to 412.10 USDT"),
        (scene.refused(), "account has insufficient balance"),
    ],
)
async def test_what_has_ended_says_why_and_r_reviews_it_anew(ticket, words):
    async with desk(ticket) as (running, pilot, _):
        asked = commands(running)
        assert words in page(running)
        assert "r reviews it anew" in await by_hand(running, pilot, "y")
        await by_hand(running, pilot, "r", "r", "e")
        assert asked == [RefreshTicket(ticket_id="ticket-1")]
        assert "LIVE ORDER   1 of 3  REVIEW" in await publish(running, pilot, scene.live(nonce="n7"), 1.0)
        await by_hand(running, pilot, "n")
        assert asked[1:] == [confirm("REVIEW", "n7")]


async def test_a_typed_page_can_be_reviewed_anew_without_leaving_the_line():
    async with desk(scene.second()) as (running, pilot, _):
        asked = commands(running)
        await by_hand(running, pilot, "3", "ctrl+r")
        assert asked == [RefreshTicket(ticket_id="ticket-1")]


async def test_a_ticket_that_is_over_leaves_by_any_key_and_by_one_of_a_screen_to_that_screen():
    for key, scope in (("j", "watchlist"), ("5", "orders")):
        async with desk(scene.sent()) as (running, pilot, screen):
            assert "Mode 5 shows what becomes of it" in page(running)
            await by_hand(running, pilot, key)
            await pilot.pause()
            assert running.screen is not screen
            assert getattr(running.screen, "SCOPE", "") == scope


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("0.1165096032091936647541828426", "0.116510"),
        ("0.29120541136303366", "0.291205"),
        ("123456789.123456789", "123456789"),
        ("-0.00000001234567891234", "-0.0000000123457"),
        ("0.000012088", "0.000012088"),
        ("69772.67", "69772.67"),
        ("9000000", "9000000"),
        ("1.0 %", "1.0 %"),
        ("SYNCED", "SYNCED"),
    ],
)
def test_figures_of_gates_are_as_long_as_they_mean_something(value, told):
    assert brief(value) == told
