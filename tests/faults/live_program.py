"""The real program, `tradetui ... `, as a process on a rig's exchange, with made-up keys in its environment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from tests.faults.order_rig import KEY, SECRET, OrderRig
from tests.pty.terminal import child_environment

WITHIN_S = 60.0


class Program:
    """A running `tradetui` command. `folder` holds its config, data and state."""

    def __init__(self, process: asyncio.subprocess.Process, told: Path) -> None:
        self.process = process
        self.told = told
        """Where its messages go, one JSON object a line."""

    def said(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Its messages of a kind that have these fields."""
        lines = self.told.read_bytes().splitlines() if self.told.exists() else []
        marked = [line for line in lines if f'"type":"{kind}"'.encode() in line and line.endswith(b"}")]
        found = [json.loads(line) for line in marked]
        return [
            one for one in found if one["type"] == kind and all(one[name] == value for name, value in fields.items())
        ]

    def type(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    def command(self, name: str, **fields: Any) -> None:
        """Write a command to its standard input."""
        self.type(msgspec.json.encode({"type": name, **fields}).decode())

    async def until(self, holds: Callable[[], Any], what: str) -> None:
        """Wait for it, while the program lives."""
        loop = asyncio.get_running_loop()
        end = loop.time() + WITHIN_S
        while not holds():
            if self.process.returncode is not None or loop.time() > end:
                _, err = await self.process.communicate()
                raise AssertionError(
                    f"did not happen: {what}; ended {self.process.returncode}; {err.decode()[-2000:]}; "
                    f"{self.said('Fault')[-5:]}; {self.said('EngineStatus')[-1:]}; {self.said('OrderAlarm')[-5:]}"
                )
            await asyncio.sleep(0.02)

    async def end(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, standard output and error."""
        async with asyncio.timeout(WITHIN_S):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), err.decode()


def environment(rig: OrderRig, home: Path, *, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    """Its own folders under `home`, and keys unless `key` is empty."""
    name = f"TRADETUI_{rig.venue.upper()}"
    keys = {f"{name}_KEY": key, f"{name}_SECRET": secret} if key else {}
    return child_environment(**{f"XDG_{kind}_HOME": str(home) for kind in ("CONFIG", "DATA", "STATE")}, **keys)


def write_settings(rig: OrderRig, home: Path, **sections: dict[str, Any]) -> None:
    """A settings file that points at the rig's exchange."""
    settings: dict[str, Any] = {
        "market": {
            "venue": rig.venue, "category": rig.category, "watch": 5, "min_quote_volume": 0.0, "decision_timeframe": "1m",
        },
        "network": {f"{rig.venue}_rest": rig.exchange.rest_url, f"{rig.venue}_stream": rig.exchange.stream_url},
        "log": {"level": "debug"},
    }  # fmt: skip
    for name, knobs in sections.items():
        settings[name] = settings.get(name, {}) | knobs
    folder = home / "tradetui"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "settings.toml").write_text(tomli_w.dumps(settings))


@contextlib.asynccontextmanager
async def program(
    rig: OrderRig, home: Path, *arguments: str, name: str = "told", **keys: str
) -> AsyncIterator[Program]:
    """`tradetui` with these arguments, killed at the end if it still runs. Messages go to `home`/`name`.jsonl."""
    told = home / f"{name}.jsonl"
    extra = ("--jsonl", str(told)) if arguments[0] == "headless" else ()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tui.cli", *arguments, *extra, env=environment(rig, home, **keys),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Program(process, told)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
