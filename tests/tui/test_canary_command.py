"""`tradetui canary SYMBOL` on the sandbox of both venues: the whole chain with the least size, or words."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import core.trading.canary
import tui.canary_command
from core.risk.gates import BUDGET_S, judge
from tests.faults.live_program import environment, program, write_settings
from tests.faults.order_rig import SYMBOL, VENUES, OrderRig, order_rig
from tui.canary_command import fly_canary
from tui.compose import load_run

TWO = [VENUES[0], VENUES[2]]
RATE = 20.0
Said = pytest.CaptureFixture[str]


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Limits of time are for a machine that does nothing else; the engine's settings of the collector are taken back."""
    canary: Any = core.trading.canary
    monkeypatch.setattr(canary, "judge", functools.partial(judge, budget_s=BUDGET_S * RATE * 4))
    for limit in ("SYNC_S", "WARM_S", "FILL_S", "STOP_S", "CLOSE_S"):
        monkeypatch.setattr(canary, limit, getattr(canary, limit) * RATE)
    thresholds = gc.get_threshold()
    yield monkeypatch
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@contextlib.asynccontextmanager
async def exchange(where: str, home: Path, rate: float = RATE, **sections: dict[str, Any]) -> AsyncIterator[OrderRig]:
    """An exchange without an order path of ours on it, and settings that point there."""
    start_ms = time.time_ns() // 1_000_000
    async with order_rig(where, home / "rig", rate=rate, start_ms=start_ms, desk=False) as rig:
        write_settings(rig, home, trading={"answer_s": 5.0}, **sections)
        yield rig


async def flown(
    rig: OrderRig, home: Path, hurry: pytest.MonkeyPatch, said: Said, *, keep: bool = False, **keys: str
) -> tuple[int, str]:
    """Fly it on the exchange's clock; exit code and what it said."""
    for name, value in environment(rig, home, **keys).items():
        hurry.setenv(name, value)
    hurry.setattr(tui.canary_command, "LiveClock", lambda: rig.clock)
    code = await fly_canary(load_run(None, os.environ), SYMBOL, keep=keep)
    return code, said.readouterr().err


@pytest.mark.parametrize("where", TWO)
async def test_it_buys_sees_the_stop_rest_and_sells_again(
    where: str, tmp_path: Path, hurry: pytest.MonkeyPatch, capsys: Said
) -> None:
    async with exchange(where, tmp_path) as rig:
        code, said = await flown(rig, tmp_path, hurry, capsys)
        assert code == 0, said
        for part in ("read and compared", "waiting for gates", "sending BUY", "filled", "rests at the venue"):
            assert part in said
        assert said.endswith("closed; every link holds\n")
        assert [order.status for order in rig.orders() if order.spec.side == "BUY"] == ["FILLED"]
        assert rig.orders(open_only=True) == []
        assert rig.held() < rig.rule.lot_size
        rig.no_secret_anywhere()


@pytest.mark.parametrize("where", TWO)
async def test_with_keep_the_position_and_its_stop_stay(
    where: str, tmp_path: Path, hurry: pytest.MonkeyPatch, capsys: Said
) -> None:
    async with exchange(where, tmp_path) as rig:
        code, said = await flown(rig, tmp_path, hurry, capsys, keep=True)
        assert code == 0, said
        assert "the position and its stop stay, as asked" in said
        (stop,) = rig.stops()
        assert 0 < stop.spec.quantity <= rig.held()
        assert rig.held() - stop.spec.quantity < rig.rule.lot_size


@pytest.mark.parametrize("where", TWO)
async def test_a_shut_gate_stops_it_before_anything_is_sent(
    where: str, tmp_path: Path, hurry: pytest.MonkeyPatch, capsys: Said
) -> None:
    async with exchange(where, tmp_path, risk={"min_net_ratio": 20.0}) as rig:
        code, said = await flown(rig, tmp_path, hurry, capsys)
        assert code == 1
        assert "canary: nothing was sent: MIN_RATIO" in said
        assert "limit 20" in said
        assert rig.orders() == []


async def test_wrong_keys_are_told_in_words(tmp_path: Path) -> None:
    async with exchange(TWO[0], tmp_path, rate=1.0) as rig:
        async with program(rig, tmp_path, "canary", SYMBOL, key="") as running:
            running.type("CANARY")
            code, out, err = await running.end()
        assert (code, out) == (1, "")
        assert "TRADETUI_BINANCE_US_KEY" in err
        assert "Traceback" not in err
        assert rig.orders() == []


async def test_without_the_word_nothing_is_started(tmp_path: Path) -> None:
    async with exchange(TWO[0], tmp_path, rate=1.0) as rig:
        asked = len(rig.requests)
        async with program(rig, tmp_path, "canary", SYMBOL) as running:
            running.type("yes")
            code, out, err = await running.end()
        assert (code, out) == (2, "")
        assert "with real money" in err
        assert err.endswith("nothing was sent\n")
        assert not [what for _, what in rig.requests[asked:] if "order" in what or "account" in what]
