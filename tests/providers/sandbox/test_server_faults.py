"""Every fault of the sandbox does to a client what its name says, on both venues where both have it."""

from __future__ import annotations

import asyncio
import json
import re
from itertools import pairwise
from typing import Any

import httpx
import pytest
import websockets

from core.clock import LiveClock
from providers.sandbox.garbage import GARBAGE, HUGE_FRAME_BYTES
from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.bench import OTHER, VENUES, Bench
from tests.providers.sandbox.conftest import Follower
from tests.providers.sandbox.tiny_market import TinyMarket


async def endless(client: Follower) -> None:
    while True:
        await client.socket.recv()


async def connecting(port: int) -> None:
    while True:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await asyncio.sleep(0)


@pytest.fixture(params=VENUES)
async def bench(request: pytest.FixtureRequest, clock: LiveClock):
    async with SandboxExchange(TinyMarket(clock.now_ms()), clock, venue=request.param) as exchange:
        yield Bench(exchange)


@pytest.fixture
async def rest(bench: Bench):
    async with httpx.AsyncClient(base_url=bench.exchange.rest_url) as client:
        yield client


# --- connections -----------------------------------------------------------------------------------------------------


async def test_dropped_sockets_end_without_a_closing_handshake(bench):
    async with bench.follow() as client:
        await bench.subscribe(client, bench.topic("quote"))
        bench.faults.drop_sockets()
        end = await client.closed()
    assert end.rcvd is None
    assert bench.faults.counts["drop_sockets"] == 1


async def test_refused_connections_come_back_on_the_same_port_and_control_stays_reachable(bench):
    port = bench.exchange.port
    bench.faults.refuse(60.0)
    bench.faults.refuse(8.0)  # the newer one counts
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    async with httpx.AsyncClient() as client:
        assert (await client.get(bench.exchange.control_url)).status_code == 200
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                break


async def test_the_relay_makes_half_open_sockets_and_heals_them(bench):
    relay = await bench.exchange.start_relay()
    async with bench.follow(relay.port) as client:
        await bench.subscribe(client, bench.topic("quote"))
        await bench.data(client, bench.topic("quote"))
        bench.faults.half_open()
        with pytest.raises(TimeoutError):  # what was under way still comes, then nothing
            await asyncio.wait_for(endless(client), 0.5)
        with pytest.raises((TimeoutError, asyncio.TimeoutError)):
            await asyncio.wait_for(websockets.connect(f"ws://127.0.0.1:{relay.port}/ws", open_timeout=5), 0.2)
        bench.faults.relay_normal()
        await bench.data(client, bench.topic("quote"))


