"""Trigger reason codes, recommendation labels and hints in the operator's language."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from core.messages import Action, Side
from core.screening.language import Language
from core.screening.narrative_facts import Hint

Unit = Literal["number", "percent", "price", "count", "text", "text and ratio", ""]
Sides = tuple[Side | None, ...]
_BOTH: Sides = ("BUY", "SELL")


class TriggerWords(NamedTuple):
    """Decimals of a trigger's value and of its threshold, in the trigger's own unit, and the sides that have own words."""

    value: int
    threshold: int
    sides: Sides = (None,)


TRIGGERS: dict[str, TriggerWords] = {
    "VOLUME_SPIKE": TriggerWords(1, 1, (*_BOTH, None)),
    "RSI_STATIC": TriggerWords(1, 0, _BOTH),
    "RSI_DYNAMIC": TriggerWords(1, 1, _BOTH),
    "RSI_DIVERGENCE": TriggerWords(0, 0, _BOTH),
    "BREAKOUT_UP": TriggerWords(1, 1),
    "BREAKOUT_DOWN": TriggerWords(1, 1),
    "VWAP_DEVIATION": TriggerWords(1, 1, _BOTH),
    "VOL_SPIKE": TriggerWords(2, 2),
    "DEPEG": TriggerWords(2, 2, _BOTH),
    "LEVEL_TOUCH": TriggerWords(2, 2),
    "QUIET": TriggerWords(3, 3),
}
"""Trigger reason codes that have words."""

HINTS: dict[str, Unit] = {
    "QUIET": "",
    "WARMING_UP": "count",
    "COOLDOWN": "count",
    "MISSING_BARS": "",
    "STALE_DATA": "",
    "OVER_BUDGET": "",
    "LOW_VOLUME": "number",
    "LOW_ATR": "percent",
    "EXCLUDED_HOUR": "",
    "THIN_HOUR": "",
    "LEVEL_TOUCH": "price",
    "UNKNOWN_CLASS": "",
    "DEFAULT_THRESHOLDS": "",
    "EXPIRED_THRESHOLDS": "",
    "UNCALIBRATED": "count",
    "FEES_EXCEED_MOVE": "",
    "SHORTS_OFF": "",
    "SAME_BET": "text and ratio",
    "MARKET_AGAINST": "text",
    "NO_SUPPORT": "",
    "NO_VOLATILITY": "",
    "NO_CORRELATION": "text",
    "NO_QUOTES": "",
    "TOO_LATE": "count",
}
"""Hint codes and what they carry: bars, seconds or outcomes to count, a volume, a share of 1, a price, a symbol."""

UNKNOWN_NUMBER = "–"


def label_words(label: Action, language: Language) -> str:
    """A recommendation's name, as a heading or cell."""
    return language.text(f"label.{label}")


def trigger_words(code: str, language: Language, *, value: float, threshold: float, side: Side | None) -> str:
    """A trigger's reason code with its value and threshold, in the trigger's unit. A code without words is shown as it is."""
    entry = TRIGGERS.get(code, TriggerWords(1, 1))
    told = {"value": _number(value, entry.value, language), "threshold": _number(threshold, entry.threshold, language)}
    if code not in TRIGGERS or (side not in entry.sides and None not in entry.sides):
        return language.text("trigger.unknown", code=code, **told)
    own = f".{side}" if side is not None and side in entry.sides else ""
    return language.text(f"trigger.{code}{own}", **told)


def hint_words(hint: Hint, language: Language, price_decimals: int = 2) -> str:
    """A hint in words. A code without a text is shown as it is, with the text that came along."""
    unit = HINTS.get(hint.code)
    if unit is None or (unit == "count" and not math.isfinite(hint.value)):
        return language.text("hint.unknown", code=hint.code, text=hint.text).strip()
    key = f"hint.{hint.code}"
    if unit == "count":
        return language.plural(key, math.ceil(hint.value))
    if unit in ("text", "text and ratio"):
        return language.text(key, text=hint.text, value=_number(hint.value, 2, language))
    return language.text(key, value=_figure(hint.value, unit, language, price_decimals)) if unit else language.text(key)


def _figure(value: float, unit: Unit, language: Language, price_decimals: int) -> str:
    if unit == "percent":
        return language.percent(value, 2) if math.isfinite(value) else UNKNOWN_NUMBER
    return _number(value, price_decimals if unit == "price" else 0, language)


def _number(value: float, decimals: int, language: Language) -> str:
    return language.number(value, decimals) if math.isfinite(value) else UNKNOWN_NUMBER
