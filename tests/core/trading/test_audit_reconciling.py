"""What an audit asked of reconciliation: a gap while everything is compared is not healed by that comparison."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

from core.trading.broker import AccountSnapshot, Features, VenuePosition
from core.trading.order import Fill
from core.venue import Retryable
from tests.core.risk.views import SYMBOL
from tests.core.trading.order_office import Office
from tests.core.trading.test_reconciler import Bench


async def test_a_gap_during_a_comparison_is_healed_by_the_next_one_alone(tmp_path: Path) -> None:
    office = await Office.open(tmp_path)
    bench = Bench(office)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> AccountSnapshot:
        asked.set()
        await answer.wait()
        return bench.account

    office.broker.snapshot = slow  # type: ignore[method-assign]
    try:
        bench.reconciler.on_stream("UP", "")
        office.start(bench.reconciler.run())
        await asked.wait()
        bench.reconciler.on_stream("DOWN", "cut")
        bench.reconciler.on_stream("UP", "")
        orders = office.broker.count("open_orders")
        answer.set()
        await office.until(lambda: "SYNCED" in bench.risk.said)
        assert office.broker.count("open_orders") > orders
    finally:
        await office.close()


class Desk:
    """As much of the trade desk as an adopted difference moves."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.fills: list[Fill] = []

    def verified(self, client_ids: object, at_ms: int) -> None:
        """Not looked at here."""

    def on_positions(self, positions: object) -> None:
        """Not looked at here."""

    def outside(self, symbol: str, fill: Fill, why: str) -> str:
        (trade_id,) = [one.trade_id for one in self.bench.book.positions.values()]
        self.fills.append(fill)
        self.bench.book.outside(trade_id, fill)
        return ""


async def differing(tmp_path: Path, *, perpetual: bool) -> tuple[Bench, Desk]:
    """10 are held by our fills."""
    office = await Office.open(tmp_path)
    bench = Bench(office)
    office.broker.features = Features(perpetual=perpetual)
    bench.risk.market = SimpleNamespace(best=lambda symbol: (Decimal(90), Decimal(91)))  # type: ignore[attr-defined]
    desk = Desk(bench)
    bench.reconciler._watcher = desk
    await office.bought("10")
    return bench, desk


def position(size: int) -> tuple[VenuePosition, ...]:
    return (VenuePosition(symbol=SYMBOL, size=Decimal(size), entry_price=Decimal(100)),)


async def test_a_position_that_was_liquidated_while_nobody_looked_can_be_adopted(tmp_path: Path) -> None:
    bench, desk = await differing(tmp_path, perpetual=True)
    try:
        bench.account = bench.of({}, position(4))
        await bench.compare_account()
        assert bench.reconciler.adopt(f"POSITION {SYMBOL}") == ""
        assert [(one.side, one.quantity, one.price) for one in desk.fills] == [("SELL", Decimal(6), Decimal(90))]
        await bench.compare_account()
        assert bench.told()[-1] == (f"POSITION {SYMBOL}", True)
    finally:
        await bench.office.close()


async def test_what_the_venue_holds_beyond_ours_is_not_adopted(tmp_path: Path) -> None:
    bench, desk = await differing(tmp_path, perpetual=True)
    try:
        for there in (12, -3):
            bench.account = bench.of({}, position(there))
            await bench.compare_account()
            assert "not ours" in bench.reconciler.adopt(f"POSITION {SYMBOL}")
        assert desk.fills == []
    finally:
        await bench.office.close()


async def test_coins_sold_elsewhere_leave_the_position_once_that_is_adopted(tmp_path: Path) -> None:
    bench, desk = await differing(tmp_path, perpetual=False)
    try:
        bench.account = bench.of({"USDT": Decimal(9_000), "BTC": Decimal(3)})
        await bench.compare_account()
        assert bench.reconciler.adopt("BALANCE BTC") == ""
        assert [one.quantity for one in desk.fills] == [Decimal(7)]
        await bench.compare_account()
        assert bench.told()[-1] == ("BALANCE BTC", True)
    finally:
        await bench.office.close()


async def test_a_busy_stranger_does_not_use_up_our_requests(tmp_path: Path) -> None:
    office = await Office.open(tmp_path)
    bench = Bench(office)
    try:
        bench.reconciler.on_stream("UP", "")
        office.start(bench.reconciler.run())
        for _ in range(300):
            bench.reconciler.hint()
            await office.clock.advance(0.1)
        assert office.broker.count("snapshot") <= 6
    finally:
        await office.close()


async def test_what_an_order_of_ours_may_have_filled_is_not_adopted_before_that_is_known(tmp_path: Path) -> None:
    bench, desk = await differing(tmp_path, perpetual=True)
    office = bench.office
    try:
        (parent,) = office.manager.orders
        submission = await office.manager.submit(office.exit(parent, "6"))
        assert submission.record is not None
        name = submission.record.client_id
        for kind in ("query", "trades"):
            office.broker.always(kind, error=Retryable("down"))
        office.broker.fill(name, "6")
        bench.account = bench.of({}, position(4))
        await bench.reconciler.compare_orders()
        await bench.compare_account()
        assert f"order {name} may have filled" in bench.reconciler.adopt(f"POSITION {SYMBOL}")
        assert desk.fills == []
        office.broker.heal()
        for _ in range(200):
            await office.clock.advance(0.5)
        assert office.state(name) == "FILLED"
        await bench.compare_account()
        assert bench.told()[-1] == (f"POSITION {SYMBOL}", True)
    finally:
        await bench.office.close()