async def test_the_relay_refuses_and_listens_again(bench):
    relay = await bench.exchange.start_relay()
    relay.set_mode("refuse", 10.0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.wait_for(connecting(relay.port), 10)
    async with asyncio.timeout(10):
        while relay.mode == "refuse":
            await asyncio.sleep(0.02)
    async with bench.follow(relay.port) as client:
        await bench.subscribe(client, bench.topic("quote"))


async def test_slow_reads_pass_little_and_the_exchange_notices(bench):
    bench.exchange.hub.write_buffer_limit = 20_000
    relay = await bench.exchange.start_relay()
    async with bench.follow(relay.port) as client:
        await bench.subscribe(client, bench.topic("quote"))
        bench.faults.slow_reads(500)
        bench.faults.garbage("huge", "BTCUSDT", "quote", count=-1)
        async with asyncio.timeout(10):
            while not bench.exchange.counts["slow_readers_cut"]:
                await asyncio.sleep(0.02)
        bench.faults.clear()


def test_relay_faults_without_a_relay_say_what_is_missing(clock):
    exchange = SandboxExchange(TinyMarket(clock.now_ms()), clock, venue="binance_us")
    with pytest.raises(ValueError, match="start_relay"):
        exchange.faults.half_open()


async def test_a_shutdown_is_announced_in_the_venues_way(bench):
    async with bench.follow() as client:
        await bench.subscribe(client, bench.topic("quote"))
        bench.faults.shutdown_notice()
        if bench.venue == "binance_us":
            notice = await client.until(lambda m: m.get("e") == "serverShutdown")
            assert abs(notice["E"] - bench.exchange.clock.now_ms()) < 60_000
        else:
            end = await client.closed()
            assert end.rcvd is not None
            assert end.rcvd.code == 1001


# --- messages --------------------------------------------------------------------------------------------------------


async def test_a_frozen_channel_is_silent_while_the_rest_of_the_socket_lives(bench):
    quote, depth = bench.topic("quote"), bench.topic("depth")
    async with bench.follow() as client:
        await bench.subscribe(client, quote, depth, OTHER[bench.venue])
        bench.faults.freeze("BTCUSDT", "quote", seconds=16)
        await bench.barrier(client)
        seen = len(client.messages)
        for _ in range(5):
            await bench.data(client, OTHER[bench.venue])
        if not any(bench.of(depth, m) for m in client.messages[seen:]):
            await bench.data(client, depth)
        assert not [m for m in client.messages[seen:] if bench.of(quote, m)]
        await bench.data(client, quote)  # comes back when the fault has run out
    assert bench.faults.counts["freeze"] > 0


async def sequence(bench: Bench, client: Follower, count: int) -> list[tuple[int, int]]:
    return [bench.ids(await bench.data(client, bench.topic("depth"))) for _ in range(count)]


async def test_a_gap_breaks_the_books_sequence_once(bench):
    async with bench.follow() as client:
        await bench.subscribe(client, bench.topic("depth"))
        ids = await sequence(bench, client, 2)
        bench.faults.gap("BTCUSDT")
        ids += await sequence(bench, client, 12)
    breaks = [b for (_, b), (a, _) in pairwise(ids) if a != b + 1]
    assert len(breaks) == 1


async def test_duplicates_and_swaps_keep_every_message(bench):
    async with bench.follow() as client:
        await bench.subscribe(client, bench.topic("depth"))
        await sequence(bench, client, 1)
        bench.faults.duplicate("BTCUSDT", "depth", count=2)
        twice = await sequence(bench, client, 8)
        bench.faults.reorder("BTCUSDT", "depth")
        swapped = await sequence(bench, client, 8)
    assert len(twice) - len(set(twice)) == 2
    assert sorted(swapped) != swapped
    ordered = sorted(set(twice + swapped))
    assert all(a == b + 1 for (_, b), (a, _) in pairwise(ordered))


PLAIN_NUMBER = re.compile(r"\d+(\.\d+)?")
BOOK_KEYS = {"binance_us": {"e", "E", "s", "U", "u", "b", "a"}, "bybit": {"s", "b", "a", "u", "seq"}}


def genuine(bench: Bench, frame: str) -> bool:
    """Whether a depth frame has exactly the venue's shape, with plain numbers and prices above 0."""
    try:
        message = json.loads(frame)
    except json.JSONDecodeError:
        return False
    if not isinstance(message, dict) or not isinstance(message.get("data"), dict) or len(message) > 5:
        return False
    data = message["data"]
    if set(data) != BOOK_KEYS[bench.venue]:
        return False
    texts = [text for row in data["b"] + data["a"] for text in row]
    plain = all(isinstance(text, str) and PLAIN_NUMBER.fullmatch(text) for text in texts)
    return plain and all(float(row[0]) > 0 for row in data["b"] + data["a"]) and len(frame) < HUGE_FRAME_BYTES


async def test_garbage_of_every_kind_arrives_once_and_the_stream_goes_on(bench):
    async with bench.follow() as client:
        await bench.subscribe(client, bench.topic("depth"))
        for kind in GARBAGE:
            bench.faults.garbage(kind, "BTCUSDT", "depth")
            frames = [str(await client.raw()) for _ in range(5)]
            assert [genuine(bench, frame) for frame in frames].count(False) == 1, kind
            assert genuine(bench, frames[-1]), kind
    assert bench.faults.counts["garbage"] == len(GARBAGE)


def test_unknown_garbage_and_channels_are_refused_by_name(binance_plan):
    with pytest.raises(ValueError, match="truncated"):
        binance_plan.garbage("rotten")
    with pytest.raises(ValueError, match="kline"):
        binance_plan.freeze("*", "candles")


@pytest.fixture
def binance_plan(clock):
    return SandboxExchange(TinyMarket(clock.now_ms()), clock, venue="binance_us").faults


# --- the market ------------------------------------------------------------------------------------------------------


async def closing(bench: Bench, client: Follower) -> dict[str, Any]:
    while not (candle := bench.candle(await bench.data(client, bench.topic("kline"))))["closed"]:
        pass
    return candle


async def test_a_late_closing_candle_comes_after_the_next_bar_has_begun(bench):
    async with bench.follow() as client:
        await bench.subscribe(client, bench.topic("kline"))
        bench.faults.late_close("BTCUSDT", delay_s=8.0)
        closed = await closing(bench, client)
        earlier = [bench.candle(m["data"]) for m in client.messages if bench.of(bench.topic("kline"), m)]
    assert closed["at"] - (closed["start"] + 60_000) >= 8_000
    assert any(candle["start"] > closed["start"] for candle in earlier)


async def test_a_revised_candle_is_sent_again_and_rest_agrees(bench, rest):
    async with bench.follow() as client:
        await bench.subscribe(client, bench.topic("kline"))
        first = await closing(bench, client)
        before = await bench.rest_candle(rest, first["start"])
        at = bench.faults.revise_candle("BTCUSDT", first["start"], close_change=0.01, add_lots=500)
        again = await closing(bench, client)
        after = await bench.rest_candle(rest, first["start"])
    assert at == again["start"] == first["start"]
    assert again["close"] != first["close"]
    assert float(again["volume"]) == pytest.approx(float(first["volume"]) + 0.5)
    assert (after[3], after[4]) == (again["close"], again["volume"])
    assert before[3] == first["close"]


async def test_revising_an_open_or_unknown_candle_is_refused(bench):
    with pytest.raises(ValueError, match="closed minute"):
        bench.faults.revise_candle("BTCUSDT", bench.exchange.clock.now_ms() // 60_000 * 60_000)
    with pytest.raises(ValueError, match="NOPE"):
        bench.faults.revise_candle("NOPE")


def best(bench: Bench, data: Any) -> tuple[float, float]:
    if bench.venue == "binance_us":
        return float(data["b"]), float(data["a"])
    return float(data["b"][0][0]), float(data["a"][0][0])


async def test_a_crossed_book_shows_in_quotes_and_diffs_and_passes(bench):
    async with bench.follow() as client:
        await bench.subscribe(client, bench.topic("quote"), bench.topic("depth"))
        bench.faults.cross_book("BTCUSDT", seconds=5)
        bids_over_asks = 0
        while not bids_over_asks:
            bid, ask = best(bench, await bench.data(client, bench.topic("quote")))
            bids_over_asks += bid > ask
        while bid > ask:
            bid, ask = best(bench, await bench.data(client, bench.topic("quote")))
    assert bench.faults.counts["cross_book"] > 0


async def test_a_spike_multiplies_prices_but_not_the_history(bench, rest):
    async with bench.follow() as client:
        await bench.subscribe(client, bench.topic("kline"), bench.topic("quote"))
        normal, _ = best(bench, await bench.data(client, bench.topic("quote")))
        bench.faults.spike("BTCUSDT", factor=10.0, seconds=8)
        while best(bench, await bench.data(client, bench.topic("quote")))[0] < 9 * normal:
            pass
        bench.faults.clear()
        closed = await closing(bench, client)
        history = await bench.rest_candle(rest, closed["start"])
    assert float(closed["high"]) < 2 * normal
    assert history[3] == closed["close"]


# --- requests --------------------------------------------------------------------------------------------------------


async def test_server_errors_strike_the_next_requests_of_a_path_only(bench, rest):
    bench.faults.rest_error(502, count=2, path=bench.path())
    codes = [(await rest.get(bench.path())).status_code for _ in range(3)]
    assert codes == [502, 502, 200]
    bench.faults.rest_error(503, count=1, path="/nowhere")
    assert (await rest.get(bench.path())).status_code == 200


async def test_429_comes_with_and_without_a_time_to_wait(bench, rest):
    bench.faults.too_many_requests(retry_after_s=7)
    bench.faults.too_many_requests(retry_after_s=None)
    first, second, third = [await rest.get(bench.path()) for _ in range(3)]
    if bench.venue == "binance_us":
        assert (first.status_code, first.headers["Retry-After"]) == (429, "7")
        assert first.json()["code"] == -1003
    else:
        assert (first.status_code, first.json()["retCode"]) == (200, 10006)
        assert int(first.headers["X-Bapi-Limit-Reset-Timestamp"]) - first.json()["time"] == 7_000
    assert second.status_code == 429
    assert "Retry-After" not in second.headers
    assert third.status_code == 200


async def test_a_ban_refuses_everything_until_it_ends(bench, rest):
    bench.faults.ban(seconds=10)
    banned = await rest.get(bench.path())
    assert banned.status_code == (418 if bench.venue == "binance_us" else 403)
    if bench.venue == "binance_us":
        assert 1 <= int(banned.headers["Retry-After"]) <= 10
    async with asyncio.timeout(10):
        while (await rest.get(bench.path())).status_code != 200:
            await asyncio.sleep(0.05)


async def test_a_skewed_clock_shows_in_answers_and_stamps(bench, rest):
    bench.faults.skew_clock(-120_000)
    answer = (await rest.get(bench.path())).json()
    at = answer["serverTime"] if bench.venue == "binance_us" else answer["time"]
    assert abs(bench.exchange.clock.now_ms() - 120_000 - at) < 5_000
    async with bench.follow() as client:
        await bench.subscribe(client, bench.topic("trade"))
        frame = await client.until(lambda m: bench.of(bench.topic("trade"), m))
    stamp = frame["data"]["E"] if bench.venue == "binance_us" else frame["ts"]
    assert abs(bench.exchange.clock.now_ms() - 120_000 - stamp) < 10_000


# --- the control endpoint --------------------------------------------------------------------------------------------


async def test_faults_are_scripted_and_listed_over_loopback(bench):
    async with httpx.AsyncClient() as client:
        url = bench.exchange.control_url
        command = {"fault": "freeze", "args": {"symbol": "BTCUSDT", "channel": "kline", "seconds": 3600}}
        done = (await client.post(url, json=command)).json()
        assert done["ok"] is True
        listed = (await client.get(url)).json()
        assert listed["state"]["streams"][0]["symbol"] == "BTCUSDT"
        assert "drop_sockets" in listed["commands"]
        await client.post(url, json={"fault": "clear"})
        assert (await client.get(url)).json()["state"]["streams"] == []
        same_port = await client.get(bench.exchange.rest_url + "/_control")
        assert same_port.status_code == 200


@pytest.mark.parametrize(
    "command",
    [{"fault": "explode"}, {"fault": "freeze", "args": {"colour": 1}}, {"fault": "garbage", "args": {"kind": "x"}}, {}],
)
async def test_wrong_commands_are_refused_with_a_reason(bench, command):
    async with httpx.AsyncClient() as client:
        answer = await client.post(bench.exchange.control_url, json=command)
    assert answer.status_code == 400
    assert answer.json()["error"]
