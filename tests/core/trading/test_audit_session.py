"""What an audit asked of two accounts: what is pressed while one is left, what cannot be opened, what is on its way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

import core.trading.desk
import core.trading.manager
from core.messages import ConnectLive, Fault, GoPaper, Halt
from core.trading.authority import Permit
from core.trading.broker import Mode, Placed
from core.trading.journal_errors import JournalLocked
from core.trading.order import OrderSpec
from core.trading.trade_history import TradeHistoryBook
from core.venue import Instrument
from tests.core.trading.account_rig import AccountRig, RealBroker, account_rig


def resting(rig: AccountRig) -> Decimal:
    """A limit below the market."""
    tick = rig.provider.rules[rig.symbol].tick_size
    return Decimal(str(rig.provider.mids[rig.symbol])) * Decimal("0.995") // tick * tick


def standing(rig: AccountRig) -> set[str]:
    """What works at the venue."""
    return {report.spec.client_id for report in rig.broker._exchange.engine.open_orders(rig.broker.account)}


async def test_a_halt_pressed_while_an_account_is_being_left_holds_for_the_next(tmp_path: Path) -> None:
    async with account_rig(tmp_path, on_quit="cancel") as rig:
        paper = rig.desk
        close = paper.close

        async def slow() -> None:
            """Cancels of working entries take their time."""
            await close()
            rig.ask(Halt())
            await asyncio.sleep(0)

        paper.close = slow  # type: ignore[method-assign]
        rig.ask(ConnectLive())
        await rig.until(lambda: rig.desk is not paper, "the real account")
        assert rig.desk.risk.standing.state == "HALTED"


async def test_going_back_asked_for_between_two_accounts_is_carried_out(tmp_path: Path) -> None:
    async with account_rig(tmp_path) as rig:
        pressed: list[str] = []

        def press(mode: Mode) -> None:
            if mode == "LIVE":
                pressed.append(mode)
                rig.ask(GoPaper())

        rig.refuse = press
        rig.ask(ConnectLive())
        await rig.until(lambda: rig.status.phase == "PAPER" and rig.opened[-1] == "PAPER" and pressed, "paper again")
        assert rig.opened == ["PAPER", "LIVE", "PAPER"]
        assert "DISARMED" not in [told.phase for told in rig.of(type(rig.status))]


async def test_paper_that_cannot_be_opened_is_not_tried_without_end(tmp_path: Path) -> None:
    async with account_rig(tmp_path) as rig:
        await rig.armed()

        def refuse(mode: Mode) -> None:
            if mode == "PAPER":
                raise JournalLocked(tmp_path, 77)

        rig.refuse = refuse
        rig.ask(GoPaper())
        await rig.until(lambda: "process 77" in rig.status.words, "tried")
        await rig.pass_time(30)
        assert rig.opened.count("PAPER") == 2
        assert (rig.status.mode, rig.status.phase) == ("LIVE", "DISARMED")
        rig.refuse = lambda mode: None
        rig.ask(GoPaper())
        await rig.phase("PAPER")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("a defect")])
async def test_an_account_that_fails_to_open_in_any_way_leaves_the_one_before_in_force(
    tmp_path: Path, error: Exception
) -> None:
    async with account_rig(tmp_path) as rig:

        def fail(mode: Mode) -> None:
            if mode == "LIVE":
                raise error

        rig.refuse = fail
        rig.ask(ConnectLive())
        await rig.until(lambda: rig.opened == ["PAPER", "LIVE", "PAPER"], "paper again")
        await rig.phase("PAPER")
        assert str(error) in rig.status.words
        assert rig.session.desk.broker.mode == "PAPER"


async def test_an_account_that_failed_halfway_can_be_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with account_rig(tmp_path) as rig:
        history = type(rig.desk.history)
        begin = history.open

        async def fail_once(self: TradeHistoryBook, rules: Callable[[str], Instrument | None]) -> None:
            if self._mode == "LIVE" and rig.opened.count("LIVE") == 1:
                raise OSError(28, "No space left on device")
            await begin(self, rules)

        monkeypatch.setattr(history, "open", fail_once)
        rig.ask(ConnectLive())
        await rig.until(lambda: rig.opened == ["PAPER", "LIVE", "PAPER"], "paper again")
        await rig.phase("PAPER")
        rig.ask(ConnectLive())
        await rig.phase("DISARMED")
        assert rig.status.mode == "LIVE"


async def test_an_entry_on_its_way_when_the_operator_goes_back_is_cancelled_once_it_shows(tmp_path: Path) -> None:
    async with account_rig(tmp_path) as rig:
        await rig.armed()
        place, go = rig.broker.place, asyncio.Event()

        async def slow(permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
            """The bytes are out, the venue has not answered."""
            placed = await place(permit, spec, safety=safety)
            await go.wait()
            return placed

        rig.broker.place = slow  # type: ignore[method-assign]
        rig.broker._listener.on_report = lambda report: None  # type: ignore
        await rig.open(entry=resting(rig))
        for _ in range(3):
            await rig.answer(0.4)
        real = rig.desk
        name = next(iter(real.manager.orders))
        assert real.manager.orders[name].state == "SENT"
        rig.ask(GoPaper())
        await rig.wait(0.1)
        go.set()
        await rig.until(lambda: name not in standing(rig), "the entry is cancelled", 20)


async def test_an_entry_on_its_way_to_the_wire_is_held_back_when_the_program_ends(tmp_path: Path) -> None:
    async with account_rig(tmp_path) as rig:
        await rig.armed()
        place, go = rig.broker.place, asyncio.Event()
        sent: list[str] = []

        async def waits(permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
            """Waits for the rate budget; a broker asks the permit right before the first byte."""
            await go.wait()
            permit.check(spec, rig.clock.now_ms())
            sent.append(spec.client_id)
            return await place(permit, spec, safety=safety)

        rig.broker.place = waits  # type: ignore[method-assign]
        await rig.open(entry=resting(rig))
        for _ in range(3):
            await rig.answer(0.4)
        assert rig.told.step == "SENDING"
        ending = asyncio.ensure_future(rig.session.close())
        await rig.wait(0.1)
        go.set()
        await rig.until(ending.done, "the end")
        await rig.wait(0.2)
        assert not sent


async def test_an_entry_that_shows_only_while_the_program_ends_is_cancelled(tmp_path: Path) -> None:
    async with account_rig(tmp_path, on_quit="cancel") as rig:
        await rig.armed()
        place, go = rig.broker.place, asyncio.Event()

        async def slow(permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
            placed = await place(permit, spec, safety=safety)
            await go.wait()
            return placed

        rig.broker.place = slow  # type: ignore[method-assign]
        rig.broker._listener.on_report = lambda report: None  # type: ignore
        await rig.open(entry=resting(rig))
        for _ in range(3):
            await rig.answer(0.4)
        real = rig.desk
        name = next(iter(real.manager.orders))
        assert real.manager.orders[name].state == "SENT"
        ending = asyncio.ensure_future(rig.session.close())
        await rig.wait(0.1)
        go.set()
        await rig.until(ending.done, "the end")
        assert name not in standing(rig)


async def test_a_long_journal_is_not_replayed_on_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with account_rig(tmp_path) as rig:
        threads: dict[str, threading.Thread] = {}

        def noted(where: ModuleType, name: str) -> None:
            work = getattr(where, name)

            def run(*given: object) -> object:
                threads[name] = threading.current_thread()
                return work(*given)

            monkeypatch.setattr(where, name, run)

        noted(core.trading.manager, "replay")
        noted(core.trading.desk, "read_past")
        rig.ask(ConnectLive())
        await rig.phase("DISARMED")
        assert set(threads) == {"replay", "read_past"}
        assert threading.main_thread() not in threads.values()


async def test_a_real_account_of_another_market_is_told_of_at_every_start(tmp_path: Path) -> None:
    async with account_rig(tmp_path) as rig:
        await rig.armed()
        await rig.open(entry=resting(rig))
        for _ in range(3):
            await rig.answer(0.4)
        await rig.session._own.stop()
        await rig.until(asyncio.ensure_future(rig.session.release()).done, "killed")
        for _ in range(2):
            rig.seen.clear()
            await rig.begin(category="linear")
            assert rig.session.mode == "PAPER"
            (fault,) = [told for told in rig.of(Fault) if told.source == "session"]
            for words in ("real-binance_us", "binance_us spot", "binance_us linear", "set market.venue"):
                assert words in fault.message
            await rig.stop()
        await rig.begin()
        assert rig.session.mode == "LIVE"


async def test_keys_of_another_account_are_told_of_after_an_end_on_a_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with account_rig(tmp_path) as rig:
        await rig.armed()
        await rig.open(entry=resting(rig))
        for _ in range(3):
            await rig.answer(0.4)
        await rig.session._own.stop()
        await rig.until(asyncio.ensure_future(rig.session.release()).done, "killed")
        monkeypatch.setattr(RealBroker, "account", property(lambda self: "real-other", lambda self, name: None))
        await rig.begin()
        (fault,) = [told for told in rig.of(Fault) if told.source == "session"]
        assert "real-binance_us" in fault.message
        assert "real-other" in fault.message


async def test_what_the_journal_held_is_not_kept_in_memory_once_it_was_read(tmp_path: Path) -> None:
    async with account_rig(tmp_path) as rig:
        rig.ask(ConnectLive())
        await rig.phase("DISARMED")
        rig.ask(GoPaper())
        await rig.phase("PAPER")
        journal = rig.desk.journal
        assert list((journal.folder).iterdir())
        assert (journal.entries, journal._writer.entries) == ((), ())


@pytest.mark.parametrize("turns", [1, 4, 8, 16])
@pytest.mark.parametrize("back", [False, True], ids=["to real", "to paper"])
async def test_a_program_that_ends_while_it_changes_accounts_leaves_nothing_locked_or_listening(
    tmp_path: Path, turns: int, back: bool
) -> None:
    async with account_rig(tmp_path) as rig:
        rig.ask(ConnectLive())
        if back:
            await rig.phase("DISARMED")
            rig.ask(GoPaper())
            await rig.clock.advance(0.26)
        for _ in range(turns):
            await asyncio.sleep(0)
        await rig.stop()
        listening = {one.name for subscriptions in rig.bus._handlers.values() for one in subscriptions}
        assert not [
            name for name in listening if name.startswith(("trading.", "ticket.", "inbox.", "risk.", "opening."))
        ]
        await rig.begin()
        await rig.until(lambda: rig.desk is rig.session._account.desk and rig.desk.reconciler.settled_ms, "compared")
