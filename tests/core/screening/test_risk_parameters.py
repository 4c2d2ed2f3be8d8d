"""Entry, stop, targets and ratio: the specification's example, mirror, geometry, ticks, costs."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import RiskParameters
from core.screening.costs import FREE, Costs
from core.screening.risk_parameters import InvalidData, RiskRules, reward_to_risk, risk_parameters
from tests.core.screening.stage2 import NOT_NUMBERS, risk_inputs

RULES = RiskRules()
EXACT = RiskRules(target_buffer=0.0)
TAKER = Costs(fee_in=0.0005, fee_out=0.0005, half_spread=0.00005)
OTHER = {"BUY": "SELL", "SELL": "BUY"}
CENT = Decimal("0.01")


def test_the_specifications_example_pays_one_to_one_and_a_half_not_two_and_a_half():
    assert reward_to_risk("BUY", 30_000.0, 31_000.0, 29_000.0, FREE) == pytest.approx(1.0)
    assert reward_to_risk("BUY", 29_800.0, 31_000.0, 29_000.0, FREE) == pytest.approx(1.5)
    # the same trade from a market: the ratio told is the one of the zone's worst edge
    inputs = risk_inputs(
        close=30_000.0,
        atr=800.0,
        support=29_800.0,
        resistance=31_000.0,
        day_low=29_080.0,
        day_high=30_100.0,
        tick_size=Decimal("0.1"),
    )
    found = risk_parameters(inputs, FREE, EXACT)
    assert isinstance(found, RiskParameters)
    assert found.optimal_entry == (Decimal(29_800), Decimal(30_000))
    assert found.tp_targets == (Decimal(31_000),)
    assert 1.0 <= found.risk_reward_ratio <= 1.5


def test_a_trade_by_hand():
    found = risk_parameters(risk_inputs(), FREE, RULES)
    assert isinstance(found, RiskParameters)
    assert found.optimal_entry == (Decimal("99"), Decimal("100"))  # half an ATR is nearer than the support
    # the day's low (97) and the support less half an ATR (97) agree; a further 0.1 ATR beyond
    assert found.sl_level == Decimal("96.8")
    assert found.tp_targets == (Decimal("106"), Decimal("109"), Decimal("112"))
    assert found.risk_reward_ratio == pytest.approx(6.0 / 3.2)


def test_costs_lower_the_ratio_by_hand():
    found = risk_parameters(risk_inputs(), Costs(fee_in=0.001, fee_out=0.001), RULES)
    assert isinstance(found, RiskParameters)
    assert found.risk_reward_ratio == pytest.approx((6.0 - 0.1 - 0.106) / (3.2 + 0.1 + 0.0968))
    assert found.gross_ratio == pytest.approx(6.0 / 3.2)
    assert found.cost_r == pytest.approx(0.2 / 3.2)
    assert found.break_even == pytest.approx((1 + 0.0625) / (1 + 6.0 / 3.2))


@pytest.mark.parametrize(
    ("changed", "stop"),
    [
        ({"day_low": 99.9}, "99.00"),  # the day's low is too near: half an ATR
        ({"support": 90.0, "day_low": 80.0}, "94.00"),  # far away: clamped to three ATR
        ({"support": math.nan}, "98.00"),  # no support: sl_mult ATR
        ({"support": 99.5, "day_low": 90.0}, "98.30"),  # 99.5 - 1 - 0.2
        ({"day_low": 98.6, "support": 95.0}, "98.40"),  # the day's low is a sweep target: 0.1 ATR beyond
    ],
)
def test_where_the_stop_goes(changed, stop):
    found = risk_parameters(risk_inputs(**changed), FREE, RiskRules(min_stop_ticks=0))
    assert isinstance(found, RiskParameters)
    assert found.sl_level == Decimal(stop)


def test_the_stop_keeps_its_ticks_from_the_zone():
    found = risk_parameters(risk_inputs(day_low=99.9), FREE, RiskRules(min_stop_ticks=70))
    assert isinstance(found, RiskParameters)
    assert found.optimal_entry[0] - found.sl_level == 70 * CENT


def test_the_zone_ends_half_way_to_the_stop_at_the_latest():
    found = risk_parameters(risk_inputs(day_low=99.9), FREE, RULES)
    assert isinstance(found, RiskParameters)
    assert (found.optimal_entry, found.sl_level) == ((Decimal("99.5"), Decimal(100)), Decimal(99))


def test_a_target_stops_a_tenth_of_an_atr_before_the_level_where_that_is_less():
    found = risk_parameters(risk_inputs(resistance=100.6, atr=0.5, support=99.0), FREE, RULES)
    assert isinstance(found, RiskParameters)
    assert found.tp_targets == (Decimal("100.55"),)


def test_sl_mult_scales_the_stop_without_a_support_and_its_bounds():
    found = risk_parameters(risk_inputs(support=math.nan), FREE, RiskRules(sl_mult=2.0))
    assert isinstance(found, RiskParameters)
    assert found.sl_level == Decimal(96)
    wide = risk_parameters(risk_inputs(support=80.0, day_low=70.0), FREE, RiskRules(sl_mult=2.0))
    assert isinstance(wide, RiskParameters)
    assert wide.sl_level == Decimal(88)


def test_targets_end_before_the_next_level_and_are_told_once():
    found = risk_parameters(risk_inputs(resistance=110.0), FREE, RULES)
    assert isinstance(found, RiskParameters)
    assert found.tp_targets == (Decimal("106"), Decimal("109"), Decimal("109.89"))
    near = risk_parameters(risk_inputs(resistance=105.0), FREE, RULES)
    assert isinstance(near, RiskParameters)
    assert near.tp_targets == (Decimal("104.89"),)


def test_a_short_takes_its_profit_before_the_support():
    sell = risk_inputs(side="SELL", support=92.0, resistance=102.0, day_high=103.0)
    found = risk_parameters(sell, FREE, RULES)
    assert isinstance(found, RiskParameters)
    assert found.tp_targets == (Decimal("94"), Decimal("92.1"))  # 92.092, on the tick that comes first


@pytest.mark.parametrize(
    ("side", "zone", "stop", "first"),
    [("BUY", ("99.0", "100"), "96.7", "106"), ("SELL", ("100", "101.0"), "103.3", "94")],
)
def test_ticks_are_taken_at_the_cost_of_the_trade(side, zone, stop, first):
    odd = risk_inputs(side=side, atr=2.003, support=98.0, resistance=102.0, day_high=103.0, tick_size=Decimal("0.1"))
    ahead = {"resistance": 120.0} if side == "BUY" else {"support": 80.0}
    found = risk_parameters(msgspec.structs.replace(odd, **ahead), FREE, RULES)
    assert isinstance(found, RiskParameters)
    assert found.optimal_entry == tuple(map(Decimal, zone))  # 98.9985 to 100: inward
    assert found.sl_level == Decimal(stop)  # 96.7997: farther
    assert found.tp_targets[0] == Decimal(first)  # 106.009: nearer


def test_no_room_to_the_next_level_is_invalid():
    found = risk_parameters(risk_inputs(resistance=100.05), FREE, RULES)
    assert isinstance(found, InvalidData)
    assert found.field == "tp_targets"
    assert "resistance leaves no room" in found.reason


def test_an_atr_of_too_few_ticks_is_invalid():
    found = risk_parameters(risk_inputs(tick_size=Decimal(2)), FREE, RiskRules(min_stop_ticks=6))
    assert isinstance(found, InvalidData)
    assert found.field == "atr"


def test_fees_exceed_the_move_only_where_no_stop_could_help():
    dear = Costs(fee_in=0.01, fee_out=0.01)
    found = risk_parameters(risk_inputs(), dear, RULES)
    assert isinstance(found, RiskParameters)
    assert found.fees_exceed_move
    # a far stop is not the fees' fault
    far = risk_parameters(risk_inputs(support=90.0, day_low=80.0), TAKER, RULES)
    assert isinstance(far, RiskParameters)
    assert far.risk_reward_ratio < RULES.min_ratio
    assert not far.fees_exceed_move
    # a multiple that could not pay even free is not the fees' fault either
    small = risk_parameters(risk_inputs(), TAKER, RiskRules(tp_mult=0.9))
    assert isinstance(small, RiskParameters)
    assert not small.fees_exceed_move


@pytest.mark.parametrize("field", ["close", "atr", "day_low", "day_high"])
@pytest.mark.parametrize("value", [*NOT_NUMBERS, 0.0, -1.0])
def test_a_needed_price_that_is_no_number_is_named(field, value):
    found = risk_parameters(risk_inputs(**{field: value}), FREE, RULES)
    assert isinstance(found, InvalidData)
    assert found.field == field
    assert field in found.reason


@pytest.mark.parametrize(
    ("field", "value"),
    [("support", 101.0), ("resistance", 99.0), ("day_low", 100.5), ("day_high", 99.5), ("support", -math.inf)],
)
def test_a_level_on_the_wrong_side_is_named(field, value):
    found = risk_parameters(risk_inputs(**{field: value}), FREE, RULES)
    assert isinstance(found, InvalidData)
    assert found.field == field


@pytest.mark.parametrize("field", ["fee_in", "fee_out", "half_spread", "slippage", "funding"])
def test_a_cost_that_is_no_number_is_named(field):
    costs = msgspec.structs.replace(TAKER, **{field: math.nan})
    found = risk_parameters(risk_inputs(), costs, RULES)
    assert isinstance(found, InvalidData)
    assert found.field == field


@pytest.mark.parametrize(
    ("rules", "field"), [(RiskRules(tp_mult=math.nan), "tp_mult"), (RiskRules(sl_mult=0.0), "sl_mult")]
)
def test_a_multiple_that_is_no_number_is_named(rules, field):
    found = risk_parameters(risk_inputs(), FREE, rules)
    assert isinstance(found, InvalidData)
    assert found.field == field


def test_a_tick_that_is_not_known_is_named():
    for tick in (Decimal(0), Decimal("NaN")):
        found = risk_parameters(risk_inputs(tick_size=tick), FREE, RULES)
        assert isinstance(found, InvalidData)
        assert found.field == "tick_size"


cents = st.integers(1, 1_500).map(lambda value: value / 100)


@st.composite
def markets(draw):
    """A sound market around 100, every price on the cent; levels may be missing."""
    below, above = draw(cents), draw(cents)
    return risk_inputs(
        side=draw(st.sampled_from(["BUY", "SELL"])),
        atr=draw(st.integers(10, 500)) / 100,
        support=math.nan if draw(st.booleans()) else round(100 - below, 2),
        resistance=math.nan if draw(st.booleans()) else round(100 + above, 2),
        day_low=round(100 - draw(cents), 2),
        day_high=round(100 + draw(cents), 2),
    )


def mirrored(inputs):
    def turned(price):
        return price if math.isnan(price) else round(200 - price, 2)

    return msgspec.structs.replace(
        inputs,
        side=OTHER[inputs.side],
        support=turned(inputs.resistance),
        resistance=turned(inputs.support),
        day_low=turned(inputs.day_high),
        day_high=turned(inputs.day_low),
    )


@given(markets())
def test_long_and_short_mirror_each_other(inputs):
    one, other = (risk_parameters(given_, FREE, EXACT) for given_ in (inputs, mirrored(inputs)))
    if isinstance(one, InvalidData):
        assert isinstance(other, InvalidData)
        assert one.field == other.field
        return
    assert isinstance(other, RiskParameters)
    assert other.optimal_entry == tuple(200 - price for price in reversed(one.optimal_entry))
    assert other.sl_level == 200 - one.sl_level
    assert other.tp_targets == tuple(200 - price for price in one.tp_targets)
    assert other.risk_reward_ratio == pytest.approx(one.risk_reward_ratio)


@given(markets(), st.sampled_from(["0.01", "0.05", "0.3", "0.0001"]), st.integers(0, 10), st.floats(0.5, 2.0))
def test_stop_and_targets_always_lie_on_their_own_side_and_on_the_tick(inputs, tick, ticks, sl_mult):
    inputs = msgspec.structs.replace(inputs, tick_size=Decimal(tick))
    rules = RiskRules(min_stop_ticks=ticks, sl_mult=sl_mult)
    found = risk_parameters(inputs, TAKER, rules)
    if isinstance(found, InvalidData):
        return
    low, high = found.optimal_entry
    sign = 1 if found.side == "BUY" else -1
    losing = low if sign > 0 else high
    assert low <= high
    assert (losing - found.sl_level) * sign > 0
    assert abs(losing - found.sl_level) >= ticks * inputs.tick_size
    assert abs(float(found.worst_entry - found.sl_level)) >= 0.5 * sl_mult * inputs.atr - 2 * float(inputs.tick_size)
    away = [(target - found.worst_entry) * sign for target in found.tp_targets]
    assert away[0] > 0
    assert away == sorted(set(away))
    for price in (low, high, found.sl_level, *found.tp_targets):
        assert price % inputs.tick_size == 0


@given(markets(), st.floats(0, 0.01), st.floats(1e-6, 0.01))
def test_the_ratio_falls_with_cost(inputs, fee, more):
    cheap = risk_parameters(inputs, Costs(fee_in=fee, fee_out=fee), RULES)
    dear = risk_parameters(inputs, Costs(fee_in=fee + more, fee_out=fee), RULES)
    if isinstance(cheap, InvalidData):
        return
    assert isinstance(dear, RiskParameters)
    assert dear.risk_reward_ratio < cheap.risk_reward_ratio <= cheap.gross_ratio + 1e-9
    assert dear.break_even > cheap.break_even
    assert dear.fees_exceed_move or not cheap.fees_exceed_move


anything = st.floats(allow_nan=True, allow_infinity=True)


@given(anything, anything, anything, anything, anything, anything, anything, anything)
def test_no_number_whatever_raises(close, atr, support, resistance, day_low, day_high, fee, tp_mult):
    inputs = risk_inputs(
        close=close, atr=atr, support=support, resistance=resistance, day_low=day_low, day_high=day_high
    )
    found = risk_parameters(inputs, Costs(fee_in=fee, fee_out=0.0), RiskRules(tp_mult=tp_mult))
    assert isinstance(found, InvalidData | RiskParameters)
    assert not isinstance(found, InvalidData) or found.field
