"""What is compared with the venue, what follows from a difference, and what a halt does: on the real manager and journal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.messages import Discrepancy, HaltReport, Replay, TradingState
from core.trading.broker import AccountSnapshot, Features, VenueBalance, VenuePosition
from core.trading.client_ids import ClientIds
from core.trading.evidence import Effect, NewFill
from core.trading.halting import Halting
from core.trading.order import Fill, OrderSpec
from core.trading.order_record import OrderRecord
from core.trading.position_book import PositionBook
from core.trading.reconciler import GRACE_MS, Reconciler
from core.venue import Retryable
from tests.core.risk.views import SYMBOL
from tests.core.trading.fake_broker import FakeBroker
from tests.core.trading.order_office import Office

D = Decimal
BASE = "BTC"


class Risk:
    """What the reconciler and a halt tell."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.snapshots: list[AccountSnapshot] = []

    def tighten(self, to: TradingState, cause: str) -> None:
        self.said.append(f"{to}: {cause}")

    def settle(self, cause: str) -> None:
        self.said.append(f"settled: {cause}")

    def on_stream(self, state: str) -> None:
        self.said.append(state)

    def on_snapshot(self, snapshot: AccountSnapshot) -> None:
        self.snapshots.append(snapshot)

    def on_account(self, balances: object, positions: object) -> None:
        self.said.append("account")

    def halt(self, why: str) -> None:
        self.said.append(f"HALTED: {why}")


class Watcher:
    def __init__(self) -> None:
        self.seen: list[tuple[list[str], int]] = []

    def verified(self, client_ids: Iterable[str], at_ms: int) -> None:
        self.seen.append((list(client_ids), at_ms))

    def on_positions(self, positions: tuple[VenuePosition, ...]) -> None:
        """Not looked at here."""

    def outside(self, symbol: str, fill: Fill, why: str) -> str:
        return "nothing is held here"


