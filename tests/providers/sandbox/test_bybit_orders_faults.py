"""Faults of the order path on Bybit's rules: lost answers, refusals, and an account that changes behind our back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.providers.sandbox.bybit_client import SYMBOL, BybitClient, quiet_exchange, rows
from tests.providers.sandbox.conftest import WAIT_S

ORDER = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "900"}


@pytest.fixture(params=["spot", "linear"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[BybitClient]:
    async with quiet_exchange(request.param) as one:
        yield one


async def struck(client: BybitClient, fault: str, link_id: str) -> None:
    """Send an order and wait until the fault has struck it; it has no answer then."""
    asked = asyncio.ensure_future(client.post_raw("order/create", **ORDER, orderLinkId=link_id))
    async with asyncio.timeout(WAIT_S):
        while not client.exchange.faults.counts[fault]:
            await client.http.get("/v5/market/time")
    assert not asked.done()
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)


async def test_a_lost_answer_leaves_the_order_and_a_lost_request_does_not(client):
    faults = client.exchange.faults
    faults.lose_answer("/v5/order/create")
    await struck(client, "lose_answer", "answered-not")
    faults.lose_request("/v5/order/create")
    await struck(client, "lose_request", "never-came")
    await client.create(orderLinkId="third")
    assert await client.open_ids() == ["third", "answered-not"]


async def test_an_error_after_the_deed_is_no_refusal(client):
    body = '{"retCode":10000,"retMsg":"Server Timeout","result":{},"retExtInfo":{},"time":1}'
    client.exchange.faults.fail_after("/v5/order/create", 200, body)
    client.exchange.faults.fail_after("/v5/order/create", 503)
    answer = await client.post_raw("order/create", **ORDER, orderLinkId="a")
    assert (answer.status_code, answer.json()["retCode"]) == (200, 10000)
    assert (await client.post_raw("order/create", **ORDER, orderLinkId="b")).status_code == 503
    assert await client.open_ids() == ["b", "a"]


async def test_a_late_answer_comes_after_the_frames(client):
    client.exchange.faults.delay_answer("/v5/order/create", 8.0)
    async with client.private("order") as socket:
        asked = asyncio.ensure_future(client.create(orderLinkId="a"))
        await socket.until(lambda m: m.get("topic") == "order")
        assert not asked.done()
        assert (await asked)["orderLinkId"] == "a"


async def test_orders_are_refused_with_the_code_that_was_asked_for(client):
    client.exchange.faults.refuse_order(10005, "Permission denied")
    refused = await client.post_raw("order/create", **ORDER, orderLinkId="a")
    assert (refused.json()["retCode"], refused.json()["retMsg"]) == (10005, "Permission denied")
    await client.create(orderLinkId="a")
    client.exchange.faults.rest_error(502, path="/v5/order/cancel")
    client.exchange.faults.too_many_requests(path="/v5/order/cancel")
    cancel = {"symbol": SYMBOL, "orderLinkId": "a"}
    assert (await client.post_raw("order/cancel", **cancel)).status_code == 502
    assert (await client.post_raw("order/cancel", **cancel)).json()["retCode"] == 10006
    await client.post("order/cancel", **cancel)


async def test_cancels_and_orders_from_elsewhere_are_told_like_our_own(client):
    async with client.private("order") as socket:
        await client.create(orderLinkId="a")
        client.exchange.faults.cancel_elsewhere("a")
        venue_id = client.exchange.faults.foreign_order(SYMBOL, "BUY", "900", "0.2")
        told = await socket.until(lambda m: m.get("topic") == "order" and m["data"][0]["orderLinkId"] != "a")
    assert [row["orderStatus"] for row in rows(socket, "order") if row["orderLinkId"] == "a"] == ["New", "Cancelled"]
    assert (told["data"][0]["qty"], told["data"][0]["orderStatus"]) == ("0.2", "New")
    assert venue_id
    assert len(await client.open_ids()) == 1


async def test_partial_fills_and_overfills_are_told_with_their_sums(client):
    async with client.private("order", "execution") as socket:
        await client.create(orderLinkId="a")
        client.exchange.faults.partial_fill("a", "0.04")
        assert (await client.order("a"))["orderStatus"] == "PartiallyFilled"
        client.exchange.faults.fill("a")
        client.exchange.faults.overfill("a", "0.05")
        await socket.until(lambda m: m.get("topic") == "order" and m["data"][0]["cumExecQty"] == "0.15")
    sums = [row["cumExecQty"] for row in rows(socket, "order")]
    assert sums == ["0", "0.04", "0.1", "0.15"]
    fills = rows(socket, "execution")
    assert [row["execQty"] for row in fills] == ["0.04", "0.06", "0.05"]
    assert all(row["isMaker"] for row in fills[:2])
    assert (await client.order("a"))["orderStatus"] == "Filled"
    if client.category == "linear":
        assert (await client.get("position/list", symbol=SYMBOL))["list"][0]["size"] == "0.15"


async def test_a_withdrawal_is_told_by_the_wallet(client):
    async with client.private("wallet") as socket:
        client.exchange.faults.take_balance("USDT", 60_000)
        frame = await socket.until(lambda m: m.get("topic") == "wallet")
    (coin,) = [row for row in frame["data"][0]["coin"] if row["coin"] == "USDT"]
    assert Decimal(coin["walletBalance"]) == Decimal((await client.coin("USDT"))["walletBalance"]) == 40_000
    await client.create(170131 if client.category == "spot" else 110007, qty="60")


async def test_a_halted_symbol_and_changed_rules_refuse_orders(client):
    client.exchange.faults.halt_symbol(SYMBOL)
    await client.create(170151 if client.category == "spot" else 110074, orderLinkId="a")
    client.exchange.faults.halt_symbol(SYMBOL, False)
    client.exchange.faults.change_rules(SYMBOL, min_notional="500")
    await client.create(170140 if client.category == "spot" else 110094, orderLinkId="a")
    listed = await client.http.get(f"/v5/market/instruments-info?category={client.category}&symbol={SYMBOL}")
    lots = listed.json()["result"]["list"][0]["lotSizeFilter"]
    assert lots["minOrderAmt" if client.category == "spot" else "minNotionalValue"] == "500"
    await client.create(orderLinkId="a", qty="0.6")


async def test_held_fills_leave_limits_resting_behind_the_market(client):
    client.exchange.faults.hold_fills(SYMBOL)
    await client.create(orderLinkId="a", price=client.near(1.01))
    assert (await client.order("a"))["orderStatus"] == "New"
    await client.market("Buy", "0.1", orderLinkId="m")
    assert (await client.order("m"))["orderStatus"] == "Cancelled"
    client.exchange.faults.clear()
    assert (await client.order("a"))["orderStatus"] == "Filled"
