"""The sandbox answers Binance.US requests in the venue's shapes, with its weights and its errors."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from providers.sandbox.binance_us import BinanceUsServer
from providers.sandbox.limits import BINANCE_REFUSALS_BEFORE_BAN, BinanceLimits, BybitLimits
from providers.sandbox.server import SandboxExchange

KLINES = "/api/v3/klines"


async def rows(rest: httpx.AsyncClient, **params: Any) -> Any:
    answer = await rest.get(KLINES, params={"symbol": "BTCUSDT", "interval": "1m", **params})
    answer.raise_for_status()
    return answer.json()


async def test_klines_come_oldest_first_and_end_with_the_open_bar(rest, binance):
    got = await rows(rest, limit=5)
    opens = [row[0] for row in got]
    assert opens == [opens[-1] - 60_000 * (4 - index) for index in range(5)]
    assert opens[-1] <= binance.clock.now_ms() < opens[-1] + 61_000
    first = got[0]
    assert first[6] == first[0] + 59_999
    assert [type(value) for value in first] == [int, *[str] * 5, int, str, int, str, str, str]
    assert all(len(text.partition(".")[2]) == 8 for text in (first[1], first[5], first[7]))


async def test_start_and_end_times_page_without_gap_or_overlap(rest):
    newest = await rows(rest, limit=1)
    end = newest[0][0] - 1
    start = end + 1 - 2_500 * 60_000
    paged: list[Any] = []
    at = start
    while True:
        page = await rows(rest, startTime=at, endTime=end, limit=1000)
        if not page:
            break
        paged += page
        at = page[-1][0] + 1
    opens = [row[0] for row in paged]
    assert opens == list(range(start, end, 60_000))


async def test_higher_timeframes_are_the_sum_of_the_minutes(rest):
    newest = await rows(rest, limit=1)
    hour = newest[0][0] // 3_600_000 * 3_600_000 - 3_600_000
    (big,) = await rows(rest, interval="1h", startTime=hour, endTime=hour)
    minutes = await rows(rest, startTime=hour, limit=60)
    assert big[1] == minutes[0][1]
    assert big[4] == minutes[-1][4]
    assert float(big[5]) == pytest.approx(sum(float(m[5]) for m in minutes))
    assert big[8] == sum(m[8] for m in minutes)


async def test_weeks_start_on_monday_and_months_on_the_first(rest):
    (week,) = await rows(rest, interval="1w", limit=1)
    (month,) = await rows(rest, interval="1M", limit=1)
    assert (week[0] // 86_400_000 + 3) % 7 == 0
    assert week[6] - week[0] == 7 * 86_400_000 - 1
    assert month[0] == 1_698_796_800_000  # 1 November 2023
    assert month[6] == 1_701_388_800_000 - 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("klines?interval=1m", -1102),
        ("klines?symbol=BTCUSDT", -1102),
        ("klines?symbol=&interval=1m", -1105),
        ("klines?symbol=NOPE&interval=1m", -1121),
        ("klines?symbol=btcusdt&interval=1m", -1100),
        ("klines?symbol=BTCUSDT&interval=7m", -1120),
        ("klines?symbol=BTCUSDT&interval=1m&limit=many", -1100),
        ("klines?symbol=BTCUSDT&interval=1m&limit=0", -1130),
        ("klines?symbol=BTCUSDT&interval=1m&colour=red", -1104),
        ("ticker/24hr?symbol=BTCUSDT&symbols=%5B%22BTCUSDT%22%5D", -1128),
        ("ticker/price?symbols=%5B%22BTCUSDT%22,%20%22ETHUSDT%22%5D", -1100),
        ("ticker/24hr?type=HUGE", -1130),
        ("exchangeInfo?symbol=NOPE", -1121),
        ("aggTrades?symbol=BTCUSDT&fromId=1&startTime=1", -1128),
    ],
)
async def test_bad_parameters_are_answered_with_the_venues_code(rest, path, code):
    answer = await rest.get("/api/v3/" + path)
    assert answer.status_code == 400
    assert answer.json()["code"] == code


async def test_a_path_we_do_not_serve_says_so_in_the_venues_words(rest):
    answer = await rest.post("/api/v3/sor/order")
    answer = await rest.post("/api/v3/sor/order")
    assert answer.json()["code"] == -1020


async def test_parameters_are_taken_from_a_form_body_and_the_query_wins(rest):
    answer = await rest.request("GET", KLINES + "?limit=2", data={"symbol": "BTCUSDT", "interval": "1m", "limit": "9"})
    assert len(answer.json()) == 2


async def test_exchange_info_has_every_filter_with_its_field_names(rest):
    answer = (await rest.get("/api/v3/exchangeInfo")).json()
    assert [item["symbol"] for item in answer["symbols"]] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    symbol = answer["symbols"][0]
    filters = {item["filterType"]: item for item in symbol["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00100000"
    assert filters["MARKET_LOT_SIZE"]["stepSize"] == "0.00000000"
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    assert {"PERCENT_PRICE", "ICEBERG_PARTS", "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS"} <= set(filters)
    assert symbol["allowTrailingStop"] in (True, False)
    weight = next(item for item in answer["rateLimits"] if item["rateLimitType"] == "REQUEST_WEIGHT")
    assert (weight["interval"], weight["intervalNum"], weight["limit"]) == ("MINUTE", 1, 6000)


async def test_tickers_come_for_one_some_and_all_symbols(rest):
    one = (await rest.get("/api/v3/ticker/24hr", params={"symbol": "ETHUSDT"})).json()
    some = (await rest.get('/api/v3/ticker/24hr?symbols=["ETHUSDT","SOLUSDT"]')).json()
    every = (await rest.get("/api/v3/ticker/24hr", params={"type": "MINI"})).json()
    assert one["symbol"] == "ETHUSDT"
    assert float(one["bidPrice"]) < float(one["askPrice"])
    assert [row["symbol"] for row in some] == ["ETHUSDT", "SOLUSDT"]
    assert [row["symbol"] for row in every] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    assert "bidPrice" not in every[0]
    assert "quoteVolume" in every[0]


async def test_every_answer_reports_the_weight_used_this_minute(rest):
    before = int((await rest.get("/api/v3/ping")).headers["X-MBX-USED-WEIGHT-1M"])
    after = int((await rest.get("/api/v3/depth?symbol=BTCUSDT&limit=1000")).headers["X-MBX-USED-WEIGHT-1M"])
    assert after in (before + 50, 50)  # the second when a new minute has begun


async def test_over_the_weight_limit_come_429_with_retry_after_then_418(rest, binance: SandboxExchange):
    assert isinstance(binance.venue, BinanceUsServer)
    limits = binance.venue.rest.limits
    limits.weight.add(6_000, binance.clock.now_ms())
    limits.weight.length_ms = 10**15  # hold the window open, so that no minute ends in mid-test
    limits.weight.add(6_000, binance.clock.now_ms())
    refused = await rest.get("/api/v3/ping")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.json()["code"] == -1003
    for _ in range(BINANCE_REFUSALS_BEFORE_BAN):
        banned = await rest.get("/api/v3/ping")
    assert banned.status_code == 418
    assert "banned until" in banned.json()["msg"]


def test_bans_double_and_end_on_time():
    limits = BinanceLimits()
    for _ in range(BINANCE_REFUSALS_BEFORE_BAN):
        assert limits.charge(6_001, 1_000).status == 429
    assert limits.charge(1, 1_000).retry_after_s == 120
    assert limits.charge(1, 120_999).status == 418
    assert limits.charge(1, 121_000).status == 200
    for _ in range(BINANCE_REFUSALS_BEFORE_BAN):
        limits.charge(6_001, 121_000)
    assert limits.charge(1, 121_000).retry_after_s == 240


def test_bybit_refuses_an_address_for_ten_minutes_after_600_requests_in_5_s():
    limits = BybitLimits()
    assert all(limits.charge(10_000).status == 200 for _ in range(600))
    assert limits.charge(10_000).status == 403
    assert limits.charge(609_999).status == 403
    assert limits.charge(610_000).status == 200
