"""Halt and flatten: what one key does, what could not be done, by name.

A halt blocks entries in the same turn of the loop that hears it. Cancels follow, one per working entry, and are verified by
the order's own state. Protective stops stay. An entry whose outcome is unknown is never cancelled by guess: it is named.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from core.bus import Bus
from core.clock import Clock
from core.messages import HaltReport
from core.trading.manager import OrderManager
from core.trading.order_record import OrderRecord
from core.trading.states import DONE

SETTLE_S = 10.0
"""An entry that was on its way when the halt came is waited for so long, then named as not cancelled."""
LOOK_S = 0.05

log = logging.getLogger("tradetui.trading")


class Blocks(Protocol):
    """Who holds the trading state."""

    def halt(self, why: str) -> None:
        """HALTED from now on, latched."""


class Halting:
    """One account's halt."""

    def __init__(self, bus: Bus, clock: Clock, manager: OrderManager, risk: Blocks, stops: Callable[[], int]) -> None:
        self._bus = bus
        self._clock = clock
        self._manager = manager
        self._risk = risk
        self._stops = stops

    def block(self, why: str) -> HaltReport:
        """Block entries now; returns the report that `cancel_entries` goes on with."""
        asked_ms = self._clock.now_ms()
        self._risk.halt(why)
        broker = self._manager.broker
        report = HaltReport(
            venue=broker.venue,
            category=broker.category,
            why=why,
            asked_ms=asked_ms,
            blocked_ms=self._clock.now_ms(),
            waiting=tuple(record.client_id for record in self._entries()),
            stops_kept=self._stops(),
            at_ms=self._clock.now_ms(),
        )
        self._bus.publish(report)
        return report

    async def cancel_entries(self, report: HaltReport) -> HaltReport:
        """Cancel every entry that may fill and see each one end; publishes and returns the finished report."""
        cancelled, failed = await self.end_entries()
        done = replace(
            report,
            cancelled=cancelled,
            waiting=(),
            failed=tuple(failed.items()),
            stops_kept=self._stops(),
            done=True,
            at_ms=self._clock.now_ms(),
        )
        self._bus.publish(done)
        return done

    async def end_entries(self, within_s: float = SETTLE_S) -> tuple[tuple[str, ...], dict[str, str]]:
        """Cancel every entry that may fill: those proven to have ended, and why each other one is not."""
        failed: dict[str, str] = {}
        asked: set[str] = set()
        mine = {record.client_id: record for record in self._entries()}
        until = self._clock.monotonic() + within_s
        while self._clock.monotonic() < until:
            mine |= {record.client_id: record for record in self._entries()}
            ready = [record for record in self._entries() if record.may_cancel and record.client_id not in asked]
            asked |= {record.client_id for record in ready}
            await asyncio.gather(*(self._cancel(record, failed) for record in ready))
            if not any(self._waits(client_id, failed) for client_id in mine):
                break
            await self._clock.sleep(LOOK_S)
        for client_id in mine:
            if self._waits(client_id, failed):
                state = self._manager.orders[client_id].state
                why = (
                    "outcome unknown; the venue is being asked"
                    if state == "UNKNOWN"
                    else f"still {state} after {within_s:g} s"
                )
                failed[client_id] = why
        return tuple(name for name in mine if name not in failed and self._ended(name)), failed

    async def _cancel(self, record: OrderRecord, failed: dict[str, str]) -> None:
        answer = await self._manager.cancel(record.client_id)
        if answer.outcome == "REFUSED":
            failed[record.client_id] = f"{answer.code} {answer.text}".strip()

    def _entries(self) -> list[OrderRecord]:
        return [
            record for record in self._manager.orders.values() if record.intent.purpose == "ENTRY" and record.may_fill
        ]

    def _waits(self, client_id: str, failed: dict[str, str]) -> bool:
        return client_id not in failed and not self._ended(client_id)

    def _ended(self, client_id: str) -> bool:
        record = self._manager.orders.get(client_id)
        return record is None or record.state in DONE or record.state == "VOID"
