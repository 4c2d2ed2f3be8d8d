"""Nothing is armed while a condition fails: each is asked anew, and says what was found and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

import core.trading.arming as arming
from core.bus import Bus
from core.clock import SimClock
from core.doctor import LEAST_FREE_MB
from core.messages import SessionCheck, StopTruth, VenueClock
from core.settings import Settings
from core.settings_live import LiveSettings
from core.settings_risk import RiskSettings
from core.settings_trading import Trading
from core.trading.arming import Surroundings, check_all, machine, processor, program_only
from core.trading.broker import AccountSnapshot
from core.trading.desk import TradingDesk
from core.trading.differences import Difference
from core.trading.journal_errors import JournalFull
from core.trading.risk_state import DRAWDOWN
from core.trading.rules_book import RulesBook
from core.trading.trade_desk import TradeDesk
from core.trading.venue_features import BINANCE_US_SPOT, BYBIT_LINEAR, BYBIT_SPOT
from core.venue import Retryable
from tests.core.trading.evidence_builders import sent_order
from tests.core.trading.fake_broker import FakeBroker
from tests.core.trading.market import T0, d
from tests.core.trading.paper_rig import Venue

CODES = [
    "HOST",
    "KEYS",
    "CLOCK",
    "STREAM",
    "JOURNAL",
    "ACCOUNT",
    "NAKED",
    "STATE",
    "LIMITS",
    "TERMINAL",
    "MACHINE",
    "CPU",
]


class Rig:
    """A real account's order path on a venue in memory, where at first every condition holds."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimClock(T0)
        self.bus = Bus(self.clock)
        self.broker: Any = FakeBroker(self.clock)
        self.snapshot = AccountSnapshot(at_ms=T0, balances={}, may_withdraw=False)
        self.silent = False
        self.settings = Settings()
        self.surroundings = Surroundings(environ={"TMUX": "/tmp/tmux"}, folder=folder)
        provider: Any = Venue(self.clock, "binance_us", "spot")
        self.rules = RulesBook(self.clock, provider)
        live = LiveSettings(self.bus, self.clock, self.settings, folder / "overrides.toml")
        self.desk = TradingDesk(self.bus, self.clock, live, self.broker, self.rules, folder)

    async def read(self) -> AccountSnapshot:
        if self.silent:
            await asyncio.Event().wait()
        return self.snapshot

    async def open(self) -> None:
        self.broker.snapshot = self.read
        await self.rules.refresh()
        await self.desk.open()
        self.desk.reconciler.settled_ms = T0
        self.desk.risk.on_stream("SYNCED")
        self.tell_clock(12.4)

    async def close(self) -> None:
        await self.desk.close()
        await self.desk.release()

    def tell_clock(self, offset_ms: float) -> None:
        measured = VenueClock(venue="binance_us", category="spot", offset_ms=offset_ms, round_trip_ms=20.0, at_ms=T0)
        self.bus.publish(measured)

    async def checks(self) -> dict[str, SessionCheck]:
        found = await check_all(self.desk, self.clock, self.settings, self.surroundings)
        return {check.code: check for check in found}

    async def refused(self, code: str) -> str:
        """The words of the one condition that fails."""
        found = await self.checks()
        assert [name for name, check in found.items() if not check.holds] == [code]
        return found[code].words


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0.1, 0.1))
    made = Rig(tmp_path)
    await made.open()
    yield made
    await made.close()


async def test_everything_holds_and_every_answer_gives_its_figure(rig: Rig) -> None:
    found = await rig.checks()
    assert list(found) == CODES
    assert [check for check in found.values() if not check.holds] == []
    for code, words in {
        "HOST": "localhost: a simulated exchange on this machine, no real money",
        "KEYS": "may trade, may not withdraw",
        "CLOCK": "+12 ms, measured 0 s ago",
        "LIMITS": "0.50% a trade, 3.0% a day, halt at 15.0%",
        "TERMINAL": "runs under tmux",
        "STATE": "ACTIVE",
    }.items():
        assert found[code].words == words
    assert "MB free" in found["MACHINE"].words
    assert "free" in found["CPU"].words


