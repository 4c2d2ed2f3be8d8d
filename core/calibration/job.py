"""What a calibration is given, as plain values that can be sent to another process."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from core.screening.costs import Costs
from core.screening.stage1 import Rules
from core.screening.thresholds import Thresholds
from core.settings_screening import Calibration
from core.venue import CandleBlock


class CalibrationJob(Struct, frozen=True, kw_only=True):
    """One asset to calibrate. `bars`: closed bars of `timeframe`, oldest first, float64 (n, 9); `days`: daily bars.

    `default` are the class defaults, `current` the thresholds in force. `tick` is the price step, 0 unknown. `shorts`:
    whether trades on the SELL side count. `rules`: how many families make an ALERT, and the cooldown, as live has them.
    `task_id` and `slot` only come back in reports.
    """

    venue: str = ""
    category: str = ""
    symbol: str
    timeframe: str = "1m"
    bars: CandleBlock
    days: CandleBlock
    asset_class: str = "spot"
    default: Thresholds
    current: Thresholds
    settings: Calibration
    costs: Costs
    tick: float = 0.0
    shorts: bool = False
    rules: Rules = Rules()
    task_id: int = 0
    slot: int = 0


class Step(NamedTuple):
    """How far a calibration is; `share` of the whole in [0, 1], `left_s` NaN while it cannot be told."""

    trial: int
    trials: int
    fold: int
    folds: int
    share: float
    left_s: float
