"""F38: the account holds something else than our fills say. It is shown, entries stop, and nothing is edited by itself."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.messages import AccountStatus, Discrepancy, OrderAlarm, TradeClosed
from tests.faults.order_rig import KEY, SYMBOL, USUAL, OrderRig, order_rig

SPOT = USUAL[:2]
D = Decimal
SOON: dict[str, Any] = {"reconcile_account_s": 5.0, "reconcile_orders_s": 5.0}


def standing(rig: OrderRig, kind: str) -> list[Discrepancy]:
    """Rows of that kind that were told last and are not settled."""
    last = {row.key: row for row in rig.of(Discrepancy) if row.kind == kind}
    return [row for row in last.values() if not row.settled]


def state(rig: OrderRig) -> str:
    return rig.path.risk.standing.state


async def reducing(rig: OrderRig, cause: str) -> None:
    """REDUCING for that cause: shown on the screen, told to the operator, and no entry passes."""
    await rig.until(lambda: rig.of(AccountStatus)[-1].state == "REDUCING", "REDUCING on the screen")
    assert any(cause in one for one in rig.of(AccountStatus)[-1].causes)
    assert any("REDUCING" in words for words in rig.denials())
    assert not (await rig.enter(resting=True)).sent


async def adopted(rig: OrderRig, key: str) -> None:
    """The operator accepts it: the row is settled and stays so over later looks; ACTIVE takes a step of its own."""
    assert await rig.path.adopt(key) == ""
    row = [one for one in rig.of(Discrepancy) if one.key == key][-1]
    assert row.settled
    compared = rig.path.reconciler.settled_ms
    rig.path.reconciler.ask()
    await rig.until(lambda: rig.path.reconciler.settled_ms > compared, "the account compared")
    assert [one for one in rig.of(Discrepancy) if one.key == key][-1].settled
    assert state(rig) == "REDUCING"
    assert await rig.path.resume() == ""
    assert state(rig) == "ACTIVE"


@pytest.mark.parametrize("amount", ["5000", "1"])
@pytest.mark.parametrize("where", SPOT)
async def test_f38_money_gone_elsewhere(where: str, amount: str, tmp_path: Path) -> None:
    """The whole of it and 1 in 100,000: there is no "close enough"."""
    async with order_rig(where, tmp_path, **SOON) as rig:
        compared = rig.path.reconciler.settled_ms
        await rig.until(lambda: rig.path.reconciler.settled_ms > compared, "the balance believed")
        rig.faults.take_balance("USDT", amount)
        await rig.until(lambda: standing(rig, "BALANCE"), "the difference")
        (row,) = standing(rig, "BALANCE")
        assert (row.symbol, D(row.ours) - D(row.venues)) == ("USDT", D(amount))
        assert row.text.startswith(f"USDT: {row.ours} expected from our own fills, the venue has {row.venues}")
        assert "accept it if that was you" in row.text
        await reducing(rig, "BALANCE USDT")
        told = len(rig.of(Discrepancy))
        compared = rig.path.reconciler.settled_ms
        await rig.until(lambda: rig.path.reconciler.settled_ms > compared, "another look")
        assert standing(rig, "BALANCE")[0].ours == row.ours, "what we expect was edited by itself"
        assert len(rig.of(Discrepancy)) == told, "told once"
        await adopted(rig, row.key)
        record = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "entries again")
        await rig.oracle()


@pytest.mark.parametrize("where", SPOT)
async def test_f38_coins_of_a_position_sold_elsewhere(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, **SOON) as rig:
        record = await rig.entered()
        await rig.until_protected()
        rig.faults.cancel_elsewhere(rig.stops()[0].spec.client_id)  # its coins are locked until then
        rig.faults.take_balance("ETH", "0.2")
        await rig.until(lambda: standing(rig, "BALANCE"), "the difference")
        (row,) = [one for one in standing(rig, "BALANCE") if one.symbol == "ETH"]
        ours = rig.path.book.positions[SYMBOL].quantity
        assert D(row.ours) == ours
        assert D(row.venues) == ours - D("0.2")
        assert "coins were sold or moved elsewhere; bring them back, or adopt it" in row.text
        await reducing(rig, "BALANCE ETH")
        assert rig.path.book.positions[SYMBOL].quantity == ours, "the position was edited by itself"
        assert rig.record(record.client_id).filled == D("0.5")
        rig.faults.take_balance("ETH", "-0.2")  # brought back
        await rig.until(lambda: not standing(rig, "BALANCE"), "agreement")
        assert state(rig) == "REDUCING", "a person takes the step back"
        await rig.oracle()


async def test_f38_a_perpetual_position_changed_elsewhere(tmp_path: Path) -> None:
    """A hand on the website takes from the one position there is: it counts, and the stop follows."""
    async with order_rig("bybit-linear", tmp_path, **SOON) as rig:
        await rig.entered()
        await rig.until_protected()
        rig.faults.private_duplicate(-1)  # and tells it twice
        rig.faults.foreign_order(SYMBOL, "SELL", 0, "0.2")
        await rig.until(lambda: rig.held() == D("0.3"), "the position changed")
        await rig.until(lambda: rig.path.book.positions[SYMBOL].quantity == D("0.3"), "our side of it")
        await rig.until_protected()
        theirs = [fill for fill in rig.engine.fills(KEY) if fill.client_id.startswith("web")]
        alarms = [one for one in rig.of(OrderAlarm) if one.code == "OUTSIDE_FILL"]
        assert len(alarms) == len(theirs), "each told once"
        assert alarms[0].text.startswith(f"{SYMBOL}: SELL {theirs[0].quantity.normalize():f} at ")
        assert alarms[-1].text.endswith("became 0.3")
        assert await rig.path.close_position(SYMBOL, D(0)) == ""
        await rig.until(lambda: rig.of(TradeClosed), "the close of what is left")
        assert rig.held() == 0
        await rig.oracle()


async def test_f38_a_perpetual_position_changed_elsewhere_unheard(tmp_path: Path) -> None:
    """The stream did not tell it: the venue's position differs from ours, is shown, and follows once that is adopted."""
    async with order_rig("bybit-linear", tmp_path, **SOON) as rig:
        await rig.entered()
        await rig.until_protected()
        rig.faults.private_freeze(60.0)
        rig.faults.foreign_order(SYMBOL, "SELL", 0, "0.2")
        await rig.until(lambda: standing(rig, "POSITION"), "the difference")
        (row,) = standing(rig, "POSITION")
        assert (row.symbol, D(row.ours), D(row.venues)) == (SYMBOL, D("0.5"), D("0.3"))
        assert "we hold 0.5" in row.text
        assert "the venue says 0.3" in row.text
        assert "adopt it where the venue holds less" in row.text
        await reducing(rig, f"POSITION {SYMBOL}")
        assert rig.path.book.positions[SYMBOL].quantity == D("0.5"), "the position was edited by itself"
        assert await rig.path.adopt(row.key) == ""
        await rig.until(lambda: not standing(rig, "POSITION"), "agreement")
        assert rig.path.book.positions[SYMBOL].quantity == D("0.3")
        await rig.until(lambda: [stop.spec.quantity for stop in rig.stops()] == [D("0.3")], "the stop for what is left")
        assert state(rig) == "REDUCING"
        await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_f38_nothing_is_told_where_nothing_differs(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, **SOON) as rig:
        await rig.entered()
        await rig.until_protected()
        assert await rig.path.close_position(SYMBOL, D(0)) == ""
        await rig.until(lambda: rig.of(TradeClosed), "the end of the trade")
        for _ in range(2):
            compared = rig.path.reconciler.settled_ms
            await rig.until(lambda since=compared: rig.path.reconciler.settled_ms > since, "a look")  # type: ignore[misc]
        assert not rig.of(Discrepancy)
        assert state(rig) == "ACTIVE"
        await rig.oracle()
