"""How much to trade: the smallest of what the stop, volatility, Kelly, liquidity and exposure allow, times the throttle.

Formulas: methods sheet 9. Fees and slippage are paid on the notional both ways: at a near stop they are a fifth of the
risk. Everything is `Decimal`; the quantity is cut down to the venue's lot and never rounded up.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Literal

from msgspec import Struct

from core.messages import Side
from core.risk.position_math import sign
from core.trading.order import ZERO
from core.venue import Instrument

CapCode = Literal[
    "RISK", "VOLATILITY", "KELLY", "DEPTH", "VOLUME", "ORDER_EXPOSURE", "SYMBOL_EXPOSURE", "TOTAL_EXPOSURE", "BALANCE",
    "VENUE_MAX",
]  # fmt: skip
MOST_RISK = Decimal("0.02")
"""No setting may risk more of the equity on one trade."""
KELLY_SHARE = Decimal("0.25")
ONE = Decimal(1)


class SizingInputs(Struct, frozen=True, kw_only=True):
    """What a size is made of. Money in the quote currency, quantities in the base asset, costs as shares of the notional.

    `risk_share` of `equity` may be lost at the stop. `entry_cost` and `exit_cost` are fee and slippage of each way;
    `multiplier` the contract's worth. `probability` is the lower 80 % bound of p, `payoff` average win over average loss,
    net. `volatility` and `volatility_target` are annual shares, `leverage` caps their quotient. `depth` is what rests
    within 10 bp on the side taken from, `minute_volume` the one-minute volume; `depth_share` and `volume_share` are what
    may be taken of them. `order_room`, `symbol_room`, `total_room` and `balance` are money that is left. `throttle` is
    the drawdown's.
    """

    side: Side
    instrument: Instrument
    market: bool
    entry: Decimal
    stop: Decimal
    equity: Decimal
    risk_share: Decimal
    entry_cost: Decimal
    exit_cost: Decimal
    multiplier: Decimal = ONE
    probability: float
    payoff: float
    volatility: Decimal
    volatility_target: Decimal
    leverage: Decimal
    depth: Decimal
    depth_share: Decimal
    minute_volume: Decimal
    volume_share: Decimal
    order_room: Decimal
    symbol_room: Decimal
    total_room: Decimal
    balance: Decimal
    throttle: Decimal


class Cap(Struct, frozen=True):
    """One cap's figure: the most it would allow before the throttle, in the base asset, off the lot."""

    code: CapCode
    quantity: Decimal


class Size(Struct, frozen=True, kw_only=True):
    """The quantity on the lot, which cap bound it (None: none could, as while trading is halted), and every cap's figure.

    `risk` is what it loses at the stop, costs included. `refused` says why the quantity is 0; empty: it is not.
    """

    quantity: Decimal
    bound: CapCode | None
    caps: tuple[Cap, ...]
    loss_per_unit: Decimal
    risk: Decimal
    refused: str = ""


def loss_per_unit(
    entry: Decimal, stop: Decimal, entry_cost: Decimal, exit_cost: Decimal, multiplier: Decimal = ONE
) -> Decimal:
    """What one unit loses at the stop: the way to it, plus costs of both ways on what they trade."""
    return (abs(entry - stop) + entry_cost * entry + exit_cost * stop) * multiplier


def kelly(probability: float, payoff: float) -> Decimal:
    """f* = p - (1 - p) / b, the share of the capital to risk (Kelly, 1956). Use a quarter of it at the lower bound of p.

    NaN when p is no probability or b is not above 0.
    """
    if not (0.0 <= probability <= 1.0 and 0.0 < payoff < math.inf):
        return Decimal("NaN")
    p, b = Decimal(repr(float(probability))), Decimal(repr(float(payoff)))
    return p - (ONE - p) / b


def size(inputs: SizingInputs) -> Size:
    """The size these inputs allow. Refuses, in words, on a missing or impossible number; raises nothing."""
    wrong = _problem(inputs)
    if wrong:
        return Size(quantity=ZERO, bound=None, caps=(), loss_per_unit=ZERO, risk=ZERO, refused=wrong)
    unit = loss_per_unit(inputs.entry, inputs.stop, inputs.entry_cost, inputs.exit_cost, inputs.multiplier)
    caps = _caps(inputs, unit)
    least = min(caps, key=lambda cap: cap.quantity)
    quantity = _on_lot(max(ZERO, least.quantity) * inputs.throttle, inputs.instrument, inputs.market)
    refused = _too_small(quantity, least, inputs)
    if refused:
        quantity = ZERO
    bound = least.code if inputs.throttle > ZERO else None
    return Size(quantity=quantity, bound=bound, caps=caps, loss_per_unit=unit, risk=quantity * unit, refused=refused)


