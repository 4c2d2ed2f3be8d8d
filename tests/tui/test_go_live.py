"""Going live from the keyboard: every path, every way back, and what tries to get past a question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual import events
from textual.pilot import Pilot

from core.clock import SimClock
from core.messages import (
    ArmLive,
    CheckLive,
    Command,
    ConnectLive,
    GoPaper,
    Halt,
    Message,
    Refused,
    Resume,
    SettingChanged,
)
from tests import builders as make
from tests import trading_builders as trade
from tests.snapshots.scenes import app
from tests.tui.desk_builder import shown
from tui.app import TradeApp
from tui.format import LOOKS
from tui.screens.go_live import GoLiveScreen
from tui.screens.watchlist import WatchlistScreen
from tui.widgets.go_live_lines import order_kind
from tui.widgets.typed_line import TypedLine

SECOND = trade.SECOND
WIDE, NARROW = (120, 40), (80, 24)


class Going:
    """The screen with the engine's part played by the test."""

    def __init__(self, running: TradeApp, pilot: Pilot) -> None:
        self.running, self.pilot, self.desk = running, pilot, running.desk
        self.asked: list[Command] = []
        for kind in (ConnectLive, CheckLive, ArmLive, GoPaper, Halt, Resume):
            self.desk.bus.subscribe(kind, self.asked.append)

    async def told(self, *messages: Message, seconds: float = 1.0) -> str:
        """The picture so much later, once these were told."""
        clock = self.desk.clock
        assert isinstance(clock, SimClock)
        for message in messages:
            self.desk.bus.publish(message)
        await self.pilot.pause()
        clock.set_ms(clock.now_ms() + round(seconds * SECOND))
        if isinstance(self.running.screen, GoLiveScreen):
            self.running.screen.flush()
        await self.pilot.pause()
        return "\n".join(shown(self.running))

    async def keys(self, *keys: str, seconds: float = 1.0) -> str:
        """The picture after these keys, so much time after each."""
        page = ""
        for key in keys:
            await self.pilot.press(key)
            page = await self.told(seconds=seconds)
        return page

    async def held(self, *keys: str) -> str:
        """The picture after so many of each key in one moment."""
        await self.pilot.press(*(key for key in keys for _ in range(4)))
        return await self.told(seconds=0.03)

    async def review(self, **status: object) -> str:
        """To the second page, which is painted for a second."""
        await self.keys("y")
        await self.told(trade.session("CONNECTING"))
        await self.told(trade.session("DISARMED", **status))
        return await self.told()  # painted, and then some time

    async def word(self) -> str:
        """To the third page."""
        await self.review()
        return await self.keys("pagedown", "pagedown", "y")

    @property
    def is_over(self) -> bool:
        return isinstance(self.running.screen, WatchlistScreen)


@asynccontextmanager
async def going(
    size: tuple[int, int] = WIDE, glyphs: str = "unicode", phase: str = "PAPER", **status: object
) -> AsyncIterator[Going]:
    running = app(glyphs=glyphs)
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        made = Going(running, pilot)
        engine = make.engine_status(host_kind="LIVE DATA", host="api.binance.us")
        await made.told(engine, trade.account(), trade.session(phase, **status))
        await running.push_screen(GoLiveScreen(running.desk))
        await made.told()
        yield made
        assert not running.desk.guard.failures
        assert not running.desk.pump.failures


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["120x40", "80x24"])
async def test_three_questions_answered_by_hand_lead_to_real_entries(size: tuple[int, int]) -> None:
    async with going(size) as at:
        page = await at.told()
        for words in (
            "Real orders?",
            "REAL MONEY",
            "not known yet",
            "stands still meanwhile",
            "+ 0.12 R",
            "1.31",
            "54 %",
        ):
            assert words in page
        assert "connecting" in await at.keys("y")
        assert at.asked == [ConnectLive()]
        assert "connecting" in await at.told(trade.session("CONNECTING"))
        page = await at.told(trade.session("DISARMED"))
        for words in ("Reviewed?", "everything holds", "✓ keys", "risk a trade", "0.50 %"):
            assert words in page
        page = await at.keys("pagedown", "pagedown")
        for words in ("These end with this program", "trails 3 ATR", "a canary of the least size"):
            assert words in page
        page = await at.keys("y")
        for words in ("Authorised?", "k-5f3a at api.binance.us", "REAL MONEY", "for 60 minutes"):
            assert words in page
        await at.keys(*"LIVE", "enter")
        assert at.asked == [ConnectLive(), ArmLive(nonce="n1", typed="LIVE")]
        await at.told(trade.session("DISARMED", nonce="n2"))
        assert not at.is_over
        await at.told(trade.session("ARMED", nonce="n2"))
        assert at.is_over
        assert "real entries for 60 minutes at api.binance.us" in at.desk.store.notice


