"""The client of signed requests: this machine without a proxy, no redirects, nothing from the environment."""

from __future__ import annotations

import pytest

from core.clock import LiveClock
from providers.signed_client import signed_client
from tests.providers.signed_venue import Reply, ordered, signed_venue

DEAD_PROXY = "http://127.0.0.1:9"


async def test_this_machine_is_reached_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", DEAD_PROXY)
    monkeypatch.setenv("ALL_PROXY", DEAD_PROXY)
    async with (
        signed_venue(LiveClock(), ordered(Reply(200, b"{}"))) as venue,
        signed_client(venue.url, proxy=DEAD_PROXY, ipv4_only=True) as client,
    ):
        assert (await client.get(venue.url + "/x")).status_code == 200


async def test_redirects_are_not_followed() -> None:
    async with signed_venue(LiveClock(), ordered(Reply(307, b"", {"Location": "/elsewhere"}))) as venue:
        async with signed_client(venue.url, proxy="", ipv4_only=False) as client:
            assert (await client.post(venue.url + "/x")).status_code == 307
        assert [request.path for request in venue.requests] == ["/x"]
