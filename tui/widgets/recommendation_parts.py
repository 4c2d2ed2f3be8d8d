"""Parts of a recommendation's panel: the trade in numbers, the factors as bars, context and what it rests on."""

from __future__ import annotations

import math

from core.messages import Analysis, ConfidenceMetrics, KeyLevels, MarketContext, QualityMetrics, RiskParameters
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Line, fold
from tui.widgets.market_columns import REGIME_WORDS
from tui.widgets.market_facts import calm_age
from tui.widgets.readings import FULL_LOGIT, signed_bar

Part = Line
LABEL = 12
"""Cells of the words on the left."""
FACTOR, EVIDENCE, SHARE = 16, 6, 5
BAR_LEAST, BAR_MOST = 6, 20
TREND_WORDS = {"UP": "up", "DOWN": "down", "SIDEWAYS": "sideways", "UNKNOWN": "not known yet"}
ANOMALY_WORDS = {
    "VOLATILITY": "volatility", "BREAKOUT_WITH_VOLUME": "breakout with volume", "TREND_REVERSAL": "trend reversal",
    "RELATIVE_STRENGTH": "relative strength", "LIQUIDITY_THIN": "thin liquidity",
}  # fmt: skip


def pair(label: str, text: str, style: str, cells: int = LABEL) -> Line:
    """A label and what it says."""
    return [(f" {label}".ljust(cells), "dim"), (text, style)]


def trade_parts(told: Analysis, decimals: int, glyphs: Glyphs) -> list[Part]:
    """Entry zone, targets and stop with their distance, reward to risk, costs, and the odds against break-even."""
    risk = told.risk_parameters
    if risk is None:
        return [pair("trade", "none: there is nothing to draw levels from", "dim")]
    look = "bright" if told.recommendation in ("BUY", "SELL") else "text"
    worst = float(risk.worst_entry)

    def level(value: float) -> str:
        return f"{fmt.price(value, decimals, glyphs=glyphs)} {_distance(value, worst, glyphs)}"

    low, high = (fmt.price(float(edge), decimals, glyphs=glyphs) for edge in risk.optimal_entry)
    parts = [
        pair("entry", f"{risk.side} {low} to {high}" if low != high else f"{risk.side} at {low}", look),
        *(pair("" if place else "targets", level(float(price)), look) for place, price in enumerate(risk.tp_targets)),
        pair("stop", level(float(risk.sl_level)), look),
        pair(
            "RR",
            f"{_ratio(risk.risk_reward_ratio, glyphs)} after costs, {_ratio(risk.gross_ratio, glyphs)} before",
            look,
        ),
        _costs(risk),
    ]
    return [*parts, _odds(told, glyphs)]


def _costs(risk: RiskParameters) -> Part:
    line = pair("costs", f"{risk.cost_r:.2f} R for the way in and out", "text")
    return [*line, (": fees exceed the move", "warn")] if risk.fees_exceed_move else line


def _odds(told: Analysis, glyphs: Glyphs) -> Part:
    """P(target before stop) against the share of trades that must succeed."""
    chance, even = told.p_trade, told.break_even
    if math.isnan(chance) or math.isnan(even):
        return pair("target first", "odds not known yet", "dim")
    if even >= 1.0:
        return pair("pays", f"at no odds: break-even is {even:.2f}", "warn")
    pays = chance > even
    here, least = fmt.probability(chance, glyphs=glyphs), fmt.probability(even, glyphs=glyphs)
    words = f"P(target first) {here} {'above' if pays else 'not above'} break-even {least}"
    return pair("pays" if pays else "pays not", words, "text" if pays else "warn")


def factor_lines(sure: ConfidenceMetrics, glyphs: Glyphs, width: int) -> list[Line]:
    """Every factor with its evidence and share, the heaviest first; high blocks speak for BUY, low ones for SELL."""
    score = fmt.signed(sure.composite_score, 2, glyphs=glyphs)
    words = f"{sure.factors_confirmed} confirm {sure.side}, composite {score}"
    lines = fold(pair("factors", words, "text"), width - 1, LABEL)
    cells = min(BAR_MOST, max(BAR_LEAST, width - 1 - FACTOR - EVIDENCE - SHARE - 5))
    for name in sorted(sure.factors, key=lambda name: (-sure.weights.get(name, 0.0), name)):
        evidence, share = sure.factors[name], sure.weights.get(name, math.nan)
        style = "price_up" if evidence > 0 else "price_down" if evidence < 0 else "dim"
        lines.append(
            [
                (f"   {fmt.fit(name.replace('_', ' '), FACTOR - 2, glyphs)} ", "text"),
                (fmt.signed(evidence, 2, EVIDENCE, glyphs=glyphs), style),
                (f"{fmt.fixed(share * 100, 0, SHARE - 2, glyphs=glyphs)} % ", "dim"),
                (signed_bar(evidence * FULL_LOGIT, cells, glyphs), style),
            ]
        )
    if sure.missing:
        names = ", ".join(name.replace("_", " ") for name in sure.missing)
        lines += fold(pair("not known", names, "dim"), width - 1, LABEL)
    return lines


