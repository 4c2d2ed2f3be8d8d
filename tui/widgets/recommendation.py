"""The recommendation of one symbol in full: its words, the trade, what would change it, and what it rests on.

Pure functions from what the operator looks at to styled lines. A recommendation that expired is told in one dim style under
its age; one that is under way, was skipped or failed says so in words.
"""

from __future__ import annotations

import math

from core.messages import Analysis
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Line, ends, fold, width_of
from tui.widgets.market_advice import (
    ACTION_STYLE,
    ACTION_WORDS,
    NOT_JUDGED,
    age_s,
    is_alerted,
    is_expired,
    signal_now,
)
from tui.widgets.market_facts import calm_age
from tui.widgets.reasons import LABEL as BESIDE
from tui.widgets.recommendation_parts import LABEL, Part, basis_parts, factor_lines, pair, trade_parts
from tui.widgets.sight import Sight

CALIBRATED_FROM = 100
"""Outcomes from which a calibration counts."""
CAUSES = {
    "alert": "on an alert", "state": "on a change of state", "calibration": "with new thresholds", "operator": "by you",
}  # fmt: skip
UNDER_WAY = ("pending", "processing")
LONG_WORDS = {
    "WAIT_FOR_CONFIRMATION": "WAIT for confirmation", "AVOID_HIGH_RISK": "AVOID, high risk", "INVALID_DATA": "DATA? nothing can be said",
    "SYSTEM_FAILURE": "FAIL? the analysis failed",
}  # fmt: skip


def recommendation_lines(sight: Sight, glyphs: Glyphs, width: int, ask: str) -> list[Line]:
    """The whole panel; `ask` is the key that asks for an analysis, empty where there is none."""
    told = sight.screened.analysis
    said: list[Line] = []
    said += _under_way(sight, width)
    said += _signal(sight, glyphs, width)
    if told is None:
        if sight.screened.asked is None:
            now = f"; {ask} asks now" if ask else ""
            said += _folded(pair("advice", f"none yet: it comes with an alert or a change of state{now}", "dim"), width)
        return said
    late = is_expired(told, sight.now_ms)
    body = _body(told, sight, glyphs, width)
    if late:
        body = [[(text, "stale") for text, _ in line] for line in body]
    return [*_head(told, sight, glyphs, width, ask), *said, *body]


def summary_lines(sight: Sight, glyphs: Glyphs, width: int, height: int, opens: str) -> list[Line]:
    """The recommendation in `height` lines: what, how sure, since when, then the beginning of its words."""
    told = sight.screened.analysis
    if told is None or told.recommendation is None:
        waiting = sight.screened.asked is not None and sight.screened.asked.stage2_status in UNDER_WAY
        none = "being worked on" if waiting else "none yet: it comes with alerts and changes of state"
        return fold(pair("advice", none, "dim", BESIDE), width - 1, BESIDE)[:height]
    first = [*pair("advice", *_claim(told, sight, glyphs), BESIDE), (f", {_when(told, sight)}", "dim")]
    look = "stale" if is_expired(told, sight.now_ms) else "text"
    words = fold([(" " * BESIDE, "text"), (told.narrative, look)], width - 1, BESIDE)
    shown = words[: max(0, height - 1)]
    if len(words) > len(shown) > 0:
        *before, (text, style) = shown[-1]
        room = width - 2 - width_of(before)
        kept = text.rstrip() if len(text.rstrip()) <= room else text[:room].rpartition(" ")[0]
        shown[-1] = [*before, (f"{kept} ", style), (glyphs.ellipsis, "dim")]
    return [ends(first, [(f"{opens} all of it", "dim")], width - 1), *shown]


def summary_words(sight: Sight, glyphs: Glyphs) -> tuple[str, str] | None:
    """The recommendation in a few words with their style, where there is no room for more; None without one."""
    told = sight.screened.analysis
    if told is None or told.recommendation is None:
        return None
    text, style = _claim(told, sight, glyphs)
    return f"{text}, {_when(told, sight)}", style


