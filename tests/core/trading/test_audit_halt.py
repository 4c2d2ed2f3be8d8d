"""What an audit asked of halts: an entry that waits before the wire must not leave after the key was pressed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.trading.authority import Permit
from core.trading.broker import Features, Placed
from core.trading.order import OrderSpec
from core.trading.trade import Trade
from core.trading.trade_desk import TradeDesk
from core.trading.venue_features import BINANCE_US_SPOT, BYBIT_LINEAR, BYBIT_SPOT
from tests.core.trading.fake_manager import Case
from tests.core.trading.market import d
from tests.core.trading.order_office import Office


@pytest.mark.parametrize(
    ("fact", "value"), [("session__state", "HALTED"), ("session__state", "REDUCING"), ("session__armed", False)]
)
async def test_an_entry_that_waits_for_the_rate_budget_is_not_sent_after_a_halt(
    tmp_path: Path, fact: str, value: Any
) -> None:
    office = await Office.open(tmp_path)
    waiting, go = asyncio.Event(), asyncio.Event()
    place = office.broker.place

    async def queued(permit: Permit, spec: OrderSpec, *, safety: bool = False) -> Placed:
        waiting.set()
        await go.wait()
        return await place(permit, spec, safety=safety)

    office.broker.place = queued  # type: ignore[method-assign]
    try:
        draft = office.entry()
        sending = office.start(office.manager.submit(draft, office.confirm(draft)))
        await waiting.wait()
        office.gates.facts = {fact: value}
        go.set()
        await sending
        assert office.broker.held == {}
        assert office.state(draft.spec.client_id) == "REJECTED"
        assert "NOT_AUTHORISED" in (office.record(draft.spec.client_id).refusal or "")
    finally:
        await office.close()


class Halted(Case):
    """A desk that is told of halts."""

    state_is = "ACTIVE"

    def make_desk(self) -> TradeDesk:
        desk = super().make_desk()

        async def refresh() -> None:
            self.refreshed += 1

        desk.use(refresh, lambda: self.state_is == "HALTED")
        return desk


@pytest.mark.parametrize(
    "features", [BINANCE_US_SPOT, BYBIT_SPOT, BYBIT_LINEAR], ids=["binance_us", "bybit_spot", "linear"]
)
async def test_an_entry_that_comes_to_light_after_a_halt_is_cancelled(features: Features) -> None:
    """A halt never cancels what is unknown by guess; when the venue shows it at last, it must not stay."""
    case = Halted(features)
    async with case.running():
        case.manager.silent = 1
        entry = await case.enter()
        case.quote(100)
        case.state_is = "HALTED"
        await case.pass_time(30)
        assert case.manager.acts == []
        case.manager.report(entry, "NEW")
        await case.pass_time(1)
        assert case.manager.orders[entry].state == "CANCELLED"


async def test_a_halt_leaves_the_stop_alone_where_the_program_keeps_the_targets() -> None:
    """A sale that the gates would deny must not have its coins taken from behind the stop first."""
    case = Halted(BYBIT_SPOT, trail_after_r=0.0)
    async with case.running():
        await case.held()
        case.manager.acts.clear()
        case.state_is = "HALTED"
        case.quote(106)
        await case.pass_time(90)
        assert case.manager.acts == []
        assert case.truth.quantity == d(1)
        case.state_is = "ACTIVE"
        case.quote(106)
        await case.pass_time(2)
        assert any(act.startswith("place MARKET") for act in case.manager.acts)


async def test_a_position_that_cannot_be_shown_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(BINANCE_US_SPOT)
    async with case.running():
        await case.held()
        shown = case.desk._teller.position

        def fails(trade: Trade) -> None:
            raise RuntimeError("no picture")

        monkeypatch.setattr(case.desk._teller, "position", fails)
        await case.pass_time(2)
        assert "TRADE_FAILED" in case.alarms
        monkeypatch.setattr(case.desk._teller, "position", shown)
        case.quote(94)
        await case.pass_time(8)
        assert "STOP_UNFILLED" in case.alarms
