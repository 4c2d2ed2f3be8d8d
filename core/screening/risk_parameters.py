"""Entry zone, targets, stop and what the trade would pay for its risk (methods sheet 4.2; costs 7.4 and 9).

Worked out in floats along the trade's own direction, so that long and short are one formula, and put on the venue's tick
at the end: each price to the side that is worse for the trade. The ratio is that of the prices on the tick.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import Struct

from core.messages import RiskParameters, Side
from core.screening.costs import Costs

TARGET_STEPS = (1.0, 1.5, 2.0)
_MOST_ATR = 1000.0
_MOST_TICKS = 1e15


class RiskRules(Struct, frozen=True, kw_only=True):
    """Multiples of ATR and shares that shape a trade. `sl_mult` scales the stop's bounds and is the stop without a support.

    `zone_share` is a fraction of the price, `zone_of_stop` one of the way to the stop. `target_buffer` is how far before a
    level a target is set, as a fraction of it, but `buffer_atr` at the most: 0.1 % is half an ATR of a calm market.
    """

    tp_mult: float = 3.0
    sl_mult: float = 1.0
    zone_share: float = 0.05
    zone_atr: float = 0.5
    zone_of_stop: float = 0.5
    behind_level_atr: float = 0.5
    behind_sweep_atr: float = 0.1
    nearest_stop_atr: float = 0.5
    farthest_stop_atr: float = 3.0
    min_stop_ticks: int = 4
    target_buffer: float = 0.001
    buffer_atr: float = 0.1
    min_ratio: float = 2.0


class RiskInputs(Struct, frozen=True, kw_only=True):
    """Prices in quote currency. `atr` is ATR14 of the recommendation timeframe; a `support` or `resistance` of NaN is none.

    `day_low` and `day_high` are of the current UTC day so far.
    """

    side: Side
    close: float
    atr: float
    support: float
    resistance: float
    day_low: float
    day_high: float
    tick_size: Decimal


class InvalidData(Struct, frozen=True):
    """A trade that cannot be: which field, its value, and why in words with the remedy."""

    field: str
    value: float
    reason: str


def reward_to_risk(side: Side, entry: float, target: float, stop: float, costs: Costs) -> float:
    """What the target pays over what the stop takes, both net of costs; NaN unless both lie on their own side of the entry.

    NaN also when rebates leave nothing at risk. Negative when costs exceed the way to the target.
    """
    sign = 1.0 if side == "BUY" else -1.0
    gain, loss = sign * (target - entry), sign * (entry - stop)
    if not (gain > 0.0 and loss > 0.0):
        return math.nan
    paid = entry * costs.entry
    risked = loss + paid + stop * costs.exit
    return (gain - paid - target * costs.exit) / risked if risked > 0.0 else math.nan


def risk_parameters(inputs: RiskInputs, costs: Costs, rules: RiskRules) -> RiskParameters | InvalidData:
    """The trade these prices make, or why there is none. Never raises on a number that is missing."""
    wrong = _problem(inputs, costs, rules)
    if wrong is not None:
        return wrong
    long = inputs.side == "BUY"
    sign = 1.0 if long else -1.0
    behind, ahead = (inputs.support, inputs.resistance) if long else (inputs.resistance, inputs.support)
    extreme = inputs.day_low if long else inputs.day_high
    stop_at = _stop(inputs, sign, behind, extreme, rules)
    far_edge = _far_edge(inputs, sign, behind, stop_at, rules)

    tick = inputs.tick_size
    worse, better = (ROUND_FLOOR, ROUND_CEILING) if long else (ROUND_CEILING, ROUND_FLOOR)
    near = _on_tick(inputs.close, tick, worse)  # the zone shrinks inward, targets come nearer, the stop goes farther
    far = _on_tick(far_edge, tick, better)
    far = min(near, far) if long else max(near, far)
    stop = _on_tick(stop_at, tick, worse)
    clearance = max(1, rules.min_stop_ticks) * tick
    least = far - clearance if long else far + clearance
    stop = min(stop, least) if long else max(stop, least)
    targets = _targets(inputs, float(near), sign, ahead, rules, worse)
    wrong = _impossible(inputs, near, far, stop, targets, rules)
    if wrong is not None:
        return wrong
    entry, first, loss = float(near), float(targets[0]), abs(float(near - stop))
    net = reward_to_risk(inputs.side, entry, first, float(stop), costs)
    return RiskParameters(
        side=inputs.side,
        optimal_entry=(far, near) if long else (near, far),
        tp_targets=targets,
        sl_level=stop,
        risk_reward_ratio=net,
        gross_ratio=abs(first - entry) / loss,
        cost_r=entry * costs.round_trip / loss,
        fees_exceed_move=net <= 0.0 or _fees_exceed(inputs, sign, costs, rules),
    )


def _problem(inputs: RiskInputs, costs: Costs, rules: RiskRules) -> InvalidData | None:
    for name in ("close", "atr", "day_low", "day_high"):
        value = getattr(inputs, name)
        if not (math.isfinite(value) and value > 0.0):
            return InvalidData(name, value, f"{name} is {value}; it must be a number above 0")
    for name in ("fee_in", "fee_out", "half_spread", "slippage", "funding"):
        value = getattr(costs, name)
        if not math.isfinite(value):
            return InvalidData(name, value, f"{name} is {value}; without costs there is no ratio")
    for name in ("tp_mult", "sl_mult"):
        value = getattr(rules, name)
        if not 0.0 < value <= _MOST_ATR:
            return InvalidData(name, value, f"{name} is {value}; it must be a number above 0, at most {_MOST_ATR:g}")
    if inputs.atr >= inputs.close:
        return InvalidData("atr", inputs.atr, f"atr {inputs.atr:g} is not below the price {inputs.close:g}")
    tick = inputs.tick_size
    if not (tick.is_finite() and tick > 0):
        return InvalidData("tick_size", float(tick), f"tick_size is {tick}; the venue's rules are not known")
    if not inputs.close <= _MOST_TICKS * float(tick):
        reason = f"close {inputs.close:g} is more than {_MOST_TICKS:g} ticks of {tick}: no such price"
        return InvalidData("close", inputs.close, reason)
    for name, value, beyond in (
        ("support", inputs.support, inputs.support > inputs.close),
        ("resistance", inputs.resistance, inputs.resistance < inputs.close),
        ("day_low", inputs.day_low, inputs.day_low > inputs.close),
        ("day_high", inputs.day_high, inputs.day_high < inputs.close),
    ):
        if beyond or math.isinf(value):
            return InvalidData(name, value, f"{name} {value:g} is on the wrong side of the price {inputs.close:g}")
    return None


def _far_edge(inputs: RiskInputs, sign: float, behind: float, stop: float, rules: RiskRules) -> float:
    """The edge of the entry zone away from the price: no farther than the level that protects the trade.

    Nor nearer to the stop than to the price: whoever bought there would be stopped out by noise.
    """
    width = min(rules.zone_share * inputs.close, rules.zone_atr * inputs.atr)
    width = min(width, rules.zone_of_stop * sign * (inputs.close - stop))
    if not math.isnan(behind):
        width = min(width, sign * (inputs.close - behind))
    return inputs.close - sign * width


def _stop(inputs: RiskInputs, sign: float, behind: float, extreme: float, rules: RiskRules) -> float:
    """Behind the level or the day's extreme, whichever is nearer, and a little beyond: both are swept for stops."""
    atr = inputs.atr
    if math.isnan(behind):
        distance = rules.sl_mult * atr
    else:
        level = sign * (inputs.close - behind) + rules.behind_level_atr * atr
        distance = min(level, sign * (inputs.close - extreme)) + rules.behind_sweep_atr * atr
    nearest, farthest = rules.nearest_stop_atr * rules.sl_mult * atr, rules.farthest_stop_atr * rules.sl_mult * atr
    return inputs.close - sign * min(farthest, max(nearest, distance))