def basis_parts(told: Analysis, decimals: int, glyphs: Glyphs) -> list[Part]:
    """Context, anomalies, thresholds used and quality of the data."""
    context, parts = told.market_context, []
    if context is not None:
        parts += _context_parts(context, told.timeframe, decimals, glyphs)
    if told.anomaly_detection is not None:
        found = [f"{ANOMALY_WORDS[a.kind]}: {a.reason}" for a in told.anomaly_detection.anomalies]
        parts += [pair("unusual" if place == 0 else "", text, "text") for place, text in enumerate(found)]
        if not found:
            parts.append(pair("unusual", "nothing", "dim"))
    if told.quality_metrics is not None:
        parts.append(_quality(told.quality_metrics, told.timeframe))
    used = told.calibration_params
    if used is not None:
        left = f", expire in {calm_age((used.expires_ms - told.timestamp) / 1000)}" if used.expires_ms else ""
        left = ", expired: half way back to the class" if used.expired else left
        plain = " defaults" if used.is_default and used.source == "class" else ""
        parts.append(pair("thresholds", f"{used.source}{plain}{left}", "warn" if used.expired else "dim"))
    return parts


def _context_parts(context: MarketContext, timeframe: str, decimals: int, glyphs: Glyphs) -> list[Part]:
    trend = TREND_WORDS[context.trend]
    if context.trend != "UNKNOWN":
        trend = f"{timeframe} {trend} ({_share(context.trend_confidence)}, {_bars(context.trend_age_bars)})"
    regime = REGIME_WORDS.get(context.regime, "") or "undefined"
    regime += f" ({_share(context.regime_confidence)}, {_bars(context.regime_age_bars)})"
    volatility = "not known yet"
    if context.volatility != "UNKNOWN":
        volatility = f"{context.volatility.lower()}: ATR {context.natr * 100:.2f} %"
        if math.isfinite(context.natr_percentile):
            volatility += f", above {context.natr_percentile * 100:.0f} % of its days"
    return [
        pair("trend", trend, "text"),
        pair("regime", regime, "text"),
        pair("volatility", volatility, "text"),
        pair("levels", _levels(context.key_levels, decimals, glyphs), "text"),
        pair("reference", _correlation(context, glyphs), "text"),
    ]


def _levels(levels: KeyLevels, decimals: int, glyphs: Glyphs) -> str:
    named = (
        ("support", levels.immediate_support), ("resistance", levels.immediate_resistance), ("next major", levels.next_major_level),
    )  # fmt: skip
    return ", ".join(f"{name} {fmt.price(value, decimals, glyphs=glyphs)}" for name, value in named)


def _correlation(context: MarketContext, glyphs: Glyphs) -> str:
    found, trend = context.correlation_with_reference, TREND_WORDS[context.reference_trend]
    if not math.isfinite(found.rho):
        return f"correlation not known, trend {trend}"
    rho, low, high = (_signed_share(value, glyphs) for value in (found.rho, found.low, found.high))
    return f"correlation {rho} ({low} to {high}, {found.observations} returns), trend {trend}"


def _quality(quality: QualityMetrics, timeframe: str) -> Part:
    made = f", {quality.synthetic_bars} filled in" if quality.synthetic_bars else ""
    warming = f", {quality.warming} warming up" if quality.warming else ""
    days = f", {quality.history_days:.0f} days of history" if math.isfinite(quality.history_days) else ""
    words = f"{quality.bars:,} bars of {timeframe}{made}, {quality.readings} readings{warming}{days}"
    if quality.duration_ms > 0.0:
        words += f", {quality.duration_ms:.0f} ms"
    return pair("rests on", words, "warn" if quality.synthetic_bars else "dim")


def _bars(count: int) -> str:
    return f"{count} bar{'' if count == 1 else 's'}"


def _share(value: float) -> str:
    return fmt.probability(value)


def _signed_share(value: float, glyphs: Glyphs) -> str:
    """`.72` or `−.07`."""
    return (glyphs.minus if value < 0 else "") + fmt.probability(abs(value), glyphs=glyphs)


def _ratio(value: float, glyphs: Glyphs) -> str:
    return fmt.price(value, 2, glyphs=glyphs)


def _distance(value: float, start: float, glyphs: Glyphs) -> str:
    return fmt.percent(value / start - 1.0, 1, unit=True, glyphs=glyphs).replace(" ", "", 1) if start > 0.0 else ""
