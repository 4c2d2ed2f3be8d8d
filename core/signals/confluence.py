"""Readings pooled into one probability whose parts add up exactly (methods sheet 3.1 and 3.2).

Log-odds pool (Genest & Zidek, 1986; Satopää et al., 2014): logit = base + sum of contributions. Families that say the same
thing count less: with k equally informative voices of pairwise correlation rho each weighs 1 / (1 + (k - 1) rho). Within a
family, as long as no outcomes tell how correlated its detectors are, the plain mean of all that could have spoken is taken
(`[confluence] family = "mean"`): blunt, but one loud voice among silent ones stays one voice. Families that are silent count
as well then, so that P rises with every evidence, also with one that was silent before. `"shrink"` weighs the speaking ones
by rho instead. Being additive, the contributions are exact Shapley values (Lundberg & Lee, 2017).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.clock import iso_utc
from core.messages import Contribution, Side, State
from core.settings import ConfluenceSettings

MERGE_ABOVE_RHO = 0.8
"""Reasons of one family are told as one when its detectors are this correlated."""
REASONS_SHOWN = 3


class Voice(NamedTuple):
    """One detector's signed evidence in [-1, 1]; zero is silence. `known_at` breaks ties, newest first.

    `warming`: it could not have spoken yet and counts nowhere.
    """

    detector: str
    family: str
    group: str
    evidence: float
    reason: str
    known_at: int
    warming: bool = False


class Pooled(NamedTuple):
    """`shares` are the voices' contributions in logit space, in their order, zero for silent ones."""

    probability: float
    logit: float
    base_logit: float
    shares: tuple[float, ...]


class Explained(NamedTuple):
    """The words of a pool: exact contributions (largest first), reasons for the label, the strongest one against it."""

    contributions: tuple[Contribution, ...]
    reasons: tuple[str, ...]
    contrary: str


def logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value)) if value >= 0.0 else math.exp(value) / (1.0 + math.exp(value))


def shrink(voices: int, rho: float) -> float:
    """Weight of each of `voices` equally informative ones with pairwise correlation `rho`; 1 for a single one."""
    return 1.0 / (1.0 + (voices - 1) * rho) if voices > 1 else 1.0


def evidence_logit(evidence: float, prior_m: float) -> float:
    """Log-odds of the uncalibrated map p = 1/2 + 1/2 m e, measured from even odds: a base rate shifts no vote's meaning."""
    bounded = min(1.0 - 1e-9, max(-1.0 + 1e-9, evidence * prior_m))
    return math.log((1.0 + bounded) / (1.0 - bounded))


def pool(voices: Sequence[tuple[str, float, bool]], settings: ConfluenceSettings) -> Pooled:
    """Pool (family, signed evidence, warming) triples.

    `family = "mean"`: the mean is over a family's detectors that are not warming up, and every family that has one counts.
    `"shrink"`: only detectors that speak count, and only their families.
    """
    base = logit(settings.base_rate)
    present: dict[str, int] = {}
    speaking: dict[str, int] = {}
    for family, evidence, warming in voices:
        if not warming:
            present[family] = present.get(family, 0) + 1
            if evidence != 0.0:
                speaking[family] = speaking.get(family, 0) + 1
    if not speaking:
        return Pooled(settings.base_rate, base, base, (0.0,) * len(voices))
    if settings.family == "mean":
        between = shrink(len(present), settings.between_rho)
        weights = {family: between / present[family] for family in speaking}
    else:
        between = shrink(len(speaking), settings.between_rho)
        weights = {family: between * shrink(count, settings.within_rho) for family, count in speaking.items()}
    shares = tuple(
        weights[family] * evidence_logit(evidence, settings.prior_m) if evidence != 0.0 and not warming else 0.0
        for family, evidence, warming in voices
    )
    total = base + math.fsum(shares)
    return Pooled(sigmoid(total), total, base, shares)


