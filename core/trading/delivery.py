"""One request that places orders, from the wire to its answer: taken, refused for certain, or unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from core.clock import Clock
from core.settings_live import LiveSettings
from core.trading.authority import NotAuthorised, Permit
from core.trading.broker import NoAnswer, NotSent, Placed
from core.trading.evidence import Acknowledged, OutcomeUnknown, Refused, Reported, Unknown
from core.trading.records import OrderRecords
from core.venue import Rejected

Wire = Callable[[tuple[Permit, ...]], Awaitable[None]]
"""Does the request and hears what the answer tells; raises what the broker raises."""
Failed = Callable[[bool], None]
"""Hears that no order was placed: True for certain, False when nobody knows."""


def ignore(certain: bool) -> None:
    """Nothing else hangs on the request."""


def took(records: OrderRecords, client_id: str, placed: Placed, at_ms: int) -> None:
    """The venue answered that it has the order."""
    records.hear(Acknowledged(client_id=client_id, at_ms=at_ms, order_id=placed.order_id))
    for report in placed.reports:
        records.hear(Reported(client_id=client_id, at_ms=at_ms, report=report, channel="ANSWER"))


class Delivery:
    """`run` once. `settled` is done as soon as the outcome is known, or known to be unknown."""

    def __init__(
        self,
        clock: Clock,
        live: LiveSettings,
        records: OrderRecords,
        names: tuple[str, ...],
        wire: Wire,
        failed: Failed,
        settled: asyncio.Future[None],
    ) -> None:
        self._clock = clock
        self._live = live
        self._records = records
        self._names = names
        self._wire = wire
        self._failed = failed
        self._settled = settled

    async def run(self, permits: tuple[Permit, ...]) -> None:
        """The request, with the limit after which its outcome is unknown; a later answer still counts when it comes."""
        asking = asyncio.ensure_future(self._ask(permits))
        try:
            if not await answered(asking, self._clock, self._live.current.trading.answer_s):
                self._unknown("TIMEOUT", "no answer in time")
                self._settle()
            await asking
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
                if any(self._records.orders[name].state == "SENT" for name in self._names):
                    self._unknown("DISCONNECT", "the program ended before the answer came")
            self._settle()

    async def _ask(self, permits: tuple[Permit, ...]) -> None:
        try:
            await self._wire(permits)
        except Rejected as error:
            self._refused(str(error.code), str(error))
        except NotSent as error:
            self._refused(error.code, str(error))
        except NotAuthorised as error:
            self._refused("NOT_AUTHORISED", str(error))
        except NoAnswer as error:
            self._unknown(error.why, str(error))
        except Exception as error:  # bytes may have left: unknown, and the failure goes on to be counted and told
            self._unknown("UNREADABLE", f"{type(error).__name__}: {error}")
            raise

    def _refused(self, code: str, reason: str) -> None:
        for name in self._names:
            self._records.hear(Refused(client_id=name, at_ms=self._clock.now_ms(), code=code, reason=reason))
        self._failed(True)

    def _unknown(self, why: Unknown, text: str) -> None:
        for name in self._names:
            self._records.hear(OutcomeUnknown(client_id=name, at_ms=self._clock.now_ms(), why=why, text=text))
        self._failed(False)

    def _settle(self) -> None:
        if not self._settled.done():
            self._settled.set_result(None)


async def answered(asking: asyncio.Future[Any], clock: Clock, within_s: float) -> bool:
    """Wait for a request no longer than that; it goes on either way."""
    timer = asyncio.ensure_future(clock.sleep(within_s))
    try:
        await asyncio.wait((asking, timer), return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
        await asyncio.gather(timer, return_exceptions=True)
    return asking.done()
