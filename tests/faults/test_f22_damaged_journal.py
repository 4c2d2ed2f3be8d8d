"""F22: a journal cut short by a crash is repaired and traded on; one that is damaged in the middle is not traded on."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.messages import OrderAlarm
from core.trading.journal_errors import JournalDamaged
from tests.faults.killed_rig import left_by
from tests.faults.order_rig import SYMBOL, VENUES, OrderRig, order_rig

TWO = (VENUES[0], VENUES[2])


def newest(folder: Path) -> Path:
    """The journal's newest file."""
    return max(folder.glob("accounts/*/*/journal/journal-*.log"))


async def repaired(rig: OrderRig, file: Path) -> None:
    """The operator was told what was cut off and where it lies."""
    told = [alarm.text for alarm in rig.of(OrderAlarm) if alarm.code == "JOURNAL_REPAIRED"]
    assert len(told) == 1
    for part in (str(file), "cut short", ".torn-", "whole"):
        assert part in told[0]
    assert list(file.parent.glob("*.torn-*"))


@pytest.mark.parametrize("where", TWO)
async def test_f22_killed_amid_the_write_nothing_was_meant_and_nothing_is_sent(where: str, tmp_path: Path) -> None:
    async with left_by(where, tmp_path, resting=True, disk="mid-write") as rig:
        await rig.start_desk()
        await repaired(rig, newest(tmp_path))
        assert not rig.path.manager.orders
        assert rig.orders() == []
        await rig.entered(resting=True)
        await rig.oracle()


@pytest.mark.parametrize("lost", [1, 200])
@pytest.mark.parametrize("where", TWO)
async def test_f22_a_torn_tail_is_cut_off_and_the_venue_tells_the_rest(where: str, lost: int, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        record = await rig.entered()
        await rig.until_protected()
        await rig.stop_desk(close=False)
        file = newest(tmp_path)
        with file.open("rb+") as stream:
            stream.truncate(file.stat().st_size - lost)
        await rig.start_desk(settled=False)
        await repaired(rig, file)
        await rig.until_protected()
        assert rig.record(record.client_id).state == "FILLED"
        assert len([order for order in rig.orders() if order.spec.side == "BUY"]) == 1
        await rig.oracle()


@pytest.mark.parametrize("where", TWO)
async def test_f22_a_flipped_bit_in_the_middle_stops_trading_with_words(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        await rig.entered()
        await rig.until_protected()
        await rig.stop_desk()
        file = newest(tmp_path)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        requests, stops = len(rig.requests), rig.stops()
        for _ in range(2):
            with pytest.raises(JournalDamaged) as caught:
                await rig.start_desk()
            for part in (str(file), "damaged at byte", "good records follow", "restore it from a backup"):
                assert part in str(caught.value)
        rig.desk = None
        assert file.read_bytes() == bytes(data), "nothing is repaired by guess"
        assert not [what for _, what in rig.requests[requests:] if "order" in what]
        assert rig.stops() == stops
        assert SYMBOL in {stop.spec.symbol for stop in stops}
