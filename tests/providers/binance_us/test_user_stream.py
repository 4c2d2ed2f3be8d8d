"""The user stream by both mechanisms: every event arrives, every gap is told, and one mechanism gives way to the other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from core.credentials import Credentials
from providers.binance_us import user_stream
from tests.providers.binance_us.test_user_events import NEW
from tests.providers.binance_us.user_venue import API, KEY, SECRET, UserVenue, user_desk
from tests.providers.signed_venue import Reply, Request

EVENT: dict[str, Any] = msgspec.json.decode(NEW)
D = Decimal


def refused(asked: dict[str, Any], code: int = -1020) -> dict[str, Any]:
    return {"id": asked["id"], "status": 400, "error": {"code": code, "msg": "not here"}}


def by_listen_key() -> UserVenue:
    """A venue that serves listen keys alone."""
    venue = UserVenue()
    venue.api = refused
    return venue


MECHANISMS = pytest.mark.parametrize("make", [UserVenue, by_listen_key], ids=["ws_api", "listen_key"])


async def test_the_subscription_is_signed_and_its_number_is_a_number() -> None:
    async with user_desk(UserVenue()) as on:
        await on.up()
        [asked] = on.venue.subscriptions
        params = asked["params"]
        payload = f"apiKey={KEY}&timestamp={params['timestamp']}".encode()
        assert params["signature"] == Credentials(KEY, SECRET).sign(payload)
        assert asked["method"] == "userDataStream.subscribe.signature"
        assert isinstance(asked["id"], int)
        assert on.heard.words == ["ws_api"]
        assert on.venue.rest is not None
        assert not on.venue.rest.asked("/api/v3/userDataStream")


@MECHANISMS
async def test_reports_balances_and_lists_arrive(make: Any) -> None:
    async with user_desk(make()) as on:
        await on.up()
        await on.venue.send({"e": "listStatus", "g": 5, "C": "tt1-list", "s": "ETHBTC", "c": "OCO"})
        await on.venue.send({**EVENT, "x": "CANCELED", "X": "CANCELED", "C": "tt1-a", "g": 5})
        await on.venue.send({"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "1", "T": 1})
        await on.venue.send({"e": "outboundAccountPosition", "E": 1, "u": 1, "B": [{"a": "BTC", "f": "1.5", "l": "0"}]})
        await on.until(lambda: on.heard.balances)
        [report] = on.heard.reports
        assert (report.spec.client_id, report.spec.list_id, report.status) == ("tt1-a", "tt1-list", "CANCELED")
        assert on.heard.balances["BTC"].free == D("1.5")
        assert on.heard.states == ["UP"]


async def test_a_combined_frame_is_read_too() -> None:
    async with user_desk(by_listen_key()) as on:
        await on.up()
        await on.venue.send(msgspec.json.encode({"stream": "key-1", "data": EVENT}).decode())
        await on.until(lambda: on.heard.reports)


@pytest.mark.parametrize("code", [-1020, -1100, -2015])
async def test_a_refused_subscription_gives_way_to_a_listen_key(code: int) -> None:
    venue = UserVenue()
    venue.api = lambda asked: refused(asked, code)
    async with user_desk(venue) as on:
        await on.up()
        assert on.heard.words == ["listen_key"]
        assert on.venue.opened == [API, "/ws/key-1"]


async def test_a_venue_without_the_websocket_api_is_served_by_listen_key() -> None:
    venue = UserVenue()
    venue.served = lambda path: 404 if path == API else 200
    async with user_desk(venue) as on:
        await on.up()
        assert on.heard.words == ["listen_key"]


@pytest.mark.parametrize("reply", [Reply(410), Reply(404), Reply(400, b'{"code":-1020,"msg":"no"}'), Reply(503)])
async def test_where_listen_keys_are_not_served_it_comes_back(reply: Reply) -> None:
    venue = UserVenue()
    answers = iter([True])
    venue.api = lambda asked: refused(asked) if next(answers, False) else None
    venue.key_reply = lambda _: reply
    async with user_desk(venue) as on:
        await on.up()
        assert on.heard.words == ["ws_api"]
        assert on.venue.rest is not None
        assert on.venue.rest.asked("/api/v3/userDataStream")


async def test_a_refused_clock_is_measured_and_the_subscription_asked_for_again() -> None:
    venue = UserVenue()
    answers = iter([True])
    venue.api = lambda asked: refused(asked, -1021) if next(answers, False) else None
    async with user_desk(venue) as on:
        await on.up()
        assert on.heard.words == ["ws_api"]
        assert len(venue.subscriptions) == 2
        assert on.venue.opened == [API]


@MECHANISMS
async def test_a_lost_connection_is_a_gap_and_comes_back(make: Any) -> None:
    async with user_desk(make()) as on:
        await on.up()
        await on.venue.sockets[-1].close()
        await on.up(2)
        assert on.heard.states == ["UP", "DOWN", "UP"]
        await on.venue.send(EVENT)
        await on.until(lambda: on.heard.reports)


async def test_a_listen_key_that_died_unnoticed_is_replaced_before_it_is_trusted() -> None:
    async with user_desk(by_listen_key()) as on:
        await on.up()
        on.venue.key = "key-2"
        await on.venue.sockets[-1].close()
        await on.up(2)
        assert on.heard.states == ["UP", "DOWN", "UP"]
        assert on.venue.opened[-1] == "/ws/key-2"


async def test_an_expired_listen_key_is_a_gap_and_a_new_key_is_taken() -> None:
    async with user_desk(by_listen_key()) as on:
        await on.up()
        on.venue.key = "key-2"
        await on.venue.send({"e": "listenKeyExpired", "E": 1, "listenKey": "key-1"})
        await on.up(2)
        assert on.heard.states == ["UP", "DOWN", "UP"]
        assert "expired" in on.heard.words[1]
        assert on.venue.opened[-1] == "/ws/key-2"


async def test_an_ended_subscription_is_a_gap_and_asked_for_anew() -> None:
    async with user_desk(UserVenue()) as on:
        await on.up()
        await on.venue.send({"e": "eventStreamTerminated", "E": 1})
        await on.up(2)
        assert on.heard.states == ["UP", "DOWN", "UP"]
        assert len(on.venue.subscriptions) == 2


@MECHANISMS
async def test_before_a_shutdown_a_second_socket_takes_over_without_a_gap(make: Any) -> None:
    async with user_desk(make()) as on:
        await on.up()
        first = on.venue.sockets[-1]
        await on.venue.send({"e": "serverShutdown", "E": 1})
        await on.until(lambda: on.venue.sockets[-1] is not first)
        await on.until(lambda: first.state.name == "CLOSED")
        await on.venue.send(EVENT)
        await on.until(lambda: on.heard.reports)
        assert on.heard.states == ["UP"]


async def test_the_listen_key_is_kept_alive_and_its_loss_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_stream, "KEEP_ALIVE_S", 5.0)
    puts: list[str] = []

    def reply(request: Request) -> Reply | None:
        if request.method != "PUT":
            return None
        puts.append(request.params["listenKey"])
        if len(puts) < 3:
            return Reply(200)
        on.venue.key = "key-2"
        return Reply(400, b'{"code":-1125,"msg":"This listenKey does not exist."}')

    venue = by_listen_key()
    venue.key_reply = reply
    async with user_desk(venue) as on:
        await on.up(2)
        assert puts[:3] == ["key-1"] * 3
        assert on.heard.states == ["UP", "DOWN", "UP"]
        assert on.venue.opened[-1] == "/ws/key-2"
        venue.key_reply = lambda _: None


@pytest.mark.parametrize(
    "bad",
    [
        {**EVENT, "q": "NaN"},
        {**EVENT, "z": "1e308"},
        {"e": "executionReport"},
        {"e": "outboundAccountPosition", "B": [{"a": "BTC", "f": "-1", "l": "0"}]},
        "no json at all",
        "[1,2",
    ],
)
async def test_an_event_that_cannot_be_read_is_counted_and_told_as_a_gap_once(bad: Any) -> None:
    async with user_desk(UserVenue(), rate=5) as on:
        await on.up()
        for _ in range(3):
            await on.venue.send(bad)
        await on.venue.send(EVENT)
        await on.until(lambda: on.heard.reports)
        assert on.broker.stream.rejects.total == 3
        assert on.heard.states == ["UP", "DOWN", "UP"]


async def test_unknown_events_and_answers_are_passed_over() -> None:
    async with user_desk(UserVenue()) as on:
        await on.up()
        for odd in ({"e": "externalLockUpdate"}, '{"id":99,"status":200}', "{}", '{"id":"x","status":200,"result":{}}'):
            await on.venue.send(odd)
        await on.venue.send(EVENT)
        await on.until(lambda: on.heard.reports)
        assert on.heard.states == ["UP"]
        assert on.broker.stream.rejects.total == 0


async def test_the_end_is_told() -> None:
    async with user_desk(UserVenue()) as on:
        await on.up()
        heard = on.heard
    assert heard.states == ["UP", "DOWN"]
