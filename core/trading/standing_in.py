"""An entry that another one stands in for: cancelled first, and its end proven by the venue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.clock import Clock
from core.risk.verdict import written
from core.trading.order import ZERO
from core.trading.states import DONE

if TYPE_CHECKING:
    from core.trading.desk import TradingDesk

END_S = 10.0
"""So long the proof may take."""
LOOK_S = 0.05


async def end_entry(desk: TradingDesk, clock: Clock, client_id: str, symbol: str) -> str:
    """Cancel it and wait until the venue says it ended, without a fill. Words: it did not, and nothing may take its place."""
    answer = await desk.manager.cancel(client_id)
    until = clock.monotonic() + END_S
    while clock.monotonic() < until and not _over(desk, client_id, symbol):
        await clock.sleep(LOOK_S)
    record = desk.manager.orders.get(client_id)
    if record is None or record.filled > ZERO:
        filled = f"has filled {written(record.filled)}" if record is not None else "is not known any more"
        return f"order {client_id} {filled}: nothing was sent in its place; look after the position"
    if _over(desk, client_id, symbol):
        return ""
    state, said = f"{record.state} {record.quarantine}".strip(), f"{answer.code} {answer.text}".strip()
    unproven = f"order {client_id} is {state} and could not be proven to have ended"
    return f"{unproven}{f' ({said})' if said else ''}: nothing was sent in its place"


def _over(desk: TradingDesk, client_id: str, symbol: str) -> bool:
    """The venue says it ended without a fill, and its trade is off the desk."""
    record = desk.manager.orders.get(client_id)
    if record is None or record.state not in DONE or record.quarantine or record.filled > ZERO:
        return False
    return symbol not in desk.trades.planned()