class Bench:
    """An office with a reconciler beside it; `account` is what the venue's next snapshot tells."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.risk, self.watcher = Risk(), Watcher()
        self.book = PositionBook(lambda symbol: office.gates.instrument)
        self.account = self.of({"USDT": D(10_000)})
        broker = office.broker
        broker.snapshot = self.snapshot  # type: ignore[method-assign]
        risk: Any = self.risk
        self.reconciler = Reconciler(
            office.bus, office.clock, office.live, broker, office.manager, self.book, risk, self.watcher,
            lambda symbol: office.gates.instrument,
        )  # fmt: skip
        office.manager.observe(self.on_effect)

    @staticmethod
    def of(balances: dict[str, Decimal], positions: tuple[VenuePosition, ...] = ()) -> AccountSnapshot:
        return AccountSnapshot(
            at_ms=0, balances={asset: VenueBalance(amount) for asset, amount in balances.items()}, positions=positions
        )

    async def snapshot(self) -> AccountSnapshot:
        self.office.broker.calls.append(("snapshot", ""))
        return self.account

    def on_effect(self, record: OrderRecord, effect: Effect) -> None:
        if isinstance(effect, NewFill):
            self.book.apply(record)
            self.reconciler.on_fill(record, effect.fill)

    async def compare_account(self) -> None:
        """With its second look, however long that waits."""
        task = self.office.start(self.reconciler.compare_account())
        while not task.done():
            await self.office.clock.advance(0.5)
        await task

    def told(self) -> list[tuple[str, bool]]:
        return [(one.key, one.settled) for one in self.office.heard(Discrepancy)]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    office = await Office.open(tmp_path)
    yield Bench(office)
    await office.close()


async def test_what_the_venue_lists_is_evidence_and_proof_of_stops(bench: Bench) -> None:
    office = bench.office
    name = await office.working()
    office.broker.held[name] = replace(office.broker.held[name], filled=D(4), status="PARTIALLY_FILLED")
    await bench.reconciler.compare_orders()
    assert office.record(name).filled == D(4)
    assert bench.watcher.seen == [([name], office.clock.now_ms())]
    assert bench.told() == []


async def test_an_order_that_is_not_listed_is_asked_about_once_it_is_not_young(bench: Bench) -> None:
    office = bench.office
    name = await office.working()
    office.broker.held[name] = replace(office.broker.held[name], status="CANCELED")
    queries = office.broker.count("query")
    await bench.reconciler.compare_orders()
    assert office.broker.count("query") == queries
    office.clock.set_ms(office.clock.now_ms() + GRACE_MS)
    await bench.reconciler.compare_orders()
    await office.until(lambda: office.state(name) == "CANCELLED")


async def test_foreign_orders_are_shown_and_reduce_and_are_never_touched(bench: Bench) -> None:
    office = bench.office
    website = OrderSpec(client_id="web_1", symbol=SYMBOL, side="BUY", type="LIMIT", quantity=D(3), price=D(90))
    other_host = replace(website, client_id=ClientIds().next(office.clock.now_ms()))
    office.broker.appears(website)
    office.broker.appears(other_host)
    await bench.reconciler.compare_orders()
    kinds = {one.kind: one.text for one in office.heard(Discrepancy)}
    assert set(kinds) == {"FOREIGN_ORDER", "UNKNOWN_ORDER"}
    assert "second host" in kinds["UNKNOWN_ORDER"]
    assert [said.split(":")[0] for said in bench.risk.said] == ["REDUCING", "REDUCING"]
    assert office.broker.count("cancel") == 0
    office.broker.ends("web_1")
    office.broker.ends(other_host.client_id)
    await bench.reconciler.compare_orders()
    assert sorted(settled for _, settled in bench.told()) == [False, False, True, True]
    assert [said.split(":")[0] for said in bench.risk.said[2:]] == ["settled", "settled"]


async def test_balances_that_went_another_way_are_named_after_a_second_look(bench: Bench) -> None:
    await bench.compare_account()
    assert bench.told() == []
    bench.account = bench.of({"USDT": D(9_000)})
    await bench.compare_account()
    (told,) = bench.office.heard(Discrepancy)
    assert (told.kind, told.ours, told.venues) == ("BALANCE", "10000", "9000")
    assert bench.office.broker.count("snapshot") == 3
    assert bench.reconciler.adopt(told.key) == ""
    await bench.compare_account()
    assert bench.told() == [("BALANCE USDT", False), ("BALANCE USDT", True)]
    assert "no discrepancy" in bench.reconciler.adopt(told.key)


async def test_a_difference_that_is_gone_at_the_second_look_was_none(bench: Bench) -> None:
    await bench.compare_account()
    right, wrong = bench.account, bench.of({"USDT": D(9_000)})
    answers = [wrong, right]

    async def snapshot() -> AccountSnapshot:
        return answers.pop(0) if answers else right

    bench.office.broker.snapshot = snapshot  # type: ignore[method-assign]
    await bench.compare_account()
    assert bench.told() == []


async def test_our_own_fills_are_no_difference_and_missing_coins_are(bench: Bench) -> None:
    await bench.compare_account()
    await bench.office.bought("10")
    bench.account = bench.of({"USDT": D(9_000), BASE: D(10), "BNB": D("-0.01")})
    await bench.compare_account()
    assert bench.told() == []
    bench.account = bench.of({"USDT": D(9_000), BASE: D(4), "BNB": D("-0.01")})
    await bench.compare_account()
    (told,) = bench.office.heard(Discrepancy)
    assert (told.ours, told.venues) == ("10", "4")
    assert "sold or moved elsewhere" in told.text


async def test_perpetual_positions_are_compared_and_cannot_be_adopted(tmp_path: Path) -> None:
    probe = await Office.open(tmp_path / "a")
    broker = FakeBroker(probe.clock, Features(perpetual=True, amend=True, stop_market=True))
    await probe.close()
    office = await Office.open(tmp_path / "b", broker)
    bench = Bench(office)
    await office.bought("10")
    bench.account = bench.of({"USDT": D(1)}, (VenuePosition(symbol=SYMBOL, size=D(10)),))
    await bench.compare_account()
    assert bench.told() == []
    bench.account = bench.of(
        {"USDT": D(1)}, (VenuePosition(symbol=SYMBOL, size=D(7)), VenuePosition(symbol="X", size=D(-2)))
    )
    await bench.compare_account()
    assert bench.told() == [(f"POSITION {SYMBOL}", False), ("POSITION X", False)]
    assert "cannot be adopted" in bench.reconciler.adopt("POSITION X")
    await office.close()


async def test_after_a_gap_everything_is_compared_before_the_stream_counts_as_synced(bench: Bench) -> None:
    office = bench.office
    office.start(bench.reconciler.run())
    await office.clock.advance(1.0)
    assert bench.reconciler.settled_ms > 0
    assert bench.risk.said == []  # the stream was never up
    bench.reconciler.on_stream("UP", "")
    await office.clock.advance(1.0)
    assert bench.risk.said == ["GAP", "SYNCED"]
    bench.reconciler.on_stream("DOWN", "cut")
    office.broker.always("open_orders", error=Retryable("down"))
    bench.reconciler.on_stream("UP", "")
    await office.clock.advance(8.0)
    assert bench.risk.said[2:] == ["DOWN", "GAP"]
    office.broker.heal()
    await office.clock.advance(30.0)
    assert bench.risk.said[-1] == "SYNCED"


async def test_a_late_screen_hears_what_stands(bench: Bench) -> None:
    website = OrderSpec(client_id="web_1", symbol=SYMBOL, side="BUY", type="LIMIT", quantity=D(3), price=D(90))
    bench.office.broker.appears(website)
    await bench.reconciler.compare_orders()
    bench.office.bus.publish(Replay())
    assert bench.told() == [("FOREIGN_ORDER v1", False)] * 2


async def test_a_halt_blocks_at_once_cancels_entries_keeps_stops_and_names_what_is_unknown(bench: Bench) -> None:
    office = bench.office
    first = await office.bought("10")
    stop = (await office.manager.submit(office.stop(first, "10"))).record
    assert stop is not None
    second = await office.working(price=D("99.9"))
    office.broker.always("place", error=Retryable("never"))
    halting = Halting(office.bus, office.clock, office.manager, bench.risk, lambda: 1)
    report = halting.block("test")
    assert bench.risk.said[-1] == "HALTED: test"
    assert report.waiting == (second,)
    work = office.start(halting.cancel_entries(report))
    while not work.done():
        await office.clock.advance(0.5)
    done = office.heard(HaltReport)[-1]
    assert (done.done, done.cancelled, done.failed, done.stops_kept) == (True, (second,), (), 1)
    assert office.state(stop.client_id) == "WORKING"
    assert office.state(second) == "CANCELLED"


async def test_a_halt_names_the_entry_whose_cancel_brought_no_proof(bench: Bench) -> None:
    office = bench.office
    name = await office.working()
    office.broker.always("cancel", error=Retryable("503"), carried_out=False)
    halting = Halting(office.bus, office.clock, office.manager, bench.risk, lambda: 0)
    work = office.start(halting.cancel_entries(halting.block("test")))
    while not work.done():
        await office.clock.advance(1.0)
    (failed,) = office.heard(HaltReport)[-1].failed
    assert failed[0] == name
    assert failed[1]
