"""F39: the halt key in the middle of other faults. Entries are blocked in the same turn of the loop, each cancel is proven or
its order named, and protective stops stay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.messages import AccountStatus, Halt, HaltReport
from core.trading.order_record import OrderRecord
from tests.faults.failing_disk import FailingDisk, disk  # noqa: F401
from tests.faults.order_rig import SYMBOL, USUAL, OrderRig, order_rig

TWO = ("binance_us-spot", "bybit-linear")
CANCELS = {"binance_us": "DELETE /api/v3/order", "bybit": "POST /v5/order/cancel"}
D = Decimal


def press(rig: OrderRig) -> None:
    """The key: when `publish` returns, no entry passes."""
    rig.bus.publish(Halt(why="operator"))
    assert rig.path.risk.standing.state == "HALTED"
    assert any("HALTED" in words for words in rig.denials(resting=True))
    report = rig.of(HaltReport)[-1]
    assert (report.why, report.done) == ("operator", False)


async def reported(rig: OrderRig) -> HaltReport:
    """What the halt did, once it is done."""
    await rig.until(lambda: rig.of(HaltReport)[-1].done, "the end of the halt")
    return rig.of(HaltReport)[-1]


async def partly_filled(rig: OrderRig) -> str:
    """An entry of which a part filled and is protected, and the rest works."""
    client_id = (await rig.entered(resting=True)).client_id
    await rig.until(lambda: rig.record(client_id).state == "WORKING", "the order in the book")
    rig.faults.partial_fill(client_id, "0.2")
    await rig.until(lambda: rig.record(client_id).filled == D("0.2"), "a part")
    await rig.until_protected()
    return client_id


async def stays_halted(rig: OrderRig, client_id: str) -> None:
    """The entry is over at the exchange, the stop of what filled stands, nothing is sent, and the screen says so."""
    await rig.until(lambda: rig.record(client_id).state == "CANCELLED", "the proof of the cancel")
    (order,) = rig.at_exchange(client_id)
    assert (order.status, order.filled) == ("CANCELED", D("0.2"))
    assert rig.held() > 0
    await rig.until_protected()
    denied = await rig.enter(resting=True)
    assert not denied.sent
    await rig.until(lambda: rig.of(AccountStatus)[-1].state == "HALTED", "HALTED on the screen")
    assert any("halted: operator" in cause for cause in rig.of(AccountStatus)[-1].causes)
    await rig.oracle()


def nothing(_rig: OrderRig) -> None:
    """No fault."""


def lost_cancels(rig: OrderRig) -> None:
    """Every cancel is carried out and none answered."""
    rig.faults.lose_answer(CANCELS[rig.venue], -1)


def frozen_stream(rig: OrderRig) -> None:
    rig.faults.private_freeze()


def dropped_stream(rig: OrderRig) -> None:
    rig.faults.private_drop()


def server_errors_after(rig: OrderRig) -> None:
    """The cancel is carried out and answered by a proxy's error page."""
    rig.faults.fail_after(CANCELS[rig.venue], 503, "", 1)


def reordered(rig: OrderRig) -> None:
    rig.faults.private_reorder(3)
    rig.faults.private_duplicate(5)


