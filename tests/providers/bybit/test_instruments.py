"""Bybit instruments: every rule of both documented shapes arrives, unserved contracts do not, bad rows name themselves."""

from decimal import Decimal

import pytest

from providers.bybit import instruments
from tests.providers.bybit import frames


def test_linear_rules_arrive():
    row = instruments.rows.decode(frames.LINEAR_INSTRUMENT)
    rules = instruments.instrument(row, "bybit", "linear")
    assert instruments.served(row, "linear")
    assert rules.key == "bybit.linear:BTCUSDT"
    assert (rules.tick_size, rules.lot_size, rules.market_lot_size) == (
        Decimal("0.10"),
        Decimal("0.001"),
        Decimal("0.001"),
    )
    assert (rules.min_price, rules.max_price) == (Decimal("0.10"), Decimal("1999999.80"))
    assert (rules.min_qty, rules.max_qty, rules.market_max_qty) == (Decimal("0.001"), Decimal(1190), Decimal(500))
    assert (rules.min_notional, rules.max_leverage, rules.funding_interval_min) == (Decimal(5), Decimal(100), 480)
    assert (rules.bid_up_ratio, rules.ask_down_ratio) == (Decimal("1.02"), Decimal("0.98"))
    assert (rules.settle, rules.contract, rules.launched_ms) == ("USDT", "LinearPerpetual", 1585526400000)


def test_spot_lot_is_the_base_precision():
    rules = instruments.instrument(instruments.rows.decode(frames.SPOT_INSTRUMENT), "bybit", "spot")
    assert (rules.lot_size, rules.quote_precision) == (Decimal("0.000001"), Decimal("0.0000001"))
    assert (rules.min_notional, rules.max_notional) == (Decimal(5), Decimal(8000000))
    assert (rules.max_qty, rules.market_max_qty, rules.trading) == (Decimal(83), Decimal("41.5"), True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"LinearPerpetual"', b'"LinearFutures"'),
        (b'"settleCoin":"USDT"', b'"settleCoin":"USDC"'),
        (b'"isPreListing":false', b'"isPreListing":true'),
    ],
)
def test_contracts_we_do_not_serve_are_left_out(old, new):
    row = instruments.rows.decode(frames.LINEAR_INSTRUMENT.replace(old, new))
    assert not instruments.served(row, "linear")


@pytest.mark.parametrize(("old", "new"), [(b'"0.10"}', b'"0"}'), (b'"0.10"}', b'"NaN"}'), (b'"1190.000"', b'"-1"')])
def test_a_bad_rule_names_symbol_and_value(old, new):
    row = instruments.rows.decode(frames.LINEAR_INSTRUMENT.replace(old, new))
    with pytest.raises(ValueError, match="BTCUSDT"):
        instruments.instrument(row, "bybit", "linear")
