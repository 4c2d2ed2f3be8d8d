"""What the parts of screening and calibration need of each other, as protocols: who implements them is wired by the engine."""

from __future__ import annotations

from typing import Protocol

from core.learning.probability import ScoreMap
from core.market.volatility import NatrSample
from core.screening.classes import AssetClass
from core.screening.thresholds import InForce


class ThresholdView(Protocol):
    """The thresholds every symbol is watched with."""

    def in_force(self, symbol: str) -> InForce:
        """What holds for this symbol now; class defaults for one that was never heard of."""

    def asset_class(self, symbol: str) -> AssetClass:
        """Its class, with what settings say about it."""


class SampleView(Protocol):
    """Volatility and habits of a market, from stored history; answers at once from memory."""

    def sample(self, symbol: str, timeframe: str) -> NatrSample:
        """NATR of seven days at bars of this timeframe; empty while nothing is stored."""

    def preferred_hours(self, symbol: str, count: int) -> tuple[int, ...]:
        """Its `count` most liquid hours of the day (UTC), rising; empty while unknown."""


class MapView(Protocol):
    """Score to probability maps fitted from the track record."""

    def score_map(self, asset_class: str, timeframe: str) -> ScoreMap | None:
        """The map in use for markets of this class on this timeframe; None before the first outcome."""
