"""Orders of somebody else in our account, or of a second host with our keys: shown, never touched, and entries stop."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.messages import AccountStatus, Discrepancy, OrderAlarm, TradeClosed
from core.trading.client_ids import ClientIds
from core.trading.order import OrderSpec
from tests.faults.order_rig import KEY, SYMBOL, USUAL, OrderRig, floor, order_rig

D = Decimal
SOON: dict[str, Any] = {"reconcile_account_s": 5.0, "reconcile_orders_s": 3.0}


def standing(rig: OrderRig) -> list[Discrepancy]:
    last = {row.key: row for row in rig.of(Discrepancy)}
    return [row for row in last.values() if not row.settled]


def low(rig: OrderRig) -> Decimal:
    """A price at which a buy rests."""
    return floor(D(repr(rig.quotes[SYMBOL].bid)) * D("0.9"), rig.rule.tick_size)


def touches(rig: OrderRig, order_id: str) -> bool:
    """Whether the exchange's order is not as it was placed."""
    order = rig.accounts.orders[order_id]
    return order.status != "NEW" or order.filled != 0


async def shown(rig: OrderRig, kind: str, order_id: str) -> Discrepancy:
    """One row about that order, REDUCING on the screen, no entry passes, and the order is none that can be cancelled here."""
    await rig.until(lambda: standing(rig), "the row")
    (row,) = standing(rig)
    assert (row.kind, row.symbol, row.ours) == (kind, SYMBOL, "none")
    assert row.key.startswith(f"{kind} ")
    assert f"order {row.key.partition(' ')[2]} (BUY 0.2 {SYMBOL} at " in row.text
    await rig.until(lambda: rig.of(AccountStatus)[-1].state == "REDUCING", "REDUCING on the screen")
    assert any(row.key in cause for cause in rig.of(AccountStatus)[-1].causes)
    assert not (await rig.enter(resting=True)).sent
    assert "no order" in await rig.path.cancel_order(rig.accounts.orders[order_id].spec.client_id)
    return row


@pytest.mark.parametrize("where", USUAL)
async def test_a_foreign_order_is_shown_and_survives_everything_we_do(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, **SOON) as rig:
        await rig.entered()
        await rig.until_protected()
        order_id = rig.faults.foreign_order(SYMBOL, "BUY", f"{low(rig):f}", "0.2")
        row = await shown(rig, "FOREIGN_ORDER", order_id)
        assert "was placed elsewhere; it is shown and not touched" in row.text
        await rig.path.halt("row")
        assert await rig.path.flatten() == ""
        await rig.until(lambda: rig.held() < rig.rule.lot_size, "our own position closed")
        await rig.stop_desk()
        assert not touches(rig, order_id)
        await rig.start_desk(settled=False)
        await rig.until(lambda: rig.path.reconciler.settled_ms > 0, "everything compared")
        assert row.key in rig.path.reconciler.differences.standing
        assert not touches(rig, order_id)
        rig.faults.cancel_elsewhere(rig.accounts.orders[order_id].spec.client_id)
        await rig.until(lambda: not standing(rig), "the row settled once it is gone")
        assert rig.path.risk.standing.state == "HALTED"
        await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_an_adopted_foreign_order_lets_entries_pass_and_stays_untouched(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, **SOON) as rig:
        order_id = rig.faults.foreign_order(SYMBOL, "BUY", f"{low(rig):f}", "0.2")
        row = await shown(rig, "FOREIGN_ORDER", order_id)
        assert await rig.path.adopt(row.key) == ""
        assert not standing(rig)
        assert await rig.path.resume() == ""
        compared = rig.path.reconciler.settled_ms
        await rig.until(lambda: rig.path.reconciler.settled_ms > compared, "another look")
        assert not standing(rig), "told again although it was accepted"
        assert (await rig.enter(resting=True)).sent
        assert not touches(rig, order_id)
        await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_an_order_with_an_id_of_ours_that_the_journal_does_not_know(where: str, tmp_path: Path) -> None:
    """A second host with the same keys, or a lost journal."""
    async with order_rig(where, tmp_path, **SOON) as rig:
        client_id = ClientIds().next(rig.clock.now_ms())
        spec = OrderSpec(
            client_id=client_id, symbol=SYMBOL, side="BUY", type="LIMIT", quantity=D("0.2"), price=low(rig)
        )
        accounts = rig.accounts
        reports = accounts.act(lambda: accounts.engine.submit(accounts.account, spec, accounts.now_ms()), SYMBOL)
        order_id = reports[-1].order_id
        row = await shown(rig, "UNKNOWN_ORDER", order_id)
        assert "a second host with the same keys, or a lost journal; stop the other one" in row.text
        await rig.path.halt("row")
        assert not touches(rig, order_id)
        assert client_id not in rig.path.manager.orders
        await rig.oracle()


