"""Stage 1: what a closed one-minute bar comes to, NONE, NORMAL or ALERT, and which alerts the universe can afford.

All of it is a function of its arguments; time is the close of the bar in ms and is handed in. Three steps on each
close: `judge` every symbol, `ration` the alerts of that moment, `remember` per symbol what was told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from core.messages import Screening, Signal, TriggerReason, TriggerStats
from core.screening.classes import AssetClass
from core.screening.columns import QUALITY_BARS, VOLUME_SHARE_LEAST, WARMUP, TriggerColumns
from core.screening.elementwise import newest, number
from core.screening.thresholds import Thresholds
from core.screening.triggers import Trigger, reasons_for
from core.settings_screening import Screening as ScreeningSettings

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
OVER_BUDGET = "over budget"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How Stage 1 decides. Hours are UTC, 0 to 23, and the hour of a bar is the one it closes in."""

    min_reasons_for_alert: int = 2
    cooldown_s: float = 300.0
    alerts_per_hour: int = 6
    """Of all symbols together, in any 60 minutes."""
    min_volume_usd: float = 10_000.0
    """Quote volume of 24 hours; an asset class may ask for more."""
    min_natr_1h: float = 0.002
    exclude_hours: tuple[int, ...] = ()

    @classmethod
    def of(cls, settings: ScreeningSettings) -> Rules:
        """The rules that the settings ask for."""
        return cls(
            min_reasons_for_alert=settings.min_reasons_for_alert,
            cooldown_s=settings.cooldown_s,
            alerts_per_hour=settings.alerts_per_hour,
            min_volume_usd=settings.min_volume_usd,
            min_natr_1h=settings.min_natr_percent / 100.0,
            exclude_hours=settings.exclude_hours,
        )


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns do not say about a symbol: of the last 24 hours, and of its one-hour bars. NaN: not known.

    `bars`: how many one-minute bars there are, to tell how far the warm-up is; 0: not known.
    """

    quote_volume: float = math.nan
    change: float = math.nan
    high: float = math.nan
    low: float = math.nan
    natr_1h: float = math.nan
    """ATR14 of one-hour bars as a share of the price."""
    bars: int = 0
    preferred_hours: tuple[int, ...] = ()
    """Its most liquid hours; outside them only a hint is given. Empty: not known."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol at one close. `trigger_reasons` are told whatever `signal` is; `hints` say why it is not more."""

    symbol: str
    at_ms: int
    signal: Signal
    trigger_reasons: tuple[TriggerReason, ...]
    stats: TriggerStats
    hints: tuple[str, ...]
    strength: float
    """Sum over the families of their strongest reason: what alerts are ranked by."""

    @property
    def families(self) -> frozenset[str]:
        """The distinct families that fired."""
        return frozenset(reason.family for reason in self.trigger_reasons)


class AlertMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What a symbol's cooldown needs to know: when it was last in ALERT, and the families told since it began."""

    alert_ms: int | None = None
    families: frozenset[str] = frozenset()


def judge(
    symbol: str,
    at_ms: int,
    columns: TriggerColumns,
    thresholds: Thresholds,
    asset_class: AssetClass,
    circumstances: Circumstances,
    memory: AlertMemory,
    rules: Rules,
) -> Judgement:
    """The newest bar of `columns`, closed at `at_ms`, before the budget of the universe is looked at."""
    reasons, hints, stops, unknown = _read(newest(columns), thresholds, reasons_for(asset_class.only))
    stops = [
        *_missing(columns, asset_class, circumstances.bars, unknown),
        *_prefilters(at_ms, asset_class, circumstances, rules),
        *stops,
    ]
    hour = at_ms // HOUR_MS % 24
    if circumstances.preferred_hours and hour not in circumstances.preferred_hours:
        hints.append(f"{hour:02d} h UTC is not among its most liquid hours")
    if not stops:
        hints += unknown
    signal: Signal = "NONE"
    if not stops and reasons:
        signal, why = _decide(at_ms, {reason.family for reason in reasons}, asset_class, memory, rules)
        hints = [*why, *hints]
    strongest: dict[str, float] = {}
    for reason in reasons:
        strongest[reason.family] = max(reason.strength, strongest.get(reason.family, 0.0))
    return Judgement(
        symbol=symbol,
        at_ms=at_ms,
        signal=signal,
        trigger_reasons=tuple(reasons),
        stats=_stats(columns, circumstances),
        hints=(*stops, *hints),
        strength=sum(strongest.values(), 0.0),
    )


