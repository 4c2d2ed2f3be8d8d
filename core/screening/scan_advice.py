"""Stage 2 over candle files: the inputs of an analysis as a file has them, and what the analysis says as an event.

The scanned timeframe is the decision timeframe. There is no book, so spread and depth are not known, and no track record,
so probabilities are uncalibrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from core.market.regime import RegimeReading
from core.market.volume import robust_volume_z
from core.messages import Analysis, Contribution, Regime
from core.screening.analysis import analyse
from core.screening.analysis_inputs import AnalysisInputs
from core.screening.context import FRAME_BARS, NATR_BARS, read_frame
from core.screening.correlation import OBSERVATIONS
from core.screening.costs import fee_of, shorts_allowed
from core.screening.scan_alerts import MINUTE, FileAlerts, FileDays
from core.screening.scan_history import FileHistory
from core.screening.stage1 import Judgement
from core.settings import Settings
from core.settings_screening import Screening
from core.signals.drive import Judged
from core.venue import TIMEFRAME_MS

FIVE = "5m"
"""Correlation is that of bars of this timeframe."""
RETURN_BARS = OBSERVATIONS + 1
QUALITY_BARS = 50
"""Bars of the recommendation timeframe of which those that are missing are told."""
REFERENCE = "BTC"
_ELSEWHERE = ("venue", "category", "symbol", "timeframe", "side", "replayed")
"""Fields of an analysis that an event has in its head, or not at all."""


class Reference:
    """The market that the others are compared with, made of its own file."""

    def __init__(self, symbol: str, history: FileHistory, frame: str) -> None:
        self.symbol = symbol
        self.history = history
        self._frame = frame
        self._newest_ms = -1.0
        self._trend: Regime = "undefined"

    def trend(self, known_ms: int) -> Regime:
        """Its regime on the recommendation timeframe as of that one's last close."""
        bars = self.history.bars(self._frame, known_ms, FRAME_BARS)
        if len(bars) and bars[-1, 0] != self._newest_ms:
            self._newest_ms = float(bars[-1, 0])
            found = read_frame(bars)
            self._trend = found.regime if found.warm else "undefined"
        return self._trend


class Seen(NamedTuple):
    """One bar of the scanned series at its close."""

    place: int
    known_ms: int
    close: float
    judged: Judged
    regime: RegimeReading
    contributions: Sequence[Contribution]

    @property
    def evidence(self) -> Mapping[str, float]:
        """Signed score of every detector that is not warming up."""
        return {entry.name: verdict.evidence for entry, verdict in self.judged.verdicts if not verdict.warming}


def frame_of(screening: Screening, timeframe: str) -> str:
    """The recommendation timeframe of a file: what settings say, or the file's own where that cannot be made of it."""
    return timeframe if TIMEFRAME_MS[screening.timeframe] % TIMEFRAME_MS[timeframe] else screening.timeframe


class FileAdvice:
    """Recommendations for one file. `alerts` None: the file is not of one-minute bars."""

    def __init__(
        self, symbol: str, days: FileDays, alerts: FileAlerts | None, settings: Settings, reference: Reference | None
    ) -> None:
        self._symbol = symbol
        self._days = days
        self._alerts = alerts
        self._market = settings.market
        self._frame = frame_of(settings.screening, days.history.timeframe)
        self._screening = msgspec.structs.replace(settings.screening, timeframe=self._frame)
        self._reference = reference

    def advise(self, seen: Seen, alert: Judgement | None) -> Analysis:
        """The recommendation at this bar: for the alert it gave, or else because the state changed."""
        known_ms, history, day = seen.known_ms, self._days.history, self._days.at(seen.known_ms)
        judgement = alert or (self._alerts.read(seen.place, known_ms) if self._alerts else None)
        reference, category, screening = self._reference, self._market.category, self._screening
        is_reference = reference is not None and reference.symbol == self._symbol
        minutes = history.timeframe == MINUTE
        warming = sum(verdict.warming for _, verdict in seen.judged.verdicts)
        return analyse(
            AnalysisInputs(
                venue=self._market.venue,
                category=category,
                symbol=self._symbol,
                now_ms=known_ms,
                cause="alert" if alert else "state",
                screening=screening,
                shorts=shorts_allowed(category, screening),
                fee=fee_of(category, screening),
                tick=history.tick(seen.place),
                price=seen.close,
                in_force=day.in_force,
                asset_class=self._days.asset_class.name,
                frame=history.bars(self._frame, known_ms, FRAME_BARS),
                minutes=history.bars(MINUTE, known_ms, NATR_BARS) if minutes else np.empty((0, 9)),
                own=history.bars(FIVE, known_ms, RETURN_BARS),
                decision=history.bars(history.timeframe, known_ms, NATR_BARS + 1),
                daily=history.daily,
                sample=day.habits.sample(self._frame),
                regime=seen.regime,
                probability_up=seen.judged.pooled.probability,
                evidence=seen.evidence,
                reference=None
                if reference is None or is_reference
                else reference.history.bars(FIVE, known_ms, RETURN_BARS),
                reference_symbol="" if is_reference else reference.symbol if reference else REFERENCE,
                reference_name="" if is_reference else REFERENCE,
                reference_trend="undefined" if reference is None or is_reference else reference.trend(known_ms),
                contributions=tuple(seen.contributions),
                readings=len(seen.judged.verdicts) - warming,
                warming=warming,
                trigger_reasons=judgement.trigger_reasons if judgement else (),
                volume_z=judgement.stats.volume_z if judgement else self._volume_z(seen.place),
                preferred_hours=day.preferred,
                synthetic_bars=history.missing(self._frame, known_ms, QUALITY_BARS),
                trouble=seen.judged.forced,
            )
        )

    def _volume_z(self, place: int) -> float:
        """Robust z of the bar's volume against the 50 before it."""
        return robust_volume_z(self._days.history.rows[max(0, place - 50) : place + 1, 5])


def advice_fields(analysis: Analysis) -> dict[str, object]:
    """What a recommendation says beside where and when; the timeframe it reads is its `frame`."""
    told = msgspec.structs.asdict(analysis)
    return {name: value for name, value in told.items() if name not in _ELSEWHERE} | {"frame": analysis.timeframe}
