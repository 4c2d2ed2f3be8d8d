"""How one knob of the settings is described: what every section of them is written with."""

from __future__ import annotations

from typing import Literal

from msgspec import Meta

Timeframe = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d"]


def about(text: str, *, ge: float | None = None, le: float | None = None) -> Meta:
    """Description and inclusive range of one knob."""
    return Meta(description=text, ge=ge, le=le)
