"""The broker's requests and what it makes of answers, byte for byte, against an HTTP server that says what a test wants."""

from __future__ import annotations

import hmac
from decimal import Decimal as D
from typing import Any

import pytest

from core.clock import LiveClock
from core.messages import Universe, VenueClock
from core.trading.authority import NotAuthorised
from core.trading.broker import NoAnswer, NotSent, OrderKey
from core.trading.client_ids import ClientIds
from core.trading.order import OrderSpec
from core.venue import Fatal, Rejected, Retryable
from tests.patience import HASTY_S
from tests.providers.bybit import private_frames as frames
from tests.providers.bybit.tiny_venue import (
    KEY,
    SECRET,
    Answer,
    broker_of,
    broker_on,
    listing,
    ok,
    permit_for,
    refusal,
)

CREATE, CANCEL, AMEND = "/v5/order/create", "/v5/order/cancel", "/v5/order/amend"
REALTIME, HISTORY, EXECUTIONS = "/v5/order/realtime", "/v5/order/history", "/v5/execution/list"
TAKEN = ok(orderId="v1", orderLinkId="c1")
STOP = OrderKey(symbol="BTCUSDT", client_id="c1", conditional=True)
LIMIT = OrderKey(symbol="BTCUSDT", client_id="c1")


def spec(**fields: Any) -> OrderSpec:
    wanted: dict[str, Any] = {
        "client_id": "c1",
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "quantity": D(1),
        "price": D(9),
    }
    return OrderSpec(**(wanted | fields))


def row(**changed: Any) -> dict[str, Any]:
    return {key: value for key, value in (frames.ORDER | changed).items() if value is not ...}


async def test_an_order_is_signed_as_it_goes_on_the_wire():
    async with broker_on("linear") as (broker, venue):
        venue.answers[CREATE] = TAKEN
        placed = await broker.place(permit_for(spec(), venue.clock), spec())
        (asked,) = venue.of(CREATE)
        stamp = asked.headers["x-bapi-timestamp"]
        payload = f"{stamp}{KEY}5000".encode() + asked.body
        assert asked.headers["x-bapi-sign"] == hmac.new(SECRET.encode(), payload, "sha256").hexdigest()
        assert asked.headers["content-type"] == "application/json"
        assert (placed.order_id, placed.reports) == ("v1", ())
        assert asked.params["orderLinkId"] == "c1"


async def test_reads_are_signed_over_the_query_as_sent():
    async with broker_on("linear") as (broker, venue):
        venue.answers[REALTIME] = listing()
        await broker.open_orders()
        (asked,) = venue.of(REALTIME)
        query = asked.target.partition("?")[2]
        payload = f"{asked.headers['x-bapi-timestamp']}{KEY}5000{query}".encode()
        assert asked.headers["x-bapi-sign"] == hmac.new(SECRET.encode(), payload, "sha256").hexdigest()
        assert asked.params["settleCoin"] == "USDT"


async def test_another_order_than_the_permitted_one_is_not_sent():
    async with broker_on("spot") as (broker, venue):
        venue.answers[CREATE] = TAKEN
        permit = permit_for(spec(), venue.clock)
        with pytest.raises(NotAuthorised):
            await broker.place(permit, spec(quantity=D(2)))
        await broker.place(permit, spec())
        with pytest.raises(NotAuthorised):
            await broker.place(permit, spec())
        assert len(venue.of(CREATE)) == 1


@pytest.mark.parametrize("code", [110007, 170131, 110094, 10003, 10005, 110017, 999999, 10006])
async def test_a_definite_no_is_a_refusal_in_the_venues_code(code):
    async with broker_on("linear") as (broker, venue):
        venue.answers[CREATE] = refusal(code, "words of the venue")
        with pytest.raises(Rejected, match=str(code)) as refused:
            await broker.place(permit_for(spec(), venue.clock), spec())
        assert refused.value.code == code
        assert len(venue.of(CREATE)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        refusal(10000),
        refusal(170007),
        refusal(170146),
        refusal(110072),
        refusal(170141),
        Answer(b"<html>", 200),
        Answer(b"", 200),
        Answer({"no": "envelope"}, 200),
        Answer(b"oops", 500),
        Answer(b"oops", 502),
        Answer(b"gone", 404),
        Answer(status=0),
        ok(orderId="v1", orderLinkId="another"),
        ok(orderId="", orderLinkId="c1"),
        Answer({"retCode": 0, "result": 7}),
    ],
)
async def test_whatever_leaves_it_open_is_no_answer_and_is_not_sent_again(answer):
    async with broker_on("linear") as (broker, venue):
        venue.answers[CREATE] = answer
        with pytest.raises(NoAnswer):
            await broker.place(permit_for(spec(), venue.clock), spec())
        assert len(venue.of(CREATE)) == 1


