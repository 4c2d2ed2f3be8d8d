"""The lists of Bybit's order REST: what they hold, in which order, and paging that neither repeats nor loses a row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.sandbox import bybit_orders_desk
from providers.sandbox.bybit_orders_body import Reader
from providers.sandbox.bybit_orders_query import DAY_MS, _page
from providers.sandbox.bybit_orders_wire import engine_id, execution_id, wire_id
from providers.sandbox.bybit_rest import RetError
from tests.providers.sandbox.bybit_client import SYMBOL, BybitClient, quiet_exchange

CATEGORIES = ("spot", "linear")


@pytest.fixture(params=CATEGORIES)
async def client(request: pytest.FixtureRequest) -> AsyncIterator[BybitClient]:
    async with quiet_exchange(request.param, rate=100.0) as client:
        yield client


async def pages(client: BybitClient, path: str, **query: Any) -> list[list[Any]]:
    """Every page of a list."""
    found, cursor = [], ""
    while True:
        answer = await client.get(path, **query | ({"cursor": cursor} if cursor else {}))
        found.append(answer["list"])
        cursor = answer["nextPageCursor"]
        if not cursor:
            return found


async def place(client: BybitClient, count: int, **body: Any) -> list[str]:
    """Orders with the ids o-0, o-1 ..., newest first."""
    for index in range(count):
        await client.create(orderLinkId=f"o-{index}", **body)
    return [f"o-{index}" for index in reversed(range(count))]


async def test_open_orders_are_paged_newest_first(client):
    ids = await place(client, 7)
    got = await pages(client, "order/realtime", symbol=SYMBOL, limit=3)
    assert [[row["orderLinkId"] for row in page] for page in got] == [ids[:3], ids[3:6], ids[6:]]
    assert len((await client.get("order/realtime", symbol=SYMBOL, limit=7))["list"]) == 7
    assert (await client.get("order/realtime", symbol=SYMBOL, limit=7))["nextPageCursor"] == ""
    for wrong in ({"limit": 0}, {"limit": "x"}, {"cursor": "nonsense"}, {"cursor": "page%3Ax"}):
        await client.get("order/realtime", 10001, symbol=SYMBOL, **wrong)


async def test_an_order_that_closes_between_two_pages_hides_no_other(client):
    ids = await place(client, 6)
    first = await client.get("order/realtime", symbol=SYMBOL, limit=2)
    for link_id in (ids[1], ids[2]):
        await client.post("order/cancel", symbol=SYMBOL, orderLinkId=link_id)
    second = await client.get("order/realtime", symbol=SYMBOL, limit=50, cursor=first["nextPageCursor"])
    assert [row["orderLinkId"] for row in second["list"]] == ids[3:]


async def test_open_and_closed_orders_are_found_in_different_places(client):
    await place(client, 3)
    await client.post("order/cancel", symbol=SYMBOL, orderLinkId="o-1")
    assert await client.open_ids() == ["o-2", "o-0"]
    assert await client.open_ids(openOnly=1) == ["o-1"]
    history = (await client.get("order/history", symbol=SYMBOL))["list"]
    assert [row["orderLinkId"] for row in history] == ["o-1"]
    (by_venue_id,) = (await client.get("order/realtime", orderId=(await client.order("o-0"))["orderId"]))["list"]
    assert by_venue_id["orderLinkId"] == "o-0"
    assert (await client.get("order/realtime", orderLinkId="o-1"))["list"] == []
    assert (await client.get("order/realtime", orderLinkId="never"))["list"] == []
    assert (await client.get("order/realtime", symbol="ETHUSDT"))["list"] == []


async def test_linear_lists_want_a_name_and_spot_lists_do_not(client):
    await client.get("order/realtime", 0 if client.category == "spot" else 10001)
    assert await client.open_ids(baseCoin="BTC") == []
    await place(client, 1)
    assert await client.open_ids(baseCoin="BTC") == ["o-0"]
    assert await client.open_ids(baseCoin="ETH") == []
    for category in ("inverse", "option"):
        answer = await client.get("order/realtime", category=category, symbol=SYMBOL)
        assert answer["list"] == []
    await client.get("order/realtime", 10001, category="futures", symbol=SYMBOL)


async def test_kinds_of_orders_are_told_apart_by_filter(client):
    spot = client.category == "spot"
    stop = {"side": "Sell", "orderType": "Market", "price": "", "triggerPrice": client.near(0.98)}
    stop |= {"orderFilter": "tpslOrder"} if spot else {"triggerDirection": 2}
    await client.create(orderLinkId="plain")
    await client.create(**stop, orderLinkId="stop")
    assert await client.open_ids() == ["stop", "plain"]
    assert await client.open_ids(orderFilter="Order") == ["plain"]
    assert await client.open_ids(orderFilter="tpslOrder" if spot else "StopOrder") == ["stop"]


async def test_a_symbol_takes_so_many_orders_and_so_many_stops(client, monkeypatch):
    spot = client.category == "spot"
    stop = {"side": "Sell", "orderType": "Market", "price": "", "triggerPrice": client.near(0.98), "qty": "0.01"}
    stop |= {"orderFilter": "tpslOrder"} if spot else {"triggerDirection": 2}
    monkeypatch.setattr(bybit_orders_desk, "MAX_ORDERS", 5)
    monkeypatch.setattr(bybit_orders_desk, "MAX_WAITING", {"spot": 3, "linear": 3})
    await place(client, 2)
    for index in range(3):
        await client.create(**stop, orderLinkId=f"s-{index}")
    await client.create(170810 if spot else 110009, **stop, orderLinkId="s-3")
    if not spot:  # stops do not count among the active orders there
        for index in range(2, 5):
            await client.create(orderLinkId=f"o-{index}")
    await client.create(170810 if spot else 110020, orderLinkId="full")
    await client.create(symbol="ETHUSDT", price="900", orderLinkId="elsewhere")
    await client.post("order/cancel", symbol=SYMBOL, orderLinkId="o-0")
    await client.create(orderLinkId="full")


async def test_what_has_triggered_is_found_as_a_plain_order(client):
    spot = client.category == "spot"
    stop = {"side": "Sell", "triggerPrice": client.near(0.99), "price": client.near(0.985)}
    stop |= {"orderFilter": "tpslOrder"} if spot else {"triggerDirection": 2}
    await client.create(**stop, orderLinkId="stop")
    client.exchange.faults.gap_price(SYMBOL, 0.97)
    assert (await client.order("stop"))["orderStatus"] == "New"
    assert await client.open_ids(orderFilter="Order") == ["stop"]
    await client.post("order/cancel", symbol=SYMBOL, orderLinkId="stop")
    assert (await client.order("stop"))["orderStatus"] == "Cancelled"


async def test_executions_are_paged_newest_first_and_filtered_by_order(client):
    for link_id in ("a", "b"):
        await client.market("Buy", "0.3", orderLinkId=link_id)
    everything = (await client.get("execution/list", limit=100))["list"]
    assert len(everything) == len({row["execId"] for row in everything}) > 2
    paged = await pages(client, "execution/list", limit=2)
    assert [row for page in paged for row in page] == everything
    times = [int(row["execTime"]) for row in everything]
    assert times == sorted(times, reverse=True)
    of_a = (await client.get("execution/list", orderLinkId="a"))["list"]
    assert {row["orderLinkId"] for row in of_a} == {"a"}
    by_id = await client.get("execution/list", orderId=of_a[0]["orderId"], symbol=SYMBOL)
    assert by_id["list"] == of_a
    assert (await client.get("execution/list", symbol="ETHUSDT"))["list"] == []
    assert (await client.get("execution/list", execType="Funding"))["list"] == []


async def test_windows_reach_seven_days_at_most(client):
    await client.market("Buy", "0.1", orderLinkId="a")
    now_ms = client.accounts.now_ms()
    for path, code in (("order/history", 10001), ("execution/list", 10001)):
        await client.get(path, code, startTime=now_ms - 8 * DAY_MS, endTime=now_ms)
        await client.get(path, code, startTime=now_ms, endTime=now_ms - 1)
        assert (await client.get(path, startTime=now_ms - 7 * DAY_MS, endTime=now_ms))["list"]
        assert (await client.get(path, startTime=now_ms - DAY_MS))["list"]
        assert (await client.get(path, endTime=now_ms - DAY_MS))["list"] == []
        assert (await client.get(path, startTime=now_ms + 1))["list"] == []


async def test_what_never_filled_is_forgotten_after_a_day(client):
    await client.create(orderLinkId="gone")
    await client.post("order/cancel", symbol=SYMBOL, orderLinkId="gone")
    await client.market("Buy", "0.1", orderLinkId="kept")
    client.exchange.faults.skew_clock(DAY_MS + 3_600_000)
    history = (await client.get("order/history"))["list"]
    assert [row["orderLinkId"] for row in history] == ["kept"]


@given(
    st.lists(st.integers(min_value=1, max_value=10_000), unique=True),
    st.integers(min_value=1, max_value=60),
    st.booleans(),
)
def test_paging_gives_every_row_once_in_order(numbers, limit, encoded_twice):
    rows = sorted(numbers, reverse=True)
    got: list[int] = []
    cursor = ""
    while True:
        read = Reader({"limit": limit, "cursor": cursor})
        page, cursor = _page(read, rows, lambda row: row, 20, 50)
        assert len(page) <= min(limit, 50)
        got += page
        if not cursor:
            break
        cursor = cursor.replace("%", "%25") if encoded_twice else cursor
    assert got == rows


@given(st.text(max_size=12))
def test_a_damaged_cursor_is_a_parameter_error_or_a_page(cursor):
    try:
        page, _ = _page(Reader({"cursor": cursor}), [3, 2, 1], lambda row: row, 20, 50)
    except RetError:
        page = []
    assert page in ([], [1], [2, 1], [3, 2, 1])


@pytest.mark.parametrize("category", CATEGORIES)
@given(number=st.integers(min_value=1, max_value=10**9), other=st.text(max_size=40))
def test_order_ids_turn_back_into_the_engines_and_nothing_else_does(category, number, other):
    text = wire_id(str(number), category)
    assert engine_id(text, category) == str(number)
    assert engine_id(text, "linear" if category == "spot" else "spot") == "none"
    assert engine_id(other, category) == "none" or wire_id(engine_id(other, category), category) == other
    assert execution_id(str(number), category) != execution_id(str(number + 1), category)