def _claim(told: Analysis, sight: Sight, glyphs: Glyphs) -> tuple[str, str]:
    """`BUY P .78 RR 2.1`; of an expired one the word alone."""
    assert told.recommendation is not None
    word = ACTION_WORDS[told.recommendation]
    if is_expired(told, sight.now_ms):
        return f"{glyphs.stale} {word} expired", "stale"
    return word + _figures(told, glyphs), ACTION_STYLE[told.recommendation]


def _figures(told: Analysis, glyphs: Glyphs) -> str:
    """` P .78 RR 2.1`, as far as there is something to judge by."""
    sure, risk = told.confidence_metrics, told.risk_parameters
    if told.recommendation in NOT_JUDGED:
        return ""
    text = f" P {fmt.probability(sure.probability, glyphs=glyphs)}" if sure is not None else ""
    return text + (f" RR {fmt.price(risk.risk_reward_ratio, 1, glyphs=glyphs)}" if risk is not None else "")


def _when(told: Analysis, sight: Sight) -> str:
    return f"{calm_age(age_s(told, sight.now_ms))} old"


def _head(told: Analysis, sight: Sight, glyphs: Glyphs, width: int, ask: str) -> list[Line]:
    """What is recommended, how sure, when it was told and how long it holds."""
    if told.recommendation is None:
        return []
    late = is_expired(told, sight.now_ms)
    style = "stale" if late else ACTION_STYLE[told.recommendation]
    mark = {"BUY": f"{glyphs.up} ", "SELL": f"{glyphs.down} "}.get(told.recommendation, "")
    words, figures = LONG_WORDS.get(told.recommendation, told.recommendation), _figures(told, glyphs)
    first = ends([(f" {mark}{words}{figures}", style)], [(_when(told, sight), "warn" if late else "dim")], width - 1)
    until = fmt.clock_text(told.expires_ms)[:5] if told.expires_ms else ""
    holds = f", expired at {until}" if late else f", holds until {until}" if until else ""
    made = [*pair("told", f"{fmt.clock_text(told.timestamp)[:5]} {CAUSES[told.cause]}{holds}", "dim")]
    anew: Line = [(f"{ask} asks anew", "dim")] if ask else []
    lines = [first, *_folded(ends(made, anew, width - 1), width)]
    if late:
        old = "it no longer speaks of the market; all of this is as old as that"
        lines += _folded(pair("", f"{glyphs.stale} {old}", "warn"), width)
    return lines


def _under_way(sight: Sight, width: int) -> list[Line]:
    """An analysis that is not there yet, or was skipped."""
    asked = sight.screened.asked
    if asked is None:
        return []
    cause, since = CAUSES[asked.cause], calm_age(age_s(asked, sight.now_ms))
    if asked.stage2_status in UNDER_WAY:
        return _folded(pair("asked", f"under way for {since}, {cause}", "accent"), width)
    why = asked.error or ", ".join(asked.hints) or "its turn came too late"
    return _folded(pair("skipped", f"{since} ago, {cause}: {why}", "warn"), width)


def _signal(sight: Sight, glyphs: Glyphs, width: int) -> list[Line]:
    """What the last minute came to, and why it is not more."""
    screening = sight.screened.screening
    signal, since_s = signal_now(screening, sight.now_ms)
    if screening is None or not signal:
        return []
    why = "; ".join([reason.words for reason in screening.trigger_reasons] or screening.hints[:2])
    if is_alerted(screening, sight.now_ms):
        line = pair("signal", f"{glyphs.alert} ALERT {calm_age(since_s)} ago", "warn")
    else:
        line = pair("signal", signal if signal != "NONE" else "none", "text" if signal == "NORMAL" else "dim")
    lines = _folded([*line, (f": {why}" if why else "", "dim" if signal == "NONE" else "text")], width)
    if screening.preferred_hours:
        now_h = sight.now_ms // 3_600_000 % 24
        outside = "" if now_h in screening.preferred_hours else ", now outside"
        lines += _folded(pair("hours", f"most liquid {spans(screening.preferred_hours)} h UTC{outside}", "dim"), width)
    return lines