async def test_silence_is_no_answer():
    async with broker_on("linear", rate=1.0, answer_s=HASTY_S) as (broker, venue):
        told = VenueClock(
            venue="bybit", category="linear", offset_ms=0.0, round_trip_ms=1.0, at_ms=venue.clock.now_ms()
        )
        venue.bus.publish(told)  # nothing but what hangs has to be quick
        venue.answers[CREATE] = Answer(status=-1)
        with pytest.raises(NoAnswer) as lost:
            await broker.place(permit_for(spec(), venue.clock), spec())
        assert lost.value.why == "TIMEOUT"
        venue.answers[CANCEL] = Answer(status=-1)
        assert (await broker.cancel(LIMIT)).outcome == "UNKNOWN"


async def test_a_refused_timestamp_is_signed_anew_once():
    async with broker_on("linear") as (broker, venue):
        venue.answers[CREATE] = [refusal(10002), TAKEN]
        assert (await broker.place(permit_for(spec(), venue.clock), spec())).order_id == "v1"
        first, second = venue.of(CREATE)
        assert first.body == second.body
        venue.answers[CREATE] = refusal(10002)
        with pytest.raises(Rejected):
            await broker.place(permit_for(spec(), venue.clock), spec())
        assert len(venue.of(CREATE)) == 4


async def test_after_a_403_nothing_is_sent():
    async with broker_on("spot") as (broker, venue):
        venue.answers[CREATE] = Answer(b"access too frequent", 403)
        with pytest.raises(Rejected):
            await broker.place(permit_for(spec(), venue.clock), spec())
        with pytest.raises(NotSent) as held:
            await broker.place(permit_for(spec(), venue.clock), spec())
        assert held.value.code == "BANNED"
        assert broker.spent().banned_until_ms > venue.clock.now_ms()
        assert len(venue.of(CREATE)) == 1


async def test_what_the_venue_has_no_words_for_is_not_sent():
    async with broker_on("linear") as (broker, venue):
        by_value = spec(type="MARKET", quantity=D(0), quote_quantity=D(5), price=D(0))
        with pytest.raises(NotSent):
            await broker.place(permit_for(by_value, venue.clock), by_value)
        permit = permit_for(spec(), venue.clock)
        with pytest.raises(NotSent):
            await broker.place_pair((permit, permit), spec(), spec())
        with pytest.raises(NotSent):
            await broker.replace(permit, LIMIT, spec())
        assert venue.asked == []


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (TAKEN, "ACCEPTED"),
        (refusal(110001), "GONE"),
        (refusal(170213), "GONE"),
        (refusal(110010), "GONE"),
        (refusal(170142), "GONE"),
        (refusal(110079), "REFUSED"),
        (refusal(10005), "REFUSED"),
        (refusal(10000), "UNKNOWN"),
        (Answer(b"", 503), "UNKNOWN"),
    ],
)
async def test_answers_to_a_cancel(answer, outcome):
    async with broker_on("linear") as (broker, venue):
        venue.answers[CANCEL] = answer
        assert (await broker.cancel(LIMIT)).outcome == outcome
        assert len(venue.of(CANCEL)) == 1


async def test_a_spot_stop_that_was_triggered_is_cancelled_as_an_ordinary_order():
    async with broker_on("spot") as (broker, venue):
        venue.answers[CANCEL] = [refusal(170213), TAKEN]
        assert (await broker.cancel(STOP)).outcome == "ACCEPTED"
        assert [asked.params["orderFilter"] for asked in venue.of(CANCEL)] == ["tpslOrder", "Order"]


async def test_an_amend_needs_a_permit_and_tells_its_outcome():
    async with broker_on("linear") as (broker, venue):
        changed = spec(price=D(8), quantity=D(3))
        venue.answers[AMEND] = [TAKEN, refusal(110001), refusal(110003), Answer(b"", 500)]
        outcomes = [(await broker.amend(permit_for(changed, venue.clock), LIMIT, changed)).outcome for _ in range(3)]
        assert outcomes == ["ACCEPTED", "GONE", "REFUSED"]
        assert venue.of(AMEND)[0].params == {
            "category": "linear", "symbol": "BTCUSDT", "orderLinkId": "c1", "qty": "3", "price": "8",
        }  # fmt: skip
        with pytest.raises(NoAnswer):
            await broker.amend(permit_for(changed, venue.clock), LIMIT, changed)
        with pytest.raises(NotAuthorised):
            await broker.amend(permit_for(spec(), venue.clock), LIMIT, changed)


