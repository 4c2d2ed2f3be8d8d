"""F20: killed between the journal and the wire. Nothing had been sent, and nobody may know that but the venue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.messages import OrderAlarm, Quote
from tests.faults.killed_rig import left_by, recovered
from tests.faults.order_rig import SYMBOL, VENUES

BEFORE_SENDING: list[dict[str, Any]] = [{"door": 1}, {"disk": "before-sync"}, {"disk": "after-sync"}]


@pytest.mark.parametrize(
    ("where", "killed"),
    [(where, BEFORE_SENDING[0]) for where in VENUES] + [(VENUES[0], moment) for moment in BEFORE_SENDING[1:]],
)
async def test_f20_an_entry_that_was_never_sent_is_proven_so_and_never_sent(
    where: str, killed: dict[str, Any], tmp_path: Path
) -> None:
    async with left_by(where, tmp_path, resting=True, **killed) as rig:
        began_ms = rig.clock.now_ms()
        await rig.start_desk(settled=False)
        ((client_id, record),) = rig.path.manager.orders.items()
        assert record.state == "UNKNOWN"
        assert SYMBOL in rig.path.manager.locked_symbols()
        quotes = len(rig.of(Quote))
        await rig.until(lambda: len(rig.of(Quote)) > quotes, "a price to plan with")
        refused = await rig.enter(resting=True)
        assert not refused.sent
        assert SYMBOL in refused.words
        await rig.until(lambda: rig.record(client_id).state == "FAILED_CONFIRMED", "the proof")
        assert rig.clock.now_ms() - began_ms >= 30_000
        assert rig.orders() == []
        await rig.until(lambda: not rig.denials(resting=True), "entries again")
        await rig.until(lambda: SYMBOL not in rig.path.trades.planned(), "the end of the plan")
        again = await rig.entered(resting=True)
        assert again.client_id != client_id
        await rig.oracle()


@pytest.mark.parametrize(("where", "door"), [(VENUES[0], 4), (VENUES[0], 6), (VENUES[2], 5), (VENUES[2], 7)])
async def test_f20_no_other_order_or_cancel_is_sent_twice_either(where: str, door: int, tmp_path: Path) -> None:
    """Its close, the end of its stop, the cancel of a resting entry."""
    async with left_by(where, tmp_path, door=door) as rig:
        await recovered(rig)


@pytest.mark.parametrize("where", [VENUES[0], VENUES[2]])
async def test_f20_a_position_whose_stop_was_never_sent_is_told_and_not_left_alone(where: str, tmp_path: Path) -> None:
    async with left_by(where, tmp_path, door=2) as rig:
        assert rig.held() > 0
        assert not rig.stops()
        await recovered(rig)
        (naked,) = [alarm for alarm in rig.of(OrderAlarm) if alarm.code == "NAKED"]
        assert SYMBOL in naked.text
        assert "no stop since 5 s" in naked.text
        assert rig.held() < rig.rule.lot_size
