"""What the first-run screen offers and can do: known before the screen itself is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tui.actions import Action

SCOPE = "first_run"
ChoiceName = Literal["demo", "binance_us spot", "bybit spot", "bybit linear"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What to watch. `venue` and `category` are settings values; the demo watches the embedded exchange."""

    name: ChoiceName
    title: str
    about: str
    venue: Literal["binance_us", "bybit"]
    category: Literal["spot", "linear"]

    @property
    def is_demo(self) -> bool:
        return self.name == "demo"


WriteSettings = Callable[[Choice, Mapping[str, str]], Path]
"""Writes a commented settings file for a choice and its looks (`section.key` to value) and tells where.

Raises FileExistsError rather than overwrite one.
"""

CHOICES: tuple[Choice, ...] = (
    Choice("demo", "Demo", "60 invented markets; no network, no key needed.", "binance_us", "spot"),
    Choice("binance_us spot", "Binance.US spot", "live prices, paper trading; no key needed.", "binance_us", "spot"),
    Choice("bybit spot", "Bybit spot", "live prices, paper trading; no key needed.", "bybit", "spot"),
    Choice("bybit linear", "Bybit perpetuals", "live prices, paper trading; no key needed.", "bybit", "linear"),
)

ACTIONS: tuple[Action, ...] = (
    Action("first_run.up", "up,k", "up", "Previous choice.", scope="first_run", palette=False),
    Action("first_run.down", "down,j", "down", "Next choice.", scope="first_run", footer=10, palette=False),
    Action("first_run.choose", "enter", "choose", "Take this choice.", scope="first_run", footer=20, palette=False),
    Action(
        "first_run.times",
        "z",
        "times",
        "Times in UTC or in local time.",
        scope="first_run",
        footer=30,
        palette=False,
    ),
    *(
        Action(
            f"first_run.take_{number}",
            str(number),
            choice.title,
            f"Take choice {number}, {choice.title}.",
            scope="first_run",
            palette=False,
        )
        for number, choice in enumerate(CHOICES, 1)
    ),
)
