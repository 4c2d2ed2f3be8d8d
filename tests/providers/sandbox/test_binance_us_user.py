"""The Binance.US sandbox's user streams: listen keys, the WebSocket API's subscriptions, and what each event tells."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from providers.sandbox.binance_us_user import KEY_LIFE_MS
from tests.providers.sandbox.conftest import Follower, follow
from tests.providers.sandbox.us_client import KEY, UsClient, event, exchange_with_account, sign


@pytest.fixture
async def client():
    async with exchange_with_account() as exchange, httpx.AsyncClient(verify=False) as http:
        yield UsClient(exchange, http)


def request(client: UsClient, method: str, *, signed: bool = True, **params: Any) -> dict[str, Any]:
    """A request of the WebSocket API."""
    if signed:
        params |= {"apiKey": KEY, "timestamp": client.exchange.feeds["spot"].now_ms(), "recvWindow": 60_000}
        params["signature"] = sign("&".join(f"{name}={value}" for name, value in sorted(params.items())))
    return {"id": 7, "method": method, "params": params}


async def ask(client: UsClient, socket: Follower, method: str, **params: Any) -> Any:
    await socket.send(request(client, method, **params))
    return await socket.until(lambda m: m.get("id") == 7)


async def test_an_orders_life_is_told_with_the_balances_it_moves(client):
    async with await client.user() as stream:
        price = client.price(-500)
        placed = await client.place(price=price, newClientOrderId="mine")
        new = await event(stream, "executionReport", x="NEW")
        assert (new["c"], new["i"], new["X"], new["w"], new["t"]) == ("mine", placed["orderId"], "NEW", True, -1)
        assert (new["S"], new["o"], new["f"], new["q"], new["p"], new["C"], new["g"]) == (
            "BUY", "LIMIT", "GTC", "0.10000000", f"{Decimal(price):.8f}", "", -1,
        )  # fmt: skip
        held = await event(stream, "outboundAccountPosition")
        usdt = next(row for row in held["B"] if row["a"] == "USDT")
        assert Decimal(usdt["l"]) == Decimal(price) * Decimal("0.1")
        client.exchange.faults.partial_fill("mine", "0.03")
        part = await event(stream, "executionReport", x="TRADE")
        assert (part["X"], part["l"], part["z"], part["L"]) == (
            "PARTIALLY_FILLED", "0.03000000", "0.03000000", new["p"],
        )  # fmt: skip
        assert (part["n"], part["N"], part["m"]) == ("0.00003000", "BTC", True)
        assert Decimal(part["Z"]) == Decimal(part["Y"]) == Decimal(price) * Decimal("0.03")
        await client.ok("DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine", newClientOrderId="bye")
        gone = await event(stream, "executionReport", x="CANCELED")
        assert (gone["c"], gone["C"], gone["X"], gone["z"]) == ("bye", "mine", "CANCELED", "0.03000000")
        (trade,) = await client.ok("GET", "myTrades", symbol="BTCUSDT")
        assert trade["id"] == part["t"]


async def test_a_cancel_from_elsewhere_still_names_the_order_in_C(client):
    async with await client.user() as stream:
        await client.place(price=client.price(-500), newClientOrderId="mine")
        client.exchange.faults.cancel_elsewhere("mine")
        gone = await event(stream, "executionReport", x="CANCELED")
        assert gone["C"] == "mine"
        assert gone["c"] not in ("", "mine")


async def test_what_expires_and_what_is_refused_in_a_replacement_is_told(client):
    async with await client.user() as stream:
        await client.place(price=client.price(-500), timeInForce="IOC", newClientOrderId="ioc")
        over = await event(stream, "executionReport", x="EXPIRED")
        assert (over["c"], over["C"], over["X"]) == ("ioc", "", "EXPIRED")
        await client.place(price=client.price(-500), newClientOrderId="old")
        await client.call(
            "POST", "order/cancelReplace", symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC",
            quantity="900", price=client.price(-500), newClientOrderId="new", cancelReplaceMode="STOP_ON_FAILURE",
            cancelOrigClientOrderId="old",
        )  # fmt: skip
        assert (await event(stream, "executionReport", x="CANCELED"))["C"] == "old"
        refused = await event(stream, "executionReport", x="REJECTED")
        assert (refused["c"], refused["X"]) == ("new", "REJECTED")
        assert "insufficient" in refused["r"]
        await client.call("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="900")
        await stream.send({"method": "LIST_SUBSCRIPTIONS", "id": 9})
        await stream.until(lambda m: m.get("id") == 9)
        assert [m["c"] for m in stream.messages if m.get("x") == "REJECTED"] == ["new"]


async def test_a_stop_is_told_as_new_and_not_working_until_it_triggers(client):
    async with await client.user() as stream:
        await client.place(
            side="SELL", type="STOP_LOSS_LIMIT", stopPrice=client.price(-2000), price=client.price(-4000),
            newClientOrderId="stop",
        )  # fmt: skip
        waiting = await event(stream, "executionReport", c="stop")
        assert (waiting["x"], waiting["X"], waiting["w"], "W" in waiting) == ("NEW", "NEW", False, False)
        client.exchange.faults.gap_price("BTCUSDT", 0.975)
        live = await event(stream, "executionReport", c="stop")
        assert (live["x"], live["X"], live["w"]) == ("NEW", "NEW", True)
        await event(stream, "executionReport", c="stop", x="TRADE", X="FILLED")


async def test_a_list_is_told_when_it_begins_and_when_it_is_over(client):
    async with await client.user() as stream:
        await client.ok(
            "POST", "order/oco", symbol="BTCUSDT", side="SELL", quantity="0.1", price=client.price(2000),
            stopPrice=client.price(-2000), stopLimitPrice=client.price(-4000), stopLimitTimeInForce="GTC",
            limitClientOrderId="target", stopClientOrderId="stop", listClientOrderId="pair",
        )  # fmt: skip
        begun = await event(stream, "listStatus")
        assert (begun["C"], begun["c"], begun["l"], begun["L"]) == ("pair", "OCO", "EXEC_STARTED", "EXECUTING")
        assert [leg["c"] for leg in begun["O"]] == ["stop", "target"]
        reports = [m for m in stream.messages if m["e"] == "executionReport"]
        assert [(m["c"], m["g"]) for m in reports] == [("stop", begun["g"]), ("target", begun["g"])]
        client.exchange.faults.fill("target")
        over = await event(stream, "listStatus", L="ALL_DONE")
        assert over["g"] == begun["g"]
        assert [m["L"] for m in stream.messages if m["e"] == "listStatus"] == ["EXECUTING", "ALL_DONE"]
        assert {"EXPIRED", "TRADE"} <= {m["x"] for m in stream.messages if m["e"] == "executionReport"}


async def test_withdrawals_are_told_twice(client):
    async with await client.user() as stream:
        client.exchange.faults.take_balance("BTC", "0.25")
        change = await event(stream, "balanceUpdate")
        assert (change["a"], change["d"]) == ("BTC", "-0.25000000")
        position = await event(stream, "outboundAccountPosition")
        assert position["B"] == [{"a": "BTC", "f": "0.75000000", "l": "0.00000000"}]


# --- listen keys ---------------------------------------------------------------------------------------------------------


async def test_one_key_is_in_force_until_it_is_closed(client):
    key = await client.listen_key()
    assert await client.listen_key() == key
    assert await client.ok("PUT", "userDataStream", signed=False, listenKey=key) == {}
    assert await client.ok("DELETE", "userDataStream", signed=False, listenKey=key) == {}
    status, error = await client.call("PUT", "userDataStream", signed=False, listenKey=key)
    assert (status, error["code"]) == (400, -1125)
    assert await client.listen_key() != key


def test_a_key_lives_an_hour_after_its_last_renewal():
    exchange = exchange_with_account()
    user = exchange.venue.user  # type: ignore[attr-defined]
    from providers.sandbox.binance_us_params import Params

    before_ms = exchange.clock.now_ms()
    key = user.start(Params({}, ()))["listenKey"]
    user.run(before_ms + KEY_LIFE_MS - 1)
    assert user.key == key
    user.run(exchange.clock.now_ms() + KEY_LIFE_MS)
    assert user.key == ""


async def test_an_ended_key_is_told_and_nothing_follows(client):
    async with await client.user() as stream:
        key = await client.listen_key()
        assert client.exchange.faults.expire_listen_key() == 1
        assert (await event(stream, "listenKeyExpired"))["listenKey"] == key
        await client.place(price=client.price(-500))
        await stream.send({"method": "LIST_SUBSCRIPTIONS", "id": 9})
        assert "e" not in await stream.next()


async def test_the_key_may_be_subscribed_and_combined_frames_wrap_its_events(client):
    key = await client.listen_key()
    async with follow(f"{client.exchange.stream_url}/stream?streams=btcusdt@trade") as stream:
        await stream.send({"method": "SUBSCRIBE", "params": [key], "id": 1})
        await stream.until(lambda m: m.get("id") == 1)
        await client.place(price=client.price(-500), newClientOrderId="mine")
        wrapped = await stream.until(lambda m: m.get("stream") == key)
        assert wrapped["data"]["c"] == "mine"


# --- the WebSocket API ---------------------------------------------------------------------------------------------------


async def test_the_signed_subscription_gets_the_events_and_orders_can_be_placed_on_the_same_socket(client):
    async with follow(client.exchange.stream_url + "/ws-api/v3") as socket:
        answer = await ask(client, socket, "userDataStream.subscribe.signature")
        assert (answer["status"], answer["result"]) == (200, {"subscriptionId": 0})
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"}
        placed = await ask(
            client, socket, "order.place", **order, price=client.price(-500), newClientOrderId="mine"
        )  # fmt: skip
        assert placed["result"]["status"] == "NEW"
        told = next(m for m in socket.messages if m.get("event", {}).get("e") == "executionReport")
        assert (told["subscriptionId"], told["event"]["c"]) == (0, "mine")
        found = await ask(client, socket, "order.status", symbol="BTCUSDT", origClientOrderId="mine")
        assert found["result"]["status"] == "NEW"
        gone = await ask(client, socket, "order.cancel", symbol="BTCUSDT", origClientOrderId="mine")
        assert gone["result"]["status"] == "CANCELED"
        refused = await ask(client, socket, "order.cancel", symbol="BTCUSDT", origClientOrderId="mine")
        assert (refused["status"], refused["error"]["code"]) == (400, -2011)
        assert (await ask(client, socket, "userDataStream.unsubscribe", signed=False, subscriptionId=0))["result"] == {}
        before = len(socket.messages)
        await ask(client, socket, "order.place", **order, price=client.price(-500))
        assert not [m for m in socket.messages[before:] if "event" in m]


async def test_requests_that_are_not_signed_not_known_or_not_json_are_answered(client):
    async with follow(client.exchange.stream_url + "/ws-api/v3") as socket:
        wrong = request(client, "userDataStream.subscribe.signature")
        wrong["params"]["signature"] = "0" * 64
        await socket.send(wrong)
        assert (await socket.next())["error"]["code"] == -1022
        assert (await ask(client, socket, "account.status", signed=False))["error"]["code"] == -2014
        assert (await ask(client, socket, "moon.phase"))["error"]["code"] == -1020
        assert (await ask(client, socket, "time", signed=False))["result"]["serverTime"] > 0
        await socket.send("{")
        assert (await socket.next())["error"]["code"] == -1135


async def test_a_stolen_stream_ends_both_ways_of_following(client):
    async with await client.user() as stream, follow(client.exchange.stream_url + "/ws-api/v3") as socket:
        await ask(client, socket, "userDataStream.subscribe.signature")
        assert client.exchange.faults.steal_stream() == 2
        ended = await socket.until(lambda m: "event" in m)
        assert ended["event"]["e"] == "eventStreamTerminated"
        assert (await stream.closed()).rcvd.code == 1008
