"""The sandbox's orders are judged by pybit, which was written for the real venue: it trades and follows its own fills."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pybit._helpers
import pybit.exceptions
import pybit.unified_trading
import pytest

from tests.providers.sandbox.bybit_client import KEY, SECRET, SYMBOL, BybitClient, quiet_exchange
from tests.providers.sandbox.conftest import WAIT_S


@pytest.fixture(params=["spot", "linear"])
async def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BybitClient]:
    async with quiet_exchange(request.param) as one:
        monkeypatch.setattr(pybit._helpers, "generate_timestamp", one.exchange.clock.now_ms)
        private = f"ws://127.0.0.1:{one.exchange.port}/v5/private"
        monkeypatch.setattr(pybit.unified_trading, "PRIVATE_WSS", private)
        yield one


class Pybit:
    """pybit's session and private socket; rows are collected in its own thread."""

    def __init__(self, client: BybitClient) -> None:
        self.category = client.category
        self.rows: dict[str, list[Any]] = {}
        self._acknowledged = 0
        self._came = threading.Condition()
        self._subscribing = threading.Lock()
        self.http = pybit.unified_trading.HTTP(api_key=KEY, api_secret=SECRET, recv_window=600_000)
        self.http.endpoint = client.exchange.rest_url
        self.socket = pybit.unified_trading.WebSocket(
            "private", testnet=False, api_key=KEY, api_secret=SECRET, restart_on_error=False, private_auth_expire=600
        )
        self._handle = self.socket.callback
        self.socket.callback = self._take
        with self._subscribing:  # pybit sends before it knows who takes the answer
            self.socket.order_stream(self._collect)
            self.socket.execution_stream(self._collect)
            self.socket.wallet_stream(self._collect)
            self.socket.position_stream(self._collect)
        with self._came:  # an order sent before the venue has heard of a subscription goes untold
            assert self._came.wait_for(lambda: self._acknowledged == 4, WAIT_S)

    def _take(self, message: Any) -> None:
        with self._subscribing:
            self._handle(message)
        with self._came:
            self._acknowledged += message.get("op") == "subscribe" and message["success"]
            self._came.notify_all()

    def _collect(self, message: Any) -> None:
        with self._came:
            self.rows.setdefault(message["topic"], []).extend(message["data"])
            self._came.notify_all()

    def wait(self, topic: str, wanted: Callable[[Any], bool]) -> Any:
        """The first row of a topic that is wanted."""

        def found() -> list[Any]:
            return [row for row in self.rows.get(topic, []) if wanted(row)]

        with self._came:
            assert self._came.wait_for(found, WAIT_S), self.rows.get(topic)
            return found()[0]

    def place(self, link_id: str, **order: Any) -> Any:
        unit = {"marketUnit": "baseCoin"} if self.category == "spot" and order["orderType"] == "Market" else {}
        return self.http.place_order(
            category=self.category, symbol=SYMBOL, orderLinkId=link_id, **unit, **order
        )["result"]  # fmt: skip

    def close(self) -> None:
        self.socket.exit()
        self.http.client.close()


async def with_pybit(client: BybitClient, work: Callable[[Pybit], None]) -> None:
    """Run blocking work with pybit in a thread."""

    def run() -> None:
        one = Pybit(client)
        try:
            work(one)
        finally:
            one.close()

    await asyncio.to_thread(run)


async def test_pybit_trades_and_follows_its_own_fills(client):
    def work(one: Pybit) -> None:
        resting = one.place("rest", side="Buy", orderType="Limit", qty="0.1", price="900")
        answer = one.place("fill", side="Buy", orderType="Market", qty="0.3")
        done = one.wait("order", lambda row: row["orderLinkId"] == "fill" and row["orderStatus"] == "Filled")
        assert done["orderId"] == answer["orderId"]
        one.wait("execution", lambda row: Decimal(row["leavesQty"]) == 0)
        fills = [row for row in one.rows["execution"] if row["orderId"] == answer["orderId"]]
        assert sum(Decimal(row["execQty"]) for row in fills) == Decimal("0.3")
        listed = one.http.get_executions(category=one.category, orderId=answer["orderId"])["result"]["list"]
        assert {row["execId"] for row in listed} == {row["execId"] for row in fills}
        (found,) = one.http.get_open_orders(category=one.category, orderLinkId="rest")["result"]["list"]
        assert (found["orderId"], found["orderStatus"]) == (resting["orderId"], "New")
        one.http.cancel_order(category=one.category, symbol=SYMBOL, orderId=resting["orderId"])
        one.wait("order", lambda row: row["orderLinkId"] == "rest" and row["orderStatus"] == "Cancelled")
        history = one.http.get_order_history(category=one.category, symbol=SYMBOL)["result"]["list"]
        assert [row["orderLinkId"] for row in history] == ["fill", "rest"]

    await with_pybit(client, work)


async def test_pybit_pages_amends_and_cancels_everything(client):
    def work(one: Pybit) -> None:
        for index in range(5):
            one.place(f"o-{index}", side="Buy", orderType="Limit", qty="0.1", price="900")
        found, cursor = [], None
        while cursor != "":
            page = one.http.get_open_orders(category=one.category, symbol=SYMBOL, limit=2, cursor=cursor)["result"]
            found += [row["orderLinkId"] for row in page["list"]]
            cursor = page["nextPageCursor"]
        assert found == ["o-4", "o-3", "o-2", "o-1", "o-0"]
        one.http.amend_order(category=one.category, symbol=SYMBOL, orderLinkId="o-0", price="910")
        one.wait("order", lambda row: row["orderLinkId"] == "o-0" and row["price"] == "910")
        gone = one.http.cancel_all_orders(category=one.category, symbol=SYMBOL)["result"]
        assert len(gone["list"]) == 5
        with pytest.raises(pybit.exceptions.InvalidRequestError) as refused:
            one.http.cancel_order(category=one.category, symbol=SYMBOL, orderLinkId="o-0")
        assert refused.value.status_code in (170213, 110001)

    await with_pybit(client, work)


async def test_pybit_reads_the_account(client):
    def work(one: Pybit) -> None:
        one.place("in", side="Buy", orderType="Market", qty="0.3")
        wallet = one.http.get_wallet_balance(accountType="UNIFIED", coin="USDT")["result"]["list"][0]
        told = one.wait("wallet", lambda row: True)
        assert told["accountType"] == wallet["accountType"] == "UNIFIED"
        assert one.http.get_api_key_information()["result"]["readOnly"] == 0
        assert one.http.get_fee_rates(category=one.category, symbol=SYMBOL)["result"]["list"][0]["takerFeeRate"]
        if one.category == "linear":
            one.http.set_leverage(category="linear", symbol=SYMBOL, buyLeverage="5", sellLeverage="5")
            one.http.set_trading_stop(
                category="linear", symbol=SYMBOL, stopLoss="950", tpslMode="Full", positionIdx=0
            )  # fmt: skip
            (held,) = one.http.get_positions(category="linear", symbol=SYMBOL)["result"]["list"]
            assert (held["size"], held["leverage"], held["stopLoss"]) == ("0.3", "5", "950")
            one.wait("position", lambda row: row["size"] == "0.3" and row["stopLoss"] == "950")

    await with_pybit(client, work)
