"""Orders in and out of Binance's words: the documented samples, and numbers that cannot be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.trading.broker import NotSent
from core.trading.order import OrderSpec, OrderType
from providers.binance_us import order_wire as wire
from providers.binance_us.order_params import list_params, order_params, pair_params, plain

D = Decimal
AT = 1507725176595
FULL = (
    b'{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"6gCrw2kRUAF9CvJDGP16IP","transactTime":1507725176595,'
    b'"price":"0.00000000","origQty":"10.00000000","executedQty":"10.00000000","cummulativeQuoteQty":"39900.00000000",'
    b'"status":"FILLED","timeInForce":"GTC","type":"MARKET","side":"SELL","workingTime":1507725176595,'
    b'"selfTradePreventionMode":"NONE","fills":[{"price":"4000.00000000","qty":"1.00000000","commission":"4.00000000",'
    b'"commissionAsset":"USDT","tradeId":56},{"price":"3990","qty":"9","commission":"-1","commissionAsset":"BNB","tradeId":57}]}'
)


def spec(kind: OrderType = "LIMIT", **fields: Any) -> OrderSpec:
    given_fields: dict[str, Any] = {"client_id": "tt1-a", "symbol": "BTCUSD", "side": "BUY", "quantity": D("0.5")}
    return OrderSpec(**{**given_fields, "type": kind, "price": D(100), **fields})


def order_row(**fields: Any) -> wire.OrderRow:
    row = {
        "symbol": "BTCUSD", "orderId": 7, "clientOrderId": "tt1-a", "side": "SELL", "type": "STOP_LOSS_LIMIT",
        "status": "NEW", "origQty": "1.5", "executedQty": "0", "price": "99", "stopPrice": "100", "time": AT,
    }  # fmt: skip
    return wire.decode_order(msgspec.json.encode({**row, **fields}))


def test_the_documented_full_response_tells_every_fill() -> None:
    first, last = wire.reports_of(wire.decode_order(FULL))
    assert (first.status, first.filled, first.filled_quote) == ("PARTIALLY_FILLED", D(1), D(4000))
    assert (last.status, last.filled, last.filled_quote, last.at_ms) == ("FILLED", D(10), D(39900), AT)
    assert first.fill is not None
    assert last.fill is not None
    assert (first.fill.trade_id, first.fill.cumulative, first.fill.fee, first.fill.fee_asset) == (
        "56",
        D(1),
        D(4),
        "USDT",
    )
    assert (last.fill.trade_id, last.fill.cumulative, last.fill.fee) == ("57", D(10), D(-1))
    assert (last.spec.client_id, last.spec.side, last.spec.type) == ("6gCrw2kRUAF9CvJDGP16IP", "SELL", "MARKET")
    assert last.order_id == "28"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"isWorking": False}, "UNTRIGGERED"),
        ({"isWorking": True}, "NEW"),
        ({"workingTime": -1}, "UNTRIGGERED"),
        ({"workingTime": AT}, "NEW"),
        ({"type": "LIMIT", "isWorking": False}, "NEW"),
        ({"status": "PENDING_CANCEL", "isWorking": True}, "NEW"),
        ({"status": "PENDING_CANCEL", "executedQty": "1"}, "PARTIALLY_FILLED"),
        ({"status": "EXPIRED_IN_MATCH"}, "EXPIRED"),
        ({"status": "CANCELED", "isWorking": False}, "CANCELED"),
    ],
)
def test_statuses(fields: dict[str, Any], status: str) -> None:
    assert wire.reports_of(order_row(**fields))[-1].status == status


def test_in_the_answer_to_a_cancel_the_orders_own_id_is_the_original_one() -> None:
    [report] = wire.reports_of(order_row(origClientOrderId="tt1-mine", clientOrderId="cancel-1", status="CANCELED"))
    assert report.spec.client_id == "tt1-mine"


def test_a_post_only_order_and_its_list() -> None:
    [report] = wire.reports_of(order_row(type="LIMIT_MAKER", orderListId=12), lambda number: f"list-{number}")
    assert (report.spec.type, report.spec.post_only, report.spec.list_id) == ("LIMIT", True, "list-12")
    assert wire.reports_of(order_row())[0].spec.list_id == ""
    assert wire.reports_of(order_row(orderListId=12))[0].spec.list_id == "12"


@pytest.mark.parametrize("field", ["origQty", "executedQty", "price", "stopPrice"])
@pytest.mark.parametrize("text", ["NaN", "Infinity", "-1", "1e308", "", "abc", "１", "1e-30", "1" * 64, "sNaN"])
def test_numbers_that_cannot_be_are_refused(field: str, text: str) -> None:
    with pytest.raises(wire.Unreadable, match=field):
        wire.reports_of(order_row(**{field: text}))


@pytest.mark.parametrize("fields", [{"side": "HOLD"}, {"type": "ICEBERG"}, {"status": "LOST"}])
def test_words_that_are_not_known_are_refused(fields: dict[str, str]) -> None:
    with pytest.raises(wire.Unreadable):
        wire.reports_of(order_row(**fields))


@given(st.decimals(min_value=0, max_value=10**12, places=8))
def test_plain_digits_are_exact_and_without_exponent(value: Decimal) -> None:
    text = plain(value)
    assert Decimal(text) == value
    assert set(text) <= set("0123456789.")
    assert not text.endswith(".")
    assert wire.amount("x", text) == value


@pytest.mark.parametrize(
    ("value", "text"), [(D("1E+3"), "1000"), (D("0E-8"), "0"), (D("1E-7"), "0.0000001"), (D("10"), "10")]
)
def test_plain(value: Decimal, text: str) -> None:
    assert plain(value) == text


def test_parameters_of_every_type() -> None:
    common = {"symbol": "BTCUSD", "side": "BUY", "newClientOrderId": "tt1-a", "newOrderRespType": "FULL"}
    limit = {"timeInForce": "GTC", "quantity": "0.5", "price": "100"}
    assert order_params(spec()) == {**common, "type": "LIMIT", **limit}
    assert order_params(spec(time_in_force="IOC"))["timeInForce"] == "IOC"
    assert order_params(spec(post_only=True)) == {**common, "type": "LIMIT_MAKER", "quantity": "0.5", "price": "100"}
    assert order_params(spec("MARKET", price=D(0))) == {**common, "type": "MARKET", "quantity": "0.5"}
    by_quote = spec("MARKET", price=D(0), quantity=D(0), quote_quantity=D(25))
    assert order_params(by_quote) == {**common, "type": "MARKET", "quoteOrderQty": "25"}
    stop = spec("STOP_LOSS_LIMIT", stop_price=D("100.5"))
    assert order_params(stop) == {**common, "type": "STOP_LOSS_LIMIT", **limit, "stopPrice": "100.5"}
    market_stop = spec("STOP_LOSS", price=D(0), stop_price=D(90))
    assert order_params(market_stop) == {**common, "type": "STOP_LOSS", "quantity": "0.5", "stopPrice": "90"}


@pytest.mark.parametrize(
    "fields",
    [
        {"reduce_only": True},
        {"take_profit": D(1)},
        {"stop_loss": D(1)},
        {"trigger_by": "MARK"},
        {"type": "MARKET", "post_only": True},
    ],
)
def test_what_spot_has_not_is_never_sent(fields: dict[str, Any]) -> None:
    with pytest.raises(NotSent) as raised:
        order_params(msgspec.structs.replace(spec(), **fields))
    assert raised.value.code == "UNSUPPORTED"
    assert "tt1-a" in str(raised.value)


def pair() -> tuple[OrderSpec, OrderSpec]:
    target = spec(client_id="tt1-t", side="SELL", post_only=True, price=D(120), list_id="tt1-l")
    stop = spec("STOP_LOSS_LIMIT", client_id="tt1-s", side="SELL", price=D(89), stop_price=D(90), list_id="tt1-l")
    return target, stop


def test_parameters_of_an_oco() -> None:
    assert pair_params(*pair()) == {
        "symbol": "BTCUSD", "side": "SELL", "quantity": "0.5", "price": "120", "stopPrice": "90", "stopLimitPrice": "89",
        "stopLimitTimeInForce": "GTC", "listClientOrderId": "tt1-l", "limitClientOrderId": "tt1-t",
        "stopClientOrderId": "tt1-s", "newOrderRespType": "FULL",
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields", [{"quantity": D(1)}, {"side": "BUY"}, {"list_id": ""}, {"symbol": "ETHUSD"}, {"type": "LIMIT"}]
)
def test_two_orders_that_make_no_oco_are_never_sent(fields: dict[str, Any]) -> None:
    target, stop = pair()
    with pytest.raises(NotSent):
        pair_params(target, msgspec.structs.replace(stop, **fields))


def test_a_list_is_named_by_number_or_by_our_name() -> None:
    assert list_params("17") == {"orderListId": "17"}
    assert list_params("tt1-l") == {"listClientOrderId": "tt1-l"}


def test_an_account_and_a_trade() -> None:
    account = wire.decode_account(
        b'{"canTrade":true,"canWithdraw":false,"commissionRates":{"maker":"0.00100000","taker":"0.00200000","buyer":"0"},'
        b'"balances":[{"asset":"BTC","free":"4723846.89208129","locked":"0.00000000"}]}'
    )
    snapshot = wire.snapshot_of(account, AT)
    assert (snapshot.maker_fee, snapshot.taker_fee, snapshot.may_trade, snapshot.may_withdraw) == (
        D("0.001"),
        D("0.002"),
        True,
        False,
    )
    assert snapshot.balances["BTC"].free == D("4723846.89208129")
    bare = wire.snapshot_of(wire.decode_account(b'{"balances":[]}'), AT)
    assert (bare.maker_fee, bare.may_trade, bare.may_withdraw) == (None, False, None)
    [row] = wire.decode_trades(
        b'[{"symbol":"BNBBTC","id":28457,"orderId":100234,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012",'
        b'"commission":"10.10000000","commissionAsset":"BNB","time":1499865549590,"isBuyer":true,"isMaker":false}]'
    )
    fill = wire.fill_of(row, "mine")
    assert (fill.trade_id, fill.order_id, fill.side, fill.cumulative, fill.fee) == (
        "28457",
        "100234",
        "BUY",
        D(0),
        D("10.1"),
    )
