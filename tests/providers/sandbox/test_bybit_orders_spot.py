"""Spot orders at the Bybit sandbox over real sockets: the venue's statuses, codes, filters and fees."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from core.clock import LiveClock
from tests.providers.sandbox.bybit_client import KEY, SYMBOL, BybitClient, quiet_exchange, rows, running_exchange
from tests.providers.sandbox.conftest import START_MS
from tests.providers.sandbox.tiny_market import TinyMarket


@pytest.fixture
async def spot() -> AsyncIterator[BybitClient]:
    async with quiet_exchange("spot") as client:
        yield client


async def test_an_acknowledgement_carries_ids_alone_and_the_order_rests(spot):
    answer = await spot.create(orderLinkId="a-1")
    assert set(answer) == {"orderId", "orderLinkId"}
    assert answer["orderLinkId"] == "a-1"
    order = await spot.order("a-1")
    assert (order["orderStatus"], order["leavesQty"], order["cumExecQty"], order["avgPrice"]) == ("New", "0.1", "0", "")
    assert (order["orderId"], order["timeInForce"], order["createType"]) == (answer["orderId"], "GTC", "")
    locked = Decimal(order["qty"]) * Decimal(order["price"])
    assert Decimal((await spot.coin("USDT"))["locked"]) == locked


async def test_a_cancelled_order_and_what_a_second_cancel_says(spot):
    await spot.create(orderLinkId="a-1")
    await spot.post("order/cancel", 170213, symbol="ETHUSDT", orderLinkId="a-1")
    answer = await spot.post("order/cancel", symbol=SYMBOL, orderLinkId="a-1")
    order = await spot.order("a-1")
    assert answer == {"orderId": order["orderId"], "orderLinkId": "a-1"}
    assert (order["orderStatus"], order["cancelType"], order["rejectReason"], order["leavesQty"]) == (
        "Cancelled", "CancelByUser", "EC_PerCancelRequest", "0",
    )  # fmt: skip
    await spot.post("order/cancel", 170213, symbol=SYMBOL, orderId=order["orderId"])
    await spot.post("order/cancel", 170213, symbol=SYMBOL, orderLinkId="a-2")
    await spot.post("order/cancel", 170213, symbol=SYMBOL, orderId="7")
    await spot.post("order/cancel", 10001, symbol=SYMBOL)
    assert await spot.open_ids() == []


async def test_a_client_id_is_never_accepted_twice(spot):
    await spot.create(orderLinkId="a-1")
    await spot.create(170141, orderLinkId="a-1")
    await spot.post("order/cancel", symbol=SYMBOL, orderLinkId="a-1")
    await spot.create(170141, orderLinkId="a-1")
    await spot.create(orderLinkId="")
    await spot.create(orderLinkId="")


async def test_a_refused_order_leaves_no_trace(spot):
    for code, change in (
        (170121, {"symbol": "NOPE"}),
        (170131, {"qty": "5000"}),
        (170134, {"price": "990.001"}),
        (170137, {"qty": "0.1001"}),
        (170140, {"qty": "0.001"}),
        (10001, {"orderLinkId": "no spaces"}),
    ):
        await spot.create(code, **({"orderLinkId": "a-1"} | change))
    assert (await spot.get("order/realtime"))["list"] == []
    assert (await spot.get("order/history"))["list"] == []
    await spot.create(orderLinkId="a-1")


async def test_a_post_only_order_that_would_take_is_acknowledged_and_then_cancelled(spot):
    async with spot.private("order.spot") as socket:
        await spot.create(orderLinkId="p-1", price=spot.near(1.01), timeInForce="PostOnly")
        order = await spot.order("p-1")
        assert (order["orderStatus"], order["rejectReason"], order["cumExecQty"]) == (
            "Cancelled", "EC_PostOnlyWillTakeLiquidity", "0",
        )  # fmt: skip
        frame = await socket.until(lambda m: m.get("topic") == "order.spot")
    assert [row["orderStatus"] for row in frame["data"]] == ["Cancelled"]
    await spot.create(orderLinkId="p-2", timeInForce="PostOnly")
    assert (await spot.order("p-2"))["timeInForce"] == "PostOnly"


async def test_a_market_buy_given_in_quote_ends_partially_filled_with_dust_left(spot):
    await spot.create(orderLinkId="m-1", orderType="Market", qty="100.5", price="")
    order = await spot.order("m-1")
    assert (order["orderStatus"], order["rejectReason"], order["cancelType"]) == (
        "PartiallyFilledCanceled", "EC_CancelForNoFullFill", "UNKNOWN",
    )  # fmt: skip
    spent = Decimal(order["cumExecValue"])
    assert Decimal("99") < spent < Decimal("100.5")
    assert Decimal(order["leavesValue"]) == Decimal("100.5") - spent
    assert Decimal(order["avgPrice"]) * Decimal(order["cumExecQty"]) == pytest.approx(spent)


async def test_a_buy_pays_its_fee_in_base_and_a_sale_in_quote(spot):
    before = Decimal((await spot.coin("BTC"))["walletBalance"])
    await spot.market("Buy", "0.3", orderLinkId="b")
    bought = await spot.order("b")
    assert (bought["orderStatus"], bought["feeCurrency"], bought["cumFeeDetail"]) == (
        "Filled",
        "BTC",
        {"BTC": "0.0003"},
    )
    assert Decimal((await spot.coin("BTC"))["walletBalance"]) == before + Decimal("0.2997")
    await spot.market("Sell", "0.2", orderLinkId="s")
    sold = await spot.order("s")
    assert sold["feeCurrency"] == "USDT"
    fills = (await spot.get("execution/list", orderLinkId="s"))["list"]
    assert sum(Decimal(fill["execFee"]) for fill in fills) == Decimal(sold["cumExecFee"])
    assert sum(Decimal(fill["execQty"]) for fill in fills) == Decimal("0.2")
    assert {(fill["execType"], fill["isMaker"], fill["side"], fill["closedSize"]) for fill in fills} == {
        ("Trade", False, "Sell", "")
    }


async def test_a_stop_waits_under_its_own_filter_triggers_and_sells(spot):
    async with spot.private("order") as socket:
        stop = {"side": "Sell", "orderType": "Market", "price": "", "orderFilter": "tpslOrder", "orderLinkId": "st"}
        await spot.create(**stop, triggerPrice=spot.near(0.98))
        order = await spot.order("st")
        assert (order["orderStatus"], order["stopOrderType"], order["triggerPrice"]) == (
            "Untriggered", "tpslOrder", spot.near(0.98).rstrip("0").rstrip("."),
        )  # fmt: skip
        assert (order["triggerDirection"], Decimal(order["lastPriceOnCreated"])) > (0, Decimal(order["triggerPrice"]))
        assert Decimal((await spot.coin("BTC"))["locked"]) == Decimal("0.1")
        spot.exchange.faults.gap_price(SYMBOL, 0.97)
        await socket.until(lambda m: m.get("topic") == "order" and m["data"][0]["orderStatus"] == "Filled")
        statuses = [row["orderStatus"] for row in rows(socket, "order")]
    assert statuses[:3] == ["Untriggered", "Triggered", "New"]
    assert set(statuses[3:-1]) <= {"PartiallyFilled"}
    assert Decimal((await spot.order("st"))["avgPrice"]) < Decimal(order["triggerPrice"])


async def test_a_stop_is_cancelled_only_under_its_filter_and_then_deactivated(spot):
    stop = {"side": "Sell", "orderType": "Market", "price": "", "orderFilter": "tpslOrder", "orderLinkId": "st"}
    await spot.create(**stop, triggerPrice=spot.near(0.98))
    await spot.post("order/cancel", 170213, symbol=SYMBOL, orderLinkId="st")
    await spot.post("order/cancel", 170213, symbol=SYMBOL, orderLinkId="st", orderFilter="StopOrder")
    await spot.post("order/cancel", symbol=SYMBOL, orderLinkId="st", orderFilter="tpslOrder")
    assert (await spot.order("st"))["orderStatus"] == "Deactivated"
    assert (await spot.coin("BTC"))["locked"] == "0"


async def test_cancel_all_leaves_stops_standing_unless_they_are_named(spot):
    for link_id in ("a", "b"):
        await spot.create(orderLinkId=link_id)
    await spot.create(symbol="ETHUSDT", orderLinkId="e", price="500")
    stop = {"side": "Sell", "orderType": "Market", "price": "", "triggerPrice": spot.near(0.98)}
    await spot.create(**stop, orderFilter="tpslOrder", orderLinkId="st")
    await spot.create(**stop, orderFilter="StopOrder", orderLinkId="so")
    answer = await spot.post("order/cancel-all", symbol=SYMBOL)
    assert answer["success"] == "1"
    assert {row["orderLinkId"] for row in answer["list"]} == {"a", "b"}
    assert await spot.open_ids() == ["so", "st"]
    assert len((await spot.post("order/cancel-all"))["list"]) == 1
    assert [row["orderLinkId"] for row in (await spot.post("order/cancel-all", orderFilter="tpslOrder"))["list"]] == [
        "st"
    ]
    assert await spot.open_ids() == ["so"]


async def test_amending_moves_price_and_quantity_and_says_when_nothing_changed(spot):
    await spot.create(orderLinkId="a")
    await spot.post("order/amend", symbol=SYMBOL, orderLinkId="a", price=spot.near(0.985), qty="0.05")
    order = await spot.order("a")
    assert (Decimal(order["price"]), order["qty"], order["orderStatus"]) == (Decimal(spot.near(0.985)), "0.05", "New")
    await spot.post("order/amend", 10001, symbol=SYMBOL, orderLinkId="a", qty="0.05")
    await spot.post("order/amend", 170134, symbol=SYMBOL, orderLinkId="a", price="1.001")
    await spot.post("order/amend", 170213, symbol=SYMBOL, orderLinkId="b", qty="0.05")
    await spot.post("order/cancel", symbol=SYMBOL, orderLinkId="a")
    await spot.post("order/amend", 170213, symbol=SYMBOL, orderLinkId="a", qty="0.04")


async def test_requests_without_a_good_signature_change_nothing(spot):
    body = json.dumps({"category": "spot", "symbol": SYMBOL, "side": "Buy", "orderType": "Market", "qty": "100"})
    now_ms = spot.accounts.now_ms()
    for code, changed in (
        (10004, spot.headers(body + " ")),
        (10004, spot.headers(body) | {"X-BAPI-SIGN": ""}),
        (10003, spot.headers(body) | {"X-BAPI-API-KEY": "nobody"}),
        (10003, {}),
        (10002, spot.headers(body, at_ms=now_ms - 3_600_000)),
        (10002, spot.headers(body, at_ms=now_ms + 60_000)),
    ):
        answer = await spot.http.post("/v5/order/create", content=body, headers=changed)
        assert (answer.status_code, answer.json()["retCode"]) == (200, code)
    assert (await spot.get("execution/list"))["list"] == []


async def test_the_clock_rule_follows_the_venues_skewed_clock(spot):
    spot.exchange.faults.skew_clock(3_600_000)
    payload = "category=spot"
    late = spot.headers(payload, at_ms=spot.exchange.clock.now_ms())
    assert (await spot.http.get(f"/v5/order/realtime?{payload}", headers=late)).json()["retCode"] == 10002
    await spot.get("order/realtime")


async def test_endpoints_have_their_own_limits_and_tell_them_in_headers(spot):
    answer = await spot.get_raw("account/fee-rate")
    assert (answer.headers["X-Bapi-Limit"], answer.headers["X-Bapi-Limit-Status"]) == ("5", "4")
    endpoint = spot.exchange.venue.orders.limits.of("order/create", "spot")
    while endpoint.take(spot.accounts.now_ms() + 15_000):
        pass
    body = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "990", "orderLinkId": "x"}
    refused = await spot.post_raw("order/create", **body)
    assert (refused.status_code, refused.json()["retCode"]) == (200, 10006)
    assert refused.headers["X-Bapi-Limit-Status"] == "0"
    wait_ms = int(refused.headers["X-Bapi-Limit-Reset-Timestamp"]) - refused.json()["time"]
    assert 0 < wait_ms <= 16_000
    await spot.get("order/realtime")
    await spot.exchange.clock.sleep(wait_ms / 1000 + 0.1)
    await spot.create(orderLinkId="x")


async def test_a_banned_address_gets_403_and_unknown_routes_have_a_code(spot):
    await spot.post("order/realtime", 10017)
    assert (await spot.get_raw("order/nothing")).json()["retCode"] == 10017
    assert (await spot.http.request("GET", "/v5/order/realtime?category=spot", content=b"{}")).status_code == 403
    spot.exchange.faults.ban(60)
    assert (await spot.get_raw("order/realtime")).status_code == 403


async def test_the_account_tells_its_key_fees_and_margin_mode(spot):
    key = await spot.get("user/query-api")
    assert (key["apiKey"], key["readOnly"]) == (KEY, 0)
    assert "Withdraw" not in key["permissions"]["Wallet"]
    assert key["permissions"]["Spot"] == ["SpotTrade"]
    assert (await spot.get("account/info"))["marginMode"] == "REGULAR_MARGIN"
    (fee,) = (await spot.get("account/fee-rate", symbol=SYMBOL))["list"]
    assert (fee["takerFeeRate"], fee["makerFeeRate"]) == ("0.001", "0.001")
    (wallet,) = (await spot.get("account/wallet-balance", accountType="UNIFIED", coin="BTC,DOGE"))["list"]
    assert [(row["coin"], row["walletBalance"]) for row in wallet["coin"]] == [("BTC", "1"), ("DOGE", "0")]
    await spot.get("account/wallet-balance", 10001, accountType="SPOT")
    await spot.get("position/list", 10001, symbol=SYMBOL)


async def test_without_a_key_every_signed_request_is_refused():
    async with quiet_exchange("spot", key="") as client:
        answer = await client.http.get("/v5/order/realtime?category=spot")
        assert answer.json()["retCode"] == 10003
        signed = client.headers("category=spot", at_ms=client.exchange.clock.now_ms())
        answer = await client.http.get("/v5/order/realtime?category=spot", headers=signed)
        assert answer.json()["retCode"] == 10003


async def test_one_wallet_shows_the_purses_of_both_categories():
    clock = LiveClock(rate=10.0, start_ms=START_MS)
    markets = {"spot": TinyMarket(clock.now_ms()), "linear": TinyMarket(clock.now_ms(), perpetual=True)}
    async with running_exchange(markets, clock, "linear") as client:
        assert (await client.coin("USDT"))["walletBalance"] == "200000"
        assert (await client.coin("BTC"))["walletBalance"] == "1"
        client.category = "spot"
        await client.create(orderLinkId="a")
        client.category = "linear"
        await client.create(orderLinkId="a")
        coin = await client.coin("USDT")
        assert Decimal(coin["locked"]) > 0 < Decimal(coin["totalOrderIM"])
        assert (await client.get("account/info"))["marginMode"] == "ISOLATED_MARGIN"