def _targets(
    inputs: RiskInputs, entry: float, sign: float, ahead: float, rules: RiskRules, rounding: str
) -> tuple[Decimal, ...]:
    """The ladder, each step no farther than just before the next level; steps that meet are one."""
    found: list[Decimal] = []
    for step in TARGET_STEPS:
        target = entry + sign * rules.tp_mult * step * inputs.atr
        if not math.isnan(ahead):
            before = ahead - sign * min(rules.target_buffer * ahead, rules.buffer_atr * inputs.atr)
            target = min(target, before) if sign > 0.0 else max(target, before)
        price = _on_tick(target, inputs.tick_size, rounding)
        if price not in found:
            found.append(price)
    return tuple(found)


def _impossible(
    inputs: RiskInputs, near: Decimal, far: Decimal, stop: Decimal, targets: tuple[Decimal, ...], rules: RiskRules
) -> InvalidData | None:
    sign = 1 if inputs.side == "BUY" else -1
    if (targets[0] - near) * sign <= 0:
        name = "resistance" if sign > 0 else "support"
        reason = f"the next {name} leaves no room: target {targets[0]} is not beyond the entry {near}"
        return InvalidData("tp_targets", float(targets[0]), reason)
    if (far - stop) * sign <= 0:
        return InvalidData("sl_level", float(stop), f"stop {stop} is not behind the entry zone at {far}")
    if min(stop, *targets) <= 0:
        return InvalidData("sl_level", float(min(stop, *targets)), "a price of the trade is not above 0")
    widest = rules.farthest_stop_atr * rules.sl_mult * inputs.atr + 2.0 * float(inputs.tick_size)
    if float(abs(near - stop)) > widest:
        reason = f"ATR {inputs.atr:g} is too few ticks of {inputs.tick_size} for a stop of {rules.min_stop_ticks} ticks"
        return InvalidData("atr", inputs.atr, reason)
    return None


def _fees_exceed(inputs: RiskInputs, sign: float, costs: Costs, rules: RiskRules) -> bool:
    """True when the nearest stop and a free way to TP1 would pay enough without costs, but do not with them."""
    close = inputs.close
    target = close + sign * rules.tp_mult * inputs.atr
    stop = close - sign * rules.nearest_stop_atr * rules.sl_mult * inputs.atr
    free = rules.tp_mult / (rules.nearest_stop_atr * rules.sl_mult)
    return free >= rules.min_ratio > reward_to_risk(inputs.side, close, target, stop, costs)


def _on_tick(price: float, tick: Decimal, rounding: str) -> Decimal:
    # twelve digits: noise of the float's last ones must not move a price by a tick
    steps = (Decimal(f"{price:.12g}") / tick).to_integral_value(rounding=rounding)
    return steps * tick
