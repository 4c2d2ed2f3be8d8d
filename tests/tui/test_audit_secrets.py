"""What an audit asked of keys: no process the program starts finds them in its environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from core.bus import Bus
from core.clock import LiveClock
from core.credentials import ENVIRONMENTS, section_of, variables
from core.settings import Settings
from tui.compose import Run, engine_main


class Started(Exception):
    """That is all that is wanted of the program here."""


class Child:
    """The embedded exchange: notes what it would find."""

    def __init__(self) -> None:
        self.environ: dict[str, str] = {}

    def start(self) -> None:
        self.environ = dict(os.environ)
        raise Started


async def test_the_embedded_exchange_does_not_get_the_operators_keys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = [
        name for venue, places in ENVIRONMENTS.items() for at in places for name in variables(section_of(venue, at))
    ]
    for name in names:
        monkeypatch.setenv(name, f"secret of {name}")
    clock, child = LiveClock(), Child()
    made: Any = child
    run = Run(Settings(), tmp_path / "overrides.toml", tmp_path, (), Settings, child=made)
    with pytest.raises(Started):
        await engine_main(run, Bus(clock), clock)
    assert child.environ
    assert not [value for value in child.environ.values() if "secret of" in value]
