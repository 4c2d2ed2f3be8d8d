"""What an audit asked of the screens that end something: the answer goes to the account the question was about, or nowhere."""

from __future__ import annotations

import pytest

from core.messages import AccountOpened
from tests.snapshots import scenes_orders as scene
from tests.tui.orders_builder import commands, desk, publish, typed


@pytest.mark.parametrize(("key", "answer"), [("f", [*"FLATTEN", "enter"]), ("u", ["y"])])
async def test_an_answer_given_after_the_account_changed_asks_nothing_of_the_new_one(key: str, answer: list[str]):
    async with desk([*scene.protected(), *scene.halted()]) as (running, pilot, _):
        asked = commands(running)
        await typed(running, pilot, key)
        account = running.desk.store.trading.account
        assert account is not None
        other = AccountOpened(
            venue=account.venue, category=account.category, mode="LIVE", account="another", host="h", host_kind="SANDBOX",
            at_ms=account.at_ms,
        )  # fmt: skip
        await publish(running, pilot, other)
        said = await typed(running, pilot, *answer)
        assert asked == []
        assert "another account came into force" in said
