"""The Risk screen: what is used of every limit, why, and what a key may ask for."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest
from textual.pilot import Pilot

from core.messages import EditSetting, Resume, SettingChanged
from core.settings_risk import RiskSettings
from core.trading.limit_rows import ROWS
from tests import trading_builders as trade
from tests.builders import NOW_MS
from tests.snapshots import scenes_risk as scene
from tests.tui.calibration_builder import commands, page, typed
from tests.tui.confluence_builder import flush
from tests.tui.desk_builder import shown
from tests.tui.mode_builder import mode_desk
from tui.app import TradeApp
from tui.format import LOOKS
from tui.screens.edit_setting import EditSettingScreen
from tui.screens.risk import RiskScreen
from tui.screens.risk_detail import RiskDetailScreen
from tui.widgets.risk_list import fitted_words
from tui.widgets.risk_words import EXPLAINED

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=["narrow", "normal", "wide"])
ENDS = pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["narrow", "wide"])
desk = partial(mode_desk, RiskScreen, "7")
"""The app with the Risk screen, once everything is told."""


def line_of(running: TradeApp, label: str) -> str:
    """The line of a limit, left of the account."""
    return next(line.partition("│")[0] for line in shown(running) if line[1:].lstrip("✓!✗?yx ").startswith(label))


def chosen(screen: RiskScreen) -> str:
    """The code of the limit under the cursor."""
    assert screen.item is not None
    return screen.item.code


async def on(running: TradeApp, pilot: Pilot, screen: RiskScreen, code: str) -> None:
    """The cursor to this limit."""
    screen.choose(next(use for use in trade.limits() if use.code == code))
    await flush(running, pilot, 0.0)
    assert chosen(screen) == code


# --- what is seen ------------------------------------------------------------------------------------------------------


async def test_each_level_has_its_glyph_and_every_limit_can_be_reached():
    async with desk(scene.near(), (80, 24)) as (running, pilot, screen):
        assert "!" in line_of(running, "daily loss")[:3]
        assert "2.61 %" in line_of(running, "daily loss")
        assert "3.00 %" in line_of(running, "daily loss")
        assert "LOSSES  2 near" in page(running)
        seen = [chosen(screen)]
        for _ in range(40):
            await pilot.press("j")
            use = screen.item
            assert use is not None
            assert any(use.label in line and "▸" in line for line in shown(running)), f"{use.label} is out of sight"
            if chosen(screen) == seen[-1]:
                break
            seen.append(chosen(screen))
        assert seen == [use.code for use in trade.limits()]
        assert "✗" in line_of(running, "locks")[:3]


async def test_what_is_near_over_or_not_known_says_why():
    async with desk(scene.halted(), (200, 50)) as (running, pilot, screen):
        assert "✗" in line_of(running, "drawdown, halt")[:3]
        assert "trading is halted: arm" in line_of(running, "drawdown, halt")
        assert "then" not in line_of(running, "positions"), "what is far from its limit is quiet"
    async with desk(scene.unknown(), (200, 50)) as (running, pilot, screen):
        assert "?" in line_of(running, "total exposure")[:3]
        assert "–" in line_of(running, "total exposure")
        assert "not known yet: equity; entries wait" in line_of(running, "total exposure")
        assert not {"nan", "NaN", "nan %"} & set(page(running).split())
        await on(running, pilot, screen, "total_exposure")
        assert "total exposure: not known yet: equity" in shown(running)[-2]


@SIZES
async def test_balances_are_told_without_the_zeros_behind_them(size):
    balances = (
        ("SOL", Decimal("3.28000000"), Decimal(0)),
        ("USDT", Decimal("9822.75200000000000"), Decimal("10000.0")),
    )
    async with desk([trade.account(balances=balances), trade.risk_status()], size) as (running, _, _screen):
        told = page(running)
        assert "9,822.752 " in told
        assert "3.28 " in told
        assert "10,000.0" not in told


async def test_the_account_stands_beside_its_limits():
    async with desk(scene.halted()) as (running, _, _screen):
        text = page(running)
        for words in (
            "mode       LIVE", "host       api.binance.us", "stream     SYNCED", "journal    ✓ written",
            "equity     10,124.50 USDT", "day        loss 316.20 of 250.00 USDT", "drawdown   15.20 %", "SOL        3.28 ",
            "halted: the operator", "LOCKS  none", "ARMING  not armed", "✗ clock: this machine is 640 ms off",
        ):  # fmt: skip
            assert words in text, words
        assert "journal: can be written" not in text, "only checks that failed"


@SIZES
async def test_locks_and_limits_that_wait_are_named(size):
    async with desk(scene.near(), size) as (running, pilot, screen):
        text = " ".join(page(running).split())
        assert "NEARUSDT: order tt-11-a is" in text
        assert "risk.min_net_ratio 2 → 1.5:" in text
        await on(running, pilot, screen, "total_exposure")
        assert "risk.total_exposure 1 → 1.5: from the daily reset at 00:00 UTC" in shown(running)[-2]


async def test_before_the_engine_speaks_nothing_is_invented():
    async with desk([]) as (running, pilot, _):
        assert "no limits yet" in page(running)
        assert "no account yet" in page(running)
        asked = commands(running)
        for key in ("enter", "e", "u", "n", "j", "k", "G"):
            await typed(running, pilot, key)
        assert asked == []
        assert isinstance(running.screen, RiskScreen)


async def test_private_mode_hides_money_and_no_shares():
    async with desk(scene.near(), (200, 50)) as (running, pilot, _):
        LOOKS.private = True
        await typed(running, pilot, "j")
        text = page(running)
        for amount in ("240.10", "250.00", "10,124.50", "8,720.25", "499.71", "3.280"):
            assert amount not in text
        assert "***" in line_of(running, "daily loss in money")
        assert "2.61 %" in line_of(running, "daily loss")
        for message in scene.unknown():
            running.desk.bus.publish(message)
        await flush(running, pilot, 0.0)
        assert "USDT" not in line_of(running, "daily loss in money"), "a limit in money is an amount too"


async def test_limits_that_are_told_no_more_go_stale():
    async with desk(scene.quiet()) as (running, pilot, _):
        assert "≈" not in page(running)
        await flush(running, pilot, 15.0)
        assert "≈ told 16s ago" in page(running)
        running.desk.bus.publish(trade.risk_status(at_ms=NOW_MS + 15_000))
        await flush(running, pilot, 0.0)
        assert "≈" not in page(running)


@ENDS
async def test_ascii_says_the_same(size):
    async with desk(scene.near(), size, glyphs="ascii") as (running, pilot, screen):
        assert page(running).isascii()
        assert "##" in line_of(running, "daily loss")
        await on(running, pilot, screen, "total_exposure")
        assert "risk.total_exposure 1 -> 1.5" in page(running)
        await typed(running, pilot, "enter")
        assert page(running).isascii()


async def test_words_are_never_cut_inside_a_number():
    text = "largest 1,234.56 of 2,000.00 USDT"
    for room in range(len(text) + 1):
        cut = fitted_words(text, room, "…")
        assert len(cut) <= room
        whole = set(text.split()) | {word.rstrip(",:;") for word in text.split()}
        assert set(cut.removesuffix("…").split()) <= whole


# --- what keys do ------------------------------------------------------------------------------------------------------


def test_every_limit_the_engine_tells_is_explained():
    assert {row.code for row in ROWS} == EXPLAINED.keys()
    assert {use.code for use in trade.limits()} <= EXPLAINED.keys()


@ENDS
async def test_a_limit_is_explained_in_sentences(size):
    async with desk(scene.near(), size) as (running, pilot, screen):
        await on(running, pilot, screen, "total_exposure")
        await typed(running, pilot, "enter")
        assert isinstance(running.screen, RiskDetailScreen)
        text = " ".join(" ".join(line.strip(" │") for line in shown(running)).split())
        for words in (
            "91.35 % of 100.00 %", "Everything held and every entry that waits",
            "An order that would take it beyond is refused", "risk.total_exposure = 1.0", "Range 0.001 to 10.",
            "Tighter counts at once; looser waits for the daily reset at 00:00 UTC", "1 → 1.5: from the daily reset",
        ):  # fmt: skip
            assert words in text, words
        await typed(running, pilot, "escape")
        assert isinstance(running.screen, RiskScreen)


async def test_editing_asks_the_engine_for_the_limit_under_the_cursor():
    async with desk(scene.halted(), (80, 24)) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "max_positions")
        await typed(running, pilot, "e")
        assert isinstance(running.screen, EditSettingScreen)
        text = " ".join(" ".join(line.strip(" │") for line in shown(running)).split())
        for words in ("risk.max_positions", "Range 1 to 100.", "now 5", "and then until trading is armed again"):
            assert words in text, words
        await typed(running, pilot, "ctrl+u", "3", "enter")
        assert asked == [EditSetting(key="risk.max_positions", value="3")]
        running.desk.bus.publish(
            SettingChanged(key="risk.max_positions", old="5", new="3", by="operator", undo=False, at_ms=NOW_MS)
        )
        await typed(running, pilot, "enter")
        assert "risk.max_positions = 3" in page(running), "what was taken is the value from now on"


async def test_what_has_no_setting_says_so():
    async with desk(scene.quiet()) as (running, pilot, screen):
        asked = commands(running)
        await on(running, pilot, screen, "private_stream")
        assert "private stream has no setting" in await typed(running, pilot, "e")
        assert "none: it is as it is found" in await typed(running, pilot, "enter")
        assert asked == []


async def test_resuming_asks_once():
    async with desk(scene.halted()) as (running, pilot, _):
        asked = commands(running)
        assert "Go from HALTED to REDUCING?" in await typed(running, pilot, "u")
        await flush(running, pilot, 2.0)
        await typed(running, pilot, "y")
        assert asked == [Resume()]


async def test_n_goes_from_trouble_to_trouble():
    async with desk(scene.near()) as (running, pilot, screen):
        found = []
        for _ in range(6):
            found.append(chosen(screen))
            await typed(running, pilot, "n")
        assert found == ["daily_loss", "daily_loss_money", "max_positions", "total_exposure", "locks", "daily_loss"]
    async with desk(scene.quiet()) as (running, pilot, screen):
        assert "every limit is kept" in await typed(running, pilot, "n")


def test_what_the_screen_edits_are_settings_there_are():
    known = set(RiskSettings.__struct_fields__)
    assert {use.code for use in trade.limits()} - known == {"private_stream", "journal", "locks"}
