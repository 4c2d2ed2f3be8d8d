"""Rules over more than one setting: each names its keys, when it holds and what to do when it does not."""

from __future__ import annotations

from collections.abc import Callable

from core.screening.classes import unsound
from core.settings_check import Values, knobs
from core.venue import TIMEFRAME_MS


def _timeframes_rising(v: Values) -> bool:
    lengths = [TIMEFRAME_MS[name] for name in v["market.timeframes"]]
    return lengths == sorted(set(lengths))


Rule = tuple[tuple[str, ...], Callable[[Values], bool], str | Callable[[Values], str]]
"""Keys, whether it holds, and what to do when it does not: words, or what finds them."""
RULES: tuple[Rule, ...] = (
    (
        ("confluence.exit", "confluence.enter"),
        lambda v: bool(v["confluence.exit"] < v["confluence.enter"]),
        "exit must be below enter; lower exit or raise enter",
    ),
    (("market.timeframes",), lambda v: "1m" in v["market.timeframes"], "1m is required; add it"),
    (("market.timeframes",), _timeframes_rising, "must go from short to long, each once; sort them"),
    (
        ("market.decision_timeframe", "market.timeframes"),
        lambda v: v["market.decision_timeframe"] in v["market.timeframes"],
        "the decision timeframe must be one of the timeframes; add it there or choose another",
    ),
    (
        ("market.category", "market.venue"),
        lambda v: not (v["market.category"] == "linear" and v["market.venue"] == "binance_us"),
        "binance_us has no linear market; use venue bybit or category spot",
    ),
    (
        ("market.recorded_path", "market.venue"),
        lambda v: v["market.venue"] != "recorded" or bool(v["market.recorded_path"]),
        "venue recorded needs the file or folder to play; set market.recorded_path",
    ),
    (
        ("market.pinned", "market.watch"),
        lambda v: len(v["market.pinned"]) <= v["market.watch"],
        "more symbols are pinned than watched; raise market.watch or unpin some",
    ),
    (
        ("history.bars", "history.memory_bars"),
        lambda v: bool(v["history.bars"] <= v["history.memory_bars"]),
        "more bars are loaded than kept in memory; raise history.memory_bars",
    ),
    (
        ("feed.backoff_first_s", "feed.backoff_cap_s"),
        lambda v: bool(v["feed.backoff_first_s"] <= v["feed.backoff_cap_s"]),
        "the first wait must not be longer than the longest",
    ),
    (
        ("feed.stale_floor_s", "feed.stale_ceiling_s"),
        lambda v: bool(v["feed.stale_floor_s"] <= v["feed.stale_ceiling_s"]),
        "the floor must not be above the ceiling",
    ),
    (
        ("calibration.random_trials", "calibration.trials"),
        lambda v: bool(v["calibration.random_trials"] <= v["calibration.trials"]),
        "more random trials than trials; lower random_trials or raise trials",
    ),
    (
        ("calibration.shrink_trades", "calibration.min_trades"),
        lambda v: bool(v["calibration.shrink_trades"] <= v["calibration.min_trades"]),
        "shrink_trades must not be above min_trades; lower it",
    ),
    (
        ("screening.exclude_hours",),
        lambda v: all(0 <= hour <= 23 for hour in v["screening.exclude_hours"]),
        "hours are 0 to 23 in UTC; write for example [0, 1, 23]",
    ),
    (
        ("calibration.classes",),
        lambda v: not unsound(v["calibration.classes"]),
        lambda v: "; ".join(unsound(v["calibration.classes"])),
    ),
)


def broken_rules(values: Values) -> list[tuple[tuple[str, ...], str]]:
    """Rules over several keys that these values break: (keys, what to do). Missing keys count as their defaults."""
    full = {key: knob.default for key, knob in knobs().items()} | values
    broken = [(keys, remedy) for keys, holds, remedy in RULES if not holds(full)]
    return [(keys, remedy if isinstance(remedy, str) else remedy(full)) for keys, remedy in broken]
