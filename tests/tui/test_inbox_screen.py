"""The Inbox screen: what waits and where the price stands, the cursor, the answers, and the way to the order ticket."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest

from core.messages import AnswerItem, Command, OpenTicket
from tests import builders as make
from tests import trading_builders as trade
from tests.builders import NOW_MS
from tests.snapshots import scenes_inbox as scene
from tests.tui.calibration_builder import commands, page
from tests.tui.confluence_builder import flush
from tests.tui.desk_builder import shown
from tests.tui.mode_builder import mode_desk
from tui.app import TradeApp
from tui.format import HIDDEN, LOOKS
from tui.screens.inbox import InboxScreen

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=["narrow", "normal", "wide"])
desk = partial(mode_desk, InboxScreen, "6")
"""The app with the Inbox screen, once everything is told."""


def line_of(running: TradeApp, words: str) -> str:
    return next(line.partition("│")[0] for line in shown(running)[1:] if words in line)


def answers(heard: list[Command]) -> list[AnswerItem]:
    return [one for one in heard if isinstance(one, AnswerItem)]


@SIZES
async def test_proposals_say_how_sure_where_the_price_stands_and_how_long_they_hold(size):
    async with desk(scene.full(), size) as (running, _, screen):
        sol, eth, doge = (line_of(running, symbol) for symbol in ("SOLUSDT   ", "ETHUSDT   ", "DOGEUSDT  "))
        for line, words in (
            (sol, ("↑ BUY", ".78", "2.1", "152.12", "in the zone", "13m")),
            (eth, ("↑ BUY", ".71", "1.8", "2,683.10", "0.5 % above", "8m")),
            (doge, ("↓ SELL", ".60", "2.4", "in the zone", "42s")),
        ):
            for word in words:
                assert word in line
        assert screen.item is not None
        assert screen.item.item_id == "p:SOLUSDT:1"
        assert "XRPUSDT left out: a position or an entry of ours is there" in page(running)
        assert "! 7 waiting" in shown(running)[0]
        assert "152.02 broken" in page(running) or "broke 152.02" in page(running), "the words of the analysis"
        assert "SOLUSDT BUY: P(BUY) .78 reaches .75" in shown(running)[-2]


@pytest.mark.parametrize(
    ("bid", "words"),
    [
        (151.00, "past its stop"), (151.50, "0.1 % below"), (152.50, "0.1 % above"), (156.00, "past target"),
        (152.00, "in the zone"),
    ],
)  # fmt: skip
async def test_where_the_price_stands_follows_the_market(bid, words):
    async with desk(scene.full()) as (running, pilot, _):
        running.desk.bus.publish(make.quote("SOLUSDT", bid, bid + 0.02))
        running.desk.bus.publish(make.trades("SOLUSDT", bid))
        await flush(running, pilot, 1.0)
        assert words in line_of(running, "SOLUSDT   ")


@SIZES
async def test_an_empty_inbox_says_what_would_come_and_why_nothing_does(size):
    async with desk(scene.empty(), size) as (running, pilot, _):
        text = " ".join(page(running).split())
        assert "none: 3 analyses hold now: 2 AVOID, 1 WAIT; P .50 is asked for" in text
        assert "ETHUSDT below trading.proposal_confidence 0.50" in text
        assert "none: errors and warnings, differences with the venue and halts wait here" in text
        assert "waiting" not in shown(running)[0]
        heard = commands(running)
        for key in ("enter", "a", "d", "z", "A", "s"):
            await pilot.press(key)
        assert not answers(heard)


async def test_before_the_engine_has_told_anything():
    async with desk([]) as (running, _, _screen):
        assert "the engine has not told of its inbox yet" in page(running)
    async with desk([trade.inbox()]) as (running, _, _screen):
        assert "no analysis speaks of the market now" in page(running)


async def test_answers_are_asked_of_the_engine_for_the_item_under_the_cursor():
    async with desk(scene.full()) as (running, pilot, screen):
        heard = commands(running)
        await pilot.press("d", "down", "z", "end", "a", "A")
        assert answers(heard) == [
            AnswerItem(item_id="p:SOLUSDT:1", answer="DISMISSED"),
            AnswerItem(item_id="p:ETHUSDT:1", answer="SNOOZED"),
            AnswerItem(item_id="f:tt-1-a", answer="ACKNOWLEDGED"),
            AnswerItem(item_id="f:tt-1-s", answer="ACKNOWLEDGED"),
            AnswerItem(item_id="f:tt-1-a", answer="ACKNOWLEDGED"),
        ]
        assert "2 fills acknowledged" in page(running)
        await pilot.press("home", "down", "up")
        assert screen.item is not None
        assert screen.item.item_id == "p:SOLUSDT:1"


async def test_the_cursor_stays_on_its_item_and_moves_on_when_that_has_left():
    async with desk(scene.full()) as (running, pilot, screen):
        await pilot.press("down")
        best, second, third = scene.proposals()
        running.desk.bus.publish(trade.inbox(trade.item("p:NEW:1", symbol="XRPUSDT", rank=1), best, second, third))
        await flush(running, pilot, 0.0)
        assert screen.item is not None
        assert screen.item.item_id == second.item_id
        over = trade.item(second.item_id, symbol="ETHUSDT", state="DISMISSED", rank=0)
        running.desk.bus.publish(trade.inbox(best, third, over))
        await flush(running, pilot, 0.0)
        assert screen.item.item_id == over.item_id
        assert "dismissed" in line_of(running, "ETHUSDT   ")
        heard = commands(running)
        await pilot.press("a", "enter")
        assert not answers(heard), "it is answered already"
        away = trade.item(over.item_id, symbol="ETHUSDT", state="SNOOZED", until_ms=NOW_MS + 600_000)
        running.desk.bus.publish(trade.inbox(best, third, away))
        await flush(running, pilot, 0.0)
        assert "snoozed: it waits again at 12:44:56Z" in page(running)
        running.desk.bus.publish(trade.inbox(best, third))
        await flush(running, pilot, 0.0)
        assert screen.item.item_id == third.item_id


@pytest.mark.parametrize("key", ["enter", "o"])
async def test_a_proposal_opens_its_order_ticket(key):
    async with desk(scene.full()) as (running, pilot, _):
        heard = commands(running)
        await pilot.press(key)
        await pilot.pause()
        assert type(running.screen).__name__ == "OrderScreen"
        assert [one for one in heard if isinstance(one, OpenTicket)] == [
            OpenTicket(symbol="SOLUSDT", proposal="p:SOLUSDT:1")
        ]


async def test_a_fill_opens_what_is_known_of_its_order_and_an_alarm_its_words():
    async with desk(scene.full()) as (running, pilot, screen):
        await pilot.press("end", "enter")
        await pilot.pause()
        assert "our id tt-1-a" in page(running)
        assert "bought 1.28 SOLUSDT at 152.35" in page(running)
        await pilot.press("escape")
        await pilot.press("home", "down", "down", "down", "enter")
        await pilot.pause()
        assert "alarm of" in page(running)
        assert "closed at the market in 3 s (2 times)" in page(running)
        running.desk.bus.publish(trade.inbox())
        await pilot.press("escape")
        await flush(running, pilot, 0.0)
        assert screen.item is None
        assert "Nothing waits for you" in page(running)


async def test_a_difference_shows_both_sides():
    told = trade.discrepancy()
    item = trade.item(f"x:{told.key}:{told.first_ms}", kind="ALARM", symbol="SOLUSDT", severity="error", text=told.text)
    async with desk([told, trade.inbox(item)]) as (running, _, _screen):
        assert "3.280 SOL" in page(running)
        assert "1.280 SOL" in page(running)


async def test_own_amounts_are_hidden_in_private_mode():
    async with desk(scene.full()) as (running, pilot, _):
        LOOKS.private = True
        try:
            await pilot.press("end")
            await flush(running, pilot, 1.0)
            stop, entry = line_of(running, "sold"), line_of(running, "bought")
        finally:
            LOOKS.private = False
    assert f"sold {HIDDEN} SOLUSDT at 150.88, stop; trade over: −1.03 R, {HIDDEN} USDT" in stop
    assert f"bought {HIDDEN} SOLUSDT at 152.35, entry, {HIDDEN}" in entry
    assert "3.28" not in stop + entry
    assert "4.92" not in stop


async def test_on_paper_that_it_opens_itself_is_said_and_what_came_of_it():
    async with desk(scene.opening(), glyphs="ascii") as (running, _, _screen):
        text = page(running)
        assert "OPENS ITSELF" in text
        assert "the best 2 open themselves on paper" in text
        assert "not opened by itself: ETHUSDT: heat would be 2.3 of 2.0 %" in text
        assert "taken" in line_of(running, "XRPUSDT  ")
        assert text.isascii()


async def test_without_a_market_nothing_is_made_up():
    lone = trade.item(symbol="NEWUSDT", entry=None, targets=(), expires_ms=0, confidence=float("nan"), stop=Decimal(0))
    async with desk([trade.inbox(lone)]) as (running, _, _screen):
        line = line_of(running, "NEWUSDT  ")
        assert line.count("–") >= 5
        assert str(NOW_MS) not in page(running)
