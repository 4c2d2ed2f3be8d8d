"""How the order path is told: amounts, states, and what protects a position, each as text with its look."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation

from core.messages import AccountStatus, Listing, OrderState, OrderStatus, PositionStatus, StopTruth, TradingState
from tui.desk import Desk
from tui.format import HIDDEN, LOOKS, age, fixed, guess_decimals, money, signed, tick_decimals
from tui.glyphs import Glyphs
from tui.trading_store import ENDED
from tui.widgets.line_panel import Line

STATE_WORDS: dict[OrderState, str] = {"CANCEL_PENDING": "CANCELLING", "FAILED_CONFIRMED": "NEVER ARRIVED"}
STATE_LOOKS: dict[OrderState, str] = {
    "UNKNOWN": "danger", "WORKING": "bright", "PARTIAL": "accent", "CANCEL_PENDING": "warn", "SENT": "warn",
    "INTENT": "warn", "REJECTED": "warn", "FAILED_CONFIRMED": "warn", "FILLED": "text",
}  # fmt: skip
TRADING_LOOKS: dict[TradingState, str] = {"ACTIVE": "text", "REDUCING": "warn", "HALTED": "danger"}
PURPOSE_WORDS = {"ENTRY": "entry", "PROTECTION": "protects", "EXIT": "exit"}
KIND_WORDS = {
    "STOP_LOSS": "stop", "STOP_LOSS_LIMIT": "stop limit", "TAKE_PROFIT": "target", "TAKE_PROFIT_LIMIT": "target limit",
}  # fmt: skip
POLICY_WORDS = {
    "close": "market exit",
    "hold": "held open",
    "closing": "being closed at the market",
    "waits": "waits until it trades",
}
"""What follows when a position stays naked."""


def amount(value: Decimal | None, glyphs: Glyphs) -> str:
    """A quantity of the operator's own, as exact as it came; hidden in private mode."""
    return HIDDEN if LOOKS.private and value is not None else exact(value, glyphs)


def balance(value: Decimal, glyphs: Glyphs) -> str:
    """An amount of the account: venues tell it with zeros behind it that mean nothing."""
    return amount(value.normalize(), glyphs)


def exact(value: Decimal | None, glyphs: Glyphs) -> str:
    """`1,402.50`: every digit it came with, thousands separated. Zero and none are missing."""
    if value is None or not value.is_finite() or value == 0:
        return glyphs.missing
    text = f"{value:,f}"
    return text.replace("-", glyphs.minus, 1)


def stepped(value: Decimal, step: str) -> Decimal:
    """The same number with the decimals of its step; one that is off the step, or whose step is not known, keeps its own.

    Zeros at the end of those mean nothing: a size less a fee has as many decimals as the fee.
    """
    if not value.is_finite() or value == 0:
        return value
    try:
        place = Decimal(step).normalize()
        found = value.quantize(place if place < 1 else Decimal(1))
    except InvalidOperation:
        return value
    return found if found == value else value.normalize()


def price_of(desk: Desk, symbol: str, value: Decimal | None) -> str:
    """A price as it was written, with the decimals of the symbol's tick."""
    listing = _listing(desk, symbol)
    return exact(stepped(value, listing.tick_size) if value is not None and listing else value, desk.glyphs)


def plain_price(desk: Desk, symbol: str, value: Decimal) -> str:
    """The same to be typed over: no thousands."""
    listing = _listing(desk, symbol)
    return f"{stepped(value, listing.tick_size) if listing else value:f}"


def size_of(desk: Desk, symbol: str, value: Decimal | None) -> str:
    """A quantity of the operator's own, without noughts behind the decimals of its lot; hidden in private mode."""
    listing = _listing(desk, symbol)
    cut = stepped(value, listing.lot_size) if value is not None and listing else value
    return amount(
        cut if cut is not None and value is not None and len(f"{cut:f}") < len(f"{value:f}") else value, desk.glyphs
    )


def _listing(desk: Desk, symbol: str) -> Listing | None:
    row = desk.store.rows.get(symbol)
    return row.listing if row is not None else None


def price_text(desk: Desk, symbol: str, value: float) -> str:
    """A price on the symbol's tick, missing while unknown."""
    listing = _listing(desk, symbol)
    decimals = tick_decimals(listing.tick_size) if listing is not None else guess_decimals(value)
    return fixed(value if value and math.isfinite(value) else None, decimals, glyphs=desk.glyphs)


def base_of(desk: Desk, symbol: str) -> str:
    """The asset a symbol trades, empty while the venue's list is not known."""
    row = desk.store.rows.get(symbol)
    return row.listing.base if row is not None and row.listing is not None else ""


def lot_of(desk: Desk, symbol: str) -> Decimal:
    """The venue's smallest step of a quantity, 0 while its list is not known."""
    row = desk.store.rows.get(symbol)
    return Decimal(row.listing.lot_size) if row is not None and row.listing is not None else Decimal(0)


