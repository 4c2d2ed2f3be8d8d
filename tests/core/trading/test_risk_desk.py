"""The risk desk's memory: limits, trading state, the day, the drawdown, the streak; and that a restart loosens none of it."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.bus import Bus
from core.clock import SimClock
from core.messages import Fault, OrderAlarm
from core.risk.locks import Lock
from core.risk.view import AuthorisationView
from core.settings_risk import RiskSettings
from core.trading.broker import Mode, VenueBalance
from core.trading.journal_records import Entry
from core.trading.plan import TradePlan
from core.trading.risk_book import RiskBook
from tests.core.trading.risk_rig import NOW, SYMBOL, D, RiskRig

DAY_MS = 86_400_000


def again(rig: RiskRig, **more: Any) -> RiskRig:
    """The program was ended and started: the same folder, a new desk, everything told again."""
    mode: Mode = "PAPER" if rig.desk._paper else "LIVE"
    start = rig.clock.now_ms()
    new = RiskRig(rig.folder, rig.category, mode, start_ms=start, **more)
    new.balances = rig.balances
    return new


def causes(rig: RiskRig) -> tuple[str, ...]:
    return rig.desk.standing.causes


# --- trading state ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["PAPER", "LIVE"])
def test_a_halt_blocks_at_once_is_latched_and_survives_a_restart(tmp_path: Path, mode: Any) -> None:
    rig = RiskRig(tmp_path, "spot", mode).tell()
    assert rig.denied() == {}
    rig.desk.halt("operator")
    assert "HALTED: entry orders are blocked" in rig.denied()["TRADING_STATE"]
    rig = again(rig).tell()
    assert rig.desk.standing.state == "HALTED"
    assert causes(rig) == ("halted: operator",)
    assert "does not go to ACTIVE" in rig.desk.move("ACTIVE", "OPERATOR")
    assert "operator's to make" in rig.desk.move("REDUCING", "SYSTEM")
    assert rig.desk.move("REDUCING", "OPERATOR") == ""
    assert "TRADING_STATE" in rig.denied()
    assert rig.desk.move("ACTIVE", "OPERATOR") == ""
    assert rig.denied() == {}


def test_what_stands_against_it_keeps_the_state_until_it_is_settled(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.desk.tighten("REDUCING", "discrepancy FOREIGN_ORDER 7")
    assert "while this stands: discrepancy FOREIGN_ORDER 7" in rig.desk.move("ACTIVE", "OPERATOR")
    rig.desk.settle("discrepancy FOREIGN_ORDER 7")
    assert rig.desk.standing.state == "REDUCING"
    assert rig.desk.move("ACTIVE", "OPERATOR") == ""


def test_after_a_restart_the_state_stays_and_the_causes_of_others_are_found_anew(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.desk.tighten("REDUCING", "discrepancy FOREIGN_ORDER 7")
    rig = again(rig).tell()
    assert (rig.desk.standing.state, causes(rig)) == ("REDUCING", ())


@pytest.mark.parametrize("content", [b"", b"{}", b'{"limits": 3}', None])
def test_a_lost_state_halts_until_somebody_has_looked(tmp_path: Path, content: bytes | None) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    path = tmp_path / "risk_state.json"
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b'"format":1', b'"format":2') if content is None else content)
    for _ in range(2):  # a second restart forgets it no more than the first
        rig = again(rig).tell()
        assert rig.desk.standing.state == "HALTED"
        assert "the risk state was lost" in causes(rig)[0]
        assert "TRADING_STATE" in rig.denied()
    (aside,) = tmp_path.glob("risk_state.json.damaged-*")
    assert aside.name in causes(rig)[0]
    assert rig.desk.move("REDUCING", "OPERATOR") == ""
    assert rig.desk.move("ACTIVE", "OPERATOR") == ""
    assert rig.denied() == {}


def test_a_lost_state_is_told(tmp_path: Path) -> None:
    (tmp_path / "risk_state.json").write_bytes(b"x")
    heard: list[OrderAlarm] = []
    bus = Bus(SimClock(NOW))
    bus.subscribe(OrderAlarm, heard.append)
    for _ in range(2):  # not forgotten by a second start, although nothing else happened
        book = RiskBook(
            bus, SimClock(NOW), tmp_path / "risk_state.json", RiskSettings(), "bybit", "linear", paper=False
        )
        assert book.state.standing.state == "HALTED"
    assert [(alarm.code, alarm.severity) for alarm in heard] == [("RISK_STATE", "error")]


def test_a_state_that_cannot_be_written_is_told_and_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = RiskRig(tmp_path, "spot").tell()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        rig.desk.halt("operator")
    assert "TRADING_STATE" in rig.denied()
    (fault,) = [one for one in rig.said if isinstance(one, Fault)]
    assert "No space left on device" in fault.message
    rig.clock.set_ms(rig.clock.now_ms() + 11_000)
    rig.desk.look()
    assert again(rig).desk.standing.state == "HALTED", "written as soon as the disk takes it"


# --- limits and arming -----------------------------------------------------------------------------------------------


def test_tighter_limits_count_at_once_and_looser_ones_after_reset_and_arming(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    assert rig.live.edit("risk.order_exposure", "0.05")
    assert "ORDER_EXPOSURE" in rig.denied()
    assert rig.live.edit("risk.order_exposure", "0.6")
    assert rig.view().limits.order_exposure == 0.05
    rig = again(rig, risk=RiskSettings(order_exposure=0.6)).tell()
    assert rig.view().limits.order_exposure == 0.05, "a restart is no way around it"
    rig.clock.set_ms(rig.clock.now_ms() + DAY_MS)
    rig.desk.look()
    assert rig.view().limits.order_exposure == 0.05
    assert "looser limits are due" in rig.denied()["ARMED"] or "not armed" in rig.denied()["ARMED"]
    assert rig.desk.arm(60) == ""
    assert rig.view().limits.order_exposure == 0.6


def test_on_paper_looser_limits_count_with_the_reset(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot", "PAPER", omit=["arm"]).tell()
    assert rig.denied() == {}
    assert rig.live.edit("risk.max_positions", "6")
    assert rig.view().limits.max_positions == 5
    rig.clock.set_ms(rig.clock.now_ms() + DAY_MS)
    rig.desk.look()
    assert rig.view().limits.max_positions == 6
    assert "ARMED" not in rig.denied()


def test_arming_ends_by_the_clock_by_hand_and_with_the_program(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    assert rig.desk.status_fields()["armed_until_ms"] == rig.clock.now_ms() + 3_600_000
    rig.clock.set_ms(rig.clock.now_ms() + 3_599_999)
    assert "ARMED" not in rig.denied()
    rig.clock.set_ms(rig.clock.now_ms() + 1)
    assert "ARMED" in rig.denied()
    assert rig.desk.arm(1) == ""
    rig.desk.disarm()
    assert "ARMED" in rig.denied()
    assert rig.desk.arm(60) == ""
    assert "ARMED" in again(rig, omit=["arm"]).tell().denied()


# --- the day ---------------------------------------------------------------------------------------------------------


def test_the_day_counts_closed_and_open_trades_and_latches(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.position(-100.0)
    rig.closed("-150", "t-0")
    rig.closed("-150", "t-0")
    rig.position(-40.0, trade_id="t-2")
    view = rig.view()
    assert view.loss.day is not None
    assert (view.loss.day.realised, view.loss.unrealised) == (D(-150), D(-40))
    rig.position(-149.0, trade_id="t-2")
    rig.desk.look()
    rig.desk.look()
    assert rig.view().loss.day.latched is False  # type: ignore[union-attr]
    rig.position(-150.0, trade_id="t-2")
    rig.desk.look()
    assert "was hit: no entries before the reset" in rig.denied()["DAILY_LOSS"]
    assert [one.code for one in rig.said if isinstance(one, OrderAlarm)] == ["DAILY_LOSS"]
    rig.closed("500", "t-2")
    rig.desk.look()
    assert "was hit" in rig.denied()["DAILY_LOSS"], "a later gain takes the latch off no more"
    rig = again(rig).tell()
    assert "was hit" in rig.denied()["DAILY_LOSS"]


def test_a_new_day_begins_at_the_reset_with_what_open_trades_had_brought(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot", risk=RiskSettings(reset_time="12:36")).tell()
    rig.position(-100.0)
    rig.desk.look()
    day = rig.view().loss.day
    assert day is not None
    rig.clock.set_ms(day.ends_ms)
    assert "has not begun" in rig.denied()["DAILY_LOSS"]
    rig.desk.look()
    rig.desk.look()
    view = rig.view()
    assert view.loss.day is not None
    assert view.loss.day.ends_ms == day.ends_ms + DAY_MS
    assert (view.loss.day.realised, view.loss.unrealised) == (D(0), D(0))
    rig = again(rig, risk=RiskSettings(reset_time="12:36"))
    rig.position(-130.0)
    rig.tell()
    assert rig.view().loss.unrealised == D(-30)
    rig.closed("-140")
    assert rig.view().loss.day.realised == D(-40)  # type: ignore[union-attr]


def test_the_reset_cannot_be_moved_to_end_a_day(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    ends = rig.view().loss.day.ends_ms  # type: ignore[union-attr]
    assert rig.live.edit("risk.reset_time", "12:36")
    rig.clock.set_ms(rig.clock.now_ms() + 600_000)
    rig.desk.look()
    assert rig.view().loss.day.ends_ms == ends  # type: ignore[union-attr]


# --- drawdown --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["PAPER", "LIVE"])
def test_the_drawdown_halts_and_is_measured_anew_by_the_operators_hand(tmp_path: Path, mode: Any) -> None:
    rig = RiskRig(tmp_path, "spot", mode).tell()
    rig.money("12000")
    rig.money("10201")
    assert rig.desk.standing.state == "ACTIVE"
    rig.money("10200")
    assert (rig.desk.standing.state, causes(rig)) == ("HALTED", ("the drawdown limit was reached",))
    assert "DRAWDOWN" in [one.code for one in rig.said if isinstance(one, OrderAlarm)]
    rig = again(rig, omit=["arm"]).tell()
    rig.money("12000")
    assert "arm again" in rig.denied()["DRAWDOWN"], "a recovery lifts it no more than a restart"
    assert rig.desk.move("REDUCING", "OPERATOR") == ""
    rig.money("10200")
    if mode == "LIVE":
        assert "drawdown limit" in rig.desk.move("ACTIVE", "OPERATOR")
        assert rig.desk.arm(60) == ""
    assert rig.desk.move("ACTIVE", "OPERATOR") == ""
    assert rig.view().loss.drawdown == D(0)
    assert "DRAWDOWN" not in rig.denied()


def test_a_fill_that_has_reached_half_of_the_account_is_no_drawdown(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.desk.on_account({"USDT": VenueBalance(D(5000))}, ())
    rig.desk.look()
    assert rig.desk.standing.state == "ACTIVE"
    rig.position(0.0, quantity="50")
    rig.desk.look()
    rig.desk.look()
    assert rig.desk.standing.state == "ACTIVE"
    assert rig.view().loss.drawdown == D(0)


def test_an_account_that_never_rests_is_observed_all_the_same(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    for _ in range(31):
        rig.desk.on_account({"USDT": VenueBalance(D(5000))}, ())
        rig.desk.look()
    assert rig.desk.standing.state == "HALTED"


def test_deposits_and_withdrawals_are_no_performance(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.money("9500")
    rig.desk.tighten("REDUCING", "discrepancy BALANCE USDT")
    rig.money("19000")
    assert rig.view().loss.drawdown == D(0)
    rig.desk.settle("discrepancy BALANCE USDT")
    rig.desk.look()
    assert rig.view().loss.drawdown == D("0.05"), "as before the deposit"
    rig.desk.transferred(D(-9500))
    rig.balances = {"USDT": VenueBalance(D(9500))}
    rig.snapshot()
    assert rig.view().loss.drawdown == D("0.05")


def test_the_mark_survives_a_restart(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.money("12000")
    rig.clock.set_ms(rig.clock.now_ms() + 11_000)
    rig.money("11400")
    rig = again(rig).tell()
    assert rig.view().loss.drawdown == D("0.05")


# --- streak, locks, intents ------------------------------------------------------------------------------------------


def test_a_streak_of_losses_cools_down_and_survives_a_restart(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    for n in range(4):
        assert "LOSS_STREAK" not in rig.denied()
        rig.closed("-1", f"t-{n}")
        rig.closed("-1", f"t-{n}")
    assert "4 losses in a row" in rig.denied()["LOSS_STREAK"]
    rig = again(rig).tell()
    assert "4 losses in a row" in rig.denied()["LOSS_STREAK"]
    rig.clock.set_ms(rig.clock.now_ms() + 3_600_000)
    assert "LOSS_STREAK" not in rig.denied()


def test_locks_and_bans_survive_a_restart(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.desk.lock(Lock(symbol=SYMBOL, reason="by hand"))
    rig.desk.book.banned(rig.clock.now_ms() + 100_000)
    rig = again(rig).tell()
    assert {"LOCKS", "RATE_BUDGET"} <= rig.denied().keys()


@pytest.mark.parametrize("kept", [True, False])
def test_intents_of_a_moment_ago_survive_a_restart(tmp_path: Path, kept: bool) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    draft = rig.draft()
    rig.desk.noted(draft, rig.clock.now_ms())
    rig.record("FILLED", "t-1", at_ms=rig.clock.now_ms(), quantity=D(10))
    if kept:
        rig.desk.book.keep(now=True)
    orders = rig.orders
    rig = again(rig)
    rig.orders = orders
    rig.tell()
    assert rig.view(client_id="t-2").budget.entries_last_minute == 1
    assert any(one.key == "BTCUSDT BUY LIMIT 10 0 100 0" for one in rig.view().budget.recent or ())


def test_what_an_entry_of_before_the_restart_risks_is_read_from_its_plan(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot")
    plan = TradePlan(
        at_ms=NOW, trade_id="o-1", symbol=SYMBOL, side="BUY", quantity=D(5), entry=D(100), stop=D(98),
        round_trip_cost=D("0.5"),
    )  # fmt: skip
    rig.journal.entries = [Entry(1, plan)]
    rig.desk = type(rig.desk)(rig.bus, rig.clock, rig.live, rig.journal, tmp_path, rig.venue, "spot")
    rig.tell()
    rig.record("WORKING", "o-1", quantity=D(5))
    (waiting,) = rig.view().account.pending or ()
    assert waiting.risk == D("12.5")


def test_a_paper_account_that_begins_anew_has_lost_nothing(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot", "PAPER").tell()
    rig.money("8000")
    rig.closed("-2000")
    assert rig.desk.standing.state == "HALTED"
    rig.desk.tighten("REDUCING", "discrepancy FOREIGN_ORDER 7")
    rig.desk.begin_anew()
    assert (rig.desk.standing.state, causes(rig)) == ("REDUCING", ("discrepancy FOREIGN_ORDER 7",))
    rig.desk.settle("discrepancy FOREIGN_ORDER 7")
    rig.money("10000")
    assert rig.desk.move("ACTIVE", "OPERATOR") == ""
    assert rig.denied() == {}


async def test_running_it_looks_every_second_and_keeps_at_the_end(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot", omit=["look"]).tell()
    task = asyncio.create_task(rig.desk.run())
    await rig.clock.advance(2)
    assert rig.desk.equity == D(10_000)
    assert rig.desk.book.state.day is not None
    rig.desk.on_account({"USDT": VenueBalance(D(10_500))}, ())
    await rig.clock.advance(2.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert again(rig).desk.book.state.high.mark == D(10_500)  # type: ignore[union-attr]


def test_the_account_line(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.balances = {"USDT": VenueBalance(D(8000), D(1500)), "BTC": VenueBalance(D(0)), "ETH": VenueBalance(D(1))}
    rig.snapshot()
    rig.position(-20.0, quantity="5")
    fields = rig.desk.status_fields()
    assert (fields["asset"], fields["equity"], fields["free"]) == ("USDT", 10_000.0, 8_000.0)
    assert (fields["day_loss"], fields["day_limit"], fields["drawdown"]) == (20.0, 300.0, 0.0)
    assert fields["balances"] == (("ETH", D(1), D(0)), ("USDT", D(8000), D(1500)))
    assert (fields["state"], fields["stream"], fields["journal"]) == ("ACTIVE", "SYNCED", "")
    empty = RiskRig(tmp_path / "b", "spot").desk.status_fields()
    assert all(empty[name] != empty[name] for name in ("equity", "free", "day_loss", "day_limit", "drawdown"))


def test_replaced_orders_are_named_to_the_gates(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    draft = replace(rig.draft(), replaces="s-1")
    assert rig.desk.view(draft, AuthorisationView()).replaces == "s-1"
