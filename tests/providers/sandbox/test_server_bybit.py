"""The sandbox's Bybit v5: envelope and paging by REST, and streams with each category's own forms."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from providers.sandbox.bybit import BybitServer
from providers.sandbox.bybit_control import IDLE_MS
from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.conftest import follow
from tests.providers.sandbox.tiny_market import TinyMarket

CATEGORIES = pytest.mark.parametrize("category", ["spot", "linear"])


async def get(v5: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = (await v5.get(path, params=params)).raise_for_status().json()
    assert answer["retCode"] == 0, answer
    assert set(answer) == {"retCode", "retMsg", "result", "retExtInfo", "time"}
    return answer["result"]


async def test_time_agrees_with_the_envelope(v5):
    answer = (await v5.get("time")).json()
    assert int(answer["result"]["timeNano"]) // 1_000_000 == answer["time"]
    assert int(answer["result"]["timeSecond"]) == answer["time"] // 1000


async def test_klines_come_newest_first_and_default_to_linear(v5):
    default = await get(v5, "kline", symbol="BTCUSDT", interval="5", limit=4)
    linear = await get(v5, "kline", category="linear", symbol="BTCUSDT", interval="5", limit=4)
    spot = await get(v5, "kline", category="spot", symbol="BTCUSDT", interval="5", limit=4)
    assert default["category"] == "linear"
    assert default["list"][1:] == linear["list"][1:]
    opens = [int(row[0]) for row in spot["list"]]
    assert opens == [opens[0] - 300_000 * index for index in range(4)]
    assert all(isinstance(value, str) for row in spot["list"] for value in row)


async def test_a_start_pages_forward_and_an_end_backward(v5, bybit):
    now = bybit.clock.now_ms() // 60_000 * 60_000
    forward = await get(v5, "kline", symbol="BTCUSDT", interval="1", start=now - 600_000, limit=3)
    backward = await get(v5, "kline", symbol="BTCUSDT", interval="1", end=now - 1, limit=3)
    both = await get(v5, "kline", symbol="BTCUSDT", interval="1", start=now - 600_000, end=now - 1, limit=3)
    assert [int(row[0]) for row in forward["list"]] == [now - 480_000, now - 540_000, now - 600_000]
    assert [int(row[0]) for row in backward["list"]] == [now - 60_000, now - 120_000, now - 180_000]
    assert both == backward


async def test_instruments_page_with_a_cursor_on_linear_only(v5):
    first = await get(v5, "instruments-info", category="linear", limit=2)
    rest = await get(v5, "instruments-info", category="linear", limit=2, cursor=first["nextPageCursor"])
    spot = await get(v5, "instruments-info", category="spot", limit=2)
    assert [row["symbol"] for row in first["list"] + rest["list"]] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    assert rest["nextPageCursor"] == ""
    assert len(spot["list"]) == 3
    assert first["list"][0]["contractType"] == "LinearPerpetual"
    assert first["list"][0]["lotSizeFilter"]["qtyStep"] == "0.001"
    assert rest["list"][0]["status"] == "Closed"  # halted
    assert spot["list"][0]["lotSizeFilter"]["basePrecision"] == "0.001"
    assert "qtyStep" not in spot["list"][0]["lotSizeFilter"]


@pytest.mark.parametrize("category", ["option", "inverse"])
@pytest.mark.parametrize("path", ["instruments-info", "tickers", "recent-trade", "kline"])
async def test_categories_we_do_not_serve_are_empty_not_wrong(v5, category, path):
    assert (await get(v5, path, category=category, symbol="BTCUSD", interval="1"))["list"] == []


async def test_prelaunch_instruments_are_an_empty_list(v5):
    assert (await get(v5, "instruments-info", category="linear", status="PreLaunch"))["list"] == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("kline?symbol=NOPE&interval=1", 10001),
        ("kline?symbol=BTCUSDT&interval=7", 10001),
        ("kline?symbol=BTCUSDT&interval=1&limit=x", 10001),
        ("kline?interval=1", 10001),
        ("tickers", 10001),
        ("tickers?category=futures", 10001),
        ("instruments-info?category=spot&symbol=NOPE", 10001),
        ("no-such-endpoint", 10017),
    ],
)
async def test_business_errors_come_with_http_200(v5, path, code):
    answer = await v5.get(path)
    assert answer.status_code == 200
    assert answer.json()["retCode"] == code
    assert answer.json()["retMsg"] != "OK"


async def test_tickers_of_linear_add_marks_and_funding(v5):
    (linear,) = (await get(v5, "tickers", category="linear", symbol="ETHUSDT"))["list"]
    spot = (await get(v5, "tickers", category="spot"))["list"]
    assert len(spot) == 3
    assert "markPrice" not in spot[0]
    assert float(linear["bid1Price"]) < float(linear["ask1Price"])
    assert float(linear["markPrice"]) > 0
    assert int(linear["nextFundingTime"]) % 28_800_000 == 0


async def test_funding_interest_limits_and_trades_answer(v5, bybit):
    funding = (await get(v5, "funding/history", category="linear", symbol="BTCUSDT", limit=3))["list"]
    times = [int(row["fundingRateTimestamp"]) for row in funding]
    assert [at - times[-1] for at in times] == [57_600_000, 28_800_000, 0]
    interest = await get(v5, "open-interest", category="linear", symbol="BTCUSDT", intervalTime="1h", limit=2)
    assert len(interest["list"]) == 2
    limits = await get(v5, "price-limit", category="linear", symbol="BTCUSDT")
    assert float(limits["sellLmt"]) < float(limits["buyLmt"])
    await bybit.clock.sleep(3)
    trades = (await get(v5, "recent-trade", category="spot", symbol="BTCUSDT", limit=60))["list"]
    assert [int(t["time"]) for t in trades] == sorted((int(t["time"]) for t in trades), reverse=True)


async def test_answers_carry_limit_headers_and_too_many_requests_end_in_403(v5, bybit):
    answer = await v5.get("time")
    assert {"X-Bapi-Limit", "X-Bapi-Limit-Status", "X-Bapi-Limit-Reset-Timestamp"} <= {
        name.title() for name in answer.headers
    }
    assert isinstance(bybit.venue, BybitServer)
    bybit.venue.rest.limits.requests.length_ms = 10**15  # hold the window open
    bybit.venue.rest.limits.requests.add(700, bybit.clock.now_ms())
    assert (await v5.get("time")).status_code == 403


@CATEGORIES
async def test_acknowledgements_have_the_categorys_form(bybit, category):
    async with follow(f"{bybit.stream_url}/{category}") as client:
        await client.send({"op": "subscribe", "req_id": "a-1", "args": ["publicTrade.BTCUSDT"]})
        ack = await client.until(lambda m: "success" in m)
        await client.send({"op": "ping", "req_id": "p-1"})
        pong = await client.until(lambda m: m.get("ret_msg") == "pong")
    assert ack["success"] is True
    assert (ack["req_id"], ack["op"]) == ("a-1", "subscribe")
    assert ack["ret_msg"] == ("subscribe" if category == "spot" else "")
    assert pong["op"] == "ping"
    assert ("req_id" in pong) == (category == "linear")


async def test_a_bad_topic_sinks_its_whole_request(bybit):
    async with follow(f"{bybit.stream_url}/linear") as client:
        await client.send({"op": "subscribe", "args": ["tickers.BTCUSDT", "ticker:BTCUSDT"]})
        answer = await client.next()
        assert answer["success"] is False
        assert answer["ret_msg"] == "error:handler not found,topic:ticker:BTCUSDT"
        await client.send({"op": "ping"})
        assert (await client.next())["ret_msg"] == "pong"  # and no ticker before it


async def test_spot_takes_ten_topics_a_request_and_linear_more(bybit):
    args = [
        f"{kind}.{s}"
        for kind in ("tickers", "publicTrade", "kline.1", "kline.5")
        for s in ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    ]
    for category, accepted in (("spot", False), ("linear", True)):
        async with follow(f"{bybit.stream_url}/{category}") as client:
            await client.send({"op": "subscribe", "args": args})
            assert (await client.until(lambda m: "success" in m))["success"] is accepted


@CATEGORIES
@pytest.mark.parametrize("depth", [50, 200, 1000])
async def test_books_begin_with_a_snapshot_and_every_delta_counts_on(bybit, category, depth):
    topic = f"orderbook.{depth}.BTCUSDT"
    async with follow(f"{bybit.stream_url}/{category}") as client:
        await client.send({"op": "subscribe", "args": [topic]})
        snapshot = await client.until(lambda m: m.get("topic") == topic)
        assert snapshot["type"] == "snapshot"
        u, bids = snapshot["data"]["u"], dict(snapshot["data"]["b"])
        asks = dict(snapshot["data"]["a"])
        for _ in range(10):
            delta = await client.until(lambda m: m.get("topic") == topic)
            assert delta["type"] == "delta"
            assert delta["data"]["u"] == u + 1
            u += 1
            for side, rows in ((bids, delta["data"]["b"]), (asks, delta["data"]["a"])):
                side.update(rows)
                for price, size in rows:
                    if size == "0":
                        del side[price]
            assert max(map(float, bids)) < min(map(float, asks))
            assert len(bids) <= depth


async def test_a_window_smaller_than_the_book_drops_the_levels_that_leave_it():
    from providers.sandbox.bybit_book import Ladder, Window
    from providers.sandbox.model import BookSnapshot, SandboxDepth

    ladder = Ladder(BookSnapshot("X", 1, ((10, 1), (9, 1), (8, 1)), ((11, 1), (12, 1), (13, 1)), 0))
    window = Window(ladder, 2)
    ladder.apply(SandboxDepth("X", 2, 3, (), ((11, 0), (14, 5)), 1))
    assert window.advance(ladder) == ([], [(13, 1), (11, 0)])
    ladder.apply(SandboxDepth("X", 4, 4, ((11, 7),), (), 2))
    assert window.advance(ladder) == ([(11, 7), (9, 0)], [])
    assert window.u == 3


async def test_level_one_is_snapshots_only_and_is_repeated_when_nothing_changes(clock):
    market = TinyMarket(clock.now_ms(), quiet=("BTCUSDT",))
    async with (
        SandboxExchange({"linear": market}, clock, venue="bybit") as exchange,
        follow(f"{exchange.stream_url}/linear") as client,
    ):
        await client.send({"op": "subscribe", "args": ["orderbook.1.BTCUSDT", "orderbook.1.ETHUSDT"]})
        first = await client.until(lambda m: m.get("topic") == "orderbook.1.BTCUSDT")
        again = await client.until(lambda m: m.get("topic") == "orderbook.1.BTCUSDT")
        others = [m for m in client.messages if m.get("topic") == "orderbook.1.ETHUSDT"]
    assert again["data"] == first["data"]
    assert again["ts"] - first["ts"] >= 2_500
    assert {m["type"] for m in others} == {"snapshot"}
    assert [m["data"]["u"] for m in others] == list(range(others[0]["data"]["u"], others[0]["data"]["u"] + len(others)))


async def test_linear_tickers_send_changes_and_spot_tickers_the_whole(bybit):
    for category in ("linear", "spot"):
        async with follow(f"{bybit.stream_url}/{category}") as client:
            await client.send({"op": "subscribe", "args": ["tickers.ETHUSDT"]})
            await client.until(lambda m: len([x for x in client.messages if "topic" in x]) >= 4)
            frames = [m for m in client.messages if "topic" in m]
        kinds = [m["type"] for m in frames]
        assert kinds == (["snapshot"] * 4 if category == "spot" else ["snapshot", *["delta"] * 3])
        assert ("bid1Price" in frames[0]["data"]) == (category == "linear")
        if category == "linear":
            assert set(frames[1]["data"]) < set(frames[0]["data"])


@CATEGORIES
async def test_candles_are_confirmed_once_after_the_minute(bybit, category):
    async with follow(f"{bybit.stream_url}/{category}") as client:
        await client.send({"op": "subscribe", "args": ["kline.1.BTCUSDT"]})
        closed = await client.until(lambda m: "topic" in m and m["data"][0]["confirm"])
        await client.until(lambda m: "topic" in m and m["data"][0]["start"] > closed["data"][0]["start"])
        confirmed = [m for m in client.messages if "topic" in m and m["data"][0]["confirm"]]
    candle = closed["data"][0]
    assert len(confirmed) == 1
    assert candle["end"] - candle["start"] == 59_999
    assert closed["ts"] > candle["end"]


async def test_a_silent_connection_is_cut_after_ten_minutes(bybit):
    async with follow(f"{bybit.stream_url}/spot") as client:
        await client.send({"op": "ping"})
        await client.next()
        assert isinstance(bybit.venue, BybitServer)
        for control in bybit.venue._controls.values():
            control.retire(bybit.clock.now_ms() + IDLE_MS)
        await client.closed()
    assert bybit.counts["idle_cut"] == 1
