"""Bybit's private socket at the sandbox: login, topics, frames, and what the faults do to them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from providers.sandbox.bybit_control import IDLE_MS
from tests.providers.sandbox.bybit_client import KEY, SYMBOL, BybitClient, quiet_exchange, rows, sign
from tests.providers.sandbox.conftest import Follower, follow


@pytest.fixture(params=["spot", "linear"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[BybitClient]:
    async with quiet_exchange(request.param) as one:
        yield one


@pytest.fixture
async def spot() -> AsyncIterator[BybitClient]:
    async with quiet_exchange("spot") as one:
        yield one


@contextlib.asynccontextmanager
async def stranger(client: BybitClient, query: str = "") -> AsyncIterator[Follower]:
    """A private socket that has not logged in."""
    async with follow(f"ws://127.0.0.1:{client.exchange.port}/v5/private{query}") as socket:
        yield socket


def login(client: BybitClient, ahead_ms: int = 600_000, key: str = KEY) -> dict[str, Any]:
    expires = client.accounts.now_ms() + ahead_ms
    return {"req_id": "a1", "op": "auth", "args": [key, expires, sign(f"GET/realtime{expires}")]}


async def ask(socket: Follower, **request: Any) -> Any:
    await socket.send(request)
    return await socket.until(lambda m: "success" in m or m.get("op") == "pong")


async def test_nobody_follows_anything_without_a_login(client):
    async with stranger(client) as socket:
        refused = await ask(socket, op="subscribe", args=["order"], req_id="s")
        assert (refused["success"], refused["op"], refused["req_id"]) == (False, "subscribe", "s")
        for bad in (login(client, -1), login(client, key="other"), {"op": "auth", "args": []}):
            assert (await ask(socket, **bad))["success"] is False
        await client.create(orderLinkId="a")
        assert (await ask(socket, **login(client)))["success"] is True
        assert (await ask(socket, op="subscribe", args=["order"]))["success"] is True
    assert rows(socket, "order") == []  # and no snapshot follows either


async def test_answers_have_the_private_forms(client):
    async with stranger(client) as socket:
        answer = await ask(socket, **login(client))
        assert answer | {"conn_id": ""} == {"success": True, "ret_msg": "", "op": "auth", "conn_id": "", "req_id": "a1"}
        pong = await ask(socket, op="ping", req_id="p")
        assert (pong["op"], pong["req_id"], pong["conn_id"]) == ("pong", "p", answer["conn_id"])
        assert pong["args"][0].isdecimal()
        assert "req_id" not in await ask(socket, op="ping")
        for bad in ("[]", "{", '{"op":"dance"}'):
            await socket.send(bad)
            assert (await socket.next())["success"] is False


@pytest.mark.parametrize(
    "args",
    [
        ["order", "order.spot"],
        ["execution.linear", "execution"],
        ["order", "kline.1.BTCUSDT"],
        [],
        ["wallet.spot"],
        "order",
    ],
)
async def test_a_bad_topic_sinks_its_whole_request(spot, args):
    async with spot.private("wallet") as socket:
        assert (await ask(socket, op="subscribe", args=args))["success"] is False
        await spot.create(orderLinkId="a")
        await socket.until(lambda m: m.get("topic") == "wallet")
        assert rows(socket, "order") == rows(socket, "order.spot") == []
        assert (await ask(socket, op="subscribe", args=["order", "execution.spot"]))["success"] is True


async def test_all_in_one_and_categorised_topics_tell_the_same(client):
    ours, other = client.category, "linear" if client.category == "spot" else "spot"
    async with (
        client.private("order", "execution") as whole,
        client.private(f"order.{ours}", f"execution.{ours}") as part,
        client.private(f"order.{other}", f"execution.{other}", "wallet") as wrong,
    ):
        await client.market("Buy", "0.3", orderLinkId="m")
        await wrong.until(lambda m: m.get("topic") == "wallet")
        for socket, suffix in ((whole, ""), (part, f".{ours}")):
            await socket.until(lambda m: m.get("topic", "").startswith("order") and filled(m))
            assert {row["category"] for row in rows(socket, f"order{suffix}")} == {ours}
        assert rows(whole, "order") == rows(part, f"order.{ours}")
        assert rows(whole, "execution") == rows(part, f"execution.{ours}")
    assert [m["topic"] for m in wrong.messages if "topic" in m] == ["wallet"]


def filled(message: Any) -> bool:
    return any(row.get("orderStatus") == "Filled" for row in message["data"])


async def test_frames_come_before_the_acknowledgement_and_add_up(client):
    async with client.private("order", "execution", "wallet") as socket:
        await client.market("Buy", "0.3", orderLinkId="m")
        ended_ms = client.accounts.now_ms()
        await socket.until(lambda m: m.get("topic") == "wallet")
    orders, fills = rows(socket, "order"), rows(socket, "execution")
    assert (orders[0]["orderStatus"], orders[-1]["orderStatus"]) == ("New", "Filled")
    sums = list(itertools.accumulate(Decimal(row["execQty"]) for row in fills))
    assert [Decimal(row["cumExecQty"]) for row in orders[1:]] == sums
    assert all(m["creationTime"] <= ended_ms for m in socket.messages if "topic" in m)
    assert len({m["id"] for m in socket.messages if "topic" in m}) == len(orders) + len(fills) + 1
    (last,) = [row for row in rows(socket, "wallet")[-1]["coin"] if row["coin"] == "USDT"]
    assert last["walletBalance"] == (await client.coin("USDT"))["walletBalance"]


async def test_what_is_unsubscribed_is_not_told_any_more(spot):
    async with spot.private("order", "wallet") as socket:
        assert (await ask(socket, op="unsubscribe", args=["order"]))["success"] is True
        await spot.create(orderLinkId="a")
        await socket.until(lambda m: m.get("topic") == "wallet")
    assert rows(socket, "order") == []


async def test_a_refused_request_is_not_told(spot):
    async with spot.private("order", "wallet") as socket:
        await spot.create(170131, qty="5000")
        await spot.create(orderLinkId="a")
        await spot.post("order/amend", 10001, symbol=SYMBOL, orderLinkId="a", qty="0.1")
        await spot.post("order/cancel", symbol=SYMBOL, orderLinkId="a")
        await spot.post("order/cancel", 170213, symbol=SYMBOL, orderLinkId="a")
        await spot.create(orderLinkId="b")
        await socket.until(lambda m: m.get("topic") == "order" and m["data"][0]["orderLinkId"] == "b")
    told = [(row["orderLinkId"], row["orderStatus"]) for row in rows(socket, "order")]
    assert told == [("a", "New"), ("a", "Cancelled"), ("b", "New")]


async def test_silent_sockets_are_cut_after_their_active_time(spot):
    async with stranger(spot, "?max_active_time=1m") as short, stranger(spot) as long:
        for socket in (short, long):
            await ask(socket, op="ping")
        spot.exchange.venue.private.retire(spot.exchange.clock.now_ms() + 60_000)
        await short.closed()
        assert (await ask(long, op="ping"))["op"] == "pong"
        spot.exchange.venue.private.retire(spot.exchange.clock.now_ms() + IDLE_MS)
        await long.closed()
    assert spot.exchange.counts["idle_cut"] == 2


async def frames_under(client: BybitClient, prepare: Callable[[], None]) -> list[str]:
    """The order frames of three orders placed under a fault, up to a marker placed after it."""
    async with client.private("order") as socket:
        prepare()
        for link_id in ("a", "b", "c"):
            await client.create(orderLinkId=link_id)
        client.exchange.faults.clear()
        await client.create(orderLinkId="end")
        await socket.until(lambda m: m.get("topic") == "order" and m["data"][0]["orderLinkId"] == "end")
    return [row["orderLinkId"] for row in rows(socket, "order")]


@pytest.mark.parametrize(
    ("fault", "argument", "told"),
    [
        ("private_skip", 1, ["b", "c", "end"]),
        ("private_duplicate", 1, ["a", "a", "b", "c", "end"]),
        ("private_reorder", 1, ["b", "a", "c", "end"]),
        ("private_freeze", 3_600, ["end"]),
        ("private_delay", 0.01, ["a", "b", "c", "end"]),
    ],
)
async def test_private_messages_are_lost_doubled_swapped_and_late_on_command(spot, fault, argument, told):
    assert await frames_under(spot, lambda: getattr(spot.exchange.faults, fault)(argument)) == told


async def test_private_sockets_are_cut_on_command_and_public_ones_are_not(spot):
    async with (
        spot.private("order") as socket,
        follow(f"{spot.exchange.stream_url}/spot") as public,
    ):
        assert spot.exchange.faults.private_drop() == 1
        assert (await socket.closed()).rcvd is None
        assert (await ask(public, op="ping"))["ret_msg"] == "pong"


@pytest.mark.parametrize("fault", ["steal_stream", "expire_listen_key"])
async def test_a_stream_that_is_taken_away_ends_with_a_handshake(spot, fault):
    async with spot.private("order") as socket:
        assert getattr(spot.exchange.faults, fault)() == 1
        assert (await socket.closed()).rcvd.code == 1001
    async with spot.private("order") as again:
        await spot.create(orderLinkId="a")
        await again.until(lambda m: m.get("topic") == "order")