async def test_where_orders_go_is_said_and_a_recording_takes_none(rig: Rig) -> None:
    rig.broker.host, rig.broker.host_kind = "api.binance.us", "LIVE DATA"
    assert (await rig.checks())["HOST"].words == "api.binance.us: the venue itself, real money"
    rig.broker.host_kind = "RECORDED"
    assert "takes no orders" in await rig.refused("HOST")


async def test_a_key_must_trade_and_must_not_withdraw(rig: Rig) -> None:
    rig.snapshot = replace(rig.snapshot, may_withdraw=True)
    assert await rig.refused("KEYS") == "this key can withdraw: make one that cannot"
    rig.snapshot = replace(rig.snapshot, may_withdraw=False, may_trade=False)
    assert "may not trade" in await rig.refused("KEYS")
    rig.snapshot = replace(rig.snapshot, may_withdraw=None, may_trade=True)
    keys = (await rig.checks())["KEYS"]
    assert keys.holds
    assert "does not tell whether it may withdraw" in keys.words


async def test_a_venue_that_is_silent_or_refuses_the_key_is_named(rig: Rig) -> None:
    async def refuses() -> AccountSnapshot:
        raise Retryable("-2015: invalid key")

    rig.broker.snapshot = refuses
    assert "localhost does not answer for this key (-2015: invalid key)" in await rig.refused("KEYS")
    rig.broker.snapshot, rig.silent = rig.read, True
    asked = asyncio.ensure_future(rig.refused("KEYS"))
    await rig.clock.advance(11)
    assert "did not answer within 10 s" in await asked


async def test_the_clock_is_held_against_the_limits_of_entries(rig: Rig) -> None:
    rig.tell_clock(-612.0)
    assert (
        await rig.refused("CLOCK") == "-612 ms, measured 0 s ago, limit 500 ms: turn on time synchronisation (chrony)"
    )
    rig.tell_clock(3.0)
    await rig.clock.advance(130)
    assert "measured 130 s ago, limit 120 s" in await rig.refused("CLOCK")
    rig.desk.risk.market._venue_clock = None
    assert "not measured" in await rig.refused("CLOCK")


async def test_the_private_stream_must_be_whole(rig: Rig) -> None:
    for state in ("GAP", "DOWN"):
        rig.desk.risk.on_stream(state)
        assert state in await rig.refused("STREAM")


