"""Who may trade on the Binance.US sandbox: signatures over the bytes sent, the timing rule, keys, and the order limits."""

from __future__ import annotations

import httpx
import pytest

from core.clock import LiveClock
from providers.sandbox.binance_us_auth import signature, signed_bytes, socket_bytes
from providers.sandbox.limits import OrderCount
from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.conftest import START_MS
from tests.providers.sandbox.tiny_market import TinyMarket
from tests.providers.sandbox.us_client import KEY, SECRET, UsClient, exchange_with_account, sign

WHOLE = (
    b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)
HEAD, TAIL = WHOLE[: WHOLE.index(b"&quantity")], WHOLE[WHOLE.index(b"quantity") :]


@pytest.fixture
async def client():
    async with exchange_with_account() as exchange, httpx.AsyncClient(verify=False) as http:
        yield UsClient(exchange, http)


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        (WHOLE, b"", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (b"", WHOLE, "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (HEAD, TAIL, "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"),
    ],
)
def test_the_documented_signatures(query, body, expected):
    assert signature(SECRET.encode(), signed_bytes(query, body)) == expected
    assert signed_bytes(query + b"&signature=" + expected.encode() if query else query, body) == query + body


def test_the_documented_signatures_of_the_websocket_api():
    order = {
        "type": "LIMIT", "side": "SELL", "symbol": "BTCUSDT", "timeInForce": "GTC", "quantity": "0.01000000",
        "price": "52000.00", "newOrderRespType": "ACK", "recvWindow": "100", "timestamp": "1645423376532", "apiKey": KEY,
    }  # fmt: skip
    secret = SECRET.encode()
    assert signature(secret, socket_bytes(order)) == "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a"
    subscribe = {"apiKey": KEY, "timestamp": "1747385641636", "signature": "not covered"}
    expected = "681110a6057ad58657af22f5640fab9dd17418834cdfccdc81be8b0f7b2cde3e"
    assert signature(secret, socket_bytes(subscribe)) == expected


async def test_a_signature_may_be_split_over_query_and_body_and_covers_every_byte(client):
    stamp = client.exchange.feeds["spot"].now_ms()
    query = "symbol=BTCUSDT&side=BUY&type=MARKET"
    body = f"quantity=0.1&recvWindow=5000&timestamp={stamp}"
    headers = {"X-MBX-APIKEY": KEY, "Content-Type": "application/x-www-form-urlencoded"}
    url = f"{client.exchange.rest_url}/api/v3/order/test?{query}"
    good = await client.http.post(url, content=f"{body}&signature={sign(query + body)}", headers=headers)
    assert (good.status_code, good.json()) == (200, {})
    apart = await client.http.post(url, content=f"{body}&signature={sign(query + '&' + body)}", headers=headers)
    assert (apart.status_code, apart.json()["code"]) == (400, -1022)
    url = f"{url}%20&signature={sign(query + ' ' + body)}"  # signed before it was percent-encoded
    assert (await client.http.post(url, content=body, headers=headers)).json()["code"] == -1022


async def test_keys_the_venue_does_not_know_are_refused(client):
    status, error = await client.call("GET", "account", key="")
    assert (status, error["code"]) == (401, -2014)
    status, error = await client.call("GET", "account", key="x" * 64)
    assert (status, error["code"]) == (401, -2015)
    status, error = await client.call("GET", "account", signed=False)
    assert (status, error["code"]) == (400, -1102)


async def test_an_exchange_without_an_account_refuses_every_key():
    clock = LiveClock(rate=10.0, start_ms=START_MS)
    exchange = SandboxExchange(TinyMarket(clock.now_ms()), clock, venue="binance_us")
    async with exchange, httpx.AsyncClient(verify=False) as http:
        client = UsClient(exchange, http)
        for method, path, signed in (("GET", "account", True), ("POST", "userDataStream", False)):
            status, error = await client.call(method, path, signed=signed)
            assert (status, error["code"]) == (401, -2015)
        with pytest.raises(ValueError, match="no account"):
            exchange.faults.take_balance("BTC", 1)