FAULTS: tuple[Callable[[OrderRig], None], ...] = (
    nothing,
    lost_cancels,
    frozen_stream,
    dropped_stream,
    server_errors_after,
    reordered,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("where", USUAL)
async def test_f39_the_cancel_of_each_entry_is_proven_and_the_stop_stays(
    where: str, fault: Callable[[OrderRig], None], tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path, answer_s=2.0) as rig:
        client_id = await partly_filled(rig)
        stops = {order.order_id for order in rig.stops()}
        fault(rig)
        press(rig)
        assert rig.of(HaltReport)[-1].waiting == (client_id,)
        report = await reported(rig)
        assert report.cancelled == (client_id,)
        assert report.failed == ()
        assert report.stops_kept == len(stops) > 0
        assert {order.order_id for order in rig.stops()} == stops, "a stop was touched"
        rig.faults.clear()
        await stays_halted(rig, client_id)


@pytest.mark.parametrize("where", TWO)
async def test_f39_while_the_venue_answers_nothing_the_entry_is_named_and_cancelled_later(
    where: str, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path, answer_s=2.0) as rig:
        client_id = await partly_filled(rig)
        rig.faults.private_freeze()
        rig.faults.rest_error(503, -1, "/")
        press(rig)
        report = await reported(rig)
        assert report.cancelled == ()
        ((name, why),) = report.failed
        assert name == client_id
        assert why == "still CANCEL_PENDING after 10 s"
        assert report.stops_kept == 1
        assert rig.at_exchange(client_id)[0].status == "PARTIALLY_FILLED", "nothing could reach the exchange"
        rig.faults.clear()
        await stays_halted(rig, client_id)


@pytest.mark.parametrize("where", TWO)
async def test_f39_an_entry_without_an_answer_is_cancelled_once_it_is_found(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, answer_s=2.0) as rig:
        rig.faults.lose_answer(f"POST {rig.place}", 1)
        rig.faults.private_freeze(30.0)
        entering = asyncio.create_task(rig.enter(resting=True))
        await rig.until(lambda: any(r.state == "SENT" for r in rig.path.manager.orders.values()), "the send")
        press(rig)
        (client_id,) = rig.path.manager.orders
        assert rig.of(HaltReport)[-1].waiting == (client_id,)
        report = await reported(rig)
        assert (report.cancelled, report.failed) == ((client_id,), ())
        assert (await entering).sent
        assert rig.at_exchange(client_id)[0].status == "CANCELED"
        await rig.oracle()


@pytest.mark.parametrize("where", TWO)
async def test_f39_an_entry_nobody_can_speak_of_is_named_and_never_cancelled_by_guess(
    where: str, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path, answer_s=2.0) as rig:
        rig.faults.lose_answer(f"POST {rig.place}", 1)
        rig.faults.private_freeze()
        for path in ("/api/v3/order", "/api/v3/openOrders", "/api/v3/myTrades", "/v5/order", "/v5/execution"):
            rig.faults.rest_error(503, -1, f"GET {path}")
        record: OrderRecord = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "UNKNOWN", "the order unknown")
        since = len(rig.requests)
        press(rig)
        report = await reported(rig)
        assert report.cancelled == ()
        assert report.failed == ((record.client_id, "outcome unknown; the venue is being asked"),)
        assert not rig.requested(CANCELS[rig.venue], since), "an unknown order was cancelled by guess"
        rig.faults.clear()
        await rig.until(lambda: rig.record(record.client_id).state == "CANCELLED", "its cancel once it was found")
        assert rig.at_exchange(record.client_id)[0].status == "CANCELED"
        await rig.oracle()


@pytest.mark.parametrize("where", TWO)
async def test_f39_while_the_journal_stalls_cancels_go_and_nothing_else(
    where: str,
    disk: FailingDisk,  # noqa: F811
    tmp_path: Path,
) -> None:
    async with order_rig(where, tmp_path, answer_s=2.0) as rig:
        client_id = await partly_filled(rig)
        disk.gate.clear()
        try:
            entering = asyncio.create_task(rig.enter(resting=True))
            await asyncio.sleep(0)
            press(rig)
            report = await reported(rig)
            assert (report.cancelled, report.failed) == ((client_id,), ())
            assert not (await entering).sent
        finally:
            disk.gate.set()
        await stays_halted(rig, client_id)


@pytest.mark.parametrize("where", TWO)
async def test_f39_an_entry_whose_intent_is_on_its_way_to_the_disk_is_not_sent(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every gate had passed when the key was pressed."""
    async with order_rig(where, tmp_path) as rig:
        append = rig.path.journal.append

        async def pressed_meanwhile(*records: Any) -> int:
            number = await append(*records)
            press(rig)
            return number

        monkeypatch.setattr(rig.path.journal, "append", pressed_meanwhile)
        submission = await rig.enter(resting=True)
        assert (submission.sent, submission.code) == (False, "TRADING_STATE")
        assert "HALTED" in submission.words
        assert not rig.orders()
        report = await reported(rig)
        assert report.failed == ()
        await rig.oracle()


@pytest.mark.parametrize("where", TWO)
async def test_f39_an_entry_that_fills_while_it_is_cancelled_gets_its_stop(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, answer_s=2.0) as rig:
        client_id = await partly_filled(rig)
        rig.faults.lose_request(CANCELS[rig.venue], 1)
        press(rig)
        rig.faults.fill(client_id)
        report = await reported(rig)
        assert report.failed == ()
        await rig.until(lambda: rig.record(client_id).state == "FILLED", "the fill")
        await rig.until_protected()
        assert rig.path.risk.standing.state == "HALTED"
        assert await rig.path.close_position(SYMBOL, D(0)) == ""  # an exit is no entry
        await rig.until(lambda: rig.held() < rig.rule.lot_size, "the close")
        await rig.oracle()
