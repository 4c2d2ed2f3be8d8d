"""What an order can cost, as far as it is known: in money and as a share of the account, and what is left to this program."""

from __future__ import annotations

import math
from decimal import Decimal

from core.messages import Consequences, TicketStatus
from tui import format as fmt
from tui.desk import Desk
from tui.widgets.line_panel import Line
from tui.widgets.ticket_words import labelled, quote_of
from tui.widgets.trading_words import exact


def _share(desk: Desk, share: float, decimals: int = 2) -> str:
    """A share of one as unsigned percent; missing where it is not known."""
    return f"{share * 100:.{decimals}f} %" if math.isfinite(share) else desk.glyphs.missing


def _money(desk: Desk, ticket: TicketStatus, value: Decimal | None, *, loss: bool = False) -> str:
    known = None if value is None or not value.is_finite() else -abs(float(value)) if loss else float(value)
    return fmt.money(known, 2, quote_of(desk, ticket), signed=loss, glyphs=desk.glyphs)


def worst_lines(desk: Desk, ticket: TicketStatus, costs: Consequences | None, width: int) -> list[Line]:
    """The one line nobody may miss."""
    if costs is None:
        return labelled("worst", [(f"{desk.glyphs.missing}  not known yet", "warn")], width)
    fees = "" if costs.fees is None else f"fees of {fmt.money(float(costs.fees), 2, glyphs=desk.glyphs)} and "
    within = f", with {fees}slippage"
    runs: Line = [
        (_money(desk, ticket, costs.worst, loss=True), "price_down"),
        (f"   {_share(desk, costs.worst_share)} of equity", "bright"),
        (within, "dim"),
    ]
    return labelled("worst", runs, width)


def cost_lines(desk: Desk, ticket: TicketStatus, costs: Consequences | None, width: int) -> list[Line]:
    """What is at stake after it, and what a leap through the stop takes."""
    if costs is None:
        return []
    over = math.isfinite(costs.heat_share) and costs.heat_share > costs.heat_limit
    after: Line = [
        ("exposure ", "dim"),
        (f"{_money(desk, ticket, costs.exposure)}, {_share(desk, costs.exposure_share, 1)}", "text"),
        ("   heat ", "dim"),
        (_share(desk, costs.heat_share, 1), "danger" if over else "text"),
        (f" of {_share(desk, costs.heat_limit, 1)}", "text"),
    ]
    gap: Line = [
        (_money(desk, ticket, costs.gap, loss=True), "price_down"),
        (f"   if the price leaps {_share(desk, costs.gap_share, 0)} through the stop", "dim"),
    ]
    return [*labelled("after", after, width), *labelled("gap", gap, width)]


def liquidation_lines(desk: Desk, ticket: TicketStatus, costs: Consequences | None, width: int) -> list[Line]:
    """Where the venue closes it by force; on spot nowhere."""
    if costs is None:
        return []
    return labelled("liquidated", _liquidation(desk, ticket, costs), width)


def _liquidation(desk: Desk, ticket: TicketStatus, costs: Consequences) -> Line:
    if ticket.category == "spot":
        return [("never: ", "text"), ("on spot nothing is closed by force", "dim")]
    if costs.liquidation is None or not costs.liquidation:
        return [(f"{desk.glyphs.missing}  not known", "warn")]
    near = float(ticket.entry) or ticket.reviewed_price
    away = abs(float(costs.liquidation) / near - 1) if near and math.isfinite(near) else math.nan
    return [(exact(costs.liquidation, desk.glyphs), "bright"), (f"   {_share(desk, away, 1)} away", "text")]
