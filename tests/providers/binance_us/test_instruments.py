"""exchangeInfo: every filter finds its place, strange symbols spoil nothing."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from core.venue import Instrument, Retryable
from providers.binance_us.instruments import parse_exchange_info

PRICE = {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "100000", "tickSize": "0.01"}
LOT = {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000", "stepSize": "0.001"}


def info(*filters: dict[str, Any], status: str = "TRADING", **more: Any) -> dict[str, Any]:
    base = {"symbol": "BTCUSD", "status": status, "baseAsset": "BTC", "quoteAsset": "USD", "quotePrecision": 4}
    return {**base, "filters": list(filters), **more}


def parse(*symbols: Any, limits: Any = ()) -> tuple[tuple[Instrument, ...], int, int]:
    body = json.dumps({"timezone": "UTC", "rateLimits": list(limits), "symbols": list(symbols)}).encode()
    listed = parse_exchange_info(body, "binance_us", "spot")
    return listed.instruments, listed.weight_per_minute, listed.unreadable


def test_every_filter_finds_its_field() -> None:
    (found,), weight, unreadable = parse(
        info(
            PRICE,
            LOT,
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "3200", "stepSize": "0.00000000"},
            {
                "filterType": "NOTIONAL",
                "minNotional": "5",
                "applyMinToMarket": False,
                "maxNotional": "900000",
                "avgPriceMins": 5,
            },
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": "5",
                "bidMultiplierDown": "0.2",
                "askMultiplierUp": "6",
                "askMultiplierDown": "0.3",
            },
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
            {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
            {"filterType": "MAX_POSITION", "maxPosition": "50"},
            {"filterType": "SOMETHING_NEW", "surprise": [1]},
            ocoAllowed=True,
            orderTypes=["LIMIT", "MARKET"],
        ),
        limits=[{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
    )
    assert (weight, unreadable) == (6000, 0)
    assert (found.tick_size, found.lot_size, found.min_qty) == (Decimal("0.01"), Decimal("0.001"), Decimal("0.001"))
    assert (int(found.market_lot_size), int(found.market_max_qty)) == (0, 3200)
    assert (int(found.min_notional), int(found.max_notional)) == (5, 900000)
    assert not found.notional_applies_to_market
    assert (found.bid_up_ratio, found.ask_down_ratio) == (Decimal(5), Decimal("0.3"))
    assert (found.max_orders, found.max_algo_orders, found.iceberg_parts, found.max_order_lists) == (200, 5, 10, 20)
    assert (found.max_position, found.quote_precision) == (Decimal(50), Decimal("0.0001"))
    assert found.average_price_minutes == 5
    assert found.oco_allowed
    assert found.order_types == ("LIMIT", "MARKET")
    assert found.key == "binance_us.spot:BTCUSD"


def test_only_the_status_trading_trades() -> None:
    found, _, _ = parse(info(PRICE, LOT), info(PRICE, LOT, status="BREAK"), info(PRICE, LOT, status="CANCEL_ONLY"))
    assert [(i.status, i.trading) for i in found] == [("TRADING", True), ("BREAK", False), ("CANCEL_ONLY", False)]


def test_a_symbol_that_cannot_be_read_is_counted_and_the_others_stay() -> None:
    bad_number = {**LOT, "stepSize": "many"}
    found, _, unreadable = parse(info(PRICE, bad_number), info(PRICE, LOT), {"symbol": 5}, info(PRICE), "text")
    assert len(found) == 1
    assert unreadable == 4


@pytest.mark.parametrize("body", [b"", b"[]", b'{"symbols":5}', b"<html>"])
def test_something_else_is_retryable(body: bytes) -> None:
    with pytest.raises(Retryable):
        parse_exchange_info(body, "binance_us", "spot")
