"""Private rows: documented ones give their numbers, hostile ones raise one of `ROW_ERRORS` and nothing else."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.venue import Instrument
from providers.bybit.account_wire import Positions, balances_of, may_trade, may_withdraw, usual_fees
from providers.bybit.order_reports import execution_report, fill_of, report_of
from providers.bybit.order_wire import (
    ROW_ERRORS,
    FeeRow,
    amount,
    execution_rows,
    key_results,
    order_rows,
    position_rows,
    private_envelopes,
    raw_rows,
    signed,
    time_ms,
    wallet_rows,
)
from tests.providers.bybit import private_frames as frames

ABSURD = [
    "NaN",
    "Infinity",
    "-Infinity",
    "sNaN",
    "-1",
    "1e308",
    "1e-400",
    "1_000",
    " 1",
    "１２",
    "0x10",
    "abc",
    "1" * 60,
]


def instrument(category: str = "spot") -> Instrument:
    return Instrument(
        venue="bybit", category=category, symbol="BTCUSDT", base="BTC", quote="USDT", status="Trading", trading=True,
        tick_size=D("0.1"), lot_size=D("0.001"), settle="" if category == "spot" else "USDT",
    )  # fmt: skip


def rows_of(frame: bytes) -> list[msgspec.Raw]:
    return raw_rows.decode(private_envelopes.decode(frame).data)


def order(**changed):
    return report_of(order_rows.decode(frames.encoded(frames.ORDER, **changed)), changed.get("category", "linear"))


def execution(category: str = "linear", **changed):
    row = execution_rows.decode(frames.encoded(frames.EXECUTION, category=category, **changed))
    return fill_of(row, lambda symbol: instrument(category) if symbol == "BTCUSDT" else None)


def told_execution(**changed):
    row = execution_rows.decode(frames.encoded(frames.EXECUTION, **changed))
    return execution_report(fill_of(row, lambda symbol: None), row, None)


def test_a_captured_market_buy_by_value_ends_cancelled_with_its_fills():
    (raw,) = rows_of(frames.SPOT_ORDER)
    report = report_of(order_rows.decode(raw), "spot")
    assert (report.status, report.filled, report.filled_quote) == ("CANCELED", D("0.000306"), D("9.98631"))
    assert (report.spec.quantity, report.spec.quote_quantity) == (D(0), D(10))
    assert report.reject_code == "EC_CancelForNoFullFill"
    assert report.at_ms == 1699764599841


def test_a_captured_fill_is_placed_by_its_trade_id_alone():
    (raw,) = rows_of(frames.SPOT_EXECUTION)
    fill = fill_of(execution_rows.decode(raw), lambda symbol: instrument())
    assert (fill.trade_id, fill.client_id) == ("2100000000047469164", "1552132392821724673")
    assert (fill.price, fill.quantity, fill.cumulative) == (D(32635), D("0.000306"), D(0))
    assert (fill.fee, fill.fee_asset, fill.maker) == (D("0.000000306"), "BTC", False)


def test_a_documented_linear_fill():
    (raw,) = rows_of(frames.LINEAR_EXECUTION)
    fill = fill_of(execution_rows.decode(raw), lambda symbol: None)
    assert (fill.side, fill.quantity, fill.fee, fill.fee_asset) == ("SELL", D("0.5"), D("26.3725275"), "USDT")


@pytest.mark.parametrize(
    ("side", "fee", "maker", "asset"),
    [
        ("Buy", "0.1", False, "BTC"),
        ("Sell", "0.1", True, "USDT"),
        ("Buy", "-0.1", True, "USDT"),
        ("Sell", "-0.1", True, "BTC"),
        ("Buy", "-0.1", False, "BTC"),
    ],
)
def test_an_unnamed_spot_fee_is_paid_in_what_was_received(side, fee, maker, asset):
    fill = execution("spot", side=side, execFee=fee, isMaker=maker, feeCurrency="")
    assert (fill.fee, fill.fee_asset) == (D(fee), asset)


def test_an_unnamed_fee_is_not_guessed_without_rules_and_is_the_settlement_on_perpetuals():
    assert execution(feeCurrency="", symbol="XRPUSDT").fee_asset == ""
    assert execution("linear", feeCurrency="").fee_asset == "USDT"


@pytest.mark.parametrize(
    ("word", "filled", "status"),
    [
        ("New", "0", "NEW"),
        ("New", "1", "PARTIALLY_FILLED"),
        ("PartiallyFilled", "1", "PARTIALLY_FILLED"),
        ("Untriggered", "0", "UNTRIGGERED"),
        ("Triggered", "0", "NEW"),
        ("Filled", "2", "FILLED"),
        ("Cancelled", "0", "CANCELED"),
        ("Cancelled", "1.999", "CANCELED"),
        ("Cancelled", "2", "FILLED"),
        ("PartiallyFilledCanceled", "2", "FILLED"),
        ("PartiallyFilledCanceled", "1", "CANCELED"),
        ("Deactivated", "0", "CANCELED"),
        ("Rejected", "0", "REJECTED"),
    ],
)
def test_statuses(word, filled, status):
    assert order(orderStatus=word, cumExecQty=filled).status == status


def test_a_market_buy_in_base_that_filled_wholly_is_filled():
    base = {
        "category": "spot",
        "orderType": "Market",
        "marketUnit": "baseCoin",
        "orderStatus": "PartiallyFilledCanceled",
    }
    whole = order(**base, cumExecQty="2", rejectReason="EC_CancelForNoFullFill")
    assert (whole.status, whole.spec.quantity, whole.reject_code) == ("FILLED", 2, "")
    part = order(**base, cumExecQty="1.9", rejectReason="EC_CancelForNoFullFill")
    assert (part.status, part.filled, part.reject_code) == ("CANCELED", D("1.9"), "EC_CancelForNoFullFill")


def test_sells_by_value_say_so_and_others_are_in_base():
    base = {"category": "spot", "orderType": "Market", "side": "Sell"}
    assert order(**base).spec.quantity == 2
    assert order(**base, marketUnit="quoteCoin").spec.quote_quantity == 2
    assert order(**base | {"category": "linear", "side": "Buy"}).spec.quantity == 2


def test_the_second_filled_of_a_cancel_that_came_too_late_says_the_same():
    late = order(
        orderStatus="Filled", cumExecQty="2", cancelType="CancelByUser", rejectReason="EC_OrigClOrdIDDoesNotExist"
    )
    assert late == order(orderStatus="Filled", cumExecQty="2")


def test_a_post_only_order_that_would_take_ends_with_the_venues_reason():
    report = order(orderStatus="Cancelled", timeInForce="PostOnly", rejectReason="EC_PostOnlyWillTakeLiquidity")
    assert (report.status, report.spec.post_only) == ("CANCELED", True)
    assert report.reject_code == "EC_PostOnlyWillTakeLiquidity"


def test_no_error_is_no_reason():
    assert order(orderStatus="Cancelled", rejectReason="EC_NoError", cancelType="CancelByUser").reject_code == ""


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"triggerDirection": 1}, "STOP_LOSS_LIMIT"),
        ({"triggerDirection": 2}, "TAKE_PROFIT_LIMIT"),
        ({"triggerDirection": 2, "side": "Sell", "orderType": "Market"}, "STOP_LOSS"),
        ({"triggerDirection": 1, "side": "Sell", "orderType": "Market"}, "TAKE_PROFIT"),
        ({"lastPriceOnCreated": "80"}, "STOP_LOSS_LIMIT"),
        ({"lastPriceOnCreated": "100"}, "TAKE_PROFIT_LIMIT"),
        ({"lastPriceOnCreated": "80", "side": "Sell"}, "TAKE_PROFIT_LIMIT"),
        ({"stopOrderType": "PartialTakeProfit", "triggerDirection": 1}, "TAKE_PROFIT_LIMIT"),
        ({"stopOrderType": "StopLoss", "triggerDirection": 2}, "STOP_LOSS_LIMIT"),
        ({}, "STOP_LOSS_LIMIT"),
    ],
)
def test_what_a_conditional_order_is(fields, kind):
    report = order(triggerPrice="90", orderStatus="Untriggered", **fields)
    assert (report.spec.type, report.spec.stop_price, report.status) == (kind, 90, "UNTRIGGERED")


def test_how_an_order_was_asked_for_is_told():
    limit = order(timeInForce="FOK", price="9", parentOrderLinkId="entry", takeProfit="12", stopLoss="8").spec
    assert (limit.time_in_force, limit.price, limit.list_id, limit.trigger_by) == ("FOK", 9, "entry", "LAST")
    assert (limit.take_profit, limit.stop_loss, limit.post_only) == (12, 8, False)
    market = order(orderType="Market", timeInForce="IOC", price="9", triggerPrice="7", triggerBy="MarkPrice").spec
    assert (market.time_in_force, market.price, market.trigger_by) == ("GTC", 0, "MARK")


def test_what_is_known_of_an_order_by_its_fill_alone():
    assert told_execution().spec.price == D("100.5")
    market = told_execution(orderType="Market").spec
    assert (market.type, market.price) == ("MARKET", 0)


def test_a_fill_is_told_with_its_orders_state_where_that_is_known():
    row = execution_rows.decode(frames.encoded(frames.EXECUTION))
    fill = execution()
    alone = execution_report(fill, row, None)
    assert (alone.status, alone.filled, alone.fill) == ("PARTIALLY_FILLED", D(0), fill)
    assert (alone.spec.client_id, alone.spec.quantity, alone.spec.type) == ("c1", D(2), "LIMIT")
    known = order(orderStatus="Filled", cumExecQty="2")
    assert execution_report(fill, row, known).status == "FILLED"
    assert execution_report(fill, row, order()).status == "PARTIALLY_FILLED"


@pytest.mark.parametrize("text", ABSURD)
def test_absurd_numbers_fail_wherever_they_stand(text):
    for field in ("qty", "cumExecQty", "cumExecValue", "price", "triggerPrice"):
        with pytest.raises(ROW_ERRORS):
            order(**{field: text})
    for field in ("execPrice", "execQty", "orderQty"):
        with pytest.raises(ROW_ERRORS):
            told_execution(**{field: text})
    for field in ("size", "avgPrice", "liqPrice", "leverage"):
        with pytest.raises(ROW_ERRORS):
            Positions().take(position_rows.decode(frames.encoded(frames.POSITION, **{field: text})))


def test_a_trade_of_nothing_or_for_nothing_is_no_trade():
    for field in ("execPrice", "execQty"):
        for text in ("0", "", "0.000"):
            with pytest.raises(ValueError, match=field):
                execution(**{field: text})


@pytest.mark.parametrize("field", ["orderId", "symbol", "side", "orderType", "orderStatus", "qty", "cumExecQty"])
def test_an_order_without_what_it_must_have_fails(field):
    absurd: tuple[Any, ...] = (..., None, 7, {}, [])
    for value in absurd:
        with pytest.raises(ROW_ERRORS):
            order(**{field: value})


def test_what_the_venue_leaves_out_may_be_null_and_numbers_may_be_text():
    optional = ["orderLinkId", "price", "timeInForce", "marketUnit", "stopOrderType", "triggerPrice", "triggerDirection",
                "triggerBy", "lastPriceOnCreated", "rejectReason", "cancelType", "parentOrderLinkId"]  # fmt: skip
    report = order(orderType="Market", **dict.fromkeys(optional))
    assert (report.spec.client_id, report.spec.type, report.spec.price) == ("", "MARKET", 0)
    stop = order(triggerPrice="90", triggerDirection="2", side="Sell", reduceOnly="true")
    assert (stop.spec.type, stop.spec.reduce_only) == ("STOP_LOSS_LIMIT", True)
    row = position_rows.decode(frames.encoded(frames.POSITION, positionIdx="0", side=None, size="0", liqPrice=None))
    assert Positions().take(row).size == 0


def test_times_and_signs():
    assert signed("-0.5", "x") == D("-0.5")
    assert amount("", "x") == 0
    assert amount("1e-9", "x") == D("1e-9")
    for text in ("", "0", "-1", "1.5", "99999999999999", "９"):
        with pytest.raises(ValueError, match="time"):
            time_ms(text, "x")


def test_positions_have_signs_and_modes():
    positions = Positions("isolated")
    short = positions.take(position_rows.decode(frames.encoded(frames.POSITION, side="Sell")))
    assert (short.size, short.margin_mode, short.position_mode) == (D("-0.5"), "isolated", "one-way")
    assert (short.entry_price, short.liquidation_price, short.leverage, short.margin) == (D(100), D(80), D(3), D(17))
    (raw,) = rows_of(frames.LINEAR_POSITION)
    flat = positions.take(position_rows.decode(raw))
    assert (flat.size, flat.position_mode, flat.leverage) == (D(0), "hedge", D(10))
    with pytest.raises(ValueError, match="without a side"):
        positions.take(position_rows.decode(frames.encoded(frames.POSITION, side="")))


def test_the_two_sides_of_hedge_mode_are_one_position():
    positions = Positions()
    positions.take(position_rows.decode(frames.encoded(frames.POSITION, positionIdx=1, size="3")))
    both = positions.take(position_rows.decode(frames.encoded(frames.POSITION, positionIdx=2, side="Sell", size="1")))
    assert (both.size, both.position_mode) == (D(2), "hedge")
    back = positions.take(position_rows.decode(frames.encoded(frames.POSITION, positionIdx=0, size="1")))
    assert (back.size, back.position_mode) == (D(1), "one-way")


def test_what_settings_of_flat_symbols_keep():
    positions = Positions("cross")
    positions.take(position_rows.decode(frames.encoded(frames.POSITION)))
    positions.take(position_rows.decode(frames.encoded(frames.POSITION, symbol="ETHUSDT")))
    (kept,) = positions.settings(but={"BTCUSDT"})
    assert (kept.symbol, kept.size, kept.leverage, kept.margin_mode) == ("ETHUSDT", D(0), D(3), "cross")


def test_balances_are_what_is_free_and_what_is_held():
    (raw,) = rows_of(frames.WALLET)
    assert balances_of(wallet_rows.decode(raw))["BTC"].free == D("0.0003058")
    coin = {"coin": "USDT", "walletBalance": "100", "locked": "10", "totalOrderIM": "5", "totalPositionIM": "25"}
    usdt = balances_of(wallet_rows.decode(msgspec.json.encode({"coin": [coin]})))["USDT"]
    assert (usdt.free, usdt.locked) == (D(60), D(40))


def test_key_permissions():
    def key(text: str):
        return key_results.decode(text.encode())

    spot = key('{"readOnly":0,"permissions":{"Spot":["SpotTrade"],"Wallet":["AccountTransfer"]}}')
    assert (may_trade(spot, "spot"), may_trade(spot, "linear"), may_withdraw(spot)) == (True, False, False)
    reader = key('{"readOnly":1,"permissions":{"Spot":["SpotTrade"],"Wallet":["Withdraw"]}}')
    assert (may_trade(reader, "spot"), may_withdraw(reader)) == (False, True)
    assert may_trade(key('{"readOnly":0,"permissions":{"ContractTrade":["Order","Position"]}}'), "linear")
    assert may_trade(key('{"readOnly":0,"permissions":{"Derivatives":["DerivativesTrade"]}}'), "linear")


def test_the_usual_fee_is_that_of_most_symbols():
    rows = [FeeRow("0.001", "0.0008"), FeeRow("0.001", "0.0008"), FeeRow("0", "0")]
    assert usual_fees(rows) == (D("0.0008"), D("0.001"))
    assert usual_fees([]) is None


KEYS = sorted({*frames.ORDER, *frames.EXECUTION, *frames.POSITION})
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["", "0", *ABSURD]),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6), st.sets(st.sampled_from(KEYS), max_size=3))
def test_no_row_raises_anything_else(changed, missing):
    for row in (frames.ORDER, frames.EXECUTION, frames.POSITION):
        values = {**row, **{key: value for key, value in changed.items() if value == value}}
        body = msgspec.json.encode({key: value for key, value in values.items() if key not in missing})
        try:
            if row is frames.ORDER:
                report = report_of(order_rows.decode(body), "spot")
                assert report.filled >= 0
                assert report.filled.is_finite()
            elif row is frames.EXECUTION:
                execution_row = execution_rows.decode(body)
                fill = fill_of(execution_row, lambda symbol: None)
                assert fill.price > 0
                assert fill.quantity > 0
                execution_report(fill, execution_row, None)
            else:
                Positions().take(position_rows.decode(body))
        except ROW_ERRORS:
            pass
