"""The seeded market with whole arguments: voices of both groups and of many families, a gate here and there."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator

import msgspec

from core.messages import Confluence, Contribution, Message, Side
from tests import builders as make

UP: tuple[tuple[str, str, str, str], ...] = (
    ("smc_bos", "STRUCTURE", "SMC", "BOS up through {level} (swing of 12:05Z)"),
    ("smc_fvg", "LEVEL", "SMC", "held bullish gap {level}"),
    ("smc_pd", "LEVEL", "SMC", "discount: {share} % of range"),
    ("smc_sweep", "LEVEL", "SMC", "swept equal lows ×2, closed back above"),
    ("ema_cross", "TREND", "CLASSIC", "EMA9 above EMA21 by 0.{share} ATR"),
    ("adx_di", "TREND", "CLASSIC", "ADX {share}, +DI leads"),
    ("macd", "MOMENTUM", "CLASSIC", "MACD rising"),
    ("rsi_div", "MEANREV", "CLASSIC", "bullish RSI divergence"),
    ("vol_spike", "VOLUME", "CLASSIC", "volume 4.{share}σ above normal"),
    ("donchian", "LEVEL", "CLASSIC", "20-bar high broken"),
)
DOWN: tuple[tuple[str, str, str, str], ...] = (
    ("smc_choch", "STRUCTURE", "SMC", "CHoCH down through {level} (swing of 12:05Z)"),
    ("smc_ob", "LEVEL", "SMC", "first retest of bearish block {level}"),
    ("smc_pd", "LEVEL", "SMC", "premium: {share} % of range"),
    ("smc_displacement", "STRUCTURE", "SMC", "displacement down 2.{share} ATR, gap left"),
    ("ema_cross", "TREND", "CLASSIC", "EMA9 below EMA21 by 0.{share} ATR"),
    ("adx_di", "TREND", "CLASSIC", "ADX {share}, −DI leads"),
    ("macd", "MOMENTUM", "CLASSIC", "MACD falling"),
    ("rsi_static", "MEANREV", "CLASSIC", "RSI 7{share} overbought"),
    ("cmf", "VOLUME", "CLASSIC", "money flow −0.{share}"),
    ("donchian", "LEVEL", "CLASSIC", "20-bar low broken"),
)


def argued(messages: Iterable[Message], seed: int = 5) -> Iterator[Message]:
    """The same messages; every confluence with contributions that add up to its score."""
    rng = random.Random(seed)
    for message in messages:
        yield _argue(message, rng) if isinstance(message, Confluence) else message


def _argue(view: Confluence, rng: random.Random) -> Confluence:
    up = view.probability >= 0.5
    lead = abs(view.logit)
    weights = sorted((rng.uniform(0.2, 1.0) for _ in range(4)), reverse=True)
    against = [rng.uniform(0.1, 0.5) for _ in range(rng.randrange(0, 3))]
    scale = lead / (sum(weights) - sum(against))
    toward: Side = "BUY" if up else "SELL"
    counter: Side = "SELL" if up else "BUY"
    sign = 1.0 if up else -1.0
    parts = [
        _part(view, rng, source, toward, sign * w * scale) for source, w in zip(_some(rng, up, 4), weights, strict=True)
    ]
    parts += [
        _part(view, rng, s, counter, -sign * w * scale)
        for s, w in zip(_some(rng, not up, len(against)), against, strict=True)
    ]
    told = [make.told(part) for part in parts]
    gate = (0.5, "too quiet: ATR 0.04 %") if rng.random() < 0.12 else (1.0, "")
    return msgspec.structs.replace(
        view,
        contributions=tuple(sorted(parts, key=lambda part: -abs(part.logit))),
        reasons=tuple(told[:3]) if lead > 0.0 else (),
        contrary=told[4] if len(told) > 4 else "",
        readings=25,
        gate=gate[0],
        gate_reason=gate[1],
    )


def _some(rng: random.Random, up: bool, count: int) -> list[tuple[str, str, str, str]]:
    return rng.sample(UP if up else DOWN, count)


def _part(
    view: Confluence, rng: random.Random, source: tuple[str, str, str, str], side: Side, logit: float
) -> Contribution:
    detector, family, group, reason = source
    without = 1.0 / (1.0 + math.exp(-(view.logit - logit)))
    return Contribution(
        detector=detector, family=family, group=group, side=side, score=min(1.0, abs(logit) * 2), logit=logit,
        gain=view.probability - without, reason=reason.format(level=f"{view.price:.5g}", share=rng.randrange(1, 9)),
    )  # fmt: skip
