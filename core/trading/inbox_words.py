"""How fills, ends of trades and halts are worded in the inbox."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Context, Decimal

from core.messages import HaltReport, OrderStatus, Severity, Side

NAMED = 3
FIGURES = Context(prec=8)
"""An average price needs no more."""


@dataclass(slots=True)
class Filled:
    """What is known of an order's fills. `value` is in quote; `wanted` 0: not known. `result`: what came of them, in words;
    `over`: that is the end of the trade. `parent`: the trade an exit belongs to.
    """

    symbol: str
    side: Side
    quantity: Decimal
    value: Decimal
    wanted: Decimal
    what: str
    parent: str
    result: str = ""
    over: bool = False

    @property
    def severity(self) -> Severity:
        """A stop is worth a second look."""
        return "warning" if self.what == "stop" else "info"

    def text(self) -> str:
        """`sold 3.28 SOLUSDT at 150.88, stop; trade over: −1.03 R, −4.92 USDT`."""
        done = "bought" if self.side == "BUY" else "sold"
        price = FIGURES.divide(self.value, self.quantity) if self.quantity else Decimal(0)
        part = f", {plain(self.quantity)} of {plain(self.wanted)}" if self.quantity < self.wanted else ""
        what = f", {self.what}" if self.what else ""
        result = f"; {self.result}" if self.result else ""
        return f"{done} {plain(self.quantity)} {self.symbol} at {plain(price)}{what}{part}{result}"


def purpose_word(order: OrderStatus) -> str:
    """What an order is for: entry, stop, target or exit."""
    if order.purpose == "ENTRY":
        return "entry"
    if order.purpose == "PROTECTION" and order.stop_price and "TAKE_PROFIT" not in order.kind:
        return "stop"
    return "target" if order.purpose == "PROTECTION" or order.price or order.stop_price else "exit"


def over_words(why: str, what: str, r_multiple: float, result: Decimal, asset: str) -> str:
    """`trade over, trail: −1.03 R, −4.92 USDT`; why is left out where the order itself (`what`) says it."""
    word = why.lower().replace("_", " ")
    return f"trade over{f', {word}' if word != what else ''}: {_gain(result, r_multiple, asset)}"


def gain_words(gain: Decimal, r_multiple: float, asset: str) -> str:
    """`+0.80 R, +3.80 USDT before fees`; R is left out while the risk is not known."""
    return f"{_gain(gain, r_multiple, asset)} before fees"


def halt_words(report: HaltReport) -> str:
    """Who halted, and what came of the cancels."""
    said = f"HALTED ({report.why}): no new entries"
    if report.cancelled:
        said += f"; {len(report.cancelled)} cancelled"
    if report.waiting and not report.done:
        said += f"; {len(report.waiting)} being cancelled"
    if report.stops_kept:
        said += f"; {report.stops_kept} stops kept"
    left = [f"{name} ({why})" for name, why in report.failed]
    left += [f"{name} (not proven)" for name in report.waiting] if report.done else []
    if left:
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        said += f"; not cancelled: {', '.join(left[:NAMED])}{more}; look at them on the orders screen"
    return said


def plain(value: Decimal) -> str:
    """Every digit that means something, no exponent."""
    return f"{value.normalize():f}".replace("-", "−")


def _gain(gain: Decimal, r_multiple: float, asset: str) -> str:
    money = f"{gain.quantize(Decimal('0.01')):+f}".replace("-", "−") + (f" {asset}" if asset else "")
    if not math.isfinite(r_multiple):
        return money
    return f"{r_multiple:+.2f} R, ".replace("-", "−") + money
