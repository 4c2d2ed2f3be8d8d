"""A whole session of the real program at debug level, with failures, refusals and tracebacks, tells neither secret nor signature."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.faults.live_program import program, write_settings
from tests.faults.order_rig import KEY, SECRET, SYMBOL, VENUES, OrderRig, order_rig

LIVE = ("headless", "--live", "--commands", "-", "--log-level", "debug")
OTHER_SECRET = "another-secret-nobody-may-see"
SIGNED = re.compile(rb"signature=[0-9a-fA-F]{8}|(?i:x-bapi-sign)[^a-z0-9]{1,6}[0-9a-f]{16}")


def signatures(rig: OrderRig) -> set[str]:
    """Every signature the exchange is sent from now on."""
    answer = rig.faults.answer
    seen: set[str] = set()

    async def noting(request: Request, act: Any) -> Response:
        sent = [request.headers.get("x-bapi-sign", ""), request.query_params.get("signature", "")]
        sent += re.findall(r"signature=([0-9a-f]+)", (await request.body()).decode())
        seen.update(one for one in sent if one)
        return await answer(request, act)

    rig.faults.answer = noting  # type: ignore[method-assign]
    return seen


async def session(rig: OrderRig, home: Path, **keys: str) -> str:
    """The program closes a position, amid answers nobody can read and errors of the server; what it said."""
    async with program(rig, home, *LIVE, **keys) as running:
        await running.until(lambda: running.said("AccountStatus", stream="SYNCED"), "everything compared")
        await running.until(lambda: running.said("PositionStatus", symbol=SYMBOL), "the position")
        rig.faults.fail_after(rig.place, 200, '{"unreadable": 1}', 1)
        rig.faults.rest_error(503, 2, "/api/v3/account" if rig.venue == "binance_us" else "/v5/account")
        running.command("ClosePosition", symbol=SYMBOL, quantity="0")
        await running.until(lambda: running.said("TradeClosed", symbol=SYMBOL), "the end of the trade")
        running.process.send_signal(signal.SIGTERM)
        code, out, err = await running.end()
    assert code == 143
    return out + err


async def refused(rig: OrderRig, home: Path) -> str:
    """The program with a secret that is not the key's: every signed request is refused; what it said."""
    async with program(rig, home, *LIVE, name="refused", key=KEY, secret=OTHER_SECRET) as running:
        await running.until(lambda: running.said("OrderAlarm", code="ACCOUNT_REFUSED"), "words about the keys")
        (alarm,) = running.said("OrderAlarm", code="ACCOUNT_REFUSED")
        for part in ("cannot be read", "no entries are taken", "check the keys"):
            assert part in alarm["text"]
        log = home / "tradetui" / "tradetui.log"
        await running.until(lambda: b'"trace"' in log.read_bytes(), "a traceback of the refused stream")
        running.process.send_signal(signal.SIGHUP)
        code, out, err = await running.end()
    assert code == 129
    return out + err


async def store_keys(rig: OrderRig, home: Path) -> str:
    """`tradetui keys set` from a pipe, then `keys show`."""
    async with program(rig, home, "keys", "set", rig.venue, "--stdin", key="") as running:
        running.type(KEY)
        running.type(SECRET)
        code, out, err = await running.end()
    assert code == 0, err
    async with program(rig, home, "keys", "show", key="") as running:
        code, shown, more = await running.end()
    assert code == 0
    return out + err + shown + more


@pytest.mark.parametrize(("where", "from_file"), [(VENUES[0], False), (VENUES[2], True)])
async def test_no_secret_and_no_signature_is_told_anywhere(where: str, from_file: bool, tmp_path: Path) -> None:
    start_ms = time.time_ns() // 1_000_000
    async with order_rig(where, tmp_path / "tradetui", rate=1.0, start_ms=start_ms, answer_s=1.0) as rig:
        sent = signatures(rig)
        await rig.entered()
        await rig.until_protected()
        await rig.stop_desk(close=False)
        write_settings(rig, tmp_path, trading={"answer_s": 1.0})
        said = await store_keys(rig, tmp_path) if from_file else ""
        said += await session(rig, tmp_path, **({"key": ""} if from_file else {}))
        said += await refused(rig, tmp_path)
        assert len(sent) > 10
        files = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "credentials.toml"]
        names = {file.name for file in files}
        assert names >= {"told.jsonl", "refused.jsonl", "tradetui.log", "events.jsonl", "journal-000001.log"}, names
        told = {str(file): file.read_bytes() for file in files} | {"what it said": said.encode()}
        for place, text in told.items():
            assert SECRET.encode() not in text, place
            assert OTHER_SECRET.encode() not in text, place
            assert not SIGNED.search(text), place
            assert not [one for one in sent if one.encode() in text], place