async def test_a_held_key_answers_no_question_and_each_page_is_seen_before_it_is_answered() -> None:
    async with going() as at:
        await at.held("y")  # a second after it was opened the first is the hand's
        assert at.asked == [ConnectLive()]
        await at.told(trade.session("CONNECTING"), seconds=0.03)
        await at.held("y")
        await at.told(trade.session("DISARMED"), seconds=0.03)
        page = await at.held("y")
        assert "Reviewed?" in page
        assert "a key held down is no answer" in page
        await at.told()
        await at.told(trade.session("DISARMED", nonce="n2"), seconds=0.1)  # other checks than a moment ago
        assert "Reviewed?" in await at.keys("y")
        assert "Authorised?" in await at.keys("y")
        await at.held("y", "enter")
        assert at.asked == [ConnectLive()]


async def test_a_screen_opened_by_a_held_key_is_not_answered_by_it() -> None:
    async with going() as at:
        await at.running.pop_screen()
        await at.running.push_screen(GoLiveScreen(at.desk))
        assert "a key held down is no answer" in await at.held("y")
        assert at.asked == []


async def test_a_check_that_fails_keeps_the_second_question_and_r_looks_again() -> None:
    async with going() as at:
        page = await at.review(checks=trade.checks(KEYS="this key can withdraw: make one that cannot", STATE="HALTED"))
        assert "2 checks fail" in page
        assert "✗ keys      this key can withdraw: make one that cannot" in page
        assert "keys does not hold: mend it, then r" in await at.keys("y")
        await at.keys("r")
        assert at.asked == [ConnectLive(), CheckLive()]
        assert "everything holds" in await at.told(trade.session("DISARMED", nonce="n2"))
        await at.told()
        assert "Authorised?" in await at.keys("y")


async def test_what_is_below_must_have_been_on_the_screen() -> None:
    async with going(NARROW) as at:
        await at.review()
        assert "read it to its end first (PgDn)" in await at.keys("y")
        assert "Authorised?" in await at.keys("pagedown", "pagedown", "up", "y")


async def test_only_a_typed_word_arms() -> None:
    async with going() as at:
        assert "type LIVE and Enter" in await at.word()
        await at.pilot.press(*"LIVE", "enter")  # all in one moment, as when a terminal sends a paste as keys
        assert "what is pasted is no answer" in await at.told()
        at.running.screen.query_one(TypedLine).post_message(events.Paste("LIVE"))
        await at.keys("enter", "enter")
        assert "'NO' is not LIVE" in await at.keys(*"NO", "enter")
        assert at.asked == [ConnectLive()]
        await at.keys("backspace", "backspace", *"live", "enter", "enter")
        assert at.asked == [ConnectLive(), ArmLive(nonce="n1", typed="live")]


async def test_a_refusal_to_arm_is_shown_with_the_checks_and_they_are_reviewed_again() -> None:
    async with going() as at:
        await at.word()
        await at.keys(*"LIVE", "enter")
        bad = trade.checks(CLOCK="-612 ms, limit 500 ms: turn on time synchronisation (chrony)")
        words = "clock: -612 ms, limit 500 ms: turn on time synchronisation (chrony)"
        page = await at.told(trade.session("DISARMED", nonce="n2", checks=bad, words=words))
        assert "Reviewed?" in page
        assert f"✗ {words}" in page
        await at.told(trade.session("DISARMED", nonce="n3"))
        await at.told()
        assert "Authorised?" in await at.keys("y")
        await at.keys(*"LIVE", "enter")
        assert at.asked[1:] == [ArmLive(nonce="n1", typed="LIVE"), ArmLive(nonce="n3", typed="LIVE")]


async def test_a_word_the_engine_had_no_time_for_may_be_given_again() -> None:
    async with going() as at:
        await at.word()
        await at.keys(*"LIVE", "enter")
        words = "the one before is still being carried out"
        refused = Refused(venue="binance_us", category="spot", command="ArmLive", symbol="", words=words, at_ms=1)
        assert words in await at.told(refused)
        await at.keys("enter")
        assert at.asked[1:] == [ArmLive(nonce="n1", typed="LIVE")] * 2


async def test_an_account_that_cannot_be_opened_says_why_and_may_be_tried_again() -> None:
    async with going() as at:
        await at.keys("y")
        await at.told(trade.session("CONNECTING"))
        page = await at.told(trade.session(words="no API key for binance_us: run tradetui keys set"))
        assert "not connected: no API key for binance_us: run tradetui keys set" in page
        await at.told()
        await at.keys("y")
        await at.told(trade.session("CONNECTING"))
        assert at.asked == [ConnectLive(), ConnectLive()]
        assert "Reviewed?" in await at.told(trade.session("DISARMED"))
    async with going() as at:
        await at.keys("y")
        refused = Refused(
            venue="binance_us", category="spot", command="ConnectLive", symbol="", words="between two accounts", at_ms=1
        )
        assert "✗ between two accounts" in await at.told(refused)
        await at.told(trade.session("CONNECTING"))
        await at.told(trade.session(words="no keys"))
        await at.keys("escape")
        assert at.is_over
        assert GoPaper() not in at.asked


