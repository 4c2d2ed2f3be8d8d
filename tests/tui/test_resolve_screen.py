"""The Resolve screen: the evidence, the verdicts it leaves, and the operator's typed word."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.messages import OrderStatus, ResolveOrder
from tests import trading_builders as trade
from tests.snapshots import scenes_orders as scene
from tests.tui.orders_builder import commands, desk, flush, on, page, publish, typed
from tui.screens.orders import OrdersScreen
from tui.screens.resolve import MEANINGS, ResolveScreen, allowed

UNKNOWN = trade.order(state="UNKNOWN", order_id="", client_id=scene.UNKNOWN)


@pytest.mark.parametrize(
    ("order", "verdicts"),
    [
        (UNKNOWN, ["FAILED_CONFIRMED", "CANCELLED", "EXPIRED", "REJECTED"]),
        (trade.order(state="UNKNOWN", order_id="88"), ["CANCELLED", "EXPIRED", "REJECTED"]),
        (trade.order(state="UNKNOWN", order_id="88", filled=Decimal(1)), ["CANCELLED", "EXPIRED"]),
        (trade.order(state="UNKNOWN", order_id="", quarantine="X"), ["FAILED_CONFIRMED", "CANCELLED", "EXPIRED", "REJECTED", "RELEASE"]),
        (trade.order(state="WORKING", quarantine="OVERFILL"), ["CANCELLED", "EXPIRED", "RELEASE"]),
        (trade.order(state="FILLED", quarantine="OVERFILL"), ["RELEASE"]),
        (trade.order(state="FILLED"), []),
    ],
)  # fmt: skip
def test_only_what_the_evidence_leaves_open_may_be_said(order: OrderStatus, verdicts: list[str]) -> None:
    assert allowed(order) == verdicts


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_evidence_and_every_verdicts_meaning_are_shown(size):
    async with desk(scene.unknown(), size) as (running, pilot, screen):
        await on(running, pilot, screen, scene.UNKNOWN)
        await typed(running, pilot, "R")
        assert isinstance(running.screen, ResolveScreen)
        told = page(running)
        for words in (
            "NEARUSDT buy limit 90 at 4.711",
            "no answer within 2.0 s",
            "not among 3 open orders",
            "no trade of it",
        ):
            assert words in told
        for verdict in ("FAILED_CONFIRMED", "CANCELLED", "EXPIRED", "REJECTED"):
            assert MEANINGS[verdict].split(":")[0][:40] in told
        assert "RELEASE" not in told
        assert "type a verdict and Enter" in told


@pytest.mark.parametrize("verdict", ["FAILED_CONFIRMED", "CANCELLED", "EXPIRED", "REJECTED"])
async def test_a_typed_verdict_goes_to_the_engine(verdict):
    async with desk(scene.unknown()) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, scene.UNKNOWN)
        await typed(
            running, pilot, "R", *("underscore" if letter == "_" else letter for letter in verdict.lower()), "enter"
        )
        assert asked == [ResolveOrder(client_id=scene.UNKNOWN, verdict=verdict)]
        assert isinstance(running.screen, OrdersScreen)


@pytest.mark.parametrize(
    ("typed_word", "words"),
    [
        ("gone", "GONE is no verdict: type one of"),
        ("release", "the evidence says otherwise than RELEASE"),
        ("y", "Y is no verdict"),
    ],
)
async def test_any_other_word_is_refused_with_those_that_are_possible(typed_word, words):
    async with desk(scene.unknown()) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, scene.UNKNOWN)
        told = await typed(running, pilot, "R", *typed_word, "enter")
        assert words in told
        assert "FAILED_CONFIRMED, CANCELLED" in told
        await typed(running, pilot, "escape")
        assert asked == []


async def test_enter_alone_esc_and_a_paste_say_nothing():
    async with desk(scene.unknown()) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, scene.UNKNOWN)
        await typed(running, pilot, "R", "enter", "enter")
        await pilot.press(*"cancelled", "enter")
        await pilot.pause()
        assert "what is pasted is no answer" in page(running)
        await typed(running, pilot, "escape")
        assert isinstance(running.screen, OrdersScreen)
        assert asked == []


async def test_evidence_that_comes_meanwhile_is_shown_and_narrows_what_may_be_said():
    async with desk(scene.unknown()) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, scene.UNKNOWN)
        await typed(running, pilot, "R")
        told = trade.evidence((1, "PRIVATE", "filled 90 at 4.711"))
        ended = trade.order(
            scene.UNKNOWN,
            "NEARUSDT",
            state="FILLED",
            quantity=Decimal(90),
            filled=Decimal(90),
            price=Decimal("4.711"),
            evidence=told,
        )
        await publish(running, pilot, ended)
        assert isinstance(running.screen, ResolveScreen)
        running.screen._paint()
        await pilot.pause()
        assert "Its end is known meanwhile" in page(running)
        await typed(running, pilot, *"cancelled", "enter")
        assert "the evidence says otherwise than CANCELLED" in page(running)
        assert asked == []


async def test_with_several_the_cursor_goes_there_and_the_key_must_be_pressed_again():
    async with desk(scene.unknown()) as (running, pilot, screen):
        told = await typed(running, pilot, "R")
        assert "2 orders need you: choose one" in told
        assert isinstance(running.screen, OrdersScreen)
        await typed(running, pilot, "R")
        assert isinstance(running.screen, ResolveScreen)
        assert screen.item is not None
        assert screen.item.key in page(running)


async def test_without_any_there_is_nothing_to_resolve():
    async with desk(scene.protected()) as (running, pilot, _):
        assert "no order is unknown or in quarantine" in await typed(running, pilot, "R")
        await flush(running, pilot)
        assert isinstance(running.screen, OrdersScreen)
