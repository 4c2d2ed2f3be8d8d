"""Orders on the Binance.US sandbox over REST: accepted, filled, queried, cancelled and refused as the venue does."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from providers.binance_us.instruments import parse_exchange_info
from tests.providers.sandbox.us_client import UsClient, exchange_with_account


@pytest.fixture
async def client():
    async with exchange_with_account() as exchange, httpx.AsyncClient(verify=False) as http:
        yield UsClient(exchange, http)


async def test_the_account_starts_with_what_it_was_promised(client):
    assert await client.free("USDT") == (100_000, 0)
    assert await client.free("USD") == (100_000, 0)
    assert await client.free("BTC") == (1, 0)
    assert await client.free("ETH") == (0, 0)
    rates = (await client.ok("GET", "account"))["commissionRates"]
    assert (rates["maker"], rates["taker"]) == ("0.00100000", "0.00100000")


async def test_the_engine_keeps_the_rules_that_exchange_info_tells(client):
    answer = await client.http.get(client.exchange.rest_url + "/api/v3/exchangeInfo")
    told = {each.symbol: each for each in parse_exchange_info(answer.content, "binance_us", "spot").instruments}
    assert client.exchange.accounts["spot"].engine.rules == told
    assert told["BTCUSDT"].order_types
    assert told["BTCUSDT"].oco_allowed


async def test_a_market_order_fills_from_the_book_that_clients_see_and_pays_the_fee(client):
    client.market.pause()
    book = (await client.http.get(client.exchange.rest_url + "/api/v3/depth?symbol=BTCUSDT&limit=5")).json()
    price, size = (Decimal(text) for text in book["asks"][0])
    quantity = min(size, Decimal("0.05"))
    answer = await client.place(type="MARKET", quantity=quantity, newClientOrderId="m1")
    assert answer["status"] == "FILLED"
    assert answer["timeInForce"] == "GTC"
    (fill,) = answer["fills"]
    assert Decimal(fill["price"]) == price
    assert Decimal(fill["commission"]) == quantity / 1000
    assert fill["commissionAsset"] == "BTC"
    assert Decimal(answer["cummulativeQuoteQty"]) == price * quantity
    assert await client.free("BTC") == (1 + quantity - quantity / 1000, 0)
    assert (await client.free("USDT"))[0] == 100_000 - price * quantity
    (trade,) = await client.ok("GET", "myTrades", symbol="BTCUSDT")
    assert (trade["id"], trade["orderId"], trade["isMaker"]) == (fill["tradeId"], answer["orderId"], False)


async def test_a_limit_order_rests_locks_money_and_fills_when_trades_reach_it(client):
    price = client.price(-3)
    client.market.pause()
    answer = await client.place(price=price, newClientOrderId="rest-1")
    assert answer["status"] == "NEW"
    assert (await client.free("USDT"))[1] == Decimal(price) * Decimal("0.1")
    client.exchange.faults.partial_fill("rest-1", "0.04")
    row = await client.ok("GET", "order", symbol="BTCUSDT", origClientOrderId="rest-1")
    assert (row["status"], row["executedQty"], row["isWorking"]) == ("PARTIALLY_FILLED", "0.04000000", True)
    assert [each["orderId"] for each in await client.ok("GET", "openOrders", symbol="BTCUSDT")] == [row["orderId"]]
    client.exchange.faults.fill("rest-1")
    row = await client.ok("GET", "order", symbol="BTCUSDT", orderId=row["orderId"])
    assert (row["status"], row["executedQty"]) == ("FILLED", "0.10000000")
    trades = await client.ok("GET", "myTrades", symbol="BTCUSDT", orderId=row["orderId"])
    assert [trade["qty"] for trade in trades] == ["0.04000000", "0.06000000"]
    assert all(trade["isMaker"] for trade in trades)
    assert await client.ok("GET", "openOrders") == []


async def test_parameters_in_the_body_count_and_the_query_wins(client):
    answer = await client.ok(
        "POST", "order", body=True, symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.1",
        price=client.price(-500), newClientOrderId="in-body",
    )  # fmt: skip
    assert answer["clientOrderId"] == "in-body"
    gone = await client.ok("DELETE", "order", body=True, symbol="BTCUSDT", origClientOrderId="in-body")
    assert gone["status"] == "CANCELED"


async def test_a_cancel_names_both_ids_and_gives_the_money_back(client):
    await client.place(price=client.price(-500), newClientOrderId="c1")
    gone = await client.ok("DELETE", "order", symbol="BTCUSDT", origClientOrderId="c1", newClientOrderId="cancel-1")
    assert (gone["origClientOrderId"], gone["clientOrderId"], gone["status"]) == ("c1", "cancel-1", "CANCELED")
    assert await client.free("USDT") == (100_000, 0)
    status, error = await client.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="c1")
    assert (status, error["code"]) == (400, -2011)
    status, error = await client.call("GET", "order", symbol="BTCUSDT", origClientOrderId="never")
    assert (status, error["code"]) == (400, -2013)
    again = await client.place(price=client.price(-500), newClientOrderId="c1")
    assert again["status"] == "NEW"  # the id is free again once its order is closed


async def test_answers_are_as_long_as_they_were_asked_for(client):
    short = await client.place(price=client.price(-500), newOrderRespType="ACK")
    assert set(short) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    middle = await client.place(price=client.price(-500), newOrderRespType="RESULT")
    assert "fills" not in middle
    assert middle["origQty"] == "0.10000000"
    full = await client.place(price=client.price(-500))
    assert full["fills"] == []
    maker = await client.place(price=client.price(-500), type="LIMIT_MAKER")
    assert "status" not in maker


REFUSALS: list[tuple[dict[str, str | None], int, str]] = [
    ({"symbol": "NOPEUSDT"}, -1121, "Invalid symbol"),
    ({"quantity": "0.0005"}, -1013, "LOT_SIZE"),
    ({"price": "1000.005"}, -1013, "PRICE_FILTER"),
    ({"quantity": "0.001"}, -1013, "MIN_NOTIONAL"),
    ({"price": "10000"}, -1013, "PERCENT_PRICE"),
    ({"quantity": "0"}, -1013, "quantity"),
    ({"quantity": "1e3"}, -1100, "quantity"),
    ({"quantity": "0.123456789"}, -1111, "quantity"),
    ({"side": "HOLD"}, -1117, "side"),
    ({"type": "STOP_LOSS", "stopPrice": "900", "price": None, "timeInForce": None}, -1116, "orderType"),
    ({"type": "FUTURE"}, -1116, "orderType"),
    ({"timeInForce": "DAY"}, -1115, "timeInForce"),
    ({"timeInForce": None}, -1102, "timeInForce"),
    ({"price": None}, -1102, "price"),
    ({"stopPrice": "900"}, -1106, "stopPrice"),
    ({"type": "MARKET", "price": None}, -1106, "timeInForce"),
    ({"bogus": "1"}, -1104, "read"),
    ({"newClientOrderId": "a b"}, -1100, "newClientOrderId"),
    ({"quantity": "900"}, -2010, "insufficient balance"),
    ({"newOrderRespType": "LONG"}, -1130, "newOrderRespType"),
    ({"side": "SELL", "type": "STOP_LOSS_LIMIT", "stopPrice": "1500"}, -2010, "trigger immediately"),
]


async def test_refusals_carry_the_venues_codes_and_leave_no_trace(client):
    basis = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"}
    for change, code, words in REFUSALS:
        order = basis | {"price": client.price(-1)} | change
        status, error = await client.call("POST", "order", **{k: v for k, v in order.items() if v is not None})
        assert (status, error["code"]) == (400, code), (change, error)
        assert words in error["msg"], (change, error)
    assert await client.ok("GET", "openOrders") == []
    assert await client.ok("GET", "allOrders", symbol="BTCUSDT") == []


async def test_duplicates_are_refused_only_while_the_first_is_open(client):
    await client.place(price=client.price(-500), newClientOrderId="twice")
    status, error = await client.call(
        "POST", "order", symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.1",
        price=client.price(-500), newClientOrderId="twice",
    )  # fmt: skip
    assert (status, error) == (400, {"code": -2010, "msg": "Duplicate order sent."})
    client.exchange.faults.fill("twice")
    again = await client.place(price=client.price(-500), newClientOrderId="twice")
    assert again["status"] == "NEW"


async def test_post_only_that_would_take_is_refused_and_a_test_order_leaves_nothing(client):
    status, error = await client.call(
        "POST", "order", symbol="BTCUSDT", side="BUY", type="LIMIT_MAKER", quantity="0.1", price=client.price(50)
    )
    assert (status, error["msg"]) == (400, "Order would immediately match and take.")
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "newClientOrderId": "dry"}
    assert await client.ok("POST", "order/test", **order, quantity="0.1") == {}
    status, error = await client.call("POST", "order/test", **order, quantity="0.0001")
    assert (status, error["code"]) == (400, -1013)
    assert await client.free("USDT") == (100_000, 0)
    assert await client.ok("GET", "allOrders", symbol="BTCUSDT") == []


async def test_ioc_and_fok_expire_what_they_do_not_get(client):
    ioc = await client.place(price=client.price(-500), timeInForce="IOC")
    assert (ioc["status"], ioc["executedQty"]) == ("EXPIRED", "0.00000000")
    fok = await client.place(price=client.price(3), timeInForce="FOK", quantity="80")
    assert (fok["status"], fok["executedQty"]) == ("EXPIRED", "0.00000000")


async def test_a_stop_waits_as_new_triggers_and_sells(client):
    stop = client.price(-3000)
    answer = await client.place(
        side="SELL", type="STOP_LOSS_LIMIT", stopPrice=stop, price=client.price(-4000), newOrderRespType="RESULT",
        newClientOrderId="stop",
    )  # fmt: skip
    assert (answer["status"], answer["stopPrice"]) == ("NEW", f"{Decimal(stop):.8f}")
    row = await client.ok("GET", "order", symbol="BTCUSDT", origClientOrderId="stop")
    assert (row["isWorking"], row["workingTime"]) == (False, -1)
    assert await client.free("BTC") == (Decimal("0.9"), Decimal("0.1"))
    client.exchange.faults.gap_price("BTCUSDT", 0.965)
    row = await client.ok("GET", "order", symbol="BTCUSDT", origClientOrderId="stop")
    assert (row["status"], row["executedQty"]) == ("FILLED", "0.10000000")


async def test_all_orders_and_trades_are_paged_as_the_venue_does(client):
    ids = [(await client.place(type="MARKET", quantity="0.01"))["orderId"] for _ in range(4)]
    rows = await client.ok("GET", "allOrders", symbol="BTCUSDT")
    assert [row["orderId"] for row in rows] == ids
    rows = await client.ok("GET", "allOrders", symbol="BTCUSDT", orderId=ids[1], limit=2)
    assert [row["orderId"] for row in rows] == ids[1:3]
    trades = await client.ok("GET", "myTrades", symbol="BTCUSDT", limit=2)
    assert [trade["orderId"] for trade in trades] == ids[2:]
    later = await client.ok("GET", "myTrades", symbol="BTCUSDT", fromId=trades[0]["id"])
    assert later == trades
    since = await client.ok("GET", "myTrades", symbol="BTCUSDT", startTime=rows[0]["time"])
    assert {trade["orderId"] for trade in since} <= set(ids)
    status, error = await client.call("GET", "myTrades", symbol="BTCUSDT", fromId=1, startTime=1)
    assert (status, error["code"]) == (400, -1128)


async def test_cancel_restrictions_and_cancel_all(client):
    await client.place(price=client.price(-500), newClientOrderId="a")
    await client.place(price=client.price(-600), newClientOrderId="b")
    wanted = {"symbol": "BTCUSDT", "origClientOrderId": "a", "cancelRestrictions": "ONLY_PARTIALLY_FILLED"}
    status, error = await client.call("DELETE", "order", **wanted)
    assert (status, error["code"]) == (400, -2011)
    client.exchange.faults.partial_fill("a", "0.05")
    assert (await client.ok("DELETE", "order", **wanted))["executedQty"] == "0.05000000"
    rows = await client.ok("DELETE", "openOrders", symbol="BTCUSDT")
    assert [row["origClientOrderId"] for row in rows] == ["b"]
    status, error = await client.call("DELETE", "openOrders", symbol="BTCUSDT")
    assert (status, error["code"]) == (400, -2011)
