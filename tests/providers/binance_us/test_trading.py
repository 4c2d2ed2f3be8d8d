"""The broker against a venue that answers anything: what is sent, and what each answer is taken for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from core.bus import Bus
from core.clock import LiveClock
from core.credentials import Credentials
from core.messages import VenueClock
from core.settings import Network, Settings
from core.settings_trading import Trading
from core.trading.authority import NotAuthorised, Permit, authorise
from core.trading.broker import NoAnswer, NotSent, OrderKey
from core.trading.client_ids import ClientIds
from core.trading.order import OrderSpec
from core.venue import Fatal, Instrument, Rejected, Retryable
from providers.binance_us import trade_list, trading
from providers.binance_us.trading import BinanceUsBroker
from tests.patience import HASTY_S, PATIENT_S
from tests.providers.signed_venue import HANG, Answer, Reply, Request, SignedVenue, ordered, signed_venue

D = Decimal
AT = 1_700_000_000_000
SPEC = OrderSpec(client_id="tt1-a", symbol="BTCUSD", side="BUY", type="LIMIT", quantity=D("0.5"), price=D(100))
RULES = Instrument(
    venue="binance_us", category="spot", symbol="BTCUSD", base="BTC", quote="USD", status="TRADING", trading=True,
    tick_size=D("0.01"), lot_size=D("0.00001"), order_types=("LIMIT", "MARKET", "STOP_LOSS_LIMIT"),
)  # fmt: skip
KEY = OrderKey(symbol="BTCUSD", client_id="tt1-a")


class Desk:
    """A broker and its venue."""

    def __init__(self, venue: SignedVenue, broker: BinanceUsBroker, clock: LiveClock) -> None:
        self.venue = venue
        self.broker = broker
        self.clock = clock

    def permit(self, spec: OrderSpec) -> Permit:
        now_ms = self.clock.now_ms()
        return authorise(spec, now_ms).spend(spec, now_ms)

    def tell_clock(self, offset_ms: float) -> None:
        """The venue's clock as if it had been measured: it is not asked for any more."""
        self.broker._bus.publish(
            VenueClock(
                venue="binance_us", category="spot", offset_ms=offset_ms, round_trip_ms=1.0, at_ms=self.clock.now_ms()
            )
        )

    @property
    def asked(self) -> list[Request]:
        """Everything but the time."""
        return [request for request in self.venue.requests if not request.path.endswith("/time")]


def broker_of(url: str, clock: LiveClock, answer_s: float = PATIENT_S, **network: Any) -> BinanceUsBroker:
    rules = {"BTCUSD": RULES}
    settings = Settings(
        network=Network(binance_us_rest=url, rest_timeout_s=max(0.5, answer_s), **network),
        trading=Trading(answer_s=answer_s),
    )
    return BinanceUsBroker(Bus(clock), clock, settings, Credentials("the-key", "the-secret"), rules.get)


@asynccontextmanager
async def desk(answer: Answer, rate: float = 1.0, answer_s: float = PATIENT_S) -> AsyncIterator[Desk]:
    clock = LiveClock(rate)
    async with signed_venue(clock, answer) as venue:
        broker = broker_of(venue.url, clock, answer_s)
        try:
            yield Desk(venue, broker, clock)
        finally:
            await broker.close()


def row(**fields: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSD", "orderId": 7, "clientOrderId": "tt1-a", "side": "BUY", "type": "LIMIT", "status": "NEW",
        "origQty": "0.5", "executedQty": "0", "price": "100", "transactTime": AT, **fields,
    }  # fmt: skip


def ok(content: object) -> Reply:
    return Reply(200, msgspec.json.encode(content))


def refusal(code: int, text: str = "x", status: int = 400, **more: Any) -> Reply:
    return Reply(status, msgspec.json.encode({"code": code, "msg": text, **more}))


