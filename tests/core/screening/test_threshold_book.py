"""The threshold book on a real store: edits, expiry, going back, restarts, and a disk that refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from core.calibration.expiry import expiry_ms
from core.market.volatility import NO_SAMPLE, NatrSample
from core.messages import (
    EditThreshold,
    Fault,
    Replay,
    RevertThresholds,
    SettingRejected,
    ThresholdCatalogue,
    ThresholdsInForce,
)
from core.screening.classes import CLASSES
from core.screening.threshold_book import WATCH_S, ThresholdBook
from core.screening.thresholds import NAMES, Thresholds
from core.settings import Settings
from core.settings_screening import AssetClassSettings, Calibration
from core.store import Store
from tests.core.screening.kept import CATEGORY, DAY_MS, T0, VENUE, Room, listing, universe

SPOT, MEME = CLASSES[-1].defaults, CLASSES[2].defaults
HOUR_S = 3600.0


class Samples:
    """A volatility that is the same at all times."""

    def __init__(self, natr: float) -> None:
        self.natr = natr

    def sample(self, symbol: str, timeframe: str) -> NatrSample:
        if symbol != "BTCUSDT":
            return NO_SAMPLE
        return NatrSample(tuple(self.natr * (1 + k / 100) for k in range(101)), 7.0)

    def preferred_hours(self, symbol: str, count: int) -> tuple[int, ...]:
        return ()


class Desk:
    """A room with a book in it."""

    def __init__(self, room: Room, category: str = CATEGORY) -> None:
        self.room = room
        self.book = ThresholdBook(room.bus, room.clock, room.live, room.store, VENUE, category)

    async def open(self) -> Desk:
        await self.book.open()
        self.room.start(self.book.run)
        self.room.bus.publish(listing("BTCUSDT", "BTC"))
        self.room.bus.publish(listing("DOGEUSDT", "DOGE"))
        self.room.bus.publish(universe("BTCUSDT", "DOGEUSDT"))
        await self.room.settle()
        return self

    def edit(self, name: str, value: str, symbol: str = "BTCUSDT") -> None:
        self.room.bus.publish(EditThreshold(symbol=symbol, name=name, value=value))

    def revert(self, symbol: str = "BTCUSDT") -> None:
        self.room.bus.publish(RevertThresholds(symbol=symbol))

    def value(self, name: str, symbol: str = "BTCUSDT") -> float:
        found: float = getattr(self.book.in_force(symbol).values, name)
        return found

    def told(self, symbol: str = "BTCUSDT") -> ThresholdsInForce:
        return [message for message in self.room.of(ThresholdsInForce) if message.symbol == symbol][-1]

    def faults(self) -> list[str]:
        return [fault.message for fault in self.room.of(Fault)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = await Desk(await Room.open(tmp_path)).open()
    yield made
    await made.room.close()


async def again(desk: Desk, at_ms: int) -> Desk:
    """The same file, opened by another run of the program."""
    await desk.room.close()
    folder = desk.room.store.path.parent
    return await Desk(await Room.open(folder, at_ms)).open()


async def test_an_asset_never_heard_of_has_the_defaults_of_its_class(desk: Desk) -> None:
    assert desk.book.in_force("BTCUSDT").values == SPOT
    assert desk.book.in_force("DOGEUSDT").values == MEME
    assert desk.book.asset_class("DOGEUSDT").name == "meme"
    assert desk.told().is_default
    assert (desk.told().asset_class, desk.told().source, desk.told().previous) == ("spot", "class", 0)
    assert desk.book.in_force("NEWUSDT").values == SPOT


async def test_linear_markets_are_perpetuals(tmp_path: Path) -> None:
    room = await Room.open(tmp_path)
    desk = await Desk(room, "linear").open()
    assert desk.book.asset_class("DOGEUSDT").name == "perpetual"
    await room.close()


async def test_an_edit_holds_at_once_is_told_expires_and_is_taken_back(desk: Desk) -> None:
    desk.edit("vol_z_threshold", " 3.5 ")
    assert desk.value("vol_z_threshold") == 3.5
    told = desk.told()
    assert (told.values["vol_z_threshold"], told.sources["vol_z_threshold"], told.source) == (
        3.5,
        "operator",
        "operator",
    )
    assert (told.sources["tp_mult"], told.since_ms, told.previous) == ("class", T0, 1)
    assert told.expires_ms == expiry_ms("BTCUSDT", T0, 14.0)
    desk.revert()
    assert desk.book.in_force("BTCUSDT").values == SPOT
    assert desk.told().is_default
    assert (desk.told().expires_ms, desk.told().previous) == (0, 0)
    assert not desk.room.of(SettingRejected)


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("vol_z_threshold", "11", "vol_z_threshold is 11: give a number from 1 to 10"),
        ("vol_z_threshold", "much", "'much' is no number: give one from 1 to 10"),
        ("vol_z_threshold", "nan", "no number"), ("vol_z_threshold", "1e999", "no number"),
        ("vol_z_threshold", "", "no number"), ("low_gate", "0.004", "low_gate 0.004 is not below high_gate 0.003"),
        ("high_gate", "0.0002", "not below high_gate 0.0002"), ("speed", "1", "no such threshold; there are low_gate"),
    ],
)  # fmt: skip
async def test_a_senseless_edit_is_refused_with_name_value_and_remedy(
    desk: Desk, name: str, value: str, word: str
) -> None:
    before = len(desk.room.of(ThresholdsInForce))
    desk.edit(name, value)
    (refused,) = desk.room.of(SettingRejected)
    assert (refused.key, refused.value) == (f"BTCUSDT.{name}", value)
    assert word in refused.reason
    assert desk.book.in_force("BTCUSDT").values == SPOT
    assert len(desk.room.of(ThresholdsInForce)) == before


async def test_a_market_that_is_not_watched_cannot_be_edited_and_nothing_can_be_taken_back(desk: Desk) -> None:
    desk.edit("tp_mult", "4", symbol="XYZ")
    desk.revert()
    first, second = desk.room.of(SettingRejected)
    assert (first.key, "XYZ is not watched" in first.reason) == ("XYZ.tp_mult", True)
    assert (second.key, "no earlier thresholds" in second.reason) == ("BTCUSDT", True)


async def test_expiry_blends_each_value_at_its_own_time_and_tells_so(desk: Desk) -> None:
    await desk.book.set_calibrated("BTCUSDT", {"vol_z_threshold": 2.0, "tp_mult": 5.0}, "calibration")
    first = expiry_ms("BTCUSDT", T0, 14.0)
    await desk.room.advance(HOUR_S)
    desk.edit("rsi_oversold", "20")
    assert desk.told().expires_ms == first, "an edit does not renew what was calibrated"
    await desk.room.advance((first - T0) / 1000 - HOUR_S - 1.0)
    assert not desk.book.in_force("BTCUSDT").blended
    assert not desk.told().blended
    await desk.room.advance(1.0 + WATCH_S)
    now = desk.book.in_force("BTCUSDT")
    assert now.blended
    assert (now.values.vol_z_threshold, now.values.tp_mult) == (2.5, 4.0)
    assert now.values.rsi_oversold == 20.0
    assert desk.told().blended, "told without anybody asking"
    await desk.room.advance(HOUR_S)
    assert desk.value("rsi_oversold") == 25.0
    desk.edit("tp_mult", "5")
    assert desk.value("tp_mult") == 5.0
    assert desk.value("vol_z_threshold") == 2.5, "an edit does not bring expired values back to life"


async def test_a_calibration_renews_what_it_names_and_gives_back_what_expired_besides(desk: Desk) -> None:
    desk.edit("breakout_atr", "0.5")
    await desk.room.advance(10 * DAY_MS / 1000)
    desk.edit("sl_mult", "2")
    await desk.room.advance(6 * DAY_MS / 1000)
    assert desk.value("breakout_atr") == pytest.approx(0.3)
    now = await desk.book.set_calibrated("BTCUSDT", {"vol_z_threshold": 2.0}, "calibration")
    assert not now.blended, "or its calibration would be asked for again at once"
    assert (now.values.breakout_atr, now.sources["breakout_atr"]) == (SPOT.breakout_atr, "class")
    assert (now.values.sl_mult, now.sources["sl_mult"]) == (2.0, "operator")
    assert now.expires_ms == expiry_ms("BTCUSDT", T0 + 10 * DAY_MS)


async def test_how_long_values_hold_is_a_setting(tmp_path: Path) -> None:
    room = await Room.open(tmp_path, settings=Settings(calibration=Calibration(expiry_days=2.0)))
    desk = await Desk(room).open()
    desk.edit("tp_mult", "4")
    assert abs(desk.told().expires_ms - T0 - 2 * DAY_MS) <= 0.1 * 2 * DAY_MS
    await room.close()


async def test_going_back_walks_on_and_an_edit_begins_anew_from_there(desk: Desk) -> None:
    for value in ("4", "5", "6"):
        desk.edit("tp_mult", value)
    seen = []
    for _ in range(2):
        desk.revert()
        seen.append(desk.value("tp_mult"))
    desk.edit("tp_mult", "9")
    for _ in range(2):
        desk.revert()
        seen.append(desk.value("tp_mult"))
    assert seen == [5.0, 4.0, 4.0, SPOT.tp_mult]
    desk.revert()
    assert "no earlier" in desk.room.of(SettingRejected)[-1].reason
    await desk.room.settle()
    rows = await desk.room.store.run(lambda db: db.execute("SELECT by FROM threshold_history ORDER BY id").fetchall())
    assert [by for (by,) in rows] == [
        "start", "operator", "operator", "operator", "revert 1", "revert 1", "operator", "revert 1", "revert 1",
    ]  # fmt: skip


async def test_a_restart_finds_values_expiry_and_the_way_back(desk: Desk) -> None:
    await desk.book.set_calibrated("BTCUSDT", {"vol_z_threshold": 2.0}, "calibration")
    desk.edit("tp_mult", "5")
    desk.edit("tp_mult", "6")
    desk.revert()
    await desk.room.settle()
    before = desk.book.in_force("BTCUSDT")
    new = await again(desk, T0 + 1000)
    assert new.book.in_force("BTCUSDT") == before
    assert new.told().previous == 2
    new.revert()
    assert (new.value("tp_mult"), new.value("vol_z_threshold")) == (SPOT.tp_mult, 2.0)
    new.revert()
    assert new.book.in_force("BTCUSDT").is_default
    await new.room.settle()
    late = await again(new, T0 + 20 * DAY_MS)
    assert late.book.in_force("BTCUSDT").is_default
    late.edit("tp_mult", "5")
    assert late.told().previous == 1
    await late.room.close()


async def test_a_refused_calibration_says_why_and_changes_nothing(desk: Desk) -> None:
    with pytest.raises(ValueError, match="give a number from 1 to 10"):
        await desk.book.set_calibrated("BTCUSDT", {"vol_z_threshold": 99.0}, "calibration")
    assert desk.book.in_force("BTCUSDT").is_default


async def test_volatility_moves_what_nobody_fitted(desk: Desk) -> None:
    desk.book.use_samples(Samples(0.01))
    desk.edit("atr_target", "7")
    await desk.room.advance(61.0)
    now = desk.book.in_force("BTCUSDT")
    assert (now.sources["low_gate"], now.sources["vol_z_threshold"], now.sources["atr_target"]) == (
        "adaptive", "adaptive", "operator",
    )  # fmt: skip
    assert now.values.low_gate == pytest.approx(0.011)
    assert now.values.atr_target == 7.0
    assert desk.told().sources["low_gate"] == "adaptive"
    assert desk.book.in_force("DOGEUSDT").values == MEME
    desk.revert()
    assert desk.book.in_force("BTCUSDT").sources["atr_target"] == "adaptive", "volatility speaks at once"


async def test_settings_change_classes_while_it_runs(desk: Desk) -> None:
    desk.edit("tp_mult", "6", symbol="DOGEUSDT")
    tables = (
        AssetClassSettings(name="meme", vol_z_threshold=2.2, tp_mult=4.0),
        AssetClassSettings(name="spot", low_gate=0.01),
    )
    desk.room.live.adopt(Settings(calibration=Calibration(classes=tables)))
    assert desk.book.in_force("DOGEUSDT").values == msgspec.structs.replace(MEME, vol_z_threshold=2.2, tp_mult=6.0)
    assert desk.told("DOGEUSDT").values["vol_z_threshold"] == 2.2
    assert desk.book.in_force("BTCUSDT").values == SPOT
    assert any("class spot: low_gate 0.01 is not below high_gate" in text for text in desk.faults())


async def test_the_catalogue_and_all_sets_are_told_again_on_replay(desk: Desk) -> None:
    (catalogue,) = desk.room.of(ThresholdCatalogue)
    assert tuple(info.name for info in catalogue.thresholds) == NAMES
    assert all(info.unit and info.about and info.least < info.most for info in catalogue.thresholds)
    desk.room.heard.clear()
    desk.room.bus.publish(Replay())
    assert desk.room.of(ThresholdCatalogue) == [catalogue]
    assert [message.symbol for message in desk.room.of(ThresholdsInForce)] == ["BTCUSDT", "DOGEUSDT"]


async def test_a_disk_that_refuses_is_told_and_written_to_later(desk: Desk) -> None:
    desk.room.store.tired = True
    desk.edit("tp_mult", "5")
    await desk.room.settle()
    await desk.book.set_calibrated("BTCUSDT", {"sl_mult": 2.0}, "calibration")
    assert (desk.value("tp_mult"), desk.value("sl_mult")) == (5.0, 2.0)
    (told,) = desk.faults()
    assert "disk full" in told
    desk.room.store.tired = False
    await desk.room.advance(6.0)
    new = await again(desk, T0 + 6000)
    assert (new.value("tp_mult"), new.value("sl_mult"), new.told().previous) == (5.0, 2.0, 2)
    await new.room.close()


async def test_a_store_that_cannot_be_read_at_start_is_read_later(desk: Desk) -> None:
    desk.edit("tp_mult", "5")
    desk.edit("tp_mult", "6", symbol="DOGEUSDT")
    await desk.room.settle()
    await desk.room.close()
    room = await Room.open(desk.room.store.path.parent)
    room.store.tired = True
    new = await Desk(room).open()
    assert new.value("tp_mult") == SPOT.tp_mult
    new.edit("tp_mult", "7")
    room.store.tired = False
    await room.advance(6.0)
    assert (new.value("tp_mult"), new.value("tp_mult", "DOGEUSDT")) == (7.0, 6.0)
    assert new.told("DOGEUSDT").values["tp_mult"] == 6.0
    new.revert()
    new.revert()
    assert new.value("tp_mult") == 5.0, "what was stored is still in the history"
    await room.close()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "damaged"), ('{"values": 1, "sources": {}}', "damaged"),
        ('{"values": {}, "sources": {"speed": "operator"}}', "newer program (speed not known)"),
        ('{"values": {"tp_mult": 99.0}, "sources": {}}', "tp_mult is 99"),
    ],
)  # fmt: skip
async def test_a_row_that_cannot_be_read_is_told_and_skipped(tmp_path: Path, text: str, word: str) -> None:
    store = await Store.open(tmp_path / "tradetui.sqlite")
    good = msgspec.json.encode({"values": {"tp_mult": 4.0}, "sources": {"tp_mult": "operator"}}).decode()
    insert = "INSERT INTO thresholds VALUES (?, ?, 0)"
    rows = [(f"{VENUE}.{CATEGORY}:BTCUSDT", text), (f"{VENUE}.{CATEGORY}:DOGEUSDT", good), ("binanceXus.spot:A", text)]
    await store.run(lambda db: db.executemany(insert, rows))
    await store.close()
    desk = await Desk(await Room.open(tmp_path)).open()
    (told,) = desk.faults()
    assert "binance_us.spot:BTCUSDT" in told
    assert word in told
    assert desk.book.in_force("BTCUSDT").values == SPOT
    assert desk.value("tp_mult", "DOGEUSDT") == 4.0
    await desk.room.close()


async def test_a_damaged_set_in_the_history_is_stepped_over(desk: Desk) -> None:
    for value in ("4", "5", "6"):
        desk.edit("tp_mult", value)
    await desk.room.settle()
    damage = "UPDATE threshold_history SET in_force = '{' WHERE in_force LIKE '%\"tp_mult\":5.0%'"
    assert await desk.room.store.run(lambda db: db.execute(damage).rowcount) == 1
    new = await again(desk, T0 + 1000)
    new.revert()
    assert new.value("tp_mult") == 4.0
    assert "damaged" in new.faults()[0]
    await new.room.settle()
    last = await again(new, T0 + 2000)
    assert (last.value("tp_mult"), last.told().previous) == (4.0, 1)
    await last.room.close()


async def test_what_is_being_written_is_not_written_twice_when_its_writer_is_cancelled(desk: Desk) -> None:
    writing = asyncio.ensure_future(desk.book.set_calibrated("BTCUSDT", {"tp_mult": 5.0}, "calibration"))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await desk.room.settle()
    desk.edit("tp_mult", "6")
    await desk.room.settle()
    count = await desk.room.store.run(lambda db: db.execute("SELECT count(*) FROM threshold_history").fetchone()[0])
    assert count == 3


def test_defaults_of_the_struct_are_those_of_spot() -> None:
    assert Thresholds() == SPOT
