"""What one confluence says, short enough for a line: its reasons and where they come from, how the groups lean, who agrees.

Pure functions of the message. Contributions add up to the score exactly (log-odds), so their sums per group and per family
are exact as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from core.messages import Confluence

GAIN = re.compile(r"\s*\(([^()]*pp)\)$")
"""The gain behind a told reason: `(+4.1 pp)`."""
GROUP_ORDER = ("SMC", "CLASSIC", "FLOW", "MODEL")


class Reason(NamedTuple):
    """One reason as told: its words, the gain behind them (`+4.1 pp`, empty: none) and the group it comes from."""

    text: str
    gain: str
    group: str


def reasons(confluence: Confluence) -> tuple[Reason, ...]:
    """What speaks for the state, strongest first."""
    return tuple(_reason(confluence, text) for text in confluence.reasons)


def contrary(confluence: Confluence) -> Reason | None:
    """The strongest reason against the state, if there is one."""
    return _reason(confluence, confluence.contrary) if confluence.contrary else None


def _reason(confluence: Confluence, told: str) -> Reason:
    gain = GAIN.search(told)
    text = GAIN.sub("", told)
    group = next((part.group for part in confluence.contributions if text.startswith(part.reason)), "")
    return Reason(text, gain.group(1) if gain else "", group)


def leanings(confluence: Confluence) -> dict[str, float]:
    """Log-odds of each group that has a voice, SMC first: above 0 it leans to BUY."""
    sums = _sums((part.group, part.logit) for part in confluence.contributions)
    return {group: sums[group] for group in (*GROUP_ORDER, *sums) if group in sums}


def families(confluence: Confluence) -> tuple[int, int]:
    """How many families lean the way the state (of HOLD: the score) does, and how many have a voice."""
    toward = {"BUY": 1.0, "SELL": -1.0}.get(confluence.state, confluence.logit - confluence.base_logit)
    sums = _sums((part.family, part.logit) for part in confluence.contributions)
    return sum(value * toward > 0.0 for value in sums.values()), len(sums)


def _sums(parts: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, value in parts:
        sums[name] = sums.get(name, 0.0) + value
    return sums


def words_of(confluence: Confluence) -> str:
    """Every word of the argument in small letters, each after a blank: detectors, families, groups, reasons."""
    parts = (
        f"{p.detector} {p.detector.replace('_', ' ')} {p.family} {p.group} {p.reason}" for p in confluence.contributions
    )
    return f" {' '.join(parts)} {confluence.hold_reason} {confluence.gate_reason}".lower().replace("(", " ")
