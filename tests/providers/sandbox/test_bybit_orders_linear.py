"""Perpetuals at the Bybit sandbox: a long with its stop, reduce-only, position TP/SL, leverage, liquidation, funding."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.providers.sandbox.bybit_client import SYMBOL, BybitClient, quiet_exchange, rows

FUNDING_MS = 28_800_000
STOP = {"side": "Sell", "orderType": "Market", "price": "", "triggerDirection": 2, "triggerBy": "MarkPrice"}


@pytest.fixture
async def linear() -> AsyncIterator[BybitClient]:
    async with quiet_exchange("linear") as client:
        yield client


async def position(client: BybitClient) -> dict[str, Any]:
    listed: list[dict[str, Any]] = (await client.get("position/list", symbol=SYMBOL))["list"]
    (row,) = listed
    return row


async def test_a_long_is_stopped_out_on_the_mark_price(linear):
    async with linear.private("order", "execution", "position", "wallet") as socket:
        await linear.market("Buy", "0.3", orderLinkId="in")
        await linear.create(**STOP, qty="0.3", triggerPrice=linear.near(0.98), reduceOnly=True, orderLinkId="stop")
        waiting = await linear.order("stop")
        assert (waiting["orderStatus"], waiting["stopOrderType"], waiting["triggerBy"], waiting["triggerDirection"]) == (
            "Untriggered", "Stop", "MarkPrice", 2,
        )  # fmt: skip
        assert waiting["reduceOnly"] is True
        linear.exchange.faults.gap_price(SYMBOL, 0.97)
        await socket.until(lambda m: m.get("topic") == "position" and m["data"][0]["size"] == "0")
        await socket.until(lambda m: m.get("topic") == "wallet")
    stop = [row for row in rows(socket, "order") if row["orderLinkId"] == "stop"]
    assert [row["orderStatus"] for row in stop][:3] == ["Untriggered", "Triggered", "New"]
    assert stop[-1]["orderStatus"] == "Filled"
    sold = [row for row in rows(socket, "execution") if row["orderLinkId"] == "stop"]
    assert sum(Decimal(row["closedSize"]) for row in sold) == Decimal("0.3")
    assert all(Decimal(row["execPnl"]) < 0 for row in sold)
    held = rows(socket, "position")
    assert (held[0]["side"], held[0]["size"], held[-1]["side"], held[-1]["entryPrice"]) == ("Buy", "0.3", "", "0")
    lost = sum(Decimal(row["execPnl"]) for row in sold)
    fees = sum(Decimal(row["execFee"]) for row in rows(socket, "execution"))
    assert Decimal(held[-1]["cumRealisedPnl"]) == pytest.approx(lost - fees)
    wallet = rows(socket, "wallet")[-1]["coin"][0]
    assert Decimal(wallet["walletBalance"]) == 100_000 + lost - fees
    assert (wallet["totalPositionIM"], wallet["totalOrderIM"]) == ("0", "0")


async def test_reduce_only_never_opens_or_turns_a_position(linear):
    await linear.create(110017, side="Sell", price=linear.near(0.99), reduceOnly=True, orderLinkId="early")
    await linear.market("Buy", "0.2", orderLinkId="in")
    await linear.market("Sell", "0.5", reduceOnly=True, orderLinkId="out")
    order = await linear.order("out")
    assert (order["orderStatus"], order["cumExecQty"]) == ("Cancelled", "0.2")
    assert (await position(linear))["size"] == "0"


async def test_a_zero_quantity_with_both_flags_closes_everything(linear):
    await linear.create(110017, side="Sell", orderType="Market", qty="0", reduceOnly=True, closeOnTrigger=True)
    await linear.market("Sell", "0.25", orderLinkId="in")
    assert (await position(linear))["side"] == "Sell"
    await linear.market("Buy", "0", reduceOnly=True, closeOnTrigger=True, orderLinkId="out")
    order = await linear.order("out")
    assert (order["orderStatus"], order["qty"], order["closeOnTrigger"]) == ("Filled", "0.25", True)
    assert (await position(linear))["side"] == ""


async def test_a_new_position_starts_its_own_result_and_the_sum_goes_on(linear):
    for link_id, side in (("a", "Buy"), ("b", "Sell"), ("c", "Buy")):
        await linear.market(side, "0.1", orderLinkId=link_id)
    held = await position(linear)
    fills = (await linear.get("execution/list"))["list"]
    fees = {link_id: sum(Decimal(f["execFee"]) for f in fills if f["orderLinkId"] == link_id) for link_id in "abc"}
    profit = sum(Decimal(fill["execPnl"]) for fill in fills)
    assert profit < 0
    assert Decimal(held["curRealisedPnl"]) == pytest.approx(-fees["c"])
    assert Decimal(held["cumRealisedPnl"]) == pytest.approx(profit - sum(fees.values()))


async def test_leverage_moves_margin_and_the_liquidation_price(linear):
    await linear.market("Buy", "1", orderLinkId="in")
    whole = await position(linear)
    assert (whole["leverage"], whole["liqPrice"]) == ("1", "")
    await linear.post("position/set-leverage", symbol=SYMBOL, buyLeverage="10", sellLeverage="10")
    tenth = await position(linear)
    assert Decimal(tenth["positionIM"]) == pytest.approx(Decimal(whole["positionIM"]) / 10)
    entry, margin = Decimal(tenth["avgPrice"]), Decimal(tenth["positionIM"])
    wanted = (entry - margin) / (1 - Decimal("0.005"))
    assert abs(Decimal(tenth["liqPrice"]) - wanted) < Decimal("0.02")
    coin = await linear.coin("USDT")
    assert Decimal(coin["totalPositionIM"]) == pytest.approx(margin)
    assert coin["totalOrderIM"] == "0"
    for code, body in (
        (110043, {"buyLeverage": "10", "sellLeverage": "10"}),
        (10001, {"buyLeverage": "10", "sellLeverage": "5"}),
        (110013, {"buyLeverage": "101", "sellLeverage": "101"}),
        (10001, {"symbol": "NOPE", "buyLeverage": "2", "sellLeverage": "2"}),
    ):
        await linear.post("position/set-leverage", code, **({"symbol": SYMBOL} | body))


async def test_a_liquidation_ends_orders_and_position_and_says_so(linear):
    await linear.post("position/set-leverage", symbol=SYMBOL, buyLeverage="50", sellLeverage="50")
    async with linear.private("order.linear", "execution.linear", "position.linear") as socket:
        await linear.market("Buy", "1", orderLinkId="in")
        await linear.create(orderLinkId="resting", price=linear.near(0.8))
        assert Decimal((await position(linear))["liqPrice"]) > Decimal(linear.near(0.97))
        linear.exchange.faults.gap_price(SYMBOL, 0.95)
        await socket.until(lambda m: m.get("topic") == "position.linear" and m["data"][0]["size"] == "0")
    (bust,) = [row for row in rows(socket, "execution.linear") if row["execType"] != "Trade"]
    assert (bust["execType"], bust["side"], bust["execQty"], bust["orderLinkId"]) == ("BustTrade", "Sell", "1", "")
    resting = [row for row in rows(socket, "order.linear") if row["orderLinkId"] == "resting"]
    assert (resting[-1]["orderStatus"], resting[-1]["cancelType"]) == ("Cancelled", "CancelByPrepareLiq")
    coin = await linear.coin("USDT")
    assert (coin["totalPositionIM"], coin["totalOrderIM"]) == ("0", "0")


async def test_funding_is_an_execution_of_its_own_kind_and_leaves_the_wallet():
    start_ms = (1_700_000_000_000 // FUNDING_MS + 1) * FUNDING_MS - 15_000
    async with (
        quiet_exchange("linear", start_ms=start_ms, paused=False) as linear,
        linear.private("execution", "position", "wallet") as socket,
    ):
        await linear.market("Buy", "0.5", orderLinkId="in")
        paid = await socket.until(lambda m: m.get("topic") == "execution" and m["data"][0]["execType"] == "Funding")
        await socket.until(lambda m: m.get("topic") == "wallet")
        (row,) = paid["data"]
        assert (row["execQty"], row["orderLinkId"], row["feeRate"]) == ("0.5", "", "0.0001")
        assert Decimal(row["execFee"]) == Decimal(row["execPrice"]) * Decimal("0.5") * Decimal("0.0001")
        listed = (await linear.get("execution/list", execType="Funding"))["list"]
        assert [item["execId"] for item in listed] == [row["execId"]]
        fees = sum(Decimal(item["execFee"]) for item in (await linear.get("execution/list"))["list"])
        assert Decimal((await linear.coin("USDT"))["walletBalance"]) == 100_000 - fees


async def test_a_positions_own_stop_follows_its_size_and_ends_with_it(linear):
    await linear.post("position/trading-stop", 10001, symbol=SYMBOL, stopLoss=linear.near(0.9), tpslMode="Full")
    await linear.market("Buy", "0.2", orderLinkId="in")
    await linear.post(
        "position/trading-stop", symbol=SYMBOL, stopLoss=linear.near(0.9), takeProfit=linear.near(1.1), tpslMode="Full"
    )
    held = await position(linear)
    assert (Decimal(held["stopLoss"]), Decimal(held["takeProfit"])) == (
        Decimal(linear.near(0.9)), Decimal(linear.near(1.1)),
    )  # fmt: skip
    await linear.market("Buy", "0.1", orderLinkId="more")
    legs = {row["stopOrderType"]: row for row in (await linear.get("order/realtime", symbol=SYMBOL))["list"]}
    assert {kind: row["qty"] for kind, row in legs.items()} == {"StopLoss": "0.3", "TakeProfit": "0.3"}
    assert legs["StopLoss"]["createType"] == "CreateByStopLoss"
    await linear.post("position/trading-stop", 34040, symbol=SYMBOL, stopLoss=linear.near(0.9))
    await linear.post("position/trading-stop", symbol=SYMBOL, stopLoss=linear.near(0.91), takeProfit="0")
    held = await position(linear)
    assert (Decimal(held["stopLoss"]), held["takeProfit"]) == (Decimal(linear.near(0.91)), "0")
    await linear.market("Sell", "0.3", reduceOnly=True, orderLinkId="out")
    assert (await linear.get("order/realtime", symbol=SYMBOL))["list"] == []
    closed = (await linear.get("order/history", symbol=SYMBOL))["list"]
    (stop,) = [row for row in closed if row["stopOrderType"] == "StopLoss"]
    assert (stop["orderStatus"], stop["cancelType"]) == ("Cancelled", "CancelByTpSlTsClear")


async def test_a_stop_for_a_part_of_the_position(linear):
    await linear.market("Buy", "0.3", orderLinkId="in")
    part = {"symbol": SYMBOL, "stopLoss": linear.near(0.98), "tpslMode": "Partial", "slTriggerBy": "MarkPrice"}
    await linear.post("position/trading-stop", 10001, **part)
    await linear.post("position/trading-stop", **part, slSize="0.1")
    (row,) = (await linear.get("order/realtime", symbol=SYMBOL))["list"]
    assert (row["stopOrderType"], row["qty"], row["triggerBy"]) == ("PartialStopLoss", "0.1", "MarkPrice")
    linear.exchange.faults.gap_price(SYMBOL, 0.97)
    assert (await position(linear))["size"] == "0.2"
    for refused in ({"trailingStop": "5"}, {"stopLoss": linear.near(0.9), "slOrderType": "Limit"}, {}):
        await linear.post("position/trading-stop", 10001, symbol=SYMBOL, **refused)


async def test_attached_legs_come_to_life_with_the_fill_and_bind_each_other(linear):
    await linear.create(
        orderLinkId="in", price=linear.near(0.999), takeProfit=linear.near(1.02), stopLoss=linear.near(0.98),
        tpslMode="Partial", slTriggerBy="MarkPrice", tpTriggerBy="MarkPrice",
    )  # fmt: skip
    assert await linear.open_ids() == ["in"]
    linear.exchange.faults.fill("in")
    legs = (await linear.get("order/realtime", symbol=SYMBOL))["list"]
    assert {(row["stopOrderType"], row["orderStatus"], row["parentOrderLinkId"]) for row in legs} == {
        ("PartialTakeProfit", "Untriggered", "in"), ("PartialStopLoss", "Untriggered", "in"),
    }  # fmt: skip
    linear.exchange.faults.gap_price(SYMBOL, 0.97)
    closed = {row["stopOrderType"]: row for row in (await linear.get("order/history", symbol=SYMBOL))["list"]}
    assert closed["PartialStopLoss"]["orderStatus"] == "Filled"
    assert closed["PartialTakeProfit"]["cancelType"] == "CancelByTpSlTsClear"
    assert (await position(linear))["size"] == "0"


async def test_triggers_on_the_wrong_side_and_other_refusals_have_the_linear_codes(linear):
    for code, change in (
        (110093, STOP | {"triggerPrice": linear.near(1.02)}),
        (110092, STOP | {"triggerDirection": 1, "triggerPrice": linear.near(0.98)}),
        (10029, {"symbol": "NOPE"}),
        (110007, {"qty": "1000"}),
        (110094, {"qty": "0.001"}),
        (110003, {"side": "Sell", "price": linear.near(0.5)}),
        (10001, {"positionIdx": 1}),
    ):
        await linear.create(code, **({"orderLinkId": "x"} | change))
    await linear.create(orderLinkId="x")
    await linear.create(110072, orderLinkId="x")
    await linear.post("order/cancel", symbol=SYMBOL, orderLinkId="x")
    await linear.post("order/cancel", 110001, symbol=SYMBOL, orderLinkId="x")


async def test_cancel_all_wants_a_name_and_takes_every_kind(linear):
    await linear.create(orderLinkId="a")
    await linear.create(**STOP, triggerPrice=linear.near(0.98), orderLinkId="st")
    await linear.create(symbol="ETHUSDT", price="900", orderLinkId="e")
    await linear.post("order/cancel-all", 10001)
    answer = await linear.post("order/cancel-all", symbol=SYMBOL)
    assert {row["orderLinkId"] for row in answer["list"]} == {"a", "st"}
    assert (await linear.order("st"))["orderStatus"] == "Cancelled"
    assert [row["orderLinkId"] for row in (await linear.post("order/cancel-all", settleCoin="USDT"))["list"]] == ["e"]


async def test_stops_are_amended_in_place(linear):
    await linear.market("Buy", "0.3", orderLinkId="in")
    await linear.create(**STOP, qty="0.3", triggerPrice=linear.near(0.97), reduceOnly=True, orderLinkId="stop")
    await linear.post("order/amend", symbol=SYMBOL, orderLinkId="stop", triggerPrice=linear.near(0.98), qty="0.2")
    order = await linear.order("stop")
    assert (order["orderStatus"], order["qty"]) == ("Untriggered", "0.2")
    assert Decimal(order["triggerPrice"]) == Decimal(linear.near(0.98))
    await linear.post("order/amend", 110093, symbol=SYMBOL, orderLinkId="stop", triggerPrice=linear.near(1.02))


async def test_positions_are_listed_by_symbol_or_when_open_and_stay_one_way(linear):
    await linear.get("position/list", 10001)
    await linear.get("position/list", 10001, symbol="NOPE")
    assert (await linear.get("position/list", settleCoin="USDT"))["list"] == []
    flat = await position(linear)
    assert (flat["side"], flat["size"], flat["positionIdx"], flat["liqPrice"]) == ("", "0", 0, "")
    await linear.market("Buy", "0.1", orderLinkId="in")
    (held,) = (await linear.get("position/list", settleCoin="USDT"))["list"]
    assert (held["symbol"], held["size"]) == (SYMBOL, "0.1")
    await linear.post("position/switch-mode", 10001, symbol=SYMBOL, mode=3)
    await linear.post("position/switch-mode", 110025, symbol=SYMBOL, mode=0)
    assert (await linear.get("account/info"))["marginMode"] == "ISOLATED_MARGIN"
    (wallet,) = (await linear.get("account/wallet-balance", accountType="UNIFIED"))["list"]
    assert (wallet["totalAvailableBalance"], wallet["accountIMRate"]) == ("", "")