class Rationed(NamedTuple):
    """The judgements of one moment as they may be told, in the order given, and when alerts were told of late."""

    judgements: list[Judgement]
    spent_ms: tuple[int, ...]


def ration(judgements: Sequence[Judgement], spent_ms: Sequence[int], at_ms: int, rules: Rules) -> Rationed:
    """Let the strongest alerts of this moment through while the hour has room; the others become NORMAL.

    `spent_ms`: when alerts were told before, as returned the last time. Equal strength is settled by symbol.
    """
    recent = [told_ms for told_ms in spent_ms if told_ms > at_ms - HOUR_MS]
    alerts = [judgement for judgement in judgements if judgement.signal == "ALERT"]
    alerts.sort(key=lambda judgement: (-judgement.strength, judgement.symbol))
    room = max(0, rules.alerts_per_hour - len(recent))
    refused = {judgement.symbol for judgement in alerts[room:]}
    hint = f"{OVER_BUDGET}: {rules.alerts_per_hour} alerts an hour"
    found = [
        replace(judgement, signal="NORMAL", hints=(hint, *judgement.hints))
        if judgement.symbol in refused and judgement.signal == "ALERT"
        else judgement
        for judgement in judgements
    ]
    return Rationed(found, (*recent, *[at_ms] * len(alerts[:room])))


def remember(memory: AlertMemory, judgement: Judgement, rules: Rules) -> AlertMemory:
    """The memory after a judgement was told: an ALERT begins the cooldown anew, also one let through by a new family."""
    if judgement.signal != "ALERT":
        return memory
    before = memory.families if _cooling_s(memory, judgement.at_ms, rules) > 0.0 else frozenset()
    return AlertMemory(alert_ms=judgement.at_ms, families=before | judgement.families)


def message_of(
    judgement: Judgement,
    memory: AlertMemory,
    rules: Rules,
    *,
    venue: str,
    category: str,
    asset_class: str,
    preferred_hours: tuple[int, ...] = (),
) -> Screening:
    """A judgement as it is told on the bus. `memory` is what is remembered after it."""
    alerted_ms = memory.alert_ms or 0
    cooling = _cooling_s(memory, judgement.at_ms, rules) > 0.0
    return Screening(
        venue=venue,
        category=category,
        symbol=judgement.symbol,
        signal=judgement.signal,
        trigger_reasons=judgement.trigger_reasons,
        stats=judgement.stats,
        hints=judgement.hints,
        strength=judgement.strength,
        asset_class=asset_class,
        preferred_hours=preferred_hours,
        alerted_ms=alerted_ms,
        cooldown_until_ms=alerted_ms + round(rules.cooldown_s * 1000.0) if cooling else 0,
        occurred_at=judgement.at_ms - MINUTE_MS,
        known_at=judgement.at_ms,
    )


def _read(
    bar: TriggerColumns, thresholds: Thresholds, entries: tuple[Trigger, ...]
) -> tuple[list[TriggerReason], list[str], list[str], list[str]]:
    """Reasons that fired, words of hints, words of what suppresses, and words for what could not be looked at."""
    reasons: list[TriggerReason] = []
    hints: list[str] = []
    stops: list[str] = []
    unknown: list[str] = []
    for entry in entries:
        reading = entry.read(bar, thresholds)
        if reading.fires:
            value, threshold, distance, side = (number(column) for column in reading[:4])
            if entry.role == "reason":
                reasons.append(_reason(entry, value, threshold, distance, side))
            else:
                (hints if entry.role == "hint" else stops).append(entry.reason(value, threshold, side))
        elif entry.role == "reason" and math.isnan(number(reading.value)):
            unknown.append(entry.unknown)
    return reasons, hints, stops, unknown