async def test_an_order_is_placed_as_it_was_authorised() -> None:
    async with desk(ordered(ok(row(status="PARTIALLY_FILLED", executedQty="0.2", fills=[
        {"price": "99", "qty": "0.2", "commission": "0.01", "commissionAsset": "USD", "tradeId": 3}
    ])))) as on:  # fmt: skip
        placed = await on.broker.place(on.permit(SPEC), SPEC)
        assert placed.order_id == "7"
        [report] = placed.reports
        assert (report.status, report.filled) == ("PARTIALLY_FILLED", D("0.2"))
        assert report.fill is not None
        assert report.fill.price == 99
        [request] = on.asked
        sent = request.params
        assert (request.method, request.path) == ("POST", "/api/v3/order")
        assert (sent["price"], sent["quantity"], sent["newClientOrderId"]) == ("100", "0.5", "tt1-a")


async def test_without_a_permit_for_exactly_this_order_nothing_is_sent() -> None:
    async with desk(ordered(ok(row()))) as on:
        other = msgspec.structs.replace(SPEC, quantity=D("0.6"))
        with pytest.raises(NotAuthorised):
            await on.broker.place(on.permit(SPEC), other)
        permit = on.permit(SPEC)
        await on.broker.place(permit, SPEC)
        with pytest.raises(NotAuthorised):
            await on.broker.place(permit, SPEC)
        assert len(on.asked) == 1


@pytest.mark.parametrize(
    "content",
    [
        row(clientOrderId="other"),
        row(side="SELL"),
        row(symbol="ETHUSD"),
        row(executedQty="NaN"),
        row(status="LOST"),
        {"orderId": 7},
        [],
    ],
)
async def test_an_answer_that_speaks_of_something_else_leaves_the_outcome_unknown(content: object) -> None:
    async with desk(ordered(ok(content))) as on:
        with pytest.raises(NoAnswer) as raised:
            await on.broker.place(on.permit(SPEC), SPEC)
        assert raised.value.why == "UNREADABLE"
        assert len(on.asked) == 1


async def test_what_the_symbol_does_not_take_is_not_sent() -> None:
    async with desk(ordered(ok(row()))) as on:
        stop = msgspec.structs.replace(SPEC, type="STOP_LOSS", stop_price=D(90))
        with pytest.raises(NotSent, match="STOP_LOSS") as raised:
            await on.broker.place(on.permit(stop), stop)
        assert raised.value.code == "UNSUPPORTED"
        with pytest.raises(NotSent):
            await on.broker.amend(on.permit(SPEC), KEY, SPEC)
        with pytest.raises(Rejected):
            await on.broker.set_leverage("BTCUSD", D(2))
        assert not on.asked


def legs() -> tuple[OrderSpec, OrderSpec]:
    target = msgspec.structs.replace(
        SPEC, client_id="tt1-t", side="SELL", price=D(120), post_only=True, list_id="tt1-l"
    )
    stop = msgspec.structs.replace(
        SPEC, client_id="tt1-s", side="SELL", type="STOP_LOSS_LIMIT", price=D(89), stop_price=D(90), list_id="tt1-l"
    )
    return target, stop


def oco(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"orderListId": 12, "listClientOrderId": "tt1-l", "orderReports": list(rows)}


STOP_ROW = row(orderId=8, clientOrderId="tt1-s", side="SELL", type="STOP_LOSS_LIMIT", stopPrice="90", orderListId=12)
TARGET_ROW = row(orderId=9, clientOrderId="tt1-t", side="SELL", type="LIMIT_MAKER", price="120", orderListId=12)


async def test_a_pair_comes_back_leg_by_leg_under_our_name_of_the_list() -> None:
    target, stop = legs()
    async with desk(lambda r: ok([STOP_ROW] if r.method == "GET" else oco(STOP_ROW, TARGET_ROW))) as on:
        permits = on.permit(target), on.permit(stop)
        first, second = await on.broker.place_pair(permits, target, stop)
        assert (first.order_id, second.order_id) == ("9", "8")
        assert second.reports[0].status == "UNTRIGGERED"
        assert second.reports[0].spec.list_id == "tt1-l"
        assert (await on.broker.open_orders())[0].spec.list_id == "tt1-l"


