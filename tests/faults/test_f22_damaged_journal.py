"""F22: a journal cut short by a crash is repaired and traded on; one that is damaged in the middle is not traded on."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from core.messages import OrderAlarm
from core.trading.journal_errors import JournalDamaged
from tests.faults.killed_rig import left_by
from tests.faults.live_program import program, write_settings
from tests.faults.order_rig import SYMBOL, VENUES, OrderRig, order_rig

TWO = (VENUES[0], VENUES[2])


def newest(folder: Path) -> Path:
    """The journal's newest file."""
    return max(folder.glob("accounts/*/*/journal/journal-*.log"))


def flip_a_bit(folder: Path) -> tuple[Path, bytes]:
    """In the middle of the journal; the file and its bytes as they are then."""
    file = newest(folder)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    return file, bytes(data)


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
        file, data = flip_a_bit(tmp_path)
        requests, stops = len(rig.requests), rig.stops()
        for _ in range(2):
            with pytest.raises(JournalDamaged) as caught:
                await rig.start_desk()
            for part in (str(file), "damaged at byte", "good records follow", "restore it from a backup"):
                assert part in str(caught.value)
        rig.desk = None
        assert file.read_bytes() == data, "nothing is repaired by guess"
        assert not [what for _, what in rig.requests[requests:] if "order" in what]
        assert rig.stops() == stops
        assert SYMBOL in {stop.spec.symbol for stop in stops}


@pytest.mark.parametrize("where", TWO)
async def test_f22_the_real_program_runs_its_markets_on_and_answers_that_it_takes_no_orders(
    where: str, tmp_path: Path
) -> None:
    folder = tmp_path / "tradetui"
    async with order_rig(where, folder, rate=1.0, start_ms=time.time_ns() // 1_000_000) as rig:
        await rig.entered()
        await rig.until_protected()
        await rig.stop_desk()
        file, data = flip_a_bit(folder)
        write_settings(rig, tmp_path)
        requests, stops = len(rig.requests), rig.stops()
        async with program(rig, tmp_path, "headless", "--live", "--commands", "-") as running:
            await running.until(lambda: running.said("EngineStatus", phase="running"), "running markets")
            (fault,) = running.said("Fault", source="orders")
            for part in ("no orders", str(file), "damaged at byte", "restore it from a backup"):
                assert part in fault["message"]
            status = running.said("EngineStatus", phase="running")[-1]
            assert status["mode"] == "LIVE"
            assert status["text"].endswith("no orders are taken, see the events")
            for command, fields in (("Halt", {}), ("ClosePosition", {"symbol": SYMBOL})):
                running.command(command, **fields)
                await running.until(lambda name=command: running.said("Refused", command=name), "an answer")  # type: ignore[misc]
                assert str(file) in running.said("Refused", command=command)[0]["words"]
            quotes = len(running.said("Quote"))
            await running.until(lambda: len(running.said("Quote")) > quotes, "quotes that go on")
            running.process.send_signal(signal.SIGTERM)
            code, _, err = await running.end()
        assert code == 143
        assert "Traceback" not in err
        assert file.read_bytes() == data
        assert rig.stops() == stops
        assert not [what for _, what in rig.requests[requests:] if "order" in what and not what.startswith("GET")]
