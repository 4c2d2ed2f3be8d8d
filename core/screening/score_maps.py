"""Score maps of asset classes and timeframes: when they are fitted again, and what is kept of them (methods sheet 3.4)."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from core.learning.probability import ScoreMap, refit_map
from core.screening.track_figures import Settled, learnt

REFIT_OUTCOMES = 100
REFIT_MS = 86_400_000
"""A map is fitted again after so many new outcomes, or after this time with at least one."""

Key = tuple[str, str]
"""Asset class and timeframe."""


class KeptMap(Struct, frozen=True, kw_only=True):
    """The map in use and how the newest fit went: `held`, the new one was worse on the newest outcomes and not taken.

    `through_ms`: the newest outcome that was looked at.
    """

    map: ScoreMap
    fitted_ms: int
    through_ms: int
    outcomes: int
    held: bool = False

    @property
    def word(self) -> str:
        """What it is, in one word."""
        curve = self.map.curve
        return str(curve.__struct_config__.tag) if curve is not None and self.map.calibrated else "uncalibrated"


def due(kept: KeptMap | None, new: int, now_ms: int) -> bool:
    """Whether a map is to be fitted again after `new` outcomes since the newest fit."""
    return new >= REFIT_OUTCOMES or (new > 0 and (kept is None or now_ms - kept.fitted_ms >= REFIT_MS))


def refit(kept: KeptMap | None, record: Iterable[Settled], interval_ms: int, now_ms: int) -> KeptMap:
    """The map to use from now on. The prior of a score is the score: the confluence's own probability."""
    scores, outcomes, weights, newest_ms = learnt(record, interval_ms)
    found = refit_map(kept.map if kept is not None else ScoreMap(), scores, outcomes, scores, weights)
    return KeptMap(map=found.map, fitted_ms=now_ms, through_ms=newest_ms, outcomes=len(scores), held=found.held)
