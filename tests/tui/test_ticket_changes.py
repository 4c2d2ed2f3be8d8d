"""The order ticket: how a part of it is changed, what else its keys do, and what it looks like on every terminal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.messages import ConfirmTicket, EditTicket, Halt
from tests import builders as make
from tests import trading_builders as trade
from tests.builders import NOW_MS
from tests.snapshots import scenes_ticket as scene
from tests.tui.ticket_builder import burst, by_hand, commands, desk, later, page, painted, publish
from tui.format import LOOKS
from tui.screens.help import HelpScreen
from tui.screens.order import OrderScreen


def confirm(nonce: str) -> ConfirmTicket:
    return ConfirmTicket(ticket_id="ticket-1", step="REVIEW", nonce=nonce)


# --- changing a part -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "typed", "part", "value"),
    [
        ("e", "151.90", "entry", "151.90"), ("s", "1,149.5", "stop", "1149.5"), ("t", "155 / 157.5", "target", "155 157.5"),
        ("z", "2.5", "quantity", "2.5"), ("d", "sell", "side", "SELL"), ("m", "m", "type", "MARKET"),
    ],
)  # fmt: skip
async def test_a_part_is_changed_in_a_line_of_its_own(key, typed, part, value):
    async with desk(scene.live()) as (running, pilot, _):
        asked = commands(running)
        told = await by_hand(running, pilot, key, *[{" ": "space", "/": "slash"}.get(one, one) for one in typed])
        assert "Enter reviews it with this value" in told
        await by_hand(running, pilot, "enter")
        assert asked == [EditTicket(ticket_id="ticket-1", part=part, value=value)]
        assert "Enter reviews it" not in await by_hand(running, pilot, "n")  # until it is planned anew nothing goes out
        assert len(asked) == 1


@pytest.mark.parametrize(
    ("key", "typed", "words"),
    [
        ("e", "15x", "'15x' is no limit price"), ("s", "-5", "'-5' is no stop"), ("t", "", "type prices"),
        ("z", "0", "'0' is no quantity"), ("d", "up", "'up': type buy or sell"), ("m", "stop", "type limit or market"),
        ("z", "1e3", "'1e3' is no quantity"),
    ],
)  # fmt: skip
async def test_what_cannot_be_meant_is_not_sent(key, typed, words):
    async with desk(scene.live()) as (running, pilot, screen):
        asked = commands(running)
        typed_keys = ["minus" if one == "-" else one for one in typed] or ["backspace"]
        assert words in await by_hand(running, pilot, key, *typed_keys, "enter")
        await by_hand(running, pilot, "escape")
        assert running.screen is screen
        assert asked == []
        await by_hand(running, pilot, "n")
        assert asked == [confirm("n1")]


async def test_an_unchanged_part_asks_for_nothing_and_its_enter_goes_nowhere():
    async with desk(scene.live()) as (running, pilot, _):
        asked = commands(running)
        await by_hand(running, pilot, "e")
        later(running, 1.0)
        assert "limit price stays as it is" in await burst(running, pilot, "enter")
        assert "a key held down is no answer" in await burst(running, pilot, "enter", "enter")
        assert asked == []


async def test_a_market_order_has_no_price_to_change():
    async with desk(trade.ticket(order_type="MARKET", entry=Decimal(0))) as (running, pilot, _):
        told = await by_hand(running, pilot, "e")
        assert "BUY 3.280 SOLUSDT  at the market" in told
        assert "m makes it a limit order" in told


async def test_a_part_being_changed_survives_expiry_but_not_the_sending():
    async with desk(scene.live()) as (running, pilot, screen):
        await by_hand(running, pilot, "e")
        await publish(running, pilot, scene.expired())
        assert screen.focused is screen.edit
        told = await publish(running, pilot, scene.live("SENDING", nonce="n8"))
        assert screen.focused is None
        assert "limit price" not in told
        assert "nothing of it can be changed" in await by_hand(running, pilot, "z")


# --- what it looks like ----------------------------------------------------------------------------------------------------


async def test_one_key_halts_inside_and_f12_also_while_typing():
    async with desk(scene.live()) as (running, pilot, screen):
        asked = commands(running)
        assert "halted: no new entries" in await by_hand(running, pilot, "H")
        await publish(running, pilot, scene.third())
        await by_hand(running, pilot, "f12")
        assert asked == [Halt(), Halt()]
        assert running.screen is screen


async def test_help_knows_its_keys_and_afterwards_the_page_is_read_anew():
    async with desk(scene.paper(), (120, 40)) as (running, pilot, screen):
        asked = commands(running)
        told = await by_hand(running, pilot, "question_mark")
        assert isinstance(running.screen, HelpScreen)
        assert "Change the limit price" in told
        await burst(running, pilot, "escape", "y")
        assert isinstance(running.screen, OrderScreen)
        assert asked == []
        await by_hand(running, pilot, "y")
        assert asked == [confirm("n1")]
        assert running.screen is screen


@pytest.mark.parametrize(
    ("mode", "host_kind", "word", "real"),
    [
        ("PAPER", "LIVE DATA", "PAPER ORDER", False), ("LIVE", "SANDBOX", "SANDBOX ORDER", False),
        ("LIVE", "TESTNET", "TESTNET ORDER", False), ("LIVE", "LIVE DATA", "LIVE ORDER", True),
    ],
)  # fmt: skip
async def test_whose_money_it_is_stands_on_the_frame(mode, host_kind, word, real):
    async with desk(scene.live(mode=mode, host_kind=host_kind)) as (running, _, _screen):
        frame = page(running).splitlines()[0]
        assert word in frame
        assert frame.startswith("┏" if real else "╭")
        assert ("api.binance.us" in frame) == (mode == "LIVE")


async def test_only_what_changed_is_painted_and_the_price_lives():
    async with desk(scene.live()) as (running, pilot, screen):
        await painted(running, pilot)
        panels = (screen.body, screen.prompt, screen.foot, screen.gates)
        before = sum(panel.repainted for panel in panels)
        await painted(running, pilot)
        assert sum(panel.repainted for panel in panels) == before
        told = await publish(running, pilot, make.quote("SOLUSDT", 152.43, 152.45, NOW_MS + 900))
        assert "152.43 / 152.45" in told
        assert "+ 0.07 % since reviewed" in told
        assert sum(panel.repainted for panel in panels) - before <= 2
        later(running, 9.0)
        assert "≈ 152.43 / 152.45  quote 9.1 s old" in await painted(running, pilot)


async def test_in_private_own_money_is_hidden_and_the_order_is_not():
    async with desk(scene.second()) as (running, pilot, _):
        LOOKS.private = True
        told = await painted(running, pilot)
        assert "5.81" not in told
        assert "1,240" not in told
        assert "0.57 % of equity" in told
        assert "BUY 3.280 SOLUSDT  limit 152.35  GTC" in told


@pytest.mark.parametrize("name", ["paper", "denied", "second", "third", "expired", "sent", "amend"])
async def test_a_plain_terminal_is_told_the_same(name):
    async with desk(getattr(scene, name)(), glyphs="ascii") as (running, _, _screen):
        told = page(running)
        assert told.isascii()
        assert "BUY 3.280 SOLUSDT" in told