async def test_the_journal_must_take_a_record(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    error = JournalFull(Path("journal"), OSError(28, "No space left on device"))

    async def full(record: object, before: object = ()) -> int:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(rig.desk.journal, "append", full)
        words = await rig.refused("JOURNAL")
    assert "No space left on device" in words
    assert "free some space on its disk" in words


async def test_an_account_that_is_not_settled_names_what_differs(rig: Rig) -> None:
    rig.desk.reconciler.settled_ms = 0
    assert "not compared with the venue yet" in await rig.refused("ACCOUNT")
    rig.desk.reconciler.settled_ms = T0
    orders = rig.desk.manager._records.orders
    for name in ("tt-1", "tt-2", "tt-3", "tt-4"):
        orders[name] = replace(sent_order(client_id=name), state="UNKNOWN")
    assert "4 orders UNKNOWN: tt-1, tt-2, tt-3 and 1 more: on Orders (5) R" in await rig.refused("ACCOUNT")
    for name in ("tt-2", "tt-3", "tt-4"):
        del orders[name]
    orders["tt-1"] = replace(sent_order(client_id="tt-1"), quarantine="OVERFILL")
    assert "1 order in quarantine: tt-1" in await rig.refused("ACCOUNT")
    orders.clear()
    foreign = Difference("FOREIGN 7", "FOREIGN_ORDER", "BTCUSDT", "", "sell 1", "somebody else's order")
    rig.desk.reconciler.differences.standing[foreign.key] = foreign
    assert "1 discrepancy: FOREIGN 7: on Orders (5) a accepts" in await rig.refused("ACCOUNT")


async def test_a_position_without_a_stop_is_named(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TradeDesk, "held", lambda desk: (SimpleNamespace(symbol="ETHUSDT"),))
    monkeypatch.setattr(TradeDesk, "truth", lambda desk, symbol: StopTruth(state="VERIFIED", quantity=d(1)))
    assert arming._naked(rig.desk) == (True, "1 position held, none without a stop")
    monkeypatch.setattr(TradeDesk, "truth", lambda desk, symbol: StopTruth(state="NAKED"))
    monkeypatch.setattr(TradeDesk, "naked_count", 1)
    holds, words = arming._naked(rig.desk)
    assert (holds, words.partition(": on")[0]) == (False, "1 position without a stop: ETHUSDT")


async def test_the_trading_state_must_be_active_or_wait_for_arming_alone(rig: Rig) -> None:
    rig.desk.risk.halt("operator")
    assert await rig.refused("STATE") == "HALTED (halted: operator): settle that, then u"
    assert await rig.desk.resume() == ""
    assert "REDUCING: u leads back" in await rig.refused("STATE")
    assert await rig.desk.resume() == ""
    rig.desk.risk.tighten("HALTED", DRAWDOWN)
    assert "drawdown limit" in await rig.refused("STATE")
    assert await rig.desk.resume() == ""
    state = (await rig.checks())["STATE"]
    assert (state.holds, state.words) == (
        True, "REDUCING by drawdown: arming measures it anew, then u allows entries",
    )  # fmt: skip
    rig.desk.risk.tighten("REDUCING", "discrepancy X")
    assert "discrepancy X" in await rig.refused("STATE")


async def test_outside_tmux_only_with_leave(rig: Rig) -> None:
    for environ, words in (({"STY": "1.x"}, "screen"), ({"INVOCATION_ID": "f"}, "systemd"), ({}, "")):
        rig.surroundings = replace(rig.surroundings, environ=environ)
        if words:
            assert (await rig.checks())["TERMINAL"].words == f"runs under {words}"
        else:
            assert 'or set trading.outside_tmux = "allow"' in await rig.refused("TERMINAL")
    rig.settings = Settings(trading=Trading(outside_tmux="allow"))
    assert "allows" in (await rig.checks())["TERMINAL"].words


async def test_limits_that_contradict_each_other_and_a_busy_or_poor_machine(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.settings = Settings(risk=RiskSettings(drawdown_throttle=0.2))
    assert "risk.drawdown_throttle 0.2 must be below" in await rig.refused("LIMITS")
    rig.settings = Settings()
    monkeypatch.setattr("os.getloadavg", lambda: (99.0, 1.0, 1.0))
    monkeypatch.setattr(arming, "cores", lambda: 2)
    busy = (await rig.checks())["CPU"]
    assert busy.holds
    assert busy.words.startswith("load 99.0 on 2 cores, 0% free: busy")
    monkeypatch.setattr("os.getloadavg", lambda: (3.0, 1.0, 1.0))
    assert (await rig.checks())["CPU"].words == "load 3.0 on 2 cores, 0% free"
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=120_000_000))
    assert f"120 MB free: free at least {LEAST_FREE_MB} MB" in await rig.refused("MACHINE")


def test_one_core_one_word_and_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert processor(0.25, 1) == (True, "load 0.2 on 1 core, 75% free")
    monkeypatch.setattr("core.doctor.LIBRARIES", (("json", "x"), ("no_such_library", "y")))
    assert machine(tmp_path) == (False, "missing no_such_library: run make")


async def test_what_fails_to_be_looked_at_does_not_hold(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> tuple[float, float, float]:
        raise OSError("no load here")

    monkeypatch.setattr("os.getloadavg", broken)
    assert await rig.refused("CPU") == "could not be looked at (no load here): r looks again"


def test_only_what_is_switched_on_is_told_to_end_with_the_program() -> None:
    usual = " ".join(program_only(BINANCE_US_SPOT, Trading()))
    for words in (
        "trails 3 ATR",
        "break-even after 1 target.",
        "900 s is cancelled",
        "closed at the market",
        "after 5 s",
    ):
        assert words in usual
    assert "Targets" not in usual
    assert "minutes" not in usual
    assert "Targets are sold by the program" in " ".join(program_only(BYBIT_SPOT, Trading()))
    assert "Targets" not in " ".join(program_only(BYBIT_LINEAR, Trading()))
    off = Trading(
        trail_after_r=0.0,
        break_even_after=0,
        target_shares=(),
        entry_expires_s=0.0,
        naked_policy="hold",
        time_stop_min=30.0,
    )
    assert program_only(BYBIT_SPOT, off) == (
        "A position is closed after 30 minutes.",
        "A position whose stop failed twice is held, and closed when the price meets its stop.",
        "A stop that was met and has not filled after 5 s is followed by a market order.",
    )
