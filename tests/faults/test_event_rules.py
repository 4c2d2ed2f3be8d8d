"""Event rules in the running engine: what happens now sets them off, what stored bars tell of the past does not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.messages import Event, Notify, Replay
from core.settings import EventRule, Events, Settings
from tests import builders as make
from tests.faults import conftest
from tests.faults.conftest import START_MS, VICTIM, Start

RULES = (
    EventRule(kind="state", do=("bell",), every_s=1),
    EventRule(kind="link", level="warning", do=("notify",), every_s=1),
)


@pytest.fixture
def where() -> str:
    return "bybit-linear"


async def test_a_lost_connection_notifies_and_old_states_do_not_ring(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = conftest.settings_for

    def with_rules(*parts: Any) -> Settings:
        return msgspec.structs.replace(plain(*parts), events=Events(rules=RULES))

    monkeypatch.setattr(conftest, "settings_for", with_rules)
    async with start() as desk:
        old = make.state_change(VICTIM, "HOLD", "BUY", 152.19, START_MS)
        past = msgspec.structs.replace(old, replayed=True)
        new = msgspec.structs.replace(old, occurred_at=START_MS + 1)
        since = desk.mark()
        desk.bus.publish(past)
        desk.bus.publish(new)
        assert [event.replayed for event in desk.of(Event, VICTIM, since) if event.kind == "state"] == [True, False]
        assert [notify.how for notify in desk.of(Notify, since=since)] == ["bell"]
        since = desk.mark()
        desk.faults.drop_sockets()
        await desk.until(lambda: [n for n in desk.of(Notify, since=since) if n.how == "notify"], "a notification")
        assert " lost" in next(n for n in desk.of(Notify, since=since) if n.how == "notify").text
        before = len([n for n in desk.of(Notify) if n.how == "notify"])
        desk.bus.publish(Replay())
        assert len([n for n in desk.of(Notify) if n.how == "notify"]) == before
        await desk.proven()
