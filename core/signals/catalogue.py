"""Every detector there is, in words."""

from __future__ import annotations

from core.messages import DetectorCatalogue, DetectorInfo
from core.signals.gate import NAME, WARMUP
from core.signals.reading import REGISTRY

_GATE = (
    "Not a voice but a weight on all of them: every reading counts less while ATR14 as a share of the price is among the"
    " smallest or the largest of its own last 1,000 values, because the market is then too quiet or too wild to judge."
)


def catalogue() -> DetectorCatalogue:
    """The registered detectors in their order, and the gate."""
    entries = [
        DetectorInfo(name=entry.name, family=entry.family, group=entry.group, warmup=entry.warmup, about=entry.about)
        for entry in REGISTRY.values()
    ]
    gate = DetectorInfo(name=NAME, family="GATE", group="CLASSIC", warmup=WARMUP, about=_GATE)
    return DetectorCatalogue(detectors=(*entries, gate))