async def test_what_others_add_to_a_perpetual_position_is_theirs(tmp_path: Path) -> None:
    """Our stop keeps covering ours, and no order of ours closes theirs."""
    async with order_rig("bybit-linear", tmp_path, **SOON) as rig:
        await rig.entered()
        await rig.until_protected()
        rig.faults.foreign_order(SYMBOL, "BUY", 0, "0.2")
        await rig.until(lambda: [row for row in standing(rig) if row.kind == "POSITION"], "the difference")
        (row,) = standing(rig)
        assert (row.symbol, D(row.ours), D(row.venues)) == (SYMBOL, D("0.5"), D("0.7"))
        alarm = next(one for one in rig.of(OrderAlarm) if one.code == "FOREIGN_FILL")
        assert alarm.text.startswith(f"{SYMBOL}: BUY 0.")
        assert "an order that is none of ours" in alarm.text
        assert "it is not ours; close it where it was opened" in alarm.text
        await rig.until(lambda: rig.of(AccountStatus)[-1].state == "REDUCING", "REDUCING on the screen")
        assert sum(order.spec.quantity for order in rig.stops()) == D("0.5")
        assert rig.path.trades.truth(SYMBOL).state == "VERIFIED"
        assert "NAKED" not in rig.alarms()
        assert await rig.path.close_position(SYMBOL, D(0)) == ""
        await rig.until(lambda: rig.of(TradeClosed), "the close of ours")
        assert rig.held() == D("0.2")
        rig.faults.foreign_order(SYMBOL, "SELL", 0, "0.2")
        await rig.until(lambda: not standing(rig), "agreement")
        await rig.oracle()


async def test_what_others_add_and_take_again_leaves_ours_as_it_was(tmp_path: Path) -> None:
    async with order_rig("bybit-linear", tmp_path, **SOON) as rig:
        await rig.entered()
        await rig.until_protected()
        for side in ("BUY", "SELL", "SELL", "BUY"):
            rig.faults.foreign_order(SYMBOL, side, 0, "0.2")
        foreign = [fill.trade_id for fill in rig.engine.fills(KEY) if fill.client_id.startswith("web")]
        heard = ("OUTSIDE_FILL", "FOREIGN_FILL")
        await rig.until(
            lambda: len([code for code in rig.alarms() if code in heard]) == len(foreign), "all of them heard"
        )
        await rig.until(lambda: not standing(rig), "agreement")
        assert rig.path.book.positions[SYMBOL].quantity == D("0.5") == rig.held()
        await rig.until_protected()
        await rig.oracle()


async def test_a_foreign_position_is_shown_and_not_touched(tmp_path: Path) -> None:
    async with order_rig("bybit-linear", tmp_path, **SOON) as rig:
        rig.faults.foreign_order(SYMBOL, "BUY", 0, "0.2")
        await rig.until(lambda: [row for row in standing(rig) if row.kind == "POSITION"], "the difference")
        (row,) = standing(rig)
        assert (row.symbol, D(row.ours), D(row.venues)) == (SYMBOL, D(0), D("0.2"))
        assert not (await rig.enter()).sent
        assert "there is no position of ours" in await rig.path.close_position(SYMBOL, D(0))
        assert await rig.path.flatten() == ""
        assert rig.held() == D("0.2")
        assert not rig.stops()
        await rig.oracle()
