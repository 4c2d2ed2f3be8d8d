"""F31: a symbol stops trading while something is held of it. Nothing breaks, the position is FROZEN, and it goes on by itself."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import OrderAlarm, PositionStatus, TradeClosed
from core.risk.verdict import written
from tests.faults.order_rig import SYMBOL, USUAL, OrderRig, order_rig

OTHER = "BTCUSDT"
D = Decimal


def shown(rig: OrderRig) -> PositionStatus:
    return [one for one in rig.of(PositionStatus) if one.symbol == SYMBOL][-1]


async def halt(rig: OrderRig, halted: bool) -> None:
    """The venue halts the symbol, and its rules are read again as they are every few minutes."""
    rig.faults.halt_symbol(SYMBOL, halted)
    await rig.rules.refresh()


async def frozen(rig: OrderRig) -> None:
    await rig.until(lambda: shown(rig).frozen, "the position FROZEN on the screen")
    assert f"FROZEN: {SYMBOL} does not trade" in shown(rig).note
    alarm = [one for one in rig.of(OrderAlarm) if one.code == "FROZEN"][-1]
    assert alarm.text.startswith(f"{SYMBOL} does not trade (status ")
    assert f"{written(shown(rig).quantity)} is held and cannot be sold; it goes on by itself" in alarm.text


@pytest.mark.parametrize("where", USUAL)
async def test_f31_a_position_in_a_halted_symbol_is_frozen_and_survives_a_restart(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, naked_alarm_s=5.0) as rig:
        await rig.entered()
        await rig.until_protected()
        sent = len(rig.orders())
        await halt(rig, True)
        await frozen(rig)
        assert "does not trade now" in await rig.path.close_position(SYMBOL, D(0))
        assert "does not trade now" in await rig.path.move_stop(SYMBOL, rig.rule.tick_size * 100)
        assert any("SYMBOL_STATUS" in words or "trad" in words for words in rig.denials())
        assert not (await rig.enter()).sent

        await rig.stop_desk()
        rig.seen.clear()
        await rig.start_desk(settled=False)
        await rig.until(lambda: rig.path.reconciler.settled_ms > 0, "everything compared")
        await rig.until(lambda: rig.of(PositionStatus) and shown(rig).frozen, "FROZEN after the restart")
        assert rig.path.book.positions[SYMBOL].quantity == rig.held()
        assert len(rig.orders()) == sent, "something was sent into a halted symbol"
        assert len(rig.stops()) == 1
        assert "NAKED" not in rig.alarms()

        await halt(rig, False)
        await rig.until(lambda: "TRADES_AGAIN" in rig.alarms(), "trading again")
        await rig.until_protected()
        await rig.until(lambda: rig.stream() == "SYNCED", "the stream")
        assert await rig.path.close_position(SYMBOL, D(0)) == ""
        await rig.until(lambda: rig.of(TradeClosed), "the end of the trade")
        await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_f31_a_halt_that_cancels_the_stop_is_no_naked_position_until_it_trades(
    where: str, tmp_path: Path
) -> None:
    """Venues clear the book of a symbol they halt: the countdown waits, and the stop is dealt with when it trades again."""
    async with order_rig(where, tmp_path, naked_alarm_s=5.0, naked_policy="hold") as rig:
        await rig.entered()
        await rig.until_protected()
        await halt(rig, True)
        await frozen(rig)
        price = rig.stops()[0].spec.stop_price
        rig.faults.cancel_elsewhere(rig.stops()[0].spec.client_id)
        at_ms = rig.clock.now_ms()
        await rig.until(lambda: rig.clock.now_ms() - at_ms > 20_000, "four times the countdown")
        assert shown(rig).frozen
        assert "NAKED" not in rig.alarms()
        await halt(rig, False)
        await rig.until(lambda: "NAKED" in rig.alarms(), "the countdown once it trades")
        assert await rig.path.move_stop(SYMBOL, price) == ""
        await rig.until_protected()
        await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_f31_a_symbol_taken_off_the_list_is_frozen_too(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        await rig.entered()
        await rig.until_protected()
        rest = [rule for rule in await rig.provider.instruments() if rule.symbol != SYMBOL]
        rig.rules.take(rest)
        assert rig.rule.trading, "once may be a slip of the venue"
        rig.rules.take(rest)
        await rig.until(lambda: shown(rig).frozen, "the position FROZEN on the screen")
        assert "not listed" in [one for one in rig.of(OrderAlarm) if one.code == "FROZEN"][-1].text
        assert not (await rig.enter()).sent
        await rig.rules.refresh()
        await rig.until(lambda: not shown(rig).frozen, "listed again")
        await rig.until_protected()
        await rig.oracle()


@pytest.mark.parametrize("where", USUAL)
async def test_f31_a_resting_entry_of_a_halted_symbol_harms_nothing(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        record = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
        await halt(rig, True)
        await rig.until(lambda: "FROZEN" in rig.alarms(), "the halt told")
        assert await rig.path.cancel_order(record.client_id) == ""
        await rig.until(lambda: rig.record(record.client_id).state == "CANCELLED", "the cancel")
        await rig.oracle()
