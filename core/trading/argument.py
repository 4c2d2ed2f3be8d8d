"""Why this trade, what speaks against it, and whose thresholds say so: from the newest confluence and analysis of its symbol."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from core.messages import Analysis, Confluence, Side, ThresholdsInForce

SHOWN = 6
LEAST = 0.0005
"""A gain that would be told as 0.0 percentage points says nothing."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SOURCES = {
    "class": "defaults of its class",
    "adaptive": "adaptive",
    "calibrated": "calibrated",
    "operator": "set by hand",
}


def argument(
    side: Side, confluence: Confluence | None, analysis: Analysis | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what speaks for this side, what speaks against it), strongest first."""
    why: list[str] = []
    contrary: list[str] = []
    if confluence is not None:
        direction = 1.0 if side == "BUY" else -1.0
        gains = [(direction * part.gain, part.detector) for part in confluence.contributions]
        gains = [one for one in gains if not abs(one[0]) < LEAST]
        gains.sort(key=lambda one: -abs(one[0]) if math.isfinite(one[0]) else 0.0)
        why += [_points(*one) for one in gains if one[0] > 0.0][:SHOWN]
        contrary += [_points(*one) for one in gains if one[0] < 0.0][:SHOWN]
        opposite = "SELL" if side == "BUY" else "BUY"
        if confluence.state == opposite:
            contrary.insert(0, f"the view is {opposite}, P(up) {confluence.probability:.2f}")
        if not confluence.contributions:
            (why if confluence.state != opposite else contrary).extend(confluence.reasons[:SHOWN])
        contrary += [words for words in (confluence.hold_reason, confluence.gate_reason) if words]
    if analysis is not None and analysis.recommendation == side:
        why += [reason for reason in analysis.reasons if reason not in why][:SHOWN]
        if analysis.confidence_metrics is not None:
            contrary += [penalty.reason for penalty in analysis.confidence_metrics.penalties]
    elif analysis is not None and analysis.recommendation in ("BUY", "SELL"):
        contrary.append(f"the newest recommendation is to {analysis.recommendation}")
    elif analysis is not None and analysis.recommendation is not None:
        words = f"the newest recommendation is {analysis.recommendation.replace('_', ' ').lower()}"
        told = "; ".join(analysis.reasons[:SHOWN]) if analysis.side == side else ""
        contrary.append(f"{words}: {told}" if told else words)
    return tuple(why), tuple(contrary)


def _points(gain: float, name: str) -> str:
    return f"{name} {100 * gain:+.1f} pp".replace("-", "−")


def thresholds_words(thresholds: ThresholdsInForce | None) -> str:
    """Whose they are and until when: `calibrated, until 2 Dec`."""
    if thresholds is None:
        return "not known yet"
    words = SOURCES[thresholds.source]
    if thresholds.blended:
        words += ", expired: half way back to the defaults"
    elif thresholds.expires_ms > 0:
        day = datetime.fromtimestamp(thresholds.expires_ms / 1000, UTC)
        words += f", until {day.day} {MONTHS[day.month - 1]}"
    return words