def spans(hours: tuple[int, ...]) -> str:
    """Hours of the day as `7-10, 13`: from the beginning of the first to the end of the last of a run."""
    runs: list[list[int]] = []
    for hour in sorted(hours):
        if runs and runs[-1][1] == hour:
            runs[-1][1] = hour + 1
        else:
            runs.append([hour, hour + 1])
    return ", ".join(f"{first}-{end}" for first, end in runs)


def _body(told: Analysis, sight: Sight, glyphs: Glyphs, width: int) -> list[Line]:
    """Words, trade, changes, factors, context, basis; a blank line between."""
    blocks = [_narrative(told, width), _confidence(told, sight, glyphs, width)]
    judged = told.recommendation not in NOT_JUDGED
    if judged:
        blocks.append(_laid(trade_parts(told, sight.facts.decimals, glyphs), width))
    blocks.append(_listed("changes", [change.text for change in told.changes], width))
    if judged and told.confidence_metrics is not None:
        blocks.append(factor_lines(told.confidence_metrics, glyphs, width))
    blocks.append(_laid(basis_parts(told, sight.facts.decimals, glyphs), width))
    hints = [*told.hints, *(told.market_context.hints if told.market_context is not None else ())]
    blocks.append(_listed("hints", list(dict.fromkeys(hints)), width))
    lines: list[Line] = []
    for block in blocks:
        lines += [[], *block] if block else []
    return lines


def _narrative(told: Analysis, width: int) -> list[Line]:
    """One sentence after the other, each from the left edge."""
    parts = [part for part in told.narrative_parts if part] or ([told.narrative] if told.narrative else [])
    return [line for part in parts for line in fold([(f" {part}", "text")], width - 1, 1)]


def _confidence(told: Analysis, sight: Sight, glyphs: Glyphs, width: int) -> list[Line]:
    """P after penalties, what it was before, and what it rests on."""
    sure = told.confidence_metrics
    if sure is None or told.recommendation in NOT_JUDGED:
        return []
    line = pair("P", f"{fmt.probability(sure.probability, glyphs=glyphs)} {sure.side} after penalties", "bright")
    before = fmt.probability(sure.calibrated_probability, glyphs=glyphs)
    raw = fmt.probability(sure.raw_probability, glyphs=glyphs)
    line.append((f", {before} before" + (f", {raw} as pooled" if raw != before else ""), "text"))
    lines = _folded(line, width)
    for penalty in sure.penalties:
        off = fmt.signed(-penalty.logit, 2, glyphs=glyphs)
        lines += _folded(pair("penalty", f"{off} {penalty.reason}", "text"), width)
    if not sure.calibrated:
        outcomes = f"{sure.outcomes:.0f} outcomes" if math.isfinite(sure.outcomes) else "outcomes not counted"
        lines += _folded(pair("P is", f"uncalibrated ({outcomes}, from {CALIBRATED_FROM})", "dim"), width)
    record = sight.store.screening.record
    if record is not None and record.analysed:
        asked = fmt.probability(record.min_confidence, glyphs=glyphs)
        reached = f"P {asked} was reached by {record.confident:,} of {record.analysed:,} analyses in 30 days"
        lines += _folded(pair("asked for", reached, "dim"), width)
    return lines


def _listed(label: str, texts: list[str], width: int) -> list[Line]:
    lines: list[Line] = []
    for place, text in enumerate(texts):
        lines += _folded(pair(label if place == 0 else "", text, "text" if label == "changes" else "dim"), width)
    return lines


def _laid(parts: list[Part], width: int) -> list[Line]:
    return [line for part in parts for line in _folded(part, width)]


def _folded(line: Line, width: int) -> list[Line]:
    return fold(line, width - 1, LABEL)