async def test_a_pair_of_which_a_leg_is_missing_is_unknown() -> None:
    target, stop = legs()
    async with desk(ordered(ok(oco(STOP_ROW)))) as on:
        with pytest.raises(NoAnswer):
            await on.broker.place_pair((on.permit(target), on.permit(stop)), target, stop)


async def test_a_pair_needs_both_permits() -> None:
    target, stop = legs()
    async with desk(ordered(ok(oco(STOP_ROW, TARGET_ROW)))) as on:
        with pytest.raises(NotAuthorised):
            await on.broker.place_pair((on.permit(target), on.permit(target)), target, stop)
        assert not on.asked


CANCEL_ROW = row(orderId=5, origClientOrderId="old", clientOrderId="c-1", status="CANCELED")


def results(cancel: str, new: str, cancelled: object, placed: object) -> dict[str, Any]:
    return {"cancelResult": cancel, "newOrderResult": new, "cancelResponse": cancelled, "newOrderResponse": placed}


async def test_a_replace_that_succeeds() -> None:
    async with desk(ordered(ok(results("SUCCESS", "SUCCESS", CANCEL_ROW, row())))) as on:
        told = await on.broker.replace(on.permit(SPEC), OrderKey(symbol="BTCUSD", client_id="old"), SPEC)
        assert told.cancelled.outcome == "ACCEPTED"
        assert told.cancelled.reports[0].spec.client_id == "old"
        assert told.placed is not None
        assert told.placed.order_id == "7"
        sent = on.asked[0].params
        assert (sent["cancelReplaceMode"], sent["cancelOrigClientOrderId"]) == ("STOP_ON_FAILURE", "old")


async def test_a_replace_of_which_only_the_cancel_succeeds() -> None:
    data = results("SUCCESS", "FAILURE", CANCEL_ROW, {"code": -2010, "msg": "Order would trigger immediately."})
    async with desk(ordered(refusal(-2021, status=409, data=data))) as on:
        told = await on.broker.replace(on.permit(SPEC), OrderKey(symbol="BTCUSD", client_id="old"), SPEC)
        assert (told.cancelled.outcome, told.placed, told.code) == ("ACCEPTED", None, "-2010")
        assert "trigger immediately" in told.text


@pytest.mark.parametrize(("code", "outcome"), [(-2011, "GONE"), (-1013, "REFUSED")])
async def test_a_replace_whose_cancel_fails_places_nothing(code: int, outcome: str) -> None:
    data = results("FAILURE", "NOT_ATTEMPTED", {"code": code, "msg": "x"}, None)
    async with desk(ordered(refusal(-2022, data=data))) as on:
        told = await on.broker.replace(on.permit(SPEC), OrderKey(symbol="BTCUSD", client_id="old"), SPEC)
        assert (told.cancelled.outcome, told.placed, told.code) == (outcome, None, str(code))


@pytest.mark.parametrize(
    "data",
    [
        results("SUCCESS", "FAILURE", CANCEL_ROW, {"code": -1007, "msg": "Timeout"}),
        results("SUCCESS", "FAILURE", CANCEL_ROW, {"code": -2010, "msg": "Duplicate order sent."}),
        results("FAILURE", "NOT_ATTEMPTED", {"code": -1006, "msg": "x"}, None),
        results("SUCCESS", "FAILURE", CANCEL_ROW, None),
        results("SUCCESS", "SUCCESS", {"code": 1}, row()),
        results("SUCCESS", "SUCCESS", CANCEL_ROW, row(clientOrderId="other")),
        {},
    ],
)
async def test_a_replace_of_which_a_half_is_unclear_is_unknown(data: dict[str, Any]) -> None:
    async with desk(ordered(refusal(-2021, status=409, data=data))) as on:
        with pytest.raises(NoAnswer):
            await on.broker.replace(on.permit(SPEC), OrderKey(symbol="BTCUSD", client_id="old"), SPEC)
        assert len(on.asked) == 1