def position_run(desk: Desk, position: PositionStatus) -> Line:
    """A position in one line: side, size, where from, where it is now, and what that comes to."""
    symbol, glyphs = position.symbol, desk.glyphs
    look = "price_up" if position.result > 0 else "price_down" if position.result < 0 else "text"
    return [
        (f"{side_word(position)} {size_of(desk, symbol, position.quantity)} {symbol}", "bright"),
        (f" from {price_text(desk, symbol, float(position.entry_price))}", "text"),
        (f", now {price_text(desk, symbol, position.price)}", "text"),
        (f"  {money(position.result, 2, signed=True, glyphs=glyphs)}", look),
        (f"  {signed(position.r_multiple, 2, glyphs=glyphs)} R", look),
    ]


def side_word(position: PositionStatus) -> str:
    """long or short."""
    return "long" if position.side == "BUY" else "short"


def state_run(order: OrderStatus) -> tuple[str, str]:
    """The state of an order in a word, and its look."""
    if order.quarantine:
        return "QUARANTINE", "danger"
    look = STATE_LOOKS.get(order.state, "dim" if order.state in ENDED else "text")
    return STATE_WORDS.get(order.state, order.state), look


def kind_word(order: OrderStatus) -> str:
    """limit, market, stop limit."""
    return KIND_WORDS.get(order.kind, order.kind.lower().replace("_", " "))


def why(order: OrderStatus) -> str:
    """Why an order ended, or why it needs somebody; empty when there is nothing to say."""
    if order.quarantine:
        return f"{order.quarantine}: nothing is done with it until it is resolved"
    return order.reason or ("nobody knows what became of it" if order.state == "UNKNOWN" else "")


def is_stale(stop: StopTruth, now_ms: int, limit_s: float) -> bool:
    """Whether the venue has not shown it for too long, whatever the message says."""
    return stop.state == "UNVERIFIED" or (now_ms - stop.verified_ms) / 1000 > limit_s


def stop_runs(desk: Desk, position: PositionStatus, now_ms: int) -> Line:
    """What protects a position: first the price or the danger, then how far it is and its id."""
    stop, glyphs = position.stop, desk.glyphs
    left_s = max(0, math.ceil((stop.deadline_ms - now_ms) / 1000)) if stop.deadline_ms else None
    in_time = f" in {left_s} s" if left_s is not None else ""
    if stop.state == "NAKED":
        then = POLICY_WORDS.get(stop.policy, stop.policy)
        line: Line = [(f"NAKED{': ' if then else ''}{then}{in_time}", "danger")]
        return [*line, (f"  {stop.text.partition(':')[0]}", "danger")] if stop.text else line
    if stop.state == "PLACING":
        return [(f"being placed{in_time}", "warn")]
    if stop.state == "NONE":
        return [(stop.text or glyphs.missing, "dim")]
    shown = price_of(desk, position.symbol, stop.price)
    stale = is_stale(stop, now_ms, float(desk.setting("trading.stop_age_s")))
    line = [(f"{glyphs.stale} {shown}" if stale else shown, "stale" if stale else "bright")]
    if not stop.covered:
        return [*line, (f"  covers only {size_of(desk, position.symbol, stop.quantity)}", "danger")]
    if stop.deadline_ms:
        return [*line, (f"  MET: {POLICY_WORDS.get(stop.policy, stop.policy)}{in_time}", "danger")]
    line.append((f"  qty {glyphs.yes}", "dim" if stale else "price_up"))
    if math.isfinite(stop.distance):
        line.append((f"  {stop.distance:.1f} %", "dim"))
    if stop.trigger_by == "MARK":
        line.append(("  on mark", "dim"))
    return [*line, (f"  id {stop.order_id}", "dim")] if stop.order_id else line


def verified_run(desk: Desk, position: PositionStatus, now_ms: int) -> tuple[str, str]:
    """How long ago the venue showed the stop."""
    stop, glyphs = position.stop, desk.glyphs
    if stop.state == "NAKED":
        return glyphs.no, "danger"
    if stop.state not in ("VERIFIED", "UNVERIFIED") or not stop.verified_ms:
        return glyphs.missing, "dim"
    stale = is_stale(stop, now_ms, float(desk.setting("trading.stop_age_s")))
    text = age((now_ms - stop.verified_ms) / 1000, glyphs=glyphs)
    return (f"{glyphs.stale} {text}", "stale") if stale else (f"{text} ago", "text")


def targets_word(position: PositionStatus, glyphs: Glyphs) -> str:
    """`1 of 3`; marked when they are kept by the program."""
    if not position.targets:
        return glyphs.missing
    reached = sum(done for _, _, done in position.targets)
    return f"{reached} of {len(position.targets)}{'' if position.targets_at_venue else ' (own)'}"


def mode_runs(account: AccountStatus) -> Line:
    """Whose money it is: PAPER, or LIVE with where the orders go."""
    if account.mode == "PAPER":
        return [("PAPER", "paper")]
    place = "" if account.host_kind == "LIVE DATA" else f" {account.host_kind}"
    return [(f"LIVE{place}", "live")]


def counted(number: int, one: str, many: str = "") -> str:
    """`1 order`, `2 orders`."""
    return f"{number} {one}" if number == 1 else f"{number} {many or one + 's'}"
