"""Rules over more than one setting: each names its keys, when it holds and what to do when it does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from core.screening.classes import unsound
from core.settings_check import Values, knobs
from core.settings_risk import RiskSettings
from core.settings_risk import unsound as unsound_limits
from core.venue import TIMEFRAME_MS

Rule = tuple[tuple[str, ...], Callable[[Values], bool], str | Callable[[Values], str]]
"""Keys, whether it holds, and what to do when it does not: words, or what finds them."""


def _timeframes_rising(v: Values) -> bool:
    lengths = [TIMEFRAME_MS[name] for name in v["market.timeframes"]]
    return lengths == sorted(set(lengths))


@lru_cache(maxsize=2)  # knowing every time zone takes milliseconds, and five rules ask
def _unsound_limits(limits: RiskSettings) -> tuple[str, ...]:
    return tuple(unsound_limits(limits))


def _limit_rule(*names: str) -> Rule:
    """The rule of `core.settings_risk.unsound` whose words begin with the first of these limits."""

    def found(v: Values) -> str:
        limits = RiskSettings(**{name: v[f"risk.{name}"] for name in RiskSettings.__struct_fields__})
        return "; ".join(words for words in _unsound_limits(limits) if words.startswith(f"risk.{names[0]} "))

    return tuple(f"risk.{name}" for name in names), lambda v: not found(v), found


def _shares_fit(v: Values) -> bool:
    shares = [Decimal(repr(share)) for share in v["trading.target_shares"]]
    return all(share > 0 for share in shares) and sum(shares) <= 1


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
    _limit_rule("drawdown_throttle", "drawdown_halt"),
    _limit_rule("risk_per_trade", "risk_per_trade_cap"),
    _limit_rule("entry_budget", "exit_budget"),
    _limit_rule("reset_time"),
    _limit_rule("reset_zone"),
    (
        ("trading.environment", "market.venue"),
        lambda v: v["trading.environment"] == "live" or v["market.venue"] != "binance_us",
        "binance_us has no testnet and no demo; use environment live or venue bybit",
    ),
    (
        ("trading.target_shares",),
        _shares_fit,
        "each share must be above 0 and all together 1 at most; write for example [0.5, 0.3]",
    ),
    (
        ("trading.break_even_after", "trading.target_shares"),
        lambda v: not v["trading.target_shares"] or v["trading.break_even_after"] <= len(v["trading.target_shares"]),
        "break-even would come after more targets than there are; lower break_even_after or add a share",
    ),
    (
        ("trading.answer_s", "trading.no_trace_s"),
        lambda v: bool(v["trading.answer_s"] < v["trading.no_trace_s"]),
        "an order must be given up as lost later than its answer is; raise no_trace_s or lower answer_s",
    ),
    (
        ("trading.stop_within_s", "trading.naked_alarm_s"),
        lambda v: bool(v["trading.stop_within_s"] <= v["trading.naked_alarm_s"]),
        "the alarm must not come before the stop is due; raise naked_alarm_s or lower stop_within_s",
    ),
    (
        ("trading.reconcile_orders_s", "trading.stop_age_s"),
        lambda v: bool(v["trading.reconcile_orders_s"] < v["trading.stop_age_s"]),
        "stops would grow old between two looks at the venue; raise stop_age_s or lower reconcile_orders_s",
    ),
    (
        ("paper.asset",),
        lambda v: re.fullmatch(r"[A-Z0-9]{0,20}", v["paper.asset"]) is not None,
        "an asset is written in capitals and digits; write for example USDT, or nothing",
    ),
)


def broken_rules(values: Values) -> list[tuple[tuple[str, ...], str]]:
    """Rules over several keys that these values break: (keys, what to do). Missing keys count as their defaults."""
    full = {key: knob.default for key, knob in knobs().items()} | values
    broken = [(keys, remedy) for keys, holds, remedy in RULES if not holds(full)]
    return [(keys, remedy if isinstance(remedy, str) else remedy(full)) for keys, remedy in broken]
