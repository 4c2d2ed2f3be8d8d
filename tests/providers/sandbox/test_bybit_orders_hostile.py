"""Whatever a signed request holds, the Bybit sandbox answers with the venue's error or does what was asked; it never breaks."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import URL

from core.clock import LiveClock
from providers.sandbox.bybit import BybitServer
from providers.sandbox.bybit_rest import RetError
from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.bybit_client import KEY, SECRET
from tests.providers.sandbox.conftest import START_MS
from tests.providers.sandbox.tiny_market import TinyMarket

WORDS = (
    "spot", "linear", "inverse", "BTCUSDT", "ETHUSDT", "NOPE", "Buy", "Sell", "Limit", "Market", "GTC", "IOC", "FOK",
    "PostOnly", "tpslOrder", "StopOrder", "Order", "Full", "Partial", "MarkPrice", "LastPrice", "baseCoin", "quoteCoin",
    "BTC", "USDT", "UNIFIED", "Funding", "id-1", "id-2",
)  # fmt: skip
NUMBERS = ("0", "0.1", "1", "2", "990", "1000", "1010", "1e3", "1e-30", "1e400", "-1", "NaN", "Infinity", "9" * 40, "")
FIELDS = (
    "category", "symbol", "side", "orderType", "qty", "price", "timeInForce", "orderLinkId", "orderId", "positionIdx",
    "reduceOnly", "closeOnTrigger", "isLeverage", "marketUnit", "triggerPrice", "triggerDirection", "triggerBy",
    "orderFilter", "takeProfit", "stopLoss", "tpslMode", "tpTriggerBy", "slTriggerBy", "tpOrderType", "tpSize", "slSize",
    "trailingStop", "buyLeverage", "sellLeverage", "mode", "limit", "cursor", "startTime", "endTime", "openOnly",
    "baseCoin", "settleCoin", "execType", "accountType", "coin",
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(WORDS), st.sampled_from(NUMBERS), st.booleans(), st.none(), st.integers(-3, 3), st.text(max_size=4),
    st.lists(st.integers(), max_size=2), st.just({"a": 1}),
)  # fmt: skip
SENSIBLE = st.fixed_dictionaries(
    {
        "category": st.sampled_from(("spot", "linear")),
        "symbol": st.sampled_from(("BTCUSDT", "ETHUSDT")),
        "side": st.sampled_from(("Buy", "Sell")),
        "orderType": st.sampled_from(("Limit", "Market")),
        "qty": st.sampled_from(("0.1", "1", "0.3")),
        "price": st.sampled_from(("990", "1000", "1010")),
    }
)
BODIES = st.tuples(SENSIBLE | st.just({}), st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8))


def server() -> BybitServer:
    clock = LiveClock(start_ms=START_MS)
    markets = {"spot": TinyMarket(clock.now_ms()), "linear": TinyMarket(clock.now_ms(), perpetual=True, seed=8)}
    exchange = SandboxExchange(markets, clock, venue="bybit", api_key=KEY, api_secret=SECRET)
    assert isinstance(exchange.venue, BybitServer)
    return exchange.venue


SERVER = server()
"""Never started: requests are handed to it directly, one after the other."""


TOTALS = {
    (category, coin): accounts.engine.total(coin)
    for category, accounts in SERVER.accounts.items()
    for coin in accounts.engine.balances(KEY)
}


class Socket:
    """A connection that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)


@settings(max_examples=600)
@given(st.sampled_from(sorted(SERVER.orders._handlers)), BODIES)
def test_any_request_is_answered_and_the_books_stay_balanced(endpoint, body):
    sensible, odd = body
    try:
        result = SERVER.orders._handlers[endpoint](sensible | odd)
        assert msgspec.json.decode(msgspec.json.encode(result)) == result
    except RetError:
        pass
    SERVER.private.settle()
    for accounts in SERVER.accounts.values():
        for coin in accounts.engine.balances(accounts.account):
            assert accounts.engine.total(coin) == TOTALS.get((accounts.feed.category, coin), 0)


@pytest.mark.parametrize("category", ["spot", "linear"])
@pytest.mark.parametrize("field", ["qty", "price", "takeProfit", "triggerPrice", "buyLeverage"])
@pytest.mark.parametrize("number", [*NUMBERS, "1e-400", "9" * 20, "0." + "0" * 19 + "1", "٣"])
def test_no_number_is_too_odd_to_answer(category, field, number):
    order = {
        "category": category,
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Limit",
        "qty": "0.1",
        "price": "990",
    }
    body = order | {
        field: number,
        "triggerDirection": 1,
        "sellLeverage": number,
        "stopLoss": number,
        "orderLinkId": "id-1",
    }
    if field == "triggerPrice":
        body["orderFilter"] = "tpslOrder"
    for path in ("order/create", "order/amend", "position/set-leverage", "position/trading-stop"):
        with contextlib.suppress(RetError):
            SERVER.orders._handlers["POST", path](body)


MESSAGES = st.dictionaries(st.sampled_from(("op", "args", "req_id")), VALUES).map(
    lambda m: msgspec.json.encode(m).decode()
)


@given(st.text(max_size=80) | MESSAGES)
def test_any_message_on_the_private_socket_is_answered_once(text):
    socket = Socket()
    SERVER.private.opened(socket, URL("/v5/private?max_active_time=" + text.replace("?", "")))  # type: ignore[arg-type]
    SERVER.private.received(socket, text)  # type: ignore[arg-type]
    SERVER.private.closed(socket)  # type: ignore[arg-type]
    assert len(socket.sent) == 1
    assert isinstance(msgspec.json.decode(socket.sent[0]), dict)
