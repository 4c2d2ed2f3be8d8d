"""Order lists and cancel-replace on the Binance.US sandbox: both legs or none, and the half successes of a replacement."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.providers.sandbox.us_client import UsClient, exchange_with_account


@pytest.fixture
async def client():
    async with exchange_with_account() as exchange, httpx.AsyncClient(verify=False) as http:
        yield UsClient(exchange, http)


def exit_pair(client: UsClient, **more: Any) -> dict[str, Any]:
    """A target above and a stop below for 0.1 BTC, in the older form."""
    return {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": "0.1",
        "price": client.price(2000),
        "stopPrice": client.price(-2000),
        "stopLimitPrice": client.price(-4000),
        "stopLimitTimeInForce": "GTC",
        "limitClientOrderId": "target",
        "stopClientOrderId": "stop",
        "listClientOrderId": "pair",
        **more,
    }


async def states(client: UsClient) -> dict[str, str]:
    rows = await client.ok("GET", "allOrders", symbol="BTCUSDT")
    return {row["clientOrderId"]: row["status"] for row in rows}


async def test_a_pair_is_told_as_the_venue_tells_it_and_locks_once(client):
    answer = await client.ok("POST", "order/oco", **exit_pair(client))
    assert (answer["contingencyType"], answer["listStatusType"], answer["listOrderStatus"]) == (
        "OCO", "EXEC_STARTED", "EXECUTING",
    )  # fmt: skip
    assert answer["listClientOrderId"] == "pair"
    stop, limit = answer["orderReports"]
    assert (stop["type"], stop["clientOrderId"]) == ("STOP_LOSS_LIMIT", "stop")
    assert (limit["type"], limit["clientOrderId"]) == ("LIMIT_MAKER", "target")
    assert stop["orderListId"] == limit["orderListId"] == answer["orderListId"]
    assert [leg["clientOrderId"] for leg in answer["orders"]] == ["stop", "target"]
    assert await client.free("BTC") == (Decimal("0.9"), Decimal("0.1"))
    assert [row["orderListId"] for row in await client.ok("GET", "openOrderList")] == [answer["orderListId"]]
    assert (await client.ok("GET", "orderList", origClientOrderId="pair"))["orders"] == answer["orders"]
    status, error = await client.call("GET", "orderList", orderListId=99)
    assert (status, error["code"]) == (400, -2013)


async def test_the_newer_form_makes_the_same_pair(client):
    answer = await client.ok(
        "POST", "orderList/oco", symbol="BTCUSDT", side="SELL", quantity="0.1", aboveType="LIMIT_MAKER",
        abovePrice=client.price(2000), belowType="STOP_LOSS_LIMIT", belowStopPrice=client.price(-2000),
        belowPrice=client.price(-4000), belowTimeInForce="GTC",
    )  # fmt: skip
    assert [leg["type"] for leg in answer["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    assert answer["listClientOrderId"]


async def test_one_leg_that_fills_ends_the_other(client):
    number = (await client.ok("POST", "order/oco", **exit_pair(client)))["orderListId"]
    client.exchange.faults.fill("target")
    assert await states(client) == {"stop": "EXPIRED", "target": "FILLED"}
    assert (await client.ok("GET", "orderList", orderListId=number))["listOrderStatus"] == "ALL_DONE"
    assert await client.ok("GET", "openOrderList") == []
    assert len(await client.ok("GET", "allOrderList")) == 1
    (trade,) = await client.ok("GET", "myTrades", symbol="BTCUSDT")
    assert trade["orderListId"] == number


async def test_a_stop_that_triggers_ends_the_target(client):
    await client.ok("POST", "order/oco", **exit_pair(client))
    client.exchange.faults.gap_price("BTCUSDT", 0.975)
    assert await states(client) == {"stop": "FILLED", "target": "EXPIRED"}


async def test_a_gap_past_the_limit_leaves_the_triggered_stop_resting(client):
    await client.ok("POST", "order/oco", **exit_pair(client))
    client.exchange.faults.gap_price("BTCUSDT", 0.90)
    assert await states(client) == {"stop": "NEW", "target": "EXPIRED"}
    row = await client.ok("GET", "order", symbol="BTCUSDT", origClientOrderId="stop")
    assert row["isWorking"]
    client.exchange.faults.clear()  # prices come back and take it
    assert (await states(client))["stop"] == "FILLED"


@pytest.mark.parametrize("how", ["leg", "list", "all"])
async def test_cancelling_either_leg_or_the_list_cancels_both(client, how):
    await client.ok("POST", "order/oco", **exit_pair(client))
    if how == "leg":
        await client.ok("DELETE", "order", symbol="BTCUSDT", origClientOrderId="stop")
    elif how == "list":
        answer = await client.ok("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="pair")
        assert answer["listOrderStatus"] == "ALL_DONE"
        assert {row["status"] for row in answer["orderReports"]} == {"CANCELED"}
    else:
        (answer,) = await client.ok("DELETE", "openOrders", symbol="BTCUSDT")
        assert answer["contingencyType"] == "OCO"
    assert await states(client) == {"stop": "CANCELED", "target": "CANCELED"}
    assert await client.free("BTC") == (1, 0)
    status, error = await client.call("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="pair")
    assert (status, error["code"]) == (400, -2011)


async def test_pairs_the_venue_refuses_leave_nothing(client):
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"price": client.price(-100)}, -2010, "relationship"),
        ({"stopPrice": client.price(3000)}, -2010, "relationship"),
        ({"quantity": "2"}, -2010, "insufficient"),
        ({"stopLimitTimeInForce": None}, -1102, "stopLimitTimeInForce"),
        ({"stopLimitPrice": None, "stopLimitTimeInForce": None}, -1116, "orderType"),
        ({"trailingDelta": "100"}, -1020, "trailingDelta"),
    ]
    for change, code, words in cases:
        wanted = {name: value for name, value in exit_pair(client, **change).items() if value is not None}
        status, error = await client.call("POST", "order/oco", **wanted)
        assert (status, error["code"]) == (400, code), (change, error)
        assert words in error["msg"], (change, error)
    assert await client.ok("GET", "openOrders") == []
    assert await client.ok("GET", "openOrderList") == []


# --- cancel-replace ------------------------------------------------------------------------------------------------------


def replacement(client: UsClient, **more: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "STOP_LOSS_LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "stopPrice": client.price(-2000),
        "price": client.price(-3000),
        "newClientOrderId": "new",
        "cancelReplaceMode": "STOP_ON_FAILURE",
        "cancelOrigClientOrderId": "old",
        **more,
    }


async def old_stop(client: UsClient) -> None:
    await client.place(
        side="SELL", type="STOP_LOSS_LIMIT", quantity="1", stopPrice=client.price(-5000), price=client.price(-6000),
        newClientOrderId="old",
    )  # fmt: skip


async def test_a_replacement_uses_what_the_old_order_held(client):
    await old_stop(client)  # it holds all there is
    answer = await client.ok("POST", "order/cancelReplace", **replacement(client, cancelNewClientOrderId="bye"))
    assert (answer["cancelResult"], answer["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert (answer["cancelResponse"]["origClientOrderId"], answer["cancelResponse"]["clientOrderId"]) == ("old", "bye")
    assert answer["newOrderResponse"]["clientOrderId"] == "new"
    assert await states(client) == {"old": "CANCELED", "new": "NEW"}


async def test_the_old_order_may_go_while_the_new_one_is_refused(client):
    await old_stop(client)
    status, error = await client.call("POST", "order/cancelReplace", **replacement(client, quantity="5"))
    assert (status, error["code"]) == (409, -2021)
    assert (error["data"]["cancelResult"], error["data"]["newOrderResult"]) == ("SUCCESS", "FAILURE")
    assert error["data"]["newOrderResponse"]["code"] == -2010
    assert await states(client) == {"old": "CANCELED"}


async def test_without_an_old_order_the_mode_decides(client):
    status, error = await client.call("POST", "order/cancelReplace", **replacement(client))
    assert (status, error["code"]) == (400, -2022)
    assert error["data"]["newOrderResult"] == "NOT_ATTEMPTED"
    assert error["data"]["newOrderResponse"] is None
    wanted = replacement(client, cancelReplaceMode="ALLOW_FAILURE")
    status, error = await client.call("POST", "order/cancelReplace", **wanted)
    assert (status, error["code"]) == (409, -2021)
    assert (error["data"]["cancelResult"], error["data"]["newOrderResult"]) == ("FAILURE", "SUCCESS")
    assert await states(client) == {"new": "NEW"}
    status, error = await client.call("POST", "order/cancelReplace", **wanted)
    assert (status, error["code"]) == (400, -2022)  # both fail: nothing to cancel, and the id is taken


async def test_a_scripted_refusal_meets_the_new_order_only(client):
    await old_stop(client)
    client.exchange.faults.refuse_order(-2010, "Order would trigger immediately.")
    status, error = await client.call("POST", "order/cancelReplace", **replacement(client))
    assert (status, error["code"]) == (409, -2021)
    assert error["data"]["newOrderResponse"]["msg"] == "Order would trigger immediately."
    assert await states(client) == {"old": "CANCELED"}


async def test_cancelling_a_list_takes_what_stands_of_a_target_that_filled_in_part(client):
    await client.ok("POST", "order/oco", **exit_pair(client))
    client.exchange.faults.partial_fill("target", "0.04")
    assert await states(client) == {"target": "PARTIALLY_FILLED", "stop": "EXPIRED"}
    answer = await client.ok("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="pair")
    assert {row["clientOrderId"] for row in answer["orders"]} == {"target", "stop"}
    assert await states(client) == {"target": "CANCELED", "stop": "EXPIRED"}
