"""Faults of the order path do to a client what their names say."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from providers.sandbox.faults import COMMANDS
from providers.sandbox.order_faults import ORDER_COMMANDS, meant
from tests.providers.sandbox.conftest import Follower
from tests.providers.sandbox.us_client import UsClient, event, exchange_with_account

PATH = "POST /api/v3/order"


@pytest.fixture
async def client():
    async with exchange_with_account() as exchange, httpx.AsyncClient(verify=False) as http:
        yield UsClient(exchange, http)


async def placing(client: UsClient, client_id: str = "mine", **more: Any) -> tuple[int, Any]:
    order: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.1",
    }
    order |= {"price": client.price(-500), "newClientOrderId": client_id}
    return await client.call("POST", "order", **order, **more)


async def exists(client: UsClient, client_id: str = "mine") -> bool:
    status, _ = await client.call("GET", "order", symbol="BTCUSDT", origClientOrderId=client_id)
    return status == 200


async def barrier(stream: Follower) -> list[str]:
    """Everything the stream has sent so far, as the client ids of its order reports."""
    await stream.send({"method": "LIST_SUBSCRIPTIONS", "id": 99})
    await stream.until(lambda m: m.get("id") == 99)
    return [m["c"] for m in stream.messages if m.get("e") == "executionReport"]


async def quiet(client: UsClient, stream: Follower, *client_ids: str) -> list[str]:
    """Place orders and tell which of them the stream reports."""
    before = len(stream.messages)
    for client_id in client_ids:
        await placing(client, client_id)
    await barrier(stream)
    return [m["c"] for m in stream.messages[before:] if m.get("e") == "executionReport"]


# --- requests ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "carried_out"), [("lose_answer", True), ("lose_request", False)])
async def test_lost_answers_and_lost_requests_differ_in_what_the_venue_did(client, fault, carried_out):
    getattr(client.exchange.faults, fault)(PATH)
    client.http.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):  # the connection stays open, nothing comes
        await placing(client)
    client.http.timeout = httpx.Timeout(10)
    assert client.exchange.faults.counts[fault] == 1
    assert await exists(client) is carried_out
    status, _ = await placing(client, "second")
    assert status == 200


async def test_a_failure_may_follow_what_was_carried_out(client):
    client.exchange.faults.fail_after(PATH, 503, '{"code":-1007,"msg":"Timeout waiting for response"}')
    assert await placing(client) == (503, {"code": -1007, "msg": "Timeout waiting for response"})
    assert await exists(client)


async def test_a_failure_before_leaves_nothing(client):
    client.exchange.faults.rest_error(503, 1, PATH, '{"code":-1001,"msg":"Internal error"}')
    assert await exists(client) is False  # GET is not meant
    status, _ = await placing(client)
    assert status == 503
    assert await exists(client) is False


async def test_late_answers_come_and_the_order_is_there_before(client):
    client.exchange.faults.delay_answer(PATH, 10.0)
    answer = asyncio.ensure_future(placing(client))
    async with asyncio.timeout(5):
        while not await exists(client):
            pass
    assert not answer.done()
    assert (await answer)[0] == 200


async def test_orders_are_refused_as_scripted_and_counted_down(client):
    client.exchange.faults.refuse_order(-2010, "Account has insufficient balance for requested action.", 2)
    for client_id in ("a", "b"):
        status, error = await placing(client, client_id)
        assert (status, error["code"]) == (400, -2010)
        assert await exists(client, client_id) is False
    assert (await placing(client, "c"))[0] == 200


@pytest.mark.parametrize(
    ("pattern", "method", "path", "strikes"),
    [
        ("/api/v3/order", "POST", "/api/v3/order", True),
        ("/api/v3/order", "GET", "/api/v3/orderList", True),
        ("POST /api/v3/order", "GET", "/api/v3/order", False),
        ("POST /api/v3/order", "POST", "/api/v3/order/oco", True),
        ("POST ", "POST", "/anything", True),
        ("", "GET", "/anything", True),
    ],
)
def test_faults_mean_paths_by_their_beginning(pattern, method, path, strikes):
    assert meant(pattern, method, path) is strikes


# --- private streams -----------------------------------------------------------------------------------------------------


async def test_private_messages_are_skipped_doubled_and_swapped(client):
    faults = client.exchange.faults
    async with await client.user() as stream:
        faults.private_skip(2)  # a report and the balances after it
        assert await quiet(client, stream, "a", "b") == ["b"]
        faults.private_duplicate()
        assert await quiet(client, stream, "c") == ["c", "c"]
        faults.private_reorder()
        assert await quiet(client, stream, "d") == ["d"]
        kinds = [m["e"] for m in stream.messages if "e" in m][-2:]
        assert kinds == ["outboundAccountPosition", "executionReport"]


async def test_a_frozen_private_stream_says_nothing_while_the_market_goes_on(client):
    async with await client.user() as stream:
        await stream.send({"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1})
        client.exchange.faults.private_freeze(60)
        assert await quiet(client, stream, "a") == []
        await stream.until(lambda m: "u" in m)
        client.exchange.faults.private_freeze(0)
        assert await quiet(client, stream, "b") == ["b"]


async def test_delayed_private_messages_come_later_and_in_order(client):
    async with await client.user() as stream:
        client.exchange.faults.private_delay(5)
        assert await quiet(client, stream, "a") == []
        client.exchange.faults.private_delay(0)
        await placing(client, "b")
        assert (await event(stream, "executionReport"))["c"] == "a"
        assert (await event(stream, "executionReport"))["c"] == "b"


async def test_only_private_sockets_are_dropped(client):
    async with await client.user() as stream, await client.user() as other:
        await other.send({"method": "UNSUBSCRIBE", "params": [await client.listen_key()], "id": 1})
        await other.until(lambda m: m.get("id") == 1)
        assert client.exchange.faults.private_drop() == 1
        assert (await stream.closed()).rcvd is None
        assert await barrier(other) == []


# --- the control endpoint --------------------------------------------------------------------------------------------------


async def test_every_command_is_reachable_over_the_control_endpoint(client):
    assert set(ORDER_COMMANDS) <= set(COMMANDS)
    url = client.exchange.control_url

    async def tell(fault: str, **args: Any) -> Any:
        return await client.http.post(url, json={"fault": fault, "args": args})

    await placing(client)
    assert (await tell("partial_fill", client_id="mine", quantity="0.04")).status_code == 200
    answer = await tell("foreign_order", symbol="BTCUSDT", side="BUY", price="900", quantity=0.1)
    assert (answer.status_code, answer.json()["result"]) == (200, "2")
    assert (await tell("cancel_elsewhere", client_id="nobody")).status_code == 400
    await tell("lose_request", path="/api/v3/order", count=-1)
    state = (await tell("refuse_order", code="-2010", text="no")).json()["state"]["orders"]
    assert state["requests"][0]["path"] == "/api/v3/order"
    assert state["refusals"] == [{"code": "-2010", "text": "no", "left": 1}]
    await tell("clear")
    assert (await placing(client, "after"))[0] == 200
    for name in ORDER_COMMANDS:
        assert getattr(client.exchange.faults, name).__doc__


async def test_a_gap_is_seen_alike_in_snapshot_quotes_and_trades(client):
    before = float(client.price())
    async with await client.user() as stream:
        names = ["btcusdt@bookTicker", "btcusdt@trade"]
        await stream.send({"method": "SUBSCRIBE", "params": names, "id": 1})
        await stream.until(lambda m: m.get("id") == 1)
        client.exchange.faults.gap_price("BTCUSDT", 0.9)
        depth = (await client.http.get(client.exchange.rest_url + "/api/v3/depth?symbol=BTCUSDT&limit=5")).json()
        assert float(depth["bids"][0][0]) < before * 0.92
        quote = await stream.until(lambda m: "B" in m and float(m["b"]) < before * 0.92)
        assert float(quote["a"]) < before * 0.92
        await stream.until(lambda m: m.get("e") == "trade" and float(m["p"]) < before * 0.92)