async def test_a_query_asks_the_open_and_the_closed():
    async with broker_on("spot") as (broker, venue):
        venue.answers |= {REALTIME: listing(), HISTORY: listing()}
        assert await broker.query(LIMIT) == ()
        assert [asked.path for asked in venue.asked if asked.path != "/v5/market/time"] == [REALTIME, HISTORY]
        venue.answers[HISTORY] = listing(row(category="spot", orderStatus="Cancelled"))
        (report,) = await broker.query(LIMIT)
        assert (report.status, report.spec.client_id) == ("CANCELED", "c1")
        venue.answers[REALTIME] = listing(row(category="spot", orderLinkId="c2"))
        assert (await broker.query(LIMIT))[0].spec.client_id == "c1", "an answer about another order tells nothing"


async def test_an_old_order_is_looked_for_in_its_own_week():
    async with broker_on("spot") as (broker, venue):
        venue.answers |= {REALTIME: listing(), HISTORY: listing()}
        made_ms = venue.clock.now_ms() - 20 * 86_400_000
        key = OrderKey(symbol="BTCUSDT", client_id=ClientIds().next(made_ms))
        assert await broker.query(key) == ()
        recent, old = venue.of(HISTORY)
        assert "startTime" not in recent.params
        assert int(old.params["startTime"]) == made_ms - 86_400_000


@pytest.mark.parametrize("path", [REALTIME, HISTORY])
async def test_a_row_that_cannot_be_read_is_not_taken_for_absence(path):
    async with broker_on("spot") as (broker, venue):
        venue.answers |= {REALTIME: listing(), HISTORY: listing()}
        venue.answers[path] = listing(row(qty="NaN"))
        with pytest.raises(Retryable):
            await broker.query(LIMIT)


async def test_open_orders_come_from_every_page_or_not_at_all():
    async with broker_on("linear") as (broker, venue):
        pages = {"": listing(row(), cursor="p2"), "p2": listing(row(orderLinkId="", orderId="v2"), cursor="")}
        venue.answers[REALTIME] = lambda asked: pages[asked.params.get("cursor", "")]
        reports = await broker.open_orders("BTCUSDT")
        assert [report.order_id for report in reports] == ["v1", "v2"]
        assert venue.asked[-1].params["symbol"] == "BTCUSDT"
        pages["p2"] = listing(row(cumExecQty="-1", orderLinkId="web"))
        assert [report.order_id for report in await broker.open_orders("BTCUSDT")] == ["v1"]
        assert broker.rejects.by_reason["open order"] == 1
        for bad in (row(cumExecQty="-1", orderLinkId=ClientIds().next(1)), {"orderLinkId": "web"}, None, 7):
            pages["p2"] = listing(bad)
            with pytest.raises(Retryable):
                await broker.open_orders("BTCUSDT")


async def test_trades_are_read_week_by_week_and_told_oldest_first():
    async with broker_on("linear") as (broker, venue):
        since = venue.clock.now_ms() - 10 * 86_400_000
        executions = [
            frames.EXECUTION | {"execId": name, "execTime": str(1700000000000 + at), "execType": kind}
            for name, at, kind in [("t3", 9, "Trade"), ("t2", 5, "BustTrade"), ("f1", 4, "Funding"), ("t1", 4, "Trade")]
        ]
        weeks = [listing(*executions[2:], executions[0]), listing(*executions[:2])]
        venue.answers[EXECUTIONS] = lambda asked: weeks[int(asked.params["startTime"]) > since]
        trades = await broker.trades("BTCUSDT", since)
        assert [fill.trade_id for fill in trades.fills] == ["t1", "t2", "t3"]
        assert (trades.complete, trades.since_ms) == (True, since)
        first, second = venue.of(EXECUTIONS)
        start_ms = int(first.params["startTime"])
        assert since - 10_000 < start_ms < since, "the venue's clock may be behind ours"
        assert int(first.params["endTime"]) == int(second.params["startTime"]) == start_ms + 7 * 86_400_000


ACCOUNT = {
    "/v5/account/wallet-balance": listing({"accountType": "UNIFIED", "coin": [{"coin": "USDT", "walletBalance": "9"}]}),
    "/v5/user/query-api": ok(readOnly=0, permissions={"ContractTrade": ["Order"], "Wallet": ["Withdraw"]}),
    "/v5/account/fee-rate": listing({"symbol": "BTCUSDT", "takerFeeRate": "0.00055", "makerFeeRate": "0.0002"}),
    "/v5/account/info": ok(marginMode="ISOLATED_MARGIN", unifiedMarginStatus=5),
}