@pytest.mark.parametrize(("skew_ms", "words"), [(70_000, "outside"), (-70_000, "ahead"), (0, "")])
async def test_the_timing_rule_holds_against_the_venues_own_clock(client, skew_ms, words):
    stamp = client.exchange.clock.now_ms()
    client.exchange.faults.skew_clock(skew_ms)
    status, answer = await client.call("GET", "openOrders", timestamp=stamp)
    if words:
        assert (status, answer["code"]) == (400, -1021)
        assert words in answer["msg"]
    else:
        assert (status, answer) == (200, [])


@pytest.mark.parametrize(
    ("ahead_ms", "window", "accepted"),
    [(999, 5000, True), (1000, 5000, False), (-5000, 5000, True), (-5001, 5000, False), (-100, 99, False)],
)
def test_the_borders_of_the_timing_rule(ahead_ms, window, accepted):
    from providers.sandbox.accounts import Accounts
    from providers.sandbox.binance_us_auth import check_signed
    from providers.sandbox.binance_us_params import ApiError, Params

    exchange = exchange_with_account()
    accounts: Accounts = exchange.accounts["spot"]
    pairs = {"timestamp": str(START_MS + ahead_ms), "recvWindow": str(window), "signature": sign("x")}
    if accepted:
        check_signed(accounts, Params(pairs, ()), b"x", START_MS)
    else:
        with pytest.raises(ApiError) as refusal:
            check_signed(accounts, Params(pairs, ()), b"x", START_MS)
        assert refusal.value.code == -1021


async def test_the_receive_window_has_a_limit(client):
    status, error = await client.call("GET", "openOrders", recvWindow=60_001)
    assert (status, error["code"]) == (400, -1131)


def test_order_counters_start_again_with_their_windows_and_count_no_refused_order():
    counts = OrderCount()
    assert counts.add(99, 0) is None
    assert counts.add(2, 9_999) is counts.short
    assert counts.look(9_999) == (99, 99)
    assert counts.add(1, 9_999) is None
    assert counts.look(10_000) == (0, 100)
    counts.day.limit = 101
    assert counts.add(1, 10_000) is None
    assert counts.add(1, 10_000) is counts.day
    assert counts.look(10_000) == (1, 101)
    assert counts.look(86_400_000) == (0, 0)


async def test_answers_carry_the_order_counters_and_too_many_orders_are_refused(client):
    await client.place(price=client.price(-500))
    assert client.headers["X-MBX-ORDER-COUNT-1D"] == "1"
    oco = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.1", "price": client.price(500)}
    stop = {"stopPrice": client.price(-500), "stopLimitPrice": client.price(-600), "stopLimitTimeInForce": "GTC"}
    await client.ok("POST", "order/oco", **oco, **stop)
    assert client.headers["X-MBX-ORDER-COUNT-1D"] == "3"
    client.exchange.venue.orders.desk.counts.day.limit = 4
    await client.ok("GET", "order", symbol="BTCUSDT", orderId=1)
    assert "X-MBX-ORDER-COUNT-1D" not in client.headers
    await client.place(price=client.price(-500))
    status, error = await client.call(
        "POST", "order", symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.1",
        price=client.price(-500),
    )  # fmt: skip
    assert (status, error["code"]) == (429, -1015)
    assert "retry-after" not in client.headers
    rows = await client.ok("GET", "rateLimit/order")
    assert (rows[1]["interval"], rows[1]["count"]) == ("DAY", 4)
    assert len(await client.ok("GET", "openOrders")) == 4


async def test_weight_is_charged_and_a_ban_stops_orders_too(client):
    before = client.exchange.venue.rest.limits.weight.used
    await client.ok("GET", "myTrades", symbol="BTCUSDT")
    assert int(client.headers["X-MBX-USED-WEIGHT-1M"]) - before in (20, 20 - before)  # a minute may have begun
    client.exchange.faults.ban(60)
    status, error = await client.call("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1")
    assert (status, error["code"]) == (418, -1003)
    client.exchange.faults.clear()
    assert await client.ok("GET", "allOrders", symbol="BTCUSDT") == []
