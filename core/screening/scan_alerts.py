"""Stage 1 over a one-minute candle file: which bars alert, judged as the live program judges them.

The columns of the whole file are made once. Thresholds are those of the asset class, made adaptive at the start of every
day (UTC) from the days before it; the triggers are then read over that day at once, and only the bars on which enough
families fire are judged one by one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np

from core.messages import State, TriggerReason
from core.screening.classes import AssetClass
from core.screening.columns import COLUMNS, TriggerColumns, columns
from core.screening.hours import preferred
from core.screening.levels import DAY_MS
from core.screening.scan_history import HOUR, FileHistory, Habits
from core.screening.stage1 import AlertMemory, Judgement, Rules, judge, remember
from core.screening.thresholds import InForce, adaptive_from_atr, from_class
from core.screening.triggers import reasons_for
from core.settings_screening import Screening
from core.venue import TIMEFRAME_MS

MINUTE = "1m"
"""Stage 1 is defined on bars of this timeframe."""


class Day(NamedTuple):
    """What holds for one market from `day_ms` on, for a day."""

    day_ms: int
    in_force: InForce
    habits: Habits
    preferred: tuple[int, ...]
    """Its most liquid hours as settings ask for them; empty while not known."""


class FileDays:
    """Thresholds and habits of a file's market, one day after the other."""

    def __init__(self, history: FileHistory, asset_class: AssetClass, settings: Screening) -> None:
        self.history = history
        self.asset_class = asset_class
        self._hours = settings.preferred_hours
        self._timeframes = tuple(dict.fromkeys((MINUTE, HOUR, settings.timeframe)))
        self._default = from_class(asset_class.defaults)
        self._day = Day(-1, self._default, Habits({}, ()), ())

    def at(self, known_ms: int) -> Day:
        """What holds at this moment: found once a day, from the days before."""
        day_ms = known_ms // DAY_MS * DAY_MS
        if day_ms != self._day.day_ms:
            habits = self.history.habits(day_ms, self._timeframes)
            in_force = adaptive_from_atr(self._default, habits.sample(MINUTE), habits.sample(HOUR))
            self._day = Day(day_ms, in_force, habits, preferred(habits.hours, self._hours))
        return self._day


class FileAlerts:
    """The alerts of one file, bar by bar, in rising order; `told` brings its cooldown along."""

    def __init__(self, symbol: str, days: FileDays, rules: Rules) -> None:
        self._symbol = symbol
        self._days = days
        self._rules = rules
        self._history = days.history
        self._columns = columns(self._history.rows, self._history.daily)
        self._memory = AlertMemory()
        self._closes = self._history.rows[:, 0] + TIMEFRAME_MS[MINUTE]
        self._enough = days.asset_class.min_families or rules.min_reasons_for_alert
        self._day_ms = -1
        self._first = 0
        self._unusual: list[bool] = []

    def judge(self, place: int, known_ms: int) -> Judgement | None:
        """The bar at this place before the budget of all files; None: too few families fire for an alert."""
        day = self._days.at(known_ms)
        if day.day_ms != self._day_ms:
            self._day_ms = day.day_ms
            self._first = place
            self._unusual = self._read(place, day)
        return self.read(place, known_ms) if self._unusual[place - self._first] else None

    def read(self, place: int, known_ms: int) -> Judgement:
        """The bar at this place, whatever fires."""
        day = self._days.at(known_ms)
        return judge(
            self._symbol,
            known_ms,
            self._part(place, place + 1),
            day.in_force.values,
            self._days.asset_class,
            self._history.circumstances(place, day.habits.sample(HOUR), day.preferred),
            self._memory,
            self._rules,
        )

    def told(self, judgement: Judgement) -> None:
        """An alert was granted."""
        self._memory = remember(self._memory, judgement, self._rules)

    def _read(self, start: int, day: Day) -> list[bool]:
        """For the bars of a day from `start` on: whether enough families fire and nothing suppresses them."""
        end = int(self._closes.searchsorted(day.day_ms + DAY_MS))
        edges = [start, *self._history.tick_changes(start, end), end]
        found: list[bool] = []
        for first, last in pairwise(edges):
            part = self._part(first, last)
            families: dict[str, np.ndarray] = {}
            calm = np.zeros(last - first, dtype=np.bool_)
            for entry in reasons_for(self._days.asset_class.only):
                fires = entry.read(part, day.in_force.values).fires
                if entry.role == "suppress":
                    calm |= fires
                elif entry.role == "reason":
                    families[entry.family] = families.get(entry.family, False) | fires
            count = np.sum([*families.values()], axis=0)
            found += ((count >= self._enough) & ~calm).tolist()
        return found

    def _part(self, start: int, end: int) -> TriggerColumns:
        """The columns of these bars, which know one price step: made of the file's prices up to the first of them."""
        tick = float(self._history.tick(start) or 0.0)
        part = {name: getattr(self._columns, name)[start:end] for name in COLUMNS}
        lively = part["atr"] > 2.0 * tick
        if tick > 0.0 and not lively.all():
            part["usable"] = np.where(lively, part["usable"], 0.0)
            part["rsi"] = np.where(lively, part["rsi"], np.nan)
        return TriggerColumns(tick=tick, **part)


def side_of(reasons: tuple[TriggerReason, ...]) -> State:
    """The side the reasons lean to by their strength; HOLD when they are even."""
    lean = sum(reason.side * reason.strength for reason in reasons)
    return "BUY" if lean > 0.0 else "SELL" if lean < 0.0 else "HOLD"


def alert_fields(judgement: Judgement) -> dict[str, object]:
    """What an alert says beside where and when."""
    told = msgspec.structs.asdict(judgement)
    return {name: told[name] for name in ("strength", "trigger_reasons", "stats", "hints")}
