"""Paper and real money, one account at a time: on a sandbox exchange, with its own books as the judge."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import AccountOpened, ArmLive, CheckLive, ConnectLive, Fault, GoPaper, Halt, Refused, SessionStatus
from core.risk.gates import judge
from core.risk.view import AuthorisationView
from tests.faults.order_rig import SYMBOL
from tests.faults.session_rig import SessionRig, session_rig

VENUES = ("binance_us-spot", "bybit-linear")


async def phase(running: SessionRig, wanted: str) -> SessionStatus:
    await running.rig.until(lambda: running.status.phase == wanted, f"phase {wanted}")
    return running.status


def mode(running: SessionRig) -> str:
    assert running.status.mode == running.rig.path.broker.mode
    return running.status.mode


async def armed(running: SessionRig) -> None:
    """All the way to real orders."""
    running.ask(ConnectLive())
    await running.rig.until(lambda: running.status.phase == "DISARMED" and bool(running.status.nonce), "checks")
    if running.rig.category == "linear":
        await running.rig.path.broker.set_leverage(SYMBOL, Decimal(3))
    assert [one for one in running.status.checks if not one.holds] == []
    running.ask(ArmLive(nonce=running.status.nonce, typed="live"))
    await phase(running, "ARMED")


@pytest.mark.parametrize("where", VENUES)
async def test_from_paper_to_real_orders_and_back_by_one_command(where: str, tmp_path: Path):
    async with session_rig(where, tmp_path) as running:
        assert (running.status.phase, running.status.mode) == ("PAPER", "PAPER")
        await armed(running)
        assert mode(running) == "LIVE"
        assert running.rig.path.risk.armed_s > 0
        running.ask(GoPaper())
        assert running.rig.path.risk.armed_s == 0  # in this very turn
        assert running.status.phase == "LEAVING"
        await phase(running, "PAPER")
        assert mode(running) == "PAPER"
        opened = [one.mode for one in running.rig.seen if isinstance(one, AccountOpened)]
        assert opened == ["PAPER", "LIVE", "PAPER"]
        assert not [one for one in running.rig.seen if isinstance(one, Fault)]


@pytest.mark.parametrize("where", VENUES)
async def test_with_a_position_it_disarms_at_once_and_goes_to_paper_only_when_nothing_is_open(
    where: str, tmp_path: Path
):
    async with session_rig(where, tmp_path) as running:
        await armed(running)
        rig = running.rig
        await rig.until(lambda: not rig.denials(), "an entry that every gate lets pass")
        entry = await rig.entered()
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).state == "VERIFIED", "its stop at the venue")
        running.ask(GoPaper())
        assert rig.path.risk.armed_s == 0
        assert running.status.phase == "LEAVING"
        assert rig.path.trades.truth(SYMBOL).state == "VERIFIED"
        assert any("ARMED" in words for words in _denied(running))
        assert await rig.path.close_position(SYMBOL, Decimal(0)) == ""
        await phase(running, "PAPER")
        assert mode(running) == "PAPER"
        assert entry.client_id not in rig.path.manager.orders


async def test_entries_that_work_are_cancelled_on_the_way_to_paper(tmp_path: Path):
    async with session_rig("binance_us-spot", tmp_path) as running:
        await armed(running)
        rig = running.rig
        await rig.until(lambda: not rig.denials(), "an entry that every gate lets pass")
        resting = await rig.entered(resting=True)
        real = rig.path
        running.ask(GoPaper())
        await phase(running, "PAPER")
        assert real.manager.orders[resting.client_id].state == "CANCELLED"
        assert not rig.orders(open_only=True)


def _denied(running: SessionRig) -> list[str]:
    """Why an entry does not pass, without arming."""
    desk = running.rig.path
    proposal = desk.propose(running.rig.wish())
    given = AuthorisationView(order_hash="h", authorised_hash="h", age_s=0.0, used=False)
    return [denial.words for denial in judge(desk.risk.view(proposal.draft, given), lambda: 0.0).denials]


async def test_a_wrong_word_a_stale_nonce_and_a_check_that_fails_keep_it_disarmed(tmp_path: Path):
    async with session_rig("binance_us-spot", tmp_path) as running:
        running.ask(ArmLive(nonce="x", typed="LIVE"))
        await running.rig.until(lambda: "not open" in running.status.words, "refused on paper")
        running.ask(ConnectLive())
        await running.rig.until(lambda: bool(running.status.nonce), "checks")
        shown = running.status.nonce
        running.ask(ArmLive(nonce=shown, typed="yes"))
        await running.rig.until(lambda: "is not LIVE" in running.status.words, "the wrong word")
        running.ask(CheckLive())
        await running.rig.until(lambda: running.status.nonce not in ("", shown), "looked at anew")
        running.ask(ArmLive(nonce=shown, typed="LIVE"))
        await running.rig.until(lambda: "have changed since" in running.status.words, "what was shown before")
        await running.rig.path.halt("test")
        running.ask(ArmLive(nonce=running.status.nonce, typed="LIVE"))
        await running.rig.until(lambda: "HALTED" in running.status.words, "a check that fails")
        assert running.status.phase == "DISARMED"
        assert running.rig.path.risk.armed_s == 0


async def test_without_keys_it_stays_on_paper_and_says_why(tmp_path: Path):
    async with session_rig("binance_us-spot", tmp_path) as running:
        running.keys = False
        running.ask(ConnectLive())
        await running.rig.until(lambda: "no keys" in running.status.words, "why not")
        assert (running.status.phase, running.rig.path.broker.mode) == ("PAPER", "PAPER")
        assert await running.rig.path.compare() == ""


async def test_commands_between_two_accounts_are_answered_and_a_halt_is_kept(tmp_path: Path):
    async with session_rig("binance_us-spot", tmp_path) as running:
        paper = running.rig.path
        between: list[str] = []

        def press(opened: AccountOpened) -> None:
            """The first account is gone, the second is being read."""
            if not between:
                between.append(opened.mode)
                running.ask(Halt())
                running.ask(GoPaper())

        running.rig.bus.subscribe(AccountOpened, press)
        running.ask(ConnectLive())
        await running.rig.until(lambda: running.rig.path is not paper, "the real account")
        assert between == ["LIVE"]
        assert "between two accounts" in running.newest(Refused).words
        assert running.rig.path.risk.standing.state == "HALTED"


@pytest.mark.parametrize("close", [True, False], ids=["ended", "killed"])
async def test_a_program_that_ended_with_a_real_position_looks_after_it_at_the_next_start(close: bool, tmp_path: Path):
    async with session_rig("binance_us-spot", tmp_path) as running:
        await armed(running)
        rig = running.rig
        await rig.until(lambda: not rig.denials(), "an entry that every gate lets pass")
        await rig.entered()
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).state == "VERIFIED", "its stop at the venue")
        await running.again(close=close)
        assert (running.status.mode, running.status.phase) == ("LIVE", "LEAVING")
        assert rig.path.risk.armed_s == 0
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).state == "VERIFIED", "looked after")
        assert await rig.path.close_position(SYMBOL, Decimal(0)) == ""
        await phase(running, "PAPER")
        await running.again(close=True)
        assert mode(running) == "PAPER"


async def test_a_real_account_that_cannot_be_opened_again_is_told_and_stays_remembered(tmp_path: Path):
    async with session_rig("binance_us-spot", tmp_path) as running:
        await armed(running)
        rig = running.rig
        await rig.until(lambda: not rig.denials(), "an entry that every gate lets pass")
        await rig.entered()
        running.keys = False
        await running.again(close=False)
        assert mode(running) == "PAPER"
        assert "look at the venue's website" in running.newest(Fault).message
        running.keys = True
        await running.again(close=True)
        assert mode(running) == "LIVE"


async def test_arming_runs_out(tmp_path: Path):
    async with session_rig("binance_us-spot", tmp_path, rate=30.0, armed_min=1.0, answer_s=10.0) as running:
        await armed(running)
        await phase(running, "DISARMED")
        assert running.rig.path.risk.armed_s == 0
        assert mode(running) == "LIVE"