async def test_esc_goes_back_to_paper_from_every_page_once_the_account_was_asked_for() -> None:
    async with going() as at:
        await at.keys("escape")
        assert (at.is_over, at.asked) == (True, [])
    async with going() as at:
        await at.review()
        await at.keys("escape")
        assert (at.is_over, at.asked) == (True, [ConnectLive(), GoPaper()])
        assert "no real entries" in at.desk.store.notice
    async with going() as at:
        await at.word()
        await at.keys(*"LI", "escape")
        assert (at.is_over, at.asked) == (True, [ConnectLive(), GoPaper()])


async def test_esc_while_it_connects_takes_effect_as_soon_as_there_is_something_to_leave() -> None:
    async with going() as at:
        await at.keys("y")
        await at.told(trade.session("CONNECTING"))
        assert "back to paper as soon as that has ended" in await at.keys("escape")
        await at.told(trade.session("DISARMED"))
        assert (at.is_over, at.asked) == (True, [ConnectLive(), GoPaper(), GoPaper()])
    async with going() as at:
        await at.keys("y")
        await at.told(trade.session("CONNECTING"))
        await at.keys("escape")
        await at.told(trade.session(words="no keys"))
        assert (at.is_over, at.asked) == (True, [ConnectLive(), GoPaper()])


async def test_disarmed_on_the_real_account_the_first_page_leads_both_ways() -> None:
    async with going(phase="DISARMED", mode="LIVE", account="k-5f3a") as at:
        page = await at.told()
        assert "k-5f3a at api.binance.us" in page
        assert "Esc back to paper" in page
        await at.keys("escape")
        assert at.asked == [GoPaper()]


async def test_the_halt_keys_and_ctrl_c_work_on_every_page() -> None:
    async with going() as at:
        assert "halted: no new entries" in await at.keys("H")
        await at.word()
        await at.keys("f12")
        assert at.asked.count(Halt()) == 2
        await at.keys(*"LIVE")
        assert not at.is_over
        await at.pilot.press("ctrl+c")
        await at.pilot.pause()
        assert at.running._leaving


async def test_no_paper_record_a_losing_one_and_hidden_money() -> None:
    async with going(paper=None) as at:
        assert "no closed paper trade yet" in await at.told()
        assert "! on paper this loses money" in await at.told(trade.session(paper=trade.record(expectancy=-0.08)))
        LOOKS.private = True
        try:
            at.desk.edited["screen.private"] = "true"
            page = await at.told()
            assert "142.10" not in page
            assert "*** USDT" in page
        finally:
            LOOKS.private = False


async def test_limits_are_those_in_force_now_and_looser_ones_are_told_apart() -> None:
    async with going() as at:
        await at.review()
        changed = SettingChanged(
            key="risk.risk_per_trade", old="0.005", new="0.0025", by="operator", undo=False, at_ms=1
        )
        assert "0.25 %" in await at.told(changed)


async def test_without_an_engine_it_says_what_it_waits_for() -> None:
    async with going() as at:
        at.desk.store.trading.session = None
        assert "the order path is not up yet" in await at.told()
        await at.keys("y", "r", "down")
        assert at.asked == []
        await at.keys("escape")
        assert at.is_over


async def test_ascii_says_the_same_and_test_networks_are_not_called_real_money() -> None:
    async with going(NARROW, "ascii") as at:
        assert (await at.told()).isascii()
        assert (await at.review(checks=trade.checks(STATE="HALTED"))).isascii()
        await at.told(trade.session("DISARMED", host_kind="TESTNET"))
        assert order_kind(at.desk) == "TESTNET"
        assert not at.running.screen.has_class("-real-money")


async def test_a_real_account_that_is_halted_can_be_lifted_where_it_is_seen() -> None:
    async with going() as at:
        await at.keys("y")
        halted = trade.account(mode="LIVE", state="HALTED", causes=("halted: operator",))
        page = await at.told(trade.session("DISARMED"), halted)
        assert "u one step towards ACTIVE" in page
        await at.told()
        await at.keys("u")
        assert at.asked == [ConnectLive(), Resume(), CheckLive()]
        page = await at.told(trade.account(mode="LIVE"), trade.session("DISARMED", nonce="n2"))
        assert "towards ACTIVE" not in page
        await at.keys("u")
        assert at.asked == [ConnectLive(), Resume(), CheckLive()]
