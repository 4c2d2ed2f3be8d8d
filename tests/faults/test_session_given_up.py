"""Going back to paper while the real account is still being read: it is left, and nothing may be armed on it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.messages import AccountOpened, AccountStatus, ConnectLive, GoPaper, SessionStatus
from tests.faults.session_rig import session_rig


async def test_going_back_while_it_connects_leaves_the_real_account_again(tmp_path: Path):
    async with session_rig("binance_us-spot", tmp_path) as running:
        pressed: list[str] = []

        def press(status: AccountStatus) -> None:
            """The real account stands, and is not compared yet."""
            if status.mode == "LIVE" and not pressed:
                pressed.append(running.status.phase)
                asyncio.get_running_loop().call_soon(running.ask, GoPaper())

        running.rig.bus.subscribe(AccountStatus, press)
        running.ask(ConnectLive())
        await running.rig.until(lambda: bool(pressed) and running.status.phase == "PAPER", "paper again")
        assert pressed == ["CONNECTING"]
        told = [one.phase for one in running.rig.seen if isinstance(one, SessionStatus)]
        assert "LEAVING" in told
        assert "DISARMED" not in told
        opened = [one.mode for one in running.rig.seen if isinstance(one, AccountOpened)]
        assert opened == ["PAPER", "LIVE", "PAPER"]