@pytest.mark.parametrize(
    ("reply", "outcome", "code"),
    [
        (ok(CANCEL_ROW), "ACCEPTED", ""),
        (ok(oco(CANCEL_ROW, STOP_ROW)), "ACCEPTED", ""),
        (refusal(-2011, "Unknown order sent."), "GONE", "-2011"),
        (refusal(-1102, "missing"), "REFUSED", "-1102"),
        (refusal(-1007, status=504), "UNKNOWN", ""),
        (Reply(502), "UNKNOWN", ""),
        (HANG, "UNKNOWN", ""),
        (ok({"hello": 1}), "UNKNOWN", ""),
        (ok({**CANCEL_ROW, "origQty": "x"}), "UNKNOWN", ""),
    ],
)
async def test_answers_to_a_cancel(reply: Reply, outcome: str, code: str) -> None:
    async with desk(ordered(reply), answer_s=HASTY_S if reply is HANG else PATIENT_S) as on:
        on.tell_clock(0.0)
        told = await on.broker.cancel(KEY)
        assert (told.outcome, told.code) == (outcome, code)
        assert len(on.asked) == 1


async def test_a_cancel_names_the_order_by_our_id_and_a_list_as_a_whole() -> None:
    async with desk(ordered(ok(CANCEL_ROW))) as on:
        await on.broker.cancel(KEY)
        await on.broker.cancel(OrderKey(symbol="BTCUSD", client_id="", order_id="55"))
        await on.broker.cancel(OrderKey(symbol="BTCUSD", client_id="tt1-s", list_id="tt1-l"))
        assert [(r.method, r.path) for r in on.asked] == [
            ("DELETE", "/api/v3/order"), ("DELETE", "/api/v3/order"), ("DELETE", "/api/v3/orderList"),
        ]  # fmt: skip
        first, second, third = (request.params for request in on.asked)
        assert (first["origClientOrderId"], second["orderId"], third["listClientOrderId"]) == ("tt1-a", "55", "tt1-l")
        assert "orderId" not in first


async def test_a_question_after_an_order_that_is_not_there() -> None:
    async with desk(ordered(refusal(-2013, "Order does not exist."))) as on:
        assert await on.broker.query(KEY) == ()
        assert on.asked[0].params["origClientOrderId"] == "tt1-a"


@pytest.mark.parametrize("reply", [refusal(-2026), refusal(-1102), refusal(-2011)])
async def test_any_other_refusal_of_a_question_is_no_proof_of_absence(reply: Reply) -> None:
    async with desk(ordered(reply)) as on:
        with pytest.raises(Rejected):
            await on.broker.query(KEY)


async def test_a_listing_in_which_one_of_ours_cannot_be_read_is_no_listing() -> None:
    ours = ClientIds().next(AT)
    async with desk(ordered(ok([row(), row(clientOrderId=ours, price="NaN")])), rate=50) as on:
        with pytest.raises(Retryable):
            await on.broker.open_orders("BTCUSD")


async def test_a_foreign_order_that_cannot_be_read_spoils_no_listing() -> None:
    async with desk(ordered(ok([row(), row(clientOrderId="web_1", type="PEGGED"), {"strange": 1}]))) as on:
        assert [report.spec.client_id for report in await on.broker.open_orders()] == ["tt1-a"]
        assert on.broker.stream.rejects.by_reason == {"open order": 2}


def trade(number: int, order: int, at_ms: int) -> dict[str, Any]:
    return {
        "symbol": "BTCUSD", "id": number, "orderId": order, "price": "100", "qty": "1", "commission": "0.1",
        "commissionAsset": "USD", "time": at_ms, "isBuyer": True, "isMaker": False,
    }  # fmt: skip