def explain(voices: Sequence[Voice], pooled: Pooled, state: State, settings: ConfluenceSettings) -> Explained:
    """Contributions with their displayed gains, the top reasons in the label's direction and the strongest contrary one.

    The gain of a voice is P(up) minus P(up) pooled without it, its family's and the families' weights counted anew.
    For HOLD the direction is the one the pool leans to.
    """
    speaking = [(voice, share) for voice, share in zip(voices, pooled.shares, strict=True) if voice.evidence != 0.0]
    contributions = [
        Contribution(
            detector=voice.detector,
            family=voice.family,
            group=voice.group,
            side=_side(voice.evidence),
            score=abs(voice.evidence),
            logit=share,
            gain=_gain((voice.detector,), voices, pooled, settings),
            reason=voice.reason,
        )
        for voice, share in speaking
    ]
    newest = {voice.detector: voice.known_at for voice in voices}
    contributions.sort(key=lambda part: (-abs(part.logit), -newest[part.detector], part.detector))
    toward = state if state != "HOLD" else _side(pooled.logit - pooled.base_logit)
    told = _told(contributions, voices, pooled, settings)
    sign = 1.0 if toward == "BUY" else -1.0
    told.sort(key=lambda item: (-sign * item.gain, -newest[item.names[0]], item.names[0]))
    reasons = tuple(item.text for item in told if item.side == toward and sign * item.gain > 0.0)
    against = [item.text for item in reversed(told) if item.side != toward and sign * item.gain < 0.0]
    return Explained(tuple(contributions), reasons[:REASONS_SHOWN], against[0] if against else "")


class _Told(NamedTuple):
    names: tuple[str, ...]
    side: Side
    gain: float
    text: str


def _told(
    parts: Iterable[Contribution], voices: Sequence[Voice], pooled: Pooled, settings: ConfluenceSettings
) -> list[_Told]:
    """One entry per reason; those of one family and side are one when the family is highly correlated."""
    groups: dict[tuple[str, str], list[Contribution]] = {}
    merge = settings.within_rho > MERGE_ABOVE_RHO
    for part in parts:
        groups.setdefault((part.side, part.family if merge else part.detector), []).append(part)
    told = []
    for members in groups.values():
        names = tuple(part.detector for part in members)
        gain = members[0].gain if len(members) == 1 else _gain(names, voices, pooled, settings)
        reason = ", ".join(part.reason for part in members)
        told.append(_Told(names, members[0].side, gain, f"{reason} ({points(gain)} pp)"))
    return told


def _gain(without: Sequence[str], voices: Sequence[Voice], pooled: Pooled, settings: ConfluenceSettings) -> float:
    rest = [(voice.family, voice.evidence, voice.warming) for voice in voices if voice.detector not in without]
    return pooled.probability - pool(rest, settings).probability


def _side(signed: float) -> Side:
    return "BUY" if signed >= 0.0 else "SELL"


def missing(state: State, probability: float, settings: ConfluenceSettings, cooldown_until_ms: int, now_ms: int) -> str:
    """What is missing for the next state, in words: `needs P ≥ .60 for BUY (+7 pp)`."""
    buy_at, sell_at = settings.enter, 1.0 - settings.enter
    wants: list[str] = []
    if state == "HOLD":
        if probability >= 0.5:
            wants.append(_want("≥", buy_at, "BUY", probability))
        else:
            wants.append(_want("≤", sell_at, "SELL", probability))
    elif state == "BUY":
        wants += [_want("≤", settings.exit, "HOLD", probability), _want("≤", sell_at, "SELL", probability)]
    else:
        wants += [_want("≥", 1.0 - settings.exit, "HOLD", probability), _want("≥", buy_at, "BUY", probability)]
    text = "needs " + ", ".join(wants)
    if now_ms < cooldown_until_ms:
        text += f"; no change before {iso_utc(cooldown_until_ms)[11:19]}Z"
    return text


def _want(relation: str, threshold: float, state: State, probability: float) -> str:
    away = threshold - probability
    met = away <= 0.0 if relation == "≥" else away >= 0.0
    distance = "met" if met else f"{points(away, 0 if abs(away) >= 0.01 else 1)} pp"
    return f"P {relation} {short(threshold)} for {state} ({distance})"


def points(gain: float, digits: int = 1) -> str:
    """A difference of probabilities in percentage points, sign always shown: `+4.1`, `−2.1`."""
    return f"{gain * 100.0:+.{digits}f}".replace("-", "−")


def short(probability: float) -> str:
    """`.60`, and `1.00` for certainty."""
    return f"{probability:.2f}".removeprefix("0")
