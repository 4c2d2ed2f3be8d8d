"""What an audit asked of halts: an entry that waits before the wire must not leave after the key was pressed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.trading.authority import Permit
from core.trading.broker import Placed
from core.trading.order import OrderSpec
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