def _caps(inputs: SizingInputs, unit: Decimal) -> tuple[Cap, ...]:
    rules = inputs.instrument
    worth = inputs.entry * inputs.multiplier
    edge = KELLY_SHARE * kelly(inputs.probability, inputs.payoff)
    lever = min(inputs.volatility_target / inputs.volatility, inputs.leverage)
    caps = [
        Cap("RISK", min(inputs.risk_share, MOST_RISK) * inputs.equity / unit),
        Cap("VOLATILITY", lever * inputs.equity / worth),
        Cap("KELLY", max(ZERO, edge) * inputs.equity / unit),
        Cap("DEPTH", inputs.depth_share * inputs.depth),
        Cap("VOLUME", inputs.volume_share * inputs.minute_volume),
        Cap("ORDER_EXPOSURE", inputs.order_room / worth),
        Cap("SYMBOL_EXPOSURE", inputs.symbol_room / worth),
        Cap("TOTAL_EXPOSURE", inputs.total_room / worth),
        Cap("BALANCE", inputs.balance / (worth * (ONE + inputs.entry_cost))),
    ]
    caps += [Cap("VENUE_MAX", most) for most in (rules.max_qty,) if most > ZERO]
    caps += [Cap("VENUE_MAX", most) for most in (rules.market_max_qty,) if inputs.market and most > ZERO]
    caps += [Cap("VENUE_MAX", most / worth) for most in (rules.max_notional,) if most > ZERO]
    return tuple(caps)


def _on_lot(quantity: Decimal, rules: Instrument, market: bool) -> Decimal:
    """Cut down to the lot; for a market order to its own lot where that is coarser. Never up."""
    lot = max(rules.lot_size, rules.market_lot_size) if market else rules.lot_size
    with localcontext(prec=60):  # at the usual 28 digits a quotient just under a whole number could become it
        return quantity // lot * lot


def _too_small(quantity: Decimal, least: Cap, inputs: SizingInputs) -> str:
    """Why this quantity cannot be traded; the stop must be worth the venue's minimum too, or it could not be placed."""
    rules = inputs.instrument
    if inputs.throttle == ZERO:
        return "drawdown throttle is 0: trading is halted until the operator arms again"
    if not least.quantity > ZERO:
        return f"{least.code} leaves nothing to trade{_spent(least.code, inputs)}"
    smallest = max(rules.min_qty, rules.market_min_qty) if inputs.market else rules.min_qty
    if quantity == ZERO or quantity < smallest:
        return f"{least.code} allows {quantity:f}, the venue's smallest quantity is {max(smallest, rules.lot_size):f}"
    worth = quantity * min(inputs.entry, inputs.stop)
    if worth < rules.min_notional:
        return (
            f"{least.code} allows {quantity:f}, worth {worth:.2f}; the venue's smallest order is {rules.min_notional:f}"
        )
    return ""


def _spent(code: CapCode, inputs: SizingInputs) -> str:
    """What used it up, where that is not plain from the cap's name."""
    if code == "BALANCE":
        return f": no {inputs.instrument.quote} is free"
    if code == "KELLY":
        needed = 1.0 / (1.0 + inputs.payoff)
        return (
            f": the lower bound of P(target first) is {inputs.probability:.2f},"
            f" reward to risk {inputs.payoff:.2f} after costs needs more than {needed:.2f}"
        )
    return ""


_POSITIVE = ("entry", "stop", "equity", "risk_share", "multiplier", "volatility", "volatility_target", "leverage")
_NOT_NEGATIVE = ("entry_cost", "exit_cost", "depth", "depth_share", "minute_volume", "volume_share", "throttle")
_ANY = ("order_room", "symbol_room", "total_room", "balance")


def _problem(inputs: SizingInputs) -> str:
    for name in (*_POSITIVE, *_NOT_NEGATIVE, *_ANY):
        value = getattr(inputs, name)
        if not isinstance(value, Decimal) or not value.is_finite():
            return f"{name} is {value}: no size without it"
        if (name in _POSITIVE and value <= ZERO) or (name in _NOT_NEGATIVE and value < ZERO):
            return f"{name} is {value:f}: it must be {'above 0' if name in _POSITIVE else '0 or more'}"
    if inputs.throttle > ONE:
        return f"throttle is {inputs.throttle:f}: it must be 1 at most"
    numbers = all(isinstance(value, float | int) for value in (inputs.probability, inputs.payoff))
    if not numbers or kelly(inputs.probability, inputs.payoff).is_nan():
        return f"probability is {inputs.probability}, payoff {inputs.payoff}: no size without an edge that is known"
    if sign(inputs.side) * (inputs.entry - inputs.stop) <= ZERO:
        return f"stop {inputs.stop:f} is not behind entry {inputs.entry:f} for a {inputs.side}: move it"
    if not inputs.instrument.lot_size > ZERO:
        return f"{inputs.instrument.symbol} has no lot size: refresh the venue's rules"
    return ""