def _reason(entry: Trigger, value: float, threshold: float, distance: float, side: float) -> TriggerReason:
    return TriggerReason(
        code=entry.code,
        family=entry.family,
        value=value,
        threshold=threshold,
        distance=distance,
        side=int(side),
        strength=entry.strength(value, threshold, distance),
        words=entry.reason(value, threshold, side),
    )


def _decide(
    at_ms: int, families: set[str], asset_class: AssetClass, memory: AlertMemory, rules: Rules
) -> tuple[Signal, list[str]]:
    needed = asset_class.min_families or rules.min_reasons_for_alert
    if len(families) < needed:
        return "NORMAL", [f"{len(families)} of {needed} families: {', '.join(sorted(families))}"]
    left_s = _cooling_s(memory, at_ms, rules)
    if left_s > 0.0 and families <= memory.families:
        return "NORMAL", [f"alert told before: again in {left_s:.0f} s or with a new family"]
    return "ALERT", []


def _cooling_s(memory: AlertMemory, at_ms: int, rules: Rules) -> float:
    """Seconds of cooldown left; 0 or less: over."""
    return 0.0 if memory.alert_ms is None else rules.cooldown_s - (at_ms - memory.alert_ms) / 1000.0


def _missing(columns: TriggerColumns, asset_class: AssetClass, bars: int, unknown: list[str]) -> list[str]:
    """Why the bars do not bear a judgement: too few of them, or poor ones."""
    if asset_class.only:
        return [f"warming up: {words}" for words in dict.fromkeys(unknown)]
    if columns.rsi_low.item(-1) != columns.rsi_low.item(-1):
        there = f"{bars:,} of " if 0 < bars <= WARMUP else ""
        return [f"warming up: {there}{WARMUP + 1} one-minute bars in a row"]
    if columns.usable.item(-1):
        return []
    atr, step = columns.atr.item(-1), 2.0 * columns.tick
    if atr <= step:
        return [f"moves too little: ATR {atr:.3g} is not above two ticks ({step:.3g})"]
    return [
        f"of the last {QUALITY_BARS} bars some are missing, or more than {QUALITY_BARS - VOLUME_SHARE_LEAST} without trades"
    ]


def _prefilters(at_ms: int, asset_class: AssetClass, circumstances: Circumstances, rules: Rules) -> list[str]:
    """What keeps the market out whatever its bars say. What is not known keeps it out as well."""
    found: list[str] = []
    volume, least = circumstances.quote_volume, max(rules.min_volume_usd, asset_class.min_volume_usd)
    if volume != volume:
        found.append("24 h volume not known")
    elif volume < least:
        found.append(f"24 h volume {volume:,.0f} is below {least:,.0f}")
    natr = circumstances.natr_1h
    if not asset_class.only:
        if natr != natr:
            found.append("hourly ATR not known")
        elif natr < rules.min_natr_1h:
            found.append(f"hourly ATR {100.0 * natr:.3f} % is below {100.0 * rules.min_natr_1h:.3f} %")
    hour = at_ms // HOUR_MS % 24
    if hour in rules.exclude_hours:
        found.append(f"{hour:02d} h UTC is excluded")
    return found


def _stats(columns: TriggerColumns, circumstances: Circumstances) -> TriggerStats:
    price, high, low = columns.close.item(-1), circumstances.high, circumstances.low
    return TriggerStats(
        price=price,
        change=circumstances.change,
        atr=columns.atr.item(-1),
        natr=columns.natr.item(-1),
        rsi=columns.rsi.item(-1),
        volume_mean=columns.volume_mean.item(-1),
        volume_std=columns.volume_std.item(-1),
        volume_z=columns.volume_z.item(-1),
        daily_high=high,
        daily_low=low,
        daily_range=(high - low) / price if price > 0.0 else math.nan,
        vwap_deviation=columns.vwap_deviation.item(-1),
    )