def book_of(trades: list[dict[str, Any]]) -> Answer:
    """A venue with these trades; orders 1 to 9 are known to it."""

    def answer(request: Request) -> Reply:
        asked = request.params
        if request.path == "/api/v3/order":
            order = int(asked["orderId"])
            return ok(row(orderId=order, clientOrderId=f"tt1-{order}")) if order < 10 else refusal(-2013)
        found = [one for one in trades if one["id"] >= int(asked.get("fromId", 0))]
        found = [one for one in found if one["time"] >= int(asked.get("startTime", 0))]
        limit = int(asked["limit"])
        return ok(found[:limit] if "fromId" in asked or "startTime" in asked else found[-limit:])

    return answer


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 9, 12, 13])
@pytest.mark.parametrize("since", [0, 2, 5, 8])
async def test_trades_are_complete_over_all_pages(monkeypatch: pytest.MonkeyPatch, count: int, since: int) -> None:
    monkeypatch.setattr(trade_list, "PAGE", 4)
    trades = [trade(n, n % 3 + 1, AT + 1000 * n) for n in range(count)]
    async with desk(book_of(trades)) as on:
        monkeypatch.setattr(trading, "SLACK_MS", 0)
        told = await on.broker.trades("BTCUSD", AT + 1000 * since)
        assert [fill.trade_id for fill in told.fills] == [str(n) for n in range(since, count)]
        assert all(fill.client_id == f"tt1-{fill.order_id}" for fill in told.fills)
        assert told.complete
        assert len([r for r in on.asked if r.path == "/api/v3/order"]) <= 3


@pytest.mark.parametrize("ahead_ms", [-3000, 0, 3000])
async def test_trades_are_asked_for_by_the_venues_clock(ahead_ms: int) -> None:
    async with desk(ordered(ok([]))) as on:
        on.venue.ahead_ms = ahead_ms
        on.tell_clock(float(ahead_ms))
        since_ms = on.clock.now_ms()  # the trade comes after it, on the venue's clock
        on.venue.answer = book_of([trade(1, 1, on.venue.now_ms() + 5)])
        told = await on.broker.trades("BTCUSD", since_ms)
        assert len(told.fills) == 1
        assert told.since_ms == since_ms


async def test_trades_of_an_order_nobody_knows_prove_nothing_about_ours() -> None:
    async with desk(book_of([trade(1, 99, AT), trade(2, 1, AT)])) as on:
        told = await on.broker.trades("BTCUSD", AT)
        assert [fill.client_id for fill in told.fills] == ["", "tt1-1"]
        assert not told.complete


async def test_trades_whose_pages_do_not_end_are_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trade_list, "PAGE", 2)
    monkeypatch.setattr(trade_list, "MAX_PAGES", 2)
    async with desk(book_of([trade(n, 1, AT + 1000 * n) for n in range(9)])) as on:
        assert not (await on.broker.trades("BTCUSD", AT)).complete


async def test_the_account() -> None:
    content = {
        "canTrade": True, "canWithdraw": True, "commissionRates": {"maker": "0", "taker": "0.0002"},
        "balances": [{"asset": "USD", "free": "10", "locked": "1"}],
    }  # fmt: skip
    async with desk(ordered(ok(content))) as on:
        snapshot = await on.broker.snapshot()
        assert snapshot.balances["USD"].locked == 1
        assert (snapshot.maker_fee, snapshot.taker_fee, snapshot.may_withdraw) == (D(0), D("0.0002"), None)
        assert on.broker.spent().used > 0


def test_the_account_is_named_without_its_key() -> None:
    broker = broker_of("http://127.0.0.1:1", LiveClock())
    assert broker.account.startswith("binance_us-")
    assert "the-key" not in broker.account
    assert broker.account == broker_of("http://127.0.0.1:2", LiveClock()).account
    assert (broker.host, broker.host_kind) == ("127.0.0.1:1", "SANDBOX")


@pytest.mark.parametrize("network", [{}, {"binance_us_stream": "wss://stream.binance.us.evil.com"}])
def test_a_strange_host_is_refused_at_once(network: dict[str, Any]) -> None:
    with pytest.raises(Fatal):
        broker_of("https://api.binance.us.evil.com" if not network else "http://127.0.0.1:1", LiveClock(), **network)
