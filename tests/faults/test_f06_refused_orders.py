"""F06: what the venue refuses for certain is REJECTED with the venue's own code and words, and is never sent again."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.messages import OrderStatus
from core.trading.order_record import OrderRecord
from tests.faults.order_rig import SYMBOL, VENUES, OrderRig, order_rig

CODES = {
    "binance_us-spot": {"tick": "-1013", "notional": "-1013", "rights": "-2015", "closed": "-2010", "balance": "-2010"},
    "bybit-spot": {"tick": "170134", "notional": "170140", "rights": "10005", "closed": "170151", "balance": "170131"},
    "bybit-linear": {"tick": "10001", "notional": "110094", "rights": "10005", "closed": "110074", "balance": "110007"},
}
"""What each venue answers, by cause."""


def cause_it(rig: OrderRig, cause: str) -> None:
    """Make the next order be refused for a reason that the program cannot know of."""
    match cause:
        case "tick":
            rig.faults.change_rules(SYMBOL, tick_size=str(rig.rule.tick_size * 97))
        case "notional":
            rig.faults.change_rules(SYMBOL, min_notional="1000000")
        case "rights":
            rig.faults.refuse_order(CODES[rig.where][cause], "Permission denied for this key.")
        case "closed":
            rig.faults.halt_symbol(SYMBOL)
        case "balance":
            rig.faults.private_freeze(3600.0)
            quote = rig.rule.quote
            rig.faults.take_balance(quote, str(rig.engine.balances(rig.accounts.account)[quote].free))


def undo_it(rig: OrderRig) -> None:
    rig.faults.clear()
    rig.faults.change_rules(SYMBOL, tick_size=str(rig.rule.tick_size), min_notional=str(rig.rule.min_notional))
    rig.faults.halt_symbol(SYMBOL, halted=False)


def statuses(rig: OrderRig, record: OrderRecord) -> list[OrderStatus]:
    return [status for status in rig.of(OrderStatus) if status.client_id == record.client_id]


async def refused(rig: OrderRig, cause: str, quantity: str) -> str:
    """An entry that is refused for that cause; its client id."""
    await rig.until(lambda: not rig.denials(quantity=quantity), "an entry that every gate lets pass")
    begun, code = len(rig.requests), CODES[rig.where][cause]
    cause_it(rig, cause)
    submission = await rig.enter(quantity=quantity)
    record = submission.record
    assert record is not None, submission.words
    assert rig.record(record.client_id).state == "REJECTED"
    assert submission.sent
    assert submission.code == code
    last = statuses(rig, record)[-1]
    assert last.state == "REJECTED"
    assert last.reason == f"{code} {submission.words}"
    assert f"({code})" in submission.words or f"retCode {code}" in submission.words
    later_ms = rig.clock.now_ms() + 15_000
    await rig.until(lambda: rig.clock.now_ms() > later_ms, "fifteen seconds")
    assert rig.requested(f"POST {rig.place}", begun) == 1
    assert not [status for status in statuses(rig, record) if status.state == "UNKNOWN"]
    assert not rig.orders()
    return record.client_id


@pytest.mark.parametrize("where", VENUES)
async def test_f06_a_refused_entry_is_rejected_with_the_venues_code_and_not_sent_again(
    where: str, tmp_path: Path
) -> None:
    async with order_rig(
        where, tmp_path, rate=30.0, answer_s=6.0, reconcile_orders_s=600.0, reconcile_account_s=600.0
    ) as rig:
        rejected = []
        for number, cause in enumerate(CODES[where]):
            rejected.append(await refused(rig, cause, f"0.{number + 3}"))
            undo_it(rig)
        assert rig.path.trades.truth(SYMBOL).state == "NONE"
        assert rig.path.risk.status_fields()["state"] == "ACTIVE"
        assert [rig.record(client_id).state for client_id in rejected] == ["REJECTED"] * len(rejected)
        told = {client_id: rig.record(client_id).refusal for client_id in rejected}
        await rig.oracle()
        rig.no_secret_anywhere()
        await rig.stop_desk(close=False)
        await rig.start_desk(settled=False)
        assert {client_id: rig.record(client_id).refusal for client_id in rejected} == told
        assert not rig.orders()
