"""Trades in the numbers that are reported."""

from __future__ import annotations

import msgspec

from core.calibration.statistics import TradeStatistics
from core.messages import TradeFigures


def figures_of(found: TradeStatistics) -> TradeFigures:
    """The published part of the statistics."""
    return TradeFigures(**{name: getattr(found, name) for name in TradeFigures.__struct_fields__})


def as_values(found: msgspec.Struct, names: tuple[str, ...]) -> dict[str, float]:
    """Some fields of a struct by name."""
    return {name: float(getattr(found, name)) for name in names}
