"""What one analysis of Stage 2 looks at, and nothing else: the same inputs give the same analysis, live and on files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from core.learning.probability import ScoreMap
from core.market.regime import RegimeReading
from core.market.volatility import NatrSample
from core.messages import Contribution, Regime, TriggerReason
from core.screening.levels import DailyLevels
from core.screening.liquidity import NOT_KNOWN, Liquidity
from core.screening.thresholds import InForce
from core.settings_screening import Screening
from core.venue import CandleBlock

Cause = Literal["alert", "state", "calibration", "operator"]


class AnalysisInputs(Struct, frozen=True, kw_only=True):
    """One symbol at one moment. Blocks hold closed bars only, oldest first, float64 of shape (n, 9); NaN is not known.

    `frame` is of the recommendation timeframe (`screening.timeframe`; 600 bars say all), `minutes` the newest one-minute
    bars (300 are enough), `own` and `reference` of 5m (289), `decision` of the decision timeframe (300). The reference is
    named by `reference_symbol`, in words `reference_name`; empty while there is none. `sample` is the NATR distribution of
    the recommendation timeframe, `regime` that of the decision timeframe, `reference_trend` the reference's on the
    recommendation timeframe.

    `price` is the price now. `probability_up` is P(up) of the newest confluence, `evidence` the signed score of each
    detector that is not warming up, HOLD being 0. `trouble` says why the market may not be acted on now (stale, halted),
    empty when nothing is wrong. `tick` None: the venue's rules are not known. `fee` is a fraction per side.
    """

    venue: str
    category: str
    symbol: str
    now_ms: int
    cause: Cause
    screening: Screening
    shorts: bool
    fee: float
    tick: Decimal | None
    price: float
    in_force: InForce
    asset_class: str
    frame: CandleBlock
    minutes: CandleBlock
    own: CandleBlock
    decision: CandleBlock
    daily: DailyLevels
    sample: NatrSample
    regime: RegimeReading
    probability_up: float
    evidence: Mapping[str, float]
    reference: CandleBlock | None = None
    reference_symbol: str = ""
    reference_name: str = ""
    reference_trend: Regime = "undefined"
    contributions: tuple[Contribution, ...] = ()
    readings: int = 0
    warming: int = 0
    trigger_reasons: tuple[TriggerReason, ...] = ()
    volume_z: float = math.nan
    liquidity: Liquidity = NOT_KNOWN
    score_map: ScoreMap | None = None
    preferred_hours: tuple[int, ...] = ()
    synthetic_bars: int = 0
    trouble: str = ""