async def test_a_snapshot_tells_positions_and_the_settings_of_watched_symbols():
    async with broker_on("linear") as (broker, venue):
        flat = frames.POSITION | {"symbol": "ETHUSDT", "size": "0", "side": "", "leverage": "5"}

        def positions(asked):
            if asked.params.get("symbol") == "GONEUSDT":
                return refusal(10001)
            return listing(flat if asked.params.get("symbol") else frames.POSITION)

        venue.answers |= ACCOUNT | {"/v5/position/list": positions}
        watched = Universe(
            venue="bybit", category="linear", symbols=("ETHUSDT", "GONEUSDT"), added=(), removed=(), reason="", at_ms=0
        )
        venue.bus.publish(watched)
        snapshot = await broker.snapshot()
        held, settings = snapshot.positions
        assert (held.symbol, held.size, held.margin_mode, held.position_mode) == (
            "BTCUSDT",
            D("0.5"),
            "isolated",
            "one-way",
        )
        assert (settings.symbol, settings.size, settings.leverage, settings.margin_mode) == (
            "ETHUSDT",
            D(0),
            D(5),
            "isolated",
        )
        assert (snapshot.may_trade, snapshot.may_withdraw) == (True, True)
        assert (snapshot.maker_fee, snapshot.taker_fee) == (D("0.0002"), D("0.00055"))
        assert snapshot.balances["USDT"].free == 9
        asked = len(venue.of("/v5/position/list"))
        await broker.snapshot()
        assert len(venue.of("/v5/position/list")) == asked + 1, "settings are read again after a while only"


async def test_a_spot_snapshot_has_no_positions_and_fails_whole():
    async with broker_on("spot") as (broker, venue):
        venue.answers |= ACCOUNT
        snapshot = await broker.snapshot()
        assert (snapshot.positions, snapshot.may_trade) == ((), False)
        assert venue.of("/v5/account/info") == []
        venue.answers["/v5/account/wallet-balance"] = listing({"coin": [{"coin": "USDT", "walletBalance": "NaN"}]})
        with pytest.raises(Retryable):
            await broker.snapshot()


@pytest.mark.parametrize("code", [0, 110043])
async def test_leverage_that_is_set_already_is_success(code):
    async with broker_on("linear") as (broker, venue):
        venue.answers |= {"/v5/position/set-leverage": refusal(code), "/v5/position/list": listing(frames.POSITION)}
        await broker.set_leverage("BTCUSDT", D("3"))
        assert venue.of("/v5/position/set-leverage")[0].params["sellLeverage"] == "3"
        venue.answers["/v5/position/set-leverage"] = refusal(110013)
        with pytest.raises(Rejected):
            await broker.set_leverage("BTCUSDT", D("300"))


async def test_demo_trading_tells_neither_permissions_nor_fees():
    async with broker_on("spot", environment="demo") as (broker, venue):
        venue.answers |= {"/v5/account/wallet-balance": ACCOUNT["/v5/account/wallet-balance"]}
        snapshot = await broker.snapshot()
        assert (snapshot.may_trade, snapshot.may_withdraw, snapshot.taker_fee) == (True, None, None)


async def test_trades_older_than_the_venue_keeps_are_not_complete():
    async with broker_on("spot") as (broker, venue):
        venue.answers[EXECUTIONS] = listing()
        assert not (await broker.trades("BTCUSDT", venue.clock.now_ms() - 900 * 86_400_000)).complete


def test_keys_go_to_known_hosts_only_and_to_one_side_only():
    clock = LiveClock()
    live = broker_of(clock, "spot", "", "")
    assert (live.host, live.host_kind, live.mode) == ("api.bybit.com", "LIVE DATA", "LIVE")
    assert broker_of(clock, "spot", "", "", "testnet").host == "api-testnet.bybit.com"
    assert broker_of(clock, "spot", "", "", "demo").host_kind == "TESTNET"
    for rest, stream in [
        ("https://api.bybit.com.evil.example", "wss://stream.bybit.com/v5/public"),
        ("http://127.0.0.1:1", ""),
        ("", "ws://127.0.0.1:1/v5/public"),
        ("http://127.0.0.1:1", "wss://stream.bybit.com/v5/public"),
    ]:
        with pytest.raises(Fatal):
            broker_of(clock, "spot", rest, stream)


def test_the_account_is_named_without_showing_its_key():
    account = broker_of(LiveClock(), "spot", "", "").account
    assert account.startswith("bybit-live-")
    assert KEY not in account
    assert account != broker_of(LiveClock(), "spot", "", "", "demo").account
    assert account == broker_of(LiveClock(), "linear", "", "").account
